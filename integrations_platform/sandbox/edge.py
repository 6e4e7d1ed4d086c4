"""The edge of a stand-in, where every call passes: host check, log, faults, contract, then the vendor's handler.

Answers are held back whole before they are sent, so that a fault can replace, cut or withhold them. Handlers run one at
a time: a stand-in is a store, and its state changes in one step.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, QueryParams
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integrations_platform.sandbox.contracts import Violation
from integrations_platform.sandbox.faults import Fault, FaultKind

if TYPE_CHECKING:
    from integrations_platform.sandbox.vendor import Vendor

HANG_UP = "sandbox.hang_up"  # extension of the ASGI scope: closes the connection, see server.py
CONTROL = "/_control"
MOST_BYTES = 32 * 1024 * 1024  # of a request
_LOCAL_NAMES = {"127.0.0.1", "localhost", "[::1]"}
_HIDDEN = {"authorization", "cookie"}
_PAGE = (
    "<!DOCTYPE html><html><head><title>{status} Bad Gateway</title></head>"
    "<body><h1>{status}</h1><p>The server returned an invalid response.</p></body></html>"
)
_KEEPS_NOTHING = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True)
class Call:
    """One call as it arrived; ``status`` is 0 when the connection was closed without an answer.

    ``operation`` is the name of its route, empty where the vendor has none. ``headers`` are without the credentials.
    """

    method: str
    path: str
    query: QueryParams
    body: bytes
    status: int
    operation: str
    at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body, parsed. Raises ValueError when it is no JSON."""
        return json.loads(self.body)


