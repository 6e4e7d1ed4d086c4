"""Progress of long work: a bar on a terminal, elsewhere a line every few seconds at most.

Both go to stderr, so that results stay alone on stdout. Work that is over within a few seconds shows nothing where
nobody watches.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

EVERY_SECONDS = 5.0

Progress = Callable[[str, int, int], None]


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """What to call with (stage, done, total)."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    bars = _Bars()
    try:
        yield bars
    finally:
        bars.stop()


class _Lines:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= EVERY_SECONDS:
            self._last = now
            click.echo(f"{stage}: {done:,} of {total:,}", err=True)


class _Bars:
    """Rich is imported at the first sign of work: most commands have none to show."""

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None
        self._update: Progress = self._begin

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._update(stage, done, total)

    def _begin(self, stage: str, done: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        tasks = {stage: bars.add_task(stage, total=total)}
        bars.start()

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)
            if bars.finished:  # nothing moves between two stages, where a plan is shown and a question may be asked
                self.stop()

        self._stop, self._update = bars.stop, update
        update(stage, done, total)

    def stop(self) -> None:
        if self._stop is not None:
            self._stop()
        self._stop, self._update = None, self._begin
