"""What there is to say to people: its kinds, how much each matters, and the words each is said in.

An alert holds names, ids, counts and times, and words of ours. No text of a system's, of a record's or of an
exception's gets in: such text may hold a secret or somebody's data, and links lead to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

Facts = tuple[tuple[str, str], ...]


class Kind(StrEnum):
    """Troubles, each with a recovery; then what is told once."""

    RUN_FAILED = "run_failed"
    SYNC_PARTIAL = "sync_partial"
    GUARD_REFUSED = "guard_refused"
    BREAKER_OPEN = "breaker_open"
    CONFLICTS = "conflicts"
    FRESHNESS_LOST = "freshness_lost"
    DEAD_MAN = "dead_man"
    STATE_LOST = "state_lost"
    NOTICE = "notice"
    DIGEST = "digest"
    TEST = "test"


class Severity(StrEnum):
    """How soon somebody should look."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


SEVERITIES: Mapping[Kind, Severity] = {
    Kind.RUN_FAILED: Severity.CRITICAL,
    Kind.SYNC_PARTIAL: Severity.WARNING,
    Kind.GUARD_REFUSED: Severity.CRITICAL,
    Kind.BREAKER_OPEN: Severity.CRITICAL,
    Kind.CONFLICTS: Severity.WARNING,
    Kind.FRESHNESS_LOST: Severity.WARNING,
    Kind.DEAD_MAN: Severity.CRITICAL,
    Kind.STATE_LOST: Severity.CRITICAL,
    Kind.NOTICE: Severity.WARNING,
    Kind.DIGEST: Severity.INFO,
    Kind.TEST: Severity.INFO,
}

_WORDS: Mapping[Kind, tuple[str, str]] = {
    Kind.RUN_FAILED: ("{} failed", "{} runs again"),
    Kind.SYNC_PARTIAL: ("{} is only partly in agreement", "{} is wholly in agreement again"),
    Kind.GUARD_REFUSED: ("{} was refused by a guard", "{} is no longer refused"),
    Kind.BREAKER_OPEN: ("{}: its circuit breaker opened, calls are stopped", "{}: its circuit breaker closed again"),
    Kind.CONFLICTS: ("{}: conflicts wait for a person", "{}: conflicts are within their limits again"),
    Kind.FRESHNESS_LOST: ("{} is late", "{} is fresh again"),
    Kind.DEAD_MAN: ("{} has stopped coming through", "{} comes through again"),
    Kind.STATE_LOST: ("{} cannot be used", "{} can be used again"),
    Kind.NOTICE: ("{}", "{}: over"),
    Kind.DIGEST: ("{}", "{}"),
    Kind.TEST: ("{}", "{}"),
}


@dataclass(frozen=True)
class Alert:
    """One thing to say. ``recovered``: the trouble is over. ``sync``: the sync it is about, ``run``: the id of a run in
    Dagster, for links. ``facts``: labels and values, in order."""

    alert_id: str
    kind: Kind
    severity: Severity
    subject: str
    at: datetime
    facts: Facts = ()
    recovered: bool = False
    sync: str | None = None
    run: str | None = None

    @property
    def headline(self) -> str:
        """The alert in a line."""
        return _WORDS[self.kind][self.recovered].format(self.subject)

    def to_json(self) -> str:
        """As the outbox keeps it."""
        return json.dumps(asdict(self) | {"at": self.at.isoformat()}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Alert:
        """The alert that :meth:`to_json` wrote."""
        data = json.loads(text)
        return cls(
            data["alert_id"], Kind(data["kind"]), Severity(data["severity"]), data["subject"],
            datetime.fromisoformat(data["at"]), tuple((label, value) for label, value in data["facts"]),
            data["recovered"], data["sync"], data["run"],
        )  # fmt: skip


def identity(*parts: str) -> str:
    """A short name for what these parts tell from everything else: the same parts, the same name."""
    return sha256("\0".join(parts).encode()).hexdigest()[:20]


def moment(at: datetime | None) -> str:
    """A time as people read it."""
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def duration(span: timedelta) -> str:
    """A length of time in its two largest units: `2 d 3 h`, `5 min`."""
    minutes = max(0, int(span.total_seconds())) // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (rest, "min")) if number]
    return " ".join(parts[:2]) or "under a minute"


def count(number: int, noun: str) -> str:
    """`1 time`, `1,200 times`."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"
