"""Invoices and items: lines as one value, numbers, references, and what a delete or a void is."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from integrations_platform.connectors.quickbooks.side import QuickBooksSide
from integrations_platform.unified_sync.port import (
    Kind,
    Outcome,
    Presence,
    Status,
    Write,
)
from integrations_platform.unified_sync.values import Invalid, Value
from integrations_platform_tests.connectors.quickbooks.asking import ann, change, sent, written
from integrations_platform_tests.connectors.quickbooks.company import Company


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


def test_emptying_a_note_leaves_payments_tax_and_lines_as_they_are(company: Company) -> None:
    side = company.side("invoices")
    outcome = invoice(company, side, line(company.item()), PrivateNote="n")
    company.person("pay", "Invoice", id=outcome.id, amount="1")
    record = side.read([outcome.id or ""])[outcome.id or ""]
    assert written(side, change(record, PrivateNote=None)).status is Status.APPLIED
    body = sent(company, "invoice.write")[-1]
    assert {"LinkedTxn", "TxnTaxDetail", "Line", "DueDate"} <= body.keys()
    assert {"PrivateNote", "sparse", "TotalAmt", "Balance", "MetaData"} & body.keys() == set()
    entity = company.entity(record.id, "Invoice")
    assert (entity["Balance"], "PrivateNote" in entity) == (4, False)


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
