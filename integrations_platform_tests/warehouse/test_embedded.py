"""The embedded warehouse: DuckDB files that several processes share, and that survive whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from integrations_platform.warehouse.embedded import EmbeddedSession
from integrations_platform.warehouse.errors import CopyError, StatementError, WarehouseError
from integrations_platform.warehouse.port import QueryTag
from integrations_platform_tests.warehouse.house import DAY, NEXT, House

TAG = QueryTag("run-9", "test", "2025-10-30")


def victim(house: House, mode: str) -> subprocess.Popen[str]:
    assert house.env_file
    return subprocess.Popen(
        [sys.executable, "-m", "integrations_platform_tests.warehouse.victim", str(house.root), mode, str(DAY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )


def test_a_load_killed_between_copy_and_commit_changes_nothing_and_blocks_nobody(house: House) -> None:
    house.sell()
    house.load("sales")
    before = house.totals()
    house.sell(DAY, [100, 200, 300])
    with victim(house, "kill") as process:
        assert process.stdout is not None
        assert process.stdout.read() == "copied\n", "it came as far as the COPY"
    assert process.returncode == -signal.SIGKILL
    assert house.totals() == before
    assert house.load("sales").rows_loaded == 3
    assert house.totals() == (("2025-10-30", 3, 600.0),)


def test_x25_processes_wait_for_one_another_and_say_for_whom(house: House) -> None:
    house.sell()
    house.sell(NEXT, [5])
    with victim(house, "hold") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "copied\n"
        impatient = replace(house.warehouse, patience=0.0)
        with pytest.raises(WarehouseError, match=r"in use by warehouse/sales 2025-10-30 \(run run-1\)") as busy:
            impatient.query("SELECT 1")
        assert busy.value.transient
        waited: list[float] = []

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 1:
                process.communicate("go on\n")

        with replace(house.warehouse, sleep=sleep).open(TAG) as session:
            assert session.execute("SELECT count(*) FROM analytics.public.sales").rows == ((2,),)
    assert waited


def test_x25_nothing_is_held_between_two_batches(house: House) -> None:
    house.sell()
    house.load("sales")
    with duckdb.connect(str(house.root / "warehouse" / "analytics.duckdb")) as other:
        assert other.execute("SELECT count(*) FROM analytics.public.sales").fetchall() == [(2,)]


def test_x22_truncate_drop_and_replace_clear_the_history_delete_and_create_do_not(house: House) -> None:
    house.event_file("a.json", [{"x": 1}])
    copy = f"COPY INTO mydb.public.t FROM 'file://{house.root}/lake/events/' FILE_FORMAT=(TYPE=JSON)"

    def status(*statements: str) -> object:
        with house.warehouse.open(TAG) as session:
            for statement in statements:
                session.execute(statement)
            return session.execute(copy).rows[0][1]

    made = "CREATE TABLE mydb.public.t (v VARIANT)"
    assert status("CREATE SCHEMA mydb.public", made) == "LOADED"
    assert status("DELETE FROM mydb.public.t") == "LOAD_SKIPPED"
    assert status("CREATE TABLE IF NOT EXISTS mydb.public.t (v VARIANT)") == "LOAD_SKIPPED"
    assert status("TRUNCATE TABLE MyDB.public.T") == "LOADED"
    assert status("DROP TABLE mydb.public.t", made) == "LOADED"
    assert status("CREATE OR REPLACE TABLE mydb.public.t (v VARIANT)") == "LOADED"


def test_a_transaction_is_rolled_back_by_any_exception_and_purges_nothing(house: House) -> None:
    path = house.event_file("a.json", [{"x": 1}])
    copy = f"COPY INTO mydb.public.t FROM 'file://{house.root}/lake/events/' FILE_FORMAT=(TYPE=JSON) PURGE=TRUE"
    with house.warehouse.open(TAG) as session:
        session.execute("CREATE SCHEMA mydb.public")
        session.execute("CREATE TABLE mydb.public.t (v VARIANT)")
        with pytest.raises(KeyboardInterrupt):
            _load_until_interrupted(session, copy)
        assert path.exists()
        assert session.execute("SELECT count(*) FROM mydb.public.t").rows == ((0,),)
        with session.transaction():
            session.execute(copy)
        assert not path.exists()
        assert session.execute(copy).names == ("status",), "no file is another shape, as on the wire"


def _load_until_interrupted(session: EmbeddedSession, copy: str) -> None:
    with session.transaction():
        assert session.execute(copy).rows[0][1] == "LOADED"
        raise KeyboardInterrupt


def test_statements_are_snowflakes(house: House) -> None:
    with house.warehouse.open(TAG) as session:
        session.execute("CREATE SCHEMA mydb.public")
        session.execute(
            "CREATE TABLE mydb.public.t (v VARIANT, n NUMBER(38, 0), i INTEGER, a NUMBER(10, 2), f FLOAT, s STRING, "
            "k VARCHAR(10), t TIMESTAMP_NTZ, z TIMESTAMP_TZ, d DATE, at BOOLEAN)"
        )
        inserted = session.execute("INSERT INTO mydb.public.t (i, s) VALUES (?, ?), (2, 'b')", [1, "it's"])
        assert inserted.affected == 2
        assert session.execute("DELETE FROM mydb.public.t WHERE s = ?", ["it's"]).affected == 1
        types = session.execute("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 't'")
    assert dict(types.rows) == {
        "v": "JSON", "n": "DECIMAL(38,0)", "i": "BIGINT", "a": "DECIMAL(10,2)", "f": "DOUBLE", "s": "VARCHAR",
        "k": "VARCHAR", "t": "TIMESTAMP", "z": "TIMESTAMP WITH TIME ZONE", "d": "DATE", "at": "BOOLEAN",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM analytics.public.sales", "only a SELECT"),
        ("COPY INTO analytics.public.sales FROM 's3://b/x/'", "only a SELECT"),
        ("SELECT 1; SELECT 2", "expected one statement"),
        ("SELEC 1", "syntax error|expected|only a SELECT"),
        ("SELECT * FROM nodb.public.x", "nodb"),
        ("SELECT * FROM read_text('/etc/hostname')", "(?i)disabled|permission"),
    ],
)
def test_a_question_cannot_change_or_read_anything_else(house: House, sql: str, said: str) -> None:
    house.sell()
    house.load("sales")
    with pytest.raises(StatementError, match=said):
        house.warehouse.query(sql)
    assert house.totals() == (("2025-10-30", 2, 4.0),)


def test_a_database_that_no_table_declares_is_unknown(house: House) -> None:
    house.event_file("a.json", [{"x": 1}])
    with house.warehouse.open(TAG) as session, pytest.raises(StatementError, match="Database 'OTHER' does not exist"):
        session.execute(f"COPY INTO other.public.t FROM 'file://{house.root}/lake/' FILE_FORMAT=(TYPE=JSON)")


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, house: House) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(WarehouseError, match="cannot be used"),
        replace(house.warehouse, folder=tmp_path / "file").open(TAG),
    ):
        pass


def test_a_database_file_that_is_none_is_named(house: House) -> None:
    (house.root / "warehouse").mkdir()
    (house.root / "warehouse" / "analytics.duckdb").write_text("not a database, but long enough to be looked at\n" * 99)
    with pytest.raises(WarehouseError, match=r"analytics\.duckdb"), house.warehouse.open(TAG):
        pass


def test_a_bucket_without_credentials_is_a_clear_error_and_no_attempt_at_the_network(house: House) -> None:
    text = house.env_file.read_text().replace("access_key_id: k, secret_access_key: s, ", "")
    house.env_file.write_text(text)
    with house.warehouse.open(TAG) as session:
        session.create_table(house.tables["raw_events"].target, {"v": "VARIANT"})
        with pytest.raises((CopyError, WarehouseError), match="no credentials for this store"):
            session.execute("COPY INTO mydb.public.events FROM 's3://bucket/x/' FILE_FORMAT=(TYPE=JSON)")
