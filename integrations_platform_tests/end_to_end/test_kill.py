"""kill -9 of a run between real servers, at every boundary: the next runs make it good without anybody's help (P5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integrations_platform_tests.end_to_end.arrange import Base
from integrations_platform_tests.end_to_end.killing import Story
from integrations_platform_tests.end_to_end.random_kills import kill_at_random
from integrations_platform_tests.servers import Server


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

    boundaries = story("undisturbed").count_boundaries()
    assert boundaries > 30
    stride = 2 if state.startswith("sqlite") else 14
    chosen = list(range(1, boundaries + 1)) if profile == "nightly" else [1, *range(2, boundaries + 1, stride)]
    for boundary in chosen:
        killed = story(f"killed_at_{boundary}")
        killed.kill(boundary)
        killed.edit_afterwards()
        killed.come_to_rest()


def test_killed_twice_in_a_row(tmp_path: Path, postgres_database: str, mysql_database: str) -> None:
    bases = Base.at("postgresql", postgres_database), Base.at("mysql", mysql_database)
    for boundaries in ((17, 3), (25, 9)):
        folder = tmp_path / "_".join(map(str, boundaries))
        story = Story.begin(folder, *bases, f"sqlite:///{folder}/state.sqlite")
        story.kill(boundaries[0])
        story.edit_afterwards()
        story.kill(boundaries[1])
        story.come_to_rest()


def test_killed_at_random_times(postgres_server: Server, mysql_server: Server, profile: str) -> None:
    """The first two of the thousand kills that the nightly profile, and ``proof kills --nightly``, live through."""
    kills = 1000 if profile == "nightly" else 2
    tally = kill_at_random(kills, postgres_server, mysql_server)
    assert tally.counts["kills"] == kills
    assert not tally.damaged
