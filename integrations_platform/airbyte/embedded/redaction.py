"""Secrets of a connector's configuration, kept out of what it says: its messages may quote its configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from integrations_platform.secret_text import SecretText

_SECRET_KEY = re.compile(r"token|secret|passw|key|credential|private|auth", re.IGNORECASE)
_SHORTEST = 4  # characters; hiding less would hide parts of ordinary words
_HIDDEN = "…"


@dataclass(frozen=True)
class Redaction:
    """Texts that are never shown, the longest first."""

    texts: tuple[str, ...] = ()

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> Redaction:
        """Everything in an unresolved configuration that names a variable, or whose key sounds secret."""
        found: set[str] = set()
        for key, value in _leaves(config, ""):
            if isinstance(value, SecretText):
                text = value.resolve()
                secret = bool(value.variables) or bool(_SECRET_KEY.search(key))
            else:
                text, secret = str(value), bool(_SECRET_KEY.search(key)) and not isinstance(value, bool)
            if secret and len(text) >= _SHORTEST:
                found |= {text, json.dumps(text)[1:-1], quote(text, safe=""), *_long_lines(text)}
        return cls(tuple(sorted(found, key=lambda text: (-len(text), text))))

    def of(self, text: str) -> str:
        """The text without them."""
        for secret in self.texts:
            text = text.replace(secret, _HIDDEN)
        return text


def _long_lines(text: str) -> Iterator[str]:
    """Lines of a key in PEM, which may be quoted one by one."""
    return (line for line in text.splitlines() if len(line) >= 16 and not line.startswith("-----"))


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item, key)
    else:
        yield key, value
