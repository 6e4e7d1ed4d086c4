"""No look-up reads a whole sync: its cost must not grow with the number of records remembered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from integrations_platform.state import SqlStore, open_store
from integrations_platform.state.database import Database
from integrations_platform.unified_sync.store import Intent, Link, LinkState, OpState
from integrations_platform_tests.state.conftest import NOW

IDS = [f"x{number}" for number in range(50)]


@pytest.fixture
def plans(tmp_path: Path) -> Iterator[tuple[SqlStore, list[str]]]:
    """A store, and SQLite's plan of every statement it runs."""
    url = f"sqlite:///{tmp_path}/state.sqlite"
    open_store(url).close()
    database, steps = Database(url), []

    @sa.event.listens_for(database.engine, "before_cursor_execute")
    def _explain(_c: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            cursor.execute("EXPLAIN QUERY PLAN " + statement, parameters[0] if many else parameters)
            steps.extend(row[3] for row in cursor.fetchall())

    store = SqlStore(database)
    store.open_pair("contacts", "digest", NOW)
    yield store, steps
    store.close()


def test_every_lookup_uses_an_index_of_its_own(plans: tuple[SqlStore, list[str]]) -> None:
    store, steps = plans
    steps.clear()
    with store.transaction(store.acquire("contacts", "w", 60, NOW)) as change:
        change.put_links([Link(each, each, each, LinkState.ACTIVE, keys=(each,)) for each in IDS])
        change.put_links([Link(each, each, None, LinkState.ACTIVE, keys=("k",)) for each in IDS])
        change.set_versions([(each, None, None) for each in IDS])
        change.put_intents([Intent(each, "r", each, "A", "update", OpState.SENT, "{}") for each in IDS])
        change.close_intents([(each, OpState.APPLIED) for each in IDS])
        change.resolve_quarantined(IDS, NOW)
    store.bases("contacts", IDS)
    store.key_owners("contacts", IDS)
    store.links_by_record("contacts", "A", IDS)
    store.links_by_record("contacts", "B", IDS)
    store.record_ids("contacts", IDS)
    store.tombstones("contacts", IDS)
    store.intents("contacts", IDS)
    store.open_intents("contacts")
    store.release_quarantined("contacts", IDS, "eve", NOW)
    list(store.audit("contacts", link_id="x1"))
    list(store.audit("contacts", run_id="r"))
    large = ("sync_link", "sync_base", "sync_key", "sync_op", "sync_audit", "sync_quarantine", "sync_tombstone")
    touching = [step for step in steps if step.startswith(("SCAN", "SEARCH")) and any(name in step for name in large)]
    assert len(touching) > 15
    expected_whole = {"SEARCH sync_op USING INDEX sync_op_sent (pair=?)"}  # the open intents are all asked for
    too_much = {step for step in touching if step.startswith("SCAN") or step.endswith("(pair=?)")} - expected_whole
    assert {step for step in too_much if "COVERING INDEX sync_op_by_number" not in step} == set()
