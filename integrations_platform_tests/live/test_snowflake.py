"""Snowflake, live: an account, a schema that may be written to, and the lake of the environment that it can read.

SNOWFLAKE_TRIAL_SCHEMA names the schema as database.schema. The rest is as for production: SNOWFLAKE_ACCOUNT and so on
(or AIRFLOW_CONN_SNOWFLAKE), LAKE_URL with its keys, and the authentication of the environment's `warehouse:` section.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from obstore.store import LocalStore

from integrations_platform.lake import Lake
from integrations_platform.settings import load_settings
from integrations_platform.warehouse.embedded import EmbeddedWarehouse
from integrations_platform.warehouse.names import TableName
from integrations_platform.warehouse.opening import open_warehouse
from integrations_platform.warehouse.tables import declared_tables
from integrations_platform_tests.live.conftest import from_variables
from integrations_platform_tests.live.snowflake_trial import Trial


@pytest.mark.live
def test_copy_into_a_table_of_the_account(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = from_variables(schema="SNOWFLAKE_TRIAL_SCHEMA", lake="LAKE_URL")
    settings = load_settings(os.environ.get("INTEGRATIONS_ENV", "staging"))
    lake = Lake.open(settings.lake)
    table = next(iter(declared_tables(settings).values()))
    root = lake.address.location("")
    statement = table.copy(f"{root}{prefix}/", (), root)
    trial = Trial(
        open_warehouse(settings, lake),
        lambda name, data: lake.store().put(f"{prefix}/{name}", data) and None,
        statement.location,
        statement.authentication,
        TableName.of(f"{options['schema']}.{prefix}"),
        print,
    )
    assert trial.warehouse.kind == "snowflake"
    try:
        with capsys.disabled():
            trial.run()
            trial.run_side_by_side()
    finally:
        for batch in lake.store().list(prefix):
            lake.store().delete([item["path"] for item in batch])


def test_the_trial_runs_and_says_what_it_found(tmp_path: Path, prefix: str) -> None:
    """On the embedded warehouse, so that it is known to run."""
    said: list[str] = []

    def put(name: str, data: bytes) -> None:
        path = tmp_path / "lake" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    warehouse = EmbeddedWarehouse(
        tmp_path / "warehouse", lambda root: LocalStore(root.removeprefix("file://")), frozenset({"trials"})
    )
    trial = Trial(
        warehouse, put, f"file://{tmp_path}/lake/", None, TableName.of(f"trials.public.{prefix}"), said.append
    )
    trial.run()
    trial.run_side_by_side()
    assert "after ROLLBACK a COPY without FORCE loads 2 of 2 rows" in said
    assert "JSON with ON_ERROR=CONTINUE loads 2 rows of 3, one of them broken" in said
    assert any(line.startswith("a transformation from a URL: SQL compilation error") for line in said)
