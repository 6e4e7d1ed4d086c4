"""Calls to a side, through its system's circuit breaker, rate limit and retry.

What may be done about an error is the table of :class:`ErrorKind`: transient ones are retried with backoff and counted
for the breaker, permanent and configuration ones are not. A write whose effect is unknown is never blindly repeated:
it is handed back, so that the writer can ask the side what became of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from integrations_platform.unified_sync.port import (
    Capabilities,
    Counted,
    ErrorKind,
    Outcome,
    Record,
    Side,
    SideError,
    Write,
)
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.store import Breaker, BreakerState, Store
from integrations_platform.unified_sync.watching import span

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CallPolicy:
    """``attempts`` per call; the first pause is ``backoff`` seconds and doubles up to ``max_backoff``, with full
    jitter. A side that asks for a longer pause than ``longest_asked`` seconds ends the call instead: the run would only
    sit there holding its lease. The breaker opens after ``open_after`` transient failures in a row and lets one probe
    through after ``cooldown`` seconds. ``per_second`` limits calls; None: no limit."""

    attempts: int = 4
    backoff: float = 0.5
    max_backoff: float = 30.0
    longest_asked: float = 300.0
    open_after: int = 5
    cooldown: float = 60.0
    probe_seconds: float = 60.0
    per_second: float | None = None


class Caller:
    """A side with protection around it. With ``remember`` False (dry runs) the breaker is obeyed but not changed.
    ``alive``: called after every pause; raises if somebody else goes on with the work by now."""

    def __init__(
        self, side: Side, store: Store, runtime: Runtime, policy: CallPolicy | None = None, *, remember: bool = True,
        alive: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.side = side
        self._counted = side if isinstance(side, Counted) else None
        self._tries, self._asked_before = 0, self._counted.requests if self._counted else 0
        self._store, self._runtime, self._remember, self._alive = store, runtime, remember, alive
        self._policy = policy or CallPolicy()
        self._not_before: datetime | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the side promises."""
        return self.side.capabilities

    @property
    def calls(self) -> int:
        """What was asked of the system: requests where its service counts them, else calls; tries included."""
        return self._counted.requests - self._asked_before if self._counted else self._tries

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """Records by id as they are now. Raises SideError."""
        return self.call(partial(self.side.read, ids))

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Write a batch; an error whose effect is unknown is raised at once. Raises SideError."""
        return self.call(partial(self.side.write, writes))

    def call(self, action: Callable[[], T]) -> T:
        """Carry out one call with retries. Raises SideError when they are used up or make no sense."""
        attempt, what = 0, getattr(getattr(action, "func", action), "__name__", "call")
        while True:
            attempt += 1
            self._admit()
            self._pace()
            self._tries += 1
            try:
                with span("call", {"system": self.side.system, "call": what, "attempt": attempt}):
                    result = action()
            except SideError as fault:
                if fault.kind is not ErrorKind.TRANSIENT:
                    self._succeeded()  # the system answered: the transport is in order
                    raise
                self._failed(fault)
                too_long = (fault.retry_after or 0.0) > self._policy.longest_asked
                if fault.effect_unknown or too_long or attempt >= self._policy.attempts:
                    raise
                pause = self._pause(attempt, fault.retry_after)
                words = "%s failed (%s), tried again in %.1f s"
                _log.info(words, what, fault.code or fault.kind.value, pause, extra={"system": self.side.system})
                self._runtime.sleep(pause)
                self._alive()
            else:
                self._succeeded()
                return result

    def _pause(self, attempt: int, asked: float | None) -> float:
        ceiling = min(self._policy.max_backoff, self._policy.backoff * 2 ** (attempt - 1))
        return max(asked or 0.0, self._runtime.random.uniform(ceiling / 2, ceiling))

    def _pace(self) -> None:
        if self._policy.per_second is None:
            return
        now = self._runtime.clock()
        if self._not_before is not None and now < self._not_before:
            self._runtime.sleep((self._not_before - now).total_seconds())
            now = self._not_before
        self._not_before = now + timedelta(seconds=1 / self._policy.per_second)

    def _admit(self) -> None:
        """Refuse while the breaker is open; elect exactly one prober when its cooldown is over."""
        breaker, now = self._store.breaker(self.side.system), self._runtime.clock()
        if breaker.state is BreakerState.CLOSED:
            return
        if breaker.state is BreakerState.HALF_OPEN and breaker.probe_holder == self._runtime.holder:
            return
        probing = breaker.probe_until is not None and breaker.probe_until > now
        ready = breaker.opened_at is None or now >= breaker.opened_at + timedelta(seconds=self._policy.cooldown)
        if ready and not probing:
            if not self._remember:
                return
            elected = replace(
                breaker,
                state=BreakerState.HALF_OPEN,
                probe_holder=self._runtime.holder,
                probe_until=now + timedelta(seconds=self._policy.probe_seconds),
            )
            if self._store.change_breaker(breaker, elected):
                return
        raise SideError(
            ErrorKind.TRANSIENT,
            f"{self.side.system}: the circuit breaker is open after {breaker.failures} failures in a row "
            f"(last: {breaker.last_error}); it is tried again {self._policy.cooldown:g} s after it opened",
            code="breaker_open",
        )

    def _failed(self, fault: SideError) -> None:
        if not self._remember:
            return
        for _ in range(3):  # another process may change the row between reading and writing it
            seen = self._store.breaker(self.side.system)
            failures = seen.failures + 1
            opens = failures >= self._policy.open_after or seen.state is BreakerState.HALF_OPEN
            new = Breaker(
                seen.system,
                BreakerState.OPEN if opens else seen.state,
                failures,
                self._runtime.clock() if opens else seen.opened_at,
                last_error=fault.message[:500],
            )
            if self._store.change_breaker(seen, new):
                return

    def _succeeded(self) -> None:
        if not self._remember:
            return
        seen = self._store.breaker(self.side.system)
        if seen.failures or seen.state is not BreakerState.CLOSED:
            self._store.change_breaker(seen, Breaker(self.side.system))
