"""How long work goes on, told in one line: what it does, how far it is, how fast, when it will be over, what it spends.

Owns the arithmetic and the words. Where the line is shown is the face's; the time is given.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from integrations_platform.words import clean, duration, system_name

if TYPE_CHECKING:
    from integrations_platform.connectors.budgets import Usage

WINDOW = 30.0  # seconds a speed is taken over: limits of services let calls through in bursts of some ten seconds
KNOWN_AFTER = 3.0  # seconds of a stage from which on its speed says something about its end
_SAMPLE = 1.0  # seconds between two samples of the window


class Progress:
    """What to call with (stage, done, total). ``show`` gets the line, at most once in ``every`` seconds, and "" when
    nothing goes on any more. ``spent``: what is used of the quotas of services. ``clock``: seconds."""

    def __init__(
        self,
        show: Callable[[str], None],
        every: float,
        spent: Callable[[], Sequence[tuple[str, Usage]]] = tuple,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._show, self._every, self._spent, self._clock = show, every, spent, clock
        self._shown_at = clock()
        self._stage, self._total = "", 0
        self._seen: deque[tuple[float, int]] = deque()  # (when, how much was done), over the window

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Work goes on. A stage that is done leaves nothing to show, until the next begins."""
        now = self._clock()
        if stage != self._stage or not self._seen or done < self._seen[-1][1]:
            self._seen.clear()
        self._stage, self._total = stage, total
        if done >= total:
            self._seen.clear()
            self._show("")
            return
        self._sample(now, done)
        if now - self._shown_at >= self._every:
            self._shown_at = now
            self._show(self._line())

    def again(self) -> None:
        """Something was spent while the work is where it was: what it does takes longer, and costs more."""
        if self._seen:
            self(self._stage, self._seen[-1][1], self._total)

    def _sample(self, now: float, done: int) -> None:
        if len(self._seen) > 1 and now - self._seen[-2][0] < _SAMPLE:
            self._seen.pop()
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()

    def _line(self) -> str:
        parts = [self._stage]
        (since, before), (now, done) = self._seen[0], self._seen[-1]
        if self._total > 1:
            parts.append(f"{done:,} of {self._total:,}")
        per_second = (done - before) / (now - since) if now > since else 0.0
        if per_second >= 1:
            parts.append(f"{per_second:,.0f} a second")
        if per_second > 0 and now - since >= KNOWN_AFTER:
            parts.append(f"about {_rounded((self._total - done) / per_second)} left")
        return clean("  ".join([*parts, *quota_words(self._spent())]))


def _rounded(seconds: float) -> str:
    """`41 s`, `12 min`: of a guess, tenths say nothing."""
    return duration(seconds) if seconds >= 10 else f"{max(1, round(seconds))} s"


def quota_words(quotas: Sequence[tuple[str, Usage]]) -> list[str]:
    """`HubSpot 1,204 of 250,000 calls today`, of each that is used at all."""
    return [f"{system_name(system)} {usage.words}" for system, usage in quotas if usage.used]
