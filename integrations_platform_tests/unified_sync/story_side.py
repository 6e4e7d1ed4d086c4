"""A system in a dictionary that a story gives its character: it lies, refuses, alters, hides and fails as told.

Left alone, it keeps every promise of the port: compare-and-set, receipts, tags, tombstones, atomic batches. Told to be
able to do less (``able``), it does less; told to keep a history or to replay writes, it does that too.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from integrations_platform.unified_sync.port import (
    LISTING_SCHEMA,
    TAG_SCHEMA,
    Capabilities,
    Change,
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
from integrations_platform_tests.simulation.marks import Marks

ABLE = Capabilities(compare_and_set=True, receipts=True, tags=True, archive=True, delete=True, batch_limit=500)


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
    """``returns_record``: a write answers with the record; ``dates_records``: records carry a modified time."""

    lower_cases: bool = False
    returns_record: bool = True
    dates_records: bool = True


@dataclass
class StorySide:
    """One object of one system. ``at`` is told of every call, so that the world may go on in between.

    ``answers`` changes what the side says of a batch it has carried out; ``refuses`` names writes it rejects, the whole
    batch with them; ``keeps`` is what the side makes of a stored value; ``faults`` are raised one per call, first come;
    ``look_faults`` likewise for reads of a snapshot, and ``write_faults`` for writes: one whose effect is unknown comes
    after the write, any other instead of it. ``late``: by id, the version that listings show although the record is
    past it, as searches do. ``unlisted`` ids are left out of listings, which then call themselves incomplete unless
    ``lies``; ``unread`` ones are listed, but gone when the snapshot is read. ``fresh``: reading shows what is there by
    then, and not what was there when it was listed. ``merged``: by the id of a record merged away, the one it was
    merged into.
    """

    name: str
    now: Callable[[], datetime]
    at: Callable[[str], None]
    prefix: str
    columns_of: tuple[str, ...] = ()
    nature: Nature = field(default_factory=Nature)
    rows: dict[str, Row] = field(default_factory=dict)
    next_id: int = 1
    write_calls: int = 0
    applied: list[str] = field(default_factory=list)  # operation ids that took effect
    created: Counter[str] = field(default_factory=Counter)  # effective creates per link
    written_values: list[Write] = field(default_factory=list)
    forms: dict[str, ColumnForm] = field(default_factory=dict)
    able: Capabilities = ABLE
    answers: Callable[[list[Write], list[Outcome]], list[Outcome]] | None = None
    refuses: Callable[[Write], bool] | None = None
    keeps: Callable[[Value], Value] | None = None
    faults: list[SideError] = field(default_factory=list)
    look_faults: list[SideError] = field(default_factory=list)
    write_faults: list[SideError] = field(default_factory=list)
    unlisted: set[str] = field(default_factory=set)
    late: dict[str, int] = field(default_factory=dict)
    lies: bool = False
    away: set[str] = field(default_factory=set)
    histories: dict[str, dict[str, tuple[Change, ...]]] = field(default_factory=dict)
    told: dict[str, Outcome] = field(default_factory=dict)  # first answers, where writes can be replayed
    merged: dict[str, str] = field(default_factory=dict)
    marks: Marks | None = None  # a system that does not know who moved has none
    unread: set[str] = field(default_factory=set)
    fresh: bool = False
    listings: int = 0  # times it was listed
    digests: int = 0  # times it was asked for one

    # the port

    @property
    def system(self) -> str:
        return self.name

    @property
    def capabilities(self) -> Capabilities:
        return self.able

    def check(self) -> Sequence[Problem]:
        return []

    def columns(self) -> Mapping[str, ColumnForm]:
        self.may_fail()
        return {name: self.forms.get(name, ColumnForm(name)) for name in self.columns_of}

    def clock(self) -> ClockReading:
        return ClockReading(timedelta(0), timedelta(milliseconds=1))

    @contextmanager
    def snapshot(self) -> Iterator[StorySnapshot]:
        self.at("before snapshot")
        yield StorySnapshot(self, self.rows if self.fresh else copy.deepcopy(self.rows))

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        self.at("before read")
        self.may_fail()
        return {name: self.record(self.rows[name]) for name in ids if name in self.rows}

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        self.at("before write")
        self.write_calls += 1
        if self.write_faults and not self.write_faults[0].effect_unknown:
            raise self.write_faults.pop(0)
        if self.refuses and any(self.refuses(write) for write in writes):
            raise SideError(ErrorKind.PERMANENT, f"{self.name}: a value is refused", code="bad")
        outcomes = [self.one(write) for write in writes]
        self.written_values += writes
        self.at("after write")
        if self.write_faults:
            raise self.write_faults.pop(0)
        return self.answers(list(writes), outcomes) if self.answers else outcomes

    def one(self, write: Write) -> Outcome:
        """Carry out one write, or tell again what became of it."""
        if self.able.replays and write.op_id in self.told:
            return self.told[write.op_id]
        outcome = self._carry_out(write)
        if outcome.status is Status.APPLIED:
            self.told[write.op_id] = outcome
        return outcome

    def _carry_out(self, write: Write) -> Outcome:
        if write.kind is Kind.CREATE:
            twin = next((row for row in self._tagged() if self.able.tags and row.link_id == write.link_id), None)
            if twin is not None:
                return Outcome(write.op_id, Status.ALREADY, twin.id, record=self._returned(twin))
            row = self.insert(write.values, ours=True)
            self.created[write.link_id] += 1
        else:
            found = self.rows.get(write.id or "")
            again = found is not None and self.able.receipts and found.last_op == write.op_id
            current = not self.able.compare_and_set or (found and str(found.version) == write.expected_version)
            if found is None or not (again or current):
                return Outcome(write.op_id, Status.STALE, write.id)
            row = found
            if again:
                return Outcome(write.op_id, Status.ALREADY, row.id, record=self._returned(row))
            if write.kind is Kind.DELETE:
                del self.rows[row.id]
            row.archived = {Kind.ARCHIVE: True, Kind.RESTORE: False}.get(write.kind, row.archived)
            row.values.update({name: self.keep(value) for name, value in write.values.items()})
            self.touch(row, write.values, ours=True)
        row.last_op, row.link_id = write.op_id, write.link_id
        self.applied.append(write.op_id)
        return Outcome(write.op_id, Status.APPLIED, row.id, record=self._returned(row))

    def find_tagged(self, link_ids: Sequence[str]) -> Mapping[str, str]:
        return {row.link_id: row.id for row in self._tagged() if row.link_id and row.link_id in link_ids}

    def _tagged(self) -> list[Row]:
        """Rows whose tag counts: a record that can never come back gives up its tag when it is archived."""
        return [row for row in self.rows.values() if self.able.restore or not row.archived]

    def tags(self) -> pl.DataFrame:
        tagged = [(row.id, row.link_id) for row in self.live() if row.link_id]
        return pl.DataFrame(tagged, schema=TAG_SCHEMA, orient="row")

    def tag(self, links: Sequence[tuple[str, str]]) -> None:
        for record_id, link_id in links:
            self.rows[record_id].link_id = link_id

    def close(self) -> None:
        return None

    # how it keeps records

    def may_fail(self) -> None:
        """Raise the next fault, if the story left one."""
        if self.faults:
            raise self.faults.pop(0)

    def keep(self, value: Value) -> Value:
        """A value as this system keeps it."""
        if self.keeps:
            return self.keeps(value)
        return value.lower() if self.nature.lower_cases and isinstance(value, str) else value

    def record(self, row: Row) -> Record:
        """The record as it is shown."""
        presence = Presence.ARCHIVED if row.archived else Presence.LIVE
        if row.id in self.away:
            presence = Presence.OUT_OF_SCOPE
        values, history = dict(row.values), self.histories.get(row.id, {})
        receipt, tag = row.last_op if self.able.receipts else None, row.link_id if self.able.tags else None
        return Record(row.id, str(row.version), values, presence, row.modified, receipt, tag, history)

    def _returned(self, row: Row) -> Record | None:
        return self.record(row) if self.nature.returns_record else None

    # users

    def touch(self, row: Row, columns: Iterable[str] = (), *, ours: bool = False) -> None:
        """Something of the record changed: a new version and a new modified time."""
        row.version += 1
        at = self.now()
        row.modified = at if self.nature.dates_records else None
        if self.able.history:
            known = self.histories.setdefault(row.id, {})
            known.update({name: (Change(row.values[name], at, ours), *known.get(name, ())) for name in columns})

    def insert(self, values: Mapping[str, Value], *, ours: bool = False) -> Row:
        """A new record."""
        row = Row(f"{self.prefix}{self.next_id}", {name: self.keep(values.get(name)) for name in self.columns_of})
        self.next_id += 1
        self.rows[row.id] = row
        self.touch(row, self.columns_of, ours=ours)
        return row

    def live(self) -> list[Row]:
        """Records that are there."""
        return [row for row in self.rows.values() if not row.archived]

    def only(self) -> Row:
        """The one live record."""
        (row,) = self.live()
        return row

    def edit(self, row: Row, **values: Value) -> None:
        """A user changes a record."""
        row.values.update({name: self.keep(value) for name, value in values.items()})
        self.touch(row, values)

    def merge(self, row: Row, survivor: Row) -> None:
        """A user merges a record into another one, whose values stand."""
        del self.rows[row.id]
        self.merged = {old: survivor.id if kept == row.id else kept for old, kept in self.merged.items()}
        self.merged[row.id] = survivor.id
        self.touch(survivor)

    def remove(self, row: Row) -> None:
        """A user deletes a record without a trace."""
        del self.rows[row.id]

    def archive(self, row: Row, *, archived: bool = True) -> None:
        """A user archives a record, or brings it back."""
        row.archived = archived
        self.touch(row)


@dataclass
class StorySnapshot:
    """A consistent copy, of which the listing leaves out what the story hides."""

    side: StorySide
    rows: dict[str, Row]

    def listing(self) -> Listing:
        self.side.may_fail()
        self.side.listings += 1
        listed = self._listed()
        frame = pl.DataFrame(listed, schema=LISTING_SCHEMA, orient="row")
        reason = "" if self._complete else "a page is missing"
        mark = self.mark() if self._complete else None
        return Listing(frame, self._complete, reason, dict(self.side.merged), self._digest(listed), mark)

    def mark(self) -> str | None:
        return self.side.marks.keep(self._there(), self.side.merged) if self.side.marks is not None else None

    def stands(self, mark: str, records: int) -> bool | None:
        marks = self.side.marks
        return None if marks is None else marks.stands(mark, records, self._there(), self.side.merged)

    def since(self, earlier: Listing) -> Listing | None:
        self.side.may_fail()
        marks = self.side.marks
        listing = None if marks is None else marks.since(earlier, self._there(), self.side.merged)
        return None if listing is None else replace(listing, digest=self._digest(self._listed()), mark=self.mark())

    def _there(self) -> dict[str, tuple[str, str]]:
        return {name: (version, presence) for name, version, presence in self._listed()}

    def digest(self) -> str | None:
        self.side.may_fail()
        self.side.digests += 1
        return self._digest(self._listed())

    def newest(self) -> datetime | None:
        stamps = [row.modified for row in self.rows.values() if row.modified is not None]
        return max(stamps, default=None) if self.side.nature.dates_records else None

    @property
    def _complete(self) -> bool:
        return self.side.lies or not self.side.unlisted

    def _listed(self) -> list[tuple[str, str, str]]:
        hidden = self.side.unlisted | self.side.away
        return [
            (row.id, str(self.side.late.get(row.id, row.version)), "archived" if row.archived else "live")
            for row in self.rows.values()
            if row.id not in hidden
        ]

    def _digest(self, listed: list[tuple[str, str, str]]) -> str | None:
        return repr((sorted(listed), sorted(self.side.merged.items()))) if self._complete else None

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        if self.side.fresh:
            self.side.at("before fresh read")
        if self.side.look_faults:
            raise self.side.look_faults.pop(0)
        there = [name for name in ids if name in self.rows and name not in self.side.unread]
        return {name: self.side.record(self.rows[name]) for name in there}
