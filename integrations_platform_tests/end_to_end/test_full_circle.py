"""Every type of field, there and back between each two of the databases, compared in plain SQL (P1, P4, P40)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest

from integrations_platform_tests.end_to_end import every_type
from integrations_platform_tests.end_to_end.arrange import Base, World

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
