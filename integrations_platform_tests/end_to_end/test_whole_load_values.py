"""An empty table of another sort is filled at once, value by value, and nobody can tell (P2, P4, P5, P9, P15, P40)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integrations_platform.unified_sync.port import ErrorKind, SideError
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.end_to_end.arrange import Base, World
from integrations_platform_tests.end_to_end.load_contract import LoadStories, person, unheard
from integrations_platform_tests.servers import Server

COLUMNS = "id, email, name, city, balance, born, seen, active, attrs"
TABLES = {
    "postgresql": """CREATE TABLE person (id bigint PRIMARY KEY, email text NOT NULL, name varchar(60), city text,
                     balance numeric(12, 2), born date, seen timestamptz, active boolean, attrs jsonb)""",
    "mysql": """CREATE TABLE person (id bigint PRIMARY KEY, email varchar(90) NOT NULL, name varchar(60), city text,
                balance decimal(12, 2), born date, seen datetime(6), active boolean, attrs json)
                CHARACTER SET utf8mb4""",
    "sqlite": """CREATE TABLE person (id integer PRIMARY KEY, email text NOT NULL, name varchar(60), city text,
                 balance numeric(12, 2), born date, seen timestamp, active boolean, attrs text)""",
}
PAIRS = (("postgresql", "mysql"), ("mysql", "postgresql"), ("mysql", "sqlite"))
SYNC = """\
name: people
source: {system: office, object: person, zone: UTC}
target: {system: shop, object: person, zone: UTC}
match: [id]
conflicts: {default: manual}
fields:
  id:      {source: id,      target: id,      type: integer}
  mail:    {source: email,   target: email,   type: email}
  name:    {source: name,    target: name,    type: text, required: false}
  city:    {source: city,    target: city,    type: text, required: false}
  balance: {source: balance, target: balance, type: decimal, required: false, scale: 2}
  born:    {source: born,    target: born,    type: date, required: false}
  seen:    {source: seen,    target: seen,    type: datetime, required: false}
  active:  {source: active,  target: active,  type: boolean, required: false}
  attrs:   {source: attrs,   target: attrs,   type: json, required: false}
"""
ATTRS = '{"b": [1, null, "ü"], "a": 1.50}'
PEOPLE = (
    f"(1, 'a@example.org', 'Zoë Å – 👩🏽', '', 0.10, '1970-01-02', '2024-03-31 01:30:00.25', true, '{ATTRS}')",
    "(2, 'b@example.org', 'two\nlines', '  ', -999999999.99, '2000-02-29', '1969-12-31 23:59:59.999999', false, '[]')",
    "(3, 'c@example.org', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    "(-9223372036854775808, '李@example.org', 'O''Neil', 'NULL', 100, '1999-12-31', '2000-01-01', true, '\"x\"')",
)
SHOUT = {
    "postgresql": """CREATE FUNCTION shout() RETURNS trigger AS 'BEGIN NEW.name := upper(NEW.name); RETURN NEW; END'
                     LANGUAGE plpgsql;
                     CREATE TRIGGER t BEFORE INSERT ON person FOR EACH ROW EXECUTE FUNCTION shout()""",
    "mysql": "CREATE TRIGGER t BEFORE INSERT ON person FOR EACH ROW SET NEW.name = UPPER(NEW.name)",
    "sqlite": """CREATE TRIGGER t AFTER INSERT ON person BEGIN
                 UPDATE person SET name = upper(name) WHERE id = NEW.id; END""",
}


@pytest.fixture(params=PAIRS, ids="-".join)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Two databases of two sorts with the same table, four people on the source, nothing on the target."""
    with ExitStack() as stack:
        bases = []
        for number, kind in enumerate(request.param):
            if kind == "sqlite":
                url = f"sqlite:///{tmp_path / f'{number}.sqlite'}"
            else:
                server: Server = request.getfixturevalue("mysql_server" if kind == "mysql" else "postgres_server")
                url = stack.enter_context(server.database())
            bases.append(Base.at(kind, url))
            bases[-1].run(TABLES[kind])
        add(bases[0], *PEOPLE)
        yield World(tmp_path, *bases, sync=SYNC)


def add(base: Base, *rows: str) -> None:
    """Insert people given as SQL."""
    utc = "+00'" if base.kind == "postgresql" else "'"
    for row in rows:
        row = row.replace("23:59:59.999999'", f"23:59:59.999999{utc}").replace("30:00.25'", f"30:00.25{utc}")
        base.run(f"INSERT INTO person ({COLUMNS}) VALUES {row}".replace("%", "%%"))


class TestValueByValue(LoadStories):
    """Between two sorts of database."""


def test_p2_the_target_is_filled_by_one_operation_and_the_world_is_settled(world: World) -> None:
    report = world.run()
    assert (report.status, report.counts["loaded"], report.counts["created_b"]) == (RunStatus.SUCCEEDED, 4, 4)
    plain = "SELECT id, email, name, city, born, active FROM person ORDER BY id"
    a, b = ([tuple(map(str, row)) for row in base.rows(plain)] for base in (world.a, world.b))
    assert [(*row[:5], row[5] in ("True", "1")) for row in a] == [(*row[:5], row[5] in ("True", "1")) for row in b]
    again = world.run()
    assert (again.written, again.counts["settled"], again.counts["read_a"], again.counts["read_b"]) == (0, 4, 0, 0)
    assert world.verify().agrees
    assert world.chain_fault() is None


