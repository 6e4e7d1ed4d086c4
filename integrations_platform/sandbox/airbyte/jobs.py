"""A job and how it goes: by a list of statuses, one for each look at it, or by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

FINAL = ("succeeded", "failed", "cancelled")
_ROWS, _ROW_BYTES = 30, 100


@dataclass(frozen=True)
class Script:
    """How a job goes. ``statuses``: one more with each look at the job, the last one stays; without them it is queued
    for ``queued`` seconds, runs for ``seconds`` and ends as ``ends``. ``initial``: its status when it is made.

    ``streams`` by name may hold rows, bytes, rejected and state; ``failures`` are the last attempt's.
    """

    statuses: tuple[str, ...] = ()
    initial: str = "pending"
    queued: float = 0.0
    seconds: float = 3.0
    ends: str = "succeeded"
    streams: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: tuple[Mapping[str, Any], ...] = ()
    attempts: int = 1

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Script:
        """From the control interface's JSON. Raises ValueError naming the known keys."""
        known = {item.name for item in fields(cls)}
        if strange := sorted(data.keys() - known):
            raise ValueError(f"unknown {', '.join(strange)}; known are {', '.join(sorted(known))}")
        listed = {name: tuple(data[name]) for name in ("statuses", "failures") if name in data}
        return cls(**{**data, **listed})

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form."""
        return asdict(self)


@dataclass
class Job:
    """One job; times are seconds since 1970. ``left``: statuses still to come; None: the clock decides."""

    id: int
    connection_id: str
    type: str
    created: float
    updated: float
    status: str
    script: Script
    left: list[str] | None = None

    @classmethod
    def made(cls, number: int, connection_id: str, kind: str, created: float, script: Script) -> Job:
        """A new job under ``script``."""
        left = list(script.statuses) or None
        return cls(number, connection_id, kind, created, created, script.initial, script, left)

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.status in FINAL

    def look(self, now: float, *, pop: bool = False) -> None:
        """Bring it to the present; ``pop``: this is a look at the job itself, which brings on the next status."""
        if self.left is not None:
            if pop and self.left:
                self._become(self.left.pop(0), now)
        elif not self.final and not self.script.statuses:
            begins = self.created + self.script.queued
            ends = begins + self.script.seconds
            if now >= ends:
                self._become(self.script.ends, ends)
            elif now >= begins:
                self._become("running", begins)
            elif self.script.queued:
                self._become("queued", self.created)

    def cancel(self, now: float) -> None:
        """End it, whatever was to come."""
        self.left = []
        self._become("cancelled", now)

    def counts(self, streams: list[str]) -> dict[str, dict[str, Any]]:
        """What each stream got, once it is over: rows, bytes, rejected, emitted, state."""
        return {name: self._count(self.script.streams.get(name, {})) for name in streams}

    def _count(self, said: Mapping[str, Any]) -> dict[str, Any]:
        usual = "COMPLETE" if self.status == "succeeded" else "INCOMPLETE"
        state = str(said.get("state", usual))
        rows = int(said.get("rows", _ROWS if state == "COMPLETE" and self.type == "sync" else 0))
        rejected = int(said.get("rejected", 0))
        return {
            "rows": rows, "bytes": int(said.get("bytes", rows * _ROW_BYTES)), "rejected": rejected,
            "emitted": int(said.get("emitted", rows + rejected)), "state": state,
        }  # fmt: skip

    def _become(self, status: str, at: float) -> None:
        if status != self.status:
            self.status, self.updated = status, at
