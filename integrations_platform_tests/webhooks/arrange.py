"""A receiver served from a thread of this process, on a clock of the story's own, and ways to talk to it."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from integrations_platform.secret_text import SecretText
from integrations_platform.serving import Part, application, listen, server
from integrations_platform.settings_webhooks import SourceSettings
from integrations_platform.state import SqlStore, open_store
from integrations_platform.state.inbox import StoredEvent
from integrations_platform.webhooks.intake import CAPACITY, Intake
from integrations_platform.webhooks.opening import PATH, Webhooks
from integrations_platform.webhooks.receiver import Clocks, Receiver

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC


@dataclass
class Time:
    """Unix time that stands until it is moved."""

    at: float = NOON

    def __call__(self) -> float:
        return self.at

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    json: Any


def source(name: str, scheme: Any, secret: str = "hush", **options: Any) -> tuple[SourceSettings, Sequence[str]]:
    """An open source; ``former``: a secret that is still accepted."""
    former = options.pop("former", None)
    settings = SourceSettings(name, scheme, SecretText("", "env.yaml", 1, "secret", {}), **options)
    return settings, [secret, *([former] if former else [])]


@dataclass
class Receiving:
    """A running receiver. ``time``: its clock; ``store``: its state."""

    url: str
    time: Time
    store: SqlStore
    receiver: Receiver
    intake: Intake
    log: list[str] = field(default_factory=list)

    def post(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> Answer:
        """One request on a connection of its own."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.netloc, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            text = response.read()
            return Answer(
                response.status, {k.lower(): v for k, v in response.getheaders()}, json.loads(text or b"null")
            )
        finally:
            connection.close()

    def raw(self, request: bytes, *, half_close: bool = True) -> bytes:
        """Bytes as they are; everything that comes back until the end."""
        place = urlsplit(self.url)
        with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
            connection.sendall(request)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            parts = []
            with suppress(ConnectionResetError):
                while part := connection.recv(65_536):
                    parts.append(part)
            return b"".join(parts)

    def events(self) -> Sequence[StoredEvent]:
        return self.store.inbox.events()


class _Heard(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


@contextmanager
def receiving(
    state_url: str,
    *sources: tuple[SourceSettings, Sequence[str]],
    public_url: str = "",
    capacity: int = CAPACITY,
    time: Time | None = None,
) -> Iterator[Receiving]:
    """The receiver of ``sources`` over real HTTP."""
    clock = time or Time()
    store = open_store(state_url, clock=clock.utc)
    intake = Intake(store.inbox.store, capacity=capacity)
    clocks = Clocks(now=clock, monotonic=clock)
    receiver = Receiver({item[0].name: item for item in sources}, intake, public_url, clocks)
    webhooks = Webhooks(receiver, intake)

    def ready() -> str | None:
        store.inbox.ready()
        return None

    app = application([Part(PATH, receiver, webhooks.running, straight=True)], ready)
    listener = listen("127.0.0.1", 0)
    running = server(app)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    host, port = listener.getsockname()
    lines: list[str] = []
    heard = _Heard(lines)
    logger = logging.getLogger("integrations_platform.webhooks")
    logger.addHandler(heard)
    try:
        yield Receiving(f"http://{host}:{port}", clock, store, receiver, intake, lines)
    finally:
        logger.removeHandler(heard)
        running.should_exit = True
        thread.join(20)
        store.close()
