"""People decide conflicts and release records while runs go on, and every decision leaves its line in the audit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from integrations_platform.state import SqlStore
from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform.unified_sync.store import (
    Conflict,
    ConflictStatus,
    DecisionRefused,
    Lease,
    Quarantined,
    QuarantineStatus,
    Role,
)
from integrations_platform_tests.state.conftest import NOW

PARKED = Conflict(
    "c1", "l1", "name", "both_changed", 2, ConflictStatus.OPEN, '{"name":"Ada"}', '{"name":"A"}', '{"name":"B"}',
    "no order proven", "r1", NOW, "a1", "b1",
)  # fmt: skip
BAD = Quarantined("record:A:a1", "A", None, "a1", "invalid", "no date", "cause-1", "{}", "r1", NOW)
LATER = NOW + timedelta(hours=1)


def put(store: SqlStore, lease: Lease, *conflicts: Conflict) -> None:
    with store.transaction(lease) as change:
        change.put_conflicts(conflicts)


def test_conflicts_come_back_oldest_first(store: SqlStore, lease: Lease) -> None:
    older = replace(PARKED, conflict_id="c2", opened_at=NOW - timedelta(days=1))
    done = replace(PARKED, conflict_id="c3", status=ConflictStatus.CONVERGED, closed_at=LATER)
    put(store, lease, PARKED, older, done)
    assert store.conflicts("contacts") == [older, PARKED]
    assert store.conflicts("contacts", ConflictStatus.CONVERGED) == [done]
    assert len(store.conflicts("contacts", None)) == 3


@pytest.mark.parametrize(
    ("choice", "value", "new"),
    [
        ("A", None, '{"name":"A"}'),
        ("B", None, '{"name":"B"}'),
        ("base", None, '{"name":"Ada"}'),
        ("value", '{"name":"C"}', '{"name":"C"}'),
    ],
)
def test_a_decision_is_kept_with_its_line(
    store: SqlStore, lease: Lease, choice: str, value: str | None, new: str
) -> None:
    put(store, lease, PARKED)
    store.decide("contacts", "c1", 2, choice, value, "eve@example.org", LATER, "console")
    assert store.conflicts("contacts") == [
        replace(PARKED, choice=choice, chosen_value=value, decided_n=2, decided_by="eve@example.org", decided_at=LATER)
    ]
    (line,) = store.audit("contacts")
    entry = line.entry
    assert (entry.role, entry.actor, entry.field, entry.new) == (Role.DECIDED, "eve@example.org", "name", new)
    assert (entry.link_id, entry.run_id, entry.at) == ("l1", "console", LATER)


def test_a_decision_on_values_that_changed_is_refused(store: SqlStore, lease: Lease) -> None:
    put(store, lease, replace(PARKED, n=3))
    with pytest.raises(DecisionRefused, match=r"at change 3.*taken at change 2"):
        store.decide("contacts", "c1", 2, "A", None, "eve", LATER, "console")
    put(store, lease, replace(PARKED, n=3, status=ConflictStatus.WITHDRAWN))
    with pytest.raises(DecisionRefused, match="withdrawn"):
        store.decide("contacts", "c1", 3, "A", None, "eve", LATER, "console")
    assert list(store.audit("contacts")) == []


def test_nonsense_is_refused(store: SqlStore, lease: Lease) -> None:
    put(store, lease, PARKED)
    with pytest.raises(KeyError, match="c9"):
        store.decide("contacts", "c9", 2, "A", None, "eve", LATER, "console")
    with pytest.raises(ValueError, match="known: A, B, base, value"):
        store.decide("contacts", "c1", 2, "C", None, "eve", LATER, "console")
    for choice, value in (("value", None), ("A", "{}")):
        with pytest.raises(ValueError, match="only with it"):
            store.decide("contacts", "c1", 2, choice, value, "eve", LATER, "console")


def test_a_run_that_read_the_conflict_before_does_not_undo_the_decision(store: SqlStore, lease: Lease) -> None:
    put(store, lease, PARKED)
    store.decide("contacts", "c1", 2, "A", None, "eve", LATER, "console")
    put(store, lease, replace(PARKED, evidence="looked again"))
    (kept,) = store.conflicts("contacts")
    assert (kept.choice, kept.decided_n, kept.decided_by, kept.evidence) == ("A", 2, "eve", "looked again")
    put(store, lease, replace(PARKED, n=3))
    (moved_on,) = store.conflicts("contacts")
    assert (moved_on.n, moved_on.choice, moved_on.decided_n) == (3, None, None)


def test_decisions_and_runs_write_one_chain(store: SqlStore, lease: Lease) -> None:
    put(store, lease, PARKED, replace(PARKED, conflict_id="c2"))
    store.decide("contacts", "c1", 2, "A", None, "eve", LATER, "console")
    with store.transaction(lease) as change:
        change.append_audit([line.entry for line in store.audit("contacts")])
    store.decide("contacts", "c2", 2, "B", None, "eve", LATER, "console")
    assert verify_chain(store.audit("contacts")) == (3, None)


def test_a_quarantined_record_is_released_once_and_resolved(store: SqlStore, lease: Lease) -> None:
    other = replace(BAD, subject="record:A:a2", at=LATER, message="said \x00 nothing")
    with store.transaction(lease) as change:
        change.put_quarantined([BAD, other])
    assert store.quarantined("contacts") == [BAD, replace(other, message="said \ufffd nothing")]
    assert store.release_quarantined("contacts", [BAD.subject, "unknown"], "eve", LATER) == 1
    assert store.release_quarantined("contacts", [BAD.subject], "eve", LATER) == 0
    released = replace(BAD, status=QuarantineStatus.RELEASED)
    assert store.quarantined("contacts", QuarantineStatus.RELEASED) == [released]
    (line,) = store.audit("contacts")
    assert (line.entry.role, line.entry.actor, line.entry.record_id) == (Role.DECIDED, "eve", "a1")
    with store.transaction(lease) as change:
        change.resolve_quarantined([BAD.subject], LATER)
    assert [row.subject for row in store.quarantined("contacts")] == [other.subject]
    assert [row.subject for row in store.quarantined("contacts", QuarantineStatus.RESOLVED)] == [BAD.subject]


def test_a_record_that_fails_again_replaces_its_row(store: SqlStore, lease: Lease) -> None:
    with store.transaction(lease) as change:
        change.put_quarantined([BAD])
        change.resolve_quarantined([BAD.subject], LATER)
        change.put_quarantined([replace(BAD, cause="cause-2", runs=2)])
    assert store.quarantined("contacts") == [replace(BAD, cause="cause-2", runs=2)]
