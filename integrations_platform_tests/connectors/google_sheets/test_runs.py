"""Real runs of the engine between a tab and a table: what networks do, and what people do while it runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integrations_platform.connectors import open_side
from integrations_platform.connectors.budgets import Allowance, Budget
from integrations_platform.declarations import find_sync
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.google_sheets.tokens import EMAIL
from integrations_platform.state import open_store
from integrations_platform.unified_sync.calls import CallPolicy
from integrations_platform.unified_sync.engine import Engine, Request
from integrations_platform.unified_sync.forms import bound_columns
from integrations_platform.unified_sync.port import ErrorKind, Side
from integrations_platform.unified_sync.report import RunReport, RunStatus
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import SIDES, SideName
from integrations_platform_tests.connectors.google_sheets.conftest import Office

SYNC = """\
name: people
source: {system: office, object: People}
target: {system: shop, object: person}
match: [email]
fields:
  email:   {source: Email,   target: email,   type: email}
  name:    {source: Name,    target: name,    type: text}
  balance: {source: Balance, target: balance, type: decimal, scale: 2, required: false}
"""
TABLE = "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, balance NUMERIC(10, 2))"
WRITE = "spreadsheets.batchUpdate"


@dataclass
class Shop:
    """A tab, a table, and the sync between them; each run is a new process as far as memory goes."""

    office: Office
    folder: Path
    sync: str = SYNC
    state: str = "state"

    def __post_init__(self) -> None:
        self.sql(TABLE)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a user of the table does or sees."""
        with sqlite3.connect(self.folder / "shop.sqlite") as connection:
            return connection.execute(statement, values).fetchall()

    def people(self) -> list[tuple[Any, ...]]:
        """The table as its user sees it."""
        return self.sql("SELECT email, name, balance FROM person ORDER BY email")

    def run(self, request: Request | None = None) -> RunReport:
        """One run; every operation has an outcome."""
        clock = self.office.vendor.clock
        file = self.folder / "people.yaml"
        file.write_text(self.sync, encoding="utf-8")
        spec = find_sync(file, self.folder)
        budget = Budget("office", "robot", Allowance(buckets={"read": (), "write": ()}), clock=clock.now,
                        sleep=clock.advance)  # fmt: skip
        addresses: dict[str, Any] = {
            "office": ("google_sheets", self.office.options()),
            "shop": ("sqlite", str(self.folder / "shop.sqlite")),
        }
        sides: dict[SideName, Side] = {}
        for name in SIDES:
            side = spec.side(name)
            kind, address = addresses[side.system]
            sides[name] = open_side(side.system, kind, address, side, bound_columns(spec, name), spec.name, name,
                                    clock.now, budget)  # fmt: skip
        store = open_store(f"sqlite:///{self.folder / self.state}.sqlite", clock=clock.now)
        try:
            engine = Engine(store, Runtime(clock=clock.now, sleep=clock.advance), {spec.name: spec},
                            {"office": CallPolicy(backoff=0.01)})  # fmt: skip
            report = engine.run(spec, sides, request)
        finally:
            store.close()
            for opened in sides.values():
                opened.close()
        assert report.unaccounted() == {"A": 0, "B": 0}, report.to_data()
        return report

    def settle(self, most: int = 4) -> RunReport:
        """Run until nothing is written; the last report."""
        for _ in range(most):
            report = self.run()
            if not report.written:
                return report
        raise AssertionError(f"still writing after {most} runs: {report.to_data()}")


@pytest.fixture
def shop(office: Office, tmp_path: Path) -> Iterator[Shop]:
    """The tab of Ann, Bob and Cy, and a table that knows Bob and Dora."""
    found = Shop(office, tmp_path)
    found.sql("INSERT INTO person (email, name, balance) VALUES ('BOB@x.org', 'Bob', 2), ('dora@x.org', 'Dora', 0.1)")
    return found


def test_both_sides_come_to_hold_the_same_people_and_then_rest(shop: Shop) -> None:
    assert shop.run().status is RunStatus.SUCCEEDED
    assert [row[:3] for row in shop.office.cells()] == [
        ["Ann", "ann@x.org", 1.5], ["Bob", "bob@x.org", 2], ["Cy", "cy@x.org", None], ["Dora", "dora@x.org", 0.1]
    ]  # fmt: skip
    assert shop.people() == [("BOB@x.org", "Bob", 2), ("ann@x.org", "Ann", 1.5), ("cy@x.org", "Cy", None),
                             ("dora@x.org", "Dora", 0.1)]  # fmt: skip
    assert shop.office.column("Note") == ["vip", None, "late", None]
    shop.settle()
    shop.office.calls()
    assert not shop.run().written
    assert shop.office.calls() == ["get", "values.batchGet", "values.batchGet"]


def test_a_dry_run_leaves_the_tab_as_it_is(shop: Shop) -> None:
    report = shop.run(Request(dry_run=True))
    assert report.status is RunStatus.SUCCEEDED
    assert set(shop.office.calls()) == {"get", "values.batchGet"}
    assert shop.office.vendor.books["book"].version == 1


