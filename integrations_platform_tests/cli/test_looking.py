"""The commands that look at what is and what was: one JSON document for programs, plain words for people."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from integrations_platform_tests.cli.conftest import Company

READING = [
    ("sync", "list"),
    ("sync", "plan", "people"),
    ("sync", "status"),
    ("sync", "status", "people"),
    ("sync", "history"),
    ("sync", "history", "people"),
    ("sync", "explain", "people", "source:1"),
    ("sync", "conflicts", "list"),
    ("sync", "quarantine", "list", "people"),
    ("sync", "verify", "people"),
    ("sync", "audit", "people"),
    ("sync", "audit", "people", "--verify"),
    ("state", "upgrade"),
    ("doctor",),
]


def test_every_reading_command_prints_one_json_document_or_plain_words(synced: Company) -> None:
    for words in READING:
        result = synced.run(*words)
        assert result.stdout.strip(), words
        assert result.stderr == "", words
        assert isinstance(synced.json(*words), dict), words


def test_status_and_history_before_and_after_a_run(company: Company) -> None:
    row = company.json("sync", "status")["syncs"][0]
    assert (row["sync"], row["last_run"], row["last_success_at"]) == ("people", None, None)
    assert "never" in company.run("sync", "status").stdout
    assert "no run yet" in company.run("sync", "history").stdout
    company.run("sync", "run", "people")
    company.source("UPDATE customer SET name = 'Ana' WHERE id = 1")
    company.target("UPDATE client SET full_name = 'Anna' WHERE mail = 'p1@x.org'")
    company.run("sync", "run", "people", code=3)
    row = company.json("sync", "status")["syncs"][0]
    assert (row["last_run"]["status"], row["open_conflicts"]) == ("partial", 1)
    assert row["oldest_conflict_age_seconds"] >= 0
    runs = company.json("sync", "history", "people")["runs"]
    assert [run["status"] for run in runs] == ["partial", "succeeded"]
    assert "3 created" in company.run("sync", "history", "people").stdout


def test_explain_names_base_values_rule_and_operation(synced: Company) -> None:
    synced.source("UPDATE customer SET name = 'Ana' WHERE id = 1")
    text = synced.run("sync", "explain", "people", "1").stdout
    for part in ("Person 1", "Ana", "next run: update on target", "changed on source"):
        assert part in text
    assert "record 'z9'" in synced.run("sync", "explain", "people", "z9", code=2).stderr


def test_verify_tells_a_side_that_disagrees(synced: Company) -> None:
    assert "both sides agree" in synced.run("sync", "verify", "people").stdout
    synced.target("UPDATE client SET full_name = 'Somebody' WHERE mail = 'p1@x.org'")
    text = synced.run("sync", "verify", "people", code=1).stdout
    assert "DIFFER" in text
    assert "source Person 1, target Somebody" in text
    data = synced.json("sync", "verify", "people", code=1)
    assert (data["agrees"], data["unexplained"]) == (False, 1)


def test_restore_brings_the_losing_value_back_and_the_next_run_carries_it_on(synced: Company) -> None:
    synced.source("UPDATE customer SET balance = 1 WHERE id = 1")
    synced.target("UPDATE client SET amount = 2 WHERE mail = 'p1@x.org'")
    synced.run("sync", "run", "people")
    line = synced.json("sync", "audit", "people", "--role", "loser")["lines"][0]
    assert line["lost"] == {"balance": "2"}
    number = str(line["number"])
    dry = synced.run("sync", "restore", "people", "--audit", number, "--dry-run").stdout
    assert "would update" in dry
    assert "balance: 1 → 2" in dry
    assert synced.target("SELECT amount FROM client WHERE mail = 'p1@x.org'") == [(1,)]
    assert "next run carries it on" in synced.run("sync", "restore", "people", "--audit", number).stdout
    assert synced.target("SELECT amount FROM client WHERE mail = 'p1@x.org'") == [(2,)]
    synced.run("sync", "run", "people")
    assert synced.source("SELECT balance FROM customer WHERE id = 1") == [(2,)]


def test_restore_of_a_whole_run_and_of_what_is_not_there(synced: Company) -> None:
    synced.source("DELETE FROM customer WHERE id = 1")
    run_id = synced.json("sync", "run", "people")["run_id"]
    assert synced.target("SELECT count(*) FROM client") == [(6,)]
    synced.run("sync", "restore", "people", "--run", run_id)
    assert synced.name_on_target("p1@x.org") == "Person 1"
    assert "no line 999" in synced.run("sync", "restore", "people", "--audit", "999", code=2).stderr
    assert "nothing that could be" in synced.run("sync", "restore", "people", "--audit", "1", code=2).stderr
    synced.run("sync", "restore", "people", code=2)


def test_the_audit_tells_when_a_line_was_altered(synced: Company) -> None:
    assert "intact" in synced.run("sync", "audit", "people", "--verify").stdout
    with closing(sqlite3.connect(synced.folder / "state.sqlite")) as intruder:
        triggers = intruder.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            intruder.execute(f'DROP TRIGGER "{name}"')
        intruder.execute("UPDATE sync_audit SET actor = 'nobody' WHERE number = 2")
        intruder.commit()
    assert "audit line 2 was altered" in synced.run("sync", "audit", "people", "--verify", code=1).stdout
    assert synced.json("sync", "audit", "people", "--verify", code=1)["intact"] is False


@pytest.mark.parametrize("words", [("--limit", "2"), ("--after", "3"), ("--link", "A:1")])
def test_the_audit_can_be_narrowed(synced: Company, words: tuple[str, ...]) -> None:
    whole = synced.json("sync", "audit", "people", "--limit", "0")["lines"]
    assert 0 < len(synced.json("sync", "audit", "people", *words)["lines"]) < len(whole)


def test_init_drafts_a_file_that_can_be_planned(company: Company) -> None:
    ends = ("--source", "billing:customer", "--target", "shop:client")
    assert "fields:" in company.run("sync", "init", *ends).stdout
    path = company.folder / "draft.yaml"
    company.run("sync", "init", *ends, "--name", "draft", "--output", str(path))
    assert company.json("sync", "plan", "--file", str(path))["sync"] == "draft"
    assert "exists already" in company.run("sync", "init", *ends, "--output", str(path), code=2).stderr
    company.run("sync", "init", "--source", "billing", "--target", "shop:client", code=2)
    company.run("sync", "init", "--source", "billing:nothing", "--target", "shop:client", code=2)


def test_schemas_for_editors_and_administrators(company: Company) -> None:
    assert "properties" in company.run("sync", "schema").stdout
    assert "systems" in company.run("sync", "schema", "--environment").stdout
    assert "CREATE TABLE sync_link" in company.run("state", "schema", "--dialect", "sqlite").stdout
