"""What QuickBooks makes of an invoice: numbers, lines, totals, the subtotal line, a void, a customer's balance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from integrations_platform.sandbox.quickbooks.refusals import refusal

if TYPE_CHECKING:
    from integrations_platform.sandbox.quickbooks.company import Company, Entity

_CENT = Decimal("0.01")
_TERM_DAYS = 30
_FIRST_NUMBER = 1001


def complete(company: Company, entity: Entity) -> None:
    """Check an invoice and fill in what is computed; what a caller says of computed amounts counts for nothing."""
    if "CustomerRef" not in entity:
        raise refusal("2020", "Required parameter CustomerRef is missing in the request", "CustomerRef")
    customer = company.entity("Customer", str(entity["CustomerRef"]["value"]))
    entity["CustomerRef"] = {"value": customer["Id"], "name": customer["DisplayName"]}
    today = company.now().astimezone(ZoneInfo(company.time_zone)).date()
    entity.setdefault("TxnDate", today.isoformat())
    due = date.fromisoformat(entity["TxnDate"]) + timedelta(days=_TERM_DAYS)
    entity.setdefault("DueDate", due.isoformat())
    entity.setdefault("PrintStatus", "NotSet")
    entity.setdefault("EmailStatus", "NotSet")
    entity.setdefault("CurrencyRef", dict(customer["CurrencyRef"]))
    entity.setdefault("LinkedTxn", [])
    if "BillAddr" not in entity and "BillAddr" in customer:
        entity["BillAddr"] = dict(customer["BillAddr"])
    _complete_lines(company, entity)
    _total(company, entity)


def refuse_lines(company: Company, lines: Sequence[Mapping[str, Any]]) -> None:
    """Refuse lines that are not there, that name no item, or whose amount is not quantity times price."""
    sold = [line for line in lines if line.get("DetailType") != "SubTotalLineDetail"]
    if not sold:
        raise refusal("2020", "Required parameter Line is missing in the request", "Line")
    for line in sold:
        if line.get("DetailType") != "SalesItemLineDetail":
            continue
        detail = line.get("SalesItemLineDetail")
        if not isinstance(detail, Mapping) or "ItemRef" not in detail:
            raise refusal("2020", "Required parameter ItemRef is missing in the request", "ItemRef")
        if "Amount" not in line:
            raise refusal("2020", "Required parameter Amount is missing in the request", "Amount")
        company.refuse_reference("Item", detail["ItemRef"], "ItemRef")
        quantity, price = detail.get("Qty"), detail.get("UnitPrice")
        if quantity is None or price is None:
            continue
        if abs(Decimal(quantity) * Decimal(price) - Decimal(line["Amount"])) >= _CENT:
            raise refusal("6070", "Amount is not equal to UnitPrice * Qty", "Amount")


def _complete_lines(company: Company, entity: Entity) -> None:
    lines = [line for line in entity["Line"] if line["DetailType"] != "SubTotalLineDetail"]
    used = [int(line["Id"]) for line in lines if str(line.get("Id", "")).isdigit()]
    following = max(used, default=0)
    for position, line in enumerate(lines, 1):
        if line["DetailType"] == "SalesItemLineDetail":
            detail = line["SalesItemLineDetail"]
            item = company.entity("Item", str(detail["ItemRef"]["value"]))
            detail["ItemRef"] = {"value": item["Id"], "name": item["FullyQualifiedName"]}
            detail.setdefault("TaxCodeRef", {"value": "NON"})
        if not line.get("Id"):
            following += 1
            line["Id"] = str(following)
        line["LineNum"] = position
    amount = sum((_share(line) for line in lines), Decimal(0))
    entity["Line"] = [*lines, {"Amount": amount, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}]


def _share(line: Mapping[str, Any]) -> Decimal:
    amount = Decimal(line.get("Amount", 0))
    return -amount if line["DetailType"] == "DiscountLineDetail" else amount


def _total(company: Company, entity: Entity) -> None:
    lines = [line for line in entity["Line"] if line["DetailType"] != "SubTotalLineDetail"]
    tax = Decimal(entity.get("TxnTaxDetail", {}).get("TotalTax", 0))
    entity["TxnTaxDetail"] = {"TotalTax": tax}
    total = (sum((_share(line) for line in lines), Decimal(0)) + tax).quantize(_CENT, ROUND_HALF_UP)
    paid = Decimal(entity.pop("_paid", 0))
    entity["TotalAmt"], entity["Balance"], entity["Deposit"] = total, total - paid, Decimal(0)
    if paid:
        entity["_paid"] = paid
    if entity["CurrencyRef"]["value"] != company.home_currency:
        rate = Decimal(entity.setdefault("ExchangeRate", Decimal(1)))
        entity["HomeTotalAmt"] = (total * rate).quantize(_CENT)
        entity["HomeBalance"] = ((total - paid) * rate).quantize(_CENT)


def number(company: Company, entity: Entity, old: Entity | None) -> None:
    """A caller's DocNumber counts only with custom numbers, and then no other invoice may have it."""
    if not company.custom_numbers:
        before = old.get("DocNumber") if old else None
        entity["DocNumber"] = before or _next_number(company)
        return
    if "DocNumber" not in entity:
        return
    for other in company.records("Invoice"):
        if other["Id"] != entity["Id"] and other.get("DocNumber") == entity["DocNumber"]:
            raise refusal("6140", f"Duplicate Document Number Error : {entity['DocNumber']} is used by another "
                                  "transaction", "DocNumber")  # fmt: skip


def _next_number(company: Company) -> str:
    used = [int(each["DocNumber"]) for each in company.records("Invoice") if each.get("DocNumber", "").isdigit()]
    return str(max(used, default=_FIRST_NUMBER - 1) + 1)


def voided(entity: Entity, *, keeps_amounts: bool) -> Entity:
    """The invoice after a void."""
    entity["PrivateNote"] = "Voided"
    if keeps_amounts:
        return entity
    for line in entity["Line"]:
        if "Amount" in line:
            line["Amount"] = Decimal(0)
        if "SalesItemLineDetail" in line:
            detail = line["SalesItemLineDetail"]
            detail |= {name: Decimal(0) for name in ("Qty", "UnitPrice") if name in detail}
    entity["TxnTaxDetail"] = {"TotalTax": Decimal(0)}
    for amount in ("TotalAmt", "Balance", "HomeTotalAmt", "HomeBalance"):
        if amount in entity:
            entity[amount] = Decimal(0)
    return entity


def pay(company: Company, entity: Entity, amount: Decimal, payment_id: str) -> None:
    """A person records a payment: it is linked to the invoice and lowers what is owed."""
    before = dict(entity)
    entity["_paid"] = Decimal(entity.get("_paid", 0)) + amount
    entity["LinkedTxn"] = [*entity["LinkedTxn"], {"TxnId": payment_id, "TxnType": "Payment"}]
    entity["Balance"] = Decimal(entity["TotalAmt"]) - entity["_paid"]
    company.stamp(entity)
    settle(company, before, entity)


def settle(company: Company, old: Entity | None, new: Entity | None) -> None:
    """Bring the balances of the customers an invoice concerned, and concerns, up to date."""
    changes: dict[str, Decimal] = {}
    for invoice, sign in ((old, -1), (new, 1)):
        if invoice is not None:
            customer = str(invoice["CustomerRef"]["value"])
            changes[customer] = changes.get(customer, Decimal(0)) + sign * Decimal(invoice["Balance"])
    for customer, change in changes.items():
        owed = Decimal(company.entity("Customer", customer)["Balance"]) + change
        company.derive("Customer", customer, {"Balance": owed, "BalanceWithJobs": owed})
