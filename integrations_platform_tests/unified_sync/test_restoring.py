"""Explaining a record, comparing both sides in full, and bringing back what was lost (P3, P6, P13)."""

from __future__ import annotations

import pytest

from integrations_platform.unified_sync.spec import OnDelete, Strategy
from integrations_platform.unified_sync.store import LinkState, Role, StoredAuditEntry
from integrations_platform_tests.unified_sync.arrange import Story, shown, sync
from integrations_platform_tests.unified_sync.story_side import Row


def lines(story: Story, *roles: Role) -> tuple[StoredAuditEntry, ...]:
    return tuple(line for line in story.store.memory.audit if line.entry.role in roles)


def overruled() -> tuple[Story, Row, Row]:
    """A conflict that the source won: the target's "Right" is in the audit."""
    story = Story(sync(strategy=Strategy.SOURCE_WINS))
    row, twin = story.pair_up()
    story.a.edit(row, name="Left")
    story.b.edit(twin, name="Right")
    story.settle()
    assert twin.values["name"] == "Left"
    return story, row, twin


def test_p3_a_losing_value_is_restored_and_the_next_run_carries_it_on() -> None:
    story, row, twin = overruled()
    report = story.run(restore=lines(story, Role.LOSER), actor="eva")
    assert (row.values["name"], twin.values["name"]) == ("Left", "Right")
    assert report.exit_code == 0
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Right"
    assert any("Left" in lost for lost in story.lost()), "what it replaced can be restored in turn"
    assert [line.entry.actor for line in lines(story, Role.WRITTEN)].count("eva") == 1


def test_restoring_twice_does_nothing_the_second_time_and_says_so() -> None:
    story, _, _ = overruled()
    wanted = lines(story, Role.LOSER)
    story.run(restore=wanted)
    before = story.writes
    report = story.run(restore=wanted)
    assert story.writes == before
    assert any("shows that value already" in warning for warning in report.warnings)


def test_what_was_looked_at_is_restored_only_while_it_would_replace_the_same() -> None:
    story, _, twin = overruled()
    wanted = lines(story, Role.LOSER)
    seen = story.engine().plan_restore(story.spec, story.sides, wanted)
    story.b.edit(twin, name="Newer")
    report = story.run(restore=wanted, only_ops=frozenset(seen.op_ids))
    assert (report.stale, twin.values["name"]) == (list(seen.op_ids), "Newer")
    again = story.engine().plan_restore(story.spec, story.sides, wanted)
    report = story.run(restore=wanted, only_ops=frozenset(again.op_ids))
    assert (report.stale, twin.values["name"]) == ([], "Right")
    assert any("Newer" in lost for lost in story.lost())


def test_a_restored_value_never_overwrites_an_edit_made_while_it_was_written() -> None:
    story, _, twin = overruled()
    edits = ["Newer"]

    def step_in(point: str) -> None:
        if point == "before write" and edits:
            story.b.edit(twin, name=edits.pop())

    story.at = step_in
    report = story.run(restore=lines(story, Role.LOSER))
    assert report.counts["stale_b"] == 1
    assert twin.values["name"] == "Newer"


def test_p21_a_field_in_an_open_conflict_is_not_restored_behind_its_back() -> None:
    story, row, twin = overruled()
    story.spec = sync(strategy=Strategy.MANUAL)
    story.a.edit(row, name="Left again")
    story.b.edit(twin, name="Right again")
    story.run()
    report = story.run(restore=lines(story, Role.LOSER))
    assert twin.values["name"] == "Right again"
    (warning,) = report.warnings
    assert "field name is in an open conflict" in warning


@pytest.mark.parametrize("policy", [OnDelete.ARCHIVE, OnDelete.DELETE])
@pytest.mark.parametrize("how", ["removed", "archived"])
def test_p6_a_propagated_delete_is_undone_and_both_sides_are_back(policy: OnDelete, how: str) -> None:
    story = Story(sync(on_delete={"A": policy, "B": policy}))
    row, twin = story.pair_up()
    if how == "removed":
        story.a.remove(row)
    else:
        story.a.archive(row)
    story.settle()
    assert story.b.live() == []
    report = story.run(restore=lines(story, Role.DELETED))
    assert report.counts["restored_b"] + report.counts["created_b"] == 1
    story.settle()
    assert shown(story.a) == shown(story.b) == [("ann@x.org", "Ann", "Bern")]
    (link,) = story.links
    assert (link.state, link.id_b == twin.id) == (LinkState.ACTIVE, policy is OnDelete.ARCHIVE)
    before = story.writes
    story.run()
    assert story.writes == before


