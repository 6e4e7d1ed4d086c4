"""The declared syncs that are shipped, as shipped, on the three stand-ins and a real PostgreSQL.

Run as `data_sync_unified` in Dagster and as `sync unified` at a terminal, with the configurations the documentation
gives. What became of it is read from the stand-ins' own state, not through the engine.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
import yaml
from click.testing import CliRunner

from integrations_platform.cli import cli
from integrations_platform.definitions import build_definitions
from integrations_platform.jobs import load_catalogue
from integrations_platform.sandbox import town
from integrations_platform.sandbox.google_sheets import GoogleSheets
from integrations_platform.sandbox.google_sheets.seed import CONTACTS
from integrations_platform.sandbox.hubspot import HubSpot
from integrations_platform.sandbox.hubspot.seed import ARTICLE
from integrations_platform.sandbox.quickbooks import QuickBooks
from integrations_platform.sandbox.quickbooks.quotas import UNLIMITED
from integrations_platform.sandbox.vendor import Vendor
from integrations_platform_tests.sandbox.running import running
from integrations_platform_tests.servers import Server

DOCUMENTED = {
    "source_type": "hubspot", "target_type": "quickbooks", "direction": "bidirectional", "batch_size": 50,
    "dry_run": False,
}  # fmt: skip
FROM_THE_SHEET = {"source_type": "google_sheets", "target_type": "hubspot", "direction": "source_to_target"}
ITEMS = {"source_type": "quickbooks", "target_type": "postgresql"}
SIZE = 20
ARTICLE_TABLE = """
CREATE TABLE article (
    sku text PRIMARY KEY, name text NOT NULL UNIQUE, kind text NOT NULL DEFAULT 'Service',
    income_account text NOT NULL DEFAULT '1', price numeric(12, 2), description text,
    updated_at timestamptz NOT NULL DEFAULT now()
)"""


@dataclass
class Firm:
    """Three stand-ins and a database; ``file`` is the environment that names them as the shipped syncs do."""

    hub: HubSpot
    books: QuickBooks
    sheets: GoogleSheets
    billing: str
    file: Path

    def dagster(self, config: Mapping[str, Any]) -> dg.ExecuteInProcessResult:
        """The job in this process, with the package's own declarations."""
        definitions = build_definitions(load_catalogue(env_file=self.file))
        with dg.DagsterInstance.ephemeral() as instance:
            return definitions.resolve_job_def("data_sync_unified").execute_in_process(
                instance=instance, run_config={"ops": {"sync_pair": {"config": dict(config)}}}, raise_on_error=False
            )

    def cli(self, config: Mapping[str, Any], code: int = 0) -> Any:
        """The command; its JSON."""
        words = ["--env-file", str(self.file), "sync", "unified", "--config", json.dumps(config), "--json"]
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    def contacts(self) -> dict[str, dict[str, str]]:
        """Live contacts by e-mail."""
        return {record.now["email"]: record.now for record in self.hub.portal.live("contacts")}

    def customers(self) -> dict[str, Any]:
        """Active customers by e-mail."""
        live = [each for each in self.books.company.records("Customer") if each.get("Active", True)]
        return {each["PrimaryEmailAddr"]["Address"]: each for each in live}

    def sheet(self) -> list[str]:
        """The e-mails of the tab."""
        (tab,) = [tab for book in self.sheets.books.values() for tab in book.tabs if tab.title == CONTACTS]
        return [str(row[0].value) for row in tab.rows[1:] if row and row[0]]

    def everything(self) -> dict[str, int]:
        """How many there are of what."""
        found = {kind: len(self.books.company.records(kind)) for kind in ("Customer", "Item", "Invoice")}
        with psycopg.connect(self.billing) as connection:
            row = connection.execute("SELECT count(*) FROM article").fetchone()
        return found | {"rows": len(self.sheet()), "contacts": len(list(self.hub.portal.live("contacts"))),
                        "articles": row[0] if row else 0}  # fmt: skip

    def lose_state(self) -> None:
        """As a failed disk would."""
        for path in self.file.parent.glob("state.sqlite*"):
            path.unlink()


@pytest.fixture
def firm(postgres_server: Server, tmp_path: Path) -> Iterator[Firm]:
    # So many runs fall into one minute that the services' own limits would have the last ones wait for the next.
    hub, books, sheets = HubSpot(), QuickBooks(limits=UNLIMITED), GoogleSheets()
    sheets.limits = {"Read": 10_000, "Write": 10_000}
    vendors: tuple[Vendor, ...] = (hub, books, sheets)
    for vendor in vendors:
        vendor.populate(SIZE)
    with postgres_server.database() as url, running(*vendors) as server:
        billing = url.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(billing) as connection:
            connection.execute(ARTICLE_TABLE)
        systems: dict[str, Any] = {
            vendor.name: {"kind": vendor.name, **vendor.options(server.url(vendor.name))} for vendor in vendors
        }
        systems["billing"] = {"kind": "postgresql", "url": billing}
        file = tmp_path / "firm.yaml"
        file.write_text(
            yaml.safe_dump({"systems": systems, "state": {"url": f"sqlite:///{tmp_path}/state.sqlite"}}),
            encoding="utf-8",
        )
        yield Firm(hub, books, sheets, billing, file)


