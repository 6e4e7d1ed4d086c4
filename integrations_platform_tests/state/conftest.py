"""The same stories on both engines: a test that asks for ``state_url`` or ``store`` runs on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from integrations_platform.state import SqlStore, open_store
from integrations_platform.state.database import Database
from integrations_platform.unified_sync.store import Lease

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **amount: float) -> datetime:
        self.now += timedelta(**amount)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty state database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.sqlite"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
def store(state_url: str, clock: Clock) -> Iterator[SqlStore]:
    opened = open_store(state_url, clock=clock)
    opened.open_pair("contacts", "digest-1", NOW)
    yield opened
    opened.close()


@pytest.fixture
def lease(store: SqlStore) -> Lease:
    return store.acquire("contacts", "worker-1", 60, NOW)


@pytest.fixture
def database(state_url: str) -> Iterator[Database]:
    """A way into the tables past the store, as an administrator or an intruder has it."""
    opened = Database(state_url)
    yield opened
    opened.close()


@pytest.fixture
def execute(database: Database) -> Callable[[str], list[dict[str, object]]]:
    """Run SQL of one's own, in its own transaction."""

    def run(statement: str) -> list[dict[str, object]]:
        with database.write() as connection:
            result = connection.exec_driver_sql(statement)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    return run
