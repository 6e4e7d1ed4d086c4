"""What syncs publish: a day's audit lines, and the records both sides agree on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from integrations_platform.lake import Lake, LakeError, Trouble
from integrations_platform.lake.landing import Syncs, land
from integrations_platform.settings_lake import DatasetSettings, SyncOutput
from integrations_platform.state import SqlStore, open_store
from integrations_platform.unified_sync.spec import FieldSpec, SideSpec, SyncSpec
from integrations_platform.unified_sync.store import AuditEntry, Link, LinkState, Role
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.lake.world import declared

TODAY = date(2026, 3, 5)
NOW = datetime(2026, 3, 5, 9, tzinfo=UTC)
YESTERDAY = TODAY - timedelta(days=1)
SPEC = SyncSpec(
    "people",
    SideSpec("crm", "person"),
    SideSpec("shop", "member"),
    (
        FieldSpec("email", FieldType.EMAIL, ("email",), ("mail",)),
        FieldSpec("balance", FieldType.DECIMAL, ("balance",), ("amount",), scale=2),
        FieldSpec("since", FieldType.DATE, ("since",), ("since",)),
        FieldSpec("tags", FieldType.SET, ("tags",), ("tags",)),
    ),
    ("email",),
)


def entry(at: datetime, field: str = "email", side: str = "B") -> AuditEntry:
    return AuditEntry("run-7", Role.WRITTEN, "l1", side, "10", "o1", field, "changed on source", at, '"a"', '"b"')  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A state with one sync of three links, and audit lines on three days."""
    store = open_store(f"sqlite:///{tmp_path}/state.sqlite", clock=lambda: NOW)
    values = {"email": "ana@x.org", "balance": "1.10", "since": "2020-02-29", "tags": ["a", "b"]}
    links = [
        Link("l1", "1", "10", LinkState.ACTIVE, values_a=json.dumps(values), agreed_at=NOW),
        Link("l2", "2", "20", LinkState.ACTIVE, values_a=json.dumps({"email": "bo@x.org"}), values_b='{"email":"BO"}'),
        Link("l3", "3", None, LinkState.CLOSED),
    ]
    store.open_pair("people", "digest", NOW)
    lease = store.acquire("people", "test", 60, NOW)
    midnight = datetime(2026, 3, 4, tzinfo=UTC)
    with store.transaction(lease) as change:
        change.put_links(links)
        moments = [-timedelta(microseconds=1), timedelta(0), timedelta(hours=23, minutes=59), timedelta(days=1)]
        change.append_audit([entry(midnight + moment) for moment in moments])
    yield store
    store.close()


def lake_of(lake: Lake, publish: str, sync: str = "people", form: str = "parquet") -> Lake:
    dataset = DatasetSettings("out", form, SyncOutput(sync, publish), date(2026, 1, 1), date_column="ds")  # type: ignore[arg-type]
    return replace(lake, settings=replace(lake.settings, datasets={"out": dataset}))


def syncs(store: SqlStore) -> Syncs:
    return Syncs({"people": SPEC}, lambda: store, lambda: NOW)


@pytest.mark.parametrize("form", ["parquet", "ndjson"])
def test_a_days_changes_are_the_audit_lines_of_that_day(lake: Lake, store: SqlStore, form: str) -> None:
    out = lake_of(lake, "changes", "*", form)
    manifest = land(out, "out", YESTERDAY, "run-1", syncs(store))
    rows = out.read(manifest)
    assert rows["number"].to_list() == [2, 3], "from midnight to midnight, UTC"
    assert rows.row(0, named=True) | {"hash": None} == {
        "sync": "people",
        "number": 2,
        "at": datetime(2026, 3, 4, tzinfo=UTC),
        "run_id": "run-7",
        "role": "written",
        "link_id": "l1",
        "side": "target",
        "record_id": "10",
        "op_id": "o1",
        "field": "email",
        "rule": "changed on source",
        "old": '"a"',
        "new": '"b"',
        "lost": None,
        "actor": "engine",
        "hash": None,
        "ds": YESTERDAY,
    }
    assert land(out, "out", YESTERDAY, "run-2", syncs(store)) == manifest, "the past stays as it is"


def test_a_day_without_changes_has_its_columns_and_no_rows(lake: Lake, store: SqlStore) -> None:
    manifest = land(lake_of(lake, "changes"), "out", date(2026, 2, 1), "run-1", syncs(store))
    assert manifest.rows == 0
    assert "rule" in manifest.schema


def test_the_changes_of_a_day_that_is_not_over_are_refused(lake: Lake, store: SqlStore) -> None:
    with pytest.raises(LakeError, match=f"dataset out, {TODAY}: the day is not over") as raised:
        land(lake_of(lake, "changes"), "out", TODAY, "run-1", syncs(store))
    assert raised.value.trouble is Trouble.REFUSED


def test_todays_state_is_the_linked_records_with_their_types(lake: Lake, store: SqlStore) -> None:
    out = lake_of(lake, "state")
    rows = out.read(land(out, "out", TODAY, "run-1", syncs(store))).sort("link_id")
    assert rows["source_id"].to_list() == ["1", "2"], "links that are closed are not current"
    assert rows.row(0, named=True) | {"agreed_at": None} == {
        "link_id": "l1",
        "source_id": "1",
        "target_id": "10",
        "agreed_at": None,
        "email": "ana@x.org",
        "balance": Decimal("1.10"),
        "since": date(2020, 2, 29),
        "tags": ["a", "b"],
        "target_values": None,
        "ds": TODAY,
    }
    assert rows["target_values"][1] == '{"email":"BO"}'
    assert rows.schema["balance"] == pl.Decimal(38, 2)


def test_a_state_that_was_not_taken_then_is_refused_now(lake: Lake, store: SqlStore) -> None:
    with pytest.raises(LakeError, match="was not taken then, and cannot be taken later; publish today's"):
        land(lake_of(lake, "state"), "out", YESTERDAY, "run-1", syncs(store))


def test_a_sync_that_is_not_declared_is_named(lake: Lake, store: SqlStore) -> None:
    with pytest.raises(LakeError, match="no sync is declared as 'peeple'; did you mean people"):
        land(lake_of(lake, "state", "peeple"), "out", TODAY, "run-1", syncs(store))


def test_a_day_outside_the_dataset_is_refused(lake: Lake, store: SqlStore) -> None:
    ended = declared(lake_of(lake, "changes"), "out", ends=date(2026, 1, 31))
    for day in (date(2025, 12, 31), date(2026, 2, 1)):
        with pytest.raises(LakeError, match="the dataset has days from 2026-01-01 to 2026-01-31"):
            land(ended, "out", day, "run-1", syncs(store))
