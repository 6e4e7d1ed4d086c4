"""HubSpot companies ↔ MySQL as shipped: HubSpot's stand-in and a real MariaDB, the table as the sync's file gives it.

What became of it is read from the portal's own state and by SQL, not through the engine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from click.testing import CliRunner

from integrations_platform import syncs
from integrations_platform.cli import cli
from integrations_platform.sandbox import town
from integrations_platform.sandbox.hubspot import HubSpot
from integrations_platform_tests.sandbox.running import running
from integrations_platform_tests.servers import Server

SYNC = "hubspot_companies_mysql"
SIZE = 24  # contacts; a company for every four
PLACE = ("city", "state", "zip", "country")


def documented_table() -> str:
    """The CREATE TABLE that the sync's own file tells people to run."""
    (folder,) = syncs.__path__
    lines = (Path(folder) / f"{SYNC}.yaml").read_text(encoding="utf-8").splitlines()
    told = [line.removeprefix("#").strip() for line in lines if line.startswith("#   ")]
    assert told[0].startswith("CREATE TABLE")
    return "\n".join(told)


@dataclass
class Trade:
    """The portal's companies and the shop's; ``file`` names both as the shipped sync does."""

    hub: HubSpot
    shop: sa.Engine
    file: Path

    def run(self, *words: str, code: int = 0) -> dict[str, Any]:
        """One run as at a terminal; the report of the sync."""
        config = json.dumps({"source_type": "hubspot", "target_type": "mysql"})
        command = ["--env-file", str(self.file), "sync", "unified", "--config", config, "--json", *words]
        done = CliRunner().invoke(cli, command)
        assert done.exit_code == code, done.output
        (report,) = json.loads(done.stdout)["runs"]
        assert report["sync"] == SYNC
        return dict(report)

    def settle(self) -> None:
        """Run until a run writes nothing."""
        for _ in range(4):
            if not written(self.run()):
                return
        raise AssertionError("still writing")

    def sql(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """What the shop's people do and see."""
        with self.shop.begin() as connection:
            done = connection.execute(sa.text(statement), values)
            return [dict(row) for row in done.mappings()] if done.returns_rows else []

    def rows(self) -> dict[str, dict[str, Any]]:
        """Companies of the shop by domain."""
        return {row["domain"]: row for row in self.sql("SELECT * FROM company")}

    def companies(self) -> dict[str, dict[str, str]]:
        """Live companies of the portal by domain."""
        return {record.now["domain"]: record.now for record in self.hub.portal.live("companies")}

    def edit(self, domain: str, **properties: str) -> None:
        """Somebody edits a company in HubSpot."""
        self.hub.person({"do": "edit", "type": "companies", "id": self.id(domain), "properties": properties})

    def id(self, domain: str) -> str:
        """The portal's id of a company."""
        return next(str(one.id) for one in self.hub.portal.live("companies") if one.now["domain"] == domain)

    def lose_state(self) -> None:
        """As a failed disk would."""
        for path in self.file.parent.glob("state.sqlite*"):
            path.unlink()


def written(report: dict[str, Any]) -> int:
    """How many records a run wrote."""
    return sum(number for name, number in report["counts"].items() if name.startswith("applied"))


@pytest.fixture
def trade(mysql_server: Server, tmp_path: Path) -> Iterator[Trade]:
    hub = HubSpot()
    hub.populate(SIZE)
    with mysql_server.database() as url, running(hub) as server:
        file = tmp_path / "trade.yaml"
        shop_url = sa.make_url(url).set(drivername="mysql").render_as_string(hide_password=False)
        systems = {
            "hubspot": {"kind": "hubspot", **hub.options(server.url("hubspot"))},
            "shop": {"kind": "mysql", "url": shop_url},
        }
        file.write_text(
            yaml.safe_dump({"systems": systems, "state": {"url": f"sqlite:///{tmp_path}/state.sqlite"}}),
            encoding="utf-8",
        )
        shop = sa.create_engine(url)
        with shop.begin() as connection:
            connection.exec_driver_sql(documented_table())
        yield Trade(hub, shop, file)
        shop.dispose()


def insert(trade: Trade, number: int, changed: datetime, **other: str) -> str:
    """The shop's own row of a company of the town, last changed at ``changed``; its domain."""
    firm = town.company(number)
    values = {"domain": firm.domain, "name": firm.name, "city": firm.city, "state": firm.state, "zip": firm.zip,
              "updated_at": changed, **other}  # fmt: skip
    names = ", ".join(values)
    trade.sql(f"INSERT INTO company ({names}) VALUES ({', '.join(':' + name for name in values)})", **values)
    return firm.domain


def agree(trade: Trade) -> bool:
    """Whether the shop's rows that are not marked deleted and the portal's live companies say the same."""
    rows = {domain: row for domain, row in trade.rows().items() if row["deleted_at"] is None}
    companies = trade.companies()
    return rows.keys() == companies.keys() and all(
        (row[name] or "") == companies[domain].get(name, "")
        for domain, row in rows.items()
        for name in ("name", *PLACE)
    )


def test_both_sides_come_to_know_every_company_once_and_what_differs_is_decided_by_its_times(trade: Trade) -> None:
    known = trade.companies()
    now = datetime.now(UTC)
    older = insert(trade, 0, datetime(2020, 1, 1, tzinfo=UTC), name="As it was called in 2020")
    newer = insert(trade, 1, now - timedelta(hours=1), name="As it is called now", phone="+12025550177")
    foreign = insert(trade, 90, now, name="Żółw & Söhne 🐢", city="Duluth")
    trade.settle()
    assert agree(trade)
    after = trade.companies()
    assert after.keys() == known.keys() | {foreign}
    assert (after[older]["name"], after[newer]["name"]) == (known[older]["name"], "As it is called now")
    assert trade.rows()[older]["name"] == known[older]["name"]
    assert after[newer]["phone"] == "+12025550177"
    assert after[foreign]["name"] == "Żółw & Söhne 🐢"
    assert not written(trade.run())


def test_edits_clears_and_deletes_travel_and_an_address_stays_one(trade: Trade) -> None:
    trade.settle()
    first, second, third, fourth, *_ = sorted(trade.companies())
    trade.edit(first, name="Renamed in the portal", zip="")
    trade.sql("UPDATE company SET phone = '+12025550188' WHERE domain = :domain", domain=first)
    trade.sql("UPDATE company SET city = 'Austin', state = 'TX', zip = '78701' WHERE domain = :domain", domain=second)
    trade.hub.person({"do": "archive", "type": "companies", "id": trade.id(third)})
    trade.sql("DELETE FROM company WHERE domain = :domain", domain=fourth)
    trade.settle()
    row, companies = trade.rows()[first], trade.companies()
    assert (row["name"], row["zip"], companies[first]["phone"]) == ("Renamed in the portal", None, "+12025550188")
    assert [companies[second][name] for name in ("city", "state", "zip")] == ["Austin", "TX", "78701"]
    marked = trade.rows()[third]["deleted_at"]
    assert abs(marked.replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=5), "in the zone that is declared"
    assert (fourth in companies, fourth in trade.rows()) == (True, False), "a row deleted in the shop deletes nothing"


def test_the_loss_of_all_memory_doubles_no_company(trade: Trade) -> None:
    insert(trade, 90, datetime.now(UTC))
    trade.settle()
    before = trade.rows(), trade.companies()
    trade.lose_state()
    report = trade.run()
    assert (report["status"], written(report)) == ("succeeded", 0)
    assert (trade.rows(), trade.companies()) == before
