"""What goes wrong around a model, told apart by what can be done about it."""

from __future__ import annotations

from enum import Enum


class FaultKind(Enum):
    """Whether waiting helps, or a setting, or nothing."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    CONFIGURATION = "configuration"


class ModelFault(Exception):  # noqa: N818  spoken of as a fault everywhere
    """Something did not come off; the message is for people and holds the service's own reason."""

    def __init__(self, kind: FaultKind, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


def first_line(text: str, limit: int = 500) -> str:
    """The first line of a service's answer, cut."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
