"""What every page is made with: who asks, the form they sent, and the answer.

Nobody gets past :func:`look` unknown, and nothing is done by :func:`act` but for an operator, by a form of ours. Pages
are plain functions that run in a thread of their own, so they may wait for databases.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from integrations_platform.console.declared import Declared
from integrations_platform.console.people import NoRole, Person, Proxy, Tokens
from integrations_platform.console.rendering import PATH, link, render
from integrations_platform.console.sessions import Pace, Sessions
from integrations_platform.pages import Pages

if TYPE_CHECKING:
    from integrations_platform.console.work import Works
    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.spec import SyncSpec

MAX_FORM, MAX_FIELDS = 1_000_000, 20_000
_NOTICE = 600  # characters; it travels in a cookie

Page = Callable[["Ask"], Response]


class Problem(Exception):  # noqa: N818
    """A request that ends in a page which says why, and what to do instead."""

    def __init__(self, status: int, title: str, message: str) -> None:
        super().__init__(message)
        self.status, self.title = status, title


@dataclass(frozen=True)
class Console:
    """One environment's console. ``nav``: (label, path) of pages in the bar; ``shut``: why nobody can sign in."""

    platform: Platform
    declared: Declared
    tokens: Tokens
    proxy: Proxy
    sessions: Sessions
    pace: Pace
    works: Works
    pages: Pages = field(default_factory=Pages)
    nav: Sequence[tuple[str, str]] = ()
    shut: str = ""

    @property
    def secure(self) -> bool:
        """Whether people reach it over TLS, so that cookies travel no other way."""
        return self.pages.console.startswith("https:")

    def cookie(self, name: str) -> str:
        """The name of a cookie."""
        return f"{'__Secure-' if self.secure else ''}console_{name}"


@dataclass(frozen=True)
class Ask:
    """One request. ``mark``: what forms are bound to; ``form``: what was sent, empty but in :func:`act`."""

    console: Console
    request: Request
    person: Person | None
    mark: str = ""
    form: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def platform(self) -> Platform:
        """The environment."""
        return self.console.platform

    @property
    def now(self) -> datetime:
        """The injected clock's time."""
        return self.platform.runtime.clock()

    @property
    def who(self) -> str:
        """The name for the audit."""
        return self.person.name if self.person else ""

    @property
    def person_decides(self) -> bool:
        """Whether they are an operator."""
        return self.person is not None and self.person.may_decide

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        """What was asked for behind the question mark; empty: nothing."""
        return self.request.query_params.get(name, "").strip()

    def page_number(self) -> int:
        """The page of a list that was asked for, from 1."""
        text = self.query("page")
        return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 7 else 1

    def sent(self, name: str) -> str:
        """One value of the form; empty: none."""
        return self.form.get(name, ("",))[-1]

    def form_key(self) -> str:
        """What tells the form that was sent from any other, however often it is sent. Raises :class:`Problem`."""
        key = self.sent("key")
        if not 8 <= len(key) <= 40 or not key.isascii() or not key.replace("-", "").replace("_", "").isalnum():
            raise Problem(400, "That form cannot be read", "Nothing was done.")
        return key

    def spec(self) -> SyncSpec:
        """The declared sync the path names. Raises :class:`Problem`, DeclarationError."""
        name = self.part("sync")
        for spec in self.specs():
            if spec.name == name:
                return spec
        raise Problem(
            404, "There is no such sync", "It may have been renamed or removed. All syncs are on the overview."
        )

    def specs(self) -> Sequence[SyncSpec]:
        """All declared syncs. Raises DeclarationError."""
        return self.console.declared.specs()

    def render(self, template: str, *, status: int = 200, **words: Any) -> Response:
        """A page; ``words`` are what its template names."""
        console = self.console
        cookie = console.cookie("notice")
        told = console.sessions.unseal("notice", self.request.cookies.get(cookie, ""))
        always = {
            "base": PATH,
            "nav": console.nav,
            "here": self.request.url.path,
            "person": self.person,
            "may_decide": self.person_decides,
            "proof": console.sessions.form_proof(self.mark),
            "notice": told["text"] if told and told["mark"] == self.mark else "",
            "by_proxy": self.mark.startswith("proxy:"),
            "links": console.pages,
            "environment": self.platform.settings.name,
            "now": self.now,
        }
        answer = HTMLResponse(render(template, always | words), status)
        if told:
            answer.delete_cookie(cookie, path=PATH)
        return answer

    def go(self, *parts: str, notice: str = "", **query: object) -> Response:
        """Send the browser to a page of ours, where ``notice`` is shown once."""
        answer = RedirectResponse(link(*parts, **query), 303)
        if notice:
            told = self.console.sessions.seal("notice", {"mark": self.mark, "text": notice[:_NOTICE]})
            self.set_cookie(answer, "notice", told, 60)
        return answer

    def set_cookie(self, answer: Response, name: str, value: str, seconds: float) -> None:
        """A cookie that no script reads and no other site sends."""
        answer.set_cookie(
            self.console.cookie(name), value, max_age=round(seconds), path=PATH, secure=self.console.secure,
            httponly=True, samesite="strict",
        )  # fmt: skip


