"""A tab of a Google spreadsheet as a side of a sync.

Owns the order of things: look the tab up, read it whole, hand over to reading or writing, and say what would make a run
fail or lie. How rows get their identity is told in :mod:`.grid`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import polars as pl

from integrations_platform.connectors.google_sheets.cells import MOST_CHARACTERS, SECOND_DIGITS
from integrations_platform.connectors.google_sheets.client import Sheets
from integrations_platform.connectors.google_sheets.grid import KEY, Area, Binding, Page
from integrations_platform.connectors.google_sheets.reading import (
    Reader,
    SheetSnapshot,
    header_problems,
    tags_of,
)
from integrations_platform.connectors.google_sheets.writing import Writer
from integrations_platform.unified_sync.port import (
    BoundColumn,
    Capabilities,
    ClockReading,
    ColumnForm,
    ErrorKind,
    Outcome,
    Problem,
    Record,
    SideError,
    Snapshot,
    Write,
)
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType

_TEXT = (FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.ENUM, FieldType.JSON, FieldType.REF)
_SHOWN = 10  # rows named in a message


class GoogleSheetsSide:
    """Fulfils :class:`port.Side` for one tab. ``pair`` names the sync in the link column. Used from one thread."""

    def __init__(self, sheets: Sheets, spec: SideSpec, columns: Sequence[BoundColumn], pair: str) -> None:
        self._sheets = sheets
        self._binding = Binding(spec, tuple(columns), pair)
        self._reader = Reader(sheets, self._binding)
        self._writer = Writer(sheets, self._reader)
        self._provisional: set[str] = set()

    @property
    def system(self) -> str:
        """Name under ``systems:``."""
        return self._sheets.system

    @property
    def requests(self) -> int:
        """See :class:`port.Counted`."""
        return self._sheets.requests

    @property
    def capabilities(self) -> Capabilities:
        """No compare-and-set: see :mod:`.edits`. Receipts and tags are written with the values, in one batch."""
        return Capabilities(receipts=True, tags=True, provisional_ids=True, archive=True, delete=True, batch_limit=500)

    # Looking

    def check(self) -> Sequence[Problem]:
        """See :meth:`port.Side.check`: two calls."""
        tab = self._reader.look_up()
        if isinstance(tab, Problem):
            return [tab]
        page = self._reader.unchecked()
        problems = header_problems(page)
        if problems:
            return problems
        return [*_identity(page), *_merged(page), *self._protected(page)]

    def _protected(self, page: Page) -> list[Problem]:
        written = [column.name for column in self._binding.columns if column.written]
        own = [name for name in (KEY, self._binding.link, self._binding.mark) if page.place(name) is not None]
        found = []
        for area in page.tab.protected:
            hit = [name for name in [*written, *own] if written and _covers(area, page.place(name))]
            if hit and not area.editable and area.bottom > 1:
                found.append(Problem(
                    f"tab {page.tab.title!r}: {area.name} is protected from {self._sheets.email}, and the sync writes "
                    f"{', '.join(hit)} there",
                    "add the service account to its editors (Data → Protect sheets and ranges), or declare the fields "
                    "one-way from this sheet", column=hit[0],
                ))  # fmt: skip
        return found

    def columns(self) -> Mapping[str, ColumnForm]:
        """See :meth:`port.Side.columns`. A cell takes anything; what it cannot keep exactly is written as text."""
        self._reader.tab()
        return {
            column.name: ColumnForm(
                column.name,
                max_length=MOST_CHARACTERS if column.type in _TEXT else None,
                second_digits=SECOND_DIGITS,
                nul_text=False,
                native_type="cell",
            )
            for column in self._binding.columns
        }

    def clock(self) -> ClockReading:
        """From the ``Date`` of the last answer; asked for only when there was none."""
        if self._sheets.clock_reading is None:
            self._reader.look_up()
        if self._sheets.clock_reading is None:
            raise SideError(ErrorKind.TRANSIENT, f"{self.system}: the service's answer carries no date", code="clock")
        return self._sheets.clock_reading

    # Reading

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One call; the header is checked again. Nothing is written, not even the ids of new rows."""
        page = self._reader.page()
        self._provisional.update(line.id for line in page.lines if not line.key)
        yield SheetSnapshot(page)

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """See :meth:`port.Side.read`."""
        return SheetSnapshot(self._reader.page()).read(ids) if ids else {}

    # Writing

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """See :mod:`.writing`. A batch that the service refuses raises PERMANENT; a single write is REJECTED."""
        return self._writer.write(writes) if writes else []

    def find_tagged(self, link_ids: Sequence[str]) -> Mapping[str, str]:
        """Rows by the link ids left on them."""
        wanted = set(link_ids)
        return {link_id: own for own, link_id in tags_of(self._reader.page()).iter_rows() if link_id in wanted}

    def tags(self) -> pl.DataFrame:
        """See :meth:`port.Side.tags`."""
        return tags_of(self._reader.page())

    def tag(self, links: Sequence[tuple[str, str]]) -> None:
        """Also makes the ids of new rows lasting."""
        if links:
            self._writer.tag(links, self._provisional.__contains__)

    def close(self) -> None:
        """Release the connections."""
        self._sheets.close()


def side_of(sheets: Sheets, spec: SideSpec, columns: Sequence[BoundColumn], pair: str) -> GoogleSheetsSide:
    """A side under the name of its system."""
    named = spec if spec.system == sheets.system else replace(spec, system=sheets.system)
    return GoogleSheetsSide(sheets, named, columns, pair)


def _identity(page: Page) -> list[Problem]:
    title = page.tab.title
    problems = []
    if page.tab.keyed and page.place(KEY) is None and page.place(page.binding.link) is None:
        problems.append(Problem(
            f"tab {title!r} has lost its column {KEY!r}, which says which row is which record; every row would be "
            "taken for a new one", f"bring it back (File → Version history), or type {KEY!r} as the header of an empty "
            "column to start over", column=KEY,
        ))  # fmt: skip
    if page.copies:
        rows = ", ".join(str(at + 1) for at, _ in page.copies[:_SHOWN])
        more = f" and {len(page.copies) - _SHOWN} more" if len(page.copies) > _SHOWN else ""
        problems.append(Problem(
            f"tab {title!r}: rows {rows}{more} repeat the {KEY} of an earlier row (a copied row); the first of them is "
            "synced, the others are left alone",
            f"clear {KEY} in the copies that are new records, or delete them", blocking=False, column=KEY,
        ))  # fmt: skip
    return problems


def _merged(page: Page) -> list[Problem]:
    columns = [page.place(name) for name in page.binding.wanted]
    bad = [area for area in page.tab.merges if any(_covers(area, at) for at in columns)]
    if not bad:
        return []
    cells = ", ".join(area.name for area in bad[:_SHOWN])
    return [
        Problem(f"tab {page.tab.title!r} has merged cells in synced columns: {cells}; all but the first cell of each "
                "would read as empty", "unmerge them (Format → Merge cells → Unmerge) and fill each row")
    ]  # fmt: skip


def _covers(area: Area, column: int | None) -> bool:
    return column is not None and area.left <= column < area.right
