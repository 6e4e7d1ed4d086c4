"""When the records of a populated stand-in came to be and were edited: days and years ago, as in an account in use.

The same for the same seed and day. Every vendor has minutes of the hour of its own, so that of two edits in two systems
one is always provably the later.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

_OWN_MINUTES = {"hubspot": 0, "quickbooks": 20, "google_sheets": 40}
_WIDTH = 10  # minutes; ten more lie between two vendors
_OPENED_DAYS_AGO = 1000
_DAYS_AGO = {"created": (100, 900), "edited": (60, 95), "lately": (2, 30)}


@dataclass(frozen=True)
class Past:
    """The past of one vendor's account, seen from ``now``."""

    vendor: str
    seed: int
    now: datetime

    @property
    def opened(self) -> datetime:
        """When the account was: before anything in it."""
        return self.now.replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=_OPENED_DAYS_AGO)

    def created(self, kind: str, number: int) -> datetime:
        """When the ``number``-th record of a kind was made."""
        return self._moment("created", kind, number)

    def edited(self, kind: str, number: int) -> datetime:
        """When it was looked after: months after it was made."""
        return self._moment("edited", kind, number)

    def lately(self, kind: str, number: int) -> datetime:
        """When something about it turned out to have changed: after everything else, and days ago."""
        return self._moment("lately", kind, number)

    def _moment(self, what: str, kind: str, number: int) -> datetime:
        draw = random.Random(f"{self.seed}:{self.vendor}:{kind}:{number}:{what}")  # noqa: S311  data, not secrets
        day = self.now - timedelta(days=draw.randint(*_DAYS_AGO[what]))
        minute = _OWN_MINUTES[self.vendor] + draw.randrange(_WIDTH)
        return day.replace(hour=draw.randrange(8, 18), minute=minute, second=draw.randrange(60), microsecond=0)
