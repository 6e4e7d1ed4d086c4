"""Real processes, real servers, real trouble: the stories of kills, run by the number, and their figures as JSON.

Owns what is run for which size and how the figures are summed; the stories themselves are those of the suite.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import click

from integrations_platform_tests.end_to_end.arrange import Base
from integrations_platform_tests.end_to_end.full_disks import SCENARIOS, Given
from integrations_platform_tests.end_to_end.full_disks import live_through as full_disk
from integrations_platform_tests.end_to_end.network import PLACES, cut, draw, measure
from integrations_platform_tests.end_to_end.random_kills import Tally, kill_at_random
from integrations_platform_tests.end_to_end.server_kills import SETTINGS, count_boundaries, own_servers
from integrations_platform_tests.end_to_end.server_kills import live_through as server_kill
from integrations_platform_tests.proof.histories import commit
from integrations_platform_tests.servers import Server, start_mysql, start_postgresql

Size = Literal["short", "nightly"]
RANDOM_KILLS: Mapping[Size, int] = {"short": 20, "nightly": 1000}
NETWORK_CUTS: Mapping[Size, int] = {"short": 10, "nightly": 300}


def random_kills(size: Size, tell: Callable[[str], None]) -> Tally:
    """kill -9 of the run at random times."""
    with _servers() as (postgresql, mysql):
        return kill_at_random(RANDOM_KILLS[size], postgresql, mysql, tell)


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


def server_kills(size: Size, tell: Callable[[str], None]) -> Tally:
    """A database server killed at a boundary of a run and started again: every setting, nightly every boundary."""
    tally = Tally()
    with _folder() as folder, own_servers() as servers:
        boundaries = count_boundaries(folder / "undisturbed", servers)
        step = 1 if size == "nightly" else boundaries // 2
        for setting in SETTINGS:
            for at in range(step, boundaries + 1, step):
                for at_once in (True, False):
                    place = folder / f"{setting}_{at}_{at_once}".replace(" ", "_")
                    wrong = server_kill(place, servers, setting, at, at_once=at_once)
                    tally.counts.update(["kills"])
                    tally.add(wrong)
            tell(f"{setting}: {tally.counts['kills']} kills so far, {len(tally.damaged)} with damage")
    return tally


def network_cuts(size: Size, tell: Callable[[str], None]) -> Tally:
    """The network of one database failing at a byte drawn by number."""
    tally = Tally()
    with _folder() as folder, _servers() as (postgresql, mysql), ExitStack() as stack:
        office, shop, state = (stack.enter_context(one.database()) for one in (postgresql, mysql, postgresql))
        bases = Base.at("postgresql", office), Base.at("mysql", shop)
        passed = measure(folder / "measured", bases, state, PLACES)
        for number in range(NETWORK_CUTS[size]):
            place, trouble = draw(passed, random.Random(number))
            ending = cut(folder / f"cut_{number}", bases, state, place, trouble)
            tally.counts.update(["cuts", f"{trouble.kind}_at_{place}"])
            tally.counts.update(["struck"] if ending.struck else [])
            tally.add(Tally(ending.damage.figures(), [f"cut {number}: {said}" for said in ending.faults(place)]))
            if number % 20 == 19:
                tell(f"{number + 1} cuts, {len(tally.damaged)} with damage")
    return tally


def full_disks(_size: Size, tell: Callable[[str], None]) -> Tally:
    """A disk without room for the state's file, the state's server, or a table's server."""
    tally = Tally()
    with _servers() as (postgresql, mysql):
        for name in SCENARIOS:
            with _folder() as folder:
                wrong = full_disk(name, Given(folder, postgresql, mysql))
            tally.add(Tally(Counter({"disks": 1, "damaged": len(wrong)}), [f"{name}: {said}" for said in wrong]))
            tell(f"{name}: {len(wrong)} damaged")
    return tally


STAGES: Mapping[str, Callable[[Size, Callable[[str], None]], Tally]] = {
    "server_kills": server_kills,
    "network_cuts": network_cuts,
    "full_disks": full_disks,
    "random_kills": random_kills,
}


def run(size: Size, tell: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Run every stage; the part of the proof that it is. ``tell`` hears of progress, a line at a time."""
    begun = time.monotonic()
    figures: dict[str, Any] = {"size": size}
    total = Counter({"lost": 0, "duplicated": 0, "spurious_conflicts": 0, "manual_steps": 0})
    damaged: list[str] = []
    for name, stage in STAGES.items():
        started = time.monotonic()
        tally = stage(size, lambda line, name=name: tell(f"{name}: {line}"))  # type: ignore[misc]
        figures[name] = {**sorted_counts(tally.counts), "seconds": round(time.monotonic() - started, 1)}
        total.update({figure: tally.counts[figure] for figure in total})
        damaged += [f"{name}: {said}" for said in tally.damaged]
    figures |= {**total, "damaged": damaged}
    return {"part": "kills", "commit": commit(), "seconds": round(time.monotonic() - begun, 1), "figures": figures}


def sorted_counts(counts: Counter[str]) -> dict[str, int]:
    """Counts by name."""
    return dict(sorted(counts.items()))


@click.command()
@click.option("--nightly", is_flag=True, help="1,000 kills at random times, and every boundary of every story.")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="Folder for kills.json.")
def kills(*, nightly: bool, into: Path | None) -> None:
    """Kill runs and servers, cut the network and fill disks; exit code 1 if anything was lost, doubled or contested."""
    part = run("nightly" if nightly else "short", lambda line: click.echo(line, err=True))
    text = json.dumps(part, indent=2)
    if into is not None:
        into.mkdir(parents=True, exist_ok=True)
        (into / "kills.json").write_text(text + "\n", encoding="utf-8")
    click.echo(text)
    if part["figures"]["damaged"]:
        raise SystemExit(1)
