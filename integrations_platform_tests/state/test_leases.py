"""Only one process runs a sync, and whoever lost the lease commits nothing."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from integrations_platform.state import SqlStore, open_store
from integrations_platform.unified_sync.store import Lease, LeaseHeld, LeaseLost, Link, LinkState, RunRecord
from integrations_platform_tests.state.conftest import NOW, Clock

RUNS_EACH = 15

# Counts up in a file by reading and writing it: any two processes inside at once would lose a count.
WORKER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from integrations_platform.state import open_store
from integrations_platform.unified_sync.store import LeaseHeld

url, name, counter, runs = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
store = open_store(url)
store.open_pair("contacts", "digest", datetime.now(UTC))
tokens = []
while len(tokens) < runs:
    try:
        lease = store.acquire("contacts", name, 60, datetime.now(UTC))
    except LeaseHeld:
        continue
    counter.write_text(str(int(counter.read_text()) + 1))
    tokens.append(lease.token)
    store.release(lease)
sys.stdout.write(" ".join(map(str, tokens)))
"""


def test_two_processes_never_hold_it_at_once_and_both_open_a_new_database(state_url: str, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, state_url, name, str(counter), str(RUNS_EACH)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    answers = [worker.communicate(timeout=120) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], answers
    tokens = [int(token) for out, _ in answers for token in out.split()]
    assert sorted(tokens) == list(range(1, 2 * RUNS_EACH + 1))
    assert counter.read_text() == str(2 * RUNS_EACH)


def test_a_held_lease_is_refused_with_its_holder_and_end(store: SqlStore, lease: Lease) -> None:
    with pytest.raises(LeaseHeld, match="worker-1") as refused:
        store.acquire("contacts", "worker-2", 60, NOW + timedelta(seconds=59))
    assert (refused.value.holder, refused.value.until) == ("worker-1", NOW + timedelta(seconds=60))


def test_syncs_do_not_wait_for_each_other(store: SqlStore, lease: Lease) -> None:
    assert store.acquire("invoices", "worker-2", 60, NOW).token == 1


def test_an_expired_lease_is_taken_over_with_a_higher_token(store: SqlStore, lease: Lease, clock: Clock) -> None:
    taken = store.acquire("contacts", "worker-2", 60, clock.move(seconds=60))
    assert taken == Lease("contacts", "worker-2", lease.token + 1)


def test_a_renewed_lease_is_not_expired(store: SqlStore, lease: Lease, clock: Clock) -> None:
    store.renew(lease, 60, clock.move(seconds=50))
    with pytest.raises(LeaseHeld):
        store.acquire("contacts", "worker-2", 60, clock.move(seconds=50))


def test_a_stale_holder_commits_nothing(state_url: str, store: SqlStore, lease: Lease, clock: Clock) -> None:
    other = open_store(state_url)
    taken = other.acquire("contacts", "worker-2", 60, clock.move(minutes=5))
    with pytest.raises(LeaseLost, match="worker-1"), store.transaction(lease) as change:
        change.put_links([Link("l1", "a1", "b1", LinkState.ACTIVE)])
    with pytest.raises(LeaseLost):
        store.renew(lease, 60, clock.now)
    assert store.links("contacts").is_empty()
    with other.transaction(taken) as change:
        change.put_links([Link("l1", "a1", "b1", LinkState.ACTIVE)])
    assert store.links("contacts").height == 1
    other.close()


def test_nobody_takes_over_while_a_transaction_is_under_way(state_url: str, store: SqlStore, lease: Lease) -> None:
    """The taker waits for the commit: its process starts inside the transaction and ends after it."""
    script = (
        "import sys; from datetime import datetime; from integrations_platform.state import open_store\n"
        "sys.stdout.write('ready\\n'); sys.stdout.flush()\n"
        "store = open_store(sys.argv[1])\n"
        "store.acquire('contacts', 'worker-2', 60, datetime.fromisoformat(sys.argv[2]))\n"
        "sys.stdout.write(str(store.links('contacts').height))\n"
    )
    later = (NOW + timedelta(minutes=5)).isoformat()
    with store.transaction(lease) as change:
        taker = subprocess.Popen([sys.executable, "-c", script, state_url, later], stdout=subprocess.PIPE, text=True)
        assert taker.stdout is not None
        assert taker.stdout.readline() == "ready\n"
        change.put_links([Link("l1", "a1", "b1", LinkState.ACTIVE)])
    assert taker.communicate(timeout=60)[0] == "1"
    with pytest.raises(LeaseLost), store.transaction(lease):
        pass


def test_a_released_lease_is_free_and_its_token_is_spent(store: SqlStore, lease: Lease) -> None:
    store.release(lease)
    store.release(lease)
    with pytest.raises(LeaseLost), store.transaction(lease):
        pass
    assert store.acquire("contacts", "worker-1", 60, NOW).token == lease.token + 1


def test_releasing_a_lost_lease_leaves_the_new_holder_alone(store: SqlStore, lease: Lease, clock: Clock) -> None:
    taken = store.acquire("contacts", "worker-2", 60, clock.move(minutes=5))
    store.release(lease)
    with store.transaction(taken):
        pass


def test_an_expired_lease_that_nobody_took_still_commits(store: SqlStore, lease: Lease, clock: Clock) -> None:
    clock.move(hours=1)
    with store.transaction(lease) as change:
        change.put_run(RunRecord("r1", 1, NOW, "succeeded", False, "test"))
    store.renew(lease, 60, clock.now)


def test_a_transaction_is_kept_whole_or_not_at_all(store: SqlStore, lease: Lease) -> None:
    def interrupted() -> None:
        with store.transaction(lease) as change:
            change.put_links([Link("l1", "a1", "b1", LinkState.ACTIVE, keys=("k",))])
            change.put_run(RunRecord("r1", 1, NOW, "succeeded", False, "test"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert store.links("contacts").is_empty()
    assert store.runs(None, 10) == []
    assert store.key_owners("contacts", ["k"]) == {}


def test_a_transaction_needs_a_sync_that_was_opened(store: SqlStore) -> None:
    lease = store.acquire("unheard-of", "worker-1", 60, NOW)
    with pytest.raises(KeyError, match="unheard-of"), store.transaction(lease):
        pass
