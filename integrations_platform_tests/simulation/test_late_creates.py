"""Stories of creates by a worker that had been given up meanwhile (P10): what its side can tell, and what it cannot."""

from __future__ import annotations

import pytest

from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.spec import SIDES, Strategy
from integrations_platform_tests.simulation import merging
from integrations_platform_tests.simulation.sides import Nature, Row
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
