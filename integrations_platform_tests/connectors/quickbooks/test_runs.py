"""Whole runs between a QuickBooks company and a SQLite database, with faults on the way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations_platform.platform import Platform
from integrations_platform.sandbox.edge import Call
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.quickbooks import QuickBooks
from integrations_platform.sandbox.quickbooks.readings import Readings
from integrations_platform.unified_sync.report import RunReport, RunStatus
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform_tests.connectors.quickbooks.company import Company
from integrations_platform_tests.connectors.quickbooks.conftest import Open

TABLES = """
CREATE TABLE client (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, email TEXT, city TEXT, note TEXT, owed NUMERIC);
CREATE TABLE bill (id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL REFERENCES client, number TEXT UNIQUE,
                   lines TEXT NOT NULL, total NUMERIC);
"""
CLIENTS = """\
name: clients
source: {system: shop, object: client}
target: {system: books, object: customers}
match: [name]
fields:
  name:  {source: name,  target: DisplayName,              type: text}
  email: {source: email, target: PrimaryEmailAddr.Address, type: email, required: false}
  city:  {source: city,  target: BillAddr.City,            type: text, required: false}
  note:  {source: note,  target: Notes,                    type: text, required: false}
  owed:  {source: owed,  target: Balance, type: decimal, scale: 2, required: false, direction: target_to_source}
conflicts: {default: source_wins}
"""
BILLS = """\
name: bills
source: {system: shop, object: bill}
target: {system: books, object: invoices}
match: [number]
fields:
  client: {source: client_id, target: CustomerRef, type: ref, to: clients}
  number: {source: number,    target: DocNumber,   type: text, required: false}
  lines:  {source: lines,     target: Line,        type: json}
  total:  {source: total, target: TotalAmt, type: decimal, scale: 2, required: false, direction: target_to_source}
deletes: {source_to_target: delete, target_to_source: archive}
"""


class Watched(list[Call]):
    """A call log that tells somebody of each call, at the moment it has been carried out and not yet answered."""

    def __init__(self, told: Callable[[Call], None]) -> None:
        super().__init__()
        self.told = told

    def append(self, call: Call) -> None:
        """Log and tell."""
        super().append(call)
        self.told(call)


class Moving:
    """Time that passes by itself and by sleeping, so that nobody sleeps."""

    def __init__(self) -> None:
        self.slept = timedelta()

    def now(self) -> datetime:
        """Here and now."""
        return datetime.now(UTC) + self.slept

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept += timedelta(seconds=seconds)


class Office:
    """The company, the shop's database, and the syncs between them."""

    def __init__(self, folder: Path, company: Company) -> None:
        self.folder, self.company, self.vendor = folder, company, company.vendor
        self.moving = Moving()
        self.changed: dict[str, str] = {}
        (folder / "syncs").mkdir()
        for name, text in (("clients", CLIENTS), ("bills", BILLS)):
            (folder / "syncs" / f"{name}.yaml").write_text(text)
        self.sql(TABLES)

    def sql(self, script: str) -> None:
        """What the shop's people do."""
        with closing(sqlite3.connect(self.folder / "shop.sqlite")) as connection:
            connection.executescript(script)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the shop's people see."""
        with closing(sqlite3.connect(self.folder / "shop.sqlite")) as connection:
            return connection.execute(query).fetchall()

    def write_environment(self) -> Path:
        """The environment file as declared now."""
        options = {**QuickBooks.options(self.company.url), **self.changed}
        listed = ", ".join(f"{name}: '{text}'" for name, text in options.items())
        file = self.folder / "environment.yaml"
        file.write_text(
            f"systems:\n  shop: {{kind: sqlite, path: '{self.folder / 'shop.sqlite'}'}}\n"
            f"  books: {{kind: quickbooks, {listed}, retry: {{attempts: 3}}}}\n"
            f"state: {{url: 'sqlite:///{self.folder / 'state.sqlite'}'}}\n"
        )
        return file

    def platform(self) -> Platform:
        """The platform as a new process opens it."""
        platform = Platform.open(env_file=self.write_environment(), folder=self.folder / "syncs")
        platform.runtime = Runtime(clock=self.moving.now, sleep=self.moving.sleep)
        return platform

    def run(self, name: str = "clients") -> RunReport:
        """One run."""
        platform = self.platform()
        try:
            return platform.run(platform.sync(name), None)
        finally:
            platform.close()

    def settle(self, name: str = "clients") -> list[RunReport]:
        """Run until nothing is written; every run must succeed."""
        reports = []
        for _ in range(5):
            reports.append(self.run(name))
            assert reports[-1].status is RunStatus.SUCCEEDED, (reports[-1].to_data(), self.quarantine(name))
            if not reports[-1].written:
                return reports
        raise AssertionError(f"still writing: {reports[-1].to_data()}")

    def quarantine(self, name: str = "clients") -> list[str]:
        """What is said of quarantined records."""
        platform = self.platform()
        try:
            return [row.message for row in platform.store.quarantined(name)]
        finally:
            platform.close()

    def clients(self) -> dict[str, tuple[Any, ...]]:
        """The shop's clients by name."""
        return {row[0]: row[1:] for row in self.rows("SELECT name, email, city, note FROM client")}

    def customers(self) -> dict[str, tuple[Any, ...]]:
        """The company's active customers by name."""
        return {
            each["DisplayName"]: (each.get("PrimaryEmailAddr", {}).get("Address"), each.get("BillAddr", {}).get("City"),
                                  each.get("Notes"))
            for each in self.company.live()
        }  # fmt: skip

    def named(self, name: str) -> str:
        """The id of a customer."""
        return str(next(each["Id"] for each in self.company.live() if each["DisplayName"] == name))

    def creates(self) -> list[Call]:
        """Requests that asked for a new customer."""
        return [call for call in self.vendor.calls if call.operation == "customer.write" and "Id" not in call.json]


