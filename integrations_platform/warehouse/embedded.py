"""The embedded warehouse: Snowflake's statements carried out on DuckDB files, for whoever has no account.

Owns the files, one `<database>.duckdb` for each database, and the lock before them: while one process holds a DuckDB
file no other can open it, so it is opened for a batch and closed at once. It never runs a server.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from integrations_platform.warehouse.copy_result import COLUMNS, NO_FILES, CopyResult
from integrations_platform.warehouse.errors import StatementError, WarehouseError
from integrations_platform.warehouse.names import TableName
from integrations_platform.warehouse.port import Answer, QueryTag
from integrations_platform.warehouse.statement import CopyInto

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from sqlglot import exp

    from integrations_platform.warehouse.copying.executor import Done, StageTarget
    from integrations_platform.warehouse.copying.files import OpenStore

_LOCK = ".lock"
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class EmbeddedWarehouse:
    """Databases in a folder. ``databases``: those that are made when they are not there; in Snowflake somebody makes
    them once. ``stages``: by name in upper case, the URL each points to. ``patience``: seconds to wait for the lock."""

    folder: Path
    open_store: OpenStore
    databases: frozenset[str] = frozenset()
    stages: Mapping[str, str] = field(default_factory=dict)
    patience: float = 600.0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    kind: str = "embedded"

    @contextmanager
    def open(self, tag: QueryTag) -> Iterator[EmbeddedSession]:
        """A session, alone with the files. Raises WarehouseError when another one does not end in time."""
        made = {name.lower() for name in self.databases}
        with self._locked(tag, shared=False), self._connected(made, read_only=False) as connection:
            yield EmbeddedSession(self, connection)

    def query(self, sql: str) -> Answer:
        """Answer a question without being able to change anything, or to read a file beside the databases."""
        import duckdb
        from sqlglot import exp

        from integrations_platform.warehouse.dialect import to_duckdb, understood

        statement = understood(sql)
        if not isinstance(statement, exp.Query):
            raise StatementError("only a SELECT is answered here; tables are changed by loading partitions")
        with self._locked(QueryTag("", "query"), shared=True), self._connected(set(), read_only=True) as connection:
            try:
                connection.execute("SET enable_external_access=false")
                cursor = connection.execute(to_duckdb(statement))
                return Answer(tuple(item[0] for item in cursor.description or ()), tuple(cursor.fetchall()))
            except duckdb.Error as fault:
                raise StatementError(str(fault).splitlines()[0]) from None

    @contextmanager
    def _locked(self, tag: QueryTag, *, shared: bool) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / _LOCK).open("a+")
        except OSError as fault:
            raise WarehouseError(f"the embedded warehouse in {self.folder} cannot be used: {fault.strerror}") from None
        with lock:
            until = self.monotonic() + self.patience
            while True:
                try:
                    fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if self.monotonic() >= until:
                        lock.seek(0)
                        holder = lock.read().strip() or "another process"
                        what = f"the embedded warehouse in {self.folder} is in use by {holder}"
                        raise WarehouseError(
                            f"{what}; it was waited for {self.patience:.0f} s", transient=True
                        ) from None
                    self.sleep(_POLL_SECONDS)
            if not shared:
                lock.truncate(0)
                lock.write(f"{tag.asset} {tag.partition} (run {tag.run_id})")
                lock.flush()
            yield

    @contextmanager
    def _connected(self, made: set[str], *, read_only: bool) -> Iterator[DuckDBPyConnection]:
        import duckdb

        connection = duckdb.connect()
        try:
            connection.execute("SET TimeZone='UTC'")
            # Where rows wait that memory does not hold.
            connection.execute("SET temp_directory=?", [str(self.folder / ".spilled")])
            there = {path.stem.lower() for path in self.folder.glob("*.duckdb")}
            for name in sorted(there | made):
                mode = " (READ_ONLY)" if read_only else ""
                place = str(self.folder / f"{name}.duckdb").replace("'", "''")
                connection.execute(f"ATTACH '{place}' AS \"{name}\"{mode}")
            yield connection
        except duckdb.IOException as fault:
            raise WarehouseError(
                f"the embedded warehouse in {self.folder} cannot be used: {str(fault).splitlines()[0]}", transient=True
            ) from None
        finally:
            connection.close()


class EmbeddedSession:
    """One batch. Names without a database are refused: there is no current one."""

    def __init__(self, warehouse: EmbeddedWarehouse, connection: DuckDBPyConnection) -> None:
        self._warehouse, self._connection = warehouse, connection
        self._in_transaction = False
        self._loaded: list[Done] = []

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Answer:
        """Carry out one statement of Snowflake's, a COPY among them."""
        import duckdb
        from sqlglot import exp

        from integrations_platform.warehouse.dialect import to_duckdb, understood

        statement = understood(sql)
        if isinstance(statement, exp.Copy):
            result = self._copy(sql)
            rows = tuple(item.row() for item in result.files)
            return Answer(COLUMNS if rows else ("status",), rows or ((NO_FILES,),), query_id=result.query_id)
        try:
            cursor = self._connection.execute(to_duckdb(statement), list(values))
            names = tuple(item[0] for item in cursor.description or ())
            rows = tuple(cursor.fetchall())
            self._forget(statement)
        except duckdb.Error as fault:
            raise StatementError(f"SQL compilation error: {str(fault).splitlines()[0]}") from None
        counted = isinstance(statement, exp.Insert | exp.Delete | exp.Update)
        return Answer(names, rows, int(rows[0][0]) if counted and rows else -1, str(uuid4()))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction of DuckDB, over one database."""
        import duckdb

        self._connection.execute("BEGIN")
        self._in_transaction = True
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException as fault:
            with suppress(duckdb.Error):
                self._connection.execute("ROLLBACK")
            if isinstance(fault, duckdb.Error):
                raise WarehouseError(f"the transaction was rolled back: {str(fault).splitlines()[0]}") from None
            raise
        else:
            for done in self._loaded:
                done.purged()
        finally:
            self._in_transaction = False
            self._loaded.clear()

    def copy(self, statement: CopyInto) -> CopyResult:
        """Carry out a COPY. The executor opens stores by configuration, so that no secret need be there."""
        return self._copy(statement.redacted())

    def create_table(self, table: TableName, columns: Mapping[str, str], *, temporary: bool = False) -> None:
        """Make the table; its schema, too, in a database that is made here."""
        if table.parts[0].lower() in {name.lower() for name in self._warehouse.databases}:
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {'.'.join(table.parts[:2])}")
        said = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        how = "CREATE OR REPLACE TEMPORARY TABLE" if temporary else "CREATE TABLE IF NOT EXISTS"
        self.execute(f"{how} {table.sql} ({said})")

    def _copy(self, sql: str) -> CopyResult:
        from dataclasses import replace

        from integrations_platform.warehouse.copying.executor import Surroundings, execute_copy

        around = Surroundings(self._warehouse.open_store, _Names(self._warehouse.stages), "", "",
                              self._in_transaction, self._warehouse.now)  # fmt: skip
        done = execute_copy(self._connection, sql, around)
        if self._in_transaction:
            self._loaded.append(done)
        return replace(done.result, query_id=str(uuid4()))

    def _forget(self, statement: exp.Expr) -> None:
        """TRUNCATE, DROP and CREATE OR REPLACE clear the load history of their table; DELETE does not."""
        from integrations_platform.warehouse.copying.history import History, cleared_tables

        for table in cleared_tables(statement):
            if len(table) == 3:
                History(self._connection, table).clear()


@dataclass(frozen=True)
class _Names:
    stages: Mapping[str, str]

    def stage(self, name: str) -> StageTarget:
        from integrations_platform.warehouse.copying.executor import StageTarget

        if name.upper() not in self.stages:
            known = f"; declared are {', '.join(sorted(self.stages))}" if self.stages else ""
            raise StatementError(f"Stage '{name.upper()}' does not exist or not authorized{known}.")
        return StageTarget(self.stages[name.upper()])

    def file_format(self, name: str) -> Mapping[str, Any]:
        raise StatementError(f"SQL compilation error: File format '{name.upper()}' does not exist or not authorized.")
