"""Jobs as assets on a real Dagster instance: here and on the stand-in the same result, and nothing half done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from integrations_platform.databricks.publishing import Staging
from integrations_platform.defs import running as running_module
from integrations_platform.defs.databricks import job_assets
from integrations_platform.jobs import Catalogue, load_catalogue
from integrations_platform.lake.errors import LakeError, Place, Trouble
from integrations_platform.lake.lake import Lake
from integrations_platform.sandbox.databricks import Databricks
from integrations_platform.sandbox.databricks.app import TOKEN
from integrations_platform.sandbox.databricks.scripts import Script, Work
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.waiting import Timing
from integrations_platform_tests.sandbox.running import running

DAY = date(2013, 1, 1)
FLIGHTS = pl.DataFrame(
    {"carrier": ["UA", "UA", "AA"], "origin": ["EWR", "EWR", "JFK"], "hour": [5, 5, 6], "dep_delay": [2, None, -4],
     "arr_delay": [11, None, -9], "distance": [1400, 1400, 1089], "air_time": [227, None, 160]}
)  # fmt: skip
ENVIRONMENT = """
systems: {{}}
state: {{url: "sqlite:///{root}/state.sqlite"}}
lake:
  url: "file://{root}/lake"
  datasets:
    flights: {{format: parquet, source: {{sample: flights}}, starts: 2013-01-01}}
    flight_features: {{format: parquet, source: {{job: features}}, starts: 2013-01-01}}
databricks:
  host: "{host}"
  token: "{token}"
  jobs:
    features: {{task: "{task}", reads: flights, parameters: {{day: "{{day}}"}}, starts: 2013-01-01, ends: 2013-12-31}}
    nightly: {{job_id: "{job}", parameters: {{until: "{{next_day}}"}}, starts: 2013-01-01, partial: {partial}}}
"""


@dataclass
class House:
    """An environment in a folder, with or without a workspace, and an instance that remembers runs."""

    root: Path
    instance: dg.DagsterInstance
    vendor: Databricks | None = None
    url: str = ""
    task: str = "flight_features"
    partial: str = "fail"
    job: int = 0
    looks: int = 0
    slept: float = 0.0
    at_look: dict[int, Callable[[], None]] = field(default_factory=dict)

    @property
    def catalogue(self) -> Catalogue:
        file = self.root / "house.yaml"
        token = TOKEN if self.vendor else ""
        file.write_text(
            ENVIRONMENT.format(
                root=self.root, host=self.url, token=token, task=self.task, job=self.job or "", partial=self.partial
            )
        )
        (self.root / "syncs").mkdir(exist_ok=True)
        return load_catalogue(env_file=file, folders=[self.root / "syncs"])

    @property
    def lake(self) -> Lake:
        return Lake.open(self.catalogue.settings.lake)

    def sleep(self, seconds: float) -> None:
        self.looks += 1
        self.slept += seconds
        self.at_look.get(self.looks, lambda: None)()
        if self.vendor is not None:
            self.vendor.clock.advance(seconds)

    def materialize(self, *key: str, **options: Any) -> dg.ExecuteInProcessResult:
        """The asset of that key for the day, by one in-process run."""
        assets = job_assets(self.catalogue, Timing(lambda: self.slept, self.sleep, lambda: 0.5))
        wanted = dg.AssetKey(key)
        chosen = [asset for asset in assets if wanted in asset.keys]
        return dg.materialize(
            chosen, partition_key=DAY.isoformat(), instance=self.instance, raise_on_error=False, **options
        )

    def failure(self, *key: str) -> str:
        """Why the step failed."""
        result = self.materialize(*key)
        assert not result.success
        event = next(event for event in result.all_events if event.is_step_failure)
        return str(event.step_failure_data.user_failure_data.description)

    def own_task(self, body: str) -> None:
        """A task file of the user's."""
        file = self.root / "own.py"
        file.write_text(body)
        self.task = str(file)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Without a workspace, with the day's flights in the lake."""
    with dg.DagsterInstance.ephemeral() as instance:
        house = House(tmp_path, instance)
        house.lake.write_partition("flights", DAY, FLIGHTS, "seed")
        yield house