@pytest.fixture
def open_office(tmp_path: Path, open_company: Open) -> Callable[..., Office]:
    """Call it with options of the stand-in."""
    return lambda **options: Office(tmp_path, open_company(**options))


@pytest.fixture
def office(open_office: Callable[..., Office]) -> Iterator[Office]:
    """A shop with three clients."""
    office = open_office()
    add_clients(office, 3)
    return office


def add_clients(office: Office, count: int) -> None:
    """Clients C0, C1, …"""
    values = ",".join(f"('C{n}', 'c{n}@example.org', 'City {n}', NULL)" for n in range(count))
    office.sql(f"INSERT INTO client (name, email, city, note) VALUES {values}")


def test_both_sides_agree_after_changes_on_either_and_then_nothing_is_written(office: Office) -> None:
    office.company.person("create", values={"DisplayName": "C1", "Notes": "known to the books"})
    office.company.person("create", values={"DisplayName": "Only in the books"})
    office.settle()
    assert office.clients() == office.customers()
    assert set(office.clients()) == {"C0", "C1", "C2", "Only in the books"}
    assert office.clients()["C1"] == ("c1@example.org", "City 1", "known to the books")
    office.sql("UPDATE client SET city = 'Oslo', email = NULL WHERE name = 'C0'")
    office.company.person("edit", id=office.named("C1"), values={"DisplayName": "Renamed", "Notes": "new"})
    reports = office.settle()
    assert office.clients() == office.customers()
    assert office.clients()["C0"] == (None, "Oslo", None)
    assert "Renamed" in office.clients()
    assert len(reports) == 2
    writes = len([call for call in office.vendor.calls if call.method == "POST" and call.operation != "query"])
    office.settle()
    assert writes == len([call for call in office.vendor.calls if call.method == "POST" and call.operation != "query"])


def test_an_invoice_made_by_a_person_changes_the_balance_and_is_no_change_of_the_customer(office: Office) -> None:
    for bumps in (False, True):
        office.vendor.read_otherwise(derived_changes_bump_token=bumps)
        office.settle()
        line = {"Amount": 5, "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {"ItemRef": {"value": office.company.item(f"Bolt {bumps}")}}}  # fmt: skip
        values = {"CustomerRef": {"value": office.named("C0")}, "Line": [line]}
        made = office.company.person("create", "Invoice", values=values)
        (first, last) = office.settle()
        assert first.written == 1, "the balance, to the shop"
        office.company.person("pay", "Invoice", id=made["Id"], amount="5")
        office.settle()
        assert last.written == 0
    assert office.rows("SELECT owed FROM client WHERE name = 'C0'") == [(0,)]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.DROP_AFTER, "customer.write", nth=2),
        Fault(FaultKind.COMMIT_THEN_500, "customer.write", nth=1),
        Fault(FaultKind.HTML, "customer.write", nth=1),
        Fault(FaultKind.STATUS, "customer.write", nth=2, status=429),
        Fault(FaultKind.STATUS, "customer.write", nth=1, status=429, retry_after="7"),
        Fault(FaultKind.EXPIRE_TOKEN, "customer.write", nth=2),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.operation}-{fault.nth}-{fault.retry_after}",
)
def test_a_fault_on_the_way_doubles_and_loses_nothing(office: Office, fault: Fault) -> None:
    office.vendor.faults.add(fault)
    for _ in range(3):
        if not (report := office.run()).written and report.status is RunStatus.SUCCEEDED:
            break
    office.settle()
    assert office.clients() == office.customers()
    assert len(office.vendor.company.records("Customer")) == 3
    assert office.quarantine() == []
    refreshed = [call for call in office.vendor.calls if call.operation == "token"]
    assert len(refreshed) == (1 if fault.kind is FaultKind.EXPIRE_TOKEN else 0)
    if fault.status == 429:  # part of the wait passes by itself
        assert office.moving.slept.total_seconds() >= (2 if fault.retry_after else 40)


