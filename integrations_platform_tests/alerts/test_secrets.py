"""Nothing that is secret and nobody's data gets out: not in a message, a mail, a log, the outbox or an exception."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations_platform_tests.alerts.post_office import PASSWORD, PostOffice, post_office
from integrations_platform_tests.alerts.sink import TOKEN, Reply, Sink
from integrations_platform_tests.cli.conftest import ENVIRONMENT, Company, company, synced

__all__ = ["company", "synced"]
SECRET = "hunter2"
"""Part of every secret and of every value of these stories: addresses of Slack, passwords, customers' names."""


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as opened:
        yield opened


@pytest.fixture
def told(synced: Company, slack: Sink, office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> Company:
    """A company whose every channel is on."""
    assert all(SECRET in text for text in (slack.url, PASSWORD, TOKEN))
    for name, value in {
        "ENABLE_SLACK": "true", "SLACK_WEBHOOK_URL": slack.url, "SLACK_BOT_TOKEN": TOKEN, "ENABLE_EMAIL": "true",
        "ALERT_EMAILS": "ana@example.com", "SMTP_HOST": "localhost", "SMTP_PORT": str(office.port),
        "SMTP_SECURITY": "none", "SMTP_PASSWORD": PASSWORD, "SMTP_FROM": "alerts@example.com",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    limits = "alerts: {thresholds: {open_conflicts: 0}}\n"
    synced.configure(ENVIRONMENT.format(folder=synced.folder) + limits)
    return synced


def sent(slack: Sink, office: PostOffice) -> str:
    return "\n".join([*map(str, slack.messages), *(mail.as_string() for _, mail in office.mails)])


def test_no_story_of_a_sync_tells_a_value_or_a_secret(
    told: Company, slack: Sink, office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, "mail.log")  # the mail server's own, which is not ours to keep quiet
    printed = []

    def drained(code: int | None = None) -> None:
        result = told.run("--debug", "alerts", "drain", code=code)
        printed.append(result.output)

    # A conflict of two values, and one that the other side cannot hold.
    told.source(f"UPDATE customer SET name = 'Ana {SECRET}' WHERE id = 1")
    told.target(f"UPDATE client SET full_name = 'Bo {SECRET}' WHERE mail = 'p1@x.org'")
    told.source(f"UPDATE customer SET name = '{SECRET * 9}' WHERE id = 2")
    told.run("sync", "run", "people", code=3)
    drained()
    # A side that is gone, with a message that holds its place.
    told.target(f"ALTER TABLE client RENAME TO {SECRET}")
    told.run("sync", "run", "people", code=None)
    drained()
    told.target(f"ALTER TABLE {SECRET} RENAME TO client")
    # A failure in a server's own words, and a breaker that keeps them.
    newest = "(SELECT max(sequence) FROM sync_run)"
    words = f"postgresql://user:{SECRET}@host refused ana@example.com"
    told.state(f"UPDATE sync_run SET status = 'failed', message = ? WHERE sequence = {newest}", words)
    told.state(
        "INSERT INTO sync_breaker (system, state, failures, last_error) VALUES ('shop', 'open', 5, ?)",
        f"401 for token {SECRET}",
    )
    drained()
    # An emptied side.
    told.state("DELETE FROM sync_breaker")
    told.target("DELETE FROM client")
    told.run("sync", "run", "people", code=4)
    drained()
    printed += [told.run("alerts", *words, code=None).output for words in (("list",), ("digest", "--send"), ("test",))]
    printed.append(told.run("doctor", code=None).output.partition("system ")[0])

    everything = sent(slack, office)
    kinds = ("conflicts wait", "partly in agreement", "people failed", "circuit breaker opened", "refused by a guard")
    assert [words for words in (*kinds, "Digest of") if words not in everything] == []
    rows = told.state("SELECT * FROM alert_outbox"), told.state("SELECT * FROM alert_standing")
    for place, text in {
        "messages": everything,
        "logs": caplog.text,
        "rows": str(rows),
        "screen": "".join(printed),
    }.items():
        assert SECRET not in text, place
        assert "p1@x.org" not in text, place


def test_no_trouble_with_a_channel_tells_its_address(
    told: Company, slack: Sink, office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, "mail.log")  # the mail server's own, which is not ours to keep quiet
    office.refuse_data = f"554 no {SECRET}"
    replies = (
        Reply(404, f"no_service {SECRET}"),
        Reply(500, SECRET),
        Reply(drop=True),
        Reply(302, SECRET),
        Reply(400, SECRET),
    )
    for reply in replies:
        slack.always = reply
        result = told.run("--debug", "alerts", "send", "prices", code=1)
        listed = told.run("alerts", "list").output + told.run("doctor", code=1).output.partition("system ")[0]
        for text in (result.output, listed, caplog.text, str(told.state("SELECT * FROM alert_outbox"))):
            assert SECRET not in text
        told.state("DELETE FROM alert_outbox")
        told.state("DELETE FROM alert_standing")


def test_settings_that_do_not_do_are_named_without_their_values(
    told: Company, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SLACK_WEBHOOK_URL", "ALERT_EMAILS", "SMTP_SECURITY", "SMTP_PORT", "DAGSTER_URL", "ENABLE_EMAIL"):
        with monkeypatch.context() as patch:
            patch.setenv(name, f"{SECRET} x")
            for words in (("test",), ("drain",), ("send", "prices")):
                assert SECRET not in told.run("--debug", "alerts", *words, code=None).output
