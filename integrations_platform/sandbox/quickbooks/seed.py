"""A company's share of the town: customers, what it sells them and their invoices.

The same for the same seed and day, made long ago; some have been edited since, and of late the books have heard who has
a new telephone number.
"""

from __future__ import annotations

import random
from datetime import datetime
from decimal import Decimal
from typing import Any

from integrations_platform.sandbox import town
from integrations_platform.sandbox.past import Past
from integrations_platform.sandbox.quickbooks.company import Company


def populate(company: Company, size: int, seed: int) -> None:
    """Add accounts once, then ``size`` customers, items and invoices in proportion, and some vendors and employees."""
    draw = random.Random(seed)  # noqa: S311  data, not secrets
    past = Past("quickbooks", seed, company.now())
    with company.at(past.opened):
        accounts = company.records("Account") or [
            company.create("Account", {"Name": name, "AccountType": kind, "AccountSubType": detail})
            for name, kind, detail in (
                ("Sales of Product Income", "Income", "SalesOfProductIncome"),
                ("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs"),
                ("Inventory Asset", "Other Current Asset", "Inventory"),
            )
        ]
    income = {"value": accounts[0]["Id"], "name": accounts[0]["Name"]}
    before = {kind: len(company.records(kind)) for kind in ("Customer", "Item", "Invoice")}
    items = []
    for number in range(before["Item"], before["Item"] + max(size // 10, 2)):
        with company.at(past.created("Item", number)):
            items.append(company.create("Item", _item(draw, number, income)))
    customers = []
    for number in range(before["Customer"], before["Customer"] + size):
        with company.at(past.created("Customer", number)):
            customers.append(company.create("Customer", _customer(draw, number)))
    for number, customer in enumerate(customers[: size // 2], before["Invoice"]):
        moment = past.edited("Invoice", number)
        with company.at(moment):
            company.create("Invoice", _invoice(draw, moment, customer["Id"], items))
    for number, customer in enumerate(customers, before["Customer"]):
        if town.renumbered(_place(number)):
            with company.at(past.lately("Customer", number)):
                _renumber(company, customer["Id"], _place(number))
    for number in range(before["Customer"], before["Customer"] + size // 20):
        with company.at(past.created("Vendor", number)):
            company.create("Vendor", {"DisplayName": f"Supplier {number}"})
            company.create("Employee", {"GivenName": "Alex", "FamilyName": f"Staff {number}"})


def _place(number: int) -> int:
    """Whom of the town the ``number``-th customer is: two of three, so that a portal of that size knows most."""
    return number + number // 2 + 1


def _renumber(company: Company, customer: str, place: int) -> None:
    held = company.entity("Customer", customer)
    phone = {"FreeFormNumber": town.person(place).typed_phone}
    sent = {"Id": customer, "SyncToken": held["SyncToken"], "sparse": True, "PrimaryPhone": phone}
    company.update("Customer", sent)


def _customer(draw: random.Random, number: int) -> dict[str, Any]:
    place = _place(number)
    person = town.formerly(place)
    values: dict[str, Any] = {
        "DisplayName": person.name, "GivenName": person.given, "FamilyName": person.family,
        "CompanyName": person.company.name, "PrimaryEmailAddr": {"Address": person.email},
        "BillAddr": {"Line1": person.street, "City": person.city, "CountrySubDivisionCode": person.state,
                     "PostalCode": person.zip},
    }  # fmt: skip
    if place % 5 != 2:
        values["PrimaryPhone"] = {"FreeFormNumber": person.typed_phone}
    if draw.random() < 0.2:
        values["Notes"] = "Pays by the end of the month.\nAsk for the dock number."
    return values


def _item(draw: random.Random, number: int, income: dict[str, Any]) -> dict[str, Any]:
    article = town.article(number)
    return {
        "Name": article.name, "Type": draw.choice(("Service", "NonInventory")), "Sku": article.sku,
        "UnitPrice": article.price, "Description": "Sold by the piece", "IncomeAccountRef": income,
    }  # fmt: skip


def _invoice(draw: random.Random, moment: datetime, customer: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    lines = []
    for item in draw.sample(items, k=min(len(items), draw.randint(1, 3))):
        quantity = draw.randint(1, 9)
        lines.append({
            "Amount": item["UnitPrice"] * quantity, "DetailType": "SalesItemLineDetail", "Description": item["Name"],
            "SalesItemLineDetail": {"ItemRef": {"value": item["Id"]}, "Qty": Decimal(quantity),
                                    "UnitPrice": item["UnitPrice"]},
        })  # fmt: skip
    return {"CustomerRef": {"value": customer}, "TxnDate": f"{moment:%Y-%m-%d}", "Line": lines}
