"""What every stand-in does at its edge, told with a made-up vendor over real HTTP."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.server import SandboxError, SandboxServer
from integrations_platform_tests.sandbox.notebook import Notebook
from integrations_platform_tests.sandbox.running import Start, running


class Reader(httpx.Client):
    """A client with the token of the notebook."""

    def create(self, text: str = "a", **more: Any) -> httpx.Response:
        return self.post("/notes", json={"text": text, **more})


@pytest.fixture
def book() -> Notebook:
    return Notebook(seed=3)


@pytest.fixture
def client(book: Notebook, sandbox: Start) -> Iterator[Reader]:
    url = sandbox(book).url("notebook")
    with Reader(base_url=url, headers={"Authorization": "Bearer t1"}, timeout=5) as client:
        yield client


def strike(book: Notebook, kind: FaultKind, **fault: Any) -> None:
    book.faults.add(Fault(kind, **fault))


def test_calls_are_logged_in_order_with_operation_body_and_status_but_without_the_token(
    book: Notebook, client: Reader
) -> None:
    client.create("one")
    client.get("/notes", params={"limit": 2})
    client.get("/nowhere")
    assert [(call.method, call.operation, call.status) for call in book.calls] == [
        ("POST", "create", 201), ("GET", "list_notes", 200), ("GET", "", 404)
    ]  # fmt: skip
    assert book.calls[0].json == {"text": "one"}
    assert book.calls[1].query["limit"] == "2"
    assert "authorization" not in book.calls[0].headers


def test_an_answer_does_not_wait_for_the_clients_acknowledgement(client: Reader) -> None:
    """TCP delays that by 40 ms; the quickest of many calls over one connection tells, however busy the machine is."""
    waits = []
    for _ in range(20):
        began = time.perf_counter()
        assert client.create().status_code == 201
        waits.append(time.perf_counter() - began)
    assert min(waits[2:]) < 0.03


def test_a_connection_dropped_before_the_commit_leaves_nothing_done(book: Notebook, client: Reader) -> None:
    strike(book, FaultKind.DROP_BEFORE, operation="create")
    with pytest.raises(httpx.RemoteProtocolError):
        client.create()
    assert book.notes == {}
    assert [call.status for call in book.calls] == [0]
    assert client.create().status_code == 201


def test_a_connection_dropped_after_the_commit_leaves_it_done(book: Notebook, client: Reader) -> None:
    strike(book, FaultKind.DROP_AFTER, operation="create")
    with pytest.raises(httpx.RemoteProtocolError):
        client.create("kept")
    assert list(book.notes.values()) == ["kept"]
    assert [call.status for call in book.calls] == [0]


def test_a_body_cut_by_the_network_is_shorter_than_announced(book: Notebook, client: Reader) -> None:
    strike(book, FaultKind.TRUNCATE)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        client.create("kept")
    assert list(book.notes.values()) == ["kept"]


def test_cut_json_and_html_are_whole_answers_that_are_no_json(book: Notebook, client: Reader) -> None:
    strike(book, FaultKind.CUT_JSON)
    strike(book, FaultKind.HTML)
    cut = client.create()
    assert cut.status_code == 201
    with pytest.raises(json.JSONDecodeError):
        cut.json()
    page = client.create()
    assert (page.status_code, page.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert len(book.notes) == 1


def test_injected_statuses_do_nothing_and_say_when_to_come_back(book: Notebook, client: Reader) -> None:
    strike(book, FaultKind.STATUS, retry_after="7")
    strike(book, FaultKind.STATUS, status=503, body={"message": "tired"})
    first, second = client.create(), client.create()
    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    assert (second.status_code, second.json()) == (503, {"message": "tired"})
    assert book.notes == {}


def test_a_server_error_after_the_commit_leaves_it_done(book: Notebook, client: Reader) -> None:
    strike(book, FaultKind.COMMIT_THEN_500)
    assert client.create().status_code == 500
    assert len(book.notes) == 1


def test_a_slow_answer_is_given_up_by_the_client_but_carried_out(book: Notebook, client: Reader) -> None:
    strike(book, FaultKind.SLOW, seconds=60)
    with pytest.raises(httpx.ReadTimeout):
        client.post("/notes", json={"text": "late"}, timeout=0.2)
    assert list(book.notes.values()) == ["late"]
    assert client.create().status_code == 201


def test_expired_tokens_end_before_the_call_and_other_faults_still_strike_it(book: Notebook, client: Reader) -> None:
    strike(book, FaultKind.EXPIRE_TOKEN, nth=2)
    assert client.get("/notes").status_code == 200
    assert client.get("/notes").status_code == 401
    token = client.post("/token", data={"a": "b"}).json()["access_token"]
    assert client.get("/notes", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_faults_strike_the_chosen_operation_at_the_chosen_call_as_often_as_said(book: Notebook, client: Reader) -> None:
    strike(book, FaultKind.STATUS, operation="create", nth=2, times=2, status=500)
    assert client.get("/notes").status_code == 200
    assert [client.create().status_code for _ in range(5)] == [201, 500, 500, 201, 201]


def test_the_same_seed_meets_the_same_faults(sandbox: Start) -> None:
    def statuses() -> list[int]:
        book = Notebook(seed=9)
        strike(book, FaultKind.STATUS, probability=0.4, times=None)
        with (
            running(book) as server,
            Reader(base_url=server.url("notebook"), headers={"Authorization": "Bearer t1"}) as client,
        ):
            return [client.create().status_code for _ in range(30)]

    first = statuses()
    assert first == statuses()
    assert {201, 429} == set(first)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"kind": "melt"}, "drop_after"),
        ({"kind": "html", "nht": 2}, "unknown nht"),
        ({"kind": "html", "nth": 0}, "nth starts at 1"),
        ({"kind": "html", "status": 17}, "between 200 and 599"),
        ({"kind": "slow", "seconds": "long"}, "wrong type"),
    ],
)
def test_a_fault_that_cannot_be_meant_is_refused_with_what_can(data: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Fault.from_data(data)


# Contract


def test_an_answer_outside_the_contract_fails_the_test(book: Notebook) -> None:
    book.lies = True
    with (
        pytest.raises(pytest.fail.Exception, match=r"response of POST /notes at /id: 7 is not of type .string"),
        running(book) as server,
    ):
        httpx.post(f"{server.url('notebook')}/notes", json={"text": "a"}, headers={"Authorization": "Bearer t1"})


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"method": "POST", "url": "/notes", "json": {"text": "a", "color": "red"}}, "color"),
        ({"method": "POST", "url": "/notes", "content": '{"text":"a"}'}, "content type (none)"),
        ({"method": "GET", "url": "/notes?limt=2"}, "is no query parameter"),
        ({"method": "GET", "url": "/notes", "content": "x"}, "a body was sent"),
    ],
)
def test_a_bad_request_that_is_accepted_is_a_violation(
    book: Notebook, client: Reader, request_: dict[str, Any], said: str
) -> None:
    assert client.request(**request_).is_success
    assert said in str(book.violations[0])
    book.violations.clear()


def test_a_bad_request_that_is_refused_is_none(book: Notebook, client: Reader) -> None:
    assert client.post("/notes", json={"txet": "a"}).status_code == 400
    assert book.violations == []


def test_nulls_count_as_unset_only_where_the_vendor_says_so(book: Notebook, client: Reader) -> None:
    assert client.create(colour=None).status_code == 201
    assert book.violations == []


def test_lenient_stand_ins_leave_requests_alone_but_not_answers(sandbox: Start) -> None:
    book = Notebook(lenient_requests=True)
    url = sandbox(book).url("notebook")
    assert httpx.post(f"{url}/notes", json={"text": "a", "x": 1}, headers={"Authorization": "Bearer t1"}).is_success
    book.lies = True
    httpx.get(f"{url}/notes/1", headers={"Authorization": "Bearer t1"})
    assert [violation.direction for violation in book.violations] == ["response"]
    book.violations.clear()


def test_a_handler_that_breaks_is_a_violation_and_an_empty_500(book: Notebook, client: Reader) -> None:
    assert client.get("/broken").status_code == 500
    assert "RuntimeError: a fault of the stand-in itself" in str(book.violations[0])
    book.violations.clear()


# Control


def test_the_control_interface_fills_moves_the_clock_and_plays_a_person(book: Notebook, client: Reader) -> None:
    assert client.post("/_control/seed", json={"size": 5, "seed": 4}).json() == {"size": 5, "seed": 4}
    first = dict(book.notes)
    client.post("/_control/seed", json={"size": 5})
    assert book.notes == first
    before = parsedate_to_datetime(client.get("/notes").headers["date"])
    assert client.post("/_control/clock", json={"advance_seconds": 7200}).json()["offset_seconds"] == 7200
    after = parsedate_to_datetime(client.get("/notes").headers["date"])
    assert 7200 <= (after - before).total_seconds() < 7300
    client.post("/_control/person", json={"do": "edit", "id": "1", "text": "by hand"})
    assert book.notes["1"] == "by hand"
    assert client.post("/_control/person", json={"do": "sing"}).status_code == 400
    client.post("/_control/reset")
    assert book.notes == {}


def test_the_control_interface_injects_faults_and_shows_the_log(book: Notebook, client: Reader) -> None:
    assert "unknown" in client.post("/_control/faults", json={"kind": "html", "oops": 1}).json()["error"]
    assert client.post("/_control/faults", json={"kind": "status", "status": 503}).is_success
    assert client.create().status_code == 503
    log = client.get("/_control/log").json()["calls"]
    assert [(call["operation"], call["status"]) for call in log] == [("create", 503)]
    client.post("/_control/faults", json={"kind": "status", "times": None})
    client.delete("/_control/faults")
    assert client.create().status_code == 201
    client.delete("/_control/log")
    assert book.calls == []
    assert client.get("/_control/violations").json() == {"violations": []}


def test_web_pages_and_other_hosts_names_are_turned_away(book: Notebook, client: Reader) -> None:
    assert client.get("/notes", headers={"Host": "evil.example:80"}).status_code == 421
    assert client.post("/_control/reset", headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.get("/notes", headers={"Host": "localhost"}).status_code == 200
    assert client.get("/notes", headers={"Host": "[::1]:9"}).status_code == 200


# Serving


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.test"])
def test_other_addresses_than_loopback_are_refused(host: str) -> None:
    with pytest.raises(SandboxError, match="loopback"):
        SandboxServer(Notebook(), host=host)


def test_a_port_in_use_is_said_and_nothing_stays_bound() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=f"port {port} cannot be used"):
            SandboxServer(Notebook(), port=port)


def test_a_state_kept_in_a_file_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "notebook.json"
    first = Notebook(seed=1)
    first.open_state(file, size=3)
    with running(first) as server:
        httpx.post(f"{server.url('notebook')}/notes", json={"text": "new"}, headers={"Authorization": "Bearer t1"})
    again = Notebook(seed=2)
    again.open_state(file, size=50)
    assert again.notes == first.notes
    assert len(again.notes) == 4
    file.write_text('{"vendor": "other", "state": {}}')
    with pytest.raises(ValueError, match="not the state of a notebook"):
        Notebook().open_state(file, size=1)
