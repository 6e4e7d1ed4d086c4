"""The table of behaviour: what QuickBooks does that no schema can state, one row each.

``source`` is the section of the contract reference a row stands on, so that a wrong row is corrected in one place.
``assumption`` marks what nobody has verified; such rows exist in both readings where the difference matters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations_platform_tests.sandbox.quickbooks.books import Books

Check = Callable[[Books], None]


@dataclass(frozen=True)
class Row:
    """``options`` are how the stand-in is opened for it."""

    id: str
    source: str
    check: Check
    assumption: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


ROWS: list[Row] = []


def row(source: str, *, assumption: bool = False, **options: Any) -> Callable[[Check], Check]:
    """Enter a check into the table under its own name."""

    def enter(check: Check) -> Check:
        ROWS.append(Row(check.__name__, source, check, assumption, options))
        return check

    return enter
