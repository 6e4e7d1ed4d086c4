"""What the readers of the formats have in common: rows as an SQL relation, and a way to go on without the bad ones.

A reader never guesses a type and never sees a partition in a path. It raises :class:`Unreadable` for a file that is no
file of its format, and lets DuckDB's error through for one that has bad rows, which :meth:`Reader.repaired` finds.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from integrations_platform.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class Named:
    """A column of a file: its name there and the type of its values; JSON also as the text of a JSON value."""

    name: str
    type: str


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be loaded. ``line``: in the file, from 1, the lines of a header included."""

    line: int
    message: str
    column: str | None = None


class Unreadable(WarehouseError):  # noqa: N818
    """A file that no row of can be trusted: cut off, of another format, or compressed otherwise."""


class NotObjectsError(Exception):
    """A document has no keys where keys are wanted; the reader can go on without it."""


class Reader(Protocol):
    """One file of a COPY. ``documents``: its values are JSON, and can be had as such instead of as text."""

    documents: bool
    bad: Sequence[BadRow]
    """Rows that are left out of the relation because they do not parse."""

    def names(self) -> Sequence[Named]:
        """All columns that any row has, for loads by name."""

    def by_name(self, wanted: Sequence[Named]) -> str:
        """A relation with these columns, one row for each record."""

    def by_position(self, count: int) -> tuple[str, Sequence[Named]]:
        """A relation of `$1`, or for delimited text `$1` to the ``count``-th, and its columns."""

    def repaired(self, fault: Exception) -> Reader:
        """The same file without the rows that do not parse. Raises Unreadable when that is not what was wrong."""

    def line_of(self, row: int) -> int:
        """The line of the ``row``-th row of a relation, from 0."""


def quoted(name: str) -> str:
    """An identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal for DuckDB, where a backslash is itself."""
    return "'" + value.replace("'", "''") + "'"


def is_gzip(path: Path, compression: str) -> bool:
    """Whether the file counts as compressed: as declared, or by its name."""
    return compression == "GZIP" or (compression == "AUTO" and path.suffix == ".gz")


def verify_gzip(path: Path) -> None:
    """Raise Unreadable unless the file unpacks to its end with the right checksum, which DuckDB does not compare."""
    try:
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass
    except EOFError:
        raise Unreadable("the file ends early: its gzip stream is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as fault:
        raise Unreadable(f"the file is no intact gzip: {fault}") from None


def one_line(fault: Exception, path: Path) -> str:
    """DuckDB's words without the place on this machine."""
    lines = [line.strip() for line in str(fault).replace(str(path), "the file").splitlines() if line.strip()]
    return lines[0][:300] if lines else type(fault).__name__


def fetch(connection: DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return rows
