"""The state as Prometheus reads it: every name, help text and label that `/metrics` shows.

Counters come from where the fact itself is committed, so that runs of seconds lose nothing and no server has to be up
meanwhile; everything else is how it stands at the moment of the scrape. Labels are names that are declared and words
of ours: no record, no key, no text of anybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from integrations_platform import __version__
from integrations_platform.lateness import silent_after
from integrations_platform.state.counters import DURATIONS
from integrations_platform.state.standings import DIED, Standings, Waiting
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.spec import SIDES, SyncSpec
from integrations_platform.unified_sync.store import Breaker, BreakerState

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from integrations_platform.connectors.budgets import Usage

RUN_STATES = ("running", DIED, *(status.value for status in RunStatus))
Labelled = Mapping[Any, float]  # by the values of the labels, in their order

# name of the metric: (name of the counter, labels, help). Without _total: the library adds it.
_COUNTERS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "sync_runs": ("sync_runs", ("sync", "outcome"), "Runs that have ended."),
    "sync_records": ("sync_records", ("sync", "side", "outcome"),
                     "Planned writes of ended runs by what came of them, as the reports of runs say."),
    "sync_writes": ("sync_writes", ("sync", "side", "kind", "outcome"),
                    "Writes that were sent and are settled, counted as each batch is committed."),
    "sync_records_read": ("sync_records_read", ("sync", "side"), "Records that ended runs have read in full."),
    "sync_calls": ("sync_calls", ("sync", "side"), "Calls that ended runs have made, tries included."),
    "sync_conflicts_opened": ("sync_conflicts_opened", ("sync",), "Conflicts that were parked for a person."),
    "warehouse_loads": ("warehouse_loads", ("table", "outcome"), "Loads of one day into a table that have ended."),
    "warehouse_rows_loaded": ("warehouse_rows", ("table",), "Rows that loads have committed."),
    "airbyte_jobs": ("airbyte_jobs", ("connection", "outcome"), "Jobs of Airbyte started here that have ended."),
    "airbyte_rows": ("airbyte_rows", ("connection",), "Rows that these jobs brought, as far as Airbyte says."),
}  # fmt: skip
_MOMENTS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "sync_last_run_timestamp_seconds": ("sync_last_run", ("sync", "outcome"), "When a run last ended like that."),
    "sync_observed_timestamp_seconds": ("sync_observed", ("sync", "side"),
                                        "As of when a side was last seen in full by a run that settled everything."),
    "warehouse_last_load_timestamp_seconds": ("warehouse_last_load", ("table", "outcome"),
                                              "When a load last ended like that."),
    "airbyte_last_job_timestamp_seconds": ("airbyte_last_job", ("connection", "outcome"),
                                           "When a job last ended like that."),
}  # fmt: skip


@dataclass(frozen=True)
class Declared:
    """What the state does not know. ``intervals``: of a schedule, after which a sync counts as stopped; ``quotas``:
    how much of the systems' quotas is used now."""

    specs: Sequence[SyncSpec] = ()
    systems: Sequence[str] = ()
    intervals: int = 3
    quotas: Callable[[], Sequence[tuple[str, Usage]]] = tuple


class StateCollector(Collector):
    """Asks anew at every scrape; whatever ``look`` raises, a scrape raises."""

    def __init__(self, look: Callable[[], Standings], declared: Declared) -> None:
        self._look, self._declared = look, declared

    def collect(self) -> Iterator[Metric]:
        """Every metric there is, those without a series too."""
        told = self._look()
        yield InfoMetricFamily("integrations_build", "The release.", value={"version": __version__})
        yield from _of_syncs(told, self._declared)
        yield from _of_systems(told.breakers, self._declared)
        yield from _of_what_waits(told)
        for name, (counter, labels, text) in _COUNTERS.items():
            family = CounterMetricFamily(f"integrations_{name}", text, labels=labels)
            for found, value in told.counters.get(counter, ()):
                family.add_metric([found[label] for label in labels], value)
            yield family
        for name, (counter, labels, text) in _MOMENTS.items():
            stored = {tuple(row[label] for label in labels): at for row, at in told.counters.get(counter, ())}
            yield _gauge(name, text, labels, stored)
        yield _durations(told)


def registry_of(look: Callable[[], Standings], declared: Declared) -> CollectorRegistry:
    """A registry that holds this platform's metrics and nothing of the process that serves them."""
    registry = CollectorRegistry()
    registry.register(StateCollector(look, declared))
    return registry


