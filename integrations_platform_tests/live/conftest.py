"""Live trials are left out unless asked for; options come from the variables people set anyway."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only `-m live` runs what calls real accounts."""
    if "live" in str(config.option.markexpr):
        return
    left = [item for item in items if item.get_closest_marker("live")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.fixture
def prefix() -> str:
    """What everything made by a trial is called by."""
    return f"trial{uuid.uuid4().hex[:10]}"


def from_variables(**variables: str) -> Mapping[str, str]:
    """Options of an account; skips when a variable is not set."""
    missing = [name for name in variables.values() if not os.environ.get(name)]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not set")
    return {option: os.environ[name] for option, name in variables.items()}
