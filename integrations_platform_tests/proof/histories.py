"""Random histories of two systems, their users and a sync that may die anywhere, by the thousand.

Each is drawn from a number, so any failure can be lived through again: ``--replay SEED:STRATEGY:FAULTS``. A failure is
shrunk and printed as Python, ready to become a named regression story.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from integrations_platform.unified_sync.spec import Strategy
from integrations_platform_tests.proof.shrink import Failure, failure_of, shrink
from integrations_platform_tests.simulation.history import (
    PROFILES,
    History,
    begin,
    draw,
    happen,
    mirror,
    replay,
    settle,
)
from integrations_platform_tests.simulation.world import World

PROCESSES = 2
SHARE = 20  # histories handed to a process at a time
TELL_EVERY = 5.0  # seconds between two lines of progress
NIGHTLY = 10_000


@dataclass
class Tally:
    """What was lived through, in numbers. ``failures`` are shrunk."""

    histories: int = 0
    events: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, Failure]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take another tally in."""
        self.histories += other.histories
        self.events += other.events
        self.counts.update(other.counts)
        self.failures += other.failures


def live_and_mirror(history: History) -> World:
    """Live through a history, and, where chance has no hand in it, through its mirror image as well: P18."""
    world = replay(history)
    if comparable(history):
        other = replay(mirror(history), mirrored=True)
        ends = [end(world, "A"), end(world, "B")], [end(other, "B"), end(other, "A")]
        if world.invoices is not None and other.invoices is not None:
            ends[0].extend(end(world.invoices, side) for side in "AB")
            ends[1].extend(end(other.invoices, side) for side in "BA")
        assert ends[0] == ends[1], f"P18: {ends[0]} against {ends[1]} in the mirror"
        world.counts["mirrored"] += 1
    return world


def comparable(history: History) -> bool:
    """Whether nothing but the named events happens in it: then source and target may be exchanged."""
    calm = history.faults == type(history.faults)() and {event.what for event in history.events} <= SYMMETRIC
    chances = ("undated", "future", "missing", "lags", "shuffles")
    return calm and not any(getattr(item, chance) for item in (history.left, history.right) for chance in chances)


SYMMETRIC = {"new", "create", "delete", "same", "clear", "run", "wait", "decide", "look"}


def end(world: World, side: str) -> list[tuple[str, ...]]:
    """Everything one side shows in the end, in an order of its own."""
    rows = world.sides[side].rows.values()  # type: ignore[index]
    return sorted((str(row.archived), *(str(value) for value in row.values.values())) for row in rows)


Task = tuple[str, Strategy, int, int, int]  # profile, strategy, first seed, seed after the last, events


def work(task: Task) -> Tally:
    """Live through a share of the histories."""
    profile, strategy, first, after, length = task
    tally = Tally()
    for seed in range(first, after):
        history = draw(seed, strategy, profile, length)
        failure, world = failure_of(history, live_and_mirror)
        tally.histories += 1
        tally.events += len(history.events)
        if world is not None:
            tally.counts.update(world.counts)
            tally.counts["answers lost"] += sum(side.answers_lost for side in world.sides.values())
            tally.counts["lies told"] += sum(side.lies_told for side in world.sides.values())
        elif failure is not None:
            tally.failures.append((f"{seed}:{strategy}:{profile}:{length}", shrink(failure, live_and_mirror)))
    return tally


def explore(
    seeds: range, strategies: Sequence[Strategy], profiles: Sequence[str], length: int, processes: int = PROCESSES
) -> Tally:
    """Live through all these histories, telling how far it is."""
    tasks: list[Task] = [
        (profile, strategy, start, min(start + SHARE, seeds.stop), length)
        for profile in profiles
        for start in range(seeds.start, seeds.stop, SHARE)
        for strategy in strategies
    ]
    total = len(seeds) * len(strategies) * len(profiles)
    begun = told = time.monotonic()
    tally = Tally()
    for share in _results(tasks, processes):
        tally.add(share)
        for name, failure in share.failures:
            tell(name, failure)
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            rate = tally.histories / (told - begun)
            click.echo(f"{tally.histories}/{total} histories, {len(tally.failures)} failed, {rate:.0f}/s", err=True)
    tally.seconds = time.monotonic() - begun
    return tally