@pytest.fixture
def remote(house: House) -> Iterator[House]:
    """With a workspace, which carries out tasks of ours as a cluster would."""
    vendor = Databricks(seed=1)

    def perform(work: Work) -> Script:
        task = work.task.get("spark_python_task")
        if task is None:
            return vendor.account.scripts.get(str(work.task["task_key"]), Script())
        file = house.root / "on_cluster.py"
        file.write_bytes(vendor.file(task["python_file"]))
        done = subprocess.run(
            [sys.executable, file, *task["parameters"]],
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"]},
        )
        if done.returncode:
            return Script(result="FAILED", error=done.stderr.strip().splitlines()[-1], trace=done.stderr)
        return Script(logs=done.stdout)

    vendor.account.perform = perform
    with running(vendor) as server:
        house.vendor, house.url = vendor, server.url("databricks")
        house.job = vendor.account.create(
            {"name": "nightly", "tasks": [{"task_key": "load"}], "parameters": [{"name": "until", "default": ""}]}
        )
        yield house


def metadata(result: dg.ExecuteInProcessResult, *key: str) -> dict[str, Any]:
    (found,) = [
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(key)
    ]
    return {name: value.value for name, value in found.metadata.items()}


@pytest.mark.parametrize("where", ["house", "remote"])
def test_the_same_task_file_makes_the_same_features_here_and_on_databricks(
    where: str, request: pytest.FixtureRequest
) -> None:
    house: House = request.getfixturevalue(where)
    result = house.materialize("databricks", "features")
    assert result.success
    told = metadata(result, "databricks", "features")
    assert (told["outcome"], told["flights"], told["groups"], told["cancelled"]) == ("succeeded", 3, 2, 1)
    manifest = house.lake.manifest("flight_features", DAY)
    assert manifest is not None
    assert (manifest.rows, manifest.run_id) == (2, result.run_id)
    rows = house.lake.read(manifest).select("carrier", "arr_delay_mean", "ds").rows()
    assert rows == [("AA", -9.0, DAY), ("UA", 11.0, DAY)]
    assert metadata(result, "lake", "flight_features")["rows"] == 2
    assert ("run_page" in told) == (house.vendor is not None)
    assert not list((house.root / "lake").glob("_jobs/*/*"))
    assert not list((house.root / "lake").glob("_messages/*/*/*"))
    names = {each.check_name for each in result.get_asset_check_evaluations()}
    assert names == {"every_task_succeeded", "not_empty", "on_time", "schema_as_before", "volume_as_usual"}


@pytest.mark.parametrize("key", [("databricks", "features"), ("lake", "flight_features")])
def test_whichever_asset_is_chosen_the_job_runs_and_all_it_wrote_is_reported(
    house: House, key: tuple[str, ...]
) -> None:
    result = house.materialize(*key, selection=dg.AssetSelection.assets(dg.AssetKey(key)))
    assert result.success
    assert house.lake.manifest("flight_features", DAY) is not None
    for each in (("databricks", "features"), ("lake", "flight_features")):
        (event,) = house.instance.fetch_materializations(dg.AssetKey(each), limit=5).records
        assert event.partition_key == DAY.isoformat()


def test_a_rerun_leaves_the_partition_as_it_is(house: House) -> None:
    house.materialize("databricks", "features")
    first = house.lake.manifest("flight_features", DAY)
    house.materialize("databricks", "features")
    again = house.lake.manifest("flight_features", DAY)
    assert first is not None
    assert again is not None
    assert again.content == first.content


def test_a_day_that_is_not_in_the_lake_is_said_before_anything_runs(house: House) -> None:
    (house.root / "lake" / "_manifests" / "flights" / f"date={DAY}.json").unlink()
    assert f"lake/flights has no partition {DAY}; materialize it first" in house.failure("databricks", "features")


@pytest.mark.parametrize("where", ["house", "remote"])
def test_a_task_that_fails_shows_its_traceback_and_leaves_the_old_partition(
    where: str, request: pytest.FixtureRequest
) -> None:
    house: House = request.getfixturevalue(where)
    assert house.materialize("databricks", "features").success
    before = house.lake.manifest("flight_features", DAY)
    house.lake.write_partition("flights", DAY, FLIGHTS.drop("origin"), "broken")
    said = house.failure("databricks", "features")
    assert "Traceback (most recent call last)" in said
    assert "has no column origin" in said
    assert house.lake.manifest("flight_features", DAY) == before
    assert not list((house.root / "lake").glob("_jobs/*/*"))


