"""The process dies at every boundary, one after the other, and the next runs settle as if nothing had been (P5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from integrations_platform.unified_sync.port import ErrorKind, Outcome, SideError, Write
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.spec import SideName, other
from integrations_platform.unified_sync.store import OpState, Role
from integrations_platform_tests.unified_sync.arrange import Crash, Story, shown, sync
from integrations_platform_tests.unified_sync.story_side import Row

POINTS = ("before write", "after write", "before commit", "after commit")
MOST = 30  # boundaries of one run; the enumeration itself finds out how many there are


def _create(story: Story, side: SideName) -> None:
    story.sides[side].insert({"email": "new@x.org", "name": "New", "city": None})


def _update(story: Story, side: SideName) -> None:
    story.sides[side].edit(story.sides[side].live()[0], name="Anna", city=None)


def _archive(story: Story, side: SideName) -> None:
    story.sides[side].archive(story.sides[side].live()[0])


def _delete(story: Story, side: SideName) -> None:
    story.sides[side].remove(story.sides[side].live()[0])


def _restore(story: Story, side: SideName) -> None:
    row = story.sides[side].live()[0]
    story.sides[side].archive(row)
    story.settle()
    story.sides[side].archive(row, archived=False)


def _bring_back(story: Story, side: SideName) -> None:
    there = story.sides[other(side)]
    there.edit(there.live()[0], name="Kept")
    story.sides[side].remove(story.sides[side].live()[0])


ACTIONS: list[Callable[[Story, SideName], None]] = [_create, _update, _archive, _delete, _restore, _bring_back]
by_action = pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__.strip("_"))


def prepared(action: Callable[[Story, SideName], None], side: SideName) -> Story:
    story = Story(sync())
    story.pair_up()
    story.pair_up(email="b@x.org", name="Bob", city="Chur")
    story.settle()
    action(story, side)
    return story


def dies_at(story: Story, number: int) -> bool:
    """Kill the next run at its ``number``-th boundary; False if it has fewer."""
    passed = 0

    def count(point: str) -> None:
        nonlocal passed
        if point in POINTS:
            passed += 1
            if passed == number:
                raise Crash(point)

    story.at = count
    died = story.dies()
    story.at = lambda _: None
    return died


def check_end(story: Story, undisturbed: Story) -> None:
    story.settle()
    assert (shown(story.a), shown(story.b)) == (shown(undisturbed.a), shown(undisturbed.b))
    assert story.store.memory.conflicts == {}, "P5b: no crash creates a conflict"
    assert story.held() == []
    assert [row for row in story.store.memory.intents.values() if row.state is OpState.SENT] == []
    for side in story.sides.values():
        tags = [row.link_id for row in side.live() if row.link_id is not None]
        assert len(tags) == len(set(tags)), "P10"
    assert len(story.links) == len(undisturbed.links)
    before, essence = story.writes, story.store.memory.essence()
    story.run()
    assert (story.writes, story.store.memory.essence()) == (before, essence), "P1"


@by_action
@pytest.mark.parametrize("side", ["A", "B"])
def test_p5_a_death_at_any_boundary_is_made_good_by_the_next_runs(
    action: Callable[[Story, SideName], None], side: SideName
) -> None:
    undisturbed = prepared(action, side)
    undisturbed.settle()
    for number in range(1, MOST):
        story = prepared(action, side)
        if not dies_at(story, number):
            assert number > 4, "a run that writes has boundaries to die at"
            return
        check_end(story, undisturbed)
    raise AssertionError("more boundaries than a run can have")


@by_action
def test_p5_dying_again_and_again_on_the_way_to_the_end_changes_nothing(
    action: Callable[[Story, SideName], None],
) -> None:
    undisturbed = prepared(action, "A")
    undisturbed.settle()
    for first in range(1, MOST, 3):
        story = prepared(action, "A")
        if not dies_at(story, first):
            return
        for second in range(1, MOST):
            if not dies_at(story, second):
                break
        check_end(story, undisturbed)


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("point", ["after write", "before commit"])
def test_p5b_a_new_edit_on_top_of_an_interrupted_write_is_a_plain_change(point: str, *, receipts: bool) -> None:
    story = Story(sync())
    row, twin = story.pair_up()
    story.b.able = story.b.able.__class__(compare_and_set=True, receipts=receipts, tags=True, archive=True, delete=True)
    story.a.edit(row, name="Anna")
    written = False

    def die(where: str) -> None:
        nonlocal written
        written |= where == "after write"
        if written and where == point:
            raise Crash(where)

    story.at = die
    assert story.dies()
    story.at = lambda _: None
    assert twin.values["name"] == "Anna"
    story.a.edit(row, name="Annabel")
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Annabel"
    assert story.store.memory.conflicts == {}
    assert any(line.entry.role is Role.RECOVERED for line in story.store.memory.audit)


def test_p5b_the_same_with_the_new_edit_on_the_written_side() -> None:
    story = Story(sync())
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")
    story.at = lambda point: _die(point, "after write")
    assert story.dies()
    story.at = lambda _: None
    story.b.edit(twin, name="Annabel")
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Annabel"
    assert story.store.memory.conflicts == {}


def _die(point: str, wanted: str) -> None:
    if point == wanted:
        raise Crash(point)


def test_p37_a_write_that_takes_effect_after_it_was_given_up_is_recognised_as_ours() -> None:
    """A paused process goes on after another one has disowned its write."""
    story = Story(sync())
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")
    paused: list[Write] = []

    def pause(point: str) -> None:
        if point == "before write" and not paused:
            (intent,) = story.store.open_intents("story")
            operation = next(op for op in story.plan().operations if op.op_id == intent.op_id)
            paused.append(operation.as_write())
            raise Crash(point)

    story.at = pause
    assert story.dies()
    story.at = lambda _: None

    def wakes_up(point: str) -> None:
        """The next run has asked and been told: not written. Only then the write arrives."""
        if point == "before snapshot" and paused:
            story.b.one(paused.pop())

    story.at = wakes_up
    story.run()
    story.at = lambda _: None
    assert twin.values["name"] == "Anna"
    story.a.edit(row, name="Annabel")
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Annabel"
    assert story.store.memory.conflicts == {}, "its values are ours, not a user's"


def test_m20_a_process_that_lost_its_lease_commits_nothing() -> None:
    story = Story(sync())
    story.a.insert({"email": "a@x.org", "name": "Ann"})

    def overtaken(point: str) -> None:
        if point == "before write":
            story.at = lambda _: None
            story.time += story.time.resolution * 70_000_000
            story.runs += 1
            other_report = story.engine("another process").run(story.spec, story.sides)
            assert other_report.exit_code == 0

    story.at = overtaken
    report = story.run()
    assert (report.status, report.fault) == ("failed", "transient")
    assert len(story.b.rows) == 1, "P10"
    story.settle()
    assert len(story.b.rows) == 1
    assert len(story.links) == 1


def test_p10_a_create_that_was_sent_twice_by_a_confused_network_makes_one_record() -> None:
    story = Story(sync())
    story.a.insert({"email": "a@x.org", "name": "Ann"})

    def twice(writes: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
        return outcomes + [story.b.one(write) for write in writes]

    story.b.answers = twice
    story.run()
    story.b.answers = None
    story.settle()
    assert len(story.b.rows) == 1
    assert len(story.links) == 1


def test_p13_a_late_write_of_a_paused_process_becomes_the_base_that_is_stored() -> None:
    """It is given up by another run, takes effect all the same, and then the user goes back to the value before it: the
    base must know what was written, or both sides look as they always did, and differ."""
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")

    def stands_still(point: str) -> None:
        if point == "before write":
            story.at = lambda _: None
            story.time += timedelta(seconds=61)  # its lease runs out
            story.b.write_faults = [SideError(ErrorKind.TRANSIENT, "down") for _ in range(4)]
            assert story.run().counts["deferred_b"] == 1
            story.b.write_faults = []

    story.at = stands_still
    story.runs += 1
    assert story.engine("slow").run(story.spec, story.sides).status is RunStatus.FAILED, "its lease was taken over"
    assert twin.values["name"] == "Anna"
    story.run()
    late = [line.entry for line in story.store.memory.audit if line.entry.role is Role.RECOVERED]
    assert [line.op_id for line in late] == [twin.last_op], "an effect that no line of the audit tells of"
    story.a.edit(row, name="Ann")
    story.settle()
    assert row.values == twin.values, "P2"
    assert [line.entry.role for line in story.store.memory.audit].count(Role.RECOVERED) == 1


def given_up(story: Story, row: Row) -> str:
    """Rename a record of the source to Anna; the process dies before that is written, and the next one gives the write
    up. Its id."""
    story.a.edit(row, name="Anna")
    story.at = lambda point: _die(point, "before write")
    assert story.dies()
    (intent,) = story.store.open_intents("story")
    story.at = lambda point: _die(point, "before snapshot")
    assert story.dies()
    story.at = lambda _: None
    assert story.store.open_intents("story") == []
    return intent.op_id


def test_p9_a_late_write_is_taken_as_ours_once_whatever_its_record_goes_on_to_show() -> None:
    story = Story()
    row, twin = story.pair_up()
    receipt = given_up(story, row)
    story.b.edit(twin, name="Anna")
    twin.last_op = receipt
    story.run()
    story.b.edit(twin, name="Eva")
    story.settle()
    assert row.values["name"] == "Eva"
    story.b.edit(twin, city="Chur")
    story.a.edit(row, name="Zoe")
    story.settle()
    assert row.values == twin.values == {"email": "ann@x.org", "name": "Zoe", "city": "Chur"}
    assert story.store.memory.conflicts == {}, "P9: only the source changed the name"
    assert [line.entry.role for line in story.store.memory.audit].count(Role.RECOVERED) == 1


def test_p3_a_user_who_goes_back_to_what_we_wrote_long_ago_has_made_an_edit() -> None:
    """Its receipt is on the record still, and tells of a write that was agreed on in its time."""
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")
    story.settle()
    for name in ("Bea", "Anna"):
        story.b.edit(twin, name=name)
        story.settle()
        assert row.values["name"] == twin.values["name"] == name
    assert Role.RECOVERED not in [line.entry.role for line in story.store.memory.audit]


@pytest.mark.parametrize("made", ["new", "again"])
def test_p5b_an_edit_after_a_create_that_came_late_is_a_plain_change(made: str) -> None:
    """The create was given up and arrives just before the next, which finds its record. What that shows was ours."""
    story = Story()
    if made == "again":
        row, twin = story.pair_up()
        story.b.remove(twin)
        story.a.edit(row, name="Anna")
    else:
        row = story.a.insert({"email": "ann@x.org", "name": "Anna", "city": "Bern"})
    late: list[Write] = []

    def stops(point: str) -> None:
        if point == "before write" and not late:
            late.extend(operation.as_write() for operation in story.plan().operations)
            raise Crash(point)

    story.at = stops
    assert story.dies()
    story.at = lambda point: _die(point, "before snapshot")
    assert story.dies()
    assert story.store.open_intents("story") == []
    story.a.edit(row, name="Zoe")

    def arrives(point: str) -> None:
        if point == "before write" and late:
            story.b.one(late.pop())

    story.at = arrives
    story.settle()
    assert [item.values["name"] for item in story.b.live()] == [row.values["name"]] == ["Zoe"]
    assert story.store.conflicts("story") == []


def test_p1_a_late_write_that_was_taken_as_ours_is_no_news_when_its_record_is_looked_at_again() -> None:
    story = Story()
    row, twin = story.pair_up()
    receipt = given_up(story, row)
    story.b.edit(twin, name="Anna")
    twin.last_op = receipt
    story.run()
    story.b.touch(twin)
    assert story.plan().settlements == []
    story.run()
    assert [line.entry.role for line in story.store.memory.audit].count(Role.RECOVERED) == 1


def agrees_on_newer(story: Story, row: Row, twin: Row, name: str) -> str:
    """A write of Anna is given up, and the sides agree on ``name`` since. The id of what was given up."""
    receipt = given_up(story, row)
    story.a.edit(row, name=name)
    story.settle()
    assert row.values["name"] == twin.values["name"] == name
    return receipt


def test_p9_a_late_write_of_an_edit_that_the_listing_does_not_show_yet_is_not_undone() -> None:
    """The source was edited, our write of it was given up and came all the same; the source's listing still shows the
    record as it was before. What it is worth is known from the late write, so the record itself is looked at."""
    story = Story()
    row, twin = story.pair_up()
    before = row.version
    receipt = given_up(story, row)
    story.a.late = {row.id: before}
    story.b.edit(twin, name="Anna")
    twin.last_op = receipt
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Anna"
    story.a.late = {}
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Anna"


@pytest.mark.parametrize("newer", ["Zoe", "Aaron", None])
def test_p3_a_late_write_that_goes_over_what_was_agreed_since_is_not_taken_for_an_edit(newer: str | None) -> None:
    story = Story()
    row, twin = story.pair_up()
    receipt = agrees_on_newer(story, row, twin, newer)
    story.b.edit(twin, name="Anna")
    twin.last_op = receipt
    story.settle()
    assert row.values["name"] == twin.values["name"] == newer
    assert story.store.memory.conflicts == {}
    assert [line.entry.role for line in story.store.memory.audit].count(Role.RECOVERED) == 1


@pytest.mark.parametrize("typed", ["Abe", "Zed"])
def test_p9_an_edit_on_top_of_a_late_write_is_a_plain_change_against_what_was_agreed_since(typed: str) -> None:
    story = Story()
    row, twin = story.pair_up()
    receipt = agrees_on_newer(story, row, twin, "Mia")
    story.b.edit(twin, name="Anna")
    story.b.edit(twin, name=typed)
    twin.last_op = receipt
    story.settle()
    assert row.values["name"] == twin.values["name"] == typed
    assert story.store.memory.conflicts == {}, "P9: only the target changed it since the sides agreed"


def test_p5b_a_late_write_is_recognised_however_often_its_record_was_agreed_on_before() -> None:
    story = Story()
    row, twin = story.pair_up()
    links = story.store.memory.links
    links.update({name: replace(link, base_version=10_000) for name, link in links.items()})
    receipt = given_up(story, row)
    story.b.edit(twin, name="Anna")
    story.b.edit(twin, name="Eva")
    twin.last_op = receipt
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Eva"
    assert story.store.memory.conflicts == {}, "P5b: the source's edit had been written when the target was edited"


@pytest.mark.parametrize(("renamed", "copied_to"), [(0, 1), (1, 0)])
def test_p3_a_receipt_that_a_user_copied_to_another_record_makes_no_values_of_that_one_ours(
    renamed: int, copied_to: int
) -> None:
    """As with the rest of a row, in a table where receipts are a column."""
    story = Story()
    pairs = [story.pair_up(email=f"{name}@x.org", name="Bob", city="Bern") for name in "ab"]
    receipt = given_up(story, pairs[renamed][0])
    row, twin = pairs[copied_to]
    story.b.edit(twin, name="Copied")
    twin.last_op = receipt
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Copied", "Copied")
    assert story.store.memory.conflicts == {}
    assert Role.RECOVERED not in [line.entry.role for line in story.store.memory.audit]
