"""When a change can have happened: intervals on one clock, and what they prove (B2 of the semantics).

Only bounds that are certain are used. A record's modified time bounds a field's change from above (another field may
have moved it), so the engine's own writes, which move that time, can only widen an interval (P20).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from integrations_platform.unified_sync.port import Change, ClockReading
from integrations_platform.unified_sync.spec import SideName

BEGINNING = datetime.min.replace(tzinfo=UTC)
_WHOLE_SECOND = timedelta(seconds=1)
_TOLD = re.compile(
    r"source changed between (.+?) and (\S+) \(([^()]+)\); target changed between (.+?) and (\S+) \(([^()]+)\)"
)


class Interval(NamedTuple):  # two for every conflict: a frozen dataclass takes thrice the time
    """The change happened at or after ``low`` and at or before ``high``, engine time; ``source`` says how we know."""

    low: datetime
    high: datetime
    source: str

    def __str__(self) -> str:
        low = "the beginning" if self.low == BEGINNING else self.low.isoformat(timespec="milliseconds")
        return f"between {low} and {self.high.isoformat(timespec='milliseconds')} ({self.source})"


def told(a: Interval, b: Interval) -> str:
    """What is known of both changes, in words that a conflict keeps."""
    return f"source changed {a}; target changed {b}"


def read_told(text: str) -> tuple[Interval, Interval] | None:
    """The intervals that :func:`told` put into words somewhere in ``text``; None when it did not."""
    found = _TOLD.search(text)
    if found is None:
        return None
    low_a, high_a, source_a, low_b, high_b, source_b = found.groups()
    try:
        return Interval(_moment(low_a), _moment(high_a), source_a), Interval(_moment(low_b), _moment(high_b), source_b)
    except ValueError:
        return None


def _moment(text: str) -> datetime:
    return BEGINNING if text == "the beginning" else datetime.fromisoformat(text)


class Moment(NamedTuple):
    """When a side was observed, and how its clock stands to ours."""

    observed_at: datetime
    clock: ClockReading


def _shifted(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at


def from_the_future(stamp: datetime, moment: Moment) -> bool:
    """A timestamp later than the observation by more than the clock's uncertainty proves nothing (P19)."""
    return stamp - moment.clock.offset > moment.observed_at + moment.clock.uncertainty


def change_interval(
    history: Change | None, modified: datetime | None, previous: datetime | None, moment: Moment
) -> Interval:
    """The interval of one field's change, from the best evidence there is.

    ``history``: the newest entry of the field's history, where the side keeps one. ``modified``:
    the record's modified time. ``previous``: when the field was last observed at its base value.
    """
    low = previous or BEGINNING
    error = moment.clock.uncertainty
    if history is not None and not history.ours and not from_the_future(history.at, moment):
        at = _shifted(history.at, -moment.clock.offset)
        return Interval(_shifted(at, -error), _shifted(at, error), "field history")
    if modified is not None and not from_the_future(modified, moment):
        if modified.microsecond == 0:  # the side keeps whole seconds: the change may be up to one second later
            error += _WHOLE_SECOND
        high = _shifted(_shifted(modified, -moment.clock.offset), error)
        # A modified time before the last sight of the unchanged value was not moved by this change: no evidence.
        if high >= low:
            return Interval(low, min(high, moment.observed_at + error), "modified time")
    return Interval(low, moment.observed_at, "observation" + _disbelieved(modified, moment))


def _disbelieved(modified: datetime | None, moment: Moment) -> str:
    """Whoever looks at a conflict must learn why its newest timestamp counted for nothing."""
    if modified is None or not from_the_future(modified, moment):
        return ""
    return "; its modified time lies in the future and is not believed, check that system's clock"


def later(a: Interval, b: Interval) -> SideName | None:
    """ "A" or "B" if that side's change is proved the later one, else None (a tie)."""
    if a.low > b.high:
        return "A"
    if b.low > a.high:
        return "B"
    return None


def record_interval(modified: datetime | None, moment: Moment) -> Interval:
    """Without a base there is no change to date; the record's own modified time stands for it (first sync)."""
    if modified is None or from_the_future(modified, moment):
        return Interval(BEGINNING, moment.observed_at, "no modified time" + _disbelieved(modified, moment))
    error = moment.clock.uncertainty + (_WHOLE_SECOND if modified.microsecond == 0 else timedelta(0))
    at = _shifted(modified, -moment.clock.offset)
    return Interval(_shifted(at, -error), _shifted(at, error), "modified time of the record")
