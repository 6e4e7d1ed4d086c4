"""The migrations, the tables that queries use and the file for review are one schema."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from integrations_platform.state import SqlStore, render_schema
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


def test_the_rendered_schema_makes_a_usable_database(tmp_path: Path) -> None:
    path = tmp_path / "by_hand.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(render_schema("sqlite"))
    connection.close()
    from integrations_platform.state import open_store

    store = open_store(str(path))
    assert store.links("contacts").is_empty()
    store.close()
