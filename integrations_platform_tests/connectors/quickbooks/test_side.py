"""QuickBooks' own ways as the engine meets them: tokens, names, inactive records, invoices, batches, limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.quickbooks.readings import Readings
from integrations_platform.unified_sync.port import (
    Kind,
    Presence,
    SideError,
    Status,
)
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.connectors.quickbooks.asking import ann, change, make, sent, written
from integrations_platform_tests.connectors.quickbooks.company import Company
from integrations_platform_tests.connectors.quickbooks.conftest import Open
from integrations_platform_tests.connectors.saas_contract import listed

# Inactive records


def test_an_inactive_record_is_archived_and_keeps_its_name_in_the_values(company: Company) -> None:
    side = company.side()
    record = ann(company, side)
    company.person("deactivate", id=record.id)
    gone = side.read([record.id])[record.id]
    assert (gone.presence, gone.values["DisplayName"]) == (Presence.ARCHIVED, "Ann")
    assert company.entity(record.id)["DisplayName"] == "Ann (deleted)"
    assert gone.version != record.version


def test_archiving_and_restoring_give_the_record_its_name_back(company: Company) -> None:
    side = company.side()
    record = ann(company, side, Notes="kept")
    assert written(side, change(record, "op-a", Kind.ARCHIVE)).status is Status.APPLIED
    archived = side.read([record.id])[record.id]
    assert written(side, change(record, "op-again", Kind.ARCHIVE)).status is Status.ALREADY
    restored = written(side, change(archived, "op-r", Kind.RESTORE, Notes="new"))
    assert restored.status is Status.APPLIED
    entity = company.entity(record.id)
    assert (entity["DisplayName"], entity["Active"], entity["Notes"]) == ("Ann", True, "new")


@pytest.mark.parametrize("together", [False, True], ids=["alone", "in a batch"])
def test_a_write_planned_anew_after_a_loss_of_the_state_is_carried_out_again(
    company: Company, *, together: bool
) -> None:
    """What is planned from no memory may have the id of what was done long ago; the requestid tells them apart by the
    version, and QuickBooks does not answer as it did then."""
    side = company.side()
    records = [ann(company, side), *([ann(company, side, DisplayName="Bob")] if together else [])]
    first = [change(each, f"op-{each.id}", Kind.ARCHIVE) for each in records]
    assert {each.status for each in side.write(first)} == {Status.APPLIED}
    for each in records:
        company.person("reactivate", id=each.id)
    back = side.read([each.id for each in records])
    again = [change(back[each.id], f"op-{each.id}", Kind.ARCHIVE) for each in records]
    assert {each.status for each in side.write(again)} == {Status.APPLIED}
    now = side.read([each.id for each in records])
    assert {each.presence for each in now.values()} == {Presence.ARCHIVED}


def test_an_answer_that_quickbooks_gave_long_ago_is_not_taken_for_what_is_there(company: Company) -> None:
    side = company.side()
    created = written(side, make())
    assert created.status is Status.APPLIED
    company.person("deactivate", id=created.id)
    assert written(side, make()).status is Status.APPLIED, "a repetition of just now is answered as it was"
    company.vendor.clock.advance(1800)
    told = written(side, make())
    assert (told.status, told.id, told.record) == (Status.ALREADY, created.id, None)


def test_a_record_whose_name_was_taken_meanwhile_is_not_restored(company: Company) -> None:
    side = company.side()
    record = ann(company, side)
    company.person("deactivate", id=record.id)
    vendor = company.person("create", "Vendor", values={"DisplayName": "ann"})
    archived = side.read([record.id])[record.id]
    outcome = written(side, change(archived, "op-r", Kind.RESTORE, DisplayName="Ann"))
    assert (outcome.status, outcome.code) == (Status.REJECTED, "duplicate")
    assert f"Vendor {vendor['Id']}" in outcome.message


def test_a_name_that_only_looks_deleted_is_left_alone(company: Company) -> None:
    side = company.side()
    record_id = company.person("create", values={"DisplayName": "File (deleted)"})["Id"]
    assert side.read([record_id])[record_id].values["DisplayName"] == "File (deleted)"


# Names


def test_a_taken_name_is_rejected_with_the_record_that_has_it(company: Company) -> None:
    side = company.side()
    employee = company.person("create", "Employee", values={"DisplayName": "ANN"})
    outcome = written(side, make("Ann"))
    assert (outcome.status, outcome.code) == (Status.REJECTED, "duplicate")
    assert f"Employee {employee['Id']}" in outcome.message
    assert "ANN" not in outcome.message


def test_a_taken_name_refuses_one_update_of_a_batch_and_not_the_others(company: Company) -> None:
    side = company.side()
    company.person("create", "Vendor", values={"DisplayName": "Taken O'Hara"})
    records = [ann(company, side, DisplayName=name) for name in ("A", "B", "C")]
    writes = [change(record, f"op-{n}", DisplayName=("Taken O'Hara" if n == 1 else f"New {n}"))
              for n, record in enumerate(records)]  # fmt: skip
    outcomes = {each.op_id: each for each in side.write(writes)}
    assert [outcomes[f"op-{n}"].status for n in range(3)] == [Status.APPLIED, Status.REJECTED, Status.APPLIED]
    assert "taken by Vendor" in outcomes["op-1"].message
    assert outcomes["op-2"].record is not None
    assert outcomes["op-2"].record.values["DisplayName"] == "New 2"


# Updates


def test_a_stale_token_writes_nothing_alone_and_in_a_batch(company: Company) -> None:
    side = company.side()
    first, second = ann(company, side), ann(company, side, DisplayName="Bob")
    company.person("edit", id=first.id, values={"Notes": "a person's"})
    assert written(side, change(first, Notes="ours")).status is Status.STALE
    outcomes = {
        each.op_id: each.status for each in side.write([change(first, "1", Notes="x"), change(second, "2", Notes="y")])
    }
    assert outcomes == {"1": Status.STALE, "2": Status.APPLIED}
    assert company.entity(first.id)["Notes"] == "a person's"


def test_updates_are_sparse_and_members_of_an_address_travel_together(company: Company) -> None:
    side = company.side()
    record = ann(company, side, BillAddr={"Line1": "1", "City": "Rome", "County": "not bound"}, AcctNum="7")
    assert written(side, change(record, **{"BillAddr.City": "Oslo"})).status is Status.APPLIED
    (body,) = sent(company, "customer.write")
    assert (body["sparse"], body["BillAddr"]) == (True, {"Line1": "1", "City": "Oslo", "County": "not bound"})
    assert set(body) == {"Id", "SyncToken", "sparse", "BillAddr"}
    assert company.entity(record.id)["AcctNum"] == "7"


@pytest.mark.parametrize("merges", [False, True])
def test_a_column_is_emptied_under_either_reading_of_sparse(open_company: Open, merges: bool) -> None:
    company = open_company(readings=Readings(sparse_merges_objects=merges))
    side = company.side()
    record = ann(company, side, Notes="n", BillAddr={"City": "Rome", "Line1": "1"}, AcctNum="7", CreditLimit=5)
    values: dict[str, Value] = {"Notes": None, "BillAddr.City": None, "CreditLimit": None, "CompanyName": "C"}
    outcome = written(side, change(record, **values))
    assert outcome.status is Status.APPLIED
    entity = company.entity(record.id)
    assert {"Notes", "CreditLimit"} & entity.keys() == set()
    assert (entity["BillAddr"], entity["AcctNum"], entity["CompanyName"]) == ({"Line1": "1"}, "7", "C")


def test_what_follows_from_another_record_shows_in_the_version_under_either_reading(open_company: Open) -> None:
    for bumps in (False, True):
        company = open_company(readings=Readings(derived_changes_bump_token=bumps))
        balance = company.side(types={"DisplayName": FieldType.TEXT, "Balance": FieldType.DECIMAL})
        plain = company.side(types={"DisplayName": FieldType.TEXT})
        record = ann(company, balance)
        before = plain.read([record.id])[record.id]
        line = {"Amount": 5, "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {"ItemRef": {"value": company.item()}}}  # fmt: skip
        company.person("create", "Invoice", values={"CustomerRef": {"value": record.id}, "Line": [line]})
        now = balance.read([record.id])[record.id]
        assert (now.values["Balance"], now.version != record.version) == (Decimal(5), True)
        after = plain.read([record.id])[record.id]
        assert dict(after.values) == dict(before.values)
        assert (after.version == before.version) is not bumps


def test_a_version_of_other_columns_never_holds(company: Company) -> None:
    narrow = company.side(types={"DisplayName": FieldType.TEXT})
    record = ann(company, narrow)
    assert written(company.side(), change(record, Notes="x")).status is Status.STALE
    assert [call.operation for call in company.vendor.calls if call.operation == "customer.write"] == []


def test_every_kind_of_write_names_its_own_requestid_and_repeats_it(company: Company) -> None:
    side = company.side()
    company.vendor.faults.add(Fault(FaultKind.STATUS, "customer.write", status=429))
    with pytest.raises(SideError) as caught:
        written(side, make())
    assert caught.value.retry_after == 60
    assert written(side, make()).status is Status.APPLIED
    assert written(side, make("Bob", "op-2")).status is Status.APPLIED
    first, again, other = [
        call.query["requestid"] for call in company.vendor.calls if call.operation == "customer.write"
    ]
    assert first == again != other
    assert len(first) <= 50
    assert {round(wait) for wait in company.waits} == {60}
    bodies = [call.body for call in company.vendor.calls if call.operation == "customer.write"]
    assert bodies[0] == bodies[1]


def test_a_create_found_under_its_name_after_a_lost_answer_is_ours_even_without_requestids(open_company: Open) -> None:
    company = open_company(readings=Readings(requestid_works=False))
    side = company.side()
    company.vendor.faults.add(Fault(FaultKind.DROP_AFTER, "customer.write"))
    with pytest.raises(SideError) as caught:
        written(side, make(Notes="n"))
    assert caught.value.effect_unknown
    outcome = written(side, make(Notes="n"))
    assert (outcome.status, outcome.id, len(company.live())) == (Status.ALREADY, company.live()[0]["Id"], 1)
    rival = written(company.side(), make("Ann", "op-9"))
    assert rival.status is Status.REJECTED, "what another process finds there is not taken for its own"


def test_batches_hold_thirty_and_answers_are_told_apart_by_bid(company: Company) -> None:
    side = company.side()
    records = [ann(company, side, DisplayName=f"C{n}") for n in range(65)]
    outcomes = side.write([change(record, f"op-{record.id}", Notes=f"of {record.id}") for record in records])
    sizes = [len(call.json["BatchItemRequest"]) for call in company.vendor.calls if call.operation == "batch"]
    assert sizes == [30, 30, 5]
    for outcome in outcomes:
        assert (outcome.op_id, outcome.status) == (f"op-{outcome.id}", Status.APPLIED)
        assert outcome.record is not None
        assert outcome.record.values["Notes"] == f"of {outcome.id}"


def test_a_later_batch_that_fails_leaves_the_outcomes_of_the_earlier_ones(company: Company) -> None:
    side = company.side()
    records = [ann(company, side, DisplayName=f"C{n}") for n in range(65)]
    company.vendor.faults.add(Fault(FaultKind.DROP_AFTER, "batch", nth=2))
    found = side.write([change(record, f"op-{record.id}", Notes="new") for record in records])
    statuses = [outcome.status for outcome in found]
    assert [statuses.count(each) for each in (Status.APPLIED, Status.UNKNOWN, Status.RETRYABLE)] == [30, 30, 5]


def test_items_of_a_batch_that_were_throttled_are_tried_again_after_a_minute(company: Company) -> None:
    side = company.side()
    records = [ann(company, side, DisplayName=f"C{n}") for n in range(3)]
    company.vendor.throttled_from = 2
    statuses = {each.op_id: each.status for each in side.write([change(each, each.id, Notes="n") for each in records])}
    assert sorted(statuses.values()) == [Status.APPLIED, Status.RETRYABLE, Status.RETRYABLE]
    company.vendor.throttled_from = None
    assert written(side, change(records[2], records[2].id, Notes="n")).status is Status.APPLIED
    assert {round(wait) for wait in company.waits} == {60}


def test_creates_after_one_that_failed_are_put_off_and_those_before_it_keep_their_outcome(company: Company) -> None:
    side = company.side()
    company.vendor.faults.add(Fault(FaultKind.DROP_BEFORE, "customer.write", nth=2))
    found = side.write([make(f"C{n}", f"op-{n}") for n in range(4)])
    assert [each.status for each in found] == [Status.APPLIED, Status.UNKNOWN, Status.RETRYABLE, Status.RETRYABLE]
    assert "connection" in found[1].message
    assert len(company.live()) == 1


# Listing


@pytest.mark.parametrize("readings", [Readings(), Readings(ids_as_text=True, empty_page_has_positions=True)])
def test_short_pages_end_only_with_an_empty_one_and_ids_may_be_ordered_either_way(
    open_company: Open, readings: Readings
) -> None:
    company = open_company(readings=readings)
    company.vendor.populate(25)
    company.vendor.short_pages = 4
    side = company.side(page=7)
    assert set(listed(side)) == {each["Id"] for each in company.vendor.company.records("Customer")}
    assert set(side.read(sorted(listed(side)))) == set(listed(side))


def test_a_listing_that_shows_less_than_was_counted_is_not_complete(company: Company) -> None:
    for number in range(5):
        company.person("create", values={"DisplayName": f"C{number}"})
    side = company.side()
    matches = company.vendor._answer_query

    def hide(select: Any) -> dict[str, Any]:
        found = matches(select)
        return found if select.counts else {"Customer": found.get("Customer", [])[1:]} if found.get("Customer") else {}

    company.vendor._answer_query = hide  # type: ignore[method-assign]
    company.vendor.validate = False
    with side.snapshot() as snapshot:
        listing = snapshot.listing()
    assert not listing.complete
    assert "counts 5" in listing.reason


def test_only_limits_the_listing_and_marks_a_read(company: Company) -> None:
    side = company.side(only={"CompanyName": ("In", "In too"), "Taxable": (True,)})
    first = ann(company, company.side(), CompanyName="In")
    second = ann(company, company.side(), DisplayName="Bob", CompanyName="Out")
    assert set(listed(side)) == {first.id}
    assert side.read([second.id])[second.id].presence is Presence.OUT_OF_SCOPE


def test_a_snapshot_reads_what_it_has_listed_without_asking_again(company: Company) -> None:
    record = ann(company, company.side())
    side = company.side()
    with side.snapshot() as snapshot:
        snapshot.listing()
        before = len(company.vendor.calls)
        assert set(snapshot.read([record.id, "999", "no-id"])) == {record.id}
    assert len(company.vendor.calls) == before + 1


def test_times_of_change_are_instants(company: Company) -> None:
    record = ann(company, company.side())
    assert record.modified is not None
    assert abs((record.modified - company.vendor.clock.now()).total_seconds()) < 60
