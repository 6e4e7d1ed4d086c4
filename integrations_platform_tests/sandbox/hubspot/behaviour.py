"""The behaviour table: rules of the API that no schema states, each with its section of the HubSpot contract.

A row tagged ``assumption`` stands for a fact the vendor does not document; both readings must be bearable. The rows
themselves are in the modules named ``rows_…``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from integrations_platform_tests.sandbox.hubspot.portal_client import PortalClient


@dataclass(frozen=True)
class Row:
    """One rule and the sequence that shows it."""

    id: str
    section: str
    assumption: bool
    run: Callable[[PortalClient], None]


ROWS: list[Row] = []


def rule(section: str, *, assumption: bool = False) -> Callable[[Callable[[PortalClient], None]], None]:
    """Add a function to the table under its own name."""

    def add(run: Callable[[PortalClient], None]) -> None:
        ROWS.append(Row(run.__name__, section, assumption, run))

    return add


def refused(answer: httpx.Response, status: int, category: str = "", words: str = "") -> None:
    """The answer is an error of this kind."""
    assert answer.status_code == status, answer.text
    if category:
        assert answer.json()["category"] == category
    assert words in answer.json()["message"]


def contact(number: int, **more: Any) -> dict[str, Any]:
    """An input of a batch."""
    return {"properties": {"email": f"p{number}@x.example", "firstname": f"P{number}"}, **more}
