"""Reading and writing ranges of values: echoes, trimming, skipping, clearing, and finding the table to append to.

Owns the semantics of ``spreadsheets.values``; it changes tabs in place and leaves atomicity to its caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations_platform.sandbox.google_sheets.a1 import BadRange, Box, echo, resolve
from integrations_platform.sandbox.google_sheets.book import MOST_CELLS, Spreadsheet, Tab
from integrations_platform.sandbox.google_sheets.cells import MOST_CHARACTERS, Cell, entered, shown

Guard = Callable[[Tab, Box], None]


class BadValue(ValueError):  # noqa: N818  named as the service speaks of it
    """A value no cell takes, or a write that does not fit its range; the message is the service's."""


@dataclass(frozen=True)
class Rendering:
    """How a read wants values: the three options of its query."""

    values: str = "FORMATTED_VALUE"
    dates: str = "SERIAL_NUMBER"
    dimension: str = "ROWS"


def read(book: Spreadsheet, text: str, how: Rendering) -> dict[str, Any]:
    """A ``ValueRange``; without ``values`` when the range is empty. Raises :class:`BadRange`."""
    tab, box = resolve(text, book.tabs)
    return read_box(book, tab, box, how)


def read_box(book: Spreadsheet, tab: Tab, box: Box, how: Rendering) -> dict[str, Any]:
    """A ``ValueRange`` of one rectangle, trailing empty cells and rows cut."""
    lines = []
    for row in range(box.top, min(box.bottom, len(tab.rows))):
        line = []
        for column in range(box.left, min(box.right, len(tab.rows[row]))):
            cell = tab.rows[row][column] or Cell()
            line.append(shown(tab.value(row, column), cell, render=how.values, dates=how.dates, locale=book.locale))
        lines.append(line)
    if how.dimension == "COLUMNS":
        width = max((len(line) for line in lines), default=0)
        lines = [[line[at] if at < len(line) else "" for line in lines] for at in range(width)]
    trimmed = _trimmed(lines)
    answer: dict[str, Any] = {"range": echo(tab.title, box), "majorDimension": how.dimension}
    return answer | ({"values": trimmed} if trimmed else {})


def _trimmed(lines: Sequence[Sequence[Any]]) -> list[list[Any]]:
    kept = []
    for line in lines:
        end = len(line)
        while end and line[end - 1] == "":
            end -= 1
        kept.append(list(line[:end]))
    while kept and not kept[-1]:
        kept.pop()
    return kept


@dataclass(frozen=True)
class Written:
    """What a write touched: the rectangle, how many cells were given (nulls apart), and the tab."""

    tab: Tab
    box: Box
    cells: int

    def answer(self, book: Spreadsheet) -> dict[str, Any]:
        """An ``UpdateValuesResponse``; counts of zero are left out."""
        found: dict[str, Any] = {"spreadsheetId": book.id, "updatedRange": echo(self.tab.title, self.box)}
        if self.cells:
            found["updatedRows"] = self.box.bottom - self.box.top
            found["updatedColumns"] = self.box.right - self.box.left
            found["updatedCells"] = self.cells
        return found


def write(book: Spreadsheet, text: str, body: Mapping[str, Any], option: str, guard: Guard) -> Written:
    """Write a ``ValueRange`` at a range. Raises :class:`BadRange` and :class:`BadValue`."""
    tab, box = resolve(text, book.tabs)
    lines = by_rows(body)
    height, width = len(lines), max((len(line) for line in lines), default=0)
    if not box.is_cell and (height > box.bottom - box.top or width > box.right - box.left):
        at = f"row [{box.bottom + 1}]" if height > box.bottom - box.top else "another column"
        raise BadValue(f"Requested writing within range [{echo(tab.title, box)}], but tried writing to {at}")
    if box.top + height > tab.row_count or box.left + width > tab.column_count:
        raise BadRange(
            f"Range ({echo(tab.title, Box(box.top, box.left, box.top + max(height, 1), box.left + max(width, 1)))}) "
            f"exceeds grid limits. Max rows: {tab.row_count}, max columns: {tab.column_count}"
        )
    return put_lines(book, tab, box.top, box.left, lines, option, guard)


