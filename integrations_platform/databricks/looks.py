"""A run and its tasks as seen at one moment, and the report of a run that is over, in plain words of this project."""

from __future__ import annotations

from dataclasses import dataclass, field

from integrations_platform.databricks.outcomes import Verdict, judge

LONGEST_MESSAGE = 2_000  # state messages are free text of any length


def brief(text: str, limit: int = LONGEST_MESSAGE) -> str:
    """``text``, cut in the middle when it is longer than ``limit``: errors tell most at both ends."""
    if len(text) <= limit:
        return text
    half = limit // 2 - 10
    return f"{text[:half]}\n[…]\n{text[-half:]}"


@dataclass(frozen=True)
class TaskLook:
    """One task of a run. ``life`` or ``result`` None: a word that this version does not know, or none yet."""

    key: str
    run_id: int
    life: str | None = None
    result: str | None = None
    message: str = ""
    attempt: int = 0
    seconds: float = 0.0
    cluster: str = ""
    error: str = ""
    trace: str = ""
    logs: str = ""

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than in success; tasks that never ran because of another do not count."""
        verdict = judge(self.life, self.result)
        return verdict is not None and self.result not in (
            "SUCCESS",
            "EXCLUDED",
            "UPSTREAM_FAILED",
            "UPSTREAM_CANCELED",
        )


@dataclass(frozen=True)
class RunLook:
    """A run. ``repairs`` are the ids of its repairs, oldest first; ``termination`` the type of its end."""

    run_id: int
    life: str | None = None
    result: str | None = None
    message: str = ""
    code: str = ""
    termination: str = ""
    url: str = ""
    seconds: float = 0.0
    tasks: tuple[TaskLook, ...] = ()
    repairs: tuple[int, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """What the state means; None while the run goes on."""
        return judge(self.life, self.result, self.termination or None)

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.verdict is not None

    @property
    def begun(self) -> bool:
        """Always: a workspace's queue counts for the job's own timeout."""
        return True

    @property
    def known(self) -> bool:
        """Whether this version knows the word for its state."""
        return self.life is not None

    @property
    def told(self) -> str:
        """Its number, state and message, for people."""
        state = self.life or "in a state that this version does not know"
        return f"run {self.run_id} is {state}" + (f": {self.message}" if self.message else "")


@dataclass(frozen=True)
class RunReport:
    """A run that is over. ``attempt``: how many runs of this step came before it; ``where`` it ran."""

    where: str
    run: RunLook
    verdict: Verdict
    attempt: int = 0
    notebook_result: str | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def complaint(self) -> str:
        """Why it did not succeed, with the vendor's own reason and the end of what failing tasks said."""
        run = self.run
        lines = [f"run {run.run_id} on {self.where}: {self.verdict.outcome.value.replace('_', ' ')}"]
        if run.code and run.code != "SUCCESS":
            lines[0] += f" ({run.code})"
        lines += [brief(run.message)] if run.message else []
        for task in run.tasks:
            if task.failed:
                said = f": {brief(task.message)}" if task.message and task.message != run.message else ""
                lines.append(f"task {task.key}: {task.result or task.life or 'unknown'}{said}")
                lines += [brief(text, 4_000) for text in (task.error, task.trace) if text]
        lines += [f"see {run.url}"] if run.url else []
        return "\n".join(lines)
