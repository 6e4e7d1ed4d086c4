"""Runs and their tasks as they advance with the clock: QUEUED, PENDING, RUNNING, TERMINATING, TERMINATED.

Owns states and times only; who may start a run and how it is shown is for the modules beside. Times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations_platform.sandbox.databricks.scripts import LIVES_AT_THE_END, Script, Work

STARTUP_MS = 3_000  # a cluster is found
CLEANUP_MS = 1_000
CANCEL_MS = 2_000  # a cancellation is accepted at once and takes effect later
RETRY_WAIT_MS = 1_000
_GOOD = ("SUCCESS", "SUCCESS_WITH_FAILURES", "EXCLUDED")

Perform = Callable[[Work], Script]
"""Carries out a task for real and says how it went."""


@dataclass
class Task:
    """One task of a run, in its newest attempt."""

    settings: dict[str, Any]
    run_id: int
    life: str = "BLOCKED"
    result: str = ""
    message: str = ""
    start: int = 0
    end: int = 0
    due: int = 0
    attempt: int = 0
    repaired: bool = False
    script: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        """Its name in the job."""
        return str(self.settings["task_key"])

    @property
    def final(self) -> bool:
        """Whether it is over."""
        return self.life in LIVES_AT_THE_END

    def close(self, life: str, result: str, at: int, message: str = "") -> None:
        """Its end."""
        self.life, self.result, self.end, self.message = life, result, at, message
        self.start = self.start or at


@dataclass
class Run:
    """One run. ``job_id`` 0: submitted once, without a job. ``shown_life`` replaces the state that is told."""

    run_id: int
    job_id: int
    name: str
    start: int
    tasks: list[Task]
    parameters: dict[str, str] = field(default_factory=dict)
    overriding: dict[str, Any] = field(default_factory=dict)
    life: str = "PENDING"
    result: str = ""
    message: str = ""
    end: int = 0
    due: int = 0
    cancel_at: int = 0
    cancelled: bool = False
    repairs: list[dict[str, Any]] = field(default_factory=list)
    shown_life: str = ""

    @property
    def final(self) -> bool:
        """Whether it is over."""
        return self.life in LIVES_AT_THE_END


@dataclass
class Stage:
    """What runs need to advance: scripts by task, a real worker where there is one, and room at their job."""

    script: Callable[[Run, Task], Script]
    room: Callable[[Run], bool]
    new_id: Callable[[], int]
    perform: Perform | None = None


def advance(run: Run, now: int, stage: Stage) -> None:
    """Bring ``run`` to where it is at ``now``."""
    while not run.final and _step(run, now, stage):
        pass


def _step(run: Run, now: int, stage: Stage) -> bool:
    """One change of state, if one is due."""
    if run.cancel_at and now >= run.cancel_at:
        for task in run.tasks:
            if not task.final:
                task.close("TERMINATED", "CANCELED", run.cancel_at, "Run cancelled.")
        run.life, run.result, run.end, run.message = "TERMINATED", "CANCELED", run.cancel_at, "Run cancelled."
        run.cancelled = True
        return True
    if run.life == "QUEUED":
        if not stage.room(run):
            return False
        run.life, run.due = "PENDING", now + STARTUP_MS
    elif run.life == "PENDING":
        if now < run.due:
            return False
        run.life = "RUNNING"
        _release(run, run.due)
    elif run.life == "RUNNING":
        return _advance_tasks(run, now, stage)
    else:
        if now < run.due:
            return False
        run.life, run.end = _end_of(run.tasks), run.due
    return True


def _advance_tasks(run: Run, now: int, stage: Stage) -> bool:
    moving = [task for task in run.tasks if not task.final and task.life != "BLOCKED" and task.due <= now]
    if moving:
        _move(run, min(moving, key=lambda task: task.due), stage)
        return True
    if any(not task.final for task in run.tasks):
        return False
    last = max((task.end for task in run.tasks), default=now)
    run.life, run.due = "TERMINATING", last + CLEANUP_MS
    run.result, run.message = _result_of(run.tasks)
    return True


def _move(run: Run, task: Task, stage: Stage) -> None:
    """The change of one task that is due."""
    at = task.due
    if task.life == "WAITING_FOR_RETRY":
        task.attempt += 1
        task.run_id = stage.new_id()
    if task.life in ("PENDING", "WAITING_FOR_RETRY"):
        script = stage.script(run, task)
        if stage.perform is not None:
            script = stage.perform(Work(task.settings, {**run.overriding, **run.parameters}, task.run_id))
        task.life, task.start, task.script = "RUNNING", at, script.to_data()
        task.due = at + round(script.seconds * 1000)
        return
    script = Script.from_data(task.script or {})
    result = script.ending(task.attempt, repaired=task.repaired)
    if result not in _GOOD and task.attempt < script.retries:
        task.life, task.due = "WAITING_FOR_RETRY", at + RETRY_WAIT_MS
        return
    task.close("TERMINATED" if result in _GOOD else script.life, result, at, "" if result in _GOOD else script.message)
    _release(run, at)


def _release(run: Run, at: int) -> None:
    """Let tasks start whose dependencies are done; those behind a failure never run."""
    by_key: Mapping[str, Task] = {task.key: task for task in run.tasks}
    changed = True
    while changed:
        changed = False
        for task in run.tasks:
            if task.life != "BLOCKED":
                continue
            before = [by_key[each["task_key"]] for each in task.settings.get("depends_on", ())]
            if not all(each.final for each in before):
                continue
            changed = True
            if task.settings.get("run_if") == "ALL_DONE" or all(each.result in _GOOD for each in before):
                task.life, task.due = "PENDING", at
            elif any(each.result == "CANCELED" for each in before):
                task.close("SKIPPED", "UPSTREAM_CANCELED", at, "An upstream task was cancelled.")
            else:
                names = ", ".join(each.key for each in before if each.result not in _GOOD)
                task.close("SKIPPED", "UPSTREAM_FAILED", at, f"An upstream task failed: {names}.")


def leaves(tasks: Sequence[Task]) -> list[Task]:
    """Tasks that no other waits for: they decide the result of the run."""
    waited_for = {each["task_key"] for task in tasks for each in task.settings.get("depends_on", ())}
    return [task for task in tasks if task.key not in waited_for]


def _result_of(tasks: Sequence[Task]) -> tuple[str, str]:
    failed = [task for task in tasks if task.result not in _GOOD]
    if not failed:
        return "SUCCESS", ""
    first = next((task for task in failed if not task.result.startswith("UPSTREAM")), failed[0])
    if all(task.result in _GOOD for task in leaves(tasks)):
        return "SUCCESS_WITH_FAILURES", f"Task {first.key} failed, and what depends on it ended in success."
    result = first.result if first.result in ("TIMEDOUT", "CANCELED") else "FAILED"
    message = first.message or f"Task {first.key} failed with message: Workload failed, see run output for details."
    return result, message


def _end_of(tasks: Sequence[Task]) -> str:
    return "INTERNAL_ERROR" if any(task.life == "INTERNAL_ERROR" for task in tasks) else "TERMINATED"
