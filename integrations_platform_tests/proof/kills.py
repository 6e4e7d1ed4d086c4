"""Real processes, real servers, real trouble: the stories of kills, run by the number, and their figures as JSON.

Owns what is run for which size and how the figures are summed; the stories themselves are those of the suite.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import click

from integrations_platform_tests.end_to_end.random_kills import Tally, kill_at_random
from integrations_platform_tests.proof.histories import commit
from integrations_platform_tests.servers import start_mysql, start_postgresql

Size = Literal["short", "nightly"]
RANDOM_KILLS: Mapping[Size, int] = {"short": 20, "nightly": 1000}


def random_kills(size: Size, tell: Callable[[str], None]) -> Tally:
    """kill -9 of the run at random times."""
    postgresql = start_postgresql()
    try:
        mysql = start_mysql()
        try:
            return kill_at_random(RANDOM_KILLS[size], postgresql, mysql, tell)
        finally:
            mysql.stop()
    finally:
        postgresql.stop()


STAGES: Mapping[str, Callable[[Size, Callable[[str], None]], Tally]] = {
    "random_kills": random_kills,
}


def run(size: Size, tell: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Run every stage; the part of the proof that it is. ``tell`` hears of progress, a line at a time."""
    begun = time.monotonic()
    figures: dict[str, Any] = {"size": size}
    total = Counter({"lost": 0, "duplicated": 0, "spurious_conflicts": 0, "manual_steps": 0})
    damaged: list[str] = []
    for name, stage in STAGES.items():
        started = time.monotonic()
        tally = stage(size, lambda line, name=name: tell(f"{name}: {line}"))  # type: ignore[misc]
        figures[name] = {**sorted_counts(tally.counts), "seconds": round(time.monotonic() - started, 1)}
        total.update({figure: tally.counts[figure] for figure in total})
        damaged += [f"{name}: {said}" for said in tally.damaged]
    figures |= {**total, "damaged": damaged}
    return {"part": "kills", "commit": commit(), "seconds": round(time.monotonic() - begun, 1), "figures": figures}


def sorted_counts(counts: Counter[str]) -> dict[str, int]:
    """Counts by name."""
    return dict(sorted(counts.items()))


@click.command()
@click.option("--nightly", is_flag=True, help="1,000 kills at random times, and every boundary of every story.")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="Folder for kills.json.")
def kills(*, nightly: bool, into: Path | None) -> None:
    """Kill runs and servers, cut the network and fill disks; exit code 1 if anything was lost, doubled or contested."""
    part = run("nightly" if nightly else "short", lambda line: click.echo(line, err=True))
    text = json.dumps(part, indent=2)
    if into is not None:
        into.mkdir(parents=True, exist_ok=True)
        (into / "kills.json").write_text(text + "\n", encoding="utf-8")
    click.echo(text)
    if part["figures"]["damaged"]:
        raise SystemExit(1)
