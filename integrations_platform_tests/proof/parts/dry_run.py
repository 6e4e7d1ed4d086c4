"""Dry runs: they change nothing, and the run after one carries out exactly what it named (P7)."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

from integrations_platform.unified_sync.engine import Request
from integrations_platform.unified_sync.operations import to_body
from integrations_platform.unified_sync.plan import Plan
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.spec import SIDES, Strategy
from integrations_platform_tests.end_to_end.arrange import Base, add_people, people_world
from integrations_platform_tests.end_to_end.arrange import World as RealWorld
from integrations_platform_tests.proof.part import Part, Shown, seeds
from integrations_platform_tests.proof.trials import Trials, try_seeds
from integrations_platform_tests.simulation.history import draw
from integrations_platform_tests.simulation.world import World

CASES = 10  # in one world, users acting in between
REAL = 50  # trials in memory for each one with databases and a state that are files


def in_memory(seed: int) -> Counter[str]:
    """Users act, a dry run is made, and then the run: byte for byte nothing changed before it, and it did just that."""
    drawn = random.Random(f"dry {seed}")
    history = draw(seed, list(Strategy)[seed % 4], "calm")
    world = World(seed, history.strategy, history.left, history.right)
    counts: Counter[str] = Counter()
    for _ in range(drawn.randint(1, 4)):
        world.create(drawn.choice(SIDES))
    for _ in range(CASES):
        for _ in range(drawn.randint(0, 4)):
            world.user_step()
        world.wait(drawn.choice((1.0, 900.0)))
        chance = drawn.getrandbits(32)
        world.random.seed(chance)  # a clock read twice is misread twice in the same way
        before = _everything(world)
        dry = world.run(dry_run=True)
        assert _everything(world) == before, "P7: a dry run changed something"
        world.random.seed(chance)
        wet = world.run()
        assert dry is not None
        assert wet is not None
        assert dry.plan is not None
        assert wet.plan is not None
        assert _operations(dry.plan) == _operations(wet.plan), "P7: the run did something else than its dry run named"
        effects = {op_id for side in world.sides.values() for _, op_id in side.applied}
        assert wet.plan.two_sided or effects <= set(dry.plan.op_ids), "P7: an effect that no dry run named"
        counts["cases"] += 1
        counts["operations"] += len(dry.plan.operations)
        counts["cases with operations"] += bool(dry.plan.operations)
    return counts


def _everything(world: World) -> str:
    rows = {name: side.rows for name, side in world.sides.items()}
    return f"{vars(world.store.memory)} {world.store.breakers} {world.store.lease} {rows} {world.writes()}"


def _operations(plan: Plan) -> list[dict[str, object]]:
    """Ids and payloads; the versions of other fields that a field's evidence names may be told in other words."""
    told = [{"op_id": op.op_id} | to_body(op) for op in plan.operations]
    return sorted(
        ({name: item[name] for name in ("op_id", "kind", "side", "link", "record", "columns")} for item in told),
        key=lambda item: str(item["op_id"]),
    )


def in_files(seed: int) -> Counter[str]:
    """The same with tables and a state in SQLite files, looked at table by table; a plan kept for review adds itself
    to its own table and changes nothing else."""
    drawn = random.Random(f"dry files {seed}")
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="dry-") as name:
        folder = Path(name)
        bases = [Base.at("sqlite", f"sqlite:///{folder / f'{side}.sqlite'}") for side in "ab"]
        world = people_world(folder, *bases, count=6)
        for step in range(3):
            _act(world, drawn, step)
            before = tables(folder)
            dry = world.run(Request(dry_run=True))
            assert tables(folder) == before, "P7: a dry run changed a table"
            _plan_for_review(world)
            after = tables(folder)
            changed = {name for name in after if after[name] != before.get(name)}
            assert changed <= {"state.sqlite sync_plan"}, f"P7: a plan kept for review changed {sorted(changed)}"
            wet = world.run()
            assert wet.status in (RunStatus.SUCCEEDED, RunStatus.PARTIAL), wet.message
            assert dry.plan is not None
            assert wet.plan is not None
            assert _operations(dry.plan) == _operations(wet.plan), "P7: the run did something else than its dry run"
            counts["cases in files"] += 1
            counts["tables compared"] += len(before)
            counts["operations"] += len(dry.plan.operations)
    return counts


def _act(world: RealWorld, drawn: random.Random, step: int) -> None:
    for base in (world.a, world.b):
        names = [row[0] for row in base.rows("SELECT email FROM person ORDER BY id")]
        for email in drawn.sample(names, min(2, len(names))):
            base.run("UPDATE person SET name = :name WHERE email = :email", name=f"N{drawn.random()}", email=email)
        if drawn.random() < 0.3 and len(names) > 3:
            base.run("DELETE FROM person WHERE email = :email", email=drawn.choice(names))
        add_people(base, [(f"{base.name.rpartition('/')[2]}{step}@example.org", "New", None)])


def _plan_for_review(world: RealWorld) -> None:
    platform = world.platform()
    try:
        platform.plan(platform.sync("people"))
    finally:
        platform.close()


def tables(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of every database file of a folder."""
    found = {}
    for path in sorted(folder.glob("*.sqlite")):
        with closing(sqlite3.connect(path)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                found[f"{path.name} {name}"] = sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr)
    return found


def both(size: int, processes: int) -> tuple[Trials, Trials]:
    """Trials in memory, and the few in files."""
    return try_seeds(in_memory, size, processes), try_seeds(in_files, -(-size // REAL), processes)


def _run(size: int, processes: int) -> Shown:
    memory, files = both(size, processes)
    return Shown(
        seeds(size),
        f"{memory.counts['cases']:,} dry runs and {files.counts['cases in files']:,} on SQLite files "
        f"({files.counts['tables compared']:,} tables compared): 0 bytes changed apart from the plan table, and the "
        f"run after each carried out the same set of operations ({memory.counts['operations']:,}), in "
        f"{memory.counts['violations'] + files.counts['violations']} cases not",
        memory.counts + files.counts,
        (*memory.violations, *files.violations),
    )


DRY_RUN = Part(
    "dry-run",
    "Dry run",
    "op set of dry run = op set of run in 10,000 cases; 0 bytes changed in state apart from the plan table",
    f"worlds × {CASES} cases",
    {"quick": 3, "short": 50, "nightly": 1_000},
    _run,
)
