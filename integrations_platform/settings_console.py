"""The `console:` section of an environment: who may use the web page for people, and where people see it.

Owns the section's schema and its reading. What may be secret stays unresolved text. Without a section the variables
alone (CONSOLE_TOKENS, CONSOLE_TRUSTED_PROXIES, …) decide; who somebody is, is found out in
:mod:`integrations_platform.console`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations_platform.pages import Pages
from integrations_platform.secret_text import SecretText
from integrations_platform.yaml_source import Faults, Located

Schema = dict[str, Any]
Secret = Callable[[Located, str], SecretText | None]

ACCESS: Mapping[str, tuple[str, str]] = {
    "url": ("${CONSOLE_URL:-}", "where people see the console: https://host/console"),
    "dagster_url": ("${DAGSTER_URL:-}", "where people see Dagster, for links"),
    "tokens": ("${CONSOLE_TOKENS:-}", "who may sign in, separated by commas: name:operator:token, name:viewer:token"),
    "session_secret": ("${CONSOLE_SESSION_SECRET:-}", "what sessions are signed with (default: made of the tokens)"),
    "trusted_proxies": ("${CONSOLE_TRUSTED_PROXIES:-}", "addresses of proxies that sign people in: 10.0.0.0/8, ::1"),
    "user_header": ("${CONSOLE_USER_HEADER:-X-Forwarded-Email}", "in which such a proxy says who it is"),
    "groups_header": ("${CONSOLE_GROUPS_HEADER:-X-Forwarded-Groups}", "in which it says their groups"),
    "operators": ("${CONSOLE_OPERATORS:-}", "people or groups of the proxy who may decide, separated by commas"),
    "viewers": ("${CONSOLE_VIEWERS:-}", "people or groups who may look; * is everybody the proxy lets through"),
}
"""The console's settings: what each key is when it is left out, and what it means."""

SECRETS = ("tokens", "session_secret")
_PAGE = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~%/-]*)?")
_ALONE = r"^\$\{[A-Za-z_][A-Za-z0-9_]*(:-)?\}$"  # a variable alone: such a secret is never written into a file

SCHEMA: Schema = {
    "type": "object",
    "description": "the web page for people, part of `integrations serve`; shut until somebody may sign in",
    "properties": {
        **{
            name: {"type": "string", "writeOnly": True, "description": f"{text} ({usual})"}
            | ({"pattern": _ALONE} if name in SECRETS else {})
            for name, (usual, text) in ACCESS.items()
        },
        "session_hours": {
            "type": "number", "minimum": 0.1, "maximum": 168,
            "description": "how long somebody stays signed in (default: 12)",
        },
    },
    "additionalProperties": False,
}  # fmt: skip


def _usual() -> dict[str, SecretText]:
    return {key: SecretText("", "settings", 1, f"console.{key}", {}) for key in ACCESS}


@dataclass(frozen=True)
class ConsoleSettings:
    """The console of one environment. ``access``: by name as in :data:`ACCESS`, unresolved."""

    access: Mapping[str, SecretText] = field(default_factory=_usual)
    session_hours: float = 12.0

    def text(self, key: str) -> str:
        """The setting ``key``, variables filled in. Raises SettingsError."""
        return self.access[key].resolve().strip()

    def address(self, key: str) -> str:
        """``url`` or ``dagster_url``, without the slash at its end; empty: not said. Raises SettingsError."""
        text = self.text(key).rstrip("/")
        if text and not _PAGE.fullmatch(text):
            raise self.access[key].error("is no address of a page", "write https://host, without user and password")
        return text

    def pages(self) -> Pages:
        """Where people see the console and Dagster. Raises SettingsError."""
        return Pages(self.address("dagster_url"), self.address("url"))


def read(node: Located | None, secret: Secret, faults: Faults) -> ConsoleSettings | None:
    """The section, already checked against :data:`SCHEMA`; the variables alone when there is none; None with faults
    noted."""
    access: dict[str, SecretText] = {}
    for key, (usual, _) in ACCESS.items():
        given = (node.get(key) if node is not None else None) or Located(usual, 1, usual)
        if (text := secret(given, f"console.{key}")) is not None:
            access[key] = text
    if faults.within("console"):
        return None
    said: dict[str, Any] = node.plain() if node is not None else {}
    return ConsoleSettings(access, float(said.get("session_hours", ConsoleSettings.session_hours)))
