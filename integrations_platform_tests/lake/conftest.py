"""Lakes at every kind of address. The servers start once per test process, when a test first asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform.lake import Lake
from integrations_platform_tests.lake.world import lake_at, settings_of


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in a folder."""
    return lake_at(settings_of(f"file://{tmp_path}/lake"))
