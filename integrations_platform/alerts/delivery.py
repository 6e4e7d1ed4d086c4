"""How one message fared, and what that means for the next try: the words every channel's answers are put into.

Knows no channel. Notes hold codes and words of ours, never what a server said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from integrations_platform.alerts.alert import Alert


class Fate(Enum):
    """``SOON``: it may pass by itself; ``LATER``: somebody has to change a setting, and until then it is tried now and
    then; ``NEVER``: this message will not do as it is."""

    ARRIVED = "arrived"
    SOON = "soon"
    LATER = "later"
    NEVER = "never"


@dataclass(frozen=True)
class Answer:
    """What came of one try. ``wait``: seconds the other side asked for. ``remaining``: of several recipients those that
    may still get it; None: it was about all."""

    fate: Fate
    note: str
    wait: float | None = None
    remaining: tuple[str, ...] | None = None


class Sender(Protocol):
    """A channel with its address. It raises nothing: whatever happens is an answer."""

    def send(self, alerts: Sequence[Alert], bundle_id: str, *, recipients: Sequence[str] | None = None) -> Answer:
        """Send these as one message. ``bundle_id`` names it, the same at every try; ``recipients``:
        of several only these."""
