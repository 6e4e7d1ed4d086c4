"""The token endpoint of a service account: a signed assertion for an access token.

Owns a throw-away key, the credentials that carry it, and the tokens given out. Signatures are really checked.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

EMAIL = "sync-robot@sandbox-project.iam.gserviceaccount.com"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/spreadsheets"
SECONDS = 3599


class Refused(Exception):  # noqa: N818  named as the endpoint speaks
    """No token; ``code`` and the message as the endpoint words them."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@cache
def new_key(bits: int = 2048) -> str:
    """A private key in PEM, made once per process: making one takes a tenth of a second, and reading one half of that,
    which shorter ones shorten for stories."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@cache
def _public(private_key: str) -> rsa.RSAPublicKey:
    """The key that checks signatures; reading one takes half as long as making it."""
    key = serialization.load_pem_private_key(private_key.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the key is no RSA key")
    return key.public_key()


class Tokens:
    """Tokens of one service account; ``private_key`` is its key in PEM."""

    def __init__(self, private_key: str) -> None:
        self.private_key = private_key
        self._given: dict[str, datetime] = {}
        self._count = 0

    def credentials(self, url: str) -> dict[str, str]:
        """A service account's credentials as Google hands them out, pointing at the stand-in below ``url``."""
        return {
            "type": "service_account",
            "project_id": "sandbox-project",
            "private_key_id": "throw-away",
            "private_key": self.private_key,
            "client_email": EMAIL,
            "client_id": "100000000000000000000",
            "token_uri": f"{url}/token",
        }

    def grant(self, body: bytes, *, now: datetime, at: datetime) -> dict[str, Any]:
        """An access token for a form with an assertion; ``now`` dates the token, ``at`` judges the assertion.

        Raises :class:`Refused`.
        """
        form = parse_qs(body.decode("utf-8", "replace"))
        if form.get("grant_type") != [GRANT]:
            raise Refused("unsupported_grant_type", "Invalid grant_type")
        claims = self._claims(form.get("assertion", [""])[0])
        if claims.get("iss") != EMAIL:
            raise Refused("invalid_grant", "Invalid grant: account not found")
        if SCOPE not in str(claims.get("scope", "")).split():
            raise Refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        issued: Any = claims.get("iat")
        expires: Any = claims.get("exp")
        dated = isinstance(issued, int) and isinstance(expires, int)
        if not dated or not 0 < expires - issued <= 3600 or not issued - 300 <= at.timestamp() <= expires:
            raise Refused("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
                          "reasonable timeframe. Check your iat and exp values in the JWT claim.")  # fmt: skip
        self._count += 1
        token = f"ya29.sandbox-{self._count}"
        self._given[token] = now + timedelta(seconds=SECONDS)
        return {"access_token": token, "expires_in": SECONDS, "token_type": "Bearer"}

    def holder(self, authorization: str, now: datetime) -> str | None:
        """Whose token this header carries; None when it is unknown or has ended."""
        ends = self._given.get(authorization.removeprefix("Bearer "))
        return EMAIL if ends is not None and now < ends else None

    def expire(self) -> None:
        """End all tokens given out so far."""
        self._given.clear()

    def _claims(self, assertion: str) -> Mapping[str, Any]:
        try:
            signed, _, signature = assertion.rpartition(".")
            _public(self.private_key).verify(_bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
            claims = json.loads(_bytes(signed.partition(".")[2]))
        except (InvalidSignature, ValueError, binascii.Error):
            raise Refused("invalid_grant", "Invalid JWT Signature.") from None
        if not isinstance(claims, dict):
            raise Refused("invalid_grant", "Invalid JWT Signature.")
        return claims


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
