"""The console of an environment, put together for the server that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from integrations_platform.console.app import NAV, application
from integrations_platform.console.declared import Declared
from integrations_platform.console.page import Console
from integrations_platform.console.people import read_proxy, read_tokens
from integrations_platform.console.rendering import PATH
from integrations_platform.console.sessions import Pace, Sessions, signing_key
from integrations_platform.console.work import Works
from integrations_platform.serving import Part

if TYPE_CHECKING:
    from integrations_platform.platform import Platform

_SHUT = (
    "Nobody can sign in yet. Give people tokens in CONSOLE_TOKENS, such as ana:operator:TOKEN, or name the proxy that "
    "signs them in under CONSOLE_TRUSTED_PROXIES, and start the server again."
)


def open_console(platform: Platform) -> Console:
    """The console; ``shut`` says how to open it while nobody may sign in. Raises SettingsError."""
    settings = platform.settings.console
    tokens, proxy = read_tokens(settings), read_proxy(settings)
    key = signing_key(settings.text("session_secret"), settings.text("tokens"))

    def now() -> float:
        return platform.runtime.clock().timestamp()

    sessions = Sessions(key, settings.session_hours * 3_600, now)
    return Console(
        platform, Declared(platform.folder), tokens, proxy, sessions, Pace(now), Works(platform), settings.pages(), NAV,
        shut="" if tokens.people or proxy.trusted else _SHUT,
    )  # fmt: skip


def console_parts(console: Console) -> tuple[Part, ...]:
    """What the server serves. The address without a slash at its end is led on here: the server itself would name a
    host, and not know of the TLS before it."""
    there = RedirectResponse(f"{PATH}/", 308)
    return Part(PATH, there, exact=True), Part(PATH, application(console), console.works.running)
