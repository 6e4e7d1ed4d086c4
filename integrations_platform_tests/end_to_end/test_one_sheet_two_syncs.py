"""Two declared syncs over one tab, each with links of its own: what one learns travels through the sheet to the other.

Run as the platform runs them, on the stand-in of Google Sheets and two real tables; what became of it is read from the
tab's own cells and by SQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations_platform.platform import Platform
from integrations_platform.sandbox.google_sheets import GoogleSheets
from integrations_platform.sandbox.google_sheets.book import Tab
from integrations_platform.sandbox.google_sheets.seed import spreadsheet
from integrations_platform.settings import load_settings
from integrations_platform_tests.sandbox.running import running

PEOPLE = [["Email", "Name", "Phone", "City"], ["ann@x.org", "Ann", "1", "Austin"], ["bob@x.org", "Bob", None, "Boston"]]
CUSTOMERS = """
name: customers
source: {system: office, object: People}
target: {system: billing, object: customer}
match: [email]
fields:
  email: {source: Email, target: email, type: email}
  name:  {source: Name,  target: name,  type: text, required: false}
  phone: {source: Phone, target: phone, type: text, required: false}
conflicts: {default: source_wins}
deletes: {source_to_target: archive, target_to_source: archive}
"""
MEMBERS = """
name: members
source: {system: office, object: People}
target: {system: club, object: member}
match: [email]
fields:
  email: {source: Email, target: address, type: email}
  name:  {source: Name,  target: name,    type: text, required: false, direction: source_to_target}
  city:  {source: City,  target: city,    type: text, required: false}
conflicts: {default: source_wins}
deletes: {source_to_target: ignore, target_to_source: ignore}
"""
SYNCS = ("customers", "members")


@dataclass
class Office:
    """The tab, both tables, and a platform that is opened anew for every run."""

    sheets: GoogleSheets
    folder: Path

    @property
    def tab(self) -> Tab:
        """The tab as it is stored."""
        return self.sheets.books["book"].tabs[0]

    def run(self, *names: str) -> list[int]:
        """Run these syncs; how many records each wrote."""
        platform = Platform(load_settings(env_file=self.folder / "env.yaml", environ={}), folder=self.folder / "syncs")
        try:
            reports = [platform.run(platform.sync(name)) for name in names]
        finally:
            platform.close()
        assert [(report.status, report.message) for report in reports] == [("succeeded", "")] * len(names)
        return [report.written for report in reports]

    def settle(self) -> None:
        """Run both until neither writes."""
        for _ in range(4):
            if not any(self.run(*SYNCS)):
                return
        raise AssertionError("still writing")

    def sql(self, database: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the people of a table do and see."""
        with closing(sqlite3.connect(self.folder / f"{database}.sqlite")) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def column(self, header: str) -> list[Any]:
        """What people see below one header."""
        at = next(at for at in range(self.tab.column_count) if self.tab.value(0, at) == header)
        return [self.tab.value(row, at) for row in range(1, self.tab.used_rows)]

    def everybody(self) -> tuple[list[Any], list[Any], list[Any]]:
        """E-mails in the tab and in both tables, in order."""
        customers = self.sql("billing", "SELECT email FROM customer")
        members = self.sql("club", "SELECT address FROM member")
        return (sorted(self.column("Email")), sorted(email for (email,) in customers),
                sorted(email for (email,) in members))  # fmt: skip

    def links(self) -> dict[str, list[Any]]:
        """Per column of ours, what each person's row holds."""
        emails = self.column("Email")
        headers = [self.tab.value(0, at) for at in range(self.tab.column_count)]
        mine = [str(header) for header in headers if str(header or "").startswith("_")]
        assert len(mine) == len(set(mine))
        return {header: sorted(zip(emails, self.column(header), strict=True)) for header in mine}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    sheets = GoogleSheets()
    sheets.limits = {"Read": 10_000, "Write": 10_000}
    sheets.add(spreadsheet("book", "Office", PEOPLE, "People"))
    with running(sheets) as server:
        systems = {
            "office": {"kind": "google_sheets", **sheets.options(server.url("google_sheets"))},
            "billing": {"kind": "sqlite", "path": f"{tmp_path}/billing.sqlite"},
            "club": {"kind": "sqlite", "path": f"{tmp_path}/club.sqlite"},
        }
        settings = {"systems": systems, "state": {"url": f"sqlite:///{tmp_path}/state.sqlite"}}
        (tmp_path / "env.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        (tmp_path / "syncs").mkdir()
        for name, text in zip(SYNCS, (CUSTOMERS, MEMBERS), strict=True):
            (tmp_path / "syncs" / f"{name}.yaml").write_text(text, encoding="utf-8")
        found = Office(sheets, tmp_path)
        found.sql("billing", "CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, phone TEXT)")
        found.sql("club", "CREATE TABLE member (id INTEGER PRIMARY KEY, address TEXT UNIQUE, name TEXT, city TEXT)")
        found.sql("billing", "INSERT INTO customer (email, name, phone) VALUES ('cy@x.org', 'Cy', '3')")
        found.sql("club", "INSERT INTO member (address, city) VALUES ('bob@x.org', 'Boston')")
        yield found


def test_each_sync_has_a_link_column_of_its_own_and_both_share_the_key(office: Office) -> None:
    office.settle()
    everybody = ["ann@x.org", "bob@x.org", "cy@x.org"]
    assert office.everybody() == (everybody, everybody, everybody)
    links = office.links()
    assert len(links) == 3, "the key, and a column for each sync"
    assert all(value for held in links.values() for _, value in held)
    assert office.sql("club", "SELECT name FROM member WHERE address = 'cy@x.org'") == [("Cy",)]


def test_edits_and_new_rows_of_one_table_reach_the_other_through_the_sheet_in_whatever_order_it_stands(
    office: Office,
) -> None:
    office.settle()
    office.sql("billing", "UPDATE customer SET name = 'Anna' WHERE email = 'ann@x.org'")
    office.sql("club", "INSERT INTO member (address, city) VALUES ('eve@x.org', 'Duluth')")
    office.run("customers")
    office.sheets.person({"do": "sort", "tab": "People", "column": 0, "descending": True})
    office.run("members")
    office.settle()
    assert office.sql("club", "SELECT name FROM member WHERE address = 'ann@x.org'") == [("Anna",)]
    assert office.sql("billing", "SELECT count(*) FROM customer WHERE email = 'eve@x.org'") == [(1,)]
    tab, customers, members = office.everybody()
    assert tab == customers == members
    assert dict(zip(office.column("Email"), office.column("City"), strict=True))["eve@x.org"] == "Duluth"


@pytest.mark.parametrize("order", [SYNCS, SYNCS[::-1]], ids=" then ".join)
def test_the_loss_of_all_memory_doubles_nobody_and_moves_no_link(office: Office, order: tuple[str, ...]) -> None:
    office.sql("club", "INSERT INTO member (address, city) VALUES ('eve@x.org', 'Duluth')")
    office.settle()
    before = office.everybody(), office.links()
    for path in office.folder.glob("state.sqlite*"):
        path.unlink()
    office.sheets.person({"do": "sort", "tab": "People", "column": 3})
    assert office.run(*order) == [0, 0]
    assert (office.everybody(), office.links()) == before


def test_a_row_that_goes_by_one_sync_is_no_loss_for_the_other(office: Office) -> None:
    office.settle()
    office.sheets.person({"do": "delete_rows", "tab": "People", "row": 2})
    office.settle()
    gone = "ann@x.org"
    assert (gone in office.everybody()[1], gone in office.everybody()[2]) == (False, True)
