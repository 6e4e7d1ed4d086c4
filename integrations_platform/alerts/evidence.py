"""What the state shows about every sync and system, as evidence of trouble or of its absence.

Pure: an overview, the declarations, the thresholds and the time go in. What was told before is not known here; that is
:mod:`.judging`'s.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from integrations_platform.alerts.alert import Facts, Kind, Severity, count, duration, moment
from integrations_platform.alerts.reasons import reason
from integrations_platform.lateness import fresh_within, silent_after
from integrations_platform.pages import dagster_run
from integrations_platform.settings_alerts import Thresholds
from integrations_platform.state.overview import Overview, SyncView
from integrations_platform.unified_sync.spec import SyncSpec
from integrations_platform.unified_sync.store import BreakerState, RunRecord

_KINDS = {
    "failed": Kind.RUN_FAILED, "refused": Kind.GUARD_REFUSED, "partial": Kind.SYNC_PARTIAL, "succeeded": None,
}  # fmt: skip
_LEFT_OVER = {
    "rejected": "rejected", "stale": "changed meanwhile", "unknown": "of unknown outcome", "deferred": "put off",
    "parked": "parked",
}  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """Something seen at a moment about one topic. ``kind`` None: all is well. ``counted``: it is something that
    happened, not only a look at what is. ``part``: what of the topic it is about, such as a partition; troubles of
    several parts end one by one. ``severity`` None: that of the kind."""

    topic: str
    subject: str
    at: datetime
    kind: Kind | None
    facts: Facts = ()
    counted: bool = False
    part: str = ""
    sync: str | None = None
    run: str | None = None
    severity: Severity | None = None


@dataclass(frozen=True)
class OutsideRun:
    """A run of an orchestrator that has ended. ``syncs``: those it may have run; their own history then says what came
    of it, if it got so far. ``part``: a partition. ``error``: text to find the reason in; it goes no further."""

    subject: str
    started_at: datetime
    ended_at: datetime
    succeeded: bool
    syncs: tuple[str, ...] = ()
    part: str = ""
    run: str | None = None
    error: str = ""
    facts: Facts = ()


def sync_topic(name: str) -> str:
    """The topic of a sync's runs."""
    return f"sync/{name}"


def observed(
    overview: Overview, specs: Sequence[SyncSpec], systems: Collection[str], limits: Thresholds, now: datetime
) -> list[Evidence]:
    """All that the state shows, of declared syncs that have run and of ``systems``."""
    found: list[Evidence] = []
    for spec in specs:
        if (view := overview.syncs.get(spec.name)) is not None:
            found += _runs(view, now)
            found.append(_conflicts(view, spec, limits, now))
            found += _lateness(view, spec, limits, now)
    for breaker in overview.breakers:
        if breaker.system in systems:
            stopped = breaker.state is not BreakerState.CLOSED
            facts = [("failures in a row", f"{breaker.failures:,}")]
            if breaker.opened_at is not None:
                facts.append(("opened", moment(breaker.opened_at)))
            if breaker.last_error:
                facts.append(("reason", reason(breaker.last_error)))
            found.append(
                Evidence(
                    f"breaker/{breaker.system}", breaker.system, now, Kind.BREAKER_OPEN if stopped else None,
                    tuple(facts) if stopped else (),
                )
            )  # fmt: skip
    return found


def of_outside(run: OutsideRun, overview: Overview, now: datetime) -> Evidence | None:
    """What an orchestrator's run shows; None when the history of the sync it ran says it better."""
    if run.syncs and any(_has_told(overview.syncs.get(name), run, now) for name in run.syncs):
        return None
    sync = run.subject if run.subject in run.syncs else None
    topic = f"run/{run.subject}" if sync is None else sync_topic(sync)
    if run.succeeded:
        return Evidence(topic, run.subject, run.ended_at, None, (), True, run.part, sync, run.run)
    facts = (*run.facts, ("reason", reason(run.error)))
    if run.part:
        facts = (("partition", run.part), *facts)
    return Evidence(topic, run.subject, run.ended_at, Kind.RUN_FAILED, facts, True, run.part, sync, run.run)


