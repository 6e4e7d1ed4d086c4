"""Five-field cron expressions: whether one can ever fire, if not why, and how long it pauses.

Judges text only; when a schedule runs is the orchestrator's business. Accepts what Dagster's cron parser accepts of the
classic form (lists, ranges, steps, month and day names) and refuses macros and a seconds field.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cache
from itertools import pairwise

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d{1,4}))?", re.ASCII)
_LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def cron_fault(text: str) -> str | None:
    """What is wrong with the expression ``text``, or None when it is a schedule that fires."""
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        return f"a schedule has 5 fields (minute hour day month weekday), found {len(words)}"
    expanded: list[set[int]] = []
    for word, (name, low, high, names) in zip(words, _FIELDS, strict=True):
        values = _expand(word, low, high, names)
        if values is None:
            return f"{name} {word!r} is not made of numbers from {low} to {high}, lists, ranges or steps"
        expanded.append(values)
    days, months = expanded[2], expanded[3]
    # A weekday would make it fire all the same, but Dagster's parser refuses such dates at load.
    if all(min(days) > _LONGEST_MONTH.get(month, 31) for month in months):
        return "that day does not exist in that month, so the schedule cannot be meant"
    return None


@cache  # ten years are walked through, and many schedules are alike
def longest_pause(text: str) -> timedelta:
    """The longest time between two firings of the expression ``text``, which must be one without a fault.

    A day that fits the day of month or the weekday counts when both are restricted, as cron has it.
    """
    words = text.lower().split()
    minutes, hours, days, months, weekdays = (
        _expand(word, low, high, names) or set() for word, (_, low, high, names) in zip(words, _FIELDS, strict=True)
    )
    moments = sorted(60 * hour + minute for hour in hours for minute in minutes)
    either = not words[2].startswith("*") and not words[4].startswith("*")
    first = date(2024, 1, 1)  # ten years from here hold every distance, that of 29 February among them
    firing = []
    for number in range(3653):
        day = first + timedelta(days=number)
        fits = day.day in days, not weekdays.isdisjoint({day.isoweekday(), day.isoweekday() % 7})
        if day.month in months and (any(fits) if either else all(fits)):
            firing.append(number)
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    pauses += [(later - earlier) * 24 * 60 - moments[-1] + moments[0] for earlier, later in pairwise(firing)]
    return timedelta(minutes=max(pauses))


def _expand(word: str, low: int, high: int, names: dict[str, int]) -> set[int] | None:
    values: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return None
        first, last, step = match["first"], match["last"], match["step"]
        start = low if first is None else _number(first, names)
        if first is None or (step is not None and last is None):
            end: int | None = high
        else:
            end = start if last is None else _number(last, names)
        stride = int(step) if step else 1
        if start is None or end is None or stride < 1 or not low <= start <= end <= high:
            return None
        values.update(range(start, end + 1, stride))
    return values


def _number(word: str, names: dict[str, int]) -> int | None:
    return int(word) if word.isdecimal() and len(word) <= 4 else names.get(word)
