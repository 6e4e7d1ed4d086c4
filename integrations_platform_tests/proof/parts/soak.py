"""A month of users, outages, storms, expired tokens and changing schemas, a run every quarter of an hour; and what a
process that runs that often keeps in memory."""

from __future__ import annotations

import gc
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from integrations_platform.state import open_store
from integrations_platform.unified_sync.port import ErrorKind, Problem, SideError
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.spec import SIDES, SideName, Strategy
from integrations_platform.unified_sync.store import OpState
from integrations_platform_tests.end_to_end.arrange import Base, add_people, people_world
from integrations_platform_tests.end_to_end.arrange import World as RealWorld
from integrations_platform_tests.proof.part import Part, Shown
from integrations_platform_tests.proof.trials import try_seeds
from integrations_platform_tests.simulation.sides import Nature, SimulatedSide
from integrations_platform_tests.simulation.world import Faults, World

QUARTERS = 96  # runs in a day
FEWEST, MOST = 15, 40  # live records of a side between which users keep it
TROUBLE = Faults(crash=0.002, user=0.02, second=0.001)


class StormySide(SimulatedSide):
    """A simulated system that is also told to refuse its callers: too many requests, or a token that has expired."""

    expired = False

    def check(self) -> Sequence[Problem]:
        """Whoever cannot be reached cannot be asked that either."""
        self._reachable()
        return super().check()

    def _reachable(self) -> None:
        if self.expired:
            self.failures += 1
            raise SideError(ErrorKind.CONFIGURATION, f"{self.name}: the token has expired")
        super()._reachable()


class Month(World):
    """A world in which time is measured in days."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, side in self.sides.items():
            stormy = StormySide(side.name, side.nature, side.now, side.random, side.at, side.prefix)
            stormy.watch, stormy.written = side.watch, side.written
            self.sides[name] = stormy
        self.breaker_after = 5
        self.natures = {name: side.nature for name, side in self.sides.items()}
        self.until: dict[str, int] = {}  # quarter in which a token is renewed or a column comes back
        self.quarter = 0

    def user_step(self) -> None:
        """As ever, except that the number of records stays about the same."""
        side: SideName = self.random.choice(SIDES)
        live = [row for row in self.sides[side].rows.values() if not row.archived]
        if len(live) < FEWEST:
            self.create(side)
        elif len(live) > MOST:
            self.delete(side, self.random.choice(live))
        else:
            super().user_step()

    def trouble(self) -> None:
        """What befalls one of the systems now and then."""
        name = self.random.choice(SIDES)
        side, chance = self.sides[name], self.random.random()
        if chance < 0.01:
            side.outage = self.random.randint(1, 40)
            self.counts["outages and storms of 429"] += 1
        elif chance < 0.014 and isinstance(side, StormySide):
            side.expired = True
            self.until[f"{name} token"] = self.quarter + self.random.randint(1, 12)
            self.counts["expired tokens"] += 1
        elif chance < 0.018:
            self.hide(name, self.random.choice(("name", "city", "tier")))
            self.until[f"{name} columns"] = self.quarter + self.random.randint(1, 24)
            self.counts["columns gone for hours"] += 1
        for what, when in list(self.until.items()):
            if when <= self.quarter:
                self._mend(what)

    def _mend(self, what: str) -> None:
        side = self.sides[what[0]]  # type: ignore[index]
        self.until.pop(what, None)
        if what.endswith("token") and isinstance(side, StormySide):
            side.expired = False
        else:
            side.hidden.clear()

    def live_a_quarter(self) -> None:
        """Fifteen minutes: users, perhaps trouble, one run."""
        self.quarter += 1
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 5))):
            self.wait(self.random.uniform(1, 200))
            self.user_step()
        self.trouble()
        begin = self.now
        self.run(TROUBLE)
        self.now = max(self.now, begin + timedelta(minutes=5))
        self.log.clear()  # nobody reads a month's log; a violation names its seed

    def come_to_rest(self) -> None:
        """Midnight: users and troubles pause, every promise is checked, and nothing may be left under way."""
        for what in list(self.until):
            self._mend(what)
        for side in self.sides.values():
            side.outage = 0
        self.settle()
        for name, side in self.sides.items():
            side.nature = self.natures[name]
        sent = [row for row in self.store.memory.intents.values() if row.state is OpState.SENT]
        assert not sent, f"P11: {len(sent)} intents are still open at midnight"
        self.counts["nights at rest"] += 1


def month(seed: int, days: int = 30) -> Counter[str]:
    """So many days, each ending at rest."""
    drawn = random.Random(f"soak {seed}")
    natures = [
        Nature(lost=0.01, lies=0.005, missing=0.001, lower_cases=drawn.random() < 0.3, history=drawn.random() < 0.5)
        for _ in SIDES
    ]
    world = Month(seed, list(Strategy)[seed % 4], *natures)
    for _ in range(FEWEST):
        world.create(drawn.choice(SIDES))
    open_conflicts = []
    for _ in range(days):
        for _ in range(QUARTERS):
            world.live_a_quarter()
        world.come_to_rest()
        open_conflicts.append(len(world.store.conflicts("sim")))
    counts = Counter({name: world.counts[name] for name in TOLD})
    records = sum(1 for side in world.sides.values() for row in side.rows.values() if not row.archived)
    assert max(open_conflicts) <= 4 * records, f"P25: {max(open_conflicts)} conflicts open for {records} records"
    counts["conflicts ever"] = len(world.store.memory.conflicts)
    counts["conflicts open, most on any night"] = max(open_conflicts)
    counts["conflicts open on the last night"] = open_conflicts[-1]
    counts["days"] = days
    return counts


TOLD = (
    "runs", "crashes", "second workers", "outages and storms of 429", "expired tokens", "columns gone for hours",
    "nights at rest", "breakers open", "create written", "update written", "archive written",
)  # fmt: skip


def one_day(seed: int) -> Counter[str]:
    """The shortest form."""
    return month(seed, days=1)


def _run(size: int, processes: int) -> Shown:
    """``size`` days: months for as many strategies as it has months, else single days."""
    whole = size >= 30
    found = try_seeds(month if whole else one_day, max(1, size // 30) if whole else size, processes)
    counts = found.counts
    return Shown(
        f"0–{max(0, found.done - 1)}, {'30 days' if whole else 'a day'} each",
        f"{counts['days']:,} simulated days, {counts['runs']:,} runs, {counts['outages and storms of 429']:,} "
        f"outages and 429 storms, {counts['expired tokens']:,} expired tokens, {counts['columns gone for hours']:,} "
        f"columns gone for hours, {counts['crashes']:,} deaths: {counts['violations']} histories with a violation; "
        f"all checks on {counts['nights at rest']:,} nights, 0 intents open on any; {counts['conflicts ever']:,} "
        f"conflicts, open on the last nights {counts['conflicts open on the last night']:,}",
        counts,
        tuple(found.violations),
    )


SOAK = Part(
    "soak",
    "Soak",
    "30 simulated days with user load, 429 storms, token expiry, schema drift: 0 violations",
    "simulated days",
    {"quick": 1, "short": 6, "nightly": 120},
    _run,
)

# Memory

PEOPLE = 200
FLAT = 8.0  # megabytes the second half may add: what an allocator keeps moves by a few


def resident() -> float:
    """Megabytes of this process in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _quarter(world: RealWorld, drawn: random.Random, number: int) -> None:
    """What users of two tables do between two runs."""
    for parity, base in enumerate((world.a, world.b)):  # each its own people: what is in dispute is told below
        for person in drawn.sample(range(parity, PEOPLE, 2), 3):
            name, email = f"N{drawn.random()}", f"p{person}@example.org"
            base.run("UPDATE person SET name = :name WHERE email = :email", name=name, email=email)
    contested = f"p{number % 20}@example.org"
    if number % 10 == 0:
        for base in (world.a, world.b):
            base.run("UPDATE person SET balance = :v WHERE email = :e", v=str(drawn.randint(1, 999)), e=contested)
    if number % 10 == 5:  # somebody makes both sides agree again
        for base in (world.a, world.b):
            told = f"p{(number - 5) % 20}@example.org"
            base.run("UPDATE person SET balance = '1.00', name = 'Agreed' WHERE email = :e", e=told)
    add_people(world.a, [(f"q{number}@example.org", "Newcomer", None)])
    world.a.run("DELETE FROM person WHERE email = :e", e=f"q{number - 3}@example.org")


