"""From evidence to what is said: one alert for each change of state, repeats counted, recoveries told once.

Pure: what stood before and the evidence go in, what stands now and the alerts come out. Evidence may come late, twice
or in any order; of each part of a topic the newest counts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from integrations_platform.alerts.alert import (
    SEVERITIES,
    Alert,
    Facts,
    Kind,
    Severity,
    count,
    duration,
    identity,
    moment,
)
from integrations_platform.alerts.evidence import Evidence
from integrations_platform.state.outbox import Standing

LATE = timedelta(hours=1)  # evidence that is older than what is known by more than this was known before
PARTS = 400  # parts of a topic that are remembered: a year of days and a little
_LOOKED = ("sync/", "conflicts/", "freshness/", "asset_freshness/", "dead_man/", "breaker/")


@dataclass(frozen=True)
class Verdict:
    """``standing``: rows that changed. ``alerts``: what is to be said, in order of time."""

    standing: tuple[Standing, ...]
    alerts: tuple[Alert, ...]


@dataclass
class _Topic:
    """A topic while evidence is weighed. ``ended``: by part, when it was last seen; ``failed``: parts in trouble."""

    kind: Kind | None = None
    since: datetime | None = None
    seen_at: datetime | None = None
    times: int = 0
    ended: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    severity: str | None = None
    last: Evidence | None = None
    met: bool = False

    @classmethod
    def of(cls, row: Standing | None) -> _Topic:
        if row is None:
            return cls()
        body = json.loads(row.body)
        kind = None if row.kind is None else Kind(row.kind)
        parts = body.get("ended", {}), body.get("failed", [])
        return cls(kind, row.since, row.seen_at, row.times, *parts, body.get("severity"))

    def weigh(self, item: Evidence) -> None:
        known = self.ended.get(item.part)
        if known is not None and item.at <= datetime.fromisoformat(known):
            return
        if known is None and self.seen_at is not None and item.at < self.seen_at - LATE:
            return
        self.ended[item.part] = item.at.isoformat()
        self.seen_at = item.at if self.seen_at is None else max(self.seen_at, item.at)
        self.last, self.met = item, self.met or item.counted
        if item.kind is None:
            self.failed = [part for part in self.failed if part != item.part]
        elif item.part not in self.failed:
            self.failed.append(item.part)
        kind = item.kind or (self.kind if self.failed else None)
        if kind is not self.kind:
            self.kind, self.since, self.times = kind, item.at, 0
        if item.kind is not None:
            self.severity = None if item.severity is None else item.severity.value
        self.times += item.kind is not None and item.counted

    def body(self) -> str:
        newest = sorted(self.ended, key=lambda part: self.ended[part])[-PARTS:]
        kept = {part: self.ended[part] for part in self.ended if part in newest}
        return json.dumps({"ended": kept, "failed": self.failed[-PARTS:], "severity": self.severity})


def judge(standing: Mapping[str, Standing], evidence: Iterable[Evidence], now: datetime, *, looked: bool) -> Verdict:
    """Weigh ``evidence`` against what stands (by topic). ``looked``: it holds all that the state shows, so that what is
    not in it (a sync no longer declared) is no longer watched and falls silent."""
    by_topic: dict[str, list[Evidence]] = defaultdict(list)
    for item in evidence:
        by_topic[item.topic].append(item)
    rows: list[Standing] = []
    alerts: list[Alert] = []
    for topic, items in by_topic.items():
        row = standing.get(topic)
        before, after = _Topic.of(row), _Topic.of(row)
        for item in sorted(items, key=lambda one: one.at):
            after.weigh(item)
        if after.last is None or (after.kind is before.kind and not (after.met and (row or after.kind))):
            continue
        rows.append(_row(topic, after, after.last))
        kind = after.kind or before.kind
        if after.kind is not before.kind and kind is not None:
            alerts.append(_alert(topic, kind, before, after, after.last))
    if looked:
        rows += [
            replace(row, kind=None, since=now, times=0, body=well(row.body))
            for topic, row in standing.items()
            if row.kind is not None and topic.startswith(_LOOKED) and topic not in by_topic
            and not _covered(topic, by_topic)
        ]  # fmt: skip
    return Verdict(tuple(rows), tuple(_together(sorted(alerts, key=lambda alert: alert.at))))


def well(body: str) -> str:
    """A topic's memory without what has failed: what was seen of each part stays known."""
    return json.dumps({**json.loads(body), "failed": []})


def _covered(topic: str, by_topic: Mapping[str, Sequence[Evidence]]) -> bool:
    """Lateness stays as it was while the sync counts as stopped, which says more."""
    group, _, name = topic.partition("/")
    return group == "freshness" and f"dead_man/{name}" in by_topic


def _row(topic: str, after: _Topic, last: Evidence) -> Standing:
    since, seen_at = after.since or last.at, after.seen_at or last.at
    return Standing(topic, last.subject, after.kind, since, seen_at, after.times, after.body())


def _alert(topic: str, kind: Kind, before: _Topic, after: _Topic, last: Evidence) -> Alert:
    over = after.kind is None
    facts: Facts = last.facts if not over else ()
    if before.kind is not None and before.since is not None:
        stood = f"{before.kind.replace('_', ' ')} since {moment(before.since)}, {duration(last.at - before.since)}"
        met = f", {count(before.times, 'time')}" if before.times > 1 else ""
        facts = (*facts, ("it was" if over else "before", stood + met))
    if not over and after.times > 1:
        facts = (*facts, ("so far", count(after.times, "time")))
    name = identity(topic, kind, "over" if over else "begun", last.at.isoformat())
    severity = SEVERITIES[kind] if after.severity is None else Severity(after.severity)
    return Alert(name, kind, severity, last.subject, last.at, facts, over, last.sync, last.run)


def _together(alerts: Sequence[Alert]) -> list[Alert]:
    """Recoveries of one subject that matter alike are one alert: what ended together is told together."""
    found: dict[tuple[object, ...], Alert] = {}
    for alert in alerts:
        key = (alert.subject, alert.severity) if alert.recovered else (alert.alert_id,)
        first = found.get(key)
        found[key] = alert if first is None else replace(first, facts=(*first.facts, *alert.facts))
    return list(found.values())