def _of_syncs(told: Standings, declared: Declared) -> Iterator[Metric]:
    sides = {(spec.name, side, spec.side(side).system): 1.0 for spec in declared.specs for side in SIDES}
    yield _gauge("sync_side_info", "The system at each side of a declared sync.", ("sync", "side", "system"), sides)
    silence = {
        (spec.name,): allowed.total_seconds()
        for spec in declared.specs
        if (allowed := silent_after(spec, declared.intervals)) is not None
    }
    yield _gauge("sync_allowed_silence_seconds", "How long a sync that is scheduled may go without coming through.",
                 ("sync",), silence)  # fmt: skip
    yield _gauge("sync_first_run_timestamp_seconds", "When a sync ran first.", ("sync",), _times(told.first_runs))
    states = {(sync, state): float(state == now) for sync, now in told.newest.items() for state in RUN_STATES}
    text = "1 for the state of the newest run; died: its process is gone, and the next run takes up what it left."
    yield _gauge("sync_newest_run", text, ("sync", "state"), states)
    yield _gauge("sync_lease_until_timestamp_seconds", "Until when a run holds the sync, unless it asks for more.",
                 ("sync",), _times(told.leases))  # fmt: skip
    yield from _waiting("sync_conflicts_open", "sync_conflict_oldest", "conflicts that wait for a person", ("sync",),
                        {(sync,): each for sync, each in told.conflicts.items()})  # fmt: skip
    yield from _waiting("sync_quarantined", "sync_quarantine_oldest", "records and writes that are set aside",
                        ("sync", "reason"), told.quarantined)  # fmt: skip
    unanswered = {(sync,): float(number) for sync, number in told.unanswered.items()}
    text = "Writes that were sent and whose outcome is not known; the next run asks about them first."
    yield _gauge("sync_writes_unanswered", text, ("sync",), unanswered)


def _of_systems(breakers: Mapping[str, Breaker], declared: Declared) -> Iterator[Metric]:
    states: dict[Any, float] = {}
    failures: dict[Any, float] = {}
    for system in sorted({*declared.systems, *breakers}):
        breaker = breakers.get(system) or Breaker(system)
        states |= {(system, state.value): float(state is breaker.state) for state in BreakerState}
        failures[(system,)] = float(breaker.failures)
    yield _gauge("breaker_state", "1 for the state of a system's circuit breaker.", ("system", "state"), states)
    yield _gauge("breaker_failures", "Failures of a system in a row.", ("system",), failures)
    used, limit, resets = {}, {}, {}
    for system, usage in declared.quotas():
        key = (system, usage.name)
        used[key], limit[key], resets[key] = float(usage.used), float(usage.limit), usage.resets_at.timestamp()
    labels = ("system", "quota")
    yield _gauge("quota_used_calls", "Calls used of a quota in its present period.", labels, used)
    yield _gauge("quota_limit_calls", "Calls that a quota allows in a period.", labels, limit)
    yield _gauge("quota_resets_timestamp_seconds", "When the present period of a quota ends.", labels, resets)


def _of_what_waits(told: Standings) -> Iterator[Metric]:
    events = {(source,): each for source, each in told.events.items()}
    yield from _waiting("webhook_events_waiting", "webhook_event_oldest", "received events that nobody has taken up",
                        ("source",), events)  # fmt: skip
    wake_ups = {(state,): each for state, each in told.wake_ups.items()}
    yield from _waiting("webhook_wake_ups", "webhook_wake_up_oldest", "runs that events asked for and that have not "
                        "ended", ("state",), wake_ups)  # fmt: skip
    messages = {(target,): each for target, each in told.messages.items()}
    yield from _waiting("alert_messages_waiting", "alert_message_oldest", "alerts that have not arrived", ("target",),
                        messages)  # fmt: skip
    given_up = {(target,): float(number) for target, number in told.given_up.items()}
    yield _gauge("alert_messages_given_up", "Alerts that nobody tries to send any more.", ("target",), given_up)
    standing = {(kind,): float(number) for kind, number in told.alerts.items()}
    yield _gauge("alerts_standing", "Troubles that stand and have been told.", ("kind",), standing)


def _durations(told: Standings) -> Metric:
    family = HistogramMetricFamily(
        "integrations_sync_run_duration_seconds", "How long runs took that have ended.", labels=("sync",)
    )
    classes: dict[str, dict[str, float]] = {}
    for labels, number in told.counters.get("sync_run_class", ()):
        classes.setdefault(labels["sync"], {})[labels["le"]] = number
    for labels, seconds in told.counters.get("sync_run_seconds", ()):
        found, below, buckets = classes.get(labels["sync"], {}), 0.0, []
        for bound in DURATIONS:
            below += found.get(f"{bound:g}", 0.0)
            buckets.append((str(bound), below))
        buckets.append(("+Inf", below + found.get("+Inf", 0.0)))
        family.add_metric([labels["sync"]], buckets, seconds)
    return family


def _waiting(
    name: str, oldest: str, what: str, labels: tuple[str, ...], found: Mapping[Any, Waiting]
) -> Iterator[Metric]:
    yield _gauge(
        name, f"{what[0].upper()}{what[1:]}.", labels, {key: float(each.number) for key, each in found.items()}
    )
    since = {key: each.oldest.timestamp() for key, each in found.items()}
    yield _gauge(f"{oldest}_timestamp_seconds", f"Since when the first of the {what} waits.", labels, since)


def _times(found: Mapping[str, datetime]) -> Labelled:
    return {(name,): at.timestamp() for name, at in found.items()}


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Labelled) -> Metric:
    family = GaugeMetricFamily(f"integrations_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
