"""The planner alone: a million linked pairs, of which one in a hundred is in conflict, in this process.

A **field decision** is one field of one pair whose base, source and target were compared, and about which the plan says
what becomes of it: it stays, it is written to a side, it is in conflict. Only pairs that somebody changed count, with
all their fields; those told as settled by their versions count for nothing, though the time it takes to tell them is
counted. So a decision's share of the whole cost is measured, not the best rate of a loop.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl

from integrations_platform.unified_sync.engine import Engine
from integrations_platform.unified_sync.port import LISTING_SCHEMA, Listing, Presence, Record
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import FieldSpec, SideSpec, Strategy, SyncSpec
from integrations_platform.unified_sync.store import LINK_SCHEMA, LinkState
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.benchmarks.speed.figures import OURS, Figure, Round, figure
from integrations_platform_tests.benchmarks.speed.measuring import Cost, load
from integrations_platform_tests.simulation.memory_store import MemoryStore
from integrations_platform_tests.simulation.sides import Nature, SimulatedSide

PLANNER = "planner"
CONFLICTS = 100  # one pair in so many
_FIELDS = {
    "id": FieldType.INTEGER, "email": FieldType.TEXT, "first_name": FieldType.TEXT, "last_name": FieldType.TEXT,
    "company": FieldType.TEXT, "city": FieldType.TEXT, "notes": FieldType.TEXT, "balance": FieldType.DECIMAL,
    "birth_date": FieldType.DATE, "updated_at": FieldType.DATETIME, "active": FieldType.BOOLEAN,
    "rank": FieldType.INTEGER,
}  # fmt: skip


class _Memory(MemoryStore):
    """Knows many more settled links than it has bases for: nobody asks for those."""

    settled = pl.DataFrame(schema=LINK_SCHEMA)

    def links(self, pair: str) -> pl.DataFrame:
        return pl.concat([super().links(pair), self.settled])


@dataclass
class _Side(SimulatedSide):
    """Lists many more records than it holds."""

    listing: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LISTING_SCHEMA))

    @contextmanager
    def snapshot(self) -> Iterator[_Snapshot]:
        here = [(row.id, self.version(row), Presence.LIVE.value) for row in self.rows.values()]
        yield _Snapshot(self, pl.concat([pl.DataFrame(here, schema=LISTING_SCHEMA, orient="row"), self.listing]))


@dataclass
class _Snapshot:
    side: _Side
    frame: pl.DataFrame

    def listing(self) -> Listing:
        return Listing(self.frame, complete=True)

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        return self.side.read(ids)


def planner(pairs: int, repetitions: int) -> Figure:
    """Plan the same world several times. Raises AssertionError when the plan is not about every conflict."""
    conflicts = pairs // CONFLICTS
    spec, engine, sides = _world(pairs, conflicts)
    rounds = []
    for _ in range(repetitions):
        wall, cpu = time.perf_counter(), time.process_time()
        plan = engine.plan(spec, sides)
        used = time.process_time() - cpu
        rounds.append(Round(Cost(used, 0.0, time.perf_counter() - wall, 0.0, load())))
        assert len(plan.opened) == conflicts, plan.counts
        assert plan.counts["settled"] == pairs - conflicts, plan.counts
    decisions = conflicts * len(_FIELDS)
    made = figure(PLANNER, OURS, pairs, rounds)
    return figure(PLANNER, OURS, pairs, rounds, decisions=decisions, decisions_per_cpu_second=decisions / made.cpu)


def _world(pairs: int, conflicts: int) -> tuple[SyncSpec, Engine, dict[str, _Side]]:
    """Both sides, synced by the engine, then one field changed differently on both."""
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def clock() -> datetime:
        nonlocal now
        now += timedelta(milliseconds=1)
        return now

    sides = {
        name: _Side(system, Nature(), clock, random.Random(1), lambda _: None, name.lower(), columns_of=tuple(_FIELDS))
        for name, system in (("A", "left"), ("B", "right"))
    }
    spec = SyncSpec(
        "planned", SideSpec("left", "customers"), SideSpec("right", "customers"),
        tuple(FieldSpec(name, kind, (name,), (name,), required=False, scale=2 if kind is FieldType.DECIMAL else None,
                        strategy=Strategy.MANUAL) for name, kind in _FIELDS.items()),
        match=("id",),
    )  # fmt: skip
    for number in range(conflicts):
        for side in sides.values():
            side.insert(_values(number))
    store = _Memory()
    engine = Engine(store, Runtime(clock=clock))
    report = engine.run(spec, sides)  # type: ignore[arg-type]
    assert report.exit_code == 0, report.to_data()
    for side in sides.values():
        for row in side.rows.values():
            row.values["city"] = f"Of {side.name}"
            side.touch(row, ["city"])
    numbers = pl.int_range(conflicts, pairs, eager=True).cast(pl.String)
    for name, side in sides.items():
        side.listing = pl.DataFrame(
            {"id": f"{name.lower()}_" + numbers, "version": "v" + numbers}
        ).with_columns(presence=pl.lit(Presence.LIVE.value, LISTING_SCHEMA["presence"]))  # fmt: skip
    store.settled = pl.DataFrame(
        {"link_id": "l_" + numbers, "id_a": "a_" + numbers, "id_b": "b_" + numbers}
    ).with_columns(
        state=pl.lit(LinkState.ACTIVE.value, LINK_SCHEMA["state"]), version_a="v" + numbers, version_b="v" + numbers
    )  # fmt: skip
    return spec, engine, sides


def _values(number: int) -> dict[str, Value]:
    return {
        "id": number, "email": f"c{number}@example.org", "first_name": "Zoë", "last_name": "山田", "company": "Acme",
        "city": "Oslo", "notes": None if number % 5 == 0 else f"note {number}", "balance": Decimal(number) / 100,
        "birth_date": date(1980, 1, 1) + timedelta(days=number % 9000),
        "updated_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number), "active": number % 3 > 0,
        "rank": number % 7,
    }  # fmt: skip
