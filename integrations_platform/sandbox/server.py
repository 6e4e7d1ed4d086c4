"""Stand-ins served over real HTTP, on the loopback interface only.

Owns ports, the serving thread and its end. It refuses any other address: a stand-in asks for no real password and takes
orders from whoever reaches it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from integrations_platform.sandbox.edge import HANG_UP
from integrations_platform.sandbox.vendor import Vendor

LOOPBACK = "127.0.0.1"
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0


class SandboxError(Exception):
    """The stand-ins cannot be served; the message says why."""


class SandboxServer:
    """Serves each of ``vendors`` on a port of its own, from one thread.

    ``port`` 0 takes free ports; otherwise the vendors get ``port``, ``port + 1``, … in the order given, or each the one
    under its name in a mapping. The ports are bound at once, so that :meth:`url` is known before :meth:`start`. Raises
    SandboxError for an address that is not loopback, a port in use, or two vendors of one name.
    """

    def __init__(self, *vendors: Vendor, port: int | Mapping[str, int] = 0, host: str = LOOPBACK) -> None:
        if not _is_loopback(host):
            raise SandboxError(f"stand-ins listen on the loopback interface only, not on {host}; use {LOOPBACK}")
        self.vendors = {vendor.name: vendor for vendor in vendors}
        if len(self.vendors) != len(vendors):
            raise SandboxError("two stand-ins of one vendor cannot share a server")
        if isinstance(port, int):
            ports = [port + at if port else 0 for at in range(len(vendors))]
        else:
            ports = [port[name] for name in self.vendors]
        self._sockets = _bind(host, ports)
        self._servers: list[_Server] = []
        self._thread: threading.Thread | None = None

    def url(self, name: str) -> str:
        """The base URL of the vendor of that name, without a slash at the end."""
        at = list(self.vendors).index(name)
        host, port = self._sockets[at].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Serve from a thread of its own; returns when every vendor answers."""
        for vendor in self.vendors.values():
            config = uvicorn.Config(
                vendor.app, http=_Protocol, loop="asyncio", ws="none", lifespan="off", log_config=None,
                access_log=False, date_header=False, server_header=False, timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
            )  # fmt: skip
            self._servers.append(_Server(config))
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), name="sandbox", daemon=True)
        self._thread.start()
        for server in self._servers:
            if not server.ready.wait(_START_SECONDS):
                self.stop()
                raise SandboxError(f"the stand-ins did not start within {_START_SECONDS:.0f} s")

    def stop(self) -> None:
        """End serving, keep the states that are kept, release the ports. Harmless to repeat."""
        for server in self._servers:
            server.end()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
        for listener in self._sockets:
            listener.close()
        for vendor in self.vendors.values():
            vendor.save()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self) -> None:
        pairs = zip(self._servers, self._sockets, strict=True)
        await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in pairs))


class _Server(uvicorn.Server):
    """Says when it is ready and ends at once, where the original asks again and again whether it should, and gives
    every caller a moment: nobody is owed an answer by a stand-in that ends."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.ready.set()

    async def main_loop(self) -> None:
        await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  as the base has it
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()

    def end(self) -> None:
        """To be called from any thread."""
        self.should_exit = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ending.set)


class _Protocol(H11Protocol):
    """HTTP that lets the application close a connection without an answer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.access_log = False  # the option alone does not hold where somebody else listens to all logs
        answer = self.app

        async def with_hang_up(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[HANG_UP] = self.transport.close
            await answer(scope, receive, send)

        self.app = with_hang_up


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bind(host: str, ports: Sequence[int]) -> Sequence[socket.socket]:
    sockets: list[socket.socket] = []
    for wanted in ports:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio sends small answers at once only on sockets that name TCP; else each waits 40 ms for the client's ACK.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, wanted))
        except (OSError, OverflowError) as fault:
            for each in (*sockets, listener):
                each.close()
            raise SandboxError(f"port {wanted} cannot be used ({fault}); give another --port") from fault
        sockets.append(listener)
    return sockets
