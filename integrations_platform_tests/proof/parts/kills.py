"""Real processes, real servers, real trouble: the stories of kills by the number, as parts of the proof (P5, P10).

Owns how many of which are lived through; the stories themselves, and what counts as damage, are those of the suite.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import click

from integrations_platform_tests.end_to_end.arrange import Base
from integrations_platform_tests.end_to_end.boundary_kills import STATES, kill_at_boundaries, spread
from integrations_platform_tests.end_to_end.full_disks import SCENARIOS, Given
from integrations_platform_tests.end_to_end.full_disks import live_through as full_disk
from integrations_platform_tests.end_to_end.network import PLACES, cut, draw, measure
from integrations_platform_tests.end_to_end.random_kills import Tally, kill_at_random
from integrations_platform_tests.end_to_end.server_kills import SETTINGS, count_boundaries, own_servers
from integrations_platform_tests.end_to_end.server_kills import live_through as server_kill
from integrations_platform_tests.proof.part import PROCESSES, Part, Shown
from integrations_platform_tests.servers import Server, start_mysql, start_postgresql

EVERY = 1_000  # more boundaries than a run has
FIGURES = ("lost", "duplicated", "spurious_conflicts", "manual_steps")

Stage = Callable[[int, Callable[[str], None]], Tally]  # a size, whoever hears of progress


@contextmanager
def _servers() -> Iterator[tuple[Server, Server]]:
    with ExitStack() as stack:
        postgresql = start_postgresql()
        stack.callback(postgresql.stop)
        mysql = start_mysql()
        stack.callback(mysql.stop)
        yield postgresql, mysql


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        yield Path(name)


def boundary_kills(most: int, tell: Callable[[str], None]) -> Tally:
    """kill -9 of the run at its numbered boundaries, with each kind of state."""
    tally = Tally()
    with _folder() as folder, _servers() as servers:
        for state in STATES:
            (folder / state).mkdir()
            for killed in kill_at_boundaries(folder / state, *servers, state, spread(most)):
                said = [f"boundary {killed.boundary}, state in {state}: {killed.damage}"] * bool(killed.damage)
                tally.add(Tally(Counter(killed.damage.figures(), kills=1, **{f"state_{state}": 1}), said))
                if killed.boundary % 20 == 0:
                    tell(f"boundary {killed.boundary}, state in {state}: {len(tally.damaged)} with damage")
    return tally


def random_kills(kills: int, tell: Callable[[str], None]) -> Tally:
    """kill -9 of the run at random times."""
    with _servers() as (postgresql, mysql):
        return kill_at_random(kills, postgresql, mysql, tell)


def server_kills(most: int, tell: Callable[[str], None]) -> Tally:
    """A database server killed at boundaries of a run and started again, at once or after it, for every holder."""
    tally = Tally()
    with _folder() as folder, own_servers() as servers:
        chosen = spread(most)(count_boundaries(folder / "undisturbed", servers))
        for setting in SETTINGS:
            for at in chosen:
                for at_once in (True, False):
                    place = folder / f"{setting}_{at}_{at_once}".replace(" ", "_")
                    tally.counts.update(["kills"])
                    tally.add(server_kill(place, servers, setting, at, at_once=at_once))
            tell(f"{setting}: {tally.counts['kills']} kills so far, {len(tally.damaged)} with damage")
    return tally


def network_cuts(cuts: int, tell: Callable[[str], None]) -> Tally:
    """The network of one database failing at a byte drawn by number."""
    tally = Tally()
    with _folder() as folder, _servers() as (postgresql, mysql), ExitStack() as stack:
        office, shop, state = (stack.enter_context(one.database()) for one in (postgresql, mysql, postgresql))
        bases = Base.at("postgresql", office), Base.at("mysql", shop)
        passed = measure(folder / "measured", bases, state, PLACES)
        for number in range(cuts):
            place, trouble = draw(passed, random.Random(number))
            ending = cut(folder / f"cut_{number}", bases, state, place, trouble)
            tally.counts.update(["cuts", f"{trouble.kind}_at_{place}"])
            tally.counts.update(["struck"] if ending.struck else [])
            tally.add(Tally(ending.damage.figures(), [f"cut {number}: {said}" for said in ending.faults(place)]))
            if number % 20 == 19:
                tell(f"{number + 1} cuts, {len(tally.damaged)} with damage")
    return tally


def full_disks(most: int, tell: Callable[[str], None]) -> Tally:
    """A disk without room for the state's file, the state's server, or a table's server."""
    tally = Tally()
    with _servers() as (postgresql, mysql):
        for name in list(SCENARIOS)[:most]:
            with _folder() as folder:
                wrong = full_disk(name, Given(folder, postgresql, mysql))
            tally.add(Tally(Counter(disks=1), [f"{name}: {said}" for said in wrong]))
            tell(f"{name}: {len(wrong)} damaged")
    return tally


