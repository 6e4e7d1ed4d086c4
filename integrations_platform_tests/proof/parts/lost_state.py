"""The loss of the whole state, with real databases on both sides (P29)."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path

from integrations_platform.unified_sync.report import RunReport
from integrations_platform_tests.end_to_end.arrange import Base, World, add_people, people_world
from integrations_platform_tests.proof.part import Part, Shown
from integrations_platform_tests.proof.parts.real_servers import two_databases

DRILLS = 4
TOUCHED = 50  # records edited before each loss, at most a tenth of all


def lose_state(world: World) -> None:
    """As a failed disk would."""
    for path in world.folder.glob("state.sqlite*"):
        path.unlink()


def ids(base: Base) -> set[int]:
    """The keys of a table."""
    return {row[0] for row in base.rows("SELECT id FROM person")}


def drill(world: World, drawn: random.Random, number: int) -> Counter[str]:
    """Edits of names and of match keys on both sides, newcomers, and then nothing is remembered: the next run creates
    the newcomers' counterparts once and nothing else, and removes nothing; the one after it creates nothing."""
    counts: Counter[str] = Counter()
    few = max(1, min(TOUCHED, len(ids(world.a)) // 10))
    for letter, base in (("a", world.a), ("b", world.b)):
        for record_id in drawn.sample(sorted(ids(base)), few):
            key = f"renamed{number}{letter}{record_id}@example.org"
            column, value = drawn.choice((("email", key), ("name", f"New {drawn.random()}"), ("balance", "7.25")))
            base.run(f"UPDATE person SET {column} = :value WHERE id = :id", value=value, id=record_id)
            counts[f"edits of {'keys' if column == 'email' else 'values'} before the loss"] += 1
        add_people(base, [(f"late{number}{letter}@example.org", "Late", None)])
    before = ids(world.a), ids(world.b)
    lose_state(world)
    first, second = world.run(), world.run()
    after = ids(world.a), ids(world.b)
    removed = sum(_count(report, "archived", "deleted") for report in (first, second))
    created = [_count(report, "created") for report in (first, second)]
    assert before[0] <= after[0], "P29: records of the source are gone"
    assert before[1] <= after[1], "P29: records of the target are gone"
    assert removed == 0, f"P29: {removed} records removed"
    assert created == [2, 0], f"P29: {created} records created where two were new"
    assert [len(after[side]) - len(before[side]) for side in (0, 1)] == [1, 1], "P29: a duplicate"
    fault = world.chain_fault()
    assert fault is None, fault
    return counts + Counter({"losses": 1, "records there at a loss": len(before[0]) + len(before[1])})


def _count(report: RunReport, *kinds: str) -> int:
    return sum(report.counts[f"{kind}_{side}"] for kind in kinds for side in "ab")


def _run(size: int, _processes: int) -> Shown:
    drawn, counts, violations = random.Random(f"loss {size}"), Counter[str](), []
    with two_databases() as (a, b), tempfile.TemporaryDirectory(prefix="loss-") as folder:
        world = people_world(Path(folder), a, b, size)
        for number in range(DRILLS):
            try:
                counts.update(drill(world, drawn, number))
            except AssertionError as fault:
                violations.append(f"drill {number} of {size}: {fault}")
    edits = sum(counts[name] for name in counts if name.startswith("edits"))
    return Shown(
        f"{size}",
        f"{counts['losses']} losses of the state between PostgreSQL and MariaDB, {size:,} people, {edits:,} edits just "
        f"before them ({counts['edits of keys before the loss']:,} of match keys): {len(violations)} with a "
        f"duplicate or a delete",
        counts,
        tuple(violations),
    )


LOST_STATE = Part(
    "lost-state",
    "Loss of the state",
    "state loss drill: 0 duplicates, 0 deletes",
    f"people × {DRILLS} losses",
    {"short": 500, "nightly": 10_000},
    _run,
)
