"""A history as data: what kind of systems, and what happens in which order. Drawn from a seed, replayed exactly.

Every event carries its own seed, so that leaving one out changes nothing inside the others; that is what makes a
failure shrink. The text of a history is Python, to be pasted into a regression test.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace

from integrations_platform.unified_sync import classify
from integrations_platform.unified_sync.spec import SideName, Strategy, other
from integrations_platform_tests.simulation import checks, people, referring
from integrations_platform_tests.simulation.declared import COARSE, EDITABLE, FINE, REFERRING, TYPED, Declared
from integrations_platform_tests.simulation.sides import Nature
from integrations_platform_tests.simulation.world import Faults, World

PROFILES = ("calm", "rough", "hostile")
USERS = ("new", "create", "delete", "same", "clear", "poison", "merge")  # what a user does on one side
MIRRORED = {Strategy.SOURCE_WINS: Strategy.TARGET_WINS, Strategy.TARGET_WINS: Strategy.SOURCE_WINS}


@dataclass(frozen=True, repr=False)
class Event:
    """One thing that happens. ``what``: an action of a user on ``side``, or one of ``run``, ``wait``, ``decide``,
    ``release``, ``restore``, ``look`` (dry runs), ``forget`` (the state is lost), ``outage``, ``hide``."""

    what: str
    side: SideName = "A"
    seed: int = 0

    def __repr__(self) -> str:
        return f'Event("{self.what}", "{self.side}", {self.seed})'


@dataclass(frozen=True, repr=False)
class History:
    """One history. ``shared``: the two first records are of the same person. ``typed``: records have a field of every
    type. ``invoices``: ``"required"`` or ``"optional"``, how a second object refers to the first; empty: there is none.
    ``seed`` draws what is none of these."""

    seed: int
    strategy: Strategy
    left: Nature = field(default_factory=Nature)
    right: Nature = field(default_factory=Nature)
    faults: Faults = field(default_factory=Faults)
    events: tuple[Event, ...] = ()
    shared: bool = False
    breaker_after: int = 10_000
    typed: bool = False
    invoices: str = ""

    def __repr__(self) -> str:
        parts = [f"{self.seed}", f"Strategy.{self.strategy.name}"]
        systems = {name: getattr(self, name) for name in ("left", "right", "faults")}
        parts += [f"{name}={_short(item)}" for name, item in systems.items() if item != type(item)()]
        parts += [f"{name}=True" for name in ("shared", "typed") if getattr(self, name)]
        parts += [f'invoices="{self.invoices}"'] * bool(self.invoices)
        parts += [f"breaker_after={self.breaker_after}"] * (self.breaker_after != 10_000)
        events = "".join(f"        {event!r},\n" for event in self.events)
        return f"History(\n    {', '.join(parts)},\n    events=(\n{events}    ),\n)"


def _short(item: object) -> str:
    fresh = type(item)()
    given = [
        f"{entry.name}={getattr(item, entry.name)!r}"
        for entry in fields(item)  # type: ignore[arg-type]
        if getattr(item, entry.name) != getattr(fresh, entry.name)
    ]
    return f"{type(item).__name__}({', '.join(given)})"


def draw(seed: int, strategy: Strategy, profile: str, length: int = 12) -> History:
    """The history number ``seed`` of a fault profile: the same users and systems for every strategy."""
    drawn = random.Random(f"{profile} {seed}")
    rough, hostile = profile != "calm", profile == "hostile"
    faults = Faults(
        crash=drawn.choice((0.0, 0.03, 0.12)) if rough else 0.0,
        user=drawn.choice((0.0, 0.1, 0.3)) if rough else 0.0,
        second=drawn.choice((0.0, 0.02, 0.08)) if rough else 0.0,
    )
    weights = {
        "new": 24, "create": 7, "delete": 5, "same": 4, "clear": 3, "poison": 1, "scope": 2 * rough, "decide": 5,
        "merge": 3, "run": 24, "wait": 4, "release": 1, "restore": 2, "look": 2, "hide": 2 * rough,
        "outage": 2 * hostile, "forget": hostile,
    }  # fmt: skip
    kinds = drawn.choices(list(weights), [int(weight) for weight in weights.values()], k=length)
    events = tuple(Event(kind, drawn.choice(("A", "B")), drawn.getrandbits(24)) for kind in kinds)
    left, right = (_nature(drawn, rough=rough, hostile=hostile) for _ in range(2))
    shared = drawn.random() < 0.5
    typed, invoices = drawn.random() < 0.5, drawn.choice(("required", "optional", *[""] * 6))
    left, right = (_richer(drawn, nature, typed=typed, rough=rough) for nature in (left, right))
    breaker_after = 5 if hostile else 10_000
    return History(seed, strategy, left, right, faults, events, shared, breaker_after, typed, invoices)


def _richer(drawn: random.Random, nature: Nature, *, typed: bool, rough: bool) -> Nature:
    """The same system with what it makes of typed values, and of its own index."""
    rounds, cuts = (typed and drawn.random() < 0.4 for _ in range(2))
    lags = drawn.choice((0.0, 0.0, 0.3, 0.6)) if rough else 0.0
    return replace(nature, rounds=rounds, cuts=cuts, lags=lags)


def _nature(drawn: random.Random, *, rough: bool, hostile: bool) -> Nature:
    bound = drawn.choice((0.001, 0.001, 2.0, 300.0))
    receipts, tags, replays = drawn.choice(
        ((True, True, False), (True, True, False), (False, True, False), (False, False, True))
    )
    return Nature(
        compare_and_set=drawn.random() < 0.7,
        receipts=receipts,
        tags=tags,
        replays=replays,
        merges=drawn.random() < 0.4,
        lower_cases=drawn.random() < 0.3,
        returns_record=drawn.random() < 0.5,
        dates_records=drawn.random() < 0.8,
        history=drawn.random() < 0.4,
        whole_seconds=drawn.random() < 0.3,
        skew=drawn.choice((0.0, 3.0, -3.0, 300.0, -300.0)),
        uncertainty=bound,
        undated=drawn.choice((0.0, 0.0, 0.2)),
        future=drawn.choice((0.0, 0.0, 0.2)),
        missing=drawn.choice((0.0, 0.2, 0.5)) if rough else 0.0,
        lost=drawn.choice((0.0, 0.12, 0.3) if hostile else (0.0, 0.03)) if rough else 0.0,
        lies=drawn.choice((0.0, 0.1, 0.3) if hostile else (0.0, 0.03)) if rough else 0.0,
        shuffles=drawn.random() < 0.5,
    )


def replay(history: History, *, mirrored: bool = False) -> World:
    """Live through a history to its end, all checks on. Raises AssertionError naming the property that broke."""
    with _told_apart(history.seed):
        world = begin(history, mirrored=mirrored)
        for event in history.events:
            happen(world, event, history.faults)
        world.random.seed(history.seed)
        settle(world)
    return world


def settle(world: World) -> None:
    """Everything comes to rest: first those who are referred to, then those who refer."""
    worlds = _worlds(world)
    for one in worlds:
        one.heal()
    for one in worlds:
        one.settle()
    if world.invoices is not None:
        referring.check_settled(world.invoices)


def _worlds(world: World) -> list[World]:
    return [world] if world.invoices is None else [world, world.invoices]


@contextmanager
def _told_apart(seed: int) -> Iterator[None]:
    """One history in sixteen has its records told apart by columns, as in a large sync, instead of row by row."""
    usual = classify.FEW
    classify.FEW = -1 if seed % 16 == 0 else usual
    try:
        yield
    finally:
        classify.FEW = usual


def begin(history: History, *, mirrored: bool = False) -> World:
    """The world at its first moment: one record on each side, and if there are invoices, one on the first side."""
    poor = history.left.rounds or history.right.rounds
    editable = (*EDITABLE, *TYPED) if history.typed else EDITABLE
    declared = Declared("sim", editable, COARSE if poor else FINE)
    world = World(history.seed, history.strategy, history.left, history.right, mirrored=mirrored, declared=declared)
    world.breaker_after = history.breaker_after
    first: SideName = "B" if mirrored else "A"
    row = world.create(first)
    fresh = {column: world.truth.token(column) for column in editable}
    if history.shared:
        fresh["email"] = str(row.values["email"])
    if history.invoices:
        _invoices(world, history).create(first)
    world.create(other(first), fresh)
    return world


def _invoices(world: World, history: History) -> World:
    declared = Declared("invoices", REFERRING, required=history.invoices == "required", refers=world.spec.name)
    left, right = (replace(nature, merges=False) for nature in (history.left, history.right))
    invoices = World(history.seed, history.strategy, left, right, world.mirrored, declared, world)
    invoices.breaker_after = history.breaker_after
    return invoices


def happen(world: World, event: Event, faults: Faults) -> None:
    """Let one event happen. Named ones need nothing but themselves; a user's acts on a record drawn by its seed."""
    world.random.seed(event.seed)
    world.wait(world.random.choice((0.02, 1.0, 40.0, 900.0)))
    worlds = _worlds(world)
    if event.what in ("run", "calm run"):
        for one in worlds if len(worlds) == 1 else world.random.choice((worlds, worlds[::-1], worlds[:1], worlds[1:])):
            one.run(faults if event.what == "run" else None)
        return
    world = worlds[0] if len(worlds) == 1 else world.random.choice(worlds)
    if event.what == "wait":
        world.wait(3600)
    elif event.what == "look":
        checks.check_dry_run(world)
    elif event.what == "hide":
        hidden = [column for column in ("name", "city", "tier", "customer") if column in world.declared.columns]
        world.hide(event.side, world.random.choice(hidden))
    elif event.what == "outage":
        world.sides[event.side].outage = world.random.randint(1, 12)
    elif event.what in ("decide", "release", "restore", "forget"):
        getattr(people, event.what)(world)
    else:
        world.act(event.what, event.side)


def mirror(history: History) -> History:
    """The same history with source and target exchanged everywhere; its end is the mirrored end (P18)."""
    events = tuple(replace(event, side=other(event.side)) for event in history.events)
    strategy = MIRRORED.get(history.strategy, history.strategy)
    return replace(history, strategy=strategy, left=history.right, right=history.left, events=events)
