"""Seeded trials by the thousand: each draws one situation from its number, lives through it and checks what must hold.

A trial is a function of its seed and of nothing else, so the seed in a violation is all that is needed to see it again.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import click

TELL_EVERY = 5.0  # seconds between two lines of progress
SHARES = 100  # into which a run is cut, so that processes end together and progress can be told
KEPT = 20  # violations described; all are counted

Trial = Callable[[int], Counter[str]]


@dataclass
class Trials:
    """What many trials came to."""

    done: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Trials per second, all processes together."""
        return self.done / max(self.seconds, 0.001)

    def add(self, other: Trials) -> None:
        """Take others in."""
        self.done += other.done
        self.counts.update(other.counts)
        self.violations += other.violations[: KEPT - len(self.violations)]


def share(trial: Trial, first: int, after: int) -> Trials:
    """Try the seeds from ``first`` up to, but not with, ``after``."""
    found = Trials()
    for seed in range(first, after):
        found.done += 1
        try:
            found.counts.update(trial(seed))
        except Exception as fault:
            # Whatever goes wrong in a trial is a finding about the engine; the other seeds are tried all the same.
            kind = "" if isinstance(fault, AssertionError) else f"{type(fault).__name__}: "
            found.violations.append(f"seed {seed}: {kind}{fault}")
            found.counts["violations"] += 1
    return found


def try_seeds(trial: Trial, size: int, processes: int) -> Trials:
    """Try the seeds 0 to ``size`` - 1, telling how far it is."""
    step = max(1, size // SHARES)
    tasks = [(start, min(start + step, size)) for start in range(0, size, step)]
    begun = told = time.monotonic()
    found = Trials()
    for part in _shares(trial, tasks, processes):
        found.add(part)
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            rate = found.done / (told - begun)
            click.echo(f"  {found.done}/{size}, {found.counts['violations']} violations, {rate:.1f}/s", err=True)
    found.seconds = time.monotonic() - begun
    return found


def _shares(trial: Trial, tasks: list[tuple[int, int]], processes: int) -> Iterator[Trials]:
    if processes == 1:
        yield from (share(trial, *task) for task in tasks)
        return
    # Spawned, not forked: the columnar library's threads do not survive a fork; for so little data one is enough.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(partial(_task, trial), tasks)


def _task(trial: Trial, task: tuple[int, int]) -> Trials:
    return share(trial, *task)
