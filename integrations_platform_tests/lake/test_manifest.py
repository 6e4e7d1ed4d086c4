"""Manifests survive their JSON exactly, and no bytes whatever make more than an error of the lake."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.lake import LakeError, LakeFile, Manifest, Trouble
from integrations_platform_tests.lake.world import DAY

_WORD = st.text(min_size=1, max_size=12).filter(lambda text: "/" not in text and text not in (".", ".."))
_COUNT = st.integers(0, 10**15)
_FILES = st.lists(
    st.builds(
        lambda name, size, etag, rows, digest: LakeFile(name, f"d/date={DAY}/{name}", size, etag, rows, digest),
        _WORD, _COUNT, st.text(max_size=8), _COUNT, st.text(max_size=8),
    ),
    unique_by=lambda file: file.name,
    max_size=4,
)  # fmt: skip
MANIFESTS = st.builds(
    Manifest,
    dataset=st.just("d"),
    day=st.just(DAY),
    format=st.sampled_from(["parquet", "ndjson"]),
    files=_FILES.map(tuple),
    schema=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4),
    written_at=st.datetimes(timezones=st.just(UTC)),
    run_id=st.text(max_size=8),
    source=st.text(max_size=8),
    ignored=st.lists(st.text(max_size=8), max_size=2).map(tuple),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(MANIFESTS)
def test_a_manifest_survives_its_json(manifest: Manifest) -> None:
    again = Manifest.from_json(manifest.to_json(), "d", DAY)
    assert again == manifest
    assert list(again.schema) == list(manifest.schema), "columns keep their order"
    assert again.content == manifest.content


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40) | _JSON.map(lambda data: json.dumps(data).encode()))
def test_other_bytes_are_a_damaged_manifest(data: bytes) -> None:
    with pytest.raises(LakeError, match="is no manifest of this partition") as raised:
        Manifest.from_json(data, "d", DAY)
    assert raised.value.trouble is Trouble.DAMAGED


@settings(max_examples=80, deadline=None)
@given(MANIFESTS, st.data())
def test_a_changed_entry_is_read_as_written_or_refused(manifest: Manifest, data: st.DataObject) -> None:
    said = json.loads(manifest.to_json())
    said[data.draw(st.sampled_from(sorted(said)))] = data.draw(_JSON)
    with suppress(LakeError):
        read = Manifest.from_json(json.dumps(said).encode(), "d", DAY)
        assert (read.rows, read.bytes, read.content) == (manifest.rows, manifest.bytes, manifest.content)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "", "a//b", "."])
def test_a_name_that_leads_out_of_the_partition_is_refused(name: str) -> None:
    file = LakeFile(name, "k", 1, "e", 1)
    manifest = Manifest("d", DAY, "parquet", (file,), {}, datetime.now(UTC), "r", "s")
    with pytest.raises(LakeError, match="leads out of the partition"):
        Manifest.from_json(manifest.to_json(), "d", DAY)


@settings(max_examples=30, deadline=None)
@given(MANIFESTS, MANIFESTS)
def test_content_is_that_of_the_files_and_nothing_else(a: Manifest, b: Manifest) -> None:
    same = [(f.digest or (f.name, f.etag)) for f in a.files] == [(f.digest or (f.name, f.etag)) for f in b.files]
    assert (a.content == b.content) == (same and a.format == b.format)
