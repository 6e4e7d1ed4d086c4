"""The same task file on this machine: arguments, messages, exit code and logs as from a cluster, and nothing left."""

from __future__ import annotations

import json
import os
import select
import sys
from datetime import date
from pathlib import Path
from typing import Any

import obstore
import polars as pl
import pytest
from dagster_pipes import encode_param
from obstore.store import LocalStore, S3Store

from integrations_platform.databricks.launch import PythonFile
from integrations_platform.databricks.local import PASSED_ON, LocalRun, task_file
from integrations_platform.databricks.messages import FOLDER, Messages
from integrations_platform.databricks.outcomes import Outcome
from integrations_platform.lake.errors import LakeError, Trouble
from integrations_platform_tests.servers import free_port

ENVIRONMENT = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
FLIGHTS = {
    "carrier": ["UA", "UA", "AA"], "origin": ["EWR", "EWR", "JFK"], "hour": [5, 5, 6], "dep_delay": [2, None, -4],
    "arr_delay": [11, None, -9], "distance": [1400, 1400, 1089], "air_time": [227, None, 160],
}  # fmt: skip


def task(tmp_path: Path, body: str, *arguments: str, **how: Any) -> LocalRun:
    file = tmp_path / "task.py"
    file.write_text(body)
    return LocalRun(PythonFile(file, arguments), ENVIRONMENT, **how)


@pytest.fixture
def lake(tmp_path: Path) -> LocalStore:
    folder = tmp_path / "lake"
    folder.mkdir()
    return LocalStore(str(folder))


def pipes(folder: str) -> tuple[str, ...]:
    """Arguments as a Pipes session gives them."""
    context = {
        "asset_keys": ["databricks/features"], "code_version_by_asset_key": {"databricks/features": None},
        "provenance_by_asset_key": {"databricks/features": None}, "partition_key": "2013-01-01",
        "partition_key_range": None, "partition_time_window": None, "run_id": "r", "job_name": "j", "retry_number": 0,
        "extras": {},
    }  # fmt: skip
    return (
        "--dagster-pipes-context", encode_param({"data": context}), "--dagster-pipes-messages",
        encode_param({"folder": folder}),
    )  # fmt: skip


def test_the_features_of_a_day_are_written_to_the_lake_and_told_in_messages(tmp_path: Path, lake: LocalStore) -> None:
    source = tmp_path / "lake" / "flights" / "date=2013-01-01" / "part.parquet"
    source.parent.mkdir(parents=True)
    pl.DataFrame(FLIGHTS).write_parquet(source)
    arguments = ("--lake", (tmp_path / "lake").as_uri(), "--day", "2013-01-01", "--read",
                 "flights/date=2013-01-01/part.parquet", "--write", "flight_features/date=2013-01-01")  # fmt: skip
    launch = PythonFile(task_file("flight_features"), (*arguments, *pipes(f"{FOLDER}/r")))
    report = LocalRun(launch, ENVIRONMENT).report()
    assert report.verdict.outcome is Outcome.SUCCEEDED, report.complaint
    said: list[Any] = []
    messages = Messages(lake, f"{FOLDER}/r")
    messages.finish(said.append)
    messages.clear()
    methods = [message["method"] for message in said]
    assert methods == ["opened", "log", "report_custom_message", "report_asset_materialization", "closed"]
    (wrote,) = said[2]["params"]["payload"]["wrote"]
    (written,) = (tmp_path / "lake" / "flight_features" / "date=2013-01-01").iterdir()
    assert (wrote["name"], wrote["rows"], wrote["bytes"]) == (written.name, 2, written.stat().st_size)
    rows = pl.read_parquet(written).select("carrier", "flights", "cancelled", "arr_delay_mean", "weekday", "ds").rows()
    assert rows == [("AA", 1, 0, -9.0, 2, date(2013, 1, 1)), ("UA", 2, 1, 11.0, 2, date(2013, 1, 1))]
    assert not list(obstore.list(lake, FOLDER).collect()), "nothing is left of the messages"
    again = LocalRun(launch, ENVIRONMENT).report()
    assert again.verdict.outcome is Outcome.SUCCEEDED
    assert len(list(written.parent.iterdir())) == 1, "the same day gives the same file"


def test_a_failure_shows_the_traceback_and_its_last_line(tmp_path: Path) -> None:
    report = task(tmp_path, "print('read 3 rows')\nraise KeyError('carrier')").report()
    assert (report.verdict.outcome, report.verdict.may_pass) == (Outcome.FAILED, False)
    for part in ("exit code 1", "Traceback (most recent call last)", "task.py", "KeyError: 'carrier'"):
        assert part in report.complaint
    (only,) = report.run.tasks
    assert (only.error, "read 3 rows" in only.logs) == ("KeyError: 'carrier'", True)


