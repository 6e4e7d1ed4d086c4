"""JSON files: a document on each line that is not blank, read as text and cast only by the table's columns."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from integrations_platform.warehouse.copying.readers import (
    BadRow,
    Named,
    NotObjectsError,
    Unreadable,
    fetch,
    is_gzip,
    one_line,
    quoted,
    text,
    verify_gzip,
)
from integrations_platform.warehouse.file_format import JsonFormat

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MARK = b"\xef\xbb\xbf"


class JsonReader:
    """A file of JSON lines, or one array over many lines if outer arrays are stripped."""

    documents = True

    def __init__(
        self, connection: DuckDBPyConnection, path: Path, file_format: JsonFormat, scratch: Path, *, check: bool = True
    ) -> None:
        """``scratch``: a folder for a copy without bad lines. Raises Unreadable."""
        self._connection, self._path, self._format, self._scratch = connection, path, file_format, scratch
        self._gzip = is_gzip(path, file_format.compression)
        self._lines: Sequence[int] | None = None
        self._array = False
        self.bad: Sequence[BadRow] = ()
        if check and self._gzip:
            verify_gzip(path)

    @property
    def _documents(self) -> str:
        packed = text("gzip" if self._gzip else "none")
        place = f"{text(str(self._path))}, hive_partitioning=false, compression={packed}"
        if self._array:
            return f"(SELECT json AS \"$1\" FROM read_json_objects({place}, format='array'))"
        if not self._format.strip_outer_array:
            return f'(SELECT json AS "$1" FROM read_ndjson_objects({place}))'
        stripped = "unnest(CASE WHEN json_type(json) = 'ARRAY' THEN json_extract(json, '$[*]') ELSE [json] END)"
        return f'(SELECT {stripped} AS "$1" FROM read_ndjson_objects({place}))'

    def names(self) -> Sequence[Named]:
        """The union of the keys of all documents. Raises DuckDB's error when one does not parse, NotObjectsError when
        one has no keys."""
        # An empty object and what is no object both have no keys; only then the kinds are looked at.
        keys = 'json_keys("$1")'
        listed = f"SELECT DISTINCT unnest(CASE WHEN len({keys}) > 0 THEN {keys} ELSE [NULL] END) FROM {self._documents}"
        found = [row[0] for row in fetch(self._connection, listed)]
        if None in found:
            other = f"SELECT count(*) FROM {self._documents} WHERE json_type(\"$1\") <> 'OBJECT'"
            if fetch(self._connection, other)[0][0]:
                raise NotObjectsError
        return [Named(key, "VARCHAR") for key in sorted(key for key in found if key is not None)]

    def by_name(self, wanted: Sequence[Named]) -> str:
        """Columns by key."""
        if self._array or self._format.strip_outer_array or not wanted:
            said = [
                f'("$1" {"->" if item.type == "JSON" else "->>"} {text(_pointer(item.name))}) AS {quoted(item.name)}'
                for item in wanted
            ]
            return f"(SELECT {', '.join(said) or '1'} FROM {self._documents})"
        columns = ", ".join(f"{text(item.name)}: {text(item.type)}" for item in wanted)
        return (
            f"read_json({text(str(self._path))}, format='newline_delimited', records=true, columns={{{columns}}}, "
            f"hive_partitioning=false, compression={text('gzip' if self._gzip else 'none')})"
        )

    def by_position(self, count: int) -> tuple[str, Sequence[Named]]:  # noqa: ARG002  a document is one column
        """The documents as `$1`."""
        return self._documents, [Named("$1", "JSON")]

    def repaired(self, fault: Exception) -> JsonReader:
        """A copy of the file without the lines that are no JSON, or are no object where keys are wanted."""
        if self._lines is not None or self._array:
            raise Unreadable(one_line(fault, self._path)) from None
        if self._format.strip_outer_array and self._is_one_array():
            return self._like(self._path, None, (), array=True)
        good: list[int] = []
        bad: list[BadRow] = []
        copy = self._scratch / "good.ndjson"
        with copy.open("wb") as out:
            for number, line in self._numbered():
                message = _fault_of(line, objects=isinstance(fault, NotObjectsError))
                if message is None:
                    good.append(number)
                    out.write(line + b"\n")
                else:
                    bad.append(BadRow(number, message))
        return self._like(copy, good, bad)

    def line_of(self, row: int) -> int:
        """The line of a document; of an array over many lines, the number of the element."""
        if self._array or self._format.strip_outer_array:
            return row + 1
        if self._lines is not None:
            return self._lines[row]
        return next((number for at, (number, _) in enumerate(self._numbered()) if at == row), row + 1)

    def _like(
        self, path: Path, lines: Sequence[int] | None, bad: Sequence[BadRow], *, array: bool = False
    ) -> JsonReader:
        other = JsonReader(self._connection, path, self._format, self._scratch, check=False)
        other._gzip = self._gzip and path == self._path
        other._lines, other.bad, other._array = lines, bad, array
        return other

    def _is_one_array(self) -> bool:
        with gzip.open(self._path) if self._gzip else self._path.open("rb") as stream:
            first = next((line.strip() for line in stream if line.strip()), b"").removeprefix(_MARK)
        return first.startswith(b"[") and _fault_of(first, objects=False) is not None

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        """Lines that are not blank, with their numbers."""
        with gzip.open(self._path) if self._gzip else self._path.open("rb") as stream:
            for number, raw in enumerate(stream, 1):
                line = raw.strip().removeprefix(_MARK if number == 1 else b"")
                if line:
                    yield number, line


def _fault_of(line: bytes, *, objects: bool) -> str | None:
    """Why a line cannot be loaded; None when it can."""
    try:
        # A duplicate key is an error in Snowflake, too.
        document = json.loads(line.decode(), parse_constant=_no_number, object_pairs_hook=_once)
    except UnicodeDecodeError as fault:
        return f"Error parsing JSON: invalid UTF-8 at byte {fault.start + 1}"
    except RecursionError:
        return "Error parsing JSON: nested too deeply"
    except json.JSONDecodeError as fault:
        return f"Error parsing JSON: {fault.msg} at character {fault.pos + 1}"
    except ValueError as fault:
        return f"Error parsing JSON: {fault}"
    if objects and not isinstance(document, dict):
        return "the document is no object, so it has no columns to load by name"
    return None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"duplicate object attribute {twice!r}")
    return found


def _pointer(key: str) -> str:
    """The path of a top-level key, whatever characters it has."""
    return "/" + key.replace("~", "~0").replace("/", "~1")