def test_edits_clears_new_rows_and_deletes_travel_both_ways(shop: Shop) -> None:
    shop.settle()
    shop.office.person("type", at="A2", values=[["Anna", None, ""]])
    shop.office.person("type", at="A6", values=[["Eve", "eve@x.org", 3]])
    shop.sql("UPDATE person SET name = 'Bobby' WHERE email = 'BOB@x.org'")
    shop.sql("INSERT INTO person (email, name, balance) VALUES ('fay@x.org', 'Fay', 12.34)")
    shop.settle()
    assert shop.sql("SELECT name, balance FROM person WHERE email IN ('ann@x.org', 'eve@x.org') ORDER BY email") == [
        ("Anna", None), ("Eve", 3)
    ]  # fmt: skip
    assert [row[:3] for row in shop.office.cells()][1] == ["Bobby", "bob@x.org", 2]
    assert [row[:3] for row in shop.office.cells()][-1] == ["Fay", "fay@x.org", 12.34]
    shop.sql("DELETE FROM person WHERE email = 'fay@x.org'")
    shop.office.person("delete_rows", row=6)
    shop.settle()
    assert [email for email, *_ in shop.people()] == ["BOB@x.org", "ann@x.org", "cy@x.org", "dora@x.org"]
    assert shop.office.column("_deleted") == [None, None, None, None, True]


@pytest.mark.parametrize("kind", [FaultKind.COMMIT_THEN_500, FaultKind.DROP_AFTER, FaultKind.TRUNCATE])
def test_a_lost_answer_makes_nobody_twice(shop: Shop, kind: FaultKind) -> None:
    for number in range(5):
        shop.sql("INSERT INTO person (email, name) VALUES (?, ?)", f"p{number}@x.org", f"P{number}")
    for nth in (1, 2, 3):
        shop.office.vendor.faults.add(Fault(kind, WRITE, nth=nth))
    while shop.run().status is not RunStatus.SUCCEEDED:
        assert shop.office.vendor.faults.waiting or shop.office.vendor.clock.advance(600) is None
    shop.settle()
    names = shop.office.column("Name")
    assert sorted(names) == ["Ann", "Bob", "Cy", "Dora", "P0", "P1", "P2", "P3", "P4"]
    assert len(shop.people()) == 9


def test_a_lost_answer_to_an_update_is_asked_about_by_its_receipt(shop: Shop) -> None:
    shop.settle()
    shop.sql("UPDATE person SET name = 'Bobby' WHERE email = 'BOB@x.org'")
    shop.office.vendor.faults.add(Fault(FaultKind.DROP_AFTER, WRITE))
    shop.office.calls()
    assert shop.run().status is RunStatus.SUCCEEDED
    assert shop.office.calls().count("batchUpdate") == 1
    assert shop.office.column("Name")[1] == "Bobby"


def test_rows_sorted_during_a_run_end_up_with_their_own_values(shop: Shop) -> None:
    shop.settle()
    shop.sql("UPDATE person SET name = name || '!' WHERE email IN ('ann@x.org', 'cy@x.org')")
    shop.office.person("sort", column=0, descending=True, before=WRITE)
    shop.settle()
    assert {row[1]: row[0] for row in shop.office.cells()} == {
        "ann@x.org": "Ann!", "BOB@x.org".lower(): "Bob", "cy@x.org": "Cy!", "dora@x.org": "Dora"
    }  # fmt: skip
    assert {email.lower(): name for email, name, _ in shop.people()} == {
        row[1]: row[0] for row in shop.office.cells()
    }  # fmt: skip


def test_a_row_deleted_while_it_is_written_harms_no_other(shop: Shop) -> None:
    shop.settle()
    shop.sql("UPDATE person SET balance = 99 WHERE email = 'BOB@x.org'")
    shop.office.person("delete_rows", row=3, before=WRITE)
    shop.run()
    shop.settle()
    assert {row[1]: row[2] for row in shop.office.cells() if row[1].lower() != "bob@x.org"} == {
        "ann@x.org": 1.5, "cy@x.org": None, "dora@x.org": 0.1
    }  # fmt: skip
    assert {email: balance for email, _, balance in shop.people() if email != "BOB@x.org"} == {
        "ann@x.org": 1.5, "cy@x.org": None, "dora@x.org": 0.1
    }  # fmt: skip


def test_text_that_looks_like_a_formula_stays_text_on_both_sides(shop: Shop) -> None:
    shop.sql("INSERT INTO person (email, name) VALUES ('m@x.org', '=HYPERLINK(\"http://x.invalid\")')")
    shop.office.person("type", at="A5", values=[["'=cmd|calc", "n@x.org"]])
    shop.settle()
    names = dict(zip(shop.office.column("Email"), shop.office.column("Name"), strict=True))
    assert (names["m@x.org"], names["n@x.org"]) == ('=HYPERLINK("http://x.invalid")', "=cmd|calc")
    assert shop.sql("SELECT name FROM person WHERE email = 'n@x.org'") == [("=cmd|calc",)]
    assert not any(cell is not None and cell.formula for row in shop.office.tab.rows for cell in row)


