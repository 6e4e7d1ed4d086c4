"""What shards gain: one sync between two PostgreSQL databases, its state in a third, by one process and by several.

    python -m integrations_platform_tests.benchmarks.shards --rows 50000

Prints, for a first sync into a table that is not empty, for a change of every record and for a run without any, the
seconds, the CPU seconds of the busiest process (with a core for each, a run takes no less), those of all processes, and
their ratio to one process. Servers, data and processes are this command's own.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import click

from integrations_platform.shard_processes import Processes, work_process
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.sharding import Task
from integrations_platform.unified_sync.spec import SyncSpec
from integrations_platform_tests.end_to_end.arrange import PEOPLE, SYNC, Base, World
from integrations_platform_tests.servers import Server, start_postgresql

OPEN = "guards: {max_change_fraction: 1}\n"
FILL = """INSERT INTO person (email, name, balance)
          SELECT 'p' || n || '@example.org', 'Person ' || n, n FROM generate_series(1, :rows) n"""
STAGES = (
    ("first sync", ()),
    ("every record changed", ("UPDATE person SET name = name || '!', balance = balance + 1",)),
    ("nothing changed", ()),
)


@dataclass(frozen=True)
class Measured(Processes):
    """The crew of the platform, which writes down what each process took."""

    folder: Path

    def start(self, spec: SyncSpec, task: Task, number: int, line: Connection) -> BaseProcess:
        """As the platform does."""
        target = (self.environment, spec, tuple(self.known), task, number, line)
        process = get_context("spawn").Process(target=_work, args=(self.folder / f"cpu_{number}", *target))
        process.start()
        return process


def _work(note: Path, *target: object) -> None:
    try:
        work_process(*target)  # type: ignore[arg-type]
    finally:
        note.write_text(str(_cpu(resource.RUSAGE_SELF)), encoding="utf-8")


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


@click.command()
@click.option("--rows", type=click.IntRange(100), default=20_000, show_default=True)
@click.option("--shards", default="1,2,4", show_default=True, help="Numbers of processes, the first to compare with.")
def main(rows: int, shards: str) -> None:
    """Measure what shards gain."""
    server = start_postgresql()
    try:
        taken = {count: _lived(server, rows, count) for count in map(int, shards.split(","))}
    finally:
        server.stop()
    first = next(iter(taken.values()))
    click.echo(f"{rows:,} records; seconds, CPU seconds of the busiest process and of all, gain on the busiest")
    for number, (stage, _) in enumerate(STAGES):
        for count, figures in taken.items():
            wall, busiest, total = figures[number]
            gain = first[number][1] / busiest
            click.echo(f"{stage:22} {count} shards: {wall:7.1f} {busiest:7.1f} {total:7.1f} {gain:6.2f} x")


def _lived(server: Server, rows: int, count: int) -> list[tuple[float, float, float]]:
    with (
        server.database() as office, server.database() as shop, server.database() as state,
        tempfile.TemporaryDirectory() as folder,
    ):  # fmt: skip
        a, b = Base.at("postgresql", office), Base.at("postgresql", shop)
        for base in (a, b):
            base.run(PEOPLE["postgresql"])
        a.run(FILL, rows=rows)
        b.run(FILL, rows=10)
        world = World(Path(folder), a, b, state, SYNC + OPEN, runtime=Runtime())
        figures = []
        for _, statements in STAGES:
            for statement in statements:
                a.run(statement)
            figures.append(_measured(lambda: _run(world, count), Path(folder)))
        assert sorted(a.rows("SELECT email, name, balance FROM person")) == sorted(
            b.rows("SELECT email, name, balance FROM person")
        )
        return figures


def _measured(run: Callable[[], None], folder: Path) -> tuple[float, float, float]:
    """Seconds, CPU seconds of the busiest process and of all."""
    began, own, children = time.monotonic(), _cpu(resource.RUSAGE_SELF), _cpu(resource.RUSAGE_CHILDREN)
    run()
    own, children = _cpu(resource.RUSAGE_SELF) - own, _cpu(resource.RUSAGE_CHILDREN) - children
    each = [float(note.read_text(encoding="utf-8")) for note in folder.glob("cpu_*")]
    for note in folder.glob("cpu_*"):
        note.unlink()
    return time.monotonic() - began, max([own, *each]), own + children


def _run(world: World, count: int) -> None:
    platform = world.platform()
    try:
        spec = replace(platform.sync("people"), shards=count)
        engine = platform.engine(spec)
        engine.crew = Measured(platform.store, platform.settings.file, (), platform.runtime, world.folder)
        with platform.sides(spec) as sides:
            report = engine.run(spec, sides)
        assert report.status.value == "succeeded", report.to_data()
    finally:
        platform.close()


if __name__ == "__main__":
    main()
