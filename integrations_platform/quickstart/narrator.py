"""How the quickstart speaks: numbered steps, short sentences, small tables, and claims that are counted.

Colour and a moving line on a terminal, plain text elsewhere. It knows no step of the story and checks nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_PLAIN_WIDTH = 118


class Narrator:
    """Tells a story. ``broken``: the claims that did not hold."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        if not self._console.is_terminal:
            self._console = Console(file=self._console.file, width=_PLAIN_WIDTH, highlight=False, color_system=None)
        self.broken: list[str] = []
        self._status: Any = None
        self._number = 0
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the story began."""
        return time.monotonic() - self._begun

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One numbered step; says how long it took."""
        self._number += 1
        begun = time.monotonic()
        self._console.print()
        self._console.print(Text(f"{self._number}. {title}", style="bold cyan"))
        live = self._console.status("", spinner="dots") if self._console.is_terminal else nullcontext()
        with live as status:
            self._status = status
            yield
        self._status = None
        self._console.print(Text(f"   {time.monotonic() - begun:.1f} s", style="dim"))

    def progress(self, stage: str, done: int, total: int) -> None:
        """Long work goes on; shown on a terminal only."""
        if self._status is not None:
            self._status.update(f"{stage}: {done:,} of {total:,}" if total else stage)

    def say(self, sentence: str = "") -> None:
        """A sentence."""
        self._console.print(Padding(Text(sentence), (0, 0, 0, 3)))

    def line(self, text: str) -> None:
        """Something to copy, never wrapped."""
        self._console.print(Text(f"     {text}", style="bold"), soft_wrap=True)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A small table; numbers to the right."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("   ")
        for index, title in enumerate(head):
            numbers = all(isinstance(row[index], int) for row in rows)
            table.add_column(title, justify="right" if numbers else "left")
        for row in rows:
            table.add_row("", *(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
        self._console.print(table)

    def claim(self, sentence: str, held: bool, seen: str = "") -> None:
        """A statement that was checked; ``seen`` is shown when it did not hold."""
        if held:
            self._mark("✓", "green", Text(sentence))
            return
        self.broken.append(sentence)
        detail = f" ({seen})" if seen else ""
        self._mark("✗", "bold red", Text(f"{sentence}: this did not hold{detail}", style="bold red"))

    def _mark(self, mark: str, style: str, text: Text) -> None:
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=4, justify="right")
        grid.add_column()
        grid.add_row(Text(mark, style=style), text)
        self._console.print(grid)
