"""How senders prove who they are: HMAC-SHA256 of the raw body in each vendor's way, or a secret in the path.

Everything is compared in constant time, over all accepted secrets. A signed time is judged last, so that only who knows
the secret learns what this machine's clock says.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256

from integrations_platform.settings_webhooks import SourceSettings
from integrations_platform.webhooks.delivery import Delivery, OutOfTime, Refused

Verify = Callable[[Delivery, Sequence[bytes]], None]
"""Raises :class:`Refused` for a delivery that nobody signed who knows one of the secrets."""

STRIPE_HEADER = "Stripe-Signature"
HMAC_HEADER = "X-Signature-256"
_UNIX_TIME = re.compile(r"[0-9]{9,13}", re.ASCII)
_MILLISECONDS_FROM = 100_000_000_000  # as seconds that is the year 5138; as milliseconds, 1973
# What HubSpot decodes in a URL before it signs it.
_DECODED = {f"%{ord(sign):02X}": sign for sign in ":/?@!$'()*,;"}
_ENCODED = re.compile("|".join(_DECODED), re.IGNORECASE)


def verifier(source: SourceSettings) -> Verify:
    """What judges the deliveries of ``source``."""
    tolerance = source.tolerance_seconds
    header = source.signature_header
    if source.scheme == "hubspot":
        return lambda delivery, secrets: _hubspot(delivery, secrets, tolerance)
    if source.scheme == "quickbooks":
        return _quickbooks
    if source.scheme == "airbyte":
        return _in_path
    if source.scheme == "stripe":
        return lambda delivery, secrets: _stripe(delivery, secrets, tolerance, header or STRIPE_HEADER)
    timed = source.timestamp_header
    return lambda delivery, secrets: _hmac(delivery, secrets, tolerance, header or HMAC_HEADER, timed)


def _hubspot(delivery: Delivery, secrets: Sequence[bytes], tolerance: float) -> None:
    """Signature v3: the base64 HMAC of method, URL, body and time in milliseconds. The client library of the vendor
    neither decodes the URL nor refuses a time to come."""
    given = delivery.header("X-HubSpot-Signature-v3")
    timestamp = delivery.header("X-HubSpot-Request-Timestamp")
    moment = _moment(timestamp)
    signed = [
        delivery.method.encode() + _ENCODED.sub(_decode, url).encode() + delivery.body + timestamp.encode()
        for url in delivery.urls
    ]
    _demand([given], [b64encode(_digest(secret, text)) for secret in secrets for text in signed])
    _in_time(moment, delivery.now, tolerance)


def _quickbooks(delivery: Delivery, secrets: Sequence[bytes]) -> None:
    """The base64 HMAC of the body. It holds no time: the vendor tries for days, and events are known by their ids."""
    given = delivery.header("intuit-signature")
    _demand([given], [b64encode(_digest(secret, delivery.body)) for secret in secrets])


def _in_path(delivery: Delivery, secrets: Sequence[bytes]) -> None:
    """Airbyte signs nothing and sends no header of its own: the secret is the end of the URL it was given."""
    if not delivery.token:
        raise Refused(401, "unsigned", "the secret at the end of the path is missing")
    _demand([delivery.token], secrets)


def _stripe(delivery: Delivery, secrets: Sequence[bytes], tolerance: float, header: str) -> None:
    """`t=<time>,v1=<hex>[,v1=<hex>…]`: the HMAC of `<time>.<body>`; other schemes in the header do not count."""
    parts = [part.strip().partition("=") for part in delivery.header(header).split(",")]
    times = [value for name, _, value in parts if name == "t"]
    given = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not 1 <= len(given) <= 8:
        raise Refused(401, "signature", f"the header {header} is not t=…,v1=…")
    moment = _moment(times[0])
    signed = times[0].encode() + b"." + delivery.body
    _demand(given, [_digest(secret, signed).hex().encode() for secret in secrets])
    _in_time(moment, delivery.now, tolerance)


def _hmac(delivery: Delivery, secrets: Sequence[bytes], tolerance: float, header: str, timed: str) -> None:
    """`sha256=<hex>`, bare hex or base64: the HMAC of the body, or of `<time>.<body>` where a time is demanded."""
    given = delivery.header(header).removeprefix("sha256=")
    timestamp = delivery.header(timed) if timed else ""
    moment = _moment(timestamp) if timed else delivery.now
    signed = timestamp.encode() + b"." + delivery.body if timed else delivery.body
    digests = [_digest(secret, signed) for secret in secrets]
    in_hex = len(given) == 2 * sha256().digest_size
    _demand(
        [given.lower() if in_hex else given], [each.hex().encode() if in_hex else b64encode(each) for each in digests]
    )
    _in_time(moment, delivery.now, tolerance)


def _digest(secret: bytes, text: bytes) -> bytes:
    # Not hmac.digest: it lets other threads in each time, and the one that writes would take its turn of milliseconds.
    return hmac.new(secret, text, sha256).digest()


def _demand(given: Sequence[str], expected: Sequence[bytes]) -> None:
    """One of what was given must be one of what is expected. All are compared, so that time does not tell which was."""
    same = [hmac.compare_digest(text.encode("utf-8", "replace"), each) for text in given for each in expected]
    if not any(same):
        raise Refused(401, "signature", "the signature is not that of this body under the secret known here")


def _decode(match: re.Match[str]) -> str:
    return _DECODED[match[0].upper()]


def _moment(timestamp: str) -> float:
    """Unix time of a header, given in seconds or milliseconds."""
    if not _UNIX_TIME.fullmatch(timestamp):
        raise Refused(401, "signature", "the signed time is no Unix time")
    number = int(timestamp)
    return number / 1000 if number >= _MILLISECONDS_FROM else float(number)


def _in_time(moment: float, now: float, tolerance: float) -> None:
    if abs(moment - now) > tolerance:
        raise OutOfTime(moment - now)
