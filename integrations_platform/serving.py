"""The platform's own HTTP server: one application that capabilities and faces mount their routes into.

Owns health, readiness, JSON errors, and the server's sockets and end. It knows of each mounted part only its path, and
what has to be begun and ended with it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp, Receive, Scope, Send

_log = logging.getLogger("integrations_platform.serving")
BACKLOG = 2_048
READY_SECONDS = 1.0  # for which an answer about readiness holds, however often it is asked for


class ServingError(Exception):
    """It cannot be served; the message says why."""


@dataclass(frozen=True)
class Part:
    """Something to be served below ``path``; ``exact``: at that very path. ``running``: entered before the first
    request, left after the last. ``straight``: it answers whatever comes, and so often that finding the way to it by
    routes would cost a tenth of the work."""

    path: str
    app: ASGIApp
    running: Callable[[], AbstractAsyncContextManager[Any]] | None = None
    exact: bool = False
    straight: bool = False


def application(parts: Sequence[Part], ready: Callable[[], str | None]) -> Starlette:
    """``ready``: what keeps it from working, None when nothing does; called in a thread of its own."""
    known: list[tuple[float, str | None]] = []
    asking = asyncio.Lock()

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readiness(_request: Request) -> JSONResponse:
        async with asking:
            now = time.monotonic()
            if not known or now - known[0][0] > READY_SECONDS:
                known[:] = [(now, await asyncio.to_thread(ready))]
            reason = known[0][1]
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, 503, {"retry-after": "5"})

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for part in parts:
                if part.running is not None:
                    await stack.enter_async_context(part.running())
            yield

    served = [Route(part.path, part.app) if part.exact else Mount(part.path, app=part.app) for part in parts]
    routes = [Route("/health", health), Route("/ready", readiness), *served]
    straight = Middleware(_Straight, {part.path: part.app for part in parts if part.straight})
    handlers = {HTTPException: _refusal, Exception: _fault}
    return Starlette(routes=routes, middleware=[straight], lifespan=lifespan, exception_handlers=handlers)


class _Straight:
    """Hands what is below the path of a part to it, before anything else is asked."""

    def __init__(self, app: ASGIApp, parts: Mapping[str, ASGIApp]) -> None:
        self._app, self._parts = app, parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = f"/{scope['path'][1:].partition('/')[0]}" if scope["type"] == "http" else ""
        if (part := self._parts.get(path)) is None:
            await self._app(scope, receive, send)
        else:
            await part({**scope, "root_path": scope.get("root_path", "") + path}, receive, send)


async def _refusal(_request: Request, refusal: Exception) -> JSONResponse:
    status = refusal.status_code if isinstance(refusal, HTTPException) else 500
    headers: Mapping[str, str] | None = refusal.headers if isinstance(refusal, HTTPException) else None
    words = {404: ("path", "there is nothing at this path"), 405: ("method", "this path does not take that method")}
    reason, message = words.get(status, ("refused", "the request is refused"))
    return JSONResponse({"error": reason, "message": message}, status, dict(headers or {}))


async def _fault(request: Request, fault: Exception) -> JSONResponse:
    # The first part of the path only: what follows may be a secret.
    where = request.url.path.lstrip("/").partition("/")[0]
    _log.error("%s /%s failed: %s", request.method, where, type(fault).__name__)
    return JSONResponse({"error": "fault", "message": "an unexpected fault; it is in the log of this server"}, 500)


def listen(host: str, port: int) -> socket.socket:
    """A socket for :func:`serve`; ``port`` 0 takes a free one. Raises :class:`ServingError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only on sockets that name TCP; else each waits 40 ms for the client's ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)  # from here on callers wait to be served instead of being turned away
    except (OSError, OverflowError) as fault:
        listener.close()
        raise ServingError(f"{host}:{port} cannot be listened on ({fault}); give another --host or --port") from fault
    return listener


def server(app: Starlette) -> uvicorn.Server:
    """What serves ``app`` once it is run with sockets. It answers what it has begun before it ends."""
    import uvicorn

    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, ws="none", lifespan="on",
        proxy_headers=False, timeout_keep_alive=75, timeout_graceful_shutdown=10, backlog=BACKLOG,
    )  # fmt: skip
    return uvicorn.Server(config)


def serve(app: Starlette, listener: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    # The server takes note of a signal, ends, and then raises it once more for whoever was there before.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        server(app).run(sockets=[listener])
