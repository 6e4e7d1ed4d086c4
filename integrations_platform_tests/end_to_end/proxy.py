"""A TCP proxy on loopback that makes the network's troubles: swallowed, late, reset and half-closed connections.

Bytes are counted over all connections, by direction; trouble comes in the middle of whatever byte it is due at. While a
direction is a black hole nothing passes, not even the news that somebody hung up, as with a cable pulled out.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Self

Kind = Literal["blackhole", "delay", "reset", "half_close"]
Direction = Literal["to_server", "to_client"]
KINDS: tuple[Kind, ...] = ("blackhole", "delay", "reset", "half_close")
DIRECTIONS: tuple[Direction, ...] = ("to_server", "to_client")

_PIECE = 65536
_TICK = 0.02  # seconds between two looks at delayed bytes


@dataclass(frozen=True)
class Trouble:
    """Happens once ``after`` more bytes have gone in ``direction``, before the first ``at`` that comes then if it is
    given; a delay lasts ``seconds``."""

    kind: Kind
    direction: Direction
    after: int = 0
    seconds: float = 0.0
    at: bytes = b""


@dataclass(eq=False)
class _Flow:
    """One direction of one connection: what was read from ``source`` and is not yet sent to ``sink``."""

    source: socket.socket
    sink: socket.socket
    direction: Direction
    waiting: bytearray = field(default_factory=bytearray)
    ended: bool = False  # the source has hung up
    closed: bool = False  # the sink was told so
    due: float = 0.0


@dataclass(eq=False)
class _Connection:
    flows: dict[Direction, _Flow]
    bereft: bool = False  # bytes of it were swallowed: it can never go on


class Proxy:
    """Use as a context; ``port`` leads to the server. ``passed``: bytes by direction; ``struck``: trouble has come."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.passed: Counter[Direction] = Counter()
        self.struck = False
        self._trouble: Trouble | None = None
        self._marks: Counter[Direction] = Counter()
        self._hole: set[Direction] = set()
        self._selector = selectors.DefaultSelector()
        self._connections: set[_Connection] = set()
        self._wake, self._woken = socket.socketpair()
        self._orders: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._listener.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._obey)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._order(lambda: setattr(self, "_stopped", True))
        self._thread.join()
        for connection in list(self._connections):
            self._drop(connection)
        self._selector.close()
        for one in (self._listener, self._wake, self._woken):
            one.close()

    def arm(self, trouble: Trouble) -> None:
        """Wait for the byte at which this trouble is due, counted from now."""

        def begin() -> None:
            self.struck, self._trouble, self._marks = False, trouble, Counter(self.passed)

        self._order(begin)

    def heal(self) -> None:
        """Let everything pass again; connections that have lost bytes are reset."""

        def mend() -> None:
            self._trouble = None
            self._hole.clear()
            for connection in [one for one in self._connections if one.bereft]:
                self._drop(connection)

        self._order(mend)

    def _order(self, what: Callable[[], None]) -> None:
        done = threading.Event()
        with self._lock:
            self._orders += [what, done.set]
        self._wake.send(b"!")
        done.wait()

    # In the proxy's own thread

    def _serve(self) -> None:
        while not self._stopped:
            late = any(flow.waiting and flow.due for one in self._connections for flow in one.flows.values())
            for key, events in self._selector.select(_TICK if late else None):
                key.data(events)
            for connection in list(self._connections):
                self._move(connection)

    def _obey(self, _: int) -> None:
        self._woken.recv(_PIECE)
        with self._lock:
            orders, self._orders = self._orders, []
        for order in orders:
            order()

    def _accept(self, _: int) -> None:
        client, _address = self._listener.accept()
        try:
            server = socket.create_connection(self._server)
        except OSError:  # the server is down: whoever asks is told so
            client.close()
            return
        flows: dict[Direction, _Flow] = {
            "to_server": _Flow(client, server, "to_server"), "to_client": _Flow(server, client, "to_client")
        }  # fmt: skip
        connection = _Connection(flows)
        self._connections.add(connection)
        for flow in flows.values():
            flow.source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            flow.source.setblocking(False)
            self._selector.register(flow.source, selectors.EVENT_READ, partial(self._read, connection, flow))

    def _read(self, connection: _Connection, flow: _Flow, _: int) -> None:
        if connection not in self._connections:
            return
        try:
            data = flow.source.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if flow.direction in self._hole:
            connection.bereft = True
            if not data:  # not to be asked again; the other end never hears of it
                self._selector.unregister(flow.source)
            return
        if not data:
            flow.ended = True
            self._selector.unregister(flow.source)
            return
        before = self._before(flow.direction, data)
        trouble = self._trouble
        if before is None or trouble is None:
            self._take(flow, data)
            return
        self._trouble, self.struck = None, True
        self._take(flow, data[:before])
        self._strike(trouble, connection, flow, data[before:])

    def _before(self, direction: Direction, data: bytes) -> int | None:
        """How many of these bytes still pass before trouble; None: all, it is not due yet."""
        trouble = self._trouble
        if trouble is None or trouble.direction != direction:
            return None
        quiet = max(0, self._marks[direction] + trouble.after - self.passed[direction])
        if quiet >= len(data):
            return None
        place = data.find(trouble.at, quiet)
        return None if place < 0 else place

    def _take(self, flow: _Flow, data: bytes) -> None:
        flow.waiting += data
        self.passed[flow.direction] += len(data)

    def _strike(self, trouble: Trouble, connection: _Connection, flow: _Flow, rest: bytes) -> None:
        if trouble.kind == "delay":
            self._take(flow, rest)
            flow.due = time.monotonic() + trouble.seconds
        elif trouble.kind == "blackhole":
            self._hole.add(trouble.direction)
            connection.bereft = True
        elif trouble.kind == "half_close":
            flow.ended = True
            self._selector.unregister(flow.source)
        else:
            self._move(connection)
            self._drop(connection)

    def _move(self, connection: _Connection) -> None:
        """Send what may be sent, pass on a hanging up, and forget a connection that both ends have left."""
        for flow in connection.flows.values():
            if flow.due and time.monotonic() < flow.due:
                continue
            try:
                while flow.waiting:
                    del flow.waiting[: flow.sink.send(flow.waiting)]
            except BlockingIOError:
                flow.due = flow.due or time.monotonic()
                continue
            except OSError:
                self._drop(connection)
                return
            flow.due = 0.0
            if flow.ended and not flow.closed:
                flow.closed = True
                with suppress(OSError):
                    flow.sink.shutdown(socket.SHUT_WR)
        if all(flow.closed for flow in connection.flows.values()):
            self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        """Reset both ends."""
        self._connections.discard(connection)
        for flow in connection.flows.values():
            with suppress(KeyError, ValueError):
                self._selector.unregister(flow.source)
            with suppress(OSError):
                flow.source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            flow.source.close()
