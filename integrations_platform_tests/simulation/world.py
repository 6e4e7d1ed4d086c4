"""Two simulated systems, their users, a process that may die, and the checks of P1–P16 against ground truth."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from integrations_platform.unified_sync.calls import CallPolicy
from integrations_platform.unified_sync.engine import Engine, Request
from integrations_platform.unified_sync.port import Kind, Write
from integrations_platform.unified_sync.report import RunReport, RunStatus
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import (
    Direction,
    FieldSpec,
    Guards,
    OnDelete,
    SideName,
    SideSpec,
    Strategy,
    SyncSpec,
    other,
)
from integrations_platform.unified_sync.store import ConflictStatus, LeaseHeld, LinkState, OpState, Role
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.simulation.memory_store import MemoryStore
from integrations_platform_tests.simulation.sides import POISON, Nature, Row, SimulatedSide, healed

EDITABLE = ("name", "street", "city", "tier", "email")
PATIENCE = 3  # runs after quiescence until nothing is written (P2)


class Crash(BaseException):
    """The process dies here; only what was committed survives."""


@dataclass(frozen=True)
class Faults:
    """Rates drawn per run: crash at a boundary, a user stepping in at one."""

    crash: float = 0.0
    user: float = 0.0


def simulated_spec(strategy: Strategy) -> SyncSpec:
    """The sync under test: a key, a plain field, a group, a one-way field."""

    def text(name: str, **more: object) -> FieldSpec:
        kind = FieldType.EMAIL if name == "email" else FieldType.TEXT
        return FieldSpec(name, kind, (name,), (name,), required=False, strategy=strategy, **more)

    return SyncSpec(
        name="sim",
        source=SideSpec("left", "things", modified="m"),
        target=SideSpec("right", "things", modified="m"),
        fields=(
            text("email"),
            text("name"),
            text("street", group="address"),
            text("city", group="address"),
            text("tier", direction=Direction.SOURCE_TO_TARGET),
        ),
        match=("email",),
        strategy=strategy,
        on_delete={"A": OnDelete.ARCHIVE, "B": OnDelete.ARCHIVE},
        guards=Guards(max_deletes=1000, change_floor=10_000),
        batch_size=3,
    )


@dataclass
class Written:
    """A value a user wrote, by its unique token."""

    side: SideName
    record: str
    column: str
    superseded: bool = False


@dataclass
class World:
    """One history. Every choice comes from ``random``; time moves only when something happens."""

    seed: int
    strategy: Strategy
    nature_a: Nature = field(default_factory=Nature)
    nature_b: Nature = field(default_factory=Nature)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.faults = Faults()
        self.tokens = 0
        self.written: dict[str, Written] = {}
        self.touched: dict[tuple[str, str], set[SideName]] = {}  # (link or record, unit) → sides written since agreed
        self.spec = simulated_spec(self.strategy)
        self.store = MemoryStore(self._at)
        self.sides: dict[SideName, SimulatedSide] = {
            "A": SimulatedSide("left", self.nature_a, self.tick, self.random, self._at, "a"),
            "B": SimulatedSide("right", self.nature_b, self.tick, self.random, self._at, "b"),
        }
        for name, side in self.sides.items():
            side.watch = self._watch
            side.written = partial(self._engine_wrote, name)
        self.quiet = True
        self.runs = 0
        self.log: list[str] = []

    # time and interruptions

    def tick(self) -> datetime:
        """Every look at a clock moves it, so that no two moments are the same."""
        self.now += timedelta(milliseconds=7)
        return self.now

    def _at(self, point: str) -> None:
        if self.quiet:
            return
        if self.random.random() < self.faults.user:
            self.user_step()
        if self.random.random() < self.faults.crash and point in CRASH_POINTS:
            raise Crash(point)

    # users

    def token(self, column: str) -> str:
        """A value nobody has written before; its origin is always known."""
        self.tokens += 1
        return f"Tok{self.tokens}@X.org" if column == "email" else f"Tok{self.tokens}"

    def user_step(self) -> None:
        """One action of one user."""
        side: SideName = self.random.choice(("A", "B"))
        live = [row for row in self.sides[side].rows.values() if not row.archived]
        action = self.random.choices(
            ("edit", "create", "delete", "same", "clear", "poison", "decide"), weights=(55, 14, 8, 9, 6, 2, 6)
        )[0]
        if action == "decide":
            self.decide()
            return
        if action == "create" or not live:
            self.create(side)
            return
        row = self.random.choice(live)
        if action == "delete":
            self.delete(side, row)
            return
        column = self.random.choice(EDITABLE)
        if action == "same":
            twin = self.counterpart(side, row)
            value: Value = twin.values[column] if twin is not None else self.token(column)
        elif action == "clear":
            value = None
        elif action == "poison":
            column, value = "name", POISON
        else:
            value = self.token(column)
        self.edit(side, row, column, value)

    def create(self, side: SideName, values: dict[str, Value] | None = None) -> Row:
        """A user makes a record."""
        values = values or {column: self.token(column) for column in EDITABLE}
        row = self.sides[side].insert(values)
        for column, value in values.items():
            self._wrote(side, row, column, value)
        self.log.append(f"{side} creates {row.id}")
        return row

    def edit(self, side: SideName, row: Row, column: str, value: Value) -> None:
        """A user overwrites one field; whatever was on show there is superseded knowingly."""
        self._supersede(row.values.get(column), column)
        row.values[column] = self.sides[side].keep(value)
        self.sides[side].touch(row)
        self._wrote(side, row, column, value)
        self.log.append(f"{side} sets {row.id}.{column} = {value}")

    def delete(self, side: SideName, row: Row) -> None:
        """A user deletes a record, seeing what it shows."""
        for column, value in row.values.items():
            self._supersede(value, column)
        del self.sides[side].rows[row.id]
        self.log.append(f"{side} deletes {row.id}")

    def decide(self) -> None:
        """A person resolves an open conflict, on the values the row shows."""
        rows = [row for row in self.store.conflicts("sim") if row.unit]
        if not rows:
            return
        row = self.random.choice(rows)
        choice = self.random.choice(("A", "B", "base", "value") if row.base else ("A", "B", "value"))
        value = json.dumps({column: self.token(column) for column in UNITS[row.unit]}) if choice == "value" else None
        self.store.decide("sim", row.conflict_id, row.n, choice, value, "clerk", self.tick(), "")
        self.log.append(f"clerk decides {row.conflict_id} {row.unit} of {row.link_id}: {choice} {value}")

    def _watch(self, side: SimulatedSide, row: Row, write: Write) -> None:
        """P21 and P22, at the moment of the write: a parked unit is not touched, nor a value its decider never saw."""
        name: SideName = "A" if side is self.sides["A"] else "B"
        for conflict in self.store.conflicts("sim"):
            if conflict.link_id != write.link_id or write.kind is not Kind.UPDATE:
                continue
            for column in set(UNITS[conflict.unit]) & set(write.values):
                assert conflict.choice is not None, (
                    f"P21: {column} of {write.link_id} is parked and written; {self.log}"
                )
                seen = json.loads((conflict.value_a if name == "A" else conflict.value_b) or "{}").get(column)
                assert row.values[column] == seen, f"P22: {row.values[column]!r} overwritten, {seen!r} was seen"
        if write.kind in (Kind.ARCHIVE, Kind.DELETE):
            twin = self.counterpart(name, row)
            assert twin is None or twin.archived, f"P6: {row.id} removed although {twin.id} is there; {self.log}"

    def _supersede(self, value: Value, column: str) -> None:
        for token, written in self.written.items():
            if written.column == column and isinstance(value, str) and token.lower() == value.lower():
                written.superseded = True

    def _wrote(self, side: SideName, row: Row, column: str, value: Value) -> None:
        if isinstance(value, str) and value not in self.written and value != POISON:
            self.written[value] = Written(side, row.id, column)
        self.touched.setdefault((row.id, unit_of(column)), set()).add(side)

    def _engine_wrote(self, name: SideName, _side: SimulatedSide, row: Row, write: Write) -> None:
        twin = self.counterpart(name, row)
        if twin is not None:
            self._note_agreement(row, twin, {unit_of(column) for column in write.values})

    def _note_agreement(self, row: Row, twin: Row, units: set[str]) -> None:
        """Units on which the sides agree in the engine's own sight: what users wrote before is no longer in dispute.
        An agreement that users reach and leave again between two looks is nobody's to know."""
        for unit in units:
            if all(same(row.values[column], twin.values[column]) for column in UNITS[unit]):
                self.touched.pop((row.id, unit), None)
                self.touched.pop((twin.id, unit), None)

    def counterpart(self, side: SideName, row: Row) -> Row | None:
        """The record on the other side that the engine linked to this one."""
        for link in self.store.memory.links.values():
            mine, theirs = (link.id_a, link.id_b) if side == "A" else (link.id_b, link.id_a)
            if mine == row.id and theirs is not None:
                return self.sides[other(side)].rows.get(theirs)
        return None

    # runs

    def run(self, faults: Faults | None = None, *, dry_run: bool = False) -> RunReport | None:
        """One run of the engine; None if the process died or another one held the lease."""
        self.faults, self.quiet = faults or Faults(), faults is None
        self.runs += 1
        for side in self.sides.values():
            side.applied.clear()
        runtime = Runtime(
            clock=self.tick,
            sleep=self._sleep,
            new_id=lambda: f"run{self.runs}",
            random=self.random,
            holder=f"process{self.runs}",
            lease_seconds=60,
        )
        policies = {"left": CallPolicy(open_after=10_000), "right": CallPolicy(open_after=10_000)}
        engine = Engine(self.store, runtime, {"sim": self.spec}, policies)
        try:
            report = engine.run(self.spec, self.sides, Request(dry_run=dry_run, lift=frozenset({"empty_side"})))
        except Crash as point:
            self.log.append(f"run {self.runs} dies {point}")
            self.now += timedelta(seconds=61)  # until the dead process's lease ends
            return None
        except LeaseHeld:
            self.now += timedelta(seconds=61)
            return None
        finally:
            self.quiet = True
        assert report.status is not RunStatus.FAILED, report.message
        self.log.append(f"run {self.runs} {report.status}")
        for link in self.store.memory.links.values():
            row_a, row_b = self.sides["A"].rows.get(link.id_a or ""), self.sides["B"].rows.get(link.id_b or "")
            if row_a is None or row_b is None:
                continue
            if (str(row_a.version), str(row_b.version)) == (link.version_a, link.version_b):
                self._note_agreement(row_a, row_b, set(UNITS))
        self._check_run(report, faulty=faults is not None)
        return report

    def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    # checks

    def _check_run(self, report: RunReport, *, faulty: bool) -> None:
        assert all(rest == 0 for rest in report.unaccounted().values()), f"P11: {report.to_data()}"
        for side in self.sides.values():
            links = [link_id for link_id, _ in side.applied]
            limit = 2 if report.plan is not None and report.plan.two_sided else 1
            assert all(links.count(link) <= limit for link in links), f"P16: {side.name} written twice: {links}"
        self._check_conflicts(report.run_id)
        self.check_always()

    def _check_conflicts(self, run_id: str) -> None:
        """P9: a conflict is reported only if users wrote the unit on both sides since the sides last agreed."""
        for row in self.store.memory.conflicts.values():
            if row.opened_run != run_id or row.kind != "field" or row.status is not ConflictStatus.OPEN:
                continue
            link = self.store.memory.links[row.link_id]
            row_a, row_b = self.sides["A"].rows.get(link.id_a or ""), self.sides["B"].rows.get(link.id_b or "")
            if row_a is None or row_b is None:
                continue
            if all(same(row_a.values[column], row_b.values[column]) for column in UNITS[row.unit]):
                continue  # a user made them agree while the run went on
            sides = self.touched.get((row_a.id, row.unit), set()) | self.touched.get((row_b.id, row.unit), set())
            assert sides == {"A", "B"}, (
                f"P9: {row.unit} of {row.link_id} is no conflict, only {sides} wrote; {self.log}"
            )

    def check_always(self) -> None:
        """What must hold at every moment."""
        for side in self.sides.values():
            for link_id, creates in side.created.items():
                live = [row for row in side.rows.values() if row.link_id == link_id and not row.archived]
                assert len(live) <= 1, f"P10: {link_id} is live {len(live)} times on {side.name}, created {creates}"
        for link in self.store.memory.links.values():
            for side, record_id, text in (
                ("A", link.id_a, link.values_a),
                ("B", link.id_b, link.values_b or link.values_a),
            ):
                if text is None or record_id is None or link.state is not LinkState.ACTIVE:
                    continue
                for column, value in json.loads(text).items():
                    shown = self.sides[side].shown
                    assert any(value in values for (_, name), values in shown.items() if name == column), (
                        f"P12: the base of {link.link_id}.{column} on {side} is {value!r}, which was never shown"
                    )

    def settle(self) -> None:
        """Users and faults stop; the sync comes to rest within its patience, and everything is accounted for."""
        for name, side in self.sides.items():
            self.sides[name].nature = healed(side.nature)
        self.now += timedelta(seconds=61)
        self._check_dry_run()
        for attempt in range(PATIENCE + 1):
            before = self._writes()
            report = self.run()
            assert report is not None
            if self._writes() == before:
                break
            assert attempt < PATIENCE, f"P2: still writing after {PATIENCE} runs: {self.log[-20:]}"
        self._check_settled()

    def _check_dry_run(self) -> None:
        """P7: a dry run changes nothing, and names exactly the operations that the run then carries out."""
        if [row for row in self.store.memory.intents.values() if row.state is OpState.SENT]:
            return  # recovery comes first, and a dry run does not recover
        before = repr(self.store.memory)
        dry = self.run(dry_run=True)
        assert repr(self.store.memory) == before, "P7: a dry run changed the state"
        wet = self.run()
        assert dry is not None
        assert wet is not None
        assert dry.plan is not None
        assert wet.plan is not None
        assert dry.plan.op_ids == wet.plan.op_ids, f"P7: {dry.plan.op_ids} planned, {wet.plan.op_ids} run"

    def _writes(self) -> int:
        return sum(side.write_calls for side in self.sides.values())

    def _check_settled(self) -> None:
        essence, before = self.store.memory.essence(), self._writes()
        again = self.run()
        assert again is not None
        assert self._writes() == before, "P1: a settled sync wrote again"
        assert self.store.memory.essence() == essence, "P1: a settled run changed what is remembered"
        assert not [row for row in self.store.memory.intents.values() if row.state is OpState.SENT], "P11: open intents"
        self._check_agreement()
        self._check_losses()
        self._check_records()
        self.check_always()

    def _check_agreement(self) -> None:
        parked = {
            (row.link_id, row.unit) for row in self.store.memory.conflicts.values() if row.status is ConflictStatus.OPEN
        }
        held = {row.subject for row in self.store.quarantined("sim")}
        for link in self.store.memory.links.values():
            if link.state is not LinkState.ACTIVE or (link.link_id, "") in parked:
                continue
            row_a, row_b = self.sides["A"].rows.get(link.id_a or ""), self.sides["B"].rows.get(link.id_b or "")
            if row_a is None or row_b is None:
                if {f"{link.link_id}:A", f"{link.link_id}:B"} & held:
                    continue  # bringing it back was refused, and somebody knows
                raise AssertionError(f"P2: active link {link.link_id} lacks a record")
            for unit, columns in UNITS.items():
                if (link.link_id, unit) in parked or {f"{link.link_id}:A", f"{link.link_id}:B"} & held:
                    continue
                for column in columns:
                    value_a, value_b = row_a.values[column], row_b.values[column]
                    assert same(value_a, value_b), (
                        f"P2/P13: {link.link_id}.{column} is {value_a!r} and {value_b!r}; {self.log}"
                    )

    def _check_losses(self) -> None:
        """P3: a user's value is on its side in its exact spelling, was superseded by a user, or is in the audit."""
        lost = set()
        for line in self.store.memory.audit:
            if line.entry.role in (Role.LOSER, Role.DELETED) and line.entry.lost is not None:
                lost |= {value for value in json.loads(line.entry.lost).values() if isinstance(value, str)}
        lost_lower = {value.lower() for value in lost}
        for token, written in self.written.items():
            side = self.sides[written.side]
            kept = side.keep(token)
            row = side.rows.get(written.record)
            on_show = row is not None and row.values.get(written.column) == kept
            elsewhere = any(
                r.values.get(written.column) == kept and r.link_id is not None and row is None
                for r in side.rows.values()
            )
            recorded = kept in lost if not side.nature.lower_cases else str(kept).lower() in lost_lower
            propagated_then_gone = written.superseded
            assert on_show or elsewhere or recorded or propagated_then_gone, (
                f"P3: {token} written on {written.side} in {written.record}.{written.column} is lost; {self.log}"
            )

    def _check_records(self) -> None:
        """P10 and P2 for existence: every live record is linked one to one, waiting, or deliberately left alone."""
        waiting = {row.subject for row in self.store.quarantined("sim")}
        linked: dict[SideName, set[str]] = {"A": set(), "B": set()}
        for link in self.store.memory.links.values():
            for side, record_id in (("A", link.id_a), ("B", link.id_b)):
                if record_id is not None:
                    linked[side].add(record_id)
        for name, side in self.sides.items():
            for row in side.rows.values():
                if row.archived or row.id in linked[name]:
                    continue
                held = f"{name}:{row.id}" in waiting or any(
                    subject.startswith(f"{name}:{row.id}:") for subject in waiting
                )
                assert held, f"P9: {row.id} on {name} was never synced; {self.log}"


UNITS: dict[str, tuple[str, ...]] = {
    "email": ("email",),
    "name": ("name",),
    "address": ("street", "city"),
    "tier": ("tier",),
}
CRASH_POINTS = ("before write", "after write", "before commit", "after commit")


def unit_of(column: str) -> str:
    """The merge unit a column belongs to."""
    return next(unit for unit, columns in UNITS.items() if column in columns)


def same(left: Value, right: Value) -> bool:
    """Agreement in a world where one side may keep lower case only."""
    return left == right or str(left or "").lower() == str(right or "").lower()
