"""The Airbyte stand-in by itself, over HTTP: its rules are those measured on a server, and people give it orders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations_platform.sandbox.airbyte import Airbyte
from integrations_platform.sandbox.airbyte.account import WORKSPACE, connection_id
from integrations_platform.sandbox.airbyte.app import CLIENT_ID, CLIENT_SECRET
from integrations_platform_tests.sandbox.running import running

STRIPE = connection_id("stripe_to_postgres")
ASK = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "client_credentials"}


@pytest.fixture
def vendor() -> Airbyte:
    return Airbyte(seed=1)


@pytest.fixture
def http(vendor: Airbyte) -> Iterator[httpx.Client]:
    """Somebody who holds a token."""
    with running(vendor) as server, httpx.Client(base_url=server.url("airbyte")) as client:
        token = client.post("/api/public/v1/applications/token", json=ASK).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def order(http: httpx.Client, **action: Any) -> Any:
    answer = http.post("/_control/person", json=action)
    assert answer.status_code == 200, answer.text
    return answer.json()


def start(http: httpx.Client, kind: str = "sync", connection: str = STRIPE) -> httpx.Response:
    return http.post("/api/public/v1/jobs", json={"connectionId": connection, "jobType": kind})


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["title"], answer.json()["data"]["message"]


def test_job_numbers_begin_at_101_and_each_look_brings_on_the_next_status(http: httpx.Client) -> None:
    order(http, do="script", statuses=["queued", "running", "succeeded"])
    started = start(http).json()
    assert (started["jobId"], started["status"]) == (101, "pending")
    assert not {"duration", "rowsSynced", "bytesSynced", "lastUpdatedAt"} & started.keys(), "absent, not null"
    seen = [http.get("/api/public/v1/jobs/101").json() for _ in range(4)]
    assert [each["status"] for each in seen] == ["queued", "running", "succeeded", "succeeded"]
    assert "rowsSynced" not in seen[1]
    assert (seen[2]["rowsSynced"], seen[2]["bytesSynced"]) == (60, 6000)


def test_one_job_runs_on_a_connection_at_a_time_whatever_its_type(http: httpx.Client) -> None:
    order(http, do="job", connection="stripe_to_postgres", type="reset", seconds=600)
    status, title, said = problem(start(http))
    assert (status, title) == (409, "try-again-later")
    assert said == f"A sync is already running for: {STRIPE}"


def test_a_paused_connection_and_an_unknown_type_are_refused_in_their_own_ways(http: httpx.Client) -> None:
    assert problem(start(http, "refresh"))[:2] == (422, "unprocessable-entity")
    order(http, do="pause", connection="stripe_to_postgres")
    assert problem(start(http))[:2] == (409, "state-conflict")
    order(http, do="enable", connection="stripe_to_postgres")
    assert start(http).status_code == 200


def test_only_a_running_job_can_be_cancelled(http: httpx.Client) -> None:
    order(http, do="script", seconds=600)
    start(http)
    assert http.delete("/api/public/v1/jobs/101").json()["status"] == "cancelled"
    assert problem(http.delete("/api/public/v1/jobs/101")) == (409, "state-conflict", "Job is not currently running")


def test_a_list_begins_with_the_oldest_twenty_and_its_next_address_is_of_another_host_and_forgets_the_order(
    http: httpx.Client,
) -> None:
    for age in range(25, 0, -1):
        order(http, do="job", connection="stripe_to_postgres", seconds=1, age_seconds=age * 60)
    first = http.get("/api/public/v1/jobs", params={"connectionId": STRIPE, "orderBy": "createdAt|ASC"}).json()
    assert [each["jobId"] for each in first["data"]] == list(range(101, 121))
    assert first["next"].startswith("http://airbyte-server:8001/")
    assert "orderBy" not in first["next"]
    second = http.get("/api/public/v1/jobs", params={"connectionId": STRIPE, "offset": 20}).json()
    assert (len(second["data"]), bool(second["next"])) == (5, True)
    third = http.get("/api/public/v1/jobs", params={"connectionId": STRIPE, "offset": 40}).json()
    assert (third["data"], third["next"]) == ([], "")


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"orderBy": "name|ASC"}, 400), ({"orderBy": "createdAt"}, 400), ({"limit": "101"}, 400), ({"limit": "0"}, 400),
     ({"createdAtStart": "yesterday"}, 400), ({"workspaceIds": f"{WORKSPACE},{STRIPE}"}, 403)],
)  # fmt: skip
def test_what_a_list_does_not_understand_is_refused(http: httpx.Client, asked: dict[str, str], status: int) -> None:
    assert http.get("/api/public/v1/jobs", params=asked).status_code == status


@pytest.mark.parametrize("path", ["/api/public/v1/jobs/999", "/api/public/v1/connections/nobody", "/api/v2/jobs"])
def test_what_is_not_there_is_not_found(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 404


def test_a_token_is_given_for_json_and_for_a_form_and_ends(vendor: Airbyte, http: httpx.Client) -> None:
    form = http.post("/api/public/v1/applications/token", data=ASK).json()
    assert (form["token_type"], form["expires_in"]) == ("Bearer", 900)
    assert set(http.post("/api/v1/applications/token", json=ASK).json()) == {"access_token"}
    refused = http.post("/api/public/v1/applications/token", json=ASK | {"client_secret": "wrong"})
    assert (refused.status_code, refused.json()["title"]) == (401, "invalid-api-key")
    vendor.clock.advance(901)
    assert http.get("/api/public/v1/workspaces").status_code == 401


def test_a_start_time_drops_its_seconds_where_they_are_zero(vendor: Airbyte, http: httpx.Client) -> None:
    vendor.clock.advance(60 - vendor.clock.now().timestamp() % 60)
    assert start(http).json()["startTime"].count(":") == 1


def test_an_older_version_knows_no_status_queued(http: httpx.Client) -> None:
    order(http, do="server", version="2.0.1")
    order(http, do="script", queued=600)
    assert start(http).json()["status"] == "pending"
    assert http.get("/api/public/v1/jobs/101").json()["status"] == "pending"


def test_the_log_keeps_no_secret(http: httpx.Client) -> None:
    assert CLIENT_SECRET not in http.get("/_control/log").text


def test_an_unknown_order_lists_the_known_ones(http: httpx.Client) -> None:
    answer = http.post("/_control/person", json={"do": "dance"})
    assert (answer.status_code, "script, job, cancel" in answer.text) == (400, True)
    answer = http.post("/_control/person", json={"do": "script", "speed": 3})
    assert (answer.status_code, "unknown speed" in answer.text) == (400, True)


def test_workspace_notifications_are_kept(http: httpx.Client) -> None:
    wish = {"notifications": {"failure": {"webhook": {"enabled": True, "url": "http://127.0.0.1:1/x"}}}}
    http.patch(f"/api/public/v1/workspaces/{WORKSPACE}", json=wish)
    kept = http.get(f"/api/public/v1/workspaces/{WORKSPACE}").json()
    assert kept["notifications"]["failure"]["webhook"]["enabled"] is True


def test_it_goes_on_where_its_state_file_ends(tmp_path: Path, vendor: Airbyte) -> None:
    vendor.open_state(tmp_path / "airbyte.json", 20)
    vendor.person({"do": "script", "connection": "stripe_to_postgres", "statuses": ["queued"], "streams": {"a": {}}})
    job = vendor.person({"do": "job", "connection": "stripe_to_postgres", "statuses": ["running", "succeeded"]})["job"]
    vendor.account.job(job)
    vendor.save()
    again = Airbyte(seed=1)
    again.open_state(tmp_path / "airbyte.json", 20)
    assert json.dumps(again.dump()) == json.dumps(vendor.dump())
    assert (again.account.shown_job(job).status, again.account.job(job).status) == ("running", "succeeded")
