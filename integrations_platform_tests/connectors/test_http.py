"""How a request to a service can end, over real HTTP against a made-up one."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.responses import Response
from starlette.routing import Route

from integrations_platform.connectors import http_json
from integrations_platform.connectors.budgets import Allowance, Budget, Rate
from integrations_platform.connectors.http import HttpApi, quoted
from integrations_platform.connectors.http_errors import HttpError, Rule, Said, redacted, retry_after
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.unified_sync.port import ErrorKind, SideError
from integrations_platform_tests.sandbox.notebook import Notebook
from integrations_platform_tests.sandbox.running import Start

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Bodies(Notebook):
    """A notebook that also answers whatever a test puts into ``body``."""

    body_given: bytes = b"{}"
    media = "application/json"

    def routes(self) -> list[Route]:
        return [*super().routes(), Route("/body", self.whatever, methods=["GET", "POST"])]

    def whatever(self, _request: Any) -> Response:
        return Response(self.body_given, media_type=self.media)


@pytest.fixture
def book() -> Bodies:
    return Bodies(seed=1, validate=False)


@pytest.fixture
def url(book: Bodies, sandbox: Start) -> str:
    return sandbox(book).url("notebook")


def opened(url: str, **options: Any) -> HttpApi:
    """An API with the notebook's first token."""
    given: dict[str, Any] = {
        "budget": Budget(sleep=lambda _: None), "clock": lambda: datetime.now(UTC), "timeout": 5,
        "authorize": lambda: {"Authorization": "Bearer t1"}, "secrets": lambda: ["sesame-opens"],
    }  # fmt: skip
    return HttpApi("book", url, **(given | options))


@pytest.fixture
def api(url: str) -> Iterator[HttpApi]:
    api = opened(url)
    yield api
    api.close()


def failing(api: HttpApi, method: str = "POST", path: str = "/notes", **more: Any) -> SideError:
    """The error of a request."""
    if method == "POST":
        more.setdefault("json", {"text": "a"})
    with pytest.raises(SideError) as caught:
        api.request(method, path, what="notes", **more)
    return caught.value


def test_numbers_stay_decimal_in_both_directions(book: Bodies, api: HttpApi) -> None:
    book.body_given = b'{"amount": 0.10, "large": 12345678901234567890.01, "count": 3}'
    data = api.request("GET", "/body").data
    assert data == {"amount": Decimal("0.10"), "large": Decimal("12345678901234567890.01"), "count": 3}
    api.request("POST", "/body", json=data)
    assert book.calls[-1].body == b'{"amount":0.10,"large":12345678901234567890.01,"count":3}'


def test_parameters_paths_and_headers_arrive_as_meant(book: Bodies, api: HttpApi) -> None:
    api.request("GET", "/notes", params={"properties": ["a b", "c&d"], "archived": False, "after": None, "limit": 5})
    failing(api, "GET", f"/notes/{quoted('../a b?c')}")
    api.request("GET", "/notes?limit=9#end", params={"name": "Zoë +1 %41 'a;b=c'#d"})
    api.request("GET", "/notes?limit=9")
    first, second, third, fourth = book.calls
    assert first.query.multi_items() == [("properties", "a b"), ("properties", "c&d"), ("archived", "false"),
                                         ("limit", "5")]  # fmt: skip
    assert second.path == "/notes/../a b?c"
    assert third.query.multi_items() == [("name", "Zoë +1 %41 'a;b=c'#d")], "not the one the path had"
    assert fourth.query.multi_items() == [("limit", "9")]
    assert first.headers["accept"] == "application/json"
    assert quoted("..") == "%2E%2E"


@pytest.mark.parametrize(
    ("fault", "unknown"),
    [
        (Fault(FaultKind.DROP_BEFORE), True), (Fault(FaultKind.DROP_AFTER), True), (Fault(FaultKind.TRUNCATE), True),
        (Fault(FaultKind.CUT_JSON), True), (Fault(FaultKind.COMMIT_THEN_500), True), (Fault(FaultKind.HTML), True),
        (Fault(FaultKind.STATUS, status=429), False), (Fault(FaultKind.STATUS, status=423), False),
        (Fault(FaultKind.STATUS, status=503), True),
    ],
)  # fmt: skip
def test_a_lost_answer_leaves_a_write_open_and_a_refusal_does_not(
    book: Bodies, api: HttpApi, fault: Fault, unknown: bool
) -> None:
    book.faults.add(fault)
    error = failing(api)
    assert (error.kind, error.effect_unknown) == (ErrorKind.TRANSIENT, unknown)
    for harmless in ({"method": "GET"}, {"writes": False}, {"repeatable": True}):
        book.faults.add(fault)
        error = failing(api, **harmless)
        assert (error.kind, error.effect_unknown) == (ErrorKind.TRANSIENT, False)
    assert api.requests == len(book.calls) == 4, "nothing is sent twice"


