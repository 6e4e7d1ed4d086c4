"""The desk over a real state: what is queued for whom, the digest, and notices in people's own words; and Airflow."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest

from integrations_platform.alerts.airflow import task_failed, task_succeeded
from integrations_platform.alerts.alert import Severity
from integrations_platform.alerts.desk import Desk, _log_once
from integrations_platform.platform import Platform
from integrations_platform.settings import load_settings
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform_tests.alerts.conftest import Time
from integrations_platform_tests.alerts.sink import Reply, Sink
from integrations_platform_tests.cli.conftest import ENVIRONMENT, Company, company, synced

__all__ = ["company", "synced"]
SECTION = "alerts: {digest_hour: 6, thresholds: {open_conflicts: 0}}\n"
WHEN = Runtime().clock()


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch, synced: Company, slack: Sink) -> None:
    synced.configure(ENVIRONMENT.format(folder=synced.folder) + SECTION)
    synced.declare((synced.folder / "syncs" / "people.yaml").read_text() + 'schedule: "0 * * * *"\n')
    monkeypatch.setenv("ENABLE_SLACK", "true")
    monkeypatch.setenv("SLACK_WEBHOOK_URL", slack.url)


@pytest.fixture
def desk(synced: Company, variables: None, time: Time) -> Iterator[Desk]:
    """A desk over a company whose sync has run once, its clock some minutes ahead of that."""
    time.now = WHEN + timedelta(minutes=10)
    platform = Platform(load_settings(env_file=synced.folder / "env.yaml"), replace(Runtime(), clock=time))
    platform.folder = synced.folder / "syncs"
    yield Desk(platform, [platform.sync("people")], timing=time.timing, whole=True)
    platform.close()


def park_one(company: Company) -> None:
    """Both sides change one name."""
    company.source("UPDATE customer SET name = 'Ana hunter2' WHERE id = 1")
    company.target("UPDATE client SET full_name = 'Bo hunter2' WHERE mail = 'p1@x.org'")
    company.run("sync", "run", "people", code=3)


def test_a_parked_conflict_is_told_and_its_decision_too(desk: Desk, synced: Company, slack: Sink) -> None:
    assert desk.look() == []
    park_one(synced)
    assert len(desk.look()) == 2
    assert desk.drain().sent == 2
    assert sorted(slack.texts) == ["people is only partly in agreement", "people: conflicts wait for a person"]
    assert "hunter2" not in str(slack.messages)
    (row,) = desk.platform.store.conflicts("people")
    synced.run("sync", "conflicts", "resolve", "people", row.conflict_id, "--choice", "source")
    synced.run("sync", "run", "people")
    desk.look()
    assert desk.drain().sent == 1, "what ends together is told together"
    assert slack.texts[-1] == "people is wholly in agreement again"
    assert "conflicts since" in str(slack.messages[-1])


def test_the_digest_comes_once_a_day_and_counts(desk: Desk, synced: Company, time: Time, slack: Sink) -> None:
    assert desk.look() == [], "there is nothing to report of the day before the first look"
    park_one(synced)
    time.now = (time.now + timedelta(days=1)).replace(hour=6, minute=1)
    (digest,) = [alert for alert in desk.look() if alert.kind == "digest"]
    shown = dict(digest.facts)
    assert digest.headline == f"Digest of {time.now:%Y-%m-%d}"
    assert shown["wrong now"] == "3 things"
    assert "1 open conflict" in str(digest.facts)
    assert not [alert for alert in desk.look() if alert.kind == "digest"]
    time.wait(hours=23)
    assert not [alert for alert in desk.look() if alert.kind == "digest"]
    time.wait(hours=1)
    assert [alert for alert in desk.look() if alert.kind == "digest"]


def test_a_notice_is_counted_until_it_is_over(desk: Desk, slack: Sink, time: Time) -> None:
    assert len(desk.notice("The import of prices stands still", Severity.CRITICAL)) == 1
    time.wait(minutes=1)
    assert desk.notice("The import of prices stands still", Severity.CRITICAL) == []
    time.wait(minutes=1)
    (over,) = desk.notice("The import of prices stands still", over=True)
    assert (over.severity, over.recovered) == (Severity.CRITICAL, True)
    assert desk.drain().sent == 2
    assert slack.texts == ["The import of prices stands still", "The import of prices stands still: over"]


def test_without_a_channel_what_stands_is_remembered_and_said_once(
    desk: Desk, synced: Company, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("ENABLE_SLACK")
    _log_once.cache_clear()
    park_one(synced)
    assert desk.look()
    desk.notice("again")
    assert caplog.text.count("no channel is on") == 1
    assert desk.platform.store.outbox.messages() == []
    assert {row.topic for row in desk.platform.store.outbox.standing() if row.kind} >= {"conflicts/people"}


def task(dag: str = "nightly", name: str = "load") -> SimpleNamespace:
    return SimpleNamespace(
        dag_id=dag, task_id=name, run_id="scheduled__2026", try_number=3, start_date=WHEN, end_date=Runtime().clock()
    )  # fmt: skip


@pytest.fixture
def airflow(synced: Company, variables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRATIONS_ENV_FILE", str(synced.folder / "env.yaml"))


def test_a_task_of_airflow_s_fails_and_recovers(airflow: None, slack: Sink) -> None:
    fault = KeyError("hunter2 of ana@example.com")
    task_failed({"task_instance": task(), "exception": fault})
    task_failed({"task_instance": task(), "exception": fault})
    task_succeeded({"ti": task(name="other")})
    task_succeeded({"ti": task()})
    assert slack.texts == ["airflow/nightly.load failed", "airflow/nightly.load runs again"]
    assert "`KeyError`" in str(slack.messages[0]) or "KeyError" in str(slack.messages[0])
    assert "hunter2" not in str(slack.messages)


def test_a_task_whose_sync_has_a_history_is_told_by_the_history(airflow: None, slack: Sink) -> None:
    partial(task_failed, sync="people")({"ti": task()})
    assert slack.texts == [], "it ran within the task's time, and came off"
    partial(task_failed, sync="another")({"ti": task()})
    assert slack.texts == ["another failed"], "it never got as far as to have a history"


def test_a_callback_never_raises_and_says_what_kept_it(
    airflow: None, synced: Company, slack: Sink, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack.always = Reply(500)
    task_failed({})
    slack.always = None
    monkeypatch.setenv("ENABLE_SLACK", "perhaps")
    task_failed({"ti": task()})
    assert "could not be kept" in caplog.text
    monkeypatch.setenv("INTEGRATIONS_ENV_FILE", "/nowhere.yaml")
    task_failed({"ti": task()})
    monkeypatch.setenv("INTEGRATIONS_ENV_FILE", str(synced.folder / "env.yaml"))
    monkeypatch.setenv("ENABLE_SLACK", "false")
    caplog.set_level(logging.INFO, "integrations_platform.alerts")
    task_failed({"ti": task()})
    assert "no channel is on" in caplog.text
