"""The quickstart's second story: a sheet, a CRM and the books, kept in agreement as the shipped syncs do it.

Owns the stand-ins' life, on free ports with their data in the quickstart's folder, and what this story claims. People
edit through the stand-ins' own screens, and every claim is read from the stand-ins' own state, never from the engine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from integrations_platform.platform import Platform
from integrations_platform.quickstart.folder import CONTACTS, SHEET, Folder, QuickstartError, readable
from integrations_platform.quickstart.narrator import Narrator
from integrations_platform.quickstart.showing import show_plan, show_run
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.google_sheets import GoogleSheets
from integrations_platform.sandbox.google_sheets.seed import CONTACTS as TAB
from integrations_platform.sandbox.hubspot import HubSpot
from integrations_platform.sandbox.quickbooks import QuickBooks
from integrations_platform.sandbox.quickbooks.quotas import UNLIMITED
from integrations_platform.sandbox.server import SandboxServer
from integrations_platform.unified_sync.report import RunReport, RunStatus
from integrations_platform.unified_sync.store import Role

PEOPLE = 40
MIA, ZOE = "mia.novak@pier-hotel.example", "zoe.novak@pier-hotel.example"
LATER_PHONE, EARLIER_PHONE = "+1 (202) 555-0199", "+1 (202) 555-0111"
APART = 6.0
"""Seconds between two edits whose order is to be proved: the books keep whole seconds, and each service's clock is
known to about one."""


@dataclass(frozen=True)
class Services:
    """The three stand-ins. ``options``: how each is reached."""

    hub: HubSpot
    books: QuickBooks
    sheets: GoogleSheets
    options: Mapping[str, Mapping[str, str]]

    def contacts(self) -> dict[str, Mapping[str, str]]:
        """Live contacts of HubSpot by e-mail."""
        return {
            record.now["email"]: {"id": str(record.id), **record.now} for record in self.hub.portal.live("contacts")
        }

    def customers(self) -> dict[str, list[Mapping[str, Any]]]:
        """Active customers of QuickBooks by e-mail."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for each in self.books.company.records("Customer"):
            if each.get("Active", True):
                found.setdefault(str(each["PrimaryEmailAddr"]["Address"]), []).append(each)
        return found

    def rows(self) -> list[list[str]]:
        """The rows of the tab, cells as text."""
        (tab,) = [tab for book in self.sheets.books.values() for tab in book.tabs if tab.title == TAB]
        return [[str(cell.value) if cell else "" for cell in row] for row in tab.rows[1:] if row and row[0]]


@contextmanager
def running_services(folder: Folder) -> Iterator[Services]:
    """Serve the stand-ins with the data they had, or new data; stopped, and their data kept, on exit."""
    # QuickBooks lets whoever is a moment too fast wait for a minute: that is no part of this story.
    hub, books, sheets = HubSpot(), QuickBooks(limits=UNLIMITED), GoogleSheets()
    with readable(folder.services):
        folder.services.mkdir(parents=True, exist_ok=True)
        for vendor in (hub, books, sheets):
            try:
                vendor.open_state(folder.services / f"{vendor.name}.json", PEOPLE)
            except (ValueError, KeyError, TypeError) as fault:
                what = f"the data of the stand-in for {vendor.name} cannot be used ({fault})"
                raise QuickstartError(f"{what}; run the quickstart again") from fault
        with SandboxServer(hub, books, sheets) as server:
            options = {vendor.name: vendor.options(server.url(vendor.name)) for vendor in (hub, books, sheets)}
            yield Services(hub, books, sheets, _in_files(options, folder.services))


def _in_files(options: dict[str, Mapping[str, str]], folder: Path) -> Mapping[str, Mapping[str, str]]:
    """Options with the service account's key in a file of its own, as people keep theirs."""
    key = folder / "google_sheets-credentials.json"
    key.write_text(options["google_sheets"]["credentials"], encoding="utf-8")
    key.chmod(0o600)
    return {**options, "google_sheets": {**options["google_sheets"], "credentials": str(key)}}


def tell_services(folder: Folder, services: Services, narrator: Narrator) -> None:
    """Tell the story. Raises QuickstartError when it cannot go on."""
    platform = Platform.open(env_file=folder.environment)
    platform.runtime = replace(platform.runtime, progress=narrator.progress)
    try:
        story = _Story(platform, services, narrator)
        story.first_sync()
        story.edits()
        story.conflict()
        story.sheet()
    finally:
        platform.close()


