"""Who is settled: what moved without changing is noted once, what is agreed is stored, nothing else is (P1, P12)."""

from __future__ import annotations

import json

import pytest

from integrations_platform.unified_sync.port import ColumnForm
from integrations_platform.unified_sync.spec import Direction, SideName
from integrations_platform.unified_sync.values import Value
from integrations_platform_tests.unified_sync.arrange import Story, sync, text
from integrations_platform_tests.unified_sync.story_side import Nature

SIDED: list[tuple[SideName, int]] = [("A", 0), ("B", 1)]


def agreed(story: Story) -> tuple[dict[str, Value], dict[str, Value]]:
    """The stored base of the only link, as each side showed it."""
    (link,) = story.links
    base = json.loads(link.values_a)
    return base, base if link.values_b is None else json.loads(link.values_b)


@pytest.mark.parametrize("touches", [1, 12])  # a version is a text: 10 comes before 2
@pytest.mark.parametrize("side", ["A", "B"])
def test_p1_a_version_that_moved_alone_is_noted_and_the_record_is_not_read_again(side: SideName, touches: int) -> None:
    story = Story(sync(text("name"), text("seen", direction=Direction.NEVER)))
    story.a.insert({"name": "Ann", "seen": "left"})
    story.settle()
    rows = {"A": story.a.only(), "B": story.b.only()}
    for _ in range(touches):
        story.sides[side].touch(rows[side])
    plan = story.plan()
    assert (plan.operations, plan.settlements) == ([], []), "no value moved"
    assert plan.touched == [(story.links[0].link_id, str(rows["A"].version), str(rows["B"].version))]
    story.run()
    counts = story.run().counts
    assert (counts["settled"], counts["read_a"], counts["read_b"]) == (1, 0, 0)


@pytest.mark.parametrize(("edited", "read"), [("A", (1, 0)), ("B", (0, 1))])
def test_a_side_whose_record_has_not_moved_is_not_read(edited: SideName, read: tuple[int, int]) -> None:
    story = Story()
    rows = dict(zip(("A", "B"), story.pair_up(), strict=True))
    story.sides[edited].edit(rows[edited], name="Anna")
    counts = story.run().counts
    assert (counts["read_a"], counts["read_b"]) == read


def test_p1_what_stays_parked_is_looked_at_again_and_nothing_of_it_is_stored_anew() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="Left")
    story.b.edit(twin, name="Right")
    story.run()
    plan = story.plan()
    assert (plan.counts["active"], plan.counts["settled"]) == (1, 0)
    assert (plan.touched, plan.settlements, plan.conflicts) == ([], [], [])


@pytest.mark.parametrize("spelling", ["ANN", "ann"])
@pytest.mark.parametrize(("side", "number"), SIDED)
def test_p12_a_new_spelling_that_the_other_side_cannot_show_becomes_the_base_of_its_own_side(
    side: SideName, number: int, spelling: str
) -> None:
    story = Story(sync(text("name")))
    plain = {"A": story.b, "B": story.a}[side]
    plain.nature = Nature(lower_cases=True)
    plain.forms["name"] = ColumnForm("name", lower_cases=True)
    written = story.sides[side].insert({"name": "Ann"})
    story.settle()
    assert agreed(story)[number] == {"name": "Ann"}
    story.sides[side].edit(written, name=spelling)
    before = story.writes
    story.run()
    assert story.writes == before, "P9: the other side shows it as it did"
    assert agreed(story)[number] == {"name": spelling}
    assert agreed(story)[1 - number] == {"name": "ann"}
    assert story.plan().counts["settled"] == 1


@pytest.mark.parametrize("name", ["Zoe", "Abe", None])
def test_p12_what_both_sides_came_to_say_by_themselves_is_agreed_from_then_on(name: str | None) -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name=name)
    story.b.edit(twin, name=name)
    before = story.writes
    story.run()
    assert story.writes == before, "P9"
    assert [base["name"] for base in agreed(story)] == [name, name]
    story.b.edit(twin, name="Ann")
    story.settle()
    assert row.values["name"] == "Ann", "going back to the older value is a change"


@pytest.mark.parametrize("touched", [False, True])
def test_a_plan_says_of_each_change_why_it_is_carried_and_of_what_is_as_it_was_nothing(*, touched: bool) -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")
    if touched:
        story.b.touch(twin)
    plan = story.plan()
    assert plan.notes == {story.links[0].link_id: ["name: changed on source"]}


def test_b0_of_a_group_only_the_members_that_differ_are_written_whatever_comes_first() -> None:
    fields = text("street", group="address"), text("zip", group="address"), text("city", group="address")
    story = Story(sync(*fields))
    story.a.insert({"street": "Weg 1", "zip": "3000", "city": "Bern"})
    story.settle()
    story.b.written_values.clear()
    story.a.edit(story.a.only(), zip="4000", city="Basel")
    story.settle()
    assert [dict(write.values) for write in story.b.written_values] == [{"zip": "4000", "city": "Basel"}]
