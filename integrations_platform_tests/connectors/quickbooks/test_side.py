"""QuickBooks' own ways as the engine meets them: tokens, names, inactive records, invoices, batches, limits."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from integrations_platform.connectors import introspect
from integrations_platform.connectors.budgets import ALLOWANCES, Budget
from integrations_platform.connectors.quickbooks import open_quickbooks, probe
from integrations_platform.connectors.quickbooks.side import QuickBooksSide
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.quickbooks.readings import Readings
from integrations_platform.sandbox.quickbooks.tokens import FIRST_ACCESS
from integrations_platform.unified_sync.port import (
    BoundColumn,
    ErrorKind,
    Kind,
    Outcome,
    Presence,
    Record,
    SideError,
    Status,
    Write,
)
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType, Invalid, Value
from integrations_platform_tests.connectors.quickbooks.company import CUSTOMER, INVOICE, Company
from integrations_platform_tests.connectors.quickbooks.conftest import Open
from integrations_platform_tests.connectors.saas_contract import listed, only


def make(name: str = "Ann", op: str = "op-1", **values: Value) -> Write:
    return Write(op, Kind.CREATE, f"link-{op}", {"DisplayName": name, **values})


def change(record: Record, op: str = "op-u", kind: Kind = Kind.UPDATE, **values: Value) -> Write:
    return Write(op, kind, "link", values, record.id, record.version)


def ann(company: Company, side: QuickBooksSide, **values: Any) -> Record:
    record_id = company.person("create", values={"DisplayName": "Ann", **values})["Id"]
    return side.read([record_id])[record_id]


def sent(company: Company, operation: str) -> list[Any]:
    return [call.json for call in company.vendor.calls if call.operation == operation]


def written(side: QuickBooksSide, write: Write) -> Outcome:
    return only(side.write([write]))


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


# Invoices


def line(item: str, quantity: str = "2", price: str = "2.5", **more: Any) -> dict[str, Any]:
    return {"item": item, "quantity": Decimal(quantity), "unit_price": Decimal(price), **more}


def text_of(*lines: Any) -> str:
    return json.dumps(lines, default=float)


def invoice(company: Company, side: QuickBooksSide, *lines: Any, op: str = "op-i", **values: Value) -> Outcome:
    customer = company.person("create", values={"DisplayName": f"Customer of {op}"})["Id"]
    columns: dict[str, Value] = {
        "CustomerRef": customer,
        "Line": text_of(*lines),
        "TxnDate": date(2026, 3, 1),
        **values,
    }
    return written(side, Write(op, Kind.CREATE, "link", columns))


def test_an_invoice_is_created_with_its_lines_and_shows_them_without_what_is_computed(company: Company) -> None:
    side, item = company.side("invoices"), company.item()
    outcome = invoice(company, side, line(item, description="Bolts"), {"description": "Thank you"}, DocNumber="A-1")
    assert outcome.record is not None
    assert json.loads(str(outcome.record.values["Line"])) == [
        {"description": "Bolts", "item": item, "quantity": 2, "unit_price": 2.5},
        {"description": "Thank you"},
    ]
    assert (outcome.record.values["DocNumber"], outcome.record.values["TxnDate"]) == ("A-1", date(2026, 3, 1))


def test_replacing_lines_keeps_discounts_dates_tax_codes_and_ids(company: Company) -> None:
    side, item = company.side("invoices"), company.item()
    customer = company.person("create", values={"DisplayName": "Ann"})["Id"]
    sold = {"Amount": 5, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail":
            {"ItemRef": {"value": item}, "Qty": 2, "UnitPrice": Decimal("2.5"), "ServiceDate": "2026-01-02",
             "TaxCodeRef": {"value": "TAX"}}}  # fmt: skip
    cut = {"Amount": 1, "DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": False}}
    made = company.person("create", "Invoice", values={"CustomerRef": {"value": customer}, "Line": [sold, cut]})
    record = side.read([made["Id"]])[made["Id"]]
    assert written(side, change(record, Line=text_of(line(item, "4")))).status is Status.APPLIED
    lines = company.entity(made["Id"], "Invoice")["Line"]
    assert [each["DetailType"] for each in lines] == ["SalesItemLineDetail", "DiscountLineDetail", "SubTotalLineDetail"]
    assert (lines[0]["SalesItemLineDetail"]["TaxCodeRef"]["value"], lines[0]["Id"]) == ("TAX", "1")
    assert (lines[0]["SalesItemLineDetail"]["ServiceDate"], lines[0]["Amount"]) == ("2026-01-02", 10)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "at least one line"),
        (["x"], "line 1: no object"),
        ([{"item": "1", "qty": 2}], "line 1: unknown qty"),
        ([{"item": "1"}], "neither an amount nor"),
        ([{"item": "1", "amount": "5"}], "amount is not a number"),
        ([{"quantity": 1}], "an item is missing"),
        ([{"item": 1, "amount": 5}], "are texts"),
        ([{"item": "1", "amount": 5, "description": ""}], "leave description out"),
        ([{"item": "1", "amount": 5, "quantity": 2, "unit_price": 2.5}], "leave amount out"),
    ],
)
def test_lines_that_make_no_sense_are_refused_before_they_are_sent(company: Company, lines: Any, said: str) -> None:
    outcome = invoice(company, company.side("invoices"), *lines)
    assert (outcome.status, said in outcome.message) == (Status.REJECTED, True), outcome.message
    assert sent(company, "invoice.write") == []


def test_a_bundle_cannot_be_shown_and_says_so(company: Company) -> None:
    side, item = company.side("invoices"), company.item()
    outcome = invoice(company, side, line(item))
    assert outcome.id is not None
    company.entity(outcome.id, "Invoice")["Line"].append(
        {"Id": "9", "DetailType": "GroupLineDetail", "GroupLineDetail": {"GroupItemRef": {"value": item}}}
    )
    value = side.read([outcome.id])[outcome.id].values["Line"]
    assert isinstance(value, Invalid)
    assert "GroupLineDetail" in value.reason


def test_a_used_document_number_names_the_invoice_that_has_it(company: Company) -> None:
    side, item = company.side("invoices"), company.item()
    first = invoice(company, side, line(item), DocNumber="A-1")
    second = invoice(company, side, line(item), op="op-2", DocNumber="A-1")
    assert (second.status, second.code) == (Status.REJECTED, "duplicate")
    assert f"Invoice {first.id}" in second.message


def test_invoices_are_deleted_or_voided_only_where_that_is_declared(company: Company) -> None:
    item = company.item()
    side, voiding = company.side("invoices"), company.side("invoices", soft_delete="void")
    made = [invoice(company, side, line(item), op=f"op-{n}").id or "" for n in range(3)]
    records = side.read(made)
    assert (side.capabilities.archive, side.capabilities.delete) == (False, True)
    refused = written(side, change(records[made[0]], "a", Kind.ARCHIVE))
    assert (refused.status, "soft_delete: void" in refused.message) == (Status.REJECTED, True)
    delete = change(records[made[0]], "d", Kind.DELETE)
    assert [written(side, delete).status for _ in range(2)] == [Status.APPLIED] * 2, "the second is the first, replayed"
    assert written(side, change(records[made[0]], "d2", Kind.DELETE)).status is Status.ALREADY
    voided = written(voiding, change(voiding.read(made)[made[1]], "v", Kind.ARCHIVE))
    assert voided.status is Status.APPLIED
    shown = voiding.read(made)
    assert [shown[each].presence for each in made[1:]] == [Presence.ARCHIVED, Presence.LIVE]
    assert side.read(made)[made[1]].presence is Presence.LIVE, "without the declaration a void is a change like others"


def test_customers_are_never_deleted(company: Company) -> None:
    side = company.side()
    outcome = written(side, change(ann(company, side), "d", Kind.DELETE))
    assert (outcome.status, outcome.code) == (Status.REJECTED, "unsupported")


def test_an_inactive_reference_is_refused_and_is_no_vanished_record(company: Company) -> None:
    side, item = company.side("invoices"), company.item()
    made = invoice(company, side, line(item))
    other = company.person("create", values={"DisplayName": "Gone"})["Id"]
    company.person("deactivate", id=other)
    record = side.read([made.id or ""])[made.id or ""]
    outcome = written(side, change(record, CustomerRef=other))
    assert (outcome.status, outcome.code) == (Status.REJECTED, "610")
    assert written(side, change(record, "w", CustomerRef="99999")).code == "2500"


def test_an_item_is_created_when_its_account_is_given(company: Company) -> None:
    side = company.side("items")
    values: dict[str, Value] = {"Name": "Bolt", "Type": "Service", "UnitPrice": Decimal("0.10"),
                                "IncomeAccountRef": company.income_account()}  # fmt: skip
    outcome = written(side, Write("op", Kind.CREATE, "l", values))
    assert outcome.record is not None
    assert outcome.record.values["UnitPrice"] == Decimal("0.1")
    lacking = written(side, Write("op2", Kind.CREATE, "l", {**values, "Name": "Nut", "IncomeAccountRef": None}))
    assert (lacking.status, lacking.code) == (Status.REJECTED, "2020")
    assert "IncomeAccountRef" in lacking.message


# Checks and messages


def test_the_wrong_company_is_a_setting_to_change(company: Company) -> None:
    side = company.side(changed={"realm_id": "123"})
    (problem,) = side.check()
    assert problem.blocking
    assert "QUICKBOOKS_REALM_ID" in problem.message
    assert "intuit_tid" in problem.message


def test_checks_name_what_is_declared_wrongly(company: Company) -> None:
    types = {"DispalyName": FieldType.TEXT, "Balance": FieldType.DECIMAL, "Taxable": FieldType.DATE}
    problems = company.side(types=types, key=("DisplayName",), soft_delete="Active", only={"Nme": ("x",)}).check()
    text = " ".join(f"{each.message} {each.remedy}" for each in problems)
    for part in ("did you mean DisplayName", "not read as date", "leave `key:` out",
                 "inactive is archived", "`only:` names"):  # fmt: skip
        assert part in text, text
    (problem,) = company.side("costumers").check()
    assert "did you mean customers" in problem.remedy
    company.vendor.company.custom_numbers = False
    warned = company.side("invoices", {"DocNumber": FieldType.TEXT}).check()
    assert {(each.column, each.blocking) for each in warned} == {
        ("CustomerRef", False),
        ("Line", False),
        ("DocNumber", False),
    }


def test_forms_tell_lengths_options_and_what_is_computed(company: Company) -> None:
    forms = company.side(types={**CUSTOMER, "Balance": FieldType.DECIMAL}).columns()
    assert (forms["DisplayName"].max_length, forms["DisplayName"].unique) == (500, True)
    assert forms["PrimaryPhone.FreeFormNumber"].max_length == 30
    assert not forms["Balance"].writable
    assert set(company.side("invoices").columns()) == set(INVOICE)


def test_both_spellings_of_a_fault_are_read_and_html_is_none(company: Company) -> None:
    side = company.side()
    body = company.vendor.error_body(429)
    company.vendor.faults.add(Fault(FaultKind.STATUS, "query", status=400, body={**body, "warnings": None}))
    company.vendor.faults.add(Fault(FaultKind.HTML, "query", status=503))
    for expected in ("called too often", "HTTP 503"):
        with pytest.raises(SideError) as caught:
            side.read(["1"])
        assert caught.value.kind is ErrorKind.TRANSIENT
        assert expected in caught.value.message
        company.rows = type(company.rows)()
        side = company.side()


def test_a_refusal_shows_no_value_and_the_trace(company: Company) -> None:
    outcome = written(company.side(), make("secret : name"))
    assert outcome.status is Status.REJECTED
    assert "secret" not in outcome.message
    assert "intuit_tid 1-" in outcome.message
    assert "(DisplayName)" in outcome.message


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"environment": "staging"}, "production or sandbox"),
        ({"realm_id": "../1"}, "realm_id"),
        ({"client_id": "x"}, "client_secret and refresh_token is missing"),
        ({"access_token": ""}, "QUICKBOOKS_ACCESS_TOKEN"),
        ({"base_url": "http://books.example"}, "not encrypted"),
    ],
)
def test_options_that_cannot_work_are_named(company: Company, changed: dict[str, str], said: str) -> None:
    with pytest.raises(SideError) as caught:
        company.side(changed=changed)
    assert caught.value.kind is ErrorKind.CONFIGURATION
    assert said in caught.value.message


def test_the_usual_addresses_are_the_vendors(company: Company) -> None:
    options = {"access_token": "t", "realm_id": "1", "environment": "sandbox"}
    side = open_quickbooks("books", options, SideSpec("books", "customers"), [BoundColumn("Notes", FieldType.TEXT)],
                           "p", "A", clock=company.vendor.clock.now, budget=Budget())  # fmt: skip
    assert side._client._api._base == "https://sandbox-quickbooks.api.intuit.com"
    side.close()


def test_the_company_is_probed_and_objects_are_described(company: Company) -> None:
    options = company.options()
    assert probe("books", options, clock=company.vendor.clock.now, budget=Budget()).startswith("QuickBooks Online")
    described = introspect("quickbooks", options, "Customers", "books")
    assert {each.name: each.suggested for each in described.columns}["PrimaryEmailAddr.Address"] is FieldType.EMAIL
    with pytest.raises(SideError, match="did you mean invoices"):
        introspect("quickbooks", options, "invoice", "books")


def test_reads_writes_and_batches_are_charged_to_their_own_limits(company: Company) -> None:
    assert set(ALLOWANCES["quickbooks"].buckets) >= {"read", "call", "batch"}
    side = company.side()
    budget = Budget("books", "test", ALLOWANCES["quickbooks"], company.rows, sleep=company.waits.append)
    side._client._api._budget = budget
    records = [ann(company, side, DisplayName=f"C{n}") for n in range(2)]
    side.write([change(record, record.id, Notes="n") for record in records])
    written(side, make())
    (reads,) = budget.usage()
    assert (reads.name, reads.used) == ("reads", 2)


def test_the_token_appears_in_no_message(company: Company) -> None:
    side = company.side(changed={"access_token": f"x{FIRST_ACCESS}"})
    with pytest.raises(SideError) as caught:
        side.read(["1"])
    assert FIRST_ACCESS not in f"{caught.value} {caught.value!r}"
    assert "QUICKBOOKS_ACCESS_TOKEN" in caught.value.message
