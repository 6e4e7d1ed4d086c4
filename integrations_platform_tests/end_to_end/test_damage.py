"""The check that ends every story of trouble sees each kind of damage; were it blind, no figure would mean anything."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from integrations_platform_tests.end_to_end.arrange import Base, World, add_people, people_world
from integrations_platform_tests.end_to_end.damage import Damage, inspect

OUTCOME = {f"p{number}@example.org": (f"Person {number}", Decimal(f"{number}.50")) for number in range(4)}
GONE = "p4@example.org"


@pytest.fixture
def world(tmp_path: Path, sqlite_database: str) -> World:
    """Two files with five people, of whom one is deleted."""
    second = tmp_path / "second.sqlite"
    second.write_bytes(b"")
    world = people_world(tmp_path, Base.at("sqlite", sqlite_database), Base.at("sqlite", f"sqlite:///{second}"), 5)
    world.a.run(f"DELETE FROM person WHERE email = '{GONE}'")
    return world


def seen(world: World) -> Damage:
    """What the check finds."""
    return inspect(world, OUTCOME, frozenset(), removed=("Person 4",))


def test_no_damage_where_there_is_none(world: World) -> None:
    assert not seen(world)


def test_a_lost_value_and_a_lost_archive_are_seen(world: World) -> None:
    world.settle()
    for base in (world.a, world.b):
        base.run("UPDATE person SET name = 'Somebody' WHERE email = 'p1@example.org'")
    world.b.run("DELETE FROM integrations_archive")
    damage = seen(world)
    assert len(damage.lost) == 3
    assert damage.figures().total() == 3


def test_a_doubled_record_is_seen(world: World) -> None:
    world.settle()
    add_people(world.b, [("P4@example.org", "Person 4", None)])
    assert len(seen(world).duplicated) == 2, "it came back on both sides"


def test_a_conflict_and_what_waits_for_a_person_are_seen(world: World) -> None:
    world.settle()
    world.a.run("UPDATE person SET name = 'Office' WHERE email = 'p0@example.org'")
    world.b.run("UPDATE person SET name = 'Shop' WHERE email = 'p0@example.org'")
    damage = seen(world)
    assert damage.spurious_conflicts
    assert damage.manual_steps, "the sides do not agree"
