"""A sync's report as Dagster's metadata and answers of checks, stream by stream.

Numbers stand under keys that stay the same, so that the UI plots them; one that Airbyte does not tell is left out,
never made up. What is judged is what arrived at the destination, not what was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs.reporting import listed
from integrations_platform.settings_airbyte import ConnectionSettings, StreamSettings

if TYPE_CHECKING:
    from integrations_platform.airbyte.reports import StreamReport, SyncReport
    from integrations_platform.defs.airbyte_outcome import Outcome

ROWS_AS_EXPECTED = "rows_as_expected"
REMEMBERED = 28  # earlier syncs whose rows are compared with
_ENOUGH = 4
_TOLERANCE = {"full": 0.5, "incremental": 9.0, "cdc": 9.0}
_VERSION = "dagster/data_version"
JOB_ID, ROWS = "airbyte_job_id", "rows"


def check_specs(connection: ConnectionSettings, stream: StreamSettings, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The check that the step of a connection answers for each stream; one, as each costs the location as much to load
    as the stream itself."""
    empty = "may be empty" if stream.may_be_empty else "has rows"
    text = (
        f"The sync {empty}, the destination rejected none of them, and their number is within "
        f"{tolerance_of(connection):.0%} of the median of those before. A sync can succeed without a row, for example "
        "when permissions are gone."
    )
    return [dg.AssetCheckSpec(ROWS_AS_EXPECTED, asset=key, description=text)]


def tolerance_of(connection: ConnectionSettings) -> float:
    """How far from the usual number of rows a sync may be, as a fraction of it."""
    declared = connection.volume_tolerance
    return _TOLERANCE[connection.mode] if declared is None else declared


def metadata_of(outcome: Outcome, stream: StreamSettings, report: StreamReport) -> dict[str, Any]:
    """What a sync did for a stream. ``dagster/row_count`` is that of the table, so only a full sync tells it."""
    sync, connection, lag = outcome.report, outcome.connection, outcome.lag
    told: dict[str, Any] = {
        ROWS: report.rows,
        "dagster/row_count": report.rows if connection.mode == "full" else None,
        "bytes": report.bytes,
        "rows_rejected": report.rejected,
        "rows_read": report.emitted,
        JOB_ID: sync.job_id,
        "attempts": sync.attempts,
        "sync_seconds": round(sync.seconds, 3),
        "sync_rows": sync.rows,
        "sync_bytes": sync.bytes,
        "how": sync.how,
        "sync_status": sync.status,
        "state": outcome.state or None,
    }
    if lag is not None:
        told["lag_seconds"] = lag.seconds.get(stream.shown)
        told["slot_bytes"] = lag.slot_bytes
        told["slot_active"] = None if lag.slot_active is None else "yes" if lag.slot_active else "no"
    if sync.url:
        told["job"] = dg.MetadataValue.url(sync.url)
    if notes := [*sync.notes, *(lag.notes if lag else ())]:
        told["notes"] = listed(notes)
    told["look_further"] = dg.MetadataValue.md(f"`integrations airbyte status {connection.name}`")
    return {name: value for name, value in told.items() if value is not None}


def failure_metadata(report: SyncReport) -> dict[str, Any]:
    """What a failed sync leaves to look at."""
    told: dict[str, Any] = {JOB_ID: report.job_id, "sync_status": report.status, "attempts": report.attempts}
    return told | ({"job": dg.MetadataValue.url(report.url)} if report.url else {})


def check_result(
    connection: ConnectionSettings, stream: StreamSettings, key: dg.AssetKey, report: StreamReport,
    earlier: Sequence[int],
) -> dg.AssetCheckResult:  # fmt: skip
    """The answer for one stream that arrived; ``earlier``: rows of the syncs before, the newest first."""
    facts: dict[str, Any] = {ROWS: report.rows, "rows_rejected": report.rejected}
    if len(earlier) >= _ENOUGH:
        facts["rows_usual"] = median(earlier)
    passed, serious, said = _rows_judged(connection, stream, report.rows, earlier)
    if report.rejected:
        rejected = f"the destination rejected {report.rejected:,} rows; see the job's log"
        passed, serious, said = False, True, "; ".join(filter(None, (rejected, said)))
    return dg.AssetCheckResult(
        asset_key=key, check_name=ROWS_AS_EXPECTED, passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if serious else dg.AssetCheckSeverity.WARN, description=said or None,
        metadata={name: value for name, value in facts.items() if value is not None},
    )  # fmt: skip


def _rows_judged(
    connection: ConnectionSettings, stream: StreamSettings, rows: int | None, earlier: Sequence[int]
) -> tuple[bool, bool, str]:
    """Whether the number of rows is in order, whether it is an error if not, and what is said about it."""
    if rows is None:
        return False, False, "Airbyte did not tell how many rows arrived, so nothing is known of them"
    if rows == 0 and not stream.may_be_empty:
        what = "no row arrived"
        if connection.mode == "full":
            return False, True, f"{what}: the table is empty now"
        return False, False, f"{what}; where that is in order, declare the stream with may_be_empty: true"
    tolerance = tolerance_of(connection)
    if rows and len(earlier) >= _ENOUGH and (usual := median(earlier)):
        factor = 1 + tolerance
        if not usual / factor <= rows <= usual * factor:
            return False, False, f"{rows:,} rows, where {usual:,.0f} are usual (within {tolerance:.0%})"
    return True, False, ""


def as_event(
    result: dg.MaterializeResult[Any] | dg.AssetCheckResult,
) -> dg.AssetMaterialization | dg.AssetCheckEvaluation:
    """What a connection's own step would yield, as an event of something else about the same asset."""
    key, metadata = result.asset_key or dg.AssetKey([]), dict(result.metadata or {})
    if isinstance(result, dg.MaterializeResult):
        version = result.data_version
        return dg.AssetMaterialization(key, metadata=metadata, tags={_VERSION: version.value} if version else {})
    return dg.AssetCheckEvaluation(
        asset_key=key, check_name=result.check_name or "", passed=result.passed, severity=result.severity,
        description=result.description, metadata=metadata,
    )  # fmt: skip