def test_many_lost_answers_in_a_row_make_no_second_record(office: Office) -> None:
    office.vendor.faults.add(Fault(FaultKind.DROP_AFTER, "customer.write", probability=0.5, times=12))
    office.vendor.faults.add(Fault(FaultKind.COMMIT_THEN_500, "batch", probability=0.5, times=6))
    for round_ in range(5):
        office.sql(f"UPDATE client SET note = 'round {round_}'; INSERT INTO client (name) VALUES ('N{round_}')")
        office.run()
    office.vendor.faults.clear()
    office.run()
    office.settle()
    assert office.clients() == office.customers()
    assert len(office.vendor.company.records("Customer")) == 8


@pytest.mark.parametrize(
    "readings",
    [
        Readings(requestid_in_batch=False),
        Readings(requestid_replays_faults=True),
        Readings(sparse_merges_objects=True, derived_changes_bump_token=True),
        Readings(ids_as_text=True, any_case_matches=False, empty_page_has_positions=True, retry_after=60),
    ],
    ids=["batches-not-replayed", "faults-replayed", "sparse-merges", "text-ids"],
)
def test_it_ends_the_same_whichever_way_the_vendors_silence_is_read(
    open_office: Callable[..., Office], readings: Readings
) -> None:
    office = open_office(readings=readings)
    add_clients(office, 6)
    office.vendor.faults.add(Fault(FaultKind.DROP_AFTER, "customer.write", nth=3))
    office.run()
    office.settle()
    office.sql("UPDATE client SET city = NULL, note = 'n'")
    office.company.person("edit", id=office.named("C3"), values={"Notes": "kept", "CompanyName": "beside"})
    office.vendor.faults.add(Fault(FaultKind.DROP_AFTER, "batch"))
    office.run()
    office.settle()
    assert office.clients() == office.customers()
    assert len(office.vendor.company.records("Customer")) == 6
    assert office.customers()["C3"] == ("c3@example.org", None, "n")


def test_a_run_killed_after_its_create_arrived_is_finished_by_the_next_without_a_second_record(office: Office) -> None:
    reached = threading.Event()

    def tell(call: Call) -> None:
        if call.operation == "customer.write":
            reached.set()

    office.vendor.calls = Watched(tell)
    office.vendor.faults.add(Fault(FaultKind.SLOW, "customer.write", seconds=60))
    script = (
        "import sys; from pathlib import Path; from integrations_platform.platform import Platform\n"
        "platform = Platform.open(env_file=Path(sys.argv[1]), folder=Path(sys.argv[2]))\n"
        "platform.run(platform.sync('clients'), None)\n"
    )
    arguments = [sys.executable, "-c", script, str(office.write_environment()), str(office.folder / "syncs")]
    with subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as victim:
        assert reached.wait(60), "the create reached QuickBooks"
        victim.send_signal(signal.SIGKILL)
    assert len(office.vendor.company.records("Customer")) == 1
    office.moving.sleep(600)  # its lease runs out
    office.settle()
    assert office.clients() == office.customers()
    assert len(office.vendor.company.records("Customer")) == 3


def test_a_persons_edit_between_reading_and_writing_is_merged_and_not_gone_over(office: Office) -> None:
    office.settle()
    office.sql("UPDATE client SET city = 'Oslo', note = 'ours' WHERE name = 'C0'")
    counted: list[str] = []

    def edit_once(call: Call) -> None:
        if b"COUNT(*)" in call.body:
            counted.append("counted")
            if len(counted) == 2:  # the listing is over, the write is yet to come
                values = {"CompanyName": "beside", "PrimaryEmailAddr": {"Address": "new@example.org"}}
                office.company.person("edit", id=office.named("C0"), values=values)

    office.vendor.calls = Watched(edit_once)
    first = office.run()
    assert first.counts["stale_b"] == 1, first.to_data()
    office.settle()
    assert office.clients()["C0"] == office.customers()["C0"] == ("new@example.org", "Oslo", "ours")


