"""A history of two systems, drawn from a number: the same number, the same history."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import permutations

from integrations_platform.unified_sync.spec import SIDES, SideName, Strategy
from integrations_platform_tests.matrix.stage import KINDS, Stage
from integrations_platform_tests.matrix.world import Rates, World

PAIRS: tuple[tuple[str, str], ...] = tuple(permutations(KINDS, 2))
WEIGHTS = {
    "new": 22, "create": 6, "clear": 4, "same": 4, "remove": 5, "restore": 3, "merge": 2, "shuffle": 4, "run": 22,
    "fault": 9, "wait": 3, "decide": 5, "release": 1, "look": 1, "die": 2, "forget": 1,
}  # fmt: skip
LENGTH = 16


@dataclass(frozen=True)
class History:
    """One history; ``number`` draws everything that happens."""

    pair: tuple[str, str]
    number: int
    strategy: Strategy

    def __str__(self) -> str:
        return f"{self.pair[0]} {self.pair[1]} {self.number} {self.strategy}"

    @property
    def replay(self) -> str:
        """How to live through it again."""
        return f"python -m integrations_platform_tests.matrix {self}"


def history(seed: int) -> History:
    """The history of that number overall: pairs and strategies take turns, and come to meet in every combination."""
    turn, place = divmod(seed, len(PAIRS))
    return History(PAIRS[place], turn, list(Strategy)[(turn + place) % len(Strategy)])


def live(stage: Stage, lived: History) -> World:
    """Live through a history to its end, all checks on. Raises AssertionError that says how to see it again."""
    with World(stage, lived.pair, lived.number, lived.strategy) as world:
        try:
            _happen(world)
            world.settle()
        except Exception as fault:
            told = "\n".join([*world.log, "in the end:", *world.told()])
            kind = "" if isinstance(fault, AssertionError) else f"{type(fault).__name__}: "
            raise AssertionError(f"{lived}: {kind}{fault}\n{told}\nreplay: {lived.replay}") from fault
    return world


def _happen(world: World) -> None:
    drawn = world.random
    rates = Rates(drawn.choice((0.0, 0.02, 0.08)), drawn.choice((0.0, 0.1, 0.3)), drawn.choice((0.0, 0.3, 0.7)))
    if drawn.random() < 0.5:
        _both_know_somebody(world)
    for name in SIDES:
        for _ in range(drawn.randint(1, 3)):
            world.act("create", name)
    for what in drawn.choices(list(WEIGHTS), list(WEIGHTS.values()), k=LENGTH):
        world.moment.wait(drawn.choice((0.02, 1.0, 40.0, 900.0)))
        event(world, what, drawn.choice(SIDES), rates)
    world.counts["events"] += LENGTH


def _both_know_somebody(world: World) -> None:
    """One person is on both sides from the start, known by one address and otherwise told differently."""
    email = world.truth.token("email")
    for name in SIDES:
        world.create(name, {"email": email, "first": world.truth.token("first"), "last": world.truth.token("last")})


def event(world: World, what: str, side: SideName, rates: Rates) -> None:
    """Let one thing happen."""
    if what == "run":
        world.run(rates)
    elif what == "look":
        world.run(Rates(), dry_run=True)
    elif what == "wait":
        world.moment.wait(3600)
    elif what == "fault":
        world.strike(side)
    elif what in ("die", "decide", "release", "forget"):
        getattr(world, what)()
    else:
        world.act(what, side)


def one(stage: Stage, seed: int) -> Counter[str]:
    """Live through the history of that number overall; what was met in it."""
    world = live(stage, history(seed))
    return world.counts + Counter({"histories": 1, " to ".join(world.pair): 1})
