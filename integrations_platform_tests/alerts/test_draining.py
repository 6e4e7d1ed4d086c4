"""A failing channel loses nothing: what waits, for how long, in which order, and what may come twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from integrations_platform.alerts.alert import Alert
from integrations_platform.alerts.delivery import Answer, Sender
from integrations_platform.alerts.draining import Drain, Drained
from integrations_platform.alerts.mailing import MailSender, MailServer
from integrations_platform.alerts.slack import WebhookSender
from integrations_platform.pages import Pages
from integrations_platform.state import SqlStore, open_store
from integrations_platform.state.outbox import Message, MessageState, SqlOutbox
from integrations_platform_tests.alerts.conftest import Time, alert
from integrations_platform_tests.alerts.empty_state import empty_state
from integrations_platform_tests.alerts.post_office import PostOffice
from integrations_platform_tests.alerts.sink import Reply, Sink


@pytest.fixture
def store(tmp_path: Path, time: Time) -> Iterator[SqlStore]:
    opened = open_store(empty_state(tmp_path), clock=time)
    yield opened
    opened.close()


@pytest.fixture
def outbox(store: SqlStore) -> SqlOutbox:
    return store.outbox


def queue(outbox: SqlOutbox, *subjects: str, target: str = "slack") -> None:
    told = [alert(subject=subject) for subject in subjects]
    outbox.change(lambda _: ([], [
        Message(f"{target}-{one.subject}", target, one.severity.value, one.subject, one.to_json()) for one in told
    ]))  # fmt: skip


def drain(outbox: SqlOutbox, time: Time, holder: str = "me", **senders: Sender) -> Drained:
    return Drain(outbox, senders, holder, time, time.timing, seconds=20).round()


def webhook(slack: Sink) -> WebhookSender:
    return WebhookSender(slack.url, Pages(), answer_seconds=2)


def test_an_outage_of_slack_delays_and_loses_nothing(outbox: SqlOutbox, slack: Sink, time: Time) -> None:
    queue(outbox, "a", "b")
    slack.always = Reply(503)
    waits = []
    for _ in range(6):
        done = drain(outbox, time, slack=webhook(slack))
        (first, *_) = reversed(outbox.messages(MessageState.WAITING))
        waits.append(round((first.next_at - time.now).total_seconds()))
        assert (done.sent, done.given_up) == (0, 0)
        time.now = first.next_at
    assert waits == [30, 60, 120, 240, 480, 960], "a short outage delays for minutes, a long one is asked about rarely"
    slack.always = None
    assert drain(outbox, time, slack=webhook(slack)).sent == 2
    assert slack.texts == ["a failed", "b failed"]


def test_a_dropped_connection_is_tried_again_soon_and_then_ever_more_rarely(
    outbox: SqlOutbox, time: Time, slack: Sink
) -> None:
    queue(outbox, "a")
    waits = []
    for _ in range(9):
        slack.script = [Reply(drop=True)]
        drain(outbox, time, slack=webhook(slack))
        (row,) = outbox.messages(MessageState.WAITING)
        waits.append(round((row.next_at - time.now).total_seconds()))
        time.now = row.next_at
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_slack_s_own_wish_for_a_pause_is_followed(outbox: SqlOutbox, slack: Sink, time: Time) -> None:
    queue(outbox, "a", "b")
    slack.script = [Reply(429, "", {"Retry-After": "7"})]
    assert drain(outbox, time, slack=webhook(slack)).put_off == 1
    time.wait(seconds=6)
    assert drain(outbox, time, slack=webhook(slack)).sent == 0
    time.wait(seconds=2)
    assert drain(outbox, time, slack=webhook(slack)).sent == 2


def test_a_revoked_webhook_waits_for_somebody_to_set_another(outbox: SqlOutbox, slack: Sink, time: Time) -> None:
    queue(outbox, "a")
    slack.always = Reply(404, "no_service")
    done = drain(outbox, time, slack=webhook(slack))
    (note,) = done.notes
    assert note.startswith("slack: 1 of our alerts, try 1: Slack answered 404 no_service: the webhook is gone")
    slack.always = None
    time.wait(minutes=59)
    assert drain(outbox, time, slack=webhook(slack)).sent == 0
    time.wait(minutes=1)
    assert drain(outbox, time, slack=webhook(slack)).sent == 1


def test_messages_to_one_webhook_keep_a_second_between_them(outbox: SqlOutbox, slack: Sink, time: Time) -> None:
    queue(outbox, "a", "b", "c")
    assert drain(outbox, time, slack=webhook(slack)).sent == 3
    assert time.slept == [1.0, 1.0]


def test_a_storm_is_one_message(outbox: SqlOutbox, slack: Sink, time: Time) -> None:
    queue(outbox, *(f"s{number}" for number in range(45)))
    assert drain(outbox, time, slack=webhook(slack)).sent == 45
    assert [text.partition(":")[0] for text in slack.texts] == ["20 alerts", "20 alerts", "5 alerts"]


def test_a_broken_slack_does_not_hold_up_the_mail(
    outbox: SqlOutbox, slack: Sink, office: PostOffice, time: Time
) -> None:
    queue(outbox, "a")
    queue(outbox, "a", target="email")
    slack.always = Reply(500)
    server = MailServer("localhost", office.port, "none", "alerts@example.com")
    mailing = MailSender(server, ("ana@example.com", "bo@example.com"), Pages(), time)
    office.refuse = {"bo@example.com": "451 greylisted"}
    done = drain(outbox, time, slack=webhook(slack), email=mailing)
    assert (done.sent, done.put_off) == (0, 2)
    assert "refused for now: bo@example.com" in done.notes[1]
    office.refuse = {}
    time.wait(hours=2)
    drain(outbox, time, slack=webhook(slack), email=mailing)
    assert [recipients for recipients, _ in office.mails] == [["ana@example.com"], ["bo@example.com"]]
    assert len({mail["Message-ID"] for _, mail in office.mails}) == 1


def test_recipients_that_are_refused_for_good_are_reported_though_the_mail_arrived(
    outbox: SqlOutbox, office: PostOffice, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    queue(outbox, "a", target="email")
    office.refuse = {"bo@example.com": "550 no such user"}
    server = MailServer("localhost", office.port, "none", "alerts@example.com")
    done = drain(outbox, time, email=MailSender(server, ("ana@example.com", "bo@example.com"), Pages(), time))
    assert done.sent == 1
    assert "refused for good: bo@example.com" in caplog.text
    assert outbox.messages()[0].note == "accepted for 1; refused for good: bo@example.com"


@dataclass
class Dying:
    """Sends, and its process dies before it can note the answer."""

    inner: Sender
    bundles: list[str] = field(default_factory=list)

    def send(self, alerts: Sequence[Alert], bundle_id: str, *, recipients: Sequence[str] | None = None) -> Answer:
        self.bundles.append(bundle_id)
        self.inner.send(alerts, bundle_id, recipients=recipients)
        raise KeyboardInterrupt


def test_a_death_between_the_yes_and_its_note_sends_the_same_mail_again(
    outbox: SqlOutbox, office: PostOffice, time: Time
) -> None:
    queue(outbox, *(f"s{number}" for number in range(5)), target="email")
    mailing = MailSender(
        MailServer("localhost", office.port, "none", "alerts@example.com"), ("ana@example.com",), Pages(), time
    )
    with pytest.raises(KeyboardInterrupt):
        drain(outbox, time, "dead", email=Dying(mailing))
    assert drain(outbox, time, "heir", email=mailing).sent == 0, "the dead one's claim still holds"
    queue(outbox, "later", target="email")
    time.wait(minutes=3)
    assert drain(outbox, time, "heir", email=mailing).sent == 6
    ids = [mail["Message-ID"] for _, mail in office.mails]
    assert (ids[0] == ids[1], len(set(ids))) == (True, 2)


@dataclass
class Slow:
    """Takes so long that its claim ends meanwhile, and somebody else sends."""

    inner: Sender
    time: Time
    meanwhile: Drain | None = None

    def send(self, alerts: Sequence[Alert], bundle_id: str, *, recipients: Sequence[str] | None = None) -> Answer:
        self.time.wait(minutes=3)
        if self.meanwhile is not None:
            self.meanwhile.round()
        return self.inner.send(alerts, bundle_id, recipients=recipients)


def test_what_may_have_been_sent_twice_is_said(outbox: SqlOutbox, slack: Sink, time: Time) -> None:
    queue(outbox, "a")
    other = Drain(outbox, {"slack": webhook(slack)}, "other", time, time.timing)
    done = drain(outbox, time, slack=Slow(webhook(slack), time, other))
    assert done.notes == ["slack: 1 of our alerts may have been sent twice: the claim had ended"]
    assert slack.texts == ["a failed", "a failed"]


def test_a_round_ends_in_its_time_and_the_next_goes_on(outbox: SqlOutbox, slack: Sink, time: Time) -> None:
    queue(outbox, "a", "b")
    assert drain(outbox, time, slack=Slow(webhook(slack), time)).sent == 1
    assert drain(outbox, time, slack=webhook(slack)).sent == 1


def test_what_waits_too_long_is_given_up_aloud(
    outbox: SqlOutbox, slack: Sink, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    queue(outbox, "a")
    slack.always = Reply(404, "no_service")
    drain(outbox, time, slack=webhook(slack))
    time.now += timedelta(days=8)
    assert drain(outbox, time, slack=webhook(slack)).given_up == 1
    assert "1 alerts were given up after 7 days" in caplog.text
