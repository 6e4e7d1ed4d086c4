"""Data filters: ranges and developer metadata that a request names by what they are instead of where they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integrations_platform.sandbox.google_sheets.a1 import Box, resolve
from integrations_platform.sandbox.google_sheets.batch import grid_box
from integrations_platform.sandbox.google_sheets.book import Metadata, Spreadsheet, Tab

Filter = Mapping[str, Any]
_NAME = re.compile(r"""name\s*=\s*(["'])(.*?)\1""")


def boxes(book: Spreadsheet, one: Filter) -> Iterator[tuple[Tab, Box]]:
    """The rectangles a filter means; one by metadata may mean none or several. Raises BadRange and Invalid."""
    if "a1Range" in one:
        yield resolve(one["a1Range"], book.tabs)
    elif "gridRange" in one:
        yield grid_box(book, one["gridRange"])
    else:
        for entry in book.metadata:
            if entry.sheet_id is None or not _matches(entry, one.get("developerMetadataLookup", {})):
                continue
            tab = book.tab(entry.sheet_id)
            if entry.dimension == "ROWS":
                yield tab, Box(entry.start, 0, entry.end, tab.column_count)
            elif entry.dimension == "COLUMNS":
                yield tab, Box(0, entry.start, tab.row_count, entry.end)
            else:
                yield tab, Box(0, 0, tab.row_count, tab.column_count)


def matched_metadata(book: Spreadsheet, given: Sequence[Filter]) -> list[tuple[Metadata, list[Filter]]]:
    """Metadata entries, each with the filters that matched it."""
    found = []
    for entry in book.metadata:
        by = [one for one in given
              if "developerMetadataLookup" in one and _matches(entry, one["developerMetadataLookup"])]  # fmt: skip
        if by:
            found.append((entry, by))
    return found


def _matches(entry: Metadata, lookup: Filter) -> bool:
    kind = "SPREADSHEET" if entry.sheet_id is None else {None: "SHEET", "ROWS": "ROW"}.get(entry.dimension, "COLUMN")
    shown = {"metadataId": entry.id, "metadataKey": entry.key, "metadataValue": entry.value,
             "visibility": entry.visibility, "locationType": kind}  # fmt: skip
    return all(lookup[name] == value for name, value in shown.items() if name in lookup)


def title_asked_for(query: str) -> str | None:
    """The name in Drive's ``q``, or None."""
    match = _NAME.search(query)
    return match[2] if match else None
