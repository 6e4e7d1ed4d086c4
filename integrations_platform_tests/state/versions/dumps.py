"""A state database and the two tables it speaks of as SQL text, written by one release and read by every later one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from integrations_platform.state import render_schema
from integrations_platform.state.database import Database
from integrations_platform.state.tables import metadata

VERSIONS = Path(__file__).resolve().parent
ENGINES = ("sqlite", "postgresql")
SIDES = ("office", "shop")


def place(version: str, engine: str) -> Path:
    """The folder of the dumps of a version on an engine."""
    return VERSIONS / version / engine


def dump_state(url: str, engine: Any) -> str:
    """The schema as its migrations render it, then every row."""
    database = Database(url)
    lines = [render_schema(engine)]
    with database.read() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)):
                values = ", ".join(_literal(value, engine) for value in row)
                names = ", ".join(f'"{column.name}"' for column in table.columns)
                lines.append(f"INSERT INTO {table.name} ({names}) VALUES ({values});")
    database.close()
    return "\n".join(lines) + "\n"


def _literal(value: Any, engine: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower() if engine == "postgresql" else str(int(value))
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def restore_state(url: str, text: str) -> None:
    """Run a dump in an empty database."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        restore_file(Path(str(parsed.database)), text)
        return
    import psycopg

    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(text.encode())


def dump_file(path: Path) -> str:
    """A SQLite file, whole."""
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


def restore_file(path: Path, text: str) -> None:
    """A SQLite file again."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(text)
        connection.commit()
