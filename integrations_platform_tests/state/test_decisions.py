"""People decide conflicts and release records while runs go on, and every decision leaves its line in the audit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from integrations_platform.state import SqlStore
from integrations_platform.state.conflict_list import Wanted
from integrations_platform.state.decisions import Seen
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
from integrations_platform.unified_sync.values import dumps
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


def test_what_was_not_seen_is_not_decided(store: SqlStore, lease: Lease) -> None:
    """Of many decided at once, those whose values moved and those that somebody else decided stay as they are."""
    rows = [replace(PARKED, conflict_id=f"c{number}", link_id=f"l{number}") for number in range(4)]
    put(store, lease, *rows)
    seen = store.seen_conflicts("contacts", Wanted())
    assert [one.conflict_id for one in seen] == ["c0", "c1", "c2", "c3"]
    put(store, lease, replace(rows[1], n=3, value_b='{"name":"moved"}'))
    store.decide("contacts", "c2", 2, "A", None, "bo", LATER, "console")
    refused = store.decide_seen("contacts", [*seen, Seen("gone", 1, None)], "B", None, "eve", LATER)
    assert set(refused) == {"c1", "c2", "gone"}
    assert "bo decided" in refused["c2"]
    assert [row.choice for row in store.conflicts("contacts")] == ["B", None, "A", "B"]
    assert verify_chain(store.audit("contacts"), store.audit_head("contacts")) == (3, None)
    again = store.seen_conflicts("contacts", Wanted("decided"))
    assert store.decide_seen("contacts", again, "base", None, "eve", LATER) == {}


def test_conflicts_are_listed_in_pages_and_searched(store: SqlStore, lease: Lease) -> None:
    rows = [
        replace(PARKED, conflict_id=f"c{number}", link_id=f"l{number}", unit=unit, value_a=dumps({unit: value}))
        for number, (unit, value) in enumerate(
            [("name", "100% Ada"), ("name", 'A "B"'), ("city", "Ýmir"), ("city", "x_y")]
        )
    ]
    put(store, lease, *rows)

    def found(offset: int = 0, limit: int = 9, **wanted: Any) -> list[str]:
        page = store.conflict_list(["contacts", "others"], Wanted(**wanted), offset, limit)
        return [row.conflict_id for _, row in page.rows]

    assert (found(0, 2), found(2, 2)) == (["c0", "c1"], ["c2", "c3"])
    assert [found(text=text) for text in ("100%", "aDa", '"b"', "x_y", "x%y", "nobody")] == [
        ["c0"], ["c0"], ["c1"], ["c3"], [], [],
    ]  # fmt: skip
    assert (found(unit="city"), found(state="closed")) == (["c2", "c3"], [])
    page = store.conflict_list(["contacts"], Wanted(unit="city", text="mir"), 0, 9)
    assert (page.total, page.units) == (1, [("contacts", "city", 2), ("contacts", "name", 2)])
