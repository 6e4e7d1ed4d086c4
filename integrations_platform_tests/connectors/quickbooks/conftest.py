"""Companies for stories; their sides are closed with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations_platform_tests.connectors.quickbooks.company import Company
from integrations_platform_tests.sandbox.running import Start

Open = Callable[..., Company]


@pytest.fixture
def open_company(sandbox: Start) -> Iterator[Open]:
    """Call it with options of the stand-in."""
    opened: list[Company] = []

    def open_(**options: Any) -> Company:
        opened.append(Company(sandbox, **options))
        return opened[-1]

    yield open_
    for company in opened:
        company.close()


@pytest.fixture
def company(open_company: Open) -> Company:
    """An empty company."""
    return open_company()
