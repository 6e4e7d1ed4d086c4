"""A stand-in with an empty spreadsheet, and the vendor's client on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gspread
import pytest
from gspread.exceptions import APIError

from integrations_platform.sandbox.google_sheets import GoogleSheets
from integrations_platform.sandbox.google_sheets.book import Spreadsheet, Tab
from integrations_platform.sandbox.google_sheets.seed import fill, spreadsheet
from integrations_platform_tests.sandbox.google_sheets.peers import client_of
from integrations_platform_tests.sandbox.running import running


@dataclass
class Desk:
    """A spreadsheet ``book`` served by ``vendor``, opened by gspread as ``sheet``."""

    vendor: GoogleSheets
    url: str
    client: gspread.Client

    @property
    def book(self) -> Spreadsheet:
        """The spreadsheet as it is stored."""
        return self.vendor.books["book"]

    @property
    def tab(self) -> Tab:
        """Its first tab."""
        return self.book.tabs[0]

    @property
    def sheet(self) -> gspread.Spreadsheet:
        """The spreadsheet through gspread."""
        return self.client.open_by_key("book")

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """One call below the spreadsheet; the JSON of its answer."""
        url = f"https://sheets.googleapis.com/v4/spreadsheets/book{path}"
        return self.client.http_client.request(method, url, params=query, json=body).json()

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """The error of a call that is refused."""
        with pytest.raises(APIError) as caught:
            self.ask(method, path, body, **query)
        return dict(caught.value.error)

    def fill(self, rows: list[list[Any]]) -> None:
        """Put values into the first tab, from A1 on."""
        fill(self.tab, rows)


@pytest.fixture(scope="module")
def served() -> Iterator[Desk]:
    """One server for all stories of a module."""
    vendor = GoogleSheets()
    with running(vendor) as server:
        url = server.url("google_sheets")
        yield Desk(vendor, url, client_of(vendor, url))


@pytest.fixture
def desk(served: Desk) -> Iterator[Desk]:
    """An empty ``Sheet1`` with room for many calls a minute; a broken contract fails the story that broke it."""
    vendor = served.vendor
    vendor.reset()
    vendor.calls.clear()
    vendor.faults.clear()
    vendor.limits, vendor.retry_after = {"Read": 1000, "Write": 1000}, None
    vendor.add(spreadsheet("book", "A book", []))
    yield served
    broken = [str(violation) for violation in vendor.violations]
    vendor.violations.clear()
    assert broken == []
