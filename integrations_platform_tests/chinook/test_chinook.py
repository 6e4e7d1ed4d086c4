"""Chinook's customers, invoices and tracks between PostgreSQL and MariaDB: stories, checked by plain SQL.

The world is built once; each story edits records of its own, so that no story needs another.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.store import Role
from integrations_platform_tests.chinook.dataset import SIZES, invent_dataset, load_dataset
from integrations_platform_tests.chinook.world import CUSTOMERS, INVOICES, SYNCS, TRACKS, World, open_world
from integrations_platform_tests.servers import Server

pytestmark = pytest.mark.xdist_group("chinook")


@pytest.fixture(scope="module")
def world(postgres_server: Server, mysql_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both databases after the first sync."""
    with postgres_server.database() as erp_url, mysql_server.database() as store_url:
        world = open_world(tmp_path_factory.mktemp("chinook"), erp_url, store_url, load_dataset())
        world.first = dict(zip(SYNCS, world.run(), strict=True))
        world.first_totals = world.totals()
        yield world
        world.platform.close()
        world.erp.dispose()
        world.store.dispose()


def store_no(world: World, email: str) -> int:
    """A customer's key in MariaDB, found by e-mail alone."""
    return int(world.in_store("SELECT CustomerNo FROM customer WHERE Mail = :mail", mail=email)[0][0])


def email_of(world: World, client_id: int) -> str:
    return str(next(row[9] for row in world.dataset.customers if row[0] == client_id))


def bill_of(world: World, invoice_id: int) -> int:
    """An invoice's key in MariaDB, as the engine linked it."""
    links = world.platform.store.links_by_record(INVOICES, "A", [str(invoice_id)])
    ids = world.platform.store.record_ids(INVOICES, [links[str(invoice_id)][0]])
    return int(next(iter(ids.values()))[1] or 0)


def item_of(world: World, track_id: int) -> int:
    links = world.platform.store.links_by_record(TRACKS, "A", [str(track_id)])
    ids = world.platform.store.record_ids(TRACKS, [links[str(track_id)][0]])
    return int(next(iter(ids.values()))[1] or 0)


def test_the_first_sync_creates_everything_and_settles(world: World) -> None:
    sizes = dict(zip(SYNCS, SIZES.values(), strict=True))
    for name, report in world.first.items():
        assert report.status is RunStatus.SUCCEEDED, report.message
        assert report.counts["created_b"] == sizes[name]
        assert report.unaccounted() == {"A": 0, "B": 0}


def test_totals_per_country_are_those_of_the_data_on_both_sides(world: World) -> None:
    facts = world.dataset.totals_by_country()
    assert world.first_totals == (facts, facts)


def test_the_reference_is_translated_not_copied(world: World) -> None:
    bills = world.in_store("SELECT count(*), min(CustomerNo) FROM bill JOIN customer USING (CustomerNo)")
    assert bills[0][0] >= SIZES["invoices"] - 5  # the stories delete a few
    assert bills[0][1] > 70_000  # keys of MariaDB, none of PostgreSQL


def test_accents_blanks_and_decimals_arrive_exactly(world: World) -> None:
    untouched = [row for row in world.dataset.tracks if row[0] > 100]
    rows = world.in_store("SELECT Title, Author, DurationMs, Price FROM item")
    found = sorted((name, composer or "", length, price) for name, composer, length, price in rows)
    wanted = sorted((name, composer or "", length, price) for _, name, composer, length, price in untouched)
    missing = set(wanted) - set(found)
    assert not missing
    blank = world.in_store("SELECT count(*) FROM item WHERE Author IS NULL")[0][0]
    assert blank >= sum(row[2] is None for row in untouched)


def test_edits_on_both_sides_cross(world: World) -> None:
    mail = email_of(world, 2)
    world.in_erp("UPDATE client SET company = 'Köhler & Söhne' WHERE client_id = 2")
    world.in_store("UPDATE customer SET FamilyName = 'Köhler-Ñuñez' WHERE Mail = :mail", mail=mail)
    world.in_erp("UPDATE invoice SET total = total + 1.01 WHERE invoice_id = 10")
    world.in_store("UPDATE item SET Price = 1.49 WHERE ItemNo = :no", no=item_of(world, 10))
    world.run()
    row = world.in_store("SELECT Firm, FamilyName FROM customer WHERE Mail = :mail", mail=mail)[0]
    assert row == ("Köhler & Söhne", "Köhler-Ñuñez")
    assert world.in_erp("SELECT company, last_name FROM client WHERE client_id = 2")[0] == row
    assert world.in_erp("SELECT unit_price FROM track WHERE track_id = 10")[0][0] == Decimal("1.49")
    mine, theirs = world.totals()
    assert mine == theirs
    assert sum(report.written for report in world.run()) == 0


