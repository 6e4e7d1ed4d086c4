"""A partition of the lake as Dagster metadata, and the answers of its checks.

Numbers stand under keys that stay the same, so that the UI plots them; the size of the last partitions is drawn as
text, which needs no script and no picture from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs.reporting import ROWS, table
from integrations_platform.settings_lake import DatasetSettings

if TYPE_CHECKING:
    from polars import DataFrame

    from integrations_platform.lake import Manifest
    from integrations_platform.lake.judging import Finding

NOT_EMPTY = "not_empty"
ON_TIME = "on_time"
SCHEMA_AS_BEFORE = "schema_as_before"
VOLUME_AS_USUAL = "volume_as_usual"
PLOTTED = 30  # partitions
_BAR = 40  # characters of the longest bar


def check_specs(dataset: DatasetSettings, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks that a landing step answers."""
    volume = dataset.volume
    compared = "days of the same weekday among the" if volume.same_weekday else "the"
    described = {
        NOT_EMPTY: "The partition has rows. A failure stops what loads it."
        if not dataset.may_be_empty
        else "The partition was written; days without rows are in order.",
        ON_TIME: f"The newest day that is due is there: {dataset.late_after_hours:g} hours after its end (UTC).",
        SCHEMA_AS_BEFORE: "Columns and types are those of the previous partition. New columns warn; gone or changed "
        "ones are an error.",
        VOLUME_AS_USUAL: f"The number of rows is within {volume.tolerance:.0%} of the median of {compared} "
        f"{volume.days} days before.",
    }
    return [
        dg.AssetCheckSpec(name, asset=key, description=text, blocking=name == NOT_EMPTY)
        for name, text in described.items()
    ]


def check_result(name: str, key: dg.AssetKey, findings: Mapping[str, Finding]) -> dg.AssetCheckResult:
    """The answer of one check for one day or many; ``findings`` by day. The first that fails is described."""
    failed = {day: finding for day, finding in findings.items() if not finding.passed}
    shown = next(iter((failed or findings).items()))
    metadata: dict[str, Any] = dict(shown[1].facts)
    if len(findings) > 1:
        metadata = {"days": len(findings), "days_failed": len(failed)}
        if failed:
            metadata["failed"] = table({"day": day, "what": item.what} for day, item in list(failed.items())[:ROWS])
    serious = any(finding.serious for finding in failed.values())
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if serious else dg.AssetCheckSeverity.WARN,
        description=f"{shown[0]}: {shown[1].what}",
        metadata=metadata,
    )


def partition_metadata(
    manifest: Manifest, uri: str, sample: DataFrame | None, around: Mapping[date, Manifest]
) -> dict[str, Any]:
    """What a partition is. ``around``: manifests by day, of which those up to this day are plotted."""
    columns = [dg.TableColumn(name, type=kind) for name, kind in manifest.schema.items()]
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": manifest.rows,
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "files": len(manifest.files),
        "dagster/uri": uri,
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "content": manifest.content,
        "source": manifest.source,
        "written_at": manifest.written_at.isoformat(timespec="seconds"),
        "written_by_run": manifest.run_id or "–",
        "sizes": sizes([around[day] for day in sorted(around) if day <= manifest.day][-PLOTTED:]),
        "look_further": dg.MetadataValue.md(f"`integrations lake show {manifest.dataset} {manifest.day}`"),
    }
    if sample is not None and sample.height:
        metadata["sample"] = table({name: _cell(cell) for name, cell in row.items()} for row in sample.to_dicts())
    return metadata


def sizes(manifests: Sequence[Manifest]) -> dg.MetadataValue[Any]:
    """Rows and bytes of partitions as bars of text."""
    most = max((item.rows for item in manifests), default=0) or 1
    lines = [
        f"{item.day}  {'█' * max(round(_BAR * item.rows / most), 1 if item.rows else 0):<{_BAR}}  "
        f"{item.rows:>12,} rows  {item.bytes / 1e6:>9,.2f} MB"
        for item in manifests
    ]
    return dg.MetadataValue.md("```\n" + "\n".join(lines) + "\n```")


def _cell(value: Any) -> str:
    return "–" if value is None else str(value)
