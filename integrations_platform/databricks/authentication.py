"""Who a workspace is asked as: a personal access token, or a service principal whose tokens last an hour.

databricks-sdk can fetch such tokens too, but asks for them without a timeout and repeats an unreachable host for five
minutes while it is only being configured.
https://docs.databricks.com/dev-tools/auth/oauth-m2m
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from integrations_platform.databricks.faults import JobFault
from integrations_platform.held_token import HeldToken
from integrations_platform.service_faults import FaultKind

_ANSWER_SECONDS = 30.0
_EARLY_SECONDS = 60.0  # a token is renewed before its end, so that no call meets it


class Authentication(Protocol):
    """Gives the bearer token of the next call."""

    def token(self) -> str:
        """The token. Raises JobFault."""

    def renew(self) -> bool:
        """Forget a token that was refused; whether there can be another."""


@dataclass(frozen=True)
class AccessToken:
    """A personal access token, which lasts until somebody ends it."""

    text: str = field(repr=False)

    def token(self) -> str:
        """The token itself."""
        return self.text

    def renew(self) -> bool:
        """There is no other."""
        return False


class ServicePrincipal:
    """A service principal of the workspace at ``host`` and its OAuth secret."""

    def __init__(self, host: str, client_id: str, secret: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = f"{host.rstrip('/')}/oidc/v1/token"
        self._client_id, self._secret = client_id, secret
        self._held = HeldToken(clock)

    def token(self) -> str:
        """A token that lasts at least another minute."""
        return self._held.token(self._fetched)

    def renew(self) -> bool:
        """The next call gets a new one."""
        self._held.renew()
        return True

    def _fetched(self) -> tuple[str, float]:
        import httpx

        wish = {"grant_type": "client_credentials", "scope": "all-apis"}
        what = "asking for a token of the service principal"
        try:
            answer = httpx.post(self._url, data=wish, auth=(self._client_id, self._secret), timeout=_ANSWER_SECONDS)
            data = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
            raise JobFault(FaultKind.TRANSIENT, f"{what}: no usable answer ({type(fault).__name__})") from None
        if answer.status_code != 200:
            said = str(data.get("error_description") or data.get("error") or answer.status_code)[:300]
            passing = answer.status_code >= 500 or answer.status_code == 429
            remedy = "" if passing else "; check databricks.client_id and databricks.client_secret"
            kind = FaultKind.TRANSIENT if passing else FaultKind.CONFIGURATION
            raise JobFault(kind, f"{what}: {said}{remedy}")
        return str(data["access_token"]), float(data.get("expires_in", 0)) - _EARLY_SECONDS
