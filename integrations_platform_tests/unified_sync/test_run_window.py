"""A run limited to one direction carries that way only, and leaves the other side's edits for a later run."""

from __future__ import annotations

import pytest

from integrations_platform.unified_sync.spec import Direction, SideName, Strategy, other
from integrations_platform_tests.simulation.world import World


@pytest.mark.parametrize(
    ("direction", "origin"), [(Direction.SOURCE_TO_TARGET, "A"), (Direction.TARGET_TO_SOURCE, "B")]
)
def test_edits_against_the_direction_of_a_run_are_neither_carried_nor_overwritten(
    direction: Direction, origin: SideName
) -> None:
    world = World(1, Strategy.MANUAL)
    first, second = world.create("A"), world.create("A")
    world.run()
    rows = {"A": (first, second), "B": (world.counterpart("A", first), world.counterpart("A", second))}
    along, against = rows[origin][0], rows[other(origin)][1]
    assert along is not None
    assert against is not None
    world.edit(origin, along, "name", "Along")
    world.edit(other(origin), against, "name", "Against")

    declared, world.spec = world.spec, world.spec.overridden(direction=direction)
    limited = world.run()

    twins = world.counterpart(origin, along), world.counterpart(other(origin), against)
    assert limited is not None
    assert twins[0] is not None
    assert twins[1] is not None
    assert twins[0].values["name"] == "Along"
    assert against.values["name"] == "Against"
    assert twins[1].values["name"] != "Against"
    assert limited.counts["held_back"] == 1

    world.spec = declared
    world.settle()
    assert twins[1].values["name"] == "Against"
