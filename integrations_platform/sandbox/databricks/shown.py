"""A run as the API shows it: state in both spellings, times, tasks in pages, repairs."""

from __future__ import annotations

from typing import Any

from integrations_platform.sandbox.databricks.runs import Run, Task
from integrations_platform.sandbox.databricks.scripts import Script

PAGE = 100  # elements of an array that one answer holds
_NEWER = {"WAITING_FOR_RETRY": "WAITING", "SKIPPED": "TERMINATED", "INTERNAL_ERROR": "TERMINATED"}
CLUSTER = "1122-334455-standin1"


def shown(run: Run, url: str, now: int, *, page: int = 0, history: bool = False) -> dict[str, Any]:
    """The run, its tasks from number ``page`` on."""
    data: dict[str, Any] = {
        "run_id": run.run_id, "job_id": run.job_id, "number_in_job": run.run_id, "run_name": run.name,
        "run_type": "JOB_RUN" if run.job_id else "SUBMIT_RUN", "attempt_number": 0, "creator_user_name": "stand@in",
        "start_time": run.start, "end_time": run.end, "setup_duration": 0, "execution_duration": 0,
        "cleanup_duration": 0, "run_duration": (run.end or now) - run.start, "queue_duration": 0,
        "run_page_url": f"{url}/?o=1#job/{run.job_id}/run/{run.run_id}",
        "job_parameters": [{"name": name, "default": "", "value": value} for name, value in run.parameters.items()],
        "state": _state(run, run.shown_life or run.life),
        "status": _status(run, run.shown_life or run.life),
        "tasks": [_task(run, task, url, now) for task in run.tasks[page : page + PAGE]],
    }  # fmt: skip
    if run.overriding:
        data["overriding_parameters"] = run.overriding
    if page + PAGE < len(run.tasks):
        data |= {"has_more": True, "next_page_token": str(page + PAGE)}
    if history:
        data["repair_history"] = _history(run)
    return data


def _state(of: Run | Task, life: str) -> dict[str, Any]:
    cancelled = of.cancelled if isinstance(of, Run) else of.result == "CANCELED"
    told = {"life_cycle_state": life, "state_message": of.message, "user_cancelled_or_timedout": cancelled}
    return told | ({"result_state": of.result} if of.final and of.result else {})


def _status(of: Run | Task, life: str) -> dict[str, Any]:
    told: dict[str, Any] = {"state": _NEWER.get(life, life)}
    if of.final:
        tasks = of.tasks if isinstance(of, Run) else [of]
        broken = next((task for task in tasks if task.result == of.result or task.life == of.life), None)
        script = Script.from_data(broken.script or {}) if broken is not None else Script()
        told["termination_details"] = script.termination(of.result) | {"message": of.message}
    return told


def _task(run: Run, task: Task, url: str, now: int) -> dict[str, Any]:
    took = (task.end or now) - task.start if task.start else 0
    data = {name: value for name, value in task.settings.items() if name != "timeout_seconds"} | {
        "run_id": task.run_id, "attempt_number": task.attempt, "start_time": task.start, "end_time": task.end,
        "setup_duration": 0, "execution_duration": took, "cleanup_duration": 0, "run_duration": took,
        "run_page_url": f"{url}/?o=1#job/{run.job_id}/run/{task.run_id}",
        "state": _state(task, task.life), "status": _status(task, task.life),
    }  # fmt: skip
    if task.start:
        data["cluster_instance"] = {"cluster_id": CLUSTER, "spark_context_id": str(task.run_id)}
    return data


def _history(run: Run) -> list[dict[str, Any]]:
    told = [dict(each) for each in run.repairs]
    original = {"type": "ORIGINAL", "start_time": run.start, "end_time": run.end, "task_run_ids": []}
    whole = told or [original]
    whole[-1] |= {"end_time": run.end, "state": _state(run, run.life), "status": _status(run, run.life),
                  "task_run_ids": [task.run_id for task in run.tasks]}  # fmt: skip
    return whole
