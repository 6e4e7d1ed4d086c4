"""The contract of the lake on each kind of store, and where Snowflake finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform.lake import LakeError, Trouble
from integrations_platform.settings_lake import LakeSettings
from integrations_platform_tests.lake.contract import LakeContract
from integrations_platform_tests.lake.servers import ACCOUNT, BUCKET
from integrations_platform_tests.lake.world import DAY, lake_at, people, settings_of


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


@pytest.mark.xdist_group("s3")
class TestS3(LakeContract):
    """An S3 API over HTTP."""

    @pytest.fixture
    def where(self, s3_place: LakeSettings) -> LakeSettings:
        return s3_place

    def test_its_location_is_its_url(self, where: LakeSettings) -> None:
        assert lake_at(where).location("events", DAY) == f"{where.url.resolve()}/events/date=2025-10-30/"

    def test_a_missing_bucket_is_named_as_such_and_no_secret_with_it(self, s3_options: dict[str, str]) -> None:
        lake = lake_at(settings_of("s3://no-such-bucket/p", s3_options))
        for call in (
            lambda: lake.days("flights"),
            lambda: lake.manifest("flights", DAY),
            lambda: lake.write_partition("flights", DAY, people(), "run-1"),
        ):
            with pytest.raises(LakeError, match=r"the bucket does not exist \(NoSuchBucket.*create it") as raised:
                call()
            assert raised.value.trouble is Trouble.CONFIGURATION
            assert "not-to-be-shown" not in str(raised.value)


@pytest.mark.xdist_group("azurite")
class TestAzure(LakeContract):
    """An Azure Blob API over HTTP."""

    @pytest.fixture
    def where(self, blob_place: LakeSettings) -> LakeSettings:
        return blob_place

    def test_its_location_is_that_of_the_blob_endpoint(self, where: LakeSettings) -> None:
        prefix = where.url.resolve().rpartition("/")[2]
        expected = f"azure://{ACCOUNT}.blob.core.windows.net/{BUCKET}/{prefix}/events/date=2025-10-30/"
        assert lake_at(where).location("events", DAY) == expected

    def test_a_missing_container_is_named_as_such(self, blob_options: dict[str, str]) -> None:
        lake = lake_at(settings_of(f"abfss://nothing@{ACCOUNT}.dfs.core.windows.net/p", blob_options))
        with pytest.raises(LakeError, match=r"the container does not exist \(ContainerNotFound"):
            lake.days("flights")

    def test_a_wrong_key_is_named_as_such_and_not_shown(
        self, where: LakeSettings, blob_options: dict[str, str]
    ) -> None:
        wrong = "d3Jvbmcgd3Jvbmcgd3Jvbmc="
        lake = lake_at(settings_of(where.url.resolve(), blob_options | {"account_key": wrong}))
        with pytest.raises(LakeError, match=r"account key or SAS token is wrong|refuses the credentials") as raised:
            lake.manifest("flights", DAY)
        assert raised.value.trouble is Trouble.DENIED
        assert wrong not in str(raised.value)
