"""What following many running syncs costs: CPU of the process that follows them, calls, and calls under way together.

    python -m integrations_platform_tests.benchmarks.airbyte --syncs 50 --seconds 120

The server is the stand-in in a process of its own, which holds back every answer for a while, as a busy one does. The
syncs run already and are followed by one thread each, at the real intervals. The first minute, in which looks still
come every few seconds, is shown by itself. The CPU must stay under 1 % of one core and the calls under way together
under the five threads that an Airbyte server answers its API from.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from integrations_platform.airbyte.authentication import Application
from integrations_platform.airbyte.running import SyncRun
from integrations_platform.airbyte.server import Airbyte
from integrations_platform.sandbox.airbyte import Airbyte as StandIn
from integrations_platform.sandbox.airbyte.app import CLIENT_ID, CLIENT_SECRET
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.server import SandboxServer

MOST_CPU, ROOM = 0.01, 5
HELD_BACK = 0.05
DAYS = 7 * 86_400


def main() -> int:
    """Measure, print one JSON document, and say by the exit code whether the bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--syncs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to follow them")
    asked = parser.parse_args()
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=_serve, args=(there, asked.syncs), daemon=True)
    server.start()
    try:
        url, connections = here.recv()
        measured = _follow(url, connections, asked.seconds, here)
    finally:
        here.send("end")
        server.join(10)
    held = measured["all"]["cpu_share"] < MOST_CPU and measured["all"]["most_at_once"] < ROOM
    sys.stdout.write(json.dumps({"syncs": asked.syncs, **measured, "held": held}, indent=1) + "\n")
    return 0 if held else 1


def _follow(url: str, connections: list[str], seconds: float, server: Connection) -> dict[str, Any]:
    """Follow a running sync of each connection from a thread of its own."""
    airbyte = Airbyte(url, Application(CLIENT_ID, CLIENT_SECRET))
    airbyte.health()  # what is imported once is not the cost of following
    wall, cpu = time.perf_counter(), time.process_time()
    for each in connections:
        threading.Thread(target=SyncRun(airbyte, each).report, daemon=True).start()
    marks = [(wall, cpu, _counted(server))]
    for until in (min(60.0, seconds / 2), seconds):
        time.sleep(max(0.0, wall + until - time.perf_counter()))  # the real time is what is measured
        marks.append((time.perf_counter(), time.process_time(), _counted(server)))
    if threading.active_count() <= len(connections):
        raise SystemExit("some syncs are not followed any more")
    (start, middle, end) = marks
    return {"first": _share(start, middle), "later": _share(middle, end), "all": _share(start, end)}


def _share(before: tuple[float, float, Any], after: tuple[float, float, Any]) -> dict[str, Any]:
    seconds, calls = after[0] - before[0], {
        name: count - before[2]["calls"].get(name, 0) for name, count in after[2]["calls"].items()
    }  # fmt: skip
    return {
        "seconds": round(seconds, 1), "cpu_seconds": round(after[1] - before[1], 3),
        "cpu_share": round((after[1] - before[1]) / seconds, 5), "calls": {k: v for k, v in calls.items() if v},
        "calls_per_second": round(sum(calls.values()) / seconds, 2), "most_at_once": after[2]["most_at_once"],
    }  # fmt: skip


def _counted(server: Connection) -> dict[str, Any]:
    server.send("count")
    found: dict[str, Any] = server.recv()
    return found


class _Counting:
    """Counts requests that are under way together."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._now, self.most = app, 0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await self._app(scope, receive, send)
        finally:
            self._now -= 1


def _serve(orders: Connection, syncs: int) -> None:
    """A stand-in with that many connections, each with a sync that runs for days."""
    vendor = StandIn(validate=False)
    counting = _Counting(vendor.app)
    vendor.__dict__["app"] = counting
    names = [f"connection_{number:02}" for number in range(syncs)]
    connections = [vendor.person({"do": "connection", "name": name, "streams": ["orders"]})["connection"]
                   for name in names]  # fmt: skip
    for name in names:
        vendor.person({"do": "job", "connection": name, "seconds": DAYS, "age_seconds": 3600})
    vendor.faults.add(Fault(FaultKind.SLOW, seconds=HELD_BACK, times=None))
    with SandboxServer(vendor) as server:
        orders.send((server.url("airbyte"), connections))
        while orders.recv() == "count":
            calls = [call.operation for call in list(vendor.calls)]
            orders.send({"calls": {name: calls.count(name) for name in set(calls)}, "most_at_once": counting.most})


if __name__ == "__main__":
    raise SystemExit(main())
