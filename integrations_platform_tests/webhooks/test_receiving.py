"""What is taken, how much of it and what is answered: hostile bodies, floods, a full or absent inbox."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from integrations_platform.state import SqlStore, StateError, open_store
from integrations_platform.state.inbox import Event
from integrations_platform.webhooks import receiver
from integrations_platform.webhooks.intake import Intake
from integrations_platform_tests.webhooks.arrange import Answer, Receiving, receiving, source
from integrations_platform_tests.webhooks.senders import HubSpot, hubspot_headers, quickbooks_headers, signed

CRM = HubSpot("hush")
PUBLIC = "https://sync.example.test"


@pytest.fixture
def here(sqlite_state: str) -> Iterator[Receiving]:
    sources = (
        source("crm", "hubspot"),
        source("books", "quickbooks", max_bytes=16_384),
        source("jobs", "airbyte"),
        source("any", "hmac"),
        source("slow", "hmac", max_per_second=2.0),
        (source("shut", "hmac")[0], ()),
    )
    with receiving(sqlite_state, *sources, public_url=PUBLIC) as running:
        yield running


def books(here: Receiving, body: bytes, **headers: str) -> Answer:
    return here.post("/webhooks/books", body, quickbooks_headers("hush", body) | headers)


def anything(here: Receiving, body: bytes, path: str = "/webhooks/any") -> Answer:
    return here.post(path, body, {"X-Signature-256": signed("hush", body).hex()})


def test_the_events_of_one_delivery_are_told_apart_and_known_when_sent_again(here: Receiving) -> None:
    """HubSpot tries again with the same events in other groups, counting its attempts in each."""

    def send(*events: dict[str, Any]) -> Answer:
        body, url = json.dumps(events).encode(), f"{PUBLIC}/webhooks/crm"
        return here.post("/webhooks/crm", body, hubspot_headers("hush", url, body, here.time.at))

    assert send(CRM.event(1), CRM.event(2), CRM.event(3)).json == {"accepted": 3}
    assert send(CRM.event(3, attemptNumber=1), CRM.event(4), CRM.event(1, attemptNumber=2)).json == {"accepted": 3}
    assert send(CRM.event(1, occurredAt=5)).json == {"accepted": 1}, "ids of HubSpot's are not unique by themselves"
    assert send().json == {"accepted": 0}
    kept = {event.event_key: event.duplicates for event in here.events()}
    assert sorted(kept.values()) == [0, 0, 0, 1, 1]
    assert {event.topic for event in here.events()} == {"contact.propertyChange"}
    assert json.loads(here.events()[0].body)["portalId"] == 8001


def test_both_forms_of_quickbooks(here: Receiving) -> None:
    entity = {"name": "Customer", "id": "7", "operation": "Update", "lastUpdated": "2026-01-02T03:04:05Z"}

    def older(*entities: dict[str, str]) -> bytes:
        change = {"realmId": "1", "dataChangeEvent": {"entities": list(entities)}}
        return json.dumps({"eventNotifications": [change]}).encode()

    newer = {"specversion": "1.0", "id": "e1", "source": "s", "type": "qbo.customer.updated.v1"}
    assert books(here, older(entity, entity | {"id": "8"})).json == {"accepted": 2}
    assert books(here, older(entity)).json == {"accepted": 1}
    batch = json.dumps([newer, newer | {"source": "other"}]).encode()
    assert books(here, batch, **{"Content-Type": "application/cloudevents-batch+json"}).json == {"accepted": 2}
    assert books(here, json.dumps(newer).encode()).json == {"accepted": 1}
    found = sorted((event.topic, event.duplicates) for event in here.events())
    assert found == [("Customer.Update", 0), ("Customer.Update", 1), ("qbo.customer.updated.v1", 0),
                     ("qbo.customer.updated.v1", 1)]  # fmt: skip


def test_airbyte_tells_of_syncs_that_ended_and_of_much_else(here: Receiving) -> None:
    data = {"connection": {"id": "c-1", "name": "C"}, "jobId": 101, "success": True, "errorMessage": None,
            "finishedAt": "2026-03-04T05:02:05Z"}  # fmt: skip
    sent = [
        {"text": "done", "data": data},
        {"text": "done, once more", "data": data},
        {"text": "queued", "data": data | {"success": False, "finishedAt": None, "jobId": 102}},
        {"text": "failed", "data": data | {"success": False, "jobId": 103}},
        {"text": "only a test"},
        {"data": {"connection": None}},
        {"data": []},
    ]
    for body in sent:
        answer = here.post("/webhooks/jobs/hush", json.dumps(body).encode(), {"Upgrade": "h2c"})
        assert answer.json == {"accepted": 1}, body
    found = sorted((event.topic, event.subject, event.duplicates) for event in here.events())
    assert found == [("notice", "-", 0)] * 3 + [
        ("sync.ended", "c-1", 0), ("sync.ended", "c-1", 1), ("sync.queued", "-", 0)]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff\xfe", "[]".encode("utf-16"), "[\"é\"]".encode("latin-1"), b"{", b'{"a":1}}', b"[1]", b'"text"',
        b"null", b"[[]]", b"[" * 16_000, b'{"eventNotifications": [1]}', b"9" * 6_000,
        b'[{"a": ' + b"9" * 5_000 + b"}]", b"\xef\xbb\xbf[]", b"[{}" + b",{}" * 1_200 + b"]", b'[{"a":"\x00"}]',
    ],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused_with_what_was_wanted(here: Receiving, body: bytes) -> None:
    answer = books(here, body)
    assert answer.status in (400, 413), answer
    assert answer.json["message"]
    assert here.events() == []


def test_texts_that_no_database_keeps_are_kept_as_escapes(here: Receiving) -> None:
    body = b'[{"id": "a\\u0000b\\ud800", "source": "\\u202e", "type": "\\n\\u001b[31m", "data": "\\ud800\\u0000"}]'
    assert books(here, body).status == 200
    assert books(here, b'[{"id": {"deep": [1]}, "type": 7}, {"id": "' + b"x" * 3_000 + b'"}]').status == 200
    assert anything(here, b"\x00\xff text \xf0").status == 200
    for event in here.events():
        assert f"{event.event_key}{event.topic}".isprintable()
        assert len(event.event_key) <= 200
    assert books(here, body).status == 200
    assert sorted(event.duplicates for event in here.events()) == [0, 0, 0, 1]


def test_size_is_bounded_whether_it_is_announced_or_not(here: Receiving) -> None:
    large = b"[" + b" " * 70_000 + b"]"
    assert anything(here, large).json["error"] == "size"
    assert books(here, b"[" + b" " * 17_000 + b"]").status == 413, "a source may have less"
    assert books(here, b"[" + b" " * 4_000 + b"]").status == 200
    head = b"POST /webhooks/any HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n"
    assert here.raw(head + chunk * 3 + b"0\r\n\r\n", half_close=False).startswith(b"HTTP/1.1 413 ")
    endless = here.raw(head + chunk * 20, half_close=False)
    assert endless == b"" or endless.startswith(b"HTTP/1.1 413 "), "it is not waited for"
    announced = b"POST /webhooks/any HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999\r\n\r\n"
    assert here.raw(announced, half_close=False).startswith(b"HTTP/1.1 413 ")
    assert here.events() == []


def test_a_compressed_body_is_not_unpacked(here: Receiving) -> None:
    body = gzip.compress(b"[" + b" " * 10_000_000 + b"]")
    assert books(here, body[:4_000], **{"Content-Encoding": "gzip"}).status == 415


def test_a_body_cut_short_is_nothing(here: Receiving) -> None:
    signature = signed("hush", b"half").hex().encode()
    head = b"POST /webhooks/any HTTP/1.1\r\nHost: h\r\nContent-Length: 400\r\nX-Signature-256: " + signature
    here.raw(head + b"\r\n\r\nhalf")
    assert anything(here, b"whole").status == 200
    assert [event.body for event in here.events()] == ["whole"]


def test_a_body_that_never_comes_is_not_waited_for(here: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "BODY_SECONDS", 0.2)
    head = b"POST /webhooks/any HTTP/1.1\r\nHost: h\r\nContent-Length: 400\r\n\r\nha"
    assert here.raw(head, half_close=False).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("path", ["/webhooks/nobody", "/webhooks/shut", "/webhooks/", "/webhooks", "/webhooks/crm%2f..",
                                  "/webhooks//crm", "/webhooks/%00", "/nothing", "/"])  # fmt: skip
def test_what_is_not_there_is_404_in_json(here: Receiving, path: str) -> None:
    answer = here.post(path, b"[]")
    assert answer.status in (401, 404, 307), answer
    assert answer.json is None or answer.json["error"] in ("source", "path", "unsigned")
    assert here.events() == []


def test_other_methods_are_refused(here: Receiving) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = here.post("/webhooks/crm", b"", method=method)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert here.post("/health", method="POST").status == 405
    assert [here.post(path, method="GET").json["status"] for path in ("/health", "/ready")] == ["ok", "ready"]


def test_more_than_a_source_may_send_is_put_off_and_forgeries_do_not_count(here: Receiving) -> None:
    for _ in range(10):
        assert here.post("/webhooks/slow", b"x", {"X-Signature-256": "0" * 64}).status == 401
    assert [anything(here, b"x", "/webhooks/slow").status for _ in range(3)] == [200, 200, 429]
    answer = anything(here, b"x", "/webhooks/slow")
    assert answer.headers["retry-after"] == "1"
    here.time.at += 1
    assert anything(here, b"x", "/webhooks/slow").status == 200
    assert anything(here, b"x").status == 200, "other sources are not held up"


def test_a_flood_of_refusals_is_a_few_lines_of_log(here: Receiving) -> None:
    for _ in range(40):
        here.post("/webhooks/any", b"x", {"X-Signature-256": "0" * 64})
        here.post(f"/webhooks/guess{_}", b"x")
    assert len(here.log) == 2
    here.time.at += 11
    here.post("/webhooks/any", b"x", {"X-Signature-256": "0" * 64})
    assert here.log[-1].endswith("(and 39 more since the last time)")


def test_without_a_public_url_what_the_sender_calls_it_counts(sqlite_state: str) -> None:
    with receiving(sqlite_state, source("crm", "hubspot")) as running:
        for scheme in ("http", "https"):
            headers = hubspot_headers("hush", f"{scheme}://hooks.example.test/webhooks/crm?a=1", b"[]", running.time.at)
            headers["Host"] = "hooks.example.test"
            assert running.post("/webhooks/crm?a=1", b"[]", headers).status == 200
            assert running.post("/webhooks/crm?a=2", b"[]", headers).status == 401


class _Gate:
    """Holds another's write lock on the state file, as a long commit of a sync does."""

    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        self._connection.execute("BEGIN IMMEDIATE")

    def open(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


def test_nothing_is_acknowledged_before_it_is_kept_and_a_full_queue_is_said(sqlite_state: str) -> None:
    with receiving(sqlite_state, source("any", "hmac"), capacity=3) as running:
        gate = _Gate(sqlite_state)
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda: answers.append(anything(running, b"x").status), daemon=True)
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads[:2] * 20:
            thread.join(0.05)
            if len(answers) == 2:
                break
        assert answers == [503, 503], "two beyond the three that wait; these are not answered"
        gate.open()
        for thread in threads:
            thread.join(30)
        assert sorted(answers) == [200, 200, 200, 503, 503]
        assert len(running.events()) == 3


