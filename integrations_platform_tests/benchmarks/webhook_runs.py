"""How long it takes from an event to the start of its run, and how many runs a burst starts, with a real Dagster.

Run `python -m integrations_platform_tests.benchmarks.webhook_runs --help`.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import click

from integrations_platform.defs.webhooks import INTERVAL_SECONDS
from integrations_platform.state import open_store
from integrations_platform.state.inbox import EventState, WakeUp
from integrations_platform_tests.benchmarks.webhooks import send
from integrations_platform_tests.webhooks.daemon import Orchestra
from integrations_platform_tests.webhooks.senders import HubSpot, Line
from integrations_platform_tests.webhooks.served import served

PATIENCE_SECONDS = 180


def one_event(url: str, number: int) -> float:
    """Send one event; when it was acknowledged, in Unix time."""

    async def ask() -> int:
        async with Line.to(url) as line:
            return await line.ask(HubSpot().request(url, [HubSpot().event(number)]))

    status = asyncio.run(ask())
    if status != 200:
        raise click.ClickException(f"the event was answered {status}")
    return time.time()


def settled(orchestra: Orchestra, runs: int) -> None:
    """Until so many runs have begun and all that were woken have ended."""
    until = time.monotonic() + PATIENCE_SECONDS
    while len(orchestra.starts()) < runs or not all(run.is_finished for run in orchestra.runs()):
        if time.monotonic() > until:
            raise click.ClickException(f"{len(orchestra.starts())} of {runs} runs began within {PATIENCE_SECONDS} s")
        time.sleep(0.2)


def quiet(orchestra: Orchestra) -> Sequence[WakeUp]:
    """Until no event waits and no wake-up has a run to come; all wake-ups."""
    until = time.monotonic() + PATIENCE_SECONDS
    store = open_store(orchestra.state_url)
    try:
        while store.inbox.events(state=EventState.WAITING, limit=1) or store.inbox.wake_ups(limit=1):
            if time.monotonic() > until:
                raise click.ClickException(f"events still wait after {PATIENCE_SECONDS} s: {store.inbox.wake_ups()}")
            time.sleep(0.5)
        return store.inbox.wake_ups(ended=True)
    finally:
        store.close()


@click.command()
@click.option("--events", default=5, show_default=True, help="Events whose runs are timed, one after another.")
@click.option("--burst", default=8.0, show_default=True, help="Seconds for which events are sent without a pause.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where (default: a temporary folder).")
def main(events: int, burst: float, folder: Path | None) -> None:
    """Measure and print one JSON document."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        orchestra = Orchestra(Path(place))
        orchestra.prepare()
        with served(orchestra.env_file) as server, orchestra.daemon():
            url = f"{server.url}/webhooks/hubspot"
            one_event(url, 0)  # the daemon and its code server are up once this one has run
            settled(orchestra, 1)
            waits = []
            for number in range(1, events + 1):
                sent = one_event(url, number)
                settled(orchestra, number + 1)
                waits.append(orchestra.starts()[-1] - sent)
            before = len(orchestra.runs())
            keys, _ = asyncio.run(send(url, HubSpot(offset=10**6), 16, burst, 1))
            ended = quiet(orchestra)
            figures = {
                "sensor_interval_seconds": INTERVAL_SECONDS,
                "event_to_run_start_median_seconds": round(median(waits), 1),
                "event_to_run_start_longest_seconds": round(max(waits), 1),
                "burst_events": len(keys),
                "burst_runs": len(orchestra.runs()) - before,
                "events_of_ended_wake_ups": sum(row.events for row in ended),
                "events_sent": len(keys) + events + 1,
            }
    click.echo(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
