"""Processes that die or pause at any boundary, and a second one that takes over (P3, P5, P10-P12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count

from integrations_platform.unified_sync.port import ErrorKind, SideError
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.spec import Strategy
from integrations_platform.unified_sync.transforms import function
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.unified_sync.arrange import Crash, Story, shown, sync, text

LOST = SideError(ErrorKind.TRANSIENT, "the answer was lost", effect_unknown=True)


def _dies_at(story: Story, point: str, number: int) -> bool:
    """Kill the next run at the ``number``-th passing of ``point``; False if it never came that far."""
    left = number

    def at(seen: str) -> None:
        nonlocal left
        left -= seen == point
        if seen == point and left < 0:
            raise Crash

    story.at = at
    died = story.dies()
    story.at = lambda _point: None
    return died


def _killed(arrange: Callable[[], Story]) -> Iterator[tuple[Story, str]]:
    """The same story, killed in its next run at every boundary it passes, with the words that say where."""
    for point in ("before write", "after write", "before commit", "after commit"):
        for number in count():
            story = arrange()
            if not _dies_at(story, point, number):
                break
            yield story, f"killed {point} ({number})"


def _edited() -> Story:
    story = Story()
    row, _ = story.pair_up()
    story.a.edit(row, name="First")
    return story


def p5_a_killed_update_followed_by_an_edit_is_no_conflict() -> None:
    for story, where in _killed(_edited):
        row, twin = story.a.only(), story.b.only()
        story.a.edit(row, name="Second")
        report = story.settle()
        assert report.open_conflicts == 0, f"P5: a kill made a conflict, {where}"
        assert (row.values["name"], twin.values["name"]) == ("Second", "Second"), f"P5: {where}"


def p5_a_killed_update_is_not_taken_for_an_edit_of_the_written_side() -> None:
    for story, where in _killed(_edited):
        row, twin = story.a.only(), story.b.only()
        story.b.edit(twin, city="Basel")
        story.a.edit(row, name="Ann")  # back to the base: what we wrote must not come back as somebody's
        story.settle()
        assert (row.values["name"], twin.values["name"]) == ("Ann", "Ann"), f"P5: {where}, echoed"
        assert (row.values["city"], twin.values["city"]) == ("Basel", "Basel"), f"P3: {where}, an edit is gone"


def _negated() -> Story:
    def negate(value: Value) -> Value:
        return -value if isinstance(value, int) else value

    balance = text("balance", FieldType.INTEGER, transforms=(function("negate", negate, negate),))
    story = Story(sync(text("email", FieldType.EMAIL), balance))
    row, _ = story.pair_up(email="ann@x.org", balance=1)
    story.a.edit(row, balance=5)
    return story


def p5_a_killed_update_is_remembered_in_each_sides_own_terms() -> None:
    for story, where in _killed(_negated):
        row, twin = story.a.only(), story.b.only()
        story.a.edit(row, balance=8)
        report = story.settle()
        assert report.open_conflicts == 0, f"P5: a kill made a conflict, {where}"
        assert (row.values["balance"], twin.values["balance"]) == (8, -8), f"P5: {where}"


def p5_a_write_that_comes_late_is_no_users_edit() -> None:
    story = _edited()
    row, twin = story.a.only(), story.b.only()
    paused = False

    def at(point: str) -> None:
        nonlocal paused
        if point != "before write" or paused:
            return
        paused = True
        story.time += timedelta(seconds=120)  # meanwhile another worker finds nothing written, and nothing to write
        story.a.edit(row, name="Ann")
        story.runs += 1
        story.engine("other").run(story.spec, story.sides)

    story.at = at
    story.runs += 1
    story.engine("first").run(story.spec, story.sides)
    story.at = lambda _point: None
    assert twin.values["name"] == "First", "the story's own course"
    report = story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Ann", "Ann"), "P5: our own late write came back as an edit"
    assert report.open_conflicts == 0, "P5: our own late write made a conflict"


def p11_no_intent_stays_open() -> None:
    for story, where in _killed(_edited):
        story.settle()
        assert story.store.open_intents("story") == [], f"P11: an intent is still open, {where}"


def _created() -> Story:
    story = Story()
    story.a.insert({"email": "ann@x.org", "name": "Ann", "city": "Bern"})
    return story


def p10_a_killed_create_followed_by_an_edited_key_makes_one_record() -> None:
    for story, where in _killed(_created):
        story.a.edit(story.a.only(), email="new@x.org")
        report = story.settle()
        assert len(story.b.live()) == 1, f"P10: {len(story.b.live())} records of one link, {where}"
        assert report.open_conflicts == 0, f"P5: a kill made a conflict, {where}"
        assert shown(story.a) == shown(story.b), f"P2: {where}"


def _disputed() -> Story:
    story = Story(sync(strategy=Strategy.SOURCE_WINS))
    row, twin = story.pair_up()
    story.a.edit(row, name="One")
    story.b.edit(twin, name="Two")
    return story


def p3_a_losers_value_is_kept_before_it_is_overwritten() -> None:
    for story, where in _killed(_disputed):
        story.settle()
        assert any("Two" in line for line in story.lost()), f"P3: the loser is nowhere, {where}"


def p10_a_second_worker_takes_over_and_the_first_commits_nothing_more() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="First")
    busy = False

    def at(point: str) -> None:
        nonlocal busy
        if point != "after write" or busy:
            return
        busy = True
        story.time += timedelta(seconds=120)  # the first worker sleeps past the end of its lease
        story.a.edit(row, name="Second")
        story.runs += 1
        story.engine("other").run(story.spec, story.sides)
        story.held_by_other = story.store.memory.essence()  # type: ignore[attr-defined]

    story.at = at
    report = story.engine("first").run(story.spec, story.sides)
    story.at = lambda _point: None
    assert report.status is RunStatus.FAILED, "P10: a worker that lost its lease went on"
    assert story.store.memory.essence() == story.held_by_other, "P12: a stale owner committed"  # type: ignore[attr-defined]
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Second", "P3: an edit was lost between two workers"


def p10_a_long_run_keeps_its_lease() -> None:
    story = Story(sync(batch_size=1))
    for number in range(5):
        story.a.insert({"email": f"{number}@x.org"})

    def at(point: str) -> None:
        if point == "before write":
            story.time += timedelta(seconds=40)

    story.at = at
    report = story.run()
    until = story.store.lease_until
    assert report.counts["applied_b"] == 5, "P10: a long run lost its lease"
    assert until is not None
    assert until > story.time, "P10: a long run let its lease end, and another worker could have joined"
