"""Cells to be set, as requests of one batch, and what of them went astray because people moved rows meanwhile.

The service has no compare-and-set: an edit is addressed by position, and between looking and writing somebody may have
sorted the tab. Owns the requests, and the comparison of a page before with a page after that finds such cells and what
they held. It sends nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations_platform.connectors.google_sheets.cells import CellWrite, Raw
from integrations_platform.connectors.google_sheets.client import WITNESS
from integrations_platform.connectors.google_sheets.grid import KEY, Line, Page, normalised

Request = dict[str, Any]
MOST_BYTES = 2_000_000  # of one batch: what the service advises


@dataclass
class Edits:
    """Cells to set on one page: (row, header) → cell. ``owners`` says whose row each is meant to be; ``given_back``,
    (header, cell), what was put back since, which may have gone astray as well."""

    page: Page
    cells: dict[tuple[int, str], CellWrite] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)
    given_back: list[tuple[str, Raw]] = field(default_factory=list)

    def put(self, line: Line, name: str, cell: CellWrite) -> None:
        """Set a cell of a record, unless it holds exactly that."""
        if not same(self.page.raw(line.cells, name), cell.raw) or cell.formula:
            self.cells[(line.at, normalised(name))] = cell
            self.owners[line.at] = line.id

    def requests(self) -> list[Request]:
        """One request per run of neighbouring cells of a kind; columns must exist."""
        places = [(row, self.page.places[name], cell) for (row, name), cell in self.cells.items()]
        found: list[Request] = []
        previous: tuple[int, int, str] | None = None
        for row, column, cell in sorted(places, key=lambda place: place[:2]):
            if previous == (row, column - 1, cell.fields):
                found[-1]["updateCells"]["rows"][0]["values"].append(cell.data)
            else:
                found.append(_update(self.page.tab.sheet_id, row, column, cell))
            previous = (row, column, cell.fields)
        return found


def same(left: Raw, right: Raw) -> bool:
    """Whether two cells hold one value; a tick is no 1."""
    return isinstance(left, bool) is isinstance(right, bool) and left == right


def _update(sheet_id: int, row: int, column: int, cell: CellWrite) -> Request:
    return {"updateCells": {"start": {"sheetId": sheet_id, "rowIndex": row, "columnIndex": column},
                            "rows": [{"values": [cell.data]}], "fields": cell.fields}}  # fmt: skip


def new_columns(page: Page, names: Sequence[str]) -> tuple[list[Request], Page]:
    """Requests for engine-owned columns at the right end, and the page as it is with them.

    They are inserted, never written over a column that somebody added meanwhile.
    """
    missing = [name for name in names if page.place(name) is None]
    if not missing:
        return [], page
    tab, width = page.tab, page.width
    span = {"sheetId": tab.sheet_id, "dimension": "COLUMNS"}
    found: list[Request]
    if width < tab.column_count:
        found = [{"insertDimension": {"range": {**span, "startIndex": width, "endIndex": width + len(missing)},
                                      "inheritFromBefore": width > 0}}]  # fmt: skip
    else:
        found = [{"appendDimension": {**span, "length": len(missing)}}]
    found += [_update(tab.sheet_id, 0, width + offset, CellWrite(name)) for offset, name in enumerate(missing)]
    if KEY in missing and not tab.keyed:
        found.append({"createDeveloperMetadata": {"developerMetadata": {
            "metadataKey": WITNESS, "metadataValue": KEY, "visibility": "DOCUMENT",
            "location": {"sheetId": tab.sheet_id}}}})  # fmt: skip
    first: list[Raw] = list(page.rows[0]) if page.rows else []
    header = first + [""] * (width - len(first)) + list(missing)
    return found, Page(page.binding, tab, [header, *page.rows[1:]], page.formulas)


def appended(page: Page, rows: Sequence[Mapping[str, CellWrite]]) -> list[Request]:
    """Requests that add rows below everything in the tab, wherever that is when they are carried out."""
    found: list[Request] = []
    for fields in ("userEnteredValue", "userEnteredValue,userEnteredFormat.numberFormat"):
        dated = fields != "userEnteredValue"
        part = [row for row in rows if any(cell.pattern for cell in row.values()) is dated]
        lines = []
        for row in part:
            placed = {page.places[normalised(name)]: cell for name, cell in row.items()}
            lines.append({"values": [placed.get(at, CellWrite()).data for at in range(max(placed) + 1)]})
        if lines:
            found.append({"appendCells": {"sheetId": page.tab.sheet_id, "rows": lines, "fields": fields}})
    return found


def deleted(page: Page, lines: Sequence[Line]) -> list[Request]:
    """Requests that delete rows, from the bottom up, so that none moves another."""
    sheet_id = page.tab.sheet_id
    found: list[Request] = []
    if len(lines) + 1 >= page.tab.row_count:  # a tab keeps at least one row below its frozen header
        found.append({"appendDimension": {"sheetId": sheet_id, "dimension": "ROWS", "length": 1}})
    for line in sorted(lines, key=lambda one: one.at, reverse=True):
        span = {"sheetId": sheet_id, "dimension": "ROWS", "startIndex": line.at, "endIndex": line.at + 1}
        found.append({"deleteDimension": {"range": span}})
    return found


def batches(groups: Sequence[Sequence[Request]]) -> Iterator[list[Request]]:
    """Groups of requests joined into batches of a size the service takes; a group stays whole."""
    batch: list[Request] = []
    size = 0
    for group in groups:
        weight = len(json.dumps(group, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        if batch and size + weight > MOST_BYTES:
            yield batch
            batch, size = [], 0
        batch += group
        size += weight
    if batch:
        yield batch


def strayed(edits: Edits, after: Page) -> list[tuple[int, int, CellWrite]]:
    """Cells of other records that our edits hit, as (row, column, what they held), on the page ``after``.

    Only cells that still show what we wrote are ours to take back. Whose row it is says its key; where there is none,
    or we wrote over it, the bound cells we did not touch tell.
    """
    before = edits.page
    found = _misplaced(edits, after)
    for row in sorted(edits.owners):
        written = {name: cell for (at, name), cell in edits.cells.items() if at == row}
        if row >= len(after.rows):
            continue
        cells = after.rows[row]
        owner = _owner(before, after, row, [before.places[name] for name in written])
        for name, cell in written.items():
            column = before.places[name]
            shown = cells[column] if column < len(cells) else ""
            header = after.headers[column] if column < len(after.headers) else ""
            if not same(shown, cell.raw) or (owner is not None and owner.id == edits.owners[row] and header == name):
                continue
            found[row, column] = _held(before, owner, header)
    return [(row, column, cell) for (row, column), cell in sorted(found.items(), key=lambda item: item[0])]


def _misplaced(edits: Edits, after: Page) -> dict[tuple[int, int], CellWrite]:
    """Ids and links of ours on rows of others, wherever people have moved them, and what belongs there instead. They
    are told by their text, which no other row can have."""
    before, rows = edits.page, {own: row for row, own in edits.owners.items()}
    places = [
        (name, before.places.get(name), after.place(name)) for name in map(normalised, (KEY, before.binding.link))
    ]
    written = [*((name, cell.raw) for (_, name), cell in edits.cells.items()), *edits.given_back]
    names = {name for _, name in edits.cells} - {name for name, _, _ in places}
    values = [before.places[name] for name in names]  # these prove nothing of whose a row is
    found: dict[tuple[int, int], CellWrite] = {}
    for row, cells in enumerate(after.rows):
        hit = [
            (name, old, new) for name, old, new in places
            if row and old is not None and new is not None and new < len(cells)
            and cells[new] != "" and (name, cells[new]) in written
        ]  # fmt: skip
        owner = _owner(before, after, row, [*values, *(old for _, old, _ in hit)]) if hit else None
        for name, _, new in hit:
            meant = edits.cells.get((rows.get(owner.id, -1), name)) if owner is not None else None
            held = _held(before, owner, name)  # not what it is to get: its values went astray with it
            if not same(cells[new], held.raw) and not (meant is not None and same(cells[new], meant.raw)):
                found[row, new] = held
    return found


def _owner(before: Page, after: Page, row: int, columns: Sequence[int]) -> Line | None:
    """The record of ``before`` whose row this is now, our edits having hit ``columns``; None for a row that is new."""
    cells = after.rows[row]
    hit = {after.headers[column] for column in columns if column < len(after.headers)}
    candidates = before.lines
    if KEY not in hit:
        if key := after.key(cells):
            return before.by_id.get(key)
        candidates = [line for line in before.lines if not line.key]
    elif normalised(before.binding.link) not in hit and (mark := after.mark(cells)) is not None:
        return before.by_id.get(mark.id)
    names = [name for name in sorted(before.binding.kinds) if normalised(name) not in hit]
    content = [after.raw(cells, name) for name in names]
    alike = [line for line in candidates if [before.raw(line.cells, name) for name in names] == content]
    expected = before.by_row.get(row)
    if expected in alike:
        return expected
    return next((line for line in alike if line.id not in after.by_id), alike[0] if alike else None)


def _held(before: Page, owner: Line | None, header: str) -> CellWrite:
    """What a record's cell held under that header."""
    column = before.places.get(header)
    if owner is None or column is None:
        return CellWrite()
    formula = before.formulas.get((owner.at, column), "")
    raw = owner.cells[column] if column < len(owner.cells) else ""
    return CellWrite(raw, formula=formula)


def restored_cells(page: Page, cells: Sequence[tuple[int, int, CellWrite]]) -> list[Request]:
    """Requests that give cells back what they held."""
    return [_update(page.tab.sheet_id, row, column, cell) for row, column, cell in cells]


def restored_row(before: Page, line: Line) -> Request:
    """A request that brings a whole row back, below everything: cells of no sync included."""
    values = []
    for column, raw in enumerate(line.cells):
        values.append(CellWrite(raw, formula=before.formulas.get((line.at, column), "")).data)
    return {"appendCells": {"sheetId": before.tab.sheet_id, "rows": [{"values": values}],
                            "fields": "userEnteredValue"}}  # fmt: skip
