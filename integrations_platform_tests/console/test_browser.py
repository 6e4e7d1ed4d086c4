"""The console in a real browser: what a person sees and does there, by keyboard too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations_platform_tests.browsers import chromium
from integrations_platform_tests.cli.conftest import Company, make_company
from integrations_platform_tests.console.arrange import OPERATOR, TOKENS, Shown, shown

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Seven linked people, two of whom are called differently on both sides."""
    found = make_company(tmp_path_factory.mktemp("company"))
    found.run("sync", "run", "people")
    for number, ours, theirs in ((1, "Ana", "Anna"), (2, "<img src=x onerror=alert(1)>", "Bo")):
        found.source("UPDATE customer SET name = ? WHERE id = ?", ours, number)
        found.target("UPDATE client SET full_name = ? WHERE mail = ?", theirs, f"p{number}@x.org")
    found.run("sync", "run", "people", code=3)
    return found


@pytest.fixture(scope="module")
def console(company: Company) -> Iterator[Shown]:
    """Its console."""
    with shown(company, **TOKENS) as found:
        yield found


@pytest.fixture(scope="module")
def window(console: Shown) -> Iterator[Any]:
    """A page of a browser in which Ana is signed in. It fails what breaks the policy or leaves the console."""
    errors: list[str] = []
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if ours(request.url, console) else errors.append(request.url))
        page.goto(f"{console.url}/")
        page.get_by_label("Your token").fill(OPERATOR)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Overview").wait_for()
        yield page
    assert errors == []


def ours(url: str, console: Shown) -> bool:
    """Whether it is an address of the console."""
    return url.startswith((f"{console.url}/", "data:"))


def test_the_overview_says_how_each_sync_stands(window: Any, console: Shown) -> None:
    window.goto(f"{console.url}/")
    row = window.get_by_role("row").filter(has_text="People")
    assert "Waits for somebody" in row.inner_text()
    window.keyboard.press("j")
    window.keyboard.press("Enter")
    window.get_by_role("heading", name="Latest runs").wait_for()
    assert window.url == f"{console.url}/syncs/people"


def test_a_conflict_is_resolved_by_keyboard_alone(window: Any, console: Shown, company: Company) -> None:
    window.goto(f"{console.url}/conflicts")
    window.get_by_text("2 conflicts", exact=True).wait_for()
    window.keyboard.press("/")
    window.keyboard.type("Anna")
    window.keyboard.press("Tab")
    window.get_by_text("1 conflict", exact=True).wait_for()
    window.keyboard.press("j")
    window.get_by_role("link", name="p1@x.org").press("Enter")
    window.get_by_role("heading", name="p1@x.org: Name").wait_for()
    row = window.get_by_role("row").filter(has_text="Person 1")
    assert row.inner_text().split("\t") == ["Name", "Person 1", "Ana", "Anna"]
    window.keyboard.press("2")
    window.keyboard.press("Enter")
    window.get_by_role("status").filter(has_text="It takes effect at the next run").wait_for()
    window.get_by_role("heading", name="p2@x.org: Name").wait_for()
    company.run("sync", "run", "people", code=3)
    assert company.source("SELECT name FROM customer WHERE id = 1") == [("Anna",)]


def test_a_plan_is_made_looked_at_and_approved(window: Any, console: Shown, company: Company) -> None:
    company.source("UPDATE customer SET balance = 1234.5 WHERE id = 3")
    window.goto(f"{console.url}/plans")
    window.get_by_role("button", name="Make a plan").click()
    window.get_by_role("heading", name="What a run of People would do").wait_for()
    change = window.get_by_role("row").filter(has_text="Balance")
    assert change.inner_text().split("\t") == ["Balance", "30.00", "1,234.50", "changed on Billing"]
    window.get_by_role("button", name="Approve and apply 1 change").click()
    window.get_by_text("1 updated").wait_for()
    assert company.target("SELECT amount FROM client WHERE mail = 'p3@x.org'") == [(1234.5,)]


def test_a_lost_value_is_found_and_restored(window: Any, console: Shown, company: Company) -> None:
    company.source("UPDATE customer SET balance = 1 WHERE id = 4")
    company.target("UPDATE client SET amount = 2 WHERE id = 104")
    company.run("sync", "run", "people", code=3)
    window.goto(f"{console.url}/records")
    window.keyboard.type("P4@X.org")
    window.keyboard.press("Enter")
    window.get_by_role("heading", name="History").wait_for()
    window.get_by_role("link", name="Restore Balance").click()
    change = window.get_by_role("row").filter(has_text="Balance")
    assert change.inner_text().split("\t") == ["Balance", "1.00", "2.00"]
    window.get_by_role("button", name="Restore").click()
    window.get_by_role("status").filter(has_text="Restored. The next run").wait_for()
    assert "by Ana Lima" in window.locator("li").first.inner_text()
    assert company.target("SELECT amount FROM client WHERE id = 104") == [(2,)]


def test_what_was_set_aside_is_looked_at_and_tried_again(window: Any, console: Shown, company: Company) -> None:
    company.source("INSERT INTO customer VALUES (51, 'two@x.org', 'One', 1), (52, 'two@x.org', 'Two', 2)")
    company.run("sync", "run", "people", code=3)
    window.goto(f"{console.url}/quarantine")
    row = window.get_by_role("row").filter(has_text="Billing 52 · People")
    row.get_by_text("3 fields").click()
    assert row.get_by_text("Two", exact=True).is_visible()
    row.get_by_role("checkbox").check()
    window.get_by_role("button", name="Try again in the next run").click()
    window.get_by_role("status").filter(has_text="1 record will be tried again").wait_for()
    assert "tried again in the next run" in row.inner_text()
