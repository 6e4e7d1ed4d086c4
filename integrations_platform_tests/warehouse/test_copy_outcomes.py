"""What a bad row does, what is remembered, and what a COPY answers: rules X16–X24."""

from __future__ import annotations

import duckdb
import pytest

from integrations_platform.warehouse.copy_result import CopyResult
from integrations_platform.warehouse.copying.history import History
from integrations_platform.warehouse.errors import CopyError, StatementError
from integrations_platform_tests.warehouse.desk import Desk

JSON = "FILE_FORMAT=(TYPE=JSON)"
BY_NAME = "MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE"


@pytest.fixture
def mixed(desk: Desk) -> Desk:
    """One good file, and one of which one row in four is bad."""
    desk.lines("a.json", [{"a": 1}, {"a": 2}])
    desk.lines("b.json", [{"a": 3}, {"a": "x"}, {"a": 4}, {"a": 5}])
    return desk


def test_x16_the_default_loads_no_row_of_any_file_and_names_the_first_fault(mixed: Desk) -> None:
    with pytest.raises(CopyError, match=r"Numeric value 'x' is not recognized. File '.*b\.json', line 2") as aborted:
        mixed.copy(f"FROM '{{url}}' {JSON} {BY_NAME}", "pairs")
    assert mixed.count("pairs") == 0
    assert [item.errors_seen for item in aborted.value.results] == [0, 1]


def test_x16_continue_loads_the_good_rows(mixed: Desk) -> None:
    mixed.lines("c.json", [{"a": "y"}])
    results = mixed.copy(f"FROM '{{url}}' {JSON} {BY_NAME} ON_ERROR=CONTINUE", "pairs")
    assert [item.status for item in results] == ["LOADED", "PARTIALLY_LOADED", "LOAD_FAILED"]
    assert [(item.rows_parsed, item.rows_loaded, item.error_limit) for item in results] == [
        (2, 2, 2),
        (4, 3, 4),
        (1, 0, 1),
    ]
    assert sorted(mixed.rows("SELECT a FROM mydb.public.pairs")) == [(1,), (2,), (3,), (4,), (5,)]


@pytest.mark.parametrize(
    ("rule", "dropped"),
    [
        ("SKIP_FILE", True),
        ("SKIP_FILE_1", True),
        ("SKIP_FILE_2", False),
        ("'SKIP_FILE_24%'", True),
        ("'SKIP_FILE_25%'", False),
    ],
)
def test_x16_skip_file_drops_the_file_and_loads_the_others(mixed: Desk, rule: str, dropped: bool) -> None:
    good, bad = mixed.copy(f"FROM '{{url}}' {JSON} {BY_NAME} ON_ERROR={rule}", "pairs")
    assert good.status == "LOADED"
    assert bad.status == ("LOAD_FAILED" if dropped else "PARTIALLY_LOADED")
    assert (bad.errors_seen, bad.first_error_line, bad.first_error_column_name) == (1, 2, "a")
    assert mixed.count("pairs") == (2 if dropped else 5)


