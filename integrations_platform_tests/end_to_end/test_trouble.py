"""Locks, deadlocks, lost connections, a restarted server and a full disk: put off, said, and done by a next run."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from integrations_platform.state.errors import StateError
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform_tests.end_to_end.arrange import Base, World, add_people, people_world
from integrations_platform_tests.servers import Server, start_postgresql

BOUND = 30  # seconds; conditions are waited for, never times


def until(condition: Callable[[], bool]) -> None:
    """Ask again until it holds."""
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end, "it never came"


def rename_all(base: Base, to: str) -> None:
    """Something to write for every person."""
    base.run("UPDATE person SET name = :name", name=to)


def names(base: Base) -> set[str]:
    """All names, in plain SQL."""
    return {row[0] for row in base.rows("SELECT name FROM person")}


def query(url: str, **options: str) -> str:
    """A URL with options of its driver."""
    return sa.make_url(url).update_query_dict(options).render_as_string(hide_password=False)


@pytest.mark.parametrize("locked", ["office", "shop"])
def test_a_row_locked_by_somebody_else_puts_the_write_off(world: World, locked: str) -> None:
    """The lock is waited for within bounds, the other side is served, and the next run writes the rest."""
    here, there = (world.a, world.b) if locked == "office" else (world.b, world.a)
    if locked == "office":
        world.urls = {"office": query(world.a.url, options="-c lock_timeout=200")}
    else:
        world.urls = {"shop": query(world.b.url, init_command="SET SESSION innodb_lock_wait_timeout = 1")}
    here.run("UPDATE person SET balance = 77 WHERE email = 'p1@example.org'")
    rename_all(there, "Renamed")
    with here.engine.connect() as holder:
        holder.exec_driver_sql("SELECT * FROM person WHERE email = 'p0@example.org' FOR UPDATE")
        report = world.run()
        holder.rollback()
    letter = "a" if locked == "office" else "b"
    assert report.status is RunStatus.PARTIAL
    assert report.counts[f"deferred_{letter}"] == 3
    assert any(locked in warning and "waited too long for a lock" in warning for warning in report.warnings)
    assert there.rows("SELECT balance FROM person WHERE email = 'p1@example.org'") == [(77,)]
    assert [one.written for one in world.settle()] == [3, 0]
    assert names(here) == {"Renamed"}
    assert world.memory()["conflicts"] == []


def test_a_locked_table_is_not_waited_for_without_end(world: World, profile: str) -> None:
    """A limit of the URL counts; nightly also where there is none: PostgreSQL waits for ever, MariaDB for a day."""
    impatient = {
        "office": query(world.a.url, options="-c lock_timeout=200"),
        "shop": query(world.b.url, init_command="SET SESSION lock_wait_timeout = 1"),
    }
    for side, statement in (
        (world.a, "LOCK TABLE person IN ACCESS EXCLUSIVE MODE"),
        (world.b, "LOCK TABLES person WRITE"),
    ):
        world.urls = {} if profile == "nightly" else impatient
        with side.engine.connect() as holder:
            holder.exec_driver_sql(statement)
            said = world.failed(code=1)
            holder.rollback()
        assert "waited too long for a lock" in said
    assert [report.written for report in world.settle()] == [0]


def test_a_deadlock_is_undone_and_tried_again_within_the_run(world: World) -> None:
    rename_all(world.b, "Renamed")
    ids = [row[0] for row in world.a.rows("SELECT id FROM person ORDER BY id")]
    caught: list[BaseException] = []

    def rival() -> None:
        """Holds one row, and once the sync waits for it, wants another: PostgreSQL ends the one that waited first."""
        try:
            with world.a.engine.begin() as connection:
                connection.exec_driver_sql("SET LOCAL deadlock_timeout = '60s'")
                connection.exec_driver_sql(f"SELECT * FROM person WHERE id = {ids[held]} FOR UPDATE")
                holding.set()
                until(lambda: bool(world.a.rows(waiting)))
                for other in ids:
                    connection.exec_driver_sql(f"UPDATE person SET balance = {other} WHERE id = {other}")
        except BaseException as fault:  # told to the test
            caught.append(fault)
            holding.set()

    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
    links = sorted(row[:3] for row in world.memory()["links"])
    held = ids.index(int(links[-1][1]))  # the sync takes records in the order of their links; the rival has the last
    holding = threading.Event()
    thread = threading.Thread(target=rival)
    thread.start()
    holding.wait(BOUND)
    report = world.run()
    thread.join(BOUND)
    assert caught == []
    assert report.status in (RunStatus.SUCCEEDED, RunStatus.PARTIAL)
    world.settle()
    assert names(world.a) == {"Renamed"}
    assert world.people()[0] == world.people()[1]
    assert {row[1] for row in world.people()[1].values()} == set(ids), "the rival's edits were no less heard"
    assert world.memory()["conflicts"] == []


def test_a_connection_lost_in_the_middle_of_a_write_leaves_nothing_half_done(world: World) -> None:
    world.a.run(
        """CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$""",
        "CREATE TRIGGER cut BEFORE UPDATE ON person FOR EACH ROW WHEN (OLD.email = 'p1@example.org') "
        "EXECUTE FUNCTION cut()",
    )
    rename_all(world.b, "Renamed")
    before = world.a.rows("SELECT * FROM person ORDER BY id")
    report = world.run()
    assert report.status is RunStatus.PARTIAL
    assert any("office" in warning and "put off" in warning for warning in report.warnings)
    assert world.a.rows("SELECT * FROM person ORDER BY id") == before
    world.a.run("DROP TRIGGER cut ON person")
    assert [one.written for one in world.settle()] == [3, 0]
    assert world.memory()["conflicts"] == []


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A PostgreSQL that may be restarted."""
    if os.environ.get("TEST_POSTGRES_URL"):
        pytest.skip("a given server is not restarted")
    server = start_postgresql()
    yield server
    server.stop()


