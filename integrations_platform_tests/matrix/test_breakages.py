"""The matrix notices a connector that breaks a promise: a suite that has never caught one proves nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations_platform.unified_sync.spec import Strategy
from integrations_platform_tests.matrix.breakages import BREAKAGES, Breakage
from integrations_platform_tests.matrix.history import History, live
from integrations_platform_tests.matrix.stage import Stage, staged
from integrations_platform_tests.servers import Server


@pytest.fixture(scope="module")
def stage(postgres_server: Server, mysql_server: Server) -> Iterator[Stage]:
    """Five systems for all histories of a worker."""
    with staged({"postgresql": postgres_server, "mysql": mysql_server}) as found:
        yield found


def _noticed(stage: Stage, breakage: Breakage) -> bool:
    strategies = list(Strategy)
    for number in sorted(range(breakage.within), key=lambda number: number != breakage.noticed_by):
        turn, place = divmod(number, len(breakage.pairs))
        try:
            live(stage, History(breakage.pairs[place], turn, strategies[number % len(strategies)]))
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda each: each.name.replace(" ", "-"))
def test_a_connector_that_breaks_its_promise_is_noticed(stage: Stage, breakage: Breakage) -> None:
    with breakage():
        assert _noticed(stage, breakage), f"{breakage.name} went by unseen in {breakage.within} histories"
