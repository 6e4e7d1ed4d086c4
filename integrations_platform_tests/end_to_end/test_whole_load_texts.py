"""Rows that go over as text between two databases say the same on both sides, whatever they hold (P40, P15)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from integrations_platform.connectors.text_bulk import TextTable
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.end_to_end import generated
from integrations_platform_tests.end_to_end.arrange import Base, World
from integrations_platform_tests.end_to_end.test_whole_load_values import SYNC, TABLES, add
from integrations_platform_tests.servers import Server

PAIRS = (("postgresql", "mysql"), ("mysql", "postgresql"), ("mysql", "mysql"))
MEANT = (
    "\\",
    "\\N",
    "\\.",
    "a\\'b",
    "''",
    "%s %%",
    "tab\there",
    "a\rb\r\nc",
    "  ends blank  ",
    "NULL",
    "\u00a0x",
    ",'(",
)
"""Texts that mean something to a server, or to the way they go."""
TYPES = {"email": "email", "name": "text", "city": "text", "balance": "decimal", "born": "date", "seen": "datetime",
         "active": "boolean", "attrs": "json"}  # fmt: skip


@pytest.fixture(params=PAIRS, ids="-".join)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Two databases of two sorts with the same table, empty."""
    with ExitStack() as stack:
        bases = []
        for kind in request.param:
            server: Server = request.getfixturevalue("mysql_server" if kind == "mysql" else "postgres_server")
            bases.append(Base.at(kind, stack.enter_context(server.database())))
            bases[-1].run(TABLES[kind].replace("varchar(60)", "varchar(600)"))
        yield World(tmp_path, *bases, sync=SYNC)


def insert(base: Base, rows: list[dict[str, Any]]) -> None:
    """People given as values."""
    columns = ["id", *rows[0]]
    sql = f"INSERT INTO person ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)})"
    with base.engine.begin() as connection:
        connection.execute(sa.text(sql), [{"id": number, **row} for number, row in enumerate(rows)])


def people(base: Base, count: int) -> list[dict[str, Any]]:
    """Generated people, an e-mail each."""
    found = []
    for number, drawn in enumerate(generated.rows(sorted(set(TYPES.values())), count, f"texts {base.kind}")):
        row = {column: drawn[kind] for column, kind in TYPES.items()}
        row["email"], row["attrs"] = f"{number}@example.org", json.dumps(drawn["json"], ensure_ascii=False)
        row["balance"] = None if drawn["decimal"] is None else f"{float(drawn['decimal']) % 10**9:.2f}"
        row["seen"] = drawn["datetime"] and drawn["datetime"].isoformat(" ").removesuffix(
            "+00:00" if base.kind == "mysql" else ""
        )
        found.append(row)
    return found


def agreed(world: World) -> tuple[list[Any], list[str]]:
    """What is remembered of every record: ids, what the source shows, and the base. The target keeps another form of a
    text where it was sent in the only one the engine has."""
    memory = world.memory()
    return [link[:5] for link in memory["links"]], [text.partition("values_a=")[2] for text in memory["bases"]]


