"""The sensor of syncs that were started elsewhere: in Airbyte's own pages, by its schedule, by another tool.

Each one that is over becomes a materialisation of the streams that arrived, once: what a run of ours has told already
is left out, and what one may still be about to tell waits for that run's end. Nothing depends on memory that could be
lost: without a cursor the last day is looked at again, and what is known by then stays as it is.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs import airbyte_reporting as reporting
from integrations_platform.defs.airbyte import connection_key, stream_key
from integrations_platform.defs.airbyte_hints import HINTED_SECONDS, are_expected, hints
from integrations_platform.defs.airbyte_outcome import outcome_of
from integrations_platform.defs.airbyte_step import opened
from integrations_platform.job_list import AIRBYTE_ALL, connection_job_name
from integrations_platform.jobs import RESET, Catalogue
from integrations_platform.secret_text import SettingsError
from integrations_platform.settings_airbyte import ConnectionSettings

if TYPE_CHECKING:
    from integrations_platform.airbyte.looks import Job
    from integrations_platform.airbyte.server import Airbyte

FOREIGN = "airbyte_foreign_syncs"
EVERY_SECONDS = 60
FIRST_LOOK_BACK = timedelta(days=1)
_OVERLAP = timedelta(minutes=5)  # jobs are listed by a time that is given before they can be seen
_AT_ONCE = 25  # syncs told in one tick; each costs three calls
_LISTED = 500
_REMEMBERED = 500
SYNC = "sync"
# A run that is not among these has no sync that is over and untold: it has not begun, or it has told everything.
_AT_WORK = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass
class Seen:
    """The cursor: up to when jobs were looked at, which of those since then need no second look, which wait for the
    end of a run that may tell of them, and when Airbyte was last asked."""

    since: datetime
    jobs: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    asked: datetime | None = None

    @classmethod
    def read(cls, cursor: str | None, now: datetime) -> "Seen":
        """That of ``cursor``; one that cannot be read is as good as none."""
        try:
            data = json.loads(cursor or "")
            jobs, waiting = ([int(each) for each in data[name]] for name in ("jobs", "waiting"))
            asked = datetime.fromisoformat(data["asked"]) if data.get("asked") else None
            return cls(datetime.fromisoformat(data["since"]), jobs, waiting, asked)
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls(now - FIRST_LOOK_BACK)

    def written(self) -> str:
        """For the next tick."""
        jobs, waiting = self.jobs[-_REMEMBERED:], self.waiting[-_REMEMBERED:]
        asked = self.asked.isoformat() if self.asked else None
        return json.dumps({"since": self.since.isoformat(), "jobs": jobs, "waiting": waiting, "asked": asked})


def foreign_syncs(catalogue: Catalogue) -> dg.SensorDefinition:
    """The sensor; stopped until somebody starts it. Where Airbyte sends word, it asks as soon as there is any."""
    hinted = are_expected(catalogue)

    @dg.sensor(
        name=FOREIGN, minimum_interval_seconds=HINTED_SECONDS if hinted else EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Records syncs that were started elsewhere as materialisations of their streams, once each.",
    )  # fmt: skip
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not hinted:
            return _asked(context, catalogue)
        with hints(catalogue, context.log.warning) as come:
            before = Seen.read(context.cursor, datetime.now(UTC)).asked
            if not come and before is not None and datetime.now(UTC) - before < timedelta(seconds=EVERY_SECONDS):
                return dg.SkipReason("no word of Airbyte's, and it was asked a moment ago")
            result = _asked(context, catalogue)
            return result if isinstance(result, dg.SensorResult) else _noted(context, result)

    return look


def _asked(context: dg.SensorEvaluationContext, catalogue: Catalogue) -> dg.SensorResult | dg.SkipReason:
    from integrations_platform.airbyte.faults import AirbyteFault

    try:
        if catalogue.settings.airbyte.engine() == "embedded":
            return dg.SkipReason("there is no server: nobody else starts a sync")
        with opened(catalogue) as airbyte:
            return _Look(context, catalogue, airbyte).result()
    except (AirbyteFault, SettingsError) as fault:
        # The cursor stays, so that what ends meanwhile is seen by a later tick.
        return dg.SkipReason(f"Airbyte could not be asked: {fault}")


def _noted(context: dg.SensorEvaluationContext, nothing: dg.SkipReason) -> dg.SensorResult:
    """Nothing, with the time it was asked for; what the cursor says of jobs stays."""
    now = datetime.now(UTC)
    seen = Seen.read(context.cursor, now)
    seen.asked = now
    return dg.SensorResult(skip_reason=nothing, cursor=seen.written())


@dataclass
class _Look:
    context: dg.SensorEvaluationContext
    catalogue: Catalogue
    airbyte: "Airbyte"
    _told: dict[str, set[int]] = field(default_factory=dict)

    def result(self) -> dg.SensorResult:
        now = datetime.now(UTC)
        seen = Seen.read(self.context.cursor, now)
        seen.asked = now
        jobs = self._listed(seen)
        # Asked for after the jobs: whatever a run told before it ended is then seen below as told.
        busy = self._at_work()
        events: list[Any] = []
        told = 0
        for job in jobs:
            if told == _AT_ONCE:
                break
            connection = self._declared.get(job.connection_id)
            if job.over and job.type == SYNC and connection is not None and job.id not in seen.jobs:
                if connection.name in busy:
                    seen.waiting.append(job.id)
                elif job.id not in self._known(connection):
                    events += self._events(connection, job)
                    told += 1
                if connection.name not in busy:
                    seen.jobs.append(job.id)
            seen.since = max(seen.since, job.updated or seen.since)
        skip = None
        if not told:
            count = len(seen.waiting)
            skip = dg.SkipReason(f"{count} syncs wait for the end of a run" if count else "nobody else has synced")
        return dg.SensorResult(asset_events=events, skip_reason=skip, cursor=seen.written())

    def _listed(self, seen: Seen) -> "list[Job]":
        """Jobs that waited, and those that have moved since the last look, the oldest first."""
        waiting = [self.airbyte.job(number) for number in seen.waiting]
        seen.waiting = []
        since = (seen.since - _OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
        moved = self.airbyte.jobs(
            workspace_id=self.airbyte.workspace_id, updated_since=since, order="updatedAt|ASC", most=_LISTED
        )
        known = {job.id for job in waiting}
        return [*waiting, *(job for job in moved if job.id not in known)]

    @cached_property
    def _declared(self) -> dict[str, ConnectionSettings]:
        """The connections that have an id, by it."""
        from integrations_platform.airbyte.discovering import id_of

        return {
            number: each for each in self.catalogue.settings.airbyte.connections.values() if (number := id_of(each))
        }

    def _at_work(self) -> set[str]:
        """Connections for which a run is at work, which will tell of its sync itself."""
        connections = self.catalogue.settings.airbyte.connections
        found: set[str] = set()
        for run in self.context.instance.get_runs(dg.RunsFilter(statuses=_AT_WORK)):
            if run.job_name in (AIRBYTE_ALL, RESET.name):
                return set(connections)
            keys = run.asset_selection or ()
            for name, each in connections.items():
                if run.job_name == connection_job_name(name) or stream_key(each, each.streams[0]) in keys:
                    found.add(name)
        return found

    def _known(self, connection: ConnectionSettings) -> set[int]:
        """Jobs that a materialisation or an observation tells of already."""
        if connection.name not in self._told:
            keys = [connection_key(connection.name), *(stream_key(connection, each) for each in connection.streams)]
            self._told[connection.name] = {number for key in keys for number in self._told_of(key)}
        return self._told[connection.name]

    def _told_of(self, key: dg.AssetKey) -> Iterator[int]:
        instance, limit = self.context.instance, reporting.REMEMBERED
        events = [record.asset_materialization for record in instance.fetch_materializations(key, limit=limit).records]
        seen = [record.asset_observation for record in instance.fetch_observations(key, limit=limit).records]
        for event in (*events, *seen):
            number = event.metadata.get(reporting.JOB_ID) if event is not None else None
            if number is not None and isinstance(number.value, int):
                yield number.value

    def _events(self, connection: ConnectionSettings, job: "Job") -> Sequence[Any]:
        """What arrived, with the answers of checks; and on the connection, that there was such a sync."""
        from integrations_platform.airbyte.telling import observed

        warn = self.context.log.warning
        keys = [stream_key(connection, stream) for stream in connection.streams]
        report = observed(self.airbyte, self.airbyte.connection(job.connection_id), job, warn)
        outcome = outcome_of(self.catalogue, connection, keys, report, self.airbyte, warn)
        facts = reporting.failure_metadata(report) | {"how": report.how}
        if outcome.complaint:
            facts["message"] = outcome.complaint
        seen = dg.AssetObservation(connection_key(connection.name), metadata=facts)
        return [*(reporting.as_event(event) for event in outcome.events(self.context.instance)), seen]
