"""`python -m integrations_platform_tests.benchmarks`: how fast tables are synced, beside other tools, in one command.

Owns the choice of cases and tools, and where the results go. The folder's other measurements are commands themselves.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click

from integrations_platform_tests.benchmarks.speed import bench, figures, page, peers, plot, servers, tables
from integrations_platform_tests.benchmarks.speed.planning import planner
from integrations_platform_tests.benchmarks.speed.services import service
from integrations_platform_tests.benchmarks.speed.starting import starting
from integrations_platform_tests.benchmarks.speed.tools import Ours, Tool

ROOT = Path(__file__).parent.parent.parent
RESULTS, PLOT = Path(__file__).parent / "results.json", Path("docs") / "speed.svg"
ON_SERVERS = ("tables", "upsert", "mariadb", "growth")
CASES = (*ON_SERVERS, "planner", "service", "start")
MOST_CONTACTS = 100_000


@click.command()
@click.option("--rows", type=click.IntRange(1000), default=1_000_000, show_default=True)
@click.option(
    "--cases",
    default="all",
    show_default=True,
    help=f"Of {', '.join(CASES)}; growth (to 5 × --rows) when named.",
)
@click.option(
    "--peers", "names", default="", help=f"Tools to measure beside ours: all, or of {', '.join(peers.PEERS)}."
)
@click.option("--repetitions", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--limit-seconds", type=float, default=900, show_default=True,
    help="What one run of ours may take; where all rows would take longer, a tenth of them is taken, and said.",
)  # fmt: skip
@click.option(
    "--venvs", type=click.Path(file_okay=False, path_type=Path),
    default=Path("~/.cache/integrations-benchmarks"), show_default=True, help="Where the tools are installed.",
)  # fmt: skip
@click.option(
    "--results", "path", type=click.Path(dir_okay=False, path_type=Path), default=RESULTS,
    help="The file of figures; what is measured takes the place of what was (default: the committed one).",
)  # fmt: skip
@click.option("--to", "to", type=click.Choice(["README"]), help="Also write the tables and the plot into the README.")
def main(
    rows: int, cases: str, names: str, repetitions: int, limit_seconds: float, venvs: Path, path: Path, to: str | None
) -> None:
    """Measure, check that the tables are equal row by row, and keep the figures.

    Servers, data and tools are this command's own. CPU seconds, of the client's processes and of the database servers,
    are compared with those of `psql COPY | psql COPY` just before; time on the clock says more about the machine.
    """
    chosen = _chosen(cases, CASES, "--cases", without="growth")
    results = figures.Results.read(path)
    results.machine = figures.machine()

    def keep(measured: list[figures.Figure]) -> None:
        results.put(measured)
        results.write(path)

    if set(chosen) & set(ON_SERVERS):
        others = _installed(_chosen(names, peers.PEERS, "--peers"), venvs.expanduser(), results)
        with servers.postgresql() as server:
            results.versions["PostgreSQL"] = server.version
            at_work = bench.Bench(server, rows, repetitions, limit_seconds, click.echo, keep)
            for case in chosen:
                _on_servers(case, at_work, others, results)
            results.skipped |= at_work.failed
    if "planner" in chosen:
        keep([planner(rows, repetitions)])
    if "service" in chosen:
        keep([service(min(rows, MOST_CONTACTS), click.echo)])
    if "start" in chosen:
        keep(starting(repetitions))
    shown = page.tables(results, str(PLOT))
    if to is not None:
        (ROOT / PLOT).write_text(plot.svg(results), encoding="utf-8")
        page.put(ROOT / "README.md", shown)
    click.echo(shown)


def _on_servers(case: str, at_work: bench.Bench, others: list[Tool], results: figures.Results) -> None:
    if case == "tables":
        tables.between_postgresql(at_work, [Ours(), *others], at_work.fitting)
    elif case == "upsert":
        tables.upsert(at_work, at_work.fitting)
    elif case == "growth":
        tables.growth(at_work, [at_work.rows // 10, at_work.rows, at_work.rows * 5])
    elif case == "mariadb":
        try:
            with servers.mariadb() as other:
                results.versions["MariaDB"] = other.version
                tables.with_mariadb(at_work, other, [Ours(), *(each for each in others if each.name == "dlt")])
        except servers.Missing as fault:
            results.skipped["MariaDB"] = str(fault)
            click.echo(f"MariaDB is left out: {fault}")


def _installed(names: list[str], folder: Path, results: figures.Results) -> list[Tool]:
    """The tools that can be had; of the others it is said why not."""
    found: list[Tool] = []
    for peer in peers.peers(names, folder):
        results.skipped.pop(peer.name, None)
        click.echo(f"{peer.name}: installing what is missing in {folder}")
        try:
            peer.install()
        except servers.Missing as fault:
            results.skipped[peer.name] = str(fault)
            click.echo(f"{peer.name} is left out: {fault}")
            continue
        results.versions[peer.name] = peer.version
        found.append(peer)
    return found


def _chosen(given: str, known: tuple[str, ...], option: str, without: str = "") -> list[str]:
    if given == "all":
        return [each for each in known if each != without]
    words = [word.strip() for word in given.split(",") if word.strip()]
    for word in words:
        if word not in known:
            raise click.UsageError(f"{option}: there is no {word!r}; there is {', '.join(known)}")
    return [each for each in known if each in words]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # the servers end with it
    sys.exit(main())
