"""A spreadsheet as a store of tabs: cells, merges, protections, metadata, and their moves when rows come and go.

Owns state only; who may do what, and how requests are worded, belongs to :mod:`.values` and :mod:`.batch`. Copies are
cheap (cells are immutable), which is what makes a batch atomic: it works on a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from integrations_platform.sandbox.google_sheets.a1 import BadRange, Box
from integrations_platform.sandbox.google_sheets.cells import Cell
from integrations_platform.sandbox.google_sheets.formulas import Scalar, evaluate

Row = list[Cell | None]
Dimension = Literal["ROWS", "COLUMNS"]
MOST_CELLS = 10_000_000
_CHAIN = 40  # formulas that refer to formulas; a longer chain is taken for a circle


@dataclass(frozen=True)
class Protection:
    """Cells that only ``editors`` may change; the owner always may. ``warning_only`` stops nobody."""

    id: int
    box: Box
    editors: tuple[str, ...] = ()
    warning_only: bool = False
    description: str = ""


@dataclass(frozen=True)
class Metadata:
    """A developer metadata entry. At a row or column span (``dimension``, ``start``, ``end``), else at the tab, or at
    the whole spreadsheet (``sheet_id`` None)."""

    id: int
    key: str
    value: str
    visibility: str = "DOCUMENT"
    sheet_id: int | None = None
    dimension: Dimension | None = None
    start: int = 0
    end: int = 0


@dataclass
class Tab:
    """One sheet. ``rows`` holds what is used; the grid is ``row_count`` × ``column_count``."""

    sheet_id: int
    title: str
    row_count: int = 1000
    column_count: int = 26
    frozen_rows: int = 0
    rows: list[Row] = field(default_factory=list)
    merges: list[Box] = field(default_factory=list)
    protections: list[Protection] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)

    def copy(self) -> Tab:
        """An independent tab with the same content."""
        return replace(
            self,
            rows=[list(row) for row in self.rows],
            merges=list(self.merges),
            protections=list(self.protections),
            hidden_rows=set(self.hidden_rows),
        )

    def cell(self, row: int, column: int) -> Cell | None:
        """The cell, if it was ever touched."""
        if 0 <= row < len(self.rows) and 0 <= column < len(self.rows[row]):
            return self.rows[row][column]
        return None

    def put(self, row: int, column: int, cell: Cell) -> None:
        """Replace a cell."""
        while len(self.rows) <= row:
            self.rows.append([])
        cells = self.rows[row]
        while len(cells) <= column:
            cells.append(None)
        cells[column] = cell

    def value(self, row: int, column: int, depth: int = 0) -> Scalar:
        """What a cell shows, its formula evaluated."""
        cell = self.cell(row, column)
        if cell is None or cell.formula is None:
            return None if cell is None or cell.value == "" else cell.value
        if depth > _CHAIN:
            return "#REF!"
        return evaluate(cell.formula, lambda at, beside: self.value(at, beside, depth + 1))

    def filled(self, row: int, column: int) -> bool:
        """Whether a cell holds something."""
        cell = self.cell(row, column)
        return cell is not None and not cell.blank

    @property
    def used_rows(self) -> int:
        """Rows up to the last one that holds something."""
        count = len(self.rows)
        while count and all(cell is None or cell.blank for cell in self.rows[count - 1]):
            count -= 1
        return count

    def span(self, dimension: Dimension) -> int:
        """Size of the grid in one dimension."""
        return self.row_count if dimension == "ROWS" else self.column_count

    def resize(self, dimension: Dimension, size: int) -> None:
        """Set the size of the grid; what lies outside is lost."""
        if dimension == "ROWS":
            self.row_count = size
            del self.rows[size:]
        else:
            self.column_count = size
            for row in self.rows:
                del row[size:]

    def insert(self, dimension: Dimension, start: int, count: int) -> None:
        """Insert empty rows or columns; merges, protections and hidden rows move along."""
        if dimension == "ROWS":
            if start < len(self.rows):
                self.rows[start:start] = [[] for _ in range(count)]
            self.row_count += count
            self.hidden_rows = {row + count if row >= start else row for row in self.hidden_rows}
        else:
            for row in self.rows:
                if start < len(row):
                    row[start:start] = [None] * count
            self.column_count += count
        self._move_boxes(dimension, lambda at: at + count if at >= start else at,
                         lambda end: end + count if end > start else end)  # fmt: skip

    def delete(self, dimension: Dimension, start: int, end: int) -> None:
        """Delete rows or columns; merges, protections and hidden rows move along or vanish."""
        count = end - start
        if dimension == "ROWS":
            del self.rows[start:end]
            self.row_count -= count
            self.hidden_rows = {row - count if row >= end else row for row in self.hidden_rows
                                if not start <= row < end}  # fmt: skip
        else:
            for row in self.rows:
                del row[start:end]
            self.column_count -= count

        def moved(at: int) -> int:
            return at - count if at >= end else min(at, start)

        self._move_boxes(dimension, moved, moved)

    def sort(self, box: Box, specs: Sequence[tuple[int, bool]]) -> None:
        """Sort the rows of a rectangle by columns, (column, descending); numbers before text, blanks last."""
        rows = [[self.cell(row, column) for column in range(box.left, box.right)] for row in range(box.top, box.bottom)]
        keyed = [(row, [self.value(row, column) for column, _ in specs]) for row in range(box.top, box.bottom)]
        for number in range(len(specs) - 1, -1, -1):
            descending = specs[number][1]
            blank = [item for item in keyed if item[1][number] in (None, "")]
            rest = [item for item in keyed if item[1][number] not in (None, "")]
            rest.sort(key=lambda item: _rank(item[1][number]), reverse=descending)
            keyed = rest + blank
        for place, (origin, _) in enumerate(keyed):
            for offset, cell in enumerate(rows[origin - box.top]):
                if cell is not None or self.cell(box.top + place, box.left + offset) is not None:
                    self.put(box.top + place, box.left + offset, cell or Cell())

    def _move_boxes(self, dimension: Dimension, start: Callable[[int], int], end: Callable[[int], int]) -> None:
        def moved(box: Box) -> Box:
            if dimension == "ROWS":
                return Box(start(box.top), box.left, end(box.bottom), box.right)
            return Box(box.top, start(box.left), box.bottom, end(box.right))

        self.merges = [box for box in map(moved, self.merges) if _exists(box)]
        kept = [replace(one, box=moved(one.box)) for one in self.protections]
        self.protections = [one for one in kept if _exists(one.box)]


@dataclass
class Spreadsheet:
    """A spreadsheet. ``editors`` and ``viewers`` are the e-mail addresses it is shared with; ``owner`` may all."""

    id: str
    title: str
    locale: str = "en_US"
    time_zone: str = "Europe/London"
    tabs: list[Tab] = field(default_factory=list)
    metadata: list[Metadata] = field(default_factory=list)
    editors: set[str] = field(default_factory=set)
    viewers: set[str] = field(default_factory=set)
    version: int = 1
    created: str = ""
    modified: str = ""
    last_id: int = 0

    def copy(self) -> Spreadsheet:
        """An independent spreadsheet with the same content."""
        return replace(
            self, tabs=[tab.copy() for tab in self.tabs], metadata=list(self.metadata), editors=set(self.editors),
            viewers=set(self.viewers),
        )  # fmt: skip

    def take(self, other: Spreadsheet) -> None:
        """Become what ``other`` is: the end of a batch that went well."""
        self.title, self.locale, self.time_zone = other.title, other.locale, other.time_zone
        self.tabs, self.metadata, self.last_id = other.tabs, other.metadata, other.last_id

    def next_id(self) -> int:
        """A new id for a tab, a protection or a metadata entry; the first tab has 0."""
        self.last_id += 1
        return self.last_id

    def tab(self, sheet_id: int) -> Tab:
        """The tab of that id. Raises :class:`BadRange`."""
        for tab in self.tabs:
            if tab.sheet_id == sheet_id:
                return tab
        raise BadRange(f"No grid with id: {sheet_id}")

    def add_tab(self, title: str, row_count: int = 1000, column_count: int = 26) -> Tab:
        """A new tab at the right end. Raises ValueError for a title that is taken."""
        if any(tab.title.casefold() == title.casefold() for tab in self.tabs):
            raise ValueError(f'A sheet with the name "{title}" already exists. Please enter another name.')
        tab = Tab(self.next_id() if self.tabs else 0, title, row_count, column_count)
        self.tabs.append(tab)
        return tab

    @property
    def cell_count(self) -> int:
        """Cells of all grids; the service allows ten million."""
        return sum(tab.row_count * tab.column_count for tab in self.tabs)

    def move_metadata(self, sheet_id: int, dimension: Dimension, start: int, count: int) -> None:
        """Metadata at rows or columns follows inserts (``count`` > 0) and deletes (``count`` < 0)."""
        kept = []
        for entry in self.metadata:
            if entry.sheet_id == sheet_id and entry.dimension == dimension:
                if count > 0:
                    first = entry.start + count if entry.start >= start else entry.start
                    last = entry.end + count if entry.end > start else entry.end
                else:
                    end = start - count
                    first, last = (at + count if at >= end else min(at, start) for at in (entry.start, entry.end))
                if first >= last:
                    continue
                entry = replace(entry, start=first, end=last)
            kept.append(entry)
        self.metadata = kept


def values_of(tab: Tab, columns: Iterable[int], row: int) -> list[Any]:
    """What some cells of a row show."""
    return [tab.value(row, column) for column in columns]


def _exists(box: Box) -> bool:
    return box.top < box.bottom and box.left < box.right


def _rank(value: Scalar) -> tuple[int, float | str]:
    if isinstance(value, bool):
        return 2, float(value)
    if isinstance(value, int | float):
        return 0, float(value)
    return 1, str(value).casefold()
