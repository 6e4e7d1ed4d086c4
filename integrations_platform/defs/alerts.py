"""The sensor that watches: ended runs of Dagster, the state, and assets that are late; it queues alerts and sends them.

What is worth an alert and how it travels is decided in :mod:`integrations_platform.alerts`; here Dagster is read and
its words are turned into evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from integrations_platform.defs.ended_runs import Asset, Cursor, Subjects, newly_ended, outside_runs, read_until
from integrations_platform.jobs import Catalogue

if TYPE_CHECKING:
    from integrations_platform.alerts.desk import Desk
    from integrations_platform.alerts.evidence import Evidence
    from integrations_platform.unified_sync.runtime import Runtime

NAME = "alerts"
INTERVAL_SECONDS = 30
_DRAIN_SECONDS = 20.0


def alert_sensor(catalogue: Catalogue, assets: Sequence[Asset], runtime: Runtime | None = None) -> dg.SensorDefinition:
    """The sensor over all runs and ``assets`` of the location.

    Running unless somebody stops it, unlike everything else here: it starts no run and writes to no system, it does
    nothing while no channel is on, and an alarm that nobody remembered to arm is the trouble it is there for.
    """
    subjects = Subjects.of(assets, [spec.name for spec in catalogue.specs])
    windows = _windows(assets, subjects)

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people by Slack and e-mail what failed, is partial, refused, late or waits for them, and "
        "that it is over. Does nothing while neither ENABLE_SLACK nor ENABLE_EMAIL is true.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if not catalogue.settings.alerts.channels:
            return dg.SensorResult(skip_reason="no channel is on: set ENABLE_SLACK or ENABLE_EMAIL to true")
        from integrations_platform.alerts.desk import Desk
        from integrations_platform.defs.slack_poster import poster_of
        from integrations_platform.platform import Platform
        from integrations_platform.unified_sync.runtime import Runtime

        platform = Platform(catalogue.settings, runtime or Runtime())
        try:
            desk = Desk(platform, catalogue.specs, poster_of, whole=True)
            return _tick(context, desk, subjects, windows)
        finally:
            platform.close()

    return alerts


def _tick(
    context: dg.SensorEvaluationContext, desk: Desk, subjects: Subjects, windows: Mapping[dg.AssetKey, timedelta]
) -> dg.SensorResult:
    from integrations_platform.alerts.alert import Kind
    from integrations_platform.state.errors import StateError
    from integrations_platform.yaml_source import ConfigurationError

    cursor = Cursor.read(context.cursor, desk.now())
    state = f"the state database of {desk.platform.settings.name}"
    try:
        records = newly_ended(context.instance, cursor.since)
        standing = desk.platform.store.outbox.standing()
        troubled = {row.subject for row in standing if row.kind is not None}
        runs = outside_runs(context.instance, records, subjects, troubled)
        new = desk.look(runs, _lateness(context.instance, windows, subjects, desk.now()))
        done = desk.drain(_DRAIN_SECONDS)
    except (StateError, ConfigurationError) as fault:
        # Nothing can be kept, so it is sent at once, and once; runs are read from the same point when it is back.
        if not cursor.without_state:
            desk.tell(desk.make(Kind.STATE_LOST, state, ("what stops", "every sync, and all alerts but this one")))
        context.log.error(str(fault))
        return dg.SensorResult(skip_reason=str(fault), cursor=Cursor(cursor.since, without_state=True).text())
    if cursor.without_state:
        desk.tell(desk.make(Kind.STATE_LOST, state, recovered=True))
    for note in done.notes:
        context.log.warning(note)
    said = f"{len(new)} new alerts; {done.sent} sent, {done.put_off} put off, {done.given_up} given up"
    return dg.SensorResult(skip_reason=said, cursor=Cursor(read_until(records, cursor.since)).text())


def _windows(assets: Sequence[Asset], subjects: Subjects) -> Mapping[dg.AssetKey, timedelta]:
    """How old each asset may grow. Syncs are left out: the state knows when they came through."""
    found = {}
    for item in assets:
        for spec in [item] if isinstance(item, dg.AssetSpec) else item.specs:
            window = getattr(spec.freshness_policy, "fail_window", None)
            if window is not None and spec.key.to_user_string() not in subjects.syncs:
                found[spec.key] = window.to_timedelta()
    return found


def _lateness(
    instance: dg.DagsterInstance, windows: Mapping[dg.AssetKey, timedelta], subjects: Subjects, now: datetime
) -> list[Evidence]:
    """Assets that are older than they may be, one topic for those of one step; one that was never made is not late."""
    from integrations_platform.alerts.alert import Kind, count, duration
    from integrations_platform.alerts.evidence import Evidence

    if not windows:
        return []
    ages: dict[str, list[tuple[bool, timedelta]]] = defaultdict(list)
    for record in instance.get_asset_records(list(windows)):
        key, newest = record.asset_entry.asset_key, record.asset_entry.last_materialization_record
        if newest is not None:
            age = now - datetime.fromtimestamp(newest.timestamp, UTC)
            ages[subjects.of_asset(key.to_user_string())].append((age > windows[key], age))
    found = []
    for subject, seen in ages.items():
        late = [age for is_late, age in seen if is_late]
        facts = (("late", count(len(late), "asset")), ("oldest", duration(max(late)))) if late else ()
        kind = Kind.FRESHNESS_LOST if late else None
        found.append(Evidence(f"asset_freshness/{subject}", subject, now, kind, facts))
    return found
