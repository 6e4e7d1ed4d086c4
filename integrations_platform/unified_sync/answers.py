"""What a call to a side leaves behind besides data: an error and what may be done about it, a look at the side's clock.

Part of the port, and apart from it because who only talks to a service needs no columns: standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class ErrorKind(StrEnum):
    """What may be done about an error; the engine retries, sets aside or stops by it."""

    TRANSIENT = "transient"  # retry with backoff; counts for the breaker
    PERMANENT = "permanent"  # this input will never be accepted as it is
    CONFIGURATION = "configuration"  # a setting must change; never trips a breaker


class SideError(Exception):
    """A call to a side failed.

    ``effect_unknown`` is True when the side may have carried the write out although the answer was lost.
    ``message`` names system, object and, where known, the record, and says what to do; it never holds a secret.
    ``retry_after`` is what the side asked for, in seconds.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        code: str = "",
        effect_unknown: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.code = code
        self.effect_unknown = effect_unknown
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Side time minus engine time, and how far off that may be (half the round trip plus the side's granularity)."""

    offset: timedelta
    uncertainty: timedelta
