"""Who may come in: each vendor's proof, as the vendor makes it, and everything that only looks like one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hubspot.utils.signature import Signature

from integrations_platform.webhooks.delivery import Delivery, OutOfTime, Refused
from integrations_platform.webhooks.schemes import verifier
from integrations_platform_tests.webhooks.arrange import NOON, Receiving, receiving, source
from integrations_platform_tests.webhooks.senders import (
    hubspot_headers,
    quickbooks_headers,
    signed,
    stripe_headers,
)

FORMER = "the-one-before"
BODY = b'[{"eventId": 1, "subscriptionType": "contact.creation", "objectId": 5, "id": "e1", "type": "t"}]'


@dataclass(frozen=True)
class Vendor:
    """One scheme as its vendor uses it; ``timed``: whether the proof holds a time."""

    scheme: str
    header: str
    timed: bool
    options: Mapping[str, Any]
    body: bytes = BODY

    def path(self, secret: str) -> str:
        return f"/webhooks/it/{secret}" if self.scheme == "airbyte" else "/webhooks/it"

    def headers(self, secret: str, url: str, body: bytes, at: float) -> dict[str, str]:
        if self.scheme == "hubspot":
            return hubspot_headers(secret, url, body, at)
        if self.scheme == "quickbooks":
            return quickbooks_headers(secret, body)
        if self.scheme == "stripe":
            return stripe_headers(secret, body, at)
        if self.scheme == "airbyte":
            return {}
        if self.timed:
            stamp = str(int(at))
            return {"X-Mark": signed(secret, stamp.encode() + b"." + body).hex(), "X-At": stamp}
        return {"X-Signature-256": f"sha256={signed(secret, body).hex()}"}


OBJECT = b'{"id": "e1", "type": "charge.succeeded"}'
VENDORS = [
    Vendor("hubspot", "X-HubSpot-Signature-v3", True, {}),
    Vendor("quickbooks", "intuit-signature", False, {}),
    Vendor("stripe", "Stripe-Signature", True, {}, OBJECT),
    Vendor("hmac", "X-Mark", True, {"signature_header": "X-Mark", "timestamp_header": "X-At"}, OBJECT),
    Vendor("hmac", "X-Signature-256", False, {"event_id": "body:id"}, OBJECT),
    Vendor("airbyte", "", False, {}, OBJECT),
]


def _named(vendor: Vendor) -> str:
    return f"{vendor.scheme}{'-timed' * vendor.timed}"


of_timed = pytest.mark.parametrize("vendor", [each for each in VENDORS if each.timed], ids=_named, indirect=True)
of_signed = pytest.mark.parametrize("vendor", [each for each in VENDORS if each.header], ids=_named, indirect=True)


@pytest.fixture(params=VENDORS, ids=_named)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    found: Vendor = request.param
    return found


@pytest.fixture
def here(vendor: Vendor, sqlite_state: str) -> Iterator[Receiving]:
    made = source("it", vendor.scheme, "hush", former=FORMER, **vendor.options)
    with receiving(sqlite_state, made, public_url="https://sync.example.test/base/") as running:
        yield running


PUBLIC = "https://sync.example.test/base/webhooks/it"


def send(here: Receiving, vendor: Vendor, secret: str = "hush", at: float | None = None, **changed: Any) -> Any:
    headers = vendor.headers(secret, PUBLIC, vendor.body, here.time.at if at is None else at)
    return here.post(vendor.path(secret), changed.get("body", vendor.body), headers | changed.get("headers", {}))


def test_the_proof_of_the_secret_opens_and_only_that(here: Receiving, vendor: Vendor) -> None:
    assert send(here, vendor, "guessed").status == 401
    assert here.events() == []
    assert send(here, vendor).status == 200
    assert len(here.events()) == 1
    assert send(here, vendor, FORMER).status == 200, "while a secret is changed, both are accepted"
    assert len(here.events()) == 1, "the same event"


@of_signed
def test_another_body_under_the_same_proof_is_refused(here: Receiving, vendor: Vendor) -> None:
    assert send(here, vendor, body=vendor.body + b" ").status == 401
    assert send(here, vendor, body=b"").status == 401
    assert here.events() == []


def test_no_proof_or_a_doubtful_one_is_refused(here: Receiving, vendor: Vendor) -> None:
    bare = here.post("/webhooks/it", vendor.body)
    assert (bare.status, bare.json["error"]) == (401, "unsigned")
    if vendor.header:
        for value in ("", "   ", "sha256=", "t=,v1=", "é" * 44, "=" * 5000, f"t={NOON:.0f}", "v1=ab", "t=1,t=2,v1=a"):
            assert send(here, vendor, headers={vendor.header: value}).status == 401, value
        good = vendor.headers("hush", PUBLIC, vendor.body, here.time.at)
        twice = [*good.items(), (vendor.header, good[vendor.header])]
        lines = [f"POST /webhooks/it HTTP/1.1\r\nHost: h\r\nContent-Length: {len(vendor.body)}\r\nConnection: close"]
        request = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in twice)]).encode() + b"\r\n\r\n"
        assert here.raw(request + vendor.body).startswith(b"HTTP/1.1 401 ")
    assert here.events() == []


@of_timed
def test_a_late_or_early_proof_is_refused_and_the_answer_says_by_how_much(here: Receiving, vendor: Vendor) -> None:
    for away in (-301.0, 301.0):
        answer = send(here, vendor, at=here.time.at + away)
        assert (answer.status, answer.json["error"]) == (401, "time")
        assert "301 s" in answer.json["message"]
    assert send(here, vendor, "guessed", at=here.time.at - 301).json["error"] == "signature", (
        "only who knows the secret"
    )
    assert here.events() == []
    assert send(here, vendor, at=here.time.at - 299).status == 200
    assert send(here, vendor, at=here.time.at + 299).status == 200


@of_timed
def test_a_clock_ten_minutes_off_is_said_and_loses_nothing(here: Receiving, vendor: Vendor) -> None:
    """Senders keep what was refused and send it again: once the clock is set, it comes in."""
    truth = here.time.at
    here.time.at = truth + 600
    assert [send(here, vendor, at=truth + n).status for n in range(3)] == [401, 401, 401]
    said = [line for line in here.log if "clock" in line and "ntp" in line]
    assert len(said) == 1
    assert "about 600 s ahead of theirs" in said[0] or "about 599 s ahead of theirs" in said[0]
    here.time.at = truth + 20
    assert send(here, vendor, at=truth + 19).status == 200
    assert len(here.events()) == 1


@of_timed
def test_old_deliveries_sent_once_more_say_nothing_about_the_clock(here: Receiving, vendor: Vendor) -> None:
    for hours in (1, 5, 9, 14):
        assert send(here, vendor, at=here.time.at - 3600 * hours).status == 401
    assert send(here, vendor).status == 200
    assert not [line for line in here.log if "ntp" in line]


def test_a_replayed_delivery_is_known_again(here: Receiving, vendor: Vendor) -> None:
    if vendor.scheme == "hmac" and vendor.timed:
        assert [send(here, vendor).status for _ in range(3)] == [200] * 3
    else:
        assert [send(here, vendor, at=here.time.at + n).status for n in range(3)] == [200] * 3
    assert [event.duplicates for event in here.events()] == [2]


def test_nothing_secret_reaches_the_log_or_an_answer(here: Receiving, vendor: Vendor) -> None:
    answers = [send(here, vendor), send(here, vendor, "guessed"), send(here, vendor, body=b"{")]
    answers.append(here.post("/webhooks/it/hush?secret=hush", b"hush"))
    shown = (
        json.dumps([answer.json for answer in answers]) + "\n".join(here.log) + repr(here.receiver.__dict__["_intake"])
    )
    assert "hush" not in shown
    assert FORMER not in shown
    assert "guessed" not in shown


def _delivery(url: str, headers: Mapping[str, str], body: bytes, now: float) -> Delivery:
    return Delivery("POST", [url], {name.lower(): [value] for name, value in headers.items()}, body, "", now)


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        ("", "JlkP3EzHo+Wycty7ouR3FSe5lUNPEZzCqArycnYer3g="),
        ("?src=crm%3Aprod&x=a%2Fb", "GEBDwDO2FA5/lPOxTm03Ud4otyqJCnKFA0o43IjkfYw="),
    ],
)
def test_known_signatures_of_hubspot(query: str, signature: str) -> None:
    """The second is of the decoded URL, which is what HubSpot signs."""
    verify, stamp = verifier(source("it", "hubspot")[0]), "1767225600000"
    headers = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}
    verify(
        _delivery(f"https://sync.example.test/hooks/hubspot{query}", headers, b"[]", 1767225600.0),
        [b"hs-client-secret-demo"],
    )
    with pytest.raises(Refused, match="signature"):
        verify(_delivery("https://other.example.test/", headers, b"[]", 1767225600.0), [b"hs-client-secret-demo"])


@pytest.mark.parametrize("body", ["[]", '[{"eventId":1}]', "é\u2028漢"])
def test_what_the_library_of_hubspot_signs_is_accepted(body: str) -> None:
    stamp, url = f"{NOON * 1000:.0f}", "https://sync.example.test/webhooks/it?x=1"
    made = Signature.get_signature("hush", body, "v3", url, "POST", stamp)
    headers = {"X-HubSpot-Signature-v3": made, "X-HubSpot-Request-Timestamp": stamp}
    verifier(source("it", "hubspot")[0])(_delivery(url, headers, body.encode(), NOON), [b"hush"])
    assert hubspot_headers("hush", url, body.encode(), NOON) == headers, "the sender of these stories signs alike"


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (b'{"eventNotifications":[]}', "CiE57lxrvZewwiIk43nv6IWTGoKyI7NZpOJ2MXQrSvg="),
        (
            b'[{"specversion":"1.0","id":"e1","type":"qbo.customer.updated.v1"}]',
            "JOYwrnDXkeauFSmEsieS860yeVKwUHKxvGdymyOOtlU=",
        ),
    ],
)
def test_known_signatures_of_quickbooks(body: bytes, signature: str) -> None:
    verifier(source("it", "quickbooks")[0])(
        _delivery("", {"intuit-signature": signature}, body, NOON), [b"qb-verifier-demo"]
    )


def test_a_generic_signature_may_be_hex_or_base64() -> None:
    import base64

    digest = signed("hush", b"x")
    verify = verifier(source("it", "hmac")[0])
    for text in (digest.hex(), digest.hex().upper(), f"sha256={digest.hex()}", base64.b64encode(digest).decode()):
        verify(_delivery("", {"X-Signature-256": text}, b"x", NOON), [b"hush"])
    with pytest.raises(Refused):
        verify(_delivery("", {"X-Signature-256": digest.hex()[:-1]}, b"x", NOON), [b"hush"])


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_time_in_seconds_or_milliseconds(unit: int) -> None:
    verify = verifier(source("it", "hmac", timestamp_header="X-At")[0])
    stamp = str(int(NOON * unit))
    headers = {"X-Signature-256": signed("hush", stamp.encode() + b".x").hex(), "X-At": stamp}
    verify(_delivery("", headers, b"x", NOON), [b"hush"])
    with pytest.raises(OutOfTime) as late:
        verify(_delivery("", headers, b"x", NOON + 500), [b"hush"])
    assert late.value.seconds == -500