def test_a_state_that_is_gone_acknowledges_nothing(sqlite_state: str) -> None:
    with receiving(sqlite_state, source("any", "hmac")) as running:
        with closing(sqlite3.connect(sqlite_state.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute("ALTER TABLE webhook_event RENAME TO elsewhere")
        answer = anything(running, b"x")
        assert (answer.status, answer.json["error"], answer.headers["retry-after"]) == (503, "state", "5")
        assert "not acknowledged" in running.log[-1]
        with closing(sqlite3.connect(sqlite_state.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute("ALTER TABLE elsewhere RENAME TO webhook_event")
        assert anything(running, b"x").status == 200


def test_a_text_that_a_driver_refuses_ends_nothing(sqlite_state: str) -> None:
    """Readers of bodies make texts fit; should one slip through, what comes after it is still kept."""

    async def put(store: SqlStore) -> None:
        intake = Intake(store.inbox.store)
        intake.start()
        with pytest.raises(StateError, match="refuses a text"):
            await intake.put([Event("any", "1", "\ud800", "", "")])
        await intake.put([Event("any", "2", "", "", "")])
        await intake.stop()

    with closing(open_store(sqlite_state)) as store:
        asyncio.run(put(store))
        assert [event.event_key for event in store.inbox.events()] == ["2"]


def test_a_sender_that_hangs_up_has_sent_what_it_sent(sqlite_state: str, tmp_path: Path) -> None:
    with receiving(sqlite_state, source("any", "hmac")) as running:
        gate = _Gate(sqlite_state)
        body = b"sent and gone"
        head = f"POST /webhooks/any HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n"
        place = urlsplit(running.url)
        with socket.create_connection((place.hostname, place.port)) as connection:
            connection.sendall(f"{head}X-Signature-256: {signed('hush', body).hex()}\r\n\r\n".encode() + body)
            while not running.intake.waiting:
                threading.Event().wait(0.01)
        gate.open()
        assert anything(running, b"after").status == 200
        assert {event.body for event in running.events()} == {"sent and gone", "after"}