def ran(result: dg.ExecuteInProcessResult) -> list[str]:
    """The syncs of a job, in the order they ran."""
    events = result.filter_events(lambda event: event.event_type_value == "ASSET_MATERIALIZATION")
    return [event.materialization.asset_key.to_user_string() for event in events]


def won(firm: Firm) -> dict[str, Any]:
    """Won deals by the number their invoice is to have."""
    deals = firm.hub.portal.live("deals")
    return {f"HS-{deal.id}": deal for deal in deals if deal.now["dealstage"] == "closedwon"}


def link_ids(firm: Firm) -> dict[int, dict[str, str]]:
    """What the syncs left on the contacts."""
    return {
        record.id: {name: text for name, text in record.now.items() if name.startswith("integrations_link_id")}
        for record in firm.hub.portal.live("contacts")
    }


def test_the_documented_runs_bring_contacts_then_deals_across_with_their_references(firm: Firm) -> None:
    assert ran(firm.dagster(ITEMS)) == ["quickbooks_items_postgresql"]
    assert ran(firm.dagster(DOCUMENTED)) == [
        "hubspot_contacts_quickbooks_customers", "hubspot_deals_quickbooks_invoices"
    ]  # fmt: skip
    contacts, customers = firm.contacts(), firm.customers()
    assert contacts.keys() == customers.keys()
    assert len(contacts) > SIZE
    for email, person in contacts.items():
        customer = customers[email]
        assert person["firstname"] == customer["GivenName"]
        assert person.get("city") == customer.get("BillAddr", {}).get("City")
    invoices = {each["DocNumber"]: each for each in firm.books.company.records("Invoice") if "DocNumber" in each}
    deals = won(firm)
    assert invoices.keys() == deals.keys() != set()
    for number, deal in deals.items():
        invoice = invoices[number]
        (contact,) = firm.hub.portal.links["deals", deal.id, "contacts"]
        buyer = customers[firm.hub.portal.records["contacts"][contact].now["email"]]
        item = firm.books.company.entity("Item", invoice["Line"][0]["SalesItemLineDetail"]["ItemRef"]["value"])
        assert (invoice["CustomerRef"]["value"], item["Sku"]) == (buyer["Id"], deal.now[ARTICLE])
        assert (invoice["TotalAmt"], invoice["TxnDate"]) == (Decimal(deal.now["amount"]), deal.now["closedate"][:10])
    assert ran(firm.dagster(FROM_THE_SHEET)) == ["google_sheets_hubspot_contacts"]
    assert set(firm.sheet()) <= firm.contacts().keys()
    assert len(firm.sheet()) == SIZE * 6 // 10, "one way: nothing came to the sheet"


def test_two_syncs_share_the_contacts_and_the_loss_of_all_memory_doubles_nothing(firm: Firm) -> None:
    asked = (ITEMS, {"source_type": "google_sheets", "target_type": "hubspot"}, DOCUMENTED)
    streets = {email: each["BillAddr"]["Line1"] for email, each in firm.customers().items()}
    for _ in range(2):
        for config in asked:
            reports = firm.cli(config)["runs"]
            assert sum(run["open_conflicts"] for run in reports) == 0, "what differs is provably ordered"
    # The sheet knows a city alone; that never empties the address it belongs to. Who has moved is known to HubSpot.
    moved = {town.person(number).email: town.person(number).street for number in range(SIZE) if town.moved(number)}
    assert streets.keys() & moved.keys()
    after = firm.customers()
    assert {email: after[email]["BillAddr"]["Line1"] for email in streets} == {
        email: moved.get(email, street) for email, street in streets.items()
    }
    before, links = firm.everything(), link_ids(firm)
    tag = "integrations_link_id"
    assert {name for held in links.values() for name in held} == {
        f"{tag}_google_sheets_hubspot_contacts_b", f"{tag}_hubspot_contacts_quickbooks_customers_a"
    }, "each sync has a property of its own"  # fmt: skip
    firm.lose_state()
    reports = [run for config in asked for run in firm.cli(config)["runs"]]
    assert firm.everything() == before
    assert Counter(run["status"] for run in reports) == {"succeeded": len(reports)}
    assert not any(name.startswith("applied") for run in reports for name, number in run["counts"].items() if number)
    after, books = link_ids(firm), f"{tag}_hubspot_contacts_quickbooks_customers_a"
    assert all(held.items() <= after[number].items() for number, held in links.items())
    assert all(books in held for held in after.values()), "recognised by their keys, which must not be needed again"


def test_a_dry_run_of_all_of_it_writes_nothing(firm: Firm) -> None:
    before = firm.everything()
    done = firm.cli({**DOCUMENTED, "dry_run": True})
    assert [run["sync"] for run in done["runs"]] == [
        "hubspot_contacts_quickbooks_customers", "hubspot_deals_quickbooks_invoices"
    ]  # fmt: skip
    assert firm.everything() == before
