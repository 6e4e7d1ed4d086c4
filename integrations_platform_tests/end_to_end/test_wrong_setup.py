"""A sync that is set up wrongly says what to change, names system and object, and has written nothing anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from integrations_platform.declarations import DeclarationError, load_sync
from integrations_platform.platform import Platform
from integrations_platform.settings import SettingsError
from integrations_platform.state.errors import StateVersionError
from integrations_platform.state.migrate import KNOWN
from integrations_platform_tests.end_to_end.arrange import SYNC, Base, World, add_people
from integrations_platform_tests.servers import free_port

PASSWORD = "top-secret-1"


@pytest.fixture
def office_user(world: World) -> Iterator[str]:
    """A role of the office's PostgreSQL without any right."""
    name = f"u_{world.a.name}"
    world.a.run(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield name
    world.a.run(f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")


@pytest.fixture
def shop_user(world: World) -> Iterator[str]:
    """A user of the shop's MariaDB without any right."""
    name = f"u_{world.b.name}"
    world.b.run(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
    yield name
    world.b.run(f"DROP USER {name}@'127.0.0.1'")


def edited(world: World) -> World:
    """With something to write in both directions, so that 0 writes means something."""
    world.a.run("UPDATE person SET name = 'Edited in the office' WHERE email = 'p0@example.org'")
    world.b.run("UPDATE person SET name = 'Edited in the shop' WHERE email = 'p1@example.org'")
    return world


def test_a_server_that_does_not_answer_is_named(world: World) -> None:
    edited(world)
    for system, kind in (("office", "postgresql"), ("shop", "mysql")):
        world.urls = {system: f"{kind}://someone:{PASSWORD}@127.0.0.1:{free_port()}/people"}
        said = world.refused(code=1)
        assert system in said
        assert "reachable" in said
    world.urls = {}
    assert sum(report.written for report in world.settle()) == 2


def test_a_host_that_does_not_exist_is_named(world: World) -> None:
    world.urls = {"office": f"postgresql://someone:{PASSWORD}@no-such-host.invalid/people"}
    assert "office" in world.refused(code=1)


def test_a_wrong_password_is_named_and_not_shown(world: World, office_user: str, shop_user: str) -> None:
    edited(world)
    for system, base, user in (("office", world.a, office_user), ("shop", world.b, shop_user)):
        world.urls = {system: base.with_user(user, "another-secret")}
        said = world.refused()
        assert system in said
        assert "credentials" in said


def test_a_database_that_does_not_exist_is_named(world: World) -> None:
    edited(world)
    for system, base in (("office", world.a), ("shop", world.b)):
        url = sa.make_url(base.url).set(database="no_such_database")
        world.urls = {system: url.render_as_string(hide_password=False)}
        said = world.refused()
        assert system in said
        assert "no such database" in said
        assert "URL" in said


def test_a_missing_table_is_named_with_the_nearest_one(world: World) -> None:
    edited(world).sync = SYNC.replace("system: shop, object: person", "system: shop, object: persons")
    said = world.refused()
    assert "shop has no table or view 'persons'" in said
    assert "did you mean person" in said


def test_a_missing_column_is_named_with_those_there_are(world: World) -> None:
    edited(world).sync = SYNC.replace("target: balance", "target: saldo")
    said = world.refused()
    assert "person has no column 'saldo'" in said
    assert "email, name, balance" in said


def test_a_table_without_a_key_is_refused(world: World) -> None:
    edited(world)
    world.a.run("ALTER TABLE person DROP CONSTRAINT person_pkey")
    said = world.refused()
    assert "person has no primary key" in said
    assert "declare `key:`" in said


def test_a_type_the_column_does_not_have_is_refused(world: World) -> None:
    edited(world).sync = SYNC.replace("target: balance, type: decimal, scale: 2", "target: balance, type: date")
    said = world.refused()
    assert "column 'balance'" in said
    assert "declare type" in said


def test_a_text_column_declared_as_decimal_is_refused(world: World) -> None:
    edited(world)
    world.a.run("ALTER TABLE person ALTER balance TYPE text")
    said = world.refused()
    assert "column 'balance' is text, which is not read as decimal" in said
    assert "change the column" in said


def test_more_decimal_places_than_the_column_keeps_are_refused(world: World) -> None:
    edited(world).sync = SYNC.replace("scale: 2", "scale: 4")
    said = world.refused()
    assert "field balance: scale 4 is declared" in said
    assert "keeps 2 decimal places" in said
    assert "declare scale: 2, or widen the column" in said


def test_a_user_who_may_only_read_is_told_which_rights_are_missing(
    world: World, office_user: str, shop_user: str
) -> None:
    edited(world)
    world.a.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {office_user}")
    world.b.run(f"GRANT SELECT ON `{world.b.name}`.* TO {shop_user}@'127.0.0.1'")
    for system, base, user in (("office", world.a, office_user), ("shop", world.b, shop_user)):
        world.urls = {system: base.with_user(user, PASSWORD)}
        said = world.refused()
        assert "person" in said
        assert "INSERT" in said
        assert "UPDATE" in said
        assert "grant" in said.lower()


def test_without_the_right_to_create_tables_it_runs_and_says_what_that_costs(world: World, shop_user: str) -> None:
    world.b.run("DROP TABLE integrations_ledger", "DROP TABLE integrations_archive")
    world.b.run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{world.b.name}`.person TO {shop_user}@'127.0.0.1'")
    world.urls = {"shop": world.b.with_user(shop_user, PASSWORD)}
    edited(world)
    add_people(world.a, [("new@example.org", "New", None)])
    assert [report.written for report in world.settle()] == [3, 0]
    assert world.people()[0] == world.people()[1]
    platform = world.platform()
    with platform.sides(platform.sync("people")) as sides:
        said = " ".join(problem.message for problem in sides["B"].check())
    platform.close()
    assert "no CREATE permission" in said


def test_two_syncs_that_write_one_column_are_refused_with_file_line_and_remedy(world: World) -> None:
    world.write_files()
    second = SYNC.replace("name: people", "name: folk")
    (world.folder / "syncs" / "folk.yaml").write_text(second)
    with pytest.raises(DeclarationError) as caught:
        _ = Platform.open(env_file=world.folder / "environment.yaml", folder=world.folder / "syncs").declared
    said = str(caught.value)
    assert "are already kept equal, fields.balance in" in said
    assert "let one sync own the column" in said
    assert "people.yaml" in said
    assert "folk.yaml" in said


@pytest.mark.parametrize(
    ("old", "new", "line", "known"),
    [
        ("match: [email]", "macth: [email]", 4, "match"),
        ("type: decimal, scale: 2", "type: decimal, scal: 2", 8, "scale"),
        ("system: shop, object", "system: shop, tabel: x, object", 3, "object"),
    ],
)
def test_an_unknown_key_is_refused_with_its_line_and_the_known_ones(
    tmp_path: Path, old: str, new: str, line: int, known: str
) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(SYNC.replace(old, new))
    with pytest.raises(DeclarationError) as caught:
        load_sync(path)
    assert f"people.yaml:{line}" in str(caught.value)
    assert known in str(caught.value)


def test_an_unknown_system_lists_the_known_ones(world: World) -> None:
    world.sync = SYNC.replace("system: shop", "system: store")
    with pytest.raises(SettingsError, match="no system is named 'store'; use one of office, shop"):
        world.run()


def test_a_state_of_a_newer_version_is_refused_and_untouched(world: World) -> None:
    edited(world)
    before = world.tables()
    state = Base.at("sqlite", world.state_url)
    state.run("UPDATE integrations_alembic_version SET version_num = '9999'")
    with pytest.raises(StateVersionError, match=r"schema version 9999.*Run that release"):
        world.run()
    assert world.tables() == before
    state.run(f"UPDATE integrations_alembic_version SET version_num = '{KNOWN[-1]}'")
    assert [report.written for report in world.settle()] == [2, 0]
