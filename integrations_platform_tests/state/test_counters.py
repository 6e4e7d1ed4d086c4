"""What is counted is counted with the fact, once, whatever becomes of the process."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from integrations_platform.state import SqlStore
from integrations_platform.state.standings import DIED, Waiting
from integrations_platform.state.transaction import SqlTransaction
from integrations_platform.unified_sync.store import (
    Breaker,
    BreakerState,
    Intent,
    Lease,
    Observation,
    OpState,
    RunRecord,
)
from integrations_platform_tests.state.conftest import NOW, Clock
from integrations_platform_tests.state.test_decisions import BAD, PARKED

SENT = Intent("op1", "r1", "l1", "A", "update", OpState.SENT, "{}", "7")
RUN = RunRecord(
    "r1", 1, NOW, "partial", False, "cli", NOW + timedelta(seconds=7), True,
    '{"applied_a": 3, "parked_b": 2, "read_a": 40, "calls_a": 5, "calls": 5, "conflicts_opened": 2}',
)  # fmt: skip


def counted(store: SqlStore, name: str) -> dict[tuple[str, ...], float]:
    rows = store.counters.read().get(name, [])
    return {tuple(labels[key] for key in sorted(labels)): value for labels, value in rows}


def _close(change: SqlTransaction, *op_ids: str) -> None:
    for op_id in op_ids:
        change.close_intents([(op_id, OpState.APPLIED)])


def test_a_run_is_counted_when_it_ends_and_only_once(store: SqlStore, lease: Lease) -> None:
    with store.transaction(lease) as change:
        change.put_run(replace(RUN, status="running", finished_at=None, counts="{}"))
        change.put_observation("r1", Observation("A", NOW, 40, complete=True, reason=""))
        change.put_observation("r1", Observation("B", NOW, 0, complete=False, reason="the listing was cut off"))
    assert counted(store, "sync_runs") == {}
    for _ in range(2):
        with store.transaction(lease) as change:
            change.put_run(RUN)
    assert counted(store, "sync_runs") == {("partial", "contacts"): 1}
    assert counted(store, "sync_records") == {("applied", "A", "contacts"): 3, ("parked", "B", "contacts"): 2}
    assert counted(store, "sync_calls") == {("A", "contacts"): 5, ("B", "contacts"): 0}
    assert counted(store, "sync_run_class") == {("15", "contacts"): 1}, "seven seconds are above five, and below"
    assert counted(store, "sync_last_run") == {("partial", "contacts"): RUN.finished_at.timestamp()}
    assert counted(store, "sync_observed") == {("A", "contacts"): NOW.timestamp()}, "what was seen in full"


def test_a_write_is_counted_with_its_outcome_and_not_when_that_is_taken_back(store: SqlStore, lease: Lease) -> None:
    others = [replace(SENT, op_id="op2"), replace(SENT, op_id="op3", side="B", kind="create")]
    with store.transaction(lease) as change:
        change.put_intents([SENT, *others])
        change.close_intents([("op1", OpState.APPLIED), ("op3", OpState.REJECTED)])
    with pytest.raises(KeyError, match="op7"), store.transaction(lease) as change:
        _close(change, "op2", "op7")
    expected = {("update", "applied", "A", "contacts"): 1.0, ("create", "rejected", "B", "contacts"): 1.0}
    assert counted(store, "sync_writes") == expected
    with store.transaction(lease) as change:
        change.close_intents([("op2", OpState.APPLIED)])
    assert counted(store, "sync_writes") == expected | {("update", "applied", "A", "contacts"): 2.0}
    assert store.prune("contacts", NOW + timedelta(days=99)) == 3
    assert sum(counted(store, "sync_writes").values()) == 3, "pruning forgets operations, and no count"


def test_everything_that_waits_is_told_with_its_age(store: SqlStore, lease: Lease, clock: Clock) -> None:
    with store.transaction(lease) as change:
        change.put_run(replace(RUN, status="running", finished_at=None, counts="{}"))
        change.put_conflicts([PARKED])
        change.put_quarantined([BAD])
        change.put_intents([SENT])
    assert store.change_breaker(Breaker("shop"), Breaker("shop", BreakerState.OPEN, 5, NOW))
    told = store.standings()
    assert told.newest == {"contacts": "running"}
    assert told.conflicts == {"contacts": Waiting(1, PARKED.opened_at)}
    assert told.quarantined == {("contacts", "invalid"): Waiting(1, BAD.at)}
    assert told.unanswered == {"contacts": 1}
    assert told.breakers["shop"].state is BreakerState.OPEN
    clock.move(minutes=5)
    assert store.standings().newest == {"contacts": DIED}, "it says that it runs, and nobody holds its lease"
