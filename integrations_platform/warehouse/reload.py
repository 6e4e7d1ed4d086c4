"""Loads one day of one table so that it is there exactly once, however often and however badly that is tried.

One transaction deletes the day, copies the partition's files and compares what came with what the lake says; anything
that does not agree rolls it back. Nothing relies on what the engine remembers of earlier loads: Snowflake skips files
silently once it has forgotten them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from integrations_platform.warehouse.copy_result import LOADED, CopyResult
from integrations_platform.warehouse.errors import ReloadRefused, WarehouseError
from integrations_platform.warehouse.port import QueryTag, Session, Warehouse
from integrations_platform.warehouse.statement import MOST_FILES, CopyInto
from integrations_platform.warehouse.tables import FILE, LOADED_AT, Table

if TYPE_CHECKING:
    from integrations_platform.lake import Lake, Manifest

FILES_AGREE = "files_agree"
ALL_LOADED = "all_loaded"
ROWS_AGREE = "rows_agree"
NOT_ALL_NULL = "not_all_null"
DAY_COUNT = "day_count"
CHECKS: Mapping[str, str] = {
    FILES_AGREE: "The files that were loaded are those of the partition in the lake, unchanged while it was loading.",
    ALL_LOADED: "Every file is LOADED, with as many rows loaded as it has.",
    ROWS_AGREE: "As many rows were loaded as the lake's manifest says.",
    NOT_ALL_NULL: "Columns were found by name: no file brought rows of nothing but NULL.",
    DAY_COUNT: "The table holds for this day exactly the rows that were loaded.",
}
"""What must hold before a load is committed, by name."""


class Disagreement(ReloadRefused):
    """A check that does not hold; ``check`` is its name."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


@dataclass(frozen=True)
class Reloaded:
    """A day that was loaded and committed. ``statement`` is redacted; ``query_id`` is that of the COPY."""

    table: str
    day: date
    kind: str
    location: str
    files: int
    bytes: int
    rows_loaded: int
    rows_deleted: int
    statement: str
    query_id: str
    content: str
    columns_missing: tuple[str, ...]


def plan_copy(table: Table, lake: Lake, manifest: Manifest) -> CopyInto:
    """The COPY that loads a partition: it names the manifest's files, so that leftovers beside them are not loaded."""
    files = tuple(file.name for file in manifest.files) if len(manifest.files) <= MOST_FILES else ()
    location = lake.location(manifest.dataset, manifest.day)
    return table.copy(location, files, lake.address.location(""))


