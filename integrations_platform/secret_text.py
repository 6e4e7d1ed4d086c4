"""Text of an environment file that may name variables and must never be shown.

Owns the ``${VAR}`` syntax and its lazy resolution. It opens nothing, reads only the mapping of variables it is
given and refuses to be pickled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from integrations_platform.yaml_source import ConfigurationError, Fault

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>:-(?P<default>[^{}]*))?\}")


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
        """The text with its variables filled in; an empty variable counts as missing, as in a shell.

        Raises :class:`SettingsError` naming file, line, key and each missing variable.
        """
        missing: list[str] = []

        def fill(match: re.Match[str]) -> str:
            name = match["name"]
            if name is None:
                return "${"
            value = self._environ.get(name) or match["default"]
            if not value and match["rest"] is None:
                missing.append(name)
            return value or ""

        text = _REFERENCE.sub(fill, self._text)
        if missing:
            names = " and ".join(dict.fromkeys(missing))
            example = f"export {missing[0]}=…"
            raise self.error(f"needs the environment variable {names}, which is not set", f"set it: {example}")
        return text

    def error(self, what: str, remedy: str) -> SettingsError:
        """An error at the place of this text; ``what`` must not hold its value."""
        return SettingsError([Fault(self.file, self.line, self.key, what, remedy)])
