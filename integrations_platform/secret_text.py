"""Text of an environment file that may name variables and must never be shown.

Owns the ``${VAR}`` syntax, its lazy resolution, and blotting out of other text what it stands for. It opens nothing,
reads only the mapping of variables it is given and refuses to be pickled.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn
from urllib.parse import unquote

from integrations_platform.yaml_source import ConfigurationError, Fault

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>:-(?P<default>[^{}]*))?\}")

_SOUNDS_SECRET = re.compile(r"token|secret|passw|key|credential|private|auth|webhook", re.IGNORECASE)
_PASSWORD = re.compile(r"://[^/?#\s:@]*:([^/?#\s@]+)@")
_LOOKS_SECRET = re.compile(
    r"(?P<name>\b(?:bearer|basic)\s+|://[^/?#\s:@]*:|\b(?:token|secret|passw\w*|pwd|api[_-]?key|sig|signature)\s*[=:]\s*)"
    r"(?P<value>[^\s&;,'\"@]+)",
    re.IGNORECASE,
)
_HIDDEN = "***"
_SHORTEST = 4  # hiding less would hide parts of ordinary words


class SettingsError(ConfigurationError):
    """An environment cannot be used; ``faults`` holds file, line, key, what is wrong and what to do, never a value."""


class SecretText:
    """Text with ``${VAR}`` and ``${VAR:-default}``, resolved only when asked for; ``$${`` stands for a plain ``${``.

    Its ``str`` and ``repr`` name the key only, so that it may pass through logs, dataclasses and tracebacks.
    """

    __slots__ = ("_environ", "_text", "file", "key", "line")

    _environ: Final[Mapping[str, str]]
    _text: Final[str]
    file: Final[str]
    line: Final[int]
    key: Final[str]

    def __init__(self, text: str, file: str, line: int, key: str, environ: Mapping[str, str]) -> None:
        """``environ`` is read at each resolution. Raises :class:`SettingsError` when a reference is malformed."""
        self._text, self.file, self.line, self.key, self._environ = text, file, line, key, environ
        _known[key, text] = self
        if "${" in _REFERENCE.sub("", text):
            raise self.error("holds a malformed ${…}", "write ${NAME} or ${NAME:-default}, and $${ for a plain ${")

    def __repr__(self) -> str:
        return f"<{self.key}>"

    def __deepcopy__(self, _memo: dict[int, Any]) -> SecretText:
        return self  # immutable; a copy would also copy the environment

    def __reduce__(self) -> NoReturn:
        raise TypeError("text that may hold a secret is not pickled; load the settings again in the other process")

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables the text refers to, in order."""
        return tuple(match["name"] for match in _REFERENCE.finditer(self._text) if match["name"])

    def resolve(self) -> str:
        """The text with its variables filled in; an empty variable counts as missing, as in a shell. What is missing is
        looked for once more as Airflow has its own Variables in the environment: AIRFLOW_VAR_<NAME>.

        Raises :class:`SettingsError` naming file, line, key and each missing variable.
        """
        missing: list[str] = []

        def fill(match: re.Match[str]) -> str:
            name = match["name"]
            if name is None:
                return "${"
            value = self._environ.get(name) or self._environ.get(f"AIRFLOW_VAR_{name}") or match["default"]
            if not value and match["rest"] is None:
                missing.append(name)
            return value or ""

        text = _REFERENCE.sub(fill, self._text)
        if missing:
            names = " and ".join(dict.fromkeys(missing))
            example = f"export {missing[0]}=…"
            raise self.error(f"needs the environment variable {names}, which is not set", f"set it: {example}")
        return text

    def secrets(self) -> Iterator[str]:
        """What no log may hold of its present values: passwords in addresses, and whatever is called a secret."""
        matches = list(_REFERENCE.finditer(self._text))
        given = [(match["name"] or "", self._environ.get(match["name"] or "") or match["default"]) for match in matches]
        for name, value in given or [("", self._text)]:
            for password in _PASSWORD.findall(value or ""):
                yield from (password, unquote(password))
            if value and _SOUNDS_SECRET.search(f"{self.key} {name}"):
                yield from (value, *(line for line in value.splitlines() if not line.startswith("-----")))

    def error(self, what: str, remedy: str) -> SettingsError:
        """An error at the place of this text; ``what`` must not hold its value."""
        return SettingsError([Fault(self.file, self.line, self.key, what, remedy)])


_known: dict[tuple[str, str], SecretText] = {}


class _Secrets:
    """The secrets of every text there is, the longest first. Asked for with each line of the log, and looked up again
    when a text has come or a second has gone."""

    def __init__(self) -> None:
        self._number, self._at = -1, 0.0
        self._found: tuple[str, ...] = ()

    def __call__(self) -> tuple[str, ...]:
        if len(_known) != self._number or time.monotonic() - self._at > 1:
            self._number, self._at = len(_known), time.monotonic()
            found = {secret for each in list(_known.values()) for secret in each.secrets() if len(secret) >= _SHORTEST}
            self._found = tuple(sorted(found, key=len, reverse=True))
        return self._found


_secrets = _Secrets()


def masked(text: str) -> str:
    """``text`` without the secrets of every environment that this process has loaded, and without what looks like one:
    the last thing done to a line of the log."""
    for secret in _secrets():
        text = text.replace(secret, _HIDDEN)
    return _LOOKS_SECRET.sub(rf"\g<name>{_HIDDEN}", text)