def _run_memory(size: int, _processes: int) -> Shown:
    drawn, violations = random.Random(f"memory {size}"), []
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        bases = [Base.at("sqlite", f"sqlite:///{folder / f'{side}.sqlite'}") for side in "ab"]
        world = people_world(folder, *bases, count=PEOPLE)
        marks, conflicts, begun = {}, [], time.monotonic()
        warm = max(1, size // 10)
        for number in range(size):
            _quarter(world, drawn, number)
            report = world.run()
            if report.status not in (RunStatus.SUCCEEDED, RunStatus.PARTIAL):
                violations.append(f"run {number}: {report.status} {report.message}")
            conflicts.append(report.open_conflicts)
            if number in (warm, size // 2, size - 1):
                marks[number] = resident()
        seconds = time.monotonic() - begun
        store = open_store(world.state_url)
        try:
            intents = len(store.open_intents("people"))
        finally:
            store.close()
    start, middle, end = (marks[number] for number in (warm, size // 2, size - 1))
    if end - middle > FLAT:
        violations.append(f"memory: {start:.0f}, {middle:.0f}, {end:.0f} MB at start, middle and end")
    if intents:
        violations.append(f"P11: {intents} intents are open after the last run")
    most, last = max(conflicts[: size // 2], default=0), max(conflicts[size // 2 :], default=0)
    if last > 2 * most + 5:
        violations.append(f"conflicts: at most {most} open in the first half, {last} in the second")
    return Shown(
        f"{size}",
        f"{size:,} runs in one process between SQLite files, {PEOPLE} people, users at work: {start:.0f} MB at the "
        f"start, {middle:.0f} in the middle, {end:.0f} at the end; {intents} intents open at the end, conflicts "
        f"open at most {most} in the first half and {last} in the second; {seconds / size:.2f} s a run",
        {"runs": size, "MB at start": start, "MB in the middle": middle, "MB at the end": end},
        tuple(violations),
    )


MEMORY = Part(
    "soak-memory",
    "Soak",
    "flat memory, no growth of intents and conflicts",
    "runs",
    {"quick": 5, "short": 150, "nightly": 2_880},
    _run_memory,
)
