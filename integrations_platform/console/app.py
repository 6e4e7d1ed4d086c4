"""The console as one application: its pages, the headers that go with each, and how what goes wrong is shown."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from integrations_platform.console.page import Ask, Console, Problem, known
from integrations_platform.console.pages import (
    conflicts,
    operations,
    overview,
    plans,
    quarantine,
    records,
    signing,
    working,
)
from integrations_platform.console.rendering import STATIC
from integrations_platform.state.errors import StateError
from integrations_platform.unified_sync.faults import SetupRefused
from integrations_platform.unified_sync.port import SideError
from integrations_platform.unified_sync.store import DecisionRefused, LeaseHeld
from integrations_platform.yaml_source import ConfigurationError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("integrations_platform.console")

PAGES: tuple[Any, ...] = (
    overview, conflicts, quarantine, records, plans, operations, working, signing,
)  # fmt: skip
NAV = tuple(page.NAV for page in PAGES if hasattr(page, "NAV"))

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Same-origin, not no-referrer: under that one browsers hide the origin of a form from ourselves, too.
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


class Guarded:
    """Gives every answer the headers of :data:`HEADERS`, and lets nobody keep a page that shows records."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        static = scope["path"].removeprefix(scope.get("root_path", "")).startswith("/static/")
        caching = b"no-cache" if static else b"no-store"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *HEADERS, (b"cache-control", caching)]}
            await send(message)

        await self._app(scope, receive, guarded)


def application(console: Console) -> ASGIApp:
    """What :mod:`integrations_platform.serving` mounts."""
    routes = [route for page in PAGES for route in page.ROUTES]
    app = Starlette(
        routes=[*routes, Mount("/static", StaticFiles(directory=STATIC))],
        exception_handlers={
            Problem: _shown, HTTPException: _shown, StateError: _shown, ConfigurationError: _shown,
            DecisionRefused: _shown, LeaseHeld: _shown, SideError: _shown, SetupRefused: _shown, Exception: _fault,
        },
    )  # fmt: skip
    app.router.redirect_slashes = False
    app.state.console = console
    return Guarded(app)  # around everything, so that faults have the headers, too


async def _shown(request: Request, fault: Exception) -> Response:
    status, title, message = 503, "This cannot be shown now", str(fault)
    if isinstance(fault, Problem):
        status, title = fault.status, fault.title
    elif isinstance(fault, DecisionRefused):
        status, title = 409, "Somebody was quicker, or the values changed"
    elif isinstance(fault, LeaseHeld):
        status, title, message = 409, "This sync is running right now", f"Nothing was done. {fault}."
    elif isinstance(fault, SideError | SetupRefused):
        title = "One of the two systems cannot be used now"
    elif isinstance(fault, HTTPException):
        status = fault.status_code
        words = {404: "There is no such page", 405: "This page does not take that"}
        title, message = words.get(status, "The request is refused"), "All syncs are on the overview."
    elif isinstance(fault, ConfigurationError):
        title = "The configuration has a mistake"
    return _problem(request, status, title, message)


async def _fault(request: Request, fault: Exception) -> Response:
    _log.error("console: %s", type(fault).__name__, exc_info=fault)
    return _problem(request, 500, "That was our fault", "What went wrong is in the log of this server.")


def _problem(request: Request, status: int, title: str, message: str) -> Response:
    console: Console = request.app.state.console
    try:
        ask = known(request)
    except Problem:
        ask = Ask(console, request, None)
    return ask.render("problem.html", status=status, title=title, message=message)
