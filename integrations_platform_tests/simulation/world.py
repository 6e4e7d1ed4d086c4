"""Two simulated systems, their users, the people who decide, and processes that may die, pause or meet each other.

Every choice comes from one random generator and time moves only when something happens, so a world replays exactly.
What must hold is in :mod:`.checks`, what really happened in :mod:`.truth`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from integrations_platform.unified_sync.calls import CallPolicy
from integrations_platform.unified_sync.engine import Engine, Request
from integrations_platform.unified_sync.port import Kind, Write
from integrations_platform.unified_sync.report import RunReport, RunStatus
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import SIDES, SideName, Strategy, other
from integrations_platform.unified_sync.store import BreakerState, LeaseHeld
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.simulation import checks, merging, people, referring
from integrations_platform_tests.simulation.declared import UNIT_OF, Declared
from integrations_platform_tests.simulation.memory_store import Crash, Memory, MemoryStore, Process
from integrations_platform_tests.simulation.sides import POISON, Nature, Row, SimulatedSide, healed
from integrations_platform_tests.simulation.truth import Truth

PATIENCE = 3  # runs after quiescence until nothing is written (P2)
LEASE = 60.0
CRASH_POINTS = ("before write", "after write", "before commit", "after commit")


@dataclass(frozen=True)
class Faults:
    """Rates at each boundary of a run: the process dies, a user steps in, a second worker runs meanwhile."""

    crash: float = 0.0
    user: float = 0.0
    second: float = 0.0


@dataclass
class Clock:
    """True time."""

    now: datetime


@dataclass
class World:
    """One history in the making."""

    seed: int
    strategy: Strategy
    nature_a: Nature = field(default_factory=Nature)
    nature_b: Nature = field(default_factory=Nature)
    mirrored: bool = False
    declared: Declared = field(default_factory=Declared)
    customers: World | None = None  # the world its references point to; time, chance and log are one

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
        self.faults, self.quiet = Faults(), True
        self.truth = Truth()
        self.spec = self.declared.spec(self.strategy, mirrored=self.mirrored)
        self.units = self.declared.units
        self.known = {self.spec.name: self.spec}
        self.store = MemoryStore(self._at)
        self.counts: Counter[str] = Counter()
        self.log: list[str] = []
        if self.customers is not None:
            self._join(self.customers)
        prefixes = ("b", "a") if self.mirrored else ("a", "b")
        self.sides: dict[SideName, SimulatedSide] = {}
        for name, system, nature, prefix in zip(
            SIDES, ("left", "right"), (self.nature_a, self.nature_b), prefixes, strict=True
        ):
            side = SimulatedSide(system, nature, self.tick, self.random, self._at, prefix)
            self.sides[name] = side
            side.columns_of = self.declared.columns
            side.watch = partial(checks.watch, self, name)
            side.written = partial(self._engine_wrote, name)
            side.shows = self._shown
        self.processes: list[Process] = []
        self.restoring = False
        self.breaker_after = 10_000
        self.runs = 0
        self.vouched: set[tuple[SideName, str]] = set()  # stored bases of which all was shown on their side
        self._paired: Memory | None = None  # whose links are noted in ``_twins``
        self._twins: dict[tuple[SideName, str], str] = {}
        self.invoices: World | None = None  # the world whose references point here

    def _join(self, customers: World) -> None:
        """Be of one history, and of one memory, with the records this world's refer to."""
        self.random, self.clock, self.counts, self.log = (
            customers.random, customers.clock, customers.counts, customers.log
        )  # fmt: skip
        self.known |= customers.known
        self.store.neighbours[customers.spec.name] = customers.store
        customers.invoices = self

    # time and interruptions

    @property
    def now(self) -> datetime:
        """The time it truly is, for every world of a history."""
        return self.clock.now

    @now.setter
    def now(self, moment: datetime) -> None:
        self.clock.now = moment

    def tick(self) -> datetime:
        """Every look at a clock moves it, so that no two moments are the same."""
        self.now += timedelta(milliseconds=7)
        return self.now

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.now += timedelta(seconds=seconds)

    def _at(self, point: str) -> None:
        if self.quiet:
            return
        if self.random.random() < self.faults.user:
            self.user_step()
        if self.random.random() < self.faults.second and len(self.processes) == 1:
            self._second_worker(point)
        if self.random.random() < self.faults.crash and point in CRASH_POINTS:
            self.processes[-1].dead = True
            self.log.append(f"the process dies {point}")
            self.counts["crashes"] += 1
            raise Crash(point)

    def _second_worker(self, point: str) -> None:
        """Another process tries to run while this one stands still here, shorter or longer than its lease."""
        outlives = self.random.random() < 0.7
        self.wait(LEASE + 1 if outlives else 1)
        self.log.append(f"run {self.runs} stands still {point}")
        self.counts["second workers"] += 1
        self.run(self.faults)
        self.log.append("and goes on")

    # users

    def user_step(self) -> None:
        """One action of one user, or of one person who decides."""
        if self.customers is not None and self.random.random() < 0.3:
            self.customers.user_step()
            return
        side: SideName = self.random.choice(("A", "B"))
        action = self.random.choices(
            ("new", "create", "delete", "same", "clear", "poison", "decide", "merge"),
            weights=(55, 14, 8, 9, 6, 2, 6, 5),
        )[0]
        self.act(action, side)

    def act(self, action: str, side: SideName) -> None:
        """Carry out one action on a record drawn at random; ``create`` if there is none."""
        live = [row for row in self.sides[side].rows.values() if not row.archived]
        if action == "decide":
            people.decide(self)
        elif action == "create" or not live:
            self.create(side)
        elif action == "delete":
            self.delete(side, self.random.choice(live))
        elif action == "merge":
            merging.merge(self, side)
        elif action == "scope":
            self.rescope(side, self.random.choice(live))
        else:
            self._edit_somehow(side, self.random.choice(live), action)

    def _edit_somehow(self, side: SideName, row: Row, how: str) -> None:
        column = self.random.choice(self.declared.editable)
        value: Value = None
        if how == "same":
            twin = self.counterpart(side, row)
            value = twin.values[column] if twin is not None and column != "customer" else self.typed_in(side, column)
        elif how == "poison":
            column, value = "name", POISON
        elif how == "new":
            able, shown = self.sides[side].nature, row.values[column]
            # Where the other side's search lags, its newer value may come to light after these digits were agreed on.
            rich = column in ("price", "seen") and not (able.rounds if column == "price" else able.cuts)
            rich = rich and not self.sides[other(side)].nature.lags
            finer = rich and shown is not None and self.random.random() < 0.3
            value = self.truth.refined(shown) if finer else self.typed_in(side, column)
        self.edit(side, row, column, value)

    def typed_in(self, side: SideName, column: str) -> Value:
        """What a user puts there: a value never seen before, or the id of some customer, perhaps of one to come."""
        if column != "customer":
            return self.truth.token(column)
        assert self.customers is not None
        known = self.customers.sides[side]
        live = [row.id for row in known.rows.values() if not row.archived]
        return self.random.choice([*live, *live, f"{known.prefix}{known.next_id}", None])

    def create(self, side: SideName, values: dict[str, Value] | None = None) -> Row:
        """A user makes a record."""
        values = values or {column: self.typed_in(side, column) for column in self.declared.editable}
        row = self.sides[side].insert(values)
        for column, value in values.items():
            self.truth.wrote(side, row, column, value, self.now)
        self.log.append(f"{side} creates {row.id}: {values}")
        return row

    def edit(self, side: SideName, row: Row, column: str, value: Value) -> None:
        """A user overwrites one field; whatever was on show there is superseded knowingly."""
        self.truth.supersede(row.values.get(column), column)
        row.values[column] = self.sides[side].keep(value)
        self.sides[side].touch(row, [column])
        self.truth.wrote(side, row, column, value, self.now)
        self.log.append(f"{side} sets {row.id}.{column} = {value}")

    def delete(self, side: SideName, row: Row) -> None:
        """A user deletes a record, seeing what it shows."""
        for column, value in [*row.values.items(), *self.truth.clobbered.get(row.id, ())]:
            self.truth.supersede(value, column)
        del self.sides[side].rows[row.id]
        self.sides[side].taken_back(row)
        self.truth.gone[row.id] = self.now
        self.log.append(f"{side} deletes {row.id}")

    def rescope(self, side: SideName, row: Row) -> None:
        """A record leaves the declared scope, or comes back into it."""
        row.in_scope = not row.in_scope
        self.sides[side].touch(row, [])
        self.log.append(f"{side}: {row.id} {'is back in' if row.in_scope else 'leaves the'} scope")

    def hide(self, side: SideName, column: str) -> None:
        """A system stops returning a column, or returns it again."""
        self.sides[side].hidden ^= {column}
        self.log.append(f"{side} {'hides' if column in self.sides[side].hidden else 'shows'} {column}")

    def record_pair(self, id_a: str | None, id_b: str | None) -> tuple[Row | None, Row | None]:
        """The records of a link, where they are."""
        return self.sides["A"].rows.get(id_a or ""), self.sides["B"].rows.get(id_b or "")

    def counterpart(self, side: SideName, row: Row) -> Row | None:
        """The record on the other side that the engine linked to this one."""
        memory = self.store.memory
        if self._paired is not memory:  # every commit makes another one
            self._paired, self._twins = memory, {}
            for link in memory.links.values():
                if link.id_a is not None and link.id_b is not None:
                    self._twins.setdefault(("A", link.id_a), link.id_b)
                    self._twins.setdefault(("B", link.id_b), link.id_a)
        return self.sides[other(side)].rows.get(self._twins.get((side, row.id), ""))

    def _shown(self, ids: Sequence[str]) -> None:
        """A listing shows these as live; of those that are gone, only a listing that lags does."""
        self.truth.shown_gone.update(dict.fromkeys(self.truth.gone.keys() & set(ids), self.now))

    def _engine_wrote(self, name: SideName, _side: SimulatedSide, row: Row, write: Write) -> None:
        self.counts[f"{write.kind} written"] += 1
        referring.watch(self, name, write)
        if write.kind is Kind.ARCHIVE:
            self.truth.gone[row.id] = self.now
        elif write.kind is Kind.RESTORE:
            self.truth.gone.pop(row.id, None)
        if write.kind is Kind.CREATE:  # what the other side could not say then is owed, and nobody's clearing
            for column in set(self.declared.columns) - set(write.values):
                self.truth.touched[(row.id, UNIT_OF[column])] = {"A", "B"}
            link = self.store.memory.links.get(write.link_id)
            first = None if link is None else link.id_a if name == "A" else link.id_b
            if self.processes[-1].overtaken and first in self.sides[name].merged:
                self.truth.doubles.add((row.id, write.link_id))
        if self.restoring:
            for column, value in write.values.items():
                self.truth.touched.setdefault((row.id, UNIT_OF[column]), set()).add(name)
                self.truth.edits[(row.id, column)].append((self.now, value))
            return
        twin = self.counterpart(name, row)
        units = {UNIT_OF[column] for column in write.values}
        if self.processes[-1].overtaken and write.kind is not Kind.CREATE:
            self.truth.owed |= {(row.id, unit) for unit in units}
        if twin is not None and write.kind is not Kind.CREATE:
            rows = [one for one in self.store.conflicts("sim") if one.link_id == write.link_id]
            decided = {one.unit for one in rows if one.choice is not None}
            self.truth.owed |= {(twin.id, unit) for unit in units & decided}
            self.agree(row, twin, {unit: self.units[unit] for unit in units})

    def agree(self, row: Row, twin: Row, units: Mapping[str, tuple[str, ...]]) -> None:
        """Note on which of these units two records agree; a reference agrees in whom it means."""
        natures = [side.nature for side in self.sides.values()]
        coarse = {
            FieldType.DECIMAL: any(nature.rounds for nature in natures),
            FieldType.DATETIME: any(nature.cuts for nature in natures),
        }
        fine = {kind for kind, is_coarse in coarse.items() if not is_coarse}
        self.truth.agree(row, twin, {unit: columns for unit, columns in units.items() if unit != "customer"}, fine)
        if "customer" in units and referring.agree(self, row, twin):
            self.truth.settled(row, twin, "customer")

    # runs

    def run(self, faults: Faults | None = None, *, dry_run: bool = False, restore: Any = None) -> RunReport | None:
        """One run of the engine, perhaps inside another one; None if the process died or another held the lease."""
        outer = self.faults, self.quiet, {name: (side.applied, side.looked) for name, side in self.sides.items()}
        self.faults, self.quiet = faults or Faults(), faults is None
        self.runs += 1
        number = self.runs
        self.counts["dry runs" if dry_run else "runs"] += 1
        held = self.store.lease_holder(self.spec.name)
        if self.processes and (held is None or held[1] <= self.now):  # it takes over from one that stands still
            self._doubt_untold({one.op_id for one in self.store.open_intents(self.spec.name)})
        for side in self.sides.values():
            side.applied, side.looked = [], {}
        process = Process(self.store)
        for waiting in self.processes:
            if not waiting.overtaken:
                waiting.disputed = frozenset({*self.truth.touched, *self.truth.owed})
                waiting.parked = frozenset((one.link_id, one.unit) for one in checks.undecided(self))
        self.processes.append(process)
        tokens, failures, lies = self.store.tokens + 1, self._failures(), self._lies()
        try:
            request = Request(dry_run=dry_run, restore=restore, lift=frozenset({"empty_side"}))
            report = self._engine(process, number).run(self.spec, self.sides, request)
            self.log.append(f"run {number} {report.status} {report.message}".rstrip())
            if report.status is RunStatus.FAILED:
                assert self._may_fail(tokens, failures), f"P5: run {number} failed: {report.message}"
            elif not dry_run:
                self._note_agreements()
                checks.check_run(self, report)
        except Crash:
            self.wait(LEASE + 1)  # until the dead process's lease ends
            return None
        except LeaseHeld:
            self.log.append(f"run {number} finds the lease held")
            return None
        finally:
            self.processes.pop()
            for other_process in self.processes:
                other_process.overtaken |= self.store.tokens >= tokens
            if process.dead or self._failures() > failures or self._lies() > lies:
                self._doubt_untold()
            self.faults, self.quiet = outer[0], outer[1]
            if self.processes:
                for name, side in self.sides.items():
                    side.applied, side.looked = outer[2][name]
        return report

    def _engine(self, process: Process, number: int) -> Engine:
        runtime = Runtime(
            clock=self.tick,
            sleep=self.wait,
            new_id=lambda: f"run{number}",
            random=self.random,
            holder=f"process{number}",
            lease_seconds=LEASE,
        )
        policy = CallPolicy(open_after=self.breaker_after)
        return Engine(process, runtime, self.known, {"left": policy, "right": policy})  # type: ignore[arg-type]

    def _failures(self) -> int:
        """Calls that failed; where only the answer to a repeated write can tell, one that says nothing is as bad."""
        sides = self.sides.values()
        return sum(side.failures + side.lies_told * side.nature.replays for side in sides)

    def _lies(self) -> int:
        return sum(side.lies_told for side in self.sides.values())

    def _doubt_untold(self, untold: Container[str] | None = None) -> None:
        """A side that cannot say what became of a write leaves open whose a newer value on top of it is (P5b).
        ``untold``: operations of which nobody has said yet what became of them; None: any may be."""
        for side in self.sides.values():
            able = side.nature
            if able.receipts or (able.history if not able.compare_and_set else able.replays):
                continue
            written = {link_id for link_id, op_id in side.applied if untold is None or op_id in untold}
            for row in side.rows.values():
                if row.link_id in written:
                    self.truth.doubt(row)

    def _may_fail(self, tokens: int, failures: int) -> bool:
        """A run fails only if its lease was taken over, a side could not be reached, or its breaker is open."""
        taken_over = self.store.tokens > tokens
        unreachable = self._failures() > failures
        tripped = any(self.store.breaker(side.system).state is not BreakerState.CLOSED for side in self.sides.values())
        self.counts["stale holders"] += taken_over
        self.counts["breakers open"] += tripped
        return taken_over or unreachable or tripped

    def _note_agreements(self) -> None:
        for link in self.store.memory.links.values():
            row_a, row_b = self.record_pair(link.id_a, link.id_b)
            if row_a is None or row_b is None:
                continue
            versions = self.sides["A"].version(row_a), self.sides["B"].version(row_b)
            if versions == (link.version_a, link.version_b):
                self.agree(row_a, row_b, self.units)

    def writes(self) -> int:
        """Write calls to both sides since the world began."""
        return sum(side.write_calls for side in self.sides.values())

    def heal(self) -> None:
        """Users and faults stop."""
        for side in self.sides.values():
            side.nature, side.outage = healed(side.nature), 0
            side.hidden.clear()

    def settle(self) -> None:
        """Users and faults stop; the sync comes to rest within its patience, and everything is accounted for."""
        self.heal()
        self.wait(2 * LEASE + 1)
        checks.check_dry_run(self, times=1)
        for attempt in range(PATIENCE + 1):
            before = self.writes()
            report = self.run()
            assert report is not None
            assert report.status is not RunStatus.FAILED, f"P5: {report.message}"
            if self.writes() == before:
                break
            assert attempt < PATIENCE, f"P2: still writing after {PATIENCE} runs"
        checks.check_settled(self)


def with_batches_of(world: World, size: int) -> World:
    """The same world under a sync with another batch size."""
    world.spec = replace(world.spec, batch_size=size)
    return world
