"""Waiting for a run on an outside service to end: how often to look, and how long an unreachable service is borne.

Owns no connection: what to look at, time, sleep and chance are handed in. It never ends what it waits for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from integrations_platform.service_faults import FaultKind, ServiceFault

LONGEST_ASKED = 300.0
"""Seconds that a service's own wish for a pause is followed; one that asks for more is asked again after that."""

T = TypeVar("T")


@dataclass(frozen=True)
class Timing:
    """Time, sleep and chance; tests bring their own. ``draw`` gives numbers from 0 up to 1."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = field(default=random.random)


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds. Looks come every ``first`` at the start and every ``longest`` later, each up to a
    fifth sooner or later by chance, so that many runs do not ask together. After ``silence`` without one usable answer
    the waiting ends; until then it is looked as often as at the start. ``queue``: how long the run may wait for its
    turn; ``timeout``: how long it may run from then on. None: as long as it takes, because its own limits are the
    vendor's."""

    first: float = 5.0
    longest: float = 30.0
    growth: float = 1.5
    silence: float = 600.0
    timeout: float | None = None
    queue: float | None = None

    def pause(self, turn: int, draw: Callable[[], float]) -> float:
        """Seconds before look number ``turn``, counted from 0."""
        usual = min(self.longest, self.first * self.growth ** min(turn, 50))
        return usual * (0.8 + 0.4 * draw())


class WaitedTooLong(Exception):  # noqa: N818
    """The configured time is over and the run is not."""


class Look(Protocol):
    """A run as it was at one moment."""

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""

    @property
    def begun(self) -> bool:
        """Whether it has had its turn."""

    @property
    def known(self) -> bool:
        """Whether its state is one that this version knows; any other is never taken for an end."""

    @property
    def told(self) -> str:
        """What it is and what it does, for people."""


L = TypeVar("L", bound=Look)


def wait(
    look: Callable[[], L], patience: Patience, timing: Timing, note: Callable[[str], None],
    warn: Callable[[str], None],
) -> L:  # fmt: skip
    """Look until the run is over. ``note`` hears of every change of state, ``warn`` of what is odd.

    Raises ServiceFault, transient when the service could not be reached for too long, and WaitedTooLong.
    """
    since, begun, shown, turn = timing.clock(), False, "", 0
    silent: float | None = None
    failed = 0
    while True:
        try:
            run = look()
        except ServiceFault as fault:
            now = timing.clock()
            silent = now if silent is None else silent
            if fault.kind is not FaultKind.TRANSIENT or now - silent >= patience.silence:
                raise
            warn(f"no word of the run for {now - silent:.0f} s (borne for {patience.silence:g} s): {fault.message}")
            pause = max(patience.pause(failed, timing.draw), min(fault.wait or 0.0, LONGEST_ASKED))
            failed += 1
        else:
            silent, failed = None, 0
            if run.over:
                return run
            if run.told != shown:
                (note if run.known else warn)(run.told + ("" if run.known else "; waiting on"))
                shown = run.told
            if run.begun and not begun:
                since, begun = timing.clock() if turn else since, True
            pause = patience.pause(turn, timing.draw)
            turn += 1
        limit, how = (patience.timeout, "not over") if begun else (patience.queue, "not begun")
        if limit is not None and timing.clock() - since + pause > limit:
            raise WaitedTooLong(f"{how} after {limit:g} s")
        timing.sleep(pause)


def insist(
    call: Callable[[], T], timing: Timing, attempts: int = 5, *, first: float = 2.0, longest: float = 30.0,
    spread: float = 0.2,
) -> T:  # fmt: skip
    """Make a call that may be repeated, up to ``attempts`` times while it fails by chance. Waits double from ``first``
    to ``longest`` seconds, each by up to ``spread`` of it sooner or later, unless the service asks for its own.

    Raises ServiceFault.
    """
    for attempt in range(attempts - 1):
        try:
            return call()
        except ServiceFault as fault:
            if fault.kind is not FaultKind.TRANSIENT:
                raise
            usual = min(longest, first * 2.0**attempt) * (1 - spread + 2 * spread * timing.draw())
            timing.sleep(usual if fault.wait is None else min(fault.wait, LONGEST_ASKED))
    return call()
