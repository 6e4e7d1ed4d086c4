"""The views say the same on both engines."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations_platform.state import SqlStore
from integrations_platform.unified_sync.store import Conflict, ConflictStatus, Lease, RunRecord

MORNING = datetime(2026, 3, 1, 9, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _runs(store: SqlStore, lease: Lease) -> None:
    first = {"read_a": 1000, "read_b": 900, "created_b": 100, "updated_a": 7, "conflicts_opened": 2, "seconds": 1.5}
    second = {"read_a": 1000, "read_b": 1000, "deleted_a": 3, "quarantined": 4, "calls": 12, "seconds": 0.5}
    runs = [
        ("r1", MORNING, "succeeded", False, first),
        ("r2", MORNING + timedelta(minutes=20), "partial", False, second),
        ("r3", MORNING + timedelta(minutes=30), "succeeded", True, {"read_a": 5, "created_b": 5, "seconds": 9}),
        ("r4", MORNING + timedelta(hours=1), "failed", False, {}),
        ("r6", MORNING + timedelta(hours=5), "refused", False, {"read_a": 0.0}),
        ("r5", MORNING + timedelta(days=1), "running", False, {}),
    ]
    with store.transaction(lease) as change:
        for number, (run_id, at, status, dry, counts) in enumerate(runs, 1):
            end = None if status == "running" else at + timedelta(seconds=2)
            change.put_run(RunRecord(run_id, number, at, status, dry, "test", end, False, json.dumps(counts)))


def test_summary_adds_up_a_day_without_its_dry_runs(store: SqlStore) -> None:
    today, day = store.summary("sync_summary", "contacts", 10)
    assert (today["day"], today["runs"], today["unfinished"]) == ("2026-03-02", 1, 1)
    expected = {
        "day": "2026-03-01", "sync": "contacts", "runs": 4, "succeeded": 1, "partial": 1, "refused": 1, "failed": 1,
        "unfinished": 0,
        "read_a": 2000, "read_b": 1900, "created_a": 0, "created_b": 100, "updated_a": 7, "updated_b": 0,
        "archived_a": 0, "archived_b": 0, "deleted_a": 3, "deleted_b": 0, "restored_a": 0, "restored_b": 0,
        "conflicts_opened": 2, "quarantined": 4, "deferred": 0, "calls": 12, "seconds": 2.0,
    }  # fmt: skip
    assert day == expected
    assert all(type(day[name]) in {int, float, str} for name in day)


def test_performance_by_hour(store: SqlStore) -> None:
    hours = store.summary("sync_performance_view", None, 10)
    assert [dict(hour) for hour in hours[1:]] == [
        {
            "hour": "2026-03-01T10:00", "sync": "contacts", "runs": 1, "mean_seconds": 0, "max_seconds": 0,
            "records_read": 0, "records_written": 0, "records_per_second": None,
        },
        {
            "hour": "2026-03-01T09:00", "sync": "contacts", "runs": 2, "mean_seconds": 1.0, "max_seconds": 1.5,
            "records_read": 3900, "records_written": 110, "records_per_second": 1950.0,
        },
    ]  # fmt: skip


def test_open_conflicts_with_their_age(store: SqlStore, lease: Lease) -> None:
    opened = datetime.now(UTC) - timedelta(hours=50)
    old = Conflict("c1", "l1", "name", "both_changed", 1, ConflictStatus.OPEN, None, "{}", "{}", "", "r1", opened)
    young = replace(old, conflict_id="c2", opened_at=opened + timedelta(hours=49))
    with store.transaction(lease) as change:
        change.put_conflicts([young, old, replace(old, conflict_id="c3", status=ConflictStatus.RESOLVED)])
    first, second = store.summary("sync_conflicts_view", "contacts", 10)
    assert (first["conflict_id"], second["conflict_id"]) == ("c1", "c2")
    assert first["age_hours"] - second["age_hours"] == pytest.approx(49, abs=0.01)
    assert second["age_hours"] == pytest.approx(1, abs=0.2)


def test_views_are_limited_and_named(store: SqlStore) -> None:
    assert len(store.summary("sync_summary", None, 1)) == 1
    assert store.summary("sync_summary", "another", 10) == []
    with pytest.raises(ValueError, match="sync_performance_view"):
        store.summary("sync_pair; DROP TABLE sync_link", None, 10)
