"""`latest`: what timestamps prove, and what they do not (P17–P20)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.unified_sync.evidence import (
    BEGINNING,
    Interval,
    Moment,
    change_interval,
    from_the_future,
    later,
    record_interval,
)
from integrations_platform.unified_sync.port import Change, ClockReading, ColumnForm
from integrations_platform.unified_sync.spec import Direction, OnTie, Strategy
from integrations_platform_tests.unified_sync.arrange import Story, sync
from integrations_platform_tests.unified_sync.story_side import ABLE

NOON = datetime(2026, 5, 1, 12, 0, 0, 1, tzinfo=UTC)
ERROR = timedelta(seconds=1)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def moment(offset: timedelta = timedelta(0), error: timedelta = ERROR) -> Moment:
    return Moment(NOON, ClockReading(offset, error))


def interval(history: Any = None, modified: Any = None, previous: Any = None, **more: Any) -> Interval:
    return change_interval(history, modified, previous, moment(**more))


CASES: list[tuple[str, dict[str, Any], dict[str, Any], str | None]] = [
    (
        "history orders two edits",
        {"history": Change(None, at(-10), ours=False)},
        {"history": Change(None, at(-5), ours=False)},
        "B",
    ),
    (
        "equal times prove nothing",
        {"history": Change(None, at(-5), ours=False)},
        {"history": Change(None, at(-5), ours=False)},
        None,
    ),
    (
        "within the error of the clocks proves nothing",
        {"history": Change(None, at(-5), ours=False)},
        {"history": Change(None, at(-4.98), ours=False)},
        None,
    ),
    ("no evidence on either side", {}, {}, None),
    ("one side dated, the other not", {"history": Change(None, at(-5), ours=False)}, {"previous": at(-60)}, None),
    (
        "undated, but unchanged when the other was edited",
        {"history": Change(None, at(-5), ours=False)},
        {"previous": at(-4)},
        "B",
    ),
    (
        "record time is only an upper bound",
        {"modified": at(-10), "previous": at(-60)},
        {"modified": at(-5), "previous": at(-60)},
        None,
    ),
    (
        "record time before the other's last quiet look",
        {"modified": at(-10), "previous": at(-60)},
        {"modified": at(-5), "previous": at(-9)},
        "B",
    ),
    (
        "a stamp from the future is discarded",
        {"history": Change(None, at(+9), ours=False)},
        {"history": Change(None, at(-5), ours=False)},
        None,
    ),
    (
        "a record time from the future is discarded",
        {"modified": at(+9), "previous": at(-60)},
        {"history": Change(None, at(-5), ours=False)},
        None,
    ),
    (
        "our own write is no evidence",
        {"history": Change(None, at(-1), ours=True)},
        {"history": Change(None, at(-5), ours=False)},
        None,
    ),
]


@pytest.mark.parametrize(("a", "b", "winner"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_p17_to_p20_latest_decides_only_what_is_proved(
    a: dict[str, Any], b: dict[str, Any], winner: str | None
) -> None:
    assert later(interval(**a), interval(**b)) == winner
    assert later(interval(**b), interval(**a)) == {"A": "B", "B": "A", None: None}[winner], "P18"


def test_p19_a_skewed_clock_is_put_right_by_its_measured_offset() -> None:
    ahead = interval(history=Change(None, at(+55), ours=False), offset=timedelta(minutes=60))
    assert (ahead.low, ahead.high) == (at(-5) - ERROR, at(-5) + ERROR)
    assert later(ahead, interval(history=Change(None, at(-10), ours=False))) == "A"
    assert from_the_future(at(+1), moment())
    assert not from_the_future(at(+61) - timedelta(minutes=1), moment(offset=timedelta(minutes=60)))


def test_whole_seconds_widen_the_interval_by_the_second_they_hide() -> None:
    whole, second = at(-10).replace(microsecond=0), timedelta(seconds=1)
    assert interval(modified=whole).high == whole + ERROR + second
    assert interval(modified=at(-10)).high == at(-10) + ERROR
    on_first_sight = record_interval(whole, moment())
    assert (on_first_sight.low, on_first_sight.high) == (whole - ERROR - second, whole + ERROR + second)


def test_p19_a_stamp_no_later_than_the_clocks_uncertainty_allows_is_not_from_the_future() -> None:
    assert not from_the_future(NOON + ERROR, moment())
    assert from_the_future(NOON + ERROR + timedelta(microseconds=1), moment())


def test_p20_a_record_time_that_may_just_be_that_of_the_last_quiet_look_counts() -> None:
    assert interval(modified=at(-10), previous=at(-10) + ERROR) == Interval(
        at(-10) + ERROR, at(-10) + ERROR, "modified time"
    )


def test_an_interval_is_told_in_words_that_a_person_understands() -> None:
    since_ever = Interval(datetime.min.replace(tzinfo=UTC), NOON, "observation")
    assert str(since_ever) == "between the beginning and 2026-05-01T12:00:00.000+00:00 (observation)"
    assert str(Interval(at(-1), NOON, "modified time")).startswith("between 2026-05-01T11:59:00.000+00:00 and ")


def test_p20_a_record_time_older_than_the_last_quiet_look_says_nothing_of_this_change() -> None:
    found = interval(modified=at(-30), previous=at(-10))
    assert (found.low, found.high, found.source) == (at(-10), NOON, "observation")


def test_p19_on_a_first_sync_too_a_skewed_clock_is_put_right() -> None:
    ahead = record_interval(at(+50), moment(offset=timedelta(minutes=60)))
    assert (ahead.low, ahead.high) == (at(-10) - ERROR, at(-10) + ERROR)
    assert record_interval(BEGINNING, moment()).low == BEGINNING, "nothing is before the beginning"


def test_first_sync_knows_only_the_records_own_times() -> None:
    assert later(record_interval(at(-10), moment()), record_interval(at(-5), moment())) == "B"
    assert record_interval(None, moment()).low == BEGINNING
    assert later(record_interval(None, moment()), record_interval(at(-5), moment())) is None


minutes = st.integers(-600, 30)
evidence = st.fixed_dictionaries(
    {
        "history": st.none() | st.builds(Change, st.none(), minutes.map(at), st.booleans()),
        "modified": st.none() | minutes.map(at),
        "previous": st.none() | st.integers(-600, 0).map(at),
    }
)


@given(evidence, evidence)
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
def test_p18_swapping_the_sides_mirrors_the_answer(a: dict[str, Any], b: dict[str, Any]) -> None:
    mirrored = {"A": "B", "B": "A", None: None}
    assert later(interval(**a), interval(**b)) == mirrored[later(interval(**b), interval(**a))]


@given(
    st.integers(-600, -1),
    st.integers(-600, -1),
    st.integers(-300, 300),
    st.integers(-300, 300),
    st.sampled_from(["history", "modified", "none"]),
    st.sampled_from(["history", "modified", "none"]),
    st.integers(0, 400),
    st.integers(0, 400),
)
@settings(max_examples=400, deadline=None, database=None, derandomize=True)
def test_p17_p19_whatever_the_skew_within_its_bound_the_truth_or_a_tie_is_found(
    true_a: int, true_b: int, skew_a: int, skew_b: int, how_a: str, how_b: str, quiet_a: int, quiet_b: int
) -> None:
    """Minutes of the true edits; what each side tells of them through its clock, whose offset is measured to ±1 s."""

    def told(true: int, skew: int, how: str, quiet: int) -> Interval:
        offset = timedelta(minutes=skew)
        stamp = at(true) + offset + timedelta(seconds=0.5)
        return change_interval(
            Change(None, stamp, ours=False) if how == "history" else None,
            stamp if how == "modified" else None,
            at(true - quiet) if quiet else None,
            moment(offset=offset),
        )

    winner = later(told(true_a, skew_a, how_a, quiet_a), told(true_b, skew_b, how_b, quiet_b))
    assert winner is None or (winner == "A") == (true_a > true_b)


def _conflict(on_tie: OnTie, first_edit: str) -> Story:
    """Both sides edit one field between two runs; sides date records, ``first_edit`` happens before a quiet look."""
    story = Story(sync(strategy=Strategy.LATEST, on_tie=on_tie))
    row, twin = story.pair_up()
    for side in story.sides.values():
        side.nature = side.nature.__class__(dates_records=first_edit != "undated")
    story.a.edit(row, name="Left")
    story.b.edit(twin, name="Right")
    return story


@pytest.mark.parametrize(("on_tie", "end"), [(OnTie.MANUAL, None), (OnTie.SOURCE, "Left"), (OnTie.TARGET, "Right")])
def test_b2_a_tie_is_decided_as_declared_and_by_default_by_a_person(on_tie: OnTie, end: str | None) -> None:
    story = _conflict(on_tie, "undated")
    story.run()
    names = {story.a.only().values["name"], story.b.only().values["name"]}
    assert names == ({"Left", "Right"} if end is None else {end})
    assert len(story.store.conflicts("story")) == (1 if end is None else 0)
    if end is not None:
        assert any({"Left": "Right", "Right": "Left"}[end] in lost for lost in story.lost()), "P3"


@pytest.mark.parametrize("newer", ["A", "B"])
def test_b2_with_field_history_the_later_edit_wins_and_the_earlier_is_kept_in_the_audit(newer: str) -> None:
    story = Story(sync(strategy=Strategy.LATEST))
    row, twin = story.pair_up()
    times = {"A": (2, 1), "B": (1, 2)}[newer]
    story.time += timedelta(hours=1)
    story.a.edit(row, name="Left")
    story.b.edit(twin, name="Right")
    first = Change(None, story.time, ours=False)  # not the newest entry of either side, so that it counts for nothing
    for number, (side, there) in enumerate(((story.a, row), (story.b, twin))):
        newest = Change(None, story.time + timedelta(seconds=times[number]), ours=False)
        side.histories[there.id] = {"name": (newest, first)}
    story.time += timedelta(minutes=1)
    (note,) = story.plan().notes[story.links[0].link_id]
    said = {"A": "source", "B": "target"}[newer]
    assert re.fullmatch(rf"name: latest: {said} changed later \(source changed .*; target changed .*\)", note)
    story.settle()
    assert row.values["name"] == twin.values["name"] == {"A": "Left", "B": "Right"}[newer]
    assert any({"A": "Right", "B": "Left"}[newer] in lost for lost in story.lost())


def test_p20_the_engines_own_write_to_another_field_does_not_make_an_older_edit_look_newer() -> None:
    story = Story(sync(strategy=Strategy.LATEST))
    row, twin = story.pair_up()
    story.b.edit(twin, name="Right")  # not seen by the next run: its listing shows the record only afterwards
    story.a.edit(row, city="Basel")
    story.b.unlisted.add(twin.id)
    story.time += timedelta(minutes=5)
    story.a.edit(row, name="Left")
    story.b.unlisted.clear()
    story.settle()
    winner = row.values["name"]
    assert winner != "Right" or story.store.conflicts("story"), "P17: the provably older edit never wins"


@pytest.mark.parametrize(("newer", "end"), [("A", "Left"), ("B", "Right")])
def test_first_sync_with_latest_takes_the_record_changed_later(newer: str, end: str) -> None:
    story = Story(sync(strategy=Strategy.LATEST))
    order = ["A", "B"] if newer == "B" else ["B", "A"]
    for side in order:
        story.sides[side].insert({"email": "a@x.org", "name": {"A": "Left", "B": "Right"}[side], "city": None})
        story.time += timedelta(hours=1)
    story.settle()
    assert story.a.only().values["name"] == story.b.only().values["name"] == end


@pytest.mark.parametrize("why", ["refused", "held back", "does not fit"])
def test_p17_a_change_that_could_not_be_answered_is_as_old_as_it_was(why: str) -> None:
    """The newer change of the target is refused by the source, or this run may not write there. The run is settled all
    the same, but the source's older change was there before it."""
    story = Story(sync(strategy=Strategy.LATEST))
    row, twin = story.pair_up()
    story.a.edit(row, name="Older")
    story.time += timedelta(seconds=100)
    story.b.edit(twin, name="bad and newer")
    story.b.able = replace(ABLE, history=True)
    story.b.histories[twin.id] = {"name": (Change("bad and newer", story.time, ours=False),)}
    story.time += timedelta(seconds=100)
    if why == "refused":
        story.a.refuses = lambda write: str(write.values.get("name", "")).startswith("bad")
        assert story.run().counts["rejected_a"] == 1
    elif why == "does not fit":
        story.a.forms["name"] = ColumnForm("name", max_length=5)
        assert story.run().counts["quarantined"] == 1
    else:
        one_way = story.spec.overridden(direction=Direction.SOURCE_TO_TARGET)
        assert story.run(spec=one_way).counts["held_back"] == 1
    story.time += timedelta(seconds=100)
    story.a.refuses = None
    story.a.forms.clear()
    story.store.release_quarantined("story", [row.subject for row in story.held()], "clerk", story.tick())
    story.settle()
    assert row.values["name"] == twin.values["name"] == "bad and newer", "P17"


