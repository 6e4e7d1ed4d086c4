"""Carries out a COPY INTO on a DuckDB connection: what Snowflake does without an account, from the same text.

Owns the order of things: all files are found and looked at first, and rows reach the table by one statement, only when
the load as a whole will succeed. It opens no store by itself and never commits a transaction that it did not begin.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from integrations_platform.warehouse.copy_result import (
    LOAD_FAILED,
    LOAD_SKIPPED,
    LOADED,
    PARTIALLY_LOADED,
    CopyResult,
    FileResult,
)
from integrations_platform.warehouse.copying.csv_reader import CsvReader
from integrations_platform.warehouse.copying.files import OpenStore, SourceFile, find_files, on_disk, told
from integrations_platform.warehouse.copying.history import History
from integrations_platform.warehouse.copying.json_reader import JsonReader
from integrations_platform.warehouse.copying.parquet_reader import ParquetReader
from integrations_platform.warehouse.copying.parsed import OnError, ParsedCopy, parse_copy
from integrations_platform.warehouse.copying.projection import Column, Projection, by_position, match_by_name
from integrations_platform.warehouse.copying.readers import BadRow, Reader, Unreadable, fetch, quoted
from integrations_platform.warehouse.copying.staging import Staged, stage
from integrations_platform.warehouse.errors import CopyError, StatementError
from integrations_platform.warehouse.file_format import CsvFormat, FileFormat, JsonFormat, read_format
from integrations_platform.warehouse.statement import MatchBy

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class StageTarget:
    """What a stage stands for: a URL, and its own file format as options by upper-case name."""

    url: str
    format_options: Mapping[str, Any] = field(default_factory=dict)


class Names(Protocol):
    """Resolves names that only a warehouse knows. Both raise StatementError for an unknown one."""

    def stage(self, name: str) -> StageTarget:
        """The stage of that name, without its @."""

    def file_format(self, name: str) -> Mapping[str, Any]:
        """The options of a named file format, by upper-case name."""


@dataclass(frozen=True)
class Surroundings:
    """What a COPY is carried out in. ``database`` and ``schema``: of a name with fewer parts; ``in_transaction``:
    whether the caller has one open, which then stays open and is the caller's to end."""

    open_store: OpenStore
    names: Names
    database: str
    schema: str
    in_transaction: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True)
class Done:
    """A COPY that was carried out. ``purge``: files to delete once the rows are committed."""

    result: CopyResult
    purge: tuple[SourceFile, ...] = ()

    def purged(self) -> None:
        """Delete what PURGE asked for. As in Snowflake, a file that cannot be deleted is no error."""
        for file in self.purge:
            with suppress(CopyError), told(file.name):
                file.delete()


def execute_copy(connection: DuckDBPyConnection, sql: str, surroundings: Surroundings) -> Done:
    """Carry out ``sql``. Raises StatementError and CopyError; then no row of any file is in the table.

    In a transaction of the caller it stays usable after an error; without one, PURGE has been done on return.
    """
    return _Execution(connection, parse_copy(sql), surroundings).run()


