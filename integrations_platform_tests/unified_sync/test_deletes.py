"""Deletes in both directions, what proves one, and what beats one (B5, P6, P32, P33)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from integrations_platform.unified_sync.spec import OnDelete, OnDeleteOfChanged, SideName, other
from integrations_platform.unified_sync.store import ConflictStatus, LinkState, Role
from integrations_platform_tests.unified_sync.arrange import Story, shown, sync
from integrations_platform_tests.unified_sync.story_side import Row, StorySide

BOTH = pytest.mark.parametrize("side", ["A", "B"])
HOW = pytest.mark.parametrize("how", ["removed", "archived"])


def begin(
    side: SideName, policy: OnDelete = OnDelete.ARCHIVE, **more: Any
) -> tuple[Story, StorySide, Row, StorySide, Row]:
    """A linked record; returned as (story, deleting side, its record, other side, its record)."""
    story = Story(sync(on_delete={"A": policy, "B": policy}, **more))
    rows = dict(zip(("A", "B"), story.pair_up(), strict=True))
    return story, story.sides[side], rows[side], story.sides[other(side)], rows[other(side)]


def go(side: StorySide, row: Row, how: str) -> None:
    if how == "removed":
        side.remove(row)
    else:
        side.archive(row)


@BOTH
@HOW
def test_b5_a_delete_archives_the_other_record_and_keeps_all_of_it(side: SideName, how: str) -> None:
    story, here, row, _, twin = begin(side)
    go(here, row, how)
    report = story.run()
    assert twin.archived
    assert story.links[0].state is LinkState.TRASHED
    (line,) = [line.entry for line in story.store.memory.audit if line.entry.role is Role.DELETED]
    assert json.loads(line.lost or "{}") == twin.values, "P6(iv)"
    tomb = story.store.memory.tombstones[story.links[0].link_id]
    assert tomb.deleted_side == side
    assert json.loads(tomb.record_a or "{}") == json.loads(tomb.record_b or "{}") == twin.values
    assert report.exit_code == 0
    before = story.writes
    story.run()
    assert story.writes == before, "P1"


@BOTH
@pytest.mark.parametrize(
    ("policy", "state"),
    [(OnDelete.IGNORE, LinkState.TRASHED), (OnDelete.UNLINK, LinkState.CLOSED), (OnDelete.DELETE, LinkState.TRASHED)],
)
def test_b5_every_delete_policy_does_what_it_says(side: SideName, policy: OnDelete, state: LinkState) -> None:
    story, here, row, there, twin = begin(side, policy)
    here.remove(row)
    story.settle()
    assert (twin.id in there.rows) is (policy is not OnDelete.DELETE)
    assert not twin.archived
    assert here.rows == {}, "the kept record is not carried back"
    assert story.links[0].state is state
    there.rows.get(twin.id, twin).values["name"] = "Later"
    if twin.id in there.rows:
        there.touch(twin)
        before = story.writes
        story.run()
        assert story.writes == before, "an edit of the kept record does not bring the deleted one back"


@HOW
def test_b5_deleted_on_both_sides_closes_the_link(how: str) -> None:
    story = Story()
    row, twin = story.pair_up()
    go(story.a, row, how)
    go(story.b, twin, how)
    before = story.writes
    story.settle()
    assert story.writes == before
    assert story.links[0].state is LinkState.CLOSED


@BOTH
@HOW
def test_p32_an_update_beats_a_delete_and_brings_the_record_back_under_the_same_link(side: SideName, how: str) -> None:
    story, here, row, there, twin = begin(side)
    go(here, row, how)
    there.edit(twin, name="Saved")
    story.settle()
    assert here.only().values["name"] == "Saved"
    assert (here.only().id == row.id) is (how == "archived")
    assert len(story.links) == 1
    assert any(line.entry.rule == "the delete lost against a change" for line in story.store.memory.audit)


@BOTH
def test_p32_where_nothing_can_be_un_archived_the_record_is_created_anew_under_the_same_link(side: SideName) -> None:
    story, here, row, there, twin = begin(side)
    here.able = replace(here.able, restore=False)
    go(here, row, "archived")
    there.edit(twin, name="Saved")
    story.settle()
    (anew,) = [one for one in here.rows.values() if not one.archived]
    assert (anew.values["name"], anew.id == row.id, row.archived) == ("Saved", False, True)
    assert len(story.links) == 1
    here.edit(anew, name="Saved again")
    story.settle()
    assert twin.values["name"] == "Saved again"


@BOTH
@HOW
def test_p32_delete_wins_only_when_asked_and_keeps_the_update_in_the_audit(side: SideName, how: str) -> None:
    story, here, row, there, twin = begin(side, on_delete_of_changed=OnDeleteOfChanged.DELETE_WINS)
    there.edit(twin, name="Unsaved")
    go(here, row, how)
    story.settle()
    assert twin.archived
    assert any("Unsaved" in lost for lost in story.lost())


@BOTH
def test_p32_manual_parks_the_record_and_either_decision_is_carried_out(side: SideName) -> None:
    for winner in ("A", "B"):
        story, here, row, there, twin = begin(side, on_delete_of_changed=OnDeleteOfChanged.MANUAL)
        here.remove(row)
        there.edit(twin, name="Edited")
        before = story.writes
        report = story.run()
        assert story.writes == before
        assert report.open_conflicts == 1
        assert story.run().open_conflicts == 1, "P25"
        story.decide(winner)
        story.settle()
        assert (here.live() == []) is (winner == side)
        assert twin.archived is (winner == side)
        assert story.store.conflicts("story") == []


@BOTH
def test_p22_a_decision_on_a_record_that_was_edited_since_is_not_carried_out(side: SideName) -> None:
    story, here, row, there, twin = begin(side, on_delete_of_changed=OnDeleteOfChanged.MANUAL)
    here.remove(row)
    there.edit(twin, name="Edited")
    story.run()
    seen = story.conflict()
    story.decide(side)  # the delete shall win …
    there.edit(twin, name="Edited again")  # … but over this nobody has decided
    story.run()
    assert not twin.archived
    assert story.conflict().n == seen.n + 1
    assert "Edited again" in (story.conflict().value_a or "") + (story.conflict().value_b or "")
    story.decide(side)
    story.settle()
    assert twin.archived


@BOTH
def test_b3_a_parked_delete_ends_when_the_deleted_record_comes_back(side: SideName) -> None:
    story, here, row, there, twin = begin(side, on_delete_of_changed=OnDeleteOfChanged.MANUAL)
    here.archive(row)
    there.edit(twin, name="Edited")
    story.run()
    here.archive(row, archived=False)
    report = story.settle()
    assert report.open_conflicts == 0
    assert row.values["name"] == "Edited"
    assert [r.status for r in story.store.memory.conflicts.values()] == [ConflictStatus.WITHDRAWN]


@BOTH
def test_b3_a_parked_delete_goes_through_when_the_other_edit_is_taken_back(side: SideName) -> None:
    story, here, row, there, twin = begin(side, on_delete_of_changed=OnDeleteOfChanged.MANUAL)
    here.remove(row)
    there.edit(twin, name="Edited")
    story.run()
    there.edit(twin, name="Ann")
    report = story.settle()
    assert twin.archived
    assert report.open_conflicts == 0


@BOTH
def test_b3_a_field_conflict_of_a_record_that_is_removed_is_over(side: SideName) -> None:
    story, here, row, there, twin = begin(side, on_delete_of_changed=OnDeleteOfChanged.DELETE_WINS)
    here.edit(row, name="One")
    there.edit(twin, name="Two")
    assert story.run().open_conflicts == 1
    here.remove(row)
    report = story.settle()
    assert twin.archived
    assert report.open_conflicts == 0
    assert report.exit_code == 0


@BOTH
def test_b5_a_record_brought_back_wakes_its_link_and_both_sides_live_again(side: SideName) -> None:
    story, here, row, _, twin = begin(side)
    here.archive(row)
    story.settle()
    assert twin.archived
    here.archive(row, archived=False)
    here.edit(row, name="Back")
    story.settle()
    assert (twin.archived, twin.values["name"]) == (False, "Back")
    assert [link.state for link in story.links] == [LinkState.ACTIVE]


@BOTH
def test_b5_un_archiving_the_archived_counterpart_brings_the_deleted_record_back(side: SideName) -> None:
    story, here, row, there, twin = begin(side)
    here.remove(row)
    story.settle()
    there.archive(twin, archived=False)
    story.settle()
    assert shown(here) == shown(there) != []
    assert len(story.links) == 1


@BOTH
def test_p33_a_record_made_anew_with_the_same_key_is_a_new_link(side: SideName) -> None:
    story, here, row, there, twin = begin(side)
    here.remove(row)
    again = here.insert(dict(row.values, name="New person"))
    story.settle()
    assert twin.archived
    assert twin.values["name"] == "Ann", "P33: the old record is not overwritten by the new one"
    assert [r.values["name"] for r in there.live()] == ["New person"]
    old, new = sorted(story.links, key=lambda link: link.state is LinkState.ACTIVE)
    assert old.state is LinkState.TRASHED
    assert again.id in (new.id_a, new.id_b)


@BOTH
def test_p6_what_an_incomplete_listing_leaves_out_is_not_deleted(side: SideName) -> None:
    story, here, row, there, twin = begin(side)
    there.edit(twin, city="Basel")
    here.unlisted.add(row.id)
    report = story.run()
    (warning,) = report.warnings
    assert f"the listing of {here.name} is incomplete (a page is missing)" in warning
    here.remove(row)  # now it is really gone, but no complete listing proves it
    story.a.unlisted.add("other")
    story.b.unlisted.add("other")
    before = story.writes
    story.run()
    assert story.writes == before
    assert not twin.archived


@BOTH
def test_p6_a_listing_that_lies_is_found_out_by_reading_the_record(side: SideName) -> None:
    story, here, row, there, twin = begin(side)
    here.unlisted.add(row.id)
    here.lies = True
    there.edit(twin, city="Basel")
    story.run(lift=frozenset({"empty_side"}))
    assert not twin.archived
    assert row.values["city"] == "Basel"


@BOTH
def test_b5_a_record_that_leaves_the_scope_is_left_alone_and_catches_up_when_it_is_back(side: SideName) -> None:
    story, here, row, there, twin = begin(side)
    here.away.add(row.id)
    here.touch(row)
    there.edit(twin, city="Basel")
    before = story.writes
    story.settle()
    assert story.writes == before
    assert story.links[0].state is LinkState.OUT_OF_SCOPE
    here.away.clear()
    here.edit(row, name="Anna")
    story.settle()
    assert row.values == twin.values == {"email": "ann@x.org", "name": "Anna", "city": "Basel"}


def test_a_side_that_cannot_archive_says_so_and_nothing_is_removed() -> None:
    story, here, row, there, twin = begin("A")
    there.able = there.able.__class__(**{**_plain(there.able), "archive": False})
    here.remove(row)
    report = story.run()
    assert report.exit_code == 3
    assert "right cannot archive" in story.held()[0].message
    assert twin.id in there.rows


def _plain(able: Any) -> dict[str, Any]:
    return {name: getattr(able, name) for name in able.__slots__}
