"""How often QuickBooks lets itself be called, per realm and app, and what it says when that is too often."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from integrations_platform.sandbox.quickbooks.refusals import gateway
from integrations_platform.sandbox.vendor import VendorError


@dataclass(frozen=True)
class Limits:
    """Calls per second and per minute, batch calls per minute, reads per month (queries, GETs and CDC count)."""

    per_second: int = 10
    per_minute: int = 500
    batches_per_minute: int = 40
    reads_per_month: int = 500_000


UNLIMITED = Limits(10**9, 10**9, 10**9, 10**9)


class Quotas:
    """Counts calls against the limits. ``retry_after``: seconds said with a refusal, or None."""

    def __init__(self, limits: Limits, now: Callable[[], datetime], retry_after: int | None) -> None:
        self.limits, self.reads = limits, 0
        self._now, self._retry_after = now, retry_after
        self._calls: deque[datetime] = deque()
        self._batches: deque[datetime] = deque()
        self._month = (0, 0)

    def admit(self, *, reads: bool, batch: bool) -> None:
        """Let one call pass, or raise the gateway's 429."""
        now = self._now()
        for window in (self._calls, self._batches):
            while window and (now - window[0]).total_seconds() >= 60:
                window.popleft()
        if (now.year, now.month) != self._month:
            self._month, self.reads = (now.year, now.month), 0
        recent = sum(1 for at in self._calls if (now - at).total_seconds() < 1)
        limits = self.limits
        if (
            recent >= limits.per_second
            or len(self._calls) >= limits.per_minute
            or (batch and len(self._batches) >= limits.batches_per_minute)
            or (reads and self.reads >= limits.reads_per_month)
        ):
            raise self.refused()
        self._calls.append(now)
        if batch:
            self._batches.append(now)
        self.reads += reads

    def refused(self) -> VendorError:
        """The gateway's answer to a call too many."""
        return gateway(429, "3001", "ThrottleExceeded", "THROTTLING", self._retry_after)
