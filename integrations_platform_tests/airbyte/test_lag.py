"""How far change data capture is behind, asked of a real PostgreSQL: at its slot, and in the tables that it fills."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from integrations_platform.airbyte.lag import Lag, lag_of
from integrations_platform.secret_text import SecretText
from integrations_platform.settings_airbyte import ConnectionSettings, LagSettings, StreamSettings
from integrations_platform_tests.airbyte.conftest import Site
from integrations_platform_tests.airbyte.house import CHARGES, House

SLOT = f"airbyte_{os.getpid()}"  # slots are a server's, and workers may share one
WHERE = LagSettings("billing", SLOT, "lake", "public")
STREAMS = ("charges", 'odd "table"', "without", "empty", "missing")


@pytest.fixture
def source(postgres_database: str) -> Iterator[psycopg.Connection]:
    """A database with a slot that nobody reads, and tables as Airbyte leaves them."""
    with psycopg.connect(_plain(postgres_database), autocommit=True) as connection:
        connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", [SLOT])
        for name in ("charges", '"odd ""table"""', "empty"):
            connection.execute(f"CREATE TABLE {name} (id int, _ab_cdc_updated_at text)")
        connection.execute("CREATE TABLE without (id int)")
        connection.execute(
            "INSERT INTO charges SELECT 1, to_char(now() AT TIME ZONE 'UTC' - interval '90 minutes', "
            """'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
        )
        connection.execute(
            """INSERT INTO "odd ""table""\" VALUES (1, '2026-01-01T00:00:00Z'), (2, '2026-01-02T00:00:00Z')"""
        )
        yield connection
        connection.execute("SELECT pg_drop_replication_slot(%s)", [SLOT])


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def measured(url: str, where: LagSettings = WHERE) -> Lag:
    connection = ConnectionSettings(
        "changes", SecretText("c-1", "settings", 1, "id", {}), tuple(StreamSettings(name) for name in STREAMS)
    )
    return lag_of(connection, where, lambda _: _plain(url))


def test_a_slot_that_nobody_reads_holds_more_back_with_every_change(
    source: psycopg.Connection, postgres_database: str
) -> None:
    before = measured(postgres_database)
    source.execute("INSERT INTO without SELECT generate_series(1, 20000)")
    after = measured(postgres_database)
    assert before.slot_bytes is not None
    assert after.slot_bytes is not None
    assert (after.slot_bytes > before.slot_bytes + 500_000, after.slot_active) == (True, False)


def test_the_newest_change_of_each_table_says_how_far_it_is_behind(
    source: psycopg.Connection, postgres_database: str
) -> None:
    lag = measured(postgres_database)
    assert set(lag.seconds) == {"charges", 'odd "table"'}
    assert lag.seconds["charges"] == pytest.approx(5400, abs=120)
    assert any("public.without has no column _ab_cdc_updated_at" in note for note in lag.notes)


def test_a_slot_that_is_gone_is_said_with_what_it_means(postgres_database: str) -> None:
    lag = measured(postgres_database, LagSettings("billing", "no_such_slot"))
    assert (lag.slot_bytes, lag.slot_active) == (None, None)
    assert "billing has no replication slot 'no_such_slot': the next sync reads everything anew" in lag.notes


def test_a_database_that_is_away_is_a_note_without_its_password() -> None:
    lag = measured("postgresql://someone:hunter2@127.0.0.1:1/x")
    assert len(lag.notes) == 2
    assert all("the lag could not be read from" in note and "hunter2" not in note for note in lag.notes)


def test_a_sync_of_changes_shows_its_lag_and_where_the_next_one_goes_on(
    tmp_path: Path, site: Site, source: psycopg.Connection, postgres_database: str
) -> None:
    url = _plain(postgres_database)
    with dg.DagsterInstance.ephemeral() as instance:
        house = House(tmp_path, site, instance)
        house.systems = f'{{billing: {{kind: postgresql, url: "{url}"}}}}'
        house.extra = f"      mode: cdc\n      lag: {{source: billing, slot: {SLOT}, destination: billing}}\n"
        state = {"stateType": "global", "globalState": {"shared_state": {"lsn": 1}}}
        site.vendor.person({"do": "state", "connection": "stripe_to_postgres", "state": state})
        assert house.sync().success
        state["globalState"] = {"shared_state": {"lsn": 2}}
        site.vendor.person({"do": "state", "connection": "stripe_to_postgres", "state": state})
        assert house.sync().success
        newest, before = house.told(CHARGES)
    assert newest["lag_seconds"] == pytest.approx(5400, abs=120)
    assert (newest["slot_bytes"] >= 0, newest["slot_active"]) == (True, "no")
    assert newest["state"] != before["state"]
