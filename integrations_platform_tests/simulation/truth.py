"""Ground truth of a simulated world: who wrote what, when it truly happened, and what a user knowingly replaced.

The engine never sees it. Values are unique tokens, so that the origin of everything on show is known; they stay unique
in whatever poorer form a side keeps them. Booleans and references cannot be, and are followed by agreement alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.values import FieldType, Value, from_json, plain_decimal, rounded
from integrations_platform_tests.simulation.declared import COARSE, KINDS, UNIT_OF
from integrations_platform_tests.simulation.sides import POISON, Row


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
    lost states held. ``gone``: when a record was deleted or archived; ``shown_gone``: when a listing last showed such a
    one as live. ``owed``: (record, unit) that a write of ours has set apart from the other side: what half of a
    decision has not reached, and what the late write of a worker that was given up has hit. ``doubles``: (record, link)
    that such a worker has made although the link had its record: that one was merged away just before, and with it
    went the tag by which alone the side would have known. ``ours_before``: by (record, column) what the engine wrote
    before a merge gave the record this id, of which its history tells nothing.
    """

    tokens: int = 0
    written: dict[Value, Written] = field(default_factory=dict)
    by_lower: dict[tuple[str, Value], list[Written]] = field(default_factory=lambda: defaultdict(list))
    touched: dict[tuple[str, str], set[SideName]] = field(default_factory=dict)
    edits: dict[tuple[str, str], list[tuple[datetime, Value]]] = field(default_factory=lambda: defaultdict(list))
    exposed: set[str] = field(default_factory=set)
    clobbered: dict[str, set[tuple[str, Value]]] = field(default_factory=lambda: defaultdict(set))
    past_losses: set[Value] = field(default_factory=set)
    merged: dict[str, int] = field(default_factory=dict)  # records merged away, and after how many runs
    gone: dict[str, datetime] = field(default_factory=dict)
    shown_gone: dict[str, datetime] = field(default_factory=dict)
    owed: set[tuple[str, str]] = field(default_factory=set)
    doubles: set[tuple[str, str]] = field(default_factory=set)
    ours_before: dict[tuple[str, str], list[Value]] = field(default_factory=dict)

    def token(self, column: str) -> Value:
        """A value nobody has written before, if the column's type has so many."""
        self.tokens += 1
        number, fine = self.tokens, self.tokens * 37 % 99 + 1
        match KINDS.get(column, FieldType.TEXT):
            case FieldType.EMAIL:
                return f"Tok{number}@X.org"
            case FieldType.DECIMAL:
                return plain_decimal(Decimal(f"{number}.{number % 100:02}{fine:02}"))
            case FieldType.DATE:
                return date(1970, 1, 1) + timedelta(days=number)
            case FieldType.DATETIME:
                return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=number, microseconds=fine * 1013)
            case FieldType.BOOLEAN:
                return number % 3 == 0
            case FieldType.SET:
                return ("all", f"tok{number}")
        return f"Tok{number}"

    def refined(self, value: Value) -> Value:
        """The same value in other digits, which only a side that keeps all of them can tell apart."""
        self.tokens += 1
        if isinstance(value, Decimal):
            return plain_decimal(rounded(value, COARSE) + Decimal(1 + self.tokens % 48) / 10_000)
        if isinstance(value, datetime):
            return value.replace(microsecond=self.tokens * 7919 % 1_000_000)
        return value

    def wrote(self, side: SideName, row: Row, column: str, value: Value, at: datetime) -> None:
        """A user gave a field this value."""
        if _traceable(column, value) and value not in self.written:
            written = Written(side, row.id, column)
            self.written[value] = written
            self.by_lower[(column, coarse(value))].append(written)
        self.touched.setdefault((row.id, UNIT_OF[column]), set()).add(side)
        self.edits[(row.id, column)].append((at, value))

    def renamed(self, was: Row, record: str) -> None:
        """A record goes on under another id, and with it what users wrote there, and what was done to it."""
        for written in self.written.values():
            if written.record == was.id:
                written.record = record
        if was.id in self.exposed:
            self.exposed.add(record)
        for column in was.changes:
            self.ours_before[(record, column)] = self.ours(was, column)

    def ours(self, row: Row, column: str) -> list[Value]:
        """What the engine wrote there last, if it ever did."""
        entries = [change.value for change in row.changes[column] if change.ours]
        return entries[:1] or self.ours_before.get((row.id, column), [])

    def supersede(self, value: Value, column: str) -> None:
        """A user replaced or removed this value and saw what it was."""
        if _traceable(column, value):
            for written in self.by_lower.get((column, coarse(value)), ()):
                written.superseded = True

    def agree(self, row: Row, twin: Row, units: Mapping[str, tuple[str, ...]], fine: Container[FieldType] = ()) -> None:
        """Units on which the sides agree in the engine's own sight: what users wrote before is no longer in dispute.
        An agreement that users reach and leave again between two looks is nobody's to know. ``fine``: types of which
        both sides keep every digit."""
        for unit, columns in units.items():
            pairs = ((column, row.values[column], twin.values[column]) for column in columns)
            if all(one == two if KINDS.get(column) in fine else same(one, two) for column, one, two in pairs):
                self.settled(row, twin, unit)

    def settled(self, row: Row, twin: Row, unit: str) -> None:
        """Nobody's earlier edit of this unit is in dispute any more."""
        self.touched.pop((row.id, unit), None)
        self.touched.pop((twin.id, unit), None)
        self.owed -= {(row.id, unit), (twin.id, unit)}

    def doubt(self, row: Row) -> None:
        """Nothing is remembered of this record any more: any difference may be anybody's."""
        for column in row.values:
            self.touched[(row.id, UNIT_OF[column])] = {"A", "B"}

    def times(self, record: str, column: str, value: Value) -> list[datetime]:
        """When users gave this field this value; empty if it was not a user."""
        return [at for at, given in self.edits.get((record, column), ()) if same(given, value)]


def _traceable(column: str, value: Value) -> bool:
    return value is not None and value != POISON and KINDS.get(column) not in (FieldType.BOOLEAN, FieldType.REF)


def coarse(value: Value) -> Value:
    """A value in the poorest form any side keeps."""
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, Decimal):
        return rounded(value, COARSE)
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    return value


def same(left: Value, right: Value) -> bool:
    """Agreement in a world where one side may keep lower case, cents or whole seconds only."""
    return left == right or coarse("" if left is None else left) == coarse("" if right is None else right)


def typed(column: str, stored: object) -> Value:
    """A value as the engine's memory has it."""
    return from_json(KINDS.get(column, FieldType.TEXT), stored)
