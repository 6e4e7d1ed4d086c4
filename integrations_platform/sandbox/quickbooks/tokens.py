"""OAuth2 tokens: an access token lasts an hour, the refresh token changes about daily and the old one is dead at once.

That the old one dies at once is the strictest reading; whoever survives it survives the vendor.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from integrations_platform.sandbox.quickbooks.refusals import gateway
from integrations_platform.sandbox.vendor import VendorError

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-client-secret"
FIRST_ACCESS, FIRST_REFRESH = "sandbox-access-0", "sandbox-refresh-0"
LIFETIME, REFRESH_LIFETIME = 3600, 8_726_400
_ROTATES_AFTER = timedelta(hours=24)


class Tokens:
    """The tokens of one app. ``rotates_always`` gives a new refresh token each time instead of daily."""

    def __init__(self, now: Callable[[], datetime], *, rotates_always: bool = False) -> None:
        self._now, self.rotates_always = now, rotates_always
        self.number = 0
        self.refreshes = 0
        self.refresh_token, self._refreshed_at = FIRST_REFRESH, now()
        self._ends = {FIRST_ACCESS: now() + timedelta(seconds=LIFETIME)}

    def admit(self, authorization: str) -> None:
        """Let a call with this header pass, or raise the gateway's 401."""
        token = authorization.removeprefix("Bearer ")
        end = self._ends.get(token)
        if not authorization.startswith("Bearer ") or end is None or end <= self._now():
            raise gateway(401, "3200", "AuthenticationFailed", "AUTHENTICATION")

    def expire(self) -> None:
        """End all access tokens given out so far."""
        self._ends.clear()

    def grant(self, authorization: str, body: str) -> Mapping[str, Any]:
        """The answer of the token endpoint. Raises VendorError with 400 or 401."""
        if _basic(authorization) != (CLIENT_ID, CLIENT_SECRET):
            raise VendorError(401, {"error": "invalid_client"})
        form = parse_qs(body)
        if form.get("grant_type") != ["refresh_token"]:
            raise VendorError(400, {"error": "unsupported_grant_type"})
        if form.get("refresh_token") != [self.refresh_token]:
            raise VendorError(400, {"error": "invalid_grant"})
        self.number, self.refreshes = self.number + 1, self.refreshes + 1
        if self.rotates_always or self._now() - self._refreshed_at >= _ROTATES_AFTER:
            self.refresh_token, self._refreshed_at = f"sandbox-refresh-{self.number}", self._now()
        access = f"sandbox-access-{self.number}"
        self._ends[access] = self._now() + timedelta(seconds=LIFETIME)
        return {
            "access_token": access, "refresh_token": self.refresh_token, "expires_in": LIFETIME,
            "x_refresh_token_expires_in": REFRESH_LIFETIME, "token_type": "bearer",
        }  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {
            "number": self.number, "refresh_token": self.refresh_token, "refreshed_at": self._refreshed_at.isoformat(),
            "ends": {token: end.isoformat() for token, end in self._ends.items()},
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`dump` gave."""
        self.number, self.refresh_token = int(state["number"]), str(state["refresh_token"])
        self._refreshed_at = datetime.fromisoformat(state["refreshed_at"])
        self._ends = {token: datetime.fromisoformat(end) for token, end in state["ends"].items()}


def _basic(authorization: str) -> tuple[str, str] | None:
    if not authorization.startswith("Basic "):
        return None
    try:
        name, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret
