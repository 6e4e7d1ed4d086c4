"""What is remembered of record pairs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations_platform.state import SqlStore
from integrations_platform.unified_sync.store import LINK_SCHEMA, Lease, Link, LinkState, Tombstone
from integrations_platform_tests.state.conftest import NOW

ADA = Link("l1", "a1", "b1", LinkState.ACTIVE, "v1", "w1", 1, '{"name":"Ada"}', '{"name":"Ada L."}', NOW, ("k1", "k2"))
BOB = Link("l2", "a2", None, LinkState.ACTIVE)


@pytest.fixture(autouse=True)
def _two_links(store: SqlStore, lease: Lease) -> None:
    put(store, lease, ADA, BOB)


def put(store: SqlStore, lease: Lease, *links: Link) -> None:
    with store.transaction(lease) as change:
        change.put_links(links)


def test_links_come_back_as_a_frame(store: SqlStore) -> None:
    frame = store.links("contacts")
    assert frame.schema == LINK_SCHEMA
    assert frame.rows() == [("l1", "a1", "b1", "active", "v1", "w1"), ("l2", "a2", None, "active", None, None)]
    assert store.links("another").schema == LINK_SCHEMA


def test_bases_come_back_exactly(store: SqlStore) -> None:
    base = store.bases("contacts", ["l1", "l2", "l9"])
    assert sorted(base) == ["l1", "l2"]
    assert (base["l1"].base_version, base["l1"].agreed_at) == (1, NOW)
    assert (base["l1"].values_a, base["l1"].values_b) == (ADA.values_a, ADA.values_b)
    assert (base["l2"].base_version, base["l2"].agreed_at, base["l2"].values_a) == (0, None, None)


def test_a_link_is_replaced_with_its_base_and_its_keys(store: SqlStore, lease: Lease) -> None:
    put(store, lease, replace(ADA, id_b="b7", base_version=2, values_b='{"name":"Ada"}', keys=("k2", "k3")))
    assert store.record_ids("contacts", ["l1"]) == {"l1": ("a1", "b7", LinkState.ACTIVE)}
    assert store.bases("contacts", ["l1"])["l1"].values_b == '{"name":"Ada"}'
    assert store.key_owners("contacts", ["k1", "k2", "k3"]) == {"k2": ("l1",), "k3": ("l1",)}


def test_keys_are_owned_by_active_links_only(store: SqlStore, lease: Lease) -> None:
    put(store, lease, replace(BOB, keys=("k1",)))
    assert store.key_owners("contacts", ["k1"]) == {"k1": ("l1", "l2")}
    with store.transaction(lease) as change:
        change.set_states([("l1", LinkState.TRASHED)])
    assert store.key_owners("contacts", ["k1", "k2"]) == {"k1": ("l2",)}


def test_versions_change_without_the_base(store: SqlStore, lease: Lease) -> None:
    with store.transaction(lease) as change:
        change.set_versions([("l1", "v0", "w0"), ("l1", "v2", None), ("l2", None, "w2")])  # the later holds
    assert store.links("contacts").select("version_a", "version_b").rows() == [("v2", None), (None, "w2")]
    assert store.bases("contacts", ["l1"])["l1"].base_version == 1


def test_an_id_is_in_one_live_link_only(store: SqlStore, lease: Lease) -> None:
    with pytest.raises(ValueError, match=r"a1 on side A \(links l1 and l3\)"):
        put(store, lease, Link("l3", "a1", "b3", LinkState.ACTIVE))
    with pytest.raises(ValueError, match="b9 on side B"):
        put(store, lease, Link("l4", "a4", "b9", LinkState.ACTIVE), Link("l5", "a5", "b9", LinkState.TRASHED))
    assert store.links("contacts").height == 2


def test_the_refused_call_leaves_the_transaction_usable(store: SqlStore, lease: Lease) -> None:
    with store.transaction(lease) as change:
        with pytest.raises(ValueError, match="a1"):
            change.put_links([Link("l3", "a1", None, LinkState.ACTIVE)])
        change.put_links([Link("l3", "a3", None, LinkState.ACTIVE)])
    assert store.record_ids("contacts", ["l3"]) == {"l3": ("a3", None, LinkState.ACTIVE)}


@pytest.mark.parametrize("state", [LinkState.CLOSED, LinkState.MERGED_AWAY])
def test_a_link_that_ended_frees_its_ids(store: SqlStore, lease: Lease, state: LinkState) -> None:
    successor = Link("l0", "a1", "b1", LinkState.ACTIVE)
    put(store, lease, successor, replace(ADA, state=state))
    assert store.links_by_record("contacts", "B", ["b1"]) == {"b1": ("l0", LinkState.ACTIVE)}
    with pytest.raises(ValueError, match=r"a1 on side A .*b1 on side B"), store.transaction(lease) as change:
        change.set_states([("l1", LinkState.ACTIVE)])


def test_ids_may_change_places_within_one_call(store: SqlStore, lease: Lease) -> None:
    put(store, lease, replace(ADA, id_a="a2"), replace(BOB, id_a="a1"))
    assert store.record_ids("contacts", ["l1", "l2"]) == {
        "l1": ("a2", "b1", LinkState.ACTIVE),
        "l2": ("a1", None, LinkState.ACTIVE),
    }


def test_links_are_found_by_record_until_closed(store: SqlStore, lease: Lease) -> None:
    with store.transaction(lease) as change:
        change.set_states([("l1", LinkState.MERGED_AWAY), ("l2", LinkState.CLOSED)])
    assert store.links_by_record("contacts", "A", ["a1", "a2", "a3"]) == {"a1": ("l1", LinkState.MERGED_AWAY)}


def test_unknown_links_are_refused(store: SqlStore, lease: Lease) -> None:
    with pytest.raises(KeyError, match="l9"), store.transaction(lease) as change:
        change.set_versions([("l1", "v9", "w9"), ("l9", None, None)])
    assert store.links("contacts")["version_a"].to_list() == ["v1", None]


def test_syncs_keep_apart(store: SqlStore) -> None:
    store.open_pair("people", "digest", NOW)
    put(store, store.acquire("people", "w", 60, NOW), replace(ADA, values_a=None))
    assert store.bases("contacts", ["l1"])["l1"].values_a == ADA.values_a
    assert store.links("people").height == 1


def test_tombstones(store: SqlStore, lease: Lease) -> None:
    stone = Tombstone("l1", "A", "archive", '{"name":"Ada"}', None, NOW)
    with store.transaction(lease) as change:
        change.put_tombstones([stone, Tombstone("l2", None, "archive", None, None, NOW)])
        change.put_tombstones([replace(stone, policy="delete")])
    assert store.tombstones("contacts", ["l1", "l9"]) == {"l1": replace(stone, policy="delete")}


def test_many_links_are_written_and_looked_up(store: SqlStore, lease: Lease) -> None:
    count = 20_000
    links = [Link(f"m{i}", f"ma{i}", f"mb{i}", LinkState.ACTIVE, keys=(f"key{i}",)) for i in range(count)]
    for start in range(0, count, 5_000):
        put(store, lease, *links[start : start + 5_000])
    frame = store.links("contacts")
    assert frame.height == count + 2
    assert frame["link_id"].is_sorted()
    assert len(store.bases("contacts", [link.link_id for link in links])) == count
    assert len(store.links_by_record("contacts", "B", [f"mb{i}" for i in range(count)])) == count
    assert store.key_owners("contacts", [f"key{i}" for i in range(count)])["key19999"] == ("m19999",)
