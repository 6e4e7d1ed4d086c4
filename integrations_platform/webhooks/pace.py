"""How many deliveries a second are taken, and warnings that a flood cannot multiply."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

EVERY_SECONDS = 10.0


class Pace:
    """At most ``per_second``, saved up for one second. ``clock``: monotonic seconds."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._rate, self._clock = per_second, clock
        self._most = max(per_second, 1.0)
        self._left, self._at = self._most, clock()

    def wait(self) -> float:
        """Take one; 0, or the seconds after which there is one again."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left >= 1.0:
            self._left -= 1.0
            return 0.0
        return (1.0 - self._left) / self._rate


class Warnings:
    """The first warning of a sort is said at once, more of them as a number once in a while."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float]) -> None:
        self._logger, self._clock = logger, clock
        self._next: dict[str, float] = {}
        self._unsaid: Counter[str] = Counter()

    def say(self, sort: str, message: str) -> None:
        """``sort`` comes from us, never from a sender: each is remembered."""
        now = self._clock()
        if now < self._next.get(sort, now):
            self._unsaid[sort] += 1
            return
        self._next[sort] = now + EVERY_SECONDS
        before = self._unsaid.pop(sort, 0)
        self._logger.warning("%s", f"{message} (and {before} more since the last time)" if before else message)
