"""A client of one service's HTTP API: one request at a time, and every way it can end in one vocabulary.

Owns time limits, sizes, JSON, the classification of errors, whether a lost answer may hide a write, the server's clock,
and the count of requests. It never retries, except once after renewing a refused token; retrying is the engine's.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from integrations_platform.connectors import http_json
from integrations_platform.connectors.budgets import Budget
from integrations_platform.connectors.http_errors import (
    HttpError,
    Reader,
    Rule,
    Said,
    http_date,
    redacted,
    retry_after,
    rule_for,
)
from integrations_platform.unified_sync.answers import ClockReading, ErrorKind, SideError
from integrations_platform.unified_sync.watching import span

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every address, and a query may hold a person's name

DONE = range(200, 300)
_DATE_STEP = timedelta(seconds=0.5)  # a Date header says the second, cut off: half of it on average, and as far off
_SAFE = {"GET", "HEAD", "OPTIONS"}
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


@dataclass(frozen=True)
class Reply:
    """An answer that is no error. ``data`` is its parsed body, None when it has none; ``headers`` in lower case."""

    status: int
    data: Any
    headers: Mapping[str, str]


def _says_nothing(_status: int, _data: Any) -> Said:
    return Said()


class HttpApi:
    """One service behind ``base_url``; used from one thread.

    ``system`` is its name in messages. ``authorize`` gives the headers of every request, ``renew`` gets new credentials
    after a 401 (the request is then sent once more). ``secrets`` gives the texts that must appear in no message.
    ``rules`` and ``read_error`` are the vendor's table and the way its error bodies are read. ``budget`` is asked
    before every request and told of every refusal. ``timeout``: seconds of silence, ``connect``: seconds to be reached
    (default: as long); a whole answer may take four times ``timeout``. ``clear`` says to which hosts a token may travel
    unencrypted. Raises SideError(CONFIGURATION) for a base URL that would carry it in clear to any other.
    """

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        budget: Budget,
        clock: Callable[[], datetime],
        authorize: Callable[[], Mapping[str, str]] = dict,
        renew: Callable[[], None] | None = None,
        secrets: Callable[[], Iterable[str]] = tuple,
        rules: Sequence[Rule] = (),
        read_error: Reader = _says_nothing,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        connect: float | None = None,
        clear: Callable[[str], bool] | None = None,
        most_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        url = checked_base(system, base_url, clear)
        self.system, self.requests = system, 0
        self._base = str(url).rstrip("/")
        self._budget, self._clock = budget, clock
        self._authorize, self._renew, self._secrets = authorize, renew, secrets
        self._rules, self._read_error = tuple(rules), read_error
        self._most_seconds, self._most_bytes = 4 * timeout, most_bytes
        self._reading: ClockReading | None = None
        # Proxies are for the world outside; what listens on this machine is reached directly.
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=connect or timeout), follow_redirects=False,
            verify=trusted(), trust_env=not is_loopback(url.host),
            headers={"Accept": "application/json", "User-Agent": "integrations-platform"} | dict(headers or {}),
        )  # fmt: skip

    @property
    def clock_reading(self) -> ClockReading | None:
        """The server's clock against ours, as of the last answer that told it; None when none did."""
        return self._reading

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        what: str = "",
        bucket: str = "call",
        cost: int = 1,
        writes: bool | None = None,
        repeatable: bool = False,
        accept: Container[int] = DONE,
    ) -> Reply:
        """Send one request and give its answer.

        ``path`` is appended to the base URL as it is: quote its parts with :func:`quoted`. ``what`` names the object
        (and record) in messages. ``bucket`` and ``cost`` are charged to the budget. ``writes``: whether it changes
        something there (default: by the method; say False for a search by POST). ``repeatable``: sending it again
        changes nothing more, so a lost answer is no open question. ``accept``: statuses that are no errors.
        Raises HttpError for an answer that is an error, SideError when there is none or the budget is spent.
        """
        changes = (method not in _SAFE if writes is None else writes) and not repeatable
        extra = dict(headers or {})
        if json is not None:
            content, extra["Content-Type"] = http_json.render(json), "application/json"
        renewed = False
        while True:
            self._budget.spend(cost, bucket)
            sent = dict(self._authorize()) | extra
            if not all(value.isascii() and value.isprintable() for value in sent.values()):
                message = f"{self.place(what)}: the token cannot be sent: it holds a line break or other odd characters"
                raise SideError(ErrorKind.CONFIGURATION, f"{message}; copy it again", code="token")
            request = self._client.build_request(
                method, _address(self._base + path, params), content=content,
                data=None if form is None else dict(form), headers=sent,
            )  # fmt: skip
            with span(method, {"http.request.method": method, "server.address": request.url.host}) as watched:
                status, got, body = self._exchange(request, what, changes)
                watched.tell("http.response.status_code", status)
            if status == 401 and self._renew is not None and not renewed:
                renewed = True
                self._renew()
                continue
            if status in accept:
                return Reply(status, self._parsed(got, body, what, status, changes), got)
            raise self._error(status, got, body, what, bucket, changes)

    def close(self) -> None:
        """Release the connections."""
        self._client.close()

    def place(self, what: str) -> str:
        """How messages begin."""
        return f"{self.system}: {what}" if what else self.system

    def _exchange(self, request: httpx.Request, what: str, changes: bool) -> tuple[int, dict[str, str], bytes]:
        """One exchange on the wire: status, headers in lower case, whole body."""
        self.requests += 1
        began, asked = time.monotonic(), self._clock()
        try:
            answer = self._client.send(request, stream=True)
            try:
                self._read_clock(answer.headers.get("date", ""), asked)
                body = bytearray()
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > self._most_bytes:
                        raise self._lost(what, f"answered with more than {self._most_bytes:,} bytes", changes)
                    if time.monotonic() - began > self._most_seconds:
                        raise self._lost(what, f"was still answering after {self._most_seconds:g} s", changes)
            finally:
                answer.close()
        except httpx.TimeoutException as fault:
            sent = not isinstance(fault, _UNSENT)
            raise self._lost(what, "did not answer in time", changes and sent, "timeout") from None
        except (httpx.TransportError, httpx.DecodingError) as fault:
            sent = not isinstance(fault, _UNSENT)
            how = "closed the connection without a whole answer" if sent else "cannot be reached"
            reason = redacted(str(fault) or type(fault).__name__, self._secrets())
            raise self._lost(what, f"{how} ({reason})", changes and sent, "connection") from None
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, bytes(body)

    def _read_clock(self, date: str, asked: datetime) -> None:
        there = http_date(date)
        if there is not None:
            half = (self._clock() - asked) / 2
            self._reading = ClockReading(there + _DATE_STEP - (asked + half), half + _DATE_STEP)

    def _parsed(self, headers: Mapping[str, str], body: bytes, what: str, status: int, changes: bool) -> Any:
        if not body.strip():
            return None
        try:
            return http_json.parse(body)
        except http_json.NotJson as fault:
            media = headers.get("content-type", "no content type").partition(";")[0]
            how = f"answered HTTP {status} with {redacted(media, ())} that is not JSON ({fault})"
            raise self._lost(what, how, changes, "not_json") from None

    def _error(
        self, status: int, headers: Mapping[str, str], body: bytes, what: str, bucket: str, changes: bool
    ) -> HttpError:
        try:
            data = http_json.parse(body) if body.strip() else None
        except http_json.NotJson:
            data = None
        said = self._read_error(status, data)
        rule = rule_for(self._rules, status, said.code)
        wait = retry_after(headers, self._clock())
        if wait is None:
            wait = said.wait if said.wait is not None else rule.wait
        if rule.kind is ErrorKind.TRANSIENT and wait and status in (423, 429, 503):
            self._budget.penalize(wait, bucket)
        code = f" {said.code}" if said.code else ""
        parts = [f"{self.place(what)}: {said.message or 'refused'} (HTTP {status}{code})", rule.remedy]
        message = redacted("; ".join(filter(None, parts)), self._secrets())
        return HttpError(
            rule.kind, message, status=status, data=data, headers=headers,
            code=rule.code or said.code or f"http_{status}", effect_unknown=changes and rule.perhaps_done,
            retry_after=wait if rule.kind is ErrorKind.TRANSIENT else None,
        )  # fmt: skip

    def _lost(self, what: str, how: str, unknown: bool, code: str = "answer") -> SideError:
        more = "; it may have been carried out even so" if unknown else ""
        message = f"{self.place(what)}: the service {how}{more}"
        return SideError(ErrorKind.TRANSIENT, message, code=code, effect_unknown=unknown)


