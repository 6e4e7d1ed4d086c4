"""How many events a second `integrations serve` accepts, and whether each that it acknowledged is kept.

The server is a process of its own, the sender another, on the same cores: signed HubSpot events with ids of their own,
one to a request, over kept connections. Run `python -m integrations_platform_tests.benchmarks.webhooks --help`.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click

from integrations_platform.state import open_store
from integrations_platform_tests.servers import start_postgresql
from integrations_platform_tests.webhooks.senders import HubSpot, Line
from integrations_platform_tests.webhooks.served import environment, served


async def send(url: str, sender: HubSpot, connections: int, seconds: float, size: int) -> tuple[list[str], list[float]]:
    """Send for so long; the keys of acknowledged events, and how long each answer took."""
    until = time.perf_counter() + seconds
    keys: list[str] = []
    waits: list[float] = []
    number = 0

    async def one() -> None:
        nonlocal number
        async with Line.to(url) as line:
            while time.perf_counter() < until:
                first, number = number, number + size
                events = [sender.event(at) for at in range(first, first + size)]
                request = sender.request(url, events)
                began = time.perf_counter()
                if await line.ask(request) == 200:
                    waits.append(time.perf_counter() - began)
                    keys.extend(sender.key(event) for event in events)

    await asyncio.gather(*(one() for _ in range(connections)))
    return keys, waits


def cpu_seconds(pid: int) -> float:
    """What a process has used of the cores: of a busy machine it says more than events per second."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(state: str, folder: Path, connections: int, seconds: float, size: int) -> dict[str, float]:
    """One server, one stream of events."""
    with served(environment(folder, state)) as server:
        url = f"{server.url}/webhooks/hubspot"
        asyncio.run(send(url, HubSpot(offset=10**9), connections, 1.0, size))
        spent, began, mine = cpu_seconds(server.process.pid), time.perf_counter(), time.process_time()
        keys, waits = asyncio.run(send(url, HubSpot(), connections, seconds, size))
        took, mine = time.perf_counter() - began, time.process_time() - mine
        spent = cpu_seconds(server.process.pid) - spent
    store = open_store(state)
    kept = {event.event_key for event in store.inbox.events()}
    store.close()
    missing = sum(key not in kept for key in keys)
    waits.sort()
    return {
        "events_per_second": round(len(keys) / took),
        "p50_ms": round(1000 * waits[len(waits) // 2], 1),
        "p99_ms": round(1000 * waits[int(len(waits) * 0.99)], 1),
        "server_cpu_ms_per_event": round(1000 * spent / len(keys), 3),
        "sender_cpu_ms_per_event": round(1000 * mine / len(keys), 3),
        "acknowledged": len(keys),
        "acknowledged_and_missing": missing,
    }


@click.command()
@click.option("--seconds", default=8.0, show_default=True, help="How long events are sent.")
@click.option("--connections", default=32, show_default=True, help="Kept open by the sender.")
@click.option("--size", default=1, show_default=True, help="Events in one delivery.")
@click.option("--engine", type=click.Choice(["sqlite", "postgresql"]), multiple=True, default=["sqlite", "postgresql"])
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where (default: a temporary folder).")
def main(seconds: float, connections: int, size: int, engine: tuple[str, ...], folder: Path | None) -> None:
    """Measure and print one JSON document."""
    figures: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        for name in engine:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
            state = f"sqlite:///{place}/state.sqlite"
            if name == "postgresql":
                server = start_postgresql()
                stack.callback(server.stop)
                state = stack.enter_context(server.database())
            figures[name] = measure(state, place, connections, seconds, size)
    click.echo(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
