"""One trial of one engine, in its own process: situations, seeded histories, and the stories if those were not enough.

It tries whatever engine the interpreter finds first, and says where that lies; what it found goes to standard output as
one line of JSON. It refuses to judge: a failed property is a finding, whether the engine was broken on purpose or not.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
import traceback
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
import pytest

import integrations_platform
from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform.unified_sync.spec import Strategy
from integrations_platform_tests.proof.situations import situations
from integrations_platform_tests.simulation.sides import Nature
from integrations_platform_tests.simulation.world import Faults, World

FEWER = 5  # what a situation has noticed already is looked for in so many times fewer histories
LABEL = re.compile(r"\b([PB]\d+)")

Finding = dict[str, str]


def finding(stage: str, name: str, fault: BaseException) -> Finding:
    """What failed, by the property its message begins with; else by the situation's own, or by the kind of failure."""
    text = str(fault).strip()
    first = text.splitlines()[0] if text else ""
    labels = LABEL.findall(first.partition(":")[0]) if isinstance(fault, AssertionError) else []
    where = traceback.extract_tb(fault.__traceback__)[-1]
    own = name.partition("_")[0].upper() if stage == "situation" else f"{stage}: {type(fault).__name__}"
    label = "/".join(labels) or own
    return {"property": label, "stage": stage, "check": name, "message": f"{first[:300]} [{where.name}]"}


def try_situations() -> Iterator[Finding]:
    """Every situation that fails."""
    for name, check in situations():
        try:
            check()
        except BaseException as fault:
            if isinstance(fault, KeyboardInterrupt):
                raise
            yield finding("situation", name, fault)


def nature(drawn: random.Random) -> Nature:
    """A kind of system, as faulty as this history is to be."""
    return Nature(
        lower_cases=drawn.random() < 0.3,
        returns_record=drawn.random() < 0.6,
        dates_records=drawn.random() < 0.7,
        missing=drawn.choice((0.0, 0.2, 0.5)),
        lost=drawn.choice((0.0, 0.03, 0.12, 0.3)),
        shuffles=drawn.random() < 0.5,
    )


def history(seed: int, strategy: Strategy) -> None:
    """One history from its seed: users, faulty runs, then quiet, and everything accounted for."""
    drawn = random.Random(seed)
    world = World(seed, strategy, nature(drawn), nature(drawn))
    first = world.create("A")
    if drawn.random() < 0.5:
        world.create("B", dict(first.values))
    faults = Faults(crash=drawn.choice((0.0, 0.03, 0.12)), user=drawn.choice((0.0, 0.1, 0.3)))
    for _ in range(drawn.randint(2, 5)):
        for _ in range(drawn.randint(0, 4)):
            world.user_step()
        world.run(faults)
    world.settle()
    assert verify_chain(world.store.memory.audit)[1] is None, "P14: the audit's chain is broken"


def try_histories(seeds: int) -> Finding | None:
    """The first history that fails, over all strategies."""
    for seed in range(seeds):
        for strategy in Strategy:
            try:
                history(seed, strategy)
            except KeyboardInterrupt:
                raise
            except BaseException as fault:
                return finding("history", f"{strategy} {seed}", fault)
    return None


class _FirstFailure:
    """Remembers the first story that failed."""

    def __init__(self) -> None:
        self.found: Finding | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.found is None:
            name = report.nodeid.rpartition("::")[2]
            labels = re.findall(r"_([pb]\d+)(?=_)", f"_{name.partition('[')[0]}_")
            label = "/".join(label.upper() for label in labels) or f"story: {name.partition('[')[0]}"
            crash = getattr(report.longrepr, "reprcrash", None)
            told = LABEL.findall((crash.message if crash else "").splitlines()[0]) if crash and crash.message else []
            self.found = {
                "property": label if labels or not told else "/".join(told),
                "stage": "story",
                "check": name,
                "message": (crash.message if crash else "").splitlines()[0][:300] if crash and crash.message else "",
            }


def try_stories(root: Path) -> Finding | None:
    """The first story that fails; they need the copy of the tests that lies beside the engine on trial."""
    watcher = _FirstFailure()
    arguments = ["-q", "-n", "0", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=line"]
    tests = root / "integrations_platform_tests"
    places = (tests / "unified_sync", tests / "simulation" / "test_regressions.py")
    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        ended = pytest.main([*arguments, f"--rootdir={root}", *map(str, places)], plugins=[watcher])
    finally:
        sys.stdout = stdout
    if watcher.found is None and ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return {"property": "story: none could run", "stage": "story", "check": "", "message": str(ended)}
    return watcher.found


def main() -> None:
    """Try the engine and say what failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--stories", choices=("never", "if-alive", "always"), required=True)
    parser.add_argument("--first", action="store_true", help="stop at the first failure")
    options = parser.parse_args()
    root = Path(integrations_platform.__file__).parent.parent
    began = time.monotonic()
    findings = list(islice(try_situations(), 1 if options.first else None))
    seeds = options.seeds if not findings else 0 if options.first else options.seeds // FEWER
    broken = try_histories(seeds)
    if broken is not None:
        findings.append(broken)
    if options.stories == "always" or (options.stories == "if-alive" and not findings):
        story = try_stories(root)
        if story is not None:
            findings.append(story)
    click.echo(json.dumps({"root": str(root), "seconds": time.monotonic() - began, "findings": findings}))


if __name__ == "__main__":
    main()
