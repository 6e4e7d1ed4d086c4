"""POST /webhooks/<source>: read within bounds, proved, understood, kept, acknowledged; in this order.

A plain ASGI application, to be mounted. Whatever is sent, it answers a JSON object; 5xx only when the inbox cannot be
written. Nothing of a delivery, its headers or its path reaches a log or an answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.types import Receive, Scope, Send

from integrations_platform.settings_webhooks import SourceSettings
from integrations_platform.state.errors import StateError
from integrations_platform.webhooks.delivery import Delivery, OutOfTime, Refused
from integrations_platform.webhooks.events import reader
from integrations_platform.webhooks.intake import Full, Intake
from integrations_platform.webhooks.pace import Pace, Warnings
from integrations_platform.webhooks.schemes import verifier
from integrations_platform.webhooks.skew import Skew

BODY_SECONDS = 10.0  # to send a body of at most some kilobytes
PATIENCE_BYTES = 1_000_000  # of a body that is too large, read and forgotten: who is cut off never sees the answer
BUSY_SECONDS = 5  # after which senders may come back when the inbox is full or away
_logger = logging.getLogger("integrations_platform.webhooks")


def _new_id() -> str:
    return uuid4().hex


@dataclass(frozen=True)
class Clocks:
    """``now``: Unix time, for signed times. ``monotonic``: seconds, for pace."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


@dataclass
class _Door:
    """One source and what is needed to judge its deliveries."""

    settings: SourceSettings
    secrets: Sequence[bytes]
    clocks: Clocks
    new_id: Callable[[], str]
    skew: Skew = field(default_factory=Skew)

    def __post_init__(self) -> None:
        self.verify = verifier(self.settings)
        self.read = reader(self.settings, self.new_id)
        self.pace = Pace(self.settings.max_per_second, self.clocks.monotonic)


class Receiver:
    """The application. ``secrets`` by source: one that has none is as unknown as one that does not exist."""

    def __init__(
        self,
        sources: Mapping[str, tuple[SourceSettings, Sequence[str]]],
        intake: Intake,
        public_url: str = "",
        clocks: Clocks | None = None,
        new_id: Callable[[], str] = _new_id,
    ) -> None:
        self._clocks = clocks or Clocks()
        self._intake, self._public_url = intake, public_url.rstrip("/")
        self._doors = {
            name: _Door(settings, [secret.encode() for secret in secrets], self._clocks, new_id)
            for name, (settings, secrets) in sources.items()
            if secrets
        }
        self._warnings = Warnings(_logger, self._clocks.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        name = "unknown sources"
        try:
            path = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
            source, _, token = path.partition("/")
            door = self._doors.get(source)
            if door is None:
                raise Refused(404, "source", "no such source of events is set up here")
            name = source
            if scope["method"] != "POST":
                raise Refused(405, "method", "events are sent by POST")
            number = await self._take(door, scope, token, receive)
        except Refused as refusal:
            said = f"{refusal.message}: {refusal.detail}" if refusal.detail else refusal.message
            self._warnings.say(f"{name} {refusal.reason}", f"webhooks: {name}: refused: {said}")
            await _answer(send, refusal.status, {"error": refusal.reason, "message": refusal.message}, refusal.wait)
        except asyncio.CancelledError:
            raise
        else:
            await _answer(send, 200, {"accepted": number})

    async def _take(self, door: _Door, scope: Scope, token: str, receive: Receive) -> int:
        headers = _headers(scope)
        body = await _body(headers, receive, door.settings.max_bytes)
        delivery = Delivery(scope["method"], self._urls(scope, headers), headers, body, token, self._clocks.now())
        try:
            door.verify(delivery, door.secrets)
        except OutOfTime as refusal:
            if (said := door.skew.out_of_time(refusal.seconds)) is not None:
                self._warnings.say("clock", f"webhooks: {door.settings.name}: {said}")
            raise
        door.skew.in_time()
        # Only after the proof: a flood of forged deliveries must not use up what the true sender may send.
        if wait := door.pace.wait():
            raise Refused(429, "rate", "more deliveries than are taken from one source", wait=wait)
        events = door.read(door.settings.name, delivery)
        try:
            await self._intake.put(events)
        except Full:
            raise Refused(503, "full", "too many events wait to be kept", wait=BUSY_SECONDS) from None
        except StateError as fault:
            message = "the events could not be kept and are not acknowledged"
            raise Refused(503, "state", message, wait=BUSY_SECONDS, detail=str(fault)) from None
        return len(events)

    def _urls(self, scope: Scope, headers: Mapping[str, Sequence[str]]) -> Sequence[str]:
        """What the sender may have signed as this URL: below the public one, where it is known."""
        raw = scope.get("raw_path") or scope["path"].encode()
        query = scope["query_string"]
        target = (raw + (b"?" + query if query else b"")).decode("latin-1")
        if self._public_url:
            return [f"{self._public_url}{target}"]
        host = next(iter(headers.get("host", ())), "")
        return [f"{scheme}://{host}{target}" for scheme in ("https", "http")]


def _headers(scope: Scope) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


async def _body(headers: Mapping[str, Sequence[str]], receive: Receive, most: int) -> bytes:
    """The body as it was sent. Raises :class:`Refused` for one that is too large, too slow, cut short or compressed."""
    if any(value.strip().lower() not in ("", "identity") for value in headers.get("content-encoding", ())):
        raise Refused(415, "encoding", "compressed bodies are not read")
    announced = next(iter(headers.get("content-length", ())), "")
    too_large = Refused(413, "size", f"at most {most} bytes are read")
    if announced.isdecimal() and int(announced[:12]) > most + PATIENCE_BYTES:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "cut", "the body ended early")
                part = message.get("body", b"")
                size += len(part)
                if size <= most:
                    parts.append(part)
                more = message.get("more_body")
                if size > most and (size > most + PATIENCE_BYTES or not more):
                    raise too_large
                if not more:
                    return b"".join(parts)
    except TimeoutError:
        raise Refused(408, "slow", f"the body did not arrive within {BODY_SECONDS:.0f} s") from None


async def _answer(send: Send, status: int, content: Mapping[str, Any], wait: float | None = None) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if wait is not None:
        headers.append((b"retry-after", str(max(1, round(wait))).encode()))
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status in (408, 413, 415):
        headers.append((b"connection", b"close"))  # what is left of the body is not waited for
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
