"""How fast: a run in which nothing changed between two real databases, and the planner's decisions."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path

from integrations_platform.unified_sync.spec import SIDES, Strategy
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


def _run_decisions(size: int, _processes: int) -> Shown:
    """Every record has changed in half of its fields, on either side or on both; only planning is timed."""
    drawn = random.Random(f"decisions {size}")
    names = [f"f{number}" for number in range(FIELDS - 1)]
    spec = sync(text("email", FieldType.EMAIL), *(text(name) for name in names), strategy=Strategy.SOURCE_WINS)
    story = big_story(spec)
    rows = [{"email": f"p{n}@x.org"} | dict.fromkeys(names, "before") for n in range(size)]
    fill(story, {"A": rows, "B": rows})
    story.run()
    for side in SIDES:
        for row in story.sides[side].live():
            story.sides[side].edit(row, **{name: f"{name} of {side}" for name in drawn.sample(names, FIELDS // 4)})
    wall, cpu = time.monotonic(), time.process_time()
    plan = story.plan()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    changes = sum(len(operation.fields) for operation in plan.operations)
    decisions = size * FIELDS
    return Shown(
        f"{size}",
        f"{decisions / cpu:,.0f} field decisions/s/core: {decisions:,} of {size:,} records with {FIELDS} fields "
        f"each in {cpu:.1f} CPU s ({wall:.1f} s), of which {changes:,} became part of a write; reading the records "
        f"is included",
        {"field decisions": decisions, "field decisions per CPU second": decisions / cpu, "CPU seconds": cpu},
        () if len(plan.operations) > size else (f"only {len(plan.operations)} operations were planned",),
    )


DECISIONS = Part(
    "planner-speed",
    "Throughput",
    "planner ≥ 50k field decisions/s/core",
    "records",
    {"quick": 300, "short": 2_000, "nightly": 20_000},
    _run_decisions,
)
