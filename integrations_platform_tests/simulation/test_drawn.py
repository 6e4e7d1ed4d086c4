"""Drawn histories and planner cases in short form, and proof that the machinery itself can fail, replay and shrink."""

from __future__ import annotations

import pytest

from integrations_platform.unified_sync.commit import Committer
from integrations_platform.unified_sync.spec import Strategy
from integrations_platform.unified_sync.store import Lease
from integrations_platform_tests.proof.histories import live_and_mirror
from integrations_platform_tests.proof.holdings import HOLDINGS, broken
from integrations_platform_tests.proof.planner_cases import CI, run_cases
from integrations_platform_tests.proof.shrink import failure_of, shrink
from integrations_platform_tests.simulation.history import PROFILES, Event, History, draw, replay
from integrations_platform_tests.simulation.memory_store import MemoryStore
from integrations_platform_tests.simulation.sides import Nature
from integrations_platform_tests.simulation.world import Faults

SEEDS, AT_ONCE = 500, 25


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
@pytest.mark.parametrize("strategy", list(Strategy))
def test_drawn_histories_hold(strategy: Strategy, first: int) -> None:
    """Five hundred for each strategy, the profiles of faults in turn; the proof's parts draw many more."""
    for seed in range(first, first + AT_ONCE):
        failure, _ = failure_of(draw(seed, strategy, PROFILES[seed % len(PROFILES)]), live_and_mirror)
        assert failure is None, f"{failure.message}\n{failure.history!r}"


def test_planner_cases_hold() -> None:
    found = run_cases(CI)
    assert not found.violations
    assert found.counts["cases"] >= CI


@pytest.mark.parametrize("profile", PROFILES)
def test_p14_a_history_replays_exactly_and_its_text_is_itself(profile: str) -> None:
    history = draw(3, Strategy.LATEST, profile)
    names = {"History": History, "Event": Event, "Nature": Nature, "Faults": Faults, "Strategy": Strategy}
    assert eval(repr(history), names) == history
    first, second = replay(history), replay(history)
    assert first.log == second.log
    assert [line.hash for line in first.store.memory.audit] == [line.hash for line in second.store.memory.audit]


def _first_failure(profile: str) -> History | None:
    for seed in range(100):
        for strategy in (Strategy.SOURCE_WINS, Strategy.LATEST):
            if failure_of(draw(seed, strategy, profile))[0] is not None:
                return draw(seed, strategy, profile)
    return None


@pytest.mark.parametrize("fault", ["no losers", "no fence"])
def test_a_broken_engine_is_noticed_and_its_history_shrinks(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if fault == "no losers":
        monkeypatch.setattr(Committer, "losers", lambda self, operation: [])
    else:

        def fence(_self: MemoryStore, _lease: Lease) -> None:
            return None

        monkeypatch.setattr(MemoryStore, "_fence", fence)
    history = _first_failure("hostile" if fault == "no fence" else "rough")
    assert history is not None, "nothing was noticed"
    failure, _ = failure_of(history)
    assert failure is not None
    short = shrink(failure)
    assert short.property == failure.property
    assert len(short.history.events) <= 10


def test_every_property_has_its_holder_and_every_holder_is_there() -> None:
    assert list(HOLDINGS) == [f"P{number}" for number in range(1, 43)]
    assert broken() == []
