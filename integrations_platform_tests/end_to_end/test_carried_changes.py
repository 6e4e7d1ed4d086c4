"""Changes of many records go over at once, and nobody can tell it from changes one by one."""

from __future__ import annotations

import random
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from integrations_platform.connectors.packed_rows import unpack
from integrations_platform.connectors.postgresql_bulk import PostgresqlBulk
from integrations_platform.state import loads, open_store
from integrations_platform.unified_sync import carrying
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.end_to_end.arrange import World
from integrations_platform_tests.end_to_end.load_contract import death, person, unheard
from integrations_platform_tests.end_to_end.packed_people import COLUMNS, SYNC, TABLE, add, packed_world
from integrations_platform_tests.servers import Server

NEW = "'n@example.org', 'New', '', 1, 1, NULL, NULL, NULL, NULL, NULL, 1"


@pytest.fixture
def world(tmp_path: Path, postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Four people, loaded; from two changes on they go over at once."""
    monkeypatch.setattr(carrying, "FEWEST", 2)
    with packed_world(tmp_path, postgres_server) as world:
        world.run()
        yield world


def both(world: World) -> tuple[list[Any], list[Any]]:
    """Both tables."""
    a, b = (base.rows(f"SELECT {COLUMNS} FROM person ORDER BY id") for base in (world.a, world.b))
    return a, b


def test_p2_changed_and_new_records_go_over_by_one_operation_and_the_world_is_settled(world: World) -> None:
    world.a.run("UPDATE person SET name = 'Changed', balance = 7.5, seen = now() WHERE id <> 2")
    add(world.a, f"(10, {NEW})", f"(11, {NEW})")
    report = world.run()
    assert report.status is RunStatus.SUCCEEDED
    assert {name: report.counts[name] for name in ("carried", "planned_b", "applied_b", "updated_b", "created_b")} == {
        "carried": 5, "planned_b": 5, "applied_b": 5, "updated_b": 3, "created_b": 2
    }  # fmt: skip
    a, b = both(world)
    assert a == b
    again = world.run()
    assert (again.written, again.counts["settled"], again.counts["read_a"], again.counts["read_b"]) == (0, 6, 0, 0)
    assert world.verify().agrees
    assert world.chain_fault() is None
    assert world.b.rows("SELECT DISTINCT kept FROM person") == [("own",)], (
        "columns that are not synced stay as they are"
    )


def test_p4_changes_on_the_target_come_back_the_same_way_and_later_ones_are_plain(world: World) -> None:
    world.b.run("UPDATE person SET city = 'Lugo'")
    assert world.run().counts["carried"] == 4
    world.a.run("UPDATE person SET city = 'Vigo' WHERE id IN (1, 2, 3)")
    world.b.run("UPDATE person SET level = 9 WHERE id = 3")
    reports = world.settle()
    assert [report.counts["carried"] for report in reports] == [2, 0], "one changed on both sides"
    assert (person(world.a, 3, "city"), person(world.a, 3, "level")) == ("Vigo", 9)
    a, b = both(world)
    assert a == b


def test_p9_records_that_changed_on_both_sides_are_merged_by_field_or_disputed(world: World) -> None:
    world.a.run("UPDATE person SET name = 'A ' || id")
    world.b.run("UPDATE person SET name = 'B' WHERE id = 1", "UPDATE person SET city = 'B' WHERE id = 2")
    report = world.run()
    assert (report.counts["carried"], report.counts["conflicts_opened"], report.open_conflicts) == (2, 1, 1)
    assert (person(world.b, 2, "name"), person(world.a, 2, "city")) == ("A 2", "B")
    assert (person(world.a, 1, "name"), person(world.b, 1, "name")) == ("A 1", "B")


def test_p3_what_somebody_changes_meanwhile_is_left_to_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    picked = PostgresqlBulk.pick

    def pick(*arguments: Any) -> Iterator[pl.DataFrame]:
        yield from picked(*arguments)
        world.b.run(
            "UPDATE person SET city = 'Mine' WHERE id = 1", f"INSERT INTO person ({COLUMNS}) VALUES (10, {NEW})"
        )

    monkeypatch.setattr(PostgresqlBulk, "pick", pick)
    world.a.run("UPDATE person SET name = 'Changed'")
    add(world.a, f"(10, {NEW})")
    report = world.run()
    assert (report.counts["carried"], report.counts["stale_b"], report.status) == (3, 2, RunStatus.PARTIAL)
    monkeypatch.setattr(PostgresqlBulk, "pick", picked)
    world.settle()
    for base in (world.a, world.b):
        assert (person(base, 1, "name"), person(base, 1, "city")) == ("Changed", "Mine")
    assert world.memory()["conflicts"] == []
    assert len(world.memory()["links"]) == 5


def test_p3_a_load_of_which_nothing_takes_effect_leaves_all_to_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    picked = PostgresqlBulk.pick

    def pick(*arguments: Any) -> Iterator[pl.DataFrame]:
        yield from picked(*arguments)
        world.b.run("UPDATE person SET city = 'Mine'")

    monkeypatch.setattr(PostgresqlBulk, "pick", pick)
    world.a.run("UPDATE person SET name = 'Changed'")
    report = world.run()
    assert (report.counts["carried"], report.counts["stale_b"]) == (0, 4)
    monkeypatch.setattr(PostgresqlBulk, "pick", picked)
    world.settle()
    for base in (world.a, world.b):
        assert base.rows("SELECT DISTINCT name, city FROM person") == [("Changed", "Mine")]


@pytest.mark.parametrize("where", ["begin", "add", "vouch", "end"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_p5_a_load_of_changes_cut_at_any_step_is_finished_or_forgotten_and_later_edits_are_plain(
    world: World, monkeypatch: pytest.MonkeyPatch, where: str, when: str
) -> None:
    world.a.run("UPDATE person SET name = 'Changed'")
    add(world.a, f"(10, {NEW})")
    with death(monkeypatch, when, where):
        world.run()
    names = {name for (name,) in world.b.rows("SELECT name FROM person")}
    assert names == {"Changed", "New"} if where == "end" else "Changed" not in names, "all of it or nothing"
    world.a.run("UPDATE person SET name = 'Edited meanwhile' WHERE id = 1")
    world.b.run("UPDATE person SET city = 'Lugo' WHERE id = 1")
    world.settle()
    a, b = both(world)
    assert a == b
    assert (person(world.b, 1, "name"), person(world.a, 1, "city")) == ("Edited meanwhile", "Lugo")
    memory = world.memory()
    assert (memory["conflicts"], memory["quarantine"], len(memory["links"])) == ([], [], 5)
    assert world.chain_fault() is None


def test_p5_a_commit_that_nobody_answered_is_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.a.run("UPDATE person SET name = 'Changed'")
    with unheard(monkeypatch):
        report = world.run()
    assert (report.counts["unknown_b"], report.counts["carried"]) == (4, 0)
    world.a.run("UPDATE person SET name = 'Ann' WHERE id = 1")
    world.b.run("UPDATE person SET city = 'Lugo' WHERE id = 1")
    reports = world.settle()
    assert reports[0].recovered == 1
    for base in (world.a, world.b):
        assert (person(base, 1, "name"), person(base, 1, "city")) == ("Ann", "Lugo")
    assert world.memory()["conflicts"] == []


def test_p10_nothing_is_planned_over_a_load_of_which_nobody_knows_what_became(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.b.run("ALTER TABLE person ADD CHECK (name <> 'Refused')", "UPDATE person SET city = 'Lugo' WHERE id > 1")
    world.a.run("UPDATE person SET name = 'Refused' WHERE id < 2")
    with unheard(monkeypatch):
        report = world.run()
    assert (report.status, report.counts["unknown_a"]) == (RunStatus.PARTIAL, 2)
    assert (report.counts["planned_b"], world.quarantined()) == (0, []), "what was refused is not looked at again yet"
    report = world.run()
    assert (report.recovered, report.counts["rejected_b"], report.written) == (1, 2, 0)
    assert {city for (city,) in world.a.rows("SELECT city FROM person WHERE id > 1")} == {"Lugo"}


def test_p6_guards_count_what_would_be_carried_and_then_nothing_goes(world: World) -> None:
    world.sync = SYNC % "integer" + "guards: {max_change_fraction: 0.5, change_floor: 1}\n"
    world.a.run("UPDATE person SET name = 'All of them'")
    before = world.b.rows("SELECT * FROM person ORDER BY id")
    report = world.run()
    assert report.status is RunStatus.REFUSED
    assert "field name changed on 4 of 4 linked records" in report.message
    assert world.b.rows("SELECT * FROM person ORDER BY id") == before
    assert sum("carried" in line for line in rules(world)) == 0


def test_p15_a_record_the_target_refuses_does_not_keep_the_others_away(world: World) -> None:
    world.b.run("ALTER TABLE person ADD CHECK (name <> 'Refused')")
    world.a.run("UPDATE person SET name = CASE id WHEN 1 THEN 'Refused' ELSE 'Fine' END")
    report = world.run()
    assert (report.counts["carried"], report.counts["updated_b"], report.counts["rejected_b"]) == (0, 3, 1)
    assert {name for (name,) in world.b.rows("SELECT name FROM person WHERE id <> 1")} == {"Fine"}


def test_p15_what_is_not_plain_gets_an_operation_of_its_own(world: World) -> None:
    world.a.run("UPDATE person SET name = 'Changed'", "UPDATE person SET email = E'\\u2003' WHERE id = 1",
                "UPDATE person SET born = 'infinity' WHERE id = 2")  # fmt: skip
    report = world.run()
    assert (report.counts["carried"], len(world.quarantined())) == (2, 2)
    assert world.run().counts["carried"] == 0


def test_p40_another_spelling_is_noted_and_the_spelling_of_the_other_side_stays(world: World) -> None:
    add(world.a, "(8, 'e@example.org', 'caf\u00e9', '', 1.0, 1, NULL, NULL, NULL, NULL, '{\"a\": 1.0}', 1)")
    world.run()
    world.a.run("UPDATE person SET name = 'cafe\u0301' WHERE id = 8", "UPDATE person SET level = 5 WHERE id IN (2, 3)")
    report = world.run()
    assert (report.counts["carried"], report.written) == (2, 2)
    world.a.run("UPDATE person SET level = 6 WHERE id IN (2, 3, 8)")
    assert world.run().written == 3
    assert person(world.b, 8, "name") == "caf\u00e9"
    assert person(world.a, 8, "name") == "cafe\u0301"


@pytest.mark.parametrize(
    "other", ["REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC", "ALTER TABLE person ADD other int"]
)
def test_what_a_load_cannot_be_made_of_goes_one_by_one(world: World, other: str) -> None:
    if other.startswith("REVOKE"):
        clerk = f"clerk_{world.b.name}"
        world.b.run(
            other.format(name=world.b.name), f"CREATE ROLE {clerk} LOGIN PASSWORD 'clerk'",
            f"GRANT CREATE, USAGE ON SCHEMA public TO {clerk}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {clerk}",
        )  # fmt: skip
        world.urls["shop"] = world.b.with_user(clerk, "clerk")
    else:
        world.b.run(other, "UPDATE person SET other = 1", "ALTER TABLE person ALTER COLUMN level TYPE integer")
        world.settle()
    world.a.run("UPDATE person SET name = 'Changed'")
    report = world.run()
    assert (report.counts["carried"], report.counts["updated_b"]) == (0, 4)
    assert world.b.rows("SELECT DISTINCT name FROM person") == [("Changed",)]


def test_p10_an_id_that_was_there_before_or_stands_there_unseen_gets_an_operation_of_its_own(world: World) -> None:
    for base in (world.a, world.b):
        base.run("DELETE FROM person WHERE id = 1")
    world.settle()
    world.sync = (SYNC % "integer").replace(
        "{system: shop, object: person,", "{system: shop, object: person, only: {kept: [own]},"
    )
    world.b.run(f"INSERT INTO person ({COLUMNS}, kept) VALUES (10, {NEW}, 'theirs')")
    add(world.a, *(f"({number}, {NEW})" for number in (1, 10, 11, 12)))
    report = world.run()
    assert (report.counts["carried"], report.counts["stale_b"]) == (2, 1)
    assert person(world.b, 1, "name") == "New", "as a new record"
    assert person(world.b, 10, "kept") == "theirs"


def test_a_record_that_bears_a_receipt_of_ours_gets_an_operation_of_its_own(world: World) -> None:
    """A write that was given up may show there late; whose value it is, is for the ordinary plan to find out."""
    world.b.run("UPDATE person SET city = 'Lugo' WHERE id = 1")
    assert world.run().counts["carried"] == 0
    world.a.run(
        "INSERT INTO integrations_ledger (pair, record_id, link_id, last_op) VALUES ('people:A', '2', 'A:2', 'x')"
    )
    world.a.run("UPDATE person SET name = 'Changed'")
    assert world.run().counts["carried"] == 2, "neither what was stored by itself nor what bears a receipt"


def test_receipts_of_many_other_records_are_not_gone_through_for_each_that_changed(world: World) -> None:
    """The server expected one plain row and compared each with every receipt: minutes, for ten thousand of each."""
    receipts = 5_000
    world.b.run("UPDATE person SET city = 'Lugo' WHERE id = 1")
    world.run()  # which makes the table of receipts
    world.a.run(
        "INSERT INTO integrations_ledger (pair, record_id, link_id, last_op) "
        f"SELECT 'people:A', 'other ' || n, NULL, 'x' FROM generate_series(1, {receipts}) AS n",
        "ANALYZE", "UPDATE person SET name = 'Changed'",
    )  # fmt: skip
    assert world.run().counts["carried"] == world.a.rows("SELECT count(*) FROM person")[0][0] - 1
    world.a.run("SELECT pg_stat_force_next_flush()")
    read = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'integrations_ledger'"
    assert world.a.rows(read)[0][0] <= 10 * receipts


def test_p25_a_record_in_dispute_gets_an_operation_of_its_own_which_ends_the_dispute(world: World) -> None:
    world.b.run("CREATE TABLE kept_names AS SELECT id, name FROM person", "UPDATE person SET name = 'B' WHERE id < 3")
    world.a.run("UPDATE person SET name = 'A' WHERE id < 3")
    assert world.run().open_conflicts == 3
    world.b.run("UPDATE person SET name = k.name FROM kept_names AS k WHERE k.id = person.id")
    report = world.run()
    assert (report.counts["carried"], report.counts["updated_b"], report.open_conflicts) == (0, 3, 0)
    assert world.b.rows("SELECT DISTINCT name FROM person WHERE id < 3") == [("A",)]


def test_everybody_can_see_what_was_carried(world: World) -> None:
    world.a.run("UPDATE person SET name = 'First' WHERE id IN (1, 2)")
    world.run()
    world.a.run("UPDATE person SET name = 'Second', level = 4 WHERE id IN (1, 3)")
    world.run()
    store = open_store(world.state_url, unpack=unpack)
    lines = [line.entry for line in store.audit("people", link_id="A:1")]
    assert [(line.role, line.record_id, line.old, line.new) for line in lines] == [
        ("written", None, None, None),
        ("written", "1", '{"name":"Zoë Ångström – 👩🏽"}', '{"name":"First"}'),
        ("written", "1", '{"level":-32768,"name":"First"}', '{"level":4,"name":"Second"}'),
    ]
    assert [line.entry.new for line in store.records.history("people", "A:3", None, 9)] == [
        '{"level":4,"name":"Second"}',
        None,
    ]
    assert store.bases("people", ["A:1"])["A:1"].base_version == 3
    store.close()


def test_rows_that_somebody_altered_behind_the_audit_are_told(world: World) -> None:
    world.a.run("UPDATE person SET name = 'Carried'")
    assert world.run().counts["carried"] == 4
    assert world.chain_fault() is None
    with closing(sqlite3.connect(world.state_url.removeprefix("sqlite:///"))) as state, state:
        state.execute("UPDATE sync_load_part SET body = CAST(body || ' ' AS BLOB) WHERE load_id LIKE '%:B'")
    assert world.chain_fault() == "the rows that audit line 2 tells of were altered"


def rules(world: World) -> list[str]:
    """What the audit says."""
    store = open_store(world.state_url, unpack=unpack)
    said = [line.entry.rule for line in store.audit("people")]
    store.close()
    return said


def test_many_loads_of_changes_are_gathered_and_nothing_of_them_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loads, "MANY", 3)
    for level in range(1, 8):
        world.a.run(f"UPDATE person SET level = {level} WHERE id IN (1, {2 + level % 2})")
        assert world.run().counts["carried"] == 2
    store = open_store(world.state_url, unpack=unpack)
    assert len(list(store.audit("people", link_id="A:1"))) == 8
    shown = {link_id: unpacked.values_a for link_id, unpacked in store.bases("people", ["A:1", "A:2", "A:3"]).items()}
    assert {link_id: text.partition('"level":')[2].partition(",")[0] for link_id, text in shown.items() if text} == {
        "A:1": "7", "A:2": "6", "A:3": "7"
    }  # fmt: skip
    assert store.bases("people", ["A:1"])["A:1"].base_version == 8
    assert store.links("people").height == 4
    store.close()
    world.b.run("UPDATE person SET name = 'Bo' WHERE id = 1")
    world.settle()
    a, b = both(world)
    assert a == b


def test_text_keys_are_carried_like_any_other(world: World) -> None:
    for base in (world.a, world.b):
        base.run("DROP TABLE person", TABLE.format(key="text"))
    world.b.run("DELETE FROM integrations_ledger")
    world.sync, world.state_url = SYNC % "text", f"sqlite:///{world.folder / 'text.sqlite'}"
    add(world.a, *(f"({name}, {NEW})" for name in ("'ünï 1'", "E'a\\nb'", "'#2'", "'A:1'")))
    assert world.run().counts["loaded"] == 4
    world.a.run("UPDATE person SET name = 'M'")
    add(world.a, f"('%s', {NEW})")
    assert world.run().counts["carried"] == 5
    a, b = both(world)
    assert a == b
    assert world.run().counts["settled"] == 5


NEWCOMERS = """INSERT INTO person ({columns}) SELECT g, 'p' || g || '@example.org', 'Q', '', 1, 1, NULL,
               '2024-01-01+00', NULL, true, NULL, 1 FROM generate_series({first}, {last}) g ON CONFLICT DO NOTHING"""
EDITS: tuple[Callable[[Callable[[int], int]], str], ...] = (
    lambda n: f"UPDATE person SET name = 'N{n(99)}' WHERE id % 3 = {n(3)}",
    lambda n: f"UPDATE person SET balance = {n(999)}.50, level = {n(9)} WHERE id % 4 = {n(4)}",
    lambda n: f"UPDATE person SET attrs = '{{\"a\": {n(9)}.0}}', ratio = {n(9)} WHERE id % 5 = {n(5)}",
    lambda n: f"UPDATE person SET name = NULL, city = 'caf\u00e9' WHERE id % 6 = {n(6)}",
    lambda n: f"UPDATE person SET city = 'cafe\u0301' WHERE city = 'caf\u00e9' AND id % 2 = {n(2)}",
    lambda n: f"UPDATE person SET email = upper(email) WHERE id % 7 = {n(7)}",
    lambda n: f"UPDATE person SET woken = '2024-10-27 02:{10 + n(50)}' WHERE id % 5 = {n(5)}",
    lambda n: f"DELETE FROM person WHERE id = {n(40)}",
    lambda n: NEWCOMERS.format(columns=COLUMNS, first=(first := 40 + n(50)), last=first + 3),
)
"""What people do; ``n`` draws a number below another."""


def life(world: World, seed: int) -> list[Any]:
    """What people do for some rounds and what comes of it: both tables, what is agreed, disputed and set aside."""
    draw = random.Random(seed)
    seen: list[Any] = []
    world.sync = SYNC % "integer" + "deletes: {max: 99}\n"
    world.a.run(
        f"INSERT INTO person ({COLUMNS}) SELECT g, 'p' || g || '@example.org', 'P' || g, 'Lugo', g, g, '2000-01-01', "
        "'2024-01-01+00', '2024-03-31 01:30', true, '{}', 1 FROM generate_series(4, 40) g"
    )
    world.run()
    for _ in range(4):
        for base in (world.a, world.b):
            base.run(*(draw.choice(EDITS)(draw.randrange).replace("%", "%%") for _ in range(draw.randrange(1, 4))))
        for _ in range(2):
            world.run()
        memory = world.memory()
        links = [row[:4] for row in memory["links"]]
        bases = sorted(text.partition("values_a=")[2] for text in memory["bases"])
        disputes = sorted(
            (row.link_id, row.unit, row.kind, row.value_a, row.value_b, row.status) for row in memory["conflicts"]
        )
        # A load writes the source's own spelling.
        tables = [
            [unicodedata.normalize("NFC", value) if isinstance(value, str) else value for value in row]
            for table in both(world)
            for row in table
        ]
        seen.append((tables, links, bases, disputes, sorted(memory["quarantine"]), memory["intents"]))
    assert world.chain_fault() is None
    return seen


@pytest.mark.parametrize("seed", range(4))
def test_p8_a_life_with_loads_of_changes_is_the_life_without_them(
    tmp_path: Path, postgres_server: Server, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    lives = []
    for name, fewest in (("carried", 1), ("one by one", 10**9)):
        monkeypatch.setattr(carrying, "FEWEST", fewest)
        (tmp_path / name).mkdir()
        with packed_world(tmp_path / name, postgres_server) as world:
            lives.append(life(world, seed))
            carried = any("carried" in rule for rule in rules(world))
            assert carried == (fewest == 1)
    assert lives[0] == lives[1]
