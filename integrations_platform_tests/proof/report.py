"""Runs the parts of the proof and writes down what they showed: PROOF.md holds only what this command really ran.

Every part leaves its result in a folder, so that long ones can be run one at a time, on different days or machines, and
an interrupted night goes on where it stopped. A violation does not stop the other parts, and is written down like
everything else.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from integrations_platform_tests.proof.catalogue import names, part
from integrations_platform_tests.proof.histories import commit
from integrations_platform_tests.proof.holdings import TESTS, broken
from integrations_platform_tests.proof.page import MixedCommits, page
from integrations_platform_tests.proof.part import CHOSEN, PROCESSES, Part, Result

PROOF = TESTS / "PROOF.md"
INTO = TESTS.parent / ".integrations" / "proof"
PUBLISHED = Path(__file__).with_name("results")  # what PROOF.md shows: parts of one night need not run in one


def run_part(chosen: Part, size_name: str, at: str, processes: int = PROCESSES) -> Result:
    """Run one part."""
    size = chosen.sizes[size_name]
    begun, started = time.monotonic(), datetime.now(UTC)
    shown = chosen.run(size, processes)
    return Result(
        chosen.name,
        size_name,
        size,
        at,
        started.isoformat(timespec="seconds"),
        round(time.monotonic() - begun, 1),
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        shown,
    )


def done_before(folder: Path, name: str, size_name: str, at: str) -> Result | None:
    """The result of that part at this commit and size, if it need not be run again."""
    found = Result.load(folder, name)
    same = found is not None and (found.commit, found.size_name) == (at, size_name)
    return found if same and not at.endswith("-dirty") else None


def run_parts(wanted: Sequence[str], size_name: str, into: Path, processes: int, *, again: bool) -> list[Result]:
    """Run these parts, or take over what an interrupted run had finished."""
    at, results = commit(), []
    for name in wanted:
        chosen = part(name)
        if size_name not in chosen.sizes:
            continue
        before = None if again else done_before(into, name, size_name, at)
        if before is not None:
            click.echo(f"{name}: done before, at this commit and size", err=True)
            results.append(before)
            continue
        results.append(ran(chosen, size_name, at, into, processes))
    return results


def ran(chosen: Part, size_name: str, at: str, into: Path, processes: int) -> Result:
    """Run one part, keep what it showed and say it."""
    click.echo(f"{chosen.name}: {chosen.sizes[size_name]:,} {chosen.unit}", err=True)
    result = run_part(chosen, size_name, at, processes)
    result.save(into)
    click.echo(f"{chosen.name}: {result.shown.measured} ({result.seconds:.0f} s)")
    for text in result.shown.violations:
        click.echo(f"  does not hold: {text}")
    return result


@click.command()
@click.option("--quick", "size", flag_value="quick", help="Only to see that it works: about a minute.")
@click.option("--nightly", "size", flag_value="nightly", help="The whole: the published figures, in a night.")
@click.option(
    "--part",
    "only",
    multiple=True,
    metavar="NAME",
    help="Only this part (repeat for more); nothing is written but its result.",
)
@click.option("--many", type=click.IntRange(1), help="So many of one --part's units, instead of a named size.")
@click.option("--without", multiple=True, metavar="NAME", help="All parts but this one (repeat for more).")
@click.option("--into", type=click.Path(path_type=Path), default=INTO, help="The folder of results.")
@click.option("--again", is_flag=True, help="Run parts anew that are done at this commit and size.")
@click.option("--render", is_flag=True, help="Run nothing, write the page from the folder of results.")
@click.option("--mixed", is_flag=True, help="Let the page hold results of several commits, each row naming its own.")
@click.option("--to", type=click.Path(path_type=Path), default=PROOF, help="The page that is written.")
@click.option("--processes", default=PROCESSES, show_default=True)
def report(
    size: str | None,
    only: tuple[str, ...],
    many: int | None,
    without: tuple[str, ...],
    into: Path,
    to: Path,
    processes: int,
    *,
    again: bool,
    render: bool,
    mixed: bool,
) -> None:
    """Run the proof and write PROOF.md; exit code 1 if anything did not hold."""
    if broken():
        raise click.ClickException("the table of properties names what is not there: " + "; ".join(broken()))
    unknown = sorted({*only, *without} - set(names()))
    if unknown:
        raise click.BadParameter(f"no part is called {', '.join(unknown)}; there are {', '.join(names())}")
    if many is not None and (len(only) != 1 or size is not None):
        raise click.BadParameter("--many is the size of one part: give one --part, and no named size")
    results: list[Result] = []
    if many is not None:
        chosen = part(only[0])
        chosen = replace(chosen, sizes={CHOSEN: many})
        results = [ran(chosen, CHOSEN, commit(), into, processes)]
    elif not render:
        wanted = [name for name in only or names() if name not in without]
        results = run_parts(wanted, size or "short", into, processes, again=again)
    if render or not only:
        results = [found for name in names() if (found := Result.load(into, name)) is not None]
        try:
            text = page(results, mixed=mixed)
        except MixedCommits as fault:
            raise click.ClickException(str(fault)) from fault
        to.write_text(text, encoding="utf-8")
        click.echo(f"written to {to}")
    violated = sum(len(result.shown.violations) for result in results)
    click.echo(f"{violated} violations, {sum(result.seconds for result in results):.0f} s")
    raise SystemExit(bool(violated))


if __name__ == "__main__":
    report()
