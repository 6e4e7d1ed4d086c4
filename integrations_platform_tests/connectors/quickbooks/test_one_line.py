"""``Line.ItemRef``, ``Line.Quantity``, ``Line.Amount``, ``Line.Description``: an invoice of one sale as columns."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations_platform.connectors.quickbooks.lines import UnfitLinesError
from integrations_platform.connectors.quickbooks.one_line import sent_line, shown_member
from integrations_platform.connectors.quickbooks.side import QuickBooksSide
from integrations_platform.unified_sync.port import Kind, Record, Status, Write
from integrations_platform.unified_sync.values import FieldType, Invalid, Value
from integrations_platform_tests.connectors.quickbooks.asking import change, written
from integrations_platform_tests.connectors.quickbooks.company import Company

SALE = {
    "CustomerRef": FieldType.REF,
    "DocNumber": FieldType.TEXT,
    "Line.ItemRef": FieldType.REF,
    "Line.Quantity": FieldType.DECIMAL,
    "Line.Amount": FieldType.DECIMAL,
    "Line.Description": FieldType.TEXT,
}


@pytest.fixture
def sales(company: Company) -> QuickBooksSide:
    return company.side("invoices", SALE)


def customer(company: Company, name: str = "Ann") -> str:
    return str(company.person("create", values={"DisplayName": name})["Id"])


def sold(company: Company, side: QuickBooksSide, **more: Value) -> Record:
    """An invoice as the engine creates it."""
    values = {"CustomerRef": customer(company), "Line.ItemRef": company.item(), "Line.Amount": Decimal("99.90")}
    outcome = written(side, Write("op-1", Kind.CREATE, "link-1", {**values, **more}))
    assert outcome.status is Status.APPLIED, outcome
    return side.read([outcome.id or ""])[outcome.id or ""]


def lines(company: Company, record: Record) -> list[dict[str, Any]]:
    """What a person sees on the invoice, the subtotal apart."""
    shown = company.entity(record.id, "Invoice")["Line"]
    return [line for line in shown if line["DetailType"] != "SubTotalLineDetail"]


def test_a_sale_becomes_an_invoice_of_one_line_and_reads_back_as_it_was_written(
    company: Company, sales: QuickBooksSide
) -> None:
    record = sold(company, sales, **{"Line.Quantity": Decimal(3), "Line.Description": "Dinghy, blue"})
    assert record.values["Line.Amount"] == Decimal("99.9")
    assert record.values["Line.Quantity"] == Decimal(3)
    assert record.values["Line.Description"] == "Dinghy, blue"
    (line,) = lines(company, record)
    assert line["SalesItemLineDetail"]["ItemRef"]["value"] == record.values["Line.ItemRef"]
    assert line["SalesItemLineDetail"]["UnitPrice"] == Decimal("33.3")
    assert company.entity(record.id, "Invoice")["TotalAmt"] == Decimal("99.90")


def test_without_a_quantity_the_amount_stands_alone(company: Company, sales: QuickBooksSide) -> None:
    record = sold(company, sales)
    assert record.values["Line.Quantity"] is None
    assert not {"Qty", "UnitPrice"} & lines(company, record)[0]["SalesItemLineDetail"].keys()


@pytest.mark.parametrize(
    ("values", "amount", "price"),
    [
        ({"Line.Amount": Decimal(10)}, Decimal(10), Decimal("3.3333333")),
        ({"Line.Quantity": Decimal(4)}, Decimal("99.90"), Decimal("24.975")),
        ({"Line.Quantity": None}, Decimal("99.90"), None),
        ({"Line.Description": None}, Decimal("99.90"), Decimal("33.3")),
    ],
)
def test_the_amount_rules_and_the_unit_price_follows(
    company: Company, sales: QuickBooksSide, values: dict[str, Value], amount: Decimal, price: Decimal | None
) -> None:
    record = sold(company, sales, **{"Line.Quantity": Decimal(3), "Line.Description": "Dinghy"})
    assert written(sales, change(record, **values)).status is Status.APPLIED
    (line,) = lines(company, record)
    assert (line["Amount"], line["SalesItemLineDetail"].get("UnitPrice")) == (amount, price)
    after = sales.read([record.id])[record.id]
    assert {name: after.values[name] for name in values} == values


def test_text_lines_a_discount_and_the_tax_code_of_the_line_stay(company: Company, sales: QuickBooksSide) -> None:
    record = sold(company, sales)
    (line,) = lines(company, record)
    line["SalesItemLineDetail"]["TaxCodeRef"] = {"value": "TAX"}
    note = {"DetailType": "DescriptionOnly", "Description": "Thank you", "DescriptionLineDetail": {}}
    discount = {"DetailType": "DiscountLineDetail", "Amount": Decimal(5), "DiscountLineDetail": {"PercentBased": False}}
    company.person("edit", "Invoice", id=record.id, values={"Line": [line, note, discount]})
    record = sales.read([record.id])[record.id]
    assert written(sales, change(record, **{"Line.Amount": Decimal(50)})).status is Status.APPLIED
    after = lines(company, record)
    assert [each["DetailType"] for each in after] == ["SalesItemLineDetail", "DescriptionOnly", "DiscountLineDetail"]
    assert after[0]["SalesItemLineDetail"]["TaxCodeRef"] == {"value": "TAX"}
    assert company.entity(record.id, "Invoice")["TotalAmt"] == Decimal("45.00")


def test_of_several_sold_lines_none_is_taken_for_the_one(company: Company, sales: QuickBooksSide) -> None:
    record = sold(company, sales)
    (line,) = lines(company, record)
    second = {name: value for name, value in line.items() if name != "Id"}
    company.person("edit", "Invoice", id=record.id, values={"Line": [line, second]})
    record = sales.read([record.id])[record.id]
    shown = record.values["Line.Amount"]
    assert isinstance(shown, Invalid)
    assert "has 2 sold lines" in shown.reason
    assert record.values["CustomerRef"] is not None, "the rest of the invoice is read"
    outcome = written(sales, change(record, **{"Line.Amount": Decimal(1)}))
    assert outcome.status is Status.REJECTED
    assert "Line.Amount: the invoice has 2 sold lines" in outcome.message
    assert len(lines(company, record)) == 2


@pytest.mark.parametrize("missing", ["Line.ItemRef", "Line.Amount"])
def test_what_a_line_needs_is_named(company: Company, sales: QuickBooksSide, missing: str) -> None:
    values: dict[str, Value] = {
        "CustomerRef": customer(company), "Line.ItemRef": company.item(), "Line.Amount": Decimal(1)
    }  # fmt: skip
    del values[missing]
    outcome = written(sales, Write("op", Kind.CREATE, "link", values))
    assert (outcome.status, missing in outcome.message) == (Status.REJECTED, True)
    assert company.vendor.company.records("Invoice") == []


def test_a_bundle_is_no_single_sale() -> None:
    bundle = [{"DetailType": "GroupLineDetail"}]
    with pytest.raises(UnfitLinesError, match="GroupLineDetail"):
        shown_member(bundle, "Line.Amount")
    with pytest.raises(UnfitLinesError, match="GroupLineDetail"):
        sent_line({"Line.Amount": Decimal(1)}, bundle)


def test_all_lines_and_the_one_line_are_not_written_by_one_sync(company: Company) -> None:
    problems = company.side("invoices", {**SALE, "Line": FieldType.JSON}).check()
    assert any(problem.blocking and "either would replace the other" in problem.message for problem in problems)
