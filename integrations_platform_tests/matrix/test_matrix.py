"""All twenty ordered pairs of HubSpot, QuickBooks, Google Sheets, PostgreSQL and MariaDB, a drawn history of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations_platform_tests.matrix.history import PAIRS, history, live
from integrations_platform_tests.matrix.stage import Stage, staged
from integrations_platform_tests.servers import Server


@pytest.fixture(scope="module")
def stage(postgres_server: Server, mysql_server: Server) -> Iterator[Stage]:
    """Five systems for all histories of a worker."""
    with staged({"postgresql": postgres_server, "mysql": mysql_server}) as found:
        yield found


@pytest.mark.parametrize("seed", range(len(PAIRS)), ids=[" to ".join(pair) for pair in PAIRS])
def test_whatever_happens_both_systems_come_to_agree_and_nothing_is_lost_or_doubled(stage: Stage, seed: int) -> None:
    live(stage, history(seed))
