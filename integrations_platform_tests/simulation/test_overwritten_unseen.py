"""Stories of disputes about a value that a write of ours went over unseen, and of what the checks say of them."""

from __future__ import annotations

import pytest

from integrations_platform.unified_sync import field_merge
from integrations_platform.unified_sync.clobbers import CLOBBERED
from integrations_platform.unified_sync.spec import Strategy
from integrations_platform.unified_sync.store import ConflictStatus
from integrations_platform_tests.simulation import merging
from integrations_platform_tests.simulation.sides import Nature, Row
from integrations_platform_tests.simulation.world import World

LOST = "Bruges"  # typed on the target just before our write of
OURS = "Ghent"


def in_dispute(**unseen: str) -> tuple[World, Row, Row]:
    """Two records of which the target's city was overwritten unseen; ``unseen``: what else its user typed just then."""
    world = World(1, Strategy.MANUAL, nature_b=Nature(compare_and_set=False, history=True))
    row = world.create("A")
    world.run()
    twin = world.counterpart("A", row)
    assert twin is not None
    world.edit("A", row, "city", OURS)

    def slip_in(point: str) -> None:
        if point == "before write":
            world.sides["B"].at = lambda _: None
            for column, value in {"city": LOST, **unseen}.items():
                world.edit("B", twin, column, value)

    world.sides["B"].at = slip_in
    world.run()
    (conflict,) = world.store.conflicts("sim")
    assert conflict.kind == CLOBBERED["B"]
    return world, row, twin


def decide(world: World, choice: str) -> None:
    """A person decides on what the row shows."""
    (conflict,) = world.store.conflicts("sim")
    world.store.decide("sim", conflict.conflict_id, conflict.n, choice, None, "clerk", world.tick(), "")


@pytest.mark.parametrize("typed", [(OURS,), ("Lier", OURS)], ids=["once more", "back again"])
@pytest.mark.parametrize(("choice", "end"), [("A", OURS), ("B", LOST)])
def test_p22_what_our_write_put_there_is_no_unseen_value_when_a_user_types_the_same(
    choice: str, end: str, typed: tuple[str, ...]
) -> None:
    """The check took the user's entry on top of ours for a value that the row should have shown: also where the group
    was written for its street alone, and the city over itself."""
    world, row, twin = in_dispute()
    world.edit("A", row, "street", "Hill")
    world.run()
    decide(world, choice)
    for value in typed:
        world.edit("B", twin, "city", value)
    world.settle()
    assert row.values["city"] == twin.values["city"] == end
    assert [one.status for one in world.store.memory.conflicts.values()] == [ConflictStatus.RESOLVED]


@pytest.mark.parametrize("choice", ["A", "B"])
def test_p22_another_value_typed_over_what_our_write_put_there_is_one_that_nobody_has_seen(
    monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    """An engine that takes the target for still showing our write is noticed."""
    monkeypatch.setattr(field_merge, "overwritten_side", lambda *_: "B")
    world, row, twin = in_dispute()
    world.edit("A", row, "street", "Hill")
    world.run()
    decide(world, choice)
    world.edit("B", twin, "city", "Lier")
    with pytest.raises(AssertionError, match=f"P22: 'Lier' overwritten, '{LOST}' was seen"):
        world.run()


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


@pytest.mark.parametrize(("choice", "end"), [("A", OURS), ("B", LOST)])
def test_p22_a_merge_that_gives_the_record_a_new_id_is_no_unseen_value(choice: str, end: str) -> None:
    """Its history does not tell any more that what it shows is ours. Whoever merged it has not changed that."""
    world, row, twin = in_dispute()
    decide(world, choice)
    anew, given_up = world.sides["B"].insert(dict(twin.values)), world.create("B")
    anew.link_id = twin.link_id
    merging.merge_into(world, "B", anew, [given_up, twin])
    world.settle()
    assert row.values["city"] == anew.values["city"] == end
