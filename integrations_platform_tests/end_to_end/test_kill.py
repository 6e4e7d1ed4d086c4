"""kill -9 of a run between real servers, at every boundary: the next runs make it good without anybody's help (P5)."""

from __future__ import annotations

import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from integrations_platform_tests.end_to_end.arrange import Base
from integrations_platform_tests.end_to_end.killing import PATIENCE, Story, ready_victim
from integrations_platform_tests.servers import Server

RANDOM_KILLS = 1000


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request: pytest.FixtureRequest, tmp_path: Path, postgres_server: Server) -> Iterator[str]:
    """URL of an empty state database of either kind."""
    with _state(request.param, tmp_path, postgres_server) as url:
        yield url


@contextmanager
def _state(kind: str, folder: Path, server: Server) -> Iterator[str]:
    if kind == "sqlite":
        yield "sqlite:///{folder}/state.sqlite"
    else:
        with server.database() as url:
            yield url


def test_killed_at_every_boundary(
    state: str, tmp_path: Path, postgres_database: str, mysql_database: str, profile: str
) -> None:
    """Boundaries lie before and after each lasting step, so that dying before one is dying after the one before it.

    Each run of the suite tries the first and every "after" with the state in SQLite, and one in seven of them
    with it in PostgreSQL; the nightly profile tries all with both.
    """
    bases = Base.at("postgresql", postgres_database), Base.at("mysql", mysql_database)

    def story(name: str) -> Story:
        return Story.begin(tmp_path / name, *bases, state.replace("{folder}", str(tmp_path / name)))

    waiting = ready_victim(tmp_path / "undisturbed", "once", "0")
    boundaries = story("undisturbed").count_boundaries(waiting)
    assert boundaries > 30
    stride = 2 if state.startswith("sqlite") else 14
    chosen = list(range(1, boundaries + 1)) if profile == "nightly" else [1, *range(2, boundaries + 1, stride)]
    victim = ready_victim(tmp_path / f"killed_at_{chosen[0]}", "once", str(chosen[0]))
    for boundary, following in pairwise([*chosen, None]):
        killed = story(f"killed_at_{boundary}")
        killed.kill(victim)
        if following is not None:
            victim = ready_victim(tmp_path / f"killed_at_{following}", "once", str(following))
        killed.edit_afterwards()
        killed.come_to_rest()


def test_killed_twice_in_a_row(tmp_path: Path, postgres_database: str, mysql_database: str) -> None:
    bases = Base.at("postgresql", postgres_database), Base.at("mysql", mysql_database)
    for boundaries in ((17, 3), (25, 9)):
        folder = tmp_path / "_".join(map(str, boundaries))
        first, second = (ready_victim(folder, "once", str(boundary)) for boundary in boundaries)
        story = Story.begin(folder, *bases, f"sqlite:///{folder}/state.sqlite")
        story.kill(first)
        story.edit_afterwards()
        story.kill(second)
        story.come_to_rest()


def test_killed_at_random_times(
    state: str, tmp_path: Path, postgres_database: str, mysql_database: str, profile: str
) -> None:
    if profile != "nightly":
        pytest.skip("1,000 kills at random times: --profile nightly")
    bases = Base.at("postgresql", postgres_database), Base.at("mysql", mysql_database)
    moments = random.Random(20260101)
    for number in range(RANDOM_KILLS // 2):
        folder = tmp_path / f"kill_{number}"
        story = Story.begin(folder, *bases, state.replace("{folder}", str(folder)))
        victim = ready_victim(folder, "once", "0")
        story.release(victim)
        try:
            victim.wait(timeout=moments.uniform(0.5, 3.0))
        except subprocess.TimeoutExpired:
            victim.send_signal(signal.SIGKILL)
        victim.communicate(timeout=PATIENCE)
        story.edit_afterwards()
        story.come_to_rest()
