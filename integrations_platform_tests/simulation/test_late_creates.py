"""Stories of creates that came late or were not told of: what a side can tell by their tag, and what it cannot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.spec import SIDES, Strategy
from integrations_platform_tests.simulation import merging
from integrations_platform_tests.simulation.sides import POISON, Nature, Row
from integrations_platform_tests.simulation.world import LEASE, World


def outlived_create(*, merged: bool) -> tuple[World, Row, Row]:
    """A worker stood still over a create until another one had made the record, and a user had merged it into one that
    she had made herself; if not ``merged``, it stands there without its tag. With what is left and what came late."""
    world = World(1, Strategy.MANUAL, nature_b=Nature(receipts=False))
    side, row = world.sides["B"], world.create("A")

    def stand_still(point: str) -> None:
        if point != "before write":
            return
        side.at = lambda _: None
        world.wait(LEASE + 1)
        world.run()
        (made,) = side.rows.values()
        if merged:
            merging.merge_into(world, "B", world.create("B", dict(row.values)), [made])
        made.link_id = None

    side.at = stand_still
    report = world.run()
    assert report is not None
    assert report.status is RunStatus.FAILED
    left, late = side.rows.values()
    assert (left.link_id, late.link_id) == (None, f"A:{row.id}")
    return world, left, late


def test_p10_a_worker_that_was_given_up_makes_again_what_was_merged_away_and_a_person_is_told() -> None:
    """Its tag alone told the side that the record was there, and was gone with it. The link follows the merge; the
    second record is synced with nobody, until a person removes it."""
    world, left, late = outlived_create(merged=True)
    world.settle()
    (row,) = world.sides["A"].rows.values()
    assert world.counterpart("A", row) is left
    (held,) = world.store.quarantined(world.spec.name)
    assert (held.record_id, held.reason) == (late.id, "ambiguous_match")
    world.delete("B", late)
    world.settle()
    assert world.store.quarantined(world.spec.name) == []
    assert [list(world.sides[name].rows) for name in SIDES] == [[row.id], [left.id]]


def test_p10_a_worker_that_was_given_up_has_no_leave_to_make_again_what_is_there() -> None:
    world, made, late = outlived_create(merged=False)
    made.link_id = late.link_id
    with pytest.raises(AssertionError, match=r"P10: A:a1 is live as \['b1', 'b2'\] on right"):
        world.run()


def test_p10_a_record_made_again_after_a_merge_is_no_leave_for_a_third() -> None:
    world, _, late = outlived_create(merged=True)
    world.run()
    third = world.sides["B"].insert(late.values, ours=True)
    third.link_id = late.link_id
    with pytest.raises(AssertionError, match=r"P10: A:a1 is live as \['b2', 'b4'\] on right"):
        world.run()


def test_p16_a_create_whose_answer_was_lost_is_sent_again_when_its_record_was_merged_away_with_its_tag() -> None:
    """Nothing tells it from one that failed; the run has written once, as far as anybody can see."""
    world = World(1, Strategy.MANUAL, nature_b=Nature(receipts=False))
    side, row = world.sides["B"], world.create("A")

    def step_in(point: str) -> None:
        side.nature = replace(side.nature, lost=1.0 if point == "after write" else 0.0)
        if point == "after write":
            side.at = lambda _: setattr(side, "nature", replace(side.nature, lost=0.0))
            (made,) = side.rows.values()
            merging.merge_into(world, "B", world.create("B", dict(row.values)), [made])

    side.at = step_in
    world.run()
    assert side.created == {f"A:{row.id}": 2}
    world.settle()
    left, again = side.rows.values()
    assert world.counterpart("A", row) is again
    assert [held.record_id for held in world.store.quarantined(world.spec.name)] == [left.id]


def test_p9_a_record_made_by_a_create_that_was_given_up_waits_while_its_link_may_not_be_written() -> None:
    """It is known by its tag, and no new one. The refusal of what is to be written there is told; once that is mended,
    the record is its link's, and of what it says otherwise a person decides."""
    world = World(1, Strategy.MANUAL)
    row = world.create("A")
    world.run()
    twin = world.counterpart("A", row)
    assert twin is not None
    world.delete("B", twin)
    late = world.sides["B"].insert(row.values, ours=True)
    late.link_id = twin.link_id
    world.edit("A", row, "name", POISON)
    world.settle()
    (held,) = world.store.quarantined(world.spec.name)
    assert (held.subject, held.reason) == (f"A:{row.id}:B", "rejected")
    world.edit("A", row, "name", "Ada")
    world.settle()
    assert world.counterpart("A", row) is late
    assert [conflict.unit for conflict in world.store.conflicts("sim")] == ["name"]
    assert world.store.quarantined(world.spec.name) == []
