"""What every story needs: two systems that do as told, a memory, a clock that moves by itself, and the real engine.

A :class:`Story` runs the engine over two systems of :mod:`.story_side`. Nothing here sleeps, and nothing of the engine
is replaced.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations_platform.unified_sync.calls import CallPolicy
from integrations_platform.unified_sync.engine import Engine, Request
from integrations_platform.unified_sync.plan import Plan
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.sharding import Crew
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
from integrations_platform_tests.unified_sync.story_side import Row, StorySide

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Crash(BaseException):
    """The process dies here."""


def _nothing(_point: str) -> None:
    return None


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
    crew: Crew | None = None

    def __post_init__(self) -> None:
        self.time = BEGIN
        self.slept: list[float] = []
        self.runs = 0
        self.memory = self.memory or MemoryStore(lambda point: self.at(point))
        columns = {side: tuple(c for item in self.spec.fields for c in item.columns(side)) for side in SIDES}
        self.a, self.b = (
            StorySide(
                self.spec.side(side).system,
                self.tick,
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
        return Engine(store, runtime, {self.spec.name: self.spec, **self.known}, policies, self.crew)

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
