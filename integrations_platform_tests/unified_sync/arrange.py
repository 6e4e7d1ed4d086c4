"""What every story needs: two systems that do as told, a memory, a clock that moves by itself, and the real engine.

A :class:`StorySide` keeps records in a dictionary and can be made to lie, refuse, alter, hide and fail; a
:class:`Story` runs the engine over two of them. Nothing here sleeps, and nothing of the engine is replaced.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations_platform.unified_sync.calls import CallPolicy
from integrations_platform.unified_sync.engine import Engine, Request
from integrations_platform.unified_sync.plan import Plan
from integrations_platform.unified_sync.port import (
    Capabilities,
    ClockReading,
    ColumnForm,
    ErrorKind,
    Listing,
    Outcome,
    Presence,
    Record,
    SideError,
    Write,
)
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import (
    SIDES,
    FieldSpec,
    Guards,
    SideName,
    SideSpec,
    Strategy,
    SyncSpec,
)
from integrations_platform.unified_sync.store import Conflict, Link, Quarantined, Role, Store
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.simulation.memory_store import MemoryStore
from integrations_platform_tests.simulation.sides import Nature, Row, SimulatedSide, SimulatedSnapshot

ABLE = Capabilities(compare_and_set=True, receipts=True, tags=True, archive=True, delete=True, batch_limit=500)
BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Crash(BaseException):
    """The process dies here."""


def _nothing(_point: str) -> None:
    return None


@dataclass
class StorySide(SimulatedSide):
    """A simulated side that a story gives its character.

    ``answers`` changes what the side says of a batch it has carried out; ``refuses`` names writes it rejects, the whole
    batch with them; ``keeps`` is what the side makes of a stored value; ``faults`` are raised one per call, first come;
    ``unlisted`` ids are left out of listings, which then call themselves incomplete unless ``lies``.
    """

    forms: dict[str, ColumnForm] = field(default_factory=dict)
    able: Capabilities = ABLE
    answers: Callable[[list[Write], list[Outcome]], list[Outcome]] | None = None
    refuses: Callable[[Write], bool] | None = None
    keeps: Callable[[Value], Value] | None = None
    faults: list[SideError] = field(default_factory=list)
    write_faults: list[SideError] = field(default_factory=list)
    unlisted: set[str] = field(default_factory=set)
    lies: bool = False
    away: set[str] = field(default_factory=set)
    histories: dict[str, dict[str, tuple[datetime, bool]]] = field(default_factory=dict)
    reading: ClockReading = field(default_factory=lambda: ClockReading(timedelta(0), timedelta(milliseconds=1)))
    written_values: list[Write] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def capabilities(self) -> Capabilities:
        return self.able

    def _may_fail(self, call: str) -> None:
        self.calls[call] += 1
        if self.faults:
            raise self.faults.pop(0)

    def columns(self) -> Mapping[str, ColumnForm]:
        self._may_fail("columns")
        return {name: self.forms.get(name, ColumnForm(name)) for name in self.columns_of}

    def clock(self) -> ClockReading:
        return self.reading

    def keep(self, text: Value) -> Value:
        return self.keeps(text) if self.keeps else super().keep(text)

    def record(self, row: Row) -> Record:
        seen = super().record(row)
        presence = Presence.OUT_OF_SCOPE if row.id in self.away else seen.presence
        return replace(seen, presence=presence, history=self.histories.get(row.id, {}))

    @contextmanager
    def snapshot(self) -> Iterator[StorySnapshot]:
        with super().snapshot() as taken:
            yield StorySnapshot(taken.side, taken.rows)

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        self._may_fail("read")
        return super().read(ids)

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        if self.write_faults and not self.write_faults[0].effect_unknown:
            self.write_calls += 1
            raise self.write_faults.pop(0)
        if self.refuses and any(self.refuses(write) for write in writes):
            self.write_calls += 1
            raise SideError(ErrorKind.PERMANENT, f"{self.name}: a value is refused", code="bad")
        outcomes = list(super().write(writes))
        self.written_values += writes
        if self.write_faults:
            raise self.write_faults.pop(0)
        return self.answers(list(writes), outcomes) if self.answers else outcomes

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
        self.touch(row)

    def remove(self, row: Row) -> None:
        """A user deletes a record without a trace."""
        del self.rows[row.id]

    def archive(self, row: Row, *, archived: bool = True) -> None:
        """A user archives a record, or brings it back."""
        row.archived = archived
        self.touch(row)


@dataclass
class StorySnapshot(SimulatedSnapshot):
    """A listing that leaves out what the story hides."""

    def listing(self) -> Listing:
        assert isinstance(self.side, StorySide)
        side = self.side
        side._may_fail("listing")
        whole = super().listing()
        frame = whole.frame.filter(~whole.frame["id"].is_in(sorted(side.unlisted | side.away)))
        complete = whole.complete and (side.lies or not side.unlisted)
        return Listing(frame, complete, "" if complete else "a page is missing")


def text(name: str, kind: FieldType = FieldType.TEXT, **more: Any) -> FieldSpec:
    """A field of the same name on both sides."""
    return FieldSpec(name, kind, (name,), (name,), **({"required": False} | more))


def sync(*fields: FieldSpec, strategy: Strategy = Strategy.MANUAL, **more: Any) -> SyncSpec:
    """A sync of ``left`` and ``right``; without fields, an e-mail that matches, a name and a city."""
    declared = fields or (text("email", FieldType.EMAIL), text("name"), text("city"))
    declared = tuple(replace(item, strategy=strategy) for item in declared)
    options: dict[str, Any] = {
        "match": ("email",) if any(item.name == "email" for item in declared) else (),
        "guards": Guards(max_deletes=1000, change_floor=10_000),
        "strategy": strategy,
    }
    return SyncSpec("story", SideSpec("left", "things"), SideSpec("right", "things"), declared, **(options | more))


@dataclass
class Story:
    """One sync between two systems. ``at`` is told every point at which the world may go on without us."""

    spec: SyncSpec = field(default_factory=sync)
    at: Callable[[str], None] = _nothing
    memory: MemoryStore | None = None
    shared_store: Store | None = None
    known: Mapping[str, SyncSpec] = field(default_factory=dict)
    policy: CallPolicy = field(default_factory=lambda: CallPolicy(open_after=1000))

    def __post_init__(self) -> None:
        self.time = BEGIN
        self.slept: list[float] = []
        self.runs = 0
        self.memory = self.memory or MemoryStore(lambda point: self.at(point))
        columns = {side: tuple(c for item in self.spec.fields for c in item.columns(side)) for side in SIDES}
        self.a, self.b = (
            StorySide(
                self.spec.side(side).system,
                Nature(),
                self.tick,
                random.Random(0),
                lambda point: self.at(point),
                side.lower(),
                columns_of=columns[side],
            )
            for side in SIDES
        )

    @property
    def store(self) -> MemoryStore:
        """The memory, for looking into."""
        assert self.memory is not None
        return self.memory

    @property
    def sides(self) -> dict[SideName, StorySide]:
        """Both sides by name."""
        return {"A": self.a, "B": self.b}

    def tick(self) -> datetime:
        """Every look at the clock moves it."""
        self.time += timedelta(milliseconds=7)
        return self.time

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)

    def engine(self, holder: str = "process") -> Engine:
        """The real engine over this story."""
        runtime = Runtime(
            clock=self.tick,
            sleep=self._sleep,
            new_id=lambda: f"run{self.runs}",
            random=random.Random(0),
            holder=holder,
            lease_seconds=60,
        )
        policies = {self.a.name: self.policy, self.b.name: self.policy}
        store = self.shared_store or self.store
        return Engine(store, runtime, {self.spec.name: self.spec, **self.known}, policies)

    def run(self, *, spec: SyncSpec | None = None, **request: Any) -> RunReport:
        """One run; everything planned must have an outcome (P11)."""
        self.runs += 1
        report = self.engine().run(spec or self.spec, self.sides, Request(**request))
        assert set(report.unaccounted().values()) == {0}, f"P11: {report.to_data()}"
        return report

    def dies(self, **request: Any) -> bool:
        """A run that may be killed by the story; True if it was. Its lease has ended when this returns."""
        try:
            self.run(**request)
        except Crash:
            return True
        finally:
            self.time += timedelta(seconds=61)
        return False

    def plan(self) -> Plan:
        """What the next run would do."""
        return self.engine().plan(self.spec, self.sides)

    def settle(self, runs: int = 3) -> RunReport:
        """Run until nothing is written, at most ``runs`` times and once more (P2)."""
        for _ in range(runs + 1):
            before = self.writes
            report = self.run()
            if self.writes == before:
                return report
        raise AssertionError(f"P2: still writing after {runs} runs")

    @property
    def writes(self) -> int:
        """Write calls so far."""
        return self.a.write_calls + self.b.write_calls

    def pair_up(self, **values: Value) -> tuple[Row, Row]:
        """A record on both sides that the engine has linked; without values, one that has them all."""
        row = self.a.insert(values or {"email": "ann@x.org", "name": "Ann", "city": "Bern"})
        known = set(self.b.rows)
        report = self.run()
        assert report.counts["applied_b"] == 1, report.to_data()
        (made,) = set(self.b.rows) - known
        return row, self.b.rows[made]

    @property
    def links(self) -> list[Link]:
        """All links."""
        return list(self.store.memory.links.values())

    def conflict(self) -> Conflict:
        """The one open conflict."""
        (row,) = self.store.conflicts(self.spec.name)
        return row

    def decide(self, choice: str, value: str | None = None, *, row: Conflict | None = None) -> None:
        """A person resolves the open conflict, on the values it shows."""
        row = row or self.conflict()
        self.store.decide(self.spec.name, row.conflict_id, row.n, choice, value, "clerk", self.tick(), "")

    def held(self) -> list[Quarantined]:
        """Open quarantine rows."""
        return list(self.store.quarantined(self.spec.name))

    def lost(self) -> list[str]:
        """Every value the audit kept of a losing side, as JSON."""
        lines = [line.entry for line in self.store.memory.audit]
        return [line.lost for line in lines if line.role in (Role.LOSER, Role.DELETED) and line.lost]


def shown(side: StorySide) -> list[tuple[Value, ...]]:
    """All live records of a side as sorted tuples of values: what the world looks like, ids apart."""
    return sorted((tuple(row.values.values()) for row in side.live()), key=repr)
