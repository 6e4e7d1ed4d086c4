"""What has to be noticed: differences planted behind the engine's back, by the verification (P13); syncs that fail or
fall silent, by the alerts, once for each change of state."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from integrations_platform.alerts.alert import Kind
from integrations_platform.state import open_store
from integrations_platform.unified_sync.spec import SIDES
from integrations_platform_tests.alerts.stories import Watcher, sync
from integrations_platform_tests.end_to_end.arrange import Base, people_world
from integrations_platform_tests.end_to_end.arrange import World as RealWorld
from integrations_platform_tests.proof.part import Part, Shown, seeds
from integrations_platform_tests.proof.trials import try_seeds
from integrations_platform_tests.unified_sync.arrange import Story

ENDS: Mapping[str, Kind | None] = {
    "succeeded": None, "failed": Kind.RUN_FAILED, "refused": Kind.GUARD_REFUSED, "partial": Kind.SYNC_PARTIAL,
}  # fmt: skip
SCHEDULES = {
    "*/5 * * * *": timedelta(minutes=5), "*/15 * * * *": timedelta(minutes=15), "0 * * * *": timedelta(hours=1),
    "0 */6 * * *": timedelta(hours=6), "0 3 * * *": timedelta(days=1),
}  # fmt: skip
REAL = 50  # stories in memory for each one between two database files


def in_memory(seed: int) -> Counter[str]:
    """Records altered without a new version, and memories that vouch for what was never agreed: runs see nothing, one
    verification finds every one, and what a conflict already says it does not count twice."""
    drawn = random.Random(f"detection {seed}")
    story = Story()
    for index in range(drawn.randint(5, 60)):
        story.a.insert({"email": f"p{index}@x.org", "name": f"P{index}", "city": "Bern"})
    story.settle()
    links = list(story.links)
    drawn.shuffle(links)
    known = links[: drawn.randint(0, 3)]
    for link in known:
        for side, record_id in (("A", link.id_a), ("B", link.id_b)):
            story.sides[side].edit(story.sides[side].rows[record_id or ""], name=f"of {side}")  # type: ignore[index]
    story.run()
    planted = 0
    for link in links[len(known) : len(known) + drawn.randint(1, len(links) - len(known))]:
        side = story.sides[drawn.choice(SIDES)]
        row = side.rows[(link.id_a if side is story.a else link.id_b) or ""]
        fields = drawn.sample(("name", "city"), drawn.randint(1, 2))
        row.values.update({name: f"altered {drawn.random()}" for name in fields})
        planted += len(fields)
        if drawn.random() < 0.5:  # the record says that it changed; the memory says that it was seen and agreed
            row.version += 1
            mine = "version_a" if side is story.a else "version_b"
            stored = story.store.memory.links[link.link_id]
            story.store.memory.links[link.link_id] = replace(stored, **{mine: str(row.version)})
    before = story.writes
    story.run()
    assert story.writes == before, "the plant was seen by an ordinary run, and proves nothing"
    found = story.engine().verify(story.spec, story.sides)
    assert found.unexplained == planted, f"P13: {found.unexplained} found of {planted} planted"
    assert found.explained == len(known), f"P13: {found.explained} explained, {len(known)} are in conflict"
    assert not found.agrees
    assert len(found.disagreements) == min(100, planted + len(known))
    assert story.writes == before, "P7: a verification wrote"
    return Counter({"planted": planted, "found": found.unexplained, "known already": found.explained, "passes": 1})


def in_files(seed: int) -> Counter[str]:
    """The same between two tables: rows altered, and the state made to hold their new fingerprints as agreed."""
    drawn = random.Random(f"detection files {seed}")
    with tempfile.TemporaryDirectory(prefix="plant-") as name:
        folder = Path(name)
        a, b = (Base.at("sqlite", f"sqlite:///{folder / f'{side}.sqlite'}") for side in "ab")
        world = people_world(folder, a, b, count=20)
        chosen = drawn.sample(range(20), drawn.randint(1, 10))
        for number in chosen:
            base = drawn.choice((a, b))
            base.run("UPDATE person SET name = 'Altered' WHERE email = :email", email=f"p{number}@example.org")
        _vouch(world)
        report = world.run()
        assert report.written == 0, "the plant was seen by an ordinary run, and proves nothing"
        found = world.verify()
        assert found.unexplained == len(chosen), f"P13: {found.unexplained} found of {len(chosen)} planted"
    return Counter({"planted": len(chosen), "found": found.unexplained, "passes": 1, "between files": len(chosen)})


def _vouch(world: RealWorld) -> None:
    """Store every record's present fingerprint as the one last agreed on."""
    platform = world.platform()
    try:
        spec = platform.sync("people")
        with platform.sides(spec) as sides:
            versions = {}
            for side in SIDES:
                with sides[side].snapshot() as snapshot:
                    frame = snapshot.listing().frame
                    versions[side] = dict(zip(frame["id"].to_list(), frame["version"].to_list(), strict=True))
    finally:
        platform.close()
    store = open_store(world.state_url)
    try:
        rows = [
            (row["link_id"], versions["A"][row["id_a"]], versions["B"][row["id_b"]])
            for row in store.links("people").iter_rows(named=True)
        ]
        lease = store.acquire("people", "vouching", 60, world.runtime.clock())
        with store.transaction(lease) as tx:
            tx.set_versions(rows)
        store.release(lease)
    finally:
        store.close()


