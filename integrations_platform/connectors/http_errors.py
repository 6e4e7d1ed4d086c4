"""What an HTTP answer means for the engine: classification as a table, and how long a service asks to wait.

A vendor gives its own rules and how its error bodies are read; :data:`USUAL_RULES` stand behind them. Nothing here
sends anything.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from integrations_platform.unified_sync.answers import ErrorKind, SideError

_SHOWN = 300  # characters of a service's own words
_TELLING = 6  # shorter texts are no secrets, and replacing them would garble messages


@dataclass(frozen=True)
class Rule:
    """One row of a table: answers with one of ``statuses`` and, if given, one of the vendor's ``codes``.

    ``code`` is what the engine reports (default: the vendor's, else the status). ``wait``: seconds to wait where the
    answer does not say. ``remedy`` tells a person what to do. ``perhaps_done``: such an answer leaves open whether a
    write was carried out.
    """

    statuses: Container[int]
    kind: ErrorKind
    code: str = ""
    wait: float | None = None
    remedy: str = ""
    codes: frozenset[str] | None = None
    perhaps_done: bool = False

    def applies(self, status: int, vendor_code: str) -> bool:
        """Whether this row speaks of such an answer."""
        return status in self.statuses and (self.codes is None or vendor_code in self.codes)


@dataclass(frozen=True)
class Said:
    """What an error body says: the vendor's code, its words, and the seconds it asks for, where it does so there.

    ``message`` may hold values of records; a vendor that puts them there leaves them out here.
    """

    code: str = ""
    message: str = ""
    wait: float | None = None


Reader = Callable[[int, Any], Said]
"""How a vendor's error bodies are read: (status, parsed body or None) → what it says."""

USUAL_RULES: Sequence[Rule] = (
    Rule((401,), ErrorKind.CONFIGURATION, "unauthorized", remedy="check the token and its expiry"),
    Rule((403,), ErrorKind.CONFIGURATION, "forbidden", remedy="give the token the permission it lacks"),
    Rule((404, 410), ErrorKind.PERMANENT, "not_found"),
    Rule((408,), ErrorKind.TRANSIENT, "timeout", perhaps_done=True),
    Rule((423,), ErrorKind.TRANSIENT, "locked", wait=2.0),
    Rule((425, 429), ErrorKind.TRANSIENT, "rate_limit", wait=10.0),
    Rule(range(300, 400), ErrorKind.CONFIGURATION, "redirect", remedy="check the base_url; redirects are not followed"),
    Rule(range(400, 500), ErrorKind.PERMANENT),
    Rule(range(500, 600), ErrorKind.TRANSIENT, perhaps_done=True),
)


class HttpError(SideError):
    """An answer that is an error. ``data`` is its parsed body (None when it is no JSON); it may hold values of records
    and appears in no message."""

    def __init__(
        self, kind: ErrorKind, message: str, *, status: int, data: Any, headers: Mapping[str, str], **more: Any
    ) -> None:
        super().__init__(kind, message, **more)
        self.status, self.data, self.headers = status, data, headers


def rule_for(rules: Iterable[Rule], status: int, vendor_code: str) -> Rule:
    """The first row that applies; an answer nobody foresaw is permanent."""
    every = (*rules, *USUAL_RULES)
    return next((rule for rule in every if rule.applies(status, vendor_code)), Rule((status,), ErrorKind.PERMANENT))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds of a ``Retry-After`` header (seconds or an HTTP date); None where it is missing or makes no sense.

    A date is taken against the server's own ``Date``, so that a wrong clock here does not stretch the wait.
    """
    given = headers.get("retry-after", "").strip()
    if not given:
        return None
    try:
        seconds = float(given)
    except ValueError:
        until = http_date(given)
        if until is None:
            return None
        seconds = (until - (http_date(headers.get("date", "")) or now)).total_seconds()
    return max(0.0, seconds) if seconds < 1e9 else None  # NaN and infinity compare false


@lru_cache(maxsize=32)  # all answers of a second say the same, and taking the text apart is slow
def http_date(text: str) -> datetime | None:
    """The time of an HTTP date, in UTC; None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """``text`` on one line, cut, with each of ``secrets`` blotted out."""
    for secret in sorted((each for each in secrets if len(each) >= _TELLING), key=len, reverse=True):
        text = text.replace(secret, "•••")
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
