"""How fast: a run in which nothing changed between two real databases, and the planner's decisions."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path

from integrations_platform.unified_sync.spec import Strategy
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.end_to_end.arrange import PEOPLE, World, add_people
from integrations_platform_tests.proof.part import Part, Shown
from integrations_platform_tests.proof.parts.big_side import big_story, fill
from integrations_platform_tests.proof.parts.real_servers import two_databases
from integrations_platform_tests.unified_sync.arrange import sync, text

TIMES = 3
FIELDS = 20  # of a record whose decisions are timed


def _run_calm(size: int, _processes: int) -> Shown:
    """``size`` people linked between PostgreSQL and MariaDB; then runs that find nothing to do."""
    with two_databases() as (a, b), tempfile.TemporaryDirectory(prefix="calm-") as folder:
        for base in (a, b):
            base.run(PEOPLE[base.kind])
            rows = [(f"p{n}@example.org", f"Person {n}", f"{n % 1000}.50") for n in range(size)]
            for start in range(0, size, 10_000):
                add_people(base, rows[start : start + 10_000])
        world = World(Path(folder), a, b)
        begun = time.monotonic()
        first = world.run()
        linking = time.monotonic() - begun
        violations, seconds = [], []
        if (first.counts["linked"], first.written) != (size, 0):
            violations.append(f"{first.counts['linked']} linked of {size}, {first.written} written")
        for _ in range(TIMES):
            begun = time.monotonic()
            report = world.run()
            seconds.append(time.monotonic() - begun)
            if report.written or report.counts["settled"] != size:
                violations.append(f"P1: {report.written} written, {report.counts['settled']} of {size} settled")
    return Shown(
        "no seeds",
        f"no-op run of {size:,} linked records, PostgreSQL ↔ MariaDB: {statistics.median(seconds):.2f} s (median of "
        f"{TIMES}, opening of the environment included); linking them in the first run took {linking:.0f} s",
        {"linked records": size, "seconds of a no-op run": statistics.median(seconds), "seconds of linking": linking},
        tuple(violations),
    )


CALM_RUN = Part(
    "no-op-run",
    "Throughput",
    "no-op run of 100k linked records ≤ 60 s",
    "linked records",
    {"short": 5_000, "nightly": 100_000},
    _run_calm,
)


def timed(size: int, changed: int) -> tuple[float, int]:
    """CPU seconds of one plan for ``size`` records of which each has so many fields changed, half on either side, and
    the number of field changes planned. Reading the records and their bases is part of planning."""
    drawn = random.Random(f"decisions {size} {changed}")
    names = [f"f{number}" for number in range(FIELDS - 1)]
    spec = sync(text("email", FieldType.EMAIL), *(text(name) for name in names), strategy=Strategy.SOURCE_WINS)
    story = big_story(spec)
    rows = [{"email": f"p{n}@x.org"} | dict.fromkeys(names, "before") for n in range(size)]
    fill(story, {"A": rows, "B": rows})
    story.run()
    for number, link in enumerate(story.links):
        chosen = drawn.sample(names, changed)
        half = changed // 2 if changed > 1 else number % 2
        for side, record_id, mine in (("A", link.id_a, chosen[:half]), ("B", link.id_b, chosen[half:])):
            if mine:
                row = story.sides[side].rows[record_id or ""]  # type: ignore[index]
                story.sides[side].edit(row, **{name: f"{name} of {side}" for name in mine})  # type: ignore[index]
    cpu = time.process_time()
    plan = story.plan()
    cpu = time.process_time() - cpu
    return cpu, sum(len(operation.fields) for operation in plan.operations)


def _run_decisions(size: int, _processes: int) -> Shown:
    """Every record is looked at: once with one field of twenty changed, once with half of them."""
    decisions, rates, violations = size * FIELDS, {}, []
    for changed in (1, FIELDS // 2):
        cpu, planned = timed(size, changed)
        rates[changed] = decisions / cpu
        if planned != size * changed:
            violations.append(f"{planned} field changes planned of {size * changed}")
    one, half = rates.values()
    return Shown(
        f"{size}",
        f"{one:,.0f} field decisions/s/core where each of {size:,} records changed in one of its {FIELDS} fields, "
        f"{half:,.0f} where it changed in half of them; CPU seconds, reading of records and bases included",
        {"field decisions": decisions, "per CPU second, one field changed": one, "half of the fields": half},
        tuple(violations),
    )


DECISIONS = Part(
    "planner-speed",
    "Throughput",
    "planner ≥ 50k field decisions/s/core",
    "records",
    {"quick": 300, "short": 2_000, "nightly": 20_000},
    _run_decisions,
)
