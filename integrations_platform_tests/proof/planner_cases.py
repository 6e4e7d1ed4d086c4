"""The planner alone, by the hundred thousand: random observations of two sides, planned, granted, planned again.

A case is one record pair: one settled state, changed twice, once for each side (two independent random states would
hardly ever meet in an interesting way). Many cases share one world, where any of them may spoil another (P15), and a
settled world is lived on from several times. Every write is granted as if the side had done it, until nothing is
planned any more. Everything is planned in two orders, and one life in five is settled in both: the same must come of
it (P8).
"""

from __future__ import annotations

import gc
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import click

from integrations_platform.unified_sync.engine import Engine
from integrations_platform.unified_sync.plan import Plan
from integrations_platform.unified_sync.port import Kind
from integrations_platform.unified_sync.spec import SIDES, SideName, Strategy, other
from integrations_platform.unified_sync.store import LinkState, Role
from integrations_platform.unified_sync.values import Value
from integrations_platform_tests.proof.histories import commit
from integrations_platform_tests.proof.trials import Trials, try_seeds
from integrations_platform_tests.simulation.declared import EDITABLE, UNITS
from integrations_platform_tests.simulation.sides import Nature, Row
from integrations_platform_tests.simulation.truth import same
from integrations_platform_tests.simulation.world import World

ROUNDS = 3
TOGETHER = (300, 300, 300, 800)  # pairs in one world: a few are told apart row by row, many by columns
LIVES = 5  # lived on from one settled world: settling it costs as much as three of them
BATCHES = (1, 7, 100)
WIDE = 500  # writes that a side takes in one call
RELEASE, CI = 1_000_000, 2_000


@dataclass
class Case:
    """One pair: the settled record, and what each side was changed to; None: deleted."""

    name: str
    settled: dict[str, Value]
    changed: dict[SideName, dict[str, Value] | None] = field(default_factory=dict)

    @classmethod
    def drawn(cls, name: str, source: random.Random) -> Case:
        """A settled state, perturbed twice."""
        settled: dict[str, Value] = {column: _value(source, name, column) for column in EDITABLE}
        settled["email"] = f"{name}@x.org"
        return cls(name, settled).drawn_again(source)

    def drawn_again(self, source: random.Random) -> Case:
        """The same settled state, perturbed otherwise."""
        case = Case(self.name, self.settled)
        for side in SIDES:
            values = dict(self.settled)
            for column in source.sample(EDITABLE, source.choice((0, 1, 1, 2, 5))):
                values[column] = source.choice((_value(source, self.name, column), None, values[column]))
            case.changed[side] = None if source.random() < 0.08 else values
        return case

    def touched(self, side: SideName, unit: str) -> bool:
        """Whether this side's user changed the unit."""
        values = self.changed[side]
        return values is None or any(values[column] != self.settled[column] for column in UNITS[unit])


def _value(source: random.Random, name: str, column: str) -> str:
    """One of few values, so that both sides sometimes change to the same; keys stay apart between cases."""
    text = f"V{source.randrange(4)}"
    return f"{text}.{name}@x.org" if column == "email" else text


class Settled:
    """The settled states of cases in one world, which can be lived on from as often as wanted."""

    def __init__(self, seed: int, strategy: Strategy, cases: Sequence[Case]) -> None:
        self.world = _world(seed, strategy, WIDE)
        rows = {case.name: {side: self.world.sides[side].insert(case.settled) for side in SIDES} for case in cases}
        self.ids = {name: {side: row.id for side, row in pair.items()} for name, pair in rows.items()}
        self.world.run()  # linked by their keys, and settled
        links = self.world.store.memory.links.values()
        names = {ids["A"]: name for name, ids in self.ids.items()}
        self.links = {link.link_id: names[link.id_a or ""] for link in links}
        alike = all(self.ids[self.links[link.link_id]]["B"] == link.id_b for link in links)
        assert alike and len(self.links) == len(cases), (  # noqa: PT018
            "P26: two copies of the same records were not linked one to one"
        )

    def world_again(self, batch_size: int, order: Sequence[str]) -> World:
        """A copy that lists its records in this order."""
        settled = self.world
        world = _world(settled.seed, settled.strategy, batch_size)
        world.now, world.runs = settled.now, settled.runs
        world.store.memory = settled.store.memory.copied()
        for name, side in settled.sides.items():
            copy = world.sides[name]
            copy.rows = {
                record_id: side.rows[record_id].copied() for record_id in (self.ids[one][name] for one in order)
            }
            copy.next_id, copy.shown = side.next_id, {column: set(values) for column, values in side.shown.items()}
        return world