def deleted_and_back() -> tuple[Story, Row, Row]:
    """A record whose delete was carried over, and undone by its user."""
    story = Story()
    row, twin = story.pair_up()
    for archived in (True, False):
        story.a.archive(row, archived=archived)
        story.settle()
    return story, row, twin


def test_a_record_that_is_there_already_is_not_restored_over() -> None:
    story, row, twin = deleted_and_back()
    story.a.edit(row, name="Newer")
    story.settle()
    report = story.run(restore=lines(story, Role.DELETED))
    assert any("is there already" in warning for warning in report.warnings)
    assert twin.values["name"] == "Newer"


def test_a_value_of_a_record_that_is_gone_asks_for_its_delete_to_be_restored_first() -> None:
    story, row, _ = overruled()
    story.a.remove(row)
    story.settle()
    before = story.writes
    report = story.run(restore=lines(story, Role.LOSER))
    assert any("restore its deletion first" in warning for warning in report.warnings)
    assert story.writes == before


def test_the_newest_of_several_losers_of_one_field_is_restored() -> None:
    story, row, twin = overruled()
    story.a.edit(row, name="Left again")
    story.b.edit(twin, name="Right again")
    story.settle()
    story.run(restore=lines(story, Role.LOSER))
    assert twin.values["name"] == "Right again"


def test_p13_the_audit_pass_finds_what_bases_cannot_show_and_knows_what_is_already_known() -> None:
    story = Story()
    row, twin = story.pair_up()
    agreement = story.engine().verify(story.spec, story.sides)
    assert (agreement.agrees, agreement.links, agreement.agreeing) == (True, 1, 1)
    twin.values["city"] = "Basel"  # the side changed a value and kept its version: no cursor or base shows that
    agreement = story.engine().verify(story.spec, story.sides)
    assert (agreement.agrees, agreement.unexplained) == (False, 1)
    assert [(item.field, item.value_a, item.value_b) for item in agreement.disagreements] == [("city", "Bern", "Basel")]
    twin.values["city"] = "Bern"
    story.a.edit(row, name="Left")
    story.b.edit(twin, name="Right")
    story.run()
    agreement = story.engine().verify(story.spec, story.sides)
    assert (agreement.agrees, agreement.explained, agreement.disagreements[0].known) == (True, 1, "conflict")


def test_the_audit_pass_counts_missing_and_unlinked_records() -> None:
    story = Story()
    row, _ = story.pair_up()
    story.a.remove(row)
    story.b.insert({"email": "b@x.org"})
    agreement = story.engine().verify(story.spec, story.sides)
    assert (agreement.agrees, agreement.missing, agreement.unlinked_b) == (False, 1, 1)


def test_explain_shows_both_values_both_bases_the_rule_and_the_very_operation_of_the_next_run() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.pair_up(email="b@x.org", name="Bob")
    story.a.edit(row, name="Anna")
    essence = story.store.memory.essence()
    (shown_by_id,) = story.engine().explain(story.spec, story.sides, f"A:{row.id}")
    assert shown_by_id.fields["name"] == {"source": "Anna", "target": "Ann", "base_source": "Ann", "base_target": "Ann"}
    assert [op["op_id"] for op in shown_by_id.operations] == list(story.plan().op_ids)
    assert any("name: changed on source" in reason for reason in shown_by_id.reasons)
    for key in (f"target:{twin.id}", shown_by_id.link_id or ""):
        assert story.engine().explain(story.spec, story.sides, key) == [shown_by_id]
    assert story.engine().explain(story.spec, story.sides, "nobody") == []
    assert story.store.memory.essence() == essence


def test_explain_says_why_nothing_happens() -> None:
    story = Story()
    row, twin = story.pair_up()
    (settled,) = story.engine().explain(story.spec, story.sides, row.id)
    assert settled.reasons == ["both sides agree with what was last synced; nothing is to be done"]
    story.a.edit(row, name="Left")
    story.b.edit(twin, name="Right")
    story.run()
    (parked,) = story.engine().explain(story.spec, story.sides, row.id)
    assert [item["unit"] for item in parked.conflicts] == ["name"]
    assert parked.operations == []


@pytest.mark.parametrize("how", ["removed", "archived"])
def test_of_a_link_that_has_ended_nothing_is_made_and_the_run_says_what_to_do(how: str) -> None:
    story, row, twin = deleted_and_back()
    for side, gone in ((story.a, row), (story.b, twin)):
        if how == "removed":
            side.remove(gone)
        else:
            side.archive(gone)
    story.settle()
    before = story.writes
    report = story.run(restore=lines(story, Role.DELETED))
    (warning,) = report.warnings
    assert "it has ended; make the record anew" in warning
    assert story.writes == before
