"""The table of behaviour, run against the stand-in over real HTTP."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from integrations_platform_tests.sandbox.quickbooks import rows_reading, rows_writing
from integrations_platform_tests.sandbox.quickbooks.behaviour import ROWS, Row
from integrations_platform_tests.sandbox.quickbooks.books import sale
from integrations_platform_tests.sandbox.quickbooks.conftest import Open

TABLES = (rows_reading, rows_writing)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(row: Row, open_books: Open) -> None:
    row.check(open_books(**row.options))


def test_every_row_names_its_source_and_stands_once() -> None:
    assert all(row.source.startswith("§") for row in ROWS)
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert {row.assumption for row in ROWS} == {True, False}


def test_the_state_that_is_kept_holds_answers_to_repeat_and_deleted_invoices(open_books: Open) -> None:
    books = open_books()
    sold = {"CustomerRef": {"value": books.customer()["Id"]}, "Line": [sale(books.item(price="2.55"), 2, 2.55)]}
    first = books.post("Invoice", sold, requestid="r1")
    books.post("Invoice", {"Id": books.post("Invoice", sold)["Id"], "SyncToken": "0"}, operation="delete")
    kept = json.loads(json.dumps(books.vendor.dump()))
    books.vendor.reset()
    books.vendor.load(kept)
    assert json.loads(json.dumps(books.vendor.dump())) == kept
    assert books.post("Invoice", sold, requestid="r1") == first
    assert first["TotalAmt"] == Decimal("5.1")
    assert len(books.vendor.company.tombstones) == 1
