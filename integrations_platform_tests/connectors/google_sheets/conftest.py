"""A tab of people, as its users see it, and sides of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations_platform.connectors.budgets import Allowance, Budget
from integrations_platform.connectors.google_sheets import open_google_sheets
from integrations_platform.connectors.google_sheets.side import GoogleSheetsSide
from integrations_platform.sandbox.google_sheets import GoogleSheets
from integrations_platform.sandbox.google_sheets.a1 import column_index
from integrations_platform.sandbox.google_sheets.book import Tab
from integrations_platform.sandbox.google_sheets.seed import fill, spreadsheet
from integrations_platform.sandbox.google_sheets.tokens import Tokens, new_key
from integrations_platform.unified_sync.port import BoundColumn, Kind, Outcome, Record, Write
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.sandbox.running import running

TYPES: Mapping[str, FieldType] = {"Name": FieldType.TEXT, "Email": FieldType.EMAIL, "Balance": FieldType.DECIMAL}
HEADER = ["Name", "Email", "Balance", "Note"]
PEOPLE = [HEADER, ["Ann", "ann@x.org", 1.5, "vip"], ["Bob", "bob@x.org", 2], ["Cy", "cy@x.org", None, "late"]]


def now() -> datetime:
    """The time here."""
    return datetime.now(UTC)


def unlimited() -> Budget:
    """A budget that never holds anybody back."""
    return Budget("office", "robot", Allowance(buckets={"read": (), "write": ()}), sleep=lambda _seconds: None)


@dataclass
class Office:
    """The spreadsheet ``book`` with its tab ``People``, served at ``url``."""

    vendor: GoogleSheets
    url: str
    opened: list[GoogleSheetsSide] = field(default_factory=list)

    @property
    def tab(self) -> Tab:
        """The tab as it is stored."""
        return self.vendor.books["book"].tabs[0]

    def options(self, **other: str) -> dict[str, str]:
        """Options of the system."""
        credentials = json.dumps(self.vendor.credentials(self.url))
        return {"credentials": credentials, "spreadsheet_id": "book", "base_url": self.url} | other

    def side(
        self, types: Mapping[str, FieldType] = TYPES, *, tab: str = "People", pair: str = "people",
        options: Mapping[str, str] | None = None, **spec: Any,
    ) -> GoogleSheetsSide:  # fmt: skip
        """A side as the engine opens it."""
        columns = [BoundColumn(name, kind, written=True) for name, kind in types.items()]
        side = open_google_sheets("office", options or self.options(), SideSpec("office", tab, **spec), columns, pair,
                                  "A", clock=now, budget=unlimited())  # fmt: skip
        self.opened.append(side)
        return side

    def start(self, rows: Sequence[Sequence[Any]]) -> None:
        """Begin with these rows, header included."""
        self.tab.rows.clear()
        fill(self.tab, rows)

    def person(self, do: str, **action: Any) -> None:
        """What a person does; ``before`` lets it wait for a call."""
        self.vendor.person({"do": do, **action})

    def cells(self, columns: str = "ABCD") -> list[list[Any]]:
        """What people see below the header in some columns, cut at the last row that is filled."""
        places = [column_index(letter) for letter in columns]
        rows = [[self.tab.value(row, at) for at in places] for row in range(1, self.tab.used_rows)]
        return [[int(cell) if isinstance(cell, float) and cell.is_integer() else cell for cell in row] for row in rows]

    def column(self, header: str) -> list[Any]:
        """What people see below one header."""
        at = next(at for at in range(self.tab.column_count) if self.tab.value(0, at) == header)
        return [self.tab.value(row, at) for row in range(1, self.tab.used_rows)]

    def calls(self) -> list[str]:
        """Operations called since the last question, tokens apart."""
        names = [call.operation.removeprefix("spreadsheets.") for call in self.vendor.calls]
        self.vendor.calls.clear()
        return [name for name in names if name != "token"]


@pytest.fixture(scope="module")
def served() -> Iterator[Office]:
    """One server for all stories of a module."""
    vendor = GoogleSheets()
    vendor.tokens = Tokens(new_key(1024))
    with running(vendor) as server:
        yield Office(vendor, server.url("google_sheets"))


@pytest.fixture
def office(served: Office) -> Iterator[Office]:
    """The tab of people; a broken contract fails the story that broke it."""
    vendor = served.vendor
    vendor.reset()
    vendor.faults.clear()
    vendor.calls.clear()
    vendor.limits, vendor.retry_after = {"Read": 10_000, "Write": 10_000}, None
    vendor.add(spreadsheet("book", "Office", PEOPLE, "People"))
    yield served
    while served.opened:
        served.opened.pop().close()
    broken = [str(violation) for violation in vendor.violations]
    vendor.violations.clear()
    assert broken == []


def create(number: int, **values: Value) -> Write:
    """A create under op and link numbers."""
    return Write(f"op-{number}", Kind.CREATE, f"B:{number}", {"Name": f"Person {number}", **values})


def change(op_id: str, record: Record, kind: Kind = Kind.UPDATE, **values: Value) -> Write:
    """A write planned from ``record``."""
    return Write(op_id, kind, record.link_id or "link", values, record.id, record.version)


def only(outcomes: Sequence[Outcome]) -> Outcome:
    """The single outcome."""
    (outcome,) = outcomes
    return outcome


def by_name(side: GoogleSheetsSide) -> dict[Any, Record]:
    """Records by their name."""
    with side.snapshot() as snapshot:
        ids = snapshot.listing().frame["id"].to_list()
        return {record.values["Name"]: record for record in snapshot.read(ids).values()}


def keyed(side: GoogleSheetsSide) -> dict[Any, Record]:
    """Records by their name, once all rows carry a link."""
    side.tag([(record.id, f"A:{record.id}") for record in by_name(side).values()])
    return by_name(side)
