"""Waiting for a run to end: how often to look, and how long an unreachable service is borne.

Owns no connection: what to look at, time, sleep and chance are handed in.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from integrations_platform.databricks.faults import FaultKind, JobFault
from integrations_platform.databricks.looks import RunLook

T = TypeVar("T")


@dataclass(frozen=True)
class Timing:
    """Time, sleep and chance; tests bring their own. ``draw`` gives numbers from 0 up to 1."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = field(default=random.random)


@dataclass(frozen=True)
class Patience:
    """How long to wait. Looks come every ``first`` seconds at the start and every ``longest`` later, each up to a fifth
    sooner or later by chance, so that many runs do not ask together. After ``faults`` failing calls in a row the
    waiting ends. ``timeout`` in seconds; None: as long as it takes, because the job's own timeout is the vendor's."""

    first: float = 5.0
    longest: float = 30.0
    growth: float = 1.5
    faults: int = 20
    timeout: float | None = None

    def pause(self, turn: int, draw: Callable[[], float]) -> float:
        """Seconds before look number ``turn``, counted from 0."""
        usual = min(self.longest, self.first * self.growth ** min(turn, 50))
        return usual * (0.8 + 0.4 * draw())


class WaitedTooLong(Exception):  # noqa: N818
    """The configured time is over and the run is not."""


def wait(
    look: Callable[[], RunLook], patience: Patience, timing: Timing, note: Callable[[str], None],
    warn: Callable[[str], None],
) -> RunLook:  # fmt: skip
    """Look until the run is over. ``note`` hears of every change of state, ``warn`` of what is odd.

    Raises JobFault, transient when the service could not be reached for too long, and WaitedTooLong.
    """
    started, shown, turn, faults = timing.clock(), "", 0, 0
    while True:
        pause = patience.pause(turn, timing.draw)
        try:
            run = look()
        except JobFault as fault:
            faults += 1
            if fault.kind is not FaultKind.TRANSIENT or faults >= patience.faults:
                raise
            warn(f"no word of the run ({faults} of at most {patience.faults} times in a row): {fault.message}")
            pause = max(pause, fault.wait or 0.0)
        else:
            faults = 0
            if run.verdict is not None:
                return run
            told = f"{run.life or 'in a state that this version does not know'}" + (
                f": {run.message}" * bool(run.message)
            )
            if told != shown:
                (note if run.life else warn)(f"run {run.run_id} is {told}" + ("" if run.life else "; waiting on"))
                shown = told
        if patience.timeout is not None and timing.clock() - started + pause > patience.timeout:
            raise WaitedTooLong(f"not over after {patience.timeout:g} s")
        timing.sleep(pause)
        turn += 1


def insist(call: Callable[[], T], timing: Timing, attempts: int = 5) -> T:
    """Make a call that may be repeated, up to ``attempts`` times while it fails by chance. Raises JobFault."""
    for attempt in range(1, attempts):
        try:
            return call()
        except JobFault as fault:
            if fault.kind is not FaultKind.TRANSIENT:
                raise
            timing.sleep(fault.wait if fault.wait is not None else 2.0**attempt * (0.8 + 0.4 * timing.draw()))
    return call()
