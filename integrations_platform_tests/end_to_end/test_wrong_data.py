"""Values a database cannot keep, or alters, are found out: the record alone waits, and nothing is lost (P15, P41)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from integrations_platform.unified_sync.engine import Request
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.end_to_end.arrange import SYNC, Base, World, add_people, people_world
from integrations_platform_tests.servers import Server

P0, P1, P2 = (f"p{number}@example.org" for number in range(3))


def name(base: Base, email: str) -> str | None:
    """Of a person, in plain SQL."""
    return base.rows("SELECT name FROM person WHERE email = :email", email=email)[0][0]  # type: ignore[no-any-return]


def rename(base: Base, email: str, to: str) -> None:
    """As a user of that database."""
    base.run("UPDATE person SET name = :name WHERE email = :email", name=to, email=email)


def one_waits(world: World) -> str:
    """Run: one record is quarantined, another one flows; a further run repeats nothing. Returns what is said."""
    add_people(world.a, [("fine@example.org", "Fine", "1.00")])
    report = world.run()
    assert report.status is RunStatus.PARTIAL, report.to_data()
    assert report.counts["created_b"] == 1
    assert name(world.b, "fine@example.org") == "Fine"
    again = world.run()
    assert again.written == 0
    (said,) = world.quarantine()
    return said


def test_a_text_longer_than_the_column_waits_whole(world: World) -> None:
    world.b.run("ALTER TABLE person MODIFY name varchar(8)")
    rename(world.a, P0, "Bartholomew")
    assert "11 characters where 8 fit" in one_waits(world)
    assert name(world.b, P0) == "Person 0"
    rename(world.a, P0, "Bart")
    world.settle()
    assert name(world.b, P0) == "Bart"


def test_a_lenient_server_cuts_nothing(world: World, mysql_server: Server) -> None:
    mode = world.b.rows("SELECT @@GLOBAL.sql_mode")[0][0]
    mysql_server.run("SET GLOBAL sql_mode = ''")
    try:
        world.b.run("ALTER TABLE person MODIFY balance decimal(4, 2), MODIFY name varchar(8)")
        world.a.run(f"UPDATE person SET balance = 12345.67 WHERE email = '{P0}'")
        assert "digits" in one_waits(world)
        assert world.people()[1][P0] == ("Person 0", Decimal("0.50"))
    finally:
        mysql_server.run(f"SET GLOBAL sql_mode = '{mode}'")


@pytest.mark.parametrize("body", ["UPPER(NEW.name)", "LEFT(NEW.name, 4)"])
def test_a_trigger_that_alters_a_value_is_told_and_does_not_come_back(world: World, body: str) -> None:
    """The altered value is no user's: it never overwrites what was typed, and a person is shown both."""
    world.b.run(f"CREATE TRIGGER alters BEFORE INSERT ON person FOR EACH ROW SET NEW.name = {body}")
    add_people(world.a, [("new@example.org", "Jana Nováková", None)])
    report = world.run()
    assert report.status is RunStatus.PARTIAL
    assert report.open_conflicts == 1
    (conflict,) = world.memory()["conflicts"]
    assert (conflict.kind, conflict.unit) == ("altered", "name")
    assert "shop stored something else than was sent" in conflict.evidence
    assert world.run().written == 0
    assert name(world.a, "new@example.org") == "Jana Nováková", "the office keeps what was typed there"
    rename(world.b, "new@example.org", "Jana Nováková")
    report = world.run()
    assert (report.written, report.open_conflicts) == (0, 0), "mended by hand, it is closed"


def test_a_nul_character_waits(tmp_path: Path, sqlite_database: str, postgres_database: str) -> None:
    world = people_world(tmp_path, Base.at("sqlite", sqlite_database), Base.at("postgresql", postgres_database))
    rename(world.a, P0, "nul\x00byte")
    assert "NUL" in one_waits(world)
    assert name(world.b, P0) == "Person 0"


def test_a_four_byte_character_waits_where_three_fit(world: World) -> None:
    world.b.run("ALTER TABLE person MODIFY name varchar(60) CHARACTER SET utf8mb3")
    rename(world.a, P0, "Emoji 👍")
    assert "not utf8mb4" in one_waits(world)
    assert name(world.b, P0) == "Person 0"
    rename(world.a, P1, "é is fine")
    world.run()
    assert name(world.b, P1) == "é is fine"


def test_a_clock_in_the_future_does_not_win(world: World) -> None:
    world.sync = SYNC + "modified: {source: updated_at, target: updated_at}\nconflicts: {default: latest}\n"
    world.settle()
    future = datetime.now(UTC) + timedelta(days=9000)
    rename(world.a, P0, "From the office")
    world.a.run("UPDATE person SET updated_at = :at WHERE email = :email", at=future, email=P0)
    rename(world.b, P0, "From the shop")
    report = world.run()
    assert report.written == 0
    assert report.open_conflicts == 1, "a timestamp that cannot be true proves nothing, so a person decides"
    assert any("modified in the future" in warning for warning in report.warnings)
    (conflict,) = world.memory()["conflicts"]
    assert "its modified time lies in the future and is not believed" in conflict.evidence
    assert (name(world.a, P0), name(world.b, P0)) == ("From the office", "From the shop")


@pytest.mark.parametrize("emptied", ["a", "b"])
def test_a_table_emptied_by_accident_is_refused_with_no_write(world: World, emptied: str) -> None:
    one, intact = (world.a, world.b) if emptied == "a" else (world.b, world.a)
    rename(intact, P0, "Edited on the side that is whole")
    kept = intact.rows("SELECT * FROM person")
    memory = {key: value for key, value in world.memory().items() if key != "audit"}
    one.run("DELETE FROM person")
    report = world.run()
    assert (report.status, report.exit_code, report.written) == (RunStatus.REFUSED, 4, 0)
    assert "shows no record at all, and 3 linked ones were there before" in report.message
    assert "--lift empty_side" in report.refusals[0].remedy
    assert intact.rows("SELECT * FROM person") == kept
    assert one.rows("SELECT * FROM person") == []
    assert {key: value for key, value in world.memory().items() if key != "audit"} == memory


@pytest.mark.parametrize("emptied", ["a", "b"])
def test_a_large_part_deleted_by_accident_is_refused_with_no_write(world: World, emptied: str) -> None:
    add_people(world.a, [(f"more{number}@example.org", f"More {number}", None) for number in range(30)])
    world.settle()
    one, intact = (world.a, world.b) if emptied == "a" else (world.b, world.a)
    one.run("DELETE FROM person WHERE email BETWEEN 'more1' AND 'more1a'")
    kept = intact.rows("SELECT * FROM person")
    report = world.run()
    assert (report.status, report.written) == (RunStatus.REFUSED, 0)
    assert "11 records would be removed" in report.message
    assert intact.rows("SELECT * FROM person") == kept
    assert world.run(Request(lift=frozenset({"deletes"}))).written == 11, "on purpose it goes through"
    assert len(intact.rows("SELECT * FROM person")) == 22
    assert intact.rows("SELECT count(*) FROM integrations_archive") == [(11,)], "and each record is kept"
