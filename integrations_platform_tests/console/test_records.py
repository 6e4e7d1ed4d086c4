"""Records in the console: found, told step by step, and what they lost brought back, seen before it is done."""

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
def lived(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Person 1 lost a balance of 2 in the shop and is called something hostile; person 2 was deleted."""
    found = make_company(tmp_path_factory.mktemp("company"))
    found.run("sync", "run", "people")
    found.source("UPDATE customer SET balance = 1, name = ? WHERE id = 1", HOSTILE)
    found.target("UPDATE client SET amount = 2 WHERE mail = 'p1@x.org'")
    found.source("DELETE FROM customer WHERE id = 2")
    found.run("sync", "run", "people")
    return found


@pytest.fixture
def console(lived: Company, tmp_path: Path) -> Iterator[Shown]:
    """The console of that company, which each story has to itself."""
    with shown(copy_of(lived, tmp_path / "company"), **TOKENS) as found:
        yield found


def the_record(console: Shown, caller: httpx.Client, key: str) -> str:
    """The page of the one record that is found."""
    answer = caller.get(f"{console.url}/records", params={"q": key}, follow_redirects=True)
    assert "/record?" in str(answer.url), answer.text
    return answer.text


def the_restore(page: str) -> str:
    """Where the first button of a history leads."""
    found = re.search(r'href="/console(/syncs/people/restore\?line=\d+)"', page)
    assert found, page
    return found[1]


def press(console: Shown, caller: httpx.Client, where: str, seen: str) -> httpx.Response:
    """Do what a page that was ``seen`` offers."""
    fields = re.findall(r'name="(proof|key|shown)" value="([^"]*)"', seen)
    return caller.post(console.url + where, data=dict(fields))


def amount(console: Shown) -> object:
    """The balance of person 1 in the shop."""
    return console.company.target("SELECT amount FROM client WHERE mail = 'p1@x.org'")[0][0]


def test_a_record_is_found_by_what_people_know_of_it_and_told_step_by_step(console: Shown) -> None:
    ana = console.signed_in()
    page = the_record(console, ana, "P1@X.org ")
    assert the_record(console, ana, "1") == page == the_record(console, ana, "A:1")
    for told in (
        "Created in Shop",
        "Changed in Shop",
        "Both had changed it, and Billing wins.",
        "Changed on Billing.",
        "1.00",
        "2.00",
    ):
        assert told in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    several = ana.get(f"{console.url}/records", params={"q": "person"}).text
    assert "p3@x.org" in several
    assert "p1@x.org" not in several
    assert "No record is called that" in ana.get(f"{console.url}/records", params={"q": "100%"}).text
    assert ana.get(f"{console.url}/syncs/people/record", params={"id": "A:99"}).status_code == 404


def test_a_decision_is_told_with_both_writes_that_followed_it(console: Shown) -> None:
    company = console.company
    company.source("UPDATE customer SET name = 'Caro' WHERE id = 3")
    company.target("UPDATE client SET full_name = 'Carla' WHERE mail = 'p3@x.org'")
    company.run("sync", "run", "people", code=3)
    company.run(
        "sync", "conflicts", "resolve", "people", "--all", "--field", "name", "--choice", "base", "--by", "Bo <b>"
    )
    company.run("sync", "run", "people")
    page = the_record(console, console.signed_in(), "p3@x.org")
    for told in (
        "Bo &lt;b&gt; chose the last agreed value.",
        "Changed in Billing",
        "Changed in Shop",
        "Caro",
        "Carla",
        "by <bdi>Bo &lt;b&gt;",
    ):
        assert told in page
    assert "Meant to write" not in page
    assert page.count("Restore</a>") == 2


def test_both_sides_are_read_when_somebody_asks_what_they_say_now(console: Shown) -> None:
    console.company.source("UPDATE customer SET name = 'Caro' WHERE id = 3")
    vic = console.signed_in(VIEWER)
    assert "Caro" not in the_record(console, vic, "p3@x.org")
    page = vic.get(f"{console.url}/syncs/people/record", params={"id": "A:3", "now": "1"}).text
    for told in ("Caro", "The next run would update it in Shop: Name."):
        assert told in page
    (console.company.folder / "shop.sqlite").write_bytes(b"no database")
    answer = vic.get(f"{console.url}/syncs/people/record", params={"id": "A:3", "now": "1"})
    assert (answer.status_code, "cannot be used now" in answer.text) == (503, True)


def test_a_lost_value_is_brought_back_in_the_name_of_who_saw_what_it_would_do(console: Shown) -> None:
    ana = console.signed_in()
    where = the_restore(the_record(console, ana, "p1@x.org"))
    seen = ana.get(console.url + where).text
    assert "It will say" in seen
    assert amount(console) == 1, "looking writes nothing"
    answers = [press(console, ana, where, seen), press(console, ana, where, seen)]
    assert answers[0].headers["location"] == answers[1].headers["location"], "a second click begins nothing"
    assert "Restored. The next run carries it on" in console.ended(ana, answers[0]).text
    assert amount(console) == 2
    line = console.company.json("sync", "audit", "people", "--role", "written", "--limit", "0")["lines"][-1]
    assert (line["actor"], line["new"]) == ("Ana Lima", {"balance": "2"})
    assert "shows that value already" in ana.get(console.url + where).text


def test_what_changed_while_somebody_looked_is_told_and_not_overwritten(console: Shown) -> None:
    ana = console.signed_in()
    where = the_restore(the_record(console, ana, "p1@x.org"))
    seen = ana.get(console.url + where).text
    console.company.target("UPDATE client SET amount = 7 WHERE mail = 'p1@x.org'")
    answer = console.ended(ana, press(console, ana, where, seen))
    assert "The record has changed since you looked, so nothing was restored." in answer.text
    assert amount(console) == 7
    assert "7.00" in ana.get(console.url + where).text


def test_a_deleted_record_comes_back_and_the_next_run_brings_the_other(console: Shown) -> None:
    ana = console.signed_in()
    page = the_record(console, ana, "p2@x.org")
    assert "Removed from Shop" in page
    where = the_restore(page)
    seen = ana.get(console.url + where).text
    assert "Brought back in Shop" in seen
    assert "Person 2" in seen
    console.ended(ana, press(console, ana, where, seen))
    assert console.company.name_on_target("p2@x.org") == "Person 2"
    console.company.run("sync", "run", "people")
    assert console.company.source("SELECT name FROM customer WHERE email = 'p2@x.org'") == [("Person 2",)]


def test_a_viewer_sees_the_history_and_restores_nothing(console: Shown) -> None:
    ana, vic = console.signed_in(), console.signed_in(VIEWER)
    where = the_restore(the_record(console, ana, "p1@x.org"))
    assert "restore?line" not in the_record(console, vic, "p1@x.org")
    assert press(console, vic, where, vic.get(console.url + where).text).status_code == 403
    assert amount(console) == 1
    for line in ("0", "1", "9" * 20, "x", "999"):
        answer = ana.get(f"{console.url}/syncs/people/restore", params={"line": line})
        assert (answer.status_code, "nothing to restore" in answer.text) == (404, True)
