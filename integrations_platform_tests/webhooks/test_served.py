"""`integrations serve` as a process: it ends in words, and however it ends, what it acknowledged is kept."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from integrations_platform.cli import cli
from integrations_platform.state import open_store
from integrations_platform.state.inbox import EventState, WakeState
from integrations_platform_tests.webhooks.senders import HubSpot, Line
from integrations_platform_tests.webhooks.served import environment, served

CRM = HubSpot()


async def _send(url: str, numbers: list[int], connections: int, note: Callable[[int], object]) -> None:
    """Send events of those numbers; each that is acknowledged is noted, and a line that breaks sends no more."""
    waiting = list(reversed(numbers))

    async def one() -> None:
        async with Line.to(url) as line:
            while waiting:
                number = waiting.pop()
                if await line.ask(CRM.request(url, [CRM.event(number)])) == 200:
                    note(number)

    await asyncio.gather(*(one() for _ in range(connections)), return_exceptions=True)


def test_what_a_killed_receiver_acknowledged_is_kept(state_url: str, tmp_path: Path) -> None:
    """kill -9 in the middle of many connections; then another one goes on with what was not acknowledged."""
    acknowledged: list[int] = []
    numbers = list(range(600))
    env = environment(tmp_path, state_url)

    with served(env) as server:

        def note(number: int) -> None:
            acknowledged.append(number)
            if len(acknowledged) == 120:
                os.kill(server.process.pid, signal.SIGKILL)

        asyncio.run(_send(f"{server.url}/webhooks/hubspot", numbers, 16, note))
        assert server.process.wait(20) == -signal.SIGKILL
    assert 120 <= len(acknowledged) < 600, "it died in the middle"
    store = open_store(state_url)
    kept = {event.event_key for event in store.inbox.events()}
    assert {CRM.key(CRM.event(number)) for number in acknowledged} <= kept
    with served(env) as server:
        left = sorted(set(numbers) - set(acknowledged))
        asyncio.run(_send(f"{server.url}/webhooks/hubspot", left, 16, acknowledged.append))
    assert sorted(acknowledged) == numbers
    assert len(store.inbox.events()) == 600, "what was kept and not acknowledged came again, and is one event"
    store.close()


@pytest.mark.parametrize(
    "events", [800, pytest.param(10_000, marks=pytest.mark.nightly)], ids=["short", "ten thousand"]
)
def test_a_burst_with_duplicates_is_whole_and_wakes_once(sqlite_state: str, tmp_path: Path, events: int) -> None:
    distinct = events * 8 // 10
    numbers = [*range(distinct), *(number % distinct for number in range(events - distinct))]
    random.Random(7).shuffle(numbers)
    acknowledged: list[int] = []
    with served(environment(tmp_path, sqlite_state)) as server:
        asyncio.run(_send(f"{server.url}/webhooks/hubspot", numbers, 32, acknowledged.append))
        server.process.send_signal(signal.SIGTERM)
        out, err = server.process.communicate(timeout=30)
    assert (server.process.returncode, err) == (0, "")
    assert "every event that was acknowledged is kept" in out
    assert len(acknowledged) == events
    store = open_store(sqlite_state)
    kept = {event.event_key: event.duplicates for event in store.inbox.events()}
    sent = Counter(CRM.key(CRM.event(number)) for number in numbers)
    assert kept == {key: times - 1 for key, times in sent.items()}
    store.inbox.claim(lambda _source, _subject: ["sync:people"], lambda: "w")
    assert [(row.state, row.events) for row in store.inbox.wake_ups()] == [(WakeState.WAITING, distinct)]
    assert {event.state for event in store.inbox.events()} == {EventState.WOKE}
    store.close()


def test_it_says_what_is_open_and_what_would_open_the_rest(tmp_path: Path, sqlite_state: str) -> None:
    file = tmp_path / "env.yaml"
    file.write_text(
        f"systems: {{}}\nstate: {{url: '{sqlite_state}'}}\nwebhooks:\n  sources:\n"
        "    hubspot: {scheme: hubspot, secret: '${HS_SECRET:-}'}\n"
        "    airbyte: {scheme: airbyte, secret: '${AB_SECRET:-}'}\n",
        encoding="utf-8",
    )
    with served(file, AB_SECRET="pssst") as server:
        assert any("/webhooks/airbyte/<secret>  open" in line for line in server.said)
        assert any("/webhooks/hubspot  shut: set HS_SECRET" in line for line in server.said)
        assert "pssst" not in "".join(server.said)
        assert httpx.post(f"{server.url}/webhooks/hubspot", content=b"[]").status_code == 404
        assert httpx.post(f"{server.url}/webhooks/airbyte/pssst", json={"text": "hi"}).json() == {"accepted": 1}
        assert httpx.get(f"{server.url}/ready").json() == {"status": "ready"}
        server.process.send_signal(signal.SIGINT)
        _, err = server.process.communicate(timeout=30)
    assert server.process.returncode == 0
    assert "pssst" not in err


def test_a_port_in_use_is_said(sqlite_state: str, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        env = environment(tmp_path, sqlite_state)
        result = CliRunner().invoke(cli, ["--env-file", str(env), "serve", "--port", str(port)])
    assert result.exit_code == 2
    assert f"127.0.0.1:{port} cannot be listened on" in result.output
    assert "give another --host or --port" in result.output
