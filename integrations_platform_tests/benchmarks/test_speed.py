"""The benchmark cannot flatter: CPU is counted wherever it is used, one wrong row is found, what is missing is said."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import psycopg
import pytest

from integrations_platform_tests.benchmarks.speed import data, page, plot
from integrations_platform_tests.benchmarks.speed.equality import difference, of_postgresql
from integrations_platform_tests.benchmarks.speed.figures import OURS, Figure, Results, Round, figure
from integrations_platform_tests.benchmarks.speed.measuring import Cost, Failed, measure, server_seconds
from integrations_platform_tests.benchmarks.speed.peers import Peer
from integrations_platform_tests.benchmarks.speed.servers import Missing
from integrations_platform_tests.benchmarks.speed.tables import BOTH, CHURN, LOAD, VERIFIED

USED = 0.1  # seconds of CPU, by its own clock, that a busy process takes at least
BUSY = f"{sys.executable} -SEc 'import time\nwhile time.process_time() < {USED}: pass'"


def test_the_cpu_of_every_process_a_command_starts_is_counted() -> None:
    assert measure(["sh", "-c", BUSY]).client > USED
    assert measure(["sh", "-c", f"{BUSY} | ({BUSY}; {BUSY})"]).client > 3 * USED


def test_the_cpu_of_a_server_includes_children_that_have_ended() -> None:
    server = subprocess.Popen(["sh", "-c", f"{BUSY}; echo done; read _"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stdout.readline() == b"done\n"
    used = server_seconds(server.pid)
    server.communicate(b"\n")
    assert used > USED / 2  # the kernel counts it in ticks


def test_a_command_that_fails_is_no_figure_and_one_that_is_cut_off_says_so() -> None:
    with pytest.raises(Failed, match="ended with code 3:\nno such table"):
        measure(["sh", "-c", "echo no such table >&2; exit 3"])
    assert measure(["sleep", "60"], limit=0.05).cut_off


def test_one_different_missing_or_surplus_row_is_found(postgres_database: str) -> None:
    url = postgres_database.replace("+psycopg", "", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (data.TABLE, data.rows(1, 40), "CREATE TABLE copied (LIKE customers)"):
            connection.execute(statement.encode())

        def found(*edits: str) -> str:
            for edit in ("TRUNCATE copied", "INSERT INTO copied SELECT * FROM customers", *edits):
                connection.execute(edit.encode())
            return str(difference(of_postgresql(url), of_postgresql(url, "copied")))

        assert found() == "equal"
        assert found("ALTER TABLE copied ALTER attrs TYPE text, ALTER email TYPE varchar") == "equal"
        edits = {
            "notes": "''", "balance": "balance + 0.01", "city": "city || ' '", "active": "NOT active",
            "updated_at": "updated_at + interval '1 microsecond'", "attrs": "replace(attrs, '35,', '36,')",
        }  # fmt: skip
        for column, value in edits.items():
            assert found(f"UPDATE copied SET {column} = {value} WHERE id = 35") == "1 different", column
        assert found("DELETE FROM copied WHERE id IN (1, 40)", "UPDATE copied SET id = 99 WHERE id = 7") == (
            "3 missing, 1 too many"
        )


def _figure(case: str, cpu: float, tool: str = OURS, *, rows: int = 1_000_000, cut_off: bool = False) -> Figure:
    cost, floor = Cost(cpu, 0.0, 1.0, 100.0, 1.0, cut_off), Cost(1.0, 4.0, 1.0, 1.0, 1.0)
    return figure(case, tool, rows, [Round(cost, floor, "equal")])


def test_a_page_shows_misses_bounds_and_what_was_left_out(tmp_path: Path) -> None:
    results = Results(skipped={"ingestr": "no such package"})
    results.put([_figure(LOAD, 7.0), _figure(CHURN, 9.0), _figure(BOTH, 2.0, rows=100_000)])
    results.put(
        [_figure(LOAD, 94.0, "pandas", cut_off=True), replace(_figure(CHURN, 2.0, "sling"), tables="9 too many")]
    )
    results.write(tmp_path / "results.json")
    shown = page.tables(Results.read(tmp_path / "results.json"), "speed.svg")
    lines = {line.split(" | ")[0].strip("| *"): line for line in shown.splitlines() if line.startswith("|")}
    assert "**1.40 ×** (7.0 of 5.0 CPU s), 100 MiB | reached |" in shown
    assert "**1.80 ×** (9.0 of 5.0 CPU s), 100 MiB | **missed** |" in shown
    assert "100 MiB, at 100,000 rows | open |" in shown
    assert "not run" in lines["no change, watermark hint: `--if-changed`"]
    assert "> 19 ×" in lines["pandas"]
    assert "9 too many" in lines["sling"]
    assert "left out: no such package" in lines["ingestr"]
    assert len({line.count("|") for line in shown.partition("CPU ÷ floor")[2].split("\n\n")[0].splitlines()[1:]}) == 1
    Xml.fromstring(plot.svg(results))


def test_figures_with_an_unequal_table_do_not_reach_their_goal() -> None:
    results = Results([replace(_figure(VERIFIED, 0.1), tables="1 different")])
    assert "**missed**" in page.tables(results, "speed.svg")


def test_the_worst_of_the_repetitions_says_how_the_tables_compare() -> None:
    cost = Cost(1.0, 0.0, 1.0, 1.0, 1.0)
    rounds = [Round(cost, cost, "equal"), Round(cost, cost, "1 missing"), Round(cost, cost, "equal")]
    assert figure(LOAD, OURS, 1, rounds).tables == "1 missing"


def test_a_tool_that_cannot_be_installed_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"tool-1\.0-py3-none-any\.whl"):
        Peer("tool", (f"{tmp_path}/tool-1.0-py3-none-any.whl",), tmp_path / "venvs").install()


@pytest.mark.nightly
def test_every_case_runs(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    command = [sys.executable, "-m", "integrations_platform_tests.benchmarks", "--rows", "2000", "--repetitions", "1"]
    subprocess.run([*command, "--results", str(results)], check=True, capture_output=True, timeout=600)
    found = Results.read(results).figures
    assert {each.tables for each in found if each.floor} == {"equal"}
    assert len({each.case for each in found}) == 15
