"""A place to measure in: fresh databases of a server of its own, the floor, the run, the comparison of every row."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import psycopg

from integrations_platform_tests.benchmarks.speed import data
from integrations_platform_tests.benchmarks.speed.figures import Figure, Round, figure
from integrations_platform_tests.benchmarks.speed.measuring import Cost, measure
from integrations_platform_tests.benchmarks.speed.servers import PostgreSQL
from integrations_platform_tests.benchmarks.speed.tools import Job, Ours, Tool

_TRIAL = 50  # the share of the rows that a trial has, by which it is told whether all can be synced in time

Tell = Callable[[str], None]


@dataclass
class Bench:
    """Servers, and how much is asked of them. ``limit``: seconds that a run of ours may take on the clock."""

    postgresql: PostgreSQL
    rows: int
    repetitions: int
    limit: float
    tell: Tell
    keep: Callable[[list[Figure]], None]
    rounds: dict[tuple[str, str, int], list[Round]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def figures(self) -> list[Figure]:
        """Of everything that was run so far."""
        return [figure(case, tool, rows, rounds) for (case, tool, rows), rounds in self.rounds.items()]

    def filled(self, rows: int) -> str:
        """The name of a database with so many customers, to copy from; made once."""
        name = f"customers_{rows}"
        if not self._has(name):
            self.postgresql.fresh(name)
            self.postgresql.run(name, data.TABLE, data.INDEX, data.rows(1, rows))
            self.postgresql.settle(name)
        return name

    def _has(self, name: str) -> bool:
        with psycopg.connect(self.postgresql.place("postgres")) as connection:
            return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None

    def floor(self, source: str) -> Cost:
        """The fastest copy of the customers there are: PostgreSQL's binary format from one psql to another."""
        target = self.postgresql.fresh("floor")
        self.postgresql.run("floor", data.TABLE)
        self.postgresql.settle()
        psql = f"'{self.postgresql.psql}' -qd"
        copied = (
            f"{psql} '{self.postgresql.place(source)}' -c 'COPY (SELECT * FROM customers) TO STDOUT (FORMAT binary)' | "
            f"{psql} '{target}' -c 'COPY customers FROM STDIN (FORMAT binary)'"
        )
        return measure(["sh", "-c", copied], [self.postgresql.pid])

    def step(self, case: str, tool: Tool, rows: int, job: Job, compared: Callable[[], str], *others: int) -> None:
        """Floor, run, comparison; and everything made quiet for the next."""
        floor = self.floor("source")
        command = tool.command(job)
        servers = (self.postgresql.pid, *others)
        cost = measure(command.words, servers, limit=command.limit, folder=job.folder, variables=command.variables)
        tables = "" if cost.cut_off else compared()
        over = "> " if cost.cut_off else ""
        self.note(case, tool, rows, Round(cost, floor, tables), f"{over}{cost.cpu / floor.cpu:.2f} × floor")

    def note(self, case: str, tool: Tool, rows: int, done: Round, words: str = "") -> None:
        """Keep a round, whatever comes after it, and tell."""
        self.rounds.setdefault((case, tool.name, rows), []).append(done)
        self.keep(self.figures())
        cost = done.cost
        beside = f" beside {done.floor.cpu:.2f}" if done.floor else ""
        self.tell(
            f"{case}, {tool.name}, {rows:,} rows: {words} {cost.cpu:.2f}{beside} CPU s, {cost.peak_mib:.0f} MiB, "
            f"load {cost.load:.1f} {done.tables}"
        )

    @cached_property
    def fitting(self) -> int:
        """As many rows as our first load between two PostgreSQL databases manages within the limit."""

        def load(rows: int) -> Cost:
            with self.job(rows) as job:
                return measure(Ours().command(job).words)

        return self.in_time(load)

    def in_time(self, load: Callable[[int], Cost]) -> int:
        """All rows, or a tenth, or a hundredth: as many as ``load`` manages within the limit, judged by a few."""
        trial = self.rows // _TRIAL
        if trial < 1000:
            return self.rows
        cost = load(trial)
        rows = self.rows
        while cost.wall * rows / trial > self.limit and rows > 10_000:
            rows //= 10
        if rows < self.rows:
            self.tell(
                f"{self.rows:,} rows would take about {cost.wall * _TRIAL:.0f} s, more than --limit-seconds "
                f"{self.limit:g}: {rows:,} are taken"
            )
        return rows

    @contextmanager
    def job(self, rows: int, *, makes_table: bool = False) -> Iterator[Job]:
        """Fresh databases ``source``, filled, and ``target``, with the empty table unless the tool makes it."""
        postgresql = self.postgresql
        source = postgresql.fresh("source", self.filled(rows))
        target = postgresql.fresh("target")
        if not makes_table:
            postgresql.run("target", data.TABLE)
        folder = Path(tempfile.mkdtemp(prefix="speed-"))
        try:
            yield Job(source, target, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