def test_p17_a_change_made_after_a_settled_look_is_later_than_one_that_look_had_seen() -> None:
    """The source dates nothing. That it was unchanged when the target's edit was there already is proof enough."""
    story = Story(sync(strategy=Strategy.LATEST))
    row, twin = story.pair_up()
    story.a.nature = replace(story.a.nature, dates_records=False)
    story.time += timedelta(seconds=100)
    story.b.edit(twin, name="Older")
    story.time += timedelta(seconds=100)
    one_way = story.spec.overridden(direction=Direction.SOURCE_TO_TARGET)
    assert story.run(spec=one_way).counts["held_back"] == 1
    story.time += timedelta(seconds=100)
    story.a.edit(row, name="Newer")
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Newer"
    assert any("Older" in lost for lost in story.lost()), "P3"


def test_p17_where_listings_show_old_versions_a_quiet_look_proves_nothing() -> None:
    """The same edits as above; the source's listing may have shown the version before its edit."""
    story = Story(sync(strategy=Strategy.LATEST))
    story.a.able = replace(ABLE, late_listing=True)
    row, twin = story.pair_up()
    story.a.nature = replace(story.a.nature, dates_records=False)
    story.time += timedelta(seconds=100)
    story.b.edit(twin, name="Older")
    story.time += timedelta(seconds=100)
    story.run(spec=story.spec.overridden(direction=Direction.SOURCE_TO_TARGET))
    story.time += timedelta(seconds=100)
    story.a.edit(row, name="Newer")
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Newer", "Older")
    assert len(story.store.conflicts("story")) == 1


def test_p17_an_edit_that_slips_in_between_a_listing_and_the_reading_is_believed() -> None:
    """Its time is later than the listing's, and no later than when the record was read: not from the future."""
    story = Story(sync(strategy=Strategy.LATEST))
    row, twin = story.pair_up()
    story.time += timedelta(seconds=100)
    story.a.edit(row, city="Basel")
    story.b.edit(twin, name="Older")
    story.a.fresh = True

    def slips_in(point: str) -> None:
        if point == "before fresh read":
            story.at = lambda _: None
            story.time += timedelta(seconds=10)
            story.a.edit(row, name="Newer")
            story.a.histories[row.id] = {"name": (Change("Newer", story.time, ours=False),)}

    story.at = slips_in
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Newer"
    assert twin.values["city"] == "Basel"
