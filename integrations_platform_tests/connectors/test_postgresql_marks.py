"""What PostgreSQL tells to have moved since a mark is what a whole listing shows, or nothing is told (P9, P42)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from uuid import uuid4

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from integrations_platform.connectors.postgresql_marks import OLDEST
from integrations_platform.connectors.relational import RelationalSide
from integrations_platform.unified_sync.port import Listing, Marking, Presence
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.connectors.sql_store import Store, opened
from integrations_platform_tests.end_to_end.own_servers import own_postgresql

PEOPLE = """CREATE TABLE people (id bigint PRIMARY KEY, name text, city varchar(20) DEFAULT 'Vigo', joined date,
            gone boolean NOT NULL DEFAULT false)"""
MANY = "INSERT INTO people (id, name) SELECT n, 'Person ' || n FROM generate_series(1, 200) n"
TYPES = {"name": FieldType.TEXT, "city": FieldType.TEXT, "joined": FieldType.DATE}


@pytest.fixture
def store(postgres_database: str) -> Iterator[Store]:
    with opened("postgresql", postgres_database, PEOPLE, MANY) as store:
        yield store


def listed(side: RelationalSide) -> Listing:
    """A whole listing."""
    side.check()
    with side.snapshot() as snapshot:
        return snapshot.listing()


def a_user(store: Store) -> psycopg.Connection:
    """Someone with a transaction of their own."""
    return psycopg.connect(store.url.replace("+psycopg", ""))


def since(side: RelationalSide, earlier: Listing) -> tuple[Listing | None, Listing]:
    """What is told since, and a whole listing of the same moment."""
    with side.snapshot() as snapshot:
        assert isinstance(snapshot, Marking)
        return snapshot.since(earlier), snapshot.listing()


def stands(side: RelationalSide, listing: Listing) -> bool | None:
    """Whether nothing moved."""
    assert listing.mark is not None
    with side.snapshot() as snapshot:
        assert isinstance(snapshot, Marking)
        return snapshot.stands(listing.mark, listing.frame.height)


def shown(listing: Listing) -> set[tuple[str, ...]]:
    """A listing without its order."""
    return set(listing.frame.rows())


def apart(listing: Listing | None) -> set[str]:
    """Who is told to have moved."""
    assert listing is not None
    assert listing.apart is not None
    return set(listing.apart)


def remembered(listing: Listing) -> Listing:
    """As the engine remembers it: who was live, and that none of them stands apart."""
    live = listing.frame.filter(pl.col("presence") == str(Presence.LIVE))
    return Listing(live, complete=True, mark=listing.mark, apart=pl.Series(dtype=pl.String))


def test_what_moved_is_told_and_nothing_else(store: Store) -> None:
    side = store.side(types=TYPES)
    before = remembered(listed(side))
    store.run(
        "UPDATE people SET name = 'Ann' WHERE id = 7",
        "DELETE FROM people WHERE id = 8",
        "INSERT INTO people (id, name) VALUES (201, 'New')",
    )
    told, whole = since(side, before)
    assert told is not None
    assert shown(told) == shown(whole)
    assert told.complete
    assert apart(told) == {"7", "8", "201"}


def test_an_edit_of_a_column_that_is_not_bound_is_told_and_shows_the_same_version(store: Store) -> None:
    side = store.side(types={"name": FieldType.TEXT})
    before = remembered(listed(side))
    store.run("UPDATE people SET city = 'Lugo' WHERE id = 7")
    told, whole = since(side, before)
    assert told is not None
    assert (shown(told), apart(told)) == (shown(before), {"7"})
    assert shown(told) == shown(whole)


def test_a_key_that_changed_is_one_gone_and_one_new(store: Store) -> None:
    side = store.side(types=TYPES)
    before = remembered(listed(side))
    store.run("UPDATE people SET id = 900 WHERE id = 9")
    told, whole = since(side, before)
    assert told is not None
    assert apart(told) == {"9", "900"}
    assert shown(told) == shown(whole)


def test_p42_a_transaction_that_was_open_at_the_mark_is_seen_once_it_commits(store: Store) -> None:
    side = store.side(types=TYPES)
    with a_user(store) as slow:
        slow.execute("UPDATE people SET name = 'Early' WHERE id = 3")
        store.run("UPDATE people SET name = 'Later' WHERE id = 4")  # a newer transaction, and seen by the listing
        before = remembered(listed(side))
        slow.commit()
    told, whole = since(side, before)
    assert told is not None
    assert "3" in apart(told)
    assert shown(told) == shown(whole)


def test_what_a_savepoint_wrote_is_seen_and_what_was_rolled_back_is_not(store: Store) -> None:
    side = store.side(types=TYPES)
    before = remembered(listed(side))
    with a_user(store) as user:
        with user.transaction():
            user.execute("UPDATE people SET name = 'Kept' WHERE id = 5")
        with user.transaction(force_rollback=True):
            user.execute("UPDATE people SET name = 'Never' WHERE id = 6")
    told, whole = since(side, before)
    assert apart(told) == {"5"}
    assert told is not None
    assert shown(told) == shown(whole)


def test_records_that_leave_the_scope_or_come_into_it_are_told(store: Store) -> None:
    side = store.side(types=TYPES, only={"city": ["Vigo"]})
    store.run("UPDATE people SET city = 'Lugo' WHERE id = 1")
    before = remembered(listed(side))
    store.run("UPDATE people SET city = 'Lugo' WHERE id = 2", "UPDATE people SET city = 'Vigo' WHERE id = 1")
    told, whole = since(side, before)
    assert told is not None
    assert apart(told) == {"1", "2"}
    assert shown(told) == shown(whole)


def test_archived_records_are_listed_whether_they_moved_or_not(store: Store) -> None:
    side = store.side(types=TYPES, soft_delete="gone")
    store.run("UPDATE people SET gone = true WHERE id = 1")
    before = remembered(listed(side))
    store.run("UPDATE people SET gone = true WHERE id = 2")
    told, whole = since(side, before)
    assert told is not None
    assert shown(told) == shown(whole)
    assert {"1", "2"} <= apart(told)


@pytest.mark.parametrize("seed", range(10))
def test_whatever_users_do_the_listing_since_is_the_whole_one(store: Store, seed: int) -> None:
    drawn = random.Random(seed)
    side = store.side(types=TYPES, soft_delete="gone", only={"city": ["Vigo", "Lugo"]})
    acts = (
        "UPDATE people SET name = name || '!' WHERE id % 11 = {}", "DELETE FROM people WHERE id % 13 = {}",
        "UPDATE people SET gone = NOT gone WHERE id % 17 = {}", "UPDATE people SET joined = now() WHERE id % 19 = {}",
        "UPDATE people SET city = CASE city WHEN 'Vigo' THEN 'Oslo' ELSE 'Vigo' END WHERE id % 7 = {}",
        "INSERT INTO people (id, name) SELECT max(id) + {} + 1, 'New' FROM people", "VACUUM FREEZE people",
    )  # fmt: skip
    earlier = remembered(listed(side))
    for _ in range(6):
        for act in drawn.sample(acts, drawn.randrange(3)):
            store.run(act.format(drawn.randrange(7)).replace("%", "%%"))
        told, whole = since(side, earlier)
        assert told is not None
        assert shown(told) == shown(whole)
        assert told.digest == whole.digest or (told.digest is None and shown(whole) != shown(earlier))
        before, now = dict(earlier.frame.select("id", "version").rows()), shown(told)
        moved = {name for name, version, presence in now if presence == "live" and before.get(name) != version}
        assert moved | {name for name in before if name not in {one[0] for one in now}} <= apart(told)
        earlier = remembered(told)


def test_it_stands_until_anything_moves(store: Store) -> None:
    side = store.side(types=TYPES)
    before = listed(side)
    assert stands(side, before) is True
    store.run("DELETE FROM people WHERE id = 8")
    assert stands(side, before) is False


def test_a_record_moved_into_the_archive_and_back_by_hand_is_a_move(store: Store) -> None:
    side = store.side(types=TYPES)
    before = listed(side)
    store.run("UPDATE people SET name = 'x' WHERE id = 1", "UPDATE people SET name = 'Person 1' WHERE id = 1")
    assert stands(side, before) is False


NOT_TOLD: dict[str, Callable[[Store], None]] = {
    "the table was emptied and filled again": lambda store: store.run("TRUNCATE people", MANY),
    "the table was written anew": lambda store: store.run("VACUUM FULL people"),
    "another table has its name": lambda store: store.run(
        "ALTER TABLE people RENAME TO old", "CREATE TABLE people AS TABLE old",
        "ALTER TABLE people ADD PRIMARY KEY (id)",
    ),
    "a column was dropped and made anew with a default, which writes no row": lambda store: store.run(
        "ALTER TABLE people DROP COLUMN city", "ALTER TABLE people ADD COLUMN city varchar(20) DEFAULT 'Lugo'"
    ),
    "two columns changed their names": lambda store: store.run(
        "ALTER TABLE people RENAME COLUMN name TO other", "ALTER TABLE people RENAME COLUMN city TO name",
        "ALTER TABLE people RENAME COLUMN other TO city",
    ),
    "rows are hidden from some": lambda store: store.run("ALTER TABLE people ENABLE ROW LEVEL SECURITY"),
    "another table's rows are shown in it": lambda store: store.run("CREATE TABLE more () INHERITS (people)"),
}  # fmt: skip


@pytest.mark.parametrize("act", NOT_TOLD.values(), ids=NOT_TOLD)
def test_what_changes_without_a_row_being_written_leaves_nothing_to_be_told(
    store: Store, act: Callable[[Store], None]
) -> None:
    before = remembered(listed(store.side(types=TYPES)))
    act(store)
    side = store.side(types=TYPES)
    side.check()
    assert since(side, before)[0] is None
    assert stands(side, before) is None


def test_types_that_may_be_spelled_anew_without_a_write_leave_no_mark(store: Store) -> None:
    store.run("CREATE TYPE tier AS ENUM ('gold', 'tin')", "ALTER TABLE people ADD COLUMN tier tier DEFAULT 'tin'")
    assert listed(store.side(types=TYPES | {"tier": FieldType.TEXT})).mark is None
    assert listed(store.side(types=TYPES)).mark is not None


def test_views_and_partitions_leave_no_mark(store: Store) -> None:
    store.run(
        "CREATE VIEW seen AS SELECT * FROM people",
        "CREATE TABLE parted (id bigint PRIMARY KEY, name text) PARTITION BY RANGE (id)",
        "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (1) TO (10)",
    )
    assert listed(store.side("seen", {"name": FieldType.TEXT}, key=["id"])).mark is None
    assert listed(store.side("parted", {"name": FieldType.TEXT})).mark is None


def test_a_mark_older_than_numbers_can_tell_tells_nothing(store: Store) -> None:
    side = store.side(types=TYPES)
    before = listed(side)
    assert before.mark is not None
    words, _, number = before.mark.rpartition("|")
    for other in (int(number) - OLDEST, int(number) + 1000):
        assert stands(side, Listing(before.frame, complete=True, mark=f"{words}|{other}")) is None


def test_a_listing_that_leaves_out_who_was_there_is_not_told_from(store: Store) -> None:
    side = store.side(types=TYPES)
    whole = remembered(listed(side))
    partly = Listing(whole.frame.head(150), complete=True, mark=whole.mark, apart=whole.apart)
    assert since(side, partly)[0] is None


def test_a_server_that_was_started_again_may_have_gone_back_in_time(store: Store) -> None:
    del store
    with own_postgresql() as own, own.server.database() as url, opened("postgresql", url, PEOPLE, MANY) as other:
        before = listed(other.side(types=TYPES))
        assert stands(other.opened[0], before) is True
        other.close()
        own.restart()
        side = other.side(types=TYPES)
        side.check()
        assert stands(side, before) is None


@pytest.mark.parametrize("granted", ["SELECT", "SELECT (id, name, city, joined, gone)"])
def test_a_role_without_rights_of_its_own_is_told_as_much_as_it_may_see(store: Store, granted: str) -> None:
    """Who wrote a row is for those who may read all of it."""
    name = f"reader_{uuid4().hex}"
    store.run(f"CREATE ROLE {name} LOGIN PASSWORD 'right-secret'", f"GRANT {granted} ON people TO {name}")
    try:
        side = store.side(
            types=TYPES,
            url=sa.make_url(store.url)
            .set(username=name, password="right-secret")
            .render_as_string(hide_password=False),
        )
        before = listed(side)
        assert (before.mark is not None) == (granted == "SELECT")
        store.run("UPDATE people SET name = 'Ann' WHERE id = 7")
        told, whole = since(side, before)
        assert (told is not None) == (granted == "SELECT")
        assert len(whole.frame) == 200
        side.close()
    finally:
        store.run(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
