"""The console's quarantine and operations: seen as they are, let be tried again by name, nothing of it executed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from integrations_platform.console.pages import quarantine
from integrations_platform.state import open_store
from integrations_platform.state.inbox import Event, WakeState
from integrations_platform.unified_sync.store import Breaker, BreakerState, QuarantineStatus
from integrations_platform_tests.cli.conftest import Company, make_company
from integrations_platform_tests.console.arrange import TOKENS, VIEWER, Shown, copy_of, shown

HOSTILE = "<b onclick=x>late</b>"


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Four records set aside, a stopped system, a run that died, events, and an alert that could not be sent."""
    found = make_company(tmp_path_factory.mktemp("company"))
    found.source("INSERT INTO customer VALUES (50, 'long@x.org', ?, 1), (49, '  ', 'Nobody', 0)", HOSTILE * 3)
    found.source("INSERT INTO customer VALUES (51, 'two@x.org', 'One', 1), (52, 'two@x.org', 'Two', 2)")
    found.run("sync", "run", "people", code=3)
    store, now = open_store(f"sqlite:///{found.folder}/state.sqlite"), datetime.now(UTC)
    store.change_breaker(Breaker("shop"), Breaker("shop", BreakerState.OPEN, 5, now, last_error=HOSTILE))
    store.acquire("people", "host7:4711:gone", 1e-6, now)
    events = [Event("hubspot", key, f"contact {HOSTILE}", key, "{}") for key in ("one", "two", "two")]
    store.inbox.store(events)
    store.inbox.claim(lambda _, subject: ["sync:people"] if subject == "one" else [], lambda: "wake1")
    store.inbox.move(store.inbox.wake_ups()[0], WakeState.FAILED, note=HOSTILE)
    store.close()
    return found


@pytest.fixture
def console(troubled: Company, tmp_path: Path) -> Iterator[Shown]:
    """The console of that company, which each story has to itself."""
    with shown(copy_of(troubled, tmp_path / "company"), **TOKENS) as found:
        yield found


def picks(text: str) -> list[str]:
    """What can be ticked on a page."""
    return re.findall(r'name="(?:pick|id)" value="([^"]+)"', text)


def released(console: Shown) -> list[str]:
    """Subjects that the next run tries again."""
    rows = console.console.platform.store.quarantined("people", QuarantineStatus.RELEASED)
    return [row.subject for row in rows]


def tell(console: Shown, caller: httpx.Client, answer: httpx.Response) -> str:
    """The page an answer leads to."""
    assert answer.status_code == 303, answer.text
    return caller.get(console.url.removesuffix("/console") + answer.headers["location"]).text


def test_what_is_set_aside_is_told_in_plain_words_and_filtered(console: Shown) -> None:
    page = console.signed_in(VIEWER).get(f"{console.url}/quarantine").text
    for told in ("4 records", "Nobody", "A value breaks a rule of the sync", "Billing 50 · not written to Shop",
                 "It is not clear which records belong together", "Billing 51", "&lt;b onclick"):  # fmt: skip
        assert told in page
    assert HOSTILE not in page
    assert picks(page) == [], "a viewer ticks nothing"
    ana = console.signed_in()
    for query, number in (("reason=validation", 2), ("q=TWO@x", 2), ("q=%25", 0), ("sync=people&page=9", 0)):
        assert len(picks(ana.get(f"{console.url}/quarantine?{query}").text)) == number


def test_another_try_is_for_what_was_seen_and_in_the_name_of_who_asked(console: Shown) -> None:
    ana = console.signed_in()
    rows = {pick.split("|")[2]: pick for pick in picks(ana.get(f"{console.url}/quarantine").text)}
    first, stale = rows["A:51"], rows["A:52"].replace(rows["A:52"].split("|")[1], "0" * 16)
    done = console.send(ana, "/quarantine", page="/quarantine", pick=[first, stale, "nosync|x|y"])
    assert "1 record will be tried again in the next run. 1 other changed" in tell(console, ana, done)
    assert released(console) == ["A:51"]
    line = console.company.json("sync", "audit", "people", "--role", "decided", "--limit", "0")["lines"][-1]
    assert line["actor"] == "Ana Lima"
    assert "released" in line["rule"]
    assert console.send(ana, "/quarantine", page="/quarantine").status_code == 422
    assert console.send(ana, "/quarantine", page="/quarantine", everything="0" * 16).status_code == 409
    vic = console.signed_in(VIEWER)
    assert console.send(vic, "/quarantine", page="/quarantine", pick=rows["A:52"]).status_code == 403
    console.company.source("UPDATE customer SET email = 'three@x.org' WHERE id = 52")
    console.company.state("UPDATE sync_breaker SET state = 'closed', failures = 0")
    console.company.run("sync", "run", "people", code=3)
    assert len(picks(ana.get(f"{console.url}/quarantine").text)) == 2


def test_all_of_a_long_list_are_tried_again_as_long_as_it_is_what_was_seen(
    console: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "SIZE", 2)
    ana, where = console.signed_in(), "/quarantine?q=x.org"
    (seen,) = re.findall(r'name="everything" value="(\w+)"', ana.get(console.url + where).text)
    assert console.send(ana, "/quarantine?q=two", everything=seen).status_code == 409
    assert "3 records will be tried again" in tell(console, ana, console.send(ana, where, everything=seen))
    assert console.send(ana, where, everything=seen).status_code == 409, "once"
    assert sorted(released(console)) == ["A:50:B", "A:51", "A:52"]


def test_operations_show_what_stands_still_and_why(console: Shown) -> None:
    page = console.signed_in(VIEWER).get(f"{console.url}/operations").text
    for told in ("stopped", "let through", "host7:4711", "it died", "the sync people", "was for nobody", "and 1 more"):
        assert told in page
    assert HOSTILE not in page
    assert picks(page) == []


def test_events_and_messages_are_tried_again_by_an_operator(console: Shown) -> None:
    console.company.configure((console.company.folder / "env.yaml").read_text() + "alerts: {enable_slack: true}\n")
    console.company.run("alerts", "send", HOSTILE, code=None)
    ana, store = console.signed_in(), console.console.platform.store
    page = ana.get(f"{console.url}/operations").text
    assert len(picks(page)) == 3
    assert HOSTILE not in page
    done = console.send(ana, "/operations/replay", page="/operations", id=picks(page))
    assert "2 events and 1 wake-up wait again" in tell(console, ana, done)
    assert len(store.inbox.wake_ups()) == 1
    again = console.send(ana, "/operations/replay", page="/operations", id="nobody")
    assert "not there any more" in tell(console, ana, again)
    assert "tick the events" in tell(console, ana, console.send(ana, "/operations/replay", page="/operations"))
    done = console.send(ana, "/operations/alerts", page="/operations")
    assert "1 message will be tried again" in tell(console, ana, done)
    vic = console.signed_in(VIEWER)
    for action in ("replay", "alerts"):
        assert console.send(vic, f"/operations/{action}", page="/operations").status_code == 403