def test_an_address_is_one_unit(world: World) -> None:
    """The city changed here and the postal code there are one conflict, never a mixture."""
    mail = email_of(world, 3)
    world.in_erp("UPDATE client SET city = 'Laval' WHERE client_id = 3")
    world.in_store("UPDATE customer SET Zip = 'H9Z 9Z9' WHERE Mail = :mail", mail=mail)
    world.run(CUSTOMERS)
    (row,) = [row for row in world.platform.store.conflicts(CUSTOMERS) if row.id_a == "3"]
    assert row.unit == "address"
    town, zip_code = world.in_store("SELECT Town, Zip FROM customer WHERE Mail = :mail", mail=mail)[0]
    assert (town != "Laval", zip_code) == (True, "H9Z 9Z9")
    world.platform.store.decide(CUSTOMERS, row.conflict_id, row.n, "A", None, "a person", datetime.now(UTC), "")
    world.run(CUSTOMERS)
    mine = world.in_erp("SELECT city, state, country, postal_code FROM client WHERE client_id = 3")[0]
    theirs = world.in_store("SELECT Town, Region, Land, Zip FROM customer WHERE Mail = :mail", mail=mail)[0]
    assert mine == theirs
    assert mine[0] == "Laval"
    assert "H9Z 9Z9" not in mine


def test_conflicts_follow_the_declared_strategy_and_losers_are_kept(world: World) -> None:
    mail, bill = email_of(world, 4), bill_of(world, 20)
    world.in_erp("UPDATE client SET phone = '+47 1', company = 'From the ERP', first_name = 'Here' WHERE client_id = 4")
    world.in_store(
        "UPDATE customer SET Telephone = '+47 2', Firm = 'From the store', GivenName = 'There' WHERE Mail = :mail",
        mail=mail,
    )
    world.in_erp("UPDATE invoice SET total = 100.00 WHERE invoice_id = 20")
    world.in_store("UPDATE bill SET Amount = 200.00 WHERE BillNo = :no", no=bill)
    customers, invoices, _ = world.run()
    assert customers.status is RunStatus.PARTIAL
    mine = world.in_erp("SELECT phone, company, first_name FROM client WHERE client_id = 4")[0]
    theirs = world.in_store("SELECT Telephone, Firm, GivenName FROM customer WHERE Mail = :mail", mail=mail)[0]
    assert mine == ("+47 2", "From the ERP", "Here")
    assert theirs == ("+47 2", "From the ERP", "There")
    assert world.in_store("SELECT Amount FROM bill WHERE BillNo = :no", no=bill)[0][0] == Decimal("100.00")
    lost = [
        stored.entry.lost or ""
        for name, report in ((CUSTOMERS, customers), (INVOICES, invoices))
        for stored in world.platform.store.audit(name, run_id=report.run_id)
        if stored.entry.role is Role.LOSER
    ]
    assert any("+47 1" in text for text in lost)
    assert any("From the store" in text for text in lost)
    assert any("200" in text for text in lost)


def test_an_archived_customer_keeps_its_invoices_and_they_keep_flowing(world: World) -> None:
    mail, bill = email_of(world, 5), bill_of(world, next(row[0] for row in world.dataset.invoices if row[1] == 5))
    invoice = next(row[0] for row in world.dataset.invoices if row[1] == 5)
    world.in_erp("UPDATE client SET archived_at = now() WHERE client_id = 5")
    world.run()
    assert world.in_store("SELECT Archived FROM customer WHERE Mail = :mail", mail=mail)[0][0]
    world.in_erp("UPDATE invoice SET total = 77.77 WHERE invoice_id = :no", no=invoice)
    world.run(INVOICES)
    amount, customer = world.in_store("SELECT Amount, CustomerNo FROM bill WHERE BillNo = :no", no=bill)[0]
    assert (amount, customer) == (Decimal("77.77"), store_no(world, mail))
    mine, theirs = world.totals()
    assert mine == theirs


def test_an_invoice_of_an_archived_customer_waits_and_follows_when_the_customer_is_back(world: World) -> None:
    mail = email_of(world, 6)
    world.in_erp("UPDATE client SET archived_at = now() WHERE client_id = 6")
    world.run(CUSTOMERS)
    number = world.in_erp(
        "INSERT INTO invoice (client_id, issued_on, country, total) VALUES (6, '2026-01-02', 'X', 4321.09) "
        "RETURNING invoice_id"
    )[0][0]
    (report,) = world.run(INVOICES)
    assert report.counts["deferred_b"] >= 1
    assert not world.in_store("SELECT 1 FROM bill WHERE Amount = 4321.09")
    world.in_erp("UPDATE client SET archived_at = NULL WHERE client_id = 6")
    world.run(CUSTOMERS, INVOICES)
    assert not world.in_store("SELECT Archived FROM customer WHERE Mail = :mail", mail=mail)[0][0]
    assert world.in_store("SELECT CustomerNo FROM bill WHERE BillNo = :no", no=bill_of(world, number)) == [
        (store_no(world, mail),)
    ]