def _has_told(view: SyncView | None, run: OutsideRun, now: datetime) -> bool:
    """Whether the sync's history holds this very run, or one that kept it away: then nothing is wrong, or it is told
    there."""
    if view is None:
        return False
    if run.run is not None and any(record.trigger.endswith(f" run {run.run}") for record in view.runs):
        return True
    if len(run.syncs) > 1:
        return False
    going_on = view.held_until if view.held_until is not None and view.held_until > now else None
    ends = [(record.started_at, record.finished_at or going_on or record.started_at) for record in view.runs]
    return any(began <= run.ended_at and ended >= run.started_at for began, ended in ends)


def _runs(view: SyncView, now: datetime) -> Iterator[Evidence]:
    for record in reversed(view.runs):
        ended = record.finished_at
        if ended is not None and record.status in _KINDS:
            yield replace(_of_run(view, record), at=ended)
    newest = view.runs[0]
    if newest.status == "running" and (view.held_until is None or view.held_until <= now):
        facts = (("run", newest.run_id), ("reason", "the process that ran it died"))
        yield replace(_of_run(view, newest), kind=Kind.RUN_FAILED, facts=facts, at=view.held_until or newest.started_at)


def _of_run(view: SyncView, record: RunRecord) -> Evidence:
    kind = _KINDS.get(record.status)
    facts = [("run", record.run_id)]
    numbers = _numbers(record.counts)
    if kind is Kind.RUN_FAILED:
        facts.append(("reason", reason(record.message)))
    elif kind is Kind.GUARD_REFUSED:
        # Guards speak in counts, ids and declared names only, and without theirs nobody knows what to look for.
        facts.append(("guard", record.message))
    elif kind is Kind.SYNC_PARTIAL:
        left = {words: sum(numbers.get(f"{name}_{side}", 0) for side in "ab") for name, words in _LEFT_OVER.items()}
        left |= {"open conflicts": view.conflicts, "set aside": view.quarantined}
        facts += [(words, f"{number:,}") for words, number in left.items() if number]
    written = sum(numbers.get(f"applied_{side}", 0) for side in "ab")
    if kind is not None and written:
        facts.append(("written", f"{written:,}"))
    run = dagster_run(record.trigger)
    return Evidence(
        sync_topic(view.sync), view.sync, record.started_at, kind, tuple(facts), True, sync=view.sync, run=run
    )  # fmt: skip


def _conflicts(view: SyncView, spec: SyncSpec, limits: Thresholds, now: datetime) -> Evidence:
    most = limits.open_conflicts if spec.max_open_conflicts is None else spec.max_open_conflicts
    oldest = timedelta() if view.oldest_conflict is None else now - view.oldest_conflict
    beyond = view.conflicts > most or oldest > timedelta(hours=limits.conflict_age_hours)
    facts = (
        ("open", f"{view.conflicts:,} (limit {most:,})"),
        ("oldest", f"{duration(oldest)} (limit {limits.conflict_age_hours:g} h)"),
        ("decide with", f"integrations sync conflicts list {spec.name}"),
    )
    topic = f"conflicts/{spec.name}"
    return Evidence(topic, spec.name, now, Kind.CONFLICTS if beyond else None, facts if beyond else (), sync=spec.name)


def _lateness(view: SyncView, spec: SyncSpec, limits: Thresholds, now: datetime) -> Iterator[Evidence]:
    """A sync that has stopped is not called late as well: one thing is wrong, and one message says so. A run that is
    partial came through: what it left over has its own words, and would else keep the sync late until decided."""
    silence = now - (view.came_through or view.first_run)
    facts = (("last came through", moment(view.came_through)), ("silent for", duration(silence)))
    stopped = silent_after(spec, limits.silent_intervals)
    dead = stopped is not None and silence > stopped
    intervals = (("schedule", f"{spec.schedule} ({count(limits.silent_intervals, 'interval')} missed)"),)
    topic, kind = f"dead_man/{spec.name}", Kind.DEAD_MAN if dead else None
    yield Evidence(topic, spec.name, now, kind, facts + intervals if dead else (), sync=spec.name)
    allowed = fresh_within(spec)
    late = allowed is not None and silence > allowed
    if not (dead and late):
        limit = () if allowed is None else (("late after", duration(allowed)),)
        topic, kind = f"freshness/{spec.name}", Kind.FRESHNESS_LOST if late else None
        yield Evidence(topic, spec.name, now, kind, facts + limit if late else (), sync=spec.name)


def _numbers(counts: str) -> Mapping[str, int]:
    return {name: int(number) for name, number in json.loads(counts).items()}
