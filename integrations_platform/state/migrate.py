"""The schema of the state database: brought up to date on opening, refused when unknown, rendered as SQL for review.

Alembic is imported only when there is something to migrate or render; an empty SQLite file takes the rendered schema as
it stands, which a test holds to what the migrations run. It never downgrades and never touches a database
of a version it does not know.
"""

from __future__ import annotations

import io
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from integrations_platform.state.database import BUSY_SECONDS, Database
from integrations_platform.state.errors import StateVersionError
from integrations_platform.state.loads import Unpack
from integrations_platform.state.store import SqlStore, now_utc

if TYPE_CHECKING:
    from alembic.config import Config

# Dagster's PostgreSQL storage owns `alembic_version`; both may share a database.
VERSION_TABLE = "integrations_alembic_version"
# Oldest first; kept here so that opening a current database does not import alembic.
KNOWN = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
DIALECTS: tuple[Literal["postgresql"], Literal["sqlite"]] = ("postgresql", "sqlite")
SCHEMA_FILE = Path(__file__).with_name("sync_schema.sql")


def open_store(
    url: str, *, clock: Callable[[], datetime] = now_utc, unpack: Unpack | None = None
) -> SqlStore:  # fmt: skip
    """Open the state at ``url`` (``sqlite:///path``, a path, or ``postgresql://…``), creating or upgrading its schema.

    ``clock`` dates the intents. ``unpack`` reads packed rows; without it no table is loaded whole. Several processes
    may open a new database at once. Raises :class:`StateError` when the database cannot be used and
    :class:`StateVersionError` when a newer release has upgraded it.
    """
    database = Database(url)
    try:
        if _version(database) != KNOWN[-1]:
            _upgrade(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database, clock, unpack)


def render_schema(dialect: Literal["postgresql", "sqlite"]) -> str:
    """The SQL that the migrations run on an empty database of ``dialect``, for review or for a DBA to run."""
    from alembic import command

    output = io.StringIO()
    config = _config(output)
    config.attributes["dialect"] = dialect
    command.upgrade(config, "head", sql=True)
    lines = (line.rstrip() for line in output.getvalue().strip().splitlines())
    return "\n".join(lines) + "\n"


def render_schema_file() -> str:
    """The text of ``sync_schema.sql``."""
    header = (
        "-- The state database, generated from the migrations by: integrations state schema\n"
        "-- First for PostgreSQL, then for SQLite. The platform creates and upgrades it by itself on first use;\n"
        "-- this file is for review, and for a database whose schema only an administrator may change.\n"
    )
    parts = (f"\n-- ---------- {dialect} ----------\n\n{render_schema(dialect)}" for dialect in DIALECTS)
    return header + "".join(parts)


def _version(database: Database) -> str | None:
    """The version found, or None in a database without one. Raises :class:`StateVersionError` for an unknown one."""
    query: sa.Select[str] = sa.select(sa.column("version_num", sa.String)).select_from(sa.table(VERSION_TABLE))
    with database.read() as connection:
        try:
            found = connection.execute(query).scalars().all()
        except (OperationalError, ProgrammingError) as fault:
            if not _is_missing_table(fault):
                raise
            return None
    unknown = [version for version in found if version not in KNOWN]
    if unknown:
        raise StateVersionError(database.place, ", ".join(unknown), KNOWN)
    return found[0] if found else None


def _is_missing_table(fault: DBAPIError) -> bool:
    return "no such table" in str(fault.orig) or getattr(fault.orig, "sqlstate", None) == "42P01"


def _upgrade(database: Database) -> None:
    if database.on_sqlite:
        _use_write_ahead_log(database)
    with database.write() as connection:
        if database.on_sqlite and not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one():
            for statement in _sqlite_schema():
                connection.exec_driver_sql(statement).close()
            return
        from alembic import command

        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@cache
def _sqlite_schema() -> tuple[str, ...]:
    """The statements of ``sync_schema.sql`` for SQLite; the transaction around them is the caller's."""
    _, _, text = SCHEMA_FILE.read_text(encoding="utf-8").partition("-- ---------- sqlite ----------\n")
    statements, lines = [], ""
    for line in text.splitlines(keepends=True):
        lines += line
        if sqlite3.complete_statement(lines):
            statements.append(lines.strip())
            lines = ""
    return tuple(statement for statement in statements if statement not in ("BEGIN;", "COMMIT;"))


def _use_write_ahead_log(database: Database) -> None:
    """Let readers and the writer work side by side; the file keeps this setting.

    Changing it needs the file alone and, unlike everything else, does not wait for others by itself.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        driver = database.engine.raw_connection()
        try:
            driver.cursor().execute("PRAGMA journal_mode=WAL")
            return
        except Exception as fault:
            if "locked" not in str(fault) or time.monotonic() > deadline:
                raise sa.exc.OperationalError("PRAGMA journal_mode", None, fault) from fault
        finally:
            driver.close()
        time.sleep(0.05)


def _config(output: io.StringIO | None = None) -> Config:
    from alembic.config import Config

    config = Config(output_buffer=output) if output is not None else Config()
    folder = Path(__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
