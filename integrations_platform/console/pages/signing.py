"""Signing in with a token, and out again."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from integrations_platform.console.page import Ask, known, with_form
from integrations_platform.console.rendering import PATH
from integrations_platform.words import clean

_log = logging.getLogger("integrations_platform.console")
_FORM_SECONDS = 3_600


async def ask_token(request: Request) -> Response:
    ask = known(request)
    if ask.person is not None:
        return RedirectResponse(_next(ask.query("next")), 303)
    return _form(ask, ask.query("next"))


async def sign_in(request: Request) -> Response:
    ask = replace(known(request), person=None)
    seal = ask.console.sessions.unseal("sign-in", request.cookies.get(ask.console.cookie("signing"), ""))
    ask = await with_form(replace(ask, mark=seal["mark"] if seal else ""))
    peer = request.client.host if request.client else ""
    wait = ask.console.pace.wait(peer)
    if wait:
        answer = _form(ask, ask.sent("next"), f"Too many wrong tokens. Try again in {wait} seconds.", 429)
        answer.headers["retry-after"] = str(wait)
        return answer
    person = ask.console.tokens.whose(ask.sent("token").strip())
    if person is None:
        ask.console.pace.wrong(peer)
        _log.warning("console: a wrong token from %s", clean(peer))
        return _form(ask, ask.sent("next"), "That is nobody's token.", 403)
    _log.info("console: %s (%s) signed in from %s", clean(person.name), person.role, clean(peer))
    answer = RedirectResponse(_next(ask.sent("next")), 303)
    sessions = ask.console.sessions
    ask.set_cookie(answer, "session", sessions.begin(person), sessions.seconds)
    answer.delete_cookie(ask.console.cookie("signing"), path=PATH)
    return answer


async def sign_out(request: Request) -> Response:
    ask = await with_form(known(request))
    ask.console.sessions.end(ask.mark)
    answer = ask.go("sign-in")
    answer.delete_cookie(ask.console.cookie("session"), path=PATH)
    return answer


def _form(ask: Ask, there: str, problem: str = "", status: int = 200) -> Response:
    """The form, bound to a cookie of its own: nobody can sign somebody else in as themselves."""
    mark = secrets.token_urlsafe(18)
    answer = replace(ask, mark=mark).render("sign_in.html", status=status, there=_next(there), problem=problem)
    ask.set_cookie(answer, "signing", ask.console.sessions.seal("sign-in", {"mark": mark}), _FORM_SECONDS)
    return answer


def _next(there: str) -> str:
    """A page of ours to go on to, whatever was asked for."""
    ours = there.startswith(f"{PATH}/") and there.isascii() and there.isprintable()
    return there if ours and "\\" not in there and "//" not in there else f"{PATH}/"


ROUTES = [
    Route("/sign-in", ask_token, methods=["GET"]),
    Route("/sign-in", sign_in, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
]
