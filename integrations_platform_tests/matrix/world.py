"""Two real systems, their users, the people who decide, and a process that may die: one history in the making.

Every choice comes from one seeded generator and time moves only when something happens. What must hold is in
:mod:`.checks`, what really happened in :mod:`.truth`.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from integrations_platform.unified_sync.calls import CallPolicy
from integrations_platform.unified_sync.engine import Engine, Request
from integrations_platform.unified_sync.forms import bound_columns
from integrations_platform.unified_sync.port import Side, Write
from integrations_platform.unified_sync.report import RunReport, RunStatus
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import (
    SIDES,
    FieldSpec,
    Guards,
    SideName,
    Strategy,
    SyncSpec,
    other,
)
from integrations_platform.unified_sync.store import DecisionRefused, LinkState
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.matrix import checks
from integrations_platform_tests.matrix.stage import Crash, Process, Stage, Watched
from integrations_platform_tests.matrix.systems import FIELDS, PAIR, Cannot, Seen, System, Told
from integrations_platform_tests.matrix.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 3  # runs after quiescence until nothing is written (P2)
LEASE = 60.0
CRASH_POINTS = ("before write", "after write", "before commit", "after commit", "before tags", "after tags")
MOVING = "was edited while it was about to be linked"  # by a tab: nothing is written, the next run does it
STEPS = ("new", "new", "new", "create", "clear", "same", "remove", "merge", "shuffle")


@dataclass(frozen=True)
class Rates:
    """How often, at each point of a run, the process dies and a user steps in; how often each side fails in a run."""

    crash: float = 0.0
    user: float = 0.0
    fault: float = 0.0


def declared(source: System, target: System, strategy: Strategy, batch: int) -> SyncSpec:
    """The sync of all pairs."""
    fields = tuple(
        FieldSpec(name, kind, (source.columns[name],), (target.columns[name],), required=False, strategy=strategy,
                  scale=2 if kind is FieldType.DECIMAL else None)
        for name, kind in FIELDS.items()
    )  # fmt: skip
    return SyncSpec(
        name=PAIR, source=source.spec(), target=target.spec(), fields=fields, match=("email",), strategy=strategy,
        guards=Guards(max_deletes=1000, change_floor=10_000), batch_size=batch,
    )  # fmt: skip


class World:
    """One history. Use as a context manager: its connections end with it."""

    def __init__(self, stage: Stage, pair: tuple[str, str], seed: int, strategy: Strategy) -> None:
        self.stage, self.pair, self.seed, self.strategy = stage, pair, seed, strategy
        self.moment, self.random = stage.moment, random.Random(f"{pair} {seed}")
        self.moment.restart()
        self.systems: dict[SideName, System] = {"A": stage.systems[pair[0]], "B": stage.systems[pair[1]]}
        for name, system in self.systems.items():
            system.before = partial(self._called, name)
            system.reset(self.random)
        self.spec = declared(*self.systems.values(), strategy, self.random.choice((1, 3, 100)))
        self.store = stage.store()
        self.truth = Truth()
        self.sides: dict[SideName, Watched] = {}
        self.process: Process | None = None
        self.rates, self.runs = Rates(), 0
        self.window: SideName | None = None
        self.fault: BaseException | None = None  # of a step taken in the thread of a stand-in
        self.counts: Counter[str] = Counter()
        self.log: list[str] = []

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        for system in self.systems.values():
            system.before = None
        self.die()
        self.store.close()

    def people(self) -> dict[SideName, dict[str, Seen]]:
        """What users of both systems see."""
        return {name: system.people() for name, system in self.systems.items()}

    # Interruptions

    def _called(self, name: SideName, operation: str) -> None:
        """A call has arrived at a stand-in, in its own thread."""
        too_late = operation == self.systems[name].window
        if self.random.random() >= (self.rates.user if too_late else self.rates.user / 4):
            return
        self.window = name if too_late else None
        try:
            if too_late and self.random.random() < 0.5:
                self.act("shuffle", name)
            else:
                self.step()
        except BaseException as fault:  # whatever it is ends the history, in the history's own thread
            self.fault = self.fault or fault
        finally:
            self.window = None

    def at(self, name: SideName, point: str, writes: Sequence[Write]) -> None:
        """The engine has come to a point of a call to a side."""
        if point == "before write":
            checks.check_writes(self, name, writes)
        if self.random.random() < self.rates.user:
            if point == "before write" and self.random.random() < 0.5:
                self.cross(name, self.random.choice(writes))
            else:
                self.step()
        self._dies_at(f"{point} on {name}", point)
        self.systems[name].reached(point)

    def _dies_at(self, where: str, point: str) -> None:
        if point in CRASH_POINTS and self.process is not None and self.random.random() < self.rates.crash:
            self.process.dead = True
            self.counts["deaths"] += 1
            self.log.append(f"  the process dies {where}")
            raise Crash(where)

    # Users

    def step(self) -> None:
        """One action of one user in the middle of a run."""
        self.counts["steps inside runs"] += 1
        self.act(self.random.choice(STEPS), self.random.choice(SIDES))

    def cross(self, name: SideName, write: Write) -> None:
        """A user edits the very field that is about to be written, if it is one of a record that is there."""
        record = checks.by_id(self.people()[name]).get(write.id or "")
        fields = [field for field, column in self.systems[name].columns.items() if column in write.values]
        if record is not None and fields:
            self.counts["steps inside runs"] += 1
            field = self.random.choice(fields)
            with suppress(Cannot):
                self.edit(name, record, field, self.truth.token(field))

    def act(self, what: str, name: SideName) -> None:
        """One action of a user on a record drawn at random; nothing where the system does not let them."""
        system, people = self.systems[name], self.people()[name]
        with suppress(Cannot):
            if what == "shuffle":
                self.log.append(f"{name} {system.shuffle(self.random)}")
            elif what == "restore":
                self.restore(name)
            elif what == "create" or not people:
                self.create(name)
            elif what == "remove":
                self.remove(name, people[self.random.choice(sorted(people))])
            elif what == "merge":
                self.merge(name, people)
            else:
                self.edit_somehow(name, people[self.random.choice(sorted(people))], what)

    def create(self, name: SideName, values: Told | None = None) -> str:
        """A user makes a record, some of whose fields they leave empty."""
        given: dict[str, str | None] = dict(values or {})
        if values is None:
            skipped = {field for field in ("phone", "city", "amount") if self.random.random() < 0.2}
            given = {field: self.truth.token(field) for field in FIELDS if field not in skipped}
        uid = self.systems[name].create(given)
        self.log.append(f"{name} creates {uid}: {given}")
        for field, text in given.items():
            self.truth.wrote((name, uid), field, text, self.runs)
        return uid

    def edit_somehow(self, name: SideName, record: Seen, how: str) -> None:
        """A new value, none, or the one somebody on the other side shows."""
        field = self.random.choice(sorted(FIELDS))
        text: str | None = None
        if how == "new":
            text = self.truth.token(field)
        elif how == "same":
            shown = {one.values[field] for one in self.people()[other(name)].values()} - {None}
            mine = {one.values[field] for one in self.people()[name].values()}
            unused = sorted(str(each) for each in shown - mine)
            if not unused:
                return
            text = self.random.choice(unused)
            self.truth.shared.add(text.lower())
        self.edit(name, record, field, text)

    def edit(self, name: SideName, record: Seen, field: str, text: str | None) -> None:
        """A user overwrites a field; what was on show there is superseded knowingly."""
        self.systems[name].edit(record.uid, field, text)
        place = (name, record.uid)
        self.truth.supersede(record.values[field])
        self.truth.wrote(place, field, text, self.runs)
        if self.window == name:
            self.counts["exposed"] += 1
            self.truth.exposed.add(place)
        where = "  in the window: " if self.window == name else ""
        self.log.append(f"{where}{name} sets {field} of {record.uid} to {text}")

    def remove(self, name: SideName, record: Seen) -> None:
        """A user deletes a record, seeing what it shows."""
        self.systems[name].remove(record.uid)
        self.truth.left((name, record.uid), record.values, self.runs)
        self.log.append(f"{name} removes {record.uid}")

    def restore(self, name: SideName) -> None:
        """A user brings a record back; what it says then is the user's word, and others may say it too."""
        gone = self.systems[name].removed()
        if not gone:
            return
        uid = self.random.choice(gone)
        self.systems[name].restore(uid)
        for field, text in self.people()[name][uid].values.items():
            self.truth.touched.add(((name, uid), field))
            self.truth.shared |= {text.lower()} if text is not None else set()
        self.log.append(f"{name} restores {uid}")

    def merge(self, name: SideName, people: dict[str, Seen]) -> None:
        """A user merges two records, seeing both."""
        if len(people) < 2:
            return
        survivor, loser = (people[uid] for uid in self.random.sample(sorted(people), 2))
        uid = self.systems[name].merge(survivor.uid, loser.uid)
        self.counts["merges"] += 1
        self.truth.left((name, loser.uid), loser.values, self.runs)
        for written in self.truth.written.values():
            if written.place in ((name, survivor.uid), (name, loser.uid)):
                written.place = (name, uid)
        for field in FIELDS:
            self.truth.touched.add(((name, uid), field))
            texts = (survivor.values[field], loser.values[field])
            self.truth.shared |= {text.lower() for text in texts if text is not None}
        self.log.append(f"{name} merges {loser.uid} into {survivor.uid}, which is {uid} then")

    # People

    def decide(self) -> None:
        """A person resolves an open conflict, on the values the row shows."""
        rows = [row for row in self.store.conflicts(PAIR) if row.unit or row.kind == "merge"]
        if not rows:
            return
        rows.sort(key=lambda row: (row.unit, row.value_a or "", row.value_b or "", row.conflict_id))
        row = self.random.choice(rows)
        choice = self.random.choice(("A", "B", *(("value", *(["base"] * bool(row.base))) if row.unit else ())))
        value = json.dumps({row.unit: self.truth.token(row.unit)}) if choice == "value" else None
        with suppress(DecisionRefused):
            self.store.decide(PAIR, row.conflict_id, row.n, choice, value, "clerk", self.moment.now(), "")
        self.log.append(f"clerk decides {row.kind} {row.unit} of {row.link_id}: {choice} {value}")

    def release(self) -> None:
        """A person asks for another try of everything in quarantine."""
        subjects = [row.subject for row in self.store.quarantined(PAIR)]
        if not subjects:
            return
        self.store.release_quarantined(PAIR, subjects, "clerk", self.moment.now())
        self.log.append(f"clerk releases {subjects}")

    def forget(self) -> None:
        """At a moment of rest the whole state is lost; the next run begins with what the records carry (P29)."""
        with self.undisturbed():
            for _ in range(PATIENCE):
                if not self.run(Rates()):
                    break
            known = checks.recognisable(self)
            self.truth.past_losses |= checks.audited_losses(self)
            for name, people in self.people().items():
                self.truth.doubt((name, uid) for uid in people)
                for record in people.values():
                    if (name, record.uid) not in known:
                        self.truth.shared |= {text.lower() for text in record.values.values() if text is not None}
            before = self.people()
            self.die()
            self.store.close()
            self.store = self.stage.store()
            self.log.append("the state is lost")
            self.counts["states lost"] += 1
            self.run(Rates())
            checks.check_rebuilt(self, known, before)

    # Runs

    def die(self) -> None:
        """The process ends; the next one opens everything anew."""
        for side in self.sides.values():
            side.close()
        self.sides = {}

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """No faults and nobody about."""
        for system in self.systems.values():
            system.calm()
        self.moment.wait(2 * LEASE)
        yield

    def strike(self, name: SideName) -> None:
        """Let a fault wait on one side."""
        self.log.append(f"{name} will fail: {self.systems[name].strike(self.random)}")

    def opened(self) -> dict[SideName, Watched]:
        """Both sides, as this process has them."""
        if not self.sides:
            for name, system in self.systems.items():
                side = system.open(list(bound_columns(self.spec, name)), name)
                self.sides[name] = Watched(side, partial(self.at, name))
        return self.sides

    def run(self, rates: Rates, *, dry_run: bool = False) -> bool:
        """One run, checked; whether anything was written, or might have been."""
        self.runs += 1
        self.counts["dry runs" if dry_run else "runs"] += 1
        struck = sum(system.struck for system in self.systems.values())
        store = Process(self.store, lambda point: self._dies_at(point, point))
        runtime = Runtime(
            clock=self.moment.now, sleep=self.moment.wait, new_id=lambda number=self.runs: f"run{number}",
            random=self.random, holder=f"process{self.runs}", lease_seconds=LEASE,
        )  # fmt: skip
        policy = CallPolicy(open_after=10_000)
        engine = Engine(cast("Any", store), runtime, {PAIR: self.spec}, dict.fromkeys(self.pair, policy))
        before = self.witnessed()
        self.log.append(f"run {self.runs} begins")
        for name in SIDES:
            if self.random.random() < rates.fault:
                self.strike(name)
        self.process, self.rates = store, rates
        report: RunReport | None = None
        try:
            sides = cast("dict[SideName, Side]", self.opened())
            report = engine.run(self.spec, sides, Request(dry_run=dry_run, lift=frozenset({"empty_side"})))
        except Crash:
            self.moment.wait(LEASE + 1)
            self.die()
        finally:
            self.process, self.rates = None, Rates()
        if self.fault is not None:
            raise self.fault
        hit = sum(system.struck for system in self.systems.values()) - struck
        self.counts["faults"] += hit
        if report is not None:
            self.log.append(f"run {self.runs} {report.status} {report.message}".rstrip())
            self._checked(report, hit, disturbed=rates != Rates() or hit > 0)
        if dry_run:
            assert self.witnessed() == before, "P7: a dry run wrote"
        return report is None or self.witnessed() != before

    def _checked(self, report: RunReport, hit: int, *, disturbed: bool) -> None:
        if report.status is RunStatus.FAILED:
            put_off = disturbed and MOVING in report.message
            assert hit or put_off, f"P5: run {self.runs} failed without a fault: {report.message}"
            self.counts["put off by a row that moved"] += put_off
            self.counts["failed runs"] += 1
        elif not report.dry_run:
            checks.check_run(self, report)
            self._note_agreements()
        assert disturbed or report.status in (RunStatus.SUCCEEDED, RunStatus.PARTIAL), report.message

    def _note_agreements(self) -> None:
        for link, first, second in checks.pairs(self):
            if link.state is LinkState.ACTIVE:
                for field in checks.agreed(self, link.link_id, first, second):
                    self.truth.agree(("A", first.uid), ("B", second.uid), field)

    def told(self) -> list[str]:
        """The end of it: what users see, links, and what waits for a person."""
        lines = [f"{name} {one.uid} [{one.id}] {dict(one.values)}" for name, seen in self.people().items()
                 for one in seen.values()]  # fmt: skip
        lines += [f"{link.link_id}: {link.id_a} and {link.id_b}, {link.state}" for link in checks.links(self)]
        lines += [f"held {row.subject}: {row.reason} {row.message}" for row in self.store.quarantined(PAIR)]
        lines += [f"open {row.kind} {row.unit} of {row.link_id}" for row in self.store.conflicts(PAIR)]
        return lines

    def witnessed(self) -> tuple[object, ...]:
        """What is the same as long as nobody writes: the engine's calls, and what both systems say of it."""
        made = [len(self.sides[name].calls) if name in self.sides else 0 for name in SIDES]
        return (*made, *(system.writes() for system in self.systems.values()))

    def settle(self) -> None:
        """Users and faults stop; the sync comes to rest within its patience, and everything is accounted for."""
        with self.undisturbed():
            self.log.append("everything comes to rest")
            for attempt in range(PATIENCE + 1):
                if not self.run(Rates()):
                    break
                assert attempt < PATIENCE, f"P2: still writing after {PATIENCE} runs"
            checks.check_settled(self)
