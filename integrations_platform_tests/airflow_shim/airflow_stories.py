"""Runs inside an Airflow: loads all DAGs, plays the stories, and writes down what Airflow knows of them afterwards.

Called with the file to write. Imports Airflow and the small distribution alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow import __version__

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models import DagBag
from airflow.models import TaskInstance, xcom
from airflow.models.taskinstance import clear_task_instances
from airflow.utils.session import create_session

from integrations_platform.airflow_shim.catalogue import load_jobs
from integrations_platform.airflow_shim.client import Dagster, Order
from integrations_platform.airflow_shim.connection import place_of
from integrations_platform.airflow_shim.following import Following
from integrations_platform.airflow_shim.operator import task_of
from integrations_platform.airflow_shim.rendering import dags
from integrations_platform.airflow_shim.trigger import DagsterRunTrigger

IS_TWO = __version__.startswith("2.")
PATIENCE = 120.0  # seconds for what a real Dagster on a busy machine does in five
XCom = xcom.BaseXCom if IS_TWO else xcom.XComModel


def play(dag: Any, number: int, conf: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run a DAG once; the same ``number`` is the same run of Airflow's, cleared."""
    day = datetime(2026, 1, number, tzinfo=UTC)
    try:
        run = dag.test(**{"execution_date" if IS_TWO else "logical_date": day}, run_conf=conf)
    except Exception as fault:
        traceback.print_exc()
        return {"refused": str(fault)}
    with create_session() as session:
        rows = session.query(TaskInstance).filter_by(dag_id=dag.dag_id, run_id=run.run_id).all()
        told = {row.task_id: {"state": str(row.state), "try": row.try_number} for row in rows}
        for name, task in told.items():
            found = session.query(XCom).filter_by(dag_id=dag.dag_id, run_id=run.run_id, task_id=name).all()
            task["xcom"] = {item.key: item.value if IS_TWO else XCom.deserialize_value(item) for item in found}
    return {"run_id": run.run_id, "state": str(run.state), "tasks": told}


def generations(dag: Any, run_id: str) -> list[int]:
    """Of the one task of a run that is over: as it stands, cleared by somebody, and cleared once more."""
    (task,) = dag.tasks
    found = []
    for number in range(3):
        with create_session() as session:
            instance = session.query(TaskInstance).filter_by(dag_id=dag.dag_id, run_id=run_id).one()
            if number:
                clear_task_instances([instance], session)
                session.flush()
                instance.try_number = instance.try_number + 1  # what the scheduler does when it starts it
            found.append(task_of({"ti": instance, "task": task}).generation)
    return found


def mark_deferred(dag: Any, run_id: str) -> str:
    """Somebody marks a deferred task, and its trigger hears of it as this Airflow tells; how the run ends."""
    with Dagster(place_of("dagster_default")) as dagster:
        run = dagster.launch(Order("endless"))
        trigger = DagsterRunTrigger("dagster_default", run.run_id, 0.2, 60.0)
        with create_session() as session:
            trigger.task_instance = session.query(TaskInstance).filter_by(dag_id=dag.dag_id, run_id=run_id).one()
            session.expunge_all()

        async def waits() -> None:
            listening = asyncio.ensure_future(anext(trigger.run()))
            async with asyncio.timeout(PATIENCE):
                while dagster.run(run.run_id).status != "STARTED":
                    await asyncio.sleep(0.1)  # the trigger takes its turn
            if not IS_TWO:
                await trigger.on_kill()
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

        notes: list[str] = []
        asyncio.run(waits())
        following, until = Following(run.run_id, dagster.timing, notes.append, 0.2), dagster.timing.clock() + PATIENCE
        while (ended := following.look(dagster)) is None:
            if dagster.timing.clock() > until:
                return f"not over within {PATIENCE:.0f} s; {notes}"
            dagster.timing.sleep(following.pause())
        return str(ended.status)


def of_one_connection() -> list[str]:
    """What `airbyte_chained_syncs` runs where one connection is declared: its sync, and not its reset or its watch."""
    jobs = [replace(job, targets=job.targets[:1]) for job in load_jobs()]
    return [task.job_name for task in dags(jobs)["airbyte_chained_syncs"].tasks]


def shown(dag: Any) -> dict[str, Any]:
    """What the parity test compares."""
    return {
        "schedule": dag.schedule_interval if IS_TWO else dag.schedule,
        "owners": sorted({task.owner for task in dag.tasks}),
        "retries": sorted({task.retries for task in dag.tasks}),
        "tasks": sorted(task.task_id for task in dag.tasks),
        "params": {name: dag.params.get_param(name).schema for name in dag.params},
        "defaults": {
            name: param.value for name in dag.params
            if isinstance((param := dag.params.get_param(name)).value, str | int | bool | list | None)
        },
    }  # fmt: skip


def main(written: Path) -> None:
    """All stories."""
    bag = DagBag(include_examples=False) if IS_TWO else DagBag()
    found: dict[str, Any] = {"version": __version__, "errors": bag.import_errors}
    found["dags"] = {name: shown(dag) for name, dag in bag.dags.items() if "integrations" in dag.tags}
    found["foreign"] = sorted({"dagster", "polars"} & {name.partition(".")[0] for name in sys.modules})
    found["of_one_connection"] = of_one_connection()
    found["ways"] = play(bag.dags["ways"], 1)
    found["dies"] = play(bag.dags["dies"], 2)
    found["generations"] = generations(bag.dags["dies"], found["dies"]["run_id"])
    found["marked"] = mark_deferred(bag.dags["dies"], found["dies"]["run_id"])
    unified = bag.dags["data_sync_unified"]
    wanted = {"source_type": "crm", "target_type": "shop", "direction": "source_to_target", "batch_size": 50}
    found["unified"] = play(unified, 3, wanted)
    found["unknown"] = play(unified, 4, {"source_type": "crm", "target_type": "shop", "batch_sise": 7})
    found["beyond"] = play(unified, 5, {"source_type": "crm", "target_type": "shop", "batch_size": 10_001})
    written.write_text(json.dumps(found, default=str), encoding="utf-8")


main(Path(sys.argv[1]))
