"""Delimited text: every field is text until a column of the table casts it."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from integrations_platform.warehouse.copying.readers import (
    BadRow,
    Named,
    Unreadable,
    fetch,
    is_gzip,
    one_line,
    quoted,
    text,
    verify_gzip,
)
from integrations_platform.warehouse.file_format import CsvFormat

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class CsvReader:
    """A file of delimited text. A row with another number of fields than columns is bad, if that is an error at all."""

    documents = False

    def __init__(
        self, connection: DuckDBPyConnection, path: Path, file_format: CsvFormat, *, check: bool = True
    ) -> None:
        """Raises Unreadable."""
        self._connection, self._path, self._format = connection, path, file_format
        self._gzip = is_gzip(path, file_format.compression)
        self._tolerant = False
        self._width: int | None = None
        self.bad: Sequence[BadRow] = ()
        if check and self._gzip:
            verify_gzip(path)
        self._header = self._read_header() if file_format.parse_header else ()

    def names(self) -> Sequence[Named]:
        """The columns of the header."""
        return [Named(name, "VARCHAR") for name in self._header]

    def by_name(self, wanted: Sequence[Named]) -> str:
        """Columns by the names of the header."""
        at = {name: number for number, name in enumerate(self._header, 1)}
        said = [f"{self._value(at[item.name])} AS {quoted(item.name)}" for item in wanted]
        return f"(SELECT {', '.join(said) or '1'} FROM {self._rows(len(self._header))})"

    def by_position(self, count: int) -> tuple[str, Sequence[Named]]:
        """`$1` to the ``count``-th."""
        said = ", ".join(f'{self._value(number)} AS "${number}"' for number in range(1, count + 1))
        return f"(SELECT {said} FROM {self._rows(count)})", [
            Named(f"${number}", "VARCHAR") for number in range(1, count + 1)
        ]

    def repaired(self, fault: Exception) -> CsvReader:
        """The same file without the rows that have too few or too many fields, or a broken quote."""
        if self._tolerant or self._width is None:
            raise Unreadable(one_line(fault, self._path)) from None
        other = CsvReader(self._connection, self._path, self._format, check=False)
        other._tolerant = True
        rejects = "store_rejects=true, rejects_table='rejected_rows', rejects_scan='rejected_scans', rejects_limit=0"
        try:
            fetch(self._connection, f"SELECT count(*) FROM {self._scan(self._width, rejects)}")
            rows = fetch(
                self._connection,
                "SELECT line, min(error_message), min(column_name) FROM rejected_rows GROUP BY line ORDER BY line",
            )
        finally:
            for table in ("rejected_rows", "rejected_scans"):
                self._connection.execute(f"DROP TABLE IF EXISTS {table}")
        if not rows:
            raise Unreadable(one_line(fault, self._path)) from None
        other.bad = [BadRow(int(line), str(message)) for line, message, _ in rows]
        return other

    def line_of(self, row: int) -> int:
        """The line, counted in records: one field may span lines."""
        line = row + 1 + self._skipped
        for item in self.bad:
            if item.line <= line:
                line += 1
        return line

    @property
    def _skipped(self) -> int:
        return 1 if self._format.parse_header else self._format.skip_header

    def _value(self, number: int) -> str:
        column = f'"${number}"'
        value = f"trim({column})" if self._format.trim_space else column
        if not self._format.null_if:
            return value
        nulls = ", ".join(text(item) for item in self._format.null_if)
        return f"CASE WHEN {value} IN ({nulls}) THEN NULL ELSE {value} END"

    def _rows(self, count: int) -> str:
        self._width = count
        return self._scan(count, "ignore_errors=true" if self._tolerant else "")

    def _scan(self, count: int, more: str) -> str:
        form = self._format
        if not form.error_on_column_count_mismatch:
            # What is missing is NULL; what is surplus must be a column to be left out.
            count = max(count, self._widest())
            more = ", ".join(filter(None, (more, "null_padding=true")))
        columns = ", ".join(f"'${number}': 'VARCHAR'" for number in range(1, max(count, 1) + 1))
        quote = text(form.field_optionally_enclosed_by or "")
        options = [
            text(str(self._path)),
            "auto_detect=false, header=false, hive_partitioning=false, strict_mode=true, allow_quoted_nulls=false",
            f"skip={self._skipped}",
            f"delim={text(form.field_delimiter)}",
            f"quote={quote}",
            f"escape={text(form.escape) if form.escape else quote}",
            f"nullstr={text('') if form.empty_field_as_null else text(chr(0x1A) + 'never')}",
            f"compression={text('gzip' if self._gzip else 'none')}",
            f"columns={{{columns}}}",
            more,
        ]
        return f"read_csv({', '.join(filter(None, options))})"

    def _widest(self) -> int:
        """At least as many fields as any row has."""
        with self._open() as stream:
            return max((line.count(self._format.field_delimiter) + 1 for line in stream), default=1)

    def _read_header(self) -> Sequence[str]:
        form = self._format
        with self._open() as stream:
            if len(form.field_delimiter) > 1:
                header = next(iter(stream), "").rstrip("\r\n").split(form.field_delimiter)
            else:
                quote = form.field_optionally_enclosed_by
                reader = (
                    csv.reader(stream, delimiter=form.field_delimiter, quotechar=quote)
                    if quote
                    else csv.reader(stream, delimiter=form.field_delimiter, quoting=csv.QUOTE_NONE)
                )
                header = next(reader, [])
        names = [name.strip() for name in header]
        if not names or "" in names:
            raise Unreadable("the header has a column without a name" if names else "the file has no header")
        return names

    @contextmanager
    def _open(self) -> Iterator[TextIO]:
        with gzip.open(self._path, "rb") if self._gzip else self._path.open("rb") as raw:
            try:
                yield io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            except UnicodeDecodeError:
                raise Unreadable("the file is no UTF-8") from None
