"""kill -9 of a run between real servers, at every boundary: the next runs make it good without anybody's help (P5)."""

from __future__ import annotations

import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integrations_platform_tests.end_to_end.arrange import Base
from integrations_platform_tests.end_to_end.killing import PATIENCE, Story
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
    """With the state in SQLite every boundary is tried in each run of the suite; in PostgreSQL every one nightly."""
    bases = Base.at("postgresql", postgres_database), Base.at("mysql", mysql_database)

    def story(name: str) -> Story:
        return Story.begin(tmp_path / name, *bases, state.replace("{folder}", str(tmp_path / name)))

    boundaries = story("undisturbed").count_boundaries()
    assert boundaries > 30
    in_file = state.startswith("sqlite")
    stride = 1 if in_file or profile == "nightly" else 5
    for boundary in range(1, boundaries + 1, stride):
        killed = story(f"killed_at_{boundary}")
        killed.kill_at(boundary)
        killed.edit_afterwards()
        killed.come_to_rest()


def test_killed_twice_in_a_row(tmp_path: Path, postgres_database: str, mysql_database: str) -> None:
    bases = Base.at("postgresql", postgres_database), Base.at("mysql", mysql_database)
    for first, second in ((17, 3), (25, 9)):
        folder = tmp_path / f"{first}_{second}"
        story = Story.begin(folder, *bases, f"sqlite:///{folder}/state.sqlite")
        story.kill_at(first)
        story.edit_afterwards()
        story.kill_at(second)
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
        victim = story.start(0)
        try:
            victim.communicate(timeout=moments.uniform(0.5, 3.0))
        except subprocess.TimeoutExpired:
            victim.send_signal(signal.SIGKILL)
            victim.communicate(timeout=PATIENCE)
        story.edit_afterwards()
        story.come_to_rest()
