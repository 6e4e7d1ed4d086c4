"""The inbox on both engines: each event once, each wake-up once, nothing lost between them, old things forgotten."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from integrations_platform.state import SqlStore, open_store
from integrations_platform.state.inbox import Event, EventState, SqlInbox, WakeState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(state_url: str, clock: Clock) -> Iterator[SqlStore]:
    opened = open_store(state_url, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def inbox(store: SqlStore) -> SqlInbox:
    return store.inbox


_numbers = count(1)


def _id() -> str:
    return f"wake-{next(_numbers):04d}"


def event(key: str, source: str = "crm", subject: str = "") -> Event:
    return Event(source, key, "contact.creation", subject, '{"a":1}')


def claim(inbox: SqlInbox, *targets: str) -> int:
    return inbox.claim(lambda _source, _subject: targets, _id)


def test_an_event_is_kept_once_however_often_it_comes(inbox: SqlInbox) -> None:
    inbox.store([event("1"), event("2"), event("1")])
    inbox.store([event("2"), event("1"), event("1", source="shop")])
    kept = {(row.source, row.event_key): row.duplicates for row in inbox.events()}
    assert kept == {("crm", "1"): 2, ("crm", "2"): 1, ("shop", "1"): 0}
    assert inbox.counts() == [("crm", EventState.WAITING, 2, 3), ("shop", EventState.WAITING, 1, 0)]
    inbox.store([])
    assert len(inbox.events()) == 3


def test_names_and_keys_that_run_together_stay_apart(inbox: SqlInbox) -> None:
    inbox.store([Event("ab", "c", "", "", ""), Event("a", "bc", "", "", "")])
    assert len(inbox.events()) == 2


def test_what_waits_becomes_one_wake_up_for_each_target(inbox: SqlInbox, clock: Clock) -> None:
    inbox.store([event("1"), event("2")])
    clock.now += timedelta(seconds=5)
    inbox.store([event("3", source="shop")])
    assert claim(inbox, "sync:a", "sync:b", "sync:a") == 3
    found = {row.target: (row.state, row.events, row.since) for row in inbox.wake_ups()}
    assert found == dict.fromkeys(("sync:a", "sync:b"), (WakeState.WAITING, 3, NOW))
    assert claim(inbox, "sync:a") == 0
    assert {row.state for row in inbox.events()} == {EventState.WOKE}
    made = {row.wake_id: row.target for row in inbox.wake_ups()}
    assert {tuple(made[wake_id] for wake_id in row.woke) for row in inbox.events()} == {("sync:a", "sync:b")}


def test_a_duplicate_of_a_taken_event_wakes_nobody(inbox: SqlInbox) -> None:
    inbox.store([event("1")])
    claim(inbox, "sync:a")
    inbox.store([event("1")])
    assert claim(inbox, "sync:a") == 0
    assert [row.events for row in inbox.wake_ups()] == [1]


def test_events_for_nobody_are_kept_and_idle(inbox: SqlInbox) -> None:
    inbox.store([event("1")])
    assert claim(inbox) == 1
    assert [row.state for row in inbox.events()] == [EventState.IDLE]
    assert inbox.wake_ups() == []


def test_events_after_a_request_make_another_wake_up(inbox: SqlInbox) -> None:
    inbox.store([event("1")])
    claim(inbox, "sync:a")
    (first,) = inbox.wake_ups()
    assert inbox.move(first, WakeState.REQUESTED)
    assert not inbox.move(first, WakeState.REQUESTED), "somebody else was first"
    inbox.store([event("2"), event("3")])
    claim(inbox, "sync:a")
    assert [(row.state, row.events) for row in inbox.wake_ups()] == [(WakeState.REQUESTED, 1), (WakeState.WAITING, 2)]


def test_a_wake_up_that_grew_meanwhile_is_not_moved_on_old_knowledge(inbox: SqlInbox) -> None:
    inbox.store([event("1")])
    claim(inbox, "sync:a")
    (seen,) = inbox.wake_ups()
    inbox.store([event("2")])
    claim(inbox, "sync:a")
    assert not inbox.move(seen, WakeState.REQUESTED)
    assert [(row.state, row.events) for row in inbox.wake_ups()] == [(WakeState.WAITING, 2)]


def test_claims_and_deliveries_at_once_lose_and_double_nothing(inbox: SqlInbox, state_url: str, clock: Clock) -> None:
    """Two receivers that get the same events in different orders, and two sensors."""
    faults: list[BaseException] = []

    def work(step: int, reverse: bool) -> None:
        own = open_store(state_url, clock=clock)
        try:
            for start in range(0, 300, 30):
                keys = range(start, start + 30)
                own.inbox.store([event(f"k{n}") for n in (reversed(keys) if reverse else keys)])
                own.inbox.claim(lambda _source, _subject: ["sync:a"], lambda: f"{step}-{next(_numbers)}")
                for row in own.inbox.wake_ups():
                    if row.state is WakeState.WAITING and start % 60 == 0:
                        own.inbox.move(row, WakeState.REQUESTED)
        except BaseException as fault:
            faults.append(fault)
        finally:
            own.close()

    threads = [threading.Thread(target=work, args=(n, bool(n))) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    claim(inbox, "sync:a")
    assert len(inbox.events()) == 300
    assert sum(row.duplicates for row in inbox.events()) == 300
    assert sum(row.events for row in inbox.wake_ups()) == 300


def test_replayed_events_and_wake_ups_wait_once_more(inbox: SqlInbox) -> None:
    inbox.store([event("1"), event("2")])
    claim(inbox, "sync:a")
    (first,) = inbox.wake_ups()
    inbox.move(first, WakeState.REQUESTED)
    assert inbox.again([first.wake_id], _id) == 0, "its run is still to come"
    (first,) = inbox.wake_ups()
    inbox.move(first, WakeState.FAILED)
    assert inbox.again([first.wake_id, "nothing"], _id) == 1
    assert [(row.state, row.events) for row in inbox.wake_ups()] == [(WakeState.WAITING, 2)]
    assert inbox.replay([inbox.events()[0].event_id]) == 1
    assert claim(inbox, "sync:a") == 1
    assert [row.events for row in inbox.wake_ups()] == [3], "all of it together"


def test_only_what_nobody_waits_for_is_forgotten(inbox: SqlInbox, clock: Clock) -> None:
    inbox.store([event("done")])
    claim(inbox, "sync:a")
    (done,) = inbox.wake_ups()
    inbox.move(done, WakeState.REQUESTED)
    (done,) = inbox.wake_ups()
    inbox.move(done, WakeState.DONE, run_id="r1")
    inbox.store([event("asked"), event("other", source="shop")])
    inbox.claim(lambda source, _subject: ["sync:a"] if source == "crm" else [], _id)
    inbox.store([event("waits")])
    clock.now += timedelta(days=20)
    inbox.store([event("new")])
    before = clock.now - timedelta(days=14)
    assert inbox.purge(before, "shop") == (1, 0)
    assert inbox.purge(before) == (1, 1)
    assert {row.event_key for row in inbox.events()} == {"asked", "waits", "new"}
    assert inbox.wake_ups(ended=True) == []
    assert [row.events for row in inbox.wake_ups()] == [1]
