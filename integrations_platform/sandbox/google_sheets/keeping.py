"""A spreadsheet as JSON and back, for the state file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from integrations_platform.sandbox.google_sheets.a1 import Box
from integrations_platform.sandbox.google_sheets.book import Metadata, Protection, Spreadsheet, Tab
from integrations_platform.sandbox.google_sheets.cells import Cell

_PLAIN = [item.name for item in fields(Spreadsheet) if item.name not in ("tabs", "metadata", "editors", "viewers")]


def to_data(book: Spreadsheet) -> dict[str, Any]:
    """JSON-safe form."""
    return {name: getattr(book, name) for name in _PLAIN} | {
        "editors": sorted(book.editors),
        "viewers": sorted(book.viewers),
        "metadata": [asdict(entry) for entry in book.metadata],
        "tabs": [_tab(tab) for tab in book.tabs],
    }


def _tab(tab: Tab) -> dict[str, Any]:
    return {
        "sheet_id": tab.sheet_id, "title": tab.title, "row_count": tab.row_count, "column_count": tab.column_count,
        "frozen_rows": tab.frozen_rows, "hidden_rows": sorted(tab.hidden_rows),
        "rows": [[_cell(cell) for cell in row] for row in tab.rows],
        "merges": [_corners(box) for box in tab.merges],
        "protections": [
            {"id": one.id, "box": _corners(one.box), "editors": list(one.editors), "warning_only": one.warning_only,
             "description": one.description}
            for one in tab.protections
        ],
    }  # fmt: skip


def _cell(cell: Cell | None) -> Any:
    return None if cell is None else [cell.value, cell.formula, cell.kind, cell.pattern]


def _corners(box: Box) -> list[int]:
    return [box.top, box.left, box.bottom, box.right]


def from_data(data: Mapping[str, Any]) -> Spreadsheet:
    """What :func:`to_data` wrote."""
    tabs = []
    for given in data["tabs"]:
        tab = Tab(**{name: given[name] for name in ("sheet_id", "title", "row_count", "column_count", "frozen_rows")})
        tab.rows = [[None if cell is None else Cell(*cell) for cell in row] for row in given["rows"]]
        tab.merges = [Box(*corners) for corners in given["merges"]]
        tab.protections = [
            Protection(one["id"], Box(*one["box"]), tuple(one["editors"]), one["warning_only"], one["description"])
            for one in given["protections"]
        ]
        tab.hidden_rows = set(given["hidden_rows"])
        tabs.append(tab)
    return Spreadsheet(
        **{name: data[name] for name in _PLAIN}, tabs=tabs, metadata=[Metadata(**one) for one in data["metadata"]],
        editors=set(data["editors"]), viewers=set(data["viewers"]),
    )  # fmt: skip