@pytest.mark.parametrize("kind", [FaultKind.CUT_JSON, FaultKind.TRUNCATE, FaultKind.HTML, FaultKind.DROP_AFTER])
def test_an_answer_with_a_token_that_is_cut_short_is_asked_for_again(shop: Shop, kind: FaultKind) -> None:
    shop.office.vendor.faults.add(Fault(kind, "token"))
    assert shop.run().status is RunStatus.SUCCEEDED
    assert len(shop.people()) == 4


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"do": "rename_header", "column": 1, "header": "Mail"}, "no column 'Email'"),
        ({"do": "rename_header", "column": 3, "header": " EMAIL"}, "'Email' twice, in B1 and D1"),
        ({"do": "merge", "range": "A3:A4"}, "merged cells in synced columns: A3:A4"),
        ({"do": "delete_rows", "row": 1}, "no column 'Name'"),
        ({"do": "share", "role": "none"}, f"share the spreadsheet with {EMAIL} as Editor"),
        ({"do": "rename_tab", "title": "Folk"}, "has no tab 'People'"),
    ],
)
def test_what_people_did_to_the_tab_stops_the_run_before_any_write(shop: Shop, edit: dict[str, Any], said: str) -> None:
    shop.settle()
    before = shop.people()
    shop.office.person(**edit)
    shop.sql("UPDATE person SET name = 'Bobby' WHERE email = 'BOB@x.org'")
    shop.office.calls()
    report = shop.run()
    assert (report.status, report.fault) == (RunStatus.FAILED, ErrorKind.CONFIGURATION)
    assert said in report.message
    assert "batchUpdate" not in shop.office.calls()
    assert [row[0] for row in shop.people()] == [row[0] for row in before]


def test_an_empty_tab_is_no_mass_delete(shop: Shop) -> None:
    shop.settle()
    shop.office.tab.rows.clear()
    report = shop.run()
    assert report.fault is ErrorKind.CONFIGURATION
    assert "has no header: row 1 is empty" in report.message
    assert len(shop.people()) == 4


def test_rows_that_all_vanished_at_once_are_not_deleted_on_the_other_side(shop: Shop) -> None:
    for number in range(30):
        shop.sql("INSERT INTO person (email, name) VALUES (?, ?)", f"p{number}@x.org", f"P{number}")
    shop.settle()
    del shop.office.tab.rows[1:]
    report = shop.run()
    assert report.status is RunStatus.REFUSED
    assert len(shop.people()) == 34


def test_a_full_minute_a_token_that_ends_and_a_gateway_are_lived_through(shop: Shop) -> None:
    faults = shop.office.vendor.faults
    faults.add(Fault(FaultKind.STATUS, "spreadsheets.values.batchGet", retry_after="30"))
    faults.add(Fault(FaultKind.STATUS, WRITE))
    faults.add(Fault(FaultKind.HTML, "spreadsheets.get"))
    faults.add(Fault(FaultKind.EXPIRE_TOKEN, WRITE, nth=2))
    began = shop.office.vendor.clock.now()
    assert shop.run().status is RunStatus.SUCCEEDED
    assert (shop.office.vendor.clock.now() - began).total_seconds() >= 30 + 20
    assert len(shop.people()) == 4
    assert len(shop.office.cells()) == 4


def test_links_survive_the_loss_of_the_whole_state(shop: Shop) -> None:
    shop.settle()
    shop.office.person("type", at="B2", values=[["ann@elsewhere.org"]])
    shop.settle()
    shop.state = "another"
    shop.settle()
    assert sorted(email for email, *_ in shop.people()) == ["BOB@x.org", "ann@elsewhere.org", "cy@x.org", "dora@x.org"]
    assert len(shop.office.cells()) == 4


def test_a_copied_row_is_left_alone_until_its_key_is_cleared(shop: Shop) -> None:
    shop.settle()
    shop.office.person("duplicate_row", row=2)
    shop.office.person("type", at="A6", values=[["Ann's brother", "brother@x.org"]])
    shop.settle()
    assert len(shop.people()) == 4
    key = [cell.value if cell else None for cell in shop.office.tab.rows[0]].index("_sync_id")
    shop.office.tab.rows[5][key] = None
    shop.settle()
    assert ("brother@x.org", "Ann's brother", 1.5) in shop.people()
    assert len(shop.people()) == 5


def test_a_formula_is_never_overwritten_and_says_where_it_stands(shop: Shop) -> None:
    shop.settle()
    shop.office.person("type", at="C3", values=[["=C2*2"]])
    shop.settle()
    assert shop.sql("SELECT balance FROM person WHERE email = 'BOB@x.org'") == [(3,)]
    shop.sql("UPDATE person SET balance = 77 WHERE email = 'BOB@x.org'")
    report = shop.run()
    assert report.counts["rejected_a"] == 1
    cell = shop.office.tab.rows[2][2]
    assert cell is not None
    assert cell.formula == "=C2*2"
    store = open_store(f"sqlite:///{shop.folder / 'state.sqlite'}")
    try:
        (row,) = store.quarantined("people")
        assert "C3 of tab 'People' (column Balance) holds a formula" in row.message
    finally:
        store.close()
