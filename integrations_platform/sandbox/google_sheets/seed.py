"""Realistic spreadsheets, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from integrations_platform.sandbox import town
from integrations_platform.sandbox.google_sheets.book import Spreadsheet, Tab
from integrations_platform.sandbox.google_sheets.cells import Cell, serial

_FIRST = ("Ada", "Bo", "Chloé", "Dmitri", "Eyal", "Fátima", "Grace", "Hiro", "Ines", "Jörg", "Kemi", "Łukasz")
_LAST = ("Abbott", "Brandt", "Costa", "Dvořák", "Eriksen", "Fischer", "García", "Haddad", "Ito", "Johansson")
HEADER = ("Email", "Name", "Phone", "Balance", "Since", "Active")
CONTACTS = "Contacts"
CONTACTS_HEADER = ("Email", "First name", "Last name", "Phone", "Company", "City")
_START = datetime(2019, 1, 1)  # noqa: DTZ001  serials count wall-clock days


def spreadsheet(spreadsheet_id: str, title: str, rows: Sequence[Sequence[Any]], tab: str = "Sheet1") -> Spreadsheet:
    """A spreadsheet of one tab that holds ``rows``, text as it is, numbers as numbers; None is an empty cell."""
    book = Spreadsheet(spreadsheet_id, title)
    fill(book.add_tab(tab), rows)
    return book


def fill(tab: Tab, rows: Sequence[Sequence[Any]]) -> None:
    """Put ``rows`` into the tab from A1 on; values may be cells."""
    tab.row_count = max(tab.row_count, len(rows))
    for row, given in enumerate(rows):
        for column, raw in enumerate(given):
            if raw is not None:
                whole = isinstance(raw, int) and not isinstance(raw, bool)
                tab.put(row, column, raw if isinstance(raw, Cell) else Cell(float(raw) if whole else raw))


def customers(seed: int, size: int) -> Spreadsheet:
    """The spreadsheet ``customers`` with a tab ``Customers`` of ``size`` rows, and a tab ``Contacts`` with people of
    the town, most of whom a portal of that size knows, too."""
    draw = random.Random(f"{seed}:customers")  # noqa: S311  makes data, guards nothing
    rows: list[list[Any]] = [list(HEADER)]
    for number in range(size):
        first, last = draw.choice(_FIRST), draw.choice(_LAST)
        since = _START + timedelta(days=draw.randrange(2500))
        rows.append([
            f"customer{number}@example.com",
            f"{first} {last}",
            f"+44 20 7946 {draw.randrange(10000):04d}" if draw.random() < 0.8 else None,
            Cell(draw.randrange(0, 1_000_000) / 100, kind="NUMBER", pattern="#,##0.00"),
            Cell(serial(since), kind="DATE", pattern="yyyy-mm-dd"),
            draw.random() < 0.9,
        ])  # fmt: skip
    book = spreadsheet("customers", "Customers", rows, "Customers")
    fill(book.add_tab(CONTACTS), [CONTACTS_HEADER, *map(_contact, range(0, size * 6 // 5, 2))])
    return book


def _contact(number: int) -> list[Any]:
    person = town.person(number)
    return [person.email, person.given, person.family, person.typed_phone if number % 6 else None,
            person.company.name, person.city]  # fmt: skip