def _results(tasks: Sequence[Task], processes: int) -> Iterator[Tally]:
    if processes == 1:
        yield from map(work, tasks)
        return
    # Spawned, not forked: the columnar library's threads do not survive a fork; for so little data one is enough.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(work, tasks)


def commit() -> str:
    """The commit the code under test stands at; ``-dirty`` when the engine or its proof was changed since."""
    root = Path(__file__).resolve().parent.parent.parent
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    proof = (f"integrations_platform_tests/{name}" for name in ("proof", "simulation", "unified_sync"))
    changed = _git(root, "status", "--porcelain", "--", "integrations_platform", *proof)
    return f"{head or 'unknown'}{'-dirty' if changed else ''}"


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False).stdout.strip()


def tell(name: str, failure: Failure) -> None:
    """All that is needed to see a failure again."""
    seed, strategy, profile, length = name.split(":")
    click.echo(f"\n{failure.property} does not hold: seed {seed}, strategy {strategy}, faults {profile}, {commit()}")
    click.echo(failure.message)
    click.echo(f"shrunk to {len(failure.history.events)} events:\n{failure.history!r}")
    click.echo(f"see it again: --replay {seed}:{strategy}:{profile} --events {length}")


@click.command()
@click.option("--seeds", default="0-99", show_default=True, help="First and last seed.")
@click.option("--strategies", default="all", show_default=True, help="all, or names joined by commas.")
@click.option("--faults", type=click.Choice([*PROFILES, "all"]), default="all", show_default=True)
@click.option("--events", default=12, show_default=True, help="Events per history.")
@click.option("--replay", "again", help="Live through SEED:STRATEGY:FAULTS once more and tell the story.")
@click.option("--profile", type=click.Choice(["nightly"]), help=f"{NIGHTLY} histories, all strategies, all faults.")
@click.option("--processes", default=PROCESSES, show_default=True)
def histories(
    seeds: str, strategies: str, faults: str, events: int, again: str | None, profile: str | None, processes: int
) -> None:
    """Live through random histories; exit code 1 if a property does not hold."""
    if again is not None:
        raise SystemExit(tell_again(again, events))
    chosen = list(Strategy) if strategies == "all" else [Strategy(name) for name in strategies.split(",")]
    profiles = list(PROFILES) if faults == "all" else [faults]
    wanted = seed_range(seeds)
    if profile == "nightly":
        wanted, chosen, profiles = range(NIGHTLY), list(Strategy), list(PROFILES)
    tally = explore(wanted, chosen, profiles, events, processes)
    click.echo(
        f"{tally.histories} histories, {tally.events} events, {len(tally.failures)} failed, {tally.seconds:.0f} s "
        f"at {commit()}: " + ", ".join(f"{count} {name}" for name, count in sorted(tally.counts.items()))
    )
    raise SystemExit(bool(tally.failures))


def seed_range(text: str) -> range:
    """``first-last`` as a range."""
    first, _, last = text.partition("-")
    try:
        return range(int(first), int(last or first) + 1)
    except ValueError as fault:
        raise click.BadParameter(f"{text!r} is not FIRST-LAST, for example 0-999") from fault


def tell_again(name: str, length: int) -> int:
    """Live through one drawn history again, telling every step; the exit code."""
    seed, strategy, profile = name.split(":")
    history = draw(int(seed), Strategy(strategy), profile, length)
    failure, _ = failure_of(history, live_and_mirror)
    click.echo(repr(history))
    if failure is None:
        click.echo("every property holds")
        return 0
    click.echo(f"{failure.property} does not hold: {failure.message}")
    short = shrink(failure, live_and_mirror)
    click.echo(f"shrunk to {len(short.history.events)} events: {short.message}\n{short.history!r}")
    for line in story(short.history):
        click.echo(f"  {line}")
    return 1


def story(history: History) -> list[str]:
    """What happened, in words, up to the end or the failure."""
    world = begin(history)
    try:
        for event in history.events:
            happen(world, event, history.faults)
        world.random.seed(history.seed)
        settle(world)
    except (AssertionError, Exception) as fault:
        world.log.append(f"{type(fault).__name__}: {fault}")
    return world.log


if __name__ == "__main__":
    histories()
