"""The same loads through the vendor's own client, snowflake-connector-python, over HTTP, into a stand-in server."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from integrations_platform.doctor.data import data_findings
from integrations_platform.doctor.finding import Level
from integrations_platform.settings import Settings, load_settings
from integrations_platform.warehouse.errors import CopyError, StatementError, WarehouseError
from integrations_platform.warehouse.names import TableName
from integrations_platform.warehouse.opening import open_root, open_warehouse
from integrations_platform.warehouse.port import QueryTag
from integrations_platform.warehouse.reload import Disagreement, Reloaded, reload_day
from integrations_platform.warehouse.snowflake import SnowflakeWarehouse
from integrations_platform.warehouse.statement import CopyInto
from integrations_platform_tests.warehouse.house import DAY, NEXT, NOW, House
from integrations_platform_tests.warehouse.test_reload import rewriting
from integrations_platform_tests.warehouse.test_statement import KEY, SECRET, USERS_OWN, keys
from integrations_platform_tests.warehouse.wire import Wire, serving

pytestmark = pytest.mark.xdist_group("wire")
TAG = QueryTag("run-1", "warehouse/sales", str(DAY))
QUIET = {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False}


@pytest.fixture(scope="module")
def server() -> Iterator[Wire]:
    """One server for the module, with the database that an account's administrator made."""

    def nowhere(root: str) -> Any:
        raise CopyError(f"no test has said what {root} is")

    with serving(nowhere) as wire:
        with engine(wire).open(TAG) as session:
            session.execute("CREATE DATABASE analytics")
            session.execute("CREATE SCHEMA IF NOT EXISTS analytics.public")
        yield wire


@pytest.fixture
def wire(server: Wire, house: House) -> Iterator[Wire]:
    """The server, reading the lake of this test's house; its tables are gone afterwards."""
    server.open_store = lambda root: open_root(house.lake, root)
    server.statements.clear()
    yield server
    with engine(server).open(TAG) as session:
        for table in house.tables.values():
            session.execute(f"DROP TABLE IF EXISTS {table.target.sql}")


def engine(wire: Wire) -> SnowflakeWarehouse:
    return SnowflakeWarehouse(lambda: (wire.arguments, ("snow",)), QUIET)


def load(house: House, wire: Wire, table: str = "sales", lake: Any = None) -> Reloaded:
    return reload_day(house.tables[table], lake or house.lake, engine(wire), DAY, "run-1", lambda: NOW)


def ask(wire: Wire, sql: str) -> tuple[tuple[Any, ...], ...]:
    with engine(wire).open(TAG) as session:
        return session.execute(sql).rows


def test_a_day_is_reloaded_in_one_transaction_and_reconciled(house: House, wire: Wire) -> None:
    house.sell()
    first = load(house, wire)
    assert (first.kind, first.files, first.rows_loaded, first.rows_deleted) == ("snowflake", 1, 2, 0)
    assert first.query_id
    house.sell(DAY, [7, 7, 7])
    assert load(house, wire).rows_deleted == 2
    assert ask(wire, "SELECT count(*), sum(amount)::float FROM analytics.public.sales") == ((3, 21.0),)
    words = [statement.split()[0] for statement in wire.statements]
    assert words[:7] == ["CREATE", "BEGIN", "DELETE", "COPY", "SELECT", "SELECT", "COMMIT"]


def test_the_embedded_warehouse_holds_the_same_after_the_same_statement(house: House, wire: Wire) -> None:
    house.sell()
    there, here = load(house, wire), house.load("sales")
    assert there.statement == here.statement
    question = "SELECT id, amount::varchar, sold, ds FROM analytics.public.sales ORDER BY id"
    assert ask(wire, question) == house.rows(question)


def test_other_peoples_records_are_stamped_by_way_of_a_staging_table(house: House, wire: Wire) -> None:
    house.event_file("a.json", [{"kind": "click"}, {"kind": "view"}])
    house.lake.observe("events", DAY)
    for _ in range(2):
        assert load(house, wire, "raw_events").rows_loaded == 2
    assert ask(wire, "SELECT record:kind::string, ds FROM mydb.public.events ORDER BY 1") == (
        ("click", DAY),
        ("view", DAY),
    )


def test_any_disagreement_is_rolled_back_on_the_server(house: House, wire: Wire) -> None:
    path = house.event_file("a.json", [{"x": 1}])
    house.lake.observe("events", DAY)
    load(house, wire, "raw_events")
    with pytest.raises(Disagreement, match="while it was loading"):
        load(house, wire, "raw_events", rewriting(house, path, b'{"x": 2}\n{"x": 3}\n'))
    assert [word for word in wire.statements if word in ("COMMIT", "ROLLBACK")] == ["COMMIT", "ROLLBACK"]
    assert ask(wire, "SELECT record:x::int FROM mydb.public.events") == ((1,),)


