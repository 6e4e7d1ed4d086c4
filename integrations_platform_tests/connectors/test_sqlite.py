"""SQLite behind the contract, and what only SQLite can get wrong."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from integrations_platform.unified_sync.port import ErrorKind, Kind, SideError, Status, Write
from integrations_platform.unified_sync.values import FieldType, Invalid
from integrations_platform_tests.connectors.contract import SideContract
from integrations_platform_tests.connectors.sql_store import Store, added, create, only, opened, versions

TABLES = (
    "PRAGMA journal_mode = WAL",
    """CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(60), email VARCHAR(120) UNIQUE, amount DECIMAL(12,2),
       count_of INTEGER, active BOOLEAN, born DATE, seen DATETIME, tags TEXT, code UUID, attrs JSON, secret_note TEXT,
       updated_at TEXT)""",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, people_id INTEGER REFERENCES people (id) ON DELETE CASCADE)",
    "CREATE TABLE pairs (a INTEGER, b TEXT, name TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID",
    "CREATE TABLE words (word TEXT COLLATE NOCASE PRIMARY KEY, name TEXT) WITHOUT ROWID",
    "CREATE TABLE soft (id INTEGER PRIMARY KEY, name TEXT, gone BOOLEAN NOT NULL DEFAULT 0)",
    "CREATE TABLE soft_at (id INTEGER PRIMARY KEY, name TEXT, gone_at TIMESTAMP)",
)


@pytest.fixture
def store(sqlite_database: str) -> Iterator[Store]:
    with opened("sqlite", sqlite_database, *TABLES) as store:
        yield store


class TestSQLite(SideContract):
    pass


def test_a_number_typed_as_text_is_read_but_letters_quarantine_only_their_record(store: Store) -> None:
    side = store.side()
    store.run("INSERT INTO people (name, amount) VALUES ('a', '12.50'), ('b', 'twelve'), ('c', 0.1)")
    found = {record.values["name"]: record.values["amount"] for record in side.read(list(versions(side))).values()}
    assert found["a"] == Decimal("12.5")
    assert isinstance(found["b"], Invalid)
    assert found["c"] == Decimal("0.1")


def test_more_digits_than_a_float_keeps_are_refused(store: Store) -> None:
    store.run("CREATE TABLE money (id INTEGER PRIMARY KEY, loose NUMERIC, exact TEXT)")
    side = store.side("money", {"loose": FieldType.DECIMAL, "exact": FieldType.TEXT})
    value = Decimal("12345678901234567.89")
    outcome = only(side.write([Write("o", Kind.CREATE, "l", {"loose": value})]))
    assert outcome.status is Status.REJECTED
    assert "TEXT" in outcome.message


def test_text_that_looks_like_a_number_is_refused_by_a_numeric_column(store: Store) -> None:
    store.run("CREATE TABLE odd (id INTEGER PRIMARY KEY, name STRING)")
    side = store.side("odd", {"name": FieldType.TEXT})
    assert only(side.write([create(1, name="00123")])).status is Status.REJECTED
    assert added(side, 2, name="x123").values["name"] == "x123"


def test_more_columns_than_a_function_takes_are_all_in_the_version(store: Store) -> None:
    names = [f"c{number}" for number in range(250)]
    store.run(f"CREATE TABLE wide (id INTEGER PRIMARY KEY, name TEXT, {', '.join(f'{name} TEXT' for name in names)})")
    side = store.side("wide", dict.fromkeys(["name", *names], FieldType.TEXT))
    record = added(side)
    for name in ("c0", "c99", "c100", "c249"):
        before = versions(side)[record.id]
        store.run(f"UPDATE wide SET {name} = 'x'")
        assert versions(side)[record.id] != before


def test_a_missing_file_is_not_created(store: Store, tmp_path: Path) -> None:
    with pytest.raises(SideError) as caught:
        store.side(url=f"sqlite:///{tmp_path / 'nothing.db'}")
    assert caught.value.kind is ErrorKind.CONFIGURATION
    assert not (tmp_path / "nothing.db").exists()


def test_a_file_that_is_no_database_says_so(store: Store, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, though long enough to be read as one" * 30)
    with pytest.raises(SideError) as caught:
        store.side(url=str(tmp_path / "text.db")).check()
    assert caught.value.kind is ErrorKind.CONFIGURATION


def test_a_locked_database_is_transient_and_wrote_nothing(store: Store) -> None:
    side = store.side(url=f"{store.url}?timeout=0")
    side.tag([("0", "warm-up")])
    with store.engine.connect() as rival:
        rival.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(SideError) as caught:
            side.write([create(1)])
        rival.exec_driver_sql("ROLLBACK")
    assert caught.value.kind is ErrorKind.TRANSIENT
    assert not caught.value.effect_unknown
    assert only(side.write([create(1)])).status is Status.APPLIED