def reload_day(
    table: Table,
    lake: Lake,
    warehouse: Warehouse,
    day: date,
    run_id: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Reloaded:
    """Replace the day in the table by the lake's partition.

    Raises ReloadRefused (Disagreement where a check failed), CopyError, WarehouseError and LakeError; the table is then
    as it was before.
    """
    manifest = _manifest(table, lake, day)
    _same_listing(lake, manifest, "since its manifest was written")
    missing = _missing_columns(table, manifest)
    statement = plan_copy(table, lake, manifest)
    result, deleted = CopyResult(()), 0
    with warehouse.open(QueryTag(run_id, f"warehouse/{table.name}", day.isoformat())) as session:
        session.create_table(table.target, table.columns)
        if table.stamped:
            session.create_table(table.staging, table.loaded, temporary=True)
        try:
            with session.transaction():
                deleted = _delete(session, table, day)
                if manifest.files:
                    result = session.copy(statement)
                    _reconcile(result, manifest)
                    if table.stamped:
                        _stamp(session, table, day, now())
                _judge_rows(session, table, day, manifest)
                _same_listing(lake, manifest, "while it was loading")
        finally:
            if table.stamped:
                with suppress(WarehouseError):  # what went wrong before is what matters, and it is made anew each time
                    session.execute(f"DROP TABLE IF EXISTS {table.staging.sql}")
    return Reloaded(
        table.name,
        day,
        warehouse.kind,
        statement.location,
        len(result.files),
        manifest.bytes,
        result.rows_loaded,
        deleted,
        statement.redacted() if manifest.files else "",
        result.query_id,
        manifest.content,
        missing,
    )


def _manifest(table: Table, lake: Lake, day: date) -> Manifest:
    manifest = lake.manifest(table.dataset.name, day)
    if manifest is None:
        raise ReloadRefused(
            f"there is no partition {day} of dataset {table.dataset.name} in the lake; nothing was loaded or "
            f"deleted; materialise lake/{table.dataset.name} for that day first"
        )
    return manifest


def _same_listing(lake: Lake, manifest: Manifest, when: str) -> None:
    """Raise Disagreement unless the lake holds the manifest's files as they were."""
    listed = {item.key: item for item in lake.listing(manifest.dataset, manifest.day)}
    changed = [
        file.name
        for file in manifest.files
        if file.key not in listed or (listed[file.key].etag, listed[file.key].size) != (file.etag, file.size)
    ]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise Disagreement(
            FILES_AGREE,
            f"file {changed[0]}{more} of {manifest.dataset}, {manifest.day}, was rewritten or removed {when}; nothing "
            f"was loaded. Materialise lake/{manifest.dataset} for that day, then this again",
        )
    known = {file.key for file in manifest.files}
    strangers = [key for key, item in listed.items() if key not in known and item.size]
    if len(manifest.files) > MOST_FILES and strangers:
        raise Disagreement(
            FILES_AGREE,
            f"{len(strangers):,} files lie beside the {len(manifest.files):,} of {manifest.dataset}, {manifest.day}: "
            f"too many to name each, and {strangers[0]} would be loaded with them. Compact the partition, or remove it",
        )


def _missing_columns(table: Table, manifest: Manifest) -> tuple[str, ...]:
    """Declared columns that no file has; they are NULL. Raises Disagreement when that cannot be meant."""
    if not table.by_name or not manifest.files:
        return ()
    there = {name.upper() for name in manifest.schema}
    wanted = [*table.declared, *(() if table.stamped else (table.day_column,))]
    missing = tuple(name for name in wanted if name.upper() not in there)
    exact = manifest.format != "ndjson"  # a key that no record has today is in order in JSON
    day_missing = not table.stamped and table.day_column in missing
    if len(missing) == len(wanted) or (missing and exact) or day_missing:
        raise Disagreement(
            NOT_ALL_NULL,
            f"the files of {manifest.dataset}, {manifest.day}, have no column {', '.join(missing[:5])}; they have "
            f"{', '.join(list(manifest.schema)[:20])}. Correct warehouse.tables.{table.name}.columns, or the files",
        )
    return missing


def _delete(session: Session, table: Table, day: date) -> int:
    answer = session.execute(f"DELETE FROM {table.target.sql} WHERE {table.day_column} = CAST(? AS DATE)", [str(day)])
    return max(answer.affected, 0)


def _stamp(session: Session, table: Table, day: date, now: datetime) -> None:
    taken = [name for name in table.loaded if name not in (LOADED_AT,)]
    moment = now.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    session.execute(
        f"INSERT INTO {table.target.sql} ({', '.join(taken)}, {table.day_column}, {LOADED_AT}) "
        f"SELECT {', '.join(taken)}, CAST(? AS DATE), CAST(? AS TIMESTAMP_NTZ) FROM {table.staging.sql}",
        [str(day), moment],
    )


def _reconcile(result: CopyResult, manifest: Manifest) -> None:
    """Raise Disagreement unless the COPY says of every file of the manifest that all of it was loaded.

    Names are compared from the dataset's folder on: engines spell what stands before it in their own ways.
    """
    folder = f"{manifest.dataset}/date={manifest.day.isoformat()}/"
    said = [item.file[at:] if (at := item.file.rfind(folder)) >= 0 else item.file for item in result.files]
    expected = sorted(folder + file.name for file in manifest.files)
    if sorted(said) != expected:
        what = _difference(expected, said)
        raise Disagreement(FILES_AGREE, f"{manifest.dataset}, {manifest.day}: {what}; the load was rolled back")
    for item in result.files:
        if item.status != LOADED or item.rows_loaded != item.rows_parsed:
            reason = f": {item.first_error}" if item.first_error else ""
            raise Disagreement(
                ALL_LOADED,
                f"{item.file} is {item.status}, {item.rows_loaded:,} of {item.rows_parsed:,} rows loaded{reason}; the "
                "load was rolled back",
            )
    if result.rows_loaded != manifest.rows:
        raise Disagreement(
            ROWS_AGREE,
            f"{manifest.dataset}, {manifest.day}: {result.rows_loaded:,} rows were loaded, the lake's manifest says "
            f"{manifest.rows:,}; the load was rolled back. Materialise lake/{manifest.dataset} again if files changed",
        )


def _difference(expected: Sequence[str], said: Sequence[str]) -> str:
    absent = [name for name in expected if name not in set(said)]
    extra = [name for name in said if name not in set(expected)]
    if absent:
        return f"{len(absent):,} of {len(expected):,} files were not loaded, the first is {absent[0]}"
    return f"{extra[0] if extra else 'a file'} was loaded and is not in the manifest, or was loaded twice"


def _judge_rows(session: Session, table: Table, day: date, manifest: Manifest) -> None:
    """Raise Disagreement unless the day has the manifest's rows, with something in them."""
    if table.by_name:
        empty = " AND ".join(f"{name} IS NULL" for name in table.declared)
        rows = session.execute(
            f"SELECT {FILE}, COUNT(*) FROM {table.target.sql} WHERE {table.day_column} = CAST(? AS DATE) "
            f"GROUP BY {FILE} HAVING COUNT(*) = SUM(CASE WHEN {empty} THEN 1 ELSE 0 END) ORDER BY {FILE} LIMIT 1",
            [str(day)],
        ).rows
        if rows:
            raise Disagreement(
                NOT_ALL_NULL,
                f"all {int(rows[0][1]):,} rows of {rows[0][0]} have NULL in every column: none was found by its name. "
                f"The load was rolled back; correct warehouse.tables.{table.name}.columns to what the file calls them",
            )
    found = _count(session, table, day)
    if found != manifest.rows:
        column = "" if table.stamped else f" Do all rows hold the day in column {table.day_column}?"
        raise Disagreement(
            DAY_COUNT,
            f"{table.target.sql} would hold {found:,} rows of {day}, the lake {manifest.rows:,}; the load was rolled "
            f"back.{column}",
        )


def _count(session: Session, table: Table, day: date) -> int:
    answer = session.execute(
        f"SELECT COUNT(*) FROM {table.target.sql} WHERE {table.day_column} = CAST(? AS DATE)", [str(day)]
    )
    return int(answer.rows[0][0])
