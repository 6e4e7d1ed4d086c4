"""A settled sync with a service: how many calls it makes, and what it costs while the rate limit holds it back.

The service is the stand-in for HubSpot, in a process of its own, which enforces the vendor's limit. Its contacts are
linked to a table by a first run; then nobody changes anything, and the next run is measured. The least number of calls
is one for every hundred contacts, as many as HubSpot lists at once: whoever makes fewer has not looked.
"""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from math import ceil
from multiprocessing.connection import Connection
from pathlib import Path

from integrations_platform_tests.benchmarks.speed.bench import Tell
from integrations_platform_tests.benchmarks.speed.figures import OURS, Figure, Round, figure
from integrations_platform_tests.benchmarks.speed.measuring import measure
from integrations_platform_tests.benchmarks.speed.project import Project, report

SERVICE = "settled run over an API"
PAGE, A_SECOND = 100, 10  # records that HubSpot lists in a call, calls that it takes in a second
_SYNC = """\
name: customers
source: {system: source, object: contacts}
target: {system: target, object: contact}
direction: source_to_target
fields:
  email:     {source: email,     target: email,      type: text, required: false}
  firstname: {source: firstname, target: first_name, type: text, required: false}
  lastname:  {source: lastname,  target: last_name,  type: text, required: false}
  city:      {source: city,      target: city,       type: text, required: false}
"""


def service(records: int, tell: Tell) -> Figure:
    """One settled run. Raises AssertionError when it is not settled."""
    folder = Path(tempfile.mkdtemp(prefix="speed-"))
    try:
        with closing(sqlite3.connect(folder / "table.sqlite")) as table:
            table.execute(
                "CREATE TABLE contact (id integer PRIMARY KEY, email text, first_name text, last_name text, city text)"
            )
        with _hubspot(records) as (url, calls):
            systems = {
                "source": f"{{kind: hubspot, token: '${{SPEED_NOT_SET}}', sandbox: '{url}'}}",
                "target": f"{{kind: sqlite, path: '{folder / 'table.sqlite'}'}}",
            }
            project = Project.of(folder / "project", systems, _SYNC)
            first = measure(project.run)
            linked = report(first.said)["counts"]["created_b"]
            tell(f"{SERVICE}: {linked:,} contacts linked in {first.wall:.0f} s, {first.client:.0f} CPU s")
            before = calls()
            cost = measure(project.run)
            made = calls() - before
        counts = report(cost.said)["counts"]
        assert (linked, counts["settled"]) == (records, records), counts
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    least = ceil(records / PAGE)
    share = cost.client * A_SECOND / made  # of the time the limit asks for: a busy machine takes longer, and looks idle
    tell(f"{SERVICE}: {made:,} calls, {made / least:.3f} × the least, {share:.1%} of a core, {cost.wall:.0f} s")
    return figure(
        SERVICE, OURS, records, [Round(cost)], calls=made, times_the_least=made / least, share_of_a_core=share
    )


@contextmanager
def _hubspot(records: int) -> Iterator[tuple[str, Callable[[], int]]]:
    """Where it serves, and how to ask it for the number of calls so far."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, records), daemon=True)
    server.start()

    def calls() -> int:
        here.send("count")
        return int(here.recv())

    try:
        yield here.recv(), calls
    finally:
        here.send("end")
        server.join(10)


def _serve(orders: Connection, records: int) -> None:
    from integrations_platform.sandbox.hubspot import HubSpot
    from integrations_platform.sandbox.server import SandboxServer

    vendor = HubSpot(seed=1)
    vendor.populate(records)
    with SandboxServer(vendor) as server:
        orders.send(server.url("hubspot"))
        while orders.recv() == "count":
            orders.send(len(vendor.calls))
