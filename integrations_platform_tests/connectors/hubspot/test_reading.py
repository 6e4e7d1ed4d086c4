"""What the HubSpot side shows the engine: values, listings, merges, histories."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integrations_platform.connectors.hubspot.binding import Binding, Sent
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.hubspot.portal import PERSON
from integrations_platform.unified_sync.port import ErrorKind, Presence, SideError, Status
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType, Invalid, Value
from integrations_platform_tests.connectors.hubspot.stage import Crm, added, change, create, only
from integrations_platform_tests.connectors.hubspot.types import ROUND_TRIPS, WIDE, with_types

# Values


@pytest.mark.parametrize("version", ["v3", "2026-09"])
def test_every_value_is_read_back_as_it_was_written(portal: Crm, version: str) -> None:
    with_types(portal)
    side = portal.side(columns=WIDE, options=portal.options(api_version=version))
    record = added(side)
    for number, (column, value) in enumerate(ROUND_TRIPS):
        assert only(side.write([change(f"u{number}", record, **{column: value})])).status is Status.APPLIED
        record = side.read([record.id])[record.id]
        assert record.values[column] == value


def test_a_create_writes_the_same_forms_as_an_update(portal: Crm) -> None:
    with_types(portal)
    side = portal.side(columns=WIDE)
    for number, (column, value) in enumerate(ROUND_TRIPS):
        assert added(side, number, **{"firstname": "x", column: value}).values[column] == value


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("likes", ("a;b",)), ("seen", datetime(2024, 1, 1, 0, 0, 0, 1, UTC)),
        ("born", datetime(2024, 1, 1, 12, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_what_would_be_kept_only_by_changing_it_is_refused_before_the_call(
    portal: Crm, column: str, value: Value
) -> None:
    with_types(portal)
    side = portal.side(columns=WIDE)
    side.check()
    outcome = only(side.write([create(1, **{column: value})]))
    assert (outcome.status, column in outcome.message) == (Status.REJECTED, True)
    assert portal.count("objects.batch_create") == 0


@pytest.mark.parametrize(("zone", "day"), [(None, 5), ("Pacific/Auckland", 6), ("America/New_York", 5)])
def test_a_close_date_is_the_day_it_is_in_the_declared_zone(portal: Crm, zone: str | None, day: int) -> None:
    deal = portal.add("deals", dealname="Sail", dealstage="closedwon", closedate="2026-03-05T15:30:00Z")
    columns = {"dealname": FieldType.TEXT, "dealstage": FieldType.ENUM, "closedate": FieldType.DATE}
    side = portal.side("deals", columns, zone=zone)
    record = side.read([deal])[deal]
    assert record.values["closedate"] == date(2026, 3, day)
    assert record.history["closedate"][0].value == date(2026, 3, day)
    assert only(side.write([change("u", record, closedate=date(2026, 4, 1))])).status is Status.APPLIED
    assert side.read([deal])[deal].values["closedate"] == date(2026, 4, 1)
    kept = datetime.fromisoformat(portal.shown(deal, "deals")["closedate"])
    assert kept == datetime(2026, 4, 1, tzinfo=ZoneInfo(zone or "UTC")), "midnight there"


def test_a_leading_semicolon_never_adds_to_options(portal: Crm) -> None:
    with_types(portal)
    record = portal.add(email="a@x.example", likes="a")
    side = portal.side(columns={"email": FieldType.EMAIL, "likes": FieldType.TEXT})
    outcome = only(side.write([change("u", side.read([record])[record], likes=";b")]))
    assert outcome.status is Status.REJECTED
    assert portal.shown(record)["likes"] == "a"


def test_a_value_that_is_none_of_its_type_quarantines_its_record(portal: Crm) -> None:
    record = portal.add(email="a@x.example", city="Oslo")
    side = portal.side(columns={"city": FieldType.DECIMAL})
    assert isinstance(side.read([record])[record].values["city"], Invalid)


# Listing and reading


def test_a_listing_shows_everyone_page_by_page_and_the_archived_too(portal: Crm) -> None:
    ids = [portal.add(email=f"p{number}@x.example") for number in range(7)]
    portal.person("archive", id=ids[3])
    with portal.side(page=2).snapshot() as snapshot:
        listing = snapshot.listing()
    assert listing.complete
    shown = dict(zip(listing.frame["id"].to_list(), listing.frame["presence"].to_list(), strict=True))
    assert shown == {one: ("archived" if one == ids[3] else "live") for one in ids}
    assert portal.count("objects.search") == 0


def test_the_version_of_the_listing_is_that_of_the_record(portal: Crm) -> None:
    record = portal.add(email="a@x.example", city="Oslo")
    side = portal.side()
    with side.snapshot() as snapshot:
        listed = snapshot.listing().frame["version"][0]
        assert snapshot.read([record])[record].version == listed
    portal.person("edit", id=record, properties={"jobtitle": "not bound"})
    assert side.read([record])[record].version == listed
    for properties in ({"city": "Graz"}, {"city": ""}, {"city": "oslo"}):
        before = side.read([record])[record].version
        portal.person("edit", id=record, properties=properties)
        assert side.read([record])[record].version != before


@pytest.mark.parametrize(
    ("held", "version"),
    [
        ({"firstname": 'Zoë "\\" \U0001f600\n\x7f\u2028', "lastname": "", "city": "a, [null]"},
         "286029e221efcd1dd05b74b8b60bcde1"),
        ({"firstname": None, "city": "\ud800"}, "67cc4faba6698b5e23303260611fcdbe"),
        ({"firstname": 1, "lastname": True, "city": ["ä", {"a": None}]}, "e992dbd97cb98f5d34a00c796342104e"),
    ],
)  # fmt: skip
def test_a_version_is_the_one_that_earlier_releases_stored(held: dict[str, Any], version: str) -> None:
    texts = dict.fromkeys(("firstname", "lastname", "city"), FieldType.TEXT)
    columns = texts | {"associations.companies": FieldType.REF}
    binding = Binding("contacts", SideSpec("hub", "contacts"), {}, columns, None, Sent())
    row, links = {"id": "7", "properties": held, "archived": True}, {"companies": {"7": {"12": {279, 1}, "8": {279}}}}
    assert binding.version(row, links) == version


def test_a_version_over_other_columns_never_compares_equal(portal: Crm) -> None:
    record = portal.add(email="a@x.example")
    versions = {
        portal.side(columns=dict.fromkeys(columns, FieldType.TEXT)).read([record])[record].version
        for columns in (["email", "city"], ["email", "phone"], ["email"])
    }
    assert len(versions) == 3


def test_more_than_ten_thousand_are_listed(portal: Crm) -> None:
    for number in range(10_001):
        portal.hub.portal.create("contacts", {"firstname": f"P{number}"}, PERSON)
    with portal.side(columns={"firstname": FieldType.TEXT}).snapshot() as snapshot:
        assert snapshot.listing().frame.height == 10_001


def test_more_properties_than_an_address_holds_are_listed_all_the_same(portal: Crm) -> None:
    names = [f"a_property_with_a_rather_long_name_{number}" for number in range(200)]
    for name in names:
        portal.person("add_property", name=name)
    records = [portal.add(email=f"p{number}@x.example", **{names[-1]: "x"}) for number in range(5)]
    side = portal.side(columns=dict.fromkeys(names, FieldType.TEXT), page=2)
    with side.snapshot() as snapshot:
        listed = dict(snapshot.listing().frame.select("id", "version").rows())
    assert listed == {record: side.read([record])[record].version for record in records}
    assert max(len(str(call.query)) for call in portal.hub.calls) < 6500


def test_an_archived_record_is_read_as_such_and_an_unknown_one_is_not_there(portal: Crm) -> None:
    record = portal.add(email="a@x.example", city="Oslo")
    portal.person("archive", id=record)
    found = portal.side().read([record, "999999", "no id"])
    assert set(found) == {record}
    assert (found[record].presence, found[record].values["city"]) == (Presence.ARCHIVED, "Oslo")


@pytest.mark.parametrize("new_id", [False, True])
@pytest.mark.parametrize("resolves", [False, True])
def test_a_merged_record_is_named_by_the_one_it_lives_on_in(portal: Crm, new_id: bool, resolves: bool) -> None:
    portal.hub.switches.merge_gives_new_id, portal.hub.switches.merged_ids_resolve = new_id, resolves
    first, second, third = (portal.add(email=f"p{number}@x.example") for number in range(3))
    middle = portal.person("merge", id=second, loser=first)
    last = portal.person("merge", id=third, loser=middle)
    side = portal.side()
    with side.snapshot() as snapshot:
        listing = snapshot.listing()
        assert set(snapshot.read([first, second, third, last])) == {last}
    assert listing.frame["id"].to_list() == [last]
    expected = {first, second, middle, third} - {last}
    assert listing.merged == dict.fromkeys(expected, last)


def test_a_scope_hides_and_a_read_says_so(portal: Crm) -> None:
    inside = portal.add(email="a@x.example", lifecyclestage="lead")
    outside = portal.add(email="b@x.example", lifecyclestage="customer")
    side = portal.side(only={"lifecyclestage": ("lead", "subscriber")})
    with side.snapshot() as snapshot:
        assert snapshot.listing().frame["id"].to_list() == [inside]
    assert side.read([outside])[outside].presence is Presence.OUT_OF_SCOPE


def test_a_listing_that_does_not_advance_is_an_error(portal: Crm) -> None:
    portal.add(email="a@x.example")
    page: dict[str, Any] = {"results": [], "paging": {"next": {"after": "5"}}}
    portal.hub.faults.add(Fault(FaultKind.STATUS, "objects.list", status=200, body=page, times=None))
    with portal.side().snapshot() as snapshot, pytest.raises(SideError, match="does not advance"):
        snapshot.listing()


@pytest.mark.parametrize("kind", [FaultKind.CUT_JSON, FaultKind.TRUNCATE, FaultKind.HTML, FaultKind.DROP_AFTER])
def test_half_a_listing_is_no_listing(portal: Crm, kind: FaultKind) -> None:
    for number in range(5):
        portal.add(email=f"p{number}@x.example")
    portal.hub.faults.add(Fault(kind, "objects.list", nth=2))
    with portal.side(page=2).snapshot() as snapshot, pytest.raises(SideError) as caught:
        snapshot.listing()
    assert (caught.value.kind, caught.value.effect_unknown) == (ErrorKind.TRANSIENT, False)


# History


def test_history_tells_our_writes_from_those_of_people_and_other_apps(portal: Crm) -> None:
    side = portal.side()
    record = added(side, city="Oslo")
    portal.person("edit", id=record.id, properties={"city": "Graz"})
    side.write([change("u", side.read([record.id])[record.id], city="Lyon")])
    portal.hub.scopes["other"] = next(iter(portal.hub.scopes.values()))
    portal.hub.apps["other"] = "7777"
    other = portal.side(options=portal.options(token="other"))
    other.write([change("v", record, city="Turin")])
    for reader in (side, portal.side()):  # the process that wrote, and one that knows nothing but the portal
        changes = reader.read([record.id])[record.id].history["city"]
        assert [change.value for change in changes] == ["Turin", "Lyon", "Graz", "Oslo"]
        assert [change.ours for change in changes] == [False, True, False, True]
        assert all(left.at > right.at for left, right in pairwise(changes))


def test_another_tool_under_our_app_is_not_taken_for_us_after_our_write(portal: Crm) -> None:
    side = portal.side()
    record = added(side, city="Oslo")
    portal.side().write([change("v", record, city="Turin")])
    assert [change.ours for change in side.read([record.id])[record.id].history["city"]] == [False, True]


def test_reads_with_history_go_by_fifties(portal: Crm) -> None:
    ids = [portal.add(email=f"p{number}@x.example") for number in range(120)]
    assert len(portal.side().read(ids)) == 120
    assert portal.count("objects.batch_read") == 3
