"""A company's share of the town: customers, what it sells them and their invoices, the same for the same seed."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from integrations_platform.sandbox import town
from integrations_platform.sandbox.quickbooks.company import Company


def populate(company: Company, size: int, seed: int) -> None:
    """Add accounts once, then ``size`` customers, items and invoices in proportion, and some vendors and employees."""
    draw = random.Random(seed)  # noqa: S311  data, not secrets
    accounts = company.records("Account") or [
        company.create("Account", {"Name": name, "AccountType": kind, "AccountSubType": detail})
        for name, kind, detail in (
            ("Sales of Product Income", "Income", "SalesOfProductIncome"),
            ("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs"),
            ("Inventory Asset", "Other Current Asset", "Inventory"),
        )
    ]
    income = {"value": accounts[0]["Id"], "name": accounts[0]["Name"]}
    before = len(company.records("Customer"))
    known = len(company.records("Item"))
    items = [company.create("Item", _item(draw, number + known, income)) for number in range(max(size // 10, 2))]
    customers = [company.create("Customer", _customer(draw, number + before)) for number in range(size)]
    for customer in customers[: size // 2]:
        company.create("Invoice", _invoice(draw, customer["Id"], items))
    for number in range(size // 20):
        company.create("Vendor", {"DisplayName": f"Supplier {before + number}"})
        company.create("Employee", {"GivenName": "Alex", "FamilyName": f"Staff {before + number}"})


def _customer(draw: random.Random, number: int) -> dict[str, Any]:
    place = number + number // 2 + 1  # two of every three people: a portal of the same size knows most of them
    person = town.person(place)
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


def _invoice(draw: random.Random, customer: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    lines = []
    for item in draw.sample(items, k=min(len(items), draw.randint(1, 3))):
        quantity = draw.randint(1, 9)
        lines.append({
            "Amount": item["UnitPrice"] * quantity, "DetailType": "SalesItemLineDetail", "Description": item["Name"],
            "SalesItemLineDetail": {"ItemRef": {"value": item["Id"]}, "Qty": Decimal(quantity),
                                    "UnitPrice": item["UnitPrice"]},
        })  # fmt: skip
    day = f"2026-{draw.randint(1, 9):02d}-{draw.randint(1, 28):02d}"
    return {"CustomerRef": {"value": customer}, "TxnDate": day, "Line": lines}
