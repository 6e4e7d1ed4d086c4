"""What happens in the tasks of a stand-in's runs: how long each takes, how it ends, and what it leaves to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

LIVES_AT_THE_END = ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")


@dataclass(frozen=True)
class Script:
    """How each run of a task goes. ``retries``: how often Databricks itself tries the task again; the first ``fails``
    attempts end as ``result`` says and any later one in success (None: every one). ``code`` and ``kind`` are its
    termination's. ``repaired``: how it ends when a repair runs it again."""

    seconds: float = 2.0
    result: str = "SUCCESS"
    life: str = "TERMINATED"
    message: str = ""
    error: str = ""
    trace: str = ""
    logs: str = ""
    notebook_result: str | None = None
    code: str = ""
    kind: str = ""
    retries: int = 0
    fails: int | None = None
    repaired: str = ""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Script:
        """From the control interface's JSON. Raises ValueError naming the known keys."""
        known = {item.name for item in fields(cls)}
        if unknown := sorted(data.keys() - known):
            raise ValueError(f"unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        return cls(**data)

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form."""
        return asdict(self)

    def ending(self, attempt: int, *, repaired: bool) -> str:
        """The result of that attempt, counted from 0."""
        if repaired and self.repaired:
            return self.repaired
        return "SUCCESS" if self.fails is not None and attempt >= self.fails else self.result

    def termination(self, result: str) -> dict[str, str]:
        """Code and type of the termination of an attempt with that result."""
        usual = {
            "SUCCESS": ("SUCCESS", "SUCCESS"), "SUCCESS_WITH_FAILURES": ("SUCCESS_WITH_FAILURES", "SUCCESS"),
            "CANCELED": ("USER_CANCELED", "CLIENT_ERROR"), "MAXIMUM_CONCURRENT_RUNS_REACHED":
            ("MAX_CONCURRENT_RUNS_EXCEEDED", "CLIENT_ERROR"),
        }  # fmt: skip
        code, kind = usual.get(result, ("RUN_EXECUTION_ERROR", "CLIENT_ERROR"))
        if self.life == "INTERNAL_ERROR":
            code, kind = "INTERNAL_ERROR", "INTERNAL_ERROR"
        given = result != "SUCCESS"
        return {"code": self.code if given and self.code else code, "type": self.kind if given and self.kind else kind,
                "message": self.message}  # fmt: skip


@dataclass(frozen=True)
class Work:
    """A task about to run for real: what a test's own runner is handed, and carries out."""

    task: Mapping[str, Any]
    parameters: Mapping[str, Any]
    run_id: int
