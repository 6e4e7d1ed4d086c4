"""What is said, and when: one message for each change of state, repeats counted, recoveries told once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations_platform.alerts.alert import Alert, Kind, Severity
from integrations_platform.alerts.evidence import Evidence, OutsideRun
from integrations_platform.settings_alerts import Thresholds
from integrations_platform.unified_sync.store import Breaker, BreakerState
from integrations_platform_tests.alerts.stories import NOW, Watcher, sync

DAGSTER = "4f3c1c4e-7a51-4b8f-9a56-0f6f2b6c9d10"


def facts(alert: Alert) -> dict[str, str]:
    return dict(alert.facts)


def outside(watcher: Watcher, *, succeeded: bool = False, part: str = "", subject: str = "lake/flights",
            syncs: tuple[str, ...] = (), error: str = "") -> OutsideRun:  # fmt: skip
    watcher.wait(seconds=20)
    return OutsideRun(
        subject, watcher.now - timedelta(seconds=10), watcher.now, succeeded, syncs, part, DAGSTER, error
    )  # fmt: skip


def test_a_sync_that_works_is_not_spoken_of() -> None:
    watcher = Watcher()
    assert watcher.said() == []
    watcher.ran("succeeded")
    assert watcher.said() == []
    assert watcher.standing == {}, "nothing to remember either"


def test_failing_is_told_once_repeats_are_counted_and_the_end_is_told_once() -> None:
    watcher = Watcher()
    watcher.ran("succeeded")
    watcher.look()
    watcher.ran("failed", "billing: could not connect to db.internal:5432 as hunter2")
    (alert,) = watcher.look()
    assert (alert.headline, alert.severity, alert.recovered) == ("people failed", Severity.CRITICAL, False)
    assert facts(alert) == {"run": "run2", "reason": "a system could not be reached"}
    for _ in range(3):
        watcher.wait(minutes=5)
        watcher.ran("failed", "again")
        assert watcher.said() == []
    assert watcher.said() == []
    watcher.ran("succeeded")
    (over,) = watcher.look()
    assert (over.headline, over.kind, over.recovered) == ("people runs again", Kind.RUN_FAILED, True)
    assert facts(over) == {"it was": "run failed since 2026-03-02 09:00 UTC, 18 min, 4 times"}
    assert watcher.said() == []


def test_one_trouble_that_becomes_another_is_one_message() -> None:
    watcher = Watcher()
    watcher.ran("failed")
    watcher.look()
    watcher.ran("partial", counts='{"rejected_b": 2, "parked_a": 1, "applied_b": 40}')
    (alert,) = watcher.look()
    assert (alert.headline, alert.severity) == ("people is only partly in agreement", Severity.WARNING)
    shown = facts(alert)
    assert (shown["rejected"], shown["parked"], shown["written"]) == ("2", "1", "40")
    assert shown["before"].startswith("run failed since")
    watcher.ran("succeeded")
    assert watcher.said() == ["people is wholly in agreement again"]


def test_a_refusal_says_which_guard_and_in_which_numbers() -> None:
    watcher = Watcher()
    watcher.ran("refused", "12 records would be removed from shop:member, where 10 are allowed")
    (alert,) = watcher.look()
    assert alert.headline == "people was refused by a guard"
    assert facts(alert)["guard"] == "12 records would be removed from shop:member, where 10 are allowed"


def test_what_passed_between_two_looks_is_not_told_after_the_event() -> None:
    watcher = Watcher()
    watcher.ran("succeeded")
    watcher.ran("failed")
    watcher.ran("succeeded")
    assert watcher.said() == []


def test_a_watcher_that_starts_late_tells_what_stands() -> None:
    watcher = Watcher()
    for _ in range(3):
        watcher.ran("failed")
    (alert,) = watcher.look()
    assert facts(alert)["so far"] == "3 times"


def test_a_run_whose_process_died_is_told_when_its_lease_ends() -> None:
    watcher = Watcher()
    watcher.ran("running", trigger=f"dagster:schedule:people_schedule run {DAGSTER}")
    watcher.held_until = watcher.now + timedelta(seconds=120)
    assert watcher.said() == []
    watcher.wait(minutes=3)
    (alert,) = watcher.look()
    assert (alert.headline, facts(alert)["reason"]) == ("people failed", "the process that ran it died")
    assert alert.run == DAGSTER, "the page of the run is known all the same"
    assert watcher.said() == []
    watcher.held_until = None
    watcher.ran("succeeded")
    assert watcher.said() == ["people runs again"]


def test_conflicts_are_told_above_their_number_and_above_their_age() -> None:
    watcher = Watcher(limits=Thresholds(open_conflicts=10, conflict_age_hours=48, silent_intervals=100_000))
    watcher.specs = [sync(freshness_hours=10_000.0)]
    watcher.ran("succeeded")
    watcher.conflicts = (10, NOW)
    assert watcher.said() == []
    watcher.conflicts = (11, NOW)
    (alert,) = watcher.look()
    assert alert.headline == "people: conflicts wait for a person"
    assert facts(alert)["open"] == "11 (limit 10)"
    watcher.conflicts = (200, NOW)
    assert watcher.said() == [], "more of the same is no change"
    watcher.conflicts = (1, NOW)
    assert watcher.said() == ["people: conflicts are within their limits again"]
    watcher.wait(hours=49)
    (old,) = watcher.look()
    assert facts(old)["oldest"] == "2 d 1 h (limit 48 h)"


def test_a_sync_s_own_limit_of_conflicts_counts_more_than_the_common_one() -> None:
    watcher = Watcher([sync(max_open_conflicts=0)])
    watcher.ran("partial")
    watcher.conflicts = (1, NOW)
    assert "people: conflicts wait for a person" in watcher.said()


def test_breakers_open_and_close() -> None:
    watcher = Watcher()
    watcher.breakers["crm"] = Breaker("crm", BreakerState.OPEN, 5, NOW, last_error="401 for token hunter2")
    watcher.breakers["elsewhere"] = Breaker("elsewhere", BreakerState.OPEN, 5, NOW)
    (alert,) = watcher.look()
    assert alert.headline == "crm: its circuit breaker opened, calls are stopped"
    assert facts(alert) == {
        "failures in a row": "5", "opened": "2026-03-02 09:00 UTC", "reason": "credentials are wrong or expired",
    }  # fmt: skip
    watcher.breakers["crm"] = Breaker("crm", BreakerState.HALF_OPEN, 5, NOW)
    assert watcher.said() == [], "one call is let through to find out; nothing has changed yet"
    watcher.breakers["crm"] = Breaker("crm")
    assert watcher.said() == ["crm: its circuit breaker closed again"]


def test_silence_of_two_intervals_is_a_dead_man_and_one_recovery_ends_all_of_it() -> None:
    watcher = Watcher()
    watcher.ran("succeeded")
    assert watcher.said() == []
    watcher.wait(minutes=29)
    assert watcher.said() == []
    watcher.wait(minutes=1)
    (alert,) = watcher.look()
    assert (alert.kind, alert.severity) == (Kind.DEAD_MAN, Severity.CRITICAL)
    assert alert.headline == "people has stopped coming through"
    assert facts(alert)["schedule"] == "*/15 * * * * (2 intervals missed)"
    watcher.wait(days=11)
    assert watcher.said() == [], "that it is late too says nothing new"
    watcher.ran("succeeded")
    assert watcher.said() == ["people comes through again"]


def test_a_sync_is_late_by_its_own_hours_and_dead_only_by_its_schedule() -> None:
    watcher = Watcher([sync(schedule="0 3 * * *", freshness_hours=25.0)])
    watcher.ran("partial")
    assert watcher.said() == ["people is only partly in agreement"]
    watcher.wait(hours=26)
    (late,) = watcher.look()
    assert (late.kind, late.severity) == (Kind.FRESHNESS_LOST, Severity.WARNING)
    watcher.wait(hours=48)
    assert watcher.said() == ["people has stopped coming through"]
    watcher.ran("succeeded")
    told = {alert.headline: len(alert.facts) for alert in watcher.look()}
    assert told == {"people comes through again": 1, "people is wholly in agreement again": 2}, "what ends together"


def test_a_sync_run_by_hand_only_is_neither_late_nor_dead() -> None:
    watcher = Watcher([sync(schedule=None)])
    watcher.ran("succeeded")
    watcher.wait(days=400)
    assert watcher.said() == []


def test_a_sync_that_never_came_through_is_dead_from_its_first_run_on() -> None:
    watcher = Watcher()
    watcher.ran("failed")
    watcher.look()
    watcher.wait(hours=1)
    assert watcher.said() == ["people has stopped coming through"]


def test_a_sync_that_is_no_longer_declared_falls_silent() -> None:
    watcher = Watcher()
    watcher.ran("failed")
    watcher.look()
    watcher.specs = []
    assert watcher.said() == []
    assert watcher.standing["sync/people"].kind is None


def test_other_assets_fail_and_recover_by_what_the_orchestrator_tells() -> None:
    watcher = Watcher()
    (alert,) = watcher.look(outside(watcher, error="KeyError: 'ana@example.com'"))
    assert (alert.headline, facts(alert), alert.run) == ("lake/flights failed", {"reason": "see the run"}, DAGSTER)
    assert watcher.said(outside(watcher)) == []
    assert watcher.said(outside(watcher, succeeded=True)) == ["lake/flights runs again"]
    assert watcher.said(outside(watcher, succeeded=True)) == []


def test_a_day_that_failed_is_not_mended_by_another_day() -> None:
    watcher = Watcher()
    assert watcher.said(outside(watcher, part="2026-03-01")) == ["lake/flights failed"]
    assert watcher.said(outside(watcher, part="2026-02-28")) == [], (
        "one cause fails a whole backfill: it is one message"
    )
    assert watcher.said(outside(watcher, part="2026-03-02", succeeded=True)) == []
    assert watcher.said(outside(watcher, part="2026-03-01", succeeded=True)) == []
    assert watcher.said(outside(watcher, part="2026-02-28", succeeded=True)) == ["lake/flights runs again"]


def test_what_is_read_twice_or_shows_late_changes_nothing() -> None:
    watcher = Watcher()
    failed, mended = outside(watcher), outside(watcher, succeeded=True)
    assert watcher.said(failed) == ["lake/flights failed"]
    assert watcher.said(failed) == []
    assert watcher.said(failed, mended) == ["lake/flights runs again"]
    assert watcher.said(mended, failed) == []
    assert watcher.said(failed) == []


def test_a_run_that_the_history_knows_is_told_by_the_history_alone() -> None:
    watcher = Watcher()
    watcher.ran("failed", trigger=f"dagster run {DAGSTER}")
    assert watcher.said(outside(watcher, subject="people", syncs=("people",))) == ["people failed"]
    watcher.ran("succeeded", trigger=f"dagster run {DAGSTER}")
    assert watcher.said(outside(watcher, subject="people", syncs=("people",), succeeded=True)) == ["people runs again"]


def test_a_run_that_never_got_to_the_engine_is_told_as_its_sync_s() -> None:
    watcher = Watcher()
    watcher.ran("succeeded")
    watcher.wait(minutes=5)
    never = outside(watcher, subject="people", syncs=("people",), error="needs the environment variable X")
    (alert,) = watcher.look(never)
    assert (alert.headline, facts(alert)["reason"]) == ("people failed", "a variable is not set")
    watcher.ran("succeeded")
    assert watcher.said() == ["people runs again"]


def test_a_run_that_found_another_one_going_on_is_no_trouble() -> None:
    watcher = Watcher()
    watcher.ran("running")
    watcher.held_until = watcher.now + timedelta(minutes=10)
    assert watcher.said(outside(watcher, subject="people", syncs=("people",), error="lease held")) == []


def test_a_run_of_many_syncs_is_told_where_no_sync_tells_it() -> None:
    watcher = Watcher()
    job = {"subject": "data_sync_unified", "syncs": ("people", "deals")}
    assert watcher.said(outside(watcher, error="no declared sync joins a and b", **job)) == ["data_sync_unified failed"]  # type: ignore[arg-type]
    watcher.ran("failed", trigger=f"dagster run {DAGSTER}")
    assert watcher.said(outside(watcher, **job)) == ["people failed"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("connection refused by 10.0.0.3", "a system could not be reached"),
        ("HTTP 429 Too Many Requests", "a quota or rate limit is used up"),
        ("the monthly quota of 500,000 calls is used up", "a quota or rate limit is used up"),
        ("permission denied for table customer", "permissions are missing"),
        ("relation does not exist", "a table or column is missing"),
        ("the server gave no answer within 300 s", "a system did not answer in time"),
        ("Ana Gómez owes 4,000", "see the run"),
        ("", "see the run"),
    ],
)
def test_reasons_are_recognised_and_never_quoted(message: str, words: str) -> None:
    watcher = Watcher()
    watcher.ran("failed", message)
    (alert,) = watcher.look()
    assert facts(alert)["reason"] == words


def test_what_is_looked_at_and_stays_wrong_is_not_counted_as_happening_again() -> None:
    watcher = Watcher()
    late = Evidence("asset_freshness/lake/flights", "lake/flights", watcher.now, Kind.FRESHNESS_LOST)
    assert [alert.headline for alert in watcher.look(seen=[late])] == ["lake/flights is late"]
    for _ in range(3):
        assert watcher.look(seen=[Evidence(late.topic, late.subject, watcher.now, late.kind)]) == []
    assert watcher.standing[late.topic].times == 0
