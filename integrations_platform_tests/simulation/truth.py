"""Ground truth of a simulated world: who wrote what, when it truly happened, and what a user knowingly replaced.

The engine never sees it. Values are unique tokens, so that the origin of everything on show is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.values import Value
from integrations_platform_tests.simulation.sides import POISON, Row

UNITS: dict[str, tuple[str, ...]] = {
    "email": ("email",),
    "name": ("name",),
    "address": ("street", "city"),
    "tier": ("tier",),
}
EDITABLE = ("name", "street", "city", "tier", "email")


@dataclass
class Written:
    """A value a user wrote, by its unique token."""

    side: SideName
    record: str
    column: str
    superseded: bool = False


@dataclass
class Truth:
    """``touched``: per (record, unit) the sides users wrote since the sides last agreed. ``edits``: per (record,
    column) the true time of every value a user gave it. ``exposed``: records written to by a side with neither
    compare-and-set nor history while somebody else was at them; nothing is promised about those (B7). ``clobbered``:
    per record the values such a write went over where the side keeps a history. ``past_losses``: what the audits of
    lost states held.
    """

    tokens: int = 0
    written: dict[str, Written] = field(default_factory=dict)
    by_lower: dict[tuple[str, str], list[Written]] = field(default_factory=lambda: defaultdict(list))
    touched: dict[tuple[str, str], set[SideName]] = field(default_factory=dict)
    edits: dict[tuple[str, str], list[tuple[datetime, Value]]] = field(default_factory=lambda: defaultdict(list))
    exposed: set[str] = field(default_factory=set)
    clobbered: dict[str, set[tuple[str, Value]]] = field(default_factory=lambda: defaultdict(set))
    past_losses: set[str] = field(default_factory=set)
    merged: dict[str, int] = field(default_factory=dict)  # records merged away, and after how many runs

    def token(self, column: str) -> str:
        """A value nobody has written before."""
        self.tokens += 1
        return f"Tok{self.tokens}@X.org" if column == "email" else f"Tok{self.tokens}"

    def wrote(self, side: SideName, row: Row, column: str, value: Value, at: datetime) -> None:
        """A user gave a field this value."""
        if isinstance(value, str) and value not in self.written and value != POISON:
            written = Written(side, row.id, column)
            self.written[value] = written
            self.by_lower[(column, value.lower())].append(written)
        self.touched.setdefault((row.id, unit_of(column)), set()).add(side)
        self.edits[(row.id, column)].append((at, value))

    def supersede(self, value: Value, column: str) -> None:
        """A user replaced or removed this value and saw what it was."""
        if isinstance(value, str):
            for written in self.by_lower.get((column, value.lower()), ()):
                written.superseded = True

    def agree(self, row: Row, twin: Row, units: Mapping[str, tuple[str, ...]]) -> None:
        """Units on which the sides agree in the engine's own sight: what users wrote before is no longer in dispute.
        An agreement that users reach and leave again between two looks is nobody's to know."""
        for unit, columns in units.items():
            if all(same(row.values[column], twin.values[column]) for column in columns):
                self.touched.pop((row.id, unit), None)
                self.touched.pop((twin.id, unit), None)

    def doubt(self, row: Row) -> None:
        """Nothing is remembered of this record any more: any difference may be anybody's."""
        for unit in UNITS:
            self.touched[(row.id, unit)] = {"A", "B"}

    def times(self, record: str, column: str, value: Value) -> list[datetime]:
        """When users gave this field this value; empty if it was not a user."""
        return [at for at, given in self.edits.get((record, column), ()) if same(given, value)]


def unit_of(column: str) -> str:
    """The merge unit a column belongs to."""
    return next(unit for unit, columns in UNITS.items() if column in columns)


def same(left: Value, right: Value) -> bool:
    """Agreement in a world where one side may keep lower case only."""
    return left == right or str(left or "").lower() == str(right or "").lower()
