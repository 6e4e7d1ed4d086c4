"""State for the stories of webhooks, on both engines where a story asks for ``state_url``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from integrations_platform.state import open_store


@pytest.fixture(scope="session")
def _empty_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state without a row; copying it is quicker than making another."""
    file = tmp_path_factory.mktemp("state") / "state.sqlite"
    open_store(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def sqlite_state(tmp_path: Path, _empty_state: Path) -> str:
    """The URL of a new state in a file."""
    return f"sqlite:///{shutil.copy(_empty_state, tmp_path / 'state.sqlite')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest) -> str:
    """The URL of a new, empty state database."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_state"))
    return str(request.getfixturevalue("postgres_database"))
