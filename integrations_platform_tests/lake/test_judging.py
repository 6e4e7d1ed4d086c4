"""When a partition is out of the ordinary, and when there is too little to say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from integrations_platform.lake import LakeFile, Manifest
from integrations_platform.lake.judging import drift, emptiness, lateness, volume
from integrations_platform.settings_lake import DatasetSettings, FilesOfOthers, Volume

MONDAY = date(2025, 6, 2)
DATASET = DatasetSettings("d", "ndjson", FilesOfOthers(), date(2025, 6, 1))


def day_of(day: date, rows: int, **schema: str) -> Manifest:
    files = (LakeFile("a", "a", 1, "e", rows),) if rows else ()
    return Manifest("d", day, "ndjson", files, schema, datetime(2025, 7, 1, tzinfo=UTC), "r", "files")


def weeks(workday: int, weekend: int) -> dict[date, Manifest]:
    days = [MONDAY + timedelta(days=n) for n in range(28)]
    return {day: day_of(day, weekend if day.weekday() > 4 else workday) for day in days}


@pytest.mark.parametrize(
    ("same_weekday", "rows", "passed"),
    [(True, 100, True), (True, 1000, False), (False, 1000, True), (False, 100, False)],
)
def test_a_sunday_is_compared_with_sundays_if_the_dataset_says_so(same_weekday: bool, rows: int, passed: bool) -> None:
    earlier = weeks(workday=1000, weekend=100)
    sunday = MONDAY + timedelta(days=34)
    earlier |= {
        day + timedelta(days=28): replace(earlier[day], day=day + timedelta(days=28)) for day in list(earlier)[:6]
    }
    found = volume(day_of(sunday, rows), earlier, Volume(28, 0.5, same_weekday))
    assert found.passed is passed
    assert found.facts["median_rows"] == (100 if same_weekday else 1000)


@pytest.mark.parametrize(("known", "said"), [(2, "too few of the last 28 days"), (3, "the median of the last 28 days")])
def test_a_median_needs_three_days(known: int, said: str) -> None:
    earlier = dict(list(weeks(10, 10).items())[:known])
    found = volume(day_of(MONDAY + timedelta(days=7), 1000), earlier, Volume(28, 0.5, same_weekday=False))
    assert said in found.what
    assert found.passed is (known == 2)


def test_days_older_than_the_window_are_not_compared_with() -> None:
    found = volume(day_of(MONDAY + timedelta(days=60), 1), weeks(10, 10), Volume(28, 0.5, same_weekday=False))
    assert found.facts == {"compared_with": 0}


def test_columns_are_compared_with_the_newest_day_that_has_any() -> None:
    earlier = {
        MONDAY: day_of(MONDAY, 1, a="int64", b="string"),
        MONDAY + timedelta(days=1): day_of(MONDAY + timedelta(days=1), 0),
    }
    today = MONDAY + timedelta(days=2)
    assert drift(day_of(today, 1, a="int64", b="string"), earlier).passed
    assert drift(day_of(today, 1, b="null", a="int64"), earlier).passed, "a column without values has no type to differ"
    added = drift(day_of(today, 1, a="int64", b="string", c="date"), earlier)
    assert (added.passed, added.serious) == (False, False)
    assert (added.what, added.facts["columns_added"]) == (f"since {MONDAY}: new c", 1)
    gone = drift(day_of(today, 1, a="string"), earlier)
    assert (gone.passed, gone.serious) == (False, True)


def test_an_empty_day_is_in_order_only_where_it_may_be() -> None:
    assert not emptiness(day_of(MONDAY, 0), DATASET).passed
    assert emptiness(day_of(MONDAY, 0), replace(DATASET, may_be_empty=True)).passed


@pytest.mark.parametrize(
    ("now", "newest", "late"),
    [
        ("2025-06-11T23:59", date(2025, 6, 9), 0),  # the 10th is due 24 hours after its end
        ("2025-06-12T00:00", date(2025, 6, 9), 1),
        ("2025-06-12T00:00", date(2025, 6, 10), 0),
        ("2025-06-12T00:00", None, 10),
        ("2025-06-01T12:00", None, 0),
    ],
)
def test_a_day_is_late_hours_after_its_end(now: str, newest: date | None, late: int) -> None:
    found = lateness(DATASET, newest, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found.facts == {"days_late": late}
    assert found.passed is (late == 0)


def test_history_is_not_late() -> None:
    ended = replace(DATASET, ends=date(2025, 6, 30))
    assert lateness(ended, None, datetime(2026, 1, 1, tzinfo=UTC)).passed
