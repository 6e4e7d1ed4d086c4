"""Request limits of an account: the burst of an app, searches per second, calls per day.

Counts by the portal's clock. Searches have a bucket of their own and answer without rate headers.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from integrations_platform.sandbox.hubspot.answers import limited


@dataclass
class Limits:
    """``burst`` calls in ten seconds, ``searches`` a second, ``daily`` calls until midnight in ``zone``.

    ``says_when``: whether a refusal carries Retry-After; HubSpot does not promise it.
    """

    burst: int = 100
    searches: int = 5
    daily: int = 650_000
    zone: str = "America/New_York"
    says_when: bool = False
    used_today: int = 0
    _day: str = ""
    _calls: deque[datetime] = field(default_factory=deque)
    _searched: deque[datetime] = field(default_factory=deque)

    def take(self, now: datetime, *, search: bool) -> dict[str, str]:
        """Count one call; headers for its answer. Raises VendorError (429) beyond a limit."""
        today = now.astimezone(ZoneInfo(self.zone)).date().isoformat()
        if today != self._day:
            self._day, self.used_today = today, 0
        if self.used_today >= self.daily:
            raise limited("DAILY", (self.midnight(now) - now).total_seconds() if self.says_when else None)
        if search:
            self._count(self._searched, now, timedelta(seconds=1), self.searches, "SECONDLY")
        else:
            self._count(self._calls, now, timedelta(seconds=10), self.burst, "TEN_SECONDLY_ROLLING")
        self.used_today += 1
        if search:
            return {}
        return {
            "X-HubSpot-RateLimit-Max": str(self.burst),
            "X-HubSpot-RateLimit-Remaining": str(self.burst - len(self._calls)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Daily": str(self.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(self.daily - self.used_today),
        }

    def _count(self, calls: deque[datetime], now: datetime, window: timedelta, most: int, policy: str) -> None:
        while calls and (calls[0] <= now - window or calls[0] > now):  # a clock set back starts anew
            calls.popleft()
        if len(calls) >= most:
            raise limited(policy, (calls[0] + window - now).total_seconds() if self.says_when else None)
        calls.append(now)

    def midnight(self, now: datetime) -> datetime:
        """When the day of the portal ends."""
        local = now.astimezone(ZoneInfo(self.zone))
        return (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
