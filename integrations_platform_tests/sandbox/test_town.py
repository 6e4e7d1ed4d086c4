"""The stand-ins' data: one town, of which each vendor knows a part, as the systems of one firm do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from integrations_platform.sandbox import town
from integrations_platform.sandbox.google_sheets import GoogleSheets
from integrations_platform.sandbox.google_sheets.seed import CONTACTS
from integrations_platform.sandbox.hubspot import HubSpot
from integrations_platform.sandbox.hubspot.seed import ARTICLE
from integrations_platform.sandbox.quickbooks import QuickBooks

SIZE = 60


def emails() -> tuple[set[str], set[str], set[str]]:
    """Who is in the portal, in the books and in the sheet."""
    hub, books, sheets = HubSpot(), QuickBooks(), GoogleSheets()
    for vendor in (hub, books, sheets):
        vendor.populate(SIZE)
    (tab,) = [tab for book in sheets.books.values() for tab in book.tabs if tab.title == CONTACTS]
    return (
        {record.now["email"] for record in hub.portal.live("contacts")},
        {str(each["PrimaryEmailAddr"]["Address"]) for each in books.company.records("Customer")},
        {str(row[0].value) for row in tab.rows[1:] if row and row[0]},
    )


def test_nobody_is_two_people_however_many_there_are() -> None:
    people = [town.person(number) for number in range(5000)]
    assert len({one.name for one in people}) == len({one.email for one in people}) == len(people)
    assert len({town.company(number).name for number in range(2000)}) == 2000
    assert all(one.email.isascii() for one in people)


def test_the_vendors_share_most_people_and_each_knows_some_alone() -> None:
    portal, books, sheet = emails()
    assert (len(portal), len(books), len(sheet)) == (SIZE, SIZE, SIZE * 6 // 10)
    for mine, other in ((portal, books), (books, portal), (sheet, portal)):
        assert len(mine & other) > len(mine) / 2
        assert mine - other


def test_won_deals_have_a_customer_and_an_article_that_the_books_sell() -> None:
    hub, books = HubSpot(), QuickBooks()
    for vendor in (hub, books):
        vendor.populate(SIZE)
    sold = {str(item["Sku"]) for item in books.company.records("Item")}
    won = [deal for deal in hub.portal.live("deals") if deal.now["dealstage"] == "closedwon"]
    assert len(won) == SIZE // 10
    for deal in won:
        assert deal.now[ARTICLE] in sold
        assert len(hub.portal.links["deals", deal.id, "contacts"]) == 1


def test_an_account_has_a_past_and_of_two_systems_edits_one_is_always_provably_the_later() -> None:
    now = datetime(2026, 3, 4, 0, 0, 5, tzinfo=UTC)
    hub, books, sheets = (kind(clock=lambda: now) for kind in (HubSpot, QuickBooks, GoogleSheets))
    for vendor in (hub, books, sheets):
        vendor.populate(SIZE)
    contacts = list(hub.portal.live("contacts"))
    changed = [record.updated for record in contacts]
    stamps = [each["MetaData"] for each in books.company.records("Customer")]
    edited = [datetime.fromisoformat(stamp["LastUpdatedTime"]) for stamp in stamps]
    files = [datetime.fromisoformat(book.modified) for book in sheets.books.values()]
    day = timedelta(days=1)
    assert max(changed + edited + files) < now - day
    assert min(abs(one - other) for one in changed for other in [*edited, *files]) > timedelta(minutes=5)
    assert any(stamp["CreateTime"] != stamp["LastUpdatedTime"] for stamp in stamps)
    for record in contacts:
        entries = [entry for known in record.history.values() for entry in known]
        assert (min(entry.at for entry in entries), max(entry.at for entry in entries)) == (
            record.created, record.updated
        )  # fmt: skip
    assert any(len(record.history["lifecyclestage"]) > 1 for record in contacts)
    again = HubSpot(clock=lambda: now)
    again.populate(SIZE)
    assert [record.history for record in again.portal.live("contacts")] == [record.history for record in contacts]


def test_some_people_have_moved_and_some_have_a_new_number_and_one_system_has_not_heard() -> None:
    hub, books = HubSpot(), QuickBooks()
    for vendor in (hub, books):
        vendor.populate(SIZE)
    contacts = {record.now["email"]: record for record in hub.portal.live("contacts")}
    customers = {each["PrimaryEmailAddr"]["Address"]: each for each in books.company.records("Customer")}
    told = {"moved": 0, "renumbered": 0}
    for number in range(SIZE):
        person = town.person(number)
        if person.email not in contacts.keys() & customers.keys():
            continue
        contact, customer = contacts[person.email], customers[person.email]
        heard = datetime.fromisoformat(customer["MetaData"]["LastUpdatedTime"])
        if town.moved(number):
            told["moved"] += 1
            assert contact.now["address"] == person.street != customer["BillAddr"]["Line1"]
            assert contact.updated > heard
        if town.renumbered(number):
            told["renumbered"] += 1
            assert customer["PrimaryPhone"]["FreeFormNumber"] == person.typed_phone
            assert contact.now.get("phone") != person.phone
            assert heard > contact.updated
    assert all(told.values()), told


def test_more_data_on_top_is_other_people() -> None:
    for vendor in (HubSpot(), QuickBooks()):
        vendor.populate(10)
        vendor.populate(10)
