"""Access to one company: a given token, or tokens renewed with a refresh token that changes about daily.

Owns who may renew: one process at a time, and whoever comes second uses what the first got. The newest refresh token is
kept before it is used, encrypted under a key made from the client secret, so that the store alone opens nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from integrations_platform.connectors.budgets import Budget, Rows
from integrations_platform.connectors.http import HttpApi
from integrations_platform.connectors.http_errors import Rule, Said
from integrations_platform.unified_sync.port import ErrorKind, SideError

_PURPOSE = b"integrations_platform: tokens of a QuickBooks company"
_RENEWING_SECONDS = 90.0  # how long one may take to renew before another tries
_EARLY = timedelta(seconds=60)  # a token that ends within this is renewed first
_RETRY_SECONDS = 3.0


@dataclass(frozen=True)
class App:
    """The app's own credentials, and the refresh token a person was given for the company."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    token_url: str


@dataclass(frozen=True)
class _Kept:
    """What the store holds. ``origin`` tells which configured refresh token it descends from: a new one outdates it."""

    refresh_token: str = ""
    access_token: str = ""
    ends: str = ""
    origin: str = ""
    renewing: str = ""  # until when somebody is renewing

    def usable(self, now: datetime) -> bool:
        return bool(self.access_token) and datetime.fromisoformat(self.ends) - _EARLY > now

    def busy(self, now: datetime) -> bool:
        return bool(self.renewing) and datetime.fromisoformat(self.renewing) > now


class Tokens:
    """The headers of every request: one access token, given; when it ends the run ends."""

    def __init__(self, given: str) -> None:
        self._current = given
        self._seen: set[str] = {given}

    def headers(self) -> dict[str, str]:
        """What authorizes a request. Raises SideError where a token must be got first and cannot be had."""
        return {"Authorization": f"Bearer {self._current}"}

    def secrets(self) -> Iterator[str]:
        """Texts that must appear nowhere."""
        yield from self._seen

    @property
    def renew(self) -> Callable[[], None] | None:
        """Gets a new access token in place of the one just refused; None where nothing can be renewed."""
        return None

    def close(self) -> None:
        """Release connections."""


class RenewedTokens(Tokens):
    """Tokens that are renewed through ``app``. ``account`` names the company in ``store``; ``given`` is used until a
    renewed one is there."""

    def __init__(
        self,
        system: str,
        given: str,
        app: App,
        store: Rows,
        account: str,
        budget: Budget,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(given)
        self._system, self._app, self._clock = system, app, clock
        self._store, self._account = store, f"{account}:tokens"
        self._seen |= {app.client_secret, app.refresh_token}
        self._cipher = _cipher(app.client_secret)
        self._origin = hashlib.sha256(f"{app.client_id}\0{app.refresh_token}".encode()).hexdigest()[:16]
        self._api = HttpApi(
            system, app.token_url, budget=budget, clock=clock, authorize=self._basic, secrets=self.secrets,
            rules=_RULES, read_error=_read_error,
        )  # fmt: skip
        self._read_kept = False

    def headers(self) -> dict[str, str]:
        """See :meth:`Tokens.headers`. The store is asked once, at the first request."""
        if not self._read_kept:
            self._read_kept = True
            kept = self._kept(self._store.read(self._account))
            if kept.usable(self._clock()):
                self._use(kept)
        if not self._current:
            self._renew()
        return super().headers()

    @property
    def renew(self) -> Callable[[], None] | None:
        """See :meth:`Tokens.renew`."""
        return self._renew

    def close(self) -> None:
        """See :meth:`Tokens.close`."""
        self._api.close()

    def _renew(self) -> None:
        """Renew, or take what another process has just got. Raises SideError."""
        now, refused = self._clock(), self._current

        def claim(text: str | None) -> tuple[str, _Kept | None]:
            kept = self._kept(text)
            if kept.access_token != refused and kept.usable(now):
                return self._text(kept), kept
            if kept.busy(now):
                return self._text(kept), _BUSY
            until = (now + timedelta(seconds=_RENEWING_SECONDS)).isoformat()
            return self._text(_Kept(kept.refresh_token, kept.access_token, kept.ends, self._origin, until)), None

        found = self._store.change(self._account, claim)
        if found is _BUSY:
            message = f"{self._system}: another process is renewing the access token; it is used as soon as it is there"
            raise SideError(ErrorKind.TRANSIENT, message, code="token_busy", retry_after=_RETRY_SECONDS)
        if found is not None:
            self._use(found)
            return
        self._use(self._exchange())

    def _exchange(self) -> _Kept:
        """Ask for new tokens and keep them. Whatever goes wrong, the next one may try again."""
        try:
            answer = self._granted(self._kept(self._store.read(self._account)).refresh_token)
            fresh = _Kept(
                str(answer["refresh_token"]), str(answer["access_token"]),
                (self._clock() + timedelta(seconds=float(answer["expires_in"]))).isoformat(), self._origin,
            )  # fmt: skip
        except SideError:
            self._release()
            raise
        except (KeyError, TypeError, ValueError):
            self._release()
            message = f"{self._system}: the token endpoint gave an answer without tokens; check token_url"
            raise SideError(ErrorKind.TRANSIENT, message, code="token_answer") from None
        self._store.change(self._account, lambda _text: (self._text(fresh), None))
        return fresh

    def _release(self) -> None:
        def step(text: str | None) -> tuple[str, None]:
            kept = self._kept(text)
            return self._text(_Kept(kept.refresh_token, kept.access_token, kept.ends, kept.origin)), None

        self._store.change(self._account, step)

    def _granted(self, newest: str) -> Any:
        """The endpoint's answer to the newest refresh token, or to the configured one where the newest is dead."""
        try:
            return self._ask(newest or self._app.refresh_token)
        except SideError as fault:
            if fault.code != "refresh_token" or newest in ("", self._app.refresh_token):
                raise
        return self._ask(self._app.refresh_token)

    def _ask(self, refresh_token: str) -> Any:
        self._seen.add(refresh_token)
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return self._api.request("POST", "", form=form, what="access token", repeatable=True).data

    def _use(self, kept: _Kept) -> None:
        self._current = kept.access_token
        self._seen |= {kept.access_token, kept.refresh_token}

    def _basic(self) -> dict[str, str]:
        pair = base64.b64encode(f"{self._app.client_id}:{self._app.client_secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def _kept(self, text: str | None) -> _Kept:
        """What the store holds; nothing when it was written with another client secret or from another first token."""
        from cryptography.fernet import InvalidToken

        if not text:
            return _Kept(origin=self._origin)
        try:
            kept = _Kept(**json.loads(self._cipher.decrypt(text.encode())))
        except (InvalidToken, ValueError, TypeError):
            return _Kept(origin=self._origin)
        return kept if kept.origin == self._origin else _Kept(origin=self._origin)

    def _text(self, kept: _Kept) -> str:
        return str(self._cipher.encrypt(json.dumps(vars(kept)).encode()).decode())


_BUSY = _Kept()
_RULES = (
    Rule((400,), ErrorKind.CONFIGURATION, "refresh_token", remedy="the refresh token is dead (100 days unused, five "
         "years, or withdrawn); connect the company again and set QUICKBOOKS_REFRESH_TOKEN"),
    Rule((401,), ErrorKind.CONFIGURATION, "client", remedy="check client_id and client_secret"),
)  # fmt: skip


def _read_error(_status: int, data: Any) -> Said:
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    return Said(code if code.isidentifier() else "", "the access token cannot be renewed")


def _cipher(client_secret: str) -> Any:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(client_secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
