"""Conflicts decided in the console: each for what was on the page, in the name of who decided, and nobody overruled
unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from integrations_platform_tests.cli.conftest import Company, make_company
from integrations_platform_tests.console.arrange import TOKENS, VIEWER, Shown, copy_of, shown

HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def parked(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Three conflicts on names, one of them hostile."""
    found = make_company(tmp_path_factory.mktemp("company"))
    found.run("sync", "run", "people")
    for number, ours, theirs in ((1, "Ana", "Anna"), (2, HOSTILE, 'Bo "B" Ø'), (3, "Caro", "Carla")):
        found.source("UPDATE customer SET name = ? WHERE id = ?", ours, number)
        found.target("UPDATE client SET full_name = ? WHERE mail = ?", theirs, f"p{number}@x.org")
    found.run("sync", "run", "people", code=3)
    return found


@pytest.fixture
def console(parked: Company, tmp_path: Path) -> Iterator[Shown]:
    """The console of a company with these conflicts, which each story has to itself."""
    with shown(copy_of(parked, tmp_path / "company"), **TOKENS) as found:
        yield found


def page_of(console: Shown, mail: str) -> str:
    """Where the conflict of a person is."""
    rows = console.console.platform.store.conflicts("people")
    links = console.console.platform.store.bases("people", [row.link_id for row in rows])
    return next(
        f"/syncs/people/conflicts/{row.conflict_id}" for row in rows if mail in (links[row.link_id].values_a or "")
    )


def fields(text: str) -> dict[str, str]:
    """What the hidden fields of a page hold."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text))


def decide(console: Shown, caller: httpx.Client, page: str, seen: str = "", **choice: str) -> httpx.Response:
    """Decide what ``seen`` showed, or what the page shows now."""
    return caller.post(console.url + page, data=fields(seen or caller.get(console.url + page).text) | choice)


def test_one_is_decided_and_the_next_shown(console: Shown) -> None:
    ana, page = console.signed_in(), page_of(console, "p1@x.org")
    text = ana.get(console.url + page).text
    for part in ("p1@x.org", "Billing says", "Shop says", "Last agreed value", "Person 1", "Anna", "Shop always wins"):
        assert part in text
    history = re.findall(r'<a href="(/console/syncs/people/record[^"]+)">Who wrote what', text)[0]
    assert "p1@x.org" in ana.get(console.url.removesuffix("/console") + history).text
    answer = decide(console, ana, page, choice="target", then="next")
    assert answer.status_code == 303
    following = answer.headers["location"].removeprefix("/console")
    hostile, other = page_of(console, "p2@x.org"), page_of(console, "p3@x.org")
    assert following in (hostile, other)
    assert "Decided. It takes effect at the next run." in ana.get(console.url + following).text
    text = ana.get(console.url + hostile).text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
    assert "Decided. It" not in text, "it is said once"
    console.company.run("sync", "run", "people", code=3)
    assert console.company.source("SELECT name FROM customer WHERE id = 1") == [("Anna",)]
    lines = console.company.json("sync", "audit", "people", "--role", "decided")["lines"]
    assert [line["actor"] for line in lines] == ["Ana Lima"]


def test_a_value_of_ones_own_is_checked_before_it_is_kept(console: Shown) -> None:
    ana, page = console.signed_in(), page_of(console, "p1@x.org")
    answer = decide(console, ana, page, choice="value", **{"value.name": "x" * 31})
    assert answer.status_code == 422
    assert "takes 30 characters" in answer.text
    assert decide(console, ana, page, choice="value", **{"value.name": ""}).status_code == 422, "a name is required"
    assert decide(console, ana, page).status_code == 422
    assert decide(console, ana, page, choice="value", **{"value.name": "Anne"}).status_code == 303
    console.company.run("sync", "run", "people", code=3)
    assert console.company.name_on_target("p1@x.org") == "Anne"


def test_nobody_decides_on_what_they_did_not_see(console: Shown) -> None:
    ana, bo, page = console.signed_in(), console.signed_in(), page_of(console, "p1@x.org")
    before = ana.get(console.url + page).text
    assert decide(console, bo, page, choice="source").status_code == 303
    late = decide(console, ana, page, before, choice="target")
    assert late.status_code == 409
    assert "Ana Lima</strong> decided" in late.text, "whose decision stands is on the page"
    moved_from = ana.get(console.url + (other := page_of(console, "p3@x.org"))).text
    console.company.source("UPDATE customer SET name = 'Carolina' WHERE id = 3")
    console.company.run("sync", "run", "people", code=3)
    late = decide(console, ana, other, moved_from, choice="source")
    assert late.status_code == 409
    assert "Carolina" in late.text
    assert console.company.name_on_target("p3@x.org") == "Carla"


def test_a_viewer_decides_nothing(console: Shown) -> None:
    vic, page = console.signed_in(VIEWER), page_of(console, "p1@x.org")
    text = vic.get(console.url + page).text
    assert "Anna" in text
    assert 'name="choice"' not in text
    form = {"proof": console.proof(vic), "n": "1", "seen": "", "choice": "source"}
    assert vic.post(console.url + page, data=form).status_code == 403
    assert vic.post(f"{console.url}/conflicts", data=form | {"everything": "x"}).status_code == 403
    assert all(row.choice is None for row in console.console.platform.store.conflicts("people"))


def test_many_are_decided_at_once_but_those_that_changed(console: Shown) -> None:
    ana = console.signed_in()
    text = ana.get(f"{console.url}/conflicts").text
    picks = re.findall(r'name="pick" value="([^"]+)"', text)
    assert len(picks) == 3
    decide(console, ana, page_of(console, "p3@x.org"), choice="base")
    form = fields(text) | {"choice": "target"}
    answer = ana.post(f"{console.url}/conflicts", data=form | {"pick": picks})  # type: ignore[dict-item]
    assert answer.status_code == 303
    told = ana.get(f"{console.url}/conflicts").text
    assert "2 conflicts decided" in told
    assert "1 other could not be" in told
    assert {row.choice for row in console.console.platform.store.conflicts("people")} == {"B", "base"}


def test_the_whole_list_is_decided_only_as_it_was_shown(console: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations_platform.console.pages.conflicts.SIZE", 2)
    ana = console.signed_in()

    def send_all(text: str) -> httpx.Response:
        everything = re.findall(r'name="everything" value="([^"]+)"', text)[0]
        form = fields(text) | {"choice": "target", "everything": everything}
        return ana.post(f"{console.url}/conflicts?sync=people", data=form)

    text = ana.get(f"{console.url}/conflicts?sync=people").text
    assert "Page 1 of 2" in text
    console.company.source("UPDATE customer SET name = 'Carolina' WHERE id = 3")
    console.company.run("sync", "run", "people", code=3)
    assert send_all(text).status_code == 409
    assert send_all(ana.get(f"{console.url}/conflicts?sync=people").text).status_code == 303
    assert {row.choice for row in console.console.platform.store.conflicts("people")} == {"B"}


def test_the_list_is_searched_as_people_would(console: Shown) -> None:
    ana = console.signed_in()

    def found(**query: str) -> int:
        return ana.get(f"{console.url}/conflicts", params=query).text.count('name="pick"')

    assert [found(q=text) for text in ("anna", "p2@x", '"B"', "%", "<script>", "nobody")] == [1, 1, 1, 0, 1, 0]
    assert (found(field="name"), found(field="balance"), found(sync="people"), found(state="closed")) == (3, 0, 3, 0)
