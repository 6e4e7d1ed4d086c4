"""One step's run on a workspace, from start to report: started once, followed, repaired where allowed, cancelled.

Cancels only what this step started, and only when the step itself is stopped; a service that cannot be reached leaves
the run alone, because the next try of the step finds it again by its token.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from integrations_platform.databricks.faults import JobFault
from integrations_platform.databricks.launch import Launch, check_parameters
from integrations_platform.databricks.looks import RunLook, RunReport, TaskLook
from integrations_platform.databricks.outcomes import Outcome, Verdict
from integrations_platform.service_faults import FaultKind
from integrations_platform.waiting import Patience, Timing, WaitedTooLong, insist, wait

_CANCEL_LOOKS = 10
_CANCEL_PAUSE = 2.0
_MOST_OUTPUTS = 10  # tasks whose output is read when many failed: the first ones tell


class Jobs(Protocol):
    """What a run needs of a workspace; :class:`.workspace.Workspace` has it."""

    host: str

    def start(self, launch: Launch, token: str) -> int:
        """Start a run, or find the one the token started."""

    def look(self, run_id: int, *, history: bool = False) -> RunLook:
        """The run as it is now."""

    def output(self, task: TaskLook) -> tuple[TaskLook, str | None]:
        """What a task left."""

    def cancel(self, run_id: int) -> None:
        """Ask for its end."""

    def repair(self, run_id: int, latest_repair_id: int | None) -> int:
        """Run its failed tasks again."""


@dataclass(frozen=True)
class Policy:
    """What a step may do. ``repairs``: how often failed tasks of its run are run again, where running again can help.
    ``cancel_late``: whether a run that outlasts ``patience.timeout`` is cancelled; otherwise it is left running."""

    patience: Patience = field(default_factory=Patience)
    repairs: int = 0
    cancel_late: bool = False


@dataclass
class RemoteRun:
    """Runs ``launch`` on ``jobs``. ``token_for`` gives the token of an attempt, ``tries`` is how often the step was
    tried before; ``watch`` is called at each look, for messages. ``note`` and ``warn`` speak to people."""

    jobs: Jobs
    launch: Launch
    token_for: Callable[[int], str]
    tries: int = 0
    policy: Policy = field(default_factory=Policy)
    timing: Timing = field(default_factory=Timing)
    note: Callable[[str], None] = lambda _: None
    warn: Callable[[str], None] = lambda _: None
    watch: Callable[[], None] = lambda: None

    def report(self) -> RunReport:
        """Run to the end. Raises JobFault; whatever stops the step from outside cancels the run and goes on."""
        check_parameters(self.launch)
        attempt, run_id = self._started()
        try:
            run = self._ended(run_id)
            run = self._repaired(run)
        except JobFault:
            raise
        except WaitedTooLong as late:
            if self.policy.cancel_late:
                self._cancel(run_id)
            left = "it was cancelled" if self.policy.cancel_late else "it goes on there, and is not followed any more"
            raise JobFault(FaultKind.PERMANENT, f"run {run_id}: {late}; {left}") from None
        except BaseException:
            self.note(f"stopped: cancelling run {run_id}")
            self._cancel(run_id)
            raise
        return self._told(run, attempt)

    def _started(self) -> tuple[int, int]:
        """Attempt and id of the run of this step: one that goes on or did well, else a new one.

        Earlier tries of the step have used up a token for each run that ended badly, and none for a run whose answer
        was lost: those are looked at first, oldest first.
        """
        attempt = 0
        while True:
            token = self.token_for(attempt)
            run_id = insist(lambda token=token: self.jobs.start(self.launch, token), self.timing)  # type: ignore[misc]
            if attempt >= self.tries:
                break
            verdict = insist(lambda run_id=run_id: self.jobs.look(run_id), self.timing).verdict  # type: ignore[misc]
            if verdict is None or verdict.outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL):
                break
            attempt += 1
        self.note(f"run {run_id} on {self.jobs.host}" + (f", attempt {attempt + 1}" if attempt else ""))
        return attempt, run_id

    def _ended(self, run_id: int) -> RunLook:
        def look() -> RunLook:
            self.watch()
            return self.jobs.look(run_id)

        return wait(look, self.policy.patience, self.timing, self.note, self.warn)

    def _repaired(self, run: RunLook) -> RunLook:
        """``run`` after as many repairs as are allowed and can help."""
        for turn in range(self.policy.repairs):
            verdict = run.verdict
            if verdict is None or not verdict.may_pass or verdict.outcome not in (Outcome.FAILED, Outcome.BROKEN):
                return run
            before = insist(lambda: self.jobs.look(run.run_id, history=True), self.timing)  # noqa: B023
            self.note(f"repairing run {run.run_id} ({turn + 1} of at most {self.policy.repairs})")
            try:
                self.jobs.repair(run.run_id, before.repairs[-1] if before.repairs else None)
            except JobFault as fault:
                if fault.kind is not FaultKind.TRANSIENT:
                    raise
                # A repair takes no token: whether it was accepted is only to be seen in the history.
                after = insist(lambda: self.jobs.look(run.run_id, history=True), self.timing)  # noqa: B023
                if after.repairs == before.repairs:
                    self.warn(f"the repair was not accepted: {fault.message}")
                    continue
            run = self._ended(run.run_id)
        return run

    def _cancel(self, run_id: int) -> None:
        """Cancel and wait a moment for it; what fails here must not hide why the step was stopped."""
        try:
            insist(lambda: self.jobs.cancel(run_id), self.timing, attempts=3)
            for _ in range(_CANCEL_LOOKS):
                if self.jobs.look(run_id).verdict is not None:
                    self.note(f"run {run_id} is cancelled")
                    return
                self.timing.sleep(_CANCEL_PAUSE)
            self.warn(f"run {run_id} was asked to end and has not yet")
        except JobFault as fault:
            self.warn(f"run {run_id} could not be cancelled and may go on: {fault.message}")

    def _told(self, run: RunLook, attempt: int) -> RunReport:
        """The report, with what the tasks left: of those that failed, or of the only one."""
        wanted = {task.run_id for task in [task for task in run.tasks if task.failed][:_MOST_OUTPUTS]}
        if len(run.tasks) == 1:
            wanted.add(run.tasks[0].run_id)
        tasks, result = [], None
        for task in run.tasks:
            told = task
            if task.run_id in wanted:
                with suppress(JobFault):  # the outcome is known; only words are missing
                    told, result = insist(lambda task=task: self.jobs.output(task), self.timing, 2)  # type: ignore[misc]
            tasks.append(told)
        verdict = run.verdict or Verdict(Outcome.FAILED)
        return RunReport(self.jobs.host, replace(run, tasks=tuple(tasks)), verdict, attempt, result)
