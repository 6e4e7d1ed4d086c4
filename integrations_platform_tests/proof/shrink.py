"""Making a failing history short: events and the systems' faults are left out while the same property still fails."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from integrations_platform_tests.simulation.history import Event, History, replay
from integrations_platform_tests.simulation.sides import Nature
from integrations_platform_tests.simulation.world import Faults, World

ATTEMPTS = 400
SECONDS = 45.0  # at most, so that a long history does not hold up all the others


@dataclass(frozen=True)
class Failure:
    """A property that did not hold in a history; ``property`` is its number, or the error's name."""

    property: str
    message: str
    history: History


def failure_of(history: History, live: Callable[[History], World] = replay) -> tuple[Failure | None, World | None]:
    """Live through a history: what failed, or the world it ended in."""
    try:
        return None, live(history)
    except AssertionError as fault:
        text = str(fault) or _place(fault)
        return Failure(text.split(":")[0], text, history), None
    except Exception as fault:
        return Failure(type(fault).__name__, f"{fault} ({_place(fault)})", history), None


def _place(fault: BaseException) -> str:
    last = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{last.name}, line {last.lineno}: {last.line}"


def shrink(failure: Failure, live: Callable[[History], World] = replay) -> Failure:
    """The shortest history found that still fails in the same property."""
    best, left = failure, ATTEMPTS
    until = time.monotonic() + SECONDS

    def fails(candidate: History) -> bool:
        nonlocal best, left
        left = left - 1 if time.monotonic() < until else 0
        found, _ = failure_of(candidate, live)
        if found is not None and found.property == failure.property:
            best = found
            return True
        return False

    shorter = True
    while shorter and left > 0:
        size = len(best.history.events)
        _without_events(best.history, fails, lambda: left > 0)
        for candidate in simpler(best.history):
            if left > 0:
                fails(candidate)
        shorter = len(best.history.events) < size
    return best


def _without_events(history: History, fails: Callable[[History], bool], going: Callable[[], bool]) -> None:
    """Delta debugging over the events: ever smaller pieces are left out."""
    events: Sequence[Event] = history.events
    piece = max(1, len(events) // 2)
    while going():
        start, removed = 0, False
        while start < len(events) and going():
            fewer = [*events[:start], *events[start + piece :]]
            if fails(replace(history, events=tuple(fewer))):
                events, removed = fewer, True
            else:
                start += piece
        if piece == 1 and not removed:
            return
        piece = max(1, piece // 2)


def simpler(history: History) -> list[History]:
    """The same history between better-natured systems, one difference at a time. Each is tried on its own."""
    found = []
    if history.breaker_after != History.breaker_after:
        found.append(replace(history, breaker_after=History.breaker_after))
    found += [replace(history, typed=False)] * history.typed
    found += [replace(history, invoices="")] * bool(history.invoices)
    rates = [rate.name for rate in fields(Faults) if getattr(history.faults, rate.name)]
    found += [replace(history, faults=replace(history.faults, **{name: 0.0})) for name in rates]
    for side in ("left", "right"):
        nature: Nature = getattr(history, side)
        for item in fields(Nature):
            fresh = getattr(Nature(), item.name)
            if getattr(nature, item.name) != fresh:
                found.append(replace(history, **{side: replace(nature, **{item.name: fresh})}))
    return found
