"""A quiet world is told by one word for each side, and whatever could matter makes it loud again (P1, P9, P42)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from integrations_platform.unified_sync.quiet import MARGIN, TRUSTED
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.spec import OnDelete, SideName, Strategy
from integrations_platform_tests.simulation.marks import Marks
from integrations_platform_tests.unified_sync.arrange import Crash, Story, sync


def quiet(story: Story | None = None) -> Story:
    """Two linked records, and a run that found nothing to do."""
    story = story or Story()
    story.a.insert({"name": "Ann"})
    story.a.insert({"name": "Bob"})
    story.settle()
    story.run()
    return story


def listings(story: Story, *acts: Callable[[], object]) -> int:
    """How often a side is listed meanwhile."""
    before = story.a.listings + story.b.listings
    for act in acts:
        act()
    return story.a.listings + story.b.listings - before


def test_p1_a_run_over_a_quiet_world_lists_nothing_and_says_the_same() -> None:
    story = quiet()
    told: list[RunReport] = []
    assert listings(story, lambda: told.append(story.run()), lambda: told.append(story.run())) == 0
    assert [(run.counts["settled"], run.counts["active"], run.written) for run in told] == [(2, 2, 0)] * 2
    assert all(run.plan is not None and run.plan.is_quiet for run in told), "an empty plan, for whoever shows it"


def test_a_quiet_look_dates_what_was_seen_as_a_listing_would() -> None:
    story = quiet()
    before = story.store.last_settled(story.spec.name)
    story.run()
    after = story.store.last_settled(story.spec.name)
    assert all(after[side] > before[side] for side in ("A", "B"))


@pytest.mark.parametrize("side", ["A", "B"])
def test_p9_any_change_of_either_side_is_seen(side: SideName) -> None:
    story = quiet()
    row = next(iter(story.sides[side].rows.values()))
    story.sides[side].edit(row, name="Anna")
    story.run()
    assert {one.values["name"] for one in story.a.rows.values()} == {"Anna", "Bob"}
    assert {one.values["name"] for one in story.b.rows.values()} == {"Anna", "Bob"}


@pytest.mark.parametrize("act", ["edit", "remove", "insert"])
def test_p9_the_side_that_did_not_move_is_not_listed_and_nothing_is_lost_by_it(act: str) -> None:
    story = quiet()
    row = next(iter(story.a.rows.values()))
    if act == "edit":
        story.a.edit(row, name="Anna")
    elif act == "remove":
        story.a.rows.pop(row.id)
    else:
        story.a.insert({"name": "Cy"})
    before = story.b.listings
    assert story.run().written == 1
    assert story.b.listings == before
    names = {one.values["name"] for one in story.a.rows.values() if not one.archived}
    assert {one.values["name"] for one in story.b.rows.values() if not one.archived} == names
    assert story.run().written == 0


def test_p3_an_edit_between_the_word_of_a_side_and_the_plan_is_kept() -> None:
    story = quiet()
    row_a, row_b = (next(iter(story.sides[side].rows.values())) for side in ("A", "B"))
    story.a.edit(row_a, name="Anna")

    snapshots = []

    def edits(point: str) -> None:
        snapshots.append(point == "before snapshot")
        if sum(snapshots) == 3:  # one of each side for its word, and then the source's for its listing
            story.at = lambda _point: None
            story.b.edit(row_b, city="Lugo")

    story.at = edits
    story.run()
    story.settle()
    for side in (story.a, story.b):
        one = next(iter(side.rows.values()))
        assert (one.values["name"], one.values["city"]) == ("Anna", "Lugo")


def test_a_side_that_has_stamped_a_change_is_not_asked_for_its_word() -> None:
    story = quiet()
    digests = story.a.digests
    story.a.edit(next(iter(story.a.rows.values())), name="Anna")
    story.run()
    assert story.a.digests == digests


def test_p13_what_is_open_is_never_called_quiet() -> None:
    story = quiet()
    for side, name in (("A", "Left"), ("B", "Right")):
        row = next(iter(story.sides[side].rows.values()))
        story.sides[side].edit(row, name=name)
    story.run()
    story.run()
    assert listings(story, story.run) > 0


def test_another_declaration_looks_at_everything_once() -> None:
    story = quiet()
    story.spec = story.spec.overridden(strategy=Strategy.LATEST)
    assert listings(story, story.run) == 2
    assert listings(story, story.run) == 0


def test_an_incomplete_listing_leaves_no_word_to_trust() -> None:
    story = quiet()
    story.a.unlisted = {next(iter(story.a.rows))}
    story.run()
    story.a.unlisted = set()
    assert listings(story, story.run) > 0


def test_a_run_that_died_makes_the_next_one_look() -> None:
    story = quiet()

    def die(point: str) -> None:
        if point == "after commit":  # the run is known to have begun
            raise Crash

    story.at = die
    assert story.dies()
    story.at = lambda _point: None
    assert listings(story, story.run) == 2


def test_p42_a_hint_spares_the_look_until_a_stamp_is_newer_and_vouches_for_nothing() -> None:
    story = quiet()
    story.time += 2 * MARGIN
    story.run()
    seen = story.store.last_settled(story.spec.name)
    digests, told = story.a.digests, [story.run(hint=True), story.run(hint=True)]
    assert [(run.counts["settled"], run.written, run.plan is not None) for run in told] == [(2, 0, True)] * 2
    assert story.a.digests == digests, "nothing was looked at"
    assert story.store.last_settled(story.spec.name) == seen, "a hint is no look"
    story.a.edit(next(iter(story.a.rows.values())), name="Anna")
    assert story.run(hint=True).written == 1


def test_p42_a_stamp_shortly_before_the_look_is_no_proof_that_the_look_saw_it() -> None:
    story = quiet()
    digests = story.a.digests
    story.run(hint=True)
    assert story.a.digests == digests + 1


def test_p42_what_a_hint_cannot_see_the_next_look_does() -> None:
    story = quiet()
    story.time += 2 * MARGIN
    story.run()
    story.a.rows.pop(next(iter(story.a.rows)))
    assert story.run(hint=True).written == 0
    assert story.run().counts["archived_b"] == 1


def test_a_side_without_stamps_is_looked_at_whatever_the_hint() -> None:
    story = Story()
    story.a.nature = replace(story.a.nature, dates_records=False)
    quiet(story)
    story.time += 2 * MARGIN
    story.run()
    digests = story.a.digests
    story.run(hint=True)
    assert story.a.digests == digests + 1


def marking(story: Story | None = None) -> Story:
    """As :func:`quiet`, of sides that know by themselves who moved."""
    story = story or Story()
    story.a.marks, story.b.marks = Marks(), Marks()
    return quiet(story)


def test_sides_that_know_who_moved_are_neither_listed_nor_asked_for_a_digest() -> None:
    story = marking()
    digests = story.a.digests + story.b.digests
    assert listings(story, story.run) == 0
    story.a.edit(next(iter(story.a.rows.values())), name="Anna")
    assert listings(story, lambda: story.run().written, story.run, story.run) == 0
    assert {row.values["name"] for row in story.b.rows.values()} == {"Anna", "Bob"}
    assert story.a.digests + story.b.digests == digests


@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("act", ["edit", "remove", "insert"])
def test_p9_what_moved_after_a_run_that_wrote_is_told_without_a_listing(act: str, side: SideName) -> None:
    story = marking()
    story.a.edit(next(iter(story.a.rows.values())), city="Lugo")
    assert story.run().written == 1
    here, there = (story.a, story.b) if side == "A" else (story.b, story.a)
    row = next(iter(here.rows.values()))
    if act == "edit":
        here.edit(row, name="Anna")
    elif act == "remove":
        here.rows.pop(row.id)
    else:
        here.insert({"name": "Cy"})
    reports: list[RunReport] = []
    assert listings(story, lambda: reports.append(story.run())) == 0
    assert reports[0].written == 1
    names = [{one.values["name"] for one in rows.rows.values() if not one.archived} for rows in (here, there)]
    assert names[0] == names[1]
    assert story.run().written == 0


def test_p13_marks_stand_for_a_look_at_everything_for_a_day() -> None:
    story = marking()
    story.time += TRUSTED / 2
    story.a.edit(next(iter(story.a.rows.values())), name="Anna")
    assert listings(story, story.run, story.run) == 0
    story.time += TRUSTED / 2
    story.a.edit(next(iter(story.a.rows.values())), name="Annie")
    digests = story.b.digests
    assert listings(story, story.run) == 1, "what was told in between by a mark is no look at everything"
    assert story.b.digests == digests + 1
    assert listings(story, story.run) == 0


def test_p13_what_is_open_leaves_no_mark() -> None:
    story = marking()
    for side, name in (("A", "Left"), ("B", "Right")):
        row = next(iter(story.sides[side].rows.values()))
        story.sides[side].edit(row, name=name)
    story.run()
    assert listings(story, story.run) > 0


def test_p9_a_record_that_no_active_link_holds_leaves_no_mark_of_its_side() -> None:
    """Else one that is gone could be taken for it: both are counted."""
    story = marking(Story(spec=sync(on_delete={"A": OnDelete.IGNORE, "B": OnDelete.IGNORE})))
    story.a.rows.pop(next(iter(story.a.rows)))
    story.settle()
    story.run()
    story.run()
    before = story.b.listings
    story.b.edit(next(reversed(story.b.rows.values())), name="Bobby")
    story.run()
    assert story.b.listings == before + 1, "the side with the record that was left behind; told by digests alone"


def test_another_declaration_trusts_no_mark() -> None:
    story = marking()
    story.a.edit(next(iter(story.a.rows.values())), name="Anna")
    story.run()
    story.spec = story.spec.overridden(strategy=Strategy.LATEST)
    assert listings(story, story.run) == 2


def test_a_run_that_died_leaves_no_mark_to_trust() -> None:
    story = marking()
    story.a.edit(next(iter(story.a.rows.values())), name="Anna")

    def die(point: str) -> None:
        if point == "after write":
            raise Crash

    story.at = die
    assert story.dies()
    story.at = lambda _point: None
    assert listings(story, story.run) == 2


def test_p13_whoever_asks_for_it_gets_every_record_looked_at() -> None:
    story = marking()
    digests = story.a.digests + story.b.digests
    assert listings(story, lambda: story.run(full=True)) == 0
    assert story.a.digests + story.b.digests == digests + 2, "nothing moved, which is told of every record"
    story.a.edit(next(iter(story.a.rows.values())), name="Anna")
    assert listings(story, lambda: story.run(full=True)) == 1
    assert listings(story, lambda: story.run(full=True)) == 2, "after a run that wrote, only listings tell"
