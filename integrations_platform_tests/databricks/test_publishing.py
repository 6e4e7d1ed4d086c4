"""What a task tells is compared with what is there, before a partition is touched."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import obstore
import polars as pl
import pytest
from obstore.store import from_url

from integrations_platform.databricks.faults import JobFault
from integrations_platform.databricks.publishing import Staging, store_options, told
from integrations_platform.lake.lake import Lake
from integrations_platform.secret_text import SecretText
from integrations_platform.settings_lake import DatasetSettings, JobOutput, LakeSettings

DAY = date(2013, 1, 1)
FRAME = pl.DataFrame({"x": [1, 2]})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    dataset = DatasetSettings("features", "parquet", JobOutput("features"), DAY)
    url = SecretText(f"file://{tmp_path}/lake", "test", 1, "lake.url", {})
    return Lake.open(LakeSettings(url, {}, {"features": dataset}))


def staged(lake: Lake, name: str = "part.parquet", content: bytes | None = None) -> tuple[Staging, int]:
    buffer = io.BytesIO()
    FRAME.write_parquet(buffer)
    data = buffer.getvalue() if content is None else content
    staging = Staging(lake, "token")
    obstore.put(lake.store(), f"{staging.folder}/{name}", data)
    return staging, len(data)


def wrote(**file: Any) -> list[Any]:
    return [{"wrote": [file]}]


@pytest.mark.parametrize(
    ("payloads", "words"),
    [
        ([], "told of no file"),
        (["text", {"other": 1}], "told of no file"),
        (wrote(name="../../flights/x.parquet", rows=1, bytes=1), "name a Parquet file"),
        (wrote(name="/etc/passwd", rows=1, bytes=1), "name a Parquet file"),
        (wrote(rows=1, bytes=1), "name a Parquet file"),
        ([{"wrote": ["part.parquet"]}], "name a Parquet file"),
        (wrote(name="part.parquet", rows="2", bytes=1), "told no rows and bytes"),
        (wrote(name="part.parquet", rows=-1, bytes=1), "told no rows and bytes"),
        (wrote(name="part.parquet", rows=True, bytes=1), "told no rows and bytes"),
    ],
)
def test_a_message_of_another_form_is_refused(payloads: list[Any], words: str) -> None:
    with pytest.raises(JobFault, match=words):
        told(payloads)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"name": "other.parquet", "rows": 2}, "is not in the lake"),
        ({"name": "part.parquet", "rows": 3}, "has 2 rows; the task told of 3"),
        ({"name": "part.parquet", "rows": 2, "bytes": 7}, "the task told of 7"),
    ],
)
def test_files_that_are_not_as_told_leave_the_partition_alone(lake: Lake, file: dict[str, Any], words: str) -> None:
    staging, size = staged(lake)
    before = lake.write_partition("features", DAY, FRAME, "before")
    with pytest.raises(JobFault, match=words):
        staging.publish("features", DAY, told(wrote(**{"bytes": size, **file})), "run")
    assert lake.manifest("features", DAY) == before


def test_a_damaged_file_leaves_the_partition_alone(lake: Lake) -> None:
    staging, size = staged(lake, content=b"PAR1 and no more")
    with pytest.raises(JobFault, match="cannot be read"):
        staging.publish("features", DAY, told(wrote(name="part.parquet", rows=2, bytes=size)), "run")
    assert lake.manifest("features", DAY) is None


def test_what_is_as_told_becomes_the_partition_and_the_folder_is_emptied(lake: Lake) -> None:
    staging, size = staged(lake)
    manifest = staging.publish("features", DAY, told(wrote(name="part.parquet", rows=2, bytes=size)), "run")
    staging.clear()
    assert lake.read(manifest).equals(FRAME)
    assert obstore.list(lake.store(), staging.folder).collect() == []


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://bucket/some/prefix", {"access_key_id": "k", "secret_access_key": "s", "endpoint": "http://127.0.0.1:9"}),
        ("abfss://box@account.dfs.core.windows.net/prefix", {"account_key": "c2VjcmV0"}),
    ],
)
def test_a_task_opens_the_same_store_from_what_it_is_handed(url: str, options: dict[str, str]) -> None:
    texts = {name: SecretText(text, "test", 1, name, {}) for name, text in options.items()}
    lake = Lake.open(LakeSettings(SecretText(url, "test", 1, "lake.url", {}), texts, {}))
    handed = json.loads(json.dumps(store_options(lake)))
    ours: Any = lake.store()
    theirs: Any = from_url(str(lake.address), **handed)
    assert (theirs.prefix, theirs.config, theirs.client_options) == (ours.prefix, ours.config, ours.client_options)