def restart(server: Server) -> None:
    """As an administrator in a hurry: every connection is cut, nothing is shut down in order."""
    with sa.create_engine(server.url, poolclass=sa.pool.NullPool).connect() as connection:
        folder = connection.exec_driver_sql("SHOW data_directory").scalar_one()
    binary = shutil.which("pg_ctl")
    if binary is None:
        pytest.skip("no pg_ctl to restart a server with")
    options = {"user": Path(folder).stat().st_uid, "group": Path(folder).stat().st_gid, "extra_groups": []}
    subprocess.run(
        [binary, "restart", "-D", folder, "-m", "immediate", "-w", "-l", f"{folder}/restart.log"],
        check=True, stdout=subprocess.DEVNULL, cwd="/", **(options if os.geteuid() == 0 else {}),
    )  # fmt: skip


def test_a_full_disk_for_the_state_is_said_and_made_good(
    tmp_path: Path, postgres_database: str, mysql_database: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with _tiny_disk(disk) as grow:
        bases = Base.at("postgresql", postgres_database), Base.at("mysql", mysql_database)
        world = people_world(tmp_path, *bases, state_url=f"sqlite:///{disk}/state.sqlite").with_lease(0.001)
        long = "x" * 30
        for start in range(0, 3000, 500):
            rows = [(f"n{number}@example.org", f"{long}{number}", None) for number in range(start, start + 500)]
            add_people(world.a, rows)
        with pytest.raises(StateError, match=r"disk.*is full.*free some space"):
            world.run()
        created = len(world.people()[1])
        assert created < 3003, "it stopped in the middle, or the disk is too large for this story"
        grow()
        world.settle()
        office, shop = world.people()
        assert office == shop
        assert len(office) == 3003
        assert world.b.rows("SELECT count(*) FROM person") == [(3003,)]
        assert world.chain_fault() is None


@contextmanager
def _tiny_disk(folder: Path) -> Iterator[Callable[[], None]]:
    """A file system of two megabytes at ``folder``; yields how to make it larger."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only an administrator can mount a tiny disk")
    try:
        yield (
            lambda: (
                subprocess.run(["mount", "-o", "remount,size=200m", str(folder)], check=True, capture_output=True)
                and None
            )
        )
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def test_a_server_restarted_between_plan_and_write(tmp_path: Path, own_server: Server, mysql_database: str) -> None:
    restarted = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage.startswith("writing") and not restarted and 0 < done < total:
            restarted.append(done)
            restart(own_server)

    with own_server.database() as url:
        # The servers of tests forget the last commits when they are killed; this one must not.
        own_server.run(f'ALTER DATABASE "{sa.make_url(url).database}" SET synchronous_commit = on')
        world = people_world(tmp_path, Base.at("postgresql", url), Base.at("mysql", mysql_database), 10)
        world.sync += "batch_size: 3\n"
        rename_all(world.b, "Renamed")
        world.run = replace(world, runtime=Runtime(progress=progress)).run  # type: ignore[method-assign]
        world.settle()
        assert restarted
        assert names(world.a) == {"Renamed"}
        assert world.memory()["conflicts"] == []
        assert world.verify().agrees
