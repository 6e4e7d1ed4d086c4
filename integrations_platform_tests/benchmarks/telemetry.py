"""What watching costs: spans while nobody watches, lines of the log nobody wants, and a scrape of a large state.

A sync of that many records is run for real, and its spans are counted; what one costs is measured by itself, because in
the time of a whole run it drowns. Times are those of this process on a core: on a busy machine they say more than a
clock. Run `python -m integrations_platform_tests.benchmarks.telemetry --help`.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from timeit import timeit

import click
import sqlalchemy as sa
from prometheus_client import generate_latest

from integrations_platform.state import open_store, tables
from integrations_platform.state.database import Database
from integrations_platform.telemetry.json_logs import JsonFormatter
from integrations_platform.telemetry.metrics import Declared, registry_of
from integrations_platform.unified_sync.watching import Fact, Span, span, unwatched, watch
from integrations_platform_tests.end_to_end.arrange import PEOPLE, SYNC, Base, World
from integrations_platform_tests.servers import start_postgresql

SYNCS, RUNS = 50, 100_000  # that have run, and how often in all: a year of a run every four hours and more
ROUNDS = 20


class Counted:
    """A watcher that does nothing but count."""

    def __init__(self) -> None:
        self.spans = 0

    @contextmanager
    def __call__(self, name: str, facts: Mapping[str, Fact]) -> Iterator[Span]:
        self.spans += 1
        with unwatched(name, facts) as opened:
            yield opened


def synced(folder: Path, records: int, state: str) -> tuple[int, float]:
    """Spans and seconds of a first sync of so many people, every one of whom is created on the other side."""
    office, shop = (Base.at("sqlite", f"sqlite:///{folder}/{name}.sqlite") for name in ("office", "shop"))
    for base in (office, shop):
        base.run(PEOPLE["sqlite"])
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {records}) "
    office.run(f"INSERT INTO person (email, name) {numbers} SELECT 'p' || i || '@example.org', 'Person ' || i FROM n")
    world, counted = World(folder, office, shop, state, SYNC), Counted()
    watch(counted)
    began = time.process_time()
    try:
        report = world.run()
    finally:
        watch(unwatched)
    assert report.written == records, report.to_data()
    return counted.spans, time.process_time() - began


def aged(state: str) -> None:
    """Give the state a long past: many syncs with many runs each."""
    database = Database(state)
    pairs = [f"sync_{number:02}" for number in range(SYNCS)]
    runs = [
        {"pair": pairs[number % SYNCS], "run_id": f"r{number}", "sequence": number, "dry_run": False, "settled": True,
         "started_at": "2026-03-01T12:00:00.000000+00:00", "finished_at": "2026-03-01T12:00:01.000000+00:00",
         "status": "succeeded", "trigger": "cli", "counts": "{}", "message": ""}
        for number in range(RUNS)
    ]  # fmt: skip
    with database.write() as connection:
        head = {"spec_digest": "", "opened_at": "", "audit_number": 0, "audit_hash": ""}
        connection.execute(sa.insert(tables.pair), [head | {"pair": pair} for pair in pairs])
        connection.execute(sa.insert(tables.run), runs)
        labels = [{"sync": pair, "outcome": outcome} for pair in pairs for outcome in ("succeeded", "partial")]
        rows = [{"name": "sync_runs", "labels": json.dumps(each, sort_keys=True), "value": 1.0} for each in labels]
        connection.execute(sa.insert(tables.metric), rows)
    database.close()


def scraped(state: str) -> tuple[float, int]:
    """Milliseconds of a scrape here (without what a server of PostgreSQL does), and the bytes it brings."""
    store = open_store(state)
    registry = registry_of(store.standings, Declared())
    size = len(generate_latest(registry))
    seconds = timeit(lambda: generate_latest(registry), number=ROUNDS, timer=time.process_time)
    store.close()
    return 1000 * seconds / ROUNDS, size


def nanoseconds(action: Callable[[], object], number: int = 200_000) -> float:
    """Of one call, the best of five rounds."""
    return 1e9 * min(timeit(action, number=number, timer=time.process_time) / number for _ in range(5))


def unseen() -> None:
    """A span nobody watches, as a call of the engine opens one."""
    with span("call", {"system": "office", "call": "write", "attempt": 1}):
        pass


@click.command()
@click.option("--records", default=100_000, show_default=True)
@click.option("--postgresql", is_flag=True, help="Keep the state in PostgreSQL, not in a file.")
def main(records: int, postgresql: bool) -> None:
    """Measure, and print."""
    logger = logging.getLogger("integrations_platform.unified_sync")
    logger.setLevel(logging.WARNING)
    line = logging.LogRecord(logger.name, logging.INFO, "f", 1, "write rejected (%s)", ("422",), None)
    line.record, line.system = "1234", "shop"
    form = JsonFormatter()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        state = f"sqlite:///{folder}/state.sqlite"
        if postgresql:
            server = start_postgresql()
            stack.callback(server.stop)
            state = stack.enter_context(server.database())
        spans, seconds = synced(folder, records, state)
        one = nanoseconds(unseen)
        click.echo(f"a first sync of {records:,} records: {seconds:.1f} s, {spans:,} spans")
        share = one * spans / 1e9 / seconds
        click.echo(f"a span nobody watches: {one:.0f} ns, {one * spans / 1e6:.3f} ms a run, {share:.6%} of it")
        click.echo(f"a line nobody wants: {nanoseconds(lambda: logger.info('x')):.0f} ns")
        click.echo(f"a line of JSON: {nanoseconds(lambda: form.format(line), 5_000) / 1000:.0f} µs")
        fresh, _ = scraped(state)
        aged(state)
        old, size = scraped(state)
        click.echo(f"a scrape with {records:,} links: {fresh:.1f} ms")
        click.echo(f"with {SYNCS} more syncs and {RUNS:,} runs in the past: {old:.1f} ms, {size:,} bytes")


if __name__ == "__main__":
    main()
