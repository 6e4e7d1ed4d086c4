# mypy: disable-error-code="import-not-found, misc"
"""The operator: one task, one run in Dagster, whatever happens to either side meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    BaseOperator,
    BaseOperatorLink,
    XCom,
    conf,
)

from integrations_platform.airflow_shim.client import SUCCESS, Dagster, Order, Run
from integrations_platform.airflow_shim.connection import DEFAULT, place_of
from integrations_platform.airflow_shim.faults import DagsterFault
from integrations_platform.airflow_shim.following import OUTAGE_SECONDS, Following
from integrations_platform.airflow_shim.launching import Launching, Task
from integrations_platform.airflow_shim.trigger import DagsterRunTrigger
from integrations_platform.service_faults import FaultKind

RUN_ID, RUN_URL = "dagster_run_id", "dagster_run_url"


class DagsterRunFailed(AirflowException):
    """The run ended in failure or was cancelled; the message holds Dagster's own error and the run's address."""


class DagsterRunLink(BaseOperatorLink):
    """From a task to its run."""

    name = "Dagster run"

    @property
    def xcom_key(self) -> str:
        """Where Airflow 3 finds the address."""
        return RUN_URL

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002  Airflow's
        """Where Airflow 2 finds it."""
        return str(XCom.get_value(ti_key=ti_key, key=RUN_URL) or "")


class DagsterJobOperator(BaseOperator):
    """Starts a job in Dagster and waits for its end.

    ``run_config``: values that are None are left out, so that the job's own defaults hold. ``partition``: the one to
    run; ``assets``: only these of the job's. ``location``: the code location, where several have the job.
    ``parameters``: all that may be asked of this DAG; anything else in a run's conf is refused. ``resume``: a try after
    a failed run takes it up where it failed. ``outage``: how long a silent Dagster is borne.

    Tries and crashes adopt the run that was started; Clear starts a new one; killing the task cancels the run.
    """

    template_fields: Sequence[str] = ("job_name", "run_config", "tags", "partition", "assets")
    template_fields_renderers: Mapping[str, str] = {"run_config": "json", "tags": "json"}
    operator_extra_links = (DagsterRunLink(),)
    ui_color = "#e8e5ff"

    def __init__(
        self, *, job_name: str, run_config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None,
        partition: str | None = None, assets: Sequence[str] = (), location: str = "", dagster_conn_id: str = DEFAULT,
        parameters: Sequence[str] | None = None, resume: bool = True, interval: float = 10.0,
        outage: timedelta = timedelta(seconds=OUTAGE_SECONDS), deferrable: bool | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.job_name, self.run_config, self.tags = job_name, dict(run_config or {}), dict(tags or {})
        self.partition, self.assets, self.location = partition, list(assets), location
        self.dagster_conn_id, self.parameters, self.resume = dagster_conn_id, parameters, resume
        self.interval, self.outage = interval, outage
        usual = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = usual if deferrable is None else deferrable
        self._following: Following | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        """Start the run, or find the one an earlier try has started, and wait for it."""
        self._refuse_unknown(context)
        order = self.order(context)
        try:
            with Dagster(place_of(self.dagster_conn_id)) as dagster:
                run = Launching(dagster, task_of(context), order, dagster.timing, self.log.info, self.resume).run()
                self._following = Following(
                    run.run_id, dagster.timing, self.log.info, self.interval, self.outage.total_seconds()
                )
                url = dagster.page_of(run.run_id)
                self.log.info("%s", url)
                context["ti"].xcom_push(key=RUN_ID, value=run.run_id)
                context["ti"].xcom_push(key=RUN_URL, value=url)
                ended = run if run.over else None
                if ended is None and self.deferrable:
                    self._defer(run)
                while ended is None and (ended := self._following.look(dagster)) is None:
                    dagster.timing.sleep(self._following.pause())
                return self._result(context, dagster, ended)
        except DagsterFault as fault:
            raise _refusal(fault) from None

    def order(self, context: Any) -> Order:  # noqa: ARG002  for who derives from this
        """What is run."""
        tags = {str(name): str(value) for name, value in self.tags.items()}
        if self.partition:
            tags["dagster/partition"] = str(self.partition)
        return Order(self.job_name, _given(self.run_config), tags, tuple(self.assets), self.location)

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> dict[str, Any]:
        """What the trigger has told."""
        if "fault" in event:
            raise _refusal(DagsterFault(FaultKind(event["kind"]), event["fault"]))
        try:
            with Dagster(place_of(self.dagster_conn_id)) as dagster:
                return self._result(context, dagster, Run(event["run_id"], event["status"]))
        except DagsterFault as fault:
            raise _refusal(fault) from None

    def on_kill(self) -> None:
        """Cancel the run that is followed now."""
        if self._following is None:
            return
        try:
            with Dagster(place_of(self.dagster_conn_id)) as dagster:
                dagster.stop(self._following.run_id)
            self.log.info("run %s is cancelled", self._following.run_id)
        except DagsterFault as fault:
            self.log.warning("run %s could not be cancelled and goes on: %s", self._following.run_id, fault.message)

    def _defer(self, run: Run) -> None:
        self.defer(
            trigger=DagsterRunTrigger(self.dagster_conn_id, run.run_id, self.interval, self.outage.total_seconds()),
            method_name="execute_complete",
            timeout=self.execution_timeout,  # Airflow's own covers only what is not deferred
        )

    def _refuse_unknown(self, context: Any) -> None:
        """Airflow takes a key that no parameter has, and would run with the default of the one that was meant."""
        asked = dict(getattr(context.get("dag_run"), "conf", None) or {})
        unknown = [] if self.parameters is None else sorted(set(asked) - set(self.parameters))
        if unknown:
            known = ", ".join(self.parameters or ()) or "none"
            raise AirflowFailException(f"unknown parameter {', '.join(unknown)}; this DAG takes: {known}")

    def _result(self, context: Any, dagster: Dagster, run: Run) -> dict[str, Any]:
        url = dagster.page_of(run.run_id)
        context["ti"].xcom_push(key=RUN_ID, value=run.run_id)
        context["ti"].xcom_push(key=RUN_URL, value=url)
        if run.status != SUCCESS:
            raise DagsterRunFailed(f"run {run.run_id} of {self.job_name}: {run.status}\n{_why(dagster, run)}\n{url}")
        made, truncated = dagster.materializations(run.run_id)
        return {"run_id": run.run_id, "status": run.status, "materializations": made, "truncated": truncated}


def _why(dagster: Dagster, run: Run) -> str:
    try:
        return dagster.reason(run.run_id)
    except DagsterFault as fault:
        return f"(why could not be read: {fault.message})"


def _refusal(fault: DagsterFault) -> AirflowException:
    """What waiting may mend is tried again as often as the task says, the rest is not."""
    return (AirflowException if fault.kind is FaultKind.TRANSIENT else AirflowFailException)(fault.message)


def task_of(context: Any) -> Task:
    """The task instance, with how often a person has cleared it: each Clear adds a whole set of tries."""
    ti = context["ti"]
    generation = max(0, int(ti.max_tries or 0) - int(context["task"].retries or 0))
    return Task(
        ti.dag_id, ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index, generation, ti.try_number
    )


def _given(value: Any) -> Any:
    """``value`` without what is None."""
    if isinstance(value, Mapping):
        return {key: _given(item) for key, item in value.items() if item is not None}
    return value
