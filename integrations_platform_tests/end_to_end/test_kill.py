"""kill -9 of a run between real servers, at every boundary: the next runs make it good without anybody's help (P5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform_tests.end_to_end.arrange import Base
from integrations_platform_tests.end_to_end.boundary_kills import STATES, kill_at_boundaries, spread
from integrations_platform_tests.end_to_end.killing import Story
from integrations_platform_tests.end_to_end.random_kills import kill_at_random
from integrations_platform_tests.servers import Server


@pytest.mark.parametrize("state", STATES)
def test_killed_at_every_boundary(
    state: str, tmp_path: Path, postgres_server: Server, mysql_server: Server, profile: str
) -> None:
    """Each run of the suite tries some, more of them with the state in SQLite; the nightly profile, and the proof's
    part ``kill-boundaries``, try all."""
    most = 1000 if profile == "nightly" else {"sqlite": 10, "postgresql": 3}[state]
    for killed in kill_at_boundaries(tmp_path, postgres_server, mysql_server, state, spread(most)):
        assert not killed.damage, killed


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
    """The first two of the thousand that the nightly profile, and the proof's part ``kill-random``, live through."""
    kills = 1000 if profile == "nightly" else 2
    tally = kill_at_random(kills, postgres_server, mysql_server)
    assert tally.counts["kills"] == kills
    assert not tally.damaged