def test_x16_a_file_that_cannot_be_read_is_never_loaded_in_part(desk: Desk) -> None:
    desk.lines("a.json", [{"a": 1}])
    desk.write("b.json", b"\x1f\x8b no gzip, and no JSON \xff\n" + b'{"a": 2}\n')
    desk.parquet("c.parquet", "SELECT 1 AS a")
    cut = (desk.folder / "c.parquet").read_bytes()
    (desk.folder / "c.parquet").write_bytes(cut[: len(cut) // 2])
    (result,) = desk.copy(f"FROM '{{url}}c' FILE_FORMAT=(TYPE=PARQUET) {BY_NAME} ON_ERROR=CONTINUE", "pairs")
    assert (result.status, result.rows_loaded) == ("LOAD_FAILED", 0)
    (result,) = desk.copy(f"FROM '{{url}}b' {JSON} {BY_NAME} ON_ERROR=SKIP_FILE", "pairs")
    assert (result.status, result.first_error_line) == ("LOAD_FAILED", 1)
    assert desk.count("pairs") == 0


def test_x17_a_failed_copy_leaves_the_callers_transaction_usable(mixed: Desk) -> None:
    mixed.rows("BEGIN")
    mixed.rows("INSERT INTO mydb.public.pairs VALUES (100, 'mine')")
    with pytest.raises(CopyError):
        mixed.do(f"COPY INTO pairs FROM '{{url}}' {JSON} {BY_NAME}", in_transaction=True)
    assert mixed.rows("SELECT a FROM mydb.public.pairs") == [(100,)]
    mixed.do(f"COPY INTO pairs FROM '{{url}}a' {JSON} {BY_NAME}", in_transaction=True)
    mixed.do(f"COPY INTO pairs FROM '{{url}}b' {JSON} {BY_NAME} ON_ERROR=CONTINUE", in_transaction=True)
    mixed.rows("ROLLBACK")
    assert mixed.count("pairs") == 0
    assert [item.status for item in mixed.copy(f"FROM '{{url}}a' {JSON} {BY_NAME}", "pairs")] == ["LOADED"], (
        "the history was rolled back with the rows"
    )


def test_x17_nothing_of_the_looking_is_left_in_the_database(mixed: Desk) -> None:
    mixed.copy(f"FROM '{{url}}a' {JSON} {BY_NAME}", "pairs")
    with pytest.raises(CopyError):
        mixed.copy(f"FROM '{{url}}b' {JSON} {BY_NAME}", "pairs")
    assert {row[0] for row in mixed.rows("SELECT database_name FROM duckdb_databases() WHERE NOT internal")} == {
        "memory", "mydb"
    }  # fmt: skip


def test_x18_purge_deletes_what_was_loaded_and_only_once_it_is_committed(mixed: Desk) -> None:
    def left() -> list[str]:
        return sorted(path.name for path in mixed.folder.iterdir())

    with pytest.raises(CopyError):
        mixed.copy(f"FROM '{{url}}' {JSON} {BY_NAME} PURGE=TRUE", "pairs")
    assert left() == ["a.json", "b.json"]
    mixed.rows("BEGIN")
    done = mixed.do(f"COPY INTO pairs FROM '{{url}}a' {JSON} {BY_NAME} PURGE=TRUE", in_transaction=True)
    assert left() == ["a.json", "b.json"]
    mixed.rows("COMMIT")
    done.purged()
    assert left() == ["b.json"]
    mixed.copy(f"FROM '{{url}}' {JSON} {BY_NAME} PURGE=TRUE ON_ERROR=SKIP_FILE", "pairs")
    assert left() == ["b.json"], "a file that was not loaded stays"
    mixed.lines("b.json", [{"a": 9}])
    mixed.copy(f"FROM '{{url}}' {JSON} {BY_NAME} PURGE=FALSE", "pairs")
    assert left() == ["b.json"]


def test_x19_an_error_carries_the_rows_and_snowflakes_numbers(mixed: Desk) -> None:
    with pytest.raises(CopyError) as failed:
        mixed.copy(f"FROM '{{url}}' {JSON} {BY_NAME}", "pairs")
    assert (failed.value.errno, failed.value.sqlstate) == (100069, "22000")
    assert [item.file.rpartition("/")[2] for item in failed.value.results] == ["a.json", "b.json"]


def test_x20_history_is_kept_with_the_rows_and_only_of_what_was_loaded(mixed: Desk) -> None:
    mixed.copy(f"FROM '{{url}}' {JSON} {BY_NAME} ON_ERROR=SKIP_FILE", "pairs")
    rows = mixed.rows("SELECT table_name, file, status, rows_loaded, size FROM mydb.integrations_load.history")
    assert rows == [("PAIRS", f"{mixed.url}a.json", "LOADED", 2, (mixed.folder / "a.json").stat().st_size)]


def test_x21_what_was_loaded_as_it_is_within_64_days_is_skipped(desk: Desk) -> None:
    path = desk.lines("a.json", [{"a": 1}])
    desk.copy(f"FROM '{{url}}' {JSON}")
    (again,) = desk.copy(f"FROM '{{url}}' {JSON} FORCE=FALSE")
    assert (again.status, again.rows_parsed, again.rows_loaded) == ("LOAD_SKIPPED", 0, 0)
    assert again.first_error == "File was loaded before."
    desk.lines("new.tmp", [{"a": 2}, {"a": 3}]).replace(path)
    assert [item.rows_loaded for item in desk.copy(f"FROM '{{url}}' {JSON}")] == [2], "rewritten: another ETag"
    assert [item.rows_loaded for item in desk.copy(f"FROM '{{url}}' {JSON} FORCE=TRUE")] == [2]
    desk.clock.pass_days(65)
    assert [item.rows_loaded for item in desk.copy(f"FROM '{{url}}' {JSON}")] == [2]


def test_x21_each_table_has_its_own_history(desk: Desk) -> None:
    desk.lines("a.json", [{"a": 1}])
    desk.copy(f"FROM '{{url}}' {JSON}")
    assert [item.status for item in desk.copy(f"FROM '{{url}}' {JSON} {BY_NAME}", "pairs")] == ["LOADED"]


def test_x22_history_is_forgotten_when_the_table_is_emptied_or_replaced_not_by_a_delete(desk: Desk) -> None:
    desk.lines("a.json", [{"a": 1}])
    desk.copy(f"FROM '{{url}}' {JSON}")
    desk.rows("DELETE FROM mydb.public.events")
    assert desk.copy(f"FROM '{{url}}' {JSON}")[0].status == "LOAD_SKIPPED"
    History(desk.connection, ("mydb", "Public", "Events")).clear()
    assert desk.copy(f"FROM '{{url}}' {JSON}")[0].status == "LOADED"


def test_x23_one_row_for_each_file(mixed: Desk) -> None:
    done = mixed.do(f"COPY INTO pairs FROM '{{url}}' {JSON} {BY_NAME} ON_ERROR=SKIP_FILE_3")
    rows = [item.row() for item in done.result.files]
    assert rows[1] == (
        f"{mixed.url}b.json", "PARTIALLY_LOADED", 4, 3, 3, 1, "Numeric value 'x' is not recognized", 2, None, "a"
    )  # fmt: skip
    assert done.result.rows_loaded == 5


def test_x24_no_file_is_another_shape_and_callers_read_both(desk: Desk) -> None:
    assert desk.do(f"COPY INTO events FROM '{{url}}nothing/' {JSON}").result == CopyResult(())
    assert CopyResult.of_rows(["status"], [("Copy executed with 0 files processed.",)]).files == ()
    names = ["file", "status", "rows_parsed", "rows_loaded", "errors_seen"]
    (read,) = CopyResult.of_rows(names, [("a", "Loaded", "3", "3", 0)]).files
    assert (read.status, read.rows_loaded) == ("LOADED", 3)
    with pytest.raises(ValueError, match="without rows_loaded, rows_parsed"):
        CopyResult.of_rows(["file", "status"], [])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("nodb.public.events", "Database 'NODB' does not exist"),
        ("mydb.nowhere.events", "Schema 'MYDB.NOWHERE' does not exist"),
        ("mydb.public.nothing", "Table 'MYDB.PUBLIC.NOTHING' does not exist"),
    ],
)
def test_a_target_that_does_not_exist_is_named_by_the_part_that_is_missing(desk: Desk, table: str, said: str) -> None:
    desk.lines("a.json", [{}])
    with pytest.raises(StatementError, match=said):
        desk.copy(f"FROM '{{url}}' {JSON}", table)


def test_an_error_of_duckdb_at_the_last_step_is_told_and_rolled_back(desk: Desk) -> None:
    desk.rows("CREATE TABLE mydb.public.checked (a BIGINT CHECK (a < 10))")
    desk.lines("a.json", [{"a": 1}, {"a": 11}])
    with pytest.raises(CopyError, match=r"did not fit into mydb\.public\.checked"):
        desk.copy(f"FROM '{{url}}' {JSON} {BY_NAME}", "checked")
    assert desk.count("checked") == 0
    with pytest.raises(duckdb.Error, match="no transaction"):
        desk.rows("COMMIT")
