"""Fixtures of the warehouse's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from integrations_platform_tests.warehouse.desk import Desk
from integrations_platform_tests.warehouse.house import House


@pytest.fixture(scope="session")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB for all tests of the process; making one costs more than most of them."""
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@pytest.fixture
def desk(tmp_path: Path, duck: duckdb.DuckDBPyConnection) -> Iterator[Desk]:
    """An empty folder and empty tables."""
    yield Desk.at(tmp_path, duck)
    duck.execute("USE memory; DETACH mydb")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A lake in a folder and an embedded warehouse."""
    return House(tmp_path)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an S3 API."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