def test_a_task_that_just_ends_badly_shows_what_it_said(tmp_path: Path) -> None:
    report = task(tmp_path, "import sys; print('no table'); sys.exit(3)").report()
    assert "exit code 3" in report.complaint
    assert "no table" in report.complaint


def test_a_killed_process_is_a_failure_that_names_the_signal(tmp_path: Path) -> None:
    report = task(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)").report()
    assert report.verdict.outcome is Outcome.FAILED
    assert "killed by SIGKILL" in report.complaint


ENDLESS = """
import subprocess, sys, pathlib, threading
child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
threading.Event().wait()
"""


def ended(pid: int) -> bool:
    """Whether the process ends within a moment."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(handle):
        return bool(select.select([handle], [], [], 10)[0])


@pytest.mark.skipif(sys.platform != "linux", reason="waits for a process of others")
def test_a_stopped_step_ends_the_process_and_what_it_started(tmp_path: Path) -> None:
    said = tmp_path / "child"
    stopped = task(tmp_path, ENDLESS, str(said))

    def stop_when_it_runs() -> None:
        if said.exists() and said.read_text():
            raise KeyboardInterrupt

    stopped.watch = stop_when_it_runs
    with pytest.raises(KeyboardInterrupt):
        stopped.report()
    assert ended(int(said.read_text()))


def test_a_task_that_outlasts_its_time_is_ended(tmp_path: Path) -> None:
    report = task(tmp_path, ENDLESS, str(tmp_path / "child"), timeout=0.1).report()
    assert report.run.result == "TIMEDOUT"
    assert "time was over" in report.complaint


def test_credentials_of_the_step_do_not_reach_the_task(tmp_path: Path) -> None:
    report = task(tmp_path, "import os; print(sorted(os.environ))").report()
    (only,) = report.run.tasks
    assert "TOKEN" not in only.logs
    assert "PATH" in only.logs
    assert "DATABRICKS_TOKEN" not in PASSED_ON


def test_an_endless_output_does_not_fill_the_report(tmp_path: Path) -> None:
    report = task(tmp_path, "print('x' * 5_000_000); print('the end')").report()
    (only,) = report.run.tasks
    assert len(only.logs) <= 20_000
    assert only.logs.endswith("the end\n")


def test_an_unknown_task_file_lists_the_known_ones() -> None:
    with pytest.raises(FileNotFoundError, match="flight_features"):
        task_file("flihgt_features")


def put(lake: LocalStore, writer: str, number: int, message: object) -> None:
    content = message if isinstance(message, bytes) else json.dumps(message).encode()
    obstore.put(lake, f"{FOLDER}/r/{writer}/{number:06d}.json", content)


def test_results_come_from_the_newest_process_only_and_at_the_end(lake: LocalStore) -> None:
    messages, said = Messages(lake, f"{FOLDER}/r"), []
    put(lake, "001-a", 1, {"method": "opened", "params": {}})
    put(lake, "001-a", 2, {"method": "report_custom_message", "params": {"payload": "of the one that crashed"}})
    messages.pull(said.append)
    assert [each["method"] for each in said] == ["opened"]
    put(lake, "002-b", 1, {"method": "opened", "params": {}})
    put(lake, "002-b", 2, {"method": "log", "params": {"message": "again"}})
    put(lake, "002-b", 3, {"method": "report_custom_message", "params": {"payload": "whole"}})
    messages.finish(said.append)
    assert [each["method"] for each in said] == ["opened", "log", "report_custom_message"]
    assert said[-1]["params"]["payload"] == "whole"


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"method": "delete_everything"}', b'{"method": "log", "params": 3}']
)
def test_what_is_no_message_is_left_out_with_a_warning(lake: LocalStore, content: bytes) -> None:
    said: list[Any] = []
    warned: list[str] = []
    put(lake, "001-a", 1, content)
    put(lake, "001-a", 2, {"method": "log", "params": {"message": "fine"}})
    Messages(lake, f"{FOLDER}/r", warned.append).finish(said.append)
    assert ([each["method"] for each in said], len(warned)) == (["log"], 1)


def test_a_lake_that_cannot_be_reached_stops_no_run_and_is_an_error_only_at_the_end() -> None:
    gone = S3Store(
        "lake", config={"endpoint": f"http://127.0.0.1:{free_port()}", "skip_signature": True},
        client_options={"allow_http": True}, retry_config={"max_retries": 0},
    )  # fmt: skip
    warned: list[str] = []
    messages = Messages(gone, f"{FOLDER}/r", warned.append)
    messages.pull(lambda _: None)
    assert "cannot be read now" in warned[0]
    with pytest.raises(LakeError) as caught:
        messages.finish(lambda _: None)
    assert caught.value.trouble is Trouble.UNAVAILABLE
