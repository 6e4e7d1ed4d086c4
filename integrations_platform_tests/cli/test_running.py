"""Plan, apply, run: what is shown is what is done, and every ending has its exit code."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from integrations_platform.unified_sync.store import OpState
from integrations_platform_tests.cli.conftest import Company, environment


def test_plan_shows_counts_fields_and_how_to_apply_and_writes_nothing(company: Company) -> None:
    text = company.run("sync", "plan", "people").stdout
    assert "billing:customer: 2 to create" in text
    assert "shop:client: 3 to create" in text
    assert "2 recognised as the same record" in text
    assert "name: Person 1" in text
    assert re.search(r"sync apply people --plan \w{10}", text)
    assert company.target("SELECT count(*) FROM client") == [(4,)]


def test_plan_shows_an_update_like_a_code_review(synced: Company) -> None:
    synced.source("UPDATE customer SET name = 'Ana' WHERE id = 1")
    text = synced.run("sync", "plan", "people").stdout
    assert "update on target shop:client: p1@x.org" in text
    assert "name: Person 1 → Ana   (changed on source)" in text


def test_long_plans_are_cut_unless_asked(company: Company) -> None:
    assert "… 3 more records (--limit 0 shows all)" in company.run("sync", "plan", "people", "--limit", "2").stdout
    assert "more records" not in company.run("sync", "plan", "people", "--limit", "0").stdout


def test_control_characters_of_a_record_do_not_reach_the_terminal(synced: Company) -> None:
    synced.source("UPDATE customer SET name = ? WHERE id = 1", "Ana\x1b[2J")
    text = synced.run("sync", "plan", "people").stdout
    assert "\x1b" not in text
    assert "Ana\\x1b[2J" in text


def test_run_applies_and_a_second_run_has_nothing_to_do(company: Company) -> None:
    report = company.json("sync", "run", "people")
    assert (report["status"], report["exit_code"]) == ("succeeded", 0)
    assert (report["counts"]["created_a"], report["counts"]["created_b"]) == (2, 3)
    again = company.json("sync", "run", "people")
    assert not again["counts"].get("applied_a")
    assert not again["counts"].get("applied_b")


def test_a_dry_run_shows_the_plan_and_changes_nothing(company: Company) -> None:
    text = company.run("sync", "run", "people", "--dry-run").stdout
    assert "3 to create" in text
    assert "nothing was written" in text
    data = company.json("sync", "run", "people", "--dry-run")
    assert data["dry_run"] is True
    assert len(data["plan"]["operations"]) == 5
    assert company.target("SELECT count(*) FROM client") == [(4,)]
    assert company.json("sync", "history", "people")["runs"] == []


def test_a_run_can_be_narrowed_to_one_direction(company: Company) -> None:
    company.run("sync", "run", "people", "--direction", "source_to_target", "--batch-size", "1")
    assert company.target("SELECT count(*) FROM client") == [(7,)]
    assert company.source("SELECT count(*) FROM customer") == [(5,)]


def test_a_strategy_for_one_run_decides_conflicts(synced: Company) -> None:
    _disagree(synced)
    synced.run("sync", "run", "people", "--strategy", "source_wins")
    assert synced.name_on_target("p1@x.org") == "Ana"


def test_something_parked_is_partial(synced: Company) -> None:
    _disagree(synced)
    result = synced.run("sync", "run", "people", code=3)
    assert "1 conflict waits for a decision" in result.stdout


def test_apply_asks_and_without_a_terminal_wants_yes(company: Company) -> None:
    result = company.run("sync", "apply", "people", code=2)
    assert "--yes" in result.stderr
    assert company.target("SELECT count(*) FROM client") == [(4,)]
    company.run("sync", "apply", "people", "--yes")
    assert company.target("SELECT count(*) FROM client") == [(7,)]


def test_a_saved_plan_is_applied_exactly(company: Company) -> None:
    plan_id = company.json("sync", "plan", "people")["plan_id"]
    company.source("INSERT INTO customer VALUES (9, 'late@x.org', 'Late', 1)")
    company.run("sync", "apply", "people", "--plan", plan_id)
    assert company.target("SELECT count(*) FROM client") == [(7,)], "what was not in the plan waits for the next one"
    company.run("sync", "run", "people")
    assert company.target("SELECT count(*) FROM client") == [(8,)]


def test_a_stale_operation_of_a_saved_plan_is_refused_by_name_and_the_rest_applied(synced: Company) -> None:
    synced.source("UPDATE customer SET name = name || '!' WHERE id IN (1, 2)")
    planned = synced.json("sync", "plan", "people")
    synced.source("UPDATE customer SET name = 'Somebody else' WHERE id = 1")
    result = synced.run("sync", "apply", "people", "--plan", planned["plan_id"], code=3)
    stale = next(op["op_id"] for op in planned["operations"] if op["other_id"] == "1")
    assert stale in result.stdout
    assert "no longer what was reviewed" in result.stdout
    assert synced.name_on_target("p1@x.org") == "Person 1"
    assert synced.name_on_target("p2@x.org") == "Person 2!"


def test_an_unknown_plan_is_a_usage_error(company: Company) -> None:
    assert "none is kept" in company.run("sync", "apply", "people", "--plan", "abc", code=2).stderr


def test_a_guard_refuses_and_a_reviewed_plan_may_lift_it(synced: Company) -> None:
    synced.source("DELETE FROM customer WHERE id IN (1, 2, 3)")
    result = synced.run("sync", "run", "people", code=4)
    assert "REFUSED by guard deletes" in result.stdout
    plan = synced.run("sync", "plan", "people", code=4).stdout
    words = re.search(r"sync (apply people --plan (\w+) --lift deletes)", plan)
    assert words is not None
    assert synced.target("SELECT count(*) FROM client") == [(7,)]
    assert synced.run("sync", "apply", "people", "--plan", words[2], code=4).exit_code == 4
    synced.run("sync", *words[1].split())
    assert synced.target("SELECT count(*) FROM client") == [(4,)]


def test_a_guard_is_lifted_only_for_a_plan(synced: Company) -> None:
    assert "--lift needs --plan" in synced.run("sync", "apply", "people", "--yes", "--lift", "deletes", code=2).stderr
    synced.run("sync", "run", "people", "--lift", "deletes", code=2)


def test_apply_without_a_plan_stops_at_a_guard(synced: Company) -> None:
    synced.source("DELETE FROM customer")
    assert "empty_side" in synced.run("sync", "apply", "people", "--yes", code=4).stdout
    assert synced.target("SELECT count(*) FROM client") == [(7,)]


def test_the_first_plan_of_an_unattended_sync_is_refused(company: Company) -> None:
    assert "first_plan" in company.run("sync", "run", "people", "--unattended", code=4).stdout
    company.run("sync", "run", "people")
    company.run("sync", "run", "people", "--unattended")


def test_a_file_may_stand_for_the_name(company: Company) -> None:
    path = str(company.folder / "syncs" / "people.yaml")
    assert company.json("sync", "plan", "--file", path)["sync"] == "people"
    assert company.json("sync", "plan", f"--file={path}")["sync"] == "people"
    assert company.json("sync", "plan", path)["sync"] == "people"
    company.run("sync", "run", "people")
    assert company.json("sync", "explain", "--file", path, "source:1")["records"][0]["source_id"] == "1"
    company.run("sync", "plan", "people", "--file", path, code=2)
    company.run("sync", "plan", "--file", code=2)


def test_a_second_run_meanwhile_fails_and_names_the_holder(company: Company) -> None:
    company.run("sync", "plan", "people")
    store, now = company.store(), datetime.now(UTC)
    lease = store.acquire("people", "host-seven:4711", 600, now)
    result = company.run("sync", "run", "people", code=1)
    assert "host-seven:4711" in result.stderr
    assert company.target("SELECT count(*) FROM client") == [(4,)]
    store.release(lease)
    company.run("sync", "run", "people")
    store.close()


def test_a_run_after_a_dead_one_takes_over(company: Company) -> None:
    company.run("sync", "plan", "people")
    store = company.store()
    store.acquire("people", "host-seven:4711", 1, datetime.now(UTC) - timedelta(minutes=5))
    store.close()
    company.run("sync", "run", "people")


def test_exit_codes_and_stdout_of_a_real_process(synced: Company) -> None:
    _disagree(synced)
    done = synced.process("sync", "run", "people", "--json")
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("{")
    assert done.stdout.rstrip().endswith("}")
    assert synced.process("sync", "run", "nobody").returncode == 2
    synced.source("DELETE FROM customer")
    assert synced.process("sync", "run", "people").returncode == 4


@pytest.mark.parametrize(("answer", "code", "clients"), [("y\n", 0, 7), ("n\n", 1, 4), ("\x03", 130, 4)])
def test_on_a_terminal_apply_shows_the_plan_and_asks(company: Company, answer: str, code: int, clients: int) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(company.command()[0], company.command("sync", "apply", "people"), environment(NO_COLOR="1"))
    shown = b""
    while b"Apply this plan?" not in shown:
        shown += _heard(terminal, pid)
    os.write(terminal, answer.encode())
    try:
        while more := _heard(terminal, pid, again=answer if answer == "\x03" else ""):
            shown += more
    except OSError:  # the other end is closed
        pass
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == code, shown.decode()
    assert b"3 to create" in shown
    assert b"\x1b[3" not in shown, "NO_COLOR is respected"
    assert company.target("SELECT count(*) FROM client") == [(clients,)]


def _heard(terminal: int, pid: int, again: str = "") -> bytes:
    """What the command says next; it is ended if it says nothing for a minute, so that it fails here and not never.

    ``again`` is pressed once more at each silence, as people do: a Ctrl-C in the instant between the question and the
    wait for its answer is noted by readline but does not end the wait.
    """
    for _ in range(30):
        if select.select([terminal], [], [], 2)[0]:
            return os.read(terminal, 4096)
        os.write(terminal, again.encode())
    os.kill(pid, signal.SIGKILL)
    return os.read(terminal, 4096)


def test_a_person_interrupts_and_the_next_run_picks_up(company: Company) -> None:
    company.run("sync", "plan", "people")  # makes the state database
    with closing(sqlite3.connect(company.folder / "billing.sqlite", isolation_level=None)) as user:
        user.execute("BEGIN IMMEDIATE")  # the user is busy: the run waits for this side in the middle of its writes
        run = subprocess.Popen(
            company.command("sync", "run", "people"),
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        store = company.store()
        while not store.open_intents("people"):
            assert run.poll() is None, run.communicate()
        run.send_signal(signal.SIGINT)
        user.execute("ROLLBACK")
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    assert company.run("sync", "run", "people").exit_code == 0
    assert not [op for op in store.open_intents("people") if op.state is OpState.SENT]
    store.close()
    assert company.source("SELECT count(*) FROM customer") == company.target("SELECT count(*) FROM client") == [(7,)]


def _disagree(company: Company) -> None:
    company.source("UPDATE customer SET name = 'Ana' WHERE id = 1")
    company.target("UPDATE client SET full_name = 'Anna' WHERE mail = 'p1@x.org'")


def test_looking_at_everything_and_at_as_little_as_possible_exclude_each_other(company: Company) -> None:
    refused = company.run("sync", "run", "people", "--full", "--if-changed", code=2)
    assert "--if-changed and --full exclude each other" in refused.stderr
    company.run("sync", "run", "people", "--full")
