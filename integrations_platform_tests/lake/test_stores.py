"""The contract of the lake on each kind of store, and where Snowflake finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform.settings_lake import LakeSettings
from integrations_platform_tests.lake.contract import LakeContract
from integrations_platform_tests.lake.world import DAY, lake_at, settings_of


class TestFolder(LakeContract):
    """A folder of this machine."""

    @pytest.fixture
    def where(self, tmp_path: Path) -> LakeSettings:
        return settings_of(f"file://{tmp_path}/deep down/lake")

    def test_its_location_is_a_file_url(self, where: LakeSettings, tmp_path: Path) -> None:
        expected = f"file://{tmp_path}/deep down/lake/events/date=2025-10-30/"
        assert lake_at(where).location("events", DAY) == expected


class TestMemory(LakeContract):
    """Memory, for tests and previews."""

    @pytest.fixture
    def where(self) -> LakeSettings:
        return settings_of("memory://")
