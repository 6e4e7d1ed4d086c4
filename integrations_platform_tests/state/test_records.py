"""Single records looked up: found by what is known of them, their history page by page, what is set aside."""

from __future__ import annotations

from dataclasses import replace

from integrations_platform.state import SqlStore
from integrations_platform.state.records import Wanted
from integrations_platform.unified_sync.store import (
    AuditEntry,
    Lease,
    Link,
    LinkState,
    Quarantined,
    Role,
    RunRecord,
)
from integrations_platform_tests.state.conftest import NOW

ANA = '{"email":"ana@x.org","name":"Ana 100% \\"A\\" Ø"}'


def fill(store: SqlStore, lease: Lease) -> None:
    """Two links, one of them ended, with three lines each, and three rows set aside."""
    kept = Quarantined("A:9", "A", None, "9", "invalid", "field age", "c1", '{"name":"Bo_b"}', "run1", NOW)
    with store.transaction(lease) as tx:
        tx.put_links([
            Link("A:1", "1", "b1", LinkState.ACTIVE, values_a=ANA, keys=("k1",)),
            Link("A:2", "2", "1", LinkState.CLOSED, values_a='{"email":"bo@x.org"}', keys=("k2",)),
        ])  # fmt: skip
        for number in range(3):
            for link in ("A:1", "A:2"):
                tx.append_audit([AuditEntry("run1", Role.WRITTEN, link, "B", "b", None, "name", f"{number}", NOW)])
        tx.put_run(RunRecord("run1", 1, NOW, "succeeded", dry_run=False, trigger="cli"))
        tx.put_quarantined([
            kept, replace(kept, subject="A:1:B", link_id="A:1", reason="rejected", cause="c2", values="{}"),
            replace(kept, subject="B:7", side="B", record_id="B-7", message="FIELD 50%", cause="c3"),
        ])  # fmt: skip


def test_a_record_is_found_by_its_ids_its_keys_and_its_text(store: SqlStore, lease: Lease) -> None:
    fill(store, lease)
    find, holding = store.records.find, store.records.holding
    for key, digests, links in (("1", (), ["A:1", "A:2"]), ("b1", (), ["A:1"]), ("A:2", (), ["A:2"]),
                                ("none", ("k2", "k9"), ["A:2"]), ("none", (), [])):  # fmt: skip
        assert [link.link_id for link in find("contacts", key, digests, 9)] == links
        assert find("others", key, digests, 9) == []
    assert len(find("contacts", "1", (), 1)) == 1
    for text, links in (("100%", ["A:1"]), ('"a" Ø', ["A:1"]), ("x.org", ["A:1", "A:2"]), ("_", []), ("email\\", [])):
        assert [link.link_id for link in holding("contacts", text, 9)] == links
    assert store.records.link("contacts", "A:2") == find("contacts", "A:2", (), 1)[0]
    assert store.records.link("others", "A:2") is None


def test_a_history_is_read_from_its_end(store: SqlStore, lease: Lease) -> None:
    fill(store, lease)
    newest = store.records.history("contacts", "A:1", None, 2)
    assert [line.entry.rule for line in newest] == ["2", "1"]
    assert [line.entry.rule for line in store.records.history("contacts", "A:1", newest[-1].number, 2)] == ["0"]
    assert list(store.records.runs("contacts", ["run1", "run2"])) == ["run1"]


def test_what_is_set_aside_is_narrowed_counted_and_paged(store: SqlStore, lease: Lease) -> None:
    fill(store, lease)
    store.release_quarantined("contacts", ["B:7"], "ana", NOW)
    for wanted, subjects in ((Wanted(), ["A:1:B", "A:9", "B:7"]), (Wanted("invalid"), ["A:9", "B:7"]),
                             (Wanted(text="50%"), ["B:7"]), (Wanted(text="o_B"), ["A:9", "B:7"]),
                             (Wanted(text="b-7"), ["B:7"]), (Wanted(link_id="A:1"), ["A:1:B"])):  # fmt: skip
        found = store.records.set_aside(["contacts", "others"], wanted, 0, 9)
        assert sorted(row.subject for _, row in found.rows) == subjects
        assert (found.total, found.reasons) == (len(subjects), {"invalid": 2, "rejected": 1})
    assert len(store.records.set_aside(["contacts"], Wanted(), 2, 2).rows) == 1
    assert store.records.causes("contacts", Wanted()) == {"A:1:B": "c2", "A:9": "c1"}, "B:7 waits already"
    assert store.records.set_aside([], Wanted(), 0, 9).total == 0


def test_who_holds_a_lease_is_told_also_when_it_died(store: SqlStore, lease: Lease) -> None:
    ((pair, holder, until),) = store.leases()
    assert (pair, holder, (until - NOW).total_seconds()) == ("contacts", "worker-1", 60)
    store.release(lease)
    assert store.leases() == []
