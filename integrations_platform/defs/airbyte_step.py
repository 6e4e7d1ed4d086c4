"""One sync of one connection inside a Dagster step: who runs it, and what comes of it as events.

Streams that arrived are claimed even where others of the same sync failed; the failure then names those. How a sync is
started, followed and cancelled is decided in :mod:`integrations_platform.airbyte`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs import airbyte_reporting as reporting
from integrations_platform.defs.airbyte_outcome import Outcome, outcome_of
from integrations_platform.defs.running import give_up
from integrations_platform.jobs import Catalogue
from integrations_platform.secret_text import SettingsError
from integrations_platform.settings_airbyte import ConnectionSettings

if TYPE_CHECKING:
    from integrations_platform.airbyte.reports import SyncReport
    from integrations_platform.airbyte.server import Airbyte
    from integrations_platform.waiting import Timing


@dataclass
class AirbyteStep:
    """One sync. ``keys``: the assets of the connection's streams, in their order."""

    context: dg.AssetExecutionContext
    catalogue: Catalogue
    connection: ConnectionSettings
    keys: Sequence[dg.AssetKey]
    timing: Timing | None = None

    def events(self) -> Iterator[Any]:
        """Results and checks of the streams. Raises dg.Failure, or dg.RetryRequested for what may pass by itself."""
        from integrations_platform.airbyte.faults import AirbyteFault
        from integrations_platform.lake.errors import LakeError, Trouble
        from integrations_platform.service_faults import FaultKind

        try:
            outcome = self._synced()
        except AirbyteFault as fault:
            passing = fault.kind is FaultKind.TRANSIENT
            give_up(f"{self._name}: {fault.message}", self.context.retry_number if passing else None)
        except LakeError as fault:
            passing = fault.trouble is Trouble.UNAVAILABLE
            give_up(f"{self._name}: {fault}", self.context.retry_number if passing else None)
        except SettingsError as fault:
            give_up(f"{self._name}: {fault}")
        if outcome.report.skipped:
            yield from self._left(outcome.report)
            return
        yield from outcome.events(self.context.instance)
        if outcome.complaint:
            retries = self.context.retry_number if outcome.may_pass else None
            give_up(outcome.complaint, retries, reporting.failure_metadata(outcome.report))

    @property
    def _name(self) -> str:
        return f"airbyte/{self.connection.name}"

    def _synced(self) -> Outcome:
        from integrations_platform.airbyte.declared import sync

        log, timing = self.context.log, self.timing
        if self.catalogue.settings.airbyte.engine() == "embedded":
            report = self._counted(self._embedded())
            return outcome_of(self.catalogue, self.connection, self.keys, report, None, log.warning)
        with opened(self.catalogue, timing) as airbyte:
            report = self._counted(sync(airbyte, self.connection, None, timing, log.info, log.warning))
            return outcome_of(self.catalogue, self.connection, self.keys, report, airbyte, log.warning)

    def _counted(self, report: SyncReport) -> SyncReport:
        from integrations_platform.telemetry.tallies import count_job

        count_job(self.catalogue.settings, self.connection.name, report.how, report.status, report.rows)
        return report

    def _embedded(self) -> SyncReport:
        from integrations_platform.airbyte.embedded import EmbeddedSync
        from integrations_platform.lake import Lake

        settings, log = self.catalogue.settings, self.context.log
        lake = Lake.open(settings.lake)
        run_id = self.context.run.run_id
        return EmbeddedSync(
            self.connection, settings.airbyte, lake, run_id, note=log.info, warn=log.warning
        ).report()  # fmt: skip

    def _left(self, report: SyncReport) -> Iterator[dg.AssetCheckResult]:
        """A sync that is left to another claims nothing, and its checks stay as they were."""
        self.context.log.info(f"{self._name}: left to job {report.job_id}, which runs already: {report.url}")
        for key in self.context.selected_asset_check_keys:
            passed, severity = self._before(key)
            yield dg.AssetCheckResult(
                asset_key=key.asset_key, check_name=key.name, passed=passed, severity=severity,
                description=f"as before: this run left the sync to job {report.job_id}, and judged nothing",
            )  # fmt: skip

    def _before(self, key: dg.AssetCheckKey) -> tuple[bool, dg.AssetCheckSeverity]:
        """The newest answer there is; the one that is planned in this run is none yet."""
        for record in self.context.instance.event_log_storage.get_asset_check_execution_history(key, limit=5):
            if isinstance(record.evaluation, dg.AssetCheckEvaluation):
                return record.evaluation.passed, record.evaluation.severity
        return True, dg.AssetCheckSeverity.WARN


@contextmanager
def opened(catalogue: Catalogue, timing: Timing | None = None) -> Iterator[Airbyte]:
    """The environment's server. Raises AirbyteFault, SettingsError."""
    from integrations_platform.airbyte.opening import open_airbyte

    airbyte = open_airbyte(catalogue.settings.airbyte, timing)
    try:
        yield airbyte
    finally:
        airbyte.close()