def checked_base(system: str, base_url: str, clear: Callable[[str], bool] | None = None) -> httpx.URL:
    """The URL, if a token may travel to it: encrypted, or in clear to a host that ``clear`` allows (default: this
    machine). Raises SideError(CONFIGURATION) that does not quote it."""
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, UnicodeError):
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        message = f"{system}: the base_url is no plain https:// address; write https://host, or leave it out"
        raise SideError(ErrorKind.CONFIGURATION, message, code="base_url")
    if url.scheme == "http" and not (clear or is_loopback)(url.host):
        message = f"{system}: the base_url is not encrypted, and the token would travel in clear; write https://"
        raise SideError(ErrorKind.CONFIGURATION, message, code="base_url")
    return url


def quoted(part: str) -> str:
    """One part of a path, everything but unreserved characters percent-encoded; ``..`` cannot climb."""
    return quote(part, safe="").replace(".", "%2E") if part in (".", "..") else quote(part, safe="")


def _address(url: str, params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None) -> httpx.URL:
    """Where a request goes; parameters take the place of a query that the URL has. It is taken apart once, complete:
    httpx would do so again for the parameters, which costs as much as all the rest of building a request."""
    if params is None:
        return httpx.URL(url)
    place, query = url.partition("#")[0].partition("?")[0], urlencode(_plain(params))
    return httpx.URL(f"{place}?{query}" if query else place)


def _plain(params: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Query parameters as text; None is left out, a list is repeated."""
    pairs = params.items() if isinstance(params, Mapping) else params
    each = [(name, one) for name, value in pairs for one in (value if isinstance(value, list | tuple) else (value,))]
    return [(name, str(one).lower() if isinstance(one, bool) else str(one)) for name, one in each if one is not None]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by address or as localhost."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_private(host: str) -> bool:
    """Whether a host can only be of the network this process is in: by address, or by a name no public zone has."""
    try:
        return ip_address(host).is_private
    except ValueError:
        last = host.rpartition(".")[2]
        return "." not in host or last in ("local", "internal", "svc", "localhost") or host.endswith(".home.arpa")


@cache
def trusted() -> ssl.SSLContext:
    """The certificates this machine trusts, read once: it takes tens of milliseconds."""
    return httpx.create_ssl_context()