def test_a_deactivated_customer_is_archived_in_the_shop_and_comes_back_with_its_name(office: Office) -> None:
    office.settle()
    gone = office.named("C1")
    office.company.person("deactivate", id=gone)
    office.settle()
    assert set(office.clients()) == {"C0", "C2"}
    office.company.person("reactivate", id=gone)
    office.settle()
    assert office.clients() == office.customers()
    assert set(office.clients()) == {"C0", "C1", "C2"}


def test_a_row_deleted_in_the_shop_makes_the_customer_inactive(office: Office) -> None:
    office.settle()
    office.sql("DELETE FROM client WHERE name = 'C2'")
    office.settle()
    assert set(office.customers()) == {"C0", "C1"}
    assert [each["DisplayName"] for each in office.vendor.company.records("Customer") if not each["Active"]] == [
        "C2 (deleted)"
    ]
    office.settle()


def test_a_name_a_vendor_has_keeps_one_record_waiting_and_no_other(office: Office) -> None:
    vendor = office.company.person("create", "Vendor", values={"DisplayName": "c1"})
    report = office.run()
    assert set(office.customers()) == {"C0", "C2"}
    assert report.status is not RunStatus.FAILED
    (said,) = office.quarantine()
    assert f"taken by Vendor {vendor['Id']}" in said


def test_the_wrong_company_stops_the_run_before_any_write(office: Office) -> None:
    office.changed = {"realm_id": "77"}
    report = office.run()
    assert report.status is RunStatus.FAILED
    assert report.exit_code == 2
    assert "QUICKBOOKS_REALM_ID" in report.message
    assert office.creates() == []


def test_a_token_that_ends_during_a_run_is_renewed_once_and_kept_for_the_next_run(office: Office) -> None:
    office.vendor.tokens.rotates_always = True
    office.vendor.clock.advance(3700)
    office.settle()
    assert office.clients() == office.customers()
    assert office.vendor.tokens.refreshes == 1
    state = (office.folder / "state.sqlite").read_bytes()
    for secret in (b"sandbox-refresh-1", b"sandbox-access-1", b"sandbox-client-secret"):
        assert secret not in state


def test_invoices_follow_their_customers_and_totals_come_back(office: Office) -> None:
    item = office.company.item()
    lines = json.dumps([{"item": item, "quantity": 2, "unit_price": 2.5, "description": "Bolts"}])
    office.sql(f"INSERT INTO bill (client_id, number, lines) VALUES (1, 'B-1', '{lines}'), (2, 'B-2', '{lines}')")
    report = office.run("bills")
    assert office.vendor.company.records("Invoice") == [], "their customers are not there yet"
    assert report.written == 0
    office.settle("clients")
    office.vendor.faults.add(Fault(FaultKind.DROP_AFTER, "invoice.write"))
    office.run("bills")
    office.settle("bills")
    made = office.vendor.company.records("Invoice")
    assert sorted(each["DocNumber"] for each in made) == ["B-1", "B-2"]
    assert {each["CustomerRef"]["name"] for each in made} == {"C0", "C1"}
    assert office.rows("SELECT DISTINCT total FROM bill") == [(5,)]
    more = json.dumps([{"item": item, "quantity": 4, "unit_price": 2.5, "description": "Bolts"}])
    office.sql(f"UPDATE bill SET lines = '{more}' WHERE number = 'B-1'")
    office.settle("bills")
    assert sorted(int(each["TotalAmt"]) for each in office.vendor.company.records("Invoice")) == [5, 10]
    office.sql("DELETE FROM bill WHERE number = 'B-2'")
    office.settle("bills")
    assert [each["DocNumber"] for each in office.vendor.company.records("Invoice")] == ["B-1"]


def test_an_invoice_that_only_its_requestid_protects_is_made_once(office: Office) -> None:
    lines = json.dumps([{"item": office.company.item(), "quantity": 2, "unit_price": 2.5}])
    office.settle("clients")
    office.sql(f"INSERT INTO bill (client_id, lines) VALUES (1, '{lines}'), (1, '{lines}')")  # alike, without numbers
    office.vendor.faults.add(Fault(FaultKind.DROP_AFTER, "invoice.write", times=2))
    office.run("bills")
    office.settle("bills")
    assert len(office.vendor.company.records("Invoice")) == 2
