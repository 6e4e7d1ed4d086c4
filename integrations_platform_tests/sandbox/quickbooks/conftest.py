"""Books of a stand-in without limits; a broken contract fails the test that broke it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations_platform.sandbox.quickbooks import QuickBooks
from integrations_platform.sandbox.quickbooks.quotas import UNLIMITED
from integrations_platform_tests.sandbox.quickbooks.books import Books
from integrations_platform_tests.sandbox.running import Start

Open = Callable[..., Books]


@pytest.fixture
def open_books(sandbox: Start) -> Iterator[Open]:
    """Call it with options of the stand-in."""
    opened: list[Books] = []

    def open_(**options: Any) -> Books:
        vendor = QuickBooks(**{"limits": UNLIMITED, **options})
        opened.append(Books(vendor, sandbox(vendor).url("quickbooks")))
        return opened[-1]

    yield open_
    for books in opened:
        books.close()


@pytest.fixture
def books(open_books: Open) -> Books:
    """An empty company."""
    return open_books()
