"""How the service words what a spreadsheet is: resources of the API from the model, and cut down to a field mask.

Owns the shapes of answers; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations_platform.sandbox.google_sheets.a1 import Box
from integrations_platform.sandbox.google_sheets.book import Metadata, Protection, Spreadsheet, Tab

MIME = "application/vnd.google-apps.spreadsheet"
Mask = dict[str, Any]  # member → its own mask; an empty one means all of it


def sheet_properties(book: Spreadsheet, tab: Tab) -> dict[str, Any]:
    """``SheetProperties``; the id is shown even when it is 0."""
    grid: dict[str, Any] = {"rowCount": tab.row_count, "columnCount": tab.column_count}
    if tab.frozen_rows:
        grid["frozenRowCount"] = tab.frozen_rows
    return {
        "sheetId": tab.sheet_id,
        "title": tab.title,
        "index": book.tabs.index(tab),
        "sheetType": "GRID",
        "gridProperties": grid,
    }


def grid_range(tab: Tab, box: Box) -> dict[str, Any]:
    """``GridRange`` inside an answer: a sheet id of 0 is left out, and so are sides at the edge of the grid."""
    found: dict[str, Any] = {"sheetId": tab.sheet_id} if tab.sheet_id else {}
    if box.bottom < tab.row_count or box.top:
        found |= {"startRowIndex": box.top, "endRowIndex": box.bottom}
    if box.right < tab.column_count or box.left:
        found |= {"startColumnIndex": box.left, "endColumnIndex": box.right}
    return found


def protection(book: Spreadsheet, tab: Tab, one: Protection, *, can_edit: bool) -> dict[str, Any]:
    """``ProtectedRange`` as the asking user sees it."""
    found: dict[str, Any] = {"protectedRangeId": one.id, "range": grid_range(tab, one.box)}
    found |= {"description": one.description} if one.description else {}
    found |= {"warningOnly": True} if one.warning_only else {}
    found |= {"requestingUserCanEdit": True} if can_edit else {}
    if can_edit and not one.warning_only:
        found["editors"] = {"users": sorted({*one.editors, *_owners(book)})}
    return found


def _owners(book: Spreadsheet) -> list[str]:
    return [f"owner-of-{book.id}@example.com"]


def metadata(entry: Metadata) -> dict[str, Any]:
    """``DeveloperMetadata``."""
    location: dict[str, Any]
    if entry.sheet_id is None:
        location = {"locationType": "SPREADSHEET", "spreadsheet": True}
    elif entry.dimension is None:
        location = {"locationType": "SHEET"} | ({"sheetId": entry.sheet_id} if entry.sheet_id else {})
    else:
        span: dict[str, Any] = {"dimension": entry.dimension, "startIndex": entry.start, "endIndex": entry.end}
        span |= {"sheetId": entry.sheet_id} if entry.sheet_id else {}
        location = {"locationType": "ROW" if entry.dimension == "ROWS" else "COLUMN", "dimensionRange": span}
    return {
        "metadataId": entry.id,
        "metadataKey": entry.key,
        "metadataValue": entry.value,
        "location": location,
        "visibility": entry.visibility,
    }


def sheet(book: Spreadsheet, tab: Tab, user: str) -> dict[str, Any]:
    """``Sheet`` without its cells."""
    found: dict[str, Any] = {"properties": sheet_properties(book, tab)}
    if tab.merges:
        found["merges"] = [grid_range(tab, box) for box in tab.merges]
    if tab.protections:
        found["protectedRanges"] = [protection(book, tab, one, can_edit=may_edit(one, user)) for one in tab.protections]
    entries = [metadata(entry) for entry in book.metadata if entry.sheet_id == tab.sheet_id and not entry.dimension]
    return found | ({"developerMetadata": entries} if entries else {})


def may_edit(one: Protection, user: str) -> bool:
    """Whether a protection lets ``user`` write."""
    return one.warning_only or user in one.editors


def spreadsheet(book: Spreadsheet, user: str) -> dict[str, Any]:
    """``Spreadsheet`` without cells."""
    entries = [metadata(entry) for entry in book.metadata if entry.sheet_id is None]
    return {
        "spreadsheetId": book.id,
        "properties": {
            "title": book.title,
            "locale": book.locale,
            "autoRecalc": "ON_CHANGE",
            "timeZone": book.time_zone,
            "defaultFormat": {"verticalAlignment": "BOTTOM", "wrapStrategy": "OVERFLOW_CELL"},
        },
        "sheets": [sheet(book, tab, user) for tab in book.tabs],
        "spreadsheetUrl": f"https://docs.google.com/spreadsheets/d/{book.id}/edit",
    } | ({"developerMetadata": entries} if entries else {})


def file(book: Spreadsheet) -> dict[str, Any]:
    """``File`` of Drive."""
    return {
        "kind": "drive#file",
        "id": book.id,
        "name": book.title,
        "mimeType": MIME,
        "version": str(book.version),
        "createdTime": book.created,
        "modifiedTime": book.modified,
    }


class BadMask(ValueError):  # noqa: N818  named as the service speaks of it
    """A ``fields`` parameter that cannot be read."""


def parse_mask(text: str) -> Mask:
    """``a,b(c,d/e),f.g`` as a tree. Raises :class:`BadMask`."""
    mask, rest = _members(text.replace(" ", ""), 0)
    if rest != len(text.replace(" ", "")):
        raise BadMask(f"Invalid field selection {text}")
    return mask


def _members(text: str, at: int, depth: int = 0) -> tuple[Mask, int]:
    mask: Mask = {}
    while True:
        start = at
        while at < len(text) and (text[at].isalnum() or text[at] in "_*./"):
            at += 1
        steps = [step for step in text[start:at].replace("/", ".").split(".") if step]
        if not steps or depth > 8:
            raise BadMask(f"Invalid field selection {text}")
        inner: Mask = {}
        if at < len(text) and text[at] == "(":
            inner, at = _members(text, at + 1, depth + 1)
            if at >= len(text) or text[at] != ")":
                raise BadMask(f"Invalid field selection {text}")
            at += 1
        _graft(mask, steps, inner)
        if at >= len(text) or text[at] != ",":
            return mask, at
        at += 1


def _graft(mask: Mask, steps: list[str], inner: Mask) -> None:
    whole = False
    for step in steps[:-1]:
        whole = step in mask and not mask[step]
        mask = mask.setdefault(step, {})
    last = steps[-1]
    if whole:
        return
    mask[last] = {} if not inner or (last in mask and not mask[last]) else {**mask.get(last, {}), **inner}


def masked(data: Any, mask: Mask) -> Any:
    """Only what the mask names; an empty mask names all."""
    if not mask or "*" in mask:
        return data
    if isinstance(data, list):
        return [masked(item, mask) for item in data]
    if isinstance(data, Mapping):
        return {name: masked(data[name], inner) for name, inner in mask.items() if name in data}
    return data
