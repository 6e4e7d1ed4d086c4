"""Real Airflows, each in an environment of its own with nothing but the small wheel, on one real Dagster."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integrations_platform.job_list import named_jobs
from integrations_platform.jobs import Job, Parameter, load_catalogue
from integrations_platform.sandbox.airbyte import Airbyte as StandIn
from integrations_platform.sandbox.airbyte.account import connection_id
from integrations_platform.sandbox.airbyte.app import CLIENT_ID, CLIENT_SECRET
from integrations_platform_tests.airflow_shim import airflows
from integrations_platform_tests.airflow_shim.airflows import ROOT
from integrations_platform_tests.airflow_shim.dagster_server import Served
from integrations_platform_tests.alerts.sink import sink
from integrations_platform_tests.sandbox.running import running

pytestmark = pytest.mark.xdist_group("airflow")
HERE = Path(__file__).parent
SECONDS = 400  # a test machine may be busy


@dataclass(frozen=True)
class Told:
    """What one Airflow knows after all stories, what it called back with, and the alerts it sent."""

    version: str
    stories: dict[str, Any]
    called_back: list[dict[str, Any]]
    alerts: list[str]
    airbyte_jobs: int
    log: str

    def task(self, name: str) -> dict[str, Any]:
        """A task of the DAG `ways`."""
        return dict(self.stories["ways"]["tasks"][name])

    def said(self, task: str) -> list[str]:
        """What Airflow was called back with about a task."""
        return [line["said"] for line in self.called_back if line["task"] == task]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small distribution."""
    return airflows.small_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def all_told(dagster: Served, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Told]]:
    """Both Airflows play all stories, beside each other."""
    folder = tmp_path_factory.mktemp("airflow")
    airflows.unpack(wheel, folder / "site")
    with ExitStack() as stack:
        played = {version: _Played(version, folder, stack) for version in airflows.VERSIONS}
        for each in played.values():
            stack.callback(each.start(dagster).kill)
        yield {version: each.told() for version, each in played.items()}


class _Played:
    """One Airflow that plays the stories."""

    def __init__(self, version: str, folder: Path, stack: ExitStack) -> None:
        self.version, self.home, self.site = version, folder / version, folder / "site"
        self.python = airflows.python_of(version)
        self.slack = stack.enter_context(sink())
        self.vendor = StandIn(seed=1)
        self.airbyte = stack.enter_context(running(self.vendor)).url("airbyte")

    def start(self, dagster: Served) -> subprocess.Popen[bytes]:
        (self.home / "dags").mkdir(parents=True)
        shutil.copy(self.python.parent.parent / "airflow.db", self.home)
        shutil.copytree(ROOT / "environments" / "airflow" / "plugins", self.home / "plugins")
        for file in (HERE / "airflow_dags.py", ROOT / "environments" / "airflow" / "dags" / "integrations.py"):
            shutil.copy(file, self.home / "dags")
        told = {
            "PYTHONPATH": str(self.site),
            "AIRFLOW_CONN_DAGSTER_DEFAULT": json.dumps({"conn_type": "dagster", "host": dagster.url}),
            "AIRFLOW_VAR_AIRBYTE_API_URL": self.airbyte,
            "AIRFLOW_VAR_AIRBYTE_CLIENT_ID": CLIENT_ID,
            "AIRFLOW_VAR_AIRBYTE_CLIENT_SECRET": CLIENT_SECRET,
            "OLD_CONNECTION": connection_id("stripe_to_postgres"),
            "ENABLE_SLACK": "true",
            "SLACK_WEBHOOK_URL": self.slack.url,
        }
        self.log = self.home / "log.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [self.python, HERE / "airflow_stories.py", self.home / "told.json"], cwd=self.home, stdout=log,
                stderr=log, env={**airflows.variables(self.home), **told},
            )  # fmt: skip
        return self.process

    def told(self) -> Told:
        self.process.wait(SECONDS)
        written = self.home / "told.json"
        assert written.exists(), self.log.read_text(encoding="utf-8")[-2000:]
        lines = (self.home / "called_back.jsonl").read_text(encoding="utf-8").splitlines()
        log = self.log.read_text(encoding="utf-8")
        jobs = sum(call.operation == "jobs.create" for call in self.vendor.calls)
        return Told(
            self.version, json.loads(written.read_text(encoding="utf-8")), [json.loads(line) for line in lines],
            self.slack.texts, jobs, log,
        )  # fmt: skip


