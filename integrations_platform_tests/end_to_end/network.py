"""A run between real servers whose network fails at a chosen byte, and what the next runs make of it.

Owns where the proxy is put and how the run ended; the story and its outcome are those of the kills.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from integrations_platform.state.errors import StateError
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.end_to_end.arrange import Base, World
from integrations_platform_tests.end_to_end.damage import Damage
from integrations_platform_tests.end_to_end.killing import Story
from integrations_platform_tests.end_to_end.proxy import DIRECTIONS, KINDS, Direction, Proxy, Trouble

Place = Literal["office", "shop", "state"]
PLACES: tuple[Place, ...] = ("office", "shop", "state")
NAMED = {"office": "office", "shop": "shop", "state": "the state database"}

ANSWER, CONNECT = 1, 2  # seconds of patience, set in the URL
BRIEF = 0.4 * ANSWER  # a delay that patience bears
BOUND = 20.0  # seconds that no run of this size may take, whatever the network does; without trouble it takes one

Passed = dict[tuple[Place, Direction], int]


@dataclass(frozen=True)
class Ending:
    """How the run in trouble ended: whole, or what it said. ``damage``: what the next runs could not make good.
    ``aside``: what others than this platform have said of it."""

    struck: bool
    succeeded: bool
    said: str
    seconds: float
    damage: Damage
    aside: Sequence[str] = ()

    def faults(self, place: Place) -> list[str]:
        """What must not be, in words."""
        found = [repr(self.damage)] if self.damage else []
        if self.seconds > BOUND:
            found.append(f"the run took {self.seconds:.0f} s")
        if not self.succeeded and NAMED[place] not in self.said:
            found.append(f"the message does not name {NAMED[place]}: {self.said}")
        return found + [f"a library logs: {words}" for words in self.aside]


def cut(folder: Path, bases: tuple[Base, Base], state_url: str, place: Place, trouble: Trouble) -> Ending:
    """Begin the story, run it with the network of one place in trouble, mend the network, and come to rest."""
    story = Story.begin(folder, *bases, state_url)
    with ExitStack() as stack:
        world, proxies = through_proxies(stack, story.world, [place])
        proxies[place].arm(trouble)
        with overheard() as aside:
            succeeded, said, seconds = run_in_trouble(world)
        struck = proxies[place].struck
        proxies[place].heal()
    story.edit_afterwards()
    return Ending(struck, succeeded, said, seconds, story.damage(), aside)


@contextmanager
def overheard() -> Iterator[list[str]]:
    """What libraries warn of meanwhile: in a terminal it stands between the lines of ours, tracebacks and all."""
    words: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith("integrations_platform"):
                words.append(f"{record.name}: {record.getMessage()}")

    listener = Listener(logging.WARNING)
    logging.root.addHandler(listener)
    try:
        yield words
    finally:
        logging.root.removeHandler(listener)


def measure(folder: Path, bases: tuple[Base, Base], state_url: str, places: Sequence[Place]) -> Passed:
    """How many bytes go through each place, each way, in a run without trouble."""
    story = Story.begin(folder, *bases, state_url)
    with ExitStack() as stack:
        world, proxies = through_proxies(stack, story.world, places)
        succeeded, said, _ = run_in_trouble(world)
        assert succeeded, said
        return {(place, way): proxy.passed[way] for place, proxy in proxies.items() for way in DIRECTIONS}


def draw(passed: Passed, chance: random.Random) -> tuple[Place, Trouble]:
    """Some trouble somewhere in a run of which so many bytes are known."""
    place, direction = chance.choice(sorted(passed))
    kind = chance.choice(KINDS)
    seconds = chance.choice([BRIEF, 2.0 * ANSWER])
    return place, Trouble(kind, direction, chance.randrange(passed[place, direction]), seconds)


def through_proxies(stack: ExitStack, world: World, places: Sequence[Place]) -> tuple[World, dict[Place, Proxy]]:
    """The same world, some of its servers behind proxies and given little time."""
    urls: dict[Place, str] = {"office": world.a.url, "shop": world.b.url, "state": world.state_url}
    proxies: dict[Place, Proxy] = {}
    for place in places:
        url = sa.make_url(urls[place])
        assert url.host is not None, "only a server is behind a network"
        assert url.port is not None
        proxies[place] = stack.enter_context(Proxy(url.host, url.port))
        patience = {"read_timeout": str(ANSWER), "connect_timeout": str(CONNECT)}
        moved = url.set(port=proxies[place].port).update_query_dict(patience)
        urls[place] = moved.render_as_string(hide_password=False)
    sides = {place: url for place, url in urls.items() if place != "state"}
    return replace(world, urls=sides, state_url=urls["state"]), proxies


def run_in_trouble(world: World) -> tuple[bool, str, float]:
    """Run once; (whether it succeeded, what it said, seconds)."""
    begun = time.monotonic()
    try:
        report = world.run()
        succeeded, said = report.status is RunStatus.SUCCEEDED, " ".join([report.message, *report.warnings])
    except StateError as fault:
        succeeded, said = False, str(fault)
    return succeeded, said, time.monotonic() - begun
