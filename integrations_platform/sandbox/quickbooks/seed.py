"""Data of a made-up company, the same for the same seed."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from integrations_platform.sandbox.quickbooks.company import Company

_GIVEN = ("Ada", "Bruno", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Hana", "Ivo", "Jun", "Kofi", "Lena")
_FAMILY = ("Adeyemi", "Berg", "Costa", "Díaz", "Eriksen", "Fontaine", "García", "Haddad", "Ito", "Janssen", "Kowalski")
_TRADES = ("Bakery", "Boatyard", "Clinic", "Farm", "Garage", "Hotel", "Nursery", "Print Shop", "Studio", "Tools")
_CITIES = (
    ("Lakeside", "CA", "94000"),
    ("Portland", "OR", "97200"),
    ("Austin", "TX", "78700"),
    ("Boston", "MA", "02100"),
)
_GOODS = ("Anchor", "Bench", "Canvas", "Dinghy", "Engine oil", "Fender", "Gasket", "Hull paint", "Inspection", "Jib")


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
    items = [company.create("Item", _item(draw, number + before, income)) for number in range(max(size // 10, 2))]
    customers = [company.create("Customer", _customer(draw, number + before)) for number in range(size)]
    for customer in customers[: size // 2]:
        company.create("Invoice", _invoice(draw, customer["Id"], items))
    for number in range(size // 20):
        company.create("Vendor", {"DisplayName": f"Supplier {before + number}"})
        company.create("Employee", {"GivenName": draw.choice(_GIVEN), "FamilyName": f"Staff {before + number}"})


def _customer(draw: random.Random, number: int) -> dict[str, Any]:
    given, family = draw.choice(_GIVEN), draw.choice(_FAMILY)
    city, state, code = draw.choice(_CITIES)
    values: dict[str, Any] = {
        "DisplayName": f"{family} {draw.choice(_TRADES)} {number}", "GivenName": given, "FamilyName": family,
        "CompanyName": f"{family} {number}",
        "PrimaryEmailAddr": {"Address": f"{given}.{family}.{number}@mail.example".lower()},
        "BillAddr": {"Line1": f"{draw.randint(1, 999)} Main Street", "City": city, "CountrySubDivisionCode": state,
                     "PostalCode": code},
    }  # fmt: skip
    if draw.random() < 0.7:
        values["PrimaryPhone"] = {"FreeFormNumber": f"(555) {draw.randint(100, 999)}-{draw.randint(1000, 9999)}"}
    if draw.random() < 0.2:
        values["Notes"] = "Pays by the end of the month.\nAsk for the dock number."
    return values


def _item(draw: random.Random, number: int, income: dict[str, Any]) -> dict[str, Any]:
    price = Decimal(draw.randint(100, 90_000)).scaleb(-2)
    return {
        "Name": f"{draw.choice(_GOODS)} {number}", "Type": draw.choice(("Service", "NonInventory")),
        "Sku": f"LS-{number:05d}", "UnitPrice": price, "Description": "Sold by the piece", "IncomeAccountRef": income,
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
