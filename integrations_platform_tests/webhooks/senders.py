"""Senders of events as the vendors are: real bodies, real signatures, and a line to send many of them by."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

SECRET = "hs-client-secret-demo"


def signed(secret: str, text: bytes) -> bytes:
    """The HMAC-SHA256 that all of them use."""
    return hmac.digest(secret.encode(), text, "sha256")


def hubspot_headers(secret: str, url: str, body: bytes, at: float) -> dict[str, str]:
    """Signature v3, by HubSpot's own library where a test asks for it; the same by hand here, because it is slow."""
    timestamp = str(int(at * 1000))
    signature = signed(secret, b"POST" + url.encode() + body + timestamp.encode())
    return {
        "X-HubSpot-Signature-v3": base64.b64encode(signature).decode(),
        "X-HubSpot-Request-Timestamp": timestamp,
    }


def quickbooks_headers(secret: str, body: bytes) -> dict[str, str]:
    """As Intuit signs both of its forms."""
    return {"intuit-signature": base64.b64encode(signed(secret, body)).decode()}


def stripe_headers(secret: str, body: bytes, at: float) -> dict[str, str]:
    """As Stripe's documentation says: t, v1, and a v0 that means nothing."""
    timestamp = str(int(at))
    signature = signed(secret, timestamp.encode() + b"." + body).hex()
    return {"Stripe-Signature": f"t={timestamp},v1={signature},v0={'0' * 64}"}


@dataclass(frozen=True)
class HubSpot:
    """An app of HubSpot's. ``offset``: of the numbers of its events."""

    secret: str = SECRET
    offset: int = 0

    def event(self, number: int, **changed: Any) -> dict[str, Any]:
        """An event as the vendor's documentation shows them."""
        return {
            "eventId": self.offset + number, "subscriptionId": 7, "portalId": 8001, "appId": 9002,
            "occurredAt": 1_767_225_600_000 + number, "attemptNumber": 0,
            "subscriptionType": "contact.propertyChange", "objectId": 501 + number % 1000,
            "propertyName": "email", "propertyValue": "a@example.test", "changeSource": "CRM_UI",
        } | changed  # fmt: skip

    @staticmethod
    def key(event: Mapping[str, Any]) -> str:
        """As the inbox knows it."""
        return ":".join(
            str(event[name]) for name in ("portalId", "subscriptionId", "eventId", "objectId", "occurredAt")
        )

    def request(self, url: str, events: Sequence[Mapping[str, Any]], at: float | None = None) -> bytes:
        """The whole request, as bytes."""
        body = json.dumps(events).encode()
        return http_request(url, body, hubspot_headers(self.secret, url, body, time.time() if at is None else at))


def http_request(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A POST as it travels."""
    place = urlsplit(url)
    lines = [f"POST {place.path}{'?' + place.query if place.query else ''} HTTP/1.1", f"Host: {place.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Line:
    """A kept connection, one request after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str) -> AsyncIterator[Self]:
        place = urlsplit(url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    async def ask(self, request: bytes) -> int:
        """The status of the answer. Raises OSError or IncompleteReadError when there comes none."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        await self._reader.readexactly(int(length))
        return int(head[9:12])