def test_a_task_that_tells_of_no_file_publishes_nothing_and_nothing_is_claimed(house: House) -> None:
    house.own_task("print('all is well')")
    assert "told of no file" in house.failure("databricks", "features")
    assert house.lake.manifest("flight_features", DAY) is None
    assert house.instance.get_latest_materialization_event(dg.AssetKey(["databricks", "features"])) is None


def test_credentials_of_the_platform_do_not_reach_a_local_task(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-not-for-tasks")
    house.own_task("import os; raise SystemExit(str(sorted(os.environ)))")
    said = house.failure("databricks", "features")
    assert "PATH" in said
    assert "DATABRICKS_TOKEN" not in said


def test_an_existing_job_gets_the_days_parameters_and_its_page_is_shown(remote: House) -> None:
    result = remote.materialize("databricks", "nightly")
    assert result.success
    assert remote.vendor is not None
    (run,) = remote.vendor.account.runs.values()
    assert run.parameters == {"until": "2013-01-02"}
    told = metadata(result, "databricks", "nightly")
    assert told["run_page"].endswith(f"/run/{run.run_id}")
    assert (told["tasks_total"], told["tasks_failed"], told["attempt"], told["repairs"]) == (1, 0, 0, 0)


def test_a_deleted_job_is_said_and_not_tried_again(remote: House) -> None:
    remote.job = 999
    said = remote.failure("databricks", "nightly")
    assert "Job 999 does not exist" in said
    assert remote.vendor is not None
    assert sum(call.operation == "jobs.run-now" for call in remote.vendor.calls) == 1


def test_an_existing_job_without_a_workspace_names_the_variable_to_set(house: House) -> None:
    house.job = 5
    assert "set DATABRICKS_HOST" in house.failure("databricks", "nightly")


@pytest.mark.parametrize(("partial", "success"), [("warn", True), ("fail", False)])
def test_a_partial_success_is_a_failed_check_or_a_failure_as_declared(
    remote: House, partial: str, success: bool
) -> None:
    assert remote.vendor is not None
    account = remote.vendor.account
    behind = {"task_key": "b", "depends_on": [{"task_key": "load"}], "run_if": "ALL_DONE"}
    account.jobs[remote.job]["tasks"] = [{"task_key": "load"}, behind]
    account.scripts["load"] = Script(result="FAILED", error="boom")
    remote.partial = partial
    result = remote.materialize("databricks", "nightly")
    assert result.success is success
    if success:
        (check,) = result.get_asset_check_evaluations()
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_a_cancelled_dagster_run_cancels_the_run_on_databricks(remote: House) -> None:
    assert remote.vendor is not None
    vendor = remote.vendor
    vendor.account.scripts["load"] = Script(seconds=3600)

    def cancel() -> None:
        (run,) = remote.instance.get_runs()
        remote.instance.report_run_canceling(run)
        os.kill(os.getpid(), signal.SIGINT)

    remote.at_look = {3: cancel}
    result = remote.materialize("databricks", "nightly")
    assert not result.success
    (run,) = remote.instance.get_runs()
    assert run.status is dg.DagsterRunStatus.CANCELED
    assert [each.result for each in vendor.account.runs.values()] == ["CANCELED"]


def test_a_lost_service_is_asked_again_by_the_step_and_the_same_run_is_found(
    remote: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remote.vendor is not None
    monkeypatch.setattr(running_module, "FIRST_WAIT_SECONDS", 0.01)
    remote.vendor.faults.add(Fault(FaultKind.STATUS, "jobs.runs.get", status=500, times=24))  # ten minutes of looks
    result = remote.materialize("databricks", "nightly")
    assert result.success
    retries = [event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY]
    assert (len(retries), len(remote.vendor.account.runs)) == (1, 1)


def test_a_lake_that_fails_when_the_result_is_published_costs_no_second_run(
    remote: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remote.vendor is not None
    monkeypatch.setattr(running_module, "FIRST_WAIT_SECONDS", 0.01)
    publish, failures = Staging.publish, [LakeError(Trouble.UNAVAILABLE, Place(), "the store failed")]

    def publish_at_last(self: Staging, *told: Any) -> Any:
        if failures:
            raise failures.pop()
        return publish(self, *told)

    monkeypatch.setattr(Staging, "publish", publish_at_last)
    assert remote.materialize("databricks", "features").success
    assert len(remote.vendor.account.runs) == 1
    manifest = remote.lake.manifest("flight_features", DAY)
    assert manifest is not None
    assert manifest.rows == 2
    assert not list((remote.root / "lake").glob("_messages/*/*/*"))
