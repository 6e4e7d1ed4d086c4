"""Runs the proofs and writes down what they showed: PROOF.md holds only what this command really ran.

``--quick`` is for trying the command out; without it the run takes about ten minutes of two cores; ``--nightly`` is the
whole. A stage that finds a violation does not stop the others, and the violation is written down like everything else.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from integrations_platform.unified_sync.spec import Strategy
from integrations_platform_tests.proof.histories import PROCESSES, Tally, commit, explore
from integrations_platform_tests.proof.holdings import HOLDINGS, TESTS, broken
from integrations_platform_tests.proof.planner_cases import RELEASE, Figures, run_cases
from integrations_platform_tests.simulation.history import PROFILES

PROOF = TESTS / "PROOF.md"
WHOLE = "python -m integrations_platform_tests.proof report --nightly"


@dataclass(frozen=True)
class Size:
    """How much is run: seeds per fault profile, seeds of long histories, planner cases, seeds per mutant."""

    name: str
    seeds: int
    long_seeds: int
    cases: int
    mutant_seeds: int


QUICK = Size("quick", 5, 1, 400, 0)
SHORT = Size("short", 150, 8, 6_000, 5)
NIGHTLY = Size("nightly", 10_000, 1_000, RELEASE, 30)


@dataclass
class Findings:
    """What every stage showed; None: not run."""

    size: Size
    commit: str
    begun: datetime
    histories: dict[str, Tally] = field(default_factory=dict)
    long: Tally | None = None
    planner: Figures | None = None
    mutants: dict[str, Any] | None = None
    stories: str = ""
    seconds: float = 0.0

    @property
    def violations(self) -> list[str]:
        """Everything that did not hold, in words."""
        tallies = [*self.histories.values(), *([self.long] if self.long else [])]
        found = [f"{name}: {failure.message}" for tally in tallies for name, failure in tally.failures]
        return found + (self.planner.failures if self.planner else [])

    def total(self, name: str) -> int:
        """A count over all histories, long ones included."""
        tallies = [*self.histories.values(), *([self.long] if self.long else [])]
        return sum(tally.counts[name] for tally in tallies)


def run_stages(size: Size, *, mutants: bool) -> Findings:
    """Run everything of this size."""
    begun = time.monotonic()
    found = Findings(size, commit(), datetime.now(UTC))
    for profile in PROFILES:
        click.echo(f"histories, {profile}", err=True)
        found.histories[profile] = explore(range(size.seeds), list(Strategy), [profile], 12)
    click.echo("long histories", err=True)
    found.long = explore(range(size.long_seeds), list(Strategy), ["rough"], 200)
    click.echo("planner", err=True)
    found.planner = run_cases(size.cases)
    click.echo("stories of the engine", err=True)
    found.stories = _pytest("unified_sync", "simulation/test_regressions.py")
    if mutants and size.mutant_seeds:
        click.echo("mutants", err=True)
        found.mutants = _mutants(size.mutant_seeds)
    found.seconds = time.monotonic() - begun
    return found


def _pytest(*paths: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(PROCESSES), *(str(TESTS / path) for path in paths)]
    ended = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    return re.sub(r"[=\x1b]", "", (ended.stdout.strip().splitlines() or ["no output"])[-1]).strip()


def _mutants(seeds: int) -> dict[str, Any] | None:
    module = "integrations_platform_tests.proof"
    command = [sys.executable, "-m", module, "mutants", "--json", "--seeds", str(seeds)]
    ended = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    start = ended.stdout.find("{")
    return json.loads(ended.stdout[start:]) if start >= 0 else None


def written(found: Findings) -> str:
    """PROOF.md."""
    parts = [
        (
            "# Proof of the sync's guarantees\n\nWritten by `python -m integrations_platform_tests.proof report`;"
            " every "
            "figure below is from that one run, nothing is from memory. P1–P42 are the properties the sync promises.\n"
        ),
        _circumstances(found),
        _run_table(found),
        _violations(found),
        _mutant_part(found),
        (
            "## Which test or check holds which property\n\nPaths are below `integrations_platform_tests/`. Checks in "
            "`simulation/checks.py` are applied to every simulated history above.\n\n| | property | held by |\n|-"
            "--|---|---|"
        ),
        "\n".join(f"| {name} | {words} | {text} |" for name, (words, text) in HOLDINGS.items()) + "\n",
        (
            "## Figures to reach\n\nRows that concern the engine and SQL systems.\n\n| area | figure | measured i"
            "n this run "
            "|\n|---|---|---|"
        ),
        "\n".join(f"| {area} | {wanted} | {measured} |" for area, wanted, measured in _figures(found)) + "\n",
        _weaker(),
        (
            f"## Run it again\n\nThe same: `{_command(found)}`. The whole, in a night: `{WHOLE}` "
            f"({NIGHTLY.seeds:,} histories × 4 strategies × 3 fault profiles, {NIGHTLY.long_seeds:,} × 4 long ones, "
            f"{NIGHTLY.cases:,} planner cases). One failure: `python -m integrations_platform_tests.proof histories "
            "--replay SEED:STRATEGY:FAULTS`.\n"
        ),
    ]
    return "\n".join(parts)


def _command(found: Findings) -> str:
    option = "" if found.size is SHORT else f" --{found.size.name}"
    option += "" if found.mutants else " --no-mutants"
    return f"python -m integrations_platform_tests.proof report{option}"


def _circumstances(found: Findings) -> str:
    size = found.size
    what = {
        "nightly": "the whole nightly size",
        "short": "the short size, not the nightly one",
        "quick": "the quick size, which only shows that the command works",
    }[size.name]
    return (
        f"- when: {found.begun:%Y-%m-%d %H:%M} UTC, {found.seconds:.0f} s in all\n"
        f"- commit: `{found.commit}`\n"
        f"- machine: {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}\n"
        f"- what was run: {what}: seeds 0–{size.seeds - 1} of each fault profile under all four strategies, 12 events "
        f"each; seeds 0–{size.long_seeds - 1} with 200 events under all four; {size.cases:,} planner cases; "
        f"{f'mutants with {size.mutant_seeds} seeds each' if found.mutants else 'no mutants'}\n"
    )


def _run_table(found: Findings) -> str:
    lines = [
        "## What was lived through\n",
        (
            "| | histories | events | runs | crashes | second workers | answers lost | lying answers | states lost | "
            "violations | seconds |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
        ),
    ]
    rows = {f"faults {name}": tally for name, tally in found.histories.items()}
    if found.long is not None:
        rows["long, faults rough"] = found.long
    for name, tally in rows.items():
        counts = [
            tally.counts[key]
            for key in ("runs", "crashes", "second workers", "answers lost", "lies told", "states lost")
        ]
        cells = [tally.histories, tally.events, *counts, len(tally.failures), round(tally.seconds)]
        lines.append(f"| {name} | " + " | ".join(f"{cell:,}" for cell in cells) + " |")
    if found.planner is not None:
        done, rate = found.planner.counts["cases"], found.planner.counts["cases"] / max(found.planner.seconds, 0.001)
        lines.append(
            f"\nPlanner alone: {done:,} cases ({rate:.0f}/s, each planned and settled twice in different order and "
            f"batches), {len(found.planner.failures)} violations, {found.planner.seconds:.0f} s.\n"
        )
    lines.append(f"Stories of the engine (`unified_sync/`, `simulation/test_regressions.py`): {found.stories}.\n")
    return "\n".join(lines)


def _violations(found: Findings) -> str:
    if not found.violations:
        return "No property was violated.\n"
    return "**Violated:**\n\n" + "\n".join(f"- {text}" for text in found.violations) + "\n"


def _mutant_part(found: Findings) -> str:
    if found.mutants is None:
        return "## Mutants\n\nNot run. By themselves: `python -m integrations_platform_tests.proof mutants`.\n"
    told = found.mutants
    kills = ", ".join(f"{name} {count}" for name, count in sorted(told["kills"].items(), key=_by_number))
    return (
        f"## Mutants\n\n{len(told['mutants'])} engines broken on purpose: {told['killed']} noticed, survivors: "
        f"{', '.join(told['survivors']) or 'none'}; {told['seconds']:.0f} s.\nNoticed by: {kills}.\n"
    )


def _by_number(item: tuple[str, int]) -> tuple[int, str]:
    name = item[0]
    return (int(name[1:]), "") if name[:1] in "PB" and name[1:].isdigit() else (99, name)


def _figures(found: Findings) -> list[tuple[str, str, str]]:
    lived = sum(tally.histories for tally in found.histories.values())
    failed = sum(len(tally.failures) for tally in found.histories.values())
    cases = found.planner.counts["cases"] if found.planner else 0
    rate = cases / found.planner.seconds if found.planner else 0.0
    long = found.long or Tally()
    mutants = (
        f"{found.mutants['killed']} of {len(found.mutants['mutants'])} killed; mutation tool: not measured"
        if found.mutants
        else "not measured"
    )
    in_all = lived + long.histories
    seconds = sum(tally.seconds for tally in found.histories.values())
    return [
        (
            "Random histories",
            "10,000 × 4 × 3, 0 violations; 500 × 4 per commit in < 90 s; 1,000,000 planner cases",
            (f"{found.size.seeds:,} × 4 × 3: {failed} violations, {lived / max(seconds, 0.001):.0f} histories/s on "
            f"{PROCESSES} processes; {cases:,} planner cases"),
        ),
        (
            "Long histories",
            "1,000 × 200 events × 4, 0 violations",
            f"{found.size.long_seeds:,} × 200 × 4: {len(long.failures)} violations",
        ),
        ("Systems matrix", "all pairs, real SQL engines", "not measured here: `connectors/`, `end_to_end/`"),
        ("kill -9", "every boundary, 1,000 random", "not measured here: `end_to_end/test_kill.py`"),
        ("Lost responses", "30 %: 0 duplicates", f"{found.total('answers lost'):,} lost, P10 checked after every run"),
        (
            "Batch of 100, k bad",
            "k quarantined, calls bounded",
            "`unified_sync/test_batches.py`, among the stories above",
        ),
        (
            "Silent lies",
            "each detected, 0 wrong bases",
            f"{found.total('lies told'):,} answers empty, incomplete, doubled or contradictory, P12 checked",
        ),
        ("Guards", "0 writes above limits; 10,000 cases", "not measured; `unified_sync/test_guards.py`"),
        (
            "Dry run",
            "op set = run in 10,000 cases",
            (f"{found.total('dry runs'):,} dry runs checked to change nothing; the run after the last one of each "
            f"history did what it said ({in_all:,}, less those with an interrupted write to recover first)"),
        ),
        (
            "Order independence",
            "50 permutations × 3 batch sizes × 1,000 states",
            f"{cases:,} cases, each in two orders and batch sizes; a second end would be a violation above",
        ),
        (
            "latest",
            "skew ±5 min, equal, missing, future: 0 wrong winners, symmetric",
            (f"{found.total('latest decided'):,} decisions by proof checked against true times; "
            f"{found.total('mirrored'):,} histories mirrored"),
        ),
        ("Manual", "1,000 conflicts raced with edits", "raced in every history (P21, P22); not counted separately"),
        (
            "First sync, state loss",
            "100k × 100k; 0 duplicates, 0 deletes",
            f"100k × 100k: not measured; {found.total('states lost'):,} states lost, P29 checked",
        ),
        ("Types", "≥ 10,000 values per type and pair", "not measured here: `end_to_end/test_full_circle.py`"),
        ("Mutation score", "≥ 40 mutants, 100 %; tool ≥ 90 %", mutants),
        ("Soak", "24 h", "not measured"),
        (
            "Throughput",
            "100k no-op ≤ 60 s; planner ≥ 50k field decisions/s",
            f"not measured; {rate:.0f} planner cases/s with every check, both lives and the granting of writes",
        ),
        ("Audit", "chain verified; losers restorable", (f"chain verified in {in_all:,} histories; "
         f"{found.total('restores'):,} values restored by people")),
        ("Replay of failures", "seed + commit; ≤ 10 events", "`histories --replay`; shrinking is part of the command"),
    ]  # fmt: skip


def _weaker() -> str:
    return (
        "## What is weaker, and where\n\nOn a side without compare-and-set a write may meet an edit made sinc"
        "e the plan. "
        "For records written in that window the simulation does not claim P3, P9, P21 and P22 (it counts the windows); "
        "all else is checked there too. SQL sides have compare-and-set. Clocks may be skewed by up to five mi"
        "nutes, but "
        "their reading is wrong by no more than the uncertainty it declares.\n"
    )


@click.command()
@click.option("--quick", "size", flag_value="quick", help="Only to see that it works.")
@click.option("--nightly", "size", flag_value="nightly", help="The whole.")
@click.option("--no-mutants", is_flag=True, help="Leave the mutants out.")
@click.option("--to", type=click.Path(path_type=Path), default=PROOF, help="The file that is written.")
def report(size: str | None, *, no_mutants: bool, to: Path) -> None:
    """Run the proofs and write PROOF.md; exit code 1 if anything was violated or survived."""
    if broken():
        raise click.ClickException("the table of properties names what is not there: " + "; ".join(broken()))
    sizes = {item.name: item for item in (QUICK, SHORT, NIGHTLY)}
    found = run_stages(sizes[size or "short"], mutants=not no_mutants)
    to.write_text(written(found))
    click.echo(f"{len(found.violations)} violations, {found.seconds:.0f} s; written to {to}")
    survivors = found.mutants["survivors"] if found.mutants else []
    raise SystemExit(bool(found.violations or survivors))


if __name__ == "__main__":
    report()
