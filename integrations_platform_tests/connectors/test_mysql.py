"""MySQL and MariaDB behind the contract, and what only they can get wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from integrations_platform.unified_sync.port import ErrorKind, Kind, SideError, Status, Write
from integrations_platform.unified_sync.values import FieldType, Invalid
from integrations_platform_tests.connectors.contract import SideContract
from integrations_platform_tests.connectors.sql_store import Store, added, change, create, only, opened, versions

TABLES = (
    """CREATE TABLE people (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(60), email varchar(120) UNIQUE,
       amount decimal(12,2), count_of int, active boolean, born date, seen datetime(6), tags varchar(200),
       code char(36), attrs json, secret_note text, updated_at timestamp(6) NULL)""",
    """CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, people_id bigint,
       FOREIGN KEY (people_id) REFERENCES people (id) ON DELETE CASCADE)""",
    "CREATE TABLE pairs (a int, b varchar(50), name text, PRIMARY KEY (a, b)) COLLATE utf8mb4_bin",
    "CREATE TABLE words (word varchar(50) PRIMARY KEY, name text)",
    "CREATE TABLE soft (id int AUTO_INCREMENT PRIMARY KEY, name text, gone boolean NOT NULL DEFAULT FALSE)",
    "CREATE TABLE soft_at (id int AUTO_INCREMENT PRIMARY KEY, name text, gone_at datetime NULL)",
)


@pytest.fixture
def store(mysql_database: str) -> Iterator[Store]:
    with opened("mysql", mysql_database, *TABLES) as store:
        yield store


class TestMySQL(SideContract):
    pass


@pytest.fixture
def user(store: Store) -> Iterator[str]:
    """A user with a password and no rights; yields the name."""
    name = f"u_{sa.make_url(store.url).database}"
    store.run(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY 'right-secret'")
    yield name
    store.run(f"DROP USER {name}@'127.0.0.1'")


def as_user(store: Store, name: str, password: str = "right-secret") -> str:
    return sa.make_url(store.url).set(username=name, password=password).render_as_string(hide_password=False)


def test_a_wrong_password_is_a_setting_and_is_not_shown(store: Store, user: str) -> None:
    with pytest.raises(SideError) as caught:
        store.side(url=as_user(store, user, "wrong-secret")).check()
    assert caught.value.kind is ErrorKind.CONFIGURATION
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_transient_without_effect(store: Store) -> None:
    with pytest.raises(SideError) as caught:
        store.side(url="mariadb://someone:top-secret@127.0.0.1:1/x").write([create(1)])
    assert caught.value.kind is ErrorKind.TRANSIENT
    assert not caught.value.effect_unknown


def test_without_create_permission_writes_go_on_without_receipts(store: Store, user: str) -> None:
    database = sa.make_url(store.url).database
    store.run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{database}`.people TO {user}@'127.0.0.1'")
    side = store.side(url=as_user(store, user))
    problems = side.check()
    assert [problem for problem in problems if problem.blocking] == []
    assert any("CREATE" in problem.message for problem in problems)
    assert not side.capabilities.receipts
    fresh = store.side(url=as_user(store, user))
    record = added(fresh)
    assert record.last_op is None
    assert only(fresh.write([change("u", record, name="x")])).status is Status.APPLIED


def test_missing_privileges_are_found_and_named(store: Store, user: str) -> None:
    database = sa.make_url(store.url).database
    store.run(f"GRANT SELECT ON `{database}`.people TO {user}@'127.0.0.1'")
    side = store.side(url=as_user(store, user))
    messages = " ".join(problem.message for problem in side.check() if problem.blocking)
    assert "INSERT" in messages
    assert "SELECT" not in messages.replace("SHOW GRANTS", "")
    with pytest.raises(SideError) as caught:
        side.write([create(1)])
    assert caught.value.kind is ErrorKind.CONFIGURATION


def test_a_zero_date_quarantines_only_its_record(store: Store) -> None:
    with store.engine.connect() as connection:
        connection.exec_driver_sql("SET SESSION sql_mode = ''")
        connection.exec_driver_sql("INSERT INTO people (name, born, seen) VALUES ('zero', '0000-00-00', '0000-00-00')")
        connection.exec_driver_sql("INSERT INTO people (name, born, seen) VALUES ('fine', '2020-01-02', '2020-01-02')")
        connection.exec_driver_sql("INSERT INTO people (name, born) VALUES ('part', '2020-00-02')")
    side = store.side()
    found = {record.values["name"]: record.values for record in side.read(list(versions(side))).values()}
    assert isinstance(found["zero"]["born"], Invalid)
    assert isinstance(found["zero"]["seen"], Invalid)
    assert isinstance(found["part"]["born"], Invalid)
    assert found["fine"]["seen"] == datetime(2020, 1, 2, tzinfo=UTC)


def test_a_column_without_four_byte_text_is_found_and_refuses_emoji(store: Store) -> None:
    store.run("CREATE TABLE old (id int AUTO_INCREMENT PRIMARY KEY, name varchar(20) CHARACTER SET utf8mb3)")
    side = store.side("old", {"name": FieldType.TEXT})
    assert not side.columns()["name"].four_byte_text
    assert any(problem.column == "name" and not problem.blocking for problem in side.check())
    assert only(side.write([create(1, name="👍")])).status is Status.REJECTED
    assert added(side, 2, name="é").values["name"] == "é"


def test_nothing_is_cut_even_on_a_lenient_server(store: Store) -> None:
    side = store.side()
    refused = only(side.write([create(1, name="x" * 61)]))
    assert refused.status is Status.REJECTED
    assert "longer" in refused.message
    assert "xxx" not in refused.message
    assert store.count() == 0


def test_collation_is_reported_but_never_decides_a_version(store: Store) -> None:
    side = store.side()
    assert side.columns()["name"].case_insensitive
    record = added(side, name="straße")
    for text in ("strasse", "STRASSE", "strasse "):
        before = versions(side)[record.id]
        store.run(f"UPDATE people SET name = '{text}'")
        assert versions(side)[record.id] != before


def test_a_table_without_transactions_is_refused(store: Store) -> None:
    store.run("CREATE TABLE old (id int AUTO_INCREMENT PRIMARY KEY, name text) ENGINE=MyISAM")
    assert any(problem.blocking and "MyISAM" in problem.message
               for problem in store.side("old", {"name": FieldType.TEXT}).check())  # fmt: skip


def test_wall_clock_times_are_meant_in_the_declared_zone_and_instants_are_not(store: Store) -> None:
    store.run("CREATE TABLE times (id int AUTO_INCREMENT PRIMARY KEY, wall datetime(6), moment timestamp(6) NULL)")
    types = {"wall": FieldType.DATETIME, "moment": FieldType.DATETIME}
    side = store.side("times", types, zone="Europe/Berlin")
    value = datetime(2024, 7, 1, 12, tzinfo=UTC)
    write = Write("o", Kind.CREATE, "l", {"wall": value, "moment": value})
    (outcome,) = side.write([write])
    assert side.read([outcome.id or ""])[outcome.id or ""].values == {"wall": value, "moment": value}
    assert store.rows("SELECT wall FROM times") == [(datetime(2024, 7, 1, 14),)]  # noqa: DTZ001
    assert not any(problem.column == "wall" for problem in side.check())
    assert any(problem.column == "wall" for problem in store.side("times", types).check())
    twice = Write("o2", Kind.CREATE, "l2", {"wall": datetime(2024, 10, 27, 1, 30, tzinfo=UTC)})
    assert only(side.write([twice])).status is Status.REJECTED


def test_every_native_type_survives_the_archive(store: Store) -> None:
    store.run(
        """CREATE TABLE zoo (id int AUTO_INCREMENT PRIMARY KEY, name text, f float, d double, b varbinary(9),
           bits bit(9), t time(6), y year, e enum('x','y'), s set('p','q'),
           u bigint unsigned, j json, dec_of decimal(30,10),
           g int AS (char_length(name)) STORED, ts timestamp(6) NULL, bl longblob, z datetime(3))""",
        """INSERT INTO zoo (name, f, d, b, bits, t, y, e, s, u, j, dec_of, ts, bl, z) VALUES ('n', 1.2345678, 1e-300,
           x'00ff27', b'101010101', '-30:04:05.000006', 1999, 'y', 'p,q', 18446744073709551615, '{"z":  1.10}',
           12345678901234567890.0123456789, '2020-01-02 03:04:05.000006', x'00ff', '2020-01-02 03:04:05.678')""",
    )
    side = store.side("zoo", {"name": FieldType.TEXT, "s": FieldType.SET, "f": FieldType.DECIMAL})
    before = store.rows("SELECT *, f + 0e0 FROM zoo")
    (record,) = side.read(list(versions(side))).values()
    assert record.values["s"] == ("p", "q")
    assert only(side.write([change("u", record, s=("q",))])).status is Status.APPLIED
    record = side.read([record.id])[record.id]
    assert only(side.write([change("v", record, s=("p", "q"))])).status is Status.APPLIED
    record = side.read([record.id])[record.id]
    assert only(side.write([change("a", record, Kind.ARCHIVE)])).status is Status.APPLIED
    archived = side.read([record.id])[record.id]
    assert only(side.write([change("r", archived, Kind.RESTORE)])).status is Status.APPLIED
    assert store.rows("SELECT *, f + 0e0 FROM zoo") == before
