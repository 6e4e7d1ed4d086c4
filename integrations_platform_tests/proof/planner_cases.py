"""The planner alone, by the hundred thousand: random observations of two sides, planned, granted, planned again.

A case is one record pair: one settled state, changed twice, once for each side (two independent random states would
hardly ever meet in an interesting way). Many cases share one world, where any of them may spoil another (P15). Every
write is granted as if the side had done it, until nothing is planned any more.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import click

from integrations_platform.unified_sync.engine import Engine
from integrations_platform.unified_sync.plan import Plan
from integrations_platform.unified_sync.port import Kind
from integrations_platform.unified_sync.spec import SIDES, SideName, Strategy, other
from integrations_platform.unified_sync.store import LinkState, Role
from integrations_platform.unified_sync.values import Value
from integrations_platform_tests.proof.histories import TELL_EVERY, commit
from integrations_platform_tests.simulation.declared import EDITABLE, UNITS
from integrations_platform_tests.simulation.sides import Nature, Row
from integrations_platform_tests.simulation.truth import same
from integrations_platform_tests.simulation.world import World

ROUNDS = 3
TOGETHER = 100  # cases in one world
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
        case = cls(name, settled)
        for side in SIDES:
            values = dict(settled)
            for column in source.sample(EDITABLE, source.choice((0, 1, 1, 2, 5))):
                values[column] = source.choice((_value(source, name, column), None, values[column]))
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


class Trial:
    """Cases in one world, from the settled state to rest."""

    def __init__(self, seed: int, strategy: Strategy, cases: Sequence[Case], batch_size: int = 3) -> None:
        self.cases = {case.name: case for case in cases}
        self.world = World(seed, strategy, Nature(), Nature())
        self.world.spec = replace(self.world.spec, batch_size=batch_size)
        self.rows: dict[str, dict[SideName, Row]] = {}
        for case in cases:
            self.rows[case.name] = {side: self.world.sides[side].insert(case.settled) for side in SIDES}
        self.world.run()  # linked by their keys, and settled
        links = self.world.store.memory.links.values()
        names = {rows["A"].id: name for name, rows in self.rows.items()}
        self.links = {link.link_id: names[link.id_a or ""] for link in links}
        assert len(self.links) == len(cases), "P26: two copies of the same records were not linked one to one"
        self.counts: Counter[str] = Counter()

    def perturb(self, order: Sequence[str]) -> None:
        """Let the users of both sides make their changes, records taken in ``order``."""
        for side in SIDES:
            for name in order:
                changed, row = self.cases[name].changed[side], self.rows[name][side]
                self.world.now += timedelta(seconds=1)
                if changed is None:
                    del self.world.sides[side].rows[row.id]
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

    def grant(self) -> None:
        """Carry out what is planned, as if every side had done it at once, and plan again until nothing is left: P2."""
        for _ in range(ROUNDS):
            before = self.world.writes()
            report = self.world.run()
            assert report is not None
            if self.world.writes() == before:
                return
        assert self.plan().is_empty, f"P2: still planning after {ROUNDS} rounds"

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


def try_cases(seed: int, strategy: Strategy, size: int) -> Counter[str]:
    """One world of cases, twice: in another order and with other batches it ends the same (P8)."""
    source = random.Random(seed)
    cases = [Case.drawn(f"c{number}", source) for number in range(size)]
    ends = []
    for batch_size, shuffled in ((500, False), (source.choice((1, 7, 100)), True)):
        order = [case.name for case in cases]
        order = source.sample(order, len(order)) if shuffled and strategy is not Strategy.LATEST else order
        trial = Trial(seed, strategy, cases, batch_size)
        trial.perturb(order)
        first, second = trial.plan(), trial.plan()
        assert first.op_ids == second.op_ids, "P7: planned twice, two plans"
        trial.check_honest(first)
        trial.grant()
        trial.check_rest()
        ends.append(signature(trial))
    differing = [name for name in ends[0] if ends[0][name] != ends[1][name]]
    assert not differing, f"P8: {differing[0]} ends as {ends[0][differing[0]]} or {ends[1][differing[0]]}"
    trial.counts["cases"] = size
    return trial.counts


@dataclass
class Figures:
    """What a run of many cases came to."""

    counts: Counter[str]
    seconds: float
    failures: list[str]


def run_cases(cases: int, first_seed: int = 0) -> Figures:
    """Draw, plan and settle this many cases under all strategies in turn, telling how far it is."""
    begun = told = time.monotonic()
    figures = Figures(Counter(), 0.0, [])
    seed = first_seed
    while figures.counts["cases"] < cases and len(figures.failures) < 10:
        strategy = list(Strategy)[seed % len(Strategy)]
        try:
            figures.counts.update(try_cases(seed, strategy, min(TOGETHER, cases)))
        except AssertionError as fault:
            figures.failures.append(f"seed {seed}, strategy {strategy}, {commit()}: {_alone(seed, strategy, fault)}")
            click.echo(figures.failures[-1])
        seed += 1
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            done = figures.counts["cases"]
            click.echo(f"{done}/{cases} cases, {done / (told - begun):.0f}/s", err=True)
    figures.seconds = time.monotonic() - begun
    return figures


def _alone(seed: int, strategy: Strategy, fault: AssertionError) -> str:
    """The failure of the fewest cases that still fail together."""
    for size in (1, 2, 3, 5, 10, 30):
        try:
            try_cases(seed, strategy, size)
        except AssertionError as smaller:
            return f"{smaller} (with {size} cases)"
    return str(fault)


@click.command()
@click.option("--cases", default=CI, show_default=True, help=f"How many; {RELEASE} for a release.")
@click.option("--seed", default=0, show_default=True, help="The first seed; each draws 100 cases.")
def planner(cases: int, seed: int) -> None:
    """Try the planner on random cases; exit code 1 if a property does not hold."""
    figures = run_cases(cases, seed)
    done = figures.counts.pop("cases", 0)
    rate = done / figures.seconds if figures.seconds else 0.0
    found = ", ".join(f"{count} {name}" for name, count in sorted(figures.counts.items()))
    click.echo(
        f"{done} cases, {rate:.0f}/s, {len(figures.failures)} failed, {figures.seconds:.0f} s at {commit()}: {found}"
    )
    raise SystemExit(bool(figures.failures))


if __name__ == "__main__":
    planner()