class Edge:
    """ASGI middleware around the vendor's routes; the control routes pass unlogged and unstruck."""

    def __init__(self, app: ASGIApp, vendor: Vendor) -> None:
        self._app, self._vendor = app, vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        if refusal := _stranger(scope, headers):
            await refusal(scope, receive, send)
            return
        body = await _whole_body(receive)
        if body is None:
            await PlainTextResponse("the body is too large", 413)(scope, receive, send)
        elif _is_control(scope["path"]):
            await self._app(scope, _replay(body), send)
            self._vendor.touched()
        else:
            await self._serve(scope, headers, body, receive, send)

    async def _serve(self, scope: Scope, headers: Headers, body: bytes, receive: Receive, send: Send) -> None:
        vendor, route = self._vendor, self._route(scope)
        operation = "" if route is None else route.name
        struck = vendor.faults.strike(operation)
        if any(each.kind is FaultKind.EXPIRE_TOKEN for each in struck):
            vendor.expire_token()
        fault = next((each for each in struck if each.kind is not FaultKind.EXPIRE_TOKEN), None)
        answer = await self._answer(scope, headers, body, route, fault)
        at = vendor.clock.now()
        status = 0 if answer is None else answer.status_code
        shown = {name: value for name, value in headers.items() if name not in _HIDDEN}
        query = QueryParams(scope["query_string"])
        kept = vendor.logged(operation, body)
        vendor.calls.append(Call(scope["method"], scope["path"], query, kept, status, operation, at, shown))
        if scope["method"] not in _KEEPS_NOTHING:
            vendor.touched()
        if answer is None:
            await _hang_up(scope, receive)
            return
        answer.headers["date"] = format_datetime(at, usegmt=True)
        if fault is not None and fault.kind is FaultKind.SLOW and await _left_while_waiting(receive, fault.seconds):
            return
        if fault is not None and fault.kind is FaultKind.TRUNCATE:
            await _send_half(answer, scope, receive, send)
            return
        await answer(scope, _replay(body), send)

    async def _answer(
        self, scope: Scope, headers: Headers, body: bytes, route: Route | None, fault: Fault | None
    ) -> Response | None:
        """The answer to send; None: the connection closes without one."""
        kind = None if fault is None else fault.kind
        if fault is not None:
            if kind is FaultKind.DROP_BEFORE:
                return None
            if kind is FaultKind.HTML:
                return Response(_PAGE.format(status=fault.status), fault.status, media_type="text/html")
            if kind is FaultKind.STATUS:
                return self._error(fault)
        answer = await self._handled(scope, headers, body, route)
        if kind is FaultKind.DROP_AFTER:
            return None
        if fault is not None and kind is FaultKind.COMMIT_THEN_500:
            return self._error(fault)
        if kind is FaultKind.CUT_JSON:
            whole = bytes(answer.body)
            return Response(whole[: len(whole) // 2], answer.status_code, media_type=answer.headers.get("content-type"))
        return answer

    def _error(self, fault: Fault) -> Response:
        body = self._vendor.error_body(fault.status) if fault.body is None else dict(fault.body)
        headers = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
        return JSONResponse(body, fault.status, headers)

    async def _handled(self, scope: Scope, headers: Headers, body: bytes, route: Route | None) -> Response:
        """The vendor's own answer, checked against its contract."""
        vendor = self._vendor
        held = _Held()
        try:
            await self._app({**scope, "state": {"body": body}}, _replay(body), held.send)
            answer = held.response()
        except Exception as broken:  # noqa: BLE001  whatever a handler raises fails the test that called it
            last = traceback.extract_tb(broken.__traceback__)[-1]
            what = f"{type(broken).__name__}: {broken} ({last.name}, line {last.lineno})"
            vendor.violations.append(Violation("handler", scope["method"], scope["path"], "", what))
            answer = PlainTextResponse("Internal Server Error", 500)
        if route is not None and vendor.validate:
            self._check(scope, headers, body, route, answer)
        return answer

    def _check(self, scope: Scope, headers: Headers, body: bytes, route: Route, answer: Response) -> None:
        contract, method, path = self._vendor.checked_contract, scope["method"], scope["path"]
        if answer.status_code < 400 and not self._vendor.lenient_requests:
            # A bad request that was refused is the vendor doing its duty; one that was accepted is a fault of somebody.
            query = dict(QueryParams(scope["query_string"]))
            media = headers.get("content-type", "")
            for pointer, message in contract.check_request(method, route.path, query, media, body):
                self._vendor.violations.append(Violation("request", method, path, pointer, message))
        media, content = answer.headers.get("content-type", ""), bytes(answer.body)
        for pointer, message in contract.check_response(method, route.path, answer.status_code, media, content):
            self._vendor.violations.append(Violation("response", method, path, pointer, message))

    def _route(self, scope: Scope) -> Route | None:
        for route in self._vendor.vendor_routes:
            if route.matches(scope)[0] is Match.FULL:
                return route
        return None


class _Held:
    """An answer collected instead of sent."""

    def __init__(self) -> None:
        self._status, self._headers, self._body = 500, Headers(), b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], Headers(raw=message["headers"])
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")

    def response(self) -> Response:
        answer = Response(self._body, self._status)
        for name, value in self._headers.items():
            if name != "content-length":
                answer.headers.append(name, value)
        return answer


def _is_control(path: str) -> bool:
    return path == CONTROL or path.startswith(f"{CONTROL}/")


def _stranger(scope: Scope, headers: Headers) -> Response | None:
    """Refuse what a web page in somebody's browser may send: another host's name, or the mark of another origin."""
    host = headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name.lower() not in _LOCAL_NAMES:
        return PlainTextResponse("this stand-in answers to localhost only", 421)
    if _is_control(scope["path"]) and "origin" in headers:
        return PlainTextResponse("the control interface is not for web pages", 403)
    return None


async def _whole_body(receive: Receive) -> bytes | None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BYTES:
            return None
        if not message.get("more_body"):
            return body


def _replay(body: bytes) -> Receive:
    """The body again, for whoever reads it next."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection and wait until it is closed: an application that merely returned would be answered for."""
    hang_up: Callable[[], None] = scope["extensions"][HANG_UP]
    hang_up()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _left_while_waiting(receive: Receive, seconds: float) -> bool:
    """Wait ``seconds``, or until the client has gone; True when it has."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    waiting: Awaitable[None] = gone()
    try:
        await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        return False
    return True


async def _send_half(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Announce the whole body, send half of it, close."""
    body = bytes(answer.body)
    await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await _hang_up(scope, receive)
