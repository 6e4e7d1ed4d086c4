"""Tables of customers synced between databases: from empty, unchanged, changed on one side, changed on both.

Owns the order of things: fresh databases, the floor just before each run, the run, and the comparison of every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from integrations_platform_tests.benchmarks.speed import data
from integrations_platform_tests.benchmarks.speed.bench import Bench
from integrations_platform_tests.benchmarks.speed.equality import Hashed, difference, of_mariadb, of_postgresql
from integrations_platform_tests.benchmarks.speed.figures import OURS, Round
from integrations_platform_tests.benchmarks.speed.measuring import Cost, Failed, measure
from integrations_platform_tests.benchmarks.speed.project import Project
from integrations_platform_tests.benchmarks.speed.servers import MariaDB
from integrations_platform_tests.benchmarks.speed.tools import Job, Ours, Tool
from integrations_platform_tests.benchmarks.speed.writing import writing

LOAD, UNCHANGED, QUIET, VERIFIED, HINTED, CHURN, BOTH = (
    "initial load", "no change", "no change, second time", "no change, in full", "no change, by stamps", "1 % churn",
    "both sides changed",
)  # fmt: skip
TO_MARIADB, AGAIN_MARIADB, QUIET_MARIADB, FROM_MARIADB = (
    "PostgreSQL → MariaDB",
    "PostgreSQL → MariaDB, no change",
    "PostgreSQL → MariaDB, no change, every later run",
    "MariaDB → PostgreSQL",
)
START, UPSERT, WRITING, GROWTH = "start-up", "upsert of a tenth", "upsert of a tenth, the writing", "growth"


def compare(source: Iterator[Hashed], target: Iterator[Hashed]) -> str:
    """How two tables differ, in words."""
    return str(difference(source, target))


def between_postgresql(bench: Bench, tools: Sequence[Tool], rows: int) -> None:
    """Every tool in turn, as often as asked: load, no change twice, churn; ours also with both sides changed."""
    start_up(bench)
    for _ in range(bench.repetitions):
        for tool in tools:
            if tool.name in bench.failed:
                continue
            try:
                _one_way(bench, tool, rows)
            except Failed as fault:
                bench.failed[tool.name] = str(fault)
                bench.tell(f"{tool.name} is left out: {fault}")


def start_up(bench: Bench, rows: int = 10) -> None:
    """What a run of ours takes that has nothing to do: a settled sync of ten rows."""
    command = Ours().command
    with bench.job(rows) as job:
        for _ in range(2):
            measure(command(job).words)
        for _ in range(bench.repetitions):
            bench.note(START, Ours(), rows, Round(measure(command(job).words, [bench.postgresql.pid])))


def _one_way(bench: Bench, tool: Tool, rows: int) -> None:
    server = bench.postgresql
    with bench.job(rows, makes_table=tool.makes_table) as job:

        def compared() -> str:
            return compare(of_postgresql(job.source), of_postgresql(job.target))

        def step(case: str, *edits: tuple[str, str], by: Tool = tool) -> None:
            server.settle("source", "target")
            for database, statement in edits:
                server.run(database, statement)
            bench.step(case, by, rows, job, compared)

        step(LOAD)
        if tool.once:
            return
        step(UNCHANGED)
        if tool.name == OURS:
            step(QUIET)
            step(VERIFIED, by=Ours(options=("--full",)))
            step(HINTED, by=Ours(options=("--if-changed",)))
        step(CHURN, *(("source", statement) for statement in data.churn(rows)))
        if tool.name == OURS:
            step(BOTH, ("source", data.edits("source")), ("target", data.edits("target")))


def with_mariadb(bench: Bench, mariadb: MariaDB, tools: Sequence[Tool]) -> None:
    """PostgreSQL → MariaDB and again; by us again and again, because the first run after a load verifies what was
    written and the later ones need not, and also MariaDB → PostgreSQL."""

    def load(rows: int) -> Cost:
        with bench.job(rows) as job:
            mariadb.fresh("target")
            mariadb.run("target", data.MARIADB_TABLE)
            return measure(Ours().command(Job(job.source, mariadb.place("target"), job.folder)).words)

    rows = bench.in_time(load)
    for _ in range(bench.repetitions):
        for tool in tools:
            with bench.job(rows) as job:
                mariadb.fresh("target")
                if not tool.makes_table:
                    mariadb.run("target", data.MARIADB_TABLE)
                there = Job(job.source, mariadb.place("target"), job.folder)

                def compared(source: str = job.source) -> str:
                    return compare(of_postgresql(source), of_mariadb(mariadb, "target"))

                try:
                    for case in (TO_MARIADB, AGAIN_MARIADB, *[QUIET_MARIADB] * (tool.name == OURS)):
                        bench.step(case, tool, rows, there, compared, mariadb.pid)
                except Failed as fault:
                    bench.failed[f"{tool.name}, MariaDB"] = str(fault)
                    bench.tell(f"{tool.name} is left out: {fault}")
                    continue
            if tool.name == OURS:
                _back(bench, mariadb, rows)


def _back(bench: Bench, mariadb: MariaDB, rows: int) -> None:
    """From the MariaDB that was just filled into an empty table of PostgreSQL."""
    with bench.job(rows) as job:
        here = Job(mariadb.place("target"), job.target, job.folder)

        def compared() -> str:
            return compare(of_mariadb(mariadb, "target"), of_postgresql(job.target))

        bench.step(FROM_MARIADB, Ours(), rows, here, compared, mariadb.pid)


def upsert(bench: Bench, rows: int) -> None:
    """A tenth of the rows of a synced table new or changed, nine of ten of them changed: a whole run of ours, and of
    it the writing, against nothing but the writing by hand, which finds its rows by an index (COPY to a temporary
    table, INSERT … ON CONFLICT)."""
    server, changed = bench.postgresql, rows // 10
    merged = ", ".join(f"{name} = excluded.{name}" for name in data.COLUMNS if name != "id")
    for _ in range(bench.repetitions):
        with bench.job(rows) as job:
            for _ in range(2):  # the second one verifies what the first has loaded
                measure(Ours().command(job).words)
            server.fresh("floor", "target")
            other = Project.between(job.folder / "writing", job.source, server.fresh("written", "target"))
            server.run("source", data.rows(rows + 1, rows + changed // 10, "now()"))
            server.run("source", "UPDATE customers SET balance = balance + 1, updated_at = now() "
                                 f"WHERE id % 100 < 9 AND id <= {rows}")  # fmt: skip
            server.settle("source", "target", "floor", "written")
            psql = f"'{server.psql}' -qd"
            by_hand = (
                f"{psql} '{job.source}' -c \"COPY (SELECT * FROM customers WHERE updated_at > '2026-02-01') "
                f"TO STDOUT (FORMAT binary)\" | {psql} '{server.place('floor')}' "
                "-c 'CREATE TEMPORARY TABLE incoming (LIKE customers)' -c 'COPY incoming FROM STDIN (FORMAT binary)' "
                f"-c 'INSERT INTO customers SELECT * FROM incoming ON CONFLICT (id) DO UPDATE SET {merged}'"
            )
            floor = measure(["sh", "-c", by_hand], [server.pid])
            assert compare(of_postgresql(job.source), of_postgresql(server.place("floor"))) == "equal"
            cost = measure(Ours().command(job).words, [server.pid])
            tables = compare(of_postgresql(job.source), of_postgresql(job.target))
            alone = writing(other, server.pid, rows, changed)
            written = compare(of_postgresql(job.source), of_postgresql(server.place("written")))
        bench.note(UPSERT, Ours(), rows, Round(cost, floor, tables), f"{cost.cpu / floor.cpu:.2f} × by hand")
        bench.note(WRITING, Ours(), rows, Round(alone, floor, written), f"{alone.cpu / floor.cpu:.2f} × by hand")


def growth(bench: Bench, sizes: Sequence[int]) -> None:
    """The same load, and the same run after 1 % of churn, at several sizes."""
    for rows in sizes:
        with bench.job(rows) as job:

            def compared(job: Job = job) -> str:
                return compare(of_postgresql(job.source), of_postgresql(job.target))

            bench.step(f"{GROWTH}: {LOAD}", Ours(), rows, job, compared)
            bench.postgresql.settle("source", "target")
            for statement in data.churn(rows):
                bench.postgresql.run("source", statement)
            bench.step(f"{GROWTH}: {CHURN}", Ours(), rows, job, compared)
