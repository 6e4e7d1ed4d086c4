"""What people do in the sheet's own window: type, sort, insert, delete, rename a header, merge, protect, share.

Owns the edits by hand that stories and the control interface ask for. People are bound by no protection here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from integrations_platform.sandbox.google_sheets.a1 import Box, echo, resolve
from integrations_platform.sandbox.google_sheets.batch import merge
from integrations_platform.sandbox.google_sheets.book import Protection, Spreadsheet, Tab
from integrations_platform.sandbox.google_sheets.cells import Cell
from integrations_platform.sandbox.google_sheets.tokens import EMAIL
from integrations_platform.sandbox.google_sheets.values import put_lines

Action = Mapping[str, Any]
Done = dict[str, Any]


def check(action: Action) -> None:
    """Raises ValueError for an action nobody knows, naming those that are known."""
    if action.get("do") not in ACTIONS:
        raise ValueError(f"do is one of {', '.join(sorted(ACTIONS))}")


def carry_out(book: Spreadsheet, action: Action) -> Done:
    """Do it; ``tab`` names the tab (default: the first). Raises ValueError and KeyError for what is not there."""
    check(action)
    tab = next((one for one in book.tabs if one.title == action["tab"]), None) if "tab" in action else book.tabs[0]
    if tab is None:
        raise ValueError(f"no tab {action['tab']!r}; there are {', '.join(one.title for one in book.tabs)}")
    return ACTIONS[action["do"]](book, tab, action)


def _type(book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Type ``values`` (rows) from ``at`` on, read as the window reads them: formulas and numbers included."""
    _, box = resolve(action["at"], [tab])
    tab.row_count = max(tab.row_count, box.top + len(action["values"]))
    written = put_lines(book, tab, box.top, box.left, action["values"], "USER_ENTERED", lambda _tab, _box: None)
    return {"range": echo(tab.title, written.box)}


def _sort(_book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Sort the rows below the header by ``column`` (from 0), all columns along unless ``columns`` limits them."""
    width = action.get("columns", tab.column_count)
    tab.sort(Box(1, 0, max(tab.used_rows, 1), width), [(action["column"], bool(action.get("descending")))])
    return {}


def _insert(book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Insert ``count`` empty rows before ``row`` (as numbered in the window)."""
    count = action.get("count", 1)
    tab.insert("ROWS", action["row"] - 1, count)
    book.move_metadata(tab.sheet_id, "ROWS", action["row"] - 1, count)
    return {}


def _delete(book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Delete ``count`` rows from ``row`` on."""
    start, count = action["row"] - 1, action.get("count", 1)
    tab.delete("ROWS", start, start + count)
    book.move_metadata(tab.sheet_id, "ROWS", start, -count)
    return {}


def _delete_column(book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Delete a column (from 0)."""
    tab.delete("COLUMNS", action["column"], action["column"] + 1)
    book.move_metadata(tab.sheet_id, "COLUMNS", action["column"], -1)
    return {}


def _insert_column(book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Insert an empty column before ``column`` (from 0)."""
    tab.insert("COLUMNS", action["column"], 1)
    book.move_metadata(tab.sheet_id, "COLUMNS", action["column"], 1)
    return {}


def _duplicate(_book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Copy ``row`` to a new row at the end."""
    for column, cell in enumerate(tab.rows[action["row"] - 1]):
        if column == 0:
            target = tab.used_rows
        if cell is not None:
            tab.put(target, column, cell)
    return {"row": target + 1}


def _rename(_book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Retype the header of a column (from 0)."""
    tab.put(0, action["column"], Cell(action["header"] or None))
    return {}


def _merge(_book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Merge the cells of ``range``."""
    _, box = resolve(action["range"], [tab])
    merge(tab, box)
    return {}


def _protect(book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Protect ``range`` from everyone but ``editors``."""
    _, box = resolve(action["range"], [tab])
    number = book.next_id()
    tab.protections.append(Protection(number, box, tuple(action.get("editors", ())), bool(action.get("warning_only"))))
    return {"protection": number}


def _hide(_book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Hide a row."""
    tab.hidden_rows.add(action["row"] - 1)
    return {}


def _share(book: Spreadsheet, _tab: Tab, action: Action) -> Done:
    """Share with the service account as ``role``: editor, viewer or none."""
    book.editors.discard(EMAIL)
    book.viewers.discard(EMAIL)
    if action["role"] != "none":
        {"editor": book.editors, "viewer": book.viewers}[action["role"]].add(EMAIL)
    return {}


def _retitle(_book: Spreadsheet, tab: Tab, action: Action) -> Done:
    """Rename the tab."""
    tab.title = action["title"]
    return {}


ACTIONS: Mapping[str, Callable[[Spreadsheet, Tab, Action], Done]] = {
    "type": _type,
    "sort": _sort,
    "insert_rows": _insert,
    "delete_rows": _delete,
    "insert_column": _insert_column,
    "delete_column": _delete_column,
    "duplicate_row": _duplicate,
    "rename_header": _rename,
    "merge": _merge,
    "protect": _protect,
    "hide_row": _hide,
    "share": _share,
    "rename_tab": _retitle,
}
