"""Guards: a plan over its limits writes nothing at all, and only a person lifts exactly one of them (P6, P34)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations_platform.unified_sync.spec import Guards, SideName
from integrations_platform.unified_sync.store import Role
from integrations_platform_tests.unified_sync.arrange import Crash, Story, sync


def crowd(guards: Guards, number: int = 12) -> Story:
    story = Story(sync(guards=guards))
    for index in range(number):
        story.a.insert({"email": f"p{index}@x.org", "name": f"P{index}", "city": "Bern"})
    story.settle()
    return story


def refused(story: Story, guard: str) -> None:
    """The next run stops before any write of any kind, says why, and leaves a line in the audit."""
    story.a.insert({"email": "innocent@x.org"})
    essence, before, tags = story.store.memory.essence(), story.writes, [row.link_id for row in story.b.rows.values()]
    report = story.run()
    assert [item.guard for item in report.refusals] == [guard]
    assert report.exit_code == 4
    assert report.refusals[0].remedy
    assert story.writes == before
    assert story.store.memory.essence() == essence
    assert [row.link_id for row in story.b.rows.values()] == tags
    (line,) = [line.entry for line in story.store.memory.audit if line.entry.role is Role.GUARD]
    assert line.rule.startswith(f"{guard} refused")


def lifted(story: Story, guard: str) -> None:
    """Lifting another guard does not help; lifting this one lets the plan pass and is in the audit with its author."""
    wrong = "canary" if guard != "canary" else "deletes"
    assert story.run(lift=frozenset({wrong})).exit_code == 4
    report = story.run(lift=frozenset({guard}), actor="eva")
    assert report.exit_code == 0
    line = [line.entry for line in story.store.memory.audit if line.entry.role is Role.GUARD][-1]
    assert (line.rule.split(":")[0], line.actor) == (f"{guard} lifted", "eva")
    story.settle()


def test_p34_deletes_above_the_limit_stop_the_whole_plan() -> None:
    story = crowd(Guards(max_deletes=3, max_delete_fraction=0.05))
    for row in story.a.live()[:4]:
        story.a.remove(row)
    refused(story, "deletes")
    lifted(story, "deletes")
    assert sum(row.archived for row in story.b.rows.values()) == 4


def test_deletes_within_either_limit_pass() -> None:
    for guards in (Guards(max_deletes=4, max_delete_fraction=0.0), Guards(max_deletes=0, max_delete_fraction=0.34)):
        story = crowd(guards)
        for row in story.b.live()[:4]:
            story.b.remove(row)
        assert story.run().exit_code == 0


@pytest.mark.parametrize("number", [2, 12])
@pytest.mark.parametrize("side", ["A", "B"])
def test_c11_a_side_that_shows_nothing_at_all_stops_the_run_and_is_named(side: SideName, number: int) -> None:
    story = crowd(Guards(max_deletes=1000), number)
    emptied = story.sides[side]
    for row in list(emptied.rows.values()):
        emptied.remove(row)
    report = story.run()
    assert [item.guard for item in report.refusals] == ["empty_side"]
    assert report.refusals[0].message.startswith(f"{emptied.name}:things shows no record at all, and {number} linked")
    assert not any(row.archived for row in (story.a.rows | story.b.rows).values())
    assert story.run(lift=frozenset({"empty_side"})).exit_code == 0
    assert story.a.live() + story.b.live() == []


def test_the_only_record_there_is_may_be_removed_like_any_other() -> None:
    story = crowd(Guards(), 1)
    story.a.remove(story.a.only())
    assert story.run().exit_code == 0
    assert story.b.live() == []


@pytest.mark.parametrize("floor", [10, 12])
def test_one_field_changed_almost_everywhere_stops_the_run_and_is_named(floor: int) -> None:
    story = crowd(Guards(max_deletes=10, max_change_fraction=0.5, change_floor=floor))
    for row in story.b.live()[:7]:
        story.b.edit(row, city="BERN")
    refused(story, "mass_change")
    assert "field city changed on 7 of 12" in story.plan().refusals[0].message
    lifted(story, "mass_change")
    assert sum(row.values["city"] == "BERN" for row in story.a.live()) == 7


@pytest.mark.parametrize(("fraction", "allowed"), [(0.5, 6), (0.5, 2), (0.25, 3), (1.0, 12)])
def test_a_change_of_no_more_than_the_declared_share_passes(fraction: float, allowed: int) -> None:
    story = crowd(Guards(max_deletes=10, max_change_fraction=fraction, change_floor=12))
    for row in story.b.live()[:allowed]:
        story.b.edit(row, city="BERN")
    assert story.run().exit_code == 0
    assert sum(row.values["city"] == "BERN" for row in story.a.live()) == allowed


def test_small_syncs_may_change_as_a_whole() -> None:
    story = crowd(Guards(change_floor=13))
    for row in story.b.live():
        story.b.edit(row, city="BERN")
    assert story.run().exit_code == 0


def test_a_missing_canary_stops_the_run() -> None:
    story = crowd(Guards())
    story.spec = replace(story.spec, guards=Guards(canary={"B": "b1"}))
    story.b.unlisted.add("b1")
    refused(story, "canary")
    story.b.unlisted.clear()
    assert story.run().exit_code == 0


def test_b10_an_unattended_first_run_writes_nothing_of_any_kind_until_a_person_started_one() -> None:
    story = Story()
    story.a.insert({"email": "a@x.org", "name": "Ann"})
    story.a.insert({"email": "b@x.org", "name": "Bob"})
    story.b.insert({"email": "b@x.org", "name": "Bob"})
    for _ in range(3):  # a refusal is no approval: every later run is refused in the same way
        report = story.run(attended=False)
        assert [item.guard for item in report.refusals] == ["first_plan"]
        assert story.writes == 0
        assert story.links == []
        assert all(row.link_id is None for row in story.b.rows.values()), "tags are writes too"
    assert story.run(attended=True).exit_code == 0
    story.a.insert({"email": "c@x.org", "name": "Cem"})
    assert story.run(attended=False).exit_code == 0
    assert len(story.b.rows) == 3


def test_a_failed_first_run_is_no_approval_either() -> None:
    story = Story()
    story.a.insert({"email": "a@x.org"})
    story.spec = replace(story.spec, guards=Guards(canary={"A": "gone"}))
    assert story.run(attended=False).exit_code == 4
    story.spec = replace(story.spec, guards=Guards())
    assert [item.guard for item in story.run(attended=False).refusals] == ["first_plan"]


def test_p5_a_first_run_that_died_on_its_way_goes_on_without_a_person() -> None:
    story = Story()
    story.a.insert({"email": "a@x.org"})

    def die(point: str) -> None:
        if point == "after write":
            raise Crash(point)

    story.at = die
    assert story.dies(attended=True)
    story.at = lambda _: None
    assert story.run(attended=False).exit_code == 0
    assert len(story.b.rows) == 1


def test_an_unattended_first_run_with_nothing_to_write_is_no_alarm() -> None:
    story = Story()
    story.a.insert({"email": "a@x.org", "name": "Ann", "city": None})
    story.b.insert({"email": "a@x.org", "name": "Ann", "city": None})
    assert story.run(attended=False).exit_code == 0
