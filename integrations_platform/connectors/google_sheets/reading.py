"""Reading a tab whole: one call, checked against the header it must have.

Owns the search for the tab and its metadata, the detection of formulas, and the snapshot. A listing is complete because
it is one answer of one call.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from integrations_platform.connectors.google_sheets.client import Sheets, tab_of, tabs_of
from integrations_platform.connectors.google_sheets.grid import Binding, Page, Tab, cell_name, normalised
from integrations_platform.unified_sync.port import (
    LISTING_SCHEMA,
    TAG_SCHEMA,
    ErrorKind,
    Listing,
    Presence,
    Problem,
    Record,
    SideError,
)

_TRIES = 3  # how often two reads are made that must agree


class Reader:
    """Reads the tab of one binding. What the metadata says is kept while the side is open."""

    def __init__(self, sheets: Sheets, binding: Binding) -> None:
        self._sheets, self._binding = sheets, binding
        self._tab: Tab | None = None

    @property
    def place(self) -> str:
        """How messages name the tab."""
        title = self._tab.title if self._tab is not None else self._binding.spec.object or "the first tab"
        return f"{self._sheets.system}: tab {title!r}"

    def look_up(self) -> Tab | Problem:
        """The tab as it is now, or why there is none. Raises SideError."""
        metadata = self._sheets.metadata()
        wanted, sheets = self._binding.spec.object.strip(), tabs_of(metadata)
        titles = [str(sheet["properties"].get("title", "")) for sheet in sheets]
        found = sheets[:1] if wanted in ("", "-") else [
            sheet for sheet, title in zip(sheets, titles, strict=True) if title == wanted
        ]  # fmt: skip
        if not found:
            near = difflib.get_close_matches(wanted, titles, n=3, cutoff=0.5) or titles[:10]
            return Problem(f"{self._sheets.system}: the spreadsheet has no tab {wanted!r}",
                           f"did you mean {' or '.join(map(repr, near))}?")  # fmt: skip
        self._tab = tab_of(found[0], zone_of(metadata, self._binding))
        return self._tab

    def tab(self) -> Tab:
        """The tab, as of the last look. Raises SideError."""
        if self._tab is None:
            found = self.look_up()
            if isinstance(found, Problem):
                raise SideError(ErrorKind.CONFIGURATION, f"{found.message}; {found.remedy}", code="object")
            return found
        return self._tab

    def unchecked(self) -> Page:
        """The tab in one call, whatever its header says. Raises SideError."""
        tab = self.tab()
        (rows,) = self._sheets.values([tab.range])
        return Page(self._binding, tab, rows)

    def page(self) -> Page:
        """The tab in one call. Raises SideError, also for a header that is not as declared."""
        return self.checked(self.unchecked())

    def page_with_formulas(self) -> Page:
        """The tab with its formulas: one call while no cell begins with ``=``, else two that agree.

        A formula is a cell whose formula reads otherwise than its value; text that begins with ``=`` reads the same.
        """
        tab = self.tab()
        for _ in range(_TRIES):
            (typed,) = self._sheets.values([tab.range], "FORMULA")
            maybe = {(row, column): cell for row, cells in enumerate(typed) for column, cell in enumerate(cells)
                     if isinstance(cell, str) and cell.startswith("=")}  # fmt: skip
            if not maybe:
                return self.checked(Page(self._binding, tab, typed))
            (rows,) = self._sheets.values([tab.range])
            formulas = {place: text for place, text in maybe.items() if _at(rows, place) != text}
            if _agree(rows, typed, formulas):
                return self.checked(Page(self._binding, tab, rows, formulas))
        raise SideError(ErrorKind.TRANSIENT, f"{self.place}: somebody is editing so fast that no two reads agree",
                        code="moving")  # fmt: skip

    def checked(self, page: Page) -> Page:
        """The page, if its header holds every declared column once. Raises SideError(CONFIGURATION)."""
        if problems := header_problems(page):
            said = "; ".join(f"{problem.message} ({problem.remedy})" for problem in problems)
            raise SideError(ErrorKind.CONFIGURATION, f"{self._sheets.system}: {said}", code="header")
        return page

    def grew(self, requests: Sequence[Mapping[str, Any]]) -> None:
        """Requests for new columns were carried out: the tab is that much wider, and its key column remembered."""
        headers = sum("updateCells" in request for request in requests)
        if self._tab is not None and headers:
            self._tab = replace(self._tab, column_count=self._tab.column_count + headers, keyed=True)


def zone_of(metadata: Mapping[str, Any], binding: Binding) -> ZoneInfo:
    """The spreadsheet's zone; the declared one, or UTC, where it is none we know."""
    for name in (metadata.get("properties", {}).get("timeZone"), binding.spec.zone, "UTC"):
        try:
            return ZoneInfo(str(name or ""))
        except (ZoneInfoNotFoundError, ValueError):
            continue
    return ZoneInfo("UTC")


