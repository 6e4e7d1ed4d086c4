"""`integrations alerts` as people and schedulers without Dagster use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations_platform_tests.alerts.post_office import PostOffice, post_office
from integrations_platform_tests.alerts.sink import Reply, Sink, sink
from integrations_platform_tests.cli.conftest import Company


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    with sink() as opened:
        monkeypatch.setenv("ENABLE_SLACK", "true")
        monkeypatch.setenv("SLACK_WEBHOOK_URL", opened.url)
        yield opened


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostOffice]:
    with post_office() as opened:
        settings = {
            "ENABLE_EMAIL": "true", "ALERT_EMAILS": "ana@example.com,bo@example.com", "SMTP_HOST": "localhost",
            "SMTP_PORT": str(opened.port), "SMTP_SECURITY": "none", "SMTP_FROM": "alerts@example.com",
        }  # fmt: skip
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield opened


def test_a_test_message_says_of_each_channel_whether_it_arrived(
    company: Company, slack: Sink, office: PostOffice
) -> None:
    text = company.run("alerts", "test").stdout
    assert text == "slack: arrived; ok\nemail: arrived; accepted for 2\n"
    assert slack.texts == ["Test message of environment env"]
    slack.always = Reply(403, "invalid_token")
    data = company.json("alerts", "test", code=1)
    assert (data["slack"]["fate"], data["email"]["fate"]) == ("later", "arrived")


def test_a_test_without_a_channel_says_which_variable_to_set(company: Company) -> None:
    assert "set ENABLE_SLACK or ENABLE_EMAIL" in company.run("alerts", "test", code=2).stderr


def test_drain_looks_queues_and_sends_and_list_tells_what_stands(synced: Company, slack: Sink) -> None:
    assert synced.run("alerts", "list").stdout == "nothing is wrong\n"
    synced.target("DELETE FROM client")
    synced.run("sync", "run", "people", code=4)
    assert synced.json("alerts", "drain") == {"new": 1, "sent": 1, "put_off": 0, "given_up": 0, "notes": []}
    assert synced.run("alerts", "drain").stdout == "0 new alerts; 0 sent, 0 put off, 0 given up\n"
    assert slack.texts == ["people was refused by a guard"]
    text = synced.run("alerts", "list").stdout
    assert "1 thing wrong" in text
    assert "guard refused" in text
    data = synced.json("alerts", "list")
    assert [row["kind"] for row in data["standing"]] == ["guard_refused"]
    assert [(row["state"], row["alert"]) for row in data["messages"]] == [("sent", "people was refused by a guard")]
    assert "wrong now: 1 thing" in synced.run("alerts", "digest").stdout
    synced.run("alerts", "digest", "--send")
    assert slack.texts[-1].startswith("Digest of ")


def test_what_did_not_arrive_is_in_the_exit_code_the_list_and_the_doctor_until_it_does(
    synced: Company, slack: Sink
) -> None:
    slack.always = Reply(404, "no_service")
    result = synced.run("alerts", "send", "prices stand still", "--severity", "critical", code=1)
    assert "1 put off" in result.stdout
    assert "the webhook is gone or revoked" in result.stderr
    assert "waiting" in synced.run("alerts", "list").stdout
    text = synced.run("doctor", code=1).stdout
    assert "PROBLEM alerts slack: 1 messages have not arrived: Slack answered 404 no_service" in text
    slack.always = None
    assert synced.json("alerts", "drain", "--now")["sent"] == 1
    assert slack.texts == ["prices stand still"]
    assert "ok      alerts slack: an incoming webhook" in synced.run("doctor").stdout
    assert synced.json("alerts", "send", "prices stand still")["new"] == 0
    assert synced.json("alerts", "send", "prices stand still", "--over")["sent"] == 1


def test_what_nobody_will_mend_is_dismissed_without_a_word(company: Company, slack: Sink) -> None:
    company.declare("not: a sync", "broken")
    company.run("alerts", "send", "prices stand still")
    assert company.run("alerts", "dismiss", "prices stand still").stdout == "1 thing dismissed\n"
    assert company.run("alerts", "list").stdout.startswith("nothing is wrong\n")
    assert "nothing is wrong with 'prices'" in company.run("alerts", "dismiss", "prices", code=2).stderr
    company.run("alerts", "send", "prices stand still")
    assert slack.texts == ["prices stand still"] * 2, "met again, it is told again"


@pytest.mark.parametrize("subject", ["", "  ", "two\nlines", "x" * 201])
def test_a_subject_is_one_line(company: Company, slack: Sink, subject: str) -> None:
    company.run("alerts", "send", subject, code=2)
    assert slack.messages == []


def test_doctor_names_what_a_channel_lacks(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ok      alerts -: off: neither ENABLE_SLACK nor ENABLE_EMAIL is true" in company.run("doctor").stdout
    monkeypatch.setenv("ENABLE_SLACK", "true")
    monkeypatch.setenv("ENABLE_EMAIL", "true")
    text = company.run("doctor", code=1).stdout
    assert "PROBLEM alerts slack: Slack is on and has no address: set SLACK_WEBHOOK_URL" in text
    assert "PROBLEM alerts email: there is no mail server: set SMTP_HOST" in text
    monkeypatch.setenv("ENABLE_SLACK", "perhaps")
    assert "set ENABLE_SLACK to true or false" in company.run("doctor", code=1).stdout