def test_a_bad_file_comes_back_with_file_and_line_and_loads_nothing(house: House, wire: Wire) -> None:
    house.lake.write_partition("notes", DAY, [{"id": "1", "text": "a"}], "run")
    load(house, wire, "notes")
    house.lake.write_partition("notes", DAY, [{"id": "1", "text": "a"}, {"id": "one", "text": "b"}], "run")
    with pytest.raises(CopyError, match=r"Numeric value 'one' is not recognized.*line 2"):
        load(house, wire, "notes")
    assert ask(wire, "SELECT count(*) FROM analytics.public.notes") == ((1,),)


def test_the_statement_of_the_users_documentation_runs_as_it_is(house: House, wire: Wire) -> None:
    """The bucket is the lake of the test; everything else is the documentation's text with its variables filled in."""
    house.event_file("a.json", [{"kind": "click"}])
    from obstore.store import LocalStore

    wire.open_store = lambda root: LocalStore(house.root / "lake")
    text = USERS_OWN.replace("${AWS_KEY}", KEY).replace("${AWS_SECRET}", "hushhush")
    with engine(wire).open(TAG) as session:
        session.execute("CREATE TABLE mydb.public.events (v VARIANT)")
        answer = session.execute(text)
        again = session.execute(text)
    assert (answer.names[:2], answer.rows[0][:3]) == (
        ("file", "status"), ("s3://biz-datalake-dev/events/date=2025-10-30/a.json", "LOADED", 1)
    )  # fmt: skip
    assert again.rows[0][1] == "LOAD_SKIPPED"