@pytest.fixture(params=airflows.VERSIONS)
def told(request: pytest.FixtureRequest, all_told: dict[str, Told]) -> Told:
    """What one of them knows."""
    return all_told[request.param]


@pytest.mark.parametrize("version", airflows.VERSIONS)
def test_the_wheel_brings_nothing_that_airflow_has_not(wheel: Path, version: str) -> None:
    said = airflows.would_install(airflows.python_of(version), wheel)
    assert "Would install 1 package" in said, said


def test_all_dags_load_without_dagster_and_under_their_old_paths(told: Told) -> None:
    assert told.stories["version"].startswith(told.version)
    assert told.stories["errors"] == {}
    assert told.stories["foreign"] == []


def test_a_day_ends_well_and_tells_what_it_made(told: Told, dagster: Served) -> None:
    task = told.task("a_day")
    assert task["state"] == "success"
    told_of = task["xcom"]["return_value"]
    assert told_of["materializations"][0]["metadata"]["rows"] == 3_000_000_000
    assert told_of["materializations"][0]["partition"] == "2025-03-01"
    assert task["xcom"]["dagster_run_url"].endswith(f"/runs/{told_of['run_id']}")
    (run,) = _runs(dagster, told.stories["ways"]["run_id"], "ledger_job")
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert (tags["airflow/task_id"], tags["alerts/told_by"]) == ("a_day", "airflow")


def test_a_failure_tells_dagsters_own_error_and_where_to_look_and_is_told_once(told: Told) -> None:
    assert told.task("fails_while_deferred")["state"] == "failed"
    (said,) = told.said("fails_while_deferred")
    for words in ("step breaks", "the ledger could not be read", "invalid literal for int()", "/runs/"):
        assert words in said
    assert told.alerts.count("airflow/ways.fails_while_deferred failed") == 1


def test_a_second_try_takes_up_the_run_where_it_failed(told: Told, dagster: Served) -> None:
    task = told.task("comes_off_at_the_second_try")
    assert task["state"] == "success"
    assert len(told.said("comes_off_at_the_second_try")) == 1
    resumed, failed = _runs(dagster, told.stories["ways"]["run_id"], "moody")
    assert (failed["status"], resumed["status"]) == ("FAILURE", "SUCCESS")
    assert resumed["stepKeysToExecute"] == ["second"]


def test_what_no_retry_mends_burns_none(told: Told, dagster: Served) -> None:
    assert told.task("bad_config")["state"] == "failed"
    lines = [line for line in told.called_back if line["task"] == "bad_config"]
    assert [(line["what"], line["kind"], line["try"]) for line in lines] == [("failed", "AirflowFailException", 1)]
    assert "Missing required config entry" in lines[0]["said"]
    assert _runs(dagster, told.stories["ways"]["run_id"], "picky") == []


def test_killing_a_task_cancels_its_run(told: Told, dagster: Served) -> None:
    assert told.task("killed")["state"] == "failed"
    (run,) = _runs(dagster, told.stories["ways"]["run_id"], "endless")
    assert run["status"] == "CANCELED"


def test_marking_a_deferred_task_cancels_its_run_too(told: Told) -> None:
    assert told.stories["marked"] == "CANCELED"


