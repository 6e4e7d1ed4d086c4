"""A database server is killed in the middle of a run, at a numbered boundary of it, and started again.

Owns which server holds what, and when it comes back; the story and its outcome are those of the killed runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from integrations_platform.settings import load_settings
from integrations_platform.state.errors import StateError
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform_tests.end_to_end.arrange import Base, World
from integrations_platform_tests.end_to_end.killing import Story
from integrations_platform_tests.end_to_end.own_servers import OwnServer, own_mariadb, own_postgresql
from integrations_platform_tests.end_to_end.random_kills import Tally
from integrations_platform_tests.end_to_end.victim import BRIEF_LEASE, Boundary, VictimPlatform

Setting = Literal["office", "shop", "shop, state elsewhere", "office and state", "state"]
SETTINGS: tuple[Setting, ...] = ("office", "shop", "shop, state elsewhere", "office and state", "state")
"""What the killed server holds. The state is in a file for the first two, else in PostgreSQL."""

COOLDOWN = timedelta(minutes=2)  # the circuit breaker of a system that was away lets a call through by then


@dataclass
class Clock:
    """The time of all runs of a story; it can be put forward."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        """Now."""
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class Servers:
    """Two PostgreSQLs and a MariaDB, of which ``postgresql`` and ``mariadb`` may be killed."""

    postgresql: OwnServer
    mariadb: OwnServer
    urls: dict[str, str]

    def killed_in(self, setting: Setting) -> OwnServer:
        """The server that a setting is about."""
        return self.mariadb if setting.startswith("shop") else self.postgresql


@contextmanager
def own_servers() -> Iterator[Servers]:
    """Started for these stories alone. ``state`` of the settings lives beside tables on a second PostgreSQL."""
    with ExitStack() as stack:
        struck, calm = stack.enter_context(own_postgresql()), stack.enter_context(own_postgresql())
        mariadb = stack.enter_context(own_mariadb())
        places = {"struck": struck, "struck_state": struck, "calm": calm, "calm_state": calm, "shop": mariadb}
        urls = {name: stack.enter_context(own.server.database()) for name, own in places.items()}
        stack.callback(lambda: [own.start() for own in (struck, calm, mariadb)])  # the databases are dropped then
        yield Servers(struck, mariadb, urls)


def begin(folder: Path, servers: Servers, setting: Setting) -> Story:
    """The story, with everything where the setting says."""
    urls = servers.urls
    state = {
        "office": f"sqlite:///{folder}/state.sqlite", "shop": f"sqlite:///{folder}/state.sqlite",
        "shop, state elsewhere": urls["calm_state"], "office and state": urls["struck_state"],
        "state": urls["struck_state"],
    }[setting]  # fmt: skip
    office = urls["calm"] if setting in ("state", "shop, state elsewhere") else urls["struck"]
    return Story.begin(folder, Base.at("postgresql", office), Base.at("mysql", urls["shop"]), state)


@dataclass(frozen=True)
class Ending:
    """How the run that lost its server ended, and how many boundaries it passed."""

    succeeded: bool
    said: str
    boundaries: int


def run_and_strike(world: World, victim: OwnServer, boundary: int, *, at_once: bool) -> Ending:
    """Run once; at the boundary the server is killed, and started again ``at_once`` or after the run has ended."""
    environment, sync = world.write_files()
    platform = VictimPlatform(load_settings(env_file=environment), world.runtime, sync.parent)
    platform.boundary = Boundary(boundary, victim.restart if at_once else victim.kill)
    try:
        report = platform.run(platform.sync("people"))
        succeeded, said = report.status is RunStatus.SUCCEEDED, " ".join([report.message, *report.warnings])
    except StateError as fault:
        succeeded, said = False, str(fault)
    finally:
        platform.close()
        victim.start()
    return Ending(succeeded, said, platform.boundary.passed)


def live_through(folder: Path, servers: Servers, setting: Setting, boundary: int, *, at_once: bool) -> Tally:
    """One story with a killed server; what was wrong in the end."""
    story, clock = begin(folder, servers, setting), Clock()
    world = replace(story.world, runtime=Runtime(lease_seconds=BRIEF_LEASE, clock=clock))
    ending = run_and_strike(world, servers.killed_in(setting), boundary, at_once=at_once)
    story = Story(world)
    story.edit_afterwards()
    clock.ahead = COOLDOWN
    damage = story.damage()
    at = f"{setting} killed at boundary {boundary}, {'back at once' if at_once else 'away until the end'}"
    wrong = [f"{at}: {damage}"] if damage else []
    named = ("office", "shop", "the state database")
    if not ending.succeeded and not any(name in ending.said for name in named):
        wrong.append(f"{at}: the message names no system: {ending.said}")
    return Tally(damage.figures(), wrong)


def count_boundaries(folder: Path, servers: Servers) -> int:
    """How many boundaries an undisturbed run passes."""
    story = begin(folder, servers, "office")
    ending = run_and_strike(story.world, servers.postgresql, 0, at_once=False)
    assert ending.succeeded, ending.said
    return ending.boundaries
