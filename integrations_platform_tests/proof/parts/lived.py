"""Drawn histories of users, faults and runs, planner cases, stories and broken engines, as parts of the proof."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial

from integrations_platform.unified_sync.spec import Strategy
from integrations_platform_tests.proof.histories import Tally, explore
from integrations_platform_tests.proof.holdings import TESTS
from integrations_platform_tests.proof.part import Part, Shown, seeds
from integrations_platform_tests.proof.planner_cases import RELEASE, run_cases

COUNTED = ("runs", "crashes", "second workers", "answers lost", "lies told", "states lost", "dry runs", "restores")


def _told(tally: Tally, size: int) -> Shown:
    lived = ", ".join(f"{tally.counts[name]:,} {name}" for name in COUNTED if tally.counts[name])
    rate = tally.histories / max(tally.seconds, 0.001)
    return Shown(
        f"{seeds(size)} × 4 strategies",
        f"{len(tally.failures)} violations in {tally.histories:,} histories of {tally.events:,} events ({lived}); "
        f"{rate:.0f} histories/s",
        {"histories": tally.histories, "events": tally.events, **tally.counts},
        tuple(f"{name}: {failure.message}" for name, failure in tally.failures),
    )


def _histories(profile: str, length: int, size: int, processes: int) -> Shown:
    return _told(explore(range(size), list(Strategy), [profile], length, processes), size)


def _profile(name: str) -> Part:
    return Part(
        f"histories-{name}",
        "Random histories",
        f"10,000 × 4 strategies, faults {name}: 0 violations",
        "seeds × 4",
        {"quick": 5, "short": 150, "nightly": 10_000},
        partial(_histories, name, 12),
    )


def _cases(size: int, processes: int) -> Shown:
    found = run_cases(size, processes=processes)
    done, twice = int(found.counts["cases"]), int(found.counts["settled twice"])
    return Shown(
        f"{seeds(found.done)}, a world of cases each",
        f"{found.counts['violations']} violations in {done:,} cases, each planned in two orders and settled, "
        f"{twice:,} of them in both orders and two batch sizes; {done / max(found.seconds, 0.001):.0f} cases/s",
        dict(found.counts),
        tuple(found.violations),
    )


def _stories(_size: int, processes: int) -> Shown:
    said, _ = run_pytest("unified_sync", "simulation/test_regressions.py", processes=processes)
    return Shown("no seeds", said, {}, () if re.match(r"\d+ passed", said) else (said,))


def run_pytest(*paths: str, processes: int, options: tuple[str, ...] = ()) -> tuple[str, int]:
    """Run tests of this suite: the last line they say, and the exit code."""
    where = [str(TESTS / path) for path in paths]
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(processes), *options, *where]
    ended = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    last = (ended.stdout.strip().splitlines() or ["no output"])[-1]
    return re.sub(r"[=\x1b]", "", last).strip(), ended.returncode


def _mutants(size: int, _processes: int) -> Shown:
    command = [sys.executable, "-m", "integrations_platform_tests.proof", "mutants", "--json", "--seeds", str(size)]
    ended = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    start = ended.stdout.find("{")
    if start < 0:
        return Shown(seeds(size), "could not be tried", {}, (ended.stderr.strip()[-500:] or "no output",))
    told = json.loads(ended.stdout[start:])
    kills = ", ".join(f"{name} {count}" for name, count in sorted(told["kills"].items(), key=_by_number))
    return Shown(
        f"{seeds(size)} × 4 strategies for each",
        f"{told['killed']} of {len(told['mutants'])} engines broken on purpose are noticed",
        {"broken engines": len(told["mutants"]), "noticed": told["killed"]},
        tuple(f"nothing notices {name}" for name in told["survivors"]),
        (f"Noticed by: {kills}.",),
    )


def _by_number(item: tuple[str, int]) -> tuple[int, str]:
    name = item[0]
    return (int(name[1:]), "") if name[:1] in "PB" and name[1:].isdigit() else (99, name)


CALM, ROUGH, HOSTILE = (_profile(name) for name in ("calm", "rough", "hostile"))
LONG = Part(
    "long-histories",
    "Long histories",
    "1,000 × 200 events × 4 strategies: 0 violations",
    "seeds × 4",
    {"short": 8, "nightly": 1_000},
    partial(_histories, "rough", 200),
)
CASES = Part(
    "planner-cases",
    "Random histories",
    "1,000,000 planner cases: 0 violations",
    "cases",
    {"quick": 400, "short": 6_000, "nightly": RELEASE},
    _cases,
)
STORIES = Part(
    "stories",
    "Random histories",
    "every story of the engine passes",
    "time",
    {"short": 1, "nightly": 1},
    _stories,
)
MUTANTS = Part(
    "mutants",
    "Mutation score",
    "≥ 40 engines broken on purpose, 100 % noticed",
    "seeds × 4 for each",
    {"short": 5, "nightly": 30},
    _mutants,
)