def test_a_try_that_died_is_adopted(told: Told, dagster: Served) -> None:
    assert told.said("dies_once") == ["the worker was killed"]
    (run,) = _runs(dagster, told.stories["dies"]["run_id"], "picky")
    task = told.stories["dies"]["tasks"]["dies_once"]
    assert (task["state"], task["xcom"]["dagster_run_id"]) == ("success", run["runId"])


def test_each_clear_asks_for_a_new_run_and_a_retry_does_not(told: Told) -> None:
    retried, cleared, again = told.stories["generations"]
    assert retried == 0
    assert 0 < cleared < again


def test_the_unified_sync_runs_with_its_parameters(told: Told, dagster: Served) -> None:
    task = told.stories["unified"]["tasks"]["data_sync_unified"]
    assert task["state"] == "success"
    assert [made["asset_key"] for made in task["xcom"]["return_value"]["materializations"]] == ["people"]
    assert dagster.execute("shop", "SELECT full_name FROM member") == [("Ana",)]


def test_a_parameter_that_is_unknown_starts_nothing_and_is_told(told: Told, dagster: Served) -> None:
    assert told.stories["unknown"]["tasks"]["data_sync_unified"]["state"] == "failed"
    assert "unknown parameter batch_sise; this DAG takes: source_type" in told.log
    assert _runs(dagster, told.stories["unknown"]["run_id"], "data_sync_unified") == []
    assert told.alerts.count("airflow/data_sync_unified.data_sync_unified failed") == 1


def test_a_value_out_of_bounds_is_refused_by_airflow(told: Told) -> None:
    assert "10001 is greater than the maximum of 10000" in told.stories["beyond"]["refused"]


def test_an_airbyte_connection_is_synced_by_its_id_and_airflows_variables(told: Told) -> None:
    task = told.task("airbyte_of_old")
    assert (task["state"], told.airbyte_jobs) == ("success", 1)
    assert task["xcom"]["return_value"]["connection"] == "stripe_to_postgres"


def test_airflow_renders_the_list_of_jobs(told: Told) -> None:
    jobs = named_jobs(load_catalogue("local")).values()
    dags = told.stories["dags"]
    composed = {"airbyte_sync", "airbyte_chained_syncs"}
    assert set(dags) == {job.dag for job in jobs} | composed
    for job in jobs:
        shown = dags[job.dag]
        assert shown["schedule"] == job.schedule, job.dag
        assert _bounds(shown["params"], job) == {item.name: _schema(item) for item in job.parameters}, job.dag
        if job.dag != "airbyte_multi_source_sync":
            assert (job.owner or "integrations") in shown["owners"]
            assert shown["retries"] == [job.retries]
    connections = [target.name for job in jobs if job.name == "airbyte_all_job" for target in job.targets]
    assert dags["airbyte_multi_source_sync"]["tasks"] == dags["airbyte_chained_syncs"]["tasks"] == sorted(connections)
    assert told.stories["of_one_connection"] == ["airbyte_stripe_to_postgres_job"]
    assert dags["lake_to_snowflake"]["tasks"] == ["flights", "raw_events"]


def _bounds(params: dict[str, Any], job: Job) -> dict[str, Any]:
    names = {item.name for item in job.parameters}
    kept = ("type", "enum", "minimum", "maximum")
    return {
        name: {key: schema[key] for key in kept if key in schema} for name, schema in params.items() if name in names
    }


def _schema(item: Parameter) -> dict[str, Any]:
    kind = "array" if item.type == "strings" else item.type
    optional = not item.required and item.default is None
    bounds = {"minimum": item.minimum, "maximum": item.maximum}
    return {
        "type": ["null", kind] if optional else kind,
        **({"enum": [*([None] if optional else []), *item.choices]} if item.choices else {}),
        **{name: value for name, value in bounds.items() if value is not None},
    }


def _runs(dagster: Served, run_id: str, job: str) -> list[Any]:
    """Runs of a job that a run of Airflow's has started, the newest first."""
    return [run for run in dagster.runs("airflow/run_id", run_id) if run["jobName"] == job]
