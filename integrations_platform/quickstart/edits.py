"""What people do to both databases between two runs: edits, clashes, deletes and new customers.

Owns the edits and what must have become of each after the next run. It writes with plain SQL, as applications do, and
knows nothing of the engine.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, LiteralString

import psycopg

from integrations_platform.quickstart.data import Customer, Population
from integrations_platform.quickstart.databases import Databases, now_text

CRM_BALANCE, SHOP_BALANCE = Decimal("1250.50"), Decimal("1199.99")
NEW_PHONE, SAME_PHONE = "+49 30 23125 0199", "+44 20 7946 0042"
TOO_LONG = "de la Concepción y Todos los Santos " * 4


@dataclass
class Edited:
    """Whom the edits concern."""

    phones: list[Customer] = field(default_factory=list)
    names: list[Customer] = field(default_factory=list)
    clashes: list[Customer] = field(default_factory=list)
    money: list[Customer] = field(default_factory=list)
    alike: list[Customer] = field(default_factory=list)
    respelled: list[Customer] = field(default_factory=list)
    cleared: list[Customer] = field(default_factory=list)
    overlong: list[Customer] = field(default_factory=list)
    gone_from_crm: list[Customer] = field(default_factory=list)
    gone_from_webshop: list[Customer] = field(default_factory=list)
    contested: list[Customer] = field(default_factory=list)
    new_in_crm: list[str] = field(default_factory=list)
    new_in_webshop: list[str] = field(default_factory=list)

    def told(self) -> list[tuple[str, str, int]]:
        """(where, what, how many), for people."""
        return [
            ("crm", "phone numbers corrected", len(self.phones)),
            ("webshop", "customers renamed", len(self.names)),
            ("both", "one name changed differently on both sides", len(self.clashes)),
            ("both", "one balance changed differently on both sides", len(self.money)),
            ("both", "the same new phone number on both sides", len(self.alike)),
            ("webshop", "an e-mail retyped in capitals", len(self.respelled)),
            ("crm", "a phone number cleared", len(self.cleared)),
            ("webshop", f"a name of {len(self.overlong[0].name) + len(TOO_LONG)} characters", len(self.overlong)),
            ("crm", "customers deleted", len(self.gone_from_crm)),
            ("webshop", "a customer deleted", len(self.gone_from_webshop)),
            ("both", "deleted in the CRM, renamed in the web shop", len(self.contested)),
            ("crm", "new customers", len(self.new_in_crm)),
            ("webshop", "a new customer", len(self.new_in_webshop)),
        ]


def edit_both_sides(databases: Databases, population: Population) -> Edited:
    """Make the edits, each side in one transaction."""
    edited = _cast(population)
    with databases.crm() as crm:
        _edit_crm(crm, edited)
    with databases.shop() as shop:
        _edit_webshop(shop, edited)
    return edited


def _edit_crm(crm: psycopg.Connection[Any], edited: Edited) -> None:
    changes: list[tuple[LiteralString, Customer, object]] = [
        *(("phone", one, NEW_PHONE) for one in edited.phones),
        *(("phone", one, SAME_PHONE) for one in edited.alike),
        *(("phone", one, None) for one in edited.cleared),
        *(("balance", one, CRM_BALANCE) for one in edited.money),
        *(("full_name", one, f"{one.name}, MD") for one in edited.clashes),
    ]
    for column, one, value in changes:
        crm.execute(
            f"UPDATE customers SET {column} = %s, updated_at = clock_timestamp() WHERE email = %s", (value, one.email)
        )
    for one in (*edited.gone_from_crm, *edited.contested):
        crm.execute("DELETE FROM customers WHERE email = %s", (one.email,))
    for name, email in zip(("Ngozi Adébáyọ̀", "Bjørk Guðmundsdóttir"), edited.new_in_crm, strict=True):
        crm.execute(
            "INSERT INTO customers (full_name, email, balance, created_on) VALUES (%s, %s, 12.34, '2026-01-31')",
            (name, email),
        )


def _edit_webshop(shop: sqlite3.Connection, edited: Edited) -> None:
    changes: list[tuple[str, Customer, object]] = [
        *(("name", one, renamed(one)) for one in (*edited.names, *edited.contested)),
        *(("name", one, f"{one.name}, PhD") for one in edited.clashes),
        *(("name", one, f"{one.name}{TOO_LONG}") for one in edited.overlong),
        *(("phone", one, SAME_PHONE) for one in edited.alike),
        *(("balance", one, str(SHOP_BALANCE)) for one in edited.money),
        *(("email_address", one, one.email.upper()) for one in edited.respelled),
    ]
    for column, one, value in changes:
        shop.execute(
            f"UPDATE customer SET {column} = ?, updated_at = ? WHERE email_address = ?", (value, now_text(), one.email)
        )
    for one in edited.gone_from_webshop:
        shop.execute("DELETE FROM customer WHERE email_address = ?", (one.email,))
    for email in edited.new_in_webshop:
        shop.execute(
            "INSERT INTO customer (name, email_address, balance, customer_since) VALUES (?, ?, '0.00', ?)",
            ("Çağla Öztürk", email, "2026-02-01"),
        )


def renamed(customer: Customer) -> str:
    """The name a web shop customer took."""
    return f"{customer.name} (née Ruiz)"


def outcomes(databases: Databases, edited: Edited) -> list[tuple[str, bool]]:
    """(what must be so after the next run, whether plain SQL says it is so)."""
    crm, shop = databases.by_email()

    def both(customers: list[Customer], **values: object) -> bool:
        return all(
            getattr(side[one.email.lower()], name) == value
            for one in customers
            for side in (crm, shop)
            for name, value in values.items()
        )

    def nowhere(customers: list[Customer]) -> bool:
        return not any(one.email.lower() in side for one in customers for side in (crm, shop))

    clashing = [(crm[one.email.lower()].name, shop[one.email.lower()].name, one.name) for one in edited.clashes]
    return [
        ("phone numbers corrected in the CRM are in the web shop", both(edited.phones, phone=NEW_PHONE)),
        ("names changed in the web shop are in the CRM", all(both([one], name=renamed(one)) for one in edited.names)),
        ("names changed on both sides stand as their authors left them",
         all((mine, theirs) == (f"{name}, MD", f"{name}, PhD") for mine, theirs, name in clashing)),
        ("balances follow the CRM, as declared", both(edited.money, balance=CRM_BALANCE)),
        ("the same edit on both sides is no conflict", both(edited.alike, phone=SAME_PHONE)),
        ("the cleared phone number is cleared on both sides", both(edited.cleared, phone=None)),
        ("customers deleted on one side are archived on the other",
         nowhere([*edited.gone_from_crm, *edited.gone_from_webshop])),
        ("the one deleted here but changed there is back, with the change",
         all(both([one], name=renamed(one)) for one in edited.contested)),
        ("new customers are on both sides",
         all(email in side for email in (*edited.new_in_crm, *edited.new_in_webshop) for side in (crm, shop))),
        ("the overlong name was not cut: the CRM keeps the old one",
         all(crm[one.email.lower()].name == one.name for one in edited.overlong)),
    ]  # fmt: skip


def _cast(population: Population) -> Edited:
    """Give every part to somebody, always the same."""
    waiting: Iterator[Customer] = iter(population.ordinary)

    def some(count: int) -> list[Customer]:
        return [next(waiting) for _ in range(count)]

    return Edited(
        phones=some(40),
        names=some(25),
        clashes=some(3),
        money=some(2),
        alike=some(2),
        respelled=some(1),
        cleared=[next(one for one in waiting if one.phone)],
        overlong=some(1),
        gone_from_crm=some(2),
        gone_from_webshop=some(1),
        contested=some(1),
        new_in_crm=["ngozi.adebayo@example.org", "bjork.gudmundsdottir@example.org"],
        new_in_webshop=["cagla.ozturk@example.com"],
    )
