"""Slack's answers, each from a real HTTP server, and what each means for the message."""

from __future__ import annotations

import logging

import pytest

from integrations_platform.alerts.delivery import Fate
from integrations_platform.alerts.slack import BotSender, WebhookSender, is_usable
from integrations_platform.defs.slack_poster import poster_of
from integrations_platform.pages import Pages
from integrations_platform_tests.alerts.conftest import alert
from integrations_platform_tests.alerts.sink import TOKEN, Reply, Sink

PAGES = Pages("https://dagster.example.test", "https://console.example.test")


def test_a_message_arrives_with_its_facts_and_links(slack: Sink) -> None:
    told = alert(facts=(("reason", "a system could not be reached"), ("run", "run_7*")))
    assert WebhookSender(slack.url, PAGES).send([told], "b1").fate is Fate.ARRIVED
    (message,) = slack.messages
    assert message["text"] == "people failed"
    header, section, context = message["blocks"]
    assert header["text"]["text"] == "people failed"
    assert [item["text"] for item in section["fields"]] == [
        "*reason*\na system could not be reached", "*run*\n`run_7*`",
    ]  # fmt: skip
    shown = [item["text"] for item in context["elements"]]
    assert shown[0].startswith(":red_circle: critical")
    assert shown[1:] == [
        "<https://dagster.example.test/runs/4f3c1c4e|run in Dagster>",
        "<https://dagster.example.test/assets/people|asset in Dagster>",
        "<https://console.example.test/syncs/people|console>",
    ]


@pytest.mark.parametrize(
    ("reply", "fate", "wait", "words"),
    [
        (Reply(403, "invalid_token"), Fate.LATER, None, "403 invalid_token"),
        (Reply(403, "action_prohibited"), Fate.LATER, None, "action_prohibited"),
        (Reply(404, "no_service"), Fate.LATER, None, "gone or revoked"),
        (Reply(410, "channel_is_archived"), Fate.LATER, None, "archived"),
        (Reply(429, "", {"Retry-After": "7"}), Fate.SOON, 7.0, "too many"),
        (Reply(429, "", {"Retry-After": "soon"}), Fate.SOON, None, "too many"),
        (Reply(429, "", {"Retry-After": "99999999"}), Fate.SOON, 3600.0, "too many"),
        (Reply(429, ""), Fate.SOON, None, "too many"),
        (Reply(500, "rollup_error"), Fate.SOON, None, "500 rollup_error"),
        (Reply(503, "<html>Ana's secret</html>"), Fate.SOON, None, "503"),
        (Reply(200, "<html>Ana, sign in to the network</html>"), Fate.LATER, None, "without Slack's ok"),
        (Reply(200, ""), Fate.LATER, None, "without Slack's ok"),
        (Reply(418, "teapot"), Fate.LATER, None, "418"),
        (Reply(drop=True), Fate.SOON, None, "may have arrived"),
    ],
)
def test_each_answer_has_its_meaning(slack: Sink, reply: Reply, fate: Fate, wait: float | None, words: str) -> None:
    slack.script = [reply]
    answer = WebhookSender(slack.url, PAGES).send([alert()], "b1")
    assert (answer.fate, answer.wait) == (fate, wait)
    assert words in answer.note
    assert "Ana" not in answer.note
    assert len(slack.calls) == 1, "it is repeated by the outbox, not here and now"


def test_what_slack_does_not_want_goes_once_more_without_blocks(slack: Sink) -> None:
    slack.script = [Reply(400, "invalid_blocks")]
    answer = WebhookSender(slack.url, PAGES).send([alert(1), alert(2, subject="<b>")], "b1")
    assert answer.fate is Fate.ARRIVED
    assert "2 blocks" not in answer.note
    assert "characters, 3 blocks" in answer.note
    assert slack.messages == [{"text": "people failed\n&lt;b&gt; failed"}]


def test_what_slack_never_wants_is_given_up_with_its_size_but_not_its_words(slack: Sink) -> None:
    slack.always = Reply(400, "no_text")
    answer = WebhookSender(slack.url, PAGES).send([alert()], "b1")
    assert answer.fate is Fate.NEVER
    assert "people" not in answer.note


def test_a_slack_that_says_nothing_is_left_after_the_time_given(slack: Sink) -> None:
    slack.script = [Reply(hang=True)]
    answer = WebhookSender(slack.url, PAGES, answer_seconds=1).send([alert()], "b1")
    assert (answer.fate, "may have arrived" in answer.note) == (Fate.SOON, True)


def test_nobody_there() -> None:
    answer = WebhookSender("http://127.0.0.1:1/hunter2", PAGES).send([alert()], "b1")
    assert (answer.fate, answer.note) == (Fate.SOON, "Slack could not be reached: the connection was refused")


@pytest.mark.parametrize(
    "url", ["", "hooks.slack.com/services/x", "http://hooks.slack.com/services/x", "ftp://127.0.0.1/x", "file:///etc/passwd",
            "https://", "https://host:port/x", "https://a b/c", "https://host/\nHost: other"],
)  # fmt: skip
def test_an_address_that_is_none_is_said_without_being_shown(url: str) -> None:
    answer = WebhookSender(url, PAGES).send([alert()], "b1")
    assert (answer.fate, answer.note) == (Fate.LATER, "the webhook is no https address: set SLACK_WEBHOOK_URL")
    assert is_usable("https://hooks.slack.com/services/T/B/x")


def test_the_address_is_in_no_log_however_it_goes_wrong(slack: Sink, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    slack.script = [Reply(), Reply(429), Reply(drop=True), Reply(500), Reply(404, "no_service")]
    for _ in range(5):
        answer = WebhookSender(slack.url, PAGES).send([alert()], "b1")
        assert "hunter2" not in repr(answer)
    assert "hunter2" not in caplog.text


def bot(slack: Sink) -> BotSender:
    return BotSender(poster_of(TOKEN, slack.api), "#ops", PAGES)


def test_a_bot_token_posts_to_its_channel_through_dagster_slack(slack: Sink, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert bot(slack).send([alert()], "b1").fate is Fate.ARRIVED
    ((path, headers),) = slack.calls
    assert (path, headers["Authorization"]) == ("/api/chat.postMessage", f"Bearer {TOKEN}")
    assert slack.messages[0]["channel"] == "#ops"
    assert slack.messages[0]["text"] == "people failed"
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("reply", "fate", "words"),
    [
        (Reply(200, '{"ok": false, "error": "channel_not_found"}'), Fate.LATER, "channel_not_found"),
        (Reply(200, '{"ok": false, "error": "invalid_auth"}'), Fate.LATER, "invalid_auth"),
        (Reply(200, '{"ok": false, "error": "internal_error"}'), Fate.SOON, "internal_error"),
        (Reply(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": "3"}), Fate.SOON, "429"),
        (Reply(500, "<html>"), Fate.SOON, "500"),
        (Reply(drop=True), Fate.SOON, "may have arrived"),
    ],
)
def test_what_a_bot_is_answered(slack: Sink, reply: Reply, fate: Fate, words: str) -> None:
    reply.headers.setdefault("Content-Type", "application/json")
    slack.script = [reply]
    answer = bot(slack).send([alert()], "b1")
    assert answer.fate is fate
    assert words in answer.note
    assert len(slack.calls) == 1
