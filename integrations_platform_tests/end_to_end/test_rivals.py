"""Two real processes on one sync while users edit: one runs at a time, nothing is doubled or lost (P3, P10, P16)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing

from integrations_platform_tests.end_to_end.arrange import World, add_people
from integrations_platform_tests.end_to_end.killing import PATIENCE, ROOT, finished, ready_victim

PEOPLE = 3


def command_line(world: World) -> subprocess.Popen[str]:
    """The command a person or a scheduler runs, in a process of its own."""
    environment, sync = world.write_files()
    words = ["--env-file", str(environment), "--syncs", str(sync.parent), "sync", "run", "people"]
    return subprocess.Popen(
        [sys.executable, "-m", "integrations_platform.cli", *words], cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_second_run_started_meanwhile_is_told_who_runs_and_changes_nothing(world: World) -> None:
    world.a.run("UPDATE person SET name = 'Edited' WHERE email = 'p0@example.org'")
    with world.b.engine.connect() as holder:
        holder.exec_driver_sql("SELECT * FROM person FOR UPDATE")  # the first run waits inside its write
        first = command_line(world)
        platform = world.platform()
        with closing(platform):
            until = time.monotonic() + PATIENCE
            while not platform.store.open_intents("people"):
                assert time.monotonic() < until
                assert first.poll() is None, first.communicate()
        second = command_line(world)
        _, complained = finished(second, 1)
        assert "people" in complained
        assert str(first.pid) in complained, "who holds it"
        assert "Traceback" not in complained
        holder.rollback()
    finished(first, 0)
    assert world.people()[1]["p0@example.org"][0] == "Edited"
    assert [report.written for report in world.settle()] == [0]


def test_two_workers_in_a_loop_lose_and_double_nothing(world: World, profile: str) -> None:
    rounds = 200 if profile == "nightly" else 40
    stop = world.folder / "stop"
    world.write_files()
    workers = [ready_victim(world.folder, stop) for _ in range(2)]
    try:
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        _edit(world, rounds, workers)
    finally:
        stop.touch()
        said = [finished(worker, 0)[0] for worker in workers]
    ends = [json.loads(line) for text in said for line in text.splitlines()]
    runs = [end for end in ends if "status" in end]
    assert {end["status"] for end in runs} <= {"succeeded", "held", "partial"}, runs
    assert all("is being run by" in end["message"] for end in runs if end["status"] == "held")
    assert sum(end["written"] for end in runs) > rounds, "they worked while the users did"
    world.settle()
    office, shop = world.people()
    assert office == shop
    assert len(office) == PEOPLE + 2 * rounds
    for number in range(PEOPLE):
        name, balance = office[f"p{number}@example.org"]
        assert name == f"Name {rounds - 1}", "the office's last word"
        assert balance == rounds - 1, "the shop's last word"
    for base in (world.a, world.b):
        assert base.rows("SELECT count(*), count(DISTINCT email) FROM person") == [(PEOPLE + 2 * rounds,) * 2]
    assert world.memory()["conflicts"] == []
    assert world.chain_fault() is None
    assert world.verify().agrees


def _edit(world: World, rounds: int, workers: list[subprocess.Popen[str]]) -> None:
    """Users write names in the office, balances in the shop, and add people to both."""
    for number in range(rounds):
        assert all(worker.poll() is None for worker in workers)
        world.a.run(f"UPDATE person SET name = 'Name {number}' WHERE email IN ('p0@example.org', 'p1@example.org')")
        world.a.run(f"UPDATE person SET name = 'Name {number}' WHERE email = 'p2@example.org'")
        world.b.run(f"UPDATE person SET balance = {number} WHERE email BETWEEN 'p0@' AND 'p9@'")
        add_people(world.a, [(f"office{number}@example.org", "Office", None)])
        add_people(world.b, [(f"shop{number}@example.org", "Shop", None)])