def test_p40_generated_rows_say_the_same_on_both_sides_and_are_agreed_on_as_they_are(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    insert(world.a, people(world.a, 500))
    assert world.run().counts["loaded"] == 500
    assert world.verify().agrees
    again = world.run()
    assert (again.written, again.counts["read_a"], again.counts["read_b"]) == (0, 0, 0)
    by_text = agreed(world)
    monkeypatch.setattr(TextTable, "form", lambda *_: None)
    world.b.run("DELETE FROM person", "DELETE FROM integrations_ledger")
    world.state_url = f"sqlite:///{tmp_path / 'other.sqlite'}"
    assert world.run().counts["loaded"] == 500
    assert agreed(world) == by_text


def test_p40_texts_that_mean_something_to_a_server_are_texts(world: World) -> None:
    rows = [{"email": f"{at}@example.org", "name": text, "city": None} for at, text in enumerate(MEANT)]
    insert(world.a, rows)
    assert world.run().counts["loaded"] == len(MEANT)
    shown = world.b.rows("SELECT name FROM person ORDER BY id")
    assert [name for (name,) in shown] == list(MEANT)


def test_p15_texts_that_hold_the_separators_go_one_by_one_and_the_others_at_once(world: World) -> None:
    rows = [{"email": f"{at}@example.org", "name": text} for at, text in enumerate(["\x1e", "a\x1fb", "\x1d", "plain"])]
    insert(world.a, rows)
    report = world.run()
    assert (report.status, report.counts["loaded"], report.counts["created_b"]) == (RunStatus.SUCCEEDED, 2, 4)
    assert world.verify().agrees


def test_p15_a_text_that_is_too_long_for_the_target_keeps_no_other_back(world: World) -> None:
    kind = "ALTER COLUMN name TYPE varchar(5)" if world.b.kind == "postgresql" else "MODIFY name varchar(5)"
    world.b.run(f"ALTER TABLE person {kind}")
    insert(world.a, [{"email": f"{at}@example.org", "name": "é" * length} for at, length in enumerate((4, 5, 6))])
    report = world.run()
    assert (report.counts["loaded"], report.status) == (2, RunStatus.PARTIAL)
    assert len(world.quarantined()) == 1


def test_p41_what_a_column_of_the_target_must_have_is_asked_of_every_row(world: World) -> None:
    kind = "ALTER COLUMN name SET NOT NULL" if world.b.kind == "postgresql" else "MODIFY name varchar(60) NOT NULL"
    world.b.run(f"ALTER TABLE person {kind}")
    insert(world.a, [{"email": f"{at}@example.org", "name": name} for at, name in enumerate(("Ann", "", None))])
    report = world.run()
    assert (report.counts["loaded"], report.counts["created_b"]) == (2, 3)
    assert world.b.rows("SELECT name FROM person ORDER BY id") == [("Ann",), ("",), ("",)]


def test_p15_a_number_that_is_no_boolean_goes_by_itself(world: World) -> None:
    add(world.a, "(1, 'a@example.org', 'Ann', '', 1, NULL, NULL, true, NULL)")
    if world.a.kind == "mysql":
        add(world.a, "(2, 'b@example.org', 'Bob', '', 1, NULL, NULL, 2, NULL)")
    assert world.run().counts["loaded"] == 1
    assert world.quarantine() == ["field active holds '2': 2 is not a boolean"] * (world.a.kind == "mysql")


def test_a_scope_is_kept(world: World) -> None:
    world.sync = SYNC.replace("object: person, zone: UTC}", "object: person, zone: UTC, only: {city: Bern}}", 1)
    insert(world.a, [{"email": f"{at}@example.org", "city": city} for at, city in enumerate(("Bern", "Chur", None))])
    assert world.run().counts["loaded"] == 1
    assert world.b.rows("SELECT city FROM person") == [("Bern",)]


@pytest.mark.parametrize("column", ["balance numeric(20, 3)", "balance double precision", "seen timestamp(3)"])
def test_columns_without_a_common_spelling_go_value_by_value(
    world: World, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    def untold(*_: object) -> None:
        raise AssertionError("as text")

    name, _, kind = column.partition(" ")
    verb = f"ALTER COLUMN {name} TYPE" if world.a.kind == "postgresql" else f"MODIFY {name}"
    world.a.run(f"ALTER TABLE person {verb} {kind}{' NULL' if world.a.kind == 'mysql' else ''}")
    insert(world.a, [{"email": "a@example.org", "balance": "1.25", "seen": "2024-01-01 10:00:00"}])
    monkeypatch.setattr(TextTable, "loading", untold)
    assert world.run().counts["loaded"] == 1
    assert world.verify().agrees


def test_p15_a_text_that_is_no_json_is_set_aside_and_keeps_no_other_back(world: World) -> None:
    for base in (world.a, world.b):
        base.run("ALTER TABLE person DROP COLUMN attrs", "ALTER TABLE person ADD COLUMN attrs text")
    insert(world.a, [{"email": f"{at}@example.org", "attrs": text} for at, text in enumerate(("{}", "no", None))])
    report = world.run()
    assert (report.status, report.counts["created_b"], len(world.quarantined())) == (RunStatus.PARTIAL, 2, 1)
    assert world.verify().agrees


def test_p41_json_that_is_too_long_for_the_target_is_set_aside(world: World) -> None:
    kind = "ALTER COLUMN attrs TYPE varchar(9)" if world.b.kind == "postgresql" else "MODIFY attrs varchar(9)"
    world.b.run(f"ALTER TABLE person {kind}")
    attrs = ('{"a": 1}', '{"a": "long"}')
    insert(world.a, [{"email": f"{at}@example.org", "attrs": text} for at, text in enumerate(attrs)])
    report = world.run()
    assert (report.status, report.counts["created_b"]) == (RunStatus.PARTIAL, 1)
