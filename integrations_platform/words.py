"""How counts, ages and foreign text are spelled for people, at a terminal and on a page."""

from __future__ import annotations

from datetime import datetime


def clean(text: str) -> str:
    """The text with everything that is not printable written as an escape."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape", "backslashreplace").decode()
        for char in text
    )


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 conflict`, `2 conflicts`, `12,000 records`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, roughly."""
    if moment is None:
        return "never"
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now" if seconds < 5 else f"{seconds} s ago"
