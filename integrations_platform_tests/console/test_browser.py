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
    """Seven linked people."""
    found = make_company(tmp_path_factory.mktemp("company"))
    found.run("sync", "run", "people")
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
    assert "In agreement" in row.inner_text()
    window.keyboard.press("j")
    window.keyboard.press("Enter")
    window.get_by_role("heading", name="Latest runs").wait_for()
    assert window.url == f"{console.url}/syncs/people"
