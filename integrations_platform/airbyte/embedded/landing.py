"""Rows of a complete stream put into its dataset's partition of the day.

A stream that is read in full is the whole partition; one that is read incrementally is added to what the day has. A row
that is there already, in this partition or in the last one before it, is not landed a second time: sources look back,
and a crash repeats what was read before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from integrations_platform.airbyte.embedded.columns import RAW_ID, Row, frames
from integrations_platform.lake import Lake, Manifest


def land(
    lake: Lake, dataset: str, day: date, rows: Iterable[Row], stream: str, schema: Mapping[str, Any], run_id: str,
    *, incremental: bool,
) -> tuple[Manifest, int]:  # fmt: skip
    """The partition with ``rows`` in it, and how many of them were new. Raises LakeError."""
    if not incremental:
        manifest = lake.write_partition(dataset, day, frames(rows, stream, schema, set()), run_id)
        return manifest, manifest.rows
    seen = lake.manifest(dataset, day)
    earlier = [other for other in lake.days(dataset) if other < day]
    before = lake.manifest(dataset, earlier[-1]) if earlier else None
    known = {identity for manifest in (before, seen) if manifest is not None for identity in _ids(lake, manifest)}
    manifest = lake.append_partition(dataset, day, frames(rows, stream, schema, known), run_id, seen)
    return manifest, manifest.rows - (seen.rows if seen else 0)


def _ids(lake: Lake, manifest: Manifest) -> Iterator[str]:
    """Ids of the rows of a partition; rows that others have written may have none."""
    if RAW_ID not in manifest.schema:
        return
    for frame in lake.frames(manifest, RAW_ID):
        if RAW_ID in frame.columns:  # of NDJSON a file may be without it
            yield from frame[RAW_ID].drop_nulls().to_list()
