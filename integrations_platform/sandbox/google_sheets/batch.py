"""The requests of ``spreadsheets.batchUpdate``: each a function of the spreadsheet and its own body.

Owns what each request does and when it is refused. All work on a copy, so that a batch with a bad request changes
nothing; requests that no client here uses are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from integrations_platform.sandbox.google_sheets import wording
from integrations_platform.sandbox.google_sheets.a1 import BadRange, Box
from integrations_platform.sandbox.google_sheets.book import (
    MOST_CELLS,
    Dimension,
    Metadata,
    Protection,
    Spreadsheet,
    Tab,
)
from integrations_platform.sandbox.google_sheets.cells import Cell, extended
from integrations_platform.sandbox.google_sheets.values import BadValue, Guard, check_length

Body = Mapping[str, Any]
Reply = dict[str, Any]


class Invalid(ValueError):  # noqa: N818  named as the service speaks of it
    """A request the service refuses; the message follows ``Invalid requests[n].name: ``."""


def carry_out(book: Spreadsheet, requests: list[Body], guard: Guard) -> list[Reply]:
    """Replies, one per request; ``book`` is a copy that the caller throws away when this raises :class:`Invalid`."""
    replies = []
    for number, request in enumerate(requests):
        names = list(request)
        if len(names) != 1:
            raise Invalid(f"Invalid requests[{number}]: exactly one kind of request must be set.")
        name = names[0]
        if name not in REQUESTS:
            raise Invalid(f"Invalid requests[{number}].{name}: this stand-in does not know this request.")
        try:
            replies.append(REQUESTS[name](book, request[name], guard))
        except (Invalid, BadRange, BadValue) as fault:
            raise Invalid(f"Invalid requests[{number}].{name}: {fault}") from None
    if book.cell_count > MOST_CELLS:
        raise Invalid(f"Invalid requests[{len(requests) - 1}]: the limit of {MOST_CELLS} cells would be exceeded.")
    return replies


def grid_box(book: Spreadsheet, given: Body) -> tuple[Tab, Box]:
    """The tab and the rectangle of a ``GridRange``; open sides reach the edge. Raises :class:`Invalid`."""
    tab = book.tab(given.get("sheetId", 0))
    box = Box(
        given.get("startRowIndex", 0), given.get("startColumnIndex", 0),
        min(given.get("endRowIndex", tab.row_count), tab.row_count),
        min(given.get("endColumnIndex", tab.column_count), tab.column_count),
    )  # fmt: skip
    if not (0 <= box.top < box.bottom and 0 <= box.left < box.right):
        raise Invalid("The range is empty or lies outside the grid.")
    return tab, box


def _span(book: Spreadsheet, given: Body) -> tuple[Tab, Dimension, int, int]:
    tab, dimension = book.tab(given.get("sheetId", 0)), given.get("dimension", "DIMENSION_UNSPECIFIED")
    if dimension not in ("ROWS", "COLUMNS"):
        raise Invalid("No dimension specified.")
    start, end = given.get("startIndex", 0), given.get("endIndex", tab.span(dimension))
    if not 0 <= start < end:
        raise Invalid("The end index must be greater than the start index.")
    return tab, dimension, start, end


def _delete_dimension(book: Spreadsheet, body: Body, guard: Guard) -> Reply:
    tab, dimension, start, end = _span(book, body.get("range", {}))
    size = tab.span(dimension)
    if end > size:
        raise Invalid(f"Range ends at {end}, the sheet has {size} {dimension.lower()}.")
    if end - start >= size:
        raise Invalid(f"You can't delete all the {dimension.lower()} on the sheet.")
    guard(tab, Box(start, 0, end, tab.column_count) if dimension == "ROWS" else Box(0, start, tab.row_count, end))
    tab.delete(dimension, start, end)
    book.move_metadata(tab.sheet_id, dimension, start, start - end)
    return {}


def _insert_dimension(book: Spreadsheet, body: Body, _guard: Guard) -> Reply:
    tab, dimension, start, end = _span(book, body.get("range", {}))
    if start > tab.span(dimension) or (start == 0 and body.get("inheritFromBefore")):
        raise Invalid("The rows or columns cannot be inserted there.")
    tab.insert(dimension, start, end - start)
    book.move_metadata(tab.sheet_id, dimension, start, end - start)
    return {}


def _append_dimension(book: Spreadsheet, body: Body, _guard: Guard) -> Reply:
    tab, dimension = book.tab(body.get("sheetId", 0)), body.get("dimension")
    if dimension not in ("ROWS", "COLUMNS") or body.get("length", 0) < 1:
        raise Invalid("A dimension and a length of at least 1 are needed.")
    tab.resize(dimension, tab.span(dimension) + body["length"])
    return {}


def _update_cells(book: Spreadsheet, body: Body, guard: Guard) -> Reply:
    rows = body.get("rows", [])
    if "range" in body:
        tab, box = grid_box(book, body["range"])
    else:
        start = body.get("start", {})
        tab = book.tab(start.get("sheetId", 0))
        top, left = start.get("rowIndex", 0), start.get("columnIndex", 0)
        width = max((len(row.get("values", [])) for row in rows), default=0)
        box = Box(top, left, top + max(len(rows), 1), left + max(width, 1))
        if top < 0 or left < 0 or box.bottom > tab.row_count or box.right > tab.column_count:
            raise Invalid("Attempting to write outside the grid of the sheet.")
    fields = _fields(body)
    guard(tab, box)
    for row in range(box.top, box.bottom):
        given = rows[row - box.top].get("values", []) if row - box.top < len(rows) else []
        for column in range(box.left, box.right):
            offset = column - box.left
            if "range" in body or offset < len(given):
                _set_cell(tab, row, column, given[offset] if offset < len(given) else {}, fields)
    return {}


def _append_cells(book: Spreadsheet, body: Body, guard: Guard) -> Reply:
    tab, rows, fields = book.tab(body.get("sheetId", 0)), body.get("rows", []), _fields(body)
    top = tab.used_rows
    width = max((len(row.get("values", [])) for row in rows), default=0)
    if width > tab.column_count:
        raise Invalid("Attempting to write outside the grid of the sheet.")
    tab.row_count = max(tab.row_count, top + len(rows))
    guard(tab, Box(top, 0, top + max(len(rows), 1), max(width, 1)))
    for row, given in enumerate(rows, top):
        for column, data in enumerate(given.get("values", [])):
            _set_cell(tab, row, column, data, fields)
    return {}


_CELL_FIELDS = {"userEnteredValue", "userEnteredFormat.numberFormat", "userEnteredFormat"}


def _fields(body: Body) -> set[str]:
    fields = {part.strip().replace("/", ".") for part in body.get("fields", "").split(",")} - {""}
    if not fields:
        raise Invalid("At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)")
    if fields == {"*"}:
        return {"userEnteredValue", "userEnteredFormat"}
    if unknown := sorted(fields - _CELL_FIELDS):
        raise Invalid(f"Invalid field: {unknown[0]}")
    return fields


def _set_cell(tab: Tab, row: int, column: int, data: Body, fields: set[str]) -> None:
    cell = tab.cell(row, column) or Cell()
    if "userEnteredValue" in fields:
        value = data.get("userEnteredValue", {})
        check_length(value.get("stringValue"))
        cell = replace(extended(value), kind=cell.kind, pattern=cell.pattern)
    if fields - {"userEnteredValue"}:
        shape = data.get("userEnteredFormat", {}).get("numberFormat", {})
        cell = replace(cell, kind=shape.get("type", ""), pattern=shape.get("pattern", ""))
    tab.put(row, column, cell)


def _add_sheet(book: Spreadsheet, body: Body, _guard: Guard) -> Reply:
    given = body.get("properties", {})
    grid = given.get("gridProperties", {})
    title = given.get("title") or f"Sheet{len(book.tabs) + 1}"
    wanted = given.get("sheetId")
    if wanted is not None and any(tab.sheet_id == wanted for tab in book.tabs):
        raise Invalid(f"Sheet with id {wanted} already exists.")
    try:
        tab = book.add_tab(title, grid.get("rowCount", 1000), grid.get("columnCount", 26))
    except ValueError as fault:
        raise Invalid(str(fault)) from None
    if wanted is not None:
        tab.sheet_id = wanted
        book.last_id = max(book.last_id, wanted)
    if (index := given.get("index")) is not None:
        book.tabs.insert(index, book.tabs.pop())
    return {"addSheet": {"properties": wording.sheet_properties(book, tab)}}


def _delete_sheet(book: Spreadsheet, body: Body, guard: Guard) -> Reply:
    tab = book.tab(body.get("sheetId", 0))
    if len(book.tabs) == 1:
        raise Invalid("You can't remove all the sheets in a document.")
    guard(tab, Box(0, 0, tab.row_count, tab.column_count))
    book.tabs.remove(tab)
    return {}


def _update_sheet_properties(book: Spreadsheet, body: Body, _guard: Guard) -> Reply:
    given = body.get("properties", {})
    tab = book.tab(given.get("sheetId", 0))
    grid = given.get("gridProperties", {})
    fields = {part.strip().replace("/", ".") for part in body.get("fields", "").split(",")} - {""}
    if not fields:
        raise Invalid("At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)")
    for name in sorted(fields):
        if name == "title":
            if any(other.title.casefold() == given.get("title", "").casefold() for other in book.tabs
                   if other is not tab):  # fmt: skip
                raise Invalid(f'A sheet with the name "{given.get("title", "")}" already exists. '
                              "Please enter another name.")  # fmt: skip
            tab.title = given.get("title", "")
        elif name in ("gridProperties.rowCount", "gridProperties.columnCount"):
            size = grid.get(name.partition(".")[2], 0)
            if size < 1:
                raise Invalid("The sheet needs at least one row and one column.")
            tab.resize("ROWS" if name.endswith("rowCount") else "COLUMNS", size)
        elif name == "gridProperties.frozenRowCount":
            tab.frozen_rows = grid.get("frozenRowCount", 0)
        else:
            raise Invalid(f"Invalid field: {name}")
    return {}


def _sort_range(book: Spreadsheet, body: Body, guard: Guard) -> Reply:
    tab, box = grid_box(book, body.get("range", {}))
    guard(tab, box)
    specs = []
    for spec in body.get("sortSpecs", []):
        column = spec.get("dimensionIndex", 0)
        if not box.left <= column < box.right:
            raise Invalid("The sort column lies outside the range.")
        specs.append((column, spec.get("sortOrder") == "DESCENDING"))
    tab.sort(Box(box.top, box.left, min(box.bottom, max(len(tab.rows), box.top + 1)), box.right), specs)
    return {}


def _add_protected_range(book: Spreadsheet, body: Body, _guard: Guard) -> Reply:
    given = body.get("protectedRange", {})
    tab, box = grid_box(book, given.get("range", {}))
    editors = tuple(given.get("editors", {}).get("users", []))
    one = Protection(given.get("protectedRangeId") or book.next_id(), box, editors, given.get("warningOnly", False),
                     given.get("description", ""))  # fmt: skip
    tab.protections.append(one)
    return {"addProtectedRange": {"protectedRange": wording.protection(book, tab, one, can_edit=True)}}


def _create_metadata(book: Spreadsheet, body: Body, _guard: Guard) -> Reply:
    given = body.get("developerMetadata", {})
    if not given.get("metadataKey") or given.get("visibility") not in ("DOCUMENT", "PROJECT"):
        raise Invalid("A metadataKey and a visibility are needed.")
    where = given.get("location", {})
    if len(where.keys() & {"spreadsheet", "sheetId", "dimensionRange"}) != 1:
        raise Invalid("Exactly one location must be specified.")
    number = given.get("metadataId") or book.next_id()
    if any(entry.id == number for entry in book.metadata):
        raise Invalid(f"Developer metadata with id {number} already exists.")
    entry = Metadata(number, given["metadataKey"], given.get("metadataValue", ""), given["visibility"])
    if "dimensionRange" in where:
        tab, dimension, start, end = _span(book, where["dimensionRange"])
        if end - start != 1:
            raise Invalid("Developer metadata may be at one row or column only.")
        entry = replace(entry, sheet_id=tab.sheet_id, dimension=dimension, start=start, end=end)
    elif "sheetId" in where:
        entry = replace(entry, sheet_id=book.tab(where["sheetId"]).sheet_id)
    book.metadata.append(entry)
    return {"createDeveloperMetadata": {"developerMetadata": wording.metadata(entry)}}


def _merge_cells(book: Spreadsheet, body: Body, guard: Guard) -> Reply:
    tab, box = grid_box(book, body.get("range", {}))
    if any(box.overlaps(other) for other in tab.merges):
        raise Invalid("You must select all cells in a merged range to merge or unmerge them.")
    guard(tab, box)
    merge(tab, box)
    return {}


def merge(tab: Tab, box: Box) -> None:
    """Merge a rectangle: its first cell stays, the others are emptied."""
    for row in range(box.top, box.bottom):
        for column in range(box.left, box.right):
            if (row, column) != (box.top, box.left) and tab.cell(row, column) is not None:
                tab.put(row, column, Cell())
    tab.merges.append(box)


REQUESTS: Mapping[str, Callable[[Spreadsheet, Body, Guard], Reply]] = {
    "deleteDimension": _delete_dimension,
    "insertDimension": _insert_dimension,
    "appendDimension": _append_dimension,
    "updateCells": _update_cells,
    "appendCells": _append_cells,
    "addSheet": _add_sheet,
    "deleteSheet": _delete_sheet,
    "updateSheetProperties": _update_sheet_properties,
    "sortRange": _sort_range,
    "addProtectedRange": _add_protected_range,
    "createDeveloperMetadata": _create_metadata,
    "mergeCells": _merge_cells,
}
