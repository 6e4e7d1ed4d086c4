"""A simulated system: records in a dictionary, users who may step in at any moment, and every documented lie.

Ground truth is kept beside the records: which values users wrote, which have been superseded by a user who saw them,
and which fields users wrote on each side since the sides last agreed.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from integrations_platform.unified_sync.port import (
    LISTING_SCHEMA,
    TAG_SCHEMA,
    Capabilities,
    ClockReading,
    ColumnForm,
    ErrorKind,
    Kind,
    Listing,
    Outcome,
    Presence,
    Problem,
    Record,
    SideError,
    Status,
    Write,
)
from integrations_platform.unified_sync.values import Value

POISON = "poison"


@dataclass
class Row:
    """One record as its system keeps it."""

    id: str
    values: dict[str, Value]
    version: int = 1
    archived: bool = False
    modified: datetime | None = None
    last_op: str | None = None
    link_id: str | None = None


@dataclass(frozen=True)
class Nature:
    """What kind of system this is, drawn per history."""

    compare_and_set: bool = True
    lower_cases: bool = False
    returns_record: bool = True
    dates_records: bool = True
    skew: timedelta = timedelta(0)
    missing: float = 0.0  # share of records that an incomplete listing leaves out
    lost: float = 0.0  # share of write calls whose answer is lost
    shuffles: bool = False


def _unwatched(_side: SimulatedSide, _row: Row, _write: Write) -> None:
    return None


@dataclass
class SimulatedSide:
    """The port over a dictionary. ``at`` is called at every point where the world may go on without us."""

    name: str
    nature: Nature
    now: Callable[[], datetime]
    random: random.Random
    at: Callable[[str], None]
    prefix: str
    rows: dict[str, Row] = field(default_factory=dict)
    next_id: int = 1
    write_calls: int = 0
    applied: list[tuple[str, str]] = field(default_factory=list)  # (link id, op id) since the run began
    created: dict[str, int] = field(default_factory=dict)  # effective creates per link since the world began
    receipts: dict[str, str] = field(default_factory=dict)  # record created, by operation id
    shown: dict[tuple[str, str], set[Value]] = field(default_factory=dict)  # every value ever shown, by (id, column)
    columns_of: tuple[str, ...] = ("email", "name", "street", "city", "tier")
    watch: Callable[[SimulatedSide, Row, Write], None] = _unwatched  # called before a write takes effect
    written: Callable[[SimulatedSide, Row, Write], None] = _unwatched  # called after it did

    @property
    def system(self) -> str:
        return self.name

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            compare_and_set=self.nature.compare_and_set,
            receipts=True,
            tags=True,
            atomic_batch=True,
            archive=True,
            delete=True,
            batch_limit=3,
        )

    def check(self) -> Sequence[Problem]:
        return []

    def columns(self) -> Mapping[str, ColumnForm]:
        return {name: ColumnForm(name, lower_cases=self.nature.lower_cases) for name in self.columns_of}

    def clock(self) -> ClockReading:
        return ClockReading(self.nature.skew, timedelta(milliseconds=1))

    def keep(self, text: Value) -> Value:
        """A value as this system keeps it."""
        return text.lower() if self.nature.lower_cases and isinstance(text, str) else text

    def touch(self, row: Row) -> None:
        """A change happened: a new version, a new modified time, and the values are on show."""
        row.version += 1
        row.modified = self.now() + self.nature.skew if self.nature.dates_records else None
        for column, value in row.values.items():
            self.shown.setdefault((row.id, column), set()).add(value)

    def insert(self, values: Mapping[str, Value]) -> Row:
        """A new record."""
        row = Row(f"{self.prefix}{self.next_id}", {name: self.keep(values.get(name)) for name in self.columns_of})
        self.next_id += 1
        self.rows[row.id] = row
        self.touch(row)
        return row

    def record(self, row: Row) -> Record:
        presence = Presence.ARCHIVED if row.archived else Presence.LIVE
        return Record(row.id, str(row.version), dict(row.values), presence, row.modified, row.last_op, row.link_id)

    @contextmanager
    def snapshot(self) -> Iterator[SimulatedSnapshot]:
        self.at("before snapshot")
        yield SimulatedSnapshot(self, copy.deepcopy(self.rows))

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        self.at("before read")
        return {name: self.record(self.rows[name]) for name in ids if name in self.rows}

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        self.at("before write")
        self.write_calls += 1
        if any(self._poisoned(write) for write in writes):
            raise SideError(ErrorKind.PERMANENT, f"{self.name}: a value is refused", code="poison")
        outcomes = [self._one(write) for write in writes]
        self.at("after write")
        if self.random.random() < self.nature.lost:
            raise SideError(ErrorKind.TRANSIENT, f"{self.name}: the answer was lost", effect_unknown=True)
        if self.nature.shuffles:
            self.random.shuffle(outcomes)
        return outcomes

    @staticmethod
    def _poisoned(write: Write) -> bool:
        return any(value == POISON for value in write.values.values())

    def _one(self, write: Write) -> Outcome:
        if write.kind is Kind.CREATE:
            existing = next((row for row in self.rows.values() if row.link_id == write.link_id), None)
            if existing is not None:
                return Outcome(write.op_id, Status.ALREADY, existing.id, record=self._returned(existing))
            if write.op_id in self.receipts:  # made before, and deleted by a user since: not made again
                return Outcome(write.op_id, Status.ALREADY, self.receipts[write.op_id])
            row = self.insert(write.values)
            self.receipts[write.op_id] = row.id
            row.link_id, row.last_op = write.link_id, write.op_id
            self.created[write.link_id] = self.created.get(write.link_id, 0) + 1
        else:
            found = self.rows.get(write.id or "")
            if found is None:
                return Outcome(write.op_id, Status.STALE, write.id)
            row = found
            if row.last_op == write.op_id:
                return Outcome(write.op_id, Status.ALREADY, row.id, record=self._returned(row))
            if self.nature.compare_and_set and str(row.version) != write.expected_version:
                return Outcome(write.op_id, Status.STALE, row.id)
            self.watch(self, row, write)
            if write.kind is Kind.DELETE:
                del self.rows[row.id]
            else:
                row.archived = {Kind.ARCHIVE: True, Kind.RESTORE: False}.get(write.kind, row.archived)
                row.values.update({name: self.keep(value) for name, value in write.values.items()})
            row.last_op, row.link_id = write.op_id, write.link_id
            self.touch(row)
        self.applied.append((write.link_id, write.op_id))
        self.written(self, row, write)
        return Outcome(write.op_id, Status.APPLIED, row.id, record=self._returned(row))

    def _returned(self, row: Row) -> Record | None:
        return self.record(row) if self.nature.returns_record else None

    def find_tagged(self, link_ids: Sequence[str]) -> Mapping[str, str]:
        return {row.link_id: row.id for row in self.rows.values() if row.link_id in link_ids and row.link_id}

    def tags(self) -> pl.DataFrame:
        tagged = [(row.id, row.link_id) for row in self.rows.values() if row.link_id and not row.archived]
        return pl.DataFrame(tagged, schema=TAG_SCHEMA, orient="row")

    def tag(self, links: Sequence[tuple[str, str]]) -> None:
        for record_id, link_id in links:
            if record_id in self.rows:
                self.rows[record_id].link_id = link_id

    def close(self) -> None:
        return None


@dataclass
class SimulatedSnapshot:
    """A consistent copy; its listing may be incomplete, and says so."""

    side: SimulatedSide
    rows: dict[str, Row]

    def listing(self) -> Listing:
        self.side.at("before listing")
        listed = [row for row in self.rows.values() if self.side.random.random() >= self.side.nature.missing]
        complete = len(listed) == len(self.rows)
        if self.side.nature.shuffles:
            self.side.random.shuffle(listed)
        frame = pl.DataFrame(
            [(row.id, str(row.version), "archived" if row.archived else "live") for row in listed],
            schema=LISTING_SCHEMA,
            orient="row",
        )
        return Listing(frame, complete, "" if complete else "a page was lost")

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        return {name: self.side.record(self.rows[name]) for name in ids if name in self.rows}


def healed(nature: Nature) -> Nature:
    """The same system once faults have stopped."""
    return replace(nature, missing=0.0, lost=0.0)