def _world(seed: int, strategy: Strategy, batch_size: int) -> World:
    world = World(seed, strategy, Nature(), Nature())
    world.spec = replace(world.spec, batch_size=batch_size)
    for side in world.sides.values():
        side.batch_limit = WIDE
    return world


class Trial:
    """Cases in one world, from the settled state to rest."""

    def __init__(self, start: Settled, cases: Sequence[Case], batch_size: int, order: Sequence[str]) -> None:
        self.start, self.cases = start, {case.name: case for case in cases}
        self.links = start.links
        self.world = start.world_again(batch_size, order)
        self.counts: Counter[str] = Counter()

    def perturb(self, order: Sequence[str]) -> None:
        """Let the users of both sides make their changes, records taken in ``order``."""
        for side in SIDES:
            rows = self.world.sides[side].rows
            for name in order:
                changed, row = self.cases[name].changed[side], rows[self.start.ids[name][side]]
                self.world.now += timedelta(seconds=1)
                if changed is None:
                    del rows[row.id]
                elif changed != self.cases[name].settled:
                    columns = [column for column in changed if changed[column] != row.values[column]]
                    row.values = dict(changed)
                    self.world.sides[side].touch(row, columns)
                    for column in columns:
                        self.world.truth.wrote(side, row, column, changed[column], self.world.now)

    def plan(self) -> Plan:
        """What would be done now; nothing is written by it."""
        sides = self.world.sides
        engine: Engine = self.world._engine(self.world.store, 0)  # type: ignore[arg-type]
        return engine.plan(self.world.spec, sides)

    def check_honest(self, plan: Plan) -> None:
        """P9: a first plan writes and parks only what users changed; P16: at most one write per side and link."""
        for operation in plan.operations:
            case = self.cases[self.links[operation.link_id]]
            self.counts[operation.kind] += 1
            if operation.kind is Kind.UPDATE:
                for change in operation.fields:
                    unit = next(unit for unit, columns in UNITS.items() if change.name in columns)
                    assert any(case.touched(side, unit) for side in SIDES), f"P9(iii): {change.name} of {case}"
                    theirs = case.touched(other(operation.side), unit)
                    one_way = unit == "tier" and operation.side == "B"
                    assert theirs or one_way, f"P9(iii): {change.name} written over its only change: {case}"
                    shown = case.changed[operation.side] or {}
                    mine = shown.get(change.name) not in (None, case.settled[change.name])
                    assert change.lost or not mine or one_way, f"P3: {change.name} of {case} replaced without a trace"
            elif operation.kind in (Kind.ARCHIVE, Kind.DELETE):
                assert case.changed[other(operation.side)] is None, f"P6: {case} removed without a delete"
        for conflict in plan.opened:
            case = self.cases[self.links[conflict.link_id]]
            self.counts["parked"] += 1
            unit = conflict.unit
            assert all(case.touched(side, unit) for side in SIDES), f"P9(ii): {unit} parked: {case}"
            values = [case.changed[side] or {} for side in SIDES]
            differ = any(not same(values[0][column], values[1][column]) for column in UNITS[unit])
            assert differ, f"P9(ii): {unit} parked although both agree: {case}"
        written = [(operation.side, operation.link_id) for operation in plan.operations]
        assert len(written) == len(set(written)), "P16: two writes to one side of one link"

    def grant(self) -> Plan:
        """Carry out what is planned, as if every side had done it at once, and plan again until nothing is left: P2.
        Returns the first plan, which is the one that matters."""
        first: Plan | None = None
        for _ in range(ROUNDS):
            before = self.world.writes()
            report = self.world.run()
            assert report is not None
            assert report.plan is not None
            first = first or report.plan
            if self.world.writes() == before:
                return first
        assert self.plan().is_empty, f"P2: still planning after {ROUNDS} rounds"
        assert first is not None
        return first

    def check_rest(self) -> None:
        """P2, P3 and P15: every case ends as it would alone."""
        memory = self.world.store.memory
        parked = {(row.link_id, row.unit) for row in self.world.store.conflicts("sim")}
        lost: dict[str, set[tuple[str, str]]] = {}
        for line in memory.audit:
            if line.entry.role in (Role.LOSER, Role.DELETED):
                lost.setdefault(line.entry.link_id, set()).add((str(line.entry.side), str(line.entry.lost)))
        for link in memory.links.values():
            name = self.links.get(link.link_id)
            assert name is not None, f"P10: {link.link_id} appeared"
            row_a, row_b = self.world.record_pair(link.id_a, link.id_b)
            if link.state is LinkState.ACTIVE:
                assert row_a is not None and row_b is not None, f"P2: {self.cases[name]}"  # noqa: PT018
                for unit, columns in UNITS.items():
                    for column in columns:
                        agree = same(row_a.values[column], row_b.values[column])
                        assert agree or (link.link_id, unit) in parked, f"P2: {column} of {self.cases[name]}"
            self._check_kept(name, link.link_id, {"A": row_a, "B": row_b}, lost.get(link.link_id, set()))

    def _check_kept(
        self, name: str, link_id: str, rows: dict[SideName, Row | None], lost: set[tuple[str, str]]
    ) -> None:
        case = self.cases[name]
        texts = " ".join(text for _, text in lost)
        for side in SIDES:
            for column, value in (case.changed[side] or {}).items():
                if value == case.settled[column] or not isinstance(value, str):
                    continue
                row = rows[side]
                shown = row is not None and row.values[column] == value
                assert shown or f'"{value}"' in texts, f"P3: {column}={value} of {side} is lost: {case}"


