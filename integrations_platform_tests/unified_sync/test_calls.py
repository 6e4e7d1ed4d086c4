"""Calls to a side: what is repeated, what is not, and when a system is left in peace (P7)."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations_platform.unified_sync.calls import Caller, CallPolicy
from integrations_platform.unified_sync.port import ErrorKind, SideError
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.store import BreakerState
from integrations_platform_tests.simulation.memory_store import MemoryStore
from integrations_platform_tests.unified_sync.arrange import Story

TRANSIENT = SideError(ErrorKind.TRANSIENT, "the line is down")
PERMANENT = SideError(ErrorKind.PERMANENT, "never")
CONFIGURATION = SideError(ErrorKind.CONFIGURATION, "set LEFT_URL")


@dataclass
class Desk:
    """One system, one clock, any number of callers."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)
    store: MemoryStore = field(default_factory=MemoryStore)

    def caller(self, holder: str = "one", *, remember: bool = True, **policy: float) -> Caller:
        runtime = Runtime(clock=lambda: self.now, sleep=self.sleep, random=random.Random(0), holder=holder)
        return Caller(Story().a, self.store, runtime, CallPolicy(**policy), remember=remember)  # type: ignore[arg-type]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def state(self) -> BreakerState:
        return self.store.breaker("left").state


@dataclass
class Remote:
    """Answers with these faults, then with success."""

    faults: list[SideError]
    calls: int = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.faults:
            raise self.faults.pop(0)
        return "done"


def trip(desk: Desk, times: int = 5) -> None:
    caller = desk.caller(attempts=1)
    for _ in range(times):
        with pytest.raises(SideError):
            caller.call(Remote([TRANSIENT]))


def test_a_transient_fault_is_tried_again_with_growing_pauses() -> None:
    desk, remote = Desk(), Remote([TRANSIENT] * 3)
    assert desk.caller(attempts=4, backoff=1).call(remote) == "done"
    assert remote.calls == 4
    assert [0.5 <= desk.slept[0] <= 1, 1 <= desk.slept[1] <= 2, 2 <= desk.slept[2] <= 4] == [True] * 3


def test_a_side_that_asks_for_hours_ends_the_call_instead_of_the_run_sleeping_on_its_lease() -> None:
    desk = Desk()
    patient = Remote([SideError(ErrorKind.TRANSIENT, "later", retry_after=300)])
    assert desk.caller().call(patient) == "done"
    assert desk.slept == [300]
    tomorrow = Remote([SideError(ErrorKind.TRANSIENT, "the daily quota is used up", retry_after=40_000)])
    with pytest.raises(SideError, match="daily quota"):
        desk.caller().call(tomorrow)
    assert (desk.slept, tomorrow.calls) == ([300], 1)


def test_attempts_end_and_pauses_have_a_ceiling() -> None:
    desk, remote = Desk(), Remote([TRANSIENT] * 99)
    with pytest.raises(SideError, match="line is down"):
        desk.caller(attempts=8, backoff=10, max_backoff=15, open_after=99).call(remote)
    assert remote.calls == 8
    assert max(desk.slept) <= 15


def test_retry_after_is_obeyed_even_above_the_own_ceiling() -> None:
    desk = Desk()
    busy = SideError(ErrorKind.TRANSIENT, "slow down", retry_after=120)
    desk.caller().call(Remote([busy]))
    assert desk.slept == [120]


@pytest.mark.parametrize("fault", [PERMANENT, CONFIGURATION])
def test_what_will_not_get_better_is_not_tried_again_and_trips_nothing(fault: SideError) -> None:
    desk = Desk()
    for _ in range(10):
        remote = Remote([fault])
        with pytest.raises(SideError) as seen:
            desk.caller().call(remote)
        assert (remote.calls, seen.value.kind) == (1, fault.kind)
    assert desk.state() is BreakerState.CLOSED
    assert desk.slept == []


def test_p37_a_write_whose_effect_is_unknown_is_never_blindly_repeated() -> None:
    desk, remote = Desk(), Remote([SideError(ErrorKind.TRANSIENT, "cut off", effect_unknown=True)])
    with pytest.raises(SideError):
        desk.caller().call(remote)
    assert remote.calls == 1


def test_the_breaker_opens_after_five_failures_in_a_row_and_then_nothing_is_called() -> None:
    desk = Desk()
    trip(desk, 4)
    desk.caller().call(Remote([]))
    trip(desk, 4)
    assert desk.state() is BreakerState.CLOSED, "a success in between begins anew"
    trip(desk, 1)
    assert desk.state() is BreakerState.OPEN
    remote = Remote([])
    with pytest.raises(SideError, match="circuit breaker is open after 5 failures") as seen:
        desk.caller().call(remote)
    assert (remote.calls, seen.value.kind, seen.value.effect_unknown) == (0, ErrorKind.TRANSIENT, False)