def look(page: Page) -> Callable[[Request], Any]:
    """An endpoint that shows ``page`` to whoever is known."""

    async def endpoint(request: Request) -> Response:
        ask = known(request)
        if ask.person is None:
            return _sign_in_first(ask)
        return await run_in_threadpool(page, ask)

    return endpoint


def act(page: Page) -> Callable[[Request], Any]:
    """An endpoint that does what an operator asked for with a form of ours."""

    async def endpoint(request: Request) -> Response:
        ask = known(request)
        if ask.person is None:
            raise Problem(401, "You are not signed in any more", "Nothing was done. Sign in, and do it again.")
        ask = await with_form(ask)
        if not ask.person_decides:
            raise Problem(403, "Viewers cannot do that", "Nothing was done. Ask somebody who is an operator here.")
        return await run_in_threadpool(page, ask)

    return endpoint


def known(request: Request) -> Ask:
    """Who asks. Raises :class:`Problem` when the console is shut, the request is malformed, or a proxy means somebody
    without a role."""
    console: Console = request.app.state.console
    nobody = Ask(console, request, None)
    if console.shut:
        raise Problem(503, "This console is shut", console.shut)
    if any("\x00" in text for text in (*request.path_params.values(), *request.query_params.values())):
        raise Problem(400, "That is no address of ours", "It holds a character that no name has.")
    try:
        person = console.proxy.names(request.client.host if request.client else "", request.headers)
    except NoRole as fault:
        raise Problem(403, "You have no role here", f"{fault}. Ask whoever runs this console for one.") from None
    if person is not None:
        return replace(nobody, person=person, mark=f"proxy:{person.name}")
    session = console.sessions.find(request.cookies.get(console.cookie("session"), ""))
    return nobody if session is None else replace(nobody, person=session.person, mark=session.mark)


async def with_form(ask: Ask) -> Ask:
    """The request with its form, which must be one of ours. Raises :class:`Problem`."""
    request = ask.request
    if not _from_here(ask):
        raise Problem(
            403, "That did not come from this console", "Nothing was done. If it did come from here, the setting "
            "console.url (CONSOLE_URL) must say the address under which people open this console.",
        )  # fmt: skip
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Problem(415, "That is no form of this console", "Nothing was done.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise Problem(413, "That is too much at once", "Nothing was done. Do it in smaller parts.")
    try:
        text = body.decode("utf-8")
        form = parse_qs(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:  # UnicodeDecodeError is one
        raise Problem(400, "That form cannot be read", "Nothing was done.") from None
    if any("\x00" in value for values in form.values() for value in values):
        raise Problem(400, "That form cannot be read", "Nothing was done.")
    ask = replace(ask, form=form)
    proof = ask.console.sessions.form_proof(ask.mark).encode()
    if not ask.mark or not hmac.compare_digest(ask.sent("proof").encode(), proof):
        raise Problem(403, "That page was too old", "Nothing was done. Go back, load the page anew, and do it again.")
    return ask


def _from_here(ask: Ask) -> bool:
    """Whether the browser says that one of our own pages sent it."""
    origin = ask.request.headers.get("origin", "")
    if not origin:
        return ask.request.headers.get("sec-fetch-site") == "same-origin"
    own = {f"http://{ask.request.headers.get('host', '')}"}
    if ask.console.pages.console:
        place = urlsplit(ask.console.pages.console)
        own = {f"{place.scheme}://{place.netloc}", *(own if not ask.console.secure else ())}
    return origin in own


def _sign_in_first(ask: Ask) -> Response:
    asked = ask.request.url.path + (f"?{ask.request.url.query}" if ask.request.url.query else "")
    if ask.request.headers.get("sec-fetch-site") == "cross-site":
        # A link in a mail or in Dagster: the browser keeps the cookie to itself until one of our pages asks.
        answer = ask.render("arriving.html", there=asked)
        answer.headers["refresh"] = f"0; url={quote(asked, safe='/?=&%')}"
        return answer
    return ask.go("sign-in", next=asked)
