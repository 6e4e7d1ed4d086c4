"""The people of an office (PostgreSQL) and of a shop (MariaDB), linked and in agreement."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform_tests.end_to_end.arrange import Base, World, people_world


@pytest.fixture
def world(tmp_path: Path, postgres_database: str, mysql_database: str) -> World:
    """PostgreSQL as source, MariaDB as target, three people."""
    return people_world(tmp_path, Base.at("postgresql", postgres_database), Base.at("mysql", mysql_database))