def signature(trial: Trial) -> dict[str, str]:
    """How every case ended, by name."""
    ends: dict[str, str] = {}
    parked = {(row.link_id, row.unit) for row in trial.world.store.conflicts("sim")}
    for link in trial.world.store.memory.links.values():
        rows = trial.world.record_pair(link.id_a, link.id_b)
        values = [(row.archived, sorted(row.values.items(), key=str)) if row is not None else None for row in rows]
        units = sorted(unit for name, unit in parked if name == link.link_id)
        ends[trial.links[link.link_id]] = repr((link.state.value, values, units))
    return ends


def try_cases(seed: int, strategy: Strategy, pairs: int, lives: int = LIVES) -> Counter[str]:
    """One settled world of so many pairs, lived on from so many times: each life is that many cases."""
    source = random.Random(seed)
    cases = [Case.drawn(f"c{number}", source) for number in range(pairs)]
    start, counts = Settled(seed, strategy, cases), Counter[str]()
    for life in range(lives):
        drawn = random.Random(f"{seed} {life}")
        counts.update(live(start, [case.drawn_again(drawn) for case in cases], drawn, twice=life == 0))
    return counts


def live(start: Settled, cases: Sequence[Case], source: random.Random, *, twice: bool) -> Counter[str]:
    """These changes, listed and made in two orders: the same is planned (P8), and it comes true. ``twice``: it is
    settled in the second order too, with other batches, just as was planned beforehand (P7), and ends the same."""
    order = [case.name for case in cases]
    shuffled = source.sample(order, len(order))
    trial = Trial(start, cases, WIDE, order)
    trial.perturb(order)
    plan = trial.grant()
    trial.check_honest(plan)
    trial.check_rest()

    again = Trial(start, cases, source.choice(BATCHES), shuffled)
    again.perturb(order if start.world.strategy is Strategy.LATEST else shuffled)  # there, who came first decides
    planned = again.plan()
    assert essence(planned) == essence(plan), "P8: the same changes in another order, another plan"
    if twice:
        done = again.grant()
        assert essence(done) == essence(planned), "P7: planned twice, two plans"
        again.check_rest()
        one, two = signature(trial), signature(again)
        differing = [name for name in one if one[name] != two[name]]
        assert not differing, f"P8: {differing[0]} ends as {one[differing[0]]} or {two[differing[0]]}"
        trial.counts["settled twice"] = len(cases)
    trial.counts["cases"] = len(cases)
    return trial.counts


