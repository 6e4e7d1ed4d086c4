"""A simulated system: records in a dictionary, users who may step in at any moment, and every documented lie.

It plays the side's part only; what users meant, and what may be lost, is the ground truth kept by the world. Without
compare-and-set a write takes effect on whatever is there. The engine looks once more just before it writes, so only an
edit between that look and the write is in danger (the residual window of B7): where the side keeps a history, the edit
must be found there afterwards (P38); elsewhere the world is told of which records nothing is promised.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

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
from integrations_platform.unified_sync.values import Value, rounded
from integrations_platform_tests.simulation.declared import COARSE
from integrations_platform_tests.simulation.marks import Marks

POISON = "poison"
LIES = ("empty", "empty without effect", "one missing", "doubled", "contradictory", "foreign")


@dataclass
class Row:
    """One record as its system keeps it. ``changes``: the history of each column, newest first."""

    id: str
    values: dict[str, Value]
    version: int = 1
    archived: bool = False
    modified: datetime | None = None
    last_op: str | None = None
    link_id: str | None = None
    in_scope: bool = True
    changes: dict[str, tuple[Change, ...]] = field(default_factory=dict)

    def copied(self) -> Row:
        """The record as a snapshot keeps it."""
        copy = object.__new__(Row)  # dataclasses.replace takes thrice the time, and simulations do little else
        copy.__dict__.update(self.__dict__, values=dict(self.values), changes=dict(self.changes))
        return copy


@dataclass(frozen=True)
class Nature:
    """What kind of system this is, drawn per history.

    ``skew``: seconds its clock is ahead; the reading of it is wrong by up to ``uncertainty``. ``future``: share of
    stamps far beyond that bound. ``missing``: share of records an incomplete listing leaves out. ``lost``: share of
    write calls whose answer is lost; ``lies``: share whose answer is incomplete, doubled or contradicts itself.
    ``receipts``, ``tags`` and ``replays`` are promises of the port, each kept or not. ``merges``: its users merge
    records. ``rounds``: prices to cents; ``cuts``: moments to whole seconds. ``lags``: share of records that a listing
    still shows, or does not show yet, as it did the last time; reading by id is always fresh.
    """

    compare_and_set: bool = True
    receipts: bool = True
    tags: bool = True
    replays: bool = False
    merges: bool = False
    lower_cases: bool = False
    rounds: bool = False
    cuts: bool = False
    returns_record: bool = True
    dates_records: bool = True
    history: bool = False
    whole_seconds: bool = False
    skew: float = 0.0
    uncertainty: float = 0.001
    undated: float = 0.0
    future: float = 0.0
    missing: float = 0.0
    lost: float = 0.0
    lies: float = 0.0
    lags: float = 0.0
    shuffles: bool = False


@lru_cache(1000)
def _form(name: str, nature: Nature) -> ColumnForm:
    digits = COARSE if nature.rounds else None
    return ColumnForm(
        name, lower_cases=nature.lower_cases, fraction_digits=digits, second_digits=0 if nature.cuts else 6
    )


def _unwatched(_side: SimulatedSide, _row: Row, _write: Write) -> None:
    return None


def _unheard(_ids: Sequence[str]) -> None:
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
    batch_limit: int = 3  # writes in one call
    rows: dict[str, Row] = field(default_factory=dict)
    next_id: int = 1
    write_calls: int = 0
    applied: list[tuple[str, str]] = field(default_factory=list)  # (link id, op id) since the run began
    created: dict[str, int] = field(default_factory=dict)  # effective creates per link since the world began
    receipts: dict[str, str] = field(default_factory=dict)  # record created, by operation id
    answers: dict[str, Outcome] = field(
        default_factory=dict
    )  # first answer by operation id, where writes can be replayed
    index: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # version and presence as last listed, where it lags
    merged: dict[str, str] = field(default_factory=dict)  # as told in listings: into which record, step by step
    looked: dict[str, str] = field(default_factory=dict)  # version last read outside any snapshot since the run began
    shown: dict[str, set[Value]] = field(default_factory=dict)  # every value ever shown, by column
    marks: Marks = field(default_factory=Marks)
    hidden: set[str] = field(default_factory=set)  # columns the system does not return at the moment
    misread: float | None = None  # how wrong the clock is read, as a share of the bound; None: differently each time
    outage: int = 0  # calls that still fail before it is reachable again
    failures: int = 0  # failed calls since the world began
    answers_lost: int = 0
    lies_told: int = 0
    columns_of: tuple[str, ...] = ("email", "name", "street", "city", "tier")
    watch: Callable[[SimulatedSide, Row, Write], None] = _unwatched  # called before a write takes effect
    written: Callable[[SimulatedSide, Row, Write], None] = _unwatched  # called after it did
    shows: Callable[[Sequence[str]], None] = _unheard  # called with what a listing shows as live

    @property
    def system(self) -> str:
        return self.name

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            compare_and_set=self.nature.compare_and_set,
            receipts=self.nature.receipts,
            tags=self.nature.tags,
            replays=self.nature.replays,
            atomic_batch=True,
            archive=True,
            delete=True,
            history=self.nature.history,
            late_listing=bool(self.nature.lags or self.index),
            batch_limit=self.batch_limit,
        )

    def check(self) -> Sequence[Problem]:
        return []

    def columns(self) -> Mapping[str, ColumnForm]:
        return {name: _form(name, self.nature) for name in self.columns_of}

    def clock(self) -> ClockReading:
        """The offset is estimated, and wrong by less than the uncertainty that is declared with it."""
        self._reachable()
        bound = self.nature.uncertainty
        error = bound * (self.random.uniform(-0.9, 0.9) if self.misread is None else self.misread)
        grain = 1.0 if self.nature.whole_seconds else 0.0
        return ClockReading(timedelta(seconds=self.nature.skew + error), timedelta(seconds=bound + grain))

    def _reachable(self) -> None:
        if self.outage:
            self.outage -= 1
            self.failures += 1
            raise SideError(ErrorKind.TRANSIENT, f"{self.name}: cannot be reached")

    def keep(self, value: Value) -> Value:
        """A value as this system keeps it."""
        if isinstance(value, str):
            return value.lower() if self.nature.lower_cases else value
        if isinstance(value, Decimal):
            return rounded(value, COARSE) if self.nature.rounds else value
        if isinstance(value, datetime):
            return value.replace(microsecond=0) if self.nature.cuts else value
        return value

    def version(self, row: Row) -> str:
        """A token over everything the system returns of the record."""
        return f"{row.version}-{','.join(sorted(self.hidden))}" if self.hidden else str(row.version)

    def touch(self, row: Row, columns: Iterable[str], *, ours: bool = False) -> None:
        """A change happened: a new version, a new modified time, and the values are on show."""
        row.version += 1
        stamp = self._stamp()
        row.modified = stamp if self.nature.dates_records else None
        at = stamp or self._time()
        for column in columns:
            entry = Change(row.values[column], at, ours)
            row.changes[column] = (entry, *row.changes.get(column, ()))
            self.shown.setdefault(column, set()).add(row.values[column])

    def _stamp(self) -> datetime | None:
        """What this system's clock says, as far as it is kept; sometimes nonsense from the future."""
        drawn = self.random.random()
        if drawn < self.nature.undated:
            return None
        stamp = self._time()
        if drawn > 1 - self.nature.future:
            stamp += timedelta(days=30)
        return stamp

    def _time(self) -> datetime:
        stamp = self.now() + timedelta(seconds=self.nature.skew)
        return stamp.replace(microsecond=0) if self.nature.whole_seconds else stamp

    def insert(self, values: Mapping[str, Value], *, ours: bool = False) -> Row:
        """A new record."""
        row = Row(f"{self.prefix}{self.next_id}", {name: self.keep(values.get(name)) for name in self.columns_of})
        self.next_id += 1
        self.rows[row.id] = row
        self.touch(row, self.columns_of, ours=ours)
        return row

    def taken_back(self, row: Row) -> None:
        """A record is given up by a user; where no receipt is kept, its create is not told from one that failed."""
        if not self.nature.receipts:
            self.applied = [done for done in self.applied if done[0] != row.link_id]

    def record(self, row: Row) -> Record:
        """The record as the port shows it."""
        presence = Presence.LIVE if row.in_scope else Presence.OUT_OF_SCOPE
        values = {name: value for name, value in row.values.items() if name not in self.hidden}
        return Record(
            row.id,
            self.version(row),
            values,
            Presence.ARCHIVED if row.archived else presence,
            row.modified,
            row.last_op if self.nature.receipts else None,
            row.link_id if self.nature.tags else None,
            dict(row.changes) if self.nature.history else {},
        )

    @contextmanager
    def snapshot(self) -> Iterator[SimulatedSnapshot]:
        self.at("before snapshot")
        self._reachable()
        yield SimulatedSnapshot(self, {name: row.copied() for name, row in self.rows.items()}, dict(self.merged))

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        self.at("before read")
        self._reachable()
        found = {name: self.record(self.rows[name]) for name in ids if name in self.rows}
        self.looked.update({name: record.version for name, record in found.items()})
        return found

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        self.at("before write")
        self._reachable()
        self.write_calls += 1
        if any(self._poisoned(write) for write in writes):
            raise SideError(ErrorKind.PERMANENT, f"{self.name}: a value is refused", code="poison")
        lie = self.random.choice(LIES) if self.random.random() < self.nature.lies else ""
        if lie:
            self.lies_told += 1
        if lie == "empty without effect":
            return []
        outcomes = [self._one(write) for write in writes]
        self.at("after write")
        if self.random.random() < self.nature.lost:
            self.answers_lost += 1
            self.failures += 1
            raise SideError(ErrorKind.TRANSIENT, f"{self.name}: the answer was lost", effect_unknown=True)
        if self.nature.shuffles:
            self.random.shuffle(outcomes)
        return self._told(outcomes, lie)

    def _told(self, outcomes: list[Outcome], lie: str) -> list[Outcome]:
        if lie == "empty":
            return []
        if lie == "one missing":
            return outcomes[1:]
        if lie == "doubled":
            return outcomes + outcomes
        if lie == "contradictory":
            return [*outcomes, replace(outcomes[0], status=Status.REJECTED, code="odd", message="refused after all")]
        if lie == "foreign":
            return [*outcomes, Outcome("an operation nobody sent", Status.APPLIED, "nobody")]
        return outcomes

    @staticmethod
    def _poisoned(write: Write) -> bool:
        return any(value == POISON for value in write.values.values())

    def _one(self, write: Write) -> Outcome:
        if self.nature.replays and write.op_id in self.answers:
            return self.answers[write.op_id]
        outcome = self._carried_out(write)
        if outcome.status is Status.APPLIED:
            self.answers[write.op_id] = outcome
        return outcome

    def _carried_out(self, write: Write) -> Outcome:
        if write.kind is Kind.CREATE:
            tagged = [row for row in self.rows.values() if row.link_id == write.link_id and self.nature.tags]
            if tagged:
                return Outcome(write.op_id, Status.ALREADY, tagged[0].id, record=self._returned(tagged[0]))
            if (
                self.nature.receipts and write.op_id in self.receipts
            ):  # made before, and deleted by a user since: not made again
                return Outcome(write.op_id, Status.ALREADY, self.receipts[write.op_id])
            row = self.insert(write.values, ours=True)
            self.receipts[write.op_id] = row.id
            row.link_id, row.last_op = write.link_id, write.op_id
            self.created[write.link_id] = self.created.get(write.link_id, 0) + 1
        else:
            found = self.rows.get(write.id or "")
            if found is None:
                return Outcome(write.op_id, Status.STALE, write.id)
            row = found
            if self.nature.receipts and row.last_op == write.op_id:
                return Outcome(write.op_id, Status.ALREADY, row.id, record=self._returned(row))
            if self.nature.compare_and_set and self.version(row) != write.expected_version:
                return Outcome(write.op_id, Status.STALE, row.id)
            self.watch(self, row, write)
            if write.kind is Kind.DELETE:
                del self.rows[row.id]
            else:
                row.archived = {Kind.ARCHIVE: True, Kind.RESTORE: False}.get(write.kind, row.archived)
                row.values.update({name: self.keep(value) for name, value in write.values.items()})
            row.last_op, row.link_id = write.op_id, write.link_id
            self.touch(row, write.values, ours=True)
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
    merged: dict[str, str]

    def listing(self) -> Listing:
        self.side.at("before listing")
        there = self._there()
        if self.side.nature.lags:
            there = self._as_indexed(there)
        listed = [name for name in there if self.side.random.random() >= self.side.nature.missing]
        self.side.shows([name for name in listed if there[name][1] == "live"])
        complete = len(listed) == len(there)
        if self.side.nature.shuffles:
            self.side.random.shuffle(listed)
        frame = pl.DataFrame([(name, *there[name]) for name in listed], schema=LISTING_SCHEMA, orient="row")
        digest = self._digest(there) if complete else None
        reason, mark = "" if complete else "a page was lost", self.mark() if complete else None
        return Listing(frame, complete, reason, self.merged, digest, mark)

    def mark(self) -> str | None:
        return self.side.marks.keep(self._there(), self.merged) if self._marks else None

    def stands(self, mark: str, records: int) -> bool | None:
        self.side.at("before digest")
        return self.side.marks.stands(mark, records, self._there(), self.merged) if self._marks else None

    def since(self, earlier: Listing) -> Listing | None:
        self.side.at("before listing")
        there = self._there()
        listing = self.side.marks.since(earlier, there, self.merged) if self._marks else None
        if listing is None:
            return None
        self.side.shows([name for name, (_, presence) in there.items() if presence == "live"])
        return replace(listing, digest=self._digest(there), mark=self.mark())

    @property
    def _marks(self) -> bool:
        """Some of the systems that have digests know what moved as well."""
        return self.side.nature.receipts and self._digest({}) is not None

    def digest(self) -> str | None:
        self.side.at("before digest")
        return self._digest(self._there())

    def newest(self) -> None:
        return None

    def _digest(self, there: Mapping[str, tuple[str, str]]) -> str | None:
        """Known to systems that keep versions well enough to compare and set them."""
        able = self.side.nature
        if not able.compare_and_set or able.lags or self.side.index:
            return None
        return repr((sorted(there.items()), sorted(self.merged.items())))

    def _there(self) -> dict[str, tuple[str, str]]:
        return {
            row.id: (self.side.version(row), "archived" if row.archived else "live")
            for row in self.rows.values()
            if row.in_scope
        }

    def _as_indexed(self, there: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
        """What a search shows that was told of some changes, and not yet of others."""
        index, drawn = self.side.index, self.side.random
        for name in [*there, *(name for name in index if name not in there)]:
            if drawn.random() >= self.side.nature.lags:
                if name in there:
                    index[name] = there[name]
                else:
                    index.pop(name)
        return dict(index)

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        return {name: self.side.record(self.rows[name]) for name in ids if name in self.rows}


def healed(nature: Nature) -> Nature:
    """The same system once faults have stopped."""
    return replace(nature, missing=0.0, lost=0.0, lies=0.0, lags=0.0)