def _run(size: int, _processes: int, *, stage: Stage, seeds: str, unit: str, what: str) -> Shown:
    tally = stage(size, lambda line: click.echo(f"  {line}", err=True))
    counts = tally.counts
    figures = ", ".join(f"{counts[name]} {name.replace('_', ' ')}" for name in FIGURES)
    return Shown(
        seeds.format(last=max(0, size - 1)),
        f"{counts[unit]:,} {what}: {figures}",
        {name.replace("_", " "): count for name, count in counts.items()},
        tuple(tally.damaged),
    )


BOUNDARIES = Part(
    "kill-boundaries",
    "kill -9",
    "at every numbered write and commit, before and after, with each kind of state: 0 lost, 0 duplicated, 0 spurious "
    "conflicts, 0 manual steps",
    "boundaries for each kind of state, at most",
    {"quick": 1, "short": 6, "nightly": EVERY},
    partial(
        _run,
        stage=boundary_kills,
        seeds="no seeds: boundaries by number",
        unit="kills",
        what="runs killed at a boundary, PostgreSQL to MariaDB",
    ),
)
RANDOM = Part(
    "kill-random",
    "kill -9",
    "1,000 kills at random times: the same",
    "kills",
    {"quick": 2, "short": 20, "nightly": 1_000},
    partial(_run, stage=random_kills, seeds="1:0–1:{last}", unit="kills", what="runs killed at a random moment"),
)
SERVERS = Part(
    "server-kills",
    "kill -9",
    "a database server killed at every boundary of a run, for each that holds something: the same",
    "boundaries for each holder, at most",
    {"quick": 1, "short": 2, "nightly": EVERY},
    partial(
        _run,
        stage=server_kills,
        seeds="no seeds: boundaries by number",
        unit="kills",
        what="servers killed in the middle of a run, back at once or after it",
    ),
)
NETWORK = Part(
    "network-cuts",
    "kill -9",
    "the network failing at 300 drawn bytes of a run: the same, every run ends in time and names what is away",
    "cuts",
    {"quick": 1, "short": 10, "nightly": 300},
    partial(_run, stage=network_cuts, seeds="0–{last}", unit="cuts", what="cuts of the network"),
)
DISKS = Part(
    "full-disks",
    "kill -9",
    "a disk that is full in the middle of a run, for each that holds something: named, with the remedy, and made good",
    "disks",
    {"quick": 1, "short": len(SCENARIOS), "nightly": len(SCENARIOS)},
    partial(_run, stage=full_disks, seeds="no seeds", unit="disks", what="full disks"),
)
PARTS = (BOUNDARIES, RANDOM, SERVERS, NETWORK, DISKS)


@click.command("kills")
@click.option("--nightly", is_flag=True, help="1,000 kills at random times, and every boundary of every story.")
@click.option("--into", type=click.Path(path_type=Path), help="The folder of results.")
def command(*, nightly: bool, into: Path | None) -> None:
    """Kill runs and servers, cut the network and fill disks; exit code 1 if anything was lost, doubled or contested."""
    from integrations_platform_tests.proof.report import INTO, run_parts

    names = [part.name for part in PARTS]
    results = run_parts(names, "nightly" if nightly else "short", into or INTO, PROCESSES, again=False)
    raise SystemExit(any(result.shown.violations for result in results))
