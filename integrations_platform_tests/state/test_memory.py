"""Operations, runs, observations, plans and breakers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from integrations_platform.state import SqlStore
from integrations_platform.unified_sync.store import (
    Breaker,
    BreakerState,
    Intent,
    Lease,
    Observation,
    OpState,
    RunRecord,
    SavedPlan,
)
from integrations_platform_tests.state.conftest import NOW, Clock

SENT = Intent("op1", "r1", "l1", "B", "update", OpState.SENT, '{"name":"Ada"}', "b1")
RUN = RunRecord("r1", 1, NOW, "succeeded", False, "schedule", NOW + timedelta(seconds=5), True, '{"read_a":2}', "fine")


def test_open_intents_come_back_in_order_of_sending(store: SqlStore, lease: Lease) -> None:
    second, third = replace(SENT, op_id="op0"), replace(SENT, op_id="op9", record_id=None)
    with store.transaction(lease) as change:
        change.put_intents([SENT, second])
        change.put_intents([third])
        change.close_intents([("op1", OpState.APPLIED)])
    assert store.open_intents("contacts") == [second, third]
    assert store.intents("contacts", ["op1", "op9", "op7"]) == {
        "op1": replace(SENT, state=OpState.APPLIED),
        "op9": third,
    }


def test_a_closed_intent_may_be_tried_again_and_an_open_one_may_not(store: SqlStore, lease: Lease) -> None:
    with store.transaction(lease) as change:
        change.put_intents([SENT])
    with pytest.raises(ValueError, match="op1"), store.transaction(lease) as change:
        change.put_intents([replace(SENT, run_id="r2")])
    with store.transaction(lease) as change:
        change.close_intents([("op1", OpState.STALE)])
        change.put_intents([replace(SENT, run_id="r2")])
    assert store.open_intents("contacts") == [replace(SENT, run_id="r2")]
    with pytest.raises(KeyError, match="op7"), store.transaction(lease) as change:
        change.close_intents([("op7", OpState.APPLIED)])


def test_pruning_removes_old_closed_operations_only(store: SqlStore, lease: Lease, clock: Clock) -> None:
    with store.transaction(lease) as change:
        change.put_intents([SENT, replace(SENT, op_id="op2"), replace(SENT, op_id="op3")])
        change.close_intents([("op1", OpState.APPLIED)])
    clock.move(days=10)
    with store.transaction(lease) as change:
        change.close_intents([("op2", OpState.REJECTED)])
    assert store.prune("contacts", clock.now - timedelta(days=5)) == 1
    assert sorted(store.intents("contacts", ["op1", "op2", "op3"])) == ["op2", "op3"]


def test_runs_are_numbered_and_come_back_newest_first(store: SqlStore, lease: Lease) -> None:
    assert store.next_sequence("contacts") == 1
    second = replace(RUN, run_id="r2", sequence=2, started_at=NOW + timedelta(hours=1), finished_at=None)
    with store.transaction(lease) as change:
        change.put_run(replace(RUN, status="running", counts="{}"))
        change.put_run(RUN)
        change.put_run(second)
    assert store.next_sequence("contacts") == 3
    assert store.runs("contacts", 10) == [("contacts", second), ("contacts", RUN)]
    assert store.runs(None, 1) == [("contacts", second)]
    assert store.runs("another", 10) == []


@pytest.mark.parametrize("counts", ["[]", '{"read_a":"two"}', '{"read_a":true}', '{"read_a":NaN}', "nothing"])
def test_counts_that_cannot_be_added_up_are_refused(store: SqlStore, lease: Lease, counts: str) -> None:
    with pytest.raises(ValueError), store.transaction(lease) as change:  # noqa: PT011
        change.put_run(replace(RUN, counts=counts))


def test_only_complete_observations_of_settled_runs_count(store: SqlStore, lease: Lease) -> None:
    seen = Observation("A", NOW, 10, True)
    with store.transaction(lease) as change:
        for number, (settled, complete) in enumerate([(True, True), (True, False), (False, True)]):
            run_id = f"r{number}"
            change.put_run(replace(RUN, run_id=run_id, sequence=number + 1, settled=settled))
            at = NOW + timedelta(hours=number)
            change.put_observation(run_id, replace(seen, taken_at=at, complete=complete))
        change.put_observation("r0", Observation("B", NOW, 3, True))
        change.put_observation("r0", Observation("B", NOW + timedelta(minutes=1), 3, True))
    assert store.last_settled("contacts") == {"A": NOW, "B": NOW + timedelta(minutes=1)}
    assert store.last_settled("another") == {}


def test_plans_are_kept_for_review(store: SqlStore, lease: Lease) -> None:
    first = SavedPlan("p1", NOW, ("op1", "op2"), "[]", "digest-1")
    second = replace(first, plan_id="p2", created_at=NOW + timedelta(hours=1), op_ids=())
    assert store.plan("contacts", None) is None
    store.save_plan("contacts", first)
    store.save_plan("contacts", second)
    assert store.plan("contacts", None) == second
    with store.transaction(lease) as change:
        change.mark_plan_applied("p1", "r1")
    assert store.plan("contacts", "p1") == replace(first, applied_run="r1")
    assert store.plan("another", "p1") is None
    with pytest.raises(KeyError, match="p9"), store.transaction(lease) as change:
        change.mark_plan_applied("p9", "r1")


def test_a_breaker_changes_only_from_what_was_read(store: SqlStore) -> None:
    closed = store.breaker("hubspot")
    assert closed == Breaker("hubspot")
    failing = replace(closed, failures=1, last_error="503")
    assert store.change_breaker(closed, failing)
    assert not store.change_breaker(closed, replace(closed, failures=7))
    probing = replace(failing, state=BreakerState.HALF_OPEN, opened_at=NOW, probe_holder="w1", probe_until=NOW)
    assert store.change_breaker(failing, probing)
    assert not store.change_breaker(failing, replace(probing, probe_holder="w2"))
    assert store.breaker("hubspot") == probing
    assert store.change_breaker(probing, closed)
    with pytest.raises(ValueError, match="quickbooks"):
        store.change_breaker(closed, Breaker("quickbooks"))


def test_opening_a_pair_again_is_harmless(store: SqlStore, lease: Lease) -> None:
    with store.transaction(lease) as change:
        change.put_intents([SENT])
    for digest in ("digest-1", "digest-2"):
        store.open_pair("contacts", digest, NOW + timedelta(days=1))
    assert store.open_intents("contacts") == [SENT]
