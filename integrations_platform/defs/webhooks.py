"""The sensor that turns received events into runs, each exactly once however often it is asked for.

What is woken, what may run and what is noted is decided in :mod:`integrations_platform.webhooks`; a run is told nothing
but the id of its wake-up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg

from integrations_platform.defs.jobs import Job
from integrations_platform.defs.running import WAKE_UP_TAG
from integrations_platform.jobs import Catalogue

if TYPE_CHECKING:
    from integrations_platform.state import SqlStore
    from integrations_platform.webhooks.targets import Target
    from integrations_platform.webhooks.waking import Phase, Round

NAME = "webhook_wake_ups"
EVENTS_TAG = "integrations/events"
INTERVAL_SECONDS = 5  # as often as Dagster's daemon looks at all
_TOGETHER = 100  # wake-ups whose runs are asked for at once
_WILL_RETRY = "dagster/will_retry"


def wake_up_sensor(catalogue: Catalogue, jobs: Sequence[Job]) -> dg.SensorDefinition:
    """The sensor over ``jobs``, which are all that events may wake."""
    names = frozenset(job.name for job in jobs)

    @dg.sensor(
        name=NAME,
        jobs=jobs,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Starts a run of each sync and Airbyte connection that received events are for: one for all events "
        "that came before it, and one more for those that come while it runs.",
    )
    def webhook_wake_ups(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from integrations_platform.platform import Platform

        platform = Platform(catalogue.settings)
        try:
            came = _round(context.instance, catalogue, platform.store, names, platform.runtime.clock())
            cursor = _purged(catalogue, platform.store, platform.runtime.clock(), context.cursor)
        finally:
            platform.close()
        for note in came.notes:
            context.log.warning(note)
        requests = [
            dg.RunRequest(
                run_key=wake_up.wake_id,
                job_name=job,
                tags={WAKE_UP_TAG: wake_up.wake_id, EVENTS_TAG: str(wake_up.events)},
            )
            for wake_up, job in came.requests
        ]
        said = "; ".join(came.notes) or "no event waits for a run that could begin now"
        return dg.SensorResult(run_requests=requests, skip_reason=None if requests else said, cursor=cursor)

    return webhook_wake_ups


def _round(
    instance: dg.DagsterInstance, catalogue: Catalogue, store: SqlStore, names: frozenset[str], now: datetime
) -> Round:
    from integrations_platform.webhooks.targets import SYNC, targets
    from integrations_platform.webhooks.waking import Waking

    def busy(target: Target) -> str | None:
        held = store.lease_holder(target.name) if target.kind == SYNC else None
        return f"{held[0]} is running it" if held is not None and held[1] > now else None

    waking = Waking(
        inbox=store.inbox,
        targets=lambda source, subject: targets(catalogue.settings, catalogue.specs, source, subject),
        jobs=names,
        busy=busy,
        runs=_Runs(instance),
        new_id=lambda: uuid4().hex,
    )
    return waking.round()


def _purged(catalogue: Catalogue, store: SqlStore, now: datetime, cursor: str | None) -> str:
    """Forget old events once a day; the day it was done."""
    today = now.date().isoformat()
    if cursor != today:
        store.inbox.purge(now - timedelta(days=catalogue.settings.webhooks.keep_days))
    return today


class _Runs:
    """Dagster's runs that carry the ids of wake-ups."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance

    def find(self, wake_ids: Sequence[str]) -> Mapping[str, tuple[str, Phase]]:
        """(run id, phase) by wake-up; of several attempts the newest."""
        found: dict[str, tuple[str, Phase]] = {}
        for run in self._oldest_first(wake_ids):
            if (phase := _phase(run)) is not None:
                found[run.tags[WAKE_UP_TAG]] = run.run_id, phase
        return found

    def _oldest_first(self, wake_ids: Sequence[str]) -> Iterator[Any]:
        for start in range(0, len(wake_ids), _TOGETHER):
            wanted = dg.RunsFilter(tags={WAKE_UP_TAG: list(wake_ids[start : start + _TOGETHER])})
            yield from (record.dagster_run for record in self._instance.get_run_records(wanted, ascending=True))


def _phase(run: dg.DagsterRun) -> Phase | None:
    """None for a run that was only written down: whoever wrote it died, and it is launched when asked for again."""
    from integrations_platform.webhooks.waking import Phase

    status = dg.DagsterRunStatus
    if run.status is status.NOT_STARTED:
        return None
    if run.status in (status.QUEUED, status.STARTING, status.MANAGED):
        return Phase.AHEAD
    if run.status is status.SUCCESS:
        return Phase.SUCCEEDED
    if run.status in (status.FAILURE, status.CANCELED):
        # Dagster starts it once more: the next attempt carries the same tags.
        return Phase.RUNNING if run.tags.get(_WILL_RETRY) == "true" else Phase.FAILED
    return Phase.RUNNING