def test_a_service_that_is_not_there_was_not_written_to() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        api = opened(f"http://127.0.0.1:{free.getsockname()[1]}")
        error = failing(api)
    assert (error.kind, error.effect_unknown) == (ErrorKind.TRANSIENT, False)
    assert error.message.startswith("book: notes: the service cannot be reached")


def test_silence_is_given_up_after_the_timeout(book: Bodies, url: str) -> None:
    book.faults.add(Fault(FaultKind.SLOW, seconds=60))
    error = failing(opened(url, timeout=0.2))
    assert (error.code, error.effect_unknown) == ("timeout", True)
    given_up = time.monotonic() + 30
    while not book.notes:
        assert time.monotonic() < given_up, "it was never carried out"
    assert len(book.notes) == 1


@pytest.mark.parametrize(
    "body",
    [b"<html>", b'{"a":', b"[" * 100_000, b'{"a": NaN}', b'{"a": 1e99999999999}', b"\xff\xfe", b'{"a": "\xe9"}',
     b"9" * 10_000],
)  # fmt: skip
def test_hostile_bodies_end_in_one_kind_of_error_that_does_not_quote_them(
    book: Bodies, api: HttpApi, body: bytes
) -> None:
    book.body_given = body
    error = failing(api, "GET", "/body")
    assert (error.kind, error.code) == (ErrorKind.TRANSIENT, "not_json")
    assert len(error.message) < 250


def test_a_body_without_end_is_not_read_to_the_end(book: Bodies, url: str) -> None:
    book.body_given = b'"' + b"a" * 200_000 + b'"'
    assert "more than 100,000 bytes" in failing(opened(url, most_bytes=100_000), "GET", "/body").message


def test_the_vendors_table_comes_before_the_usual_one(book: Bodies, url: str) -> None:
    rules = [
        Rule((409,), ErrorKind.TRANSIENT, "busy", wait=3, remedy="close the other editor", codes=frozenset({"B1"})),
        Rule((409,), ErrorKind.PERMANENT, "taken"),
    ]

    def read(_status: int, data: Mapping[str, Any] | None) -> Said:
        return Said(str((data or {}).get("code", "")), "it says no, sesame-opens")

    api = opened(url, rules=rules, read_error=read)
    book.faults.add(Fault(FaultKind.STATUS, status=409, body={"code": "B1"}))
    busy = failing(api)
    assert (busy.kind, busy.code, busy.retry_after) == (ErrorKind.TRANSIENT, "busy", 3)
    assert busy.message == "book: notes: it says no, ••• (HTTP 409 B1); close the other editor"
    book.faults.add(Fault(FaultKind.STATUS, status=409, body={"code": "X", "existing": "77"}))
    taken = failing(api)
    assert isinstance(taken, HttpError)
    assert (taken.kind, taken.code, taken.data["existing"]) == (ErrorKind.PERMANENT, "taken", "77")


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(400, ErrorKind.PERMANENT, "http_400"), (403, ErrorKind.CONFIGURATION, "forbidden"),
     (404, ErrorKind.PERMANENT, "not_found"), (307, ErrorKind.CONFIGURATION, "redirect"),
     (599, ErrorKind.TRANSIENT, "http_599"), (401, ErrorKind.CONFIGURATION, "unauthorized")],
)  # fmt: skip
def test_statuses_nobody_declared_have_a_usual_meaning(
    book: Bodies, api: HttpApi, status: int, kind: ErrorKind, code: str
) -> None:
    book.faults.add(Fault(FaultKind.STATUS, status=status))
    error = failing(api)
    assert (error.kind, error.code) == (kind, code)


def test_a_status_may_be_accepted_instead(book: Bodies, api: HttpApi) -> None:
    assert api.request("GET", "/notes/9", accept=(200, 404)).data == {"message": "no such note"}