def told(seed: int) -> Counter[str]:
    """Runs end in drawn ways while somebody watches; then the sync falls silent. Each change of state is one alert,
    and silence is told when it has lasted two intervals of the schedule, not before, and once."""
    drawn = random.Random(f"alerts {seed}")
    spec = sync(schedule=drawn.choice(list(SCHEDULES)))
    watcher, interval = Watcher([spec]), SCHEDULES[spec.schedule or ""]
    counts: Counter[str] = Counter()
    was: Kind | None = None
    through = watcher.now
    statuses = ["succeeded", *drawn.choices(list(ENDS), k=drawn.randint(5, 30))]
    for status in statuses:
        watcher.wait(seconds=interval.total_seconds() - 40)  # a run takes ten seconds, a look thirty
        watcher.ran(status, "out of order")
        kind = ENDS[status]
        if status in ("succeeded", "partial"):
            through = watcher.now
        alerts = watcher.look()
        begun = [alert.kind for alert in alerts if not alert.recovered and alert.kind in ENDS.values()]
        assert begun == ([kind] if kind not in (None, was) else []), f"{was} to {kind} was told as {begun}"
        assert (kind is None and was is not None) <= any(alert.recovered for alert in alerts), f"the end of {was}"
        _stands(watcher, through, interval)
        counts["runs"] += 1
        counts["changes"] += kind is not was
        counts["alerts"] += len(alerts)
        was = kind
    watcher.ran("succeeded")
    watcher.look()
    through, told = watcher.runs[0].finished_at or watcher.now, []
    while watcher.now - through < 6 * interval:
        watcher.wait(seconds=interval.total_seconds() / 20)
        told += [watcher.now for alert in watcher.look() if alert.kind is Kind.DEAD_MAN]
        _stands(watcher, through, interval)
    assert len(told) == 1, f"silence was told {len(told)} times"
    counts["silences"] += 1
    return counts


def _stands(watcher: Watcher, through: datetime, interval: timedelta) -> None:
    row = watcher.standing.get("dead_man/people")
    dead = row is not None and row.kind == Kind.DEAD_MAN
    assert dead == (watcher.now - through > 2 * interval), f"silent for {watcher.now - through}: dead is {dead}"


def _run(size: int, processes: int) -> Shown:
    found, files = try_seeds(in_memory, size, processes), try_seeds(in_files, -(-size // REAL), processes)
    alerts = try_seeds(told, size, processes)
    counts = found.counts + files.counts + alerts.counts
    return Shown(
        seeds(size),
        f"{counts['planted']:,} differences planted behind the engine's back ({counts['between files']:,} between "
        f"SQLite files), {counts['found']:,} found, each within the first of {counts['passes']:,} verifications, "
        f"none of them by an ordinary run before; {counts['known already']:,} open conflicts told apart from them. "
        f"how soon a pass begins is the schedule's matter. {counts['runs']:,} watched runs changed how a sync stands "
        f"{counts['changes']:,} times, each told once; {counts['silences']:,} silences were told once, at the first "
        f"look after two intervals of the schedule",
        counts,
        (*found.violations, *files.violations, *alerts.violations),
    )


DETECTION = Part(
    "detection",
    "Detection",
    "divergence found within one verification pass (N planted, N found); silence told within two intervals, "
    "and an alert for each change of state, not for each run",
    "stories",
    {"quick": 10, "short": 100, "nightly": 2_000},
    _run,
)
