"""`integrations webhooks`: what was received, another try, and forgetting."""

from __future__ import annotations

from contextlib import closing

from integrations_platform.state import open_store
from integrations_platform.state.inbox import Event, WakeState
from integrations_platform_tests.cli.conftest import Company


def _received(company: Company) -> str:
    """Three events, of which two woke a run that failed; the id of that wake-up."""
    with closing(open_store(f"sqlite:///{company.folder}/state.sqlite")) as store:
        inbox = store.inbox
        inbox.store([Event("crm", "1", "contact.creation", "", "{}"), Event("crm", "2", "\x1b[31mred", "", "{}")])
        inbox.claim(lambda _source, _subject: ["sync:people"], lambda: "wake-1")
        (wake_up,) = inbox.wake_ups()
        inbox.move(wake_up, WakeState.FAILED, run_id="run-1", note="its run failed")
        inbox.store([Event("shop", "3", "order.paid", "", "{}"), Event("crm", "1", "contact.creation", "", "{}")])
    return "wake-1"


def test_before_anything_was_received(company: Company) -> None:
    assert company.run("webhooks", "list").stdout == "nothing was received yet\n"
    assert company.json("webhooks", "list") == {"totals": [], "wake_ups": [], "events": []}


def test_events_and_wake_ups_are_listed(company: Company) -> None:
    _received(company)
    text = company.run("webhooks", "list").stdout
    assert "the sync people" in text
    assert "its run failed" in text
    assert "crm: 2 woke, delivered 1 more times" in text
    assert "\x1b" not in text
    data = company.json("webhooks", "list", "--source", "shop", "--state", "waiting")
    assert [event["key"] for event in data["events"]] == ["3"]
    assert [row["state"] for row in data["wake_ups"]] == ["failed"]


def test_what_failed_is_replayed_together(company: Company) -> None:
    wake_id = _received(company)
    event_id = company.json("webhooks", "list", "--source", "shop")["events"][0]["event_id"]
    done = company.json("webhooks", "replay", wake_id, event_id)
    assert (done["events"], done["wake_ups"]) == (1, 1)
    assert [row["state"] for row in company.json("webhooks", "list")["wake_ups"]] == ["waiting", "failed"]
    assert company.json("webhooks", "replay", "--source", "crm")["events"] == 2
    refused = company.run("webhooks", "replay", "nothing", code=2)
    assert "neither an event nor an ended wake-up: nothing" in refused.stderr
    company.run("webhooks", "replay", code=2)


def test_old_things_are_forgotten(company: Company) -> None:
    _received(company)
    assert company.json("webhooks", "purge") == {"events": 0, "wake_ups": 0}
    assert company.json("webhooks", "purge", "--older-than", "0") == {"events": 2, "wake_ups": 1}
    assert [event["source"] for event in company.json("webhooks", "list")["events"]] == ["shop"], "it waits"


def test_the_doctor_says_what_keeps_events_from_becoming_runs(company: Company) -> None:
    def found() -> list[tuple[str, str, str]]:
        findings = company.json("doctor", code=None)["findings"]
        return [(row["level"], row["subject"], row["message"]) for row in findings if row["area"] == "webhooks"]

    text = (company.folder / "env.yaml").read_text(encoding="utf-8")
    company.configure(
        f"{text}webhooks:\n  sources:\n    crm: {{scheme: hubspot, secret: hush}}\n"
        "    shut: {scheme: hubspot, secret: '${NO_SUCH_VARIABLE:-}'}\n"
        "    wrong: {scheme: hubspot, secret: '${NO_SUCH_VARIABLE}'}\n"
    )
    assert ("ok", "crm", "open, by hubspot") in found()
    assert [(level, name) for level, name, _ in found()] == [("ok", "crm"), ("problem", "wrong")]
    _received(company)
    assert ("note", "sync:people", "2 events woke it, and its run failed") in found()
    company.state("UPDATE webhook_event SET received_at = '2026-01-01T00:00:00.000000+00:00' WHERE state = 'waiting'")
    told = "events have waited since 2026-01-01 00:00 UTC and nobody takes them"
    assert ("problem", "inbox", told) in found()
