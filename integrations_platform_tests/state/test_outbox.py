"""The outbox: what is worth a message is kept with it, and each message has one sender at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from integrations_platform.state import SqlStore, open_store
from integrations_platform.state.outbox import TOGETHER, Message, MessageState, SqlOutbox, Standing
from integrations_platform_tests.state.conftest import NOW, Clock

# Where nothing depends on the engine, one is enough: a database of its own is most of what such a story costs.
ON_SQLITE = pytest.mark.parametrize("state_url", ["sqlite"], indirect=True)


def message(name: str, target: str = "slack") -> Message:
    return Message(name, target, "warning", "people", "{}")


def queue(outbox: SqlOutbox, *names: str, target: str = "slack") -> None:
    outbox.change(lambda _: ([], [message(name, target) for name in names]))


def states(outbox: SqlOutbox) -> dict[str, str]:
    return {row.message_id: row.state.value for row in outbox.messages()}


@pytest.fixture
def outbox(store: SqlStore) -> SqlOutbox:
    return store.outbox


def test_what_stands_and_the_message_about_it_are_kept_together_or_not_at_all(outbox: SqlOutbox) -> None:
    row = Standing("sync/people", "people", "run_failed", NOW, NOW, 1, '{"ended": {}}')
    outbox.change(lambda _: ([row], [message("m1")]))
    assert outbox.standing() == [row]

    def broken(standing: object) -> tuple[list[Standing], list[Message]]:
        assert standing == {"sync/people": row}
        raise LookupError("no")

    with pytest.raises(LookupError):
        outbox.change(broken)  # type: ignore[arg-type]
    assert (outbox.standing(), states(outbox)) == ([row], {"m1": "waiting"})


@ON_SQLITE
def test_the_same_message_is_queued_once(outbox: SqlOutbox) -> None:
    queue(outbox, "m1")
    assert outbox.change(lambda _: ([], [message("m1"), message("m2")])) == [message("m2")]
    assert states(outbox) == {"m1": "waiting", "m2": "waiting"}


@ON_SQLITE
def test_a_few_messages_go_one_by_one_in_order_and_many_go_as_one(outbox: SqlOutbox) -> None:
    queue(outbox, "m1", "m2")
    first = outbox.claim(["slack"], "me", 60)
    assert first is not None
    assert [row.message_id for row in first.messages] == ["m1"]
    assert outbox.claim(["slack"], "you", 60) is None, "one sender for a target at a time"
    assert outbox.settle(first, MessageState.SENT, "ok")
    queue(outbox, *(f"n{number}" for number in range(30)))
    many = outbox.claim(["slack"], "you", 60)
    assert many is not None
    assert [row.message_id for row in many.messages] == ["m2", *(f"n{number}" for number in range(TOGETHER - 1))]


@ON_SQLITE
def test_targets_do_not_wait_for_one_another(outbox: SqlOutbox) -> None:
    queue(outbox, "m1")
    queue(outbox, "m2", target="email")
    mine, yours = outbox.claim(["slack", "email"], "me", 60), outbox.claim(["slack", "email"], "you", 60)
    assert mine is not None
    assert yours is not None
    assert (mine.target, yours.target) == ("slack", "email")


@ON_SQLITE
def test_what_comes_later_never_overtakes_what_waits_for_its_next_try(outbox: SqlOutbox, clock: Clock) -> None:
    queue(outbox, "failed")
    bundle = outbox.claim(["slack"], "me", 60)
    assert bundle is not None
    assert outbox.postpone(bundle, clock.now + timedelta(seconds=30), "no answer")
    queue(outbox, "recovered")
    assert outbox.claim(["slack"], "me", 60) is None
    clock.move(seconds=31)
    again = outbox.claim(["slack"], "me", 60)
    assert again is not None
    assert ([row.message_id for row in again.messages], again.attempts) == (["failed"], 2)


@ON_SQLITE
def test_a_dead_sender_s_bundle_is_taken_over_as_it_was(outbox: SqlOutbox, clock: Clock) -> None:
    queue(outbox, *(f"m{number}" for number in range(5)))
    dead = outbox.claim(["slack"], "dead", 60)
    assert dead is not None
    queue(outbox, "later")
    clock.move(seconds=61)
    heir = outbox.claim(["slack"], "heir", 60)
    assert heir is not None
    assert heir.bundle_id == dead.bundle_id
    assert [row.message_id for row in heir.messages] == [row.message_id for row in dead.messages]
    assert not outbox.settle(dead, MessageState.SENT, "ok"), "it came back to life, and is told that it is too late"
    assert outbox.settle(heir, MessageState.SENT, "ok")
    assert Counter(states(outbox).values()) == {"sent": 5, "waiting": 1}


@ON_SQLITE
def test_recipients_that_were_refused_for_now_are_all_that_is_left(outbox: SqlOutbox, clock: Clock) -> None:
    queue(outbox, "m1", target="email")
    bundle = outbox.claim(["email"], "me", 60)
    assert bundle is not None
    assert bundle.recipients is None
    outbox.postpone(bundle, clock.now, "refused for now: bo@example.com", ("bo@example.com",))
    again = outbox.claim(["email"], "me", 60)
    assert again is not None
    assert (again.recipients, again.bundle_id) == (("bo@example.com",), bundle.bundle_id)


def test_what_never_arrives_is_given_up_and_kept_to_be_seen_until_it_is_tried_again(
    outbox: SqlOutbox, clock: Clock
) -> None:
    queue(outbox, "old")
    bundle = outbox.claim(["slack"], "me", 60)
    assert bundle is not None
    outbox.postpone(bundle, clock.now + timedelta(days=30), "the webhook is gone")
    clock.move(days=8)
    assert outbox.tidy(clock.now - timedelta(days=7), clock.now - timedelta(days=30), "given up after 7 days") == 1
    (row,) = outbox.messages(MessageState.FAILED)
    assert row.note == "given up after 7 days; the webhook is gone"
    assert outbox.count() == {MessageState.WAITING: 0, MessageState.SENT: 0, MessageState.FAILED: 1}
    assert outbox.retry() == 1
    again = outbox.claim(["slack"], "me", 60)
    assert again is not None
    outbox.settle(again, MessageState.SENT, "ok")
    clock.move(days=31)
    outbox.tidy(clock.now - timedelta(days=7), clock.now - timedelta(days=30), "given up")
    assert outbox.messages() == []


def test_watchers_that_look_together_judge_one_after_the_other(state_url: str, outbox: SqlOutbox, clock: Clock) -> None:
    begin = Barrier(2)

    def watch(_name: str) -> None:
        store = open_store(state_url, clock=clock)
        begin.wait()
        for _ in range(15):
            store.outbox.change(_once_more)
        store.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(watch, ("one", "two")))
    (row,) = outbox.standing()
    assert row.times == len(states(outbox)) == 30


def _once_more(standing: Mapping[str, Standing]) -> tuple[list[Standing], list[Message]]:
    times = standing["t"].times + 1 if "t" in standing else 1
    return [Standing("t", "t", "notice", NOW, NOW, times)], [message(f"m{times}")]


def test_senders_that_drain_together_send_each_message_once(state_url: str, outbox: SqlOutbox, clock: Clock) -> None:
    """Each has connections of its own, as another process has."""
    targets = ("slack", "email", "slack/sales")
    for target in targets:
        queue(outbox, *(f"{target}-{number}" for number in range(45)), target=target)
    begin = Barrier(3)

    def drain(name: str) -> list[str]:
        store, sent = open_store(state_url, clock=clock), []
        begin.wait()
        while states_left(store.outbox):  # nothing for now is not the end: the others may hold all targets
            bundle = store.outbox.claim(targets, name, 60)
            if bundle is not None:
                sent += [row.message_id for row in bundle.messages]
                assert store.outbox.settle(bundle, MessageState.SENT, "ok")
        store.close()
        return sent

    with ThreadPoolExecutor(3) as pool:
        sent = [name for names in pool.map(drain, ("one", "two", "three")) for name in names]
    assert sorted(sent) == sorted(states(outbox))


def states_left(outbox: SqlOutbox) -> int:
    return outbox.count()[MessageState.WAITING]
