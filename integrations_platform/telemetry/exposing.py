"""`/metrics`: who may read it, in which format, and what is said while the state cannot be asked.

A state that cannot be reached is 503 and no metric at all, so that Prometheus notes the target as down; a page of old
or empty figures would look like a quiet night.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from integrations_platform.serving import Part
from integrations_platform.state.errors import StateError
from integrations_platform.telemetry.metrics import Declared, registry_of

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.types import ASGIApp, Receive, Scope, Send

    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.spec import SyncSpec

PATH = "/metrics"
_log = logging.getLogger("integrations_platform.telemetry")


def metrics_registry(platform: Platform, specs: Sequence[SyncSpec]) -> CollectorRegistry:
    """What there is to measure in this environment. ``specs``: the declared syncs. Raises StateError when scraped."""
    settings = platform.settings
    quotas = partial(platform.quotas, settings.systems)
    declared = Declared(specs, tuple(settings.systems), settings.alerts.thresholds.silent_intervals, quotas)
    return registry_of(lambda: platform.store.standings(), declared)


def metrics_part(platform: Platform, specs: Sequence[SyncSpec]) -> Part:
    """`/metrics` for the server; open to all unless a token is set. Raises SettingsError."""
    token = platform.settings.telemetry.metrics_token.resolve().strip()
    return Part(PATH, metrics_app(metrics_registry(platform, specs), token), exact=True)


def metrics_app(registry: CollectorRegistry, token: str = "") -> ASGIApp:
    """The application; with a ``token`` it answers nobody who does not bring it as a bearer's."""
    wanted, alone = f"Bearer {token}".encode(), asyncio.Lock()

    async def answer(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("metrics are read by GET\n", 405, {"allow": "GET, HEAD"})
        given = request.headers.get("authorization", "").encode()
        if token and not hmac.compare_digest(given, wanted):
            return PlainTextResponse("a bearer token is needed\n", 401, {"www-authenticate": "Bearer"})
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        try:
            async with alone:  # many that scrape at once ask the state one after another
                text = await asyncio.to_thread(encode, registry)
        except StateError as fault:
            _log.warning("metrics cannot be told: %s", fault)
            return PlainTextResponse("the state cannot be reached\n", 503, {"retry-after": "5"})
        return Response(text, headers={"content-type": content_type, "cache-control": "no-store"})

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (await answer(Request(scope, receive)))(scope, receive, send)

    return GZipMiddleware(app)
