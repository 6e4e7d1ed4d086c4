"""The Chinook sample data, or invented data of the same shape where the file is not there.

Owns reading and inventing; it knows nothing of the databases the data is loaded into.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

SIZES = {"customers": 59, "invoices": 412, "tracks": 3503}

_CUSTOMERS = (
    "SELECT CustomerId, FirstName, LastName, Company, City, State, Country, PostalCode, Phone, Email FROM Customer"
)
_INVOICES = "SELECT InvoiceId, CustomerId, InvoiceDate, BillingCountry, Total FROM Invoice"
_TRACKS = "SELECT TrackId, Name, Composer, Milliseconds, UnitPrice FROM Track"

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Dataset:
    """Rows in the order of the columns above, keys first; ``origin`` says where they are from."""

    origin: str
    customers: list[Row]
    invoices: list[Row]
    tracks: list[Row]

    def totals_by_country(self) -> dict[str, Decimal]:
        """What customers of each country were invoiced, computed from the data alone."""
        country = {row[0]: row[6] for row in self.customers}
        totals: dict[str, Decimal] = defaultdict(Decimal)
        for _, customer, _, _, total in self.invoices:
            totals[country[customer]] += total
        return dict(totals)


def load_dataset() -> Dataset:
    """The file named by INTEGRATIONS_CHINOOK, else the one beside the checkout, else invented data."""
    checkout = Path(__file__).resolve().parents[2]
    named = os.environ.get("INTEGRATIONS_CHINOOK")
    path = Path(named) if named else checkout.parent / "shared" / "data" / "chinook.sqlite"
    if named and not path.is_file():
        raise FileNotFoundError(f"INTEGRATIONS_CHINOOK names {named}, which is not there")
    return read_dataset(path) if path.is_file() else invent_dataset()


def read_dataset(path: Path) -> Dataset:
    """The three tables of a Chinook file; money as decimals, days as dates."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        return Dataset(
            str(path),
            file.execute(_CUSTOMERS).fetchall(),
            [
                (number, customer, date.fromisoformat(day[:10]), country, _money(total))
                for number, customer, day, country, total in file.execute(_INVOICES)
            ],
            [(*row[:4], _money(row[4])) for row in file.execute(_TRACKS)],
        )


def invent_dataset() -> Dataset:
    """Same tables and sizes, accents, blanks and decimals; the same every time."""
    dice = random.Random(1959)
    firsts, lasts = ("Luís", "François", "Bjørn", "Zoë", "Jiří"), ("Gonçalves", "Tremblay", "Hansen", "Šťastný")
    places = (("São Paulo", "SP", "Brazil"), ("Montréal", "QC", "Canada"), ("Praha", None, "Czech Republic"))
    customers: list[Row] = []
    for number in range(1, SIZES["customers"] + 1):
        city, state, country = dice.choice(places)
        company = "Embraer – Empresa" if dice.random() < 0.2 else None
        phone = f"+55 (12) 3923-{number:04d}" if dice.random() < 0.95 else None
        customers.append(
            (number, dice.choice(firsts), dice.choice(lasts), company, city, state, country, f"{number:05d}", phone,
             f"customer{number}@example.org")
        )  # fmt: skip
    invoices: list[Row] = []
    for number in range(1, SIZES["invoices"] + 1):
        customer = customers[number % len(customers)]
        day = date(2009, 1, 1) + timedelta(days=number * 4)
        invoices.append((number, customer[0], day, customer[6], Decimal(dice.randrange(99, 2600)) / 100))
    tracks: list[Row] = [
        (number, f"Canção nº {number % 3000}", None if number % 4 == 0 else "Antônio Carlos Jobim",
         dice.randrange(1_000, 5_300_000), Decimal("1.99") if number % 16 == 0 else Decimal("0.99"))
        for number in range(1, SIZES["tracks"] + 1)
    ]  # fmt: skip
    return Dataset("invented", customers, invoices, tracks)


def _money(number: float | str) -> Decimal:
    return Decimal(str(number)).quantize(Decimal("0.01"))
