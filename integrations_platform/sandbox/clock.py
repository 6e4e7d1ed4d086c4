"""The time inside a stand-in: real time plus an offset that a test or a person may move.

Index delays, token lifetimes and rate limits follow it, so that they are tested without waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def _system() -> datetime:
    return datetime.now(UTC)


class VirtualClock:
    """``source`` is the time the offset is added to; aware, in UTC."""

    def __init__(self, source: Clock = _system) -> None:
        self._source = source
        self.offset = timedelta()

    def now(self) -> datetime:
        """The time in the stand-in, aware, in UTC."""
        return self._source() + self.offset

    def advance(self, seconds: float) -> None:
        """Move the time; backwards too, as a server whose clock is set right does."""
        self.offset += timedelta(seconds=seconds)
