"""A database server dies during a run and comes back: the next runs make it good without anybody's help (P5, P10)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations_platform_tests.end_to_end.server_kills import (
    SETTINGS,
    Servers,
    count_boundaries,
    live_through,
    own_servers,
)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Servers that may be killed."""
    if os.environ.get("TEST_POSTGRES_URL") or os.environ.get("TEST_MYSQL_URL"):
        pytest.skip("given servers are not killed")
    with own_servers() as started:
        yield started


def test_a_server_killed_in_the_middle_of_a_run(servers: Servers, tmp_path: Path, profile: str) -> None:
    """Every run of the suite kills each holder once, at a boundary spread over the run; nightly all are tried, with
    the server back at once and with it away until the run has ended."""
    boundaries = count_boundaries(tmp_path / "undisturbed", servers)
    assert boundaries > 30
    for number, setting in enumerate(SETTINGS):
        chosen = [(at, once) for at in range(1, boundaries + 1) for once in (True, False)]
        if profile != "nightly":
            chosen = [chosen[len(chosen) * (2 * number + 3) // (2 * len(SETTINGS) + 5)]]
        for at, once in chosen:
            tally = live_through(tmp_path / f"{number}_{at}_{once}", servers, setting, at, at_once=once)
            assert tally.damaged == []
