"""Parquet files: columns have types of their own, and are cast only where the table has another one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from integrations_platform.warehouse.copying.readers import BadRow, Named, Unreadable, fetch, one_line, quoted, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class ParquetReader:
    """A Parquet file. It is intact or not; there are no bad rows but those that do not fit the table."""

    documents = False
    bad: Sequence[BadRow] = ()

    def __init__(self, connection: DuckDBPyConnection, path: Path) -> None:
        self._connection, self._path = connection, path
        self._scan = f"read_parquet({text(str(path))}, hive_partitioning=false)"

    def names(self) -> Sequence[Named]:
        """The columns of its schema."""
        return [Named(row[0], row[1]) for row in fetch(self._connection, f"DESCRIBE SELECT * FROM {self._scan}")]

    def by_name(self, wanted: Sequence[Named]) -> str:
        """Columns of its schema."""
        said = ", ".join(quoted(item.name) for item in wanted) or "1"
        return f"(SELECT {said} FROM {self._scan})"

    def by_position(self, count: int) -> tuple[str, Sequence[Named]]:  # noqa: ARG002  a row is one object
        """Each row as a JSON object in `$1`."""
        return f'(SELECT to_json(whole) AS "$1" FROM {self._scan} AS whole)', [Named("$1", "JSON")]

    def repaired(self, fault: Exception) -> NoReturn:
        """Raise Unreadable: a part of a Parquet file proves nothing about the rest."""
        raise Unreadable(one_line(fault, self._path)) from None

    def line_of(self, row: int) -> int:
        """The number of the row."""
        return row + 1