@dataclass
class _Execution:
    connection: DuckDBPyConnection
    copy: ParsedCopy
    around: Surroundings

    def run(self) -> Done:
        copy, now = self.copy, self.around.now()
        table = self._table()
        columns = self._columns(table)
        location, file_format = self._source()
        files = find_files(copy, location, self.around.open_store)
        if not files:
            return Done(CopyResult(()))
        history = History(self.connection, table)
        known = set() if copy.force else history.loaded(files, now)
        results = {item.name: _skipped(item) for item in files if item.name in known}
        wanted = [item for item in files if item.name not in known]
        with ExitStack() as stack:
            staged = self._stage_all(stack, wanted, columns, file_format, now)
            for item in staged:
                results[item.file.name] = _judged(item, copy.on_error)
            ordered = [results[item.name] for item in files]
            if copy.on_error.way == "ABORT_STATEMENT":
                _abort_if_bad(ordered)
            loading = [item for item in staged if results[item.file.name].rows_loaded]
            self._insert(table, columns, loading, history, results, wanted, now)
        purge = tuple(item for item in wanted if copy.purge and results[item.name].status == LOADED)
        done = Done(CopyResult(tuple(ordered)), purge)
        if not self.around.in_transaction:
            done.purged()
        return done

    def _table(self) -> tuple[str, str, str]:
        parts = self.copy.table
        if len(parts) == 3:
            database, schema, name = parts
        elif len(parts) == 2:
            database, (schema, name) = self.around.database, parts
        else:
            database, schema, name = self.around.database, self.around.schema, parts[0]
        return database, schema, name

    def _columns(self, table: tuple[str, str, str]) -> Sequence[Column]:
        """The columns to be filled, in order."""
        rows = self.connection.execute(
            "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE lower(database_name) = lower(?) "
            "AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?) ORDER BY column_index",
            list(table),
        ).fetchall()
        if not rows:
            raise StatementError(self._missing(table))
        columns = {name.upper(): Column(name, kind, bool(nullable)) for name, kind, nullable in rows}
        if not self.copy.columns:
            return list(columns.values())
        unknown = [name for name in self.copy.columns if name.upper() not in columns]
        if unknown:
            raise StatementError(f"SQL compilation error: invalid identifier '{unknown[0].upper()}'")
        return [columns[name.upper()] for name in self.copy.columns]

    def _missing(self, table: tuple[str, str, str]) -> str:
        """Which part of a name is not there, in Snowflake's words."""
        database, schema, _ = (part.upper() for part in table)
        schemas = {(row[0].upper(), row[1].upper()) for row in fetch(
            self.connection, "SELECT database_name, schema_name FROM duckdb_schemas()")}  # fmt: skip
        if database not in {name for name, _ in schemas}:
            kind, shown = "Database", database
        elif (database, schema) not in schemas:
            kind, shown = "Schema", f"{database}.{schema}"
        else:
            kind, shown = "Table", ".".join(table).upper()
        return f"SQL compilation error: {kind} '{shown}' does not exist or not authorized."

    def _source(self) -> tuple[str, FileFormat]:
        copy, options = self.copy, {}
        location = copy.source
        if location.startswith("@"):
            name, slash, path = location[1:].partition("/")
            target = self.around.names.stage(name)
            options = dict(target.format_options)
            location = target.url if not slash else f"{target.url.rstrip('/')}/{path}"
        given = dict(copy.format_options)
        if (named := given.pop("FORMAT_NAME", None)) is not None:
            options = dict(self.around.names.file_format(str(named)))
        if "TYPE" in given and str(given["TYPE"]).upper() != str(options.get("TYPE", "CSV")).upper():
            options = {}  # options of another type have no meaning
        return location, read_format({**options, **given})

    def _stage_all(
        self,
        stack: ExitStack,
        files: Sequence[SourceFile],
        columns: Sequence[Column],
        file_format: FileFormat,
        now: datetime,
    ) -> list[Staged]:
        connection = stack.enter_context(self.connection.cursor())
        connection.execute("SET TimeZone='UTC'")
        database = f"copy_{uuid4().hex}"
        connection.execute(f"ATTACH ':memory:' AS {database}")
        # By this connection: in the caller's, which may be in a transaction, it would fail and end that.
        stack.callback(connection.execute, f"DETACH {database}")
        found: list[Staged] = []
        for number, file in enumerate(files):
            with on_disk(file) as path, tempfile.TemporaryDirectory(prefix="integrations-copy-") as scratch:
                table = f"{database}.file_{number}"
                try:
                    reader = _reader(connection, path, file_format, Path(scratch))
                except Unreadable as fault:
                    found.append(Staged(file, None, 0, 0, (BadRow(0, fault.message),), 1))
                    continue
                found.append(stage(connection, file, path, reader, self._plan(file, columns, now), table))
        return found

    def _plan(self, file: SourceFile, columns: Sequence[Column], now: datetime) -> Callable[[Reader], Projection]:
        copy = self.copy
        if copy.match is MatchBy.NONE:
            return lambda reader: by_position(reader, columns, copy.transform, file, now)
        return lambda reader: match_by_name(reader, columns, copy.match, copy.metadata, file, now)

    def _insert(
        self,
        table: tuple[str, str, str],
        columns: Sequence[Column],
        staged: Sequence[Staged],
        history: History,
        results: Mapping[str, FileResult],
        files: Sequence[SourceFile],
        now: datetime,
    ) -> None:
        import duckdb

        own = not self.around.in_transaction
        if own:
            self.connection.execute("BEGIN")
        try:
            if staged:
                names = ", ".join(quoted(item.name) for item in columns)
                rows = " UNION ALL ".join(item.select for item in staged)
                self.connection.execute(f"INSERT INTO {'.'.join(quoted(part) for part in table)} ({names}) {rows}")
            history.record(results, files, now)
            if own:
                self.connection.execute("COMMIT")
        except BaseException as fault:
            if own:
                with suppress(duckdb.Error):
                    self.connection.execute("ROLLBACK")
            if isinstance(fault, duckdb.Error):
                raise CopyError(f"the rows did not fit into {'.'.join(table)}: {str(fault).splitlines()[0]}") from None
            raise


def _reader(connection: DuckDBPyConnection, path: Path, file_format: FileFormat, scratch: Path) -> Reader:
    if isinstance(file_format, JsonFormat):
        return JsonReader(connection, path, file_format, scratch)
    if isinstance(file_format, CsvFormat):
        return CsvReader(connection, path, file_format)
    return ParquetReader(connection, path)


def _skipped(file: SourceFile) -> FileResult:
    return FileResult(file.name, LOAD_SKIPPED, 0, 0, None, 1, "File was loaded before.")


def _judged(staged: Staged, on_error: OnError) -> FileResult:
    """What becomes of a file that was looked at."""
    bad, rows = staged.bad_rows, staged.parsed
    whole = staged.table is None or on_error.drops(bad, rows) if bad else False
    if not bad:
        status, loaded = LOADED, staged.good
    elif whole or not staged.good or on_error.way == "ABORT_STATEMENT":
        status, loaded = LOAD_FAILED, 0
    else:
        status, loaded = PARTIALLY_LOADED, staged.good
    first = staged.bad[0] if staged.bad else None
    return FileResult(
        staged.file.name,
        status,
        rows,
        loaded,
        on_error.shown_limit(rows),
        bad,
        first.message if first else None,
        first.line or None if first else None,
        None,
        first.column if first else None,
    )


def _abort_if_bad(results: Sequence[FileResult]) -> None:
    first = next((item for item in results if item.errors_seen and item.status == LOAD_FAILED), None)
    if first is None:
        return
    place = f", line {first.first_error_line}" if first.first_error_line else ""
    column = f", column {first.first_error_column_name}" if first.first_error_column_name else ""
    raise CopyError(
        f"{first.first_error}. File '{first.file}'{place}{column}. If you would like to continue loading when an error "
        "is encountered, use other values such as 'SKIP_FILE' or 'CONTINUE' for the ON_ERROR option.",
        results,
    )