def essence(plan: Plan) -> tuple[object, ...]:
    """Everything a plan would change."""
    parked = sorted((row.conflict_id, row.kind, row.status, row.value_a, row.value_b) for row in plan.conflicts)
    return plan.op_ids, parked, sorted(plan.settlements), sorted(plan.touched), sorted(plan.states)


def sizes(cases: int) -> Iterator[int]:
    """Pairs in the worlds it takes for so many cases; few cases are shared out among all strategies all the same."""
    most, seed = max(1, cases // (len(Strategy) * LIVES)), 0
    while cases > 0:
        pairs = min(most, TOGETHER[(seed + seed // len(Strategy)) % len(TOGETHER)])
        yield pairs
        cases, seed = cases - pairs * LIVES, seed + 1


def _try_world(pairs: Sequence[int], first_seed: int, number: int) -> Counter[str]:
    seed = first_seed + number
    strategy = list(Strategy)[seed % len(Strategy)]
    gc.disable()  # looking for rings of references among so much that is in use is a tenth of the time
    try:
        return try_cases(seed, strategy, pairs[number])
    except AssertionError as fault:
        text = f"strategy {strategy}, {commit()}: {_alone(seed, strategy, fault)}"
        raise AssertionError(text if not first_seed else f"{seed}: {text}") from fault
    finally:
        gc.enable()
        gc.collect()


def run_cases(cases: int, first_seed: int = 0, processes: int = 1) -> Trials:
    """Draw, plan and settle this many cases under all strategies in turn, telling how far it is."""
    pairs = list(sizes(cases))
    return try_seeds(partial(_try_world, pairs, first_seed), len(pairs), processes)


def _alone(seed: int, strategy: Strategy, fault: AssertionError) -> str:
    """The failure of the fewest cases that still fail together."""
    for pairs in (1, 2, 3, 5, 10, 30):
        try:
            try_cases(seed, strategy, pairs)
        except AssertionError as smaller:
            return f"{smaller} (with {pairs} pairs)"
    return str(fault)


@click.command()
@click.option("--cases", default=CI, show_default=True, help=f"How many; {RELEASE} for a release.")
@click.option("--seed", default=0, show_default=True, help="The first seed; each draws a world of cases.")
@click.option("--processes", default=1, show_default=True)
def planner(cases: int, seed: int, processes: int) -> None:
    """Try the planner on random cases; exit code 1 if a property does not hold."""
    found = run_cases(cases, seed, processes)
    for text in found.violations:
        click.echo(text)
    done = found.counts.pop("cases", 0)
    rate = done / max(found.seconds, 0.001)
    told = ", ".join(f"{count} {name}" for name, count in sorted(found.counts.items()))
    click.echo(
        f"{done} cases, {rate:.0f}/s, {len(found.violations)} failed, {found.seconds:.0f} s at {commit()}: {told}"
    )
    raise SystemExit(bool(found.violations))


if __name__ == "__main__":
    planner()
