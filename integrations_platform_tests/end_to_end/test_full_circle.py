"""Every type of field, there and back between each two of the databases, compared in plain SQL (P1, P4, P40)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest

from integrations_platform_tests.end_to_end import every_type, generated
from integrations_platform_tests.end_to_end.arrange import Base, World
from integrations_platform_tests.end_to_end.misfits import refusals

TYPES = list(every_type.VALUES)
PAIRS = list(permutations(("postgresql", "mysql", "sqlite"), 2))
FIXTURES = {"postgresql": "postgres_database", "mysql": "mysql_database", "sqlite": "sqlite_database"}


@pytest.fixture
def base(request: pytest.FixtureRequest) -> Callable[[str], Base]:
    """An empty database of a kind."""
    return lambda kind: Base.at(kind, request.getfixturevalue(FIXTURES[kind]))


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_all_types_come_through_and_back(first: str, second: str, base: Callable[[str], Base], tmp_path: Path) -> None:
    world = World(tmp_path, base(first), base(second), sync=every_type.sync(TYPES))
    for one in (world.a, world.b):
        every_type.create(one, TYPES)
    count = len(every_type.VALUES["text"])
    every_type.insert(world.a, [{kind: every_type.VALUES[kind][n] for kind in TYPES} for n in range(count)])
    original = every_type.read(world.a, TYPES)

    assert [report.written for report in world.settle()] == [count, 0], "a second run writes nothing"
    assert every_type.differences(every_type.read(world.b, TYPES), original) == {}
    assert every_type.differences(every_type.read(world.a, TYPES), original) == {}, "nothing came back altered"

    for number, kind in enumerate(TYPES):
        every_type.edit(world.b, kind, number % count, every_type.EDITS[kind])
    edited = every_type.read(world.b, TYPES)
    assert edited != original
    assert [report.written for report in world.settle()] == [count, 0], "one write for each record, then none"
    assert every_type.differences(every_type.read(world.a, TYPES), edited) == {}
    assert every_type.differences(every_type.read(world.b, TYPES), edited) == {}
    assert world.verify().agrees

    for kind in TYPES:
        every_type.edit(world.a, kind, 0, None)
    assert [report.written for report in world.settle()] == [1, 0], "clearing travels too"
    assert every_type.read(world.b, TYPES)[0] == dict.fromkeys(TYPES)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_generated_values_come_through_with_one_write_each(
    first: str, second: str, base: Callable[[str], Base], tmp_path: Path, profile: str
) -> None:
    """200 values of each type in one bulk sync, 10,000 nightly; the seed is fixed, so that a failure stays."""
    count = 10_000 if profile == "nightly" else 200
    world = World(tmp_path, base(first), base(second), sync=every_type.sync(TYPES))
    for one in (world.a, world.b):
        every_type.create(one, TYPES)
    every_type.insert(world.a, generated.rows(TYPES, count, seed=f"{first} {second} {count}"))
    original = every_type.read(world.a, TYPES)
    assert [report.written for report in world.settle()] == [count, 0]
    assert every_type.differences(every_type.read(world.b, TYPES), original) == {}
    assert every_type.differences(every_type.read(world.a, TYPES), original) == {}
    world.b.run("UPDATE person SET code = code + 1000000")
    assert [report.written for report in world.settle()] == [count, 0], "and back, with every other value untouched"
    moved = {code + 1000000: row for code, row in original.items()}
    assert every_type.differences(every_type.read(world.a, TYPES), moved) == {}


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_p41_generated_values_that_do_not_fit_are_refused_before_the_call_and_the_rest_is_written(
    first: str, second: str, base: Callable[[str], Base], tmp_path: Path
) -> None:
    world = World(tmp_path, base(first), base(second), sync=every_type.sync(TYPES))
    assert refusals(world, 12)["refused"] == 12 * len(every_type.CAN_MISFIT[second])
