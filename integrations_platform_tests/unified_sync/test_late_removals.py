"""A removal of ours that takes effect after it was given up is no user's delete: it is undone and owned up to (P6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations_platform.unified_sync.port import Capabilities, Write
from integrations_platform.unified_sync.spec import OnDelete
from integrations_platform.unified_sync.store import LinkState, Role
from integrations_platform_tests.unified_sync.arrange import Crash, Story, sync
from integrations_platform_tests.unified_sync.story_side import ABLE

RECEIPTS = ABLE
VERSIONS = Capabilities(compare_and_set=True, replays=True, archive=True, delete=True)  # as QuickBooks
HISTORY = Capabilities(tags=True, history=True, archive=True, delete=True)  # as HubSpot
ALL = pytest.mark.parametrize("able", [RECEIPTS, VERSIONS, HISTORY], ids=["receipts", "versions", "history"])


def with_a_removal_under_way(able: Capabilities, policy: OnDelete = OnDelete.ARCHIVE) -> tuple[Story, Write]:
    """A user archives a record; the run that is about to remove the other one stands still, and its lease ends. The
    user brings the record back, and the next run finds both sides agreed: the removal is given up."""
    story = Story(sync(on_delete={"A": policy, "B": policy}))
    story.b.able = able
    row, _ = story.pair_up()
    story.settle()
    story.a.archive(row)
    paused: list[Write] = []

    def pause(point: str) -> None:
        if point == "before write":
            (intent,) = story.store.open_intents("story")
            operation = next(op for op in story.plan().operations if op.op_id == intent.op_id)
            paused.append(operation.as_write())
            raise Crash(point)

    story.at = pause
    assert story.dies()
    story.at = lambda _: None
    story.a.archive(row, archived=False)
    story.settle()
    return story, paused[0]


def _check_both_live(story: Story) -> None:
    assert [row.values["name"] for row in story.a.live()] == ["Ann"]
    assert [row.values["name"] for row in story.b.live()] == ["Ann"]
    assert [link.state for link in story.links] == [LinkState.ACTIVE]


def _check_owned_up(story: Story, late: Write) -> None:
    roles = [line.entry.role for line in story.store.memory.audit if line.entry.op_id == late.op_id]
    assert roles == [Role.DELETED, Role.RECOVERED]


@ALL
@pytest.mark.parametrize("policy", [OnDelete.ARCHIVE, OnDelete.DELETE])
def test_p6_a_removal_that_takes_effect_after_it_was_given_up_is_not_read_as_a_users(
    able: Capabilities, policy: OnDelete
) -> None:
    story, late = with_a_removal_under_way(able, policy)
    story.b.one(late)
    assert story.b.live() == []
    story.settle()
    _check_both_live(story)
    _check_owned_up(story, late)
    assert story.store.memory.conflicts == {}


@ALL
def test_p6_after_that_the_next_delete_is_a_users_and_travels(able: Capabilities) -> None:
    story, late = with_a_removal_under_way(able)
    story.b.one(late)
    story.settle()
    story.b.archive(story.b.only())
    story.settle()
    assert story.a.live() == story.b.live() == []


def test_p6_a_receipt_tells_a_users_delete_from_ours() -> None:
    story, _ = with_a_removal_under_way(RECEIPTS)
    twin = story.b.only()
    story.b.archive(twin)
    story.settle()
    assert story.a.live() == story.b.live() == []


def test_p6_a_late_removal_goes_over_an_edit_only_where_versions_are_not_compared_and_is_undone_there() -> None:
    story, late = with_a_removal_under_way(HISTORY)
    story.a.edit(story.a.only(), name="Anna")
    story.settle()
    story.b.one(late)
    story.settle()
    assert [row.values["name"] for side in story.sides.values() for row in side.live()] == ["Anna", "Anna"]


def test_p6_while_the_side_is_down_the_removal_stays_ours() -> None:
    story, late = with_a_removal_under_way(RECEIPTS)
    story.b.one(late)
    story.b.refuses = lambda _write: True
    story.run()
    story.b.refuses = None
    assert len(story.a.live()) == 1
    (row,) = story.held()
    story.store.release_quarantined("story", [row.subject], "clerk", story.tick())
    story.settle()
    _check_both_live(story)


def test_p6_where_an_archived_record_cannot_come_back_it_is_made_anew_under_its_link() -> None:
    story, late = with_a_removal_under_way(replace(HISTORY, restore=False))
    story.b.one(late)
    story.settle()
    _check_both_live(story)
    assert len(story.b.rows) == 2


@ALL
@pytest.mark.parametrize("policy", [OnDelete.ARCHIVE, OnDelete.DELETE])
def test_p3_beside_a_users_delete_it_was_that_deletes_own_and_both_records_can_be_restored(
    able: Capabilities, policy: OnDelete
) -> None:
    story, late = with_a_removal_under_way(able, policy)
    story.b.one(late)
    story.a.archive(story.a.only())
    story.settle()
    _check_owned_up(story, late)
    story.run(restore=[line for line in story.store.memory.audit if line.entry.role is Role.DELETED])
    story.settle()
    _check_both_live(story)
