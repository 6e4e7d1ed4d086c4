"""The migrations, the tables that queries use and the file for review are one schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from integrations_platform.state import SqlStore, open_store, render_schema
from integrations_platform.state.database import Database
from integrations_platform.state.migrate import KNOWN, SCHEMA_FILE, VERSION_TABLE, render_schema_file
from integrations_platform.state.tables import metadata


@pytest.mark.usefixtures("store")
def test_the_migrations_create_the_tables_that_queries_use(store: SqlStore, database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_the_versions_known_are_those_of_the_migrations() -> None:
    scripts = ScriptDirectory(str(SCHEMA_FILE.parent / "migrations"))
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == KNOWN


def test_the_schema_file_is_what_the_migrations_run() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == render_schema_file(), "run: integrations state schema"


def test_an_empty_file_becomes_what_the_migrations_make_of_one_that_is_not(tmp_path: Path) -> None:
    schemas = []
    for name, earlier in (("empty", ""), ("used", "CREATE TABLE theirs (id)")):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.executescript(earlier)
        open_store(str(tmp_path / name)).close()
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name <> 'theirs'").fetchall()
            version = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()
        schemas.append((sorted((kind, name, " ".join((sql or "").split())) for kind, name, sql in rows), version))
    assert schemas[0] == schemas[1]


def test_the_rendered_schema_makes_a_usable_database(tmp_path: Path) -> None:
    path = tmp_path / "by_hand.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(render_schema("sqlite"))
    connection.close()
    store = open_store(str(path))
    assert store.links("contacts").is_empty()
    store.close()
