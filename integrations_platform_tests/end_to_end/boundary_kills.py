"""kill -9 of a run at its numbered boundaries, one story for each, with the state in either kind of database.

Boundaries lie before and after each lasting step, so that dying before one is dying after the one before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from integrations_platform_tests.end_to_end.arrange import Base
from integrations_platform_tests.end_to_end.damage import Damage
from integrations_platform_tests.end_to_end.killing import Story
from integrations_platform_tests.servers import Server

STATES = ("sqlite", "postgresql")
FEWEST = 30  # boundaries of a run; fewer would mean that some are no longer seen


@dataclass(frozen=True)
class Killed:
    """One run that died at a boundary, and what the next ones could not make good."""

    boundary: int
    damage: Damage


def kill_at_boundaries(
    folder: Path, postgresql: Server, mysql: Server, state: str, choose: Callable[[int], list[int]]
) -> Iterator[Killed]:
    """One story for each boundary chosen of so many, the state in a database of that kind."""
    with ExitStack() as stack:
        office, shop, server = (stack.enter_context(one.database()) for one in (postgresql, mysql, postgresql))
        bases = Base.at("postgresql", office), Base.at("mysql", shop)

        def story(name: str) -> Story:
            place = folder / name
            return Story.begin(place, *bases, f"sqlite:///{place}/state.sqlite" if state == "sqlite" else server)

        boundaries = story("undisturbed").count_boundaries()
        assert boundaries > FEWEST, f"{boundaries} boundaries in a run"
        for boundary in choose(boundaries):
            killed = story(f"killed_at_{boundary}")
            killed.kill(boundary)
            killed.edit_afterwards()
            yield Killed(boundary, killed.damage())


def spread(most: int) -> Callable[[int], list[int]]:
    """A choice of at most so many boundaries, evenly over the run, the first and the last among them."""

    def choose(boundaries: int) -> list[int]:
        if most >= boundaries:
            return list(range(1, boundaries + 1))
        return sorted({1 + number * (boundaries - 1) // max(1, most - 1) for number in range(most)})

    return choose
