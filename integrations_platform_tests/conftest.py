"""Databases for tests: one server per test process, one fresh database per test that asks."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

# Two test workers share two cores: Polars' own threads would only wait for one another. Read when it is first imported.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

from integrations_platform_tests.servers import Server, start_mysql, start_postgresql

# A shell that starts the tests in the background makes them, and every process they start, deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A running PostgreSQL."""
    server = start_postgresql()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[Server]:
    """A running MariaDB or MySQL."""
    server = start_mysql()
    yield server
    server.stop()


@pytest.fixture
def postgres_database(postgres_server: Server) -> Iterator[str]:
    """URL of an empty PostgreSQL database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def mysql_database(mysql_server: Server) -> Iterator[str]:
    """URL of an empty MariaDB or MySQL database."""
    with mysql_server.database() as url:
        yield url


@pytest.fixture
def sqlite_database(tmp_path: Path) -> str:
    """URL of an empty SQLite file."""
    path = tmp_path / "data.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")
    return f"sqlite:///{path}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--profile nightly`` runs the long proofs."""
    parser.addoption("--profile", choices=("commit", "nightly"), default="commit", help="how long proofs may run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked as nightly is left out by day, its servers and all."""
    if config.getoption("--profile") != "nightly":
        for item in items:
            if item.get_closest_marker("nightly"):
                item.add_marker(pytest.mark.skip(reason="a long proof; run with --profile nightly"))


def pytest_collection_finish() -> None:
    """What is imported by now stays to the end: no search for garbage needs to go through all of it again."""
    gc.freeze()


@pytest.fixture
def profile(request: pytest.FixtureRequest) -> str:
    """The chosen profile: commit or nightly."""
    return str(request.config.getoption("--profile"))
