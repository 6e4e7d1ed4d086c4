"""Opening a state database: created, upgraded, or refused with words that help and no secret in them."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from integrations_platform.state import SqlStore, StateError, StateVersionError, open_store
from integrations_platform.state.database import Database, parse_url
from integrations_platform.unified_sync.store import Link, LinkState
from integrations_platform_tests.state.conftest import NOW

SECRET = "hunter2secret"


def test_a_database_is_opened_again_without_alembic(state_url: str, store: SqlStore) -> None:
    store.acquire("contacts", "w", 60, NOW)
    script = (
        "import sys; from integrations_platform.state import open_store; store = open_store(sys.argv[1])\n"
        "assert store.next_sequence('contacts') == 1\n"
        "sys.exit(3 if 'alembic' in sys.modules else 0)"
    )
    assert subprocess.run([sys.executable, "-c", script, state_url], check=False).returncode == 0


def test_a_newer_database_is_refused_untouched(
    state_url: str, store: SqlStore, execute: Callable[[str], list[dict[str, object]]]
) -> None:
    execute("UPDATE integrations_alembic_version SET version_num = '0099'")
    with pytest.raises(StateVersionError, match=r"0099.*knows only.*0001.*newer release") as refused:
        open_store(state_url)
    assert (refused.value.found, refused.value.known[0]) == ("0099", "0001")
    assert execute("SELECT version_num FROM integrations_alembic_version") == [{"version_num": "0099"}]


def test_other_tables_of_the_database_are_left_alone(
    state_url: str, execute: Callable[[str], list[dict[str, object]]]
) -> None:
    """Dagster's storage keeps its own `alembic_version` in the same PostgreSQL database."""
    execute("CREATE TABLE alembic_version (version_num TEXT)")
    execute("INSERT INTO alembic_version VALUES ('dagster')")
    open_store(state_url).close()
    assert execute("SELECT version_num FROM alembic_version") == [{"version_num": "dagster"}]


def test_a_failed_creation_leaves_nothing(state_url: str, execute: Callable[[str], list[dict[str, object]]]) -> None:
    execute("CREATE TABLE sync_lease (other TEXT)")
    with pytest.raises(StateError, match="sync_lease"):
        open_store(state_url)
    execute("DROP TABLE sync_lease")
    open_store(state_url).close()


def test_an_empty_file_and_a_plain_path_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "100% state.sqlite"
    path.touch()
    store = open_store(str(path))
    store.open_pair("contacts", "digest", NOW)
    store.close()
    reopened = Database(str(path))
    with reopened.read() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert settings == ["wal", 2, 1, 30_000]
    reopened.close()


def test_files_that_cannot_hold_the_state(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear customer, " * 100)
    with pytest.raises(StateError, match=r"letter\.txt.*not a database.*name another file"):
        open_store(f"sqlite:///{letter}")
    assert letter.read_text().startswith("Dear customer")
    with pytest.raises(StateError, match=r"there is no folder .*missing"):
        open_store(f"sqlite:///{tmp_path}/missing/state.sqlite")
    with pytest.raises(StateError, match="it is a folder"):
        open_store(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("pages", [100, 130, 400])
def test_a_full_disk_is_said_and_nothing_of_the_change_is_kept(tmp_path: Path, pages: int) -> None:
    """Whichever statement finds it full: some are inside a savepoint, which SQLite then takes away."""
    url = f"sqlite:///{tmp_path}/state.sqlite"
    open_store(url).close()
    database = Database(url)

    @sa.event.listens_for(database.engine, "connect")
    def _no_more_pages(driver: object, _record: object) -> None:
        driver.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    store = SqlStore(database)
    store.open_pair("contacts", "digest", NOW)
    lease = store.acquire("contacts", "w", 60, NOW)
    links = [Link(f"l{i}", f"a{i}", f"b{i}", LinkState.ACTIVE, values_a="x" * 500) for i in range(2_000)]
    with pytest.raises(StateError, match=r"full.*free some space") as fault, store.transaction(lease) as change:
        change.put_links(links)
    assert "xxx" not in "".join(traceback.format_exception(fault.value))
    assert store.links("contacts").is_empty()
    store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"postgresql://sync:{SECRET}@127.0.0.1:1/state", "state on 127.0.0.1.*check the host and port"),
        (f"postgres://sync:{SECRET}/with@slash:x@host/state", "percent-encoded"),
        (f"mysql://sync:{SECRET}@host/state", "SQLite or PostgreSQL, not in 'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_urls_that_lead_nowhere_are_refused_without_their_password(url: str, said: str) -> None:
    with pytest.raises(StateError, match=said) as refused:
        open_store(url)
    assert SECRET not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_uses_psycopg_3(scheme: str) -> None:
    assert parse_url(f"{scheme}://host/state").drivername == "postgresql+psycopg"


def test_a_postgresql_database_that_does_not_exist(postgres_database: str) -> None:
    missing = sa.make_url(postgres_database).set(database="no_such_state").render_as_string(hide_password=False)
    with pytest.raises(StateError, match="does not exist"):
        open_store(missing)
