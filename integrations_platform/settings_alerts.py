"""The `alerts:` section of an environment: which channels are on, who hears of what, and when a sync is worth a word.

Owns the section's schema and its reading. What may be secret stays unresolved text. Without a section the variables
alone (ENABLE_SLACK, SLACK_WEBHOOK_URL, ENABLE_EMAIL, ALERT_EMAILS, SMTP_…) decide; nothing is sent from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from integrations_platform.secret_text import SecretText
from integrations_platform.yaml_source import Faults, Located, entries_of

Schema = dict[str, Any]
Secret = Callable[[Located, str], SecretText | None]
Channel = Literal["slack", "email"]
Security = Literal["none", "starttls", "ssl"]

CHANNELS: tuple[Channel, ...] = ("slack", "email")
SEVERITIES = ("critical", "warning", "info")
ACCESS: Mapping[str, tuple[str, str]] = {
    "enable_slack": ("${ENABLE_SLACK:-false}", "true or false"),
    "slack_webhook_url": ("${SLACK_WEBHOOK_URL:-}", "of an incoming webhook: a secret"),
    "slack_bot_token": ("${SLACK_BOT_TOKEN:-}", "of a Slack app, where there is no webhook or routes name channels"),
    "slack_channel": ("${SLACK_CHANNEL:-}", "for the bot token: #channel or its id"),
    "enable_email": ("${ENABLE_EMAIL:-false}", "true or false"),
    "emails": ("${ALERT_EMAILS:-}", "recipients, separated by commas"),
    "smtp_host": ("${SMTP_HOST:-}", "the mail server"),
    "smtp_port": ("${SMTP_PORT:-}", "default: 25, 587 or 465, by smtp_security"),
    "smtp_security": ("${SMTP_SECURITY:-starttls}", "none, starttls or ssl"),
    "smtp_user": ("${SMTP_USER:-}", "where the server asks who we are; never sent unencrypted"),
    "smtp_password": ("${SMTP_PASSWORD:-}", "of the user"),
    "smtp_from": ("${SMTP_FROM:-}", "the sender's address"),
    "dagster_url": ("${DAGSTER_URL:-}", "where people see Dagster, for links"),
    "console_url": ("${CONSOLE_URL:-}", "where people see the console, for links"),
}
"""How alerts travel: what each key is when it is left out, and what it means."""

_ADDRESS = re.compile(r"[^@\s,<>\"]+@[^@\s,<>\"]+")
_PORTS: Mapping[Security, int] = {"none": 25, "starttls": 587, "ssl": 465}
_PATTERNS: Schema = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}

_ROUTE: Schema = {
    "type": "object",
    "description": "who hears of what; the first route that fits decides, and what none fits goes to every channel",
    "properties": {
        "subjects": _PATTERNS | {
            "description": "syncs, systems (of breakers) and assets, such as people, hubspot_*, lake/*; default: all",
        },
        "severities": {
            "type": "array", "items": {"type": "string", "enum": list(SEVERITIES)}, "minItems": 1,
            "description": "default: all. A recovery goes where its trouble went",
        },
        "to": {
            "type": "array", "items": {"type": "string", "enum": list(CHANNELS)},
            "description": "channels, as far as they are on; [] keeps it quiet",
        },
        "webhook": {"type": "string", "writeOnly": True, "description": "another incoming webhook of Slack's"},
        "channel": {"type": "string", "pattern": "^[#A-Za-z0-9][A-Za-z0-9_-]{0,79}$",
                    "description": "another channel, for the bot token"},
        "emails": {"type": "string", "writeOnly": True, "description": "other recipients, separated by commas"},
    },
    "required": ["to"],
    "additionalProperties": False,
}  # fmt: skip

_THRESHOLDS: Schema = {
    "type": "object",
    "description": "from when on something is worth an alert",
    "properties": {
        "open_conflicts": {
            "type": "integer", "minimum": 0, "maximum": 1_000_000,
            "description": "more open conflicts of a sync than this, unless the sync says its own (default: 25)",
        },
        "conflict_age_hours": {
            "type": "number", "minimum": 0.1, "maximum": 8760,
            "description": "a conflict open for longer than this (default: 72)",
        },
        "silent_intervals": {
            "type": "integer", "minimum": 1, "maximum": 1000,
            "description": "a sync that did not come through for this many intervals of its schedule (default: 2)",
        },
    },
    "additionalProperties": False,
}  # fmt: skip

SCHEMA: Schema = {
    "type": "object",
    "description": "alerts by Slack and e-mail; without this section the variables alone switch them on",
    "properties": {
        **{
            name: {"type": ["string", "boolean", "integer"], "writeOnly": True, "description": f"{text} ({usual})"}
            for name, (usual, text) in ACCESS.items()
        },
        "thresholds": _THRESHOLDS,
        "digest_hour": {
            "type": "integer", "minimum": 0, "maximum": 23,
            "description": "when the daily digest is sent, an hour in UTC (default: never)",
        },
        "routes": {
            "type": "object",
            "description": "routes by name, tried in this order",
            "propertyNames": {
                "pattern": "^[a-z][a-z0-9_]{0,62}$",
                "description": "a name in lower case: a letter, then letters, digits and underscores",
            },
            "additionalProperties": _ROUTE,
        },
    },
    "additionalProperties": False,
}  # fmt: skip


@dataclass(frozen=True)
class Thresholds:
    """From when on something is worth an alert; the age in hours."""

    open_conflicts: int = 25
    conflict_age_hours: float = 72.0
    silent_intervals: int = 2


@dataclass(frozen=True)
class RouteSettings:
    """One route. Empty ``subjects`` and ``severities`` fit all; without its own place, the channels' usual ones."""

    name: str
    to: tuple[Channel, ...]
    subjects: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    webhook: SecretText | None = None
    channel: str = ""
    emails: SecretText | None = None


