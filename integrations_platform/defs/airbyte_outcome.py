"""What one sync means for the assets of its connection: which streams arrived, which did not and why, as events.

The same whether the sync was run by a step, by a job of several steps, or seen by a sensor. Only what Airbyte calls
complete for this very job is claimed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs import airbyte_reporting as reporting
from integrations_platform.jobs import Catalogue
from integrations_platform.settings_airbyte import ConnectionSettings, StreamSettings

if TYPE_CHECKING:
    from integrations_platform.airbyte.lag import Lag
    from integrations_platform.airbyte.looks import Stream
    from integrations_platform.airbyte.reports import StreamReport, SyncReport
    from integrations_platform.airbyte.server import Airbyte

_STATE_DIGITS = 16


@dataclass(frozen=True)
class Arrived:
    """A stream whose rows are at the destination."""

    stream: StreamSettings
    key: dg.AssetKey
    report: StreamReport


@dataclass(frozen=True)
class Outcome:
    """One sync. ``keys``: the assets of the connection's streams, in their order. ``configured``: what Airbyte says it
    syncs, None where that was not asked. ``lag`` and ``state`` are those of change data capture."""

    connection: ConnectionSettings
    keys: Sequence[dg.AssetKey]
    report: SyncReport
    configured: Sequence[Stream] | None = None
    lag: Lag | None = None
    state: str = ""

    @cached_property
    def arrived(self) -> list[Arrived]:
        """The declared streams that are complete."""
        return [
            Arrived(stream, key, report)
            for stream, key in zip(self.connection.streams, self.keys, strict=True)
            if (report := self._of(stream)) is not None and report.complete
        ]

    @cached_property
    def complaint(self) -> str:
        """What did not come off, and why; empty when all did."""
        report, arrived = self.report, {each.stream for each in self.arrived}
        missing = [stream for stream in self.connection.streams if stream not in arrived]
        if report.succeeded and not missing:
            return ""
        count = f"{len(arrived)} of {len(self.connection.streams)} streams arrived"
        what = f"job {report.job_id}" if report.job_id else "the sync"
        lines = [f"airbyte/{self.connection.name}: {what} {report.status}, {count}"]
        lines += [f"{stream.shown}: {self._why(stream)}" for stream in missing]
        if report.failure:
            lines.append(report.failure)
        return "\n".join(lines)

    @property
    def may_pass(self) -> bool:
        """Whether syncing again can help."""
        return not self.report.succeeded and not self.report.permanent

    def events(self, instance: dg.DagsterInstance) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        """Results and checks of the streams that arrived; ``instance`` knows what earlier syncs brought."""
        for each in self.arrived:
            yield dg.MaterializeResult(
                asset_key=each.key,
                metadata=reporting.metadata_of(self, each.stream, each.report),
                data_version=dg.DataVersion(f"job-{self.report.job_id}") if self.report.job_id else None,
            )
            earlier = rows_before(instance, each.key, self.report.job_id)
            yield reporting.check_result(self.connection, each.stream, each.key, each.report, earlier)

    def _of(self, stream: StreamSettings) -> StreamReport | None:
        """What is told of the stream. In a sync that did well, one nobody mentions has moved nothing, if it is synced
        at all."""
        from integrations_platform.airbyte.drift import stream_of
        from integrations_platform.airbyte.looks import Stream
        from integrations_platform.airbyte.reports import COMPLETE, StreamReport

        report = self.report
        told = {(each.name, each.namespace): each for each in report.streams}
        meant = stream_of(stream, [Stream(name, namespace) for name, namespace in told])
        if meant is not None:
            return told[meant.name, meant.namespace]
        if not report.succeeded:
            return None
        if not report.statistics_complete:
            return StreamReport(stream.name, stream.namespace, state=COMPLETE)
        if self.configured is not None and stream_of(stream, self.configured) is not None:
            return StreamReport(stream.name, stream.namespace, rows=0, bytes=0, rejected=0, state=COMPLETE)
        return None

    def _why(self, stream: StreamSettings) -> str:
        report = self._of(stream)
        if report is not None:
            return ": ".join(filter(None, (report.state.lower(), report.failure)))
        if self.report.succeeded:
            return "Airbyte does not sync it; select it there, or remove it from the declaration"
        return "not reached"


def outcome_of(
    catalogue: Catalogue, connection: ConnectionSettings, keys: Sequence[dg.AssetKey], report: SyncReport,
    airbyte: Airbyte | None, warn: Callable[[str], None],
) -> Outcome:  # fmt: skip
    """``report`` with what else must be asked. Raises AirbyteFault when Airbyte cannot be asked which streams it syncs,
    and only then."""
    mentioned = {each.name for each in report.streams}
    silent = report.succeeded and any(stream.name not in mentioned for stream in connection.streams)
    configured = airbyte.connection(report.connection_id).streams if airbyte is not None and silent else None
    if connection.mode != "cdc" or airbyte is None:
        return Outcome(connection, keys, report, configured)
    lag = _lag(catalogue, connection, warn)
    return Outcome(connection, keys, report, configured, lag, _state(airbyte, report.connection_id, warn))


def rows_before(instance: dg.DagsterInstance, key: dg.AssetKey, job_id: int) -> list[int]:
    """Rows of the syncs before job ``job_id`` (0: it has no number), the newest first."""
    found = []
    for record in instance.fetch_materializations(key, limit=reporting.REMEMBERED).records:
        event = record.asset_materialization
        told = {name: value.value for name, value in event.metadata.items()} if event is not None else {}
        rows = told.get(reporting.ROWS)
        if isinstance(rows, int) and (not job_id or told.get(reporting.JOB_ID) != job_id):
            found.append(rows)
    return found


def _lag(catalogue: Catalogue, connection: ConnectionSettings, warn: Callable[[str], None]) -> Lag | None:
    from integrations_platform.airbyte.lag import Lag, lag_of
    from integrations_platform.secret_text import SettingsError

    if connection.lag is None:
        return None
    try:
        lag = lag_of(connection, connection.lag, lambda name: catalogue.settings.system(name).url())
    except SettingsError as fault:  # the sync is over and well; its lag is not worth its failure
        lag = Lag(notes=(f"the lag is not known: {fault}",))
    for note in lag.notes:
        warn(note)
    return lag


def _state(airbyte: Airbyte, connection_id: str, warn: Callable[[str], None]) -> str:
    """A digest of where the next sync goes on: the same after a sync means that the log has not moved."""
    from integrations_platform.airbyte.faults import AirbyteFault

    try:
        state = airbyte.state(connection_id)
    except AirbyteFault as fault:
        warn(f"where the next sync goes on is not known: {fault.message}")
        return ""
    text = json.dumps(state.data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_STATE_DIGITS]
