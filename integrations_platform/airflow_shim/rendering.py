# mypy: disable-error-code="import-not-found, misc"
"""DAGs out of the list of named jobs: one for each, with its parameters, schedule, owner, retries and alerts.

A file in Airflow's folder of DAGs takes them over:

    from airflow import DAG  # by these words Airflow finds files with DAGs
    from integrations_platform.airflow_shim.rendering import dags

    globals().update(dags())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException, Param, chain
from airflow.providers.common.compat.standard.operators import PythonOperator

from integrations_platform.airflow_shim.airbyte import trigger_airbyte_sync
from integrations_platform.airflow_shim.alerting import is_told_here, task_failed
from integrations_platform.airflow_shim.catalogue import Job, Parameter, day_fault, load_jobs, newest_day
from integrations_platform.airflow_shim.client import Order
from integrations_platform.airflow_shim.operator import DagsterJobOperator

ALL_CONNECTIONS = "airbyte_all_job"
CHAINED, SINGLE = "airbyte_chained_syncs", "airbyte_sync"
DAY, CONNECTIONS = "day", "connections"
TOLD_BY = "alerts/told_by"  # read by Dagster's sensor of alerts
_RETRY_DELAY = timedelta(minutes=5)
_STARTS = datetime(2024, 1, 1, tzinfo=UTC)
_TYPES = {"string": "string", "integer": "integer", "boolean": "boolean", "strings": "array"}


class NamedJobOperator(DagsterJobOperator):
    """A task of a rendered DAG. ``days``: the job is run for one of them, the one asked for or the newest; a day that
    is none of them is skipped, or an error when the task is ``alone``. ``connection``: skipped unless asked for.
    ``told_by_history``: Dagster's side tells that a run failed; otherwise it is told here, when a channel is on."""

    def __init__(
        self, *, days: Mapping[str, Any] | None = None, alone: bool = True, connection: str = "",
        told_by_history: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        failed = partial(task_failed, told_by_history=told_by_history)
        super().__init__(on_failure_callback=failed, **kwargs)
        self.days, self.alone, self.connection = days, alone, connection
        self.told_by_history = told_by_history

    def order(self, context: Any) -> Order:
        """What is run: on the day that is meant."""
        if self.connection and self.connection not in context["params"][CONNECTIONS]:
            raise AirflowSkipException(f"{self.connection} was not asked for")
        order = super().order(context)
        if not self.told_by_history and is_told_here():
            order = changed(order, tags={**order.tags, TOLD_BY: "airflow"})
        if not self.days:
            return order
        day = str(context["params"].get(DAY) or newest_day(dict(self.days), _moment(context["dag_run"])))
        if fault := day_fault(dict(self.days), day):
            raise (AirflowFailException if self.alone else AirflowSkipException)(fault)
        return changed(order, tags={**order.tags, "dagster/partition": day})


def dags(jobs: Sequence[Job] | None = None) -> dict[str, DAG]:
    """All DAGs by id, by default of the list that INTEGRATIONS_CATALOGUE names. Raises CatalogueError."""
    jobs = load_jobs() if jobs is None else jobs
    together: dict[str, list[Job]] = {}
    for job in jobs:
        together.setdefault(job.dag, []).append(job)
    found = {dag_id: _dag(dag_id, members) for dag_id, members in together.items() if not _is_of_all(members)}
    for members in filter(_is_of_all, together.values()):
        found[members[0].dag] = _connections(members[0].dag, members[0], jobs, chained=False)
        found[CHAINED] = _connections(CHAINED, members[0], jobs, chained=True)
    return {**found, SINGLE: _single()}


def _is_of_all(members: Sequence[Job]) -> bool:
    return members[0].name == ALL_CONNECTIONS


def _dag(dag_id: str, jobs: Sequence[Job]) -> DAG:
    params = {item.name: _param(item) for item in jobs[0].parameters}
    if any(job.days for job in jobs):
        params[DAY] = Param(
            None, type=["null", "string"], format="date", description="YYYY-MM-DD. Empty: the newest day."
        )
    text = jobs[0].description if len(jobs) == 1 else "Load a day of the lake into each of its tables."
    with _empty(dag_id, text, jobs[0].schedule, params) as dag:
        for job in jobs:
            _task(job, params, task_id=job.name if len(jobs) == 1 else job.targets[0].name, alone=len(jobs) == 1)
    return dag


def _connections(dag_id: str, every: Job, jobs: Sequence[Job], *, chained: bool) -> DAG:
    """All connections, each a task with its own retries: beside each other, or each after the one before."""
    names = [target.name for target in every.targets]
    params = {
        CONNECTIONS: Param(
            names, type="array", items={"enum": names}, uniqueItems=True, description="Only these connections."
        )
    }
    of = {name: job for job in jobs for name in names if job.name == f"airbyte_{name}_job"}
    text = "Sync connections one after another." if chained else every.description
    with _empty(dag_id, text, None, params) as dag:
        tasks = [_task(of[name], params, task_id=name, connection=name, trigger_rule="none_failed") for name in names]
        if chained:
            chain(*tasks)
    return dag


def _single() -> DAG:
    params = {"connection_id": Param(type="string", minLength=1, description="From its page in Airbyte.")}
    with _empty(SINGLE, "Sync any connection of Airbyte by its id, without Dagster.", None, params) as dag:
        PythonOperator(
            task_id="trigger_airbyte_sync", python_callable=trigger_airbyte_sync,
            op_kwargs={"connection_id": "{{ params.connection_id }}"}, on_failure_callback=task_failed,
            **_usual(None, 2),
        )  # fmt: skip
    return dag


def _empty(dag_id: str, text: str, schedule: str | None, params: Mapping[str, Param]) -> DAG:
    return DAG(
        dag_id, description=text, doc_md=text, schedule=schedule, start_date=_STARTS, catchup=False, max_active_runs=1,
        is_paused_upon_creation=True, params=dict(params), render_template_as_native_obj=True, tags=["integrations"],
    )  # fmt: skip


def _task(job: Job, params: Mapping[str, Param], **more: Any) -> NamedJobOperator:
    config = {item.name: f"{{{{ params.{item.name} }}}}" for item in job.parameters}
    return NamedJobOperator(
        job_name=job.name, run_config={"ops": {job.step: {"config": config}}} if config else {}, days=job.days,
        parameters=tuple(params), doc_md=job.description, told_by_history=job.alerts == "history",
        **_usual(job.owner, job.retries), **more,
    )  # fmt: skip


def _usual(owner: str | None, retries: int) -> dict[str, Any]:
    return {"owner": owner or "integrations", "retries": retries, "retry_delay": _RETRY_DELAY}


def _param(item: Parameter) -> Param:
    kind = _TYPES[item.type]
    optional = not item.required and item.default is None
    schema: dict[str, Any] = {"type": ["null", kind] if optional else kind, "description": item.description}
    if item.choices:
        schema["enum"] = [*([None] if optional else []), *item.choices]
    if item.type == "strings":
        schema["items"] = {"type": "string"}
    if item.required and item.type == "string":
        schema["minLength"] = 1
    bounds = {"minimum": item.minimum, "maximum": item.maximum}
    schema |= {name: value for name, value in bounds.items() if value is not None}
    return Param(**schema) if item.required else Param(item.default, **schema)


def _moment(dag_run: Any) -> datetime:
    """When a run is due: Airflow 3 may start one without any interval, Airflow 2 knows nothing of ``run_after``."""
    for name in ("data_interval_end", "run_after", "logical_date", "start_date"):
        if isinstance(found := getattr(dag_run, name, None), datetime):
            return found.astimezone(UTC)
    return datetime.now(UTC)