@dataclass
class _Story:
    platform: Platform
    services: Services
    narrator: Narrator

    def run(self, sync: str) -> RunReport:
        report = self.platform.run(self.platform.sync(sync))
        show_run(self.narrator, report)
        return report

    def first_sync(self) -> None:
        """HubSpot and QuickBooks find out whom both know."""
        narrator, services = self.narrator, self.services
        with narrator.step("HubSpot ↔ QuickBooks: stand-ins of both, and their first sync"):
            narrator.say(
                "Stand-ins that speak the services' own APIs were started on this machine. The sync is shipped."
            )
            contacts, customers = services.contacts(), services.customers()
            shared = contacts.keys() & customers.keys()
            narrator.table(("service", "what", "people"), [
                ("hubspot", "contacts", len(contacts)), ("quickbooks", "customers", len(customers)),
                ("both", "with one e-mail", len(shared)),
            ])  # fmt: skip
            spec = self.platform.sync(CONTACTS)
            with self.platform.sides(spec) as sides:
                plan = self.platform.engine(spec).plan(spec, sides)
            show_plan(narrator, plan)
            narrator.claim("planning wrote nothing", services.contacts() == contacts)
            report = self.run(CONTACTS)
            narrator.claim(f"{len(shared)} people were recognised by e-mail", report.counts["linked"] == len(shared),
                           str(report.counts["linked"]))  # fmt: skip
            everybody = contacts.keys() | customers.keys()
            after = services.contacts(), services.customers()
            narrator.claim(f"all {len(everybody)} people are in both now, each once",
                           after[0].keys() == after[1].keys() == everybody
                           and all(len(found) == 1 for found in after[1].values()))  # fmt: skip
            alike = all(
                person.get("city") == found[0].get("BillAddr", {}).get("City")
                and person.get("company") == found[0].get("CompanyName")
                for email, person in after[0].items() for found in [after[1][email]]
            )  # fmt: skip
            narrator.claim("their cities and companies are the same in both, blanks filled from the other side", alike)

    def edits(self) -> None:
        """A new contact whose creation in the books is answered by silence, and one that is deleted."""
        narrator, services = self.narrator, self.services
        with narrator.step("HubSpot → QuickBooks: an answer is lost, a contact is deleted"):
            gone = next(email for email in services.contacts() if email in services.customers())
            services.hub.person({"do": "archive", "type": "contacts", "id": services.contacts()[gone]["id"]})
            values = {"email": MIA, "firstname": "Mia", "lastname": "Novak", "phone": EARLIER_PHONE}
            services.hub.person({"do": "create", "type": "contacts", "properties": values})
            services.books.faults.add(Fault(FaultKind.DROP_AFTER, "customer.write"))
            narrator.say("QuickBooks makes the new customer, and the line goes dead before it can say so.")
            report = self.run(CONTACTS)
            made = services.customers().get(MIA, [])
            narrator.claim("the run asked again, and there is exactly one such customer",
                           len(made) == 1 and report.status is RunStatus.SUCCEEDED,
                           f"{len(made)} customers, {report.status}: {report.message}")  # fmt: skip
            narrator.claim(
                "the customer of the deleted contact is inactive, not gone", gone not in services.customers()
            )

    def conflict(self) -> None:
        """One phone number, changed on both sides, decided by HubSpot's history of that very field."""
        narrator, services = self.narrator, self.services
        with narrator.step("HubSpot ↔ QuickBooks: one field changed on both sides"):
            (customer,) = services.customers()[MIA]
            values = {"PrimaryPhone": {"FreeFormNumber": "+1 (202) 555-0122"}}
            services.books.person({"do": "edit", "kind": "Customer", "id": customer["Id"], "values": values})
            edited = time.monotonic()
            narrator.say("Somebody corrects Mia's phone number in QuickBooks. Then the sheet meets HubSpot:")
            self.run(SHEET)
            contact = services.contacts()[MIA]["id"]
            time.sleep(max(0.0, APART - (time.monotonic() - edited)))
            services.hub.person({"do": "edit", "type": "contacts", "id": contact, "properties": {"phone": LATER_PHONE}})
            narrator.say("Now somebody else corrects it in HubSpot. Who was later?")
            report = self.run(CONTACTS)
            (customer,) = services.customers()[MIA]
            held = services.contacts()[MIA]["phone"], customer["PrimaryPhone"]["FreeFormNumber"]
            narrator.claim("HubSpot's history of that field proves its change the later one: it is in both",
                           held == (LATER_PHONE, LATER_PHONE), str(held))  # fmt: skip
            lines = [stored.entry for stored in self.platform.store.audit(CONTACTS, run_id=report.run_id)]
            lost = [entry.lost or "" for entry in lines if entry.role is Role.LOSER]
            narrator.claim("the number that lost is in the audit", any("555-0122" in text for text in lost), str(lost))

    def sheet(self) -> None:
        """A row typed into the sheet travels to HubSpot and on to QuickBooks."""
        narrator, services = self.narrator, self.services
        with narrator.step("Google Sheets → HubSpot → QuickBooks: a chain"):
            row = len(services.rows()) + 2
            typed = [[ZOE, "Zoë", "Novak", "'+1 (202) 555-0133", "Pier Hotel", "Duluth"]]
            services.sheets.person({"do": "type", "tab": TAB, "at": f"{TAB}!A{row}", "values": typed})
            services.sheets.person({"do": "sort", "tab": TAB, "column": 0})
            narrator.say(f"Somebody types a new row into the sheet ({ZOE}), and sorts it by e-mail.")
            self.run(SHEET)
            narrator.claim(
                "the new row is one contact in HubSpot", services.contacts().get(ZOE, {}).get("city") == "Duluth"
            )
            self.run(CONTACTS)
            made = services.customers().get(ZOE, [])
            narrator.claim(
                "and one customer in QuickBooks", [each.get("CompanyName") for each in made] == ["Pier Hotel"]
            )
            emails = [cells[0].lower() for cells in services.rows()]
            narrator.claim("the sheet holds every contact of HubSpot once, sorted or not",
                           len(emails) == len(set(emails)) and services.contacts().keys() <= set(emails))  # fmt: skip
            again = [self.platform.run(self.platform.sync(name)) for name in (SHEET, CONTACTS)]
            narrator.claim("further runs find nothing to write", not any(report.written for report in again),
                           ", ".join(f"{report.sync}: {report.written}" for report in again))  # fmt: skip
            broken = [violation for vendor in (services.hub, services.books, services.sheets)
                      for violation in vendor.violations]  # fmt: skip
            narrator.claim("no call broke a service's published contract", not broken, str(broken[:1]))
