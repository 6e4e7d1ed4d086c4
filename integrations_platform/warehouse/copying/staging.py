"""Brings one file into a table of its own, before anything reaches the target: good rows cast, bad rows found.

Owns the rule that a file is looked at whole before a row of it counts. The tables live in a database in memory that
another connection fills, because an error in DuckDB would end the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from integrations_platform.warehouse.copying.files import SourceFile
from integrations_platform.warehouse.copying.projection import ROW_NUMBER, Projection, Value
from integrations_platform.warehouse.copying.readers import (
    BadRow,
    NotObjectsError,
    Reader,
    Unreadable,
    fetch,
    one_line,
    quoted,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_KINDS = (
    ("DECIMAL", "Numeric value"), ("TIMESTAMP", "Timestamp"), ("DATE", "Date"), ("TIME", "Time"),
    ("BOOLEAN", "Boolean value"), ("JSON", "JSON value"),
)  # fmt: skip


@dataclass(frozen=True)
class Staged:
    """A file, looked at. ``table``: holds its good rows, with the target's columns; None when it cannot be read."""

    file: SourceFile
    table: str | None
    parsed: int
    good: int
    bad: tuple[BadRow, ...]
    bad_rows: int

    @property
    def select(self) -> str:
        """The good rows."""
        return f'SELECT * EXCLUDE ("%bad") FROM {self.table} WHERE NOT "%bad"'


def stage(
    connection: DuckDBPyConnection,
    file: SourceFile,
    path: Path,
    reader: Reader,
    plan: Callable[[Reader], Projection],
    table: str,
) -> Staged:
    """Fill ``table`` with the rows of ``file`` as ``plan`` projects them. Raises what ``plan`` raises."""
    import duckdb

    try:
        try:
            projection = plan(reader)
            _fill(connection, projection, table)
        except (duckdb.Error, NotObjectsError) as fault:
            reader = reader.repaired(fault)
            projection = plan(reader)
            try:
                _fill(connection, projection, table)
            except duckdb.Error as again:
                raise Unreadable(one_line(again, path)) from None
    except Unreadable as fault:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        return Staged(file, None, 0, 0, (BadRow(0, fault.message),), 1)
    rows, unfit, first = fetch(
        connection, f'SELECT count(*), count(*) FILTER ("%bad"), min(rowid) FILTER ("%bad") FROM {table}'
    )[0]
    bad = list(reader.bad)
    if unfit:
        bad.append(_diagnosed(connection, projection, reader, first))
    bad.sort(key=lambda item: item.line)
    return Staged(file, table, rows + len(reader.bad), rows - unfit, tuple(bad), unfit + len(reader.bad))


def _fill(connection: DuckDBPyConnection, projection: Projection, table: str) -> None:
    said = [f"{value.cast} AS {quoted(value.column.name)}" for value in projection.values]
    faults = [value.fault for value in projection.values if value.fault is not None]
    relation = projection.relation
    if any(ROW_NUMBER in value.sql for value in projection.values):
        relation = f"(SELECT *, row_number() OVER () AS {ROW_NUMBER} FROM {relation})"
    bad = " OR ".join(f"({fault})" for fault in faults) or "false"
    connection.execute(f'CREATE TABLE {table} AS SELECT {", ".join(said)}, ({bad}) AS "%bad" FROM {relation}')


def _diagnosed(connection: DuckDBPyConnection, projection: Projection, reader: Reader, row: int) -> BadRow:
    """What is wrong with a row, in Snowflake's words."""
    doubtful = [value for value in projection.values if value.fault is not None]
    asked = ", ".join(f"({value.fault}), ({value.sql})::VARCHAR" for value in doubtful)
    relation = f"(SELECT *, 0 AS {ROW_NUMBER} FROM {projection.relation})"
    found = fetch(connection, f"SELECT {asked} FROM {relation} LIMIT 1 OFFSET {int(row)}")[0]
    for at, value in enumerate(doubtful):
        if found[2 * at]:
            return BadRow(reader.line_of(row), _message(value, found[2 * at + 1]), value.column.name)
    return BadRow(reader.line_of(row), "the row does not fit the table")


def _message(value: Value, seen: str | None) -> str:
    if seen is None:
        return f"NULL result in a non-nullable column {value.column.name}"
    kind = next((word for prefix, word in _KINDS if value.column.type.startswith(prefix)), "Numeric value")
    shown = seen if len(seen) <= 60 else f"{seen[:59]}…"
    return f"{kind} '{shown}' is not recognized"
