"""Conflicts that a person decides: frozen, kept up to date, and never decided unseen (B3, P21–P25)."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest

from integrations_platform.unified_sync.spec import SideName, Strategy
from integrations_platform.unified_sync.store import ConflictStatus, DecisionRefused, Role
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.unified_sync.arrange import Crash, Story, sync, text
from integrations_platform_tests.unified_sync.story_side import Row


def dispute(**more: Any) -> tuple[Story, Row, Row]:
    """Both sides renamed Ann between two runs."""
    story = Story(sync(**more))
    row, twin = story.pair_up()
    story.a.edit(row, name="Left")
    story.b.edit(twin, name="Right")
    story.run()
    return story, row, twin


def statuses(story: Story) -> list[ConflictStatus]:
    return [row.status for row in story.store.memory.conflicts.values()]


@pytest.mark.parametrize(
    ("strategy", "why"),
    [
        (Strategy.MANUAL, "strategy manual; source changed between .*; target changed between .*"),
        (Strategy.LATEST, "source changed between .*; target changed between .*"),
    ],
)
def test_b3_a_conflict_says_why_it_was_left_to_a_person_and_is_counted_once(strategy: Strategy, why: str) -> None:
    story = Story(sync(strategy=strategy))
    row, twin = story.pair_up()
    story.a.edit(row, name="Left")
    story.b.edit(twin, name="Right")
    assert story.run().counts["conflicts_opened"] == 1
    assert re.fullmatch(why, story.conflict().evidence)


def test_p11_one_parked_field_is_one_write_withheld_from_each_side() -> None:
    story, _, _ = dispute()
    counts = story.run().counts
    assert [counts[name] for name in ("parked", "parked_a", "parked_b", "planned_a", "planned_b")] == [1, 1, 1, 1, 1]


def test_p21_while_a_field_is_parked_it_is_not_written_and_everything_else_flows() -> None:
    story, row, twin = dispute()
    story.a.edit(row, city="Basel")
    other = story.a.insert({"email": "b@x.org", "name": "Bob"})
    report = story.run()
    assert (row.values["name"], twin.values["name"]) == ("Left", "Right")
    assert twin.values["city"] == "Basel"
    assert len(story.b.rows) == 2
    assert report.exit_code == 3
    story.a.edit(other, name="Bea")
    story.settle()
    assert {item.values["name"] for item in story.b.live()} == {"Right", "Bea"}
    assert "name" not in {
        column for write in story.b.written_values[1:] for column in write.values if write.link_id == "A:a1"
    }


def test_p25_five_runs_keep_one_row_that_does_not_change() -> None:
    story, _, _ = dispute()
    first, before = story.conflict(), story.writes
    for _ in range(5):
        report = story.run()
        assert report.open_conflicts == 1
    assert story.conflict() == first
    assert len(story.store.memory.conflicts) == 1
    assert story.writes == before
    assert json.loads(first.base or "{}") == {"name": "Ann"}
    assert (json.loads(first.value_a or ""), json.loads(first.value_b or "")) == ({"name": "Left"}, {"name": "Right"})


def test_b3_later_edits_raise_the_rows_number() -> None:
    story, row, _ = dispute()
    story.a.edit(row, name="Further left")
    story.run()
    assert story.conflict().n == 2
    assert "Further left" in (story.conflict().value_a or "")


def test_b3_a_conflict_ends_when_the_users_come_to_agree() -> None:
    story, row, twin = dispute()
    story.a.edit(row, name="Right")
    before = story.writes
    story.settle()
    assert statuses(story) == [ConflictStatus.CONVERGED]
    assert story.writes == before
    story.b.edit(twin, name="Later")
    story.settle()
    assert row.values["name"] == "Later", "the field flows again"


@pytest.mark.parametrize(("choice", "end"), [("A", ConflictStatus.RESOLVED), ("B", ConflictStatus.CONVERGED)])
def test_p24_a_decision_that_came_too_late_is_not_called_carried_out_and_its_author_is_told(
    choice: str, end: ConflictStatus
) -> None:
    """A user made the sides agree before the next run, on what the person had chosen or on the other value."""
    story, _, twin = dispute()
    story.decide(choice)
    story.b.edit(twin, name="Left")
    warnings = story.run().warnings
    assert (statuses(story), twin.values["name"]) == ([end], "Left")
    assert ["what clerk decided is not carried out" in warning for warning in warnings] == [True] * (choice == "B")


@pytest.mark.parametrize("side", ["A", "B"])
def test_p24_a_decision_is_told_of_when_its_conflict_ends_because_a_user_went_back(side: SideName) -> None:
    story, row, twin = dispute()
    story.decide(side)
    story.sides[side].edit({"A": row, "B": twin}[side], name="Ann")
    (warning,) = story.run().warnings
    assert "what clerk decided is not carried out" in warning
    assert statuses(story) == [ConflictStatus.WITHDRAWN]
    assert row.values["name"] == twin.values["name"] == {"A": "Right", "B": "Left"}[side]


@pytest.mark.parametrize("edited", ["A", "B"])
@pytest.mark.parametrize("end", [ConflictStatus.CONVERGED, ConflictStatus.RESOLVED])
def test_p5b_a_run_that_dies_as_it_ends_a_conflict_leaves_none_to_come_with_the_next_edit(
    end: ConflictStatus, edited: SideName
) -> None:
    """It had told that the users agree, or that both sides show what was decided, and not yet stored on what: the base
    was still the one they had disputed about, and the next edit of one side a dispute with the other, who wrote
    nothing."""
    story, row, twin = dispute()
    if end is ConflictStatus.CONVERGED:
        story.a.edit(row, name="Right")
    else:
        story.decide("value", '{"name": "Both"}')

    def dies(_point: str) -> None:
        if not story.store.conflicts("story"):
            raise Crash

    story.at = dies
    assert story.dies()
    story.at = lambda _: None
    story.sides[edited].edit({"A": row, "B": twin}[edited], name="Later")
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Later", "Later")
    assert statuses(story) == [end]


@pytest.mark.parametrize(("side", "end"), [("A", "Right"), ("B", "Left")])
def test_b3_a_conflict_ends_when_one_side_goes_back_and_the_other_goes_over(side: str, end: str) -> None:
    story, row, twin = dispute()
    story.sides[side].edit({"A": row, "B": twin}[side], name="Ann")  # type: ignore[index]
    story.settle()
    assert row.values["name"] == twin.values["name"] == end
    assert statuses(story) == [ConflictStatus.WITHDRAWN]


@pytest.mark.parametrize(
    ("choice", "value", "end", "lost"),
    [
        ("A", None, "Left", {"Right"}),
        ("B", None, "Right", {"Left"}),
        ("base", None, "Ann", {"Left", "Right"}),
        ("value", '{"name": "Both"}', "Both", {"Left", "Right"}),
        ("value", '{"name": null}', None, {"Left", "Right"}),
    ],
)
def test_p24_a_decision_is_carried_out_in_one_run_and_the_rejected_values_are_kept(
    choice: str, value: str | None, end: str | None, lost: set[str]
) -> None:
    story, row, twin = dispute()
    story.decide(choice, value)
    before = story.writes
    assert story.plan().two_sided is (len(lost) == 2), "a second look is only for what goes to both sides"
    report = story.run()
    assert row.values["name"] == twin.values["name"] == end
    assert statuses(story) == [ConflictStatus.RESOLVED]
    assert report.open_conflicts == 0
    assert {json.loads(text)["name"] for text in story.lost()} == lost, "P3"
    assert story.writes == before + len(lost), "P16: nothing goes to the side whose value was chosen"
    assert json.loads(story.links[0].values_a)["name"] == end, "P24"
    before = story.writes
    story.run()
    assert story.writes == before, "P1"
    story.b.edit(twin, name="Later")
    story.settle()
    assert row.values["name"] == "Later", "P24: the base advanced with the decision"


@pytest.mark.parametrize("stopped", ["the process dies", "the other side refuses"])
@pytest.mark.parametrize(("choice", "end"), [("base", "Ann"), ("value", "Both")])
def test_p24_half_of_a_decision_is_not_taken_for_a_user_who_went_back(choice: str, end: str, stopped: str) -> None:
    """The first side shows what was decided, which may be the base, and the other one still what lost: that must not
    go over. The decision holds until both sides show it."""
    story, row, twin = dispute()
    story.decide(choice, '{"name": "Both"}' if choice == "value" else None)
    points = iter(["the first half", "the second half"])

    def die(point: str) -> None:
        if point == "before write" and next(points) == "the second half":
            raise Crash(point)

    if stopped == "the process dies":
        story.at = die
        assert story.dies()
        story.at = lambda _: None
    else:
        story.b.refuses = lambda write: True
        story.run()
        story.run()
        story.b.refuses = lambda write: False
        story.store.release_quarantined("story", [item.subject for item in story.held()], "clerk", story.tick())
    assert (row.values["name"], twin.values["name"]) == (end, "Right")
    story.settle()
    assert row.values["name"] == twin.values["name"] == end
    assert statuses(story) == [ConflictStatus.RESOLVED]


@pytest.mark.parametrize("choice", ["A", "B", "base", "value"])
@pytest.mark.parametrize("editor", ["A", "B"])
def test_p22_a_decision_never_overwrites_a_value_its_author_had_not_seen(choice: str, editor: str) -> None:
    story, row, twin = dispute()
    story.decide(choice, '{"name": "Both"}' if choice == "value" else None)
    story.sides[editor].edit({"A": row, "B": twin}[editor], name="Unseen")  # type: ignore[index]
    report = story.run()
    assert {"A": row, "B": twin}[editor].values["name"] == "Unseen"
    assert story.conflict().n == 2
    assert story.conflict().choice is None
    assert any("decide again" in warning for warning in report.warnings)


def test_p22_a_decision_on_an_old_number_is_refused_at_once() -> None:
    story, row, _ = dispute()
    seen = story.conflict()
    story.a.edit(row, name="Newer")
    story.run()
    with pytest.raises(DecisionRefused):
        story.decide("B", row=seen)


@pytest.mark.parametrize("editor", ["A", "B"])
def test_p22_an_edit_between_the_plan_and_its_write_is_safe_too(editor: str) -> None:
    story, row, twin = dispute()
    story.decide("value", '{"name": "Both"}')
    side, mine = story.sides[editor], {"A": row, "B": twin}[editor]  # type: ignore[index]
    edits = ["Unseen"]

    def step_in(point: str) -> None:
        if point == "before write" and edits:
            side.edit(mine, name=edits.pop())

    story.at = step_in
    story.run()
    assert mine.values["name"] == "Unseen"


def test_p23_parking_is_invisible_to_other_records_and_fields() -> None:
    def world(*, parked: bool) -> list[Any]:
        story = Story()
        story.pair_up()
        row, twin = story.pair_up(email="b@x.org", name="Bob", city="Bern")
        if parked:
            story.a.edit(story.a.rows["a1"], name="Left")
            story.b.edit(story.b.rows["b1"], name="Right")
        story.a.edit(story.a.rows["a1"], city="Basel")
        story.b.edit(twin, name="Bea")
        story.a.edit(row, city="Chur")
        story.settle()
        keep = [(item.id, item.values["city"]) for side in (story.a, story.b) for item in side.live()]
        return [keep, row.values, twin.values]

    assert world(parked=True) == world(parked=False)


def test_a_groups_conflict_is_decided_as_one() -> None:
    fields = (text("email", FieldType.EMAIL), text("street", group="address"), text("city", group="address"))
    story = Story(sync(*fields))
    row, twin = story.pair_up(email="a@x.org", street="Old 1", city="Bern")
    story.a.edit(row, street="New 2")
    story.b.edit(twin, city="Basel")
    story.run()
    assert story.conflict().unit == "address"
    story.decide("B")
    story.settle()
    assert row.values == twin.values == {"email": "a@x.org", "street": "Old 1", "city": "Basel"}


def test_p3_of_a_group_only_what_a_decision_replaces_is_called_lost() -> None:
    fields = (text("email", FieldType.EMAIL), text("street", group="address"), text("city", group="address"))
    story = Story(sync(*fields))
    row, twin = story.pair_up(email="a@x.org", street="Old 1", city="Bern")
    story.a.edit(row, street="New 2")
    story.b.edit(twin, street="New 3")
    story.run()
    story.decide("B")
    story.settle()
    assert row.values["street"] == twin.values["street"] == "New 3"
    assert [json.loads(lost) for lost in story.lost()] == [{"street": "New 2"}]


def test_first_sync_differences_are_parked_with_no_base_and_blanks_are_filled() -> None:
    story = Story()
    story.a.insert({"email": "a@x.org", "name": "Left", "city": None})
    story.b.insert({"email": "a@x.org", "name": "Right", "city": "Bern"})
    story.run()
    assert story.a.only().values == {"email": "a@x.org", "name": "Left", "city": "Bern"}
    assert (story.conflict().kind, story.conflict().base) == ("first_sync", None)


def test_p3_a_decision_for_a_base_that_never_was_clears_nothing() -> None:
    story = Story()
    story.a.insert({"email": "a@x.org", "name": "Left"})
    story.b.insert({"email": "a@x.org", "name": "Right"})
    story.run()
    story.decide("base")
    report = story.run()
    assert (story.a.only().values["name"], story.b.only().values["name"]) == ("Left", "Right")
    assert story.conflict().kind == "first_sync"
    assert any("cannot be carried out" in warning for warning in report.warnings)


@pytest.mark.parametrize("value", ['{"city": "x"}', "not json", '{"born": "31.12.2026"}', '["x"]', "null"])
def test_p15_a_decision_that_makes_no_sense_stops_nothing_and_is_told(value: str) -> None:
    story = Story(sync(text("email", FieldType.EMAIL), text("born", FieldType.DATE)))
    row, twin = story.pair_up(email="a@x.org", born=date(2000, 1, 1))
    story.a.edit(row, born=date(2000, 1, 2))
    story.b.edit(twin, born=date(2000, 1, 3))
    story.run()
    story.decide("value", value)
    story.a.insert({"email": "b@x.org"})
    report = story.run()
    assert report.status == "partial"
    assert len(story.b.rows) == 2
    assert any("cannot be carried out" in warning for warning in report.warnings)
    assert story.conflict()


def test_a_decided_value_the_other_side_cannot_hold_is_told_not_forgotten() -> None:
    story = Story()
    story.b.forms["name"] = story.b.columns()["name"].__class__("name", max_length=5)
    row, twin = story.pair_up()
    story.a.edit(row, name="Longer than five")
    story.b.edit(twin, name="Right")
    story.run()
    story.decide("A")
    report = story.run()
    assert twin.values["name"] == "Right"
    assert any("cannot be carried out" in warning and "5" in warning for warning in report.warnings)


def test_a_decided_value_that_is_refused_is_shown_as_what_is_held_back() -> None:
    """And not what the other side shows, which nobody tried to write."""
    story, row, twin = dispute()
    story.a.refuses = story.b.refuses = lambda write: True
    story.decide("value", '{"name": "Both"}')
    story.run()
    held = {item.subject: json.loads(item.values) for item in story.held()}
    both = {"email": "ann@x.org", "name": "Both", "city": "Bern"}
    assert held == {"A:a1:A": both, "A:a1:B": both}
    assert (row.values["name"], twin.values["name"]) == ("Left", "Right")


def test_every_decision_and_every_loser_is_in_the_audit_with_its_author() -> None:
    story, _, _ = dispute()
    story.decide("A")
    story.run()
    lines = [line.entry for line in story.store.memory.audit]
    assert [line.actor for line in lines if line.role is Role.DECIDED] == ["clerk"]
    (loser,) = [line for line in lines if line.role is Role.LOSER]
    assert "decided by clerk: A" in loser.rule
