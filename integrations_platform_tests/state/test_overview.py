"""How all syncs stand, counted in the database."""

from __future__ import annotations

from datetime import timedelta

from integrations_platform.state import SqlStore
from integrations_platform.state.overview import RUNS
from integrations_platform.unified_sync.store import Breaker, BreakerState, Lease, RunRecord
from integrations_platform_tests.state.conftest import NOW
from integrations_platform_tests.state.test_outbox import ON_SQLITE


def run(number: int, status: str) -> RunRecord:
    at = NOW + timedelta(minutes=number)
    ended = None if status == "running" else at + timedelta(seconds=5)
    return RunRecord(f"run-{number}", number, at, status, dry_run=False, trigger="cli", finished_at=ended)


def put(store: SqlStore, lease: Lease, *runs: RunRecord) -> None:
    with store.transaction(lease) as tx:
        for each in runs:
            tx.put_run(each)


@ON_SQLITE
def test_a_sync_that_never_ran_has_nothing_to_say(store: SqlStore) -> None:
    assert store.overview(["contacts", "nobody"]).syncs == {}


def test_the_newest_runs_come_first_and_the_lease_is_told(store: SqlStore, lease: Lease) -> None:
    put(store, lease, run(1, "succeeded"), run(2, "failed"), run(3, "running"))
    view = store.overview(["contacts"]).syncs["contacts"]
    assert [item.run_id for item in view.runs] == ["run-3", "run-2", "run-1"]
    assert (view.first_run, view.came_through) == (run(1, "succeeded").started_at, run(1, "succeeded").finished_at)
    assert (view.conflicts, view.oldest_conflict, view.quarantined) == (0, None, 0)
    assert view.held_until == NOW + timedelta(seconds=60)
    store.release(lease)
    assert store.overview(["contacts"]).syncs["contacts"].held_until is None


def test_the_last_time_it_came_through_is_found_however_long_ago(store: SqlStore, lease: Lease) -> None:
    put(store, lease, run(1, "partial"), *(run(number, "failed") for number in range(2, RUNS + 5)))
    view = store.overview(["contacts"]).syncs["contacts"]
    assert (len(view.runs), view.came_through) == (RUNS, run(1, "partial").finished_at)


@ON_SQLITE
def test_breakers_are_told_of_all_systems(store: SqlStore) -> None:
    opened = Breaker("shop", BreakerState.OPEN, 5, NOW, last_error="no answer")
    assert store.change_breaker(Breaker("shop"), opened)
    assert store.overview([]).breakers == (opened,)
