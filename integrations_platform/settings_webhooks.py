"""The `webhooks:` section of an environment: who may send us events, how they prove it, and whom their events wake.

Owns the section's schema and its reading. Secrets stay unresolved text; what a signature is made of is known to
:mod:`integrations_platform.webhooks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from integrations_platform.secret_text import SecretText
from integrations_platform.yaml_source import Faults, Located, entries_of

Schema = dict[str, Any]
Secret = Callable[[Located, str], SecretText | None]
Scheme = Literal["hubspot", "quickbooks", "airbyte", "stripe", "hmac"]

SCHEMES = ("hubspot", "quickbooks", "airbyte", "stripe", "hmac")
OF_A_SYSTEM = ("hubspot", "quickbooks")
"""Schemes of vendors that are kinds of systems: without `system` or `wakes`, all syncs with such a system are woken."""

_TEXT: Schema = {"type": "string", "minLength": 1}
_HEADER: Schema = {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"}
_NAMES: Schema = {"type": "array", "items": _TEXT, "minItems": 1}

_SOURCE: Schema = {
    "type": "object",
    "description": "a sender; it posts to /webhooks/<name>",
    "properties": {
        "scheme": {
            "type": "string", "enum": list(SCHEMES),
            "description": "how it proves who it is: a vendor's way, Stripe's `t=…,v1=…`, any HMAC-SHA256 of the body, "
            "or (airbyte) a secret at the end of the URL",
        },
        "secret": {"type": "string", "writeOnly": True, "description": 'what it signs with: "${VARIABLE:-}"'},
        "former_secret": {
            "type": "string", "writeOnly": True,
            "description": "also accepted, while the secret is being changed",
        },
        "system": _TEXT | {"description": "its events wake every sync with this system"},
        "wakes": {
            "type": "object", "minProperties": 1, "additionalProperties": False,
            "properties": {
                "syncs": _NAMES | {"description": "syncs by name"},
                "airbyte": _NAMES | {"description": "Airbyte connections by name"},
            },
            "description": "whom its events wake, instead of every sync with its system",
        },
        "tolerance_seconds": {
            "type": "number", "minimum": 1, "maximum": 86_400,
            "description": "how far a signed time may be from this machine's clock, either way (default: 300)",
        },
        "max_bytes": {
            "type": "integer", "minimum": 256, "maximum": 16_777_216,
            "description": "the largest body that is read (default: 65536)",
        },
        "max_per_second": {
            "type": "number", "minimum": 0.1, "maximum": 100_000,
            "description": "deliveries beyond it are answered 429 (default: 5000)",
        },
        "signature_header": _HEADER | {"description": "stripe and hmac: default Stripe-Signature, X-Signature-256"},
        "timestamp_header": _HEADER | {
            "description": "hmac: a Unix time; what is signed is then `<time>.<body>`, and old deliveries are refused",
        },
        "event_id": {
            "type": "string", "pattern": "^(header|body):[A-Za-z0-9_-]{1,64}$",
            "description": "hmac: where an event's own id is, header:X-Event-Id or body:id; without one, each delivery "
            "counts as another event",
        },
    },
    "required": ["scheme", "secret"],
    "additionalProperties": False,
}  # fmt: skip

SCHEMA: Schema = {
    "type": "object",
    "description": "webhooks: who may wake syncs and Airbyte connections by sending events; `integrations serve`",
    "properties": {
        "public_url": {
            "type": "string",
            "writeOnly": True,
            "description": "under which senders reach it, which some sign: https://host/base (default: as they say)",
        },
        "keep_days": {
            "type": "number",
            "minimum": 1,
            "maximum": 3650,
            "description": "how long events that nobody waits for are kept and recognised (default: 14)",
        },
        "sources": {
            "type": "object",
            "description": "senders by name",
            "propertyNames": {
                "pattern": "^[a-z][a-z0-9_]{0,62}$",
                "description": "a name in lower case: a letter, then letters, digits and underscores",
            },
            "additionalProperties": _SOURCE,
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True)
class SourceSettings:
    """One sender. ``system``, ``syncs`` and ``connections`` are as written; all empty: what its scheme implies."""

    name: str
    scheme: Scheme
    secret: SecretText
    former_secret: SecretText | None = None
    system: str = ""
    syncs: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    tolerance_seconds: float = 300.0
    max_bytes: int = 65_536
    max_per_second: float = 5_000.0
    signature_header: str = ""
    timestamp_header: str = ""
    event_id: str = ""
    line: int | None = None

    def secrets(self) -> tuple[str, ...]:
        """What a delivery may be signed with, variables filled in; none while nothing is set. Raises SettingsError."""
        given = [self.secret.resolve().strip()]
        if self.former_secret is not None:
            given.append(self.former_secret.resolve().strip())
        return tuple(filter(None, given)) if given[0] else ()


def _unset(key: str) -> SecretText:
    return SecretText("", "settings", 1, f"webhooks.{key}", {})


@dataclass(frozen=True)
class WebhooksSettings:
    """All senders of one environment."""

    public_url: SecretText = field(default_factory=lambda: _unset("public_url"))
    keep_days: float = 14.0
    sources: Mapping[str, SourceSettings] = field(default_factory=dict)


def read(node: Located | None, secret: Secret, faults: Faults) -> WebhooksSettings | None:
    """The section, already checked against :data:`SCHEMA`; an empty one when there is none; None with faults noted."""
    if node is None:
        return WebhooksSettings()
    sources = {
        name: source
        for name, entry in entries_of(node.get("sources"))
        if (source := _source(name, entry, secret, faults)) is not None
    }
    given = node.get("public_url")
    url = secret(given, "webhooks.public_url") if given else _unset("public_url")
    days = node.get("keep_days")
    if url is None or faults.within("webhooks"):
        return None
    return WebhooksSettings(url, 14.0 if days is None else float(days.plain()), sources)


_BELONGS = {
    "signature_header": ("stripe", "hmac"),
    "timestamp_header": ("hmac",),
    "event_id": ("hmac",),
    "tolerance_seconds": ("hubspot", "stripe", "hmac"),
}


def _source(name: str, node: Located, secret: Secret, faults: Faults) -> SourceSettings | None:
    path = f"webhooks.sources.{name}"
    said: dict[str, Any] = node.plain()
    scheme: Scheme = said["scheme"]
    for key, schemes in _BELONGS.items():
        if (stray := node.get(key)) is not None and scheme not in schemes:
            faults.add(stray.line, f"{path}.{key}", f"has no meaning for scheme {scheme}", "remove it")
    if (stray := node.get("system")) is not None and "wakes" in said:
        faults.add(stray.line, f"{path}.system", "has no meaning beside wakes", "keep one of them")
    if scheme in ("stripe", "hmac") and not {"system", "wakes"} & said.keys():
        faults.add(node.line, path, "wakes nobody", "say whom under wakes, or name a system")
    proof = secret(node.get("secret") or node, f"{path}.secret")
    former = node.get("former_secret")
    before = secret(former, f"{path}.former_secret") if former else None
    if proof is None or faults.within(path):
        return None
    wakes: dict[str, Any] = said.get("wakes", {})
    taken: dict[str, Any] = {
        key: said[key]
        for key in ("system", "max_bytes", "signature_header", "timestamp_header", "event_id")
        if key in said
    }
    taken |= {key: float(said[key]) for key in ("tolerance_seconds", "max_per_second") if key in said}
    return SourceSettings(
        name, scheme, proof, before, syncs=tuple(wakes.get("syncs", ())), connections=tuple(wakes.get("airbyte", ())),
        line=node.line, **taken,
    )  # fmt: skip
