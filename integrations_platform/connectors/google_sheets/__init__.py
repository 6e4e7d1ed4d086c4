"""Google Sheets as sides of a sync: one tab each, through gspread, as a service account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrations_platform.connectors.budgets import Budget
    from integrations_platform.connectors.google_sheets.client import Sheets
    from integrations_platform.connectors.google_sheets.side import GoogleSheetsSide
    from integrations_platform.connectors.introspection import Description
    from integrations_platform.unified_sync.port import BoundColumn
    from integrations_platform.unified_sync.spec import SideName, SideSpec


def open_google_sheets(
    system: str,
    options: Mapping[str, str],
    spec: SideSpec,
    columns: Sequence[BoundColumn],
    pair: str,
    side: SideName,  # noqa: ARG001  a tab is one side of its sync; the link column needs no second name
    *,
    clock: Callable[[], datetime],
    budget: Budget,
) -> GoogleSheetsSide:
    """The tab ``spec.object`` of a spreadsheet as one side of the sync ``pair``. Connects to nothing yet.

    An empty object, or ``-``, is the option ``sheet_name``, else the first tab. ``options``: ``credentials`` (JSON of a
    service account, or its file), ``spreadsheet_id``, ``sheet_name``, ``base_url``. Raises SideError(CONFIGURATION).
    """
    from dataclasses import replace

    from integrations_platform.connectors.google_sheets.side import side_of

    if spec.object.strip() in ("", "-"):
        spec = replace(spec, object=options.get("sheet_name", "").strip() or "-")
    return side_of(_sheets(system, options, clock, budget), spec, columns, pair)


def probe(system: str, options: Mapping[str, str], *, clock: Callable[[], datetime], budget: Budget) -> str:
    """Title and tabs of the spreadsheet, and as whom it was opened. Raises SideError."""
    from integrations_platform.connectors.google_sheets.client import tabs_of

    sheets = _sheets(system, options, clock, budget)
    try:
        metadata = sheets.metadata()
        tabs = ", ".join(str(sheet["properties"].get("title", "")) for sheet in tabs_of(metadata))
        title = metadata.get("properties", {}).get("title", "")
        return f"Google Sheets {title!r} (tabs: {tabs}) as {sheets.email}"
    finally:
        sheets.close()


def introspect(
    system: str, options: Mapping[str, str], object_name: str, *, clock: Callable[[], datetime], budget: Budget
) -> Description:
    """The columns of a tab with field types suggested by their cells, for drafting a sync. Raises SideError."""
    from integrations_platform.connectors.google_sheets.drafting import describe
    from integrations_platform.connectors.google_sheets.grid import Binding
    from integrations_platform.connectors.google_sheets.reading import Reader
    from integrations_platform.unified_sync.spec import SideSpec

    sheets = _sheets(system, options, clock, budget)
    wanted = object_name.strip() or options.get("sheet_name", "").strip() or "-"
    try:
        return describe(Reader(sheets, Binding(SideSpec(system, wanted), (), "draft")).unchecked())
    finally:
        sheets.close()


def _sheets(system: str, options: Mapping[str, str], clock: Callable[[], datetime], budget: Budget) -> Sheets:
    from integrations_platform.connectors.google_sheets.client import Sheets

    return Sheets(
        system, options.get("credentials", ""), options.get("spreadsheet_id", "").strip(), clock=clock, budget=budget,
        base_url=options.get("base_url", ""),
    )  # fmt: skip
