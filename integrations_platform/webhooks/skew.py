"""Whether it is this machine's clock that is wrong, and not the deliveries.

Only deliveries whose signature holds are counted, so that nobody else can make it speak.
"""

from __future__ import annotations

from collections import deque

ENOUGH = 3  # deliveries in a row
ALIKE_SECONDS = 60.0  # transport takes seconds; old deliveries sent once more differ by minutes to hours


class Skew:
    """What signed times of late differ by."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=ENOUGH)

    def in_time(self) -> None:
        """A delivery was in time: the clock is right."""
        self._seconds.clear()

    def out_of_time(self, seconds: float) -> str | None:
        """A delivery was ``seconds`` ahead; what to say when all of late are off alike, else None."""
        self._seconds.append(seconds)
        alike = max(self._seconds) - min(self._seconds) <= ALIKE_SECONDS
        if len(self._seconds) < ENOUGH or not alike:
            return None
        middle = sorted(self._seconds)[ENOUGH // 2]
        way = "behind" if middle > 0 else "ahead of"
        return (
            f"the last {ENOUGH} properly signed deliveries were refused because this machine's clock is about "
            f"{abs(middle):.0f} s {way} theirs; set it (ntp): senders try again, and nothing they keep is lost"
        )
