"""A line about long work promises nothing that is not known, and leaves its place when the work is over."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from integrations_platform.cli.progress import shown_progress
from integrations_platform.connectors.budgets import Usage
from integrations_platform.progress import Progress

SPENT = [("hubspot", Usage("daily", 1204, 250_000, datetime(2026, 5, 5, tzinfo=UTC), 2000, "day"))]
CALLS = "HubSpot 1,204 of 250,000 calls today"


class Watched:
    """Progress under a clock of its own, and the lines it came to."""

    def __init__(self, every: float = 0.0) -> None:
        self.now, self.lines = 0.0, list[str]()
        self.progress = Progress(self.lines.append, every, lambda: SPENT, lambda: self.now)

    def told(self, seconds: float, done: int, total: int, stage: str = "writing") -> str:
        self.now += seconds
        self.progress(stage, done, total)
        return self.lines[-1] if self.lines else ""


def test_speed_is_told_once_there_is_one_and_an_end_once_it_can_be_known() -> None:
    watched = Watched()
    assert watched.told(0, 0, 120_000) == f"writing  0 of 120,000  {CALLS}"
    assert watched.told(1, 2000, 120_000) == f"writing  2,000 of 120,000  2,000 a second  {CALLS}"
    assert watched.told(3, 8000, 120_000) == f"writing  8,000 of 120,000  2,000 a second  about 56 s left  {CALLS}"
    assert watched.told(0, 0, 1, "looking through shop:client") == f"looking through shop:client  {CALLS}"
    assert watched.told(9, 1, 1, "looking through shop:client") == "", "it is over"
    assert watched.told(1, 5, 10, "comparing") == f"comparing  5 of 10  {CALLS}", "of another stage nothing is known"


def test_speed_is_that_of_the_last_half_minute_and_falls_while_calls_are_held_back() -> None:
    watched = Watched()
    for done in range(0, 100_000, 1000):
        assert watched.told(1, done, 1_000_000)
    assert "  1,000 a second  about 15 min left" in watched.lines[-1]
    for done in range(99_010, 99_010 + 31 * 10, 10):
        watched.told(1, done, 1_000_000)
    assert "  10 a second  about 25 h left" in watched.lines[-1]
    watched.now += 15
    watched.progress.again()
    assert "  5 a second" in watched.lines[-1]


def test_a_line_is_shown_seldom_and_calls_alone_move_nothing_that_is_over() -> None:
    watched = Watched(every=5)
    for done in range(800):
        watched.told(1 / 64, done, 1000)
    assert [line.split("  ")[1] for line in watched.lines] == ["319 of 1,000", "639 of 1,000"]
    watched.told(9, 1000, 1000)
    watched.now += 9
    watched.progress.again()
    assert watched.lines[2:] == [""]


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """The screen: what a carriage return goes back over is written over."""
        screen = []
        for line in self.getvalue().split("\n"):
            seen = ""
            for part in line.split("\r"):
                seen = part + seen[len(part) :]
            screen.append(seen.rstrip())
        return screen


def test_on_a_terminal_one_line_is_redrawn_and_gone_when_the_work_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("integrations_platform.cli.progress.REDRAWN_AFTER", 0.0)

    def work() -> None:
        with shown_progress(lambda: SPENT) as progress:
            progress("writing to hubspot:contacts_of_the_fair_of_june", 0, 120_000)
            assert len(terminal.lines[0]) == 79, "cut to the width, so that it stays one line"
            progress("comparing", 0, 5)
            assert terminal.lines == [f"comparing  0 of 5  {CALLS}"]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    terminal.write("interrupted")
    assert terminal.lines == ["interrupted"]


def test_where_nobody_watches_short_work_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    with shown_progress(tuple) as progress:
        progress("writing", 1, 5)
        progress("writing", 5, 5)
    assert written.getvalue() == ""
