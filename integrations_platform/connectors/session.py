"""A connection to one database under our own transaction control, with every driver error put as the port's.

Owns the engine, its pool and the session settings. It composes no statement; identifiers are quoted here, by the
dialect's own preparer, and URLs never leave this module in any text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import sqlalchemy as sa

from integrations_platform.connectors.sql_errors import UnfitValueError, side_error
from integrations_platform.unified_sync.port import ErrorKind, SideError

Row = tuple[Any, ...]


class Driver(Protocol):
    """What a dialect must know about its driver."""

    def engine(self, url: sa.URL, **options: Any) -> sa.Engine:
        """An engine with these options and the driver's own. Raises ValueError for options the URL may not have."""

    def prepare(self, raw: Any) -> None:
        """Put a new connection into the session settings every comparison relies on."""

    def each_row(self, cursor: Any, sql: str, sets: Sequence[Row]) -> list[Row | None]:
        """Run ``sql`` once per parameter set; the first returned row of each, in order of the sets."""

    def each_count(self, cursor: Any, sql: str, sets: Sequence[Row]) -> list[int]:
        """Run ``sql`` once per parameter set; rows matched by each, in order of the sets."""

    def streaming_cursor(self, raw: Any) -> Any:
        """A cursor that does not hold the whole result."""


class Session:
    """One connection. Statements run outside a transaction unless :meth:`transaction` is open."""

    def __init__(self, driver: Driver, raw: Any) -> None:
        self._driver = driver
        self._raw = raw
        self._cursor = raw.cursor()

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        self._cursor.execute(sql, tuple(params))
        return list(self._cursor.fetchall())

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one statement; how many rows it matched."""
        self._cursor.execute(sql, tuple(params))
        return int(self._cursor.rowcount)

    def many(self, sql: str, sets: Sequence[Row]) -> None:
        """Run one statement for many parameter sets, in whatever way the driver does fastest."""
        if sets:
            self._cursor.executemany(sql, sets)

    def each_row(self, sql: str, sets: Sequence[Row]) -> list[Row | None]:
        """Run once per set, returning the first row of each; never attributed by the order of one result."""
        return self._driver.each_row(self._cursor, sql, sets) if sets else []

    def each_count(self, sql: str, sets: Sequence[Row]) -> list[int]:
        """Run once per set, returning the rows matched by each."""
        return self._driver.each_count(self._cursor, sql, sets) if sets else []

    def stream(self, sql: str, params: Sequence[Any], chunk: int) -> Iterator[list[Row]]:
        """Rows of a query in chunks."""
        cursor = self._driver.streaming_cursor(self._raw)
        try:
            cursor.execute(sql, tuple(params))
            while rows := cursor.fetchmany(chunk):
                yield rows
        finally:
            if self._raw.is_valid:  # a connection that is closed took its cursors with it
                cursor.close()

    @property
    def native(self) -> Any:
        """The driver's own connection, for what only one driver can."""
        return self._raw.driver_connection


class Database:
    """The engine of one system. ``target`` is the object that errors name."""

    def __init__(self, system: str, target: str, driver: Driver, url: sa.URL) -> None:
        self.system = system
        self.target = target
        self._driver = driver
        try:
            self._engine = driver.engine(
                url, isolation_level="AUTOCOMMIT", pool_pre_ping=True, pool_reset_on_return=None, hide_parameters=True
            )
        except (sa.exc.ArgumentError, TypeError, ValueError, ImportError):
            message = f"{system}: the URL is not usable by this connector; correct it (options included)"
            raise SideError(ErrorKind.CONFIGURATION, message, code="url") from None
        sa.event.listen(self._engine, "connect", lambda raw, _record: driver.prepare(raw))
        self._quote = self._engine.dialect.identifier_preparer.quote_identifier

    def quoted(self, *names: str | None) -> str:
        """Identifiers as the dialect quotes them, joined by dots; None parts are left out."""
        return ".".join(self._quote(name) for name in names if name is not None)

    def error(self, fault: BaseException, *, committing: bool = False) -> SideError:
        """The port's error for a driver's exception."""
        return side_error(fault, self.system, self.target, committing=committing)

    @contextmanager
    def connection(self) -> Iterator[Session]:
        """A connection; what the body raises passes as it is, and the connection is then not used again. Nor is one
        that was lost; the pool itself would tell of it by a traceback in the log."""
        with self.translated():
            raw = self._engine.raw_connection()
        try:
            yield Session(self._driver, raw)
            try:
                raw.rollback()
            except self.faults:
                raw.invalidate()
        except BaseException:
            raw.invalidate()
            raise
        finally:
            with suppress(*self.faults):
                raw.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Any driver error inside becomes a SideError."""
        try:
            yield
        except self.faults as fault:
            # `from None`: a driver's own text quotes values, and a connection's text may quote its settings.
            raise self.error(fault) from None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A connection for statements of ours alone; their errors become SideErrors."""
        with self.connection() as session, self.translated():
            yield session

    @property
    def faults(self) -> tuple[type[BaseException], ...]:
        """What a driver raises, and what binding a value it cannot carry raises."""
        return (self._engine.dialect.loaded_dbapi.Error, sa.exc.SQLAlchemyError, OSError, OverflowError,
                UnicodeError, UnfitValueError)  # fmt: skip

    @contextmanager
    def reading(self, begin: Sequence[str]) -> Iterator[Session]:
        """A transaction that is read in. Not :meth:`session`: an error of whoever uses what is read is not one of this
        database."""
        with self.connection() as session:
            with self.translated():
                for statement in begin:
                    session.run(statement)
            yield session
            with self.translated():
                session.run("ROLLBACK")

    @contextmanager
    def transaction(self, session: Session, begin: Sequence[str]) -> Iterator[None]:
        """Commit on a clean exit, roll back otherwise. A connection lost while committing has an unknown effect."""
        try:
            for statement in begin:
                session.run(statement)
            yield
        except BaseException:
            with suppress(*self.faults):
                session.run("ROLLBACK")
            raise
        try:
            session.run("COMMIT")
        except self.faults as fault:
            with suppress(*self.faults):
                session.run("ROLLBACK")
            raise self.error(fault, committing=True) from None

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
