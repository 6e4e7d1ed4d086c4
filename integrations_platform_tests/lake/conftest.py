"""Lakes at every kind of address. The servers start once per test process, when a test first asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from integrations_platform.lake import Lake
from integrations_platform.settings_lake import LakeSettings
from integrations_platform_tests.lake.servers import ACCOUNT, BUCKET, blob_server, s3_server
from integrations_platform_tests.lake.world import lake_at, settings_of


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in a folder."""
    return lake_at(settings_of(f"file://{tmp_path}/lake"))


@pytest.fixture(scope="session")
def s3_options() -> Iterator[dict[str, str]]:
    """Options of a real S3 API."""
    with s3_server() as options:
        yield options


@pytest.fixture(scope="session")
def blob_options() -> Iterator[dict[str, str]]:
    """Options of a real Azure Blob API."""
    with blob_server() as options:
        yield options


@pytest.fixture
def s3_place(s3_options: dict[str, str]) -> LakeSettings:
    """An empty lake in S3."""
    return settings_of(f"s3://{BUCKET}/{uuid4().hex}", s3_options)


@pytest.fixture
def blob_place(blob_options: dict[str, str]) -> LakeSettings:
    """An empty lake in Azure."""
    return settings_of(f"abfss://{BUCKET}@{ACCOUNT}.dfs.core.windows.net/{uuid4().hex}", blob_options)
