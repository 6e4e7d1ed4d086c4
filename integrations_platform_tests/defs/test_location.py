"""The code location loads with nothing around it, quickly, and says what is wrong with a file that is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from integrations_platform.cron import longest_pause
from integrations_platform.defs.config import ConflictChoice, DirectionChoice
from integrations_platform.defs.syncs import freshness, pool_of
from integrations_platform.jobs import DATA_SYNC_UNIFIED, SYNC, load_catalogue
from integrations_platform.unified_sync.spec import Direction, Strategy
from integrations_platform_tests.defs.conftest import PEOPLE, World

ROOT = Path(__file__).parents[2]

HERMETIC = """
import os, sys, time
assert "INTEGRATIONS_ENV" not in os.environ
def no_network(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise SystemExit(f"network at load: {event} {args[-1]}")
sys.addaudithook(no_network)
import dagster
began = time.process_time()
from integrations_platform.definitions import defs
defs.resolve_all_job_defs()
spent = time.process_time() - began
heavy = {"polars", "sqlalchemy", "pandas", "psycopg", "pymysql"} & set(sys.modules)
print(round(spent, 2), sorted(heavy))
assert spent <= 1.5, spent
assert not heavy & {"polars", "sqlalchemy", "psycopg", "pymysql"}, heavy
"""


def _clean(**extra: str) -> dict[str, str]:
    """Just what a process needs to start: no variable of ours, no home of Dagster."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **extra}


def test_it_loads_without_variables_or_network_and_fast() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HERMETIC],
        cwd=ROOT,
        env=_clean(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _validate(**extra: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    return subprocess.run(
        command, cwd=ROOT, env=_clean(**extra), capture_output=True, text=True, timeout=120, check=False
    )


def test_dagster_validates_the_workspace() -> None:
    done = _validate()
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_broken_sync_file_is_named_with_line_and_field(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text(PEOPLE.replace("batch_size", "x").replace("type: text}", "type: texxt}", 1))
    done = _validate(INTEGRATIONS_SYNCS=str(tmp_path))
    assert done.returncode != 0
    shown = done.stdout + done.stderr
    assert "broken.yaml:8: fields.name.type" in shown


def test_an_extra_folder_adds_to_the_declared_syncs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRATIONS_SYNCS", str(world.syncs))
    monkeypatch.setenv("INTEGRATIONS_ENV_FILE", str(world.env_file))
    catalogue = load_catalogue()
    assert {"customers", "people"} <= {spec.name for spec in catalogue.specs}
    assert catalogue.settings.name == "world"
    assert catalogue.kind("billing") is None, "a system of another environment does not keep the location from loading"


def test_an_asset_says_what_the_declaration_says(world: World) -> None:
    spec = world.definitions.resolve_asset_graph().get(dg.AssetKey("people"))
    assert spec.group_name == "unified_sync"
    assert spec.owners == ["team:sales"]
    assert spec.kinds == {"sqlite"}
    assert spec.tags["domain"] == "crm"
    assert spec.pools == {"system_shop"}
    assert spec.metadata["dagster/table_name"] == "shop.member"
    columns = {column.name: column for column in spec.metadata["dagster/column_schema"].columns}
    assert set(columns) == {"email", "name", "city"}
    assert not columns["email"].constraints.nullable
    assert columns["city"].constraints.nullable
    assert "match key" in columns["email"].constraints.other
    assert columns["email"].description.startswith("email ↔ mail")


def test_an_owner_that_dagster_refuses_is_shown_as_metadata(world: World) -> None:
    world.sync(PEOPLE.replace("owner: team:sales", 'owner: "o\'hara+sync@example.x--y.org"'))
    spec = world.definitions.resolve_asset_graph().get(dg.AssetKey("people"))
    shown = [*spec.owners, spec.metadata.get("owner")]
    assert "o'hara+sync@example.x--y.org" in shown


def test_a_sync_waits_in_the_pool_of_its_slower_system(world: World) -> None:
    text = world.env_file.read_text()
    world.env_file.write_text(text.replace("crm.sqlite}", "crm.sqlite, limits: {calls_per_second: 5}}"))
    assert pool_of(world.catalogue, world.catalogue.specs[0]) == "system_crm"


def test_schedules_are_stopped_and_follow_the_declaration(world: World) -> None:
    repository = world.definitions.get_repository_def()
    schedules = {schedule.name: schedule for schedule in repository.schedule_defs}
    assert schedules["people_schedule"].cron_schedule == "*/15 * * * *"
    assert {schedule.default_status for schedule in schedules.values()} == {dg.DefaultScheduleStatus.STOPPED}
    steps = {node.name for node in repository.get_job("people_job").nodes}
    assert steps == {"people"}, "scheduled runs do not read everything"
    assert set(schedules) == {"people_schedule", "verify_schedule"}


def test_a_sync_is_late_after_two_missed_runs(world: World) -> None:
    def window() -> timedelta:
        policy = freshness(load_catalogue(env_file=world.env_file, folders=[world.syncs]).specs[0])
        assert isinstance(policy, dg.FreshnessPolicy)
        return policy.fail_window.to_timedelta()  # type: ignore[attr-defined]

    assert window() == timedelta(hours=1)
    world.sync(PEOPLE.replace("*/15 * * * *", "0 8-18 * * 1-5"))
    assert window() == timedelta(hours=124)
    world.sync(PEOPLE + "freshness_hours: 2.5\n")
    assert window() == timedelta(hours=2.5)
    world.sync(PEOPLE.replace('schedule: "*/15 * * * *"\n', ""))
    assert freshness(load_catalogue(env_file=world.env_file, folders=[world.syncs]).specs[0]) is None


@pytest.mark.parametrize(
    ("cron", "pause"),
    [
        ("* * * * *", timedelta(minutes=1)),
        ("5,50 * * * *", timedelta(minutes=45)),
        ("0 3 * * *", timedelta(days=1)),
        ("0 3 1 * *", timedelta(days=31)),
        ("0 3 29 2 *", timedelta(days=1461)),
        ("0 3 1 * mon", timedelta(days=7)),
        ("0 3 * * 7", timedelta(days=7)),
    ],
)
def test_the_longest_pause_of_a_schedule(cron: str, pause: timedelta) -> None:
    assert longest_pause(cron) == pause


def test_the_launchpad_offers_what_the_catalogue_names() -> None:
    for job in (SYNC, DATA_SYNC_UNIFIED):
        assert {item.value for item in DirectionChoice} == set(job.parameter("direction").choices)
        assert {item.value for item in ConflictChoice} == set(job.parameter("conflict_resolution").choices)
    assert {item.value for item in Strategy} == {item.value for item in ConflictChoice}
    assert {item.value for item in Direction} - {"never"} == {item.value for item in DirectionChoice}
    assert all(item.name == item.value for choices in (DirectionChoice, ConflictChoice) for item in choices)
