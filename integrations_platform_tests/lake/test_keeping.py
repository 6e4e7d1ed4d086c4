"""What is mended by writing again, what tidying may delete, and what a compaction leaves to whom it belongs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest

from integrations_platform.lake import Lake, LakeError, Trouble
from integrations_platform.lake.errors import Place
from integrations_platform.lake.objects import StoredObjects
from integrations_platform_tests.lake.world import DAY, NEXT, lake_at, people

_LATER = datetime(2100, 1, 1, tzinfo=UTC)  # long after any file of this test was stored


def drop(lake: Lake, key: str, data: bytes) -> None:
    StoredObjects(lake.store()).put(key, data, Place())


def small_files(lake: Lake, count: int = 3) -> None:
    for number in range(count):
        drop(lake, f"events/date={DAY}/{number}.json", f'{{"id": {number}}}\n'.encode())


@pytest.mark.parametrize("harm", ["rewritten", "deleted"])
def test_writing_the_same_rows_again_mends_a_file_that_was_touched(lake: Lake, harm: str) -> None:
    first = lake.write_partition("plain", DAY, people(), "run-1")
    if harm == "rewritten":
        drop(lake, first.files[0].key, b"{}\n")
    else:
        StoredObjects(lake.store()).delete([first.files[0].key], Place())
    assert [item.harmless for item in lake.verify("plain", DAY)] == [False]
    mended = lake.write_partition("plain", DAY, people(), "run-2")
    assert lake.read(mended).height == 3
    assert lake.verify("plain", DAY, deep=True) == ()
    assert mended.content == first.content, "the rows are the same"


def test_a_damaged_manifest_is_replaced_by_the_next_write(lake: Lake) -> None:
    lake.write_partition("plain", DAY, people(), "run-1")
    drop(lake, f"_manifests/plain/date={DAY}.json", b'{"version": 1')
    with pytest.raises(LakeError, match=r"is no manifest of this partition .*; write or observe the partition again"):
        lake.manifest("plain", DAY)
    assert lake.read(lake.write_partition("plain", DAY, people(), "run-2")).height == 3


def test_a_damaged_manifest_is_replaced_by_the_next_observation(lake: Lake) -> None:
    small_files(lake)
    seen = lake.observe("events", DAY, "run-1")
    drop(lake, f"_manifests/events/date={DAY}.json", b"[]")
    assert lake.observe("events", DAY, "run-1") == seen


def test_a_file_that_did_not_arrive_whole_is_not_recorded(lake: Lake) -> None:
    class Lossy(StoredObjects):
        def put(self, key: str, data: bytes | IO[bytes], place: Place) -> None:
            super().put(key, data if isinstance(data, bytes) else data.read()[:-1], place)

    broken = lake_at(lake.settings, objects=Lossy(lake.store()))
    with pytest.raises(LakeError, match=r"file part-00000.*bytes after \d+ were written") as raised:
        broken.write_partition("plain", DAY, people(), "run-1")
    assert raised.value.trouble is Trouble.DAMAGED
    assert lake.manifest("plain", DAY) is None


def test_a_call_that_was_repeated_meets_its_own_first_attempt(lake: Lake) -> None:
    objects = StoredObjects(lake.store())
    assert objects.replace("_manifests/x.json", b"mine", None, Place())
    assert objects.replace("_manifests/x.json", b"mine", None, Place()), "the answer was lost, the write was not"
    assert not objects.replace("_manifests/x.json", b"theirs", None, Place())


def test_tidying_deletes_leftovers_only_once_no_write_can_still_want_them(lake: Lake) -> None:
    written = lake.write_partition("plain", DAY, people(), "run-1")
    drop(lake, f"plain/date={DAY}/part-00000-of-another.ndjson", b"{}\n")
    now = replace(lake, clock=lambda: datetime.now(UTC))
    assert now.tidy("plain", DAY) == ()
    later = replace(lake, clock=lambda: _LATER)
    assert len(later.tidy("plain", DAY, dry_run=True)) == len(lake.listing("plain", DAY)) - 1 == 1
    assert later.tidy("plain", DAY) == (f"plain/date={DAY}/part-00000-of-another.ndjson",)
    assert [item.key for item in lake.listing("plain", DAY)] == [written.files[0].key]


def test_tidying_leaves_files_of_others_alone(lake: Lake) -> None:
    small_files(lake)
    lake.observe("events", DAY)
    drop(lake, f"events/date={DAY}/late.json", b'{"id": 9}\n')
    assert replace(lake, clock=lambda: _LATER).tidy("events", DAY) == ()


def test_a_compaction_joins_lines_as_they_are(lake: Lake, tmp_path: Path) -> None:
    lines = [b'{"id": 1, "deep": {"a": [1, "x", null]}}', b'{ "id":2 , "big": 123456789012345678901234567890 }']
    for number, line in enumerate(lines):
        drop(lake, f"events/date={DAY}/{number}.json", line)
    lake.observe("events", DAY)
    done = lake.compact("events", DAY, "run-1")
    assert len(done.files) == 1
    assert done.rows == 2
    from gzip import decompress

    path = tmp_path / "lake" / done.files[0].key
    assert decompress(path.read_bytes()) == b"\n".join(lines) + b"\n"


def test_a_file_rewritten_during_a_compaction_stays_with_its_writer(lake: Lake) -> None:
    small_files(lake)
    lake.observe("events", DAY)

    class Busy(StoredObjects):
        def put(self, key: str, data: bytes | IO[bytes], place: Place) -> None:
            super().put(key, data, place)
            super().put(f"events/date={DAY}/0.json", b'{"id": 70}\n{"id": 71}\n', place)

    lake_at(lake.settings, objects=Busy(lake.store()), names="b").compact("events", DAY, "run-1")
    assert f"events/date={DAY}/0.json" in [item.key for item in lake.listing("events", DAY)]


def test_what_arrives_after_a_compaction_is_counted_once(lake: Lake) -> None:
    class Stuck(StoredObjects):
        """Deletes nothing: the files that were replaced are still there."""

        def delete(self, keys: object, place: Place) -> None:
            return

    small_files(lake)
    lake.observe("events", DAY)
    lake_at(lake.settings, objects=Stuck(lake.store()), names="b").compact("events", DAY, "run-1")
    for number in (3, 4):
        drop(lake, f"events/date={DAY}/late-{number}.json", f'{{"id": {number}}}\n'.encode())
        seen = lake.observe("events", DAY, f"run-{number}")
        assert sorted(lake.read(seen)["id"].to_list()) == list(range(number + 1))


def test_large_or_single_files_and_csv_are_not_compacted(lake: Lake) -> None:
    small_files(lake, 1)
    seen = lake.observe("events", DAY)
    assert lake.compact("events", DAY, "run-1") == seen
    drop(lake, f"orders/date={NEXT}/a.csv", b"a\n1\n")
    lake.observe("orders", NEXT)
    with pytest.raises(LakeError, match="dataset orders, 2025-10-31: is CSV"):
        lake.compact("orders", NEXT, "run-1")
