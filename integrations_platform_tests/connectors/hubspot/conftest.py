"""A served portal, and a sync of it with a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations_platform_tests.connectors.hubspot.stage import Crm, Town, crm


@pytest.fixture
def portal() -> Iterator[Crm]:
    """An empty portal."""
    with crm() as found:
        yield found


@pytest.fixture
def town(portal: Crm, tmp_path: Path) -> Town:
    """An empty portal and an empty table."""
    return Town(portal, tmp_path)
