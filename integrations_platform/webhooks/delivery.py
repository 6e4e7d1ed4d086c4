"""One delivery as it arrived, and the refusal of one: what schemes judge and the receiver answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class Refused(Exception):  # noqa: N818
    """A delivery that is not taken. ``reason`` is one of a few words, for counting; the message is sent back to
    whoever sent the delivery, so it holds nothing of ours and nothing of the delivery; ``detail`` is for our log only.
    """

    def __init__(self, status: int, reason: str, message: str, *, wait: float | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.wait, self.detail = status, reason, message, wait, detail


class OutOfTime(Refused):
    """Properly signed, but for another time. ``seconds``: how far that is ahead of this machine's clock."""

    def __init__(self, seconds: float) -> None:
        way = "ahead of" if seconds > 0 else "behind"
        message = f"the signed time is {abs(seconds):.0f} s {way} the clock of this server; send it again, signed anew"
        super().__init__(401, "time", message)
        self.seconds = seconds


@dataclass(frozen=True)
class Delivery:
    """``urls``: what the sender may have called this place, of which one was signed where a scheme signs it;
    ``headers`` by name in lower case, each with all its values; ``token``: the end of the path; ``now``: Unix time."""

    method: str
    urls: Sequence[str]
    headers: Mapping[str, Sequence[str]]
    body: bytes
    token: str
    now: float

    def header(self, name: str) -> str:
        """The one value of a header. Raises :class:`Refused` when it is missing or given twice."""
        values = self.headers.get(name.lower(), ())
        if len(values) != 1 or not values[0].strip():
            what = "is missing" if not values else "must be given once"
            raise Refused(401, "unsigned", f"the header {name} {what}")
        return values[0].strip()
