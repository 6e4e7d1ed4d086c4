"""What the doctor says of the lake, the warehouse, Databricks and MLflow: what holds, what does not, and the remedy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import polars as pl
import pytest

from integrations_platform.doctor.data import data_findings
from integrations_platform.lake import Lake
from integrations_platform.sandbox.databricks import Databricks
from integrations_platform.sandbox.databricks.app import TOKEN
from integrations_platform.settings import Settings, load_settings
from integrations_platform_tests.sandbox.running import running

LAKE = """
lake:
  url: "file://ROOT/lake"
  datasets:
    flights: {format: parquet, source: {sample: flights}, starts: 2013-01-01}
"""
ELSEWHERE = """
warehouse:
  folder: ROOT/warehouse
  tables:
    sales: {dataset: flights, table: db.public.sales}
databricks:
  jobs:
    features: {task: flight_features, starts: 2013-01-01}
    nightly: {job_id: 7, starts: 2013-01-01}
"""
MODELS = """
models:
  tracking: "URL"
  models:
    delay: {features: flights, inputs: [x], target: y, gate: {mae: 1}, starts: 2013-01-01}
"""
Load = Callable[[str], Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The settings that a text declares; ROOT is this test's folder."""

    def loaded(text: str) -> Settings:
        file = tmp_path / "env.yaml"
        file.write_text(("systems: {}\nstate: {url: 'sqlite:///ROOT/state'}\n" + text).replace("ROOT", str(tmp_path)))
        return load_settings(env_file=file)

    return loaded


def told(settings: Settings) -> list[tuple[str, str, str, str]]:
    return [(each.level.value, each.area, each.subject, each.message) for each in data_findings(settings)]


@contextmanager
def answering(status: int) -> Iterator[str]:
    """The address of a server that answers everything with this status."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the library's
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_is_not_declared_is_not_asked(load: Load) -> None:
    assert told(load("lake: {url: 's3://nobody-asks-this-one/x'}\n")) == []


def test_a_lake_tells_its_newest_day(load: Load) -> None:
    settings = load(LAKE)
    assert told(settings) == [("ok", "lake", "flights", "no day is recorded yet")]
    Lake.open(settings.lake).write_partition("flights", date(2013, 1, 2), pl.DataFrame({"x": [1]}), "run")
    assert told(settings) == [("ok", "lake", "flights", "1 recorded, the newest 2013-01-02")]


def test_a_lake_that_cannot_be_opened_is_a_problem(load: Load) -> None:
    ((level, area, _, message),) = told(load(LAKE.replace("file://ROOT/lake", "ftp://somewhere/lake")))
    assert (level, area) == ("problem", "lake")
    assert "write s3://bucket/prefix" in message


def test_without_accounts_it_says_where_things_run_instead(load: Load) -> None:
    found = told(load(LAKE + ELSEWHERE))
    assert [each[:3] for each in found[1:]] == [
        ("note", "warehouse", "embedded"),
        ("note", "databricks", "workspace"),
        ("problem", "databricks", "nightly"),
    ]


def test_a_workspace_tells_who_the_token_is_and_refuses_a_wrong_one(load: Load) -> None:
    section = "databricks: {host: 'HOST', token: 'TOKEN', jobs: {nightly: {job_id: 7, starts: 2013-01-01}}}\n"
    with running(Databricks(seed=1)) as server:
        url = server.url("databricks")
        (right,) = told(load(section.replace("HOST", url).replace("TOKEN", TOKEN)))
        (wrong,) = told(load(section.replace("HOST", url).replace("TOKEN", "another")))
    assert right[:3] == ("ok", "databricks", "workspace")
    assert "@" in right[3]
    assert wrong[0] == "problem"
    assert "another" not in wrong[3]


@pytest.mark.parametrize(("status", "level"), [(200, "ok"), (502, "problem")])
def test_mlflow_is_asked_how_it_is(load: Load, status: int, level: str) -> None:
    with answering(status) as url:
        settings = load(LAKE + MODELS.replace("URL", url))
        found = [each for each in told(settings) if each[1] == "models"]
        assert [each[:3] for each in found] == [(level, "models", "mlflow")]
    found = [each for each in told(settings) if each[1] == "models"]
    assert found[0][0] == "problem", "nobody answers any more"
