"""A token that lasts a while: fetched when first needed, again before its end, and when it was refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class HeldToken:
    """Shared by threads: one fetches, the others get what it got. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._text, self._until = "", 0.0
        self._lock = threading.Lock()

    @property
    def held(self) -> str:
        """The last token, whether it may still be used or not; empty when there was none."""
        return self._text

    def token(self, fetch: Callable[[], tuple[str, float]]) -> str:
        """A token that may be used now. ``fetch`` gives one and the seconds it may be used for; what it raises is
        raised."""
        with self._lock:
            if not self._text or self._clock() >= self._until:
                self._text, lasts = fetch()
                self._until = self._clock() + max(0.0, lasts)
            return self._text

    def renew(self) -> None:
        """Forget a token that was refused; the next call fetches another."""
        with self._lock:
            self._until = 0.0
