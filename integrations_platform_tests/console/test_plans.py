"""Plans made, looked at and applied in the console: exactly what was shown, once, in the name of who approved it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from integrations_platform_tests.cli.conftest import SYNC, Company, make_company
from integrations_platform_tests.console.arrange import TOKENS, VIEWER, Shown, copy_of, shown


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Seven linked people, of whom one was renamed since."""
    found = make_company(tmp_path_factory.mktemp("company"))
    found.run("sync", "run", "people")
    found.source("UPDATE customer SET name = '<b>Ana</b>', balance = 1234.5 WHERE id = 1")
    return found


@pytest.fixture
def console(synced: Company, tmp_path: Path) -> Iterator[Shown]:
    """Its console, and databases that each story has to itself."""
    with shown(copy_of(synced, tmp_path / "company"), **TOKENS) as found:
        yield found


def make(console: Shown, caller: httpx.Client) -> httpx.Response:
    """Make a plan; its page."""
    form = fields(caller.get(f"{console.url}/plans").text)
    return console.ended(caller, caller.post(f"{console.url}/syncs/people/plans", data=form))


def fields(text: str) -> dict[str, str]:
    """What the hidden fields of a page's last form hold."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text))


def approve(caller: httpx.Client, plan: httpx.Response, **more: str) -> httpx.Response:
    """Approve and apply what that page shows."""
    return caller.post(str(plan.url), data=fields(plan.text) | more)


def test_a_plan_is_applied_as_it_was_shown_and_once(console: Shown) -> None:
    ana, company = console.signed_in(), console.company
    plan = make(console, ana)
    for part in ("Changed in Shop", "p1@x.org", "Person 1", "&lt;b&gt;Ana", "1,234.50", "10.00", "changed on Billing"):
        assert part in plan.text
    assert company.name_on_target("p1@x.org") == "Person 1", "a plan writes nothing"
    assert company.target("SELECT count(*) FROM client") == [(7,)]
    answers = [approve(ana, plan), approve(ana, plan)]
    assert answers[0].headers["location"] == answers[1].headers["location"], "a second click begins nothing"
    report = console.ended(ana, answers[0])
    assert "1 updated" in report.text
    assert company.name_on_target("p1@x.org") == "<b>Ana</b>"
    lines = company.json("sync", "audit", "people")["lines"]
    written = [line for line in lines if line["actor"] == "Ana Lima"]
    assert {line["role"] for line in written} == {"decided", "written"}
    assert any(re.fullmatch(r"Ana Lima approved plan \w+", line["rule"]) for line in written)
    assert len(company.json("sync", "history", "people")["runs"]) == 2
    late = approve(ana, plan, key="another-form")
    assert late.status_code == 409, "somebody who saw it before it was applied is told"
    assert "was applied since you looked" in late.text


def test_what_changed_since_the_plan_is_left_alone(console: Shown) -> None:
    ana, company = console.signed_in(), console.company
    plan = make(console, ana)
    company.source("UPDATE customer SET name = 'Anastasia' WHERE id = 1")
    report = console.ended(ana, approve(ana, plan))
    assert "left alone, because their records are no longer what was shown" in report.text
    assert company.name_on_target("p1@x.org") == "Person 1"


def test_a_guard_passes_only_for_who_says_so(console: Shown) -> None:
    ana, company = console.signed_in(), console.company
    company.source("DELETE FROM customer WHERE id > 3")
    plan = make(console, ana)
    assert "A guard refuses this plan" in plan.text
    assert approve(ana, plan).status_code == 422
    report = console.ended(ana, approve(ana, plan, lift="deletes"))
    assert "archived" in report.text
    lines = company.json("sync", "audit", "people", "--role", "decided")["lines"]
    assert [line["rule"].rpartition(" plan ")[2].partition(",")[2] for line in lines] == [" letting deletes pass"]


def test_what_is_declared_now_is_what_is_planned(console: Shown) -> None:
    ana, company = console.signed_in(), console.company
    plan = make(console, ana)
    company.declare("name: people\nsource: nonsense\n")
    assert ana.get(f"{console.url}/").status_code == 503
    assert "people.yaml" in ana.get(f"{console.url}/plans").text, "which file is wrong"
    company.declare(SYNC.replace("full_name, type: text", "full_name, type: text, direction: target_to_source"))
    assert "The sync was declared anew since" in ana.get(str(plan.url)).text
    assert "Changed in Billing" not in plan.text
    assert "Changed in Billing" in make(console, ana).text, "the shop is the master of names now"


def test_one_at_a_time(console: Shown) -> None:
    """Somebody else's plan is still being made: the second person is led to it."""
    ana, vic = console.signed_in(), console.signed_in(VIEWER)
    with closing(sqlite3.connect(console.company.folder / "shop.sqlite", isolation_level=None)) as shop:
        shop.execute("BEGIN EXCLUSIVE")
        first, second = (fields(ana.get(f"{console.url}/plans").text) for _ in range(2))
        begun = [ana.post(f"{console.url}/syncs/people/plans", data=form) for form in (first, second)]
        assert begun[0].headers["location"] == begun[1].headers["location"]
        assert "going on" in vic.get(console.url.removesuffix("/console") + begun[0].headers["location"]).text
        shop.execute("ROLLBACK")
    assert "What a run of People would do" in console.ended(ana, begun[0]).text
    form = {"proof": console.proof(vic), "key": "some-key-1"}
    assert vic.post(f"{console.url}/syncs/people/plans", data=form).status_code == 403


def test_why_it_came_to_nothing_is_said(console: Shown) -> None:
    ana, store = console.signed_in(), console.console.platform.store
    plan = make(console, ana)
    store.acquire("people", "another-machine:1:r", 3_600, datetime.now(UTC))
    report = console.ended(ana, approve(ana, plan))
    assert "is being run by another-machine" in report.text
    (console.company.folder / "shop.sqlite").rename(console.company.folder / "away")
    assert "failed" in make(console, ana).text
    console.company.state("UPDATE sync_plan SET operations = '[]'")
    assert ana.get(str(plan.url)).status_code == 409
