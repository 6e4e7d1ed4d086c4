"""Requests that nobody sane sends, over every route: each is answered, none with a 5xx, and the next one is served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations_platform_tests.webhooks.arrange import NOON, Receiving, receiving, source
from integrations_platform_tests.webhooks.senders import (
    hubspot_headers,
    quickbooks_headers,
    signed,
    stripe_headers,
)

PUBLIC = "https://sync.example.test"
NAMES = ("crm", "books", "pay", "any", "timed", "jobs", "jobs/hush", "jobs/hush/more", "jobs/%68ush", "nobody")
PATHS = ["/", "/health", "/ready", "/webhooks", "/webhooks/", *(f"/webhooks/{name}" for name in NAMES)]
HEADERS = [
    "X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp", "intuit-signature", "Stripe-Signature",
    "X-Signature-256", "X-At", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Content-Type", "Host",
    "Expect", "Upgrade", "Connection", "X-Forwarded-Host", "X-Anything",
]  # fmt: skip
HOSTILE = [
    "", "0", "-1", "9" * 400, "NaN", "1e309", "t=1,v1=", "t=,t=,v1=x", "sha256=", "gzip", "chunked", "100-continue",
    "h2c", "websocket", "close", "{{7*7}}", "' OR 1=1 --", "${jndi:ldap://x}", "../etc/passwd", "\t", "é", "=" * 9000,
]  # fmt: skip


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiving]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    sources = (
        source("crm", "hubspot"),
        source("books", "quickbooks"),
        source("pay", "stripe"),
        source("jobs", "airbyte"),
        source("any", "hmac", max_per_second=100_000.0),
        source("timed", "hmac", timestamp_header="X-At", event_id="body:id"),
    )
    with receiving(f"sqlite:///{folder}/state.sqlite", *sources, public_url=PUBLIC) as running:
        yield running


texts = st.text(alphabet=st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"), max_size=40)
header = st.tuples(st.sampled_from(HEADERS), st.sampled_from(HOSTILE) | texts)
word = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


def tried(examples: int) -> settings:
    """So many, the same each time."""
    return settings(
        max_examples=examples, deadline=None, derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )  # fmt: skip


def _status(answer: bytes) -> int:
    """Of the last answer: one that only asked for the body to follow came first."""
    heads = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    return int(heads[-1][9:12]) if heads else 0


requests = st.fixed_dictionaries({
    "method": st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT"]) | word,
    "path": st.sampled_from(PATHS) | word.map(lambda text: f"/webhooks/{text}"),
    "query": st.sampled_from(["", "?", "?a=%zz", "?" + "x" * 4_000]),
    "headers": st.lists(header, max_size=5),
    "body": st.binary(max_size=200),
})  # fmt: skip


def request_is_answered(here: Receiving, request: dict[str, Any]) -> None:
    lines = [f"{request['method']} {request['path']}{request['query']} HTTP/1.1", "Host: h", "Connection: close"]
    lines += [f"{name}: {text}" for name, text in request["headers"]]
    lines += [f"Content-Length: {len(request['body'])}"]
    answer = here.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + request["body"])
    assert _status(answer) < 500, answer
    assert here.post("/health", method="GET").status == 200


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = ("eventId", "portalId", "subscriptionType", "objectId", "id", "source", "type", "data", "jobId", "finishedAt")
shapes = st.dictionaries(st.sampled_from(MEMBERS), values, max_size=5)
realms = st.builds(
    lambda entities: {"eventNotifications": [{"dataChangeEvent": {"entities": entities}}]}, st.lists(shapes) | values
)
syncs = st.builds(lambda connection, rest: {"data": {**rest, "connection": connection}}, shapes | values, shapes)
said = st.tuples(
    st.sampled_from(["crm", "books", "pay", "any", "timed", "jobs/hush"]),
    values | shapes | st.lists(shapes, max_size=3) | realms | syncs,
)


def what_is_said_is_kept_or_refused(here: Receiving, path: str, body: object) -> None:
    sent, stamp = json.dumps(body).encode(), f"{NOON:.0f}"
    headers: dict[str, dict[str, str]] = {
        "crm": hubspot_headers("hush", f"{PUBLIC}/webhooks/crm", sent, NOON),
        "books": quickbooks_headers("hush", sent),
        "pay": stripe_headers("hush", sent, NOON),
        "any": {"X-Signature-256": signed("hush", sent).hex()},
        "timed": {"X-Signature-256": signed("hush", f"{stamp}.".encode() + sent).hex(), "X-At": stamp},
    }
    answer = here.post(f"/webhooks/{path}", sent, headers.get(path))
    assert answer.status in (200, 400), answer
    assert set(answer.json) == ({"accepted"} if answer.status == 200 else {"error", "message"})


@tried(100)
@given(requests)
def test_no_request_is_answered_with_a_5xx(here: Receiving, request_sent: dict[str, Any]) -> None:
    request_is_answered(here, request_sent)


@tried(60)
@given(said)
def test_whatever_a_proved_sender_says_is_kept_or_refused(here: Receiving, what: tuple[str, object]) -> None:
    what_is_said_is_kept_or_refused(here, *what)


@pytest.mark.nightly
def test_the_same_at_length(here: Receiving) -> None:
    tried(2_000)(given(requests)(lambda request: request_is_answered(here, request)))()
    tried(2_000)(given(said)(lambda what: what_is_said_is_kept_or_refused(here, *what)))()
