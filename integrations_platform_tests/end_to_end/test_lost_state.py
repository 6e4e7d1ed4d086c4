"""The whole state is gone: links are rebuilt from what was left with the records, and nothing is made or removed twice
(P29)."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from integrations_platform_tests.end_to_end.arrange import Base, World, add_people, people_world


def lose_state(world: World) -> None:
    """As a failed disk would."""
    for path in world.folder.glob("state.sqlite*"):
        path.unlink()


def ids(world: World) -> tuple[list[int], list[int]]:
    """Keys of both tables."""
    a, b = ([row[0] for row in base.rows("SELECT id FROM person ORDER BY id")] for base in (world.a, world.b))
    return a, b


def test_nothing_is_created_or_removed_after_the_loss(world: World) -> None:
    add_people(world.b, [("shop@example.org", "From the shop", None)])
    world.settle()
    links = [row[1:3] for row in world.memory()["links"]]
    before = world.tables()
    lose_state(world)
    (report,) = world.settle()
    assert report.written == 0
    assert world.tables() == before
    assert [row[1:3] for row in world.memory()["links"]] == links
    assert world.memory()["conflicts"] == []


def test_records_whose_match_keys_were_edited_or_blanked_are_still_known(world: World) -> None:
    """On both sides, before the loss reached anybody: matching could only double them."""
    world.a.run("UPDATE person SET email = 'renamed@example.org' WHERE email = 'p0@example.org'")
    world.settle()
    world.a.run("UPDATE person SET email = NULL WHERE email = 'p1@example.org'")
    world.b.run("UPDATE person SET email = NULL WHERE email = 'p1@example.org'")
    world.b.run("UPDATE person SET email = 'other@example.org' WHERE email = 'p2@example.org'")
    before = ids(world)
    lose_state(world)
    report = world.run()
    assert report.counts["created_a"] + report.counts["created_b"] == 0
    assert report.counts["archived_a"] + report.counts["archived_b"] == 0
    assert ids(world) == before
    # Without memory nobody can say which of the two e-mails of p2 is the newer one.
    assert [conflict.unit for conflict in world.memory()["conflicts"]] == ["email"]


def test_edits_made_after_the_loss_flow_or_are_shown_and_newcomers_come_once(world: World) -> None:
    lose_state(world)
    add_people(world.a, [("late@example.org", "Late", "5.00")])
    world.b.run("UPDATE person SET balance = NULL WHERE email = 'p0@example.org'")
    reports = world.settle()
    assert sum(report.counts["created_b"] for report in reports) == 1
    assert sum(report.counts["created_a"] for report in reports) == 0
    assert world.people()[0] == world.people()[1]
    assert world.verify().agrees


def test_a_record_archived_before_the_loss_does_not_come_back(world: World) -> None:
    world.a.run("DELETE FROM person WHERE email = 'p2@example.org'")
    world.settle()
    assert len(world.people()[1]) == 2
    lose_state(world)
    world.settle()
    assert [len(side) for side in world.people()] == [2, 2]


def test_a_record_deleted_on_one_side_just_before_the_loss_is_kept_on_the_other(world: World) -> None:
    """Nobody remembers that it was there: it comes back, once, rather than being removed on a guess."""
    world.b.run("DELETE FROM person WHERE email = 'p2@example.org'")
    lose_state(world)
    reports = world.settle()
    assert sum(report.counts["archived_a"] + report.counts["deleted_a"] for report in reports) == 0
    assert sum(report.counts["created_b"] for report in reports) <= 1
    assert len(world.people()[0]) == 3
    assert len(world.people()[1]) <= 3


def test_lost_twice_between_files(tmp_path: Path, sqlite_database: str) -> None:
    second = tmp_path / "second.sqlite"
    second.write_bytes(b"")
    world = people_world(tmp_path, Base.at("sqlite", sqlite_database), Base.at("sqlite", f"sqlite:///{second}"), 40)
    before = world.tables()
    for _ in range(2):
        lose_state(world)
        (report,) = world.settle()
        assert report.written == 0
    assert world.tables() == before


def test_a_backup_that_is_older_than_the_last_runs_knows_what_they_did_once_it_has_looked(world: World) -> None:
    """What the runbook tells people who restore one: nothing is made or removed twice, and what was carried stays."""
    backup = world.folder / "backup.sqlite"
    with closing(sqlite3.connect(world.folder / "state.sqlite")) as state, closing(sqlite3.connect(backup)) as copy:
        state.backup(copy)
    world.a.run("UPDATE person SET name = 'Changed since' WHERE email = 'p0@example.org'")
    world.a.run("DELETE FROM person WHERE email = 'p1@example.org'")
    add_people(world.a, [("since@example.org", "Made since", None)])
    world.settle()
    carried = world.people()
    lose_state(world)
    shutil.move(backup, world.folder / "state.sqlite")
    (report,) = world.settle()
    assert report.written == 0
    assert world.people() == carried
    world.b.run("UPDATE person SET balance = 7.25 WHERE email = 'since@example.org'")
    world.settle()
    assert world.people()[0] == world.people()[1]
    assert world.memory()["conflicts"] == []
    assert world.chain_fault() is None
