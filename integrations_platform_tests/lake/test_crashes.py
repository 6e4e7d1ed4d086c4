"""Whatever call of a write is the last, the partition is the old one or the new one, and the next write mends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import polars as pl
import pytest

from integrations_platform.lake import Lake, LakeError, Listed, Trouble
from integrations_platform.lake.errors import Place
from integrations_platform.lake.objects import Objects, StoredObjects
from integrations_platform.settings_lake import LakeSettings
from integrations_platform_tests.lake.world import DAY, lake_at, people, settings_of

_CHANGING = ("put", "replace", "delete")


class PowerCutError(BaseException):
    """The process is gone: nothing may catch and survive it."""


@dataclass
class Cut:
    """A store whose power goes off before or after the n-th call, and stays off."""

    inner: Objects
    at: int
    after: bool
    calls: list[str] = field(default_factory=list)
    off: bool = False

    def _call(self, name: str, *arguments: Any) -> Any:
        if self.off:
            raise PowerCutError
        self.calls.append(name)
        hit = len(self.calls) == self.at
        if hit and not self.after:
            self.off = True
            raise PowerCutError
        try:
            return getattr(self.inner, name)(*arguments)
        finally:
            if hit:
                self.off = True
                raise PowerCutError

    def put(self, key: str, data: bytes | IO[bytes], place: Place) -> None:
        self._call("put", key, data, place)

    def replace(self, key: str, data: bytes, expected: str | None, place: Place) -> bool:
        return bool(self._call("replace", key, data, expected, place))

    def get(self, key: str, place: Place, expected: str | None = None) -> tuple[bytes, Listed]:
        answer: tuple[bytes, Listed] = self._call("get", key, place, expected)
        return answer

    def tail(self, listed: Listed, start: int, place: Place) -> bytes:
        answer: bytes = self._call("tail", listed, start, place)
        return answer

    def head(self, key: str, place: Place) -> Listed | None:
        answer: Listed | None = self._call("head", key, place)
        return answer

    def list(self, prefix: str, place: Place) -> tuple[Listed, ...]:
        answer: tuple[Listed, ...] = self._call("list", prefix, place)
        return answer

    def folders(self, prefix: str, place: Place) -> tuple[str, ...]:
        answer: tuple[str, ...] = self._call("folders", prefix, place)
        return answer

    def delete(self, keys: Sequence[str], place: Place) -> None:
        for key in keys:
            self._call("delete", [key], place)


def frames(count: int) -> Iterator[pl.DataFrame]:
    for start in range(0, count * 100, 100):
        yield people(100, start)


def cut_lake(where: LakeSettings, lake: Lake, at: int, *, after: bool, names: str = "c") -> tuple[Lake, Cut]:
    cut = Cut(StoredObjects(lake.store()), at, after)
    return lake_at(where, objects=cut, names=names), cut


def calls_of_a_rewrite(where: LakeSettings, lake: Lake) -> list[str]:
    lake.write_partition("plain", DAY, people(300).with_columns(old=True), "old", target=5_000)
    watched, cut = cut_lake(where, lake, 0, after=False)
    watched.write_partition("plain", DAY, frames(2), "new", target=5_000)
    return cut.calls


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_cut_at_any_call_of_a_rewrite_leaves_the_old_rows_or_the_new(tmp_path: Path, after: bool) -> None:
    where = settings_of(f"file://{tmp_path}/count")
    calls = calls_of_a_rewrite(where, lake_at(where))
    assert {*_CHANGING} <= set(calls)
    outcomes = []
    for at in range(1, len(calls) + 1):
        where = settings_of(f"file://{tmp_path}/{at}")
        lake = lake_at(where)
        lake.write_partition("plain", DAY, people(300).with_columns(old=True), "old", target=5_000)
        cut, _ = cut_lake(where, lake, at, after=after)
        with pytest.raises(PowerCutError):
            cut.write_partition("plain", DAY, frames(2), "new", target=5_000)
        found = lake.manifest("plain", DAY)
        assert found is not None
        outcomes.append(found.run_id)
        assert lake.read(found).height == {"old": 300, "new": 200}[found.run_id]
        mended = lake.write_partition("plain", DAY, frames(2), "again", target=5_000)
        assert lake.read(mended).height == 200
        assert [item.key for item in lake.listing("plain", DAY)] == [file.key for file in mended.files]
        assert lake.verify("plain", DAY, deep=True) == ()
    assert outcomes == sorted(outcomes, key=["old", "new"].index), "once it is new it stays new"
    assert set(outcomes) == {"old", "new"}


def test_a_cut_at_any_call_of_a_first_write_leaves_nothing_or_all(tmp_path: Path) -> None:
    where = settings_of(f"file://{tmp_path}/count")
    watched, cut = cut_lake(where, lake_at(where), 0, after=False)
    watched.write_partition("flights", DAY, people(), "new")
    for at in range(1, len(cut.calls) + 1):
        where = settings_of(f"file://{tmp_path}/{at}")
        lake = lake_at(where)
        broken, _ = cut_lake(where, lake, at, after=True)
        with pytest.raises(PowerCutError):
            broken.write_partition("flights", DAY, people(), "new")
        found = lake.manifest("flights", DAY)
        assert found is None or lake.read(found).height == 3


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_cut_at_any_call_of_a_compaction_never_shows_a_row_twice(tmp_path: Path, after: bool) -> None:
    def small_files(where: LakeSettings) -> Lake:
        lake = lake_at(where)
        store = StoredObjects(lake.store())
        for number in range(3):
            line = f'{{"id": {number}, "only_in_{number}": null}}\n'.encode()
            store.put(f"events/date=2025-10-30/{number}.json", line, Place())
        lake.observe("events", DAY, "seen")
        return lake

    where = settings_of(f"file://{tmp_path}/count")
    watched, counted = cut_lake(where, small_files(where), 0, after=False)
    whole = watched.compact("events", DAY, "compacted")
    assert (len(whole.files), whole.rows) == (1, 3)
    for at in range(1, len(counted.calls) + 1):
        where = settings_of(f"file://{tmp_path}/{at}")
        lake = small_files(where)
        cut, _ = cut_lake(where, lake, at, after=after)
        with pytest.raises(PowerCutError):
            cut.compact("events", DAY, "compacted")
        for found in (lake.manifest("events", DAY), lake.observe("events", DAY, "again")):
            assert found is not None
            assert lake.read(found)["id"].to_list() == [0, 1, 2]
        done = lake_at(where, names="d").compact("events", DAY, "compacted")
        assert lake.read(done)["id"].sort().to_list() == [0, 1, 2]


def test_a_fault_on_the_way_takes_its_own_files_along(tmp_path: Path) -> None:
    where = settings_of(f"file://{tmp_path}/lake")
    lake = lake_at(where)
    lake.write_partition("plain", DAY, people(300), "old")

    def failing() -> Iterator[pl.DataFrame]:
        yield people(100)
        yield people(100)
        raise LakeError(Trouble.UNAVAILABLE, Place(), "the source is gone")

    with pytest.raises(LakeError, match="the source is gone"):
        lake.write_partition("plain", DAY, failing(), "new", target=1_000)
    found = lake.manifest("plain", DAY)
    assert found is not None
    assert [item.key for item in lake.listing("plain", DAY)] == [file.key for file in found.files]
