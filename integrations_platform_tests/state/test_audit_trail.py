"""The audit only grows, and whoever changes it by other means is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from integrations_platform.state import SqlStore, StateError
from integrations_platform.state.audit_trail import PAGE
from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform.unified_sync.store import AuditEntry, Lease, Role
from integrations_platform_tests.state.conftest import NOW

LINE = AuditEntry("r1", Role.WRITTEN, "l1", "B", "b1", "op1", "name", "A changed", NOW, '"Ada"', '"Ada L."', None)


@pytest.fixture
def lines(store: SqlStore, lease: Lease) -> None:
    for run in ("r1", "r2"):
        with store.transaction(lease) as change:
            change.append_audit([replace(LINE, run_id=run), replace(LINE, run_id=run, link_id="l2", role=Role.LOSER)])


@pytest.mark.usefixtures("lines")
def test_lines_are_numbered_and_chained_over_transactions(store: SqlStore) -> None:
    stored = list(store.audit("contacts"))
    assert [line.number for line in stored] == [1, 2, 3, 4]
    assert stored[0].entry == LINE
    assert verify_chain(stored) == (4, None)


@pytest.mark.usefixtures("lines")
def test_lines_are_found_by_link_run_and_number(store: SqlStore) -> None:
    def numbers(**which: object) -> list[int]:
        return [line.number for line in store.audit("contacts", **which)]  # type: ignore[arg-type]

    assert numbers(link_id="l2") == [2, 4]
    assert numbers(run_id="r2") == [3, 4]
    assert numbers(link_id="l2", run_id="r2") == [4]
    assert numbers(after=1, limit=2) == [2, 3]
    assert numbers(limit=0) == []


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize("statement", ["UPDATE sync_audit SET new = '1'", "DELETE FROM sync_audit"])
def test_the_database_refuses_changes(execute: Callable[[str], object], store: SqlStore, statement: str) -> None:
    with pytest.raises(StateError, match="append-only"):
        execute(statement)
    assert verify_chain(store.audit("contacts")) == (4, None)


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE sync_audit SET old = '\"Eve\"' WHERE number = 2", "line 2 was altered"),
        ("DELETE FROM sync_audit WHERE number = 3", "line 3 is missing"),
        ("UPDATE sync_audit SET actor = 'nobody' WHERE number = 4", "line 4 was altered"),
        ("DELETE FROM sync_audit WHERE number > 2", "lines after 2 are missing: 4 were written"),
    ],
)
def test_tampering_past_the_triggers_is_detected(
    execute: Callable[[str], object], store: SqlStore, state_url: str, tampering: str, found: str
) -> None:
    on = "" if state_url.startswith("sqlite") else " ON sync_audit"
    names = ("append_only",) if on else ("no_update", "no_delete")
    for name in names:
        execute(f"DROP TRIGGER sync_audit_{name}{on}")
    execute(tampering)
    assert found in (verify_chain(store.audit("contacts"), store.audit_head("contacts"))[1] or "")


def test_lines_verify_whatever_their_zone_and_text(store: SqlStore, lease: Lease) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    entries = [
        replace(LINE, at=elsewhere, rule="vendor said: \x00 ünï \U0001f600"),
        replace(LINE, at=NOW.replace(microsecond=0), side=None, op_id=None, old=None),
    ]
    with store.transaction(lease) as change:
        change.append_audit(entries)
    stored = list(store.audit("contacts"))
    assert verify_chain(stored) == (2, None)
    assert stored[0].entry.at == NOW
    with pytest.raises(ValueError, match="without a zone"), store.transaction(lease) as change:
        change.append_audit([replace(LINE, at=NOW.replace(tzinfo=None))])


def test_a_long_audit_is_read_page_by_page(store: SqlStore, lease: Lease) -> None:
    count = 2 * PAGE + 1
    with store.transaction(lease) as change:
        change.append_audit([LINE] * count)
    assert verify_chain(store.audit("contacts")) == (count, None)
    assert sum(1 for _ in store.audit("contacts", limit=PAGE + 1)) == PAGE + 1


def test_a_slow_reader_holds_no_writer_up(store: SqlStore, lease: Lease) -> None:
    with store.transaction(lease) as change:
        change.append_audit([LINE] * 3)
    reading = store.audit("contacts")
    next(reading)
    with store.transaction(lease) as change:
        change.append_audit([LINE])
    assert len(list(reading)) == 2
