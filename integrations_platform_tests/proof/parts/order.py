"""Order independence: however records, pages and answers are ordered and batched, the end is the same (P8)."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from integrations_platform.unified_sync.engine import Engine, Request
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import SIDES, SideName, Strategy, SyncSpec
from integrations_platform_tests.proof.part import Part, Shown, seeds
from integrations_platform_tests.proof.planner_cases import Case, Settled, Trial
from integrations_platform_tests.proof.trials import try_seeds
from integrations_platform_tests.simulation.memory_store import Memory, MemoryStore
from integrations_platform_tests.simulation.sides import Nature, Row, SimulatedSide
from integrations_platform_tests.simulation.world import PATIENCE

PERMUTATIONS = 50
BATCHES = (1, 7, 100)
PAIRS = 6  # linked records of one state, each changed twice; besides, newcomers


class State:
    """One state of two systems and a sync's memory, in which much is to be done; lived on from as often as wanted."""

    def __init__(self, seed: int) -> None:
        drawn = random.Random(f"order {seed}")
        cases = [Case.drawn(f"c{number}", drawn) for number in range(PAIRS)]
        names = [case.name for case in cases]
        trial = Trial(Settled(seed, list(Strategy)[seed % 4], cases), cases, 3, names)
        trial.perturb(names)
        for number in range(drawn.randint(1, 4)):  # newcomers: on one side, or on both, in one case twice on one
            sides = drawn.choice((("A",), ("B",), ("A", "B"), ("A", "A", "B")))
            for side in sides:
                name = f"n{number}@x.org"
                trial.world.sides[side].insert({"email": name, "name": f"N{drawn.randrange(3)}", "city": "Bern"})
        self.spec: SyncSpec = trial.world.spec
        self.memory: Memory = trial.world.store.memory
        self.rows = {name: side.rows for name, side in trial.world.sides.items()}
        self.next_id = {name: side.next_id for name, side in trial.world.sides.items()}
        self.now = trial.world.now

    def end(self, permutation: int, batch_size: int) -> str:
        """How it ends if records are listed, planned, written and answered in this order, in batches of this size."""
        life = Life(self, permutation, batch_size)
        for _ in range(PATIENCE + 1):
            before = life.writes
            life.run()
            if life.writes == before:
                return life.end()
        raise AssertionError(f"P2: still writing after {PATIENCE} runs")


class Life:
    """One way to live on from a state."""

    def __init__(self, state: State, permutation: int, batch_size: int) -> None:
        self.now: datetime = state.now
        self.random = random.Random(permutation)
        self.spec = replace(state.spec, batch_size=batch_size)
        self.store = MemoryStore()
        self.store.memory = state.memory.copied()
        self.sides: dict[SideName, SimulatedSide] = {}
        for name, prefix in zip(SIDES, "ab", strict=True):
            system = self.spec.side(name).system
            side = SimulatedSide(
                system, Nature(shuffles=True), self.tick, self.random, lambda _point: None, prefix, 1000
            )
            rows = list(state.rows[name].values())
            self.random.shuffle(rows)
            side.rows = {row.id: row.copied() for row in rows}
            side.next_id = state.next_id[name]
            self.sides[name] = side
        self.runs = len(state.memory.runs)

    def tick(self) -> datetime:
        """A clock that is looked at moves."""
        self.now += timedelta(milliseconds=7)
        return self.now

    @property
    def writes(self) -> int:
        """Write calls so far."""
        return sum(side.write_calls for side in self.sides.values())

    def run(self) -> None:
        """One run."""
        self.runs += 1
        runtime = Runtime(self.tick, lambda _seconds: None, lambda: f"run{self.runs}", self.random, holder="one")
        engine = Engine(self.store, runtime, {self.spec.name: self.spec})  # type: ignore[arg-type]
        report = engine.run(self.spec, self.sides, Request(lift=frozenset({"empty_side"})))
        assert report.status in (RunStatus.SUCCEEDED, RunStatus.PARTIAL), report.message

    def end(self) -> str:
        """Records, links, bases, conflicts and quarantine; ids that a side gave out to new records left aside."""
        memory, links = self.store.memory, []
        linked: dict[SideName, set[str]] = {"A": set(), "B": set()}
        for link in sorted(memory.links.values(), key=lambda item: item.link_id):
            rows = []
            for name, record_id in (("A", link.id_a), ("B", link.id_b)):
                linked[name].add(record_id or "")  # type: ignore[index]
                rows.append(_shown(self.sides[name].rows.get(record_id or "")))  # type: ignore[index]
            links.append((link.link_id, link.state.value, rows, link.values_a, link.values_b))
        alone = [
            sorted(repr(_shown(row)) for row in self.sides[name].rows.values() if row.id not in linked[name])
            for name in SIDES
        ]
        parked = sorted((row.link_id, row.unit, row.value_a, row.value_b) for row in self.store.conflicts("sim"))
        held = sorted(row.reason for row in self.store.quarantined("sim"))
        return repr((links, alone, parked, held))


def _shown(row: Row | None) -> object:
    return None if row is None else (row.archived, sorted(row.values.items(), key=repr))


def trial(seed: int) -> Counter[str]:
    """All orders and batch sizes from one state: one end."""
    state = State(seed)
    ends: dict[str, tuple[int, int]] = {}
    for permutation in range(PERMUTATIONS):
        for batch_size in BATCHES:
            ends.setdefault(state.end(permutation, batch_size), (permutation, batch_size))
    assert len(ends) == 1, f"P8: {len(ends)} ends, by (permutation, batch size) {list(ends.values())[:3]}"
    return Counter({"states": 1, "lives": PERMUTATIONS * len(BATCHES)})


def _run(size: int, processes: int) -> Shown:
    found = try_seeds(trial, size, processes)
    lives = found.counts["lives"]
    return Shown(
        seeds(size),
        f"{size:,} states × {PERMUTATIONS} permutations × batch sizes {BATCHES}: 1 distinct end for each of "
        f"{found.counts['states']:,}; {lives:,} lives, {lives / max(found.seconds, 0.001):.0f}/s",
        found.counts,
        tuple(found.violations),
    )


ORDER = Part(
    "order",
    "Order independence",
    "50 permutations × batch sizes {1, 7, 100} × 1,000 states: 1 distinct end state each",
    "states",
    {"quick": 1, "short": 10, "nightly": 1_000},
    _run,
)