def test_a_refused_token_is_renewed_once_and_the_request_sent_again(book: Bodies, url: str) -> None:
    held = {"token": "t1", "renewed": 0}

    def renew() -> None:
        held["renewed"] += 1
        held["token"] = book.token

    api = opened(url, authorize=lambda: {"Authorization": f"Bearer {held['token']}"}, renew=renew)
    book.expire_token()
    assert api.request("POST", "/notes", json={"text": "a"}).status == 201
    assert (held["renewed"], len(book.notes)) == (1, 1)
    held["token"] = "wrong"
    book.faults.add(Fault(FaultKind.EXPIRE_TOKEN, nth=2))
    assert failing(api).kind is ErrorKind.CONFIGURATION
    assert (held["renewed"], len(book.calls)) == (2, 4)


def test_what_the_service_asks_to_wait_is_kept_by_the_budget_too(book: Bodies, url: str) -> None:
    slept: list[float] = []
    now = [NOW]
    allowance = Allowance((Rate("r", 10, 10),), {"call": ("r",)})
    budget = Budget("book", "a", allowance, clock=lambda: now[0], sleep=slept.append)
    api = opened(url, budget=budget, clock=lambda: now[0])
    book.faults.add(Fault(FaultKind.STATUS, status=429, retry_after="7"))
    assert failing(api).retry_after == 7
    api.request("GET", "/notes")
    assert slept == [pytest.approx(7, abs=0.6)]


def test_without_a_word_from_the_service_the_table_says_how_long_to_wait(book: Bodies, api: HttpApi) -> None:
    book.faults.add(Fault(FaultKind.STATUS, status=429))
    book.faults.add(Fault(FaultKind.STATUS, status=503))
    assert failing(api).retry_after == 10
    assert failing(api).retry_after is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12), ({"retry-after": "0.5"}, 0.5), ({"retry-after": "-3"}, 0),
        ({"retry-after": "Mon, 04 May 2026 12:01:00 GMT"}, 60),
        ({"retry-after": "Mon, 04 May 2026 12:01:00 GMT", "date": "Mon, 04 May 2026 12:00:50 GMT"}, 10),
        ({"retry-after": "Mon, 04 May 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None), ({"retry-after": "nan"}, None), ({"retry-after": "inf"}, None), ({}, None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_by_the_servers_clock(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_the_servers_clock_is_read_from_its_answers(book: Bodies, api: HttpApi) -> None:
    assert api.clock_reading is None
    book.clock.advance(3600)
    api.request("GET", "/notes")
    reading = api.clock_reading
    assert reading is not None
    assert abs(reading.offset - timedelta(hours=1)) <= reading.uncertainty
    assert timedelta(seconds=0.5) <= reading.uncertainty < timedelta(seconds=3)


@pytest.mark.parametrize(
    "base",
    ["http://api.example.test", "ftp://127.0.0.1", "https://user:pass@api.example.test", "", "https://", "http://[x"],
)
def test_a_base_url_that_would_give_the_token_away_is_refused_unquoted(base: str) -> None:
    with pytest.raises(SideError) as caught:
        opened(base)
    assert caught.value.kind is ErrorKind.CONFIGURATION
    assert "example" not in caught.value.message
    assert "pass" not in caught.value.message


@pytest.mark.parametrize("token", ["se\nsame-opens", "sésame-opens", "sesame-opens\r\nX: y"])
def test_a_token_that_no_header_can_hold_is_a_setting_to_change(url: str, token: str) -> None:
    error = failing(opened(url, authorize=lambda: {"Authorization": f"Bearer {token}"}))
    assert error.kind is ErrorKind.CONFIGURATION
    assert "opens" not in error.message


def test_secrets_are_blotted_out_and_words_cut() -> None:
    assert redacted("key sesame-opens!\n\tand sesame-opens-more", ["sesame-opens", "sesame-opens-more"]) == (
        "key •••! and •••"
    )
    assert len(redacted("x" * 10_000, [])) == 300


def test_neither_addresses_nor_tokens_are_logged(api: HttpApi, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        api.request("GET", "/notes", params={"query": "DisplayName = 'Ada Lovelace'"})
    assert caplog.text == ""


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="infinite"):
        http_json.render({"a": Decimal("Infinity")})
    assert http_json.render({"a": Decimal("1E+3"), "b": [None, True, "ü"]}) == rb'{"a":1000,"b":[null,true,"\u00fc"]}'
