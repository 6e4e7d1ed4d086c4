"""What was loaded before: the embedded engine's counterpart of Snowflake's load metadata.

Kept in a schema of the target's own database, so that it is written and rolled back with the rows it tells of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from integrations_platform.warehouse.copy_result import LOADED, PARTIALLY_LOADED, FileResult
from integrations_platform.warehouse.copying.files import SourceFile
from integrations_platform.warehouse.copying.readers import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from sqlglot import exp

SCHEMA = "integrations_load"
EXPIRES = timedelta(days=64)
_COLUMNS = (
    "table_schema VARCHAR, table_name VARCHAR, file VARCHAR, etag VARCHAR, size BIGINT, loaded_at TIMESTAMP, "
    "status VARCHAR, rows_parsed BIGINT, rows_loaded BIGINT, errors_seen BIGINT, first_error VARCHAR"
)


class History:
    """The load history of one table; names are compared without regard to case."""

    def __init__(self, connection: DuckDBPyConnection, table: tuple[str, ...]) -> None:
        self._connection = connection
        self._database, self._key = table[0], (table[1].upper(), table[2].upper())
        self._place = f"{quoted(self._database)}.{SCHEMA}.history"

    def loaded(self, files: Sequence[SourceFile], now: datetime) -> set[str]:
        """Names of those files that were loaded within 64 days as they are now."""
        if not files or not self._exists():
            return set()
        rows = self._connection.execute(
            f"SELECT file, etag FROM {self._place} WHERE table_schema = ? AND table_name = ? AND loaded_at > ?",
            [*self._key, _naive(now - EXPIRES)],
        ).fetchall()
        seen = set(rows)
        return {item.name for item in files if (item.name, item.etag) in seen}

    def record(self, results: Mapping[str, FileResult], files: Sequence[SourceFile], now: datetime) -> None:
        """Remember what came into the table."""
        rows = [
            (*self._key, item.name, item.etag, item.size, _naive(now), result.status, result.rows_parsed,
             result.rows_loaded, result.errors_seen, result.first_error)
            for item in files
            if (result := results[item.name]).status in (LOADED, PARTIALLY_LOADED)
        ]  # fmt: skip
        if not rows:
            return
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self._database)}.{SCHEMA}")
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {self._place} ({_COLUMNS})")
        places = f"({', '.join('?' * len(rows[0]))})"
        self._connection.execute(
            f"INSERT INTO {self._place} VALUES {', '.join([places] * len(rows))}",
            [cell for row in rows for cell in row],
        )

    def clear(self) -> None:
        """Forget everything about the table: it was truncated, dropped or replaced."""
        if self._exists():
            self._connection.execute(
                f"DELETE FROM {self._place} WHERE table_schema = ? AND table_name = ?", [*self._key]
            )

    def _exists(self) -> bool:
        row = self._connection.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE lower(database_name) = lower(?) AND schema_name = ? "
            "AND table_name = 'history'",
            [self._database, SCHEMA],
        ).fetchone()
        return bool(row and row[0])


def cleared_tables(statement: exp.Expr) -> list[tuple[str, ...]]:
    """Tables whose history a statement ends: by TRUNCATE, DROP or CREATE OR REPLACE."""
    from sqlglot import exp

    found: list[exp.Expr | None] = []
    if isinstance(statement, exp.TruncateTable):
        found = statement.expressions
    elif isinstance(statement, exp.Drop) and statement.kind == "TABLE":
        found = [statement.this, *(statement.args.get("tables") or ())]
    elif isinstance(statement, exp.Create) and statement.kind == "TABLE" and statement.args.get("replace"):
        found = [statement.this.this if isinstance(statement.this, exp.Schema) else statement.this]
    tables = [item for item in found if isinstance(item, exp.Table)]
    return [tuple(part.name for part in table.parts) for table in tables]


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