def test_p9_edits_of_two_fields_on_both_sides_of_a_loaded_record_are_no_conflict(world: World) -> None:
    world.run()
    world.a.run("UPDATE person SET name = 'Ann' WHERE id = 1", "UPDATE person SET name = 'Nobody' WHERE id = 2")
    world.b.run("UPDATE person SET city = 'Lugo' WHERE id = 1", "DELETE FROM person WHERE id = 3")
    world.settle()
    for base in (world.a, world.b):
        assert (person(base, 1, "name"), person(base, 1, "city")) == ("Ann", "Lugo")
        assert base.rows("SELECT id FROM person WHERE id = 3") == []
        assert base.rows("SELECT count(*) FROM person") == [(3,)]
    assert world.memory()["conflicts"] == []


def test_p15_a_record_that_does_not_fit_is_left_to_the_ordinary_plan(world: World) -> None:
    world.sync = SYNC.replace("{source: city,", "{max_length: 20, source: city,")
    add(world.a, f"(5, 'e@example.org', 'Long', '{'x' * 21}', 1, NULL, NULL, NULL, NULL)",
        "(6, '  ', 'Blank', '', 1, NULL, NULL, NULL, NULL)")  # fmt: skip
    report = world.run()
    assert (report.counts["loaded"], report.status) == (4, RunStatus.PARTIAL)
    assert len(world.quarantined()) == 2
    assert world.b.rows("SELECT count(*) FROM person") == [(4,)]


def test_p15_a_record_the_target_refuses_does_not_keep_the_others_away(world: World) -> None:
    world.b.run("CREATE UNIQUE INDEX one_balance ON person (balance)" if world.b.kind != "mysql" else
                "ALTER TABLE person ADD UNIQUE (balance)")  # fmt: skip
    add(world.a, "(7, 'g@example.org', 'Twin', '', 100, NULL, NULL, NULL, NULL)")
    report = world.run()
    assert (report.counts["loaded"], report.counts["created_b"], report.counts["rejected_b"]) == (0, 4, 1)
    assert world.b.rows("SELECT count(*) FROM person") == [(4,)]
    assert world.memory()["intents"] == []


def test_p40_a_target_that_alters_what_is_sent_is_filled_record_by_record(world: World) -> None:
    world.b.run(SHOUT[world.b.kind])
    assert world.run().counts["loaded"] == 0
    assert world.b.rows("SELECT count(*) FROM person") == [(4,)]


def test_p10_a_key_that_is_spelled_otherwise_on_each_side_is_linked_record_by_record(world: World) -> None:
    number = {"postgresql": "ALTER COLUMN id TYPE numeric(25, 2)", "mysql": "MODIFY id decimal(25, 2)"}
    world.a.run(f"ALTER TABLE person {number[world.a.kind]}")
    report = world.run()
    assert (report.counts["loaded"], report.counts["created_b"]) == (0, 4)
    assert ("3.00", "3") in {row[1:3] for row in world.memory()["links"]}
    world.a.run("UPDATE person SET name = 'Cy' WHERE id = 3")
    world.settle()
    assert person(world.b, 3, "name") == "Cy"


def test_p5_a_load_is_not_given_up_while_whoever_began_it_may_still_commit(world: World) -> None:
    if world.b.kind != "postgresql":
        pytest.skip("the same on all; PostgreSQL can be told to wait for less than ten seconds")
    world.urls["shop"] = f"{world.b.url}?options=-c%20lock_timeout%3D200ms"
    platform = world.platform()
    spec = platform.sync("people")
    with platform.sides(spec) as sides, platform.sides(spec) as others:
        target: Any = sides["B"]
        asking: Any = others["B"]
        with target.filling("load:paused") as filling:
            with pytest.raises(SideError) as caught:
                asking.is_loaded("load:paused")
            assert caught.value.kind is ErrorKind.TRANSIENT
            filling.commit()
        assert asking.is_loaded("load:paused")
        assert not asking.is_loaded("load:never")
        assert not asking.is_loaded("load:never"), "asking leaves nothing"
    platform.close()


def test_p5_a_load_whose_commit_was_never_answered_is_asked_for_and_later_edits_merge_by_field(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unheard(monkeypatch):
        assert world.run().status is RunStatus.FAILED
    world.a.run("UPDATE person SET name = 'Ann' WHERE id = 1")
    world.b.run("UPDATE person SET city = 'Lugo' WHERE id = 1")
    world.settle()
    for base in (world.a, world.b):
        assert (person(base, 1, "name"), person(base, 1, "city")) == ("Ann", "Lugo")
    assert world.memory()["conflicts"] == []


def test_p26_a_target_that_holds_anything_is_filled_record_by_record(world: World) -> None:
    add(world.b, "(9, 'i@example.org', 'There', '', 1, NULL, NULL, NULL, NULL)")
    assert world.run().counts["loaded"] == 0
    world.settle()
    for base in (world.a, world.b):
        assert base.rows("SELECT count(*) FROM person") == [(5,)]
