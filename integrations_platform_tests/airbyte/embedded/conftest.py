"""A stage for each story."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform_tests.airbyte.embedded.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A connection with a scripted source, and an empty lake."""
    return Stage(tmp_path)
