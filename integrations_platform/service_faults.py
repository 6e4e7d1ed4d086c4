"""What goes wrong with work that an outside service does for us, told apart by what can be done about it."""

from __future__ import annotations

from enum import Enum


class FaultKind(Enum):
    """Whether waiting helps, or a setting, or nothing."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    CONFIGURATION = "configuration"


class ServiceFault(Exception):  # noqa: N818  spoken of as a fault everywhere
    """A call or a run that did not come off; the message is for people and holds the vendor's own reason.

    ``code``: the vendor's, where it has one. ``wait``: seconds the service asked for before the next call.
    """

    def __init__(self, kind: FaultKind, message: str, *, code: str = "", wait: float | None = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.code, self.wait = kind, message, code, wait
