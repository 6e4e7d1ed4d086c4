"""A tab keeps the promises every service's side makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from integrations_platform.connectors.google_sheets.side import GoogleSheetsSide
from integrations_platform.sandbox.google_sheets.cells import Cell
from integrations_platform.unified_sync.values import FieldType, Values
from integrations_platform_tests.connectors.google_sheets.conftest import TYPES, Office
from integrations_platform_tests.connectors.saas_contract import Account, Action, SaasContract, live, sent

COLUMNS = ["Name", "Email", "Balance", "Note", "_sync_id", "_sync_link:people"]


class Sheet(Account):
    """The tab of people. Whoever adds a row here gives it a key of their own, so that it keeps its id when edited."""

    text, other = "Name", "Email"
    operations: ClassVar[Mapping[Action, str]] = {
        "list": "spreadsheets.values.batchGet",
        "read": "spreadsheets.values.batchGet",
        "create": "spreadsheets.batchUpdate",
        "update": "spreadsheets.batchUpdate",
    }
    page, secret, renews = 0, "MIIEvQIBADANBg", True

    def __init__(self, office: Office) -> None:
        self.office, self.vendor = office, office.vendor
        office.start([COLUMNS])

    def side(
        self, *, columns: Mapping[str, FieldType] | None = None, object_name: str = "", token: str = ""
    ) -> GoogleSheetsSide:
        options = self.office.options()
        if token:
            options["credentials"] = json.dumps(json.loads(options["credentials"]) | {"private_key": token})
        return self.office.side(columns or TYPES, tab=object_name or "People", options=options)

    def values(self, number: int) -> Values:
        return {"Name": f"Person {number}", "Email": f"p{number}@x.org", "Balance": Decimal(number) / 4}

    def refused(self, number: int) -> Values:
        return {**self.values(number), "Name": "x" * 50_001}

    def add(self, number: int) -> str:
        tab = self.office.tab
        row = tab.used_rows
        for column, value in enumerate([*self.values(number).values(), None, f"by-hand-{number}"]):
            tab.put(row, column, Cell(float(value) if isinstance(value, Decimal) else value))
        return f"by-hand-{number}"

    def edit(self, record_id: str, column: str, text: str) -> None:
        self.office.tab.put(self._row(record_id), COLUMNS.index(column), Cell(text))

    def edit_elsewhere(self, record_id: str) -> None:
        self.office.tab.put(self._row(record_id), COLUMNS.index("Note"), Cell("called back"))

    def remove(self, record_id: str) -> None:
        self.office.person("delete_rows", row=self._row(record_id) + 1)

    def shown(self, record_id: str) -> Mapping[str, Any] | None:
        row = self._row(record_id)
        return {name: self.office.tab.value(row, COLUMNS.index(name)) for name in ("Name", "Email")} if row else None

    def count(self) -> int:
        tab = self.office.tab
        marks = [tab.value(0, at) for at in range(tab.column_count)]
        gone = marks.index("_deleted") if "_deleted" in marks else tab.column_count
        return sum(tab.filled(row, 0) and not tab.value(row, gone) for row in range(1, tab.used_rows))

    def _row(self, record_id: str) -> int:
        tab, key = self.office.tab, COLUMNS.index("_sync_id")
        return next((row for row in range(1, tab.used_rows) if tab.value(row, key) == record_id), 0)


class TestSheet(SaasContract):
    """The promises, and where a tab differs."""

    @pytest.fixture
    def account(self, office: Office) -> Account:
        return Sheet(office)

    def test_a_listing_goes_on_beyond_its_first_page(self, account: Account) -> None:
        ids = {account.add(number) for number in range(900)}
        side = account.side()
        assert live(side) == ids
        assert len(sent(account, "list")) == 1, "a tab has no pages: one call shows all of it"
