"""Calls that are repeated, runs that are waited for, tokens that are held: by a clock that moves by waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from integrations_platform.held_token import HeldToken
from integrations_platform.service_faults import FaultKind, ServiceFault
from integrations_platform.waiting import LONGEST_ASKED, Patience, Timing, WaitedTooLong, insist, wait


@dataclass
class Watch:
    """Time that passes by sleeping."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def timing(self, draw: float = 0.5) -> Timing:
        return Timing(lambda: self.now, self.sleep, lambda: draw)


@dataclass(frozen=True)
class Seen:
    """A run at one moment."""

    told: str
    over: bool = False
    begun: bool = True
    known: bool = True


def passing(wait: float | None = None) -> ServiceFault:
    return ServiceFault(FaultKind.TRANSIENT, "away", wait=wait)


def failing(times: int, fault: ServiceFault) -> Callable[[], str]:
    left = iter([fault] * times)

    def call() -> str:
        for each in left:
            raise each
        return "done"

    return call


def test_waits_between_calls_double_up_to_the_longest_and_are_spread_by_chance() -> None:
    watch = Watch()
    assert insist(failing(5, passing()), watch.timing(0.0), 6, first=1, longest=8, spread=0.5) == "done"
    assert watch.slept == [0.5, 1, 2, 4, 4]
    watch = Watch()
    insist(failing(5, passing()), watch.timing(1.0), 6, first=1, longest=8, spread=0.5)
    assert watch.slept == [1.5, 3, 6, 12, 12]


@pytest.mark.parametrize(("asked", "slept"), [(0.0, 0.0), (17.0, 17.0), (86_400.0, LONGEST_ASKED)])
def test_a_service_that_asks_for_a_pause_gets_it_within_reason(asked: float, slept: float) -> None:
    watch = Watch()
    insist(failing(1, passing(asked)), watch.timing())
    assert watch.slept == [slept]


def test_only_what_may_pass_is_tried_again_and_not_for_ever() -> None:
    watch = Watch()
    with pytest.raises(ServiceFault, match="no"):
        insist(failing(1, ServiceFault(FaultKind.PERMANENT, "no")), watch.timing())
    assert watch.slept == []
    with pytest.raises(ServiceFault, match="away"):
        insist(failing(5, passing()), watch.timing(), 5)
    assert len(watch.slept) == 4


def looks(*seen: Seen | ServiceFault) -> Callable[[], Seen]:
    """One after the other; the last one stays."""

    def each() -> Iterator[Seen | ServiceFault]:
        yield from seen
        while True:
            yield seen[-1]

    row = each()

    def look() -> Seen:
        found = next(row)
        if isinstance(found, ServiceFault):
            raise found
        return found

    return look


def test_changes_are_noted_once_and_odd_states_are_warnings() -> None:
    notes: list[str] = []
    warnings: list[str] = []
    run = looks(Seen("queued"), Seen("queued"), Seen("odd", known=False), Seen("odd", known=False), Seen("", over=True))
    assert wait(run, Patience(), Watch().timing(), notes.append, warnings.append).over
    assert (notes, warnings) == (["queued"], ["odd; waiting on"])


def test_a_silence_is_counted_from_its_beginning_and_forgotten_with_the_first_word() -> None:
    watch, away = Watch(), passing()
    row = [away] * 6 + [Seen("runs")] + [away] * 6 + [Seen("", over=True)]
    assert wait(looks(*row), Patience(first=2, silence=60), watch.timing(), lambda _: None, lambda _: None).over
    assert watch.slept[:6] == watch.slept[7:13] == pytest.approx([2 * 1.5**turn for turn in range(6)])
    with pytest.raises(ServiceFault, match="away"):
        wait(looks(away), Patience(first=2, silence=60), watch.timing(), lambda _: None, lambda _: None)


def test_a_run_has_its_time_from_its_own_beginning_on() -> None:
    patience = Patience(first=10, growth=1, timeout=50, queue=100)
    waiting, running = Seen("queued", begun=False), Seen("runs")
    row = [*[waiting] * 9, *[running] * 5, Seen("", over=True)]
    assert wait(looks(*row), patience, Watch().timing(), lambda _: None, lambda _: None).over
    watch = Watch()
    with pytest.raises(WaitedTooLong, match="not over after 50 s"):
        wait(looks(*[waiting] * 9, running), patience, watch.timing(), lambda _: None, lambda _: None)
    assert watch.now == pytest.approx(140)
    with pytest.raises(WaitedTooLong, match="not begun after 100 s"):
        wait(looks(waiting), patience, Watch().timing(), lambda _: None, lambda _: None)


def test_a_token_is_fetched_when_it_is_needed_after_its_end_and_when_it_was_refused() -> None:
    watch, given = Watch(), iter("abcdef")
    held = HeldToken(lambda: watch.now)

    def fetch() -> tuple[str, float]:
        return next(given), 60.0

    assert held.held == ""
    assert [held.token(fetch), held.token(fetch)] == ["a", "a"]
    watch.now = 59.9
    assert held.token(fetch) == "a"
    watch.now = 60
    assert held.token(fetch) == "b"
    held.renew()
    assert held.held == "b", "still to be blotted out of messages"
    assert held.token(fetch) == "c"
