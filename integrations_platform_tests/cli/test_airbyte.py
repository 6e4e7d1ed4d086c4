"""`integrations airbyte`: what it says, what it starts, and how it ends; and what the doctor says of connections."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations_platform.sandbox.airbyte import Airbyte as StandIn
from integrations_platform.sandbox.airbyte.account import connection_id
from integrations_platform.sandbox.airbyte.app import CLIENT_ID, CLIENT_SECRET
from integrations_platform.settings import load_settings
from integrations_platform_tests.cli.conftest import ENVIRONMENT, Company, environment
from integrations_platform_tests.sandbox.running import running

AIRBYTE = """\
airbyte:
  url: "{url}"
  client_id: {client_id}
  client_secret: {client_secret}
  connections:
    stripe:
      connection_id: {stripe}
      namespace: public
      streams: [charges, customers]
"""
HUBSPOT = "    hubspot: {{connection_id: {hubspot}, namespace: public, streams: [charges, customers]}}\n"
FAILED = {
    "failureType": "config_error", "failureOrigin": "source", "externalMessage": "Your API key expired",
    "timestamp": 1767225690000, "streamDescriptor": {"name": "customers"},
}  # fmt: skip


def configure(company: Company, url: str, extra: str = "") -> None:
    company.configure(
        (ENVIRONMENT + AIRBYTE + extra).format(
            folder=company.folder, url=url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET,
            stripe=connection_id("stripe_to_postgres"), hubspot=connection_id("hubspot_to_postgres"),
        )
    )  # fmt: skip


@pytest.fixture
def vendor(company: Company) -> Iterator[StandIn]:
    """An Airbyte whose two connections sync in no time; one of them is declared."""
    vendor = StandIn(seed=1)
    vendor.person({"do": "script", "seconds": 0})
    with running(vendor) as server:
        configure(company, server.url("airbyte"))
        yield vendor


def both(company: Company) -> None:
    """Declare the other connection, too."""
    file = company.folder / "env.yaml"
    file.write_text(file.read_text() + HUBSPOT.format(hubspot=connection_id("hubspot_to_postgres")))


def test_a_connection_that_is_not_declared_is_written_so_that_it_loads(company: Company, vendor: StandIn) -> None:
    streams = [
        "deals", {"name": "charges", "namespace": "archive"}, {"name": "true"}, {"name": 'odd "name": {x} → é'},
    ]  # fmt: skip
    vendor.person({"do": "connection", "name": "Stripe → Über: PG #2", "streams": streams})
    vendor.person({"do": "connection", "name": "stripe", "streams": [{"name": "x", "syncMode": "full_refresh_append"}]})
    text = company.run("airbyte", "discover").stdout
    assert "hubspot_to_postgres" in text
    assert connection_id("stripe_to_postgres") not in text
    file = company.folder / "found.yaml"
    file.write_text(ENVIRONMENT.format(folder=company.folder) + text)
    found = load_settings(env_file=file).airbyte.connections
    assert set(found) == {"hubspot_to_postgres", "stripe_to_ber_pg_2", "stripe_2"}
    assert [stream.shown for stream in found["stripe_to_ber_pg_2"].streams] == [
        "public.deals", "archive.charges", "public.true", 'public.odd "name": {x} → é',
    ]  # fmt: skip
    assert (found["stripe_2"].mode, found["stripe_to_ber_pg_2"].mode) == ("full", "incremental")
    assert found["hubspot_to_postgres"].id() == connection_id("hubspot_to_postgres")


def test_a_file_that_exists_is_left_alone(company: Company, vendor: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "airbyte.yaml"
    assert "is written with 1 connection;" in company.run("airbyte", "discover", "--output", str(file)).stdout
    before = file.read_text()
    assert "exists already" in company.run("airbyte", "discover", "--output", str(file), code=2).stderr
    assert file.read_text() == before


def test_nothing_departs_then_something_does(company: Company, vendor: StandIn) -> None:
    said = company.run("airbyte", "discover", "--check").stdout
    assert "1 declared connections are as declared" in said
    assert "not declared: hubspot_to_postgres" in said
    streams = [{"name": "charges", "namespace": "public"}]
    vendor.person({"do": "streams", "connection": "stripe_to_postgres", "streams": streams})
    said = company.run("airbyte", "discover", "--check", code=3).stdout
    assert "stripe: stream public.customers is declared and not synced by Airbyte" in said
    (line,) = company.json("airbyte", "discover", "--check", code=3)["departures"]
    assert (line["connection"], line["serious"]) == ("stripe", True)


def test_connections_are_synced_beside_each_other_and_shown(company: Company, vendor: StandIn) -> None:
    both(company)
    said = company.run("airbyte", "sync", "--all").stdout
    assert "stripe: job " in said
    assert "succeeded after 0 s, 60 rows (started)" in said
    assert "  public.charges: complete, 30 rows" in said
    listed = {each["name"]: each for each in company.json("airbyte", "status")["connections"]}
    assert {name: (each["status"], each["rows"]) for name, each in listed.items()} == {
        "stripe": ("succeeded", 60), "hubspot": ("succeeded", 60),
    }  # fmt: skip
    shown = company.run("airbyte", "status", "stripe").stdout
    assert "succeeded" in shown
    assert "public.customers: complete, 30 rows" in shown
    assert 'integrations_airbyte_rows_total{connection="stripe"} 60.0' in company.run("metrics").stdout


@pytest.mark.parametrize(
    ("scripts", "code"),
    [
        ({"stripe_to_postgres": "failed", "hubspot_to_postgres": "succeeded"}, 3),
        ({"stripe_to_postgres": "failed", "hubspot_to_postgres": "failed"}, 1),
    ],
)
def test_the_exit_code_says_whether_all_some_or_none_arrived(
    company: Company, vendor: StandIn, scripts: dict[str, str], code: int
) -> None:
    both(company)
    for connection, ends in scripts.items():
        failures = [FAILED] if ends == "failed" else []
        vendor.person({"do": "script", "connection": connection, "seconds": 0, "ends": ends, "failures": failures})
    said = company.run("airbyte", "sync", "stripe", "hubspot", code=code).stdout
    assert "public.customers: incomplete, 0 rows: Your API key expired" in said


def test_a_part_of_one_sync_is_partial(company: Company, vendor: StandIn) -> None:
    vendor.person({"do": "script", "connection": "stripe_to_postgres", "seconds": 0, "ends": "failed",
                   "streams": {"charges": {"state": "COMPLETE", "rows": 4}}, "failures": [FAILED]})  # fmt: skip
    (told,) = company.json("airbyte", "sync", "stripe", code=3)["connections"]
    assert (told["status"], [each["state"] for each in told["streams"]]) == ("failed", ["COMPLETE", "INCOMPLETE"])


def test_a_sync_may_be_left_to_itself_or_to_another(company: Company, vendor: StandIn) -> None:
    vendor.person({"do": "script", "connection": "stripe_to_postgres", "seconds": 600})
    assert "stripe: job 101 is pending" in company.run("airbyte", "sync", "stripe", "--no-wait").stdout
    said = company.run("airbyte", "sync", "stripe", "--on-conflict", "skip").stdout
    assert "runs already and was left to itself" in said
    assert "is syncing already" in company.run("airbyte", "sync", "stripe", "--on-conflict", "fail", code=1).stderr
    assert sum(call.operation == "jobs.create" for call in vendor.calls) == 1


def test_ctrl_c_cancels_what_was_started_here_and_nothing_else(
    company: Company, vendor: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    both(company)
    followed, job = threading.Event(), vendor.account.job

    def looked_at(number: int) -> Any:
        if number == 102:
            followed.set()
        return job(number)

    monkeypatch.setattr(vendor.account, "job", looked_at)
    vendor.person({"do": "script", "connection": "stripe_to_postgres", "seconds": 600})
    vendor.person({"do": "job", "connection": "hubspot_to_postgres", "seconds": 600})
    process = subprocess.Popen(
        company.command("airbyte", "sync", "--all"), env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert followed.wait(60)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, "interrupted" in said) == (130, True)
    states = {job.connection_id: job.status for job in vendor.account.all_jobs()}
    assert states == {
        connection_id("stripe_to_postgres"): "cancelled", connection_id("hubspot_to_postgres"): "running",
    }  # fmt: skip


def test_a_reset_asks_for_the_name_and_clears_nothing_without_it(company: Company, vendor: StandIn) -> None:
    assert "nothing was cleared" in company.run("airbyte", "reset", "stripe", code=2, input="yes\n").stderr
    assert not vendor.account.all_jobs()
    assert "stripe: job 102 succeeded" in company.run("airbyte", "reset", "stripe", input="stripe\n").stdout
    assert [job.type for job in vendor.account.all_jobs()] == ["clear", "sync"]
    told = company.json("airbyte", "reset", "stripe", "--yes", "--no-sync", "--stream", "public.charges")
    assert told == {"cleared_by_job": 103}


@pytest.mark.parametrize("words", [("sync", "strip"), ("status", "strip"), ("reset", "strip", "--yes")])
def test_an_unknown_connection_names_the_known_ones(company: Company, vendor: StandIn, words: tuple[str, ...]) -> None:
    assert "did you mean stripe?" in company.run("airbyte", *words, code=2).stderr


@pytest.mark.parametrize("words", [("sync",), ("sync", "stripe", "--all")])
def test_what_is_synced_must_be_said(company: Company, vendor: StandIn, words: tuple[str, ...]) -> None:
    assert "name connections, or give --all" in company.run("airbyte", *words, code=2).stderr


def test_without_a_server_the_remedy_is_named(company: Company) -> None:
    configure(company, "")
    assert "set AIRBYTE_API_URL" in company.run("airbyte", "status", code=2).stderr


def test_wrong_credentials_are_a_matter_of_settings_and_stay_secret(company: Company, vendor: StandIn) -> None:
    file = company.folder / "env.yaml"
    file.write_text(file.read_text().replace(CLIENT_SECRET, "hunter2"))
    result = company.run("airbyte", "status", code=2)
    assert "check AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET" in result.stderr
    assert "hunter2" not in result.output


# The doctor


def rows(company: Company) -> list[tuple[str, str, str]]:
    found = json.loads(company.run("doctor", "--json", code=None).stdout)["findings"]
    return [(each["level"], each["subject"], each["message"]) for each in found if each["area"] == "airbyte"]


def test_the_doctor_looks_at_server_workspace_and_each_connection(company: Company, vendor: StandIn) -> None:
    assert rows(company) == [
        ("ok", "server", "Airbyte 2.3.0 answers"), ("ok", "workspace", "2 connections can be seen"),
        ("ok", "stripe", "active, 2 streams"),
    ]  # fmt: skip


def test_the_doctor_names_what_keeps_a_connection_from_syncing(company: Company, vendor: StandIn) -> None:
    file = company.folder / "env.yaml"
    other = "    gone: {connection_id: 9f0ff0ee-0000-4000-8000-000000000000, streams: [x]}\n"
    unset = '    unset: {connection_id: "${NO_SUCH_ID:-}", streams: [x]}\n'
    file.write_text(file.read_text() + other + unset)
    vendor.person({"do": "pause", "connection": "stripe_to_postgres", "reason": "too many failures"})
    found = {subject: (level, message) for level, subject, message in rows(company)}
    assert found["stripe"] == ("problem", "it is inactive (too many failures) and does not sync")
    assert found["gone"][0] == "problem"
    assert found["unset"][0] == "problem"
    assert "airbyte.connections.unset.connection_id is empty" in found["unset"][1]


def test_the_doctor_says_that_there_is_no_server(company: Company) -> None:
    configure(company, "")
    assert ("note", "stripe", "needs a server; it cannot be synced here") in rows(company)


def test_the_doctor_says_that_a_server_is_away(company: Company) -> None:
    configure(company, "http://127.0.0.1:1")
    ((level, subject, message),) = rows(company)
    assert (level, subject, "cannot be reached" in message) == ("problem", "server", True)
