"""The table of behaviour, run against the stand-in over real HTTP."""

from __future__ import annotations

import pytest

from integrations_platform_tests.sandbox.quickbooks import rows_reading, rows_writing
from integrations_platform_tests.sandbox.quickbooks.behaviour import ROWS, Row
from integrations_platform_tests.sandbox.quickbooks.conftest import Open

TABLES = (rows_reading, rows_writing)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(row: Row, open_books: Open) -> None:
    row.check(open_books(**row.options))


def test_every_row_names_its_source_and_stands_once() -> None:
    assert all(row.source.startswith("§") for row in ROWS)
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert {row.assumption for row in ROWS} == {True, False}
