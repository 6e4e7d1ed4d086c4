"""What every lake promises, wherever it is. A kind of store passes by inheriting the class and giving its address."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from integrations_platform.lake import Lake, LakeError, Trouble
from integrations_platform.lake.errors import Place
from integrations_platform.settings_lake import LakeSettings
from integrations_platform_tests.lake.world import DAY, NEXT, NOW, lake_at, people


class LakeContract:
    """Inherit, and give a fixture ``where``: settings of an empty lake."""

    @pytest.fixture
    def where(self) -> LakeSettings:
        raise NotImplementedError

    @pytest.fixture
    def lake(self, where: LakeSettings) -> Lake:
        return lake_at(where)

    @pytest.fixture
    def drop(self, lake: Lake) -> Callable[[str, bytes], None]:
        """Somebody else stores a file."""
        return lambda key, data: lake._partitions.objects.put(key, data, Place())

    @pytest.mark.parametrize("dataset", ["flights", "notes", "plain"])
    def test_what_is_written_is_read_back(self, lake: Lake, dataset: str) -> None:
        frame = people().with_columns(pl.Series("price", ["1.10", None, "3.00"]).cast(pl.Decimal(10, 2)))
        written = lake.write_partition(dataset, DAY, frame, "run-1")
        assert lake.manifest(dataset, DAY) == written
        assert (written.rows, written.run_id, written.written_at) == (3, "run-1", NOW)
        assert written.bytes == sum(item.size for item in lake.listing(dataset, DAY))
        read = lake.read(written)
        expected = frame.with_columns(pl.lit(DAY).alias("ds")) if dataset == "flights" else frame
        assert_frame_equal(read, expected)
        assert written.schema["born"] == "date"
        assert written.schema["price"] == "decimal(10,2)"

    def test_a_rewrite_replaces_and_leaves_nothing_behind(self, lake: Lake) -> None:
        first = lake.write_partition("flights", DAY, people(3), "run-1")
        second = lake.write_partition("flights", DAY, people(5), "run-2")
        assert second.content != first.content
        assert lake.read(second).height == 5
        assert [item.key for item in lake.listing("flights", DAY)] == [file.key for file in second.files]
        with pytest.raises(LakeError) as raised:
            lake.read(first)
        # Azure says of a blob that is gone that it is not the one asked for.
        assert raised.value.trouble in (Trouble.MISSING, Trouble.CHANGED)

    def test_the_same_rows_again_change_nothing(self, lake: Lake) -> None:
        first = lake.write_partition("notes", DAY, people(), "run-1")
        assert lake.write_partition("notes", DAY, people(), "run-2") == first

    def test_many_frames_become_files_of_the_wanted_size(self, lake: Lake) -> None:
        def frames() -> Iterator[pl.DataFrame]:
            for start in range(0, 4000, 1000):
                yield people(1000, start)

        written = lake.write_partition("plain", DAY, frames(), "run-1", target=80_000)
        assert [file.rows for file in written.files] == [2000, 2000]
        assert [file.name[:10] for file in written.files] == ["part-00000", "part-00001"]
        assert lake.read(written)["id"].to_list() == list(range(4000))

    def test_no_rows_are_a_partition_without_files(self, lake: Lake) -> None:
        lake.write_partition("flights", DAY, people(), "run-1")
        empty = lake.write_partition("flights", DAY, people(0), "run-2")
        assert (empty.rows, empty.files, lake.listing("flights", DAY)) == (0, (), ())
        assert lake.read(empty).schema == people(0).with_columns(pl.lit(DAY).alias("ds")).schema

    @pytest.mark.parametrize("dataset", ["flights", "notes"])
    def test_rows_are_added_in_files_of_their_own(self, lake: Lake, dataset: str) -> None:
        first = lake.append_partition(dataset, DAY, people(2), "run-1", None)
        second = lake.append_partition(dataset, DAY, people(3, 2), "run-2", first)
        assert second.files[:1] == first.files
        assert lake.read(second)["id"].to_list() == [0, 1, 2, 3, 4]
        assert lake.append_partition(dataset, DAY, people(1).clear(), "run-3", second) == second
        assert lake.verify(dataset, DAY, deep=True) == ()

    def test_rows_are_added_only_to_the_partition_that_was_seen(self, lake: Lake) -> None:
        first = lake.append_partition("flights", DAY, people(1), "run-1", None)
        for seen in (None, first):
            theirs = lake.write_partition("flights", DAY, people(4), "run-2")
            with pytest.raises(LakeError) as raised:
                lake.append_partition("flights", DAY, people(1), "run-3", seen)
            assert raised.value.trouble is Trouble.CONTENDED
            assert lake.manifest("flights", DAY) == theirs
        assert len(lake.listing("flights", DAY)) == 1

    def test_a_note_is_replaced_only_by_who_has_seen_it(self, lake: Lake) -> None:
        assert lake.note("flights") is None
        lake.keep_note("flights", b"one", None)
        found = lake.note("flights")
        assert found is not None
        assert found[0] == b"one"
        lake.keep_note("flights", b"two", found[1])
        for seen in (None, found[1]):
            with pytest.raises(LakeError) as raised:
                lake.keep_note("flights", b"three", seen)
            assert raised.value.trouble is Trouble.CONTENDED
        assert (lake.note("flights") or (b"",))[0] == b"two"
        assert lake.days("flights") == ()
        lake.drop_note("flights")
        lake.drop_note("flights")
        assert lake.note("flights") is None

    def test_days_stand_beside_one_another(self, lake: Lake) -> None:
        ones = date(2025, 10, 1)
        for day, rows in ((DAY, 1), (NEXT, 2), (ones, 3)):
            lake.write_partition("flights", day, people(rows), "run-1")
        assert lake.days("flights") == (ones, DAY, NEXT)
        assert lake.days_with_files("flights") == (ones, DAY, NEXT)
        assert {day: found.rows for day, found in lake.manifests("flights").items()} == {DAY: 1, NEXT: 2, ones: 3}
        assert len(lake.listing("flights", ones)) == 1, "date=2025-10-1 is no prefix of date=2025-10-10"
        assert lake.manifest("notes", DAY) is None

    def test_files_of_others_are_observed(self, lake: Lake, drop: Callable[[str, bytes], None]) -> None:
        drop("events/date=2025-10-30/a.json", b'{"id": 1, "tags": ["x"]}\n{"id": 2.5}\n\n')
        drop("events/date=2025-10-30/hour=07/b.json.gz", gzip.compress(b'{"id": 3, "who": {"a": 1}}\n'))
        drop("events/date=2025-10-30/_SUCCESS", b"")
        seen = lake.observe("events", DAY, "run-1")
        assert [(file.name, file.rows) for file in seen.files] == [("a.json", 2), ("hour=07/b.json.gz", 1)]
        assert seen.schema == {"id": "float64", "tags": "array", "who": "object"}
        assert lake.manifest("events", DAY) == seen
        assert lake.read(seen)["id"].to_list() == [1, 2.5, 3]
        assert lake.observe("events", DAY, "run-2") == seen, "nothing has changed"
        drop("events/date=2025-10-30/a.json", b'{"id": 9}\n')
        again = lake.observe("events", DAY, "run-3")
        assert (again.rows, again.run_id) == (2, "run-3")
        assert again.content != seen.content
        assert lake.days_with_files("events") == (DAY,)

    def test_parquet_and_csv_of_others_are_observed(self, lake: Lake, drop: Callable[[str, bytes], None]) -> None:
        import io

        file = io.BytesIO()
        people(7).write_parquet(file)
        drop("sensors/date=2025-10-30/x.parquet", file.getvalue())
        seen = lake.observe("sensors", DAY)
        assert (seen.rows, dict(seen.schema)) == (7, {"id": "int64", "name": "string", "born": "date"})
        assert_frame_equal(lake.read(seen), people(7))
        drop("orders/date=2025-10-30/x.csv", b"id,price\n1,2.5\n2,\n")
        orders = lake.observe("orders", DAY)
        assert (orders.rows, dict(orders.schema)) == (2, {"id": "int64", "price": "float64"})

    def test_a_file_rewritten_after_it_was_recorded_is_not_read(
        self, lake: Lake, drop: Callable[[str, bytes], None]
    ) -> None:
        written = lake.write_partition("plain", DAY, people(), "run-1")
        drop(written.files[0].key, json.dumps({"id": 1}).encode())
        with pytest.raises(LakeError, match=r"dataset plain, 2025-10-30, file part-00000.*changed") as raised:
            lake.read(written)
        assert raised.value.trouble is Trouble.CHANGED

    def test_of_two_writers_one_wins_and_the_other_hears_of_it(self, where: LakeSettings, lake: Lake) -> None:
        lake.write_partition("flights", DAY, people(1), "run-0")
        other = lake_at(where, names="b") if where.url.resolve() != "memory://" else lake

        def slow() -> Iterator[pl.DataFrame]:
            yield people(2)
            other.write_partition("flights", DAY, people(3), "run-fast")

        with pytest.raises(LakeError, match="was written by run run-fast meanwhile") as raised:
            lake.write_partition("flights", DAY, slow(), "run-slow")
        assert raised.value.trouble is Trouble.CONTENDED
        now = lake.manifest("flights", DAY)
        assert now is not None
        assert lake.read(now).height == 3
        assert [item.key for item in lake.listing("flights", DAY)] == [file.key for file in now.files]

    def test_of_two_first_writers_one_wins(self, where: LakeSettings, lake: Lake) -> None:
        other = lake_at(where, names="b") if where.url.resolve() != "memory://" else lake

        def slow() -> Iterator[pl.DataFrame]:
            yield people(2)
            other.write_partition("flights", DAY, people(3), "run-fast")

        with pytest.raises(LakeError, match="meanwhile"):
            lake.write_partition("flights", DAY, slow(), "run-slow")
        now = lake.manifest("flights", DAY)
        assert now is not None
        assert lake.read(now).height == 3