def _usual() -> dict[str, SecretText]:
    return {key: SecretText("", "settings", 1, f"alerts.{key}", {}) for key in ACCESS}


@dataclass(frozen=True)
class AlertsSettings:
    """Alerts of one environment. ``access``: by name as in :data:`ACCESS`, unresolved."""

    access: Mapping[str, SecretText] = field(default_factory=_usual)
    thresholds: Thresholds = field(default_factory=Thresholds)
    digest_hour: int | None = None
    routes: Mapping[str, RouteSettings] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """The setting ``key``, variables filled in. Raises SettingsError."""
        return self.access[key].resolve().strip()

    def is_on(self, channel: Channel) -> bool:
        """Whether the channel is switched on. Raises SettingsError for what is neither true nor false."""
        key = f"enable_{channel}"
        word = self.text(key).lower()
        if word in ("true", "1", "yes", "on"):
            return True
        if word in ("", "false", "0", "no", "off"):
            return False
        raise self.access[key].error("is neither true nor false", f"set ENABLE_{channel.upper()} to true or false")

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that are on. Raises SettingsError."""
        return tuple(channel for channel in CHANNELS if self.is_on(channel))

    def security(self) -> Security:
        """How the mail server is spoken to. Raises SettingsError."""
        word = self.text("smtp_security").lower() or "starttls"
        for known in _PORTS:
            if word == known:
                return known
        raise self.access["smtp_security"].error("is no way to speak to a mail server", "say none, starttls or ssl")

    def port(self) -> int:
        """The mail server's. Raises SettingsError."""
        text = self.text("smtp_port")
        if not text:
            return _PORTS[self.security()]
        if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65_536):
            raise self.access["smtp_port"].error("is no port", "give a number from 1 to 65535")
        return int(text)


def is_address(word: str) -> bool:
    """Whether this is a mail address that every server takes."""
    return bool(_ADDRESS.fullmatch(word)) and word.isascii() and word.isprintable()


def addresses(text: SecretText) -> tuple[str, ...]:
    """Mail addresses separated by commas, each once. Raises SettingsError for what is none, without showing it."""
    found = [word.strip() for word in text.resolve().split(",") if word.strip()]
    for place, word in enumerate(found, start=1):
        if not is_address(word):
            raise text.error(
                f"holds, in place {place}, what is no mail address", "write ana@example.com, bo@example.com"
            )
    return tuple(dict.fromkeys(found))


def read(node: Located | None, secret: Secret, faults: Faults) -> AlertsSettings | None:
    """The section, already checked against :data:`SCHEMA`; the variables alone when there is none; None with faults
    noted."""
    access: dict[str, SecretText] = {}
    for key, (usual, _) in ACCESS.items():
        given = (node.get(key) if node is not None else None) or Located(usual, 1, usual)
        if (text := secret(given, f"alerts.{key}")) is not None:
            access[key] = text
    said: dict[str, Any] = node.plain() if node is not None else {}
    routes = {
        name: route
        for name, entry in entries_of(node.get("routes") if node is not None else None)
        if (route := _route(name, entry, secret, faults)) is not None
    }
    if faults.within("alerts"):
        return None
    limits = said.get("thresholds", {})
    age = float(limits.get("conflict_age_hours", Thresholds.conflict_age_hours))
    return AlertsSettings(
        access, Thresholds(**{**limits, "conflict_age_hours": age}), said.get("digest_hour"), routes
    )  # fmt: skip


def _route(name: str, node: Located, secret: Secret, faults: Faults) -> RouteSettings | None:
    path = f"alerts.routes.{name}"
    said: dict[str, Any] = node.plain()
    for key, channel in (("webhook", "slack"), ("channel", "slack"), ("emails", "email")):
        if (stray := node.get(key)) is not None and channel not in said["to"]:
            faults.add(stray.line, f"{path}.{key}", f"has no meaning without {channel} under `to`", "remove it")
    if (stray := node.get("channel")) is not None and "webhook" in said:
        faults.add(
            stray.line, f"{path}.channel", "has no meaning beside webhook, which has its own", "keep one of them"
        )
    webhook, emails = (
        secret(given, f"{path}.{key}") if (given := node.get(key)) else None for key in ("webhook", "emails")
    )
    if faults.within(path):
        return None
    return RouteSettings(
        name, tuple(said["to"]), tuple(said.get("subjects", ())), tuple(said.get("severities", ())), webhook,
        said.get("channel", ""), emails,
    )  # fmt: skip
