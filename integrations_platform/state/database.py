"""Connections to the state database: its URL, its pool, where transactions begin, and faults put into words.

SQLite (default) and PostgreSQL only. It refuses state in memory, which would forget everything a sync has to remember.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from integrations_platform.patience import patient_postgresql
from integrations_platform.state.errors import StateError

BUSY_SECONDS = 30  # how long a writer waits for another one before it gives up
IDLE_SECONDS = 120  # PostgreSQL ends a transaction of a process that froze inside it, so that its lease can move on
CHUNK = 5_000  # values bound by one lookup


def parse_url(url: str) -> sa.URL:
    """A state URL, checked: ``sqlite:///path``, a plain path, or ``postgresql://…`` (psycopg is the driver).

    Raises :class:`StateError`, which never repeats the URL: it may hold a password.
    """
    if "://" not in url:
        url = f"sqlite:///{url}"
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number, often a piece of an unescaped password
        raise StateError(
            "the state URL cannot be read: expected sqlite:///path/state.sqlite or postgresql://user:password@host/"
            "database, with special characters of the password percent-encoded"
        ) from None
    if parsed.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise StateError(f"the state can live in SQLite or PostgreSQL, not in {parsed.drivername!r}")
    if not parsed.database or parsed.database == ":memory:":
        raise StateError("the state URL names no file: a state in memory would be forgotten; use sqlite:///path")
    return parsed


class Database:
    """One state database. Use :meth:`read` and :meth:`write`; both turn driver faults into :class:`StateError`."""

    def __init__(self, url: str) -> None:
        parsed = parse_url(url)
        self.on_sqlite = parsed.get_backend_name() == "sqlite"
        self.place = f"the state database {parsed.database if self.on_sqlite else _server(parsed)}"
        if self.on_sqlite:
            _check_file(Path(str(parsed.database)), self.place)
        try:
            self.engine = _sqlite_engine(parsed) if self.on_sqlite else _postgresql_engine(parsed)
        except (ImportError, NoSuchModuleError, SQLAlchemyError) as fault:
            raise StateError(f"{self.place} has no usable driver: {fault}") from None
        except ValueError as fault:  # an option of the URL
            raise StateError(f"{self.place}: {fault}") from None

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection for reading; on SQLite it sees one moment for as long as it is held."""
        with self._worded(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A connection inside a write transaction: committed on a clean exit, rolled back whole on any exception."""
        with (
            self._worded(),
            self.engine.connect() as raw,
            raw.execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as fault:
            raise StateError(f"{self.place}: {explain(_first(fault))}") from fault

    def among(self, pair: str, column: sa.Column[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
        """Rows of a sync whose ``column`` has one of ``values``, bound as one parameter whatever their number."""
        of_pair = column.table.c.pair
        if self.on_sqlite:
            # As a row value, because of `pair = ? AND column IN (…)` SQLite would take the first half as selective
            # enough and read the whole sync through its primary key, once for every look-up.
            each = sa.func.json_each(json.dumps(list(values))).table_valued("value")
            return sa.tuple_(of_pair, column).in_(sa.select(sa.literal(pair), each.c.value))
        return sa.and_(of_pair == pair, self.one_of(column, values))

    def one_of(self, column: sa.Column[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
        """Rows of every sync whose ``column`` has one of ``values``, bound as one parameter whatever their number."""
        if self.on_sqlite:
            return column.in_(sa.select(sa.func.json_each(json.dumps(list(values))).table_valued("value").c.value))
        return column == sa.any_(sa.bindparam(None, list(values), type_=postgresql.ARRAY(sa.Text), unique=True))

    def upsert(
        self, table: sa.Table, keep: Sequence[str] = (), where: Any = None, **computed: Any
    ) -> postgresql.Insert | sqlite.Insert:
        """Insert, or replace the row of the same primary key.

        ``keep``: columns left as stored; ``where``: replace only such stored rows; ``computed``: expressions for
        columns that are not simply replaced.
        """
        insert = sqlite.insert(table) if self.on_sqlite else postgresql.insert(table)
        key = [column.name for column in table.primary_key]
        names = [column.name for column in table.columns]
        replaced = {name: insert.excluded[name] for name in names if name not in key and name not in keep}
        if not replaced:
            return insert.on_conflict_do_nothing(index_elements=key)
        return insert.on_conflict_do_update(index_elements=key, set_=replaced | computed, where=where)

    def insert_missing(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """Insert, or leave the row of the same primary key as it is."""
        insert = sqlite.insert(table) if self.on_sqlite else postgresql.insert(table)
        return insert.on_conflict_do_nothing(index_elements=[column.name for column in table.primary_key])

    def close(self) -> None:
        """Release the pool's connections."""
        self.engine.dispose()


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """``values`` in pieces small enough for one lookup each."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def _first(fault: DBAPIError) -> DBAPIError:
    """The fault to speak of. SQLite ends a whole transaction at a full disk, so that going back to a savepoint of it
    fails too, and only the earlier of the two says why."""
    earlier = fault.__context__
    while earlier is not None and not (isinstance(earlier, DBAPIError) and "no such savepoint" in str(fault.orig)):
        earlier = earlier.__context__
    return earlier if isinstance(earlier, DBAPIError) else fault


def explain(fault: DBAPIError) -> str:
    """What a driver fault means for the person who runs the sync: its first line and what to do. No values, no SQL."""
    said = (str(fault.orig).strip().splitlines() or [type(fault.orig).__name__])[0]
    for fragment, advice in _ADVICE:
        if fragment in said:
            return f"{said} ({advice})"
    return said


_ADVICE = (
    ("not a database", "this file is not SQLite; name another file"),
    ("malformed", "the file is damaged; restore a backup"),
    ("disk is full", "free some space, then run again: nothing of the failed change was kept"),
    (
        "disk I/O error",
        "its disk is full or failing; free some space, then run again: nothing of the failed change was kept",
    ),
    ("No space left", "free some space on the server, then run again: nothing of the failed change was kept"),
    ("readonly", "this user may not write the file or its folder"),
    ("unable to open", "check that this user may read and write the file and its folder"),
    ("is locked", f"another process kept it for more than {BUSY_SECONDS} s"),
    ("lock timeout", f"another process kept it for more than {BUSY_SECONDS} s"),
    ("authentication failed", "check the user and the password of the state URL"),
    ("does not exist", "check the database, user and schema of the state URL"),
    ("connection failed", "check the host and port of the state URL, and that the server runs"),
    ("connection lost", "check that the server is reachable, then run again; read_timeout of the URL bounds the wait"),
    ("connection is bad", "check the host and port of the state URL, and that the server runs"),
    ("could not translate host", "check the host of the state URL"),
)


def _server(url: sa.URL) -> str:
    return f"{url.database or url.username} on {url.host or url.query.get('host') or 'the default host'}"


def _check_file(path: Path, place: str) -> None:
    if not path.parent.is_dir():
        raise StateError(f"{place} cannot be opened: there is no folder {path.parent}; create it, or name another")
    if path.is_dir():
        raise StateError(f"{place} cannot be opened: it is a folder; name a file in it")


def _postgresql_engine(url: sa.URL) -> sa.Engine:
    engine = patient_postgresql(url, hide_parameters=True, pool_pre_ping=True)

    @sa.event.listens_for(engine, "connect")
    def _limits(driver: Any, _record: Any) -> None:
        driver.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
        driver.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
        driver.commit()

    return engine


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _settings(driver: Any, _record: Any) -> None:
        driver.isolation_level = None  # the driver must not begin transactions of its own; `_begin` does
        for setting in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
            driver.execute(f"PRAGMA {setting}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A transaction that reads first and writes later cannot wait for another writer, so writers say so at once.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