def test_no_credential_is_seen_in_errors_or_in_the_clients_log(
    house: House, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    statement = CopyInto(
        TableName.of("mydb.public.nothing"), "s3://bucket/x/", house.tables["raw_events"].file_format, keys()
    )
    with caplog.at_level(logging.DEBUG), engine(wire).open(TAG) as session:
        with pytest.raises(CopyError, match=r"Table 'MYDB.PUBLIC.NOTHING' does not exist") as failed:
            session.copy(statement)
        broken = f"{statement.sql()} ON_ERROR=SKIP_FILE_10%"
        with pytest.raises(WarehouseError) as wrong:
            session.execute(broken)
    sent = "".join(wire.statements)
    assert SECRET in sent.replace("''", "'").replace("\\\\", "\\"), "the server did get it"
    told = f"{failed.value!r} {wrong.value!r} {caplog.text}"
    for secret in (KEY, SECRET, SECRET.replace("\\", "\\\\").replace("'", "''")):
        assert secret not in told


def test_a_session_is_closed_and_rolled_back_whatever_ends_it(wire: Wire) -> None:
    from snowflake.connector.connection import _connections_registry as open_connections

    ask(wire, "CREATE TABLE mydb.public.events (v INTEGER)")
    with pytest.raises(KeyboardInterrupt):
        _interrupted(wire)
    assert wire.statements[-1] == "ROLLBACK"
    assert open_connections.get_connection_count() == 0
    assert ask(wire, "SELECT count(*) FROM mydb.public.events") == ((0,),)


def _interrupted(wire: Wire) -> None:
    with engine(wire).open(TAG) as session, session.transaction():
        session.execute("INSERT INTO mydb.public.events VALUES (1)")
        raise KeyboardInterrupt


def test_an_unknown_database_is_the_servers_own_word(house: House, wire: Wire) -> None:
    house.sell()
    table = replace(house.tables["sales"], target=TableName.of("nowhere.public.sales"))
    with pytest.raises(WarehouseError, match=r"(?is)Snowflake: .*nowhere"):
        reload_day(table, house.lake, engine(wire), DAY, "run-1")


def test_a_server_that_is_not_there_is_worth_another_try(wire: Wire) -> None:
    arguments = {**wire.arguments, "port": 1, "login_timeout": 1, "network_timeout": 1}
    with (
        pytest.raises(WarehouseError, match="Snowflake: ") as gone,
        SnowflakeWarehouse(lambda: (arguments, ())).open(TAG),
    ):
        pass
    assert gone.value.transient


def account(house: House, wire: Wire, airflow: bool) -> dict[str, str]:
    """Variables of an account that the stand-in server is, by key pair."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    extra = {
        "account": "fakesnow",
        "host": wire.arguments["host"],
        "port": str(wire.arguments["port"]),
        "protocol": "http",
    }
    if airflow:
        said = {"conn_type": "snowflake", "login": "svc", "extra": {**extra, "private_key_content": key.decode()}}
        return {"AIRFLOW_CONN_SNOWFLAKE": json.dumps(said)}
    names = {"host": "SNOWFLAKE_HOST", "port": "SNOWFLAKE_PORT", "protocol": "SNOWFLAKE_PROTOCOL"}
    return {names[name]: value for name, value in extra.items() if name in names} | {
        "SNOWFLAKE_ACCOUNT": "fakesnow", "SNOWFLAKE_USER": "svc", "SNOWFLAKE_PRIVATE_KEY": key.decode()
    }  # fmt: skip


def with_account(house: House, wire: Wire, airflow: bool) -> Settings:
    """The house's environment with that account."""
    words = ("account", "user", "private_key", "host", "port", "protocol")
    section = "  kind: auto\n" + "".join(f'  {word}: "${{SNOWFLAKE_{word.upper()}:-}}"\n' for word in words)
    section += '  airflow_connection: "${AIRFLOW_CONN_SNOWFLAKE:-}"\n'
    house.env_file.write_text(house.env_file.read_text().replace("  kind: embedded\n", section))
    return load_settings(env_file=house.env_file, environ=account(house, wire, airflow))


@pytest.mark.parametrize("airflow", [True, False])
def test_settings_reach_the_account_by_key_pair(house: House, wire: Wire, airflow: bool) -> None:
    warehouse = open_warehouse(with_account(house, wire, airflow), house.lake)
    assert isinstance(warehouse, SnowflakeWarehouse)
    house.sell()
    assert reload_day(house.tables["sales"], house.lake, warehouse, DAY, "run-1").rows_loaded == 2


def test_the_doctor_asks_the_account_who_answers_whom(
    house: House, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> SnowflakeWarehouse:
        return SnowflakeWarehouse(lambda: (dict(wire.arguments) | {"port": 1}, ("snow",)), QUIET)

    settings = replace(house.settings, warehouse=replace(house.settings.warehouse, kind="snowflake"))
    monkeypatch.setattr("integrations_platform.warehouse.opening.open_warehouse", lambda *_: engine(wire))
    (found,) = [each for each in data_findings(settings) if each.area == "warehouse"]
    assert (found.level, found.subject) == (Level.OK, "snowflake")
    monkeypatch.setattr("integrations_platform.warehouse.opening.open_warehouse", failing)
    (found,) = [each for each in data_findings(settings) if each.area == "warehouse"]
    assert found.level is Level.PROBLEM


@pytest.mark.nightly
def test_dagsters_own_resource_runs_the_same_statement(house: House, wire: Wire) -> None:
    """Nightly: to import it alone costs ten seconds of CPU."""
    from integrations_platform.defs.snowflake_resource import snowflake_resource

    settings = with_account(house, wire, airflow=True)
    house.sell()
    reload_day(house.tables["sales"], house.lake, open_warehouse(settings, house.lake), DAY, "run-1")
    copy = next(text for text in wire.statements if text.startswith("COPY"))
    session = {"session_parameters": QUIET}
    resource = snowflake_resource(settings, database="ANALYTICS", additional_snowflake_connection_args=session)
    with resource.get_connection() as connection:
        connection.cursor().execute("DELETE FROM analytics.public.sales")
        (row,) = connection.cursor().execute(copy).fetchall()
    assert (row[1], row[3]) == ("LOADED", 2)


def test_days_are_loaded_side_by_side_without_losing_a_row(house: House, wire: Wire) -> None:
    from concurrent.futures import ThreadPoolExecutor

    days = [DAY, NEXT]
    for number, day in enumerate(days):
        house.sell(day, [number] * 50)
    load(house, wire)

    def reload(day: Any) -> int:
        return reload_day(house.tables["sales"], house.lake, engine(wire), day, "run-1").rows_loaded

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(reload, days)) == [50, 50]
    assert ask(wire, "SELECT ds, count(*) FROM analytics.public.sales GROUP BY 1 ORDER BY 1") == ((DAY, 50), (NEXT, 50))


def test_a_refused_statement_is_refused_on_both_engines(house: House, wire: Wire) -> None:
    text = "COPY INTO mydb.public.events FROM (SELECT $1 FROM 's3://b/x/') FILE_FORMAT=(TYPE=JSON)"
    with engine(wire).open(TAG) as session, pytest.raises(WarehouseError, match="invalid URL prefix found in"):
        session.execute(text)
    with house.warehouse.open(TAG) as here, pytest.raises(StatementError, match="invalid URL prefix found in"):
        here.execute(text)
