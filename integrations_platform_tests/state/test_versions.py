"""A state database of every released version is upgraded with nothing lost, and its sync goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from integrations_platform.state import open_store
from integrations_platform.state.database import Database
from integrations_platform.state.migrate import KNOWN, VERSION_TABLE
from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform_tests.end_to_end.arrange import World
from integrations_platform_tests.state.versions.dumps import (
    ENGINES,
    SIDES,
    VERSIONS,
    place,
    restore_file,
    restore_state,
)
from integrations_platform_tests.state.versions.history import LONG, world_at

DUMPED = sorted(folder.name for folder in VERSIONS.iterdir() if (folder / ENGINES[0]).is_dir())
COMMAND = "python -m integrations_platform_tests.state.versions"


def test_every_version_before_the_newest_has_its_dumps() -> None:
    """Only the code of a version can make its dumps, so they are made before the next migration is added."""
    missing = [version for version in KNOWN[:-1] if version not in DUMPED]
    assert not missing, f"no dumps of {missing}: check out the last commit that knew no later version and run {COMMAND}"
    unknown = [version for version in DUMPED if version not in KNOWN]
    assert not unknown, f"dumps of versions that no migration makes: {unknown}"


@pytest.fixture(params=[(version, engine) for version in DUMPED for engine in ENGINES], ids="-".join)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """The world as an earlier release left it."""
    version, engine = request.param
    path = f"sqlite:///{tmp_path}/state.sqlite"
    url = path if engine == "sqlite" else str(request.getfixturevalue("postgres_database"))
    for side in SIDES:
        restore_file(tmp_path / f"{side}.sqlite", (place(version, engine) / f"{side}.sql").read_text(encoding="utf-8"))
    restore_state(url, (place(version, engine) / "state.sql").read_text(encoding="utf-8"))
    assert _version(url) == version
    return world_at(tmp_path, url)


def _version(url: str) -> str:
    database = Database(url)
    with database.read() as connection:
        found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar_one()
    database.close()
    return str(found)


def _rows(url: str) -> dict[str, int]:
    database = Database(url)
    with database.read() as connection:
        names = [name for name in sa.inspect(connection).get_table_names() if name != VERSION_TABLE]
        found = {name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in names}
    database.close()
    return found


def test_an_upgrade_loses_nothing(old: World) -> None:
    before = _rows(old.state_url)
    ever = ("link", "base", "key", "run", "plan", "op", "audit", "conflict", "quarantine", "tombstone", "observation")
    ever += ("account",) if before.get("sync_account") is not None else ()
    assert [name for name in ever if not before[f"sync_{name}"]] == [], "the dump holds rows of every kind"
    store = open_store(old.state_url)
    try:
        assert _version(old.state_url) == KNOWN[-1]
        after = _rows(old.state_url)
        assert {name: after.get(name) for name in before} == before
        number, fault = verify_chain(store.audit("people"))
        assert (number, fault) == (before["sync_audit"], None)
        assert {row.status.value for row in store.conflicts("people", None)} == {"open", "resolved"}
        assert [row.reason for row in store.quarantined("people")] == ["validation"]
        assert len(list(store.open_intents("people"))) == 1, "a write whose end nobody noted"
        ended = {run.status: run.finished_at for _, run in reversed(store.runs("people", 99)) if run.finished_at}
        told = {labels["outcome"]: int(at) for labels, at in store.counters.read()["sync_last_run"]}
        assert told == {status: int(at.timestamp()) for status, at in ended.items()}, "when it last ended how"
    finally:
        store.close()


def test_an_upgraded_sync_goes_on_as_if_nothing_had_been(old: World) -> None:
    """The interrupted write is taken up, nothing is written or parked anew, and the next edit travels once."""
    tables, waiting = old.tables(), [row.conflict_id for row in old.memory()["conflicts"]]
    first = old.run()
    assert (first.written, first.counts["conflicts_opened"], first.refusals) == (0, 0, [])
    assert old.tables() == tables
    memory = old.memory()
    assert memory["intents"] == []
    assert [row.conflict_id for row in memory["conflicts"]] == waiting
    assert (old.run().written, old.chain_fault()) == (0, None)

    old.a.run("UPDATE person SET name = 'Short enough' WHERE email = 'p5@example.org'")
    old.b.run("UPDATE person SET balance = 77 WHERE email = 'p3@example.org'")
    assert [old.run().written, old.run().written] == [2, 0]
    office, shop = old.people()
    assert {email: row for email, row in office.items() if email != "p1@example.org"} == {
        email: row for email, row in shop.items() if email != "p1@example.org"
    }
    assert LONG not in {row[0] for row in office.values()}
    assert old.quarantine() == []
