"""DAGs for an Airflow that is tested: each task ends in another way. Needs Airflow and the small distribution alone."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowException
from airflow.providers.common.compat.standard.operators import PythonOperator
from data.airflow.dags.airbyte_sync import trigger_airbyte_sync  # as DAGs of old write it

from integrations_platform.airflow_shim.alerting import task_failed
from integrations_platform.airflow_shim.operator import DagsterJobOperator
from integrations_platform.airflow_shim.rendering import NamedJobOperator

HOME = Path(os.environ["AIRFLOW_HOME"])


def note(what: str, context: Any) -> None:
    """Keep what Airflow called back with, and tell it as alerts do."""
    fault, ti = context["exception"], context["ti"]
    line = {"what": what, "task": ti.task_id, "try": ti.try_number, "kind": type(fault).__name__, "said": str(fault)}
    with (HOME / "called_back.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def failed(context: Any) -> None:
    """After the last try."""
    note("failed", context)
    if context["ti"].task_id == "fails_while_deferred":
        task_failed(context, told_by_history=True)
        task_failed(context)


def retried(context: Any) -> None:
    """Before another try."""
    note("retried", context)


class DiesOnce(DagsterJobOperator):
    """Its first try dies once its run has come off: Airflow does not hear of it."""

    def _result(self, context: Any, dagster: Any, run: Any) -> dict[str, Any]:
        told = super()._result(context, dagster, run)
        if context["ti"].try_number == 1:
            raise AirflowException("the worker was killed")
        return told


class Killed(DagsterJobOperator):
    """Somebody marks it failed as soon as its run has begun."""

    def order(self, context: Any) -> Any:
        """Starts the person who does."""
        threading.Thread(target=self._person, daemon=True).start()
        return super().order(context)

    def _person(self) -> None:
        pause = threading.Event()
        while self._following is None or self._following._shown != "STARTED":
            pause.wait(0.1)
        self.on_kill()


usual = {
    "retries": 0, "retry_delay": timedelta(0), "on_failure_callback": failed, "on_retry_callback": retried,
}  # fmt: skip
with DAG("ways", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), default_args=usual) as ways:
    over = {"starts": "2025-01-01", "ends": "2025-03-01", "today": False}
    NamedJobOperator(task_id="a_day", job_name="ledger_job", days=over, interval=0.3, deferrable=True)
    DagsterJobOperator(task_id="fails_while_deferred", job_name="broken", interval=0.3, deferrable=True)
    DagsterJobOperator(
        task_id="comes_off_at_the_second_try", job_name="moody", interval=0.3, retries=1,
        run_config={"ops": {"second": {"config": {"folder": str(HOME), "nothing": None}}}},
    )  # fmt: skip
    DagsterJobOperator(task_id="bad_config", job_name="picky", interval=0.3, retries=3)
    Killed(task_id="killed", job_name="endless", interval=0.3)
    PythonOperator(
        task_id="airbyte_of_old", python_callable=trigger_airbyte_sync,
        op_kwargs={"connection_id": os.environ["OLD_CONNECTION"], "wait": False},
    )  # fmt: skip
with DAG("dies", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), default_args=usual) as dies:
    DiesOnce(
        task_id="dies_once", job_name="picky", interval=0.3, retries=1,
        run_config={"ops": {"wished": {"config": {"name": "n"}}}},
    )  # fmt: skip