def by_rows(body: Mapping[str, Any]) -> list[list[Any]]:
    """The rows of a ``ValueRange``, whatever its major dimension."""
    lines = [list(line) for line in body.get("values") or []]
    if body.get("majorDimension") != "COLUMNS":
        return lines
    height = max((len(line) for line in lines), default=0)
    return [[line[at] if at < len(line) else None for line in lines] for at in range(height)]


def put_lines(
    book: Spreadsheet, tab: Tab, top: int, left: int, lines: Sequence[Sequence[Any]], option: str, guard: Guard
) -> Written:
    """Write rows of values from a corner on: null skips a cell, ``""`` clears it."""
    box = Box(top, left, top + max(len(lines), 1), left + max((len(line) for line in lines), default=1) or left + 1)
    box = Box(top, left, box.bottom, max(box.right, left + 1))
    guard(tab, box)
    count = 0
    for row, line in enumerate(lines, top):
        for column, raw in enumerate(line, left):
            if raw is None:
                continue
            if not isinstance(raw, str | int | float | bool):
                raise BadValue(f"Invalid values[{row - top}][{column - left}]: {type(raw).__name__}_value")
            check_length(raw)
            tab.put(row, column, entered(raw, option, book.locale, tab.cell(row, column)))
            count += 1
    return Written(tab, box, count)


def check_length(raw: Any) -> None:
    """Refuse text that no cell holds."""
    if isinstance(raw, str) and len(raw) > MOST_CHARACTERS:
        raise BadValue(f"Your input contains more than the maximum of {MOST_CHARACTERS} characters in a single cell.")


def clear(book: Spreadsheet, text: str, guard: Guard) -> str:
    """Empty the values of a range, formats kept; its echo."""
    tab, box = resolve(text, book.tabs)
    guard(tab, box)
    for row in range(box.top, min(box.bottom, len(tab.rows))):
        cells = tab.rows[row]
        for column in range(box.left, min(box.right, len(cells))):
            cell = cells[column]
            cells[column] = cell and Cell(None, None, cell.kind, cell.pattern)
    return echo(tab.title, box)


def append(
    book: Spreadsheet, text: str, body: Mapping[str, Any], option: str, insert: str, guard: Guard
) -> tuple[str | None, Written]:
    """Append below the table found in a range; (echo of the table or None, what was written)."""
    tab, box = resolve(text, book.tabs)
    lines = by_rows(body)
    table = find_table(tab, box)
    top, left = (table.bottom, table.left) if table is not None else (box.top, box.left)
    if table is not None and insert == "INSERT_ROWS" and lines:
        tab.insert("ROWS", top, len(lines))
        book.move_metadata(tab.sheet_id, "ROWS", top, len(lines))
    width = max((len(line) for line in lines), default=0)
    tab.row_count = max(tab.row_count, top + len(lines))
    tab.column_count = max(tab.column_count, left + width)
    if book.cell_count > MOST_CELLS:
        raise BadValue(f"This action would increase the number of cells in the workbook above the limit of {MOST_CELLS}"
                       " cells.")  # fmt: skip
    written = put_lines(book, tab, top, left, lines, option, guard)
    return (echo(tab.title, table) if table is not None else None), written


def find_table(tab: Tab, box: Box) -> Box | None:
    """The last block of touching filled cells that meets the range: the lowest, then the rightmost.

    This is why a row may land away from column A: a gap in the header splits it into two blocks.
    """
    found: Box | None = None
    seen: set[tuple[int, int]] = set()
    for row in range(box.top, min(box.bottom, len(tab.rows))):
        for column in range(box.left, min(box.right, len(tab.rows[row]))):
            if (row, column) in seen or not tab.filled(row, column):
                continue
            block = _block(tab, row, column, seen)
            if found is None or (block.bottom, block.right) >= (found.bottom, found.right):
                found = block
    return found


def _block(tab: Tab, row: int, column: int, seen: set[tuple[int, int]]) -> Box:
    waiting, box = [(row, column)], Box(row, column, row + 1, column + 1)
    seen.add((row, column))
    while waiting:
        at, beside = waiting.pop()
        box = Box(min(box.top, at), min(box.left, beside), max(box.bottom, at + 1), max(box.right, beside + 1))
        for next_row in (at - 1, at, at + 1):
            for next_column in (beside - 1, beside, beside + 1):
                place = (next_row, next_column)
                if place not in seen and tab.filled(*place):
                    seen.add(place)
                    waiting.append(place)
    return box
