"""Who Airbyte is asked as: an application, a user name and password (up to 2.1), or nobody.

Applications are the only credentials that every Airbyte from 1.5 on takes. HTTP Basic is gone from 2.2 on, which its
refusal does not say; ours does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.held_token import HeldToken
from integrations_platform.service_faults import FaultKind

MODES = ("auto", "application", "basic", "none")
TOKEN_PATHS = ("/public/v1/applications/token", "/v1/applications/token")
BASIC_REFUSED = (
    "Airbyte 2.2 and later take no user name and password; AIRBYTE_API_USERNAME and AIRBYTE_API_PASSWORD work up to "
    "2.1 only: set AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET of an application"
)
APPLICATION_REFUSED = "check AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET"
NOBODY_REFUSED = "this Airbyte asks who calls: set AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET of an application"
_USUAL_SECONDS = 150.0  # where no lifetime is told: Airbyte had one of three minutes
_LEAST_SECONDS = 30.0

Ask = Callable[[str, Mapping[str, str]], Any]
"""Posts a body to a path as nobody, and gives the answer's data."""


class Authentication(Protocol):
    """Gives the headers of the next call. ``remedy``: what a person does about a refusal; ``renewable``: whether other
    headers may be taken where these are."""

    @property
    def remedy(self) -> str: ...

    @property
    def renewable(self) -> bool: ...

    def headers(self, ask: Ask) -> Mapping[str, str]:
        """Of a call; ``ask`` is how a token is fetched. Raises AirbyteFault."""

    def renew(self) -> None:
        """Forget what was refused."""

    def secrets(self) -> tuple[str, ...]:
        """Texts that must appear in no message."""


@dataclass(frozen=True)
class Nobody:
    """For an Airbyte whose authentication is switched off."""

    remedy: str = NOBODY_REFUSED
    renewable: bool = False

    def headers(self, ask: Ask) -> Mapping[str, str]:  # noqa: ARG002  as the protocol has it
        """None."""
        return {}

    def renew(self) -> None:
        """There is nothing to renew."""

    def secrets(self) -> tuple[str, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class Basic:
    """A user name and password, for Airbyte up to 2.1."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    remedy: str = BASIC_REFUSED
    renewable: bool = False

    def headers(self, ask: Ask) -> Mapping[str, str]:  # noqa: ARG002  as the protocol has it
        """HTTP Basic."""
        return {"Authorization": f"Basic {self._encoded()}"}

    def renew(self) -> None:
        """There is no other."""

    def secrets(self) -> tuple[str, ...]:
        """The password, plain and as it is sent."""
        return (self.password, self._encoded())

    def _encoded(self) -> str:
        from base64 import b64encode

        return b64encode(f"{self.username}:{self.password}".encode()).decode()


class Application:
    """An application's client id and secret; its tokens last minutes and are renewed before their end."""

    remedy, renewable = APPLICATION_REFUSED, True

    def __init__(self, client_id: str, client_secret: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._wish = {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
        self._secret = client_secret
        self._held = HeldToken(clock)

    def headers(self, ask: Ask) -> Mapping[str, str]:
        """A bearer token."""
        return {"Authorization": f"Bearer {self._held.token(lambda: self._fetched(ask))}"}

    def renew(self) -> None:
        """The next call gets a new one."""
        self._held.renew()

    def secrets(self) -> tuple[str, ...]:
        """The secret and the token."""
        return (self._secret, self._held.held)

    def _fetched(self, ask: Ask) -> tuple[str, float]:
        """From the public API, and from the other where the public one has no such path."""
        public, other = TOKEN_PATHS
        try:
            data = ask(public, self._wish)
        except AirbyteFault as fault:
            if fault.status != 404:
                raise
            data = ask(other, self._wish)
        token = data.get("access_token") if isinstance(data, dict) else None
        if not isinstance(token, str) or not token:
            raise AirbyteFault(FaultKind.TRANSIENT, "Airbyte: asking for a token: the answer holds none")
        lasts = data.get("expires_in")
        known = isinstance(lasts, int | float) and lasts > 0
        return token, max(_LEAST_SECONDS, 0.8 * lasts) if known else _USUAL_SECONDS


def authentication(
    mode: str, client_id: str = "", client_secret: str = "", username: str = "", password: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> Authentication:  # fmt: skip
    """Who to ask as. ``mode`` auto: as an application where one is given, else by user name, else as nobody.

    Raises AirbyteFault for a mode whose credentials are missing, or half of a pair.
    """
    if mode not in MODES:
        raise AirbyteFault(FaultKind.CONFIGURATION, f"AIRBYTE_AUTH_MODE is one of {', '.join(MODES)}")
    application, basic = (client_id, client_secret), (username, password)
    if mode == "application" or (mode == "auto" and any(application)):
        if not all(application):
            raise AirbyteFault(FaultKind.CONFIGURATION, "AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET are both needed")
        return Application(client_id, client_secret, clock)
    if mode == "basic" or (mode == "auto" and any(basic)):
        if not all(basic):
            what = "AIRBYTE_API_USERNAME and AIRBYTE_API_PASSWORD are both needed"
            raise AirbyteFault(FaultKind.CONFIGURATION, what)
        return Basic(username, password)
    return Nobody()
