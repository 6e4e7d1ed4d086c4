"""kill -9 at random times, by the hundred: a story per kill, victims forked ready, two stories at a time.

Each worker has databases of its own on servers that all share, draws every moment from a seed and its number, and
counts only kills that found the run alive.
"""

from __future__ import annotations

import multiprocessing
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from integrations_platform_tests.end_to_end.arrange import Base
from integrations_platform_tests.end_to_end.killing import Story
from integrations_platform_tests.servers import Server

WORKERS = 2
SHARE = 20  # kills handed to a worker at a time
WARMING = 3  # undisturbed runs that tell how long one takes
STATES = ("sqlite", "postgresql")


@dataclass
class Tally:
    """What was lived through; ``damaged``: what went wrong, each with the number that repeats it."""

    counts: Counter[str] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take another tally in."""
        self.counts.update(other.counts)
        self.damaged += other.damaged


@dataclass(frozen=True)
class Share:
    """Kills ``first`` to ``first + count - 1`` on two servers, by their administrators' URLs."""

    first: int
    count: int
    postgresql: str
    mysql: str
    seed: int


def kill_at_random(
    kills: int, postgresql: Server, mysql: Server, tell: Callable[[str], None] = lambda _: None, seed: int = 1
) -> Tally:
    """So many kills, half of them with each kind of state. Raises what a worker raised; ``tell`` hears of progress."""
    urls = [server.url.render_as_string(hide_password=False) for server in (postgresql, mysql)]
    shares = [Share(first, min(SHARE, kills - first), *urls, seed) for first in range(0, kills, SHARE)]
    total = Tally()
    with ProcessPoolExecutor(min(WORKERS, len(shares)), multiprocessing.get_context("spawn")) as pool:
        for tally in pool.map(live_through, shares):
            total.add(tally)
            tell(", ".join(f"{count} {name}" for name, count in sorted(total.counts.items())))
    return total


def live_through(share: Share) -> Tally:
    """One worker's part."""
    servers = [Server(sa.make_url(url), lambda: None) for url in (share.postgresql, share.mysql)]
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    tally = Tally()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        urls = [stack.enter_context(server.database()) for server in (servers[0], servers[1], servers[0])]
        bases = Base.at("postgresql", urls[0], pooled=True), Base.at("mysql", urls[1], pooled=True)
        for base in bases:
            stack.callback(base.engine.dispose)
        longest = _longest(folder, bases, urls[2])
        for number in range(share.first, share.first + share.count):
            chance = random.Random(f"{share.seed}:{number}")
            kind, attempts = STATES[number % len(STATES)], 0
            while True:
                attempts += 1
                place = folder / f"kill_{number}_{attempts}"
                state = f"sqlite:///{place}/state.sqlite" if kind == "sqlite" else urls[2]
                story = Story.begin(place, *bases, state)
                killed = story.victim(0, chance.uniform(0, longest)) is None
                story.edit_afterwards()
                damage = story.damage()
                tally.counts.update(damage.figures())
                tally.counts.update(
                    {"stories": 1, f"state_{kind}": killed, "kills": killed, "ended_before": not killed}
                )
                if damage:
                    tally.damaged.append(f"kill {number} of seed {share.seed}, state in {kind}: {damage}")
                shutil.rmtree(place)
                if killed:
                    break
    return tally


def _longest(folder: Path, bases: Sequence[Base], state_url: str) -> float:
    """How many seconds an undisturbed run takes here and now, at most."""
    taken = []
    for number in range(WARMING):
        story = Story.begin(folder / f"warming_{number}", bases[0], bases[1], state_url)
        begun = time.monotonic()
        assert story.victim(0, None) is not None
        taken.append(time.monotonic() - begun)
    return max(taken[1:])
