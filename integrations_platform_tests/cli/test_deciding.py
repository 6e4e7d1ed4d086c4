"""Conflicts decided and quarantined records tried again, by a person at the command line."""

from __future__ import annotations

from typing import Any

import pytest

from integrations_platform_tests.cli.conftest import Company


@pytest.fixture
def parked(synced: Company) -> Company:
    """One conflict on the name of the first person."""
    synced.source("UPDATE customer SET name = 'Ana' WHERE id = 1")
    synced.target("UPDATE client SET full_name = 'Anna' WHERE mail = 'p1@x.org'")
    synced.run("sync", "run", "people", code=3)
    return synced


def _only(company: Company) -> dict[str, Any]:
    rows = company.json("sync", "conflicts", "list", "people")["conflicts"]
    assert len(rows) == 1
    found: dict[str, Any] = rows[0]
    return found


def test_list_and_show_say_what_each_side_says(parked: Company) -> None:
    row = _only(parked)
    assert (row["base"], row["source"], row["target"]) == ({"name": "Person 1"}, {"name": "Ana"}, {"name": "Anna"})
    text = parked.run("sync", "conflicts", "list").stdout
    assert row["id"] in text
    shown = parked.run("sync", "conflicts", "show", "people", row["id"]).stdout
    for part in ("base:   Person 1", "source: Ana", "target: Anna", "n = 1", "--choice"):
        assert part in shown
    assert parked.json("sync", "conflicts", "show", "people", row["id"])["id"] == row["id"]


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        (("--choice", "source"), "Ana"),
        (("--choice", "target"), "Anna"),
        (("--choice", "base"), "Person 1"),
        (("--choice", "value", "--value", "Anne"), "Anne"),
        (("--choice", "value", "--value", '{"name": "Anne-Marie"}'), "Anne-Marie"),
    ],
)
def test_a_decision_takes_effect_at_the_next_run(parked: Company, choice: tuple[str, ...], name: str) -> None:
    number = _only(parked)["id"]
    text = parked.run("sync", "conflicts", "resolve", "people", number, *choice).stdout
    assert "at change 1, as just read" in text
    assert "takes effect at the next run" in text
    assert parked.name_on_target("p1@x.org") == "Anna"
    parked.run("sync", "run", "people")
    assert parked.name_on_target("p1@x.org") == name
    assert parked.source("SELECT name FROM customer WHERE id = 1") == [(name,)]
    assert parked.json("sync", "conflicts", "list", "people")["conflicts"] == []


def test_a_decision_may_be_applied_at_once_and_names_who_took_it(parked: Company) -> None:
    parked.run(
        "sync", "conflicts", "resolve", "people", _only(parked)["id"], "--choice", "source", "--by", "vera", "--apply"
    )
    assert parked.name_on_target("p1@x.org") == "Ana"
    lines = parked.json("sync", "audit", "people", "--role", "decided")["lines"]
    assert [line["actor"] for line in lines] == ["vera"]


def test_a_decision_on_values_that_moved_is_refused(parked: Company) -> None:
    number = _only(parked)["id"]
    parked.source("UPDATE customer SET name = 'Anastasia' WHERE id = 1")
    parked.run("sync", "run", "people", code=3)
    result = parked.run("sync", "conflicts", "resolve", "people", number, "--choice", "source", "--n", "1", code=1)
    assert "decide again" in result.stderr
    parked.run("sync", "conflicts", "resolve", "people", number, "--choice", "source", "--n", "2", "--apply")
    assert parked.name_on_target("p1@x.org") == "Anastasia"


def test_all_conflicts_of_a_field_decided_alike(parked: Company) -> None:
    parked.source("UPDATE customer SET name = 'Bea' WHERE id = 2")
    parked.target("UPDATE client SET full_name = 'Beate' WHERE mail = 'p2@x.org'")
    parked.run("sync", "run", "people", code=3)
    data = parked.json("sync", "conflicts", "resolve", "people", "--all", "--field", "name", "--choice", "target")
    assert len(data["decided"]) == 2
    parked.run("sync", "run", "people")
    assert parked.source("SELECT name FROM customer WHERE id < 3") == [("Anna",), ("Beate",)]


@pytest.mark.parametrize(
    "words",
    [
        ("nowhere", "--choice", "source"),
        ("{id}", "--choice", "value"),
        ("{id}", "--choice", "source", "--value", "x"),
        ("{id}", "--choice", "value", "--value", "x" * 31),
        ("{id}", "--choice", "value", "--value", ""),
        ("{id}", "--choice", "value", "--value", '{"nmae": "x"}'),
        ("{id}", "--choice", "value", "--value", "{"),
        ("{id}", "--choice", "source", "--all", "--field", "name"),
        ("--all", "--choice", "source"),
        ("--all", "--field", "nmae", "--choice", "source"),
        ("--choice", "source"),
    ],
)
def test_a_decision_that_cannot_be_meant_is_refused(parked: Company, words: tuple[str, ...]) -> None:
    number = _only(parked)["id"]
    parked.run("sync", "conflicts", "resolve", "people", *(w.replace("{id}", number) for w in words), code=2)
    assert _only(parked)["choice"] is None


def test_quarantined_records_are_listed_and_tried_again(synced: Company) -> None:
    synced.target(
        "CREATE TRIGGER no_bob BEFORE UPDATE ON client WHEN NEW.full_name = 'Bob' "
        "BEGIN SELECT RAISE(ABORT, 'no Bob'); END"
    )
    synced.source("UPDATE customer SET name = 'Bob' WHERE id = 1")
    synced.run("sync", "run", "people", code=3)
    row = synced.json("sync", "quarantine", "list", "people")["quarantine"][0]
    assert (row["reason"], row["side"], row["status"]) == ("rejected", "target", "open")
    assert "a trigger" in synced.run("sync", "quarantine", "list").stdout
    synced.target("DROP TRIGGER no_bob")
    synced.run("sync", "run", "people", code=3)
    assert synced.name_on_target("p1@x.org") == "Person 1", "not tried again by itself: nothing relevant changed"
    text = synced.run("sync", "quarantine", "replay", "people", row["subject"]).stdout
    assert "1 record released" in text
    synced.run("sync", "run", "people")
    assert synced.name_on_target("p1@x.org") == "Bob"
    assert synced.json("sync", "quarantine", "list", "people")["quarantine"] == []


def test_replay_of_everything_at_once_and_of_nothing(synced: Company) -> None:
    synced.source("UPDATE customer SET name = '' WHERE id = 1")
    synced.run("sync", "run", "people", code=3)
    synced.run("sync", "quarantine", "replay", "people", "--all", "--apply", code=3)
    synced.run("sync", "quarantine", "replay", "people", code=2)
    assert "in it: A:1:B" in synced.run("sync", "quarantine", "replay", "people", "A:77", code=2).stderr
    assert synced.json("sync", "quarantine", "replay", "people", "--all", "--reason", "none")["released"] == 0
