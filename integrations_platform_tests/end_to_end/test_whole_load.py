"""An empty table is filled at once, and nobody can tell it from a load record by record (P2, P4, P5, P9, P15)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from integrations_platform.connectors.packed_rows import unpack
from integrations_platform.state import StateError, open_store
from integrations_platform.unified_sync.port import ErrorKind, SideError
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.end_to_end.arrange import World
from integrations_platform_tests.end_to_end.load_contract import LoadStories, person
from integrations_platform_tests.end_to_end.packed_people import COLUMNS, SYNC, TABLE, add, packed_world
from integrations_platform_tests.servers import Server

TRIGGER = (
    "CREATE FUNCTION noop() RETURNS trigger AS 'BEGIN NEW.name := upper(NEW.name); RETURN NEW; END' LANGUAGE plpgsql; "
    "CREATE TRIGGER t BEFORE INSERT ON person FOR EACH ROW EXECUTE FUNCTION noop()"
)


@pytest.fixture
def world(tmp_path: Path, postgres_server: Server) -> Iterator[World]:
    """Four people on the source, nothing on the target."""
    with packed_world(tmp_path, postgres_server) as world:
        yield world


class TestRowsAsTheyAre(LoadStories):
    """COPY to COPY."""


def test_p2_the_target_is_filled_by_one_operation_and_the_world_is_settled(world: World) -> None:
    report = world.run()
    assert (report.status, report.counts["loaded"], report.counts["created_b"]) == (RunStatus.SUCCEEDED, 4, 4)
    a, b = (base.rows(f"SELECT {COLUMNS} FROM person ORDER BY id") for base in (world.a, world.b))
    assert a == b
    again = world.run()
    assert (again.written, again.counts["settled"], again.counts["read_a"], again.counts["read_b"]) == (0, 4, 0, 0)
    assert world.verify().agrees
    assert world.chain_fault() is None


def test_p9_edits_of_two_fields_on_both_sides_of_a_loaded_record_are_no_conflict(world: World) -> None:
    world.run()
    world.a.run("UPDATE person SET name = 'Ann' WHERE id = 1", "UPDATE person SET level = 7 WHERE id = 3")
    world.b.run("UPDATE person SET city = 'Lugo' WHERE id = 1", "UPDATE person SET name = 'Cy' WHERE id = 3")
    world.settle()
    for base in (world.a, world.b):
        assert (person(base, 1, "name"), person(base, 1, "city")) == ("Ann", "Lugo")
        assert (person(base, 3, "name"), person(base, 3, "level")) == ("Cy", 7)
    assert world.memory()["conflicts"] == []


def test_p6_a_loaded_record_that_is_deleted_is_archived_on_the_other_side_and_stays_away(world: World) -> None:
    world.run()
    world.b.run("DELETE FROM person WHERE id = 2")
    world.settle()
    assert world.a.rows("SELECT id FROM person WHERE id = 2") == []
    assert world.b.rows("SELECT id FROM person WHERE id = 2") == []
    assert sum(row[3] == "trashed" for row in world.memory()["links"]) == 1


def test_p10_newcomers_after_a_load_are_made_once_and_keys_of_loaded_records_are_taken(world: World) -> None:
    world.run()
    add(world.b, "(10, 'new@example.org', 'New', '', 1, 1, NULL, NULL, NULL, NULL, NULL, 1)")
    world.settle()
    assert person(world.a, 10, "name") == "New"
    store = open_store(world.state_url, unpack=unpack)
    assert {row[0] for row in store.links("people").rows()} == {
        "A:1", "A:2", "A:3", "A:-9223372036854775808", "B:10"
    }  # fmt: skip
    assert store.links_by_record("people", "B", ["1", "10", "77"]).keys() == {"1", "10"}
    assert store.record_ids("people", ["A:2"])["A:2"][:2] == ("2", "2")
    store.close()


def test_p15_what_is_not_plain_is_left_to_the_ordinary_plan(world: World) -> None:
    blank, endless = "E'\\u2003'", "'infinity'"
    add(world.a,
        f"(5, {blank}, 'Blank', '', 1, 1, NULL, NULL, NULL, NULL, NULL, 1)",
        f"(6, 'e@example.org', 'Endless', '', 1, 1, {endless}, NULL, NULL, NULL, NULL, 1)",
        "(7, 'n@example.org', 'No number', '', 'NaN', 1, NULL, NULL, NULL, NULL, NULL, 1)")  # fmt: skip
    report = world.run()
    assert (report.counts["loaded"], report.status) == (4, RunStatus.PARTIAL)
    assert (report.counts["active"], report.counts["live_a"], report.counts["live_b"]) == (4, 7, 4)
    assert len(world.quarantined()) == 3
    assert world.b.rows("SELECT count(*) FROM person") == [(4,)]


def test_p15_a_text_that_is_no_json_is_set_aside_wherever_json_is_declared(world: World) -> None:
    """It went over with all others, and no later run could read what had been agreed."""
    for base in (world.a, world.b):
        base.run("ALTER TABLE person ALTER COLUMN attrs TYPE text")
    world.a.run("UPDATE person SET attrs = 'no' WHERE id = 2")
    report = world.run()
    assert (report.status, report.counts["created_b"], len(world.quarantined())) == (RunStatus.PARTIAL, 3, 1)
    world.a.run("UPDATE person SET name = 'Ann' WHERE id = 1", "UPDATE person SET attrs = '[1]' WHERE id = 2")
    world.settle()
    assert (person(world.b, 1, "name"), person(world.b, 2, "attrs")) == ("Ann", "[1]")


def test_p15_a_record_the_target_refuses_does_not_keep_the_others_away(world: World) -> None:
    world.b.run("ALTER TABLE person ADD CHECK (level <> 0)")
    report = world.run()
    assert (report.counts["loaded"], report.counts["created_b"], report.counts["rejected_b"]) == (0, 3, 1)
    assert world.b.rows("SELECT count(*) FROM person") == [(3,)]
    assert world.memory()["intents"] == []


def test_p40_another_spelling_of_what_was_loaded_is_noted_and_writes_nothing(world: World) -> None:
    add(world.a, "(8, 'e@example.org', 'caf\u00e9', '', 1, 1, NULL, NULL, NULL, NULL, NULL, 1)")
    world.run()
    world.a.run("UPDATE person SET name = 'cafe\u0301' WHERE id = 8")
    assert world.run().written == 0
    assert world.run().counts["settled"] == 5
    assert person(world.b, 8, "name") == "caf\u00e9"


def test_everybody_can_see_where_a_loaded_record_came_from(world: World) -> None:
    world.run()
    world.a.run("UPDATE person SET name = 'Ann' WHERE id = 1")
    world.settle()
    store = open_store(world.state_url, unpack=unpack)
    roles = {name: [line.entry.role for line in store.audit("people", link_id=name)] for name in ("A:1", "A:2", "A:9")}
    assert roles == {"A:1": ["written", "written"], "A:2": ["written"], "A:9": []}
    assert [line.entry.field for line in store.records.history("people", "A:1", None, 9)] == ["name", ""]
    assert {one.link_id for key in ("1", "A:2", "9") for one in store.records.find("people", key, [], 9)} == {
        "A:1",
        "A:2",
    }
    store.close()


@pytest.mark.parametrize("kind", ["rows", "versions"])
def test_what_was_remembered_of_a_load_and_is_damaged_is_named_and_nothing_is_written(world: World, kind: str) -> None:
    world.run()
    with closing(sqlite3.connect(world.folder / "state.sqlite")) as state, state:
        state.execute("UPDATE sync_load_part SET body = x'00' WHERE kind = ?", (kind,))
    world.a.run("UPDATE person SET name = 'Ann' WHERE id = 1")
    with pytest.raises(StateError, match=r"load:\w+ is damaged in .*state.sqlite.*; restore it from a backup"):
        world.run()
    assert person(world.b, 1, "name") != "Ann"


@pytest.mark.parametrize(
    "other",
    [
        "INSERT INTO person (id, email) VALUES (1, 'there@example.org')",
        TRIGGER,
    ],
    ids=["not empty", "a trigger"],
)
def test_a_target_that_does_more_than_keep_rows_is_filled_record_by_record(world: World, other: str) -> None:
    world.b.run(other)
    assert world.run().counts["loaded"] == 0
    assert world.b.rows("SELECT count(*) FROM person") == [(4,)]


@pytest.mark.parametrize(
    "other",
    ["ALTER TABLE person ALTER COLUMN level TYPE integer", "ALTER TABLE person ENABLE ROW LEVEL SECURITY"],
    ids=["another type", "row security"],
)
def test_a_target_that_keeps_rows_otherwise_is_filled_value_by_value(world: World, other: str) -> None:
    world.b.run(other)
    assert world.run().counts["loaded"] == 4
    assert world.run().written == 0
    assert world.b.rows("SELECT count(*) FROM person") == [(4,)]


def test_who_may_not_lock_the_table_fills_it_record_by_record(world: World) -> None:
    name = f"clerk_{world.b.name}"
    world.b.run(
        f"CREATE ROLE {name} LOGIN PASSWORD 'clerk'", f"GRANT CREATE, USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT, INSERT, UPDATE ({COLUMNS}) ON person TO {name}",
    )  # fmt: skip
    world.urls["shop"] = world.b.with_user(name, "clerk")
    report = world.run()
    assert (report.counts["loaded"], report.counts["created_b"], report.message) == (0, 4, "")


def test_p5_a_load_is_not_given_up_while_whoever_began_it_may_still_commit(world: World) -> None:
    """A paused process holds its lock; asking for the receipt waits for that, and does not answer too early."""
    world.urls["shop"] = f"{world.b.url}?options=-c%20lock_timeout%3D200ms"
    platform = world.platform()
    spec = platform.sync("people")
    names = {item.source[0]: item.name for item in spec.fields}
    with platform.sides(spec) as sides, platform.sides(spec) as others:
        source, target = (side.bulk for side in sides.values())  # type: ignore[attr-defined]
        asking: Any = others["B"]
        assert source.form("id", names) == target.form("id", names)
        with source.export([]) as export, target.loading("load:paused") as loading:
            for piece in export.pieces():
                loading.send(piece)
            assert sum(shown.height for shown in loading.versions()) == 4
            with pytest.raises(SideError) as caught:
                asking.is_loaded("load:paused")
            assert caught.value.kind is ErrorKind.TRANSIENT
            loading.commit()
        assert asking.is_loaded("load:paused")
        assert not asking.is_loaded("load:never")
    platform.close()


def test_text_keys_are_links_like_any_other(world: World) -> None:
    for base in (world.a, world.b):
        base.run("DROP TABLE person", TABLE.format(key="text"))
    world.sync = SYNC % "text"
    ids = ("'ünï 1'", "E'a\\nb'", "'#2'", "'A:1'")
    add(world.a, *(f"({name}, 'a@b', 'N', '', 1, 1, NULL, NULL, NULL, NULL, NULL, 1)" for name in ids))
    assert world.run().counts["loaded"] == 4
    world.a.run("UPDATE person SET name = 'M'")
    world.settle()
    assert world.b.rows("SELECT DISTINCT name FROM person") == [("M",)]
    assert {row[1] for row in world.memory()["links"]} == {"ünï 1", "a\nb", "#2", "A:1"}