def test_an_invoice_is_deferred_until_its_customer_is_linked(world: World) -> None:
    world.in_erp(
        "INSERT INTO client (client_id, first_name, last_name, email, country) "
        "VALUES (500, 'Óscar', 'Ñandú', 'oscar@example.org', 'Perú')"
    )
    world.in_erp("INSERT INTO invoice (client_id, issued_on, country, total) VALUES (500, '2026-03-01', 'Perú', 5.00)")
    (report,) = world.run(INVOICES)
    assert report.status is RunStatus.PARTIAL
    assert report.counts["deferred_b"] >= 1
    assert not world.in_store("SELECT 1 FROM bill WHERE Land = 'Perú'")
    world.run(CUSTOMERS, INVOICES)
    joined = world.in_store(
        "SELECT c.Mail, b.Amount FROM bill b JOIN customer c USING (CustomerNo) WHERE b.Land = 'Perú'"
    )
    assert joined == [("oscar@example.org", Decimal("5.00"))]


def test_a_bill_and_its_customer_born_in_the_store_reach_postgresql(world: World) -> None:
    world.in_store(
        "INSERT INTO customer (GivenName, FamilyName, Mail, Land) "
        "VALUES ('Şule', 'Yılmaz', 'sule@example.org', 'Türkiye')"
    )
    world.in_store(
        "INSERT INTO bill (CustomerNo, BilledOn, Land, Amount) "
        "SELECT CustomerNo, '2026-04-01', 'Türkiye', 9.99 FROM customer WHERE Mail = 'sule@example.org'"
    )
    world.run()
    assert world.in_erp("SELECT c.email, i.total FROM invoice i JOIN client c USING (client_id) "
                        "WHERE c.country = 'Türkiye'") == [("sule@example.org", Decimal("9.99"))]  # fmt: skip


def test_an_invoice_moved_to_another_customer_moves_on_the_other_side(world: World) -> None:
    bill = bill_of(world, 30)
    world.in_erp("UPDATE invoice SET client_id = 7 WHERE invoice_id = 30")
    world.run(INVOICES)
    assert world.in_store("SELECT CustomerNo FROM bill WHERE BillNo = :no", no=bill) == [
        (store_no(world, email_of(world, 7)),)
    ]
    world.in_store(
        "UPDATE bill SET CustomerNo = :customer WHERE BillNo = :no",
        customer=store_no(world, email_of(world, 8)),
        no=bill,
    )
    world.run(INVOICES)
    assert world.in_erp("SELECT client_id FROM invoice WHERE invoice_id = 30") == [(8,)]


def test_deletes_are_archived_one_way_and_ignored_the_other(world: World) -> None:
    gone, kept = item_of(world, 40), item_of(world, 41)
    world.in_erp("DELETE FROM track WHERE track_id = 40")
    world.in_store("DELETE FROM item WHERE ItemNo = :no", no=kept)
    (report,) = world.run(TRACKS)
    assert report.counts["archived_b"] == 1
    assert not world.in_store("SELECT 1 FROM item WHERE ItemNo = :no", no=gone)
    assert world.in_erp("SELECT 1 FROM track WHERE track_id = 41")
    spec = world.platform.sync(TRACKS)
    from integrations_platform.unified_sync.engine import Request

    lines = [stored for stored in world.platform.store.audit(TRACKS, run_id=report.run_id)
             if stored.entry.role is Role.DELETED]  # fmt: skip
    assert len(lines) == 1
    world.platform.run(spec, Request(restore=tuple(lines)))
    world.run(TRACKS)
    name = next(row[1] for row in world.dataset.tracks if row[0] == 40)
    assert world.in_store("SELECT Title FROM item WHERE ItemNo = :no", no=gone) == [(name,)]
    assert world.in_erp("SELECT count(*) FROM track WHERE name = :name AND milliseconds = :length", name=name,
                        length=next(row[3] for row in world.dataset.tracks if row[0] == 40)) == [(1,)]  # fmt: skip


def test_a_mass_delete_is_refused_before_any_write(world: World) -> None:
    before = world.in_store("SELECT count(*), sum(Price) FROM item")
    world.in_erp("CREATE TABLE track_kept AS TABLE track")
    world.in_erp("DELETE FROM track WHERE track_id > 1000")
    (report,) = world.run(TRACKS)
    assert report.status is RunStatus.REFUSED
    assert report.written == 0
    assert world.in_store("SELECT count(*), sum(Price) FROM item") == before
    world.in_erp("INSERT INTO track SELECT * FROM track_kept WHERE track_id > 1000")
    world.in_erp("DROP TABLE track_kept")
    (report,) = world.run(TRACKS)
    assert report.written == 0


def test_everything_agrees_or_is_known_to_wait(world: World) -> None:
    world.run()
    for name in SYNCS:
        agreement = world.verify(name)
        assert agreement.agrees, agreement.to_data()
    mine, theirs = world.totals()
    assert mine == theirs


def test_the_invented_data_has_the_shape_of_the_sample() -> None:
    invented = invent_dataset()
    assert {name: len(getattr(invented, name)) for name in SIZES} == SIZES
    assert invented == invent_dataset()
    assert {row[1] for row in invented.invoices} <= {row[0] for row in invented.customers}
    assert any(row[3] is None for row in invented.customers)
    assert any(not row[1].isascii() for row in invented.customers)
