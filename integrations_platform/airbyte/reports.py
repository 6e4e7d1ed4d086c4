"""The report of a sync that is over: what each stream got, and why it failed where it did, in Airbyte's words.

Also what a sync without a server reports, so that everything behind it treats both alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from integrations_platform.airbyte.looks import Failure, StreamCount, StreamStatus

COMPLETE = "COMPLETE"
UNKNOWN = "UNKNOWN"
_PERMANENT = frozenset({"config_error", "manual_cancellation", "refresh_schema"})
_MOST_FAILURES = 5


@dataclass(frozen=True)
class StreamReport:
    """One stream in one job. ``rows`` and ``bytes`` are what reached the destination; None: nobody says.

    ``state`` is Airbyte's: COMPLETE, INCOMPLETE, PENDING, RUNNING, RATE_LIMITED, or UNKNOWN.
    """

    name: str
    namespace: str = ""
    rows: int | None = None
    bytes: int | None = None
    rejected: int | None = None
    emitted: int | None = None
    state: str = UNKNOWN
    failure: str = ""

    @property
    def complete(self) -> bool:
        """Whether all of the stream arrived."""
        return self.state == COMPLETE


@dataclass(frozen=True)
class SyncReport:
    """A sync that is over, or was left to itself (``how`` skipped).

    ``permanent``: running it again fails the same way. ``statistics_complete``: False where the server gave totals but
    no word on streams or reasons. ``how``: started, adopted, attached or skipped.
    """

    connection_id: str
    job_id: int
    status: str
    how: str = "started"
    connection: str = ""
    streams: tuple[StreamReport, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    seconds: float = 0.0
    attempts: int = 0
    failure: str = ""
    permanent: bool = False
    url: str = ""
    statistics_complete: bool = True
    notes: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the whole sync did well; one that was skipped did not run."""
        return self.status == "succeeded"

    @property
    def skipped(self) -> bool:
        """Whether nothing was waited for, because another sync was running."""
        return self.how == "skipped"

    @property
    def partial(self) -> bool:
        """Whether it failed, and some streams are complete even so."""
        return self.status == "failed" and any(stream.complete for stream in self.streams)

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form, for callers outside of this platform."""
        return asdict(self) | {"succeeded": self.succeeded}


def reports_of(
    counts: Iterable[StreamCount], statuses: Iterable[StreamStatus], failures: Iterable[Failure], job_id: int,
    status: str,
) -> tuple[StreamReport, ...]:  # fmt: skip
    """A report per stream that either source speaks of. Statuses of other jobs say nothing about this one.

    Where nobody tells a stream's state, it is complete if the whole sync did well.
    """
    counted = {(each.name, each.namespace): each for each in counts}
    told = {(each.name, each.namespace): each for each in statuses if each.job_id == job_id}
    reasons = {each.stream: each.message for each in failures if each.stream}
    usual = COMPLETE if status == "succeeded" else UNKNOWN
    found = []
    for name, namespace in sorted({*counted, *told}):
        count = counted.get((name, namespace), StreamCount(name, namespace))
        seen = told.get((name, namespace))
        found.append(
            StreamReport(
                name, namespace, count.rows, count.bytes, count.rejected, count.emitted,
                usual if seen is None else seen.state, reasons.get(name, ""),
            )
        )  # fmt: skip
    return tuple(found)


def reason(failures: Iterable[Failure], status: str) -> tuple[str, bool]:
    """Why a sync failed, first what a person must act on; and whether running it again fails the same way."""
    if status == "succeeded":
        return "", False
    if status == "cancelled":
        return "it was cancelled in Airbyte", True
    ordered = sorted(failures, key=lambda each: each.type not in _PERMANENT)
    permanent = any(each.type in _PERMANENT for each in ordered)
    lines = dict.fromkeys(_line(each) for each in ordered[:_MOST_FAILURES])
    return "\n".join(lines) or "Airbyte gave no reason; see the job there", permanent


def _line(failure: Failure) -> str:
    where = f"stream {failure.stream}: " if failure.stream else ""
    kind = ", ".join(part.replace("_", " ") for part in (failure.origin, failure.type) if part)
    return f"{where}{failure.message or 'no message'}" + (f" ({kind})" if kind else "")
