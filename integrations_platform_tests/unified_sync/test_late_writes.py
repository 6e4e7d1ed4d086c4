"""Writes of ours that take effect after they were given up are ours once: what they leave behind is no user's edit, and
what users do later on the same record is (P3, P9)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.store import Role
from integrations_platform_tests.unified_sync.arrange import Story
from integrations_platform_tests.unified_sync.story_side import Row
from integrations_platform_tests.unified_sync.test_conflicts import dispute
from integrations_platform_tests.unified_sync.test_recovery import agrees_on_newer, given_up


def recovered(story: Story) -> int:
    return [line.entry.role for line in story.store.memory.audit].count(Role.RECOVERED)


def half_a_decision_late(choice: str, ends: str) -> tuple[Story, Row, Row]:
    """A run stands still before it writes the second half of a decision. Meanwhile a user of the source comes to agree
    with the target, or types something else, upon which a person may decide for the target; another run sees that."""
    story, row, twin = dispute()
    story.decide(choice, '{"name": "Both"}' if choice == "value" else None)
    halves = iter(["the first half", "the second half"])

    def stands_still(point: str) -> None:
        if point != "before write" or next(halves) == "the first half":
            return
        story.at = lambda _: None
        story.time += timedelta(seconds=61)  # its lease runs out
        if ends == "agreed":
            story.a.edit(row, name="Right")
        else:
            story.a.edit(row, name="Later")
            story.run()
        if ends == "decided otherwise":
            story.decide("B")
        story.run()

    story.at = stands_still
    story.runs += 1
    assert story.engine("slow").run(story.spec, story.sides).status is RunStatus.FAILED, "its lease was taken over"
    return story, row, twin


@pytest.mark.parametrize("ends", ["agreed", "decided otherwise"])
@pytest.mark.parametrize(("choice", "sent"), [("base", "Ann"), ("value", "Both")])
def test_p9_half_of_a_decision_that_comes_late_is_no_edit_once_its_conflict_has_ended(
    choice: str, sent: str, ends: str
) -> None:
    story, row, twin = half_a_decision_late(choice, ends)
    assert (row.values["name"], twin.values["name"]) == ("Right", sent)
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Right", "Right")
    assert story.store.conflicts("story") == []
    assert recovered(story) == 1


def test_p1_half_of_a_decision_that_comes_late_is_told_of_once_while_its_conflict_goes_on() -> None:
    story, row, twin = half_a_decision_late("value", "open")
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Later", "Both")
    assert story.conflict().value_b == '{"name":"Both"}'
    essence = story.store.memory.essence()
    story.run()
    assert story.store.memory.essence() == essence
    assert recovered(story) == 1
    story.decide("B")
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Both", "Both")


@pytest.mark.parametrize("seen", ["as it was written", "with an edit on top of it"])
def test_p3_a_user_who_goes_back_to_what_came_late_has_made_an_edit(seen: str) -> None:
    """Its receipt is on the record still; the engine took the edit for that write, and undid it."""
    story = Story()
    row, twin = story.pair_up()
    if seen == "as it was written":
        receipt = given_up(story, row)
        names = ["Anna", "Eva", "Anna"]
    else:
        receipt = agrees_on_newer(story, row, twin, "Mia")
        story.b.edit(twin, name="Anna")
        names = ["Abe", "Anna"]
    twin.last_op = receipt
    for name in names:
        story.b.edit(twin, name=name)
        story.settle()
        assert (row.values["name"], twin.values["name"]) == (name, name)
    assert recovered(story) == 1