def test_after_its_cooldown_exactly_one_of_two_holders_probes_and_a_success_closes_it() -> None:
    desk = Desk()
    trip(desk)
    desk.now += timedelta(seconds=60)
    refused = []

    def while_probing() -> str:
        with pytest.raises(SideError) as seen:
            desk.caller("two").call(Remote([]))
        refused.append(seen.value.code)
        return "done"

    assert desk.caller("one").call(while_probing) == "done"
    assert refused == ["breaker_open"]
    assert desk.state() is BreakerState.CLOSED
    assert desk.caller("two").call(Remote([])) == "done"


def test_a_failed_probe_opens_it_again_for_a_whole_cooldown() -> None:
    desk = Desk()
    trip(desk)
    desk.now += timedelta(seconds=60)
    with pytest.raises(SideError, match="line is down"):
        desk.caller(attempts=1).call(Remote([TRANSIENT]))
    desk.now += timedelta(seconds=59)
    with pytest.raises(SideError, match="breaker is open"):
        desk.caller().call(Remote([]))
    desk.now += timedelta(seconds=1)
    assert desk.caller().call(Remote([])) == "done"


def test_a_prober_that_died_is_replaced_when_its_turn_is_over() -> None:
    desk = Desk()
    trip(desk)
    desk.now += timedelta(seconds=60)

    def dies() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.caller("one").call(dies)
    desk.now += timedelta(seconds=59)
    with pytest.raises(SideError):
        desk.caller("two").call(Remote([]))
    desk.now += timedelta(seconds=2)
    assert desk.caller("two").call(Remote([])) == "done"


def test_p7_a_dry_run_obeys_the_breaker_and_never_changes_it() -> None:
    desk = Desk()
    dry = desk.caller(remember=False, attempts=1)
    for _ in range(9):
        with pytest.raises(SideError):
            dry.call(Remote([TRANSIENT]))
    assert desk.store.breakers == {}
    trip(desk)
    before = dict(desk.store.breakers)
    with pytest.raises(SideError, match="breaker is open"):
        dry.call(Remote([]))
    desk.now += timedelta(seconds=60)
    assert dry.call(Remote([])) == "done"
    assert desk.store.breakers == before


def test_calls_are_paced_to_the_declared_rate() -> None:
    desk = Desk()
    caller = desk.caller(per_second=4)
    for _ in range(5):
        caller.call(Remote([]))
    assert desk.slept == [0.25] * 4
    desk.now += timedelta(seconds=10)
    caller.call(Remote([]))
    assert len(desk.slept) == 4, "idle time is not waited for again"


def test_a_run_against_a_system_that_is_down_fails_as_transient_and_writes_nothing() -> None:
    story = Story()
    story.a.insert({"email": "a@x.org"})
    story.b.faults = [TRANSIENT] * 4
    report = story.run()
    assert (report.status, report.fault, report.exit_code) == ("failed", ErrorKind.TRANSIENT, 1)
    assert story.writes == 0
    assert story.run().exit_code == 0


def test_a_record_that_cannot_be_read_just_now_is_asked_for_again_while_planning() -> None:
    """A service that says "too many" once, among the hundred pages of a large run, does not end it."""
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")
    story.a.look_faults = [SideError(ErrorKind.TRANSIENT, "too many", retry_after=10)]
    assert story.run().exit_code == 0
    assert twin.values["name"] == "Anna"
    assert story.slept == [10]


def test_p3_what_was_planned_is_not_written_after_a_pause_in_which_another_run_took_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The service asks for more patience than a lease lasts. Meanwhile a user goes on, and another run carries that."""
    story = Story()
    story.b.able = replace(story.b.able, compare_and_set=False)
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")

    def meanwhile(seconds: float) -> None:
        monkeypatch.undo()
        story.time += timedelta(seconds=seconds)
        story.a.edit(row, name="Eva")
        assert story.run().exit_code == 0

    monkeypatch.setattr(story, "_sleep", meanwhile)
    story.b.write_faults = [SideError(ErrorKind.TRANSIENT, "too many", retry_after=100)]
    story.runs += 1
    report = story.engine("slow").run(story.spec, story.sides)
    assert (report.status, twin.values["name"]) == ("failed", "Eva")
    assert "taken over" in report.message


def test_a_run_with_a_wrong_setting_names_it_and_is_no_use_repeating() -> None:
    story = Story()
    story.b.faults = [CONFIGURATION]
    report = story.run()
    assert (report.fault, report.exit_code, report.message) == (ErrorKind.CONFIGURATION, 2, "set LEFT_URL")
