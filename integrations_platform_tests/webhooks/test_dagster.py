"""The whole way with a real Dagster daemon: a burst of ten thousand, and kill -9 of everything in its middle."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from integrations_platform.defs.running import WAKE_UP_TAG
from integrations_platform.state import open_store
from integrations_platform.state.inbox import EventState, WakeState
from integrations_platform_tests.benchmarks.webhook_runs import quiet
from integrations_platform_tests.webhooks.daemon import Orchestra, kill
from integrations_platform_tests.webhooks.senders import HubSpot, Line
from integrations_platform_tests.webhooks.served import served

CRM = HubSpot()


async def _send(url: str, numbers: list[int]) -> None:
    waiting = list(numbers)

    async def one() -> None:
        async with Line.to(url) as line:
            while waiting:
                assert await line.ask(CRM.request(url, [CRM.event(waiting.pop())])) == 200

    await asyncio.gather(*(one() for _ in range(16)))


@pytest.mark.nightly
def test_ten_thousand_events_and_a_dagster_that_is_killed_among_them(tmp_path: Path) -> None:
    """None is lost, each wake-up is one run, and there are as few runs as the deaths allow."""
    orchestra = Orchestra(tmp_path)
    orchestra.prepare()
    numbers = [*range(8_000), *range(2_000)]
    random.Random(7).shuffle(numbers)
    with served(orchestra.env_file) as server:
        url = f"{server.url}/webhooks/hubspot"
        with orchestra.daemon() as dagster:
            asyncio.run(_send(url, numbers[:5_000]))
            store = open_store(orchestra.state_url)
            while not store.inbox.wake_ups():
                dagster_is_alive = dagster.poll() is None
                assert dagster_is_alive
            kill(dagster)
        asyncio.run(_send(url, numbers[5_000:]))
        orchestra.execute("crm", "UPDATE person SET name = 'Anna'")
        asyncio.run(_send(url, [8_000]))
        with orchestra.daemon():
            ended = quiet(orchestra)
    kept = {event.event_key: (event.duplicates, event.state) for event in store.inbox.events()}
    store.close()
    assert len(kept) == 8_001
    assert sum(duplicates for duplicates, _ in kept.values()) == 2_000
    assert {state for _, state in kept.values()} == {EventState.WOKE}
    assert sum(row.events for row in ended) == 8_001
    assert {row.state for row in ended} <= {WakeState.DONE, WakeState.JOINED}
    runs = Counter(run.tags[WAKE_UP_TAG] for run in orchestra.runs())
    assert set(runs.values()) == {1}
    assert len(runs) == sum(row.state is WakeState.DONE for row in ended) <= 2
    assert orchestra.execute("shop", "SELECT full_name FROM member") == [("Anna",)]
