"""Stories of disputes about a value that a write of ours went over unseen, and of what the checks say of them."""

from __future__ import annotations

import pytest

from integrations_platform.unified_sync.spec import Strategy
from integrations_platform_tests.simulation import merging
from integrations_platform_tests.simulation.sides import Nature
from integrations_platform_tests.simulation.world import World

LOST = "Bruges"  # typed on the target just before our write of
OURS = "Ghent"


@pytest.mark.parametrize("end", ["deleted", "merged away"])
def test_p9_what_was_overwritten_unseen_is_no_less_so_when_the_record_goes_before_the_run_ends(end: str) -> None:
    """The engine had read the history by then, and told of what it found there; the truth had forgotten it."""
    world = World(1, Strategy.MANUAL, nature_b=Nature(compare_and_set=False, history=True))
    row, left = world.create("A"), world.create("B")
    world.run()
    twin = world.counterpart("A", row)
    assert twin is not None
    world.edit("A", row, "city", OURS)

    def slip_in(point: str) -> None:
        if point == "before write":
            world.sides["B"].at, world.store.at = lambda _: None, go
            world.edit("B", twin, "city", LOST)

    def go(point: str) -> None:
        world.store.at = lambda _: None
        if end == "deleted":
            world.delete("B", twin)
        else:
            merging.merge_into(world, "B", left, [twin])

    world.sides["B"].at = slip_in
    report = world.run()
    assert report is not None
    assert report.counts["conflicts_opened"] == 1
    world.settle()