def header_problems(page: Page) -> list[Problem]:
    """Declared columns that the header lacks or holds twice. A column is never guessed: its cells would be cleared."""
    title = page.tab.title
    listed = ", ".join(str(header) for header in (page.rows[0] if page.rows else ()) if header != "")
    if not listed:
        wanted = ", ".join(page.binding.wanted)
        return [Problem(f"tab {title!r} has no header: row 1 is empty", f"type the headers into row 1: {wanted}")]
    problems = []
    for name in page.binding.wanted:
        places = [at for at, header in enumerate(page.headers) if header == normalised(name)]
        if not places:
            problems.append(_missing(page, name, listed))
        elif len(places) > 1:
            cells = " and ".join(cell_name(0, at) for at in places)
            problems.append(Problem(f"tab {title!r} has the header {name!r} twice, in {cells}",
                                    "rename or delete one of the two columns", column=name))  # fmt: skip
    for name in ("_sync_id", page.binding.link):
        places = [at for at, header in enumerate(page.headers) if header == name]
        if len(places) > 1:
            cells = " and ".join(cell_name(0, at) for at in places)
            problems.append(Problem(f"tab {title!r} has the sync's own column {name!r} twice, in {cells}",
                                    "delete the copy (the one that was pasted)", column=name))  # fmt: skip
    return problems


def _missing(page: Page, name: str, listed: str) -> Problem:
    near = difflib.get_close_matches(normalised(name), [header for header in page.headers if header], n=1, cutoff=0.6)
    hint = ""
    if near:
        at = page.places[near[0]]
        hint = f"; {cell_name(0, at)} says {str(page.rows[0][at])!r}: was it renamed?"
    return Problem(f"tab {page.tab.title!r} has no column {name!r} in row 1 (it has: {listed})",
                   f"type {name!r} back as its header, or change the sync file{hint}", column=name)  # fmt: skip


class SheetSnapshot:
    """Fulfils :class:`port.Snapshot`: everything comes from one reading."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def digest(self) -> None:
        """Only the listing itself would tell."""

    def newest(self) -> None:
        """Asking costs as much as listing what changed."""

    def listing(self) -> Listing:
        """Rows in scope, and archived ones whatever the scope."""
        page = self._page
        found = [(line.id, page.version(line), str(presence)) for line in page.lines
                 if (presence := page.presence(line)) is not Presence.OUT_OF_SCOPE]  # fmt: skip
        return Listing(pl.DataFrame(found, schema=LISTING_SCHEMA, orient="row"), complete=True)

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """Records by id."""
        lines = self._page.by_id
        return {own: self._page.record(lines[own]) for own in ids if own in lines}


def tags_of(page: Page) -> pl.DataFrame:
    """Link ids left on rows."""
    found = [(line.id, line.mark.link_id) for line in page.lines if line.mark is not None and line.mark.link_id]
    return pl.DataFrame(found, schema=TAG_SCHEMA, orient="row")


def _at(rows: Sequence[Sequence[Any]], place: tuple[int, int]) -> Any:
    row, column = place
    return rows[row][column] if row < len(rows) and column < len(rows[row]) else ""


def _agree(
    rows: Sequence[Sequence[Any]], typed: Sequence[Sequence[Any]], formulas: Mapping[tuple[int, int], str]
) -> bool:
    """Whether two reads show one tab: all cells alike but formulas."""
    places = {(row, column) for part in (rows, typed) for row, cells in enumerate(part) for column in range(len(cells))}
    return all(_at(rows, place) == _at(typed, place) for place in places - formulas.keys())
