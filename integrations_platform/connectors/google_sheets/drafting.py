"""Columns of a tab as a draft of a sync file needs them: types are guessed from the cells, for a person to confirm."""

from __future__ import annotations

from collections.abc import Sequence

from integrations_platform.connectors.google_sheets.cells import Raw
from integrations_platform.connectors.google_sheets.grid import KEY, LINK, MARK, Page
from integrations_platform.connectors.introspection import DescribedColumn, Description
from integrations_platform.unified_sync.values import FieldType

_SAMPLE = 500  # rows looked at


def describe(page: Page) -> Description:
    """Every column with a header, the engine's own left out."""
    columns = []
    for header in page.rows[0] if page.rows else ():
        name = str(header).strip()
        if not name or name in (KEY, MARK) or name.startswith(LINK):
            continue
        cells = [page.raw(row, name) for row in page.rows[1 : _SAMPLE + 1]]
        filled = [cell for cell in cells if cell != ""]
        kind = suggested(name, filled)
        columns.append(DescribedColumn(name, kind, "cell", len(filled) < len(cells), None, None, in_key=False))
    return Description(page.tab.title, tuple(columns), (KEY,))


def suggested(name: str, cells: Sequence[Raw]) -> FieldType:
    """The type that all cells have in common; a date cannot be told from a number, so its name must say so."""
    lowered = name.casefold()
    if "email" in lowered or "e-mail" in lowered:
        return FieldType.EMAIL
    if "phone" in lowered or "mobile" in lowered:
        return FieldType.PHONE
    if cells and all(isinstance(cell, bool) for cell in cells):
        return FieldType.BOOLEAN
    if cells and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells):
        if "date" in lowered or lowered.endswith((" on", "since")):
            return FieldType.DATE
        return FieldType.INTEGER if all(float(cell).is_integer() for cell in cells) else FieldType.DECIMAL
    return FieldType.TEXT
