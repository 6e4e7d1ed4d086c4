"""MariaDB is believed that a table stands only where every way of changing it would show (P9, P42)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from integrations_platform.connectors import mysql_marks
from integrations_platform.connectors.relational import RelationalSide
from integrations_platform.unified_sync.port import Listing, Marking
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.connectors.sql_store import Store, opened
from integrations_platform_tests.end_to_end.own_servers import own_mariadb

PEOPLE = (
    """CREATE TABLE people (id bigint PRIMARY KEY, name varchar(90), city varchar(20) DEFAULT 'Vigo') ENGINE=InnoDB"""
)
SOME = "INSERT INTO people (id, name) VALUES (1, 'Ann'), (2, 'Bob')"
TYPES = {"name": FieldType.TEXT, "city": FieldType.TEXT}
EDITS = {
    "update": ["UPDATE people SET name = 'Eva' WHERE id = 1"],
    "insert": ["INSERT INTO people (id) VALUES (3)"],
    "delete": ["DELETE FROM people WHERE id = 2"],
    "emptied": ["TRUNCATE people"],
    "emptied and filled again": ["TRUNCATE people", SOME],
    "a column put in the place of another": ["ALTER TABLE people DROP COLUMN city, ALGORITHM=INSTANT",
                                             "ALTER TABLE people ADD COLUMN city varchar(20), ALGORITHM=INSTANT"],
    "a table put in its place": ["CREATE TABLE other LIKE people", "RENAME TABLE people TO gone, other TO people"],
    "exchanged for a partition": [
        f"{PEOPLE.replace('people', 'parts')} PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (100))",
        "INSERT INTO parts (id, name) VALUES (1, 'Eva'), (2, 'Bob')",
        "ALTER TABLE parts EXCHANGE PARTITION p WITH TABLE people",
    ],
    "its file taken away": ["ALTER TABLE people DISCARD TABLESPACE"],
    "written through a view": ["CREATE VIEW seen AS SELECT * FROM people", "UPDATE seen SET name = 'Eva' WHERE id = 1"],
}  # fmt: skip


@pytest.fixture
def store(mysql_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A table, and a connector that takes its word at once."""
    monkeypatch.setattr(mysql_marks, "ALONE", 0)
    with opened("mysql", mysql_database, PEOPLE, SOME) as store:
        if "MariaDB" not in store.rows("SELECT VERSION()")[0][0]:
            pytest.skip("MySQL gives no such answer")
        yield store


def listed(side: RelationalSide) -> Listing:
    """A whole listing."""
    side.check()
    with side.snapshot() as snapshot:
        return snapshot.listing()


def stands(side: RelationalSide, listing: Listing) -> bool | None:
    """Whether nothing moved."""
    assert listing.mark is not None
    with side.snapshot() as snapshot:
        assert isinstance(snapshot, Marking)
        return snapshot.stands(listing.mark, listing.frame.height)


def another_second(store: Store) -> None:
    """Time goes by until the server's clocks, of which the one that times commits is a few milliseconds late, show
    another second."""
    now, latest = "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) AS DOUBLE)", time.monotonic() + 5
    until = int(store.rows(now)[0][0]) + 1.05
    while store.rows(now)[0][0] < until and time.monotonic() < latest:
        pass


def test_a_table_nobody_wrote_stands_and_is_not_read(store: Store) -> None:
    side = store.side(types=TYPES)
    before = listed(side)
    assert stands(side, before) is True
    another_second(store)
    store.run("ANALYZE TABLE people")
    assert stands(side, before) is True


@pytest.mark.parametrize("edit", EDITS)
def test_a_table_somebody_wrote_is_looked_at(store: Store, edit: str) -> None:
    side = store.side(types=TYPES)
    before = listed(side)
    another_second(store)
    store.run(*EDITS[edit])
    assert stands(side, before) is None


def test_what_goes_with_a_row_elsewhere_counts(store: Store) -> None:
    goes = "FOREIGN KEY (about) REFERENCES people (id) ON DELETE CASCADE"
    store.run(f"CREATE TABLE notes (id int PRIMARY KEY, about bigint, {goes})", "INSERT INTO notes VALUES (1, 1)")
    side = store.side("notes", types={"about": FieldType.INTEGER})
    before = listed(side)
    another_second(store)
    store.run("DELETE FROM people WHERE id = 1")
    assert stands(side, before) is None


def test_a_server_that_was_started_again_has_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql_marks, "ALONE", 0)
    with own_mariadb() as own, own.server.database() as url, opened("mysql", url, PEOPLE, SOME) as store:
        before = listed(store.side(types=TYPES))
        store.close()
        own.restart()
        side = store.side(types=TYPES)
        assert listed(side).mark is None
        assert stands(side, before) is None


def test_an_edit_that_is_taken_back_moves_nothing(store: Store) -> None:
    side = store.side(types=TYPES)
    before = listed(side)
    another_second(store)
    store.run("BEGIN", "UPDATE people SET name = 'Eva'", "ROLLBACK")
    assert stands(side, before) is True


def test_a_table_that_was_written_just_now_has_no_mark(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may write it in the same second, after the look; and a commit is seen a moment after it is timed."""
    monkeypatch.setattr(mysql_marks, "ALONE", 10)
    assert listed(store.side(types=TYPES)).mark is None


def test_what_is_written_while_a_listing_is_read_leaves_no_mark(store: Store) -> None:
    side = store.side(types=TYPES)
    side.check()
    another_second(store)
    with side.snapshot() as snapshot:
        another_second(store)
        store.run("UPDATE people SET name = 'Eva' WHERE id = 1")
        assert snapshot.listing().mark is None


@pytest.mark.parametrize("kind", ["PARTITION BY HASH (id) PARTITIONS 2", "ENGINE=Aria TRANSACTIONAL=1"])
def test_tables_whose_times_say_less_have_no_mark(store: Store, kind: str) -> None:
    store.run("CREATE TABLE odd (id int PRIMARY KEY, name varchar(20)) " + kind, "INSERT INTO odd VALUES (1, 'Ann')")
    assert listed(store.side("odd", types={"name": FieldType.TEXT})).mark is None
