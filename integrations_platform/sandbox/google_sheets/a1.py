"""A1 notation: from the text of a range to a rectangle of one tab, and back as the service echoes it.

Owns quoting, open ranges and their resolution to the grid. It knows titles and sizes, never cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

_CORNER = r"\$?([A-Za-z]{0,3})\$?(\d{0,8})"
_CELLS = re.compile(rf"{_CORNER}(?::{_CORNER})?")
_QUOTED = re.compile(r"'((?:[^']|'')*)'(?:!(.*))?", re.DOTALL)
_PLAIN_TITLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOOKS_LIKE_CELL = re.compile(r"[A-Za-z]{1,3}\d+")


class BadRange(ValueError):  # noqa: N818  named as the service speaks of it
    """The text names no range of this spreadsheet, or one outside its grid; the message is the service's."""


class Grid(Protocol):
    """What a range is resolved against."""

    title: str
    row_count: int
    column_count: int


G = TypeVar("G", bound=Grid)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of cells: rows and columns from 0, ends exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    def overlaps(self, other: Box) -> bool:
        """Whether the two share a cell."""
        rows = self.top < other.bottom and other.top < self.bottom
        return rows and self.left < other.right and other.left < self.right

    def contains(self, row: int, column: int) -> bool:
        """Whether the cell lies inside."""
        return self.top <= row < self.bottom and self.left <= column < self.right

    @property
    def is_cell(self) -> bool:
        """Whether this is a single cell."""
        return self.bottom - self.top == 1 and self.right - self.left == 1


def column_letters(index: int) -> str:
    """Column 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_index(letters: str) -> int:
    """A is 0, AA is 26."""
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def quoted(title: str) -> str:
    """The title as an echo shows it: quoted unless it is plain ASCII that cannot be taken for a cell."""
    if _PLAIN_TITLE.fullmatch(title) and not _LOOKS_LIKE_CELL.fullmatch(title):
        return title
    return "'" + title.replace("'", "''") + "'"


def echo(title: str, box: Box) -> str:
    """The range of an answer: ``Sheet1!A1:B2``, a single cell as ``Sheet1!D4``."""
    first = f"{column_letters(box.left)}{box.top + 1}"
    if box.is_cell:
        return f"{quoted(title)}!{first}"
    return f"{quoted(title)}!{first}:{column_letters(box.right - 1)}{box.bottom}"


def resolve(text: str, tabs: Sequence[G]) -> tuple[G, Box]:
    """The tab and the rectangle a range means; open sides reach the edge of the grid. Raises :class:`BadRange`."""
    tab, cells = _tab(text, tabs)
    if cells is None:
        return tab, Box(0, 0, tab.row_count, tab.column_count)
    top, left, bottom, right = _corners(text, cells)
    if (top or 0) >= tab.row_count or (left or 0) >= tab.column_count:
        raise BadRange(
            f"Range ({quoted(tab.title)}!{cells}) exceeds grid limits. Max rows: {tab.row_count}, "
            f"max columns: {tab.column_count}"
        )
    return tab, Box(
        top or 0,
        left or 0,
        tab.row_count if bottom is None else min(bottom, tab.row_count),
        tab.column_count if right is None else min(right, tab.column_count),
    )


def _tab(text: str, tabs: Sequence[G]) -> tuple[G, str | None]:
    """The tab a range names (the first one without a name), and the part that names cells."""
    if match := _QUOTED.fullmatch(text):
        title, cells = match[1].replace("''", "'"), match[2]
    elif "!" in text:
        title, _, cells = text.rpartition("!")
    else:
        by_title = {tab.title.casefold(): tab for tab in tabs}
        if _is_cells(text) and text.casefold() not in by_title:
            return tabs[0], text
        title, cells = text, None
    for tab in tabs:
        if tab.title.casefold() == title.casefold():
            return tab, cells
    raise BadRange(f"Unable to parse range: {text}")


def _is_cells(text: str) -> bool:
    match = _CELLS.fullmatch(text)
    return match is not None and bool((match[1] and match[2]) or (match[3] or match[4]))


def _corners(text: str, cells: str) -> tuple[int | None, int | None, int | None, int | None]:
    """Top, left, bottom, right; None where the side is open."""
    match = _CELLS.fullmatch(cells)
    if match is None or not _is_cells(cells):
        raise BadRange(f"Unable to parse range: {text}")
    rows = [int(part) - 1 if part else None for part in (match[2], match[4])]
    columns = [column_index(part) if part else None for part in (match[1], match[3])]
    if -1 in rows:
        raise BadRange(f"Unable to parse range: {text}")
    if ":" not in cells:
        rows[1], columns[1] = rows[0], columns[0]
    top, last_row = _ordered(rows[0], rows[1])
    left, last_column = _ordered(columns[0], columns[1])
    bottom = None if last_row is None else last_row + 1
    return top, left, bottom, None if last_column is None else last_column + 1


def _ordered(first: int | None, last: int | None) -> tuple[int | None, int | None]:
    if first is not None and last is not None and first > last:
        return last, first
    return first, last
