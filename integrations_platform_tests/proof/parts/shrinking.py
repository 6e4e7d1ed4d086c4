"""Failures replay from their seed and shrink: engines broken on purpose, and how short the story of it becomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from integrations_platform.unified_sync.commit import Committer
from integrations_platform.unified_sync.spec import Strategy
from integrations_platform_tests.proof.part import Part, Shown, seeds
from integrations_platform_tests.proof.shrink import failure_of, shrink
from integrations_platform_tests.proof.trials import try_seeds
from integrations_platform_tests.simulation.history import Event, History, draw, replay
from integrations_platform_tests.simulation.memory_store import MemoryStore
from integrations_platform_tests.simulation.sides import Nature
from integrations_platform_tests.simulation.world import Faults

MOST = 10  # events
BROKEN: Mapping[str, tuple[Any, str, Any]] = {
    "losers not audited": (Committer, "losers", lambda _self, _operation: []),
    "stale holders may commit": (MemoryStore, "_fence", lambda _self, _lease: None),
}
NAMES = {"History": History, "Event": Event, "Nature": Nature, "Faults": Faults, "Strategy": Strategy}


def trial(seed: int) -> Counter[str]:
    """One drawn history under one broken engine: if it fails it fails again, its text is itself, and it shrinks."""
    name = list(BROKEN)[seed % len(BROKEN)]
    history = draw(seed, (Strategy.SOURCE_WINS, Strategy.LATEST)[seed // 2 % 2], "rough")
    place, attribute, instead = BROKEN[name]
    with patch.object(place, attribute, instead):
        failure, _ = failure_of(history)
        if failure is None:
            return Counter({"histories that hold all the same": 1})
        again, _ = failure_of(history)
        assert again == failure, "P14: a failure did not replay"
        short = shrink(failure)
        pasted: History = eval(repr(short.history), NAMES)
        told, _ = failure_of(pasted)
        assert told is not None, "P14: the pasted history does not fail"
        assert told.message == short.message, "P14: the pasted history fails in another way"
    events = len(short.history.events)
    assert events <= MOST, f"shrunk to {events} events only"
    replay(short.history)  # under the sound engine it holds
    return Counter({"failures": 1, f"shrunk to {events} events": 1, f"failures, {name}": 1})


def _run(size: int, processes: int) -> Shown:
    found = try_seeds(trial, size, processes)
    counts = found.counts
    lengths = [number for number in range(MOST + 1) if counts[f"shrunk to {number} events"]]
    share = ", ".join(f"{counts[f'shrunk to {number} events']} to {number}" for number in lengths)
    return Shown(
        seeds(size),
        f"{counts['failures']:,} failures of engines broken on purpose: each failed again from its seed and from its "
        f"printed text, and shrank from 12 events to at most {max(lengths, default=0)} ({share}); "
        f"{counts['violations']} did not",
        counts,
        tuple(found.violations),
    )


SHRINKING = Part(
    "replay",
    "Replay of failures",
    "every failure prints seed + commit; shrinks to ≤ 10 events",
    "histories",
    {"quick": 4, "short": 40, "nightly": 1_000},
    _run,
)
