"""The day in one alert: runs by how they ended, what is open, what stands wrong.

Pure but for what it is given. It repeats counts and names only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations_platform.alerts.alert import SEVERITIES, Alert, Kind, count, duration, identity, moment
from integrations_platform.state.outbox import Standing
from integrations_platform.state.overview import RUNS, Overview, SyncView

TOPIC = "digest"
_DAY = timedelta(days=1)
_SHOWN = 9  # facts that fit into one message


def due(last: Standing | None, hour: int, now: datetime) -> bool:
    """Whether today's digest has yet to be sent. Without a last one there was nothing to report on yesterday."""
    at = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    newest = at if at <= now else at - _DAY
    return last is not None and last.since < newest


def noted(now: datetime) -> Standing:
    """That the digest was sent, or need not be."""
    return Standing(TOPIC, TOPIC, None, now, now, 0)


def digest(overview: Overview, standing: Sequence[Standing], now: datetime) -> Alert:
    """The last 24 hours. What stands wrong comes first, then the syncs that have most to say."""
    wrong = [row for row in standing if row.kind is not None]
    lines = [
        (row.subject, f"{row.kind.replace('_', ' ')} for {duration(now - row.since)}"
         + (f", {count(row.times, 'time')}" if row.times > 1 else ""))
        for row in sorted(wrong, key=lambda row: row.since) if row.kind is not None
    ]  # fmt: skip
    syncs = sorted(overview.syncs.values(), key=lambda view: (-view.conflicts - view.quarantined, view.sync))
    lines += [(view.sync, _of_sync(view, now)) for view in syncs]
    if len(lines) > _SHOWN:
        lines = [*lines[: _SHOWN - 1], ("and", f"{len(lines) - _SHOWN + 1} more lines: integrations alerts digest")]
    facts = (("wrong now", count(len(wrong), "thing") if wrong else "nothing"), *lines)
    name = identity(TOPIC, now.isoformat())
    return Alert(name, Kind.DIGEST, SEVERITIES[Kind.DIGEST], f"Digest of {now:%Y-%m-%d}", now, facts)


def _of_sync(view: SyncView, now: datetime) -> str:
    ended = [run for run in view.runs if run.finished_at is not None and run.finished_at > now - _DAY]
    by_status = Counter(run.status for run in ended)
    runs = ", ".join(f"{number:,} {status}" for status, number in sorted(by_status.items())) or "no run"
    more = " or more" if len(ended) == RUNS else ""
    parts = [runs + more, f"came through {moment(view.came_through)}"]
    if view.conflicts and view.oldest_conflict is not None:
        parts.append(f"{count(view.conflicts, 'open conflict')}, oldest {duration(now - view.oldest_conflict)}")
    if view.quarantined:
        parts.append(f"{view.quarantined:,} set aside")
    return "; ".join(parts)
