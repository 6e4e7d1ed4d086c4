"""One run by several processes: the same outcome as by one, guards for all of them together, and a shard that dies."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from integrations_platform.settings import load_settings
from integrations_platform.shard_processes import Processes, work_share
from integrations_platform.state import open_store
from integrations_platform.unified_sync.engine import Request
from integrations_platform.unified_sync.report import RunReport, RunStatus
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.sharding import Task
from integrations_platform.unified_sync.spec import SyncSpec
from integrations_platform_tests.end_to_end.arrange import PEOPLE, SYNC, Base, World, add_people
from integrations_platform_tests.end_to_end.killing import FORKS, Story
from integrations_platform_tests.end_to_end.victim import Boundary, VictimPlatform, die

AT_ONCE = -1  # instead of a boundary: the process dies before it has done anything


@dataclass(frozen=True)
class Forks(Processes):
    """The crew of the platform, its processes forked; some of them kill themselves at a boundary, by number."""

    fatal: Mapping[int, int] = field(default_factory=dict)

    def start(self, spec: SyncSpec, task: Task, number: int, line: Connection) -> BaseProcess:
        """Without a pipe: what a test forks tells nobody of its progress."""
        fatal = self.fatal.get(number, 0)
        process = FORKS.Process(target=work, args=(self.environment, spec, task, number, fatal), daemon=True)
        process.start()
        return process


def work(environment: Path, spec: SyncSpec, task: Task, number: int, fatal: int) -> None:
    if fatal == AT_ONCE:
        die()
    platform = VictimPlatform(load_settings(env_file=environment))
    platform.boundary = Boundary(fatal)
    work_share(platform, spec, (), task, number)


def run(world: World, shards: int, fatal: Mapping[int, int] | None = None, **asked: Any) -> RunReport:
    """One run by so many processes."""
    platform = replace(world, runtime=Runtime()).platform()
    try:
        spec = replace(platform.sync("people"), shards=shards)
        engine = platform.engine(spec)
        engine.crew = Forks(platform.store, platform.settings.file, (), platform.runtime, fatal or {})
        with platform.sides(spec) as sides:
            return engine.run(spec, sides, Request(**asked))
    finally:
        platform.close()


def sqlite_world(folder: Path, state_url: str = "", more: str = "") -> World:
    folder.mkdir()
    bases = Base.at("sqlite", f"sqlite:///{folder}/a.sqlite"), Base.at("sqlite", f"sqlite:///{folder}/b.sqlite")
    for base in bases:
        base.run(PEOPLE["sqlite"])
    return World(folder, *bases, state_url, SYNC + more)


def lived(world: World, shards: int) -> list[RunReport]:
    """A first sync and a second one after edits of every kind, each by so many processes."""
    add_people(world.a, [(f"p{n}@example.org", f"Person {n}", f"{n}.50") for n in range(40)])
    add_people(world.b, [(f"P{n}@EXAMPLE.org", f"Person {n}", f"{n}.50") for n in range(0, 40, 3)])
    add_people(world.b, [(f"shop{n}@example.org", f"Shop {n}", None) for n in range(9)])
    add_people(world.a, [("Twin@example.org", "Twin", "1"), ("twin@example.org", "Other twin", "2")])
    add_people(world.b, [("TWIN@example.org", "Whose?", "3"), ("no address", "Nobody", "4")])
    first = run(world, shards)
    # SQLite gives the highest id again once its record is gone; which record has it depends on the order of creation.
    world.b.run("INSERT INTO person (id, email, name) VALUES (9000, 'last@example.org', 'Last')")
    world.a.run(
        "UPDATE person SET name = 'Office ' || name WHERE balance > 20",
        "DELETE FROM person WHERE email IN ('p1@example.org', 'p2@example.org', 'p3@example.org', 'p4@example.org')",
        # The key of one that goes in the same run: a new record, not the old one renamed.
        "INSERT INTO person (email, name, balance) VALUES ('p4@example.org', 'Person 4 again', 44)",
    )
    world.b.run(
        "UPDATE person SET name = 'Shop ' || name WHERE balance > 30",
        "UPDATE person SET balance = balance + 1 WHERE balance > 5",
    )
    return [first, run(world, shards), run(world, shards)]


def told(world: World) -> dict[str, Any]:
    """Everything that must not depend on how many processes there were."""
    store = open_store(world.state_url)
    try:
        return {
            "people": world.people(),
            "links": sorted(store.links("people").select("link_id", "state").rows()),
            "conflicts": sorted((row.link_id, row.unit, row.value_a, row.value_b) for row in store.conflicts("people")),
            "quarantine": sorted((row.reason, row.message) for row in store.quarantined("people")),
        }
    finally:
        store.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_p8_as_many_processes_as_one_likes_come_to_the_same(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    outcomes = []
    for shards in (1, 2, 4) if engine == "sqlite" else (1, 2):
        url = "" if engine == "sqlite" else str(request.getfixturevalue("postgres_database"))
        if url:
            Base.at("postgresql", url).run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        world = sqlite_world(tmp_path / str(shards), url)
        reports = lived(world, shards)
        assert [report.unaccounted() for report in reports] == [{"A": 0, "B": 0}] * 3
        assert world.chain_fault() is None
        counts = [{name: n for name, n in report.counts.items() if n and name[:4] not in ("call", "read")}
                  for report in reports]  # fmt: skip
        outcomes.append((told(world), counts))
    for outcome in outcomes[1:]:
        assert outcome == outcomes[0]
    assert {"parked_a", "quarantined", "archived_b", "created_b", "updated_a"} <= outcomes[0][1][1].keys()
    assert reports[-1].written == 0


def test_guards_count_what_all_shards_would_do_together(tmp_path: Path) -> None:
    world = sqlite_world(tmp_path / "world", more="deletes: {max: 3, max_fraction: 0}\n")
    add_people(world.a, [(f"p{n}@example.org", f"Person {n}", "1") for n in range(40)])
    assert run(world, 2).written == 40
    first, second = ([n for n in range(1, 41) if zlib.crc32(str(n).encode()) % 2 == owner] for owner in (0, 1))
    world.a.run(f"DELETE FROM person WHERE id IN ({first[0]}, {first[1]}, {second[0]}, {second[1]})")
    world.a.run("UPDATE person SET name = 'Edited' WHERE id > 30")
    before = world.tables(), world.memory()
    report = run(world, 2)
    assert (report.status, [item.guard for item in report.refusals]) == (RunStatus.REFUSED, ["deletes"])
    assert "4 records would be removed" in report.message
    after = world.tables(), world.memory()
    assert after[0] == before[0]
    assert {**after[1], "audit": 0} == {**before[1], "audit": 0}, "nothing but the refusal is kept"
    assert after[1]["audit"] == before[1]["audit"] + 1


# Of the shard that dies: 1 before its first transaction ends, then around the intents and the writes of its batches.
@pytest.mark.parametrize("boundary", [1, 5, 8])
def test_a_shard_that_is_killed_loses_and_doubles_nothing(boundary: int, tmp_path: Path) -> None:
    bases = Base.at("sqlite", f"sqlite:///{tmp_path}/a.sqlite"), Base.at("sqlite", f"sqlite:///{tmp_path}/b.sqlite")
    story = Story.begin(tmp_path / "world", *bases, f"sqlite:///{tmp_path}/state.sqlite")
    report = run(story.world, 2, {1: boundary})
    assert report.status is RunStatus.PARTIAL, report.to_data()
    assert report.message.startswith("shard 2 of 2 was killed by SIGKILL"), report.message
    story.edit_afterwards()
    story.come_to_rest()


def test_a_shard_that_dies_before_it_has_planned_keeps_all_from_writing(tmp_path: Path) -> None:
    bases = Base.at("sqlite", f"sqlite:///{tmp_path}/a.sqlite"), Base.at("sqlite", f"sqlite:///{tmp_path}/b.sqlite")
    story = Story.begin(tmp_path / "world", *bases, f"sqlite:///{tmp_path}/state.sqlite")
    before = story.world.tables()
    report = run(story.world, 2, {0: AT_ONCE})
    assert (report.status, report.exit_code) == (RunStatus.FAILED, 1)
    assert report.message == "shard 1 of 2 was killed by SIGKILL. Nothing was written"
    assert story.world.tables() == before
    story.edit_afterwards()
    story.come_to_rest()
