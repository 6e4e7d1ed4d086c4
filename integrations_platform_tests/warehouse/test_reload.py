"""A day of a table is there exactly once, whatever happens while it is loaded."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from integrations_platform.lake import Lake, LakeError
from integrations_platform.warehouse.errors import CopyError, ReloadRefused, StatementError, WarehouseError
from integrations_platform.warehouse.reload import Disagreement
from integrations_platform_tests.warehouse.house import DAY, NEXT, House

TWO_DAYS = (("2025-10-30", 2, 4.0), ("2025-10-31", 1, 9.0))


def loaded_twice(house: House) -> None:
    house.sell()
    house.sell(NEXT, [9])
    house.load("sales")
    house.load("sales", NEXT)


def test_a_day_loaded_again_replaces_itself_and_no_other(house: House) -> None:
    loaded_twice(house)
    assert house.totals() == TWO_DAYS
    again = house.load("sales")
    assert (again.rows_loaded, again.rows_deleted, again.kind) == (2, 2, "embedded")
    house.sell(DAY, [1, 1, 1])
    assert house.load("sales").rows_deleted == 2
    assert house.totals() == (("2025-10-30", 3, 3.0), ("2025-10-31", 1, 9.0))


def test_every_row_knows_its_day_its_file_and_when_it_came(house: House) -> None:
    house.sell()
    house.load("sales")
    ((day, file, moment),) = house.rows("SELECT DISTINCT ds, _src_file, _loaded_at FROM analytics.public.sales")
    assert day == DAY
    assert "sales/date=2025-10-30/part-00000-" in file
    assert moment.year >= 2025


def test_records_of_other_peoples_files_get_their_day_on_the_way(house: House) -> None:
    house.event_file("a.json", [{"kind": "click", "n": {"x": 1}}, {"kind": "view"}])
    house.put("events", "b.json.gz", gzip.compress(b'{"kind": "click"}\n'))
    house.lake.observe("events", DAY)
    for _ in range(2):
        done = house.load("raw_events")
        assert (done.files, done.rows_loaded) == (2, 3)
    counted = house.rows("SELECT record:kind::string, ds, count(*) FROM mydb.public.events GROUP BY 1, 2 ORDER BY 1")
    assert counted == (("click", DAY, 2), ("view", DAY, 1))
    assert house.rows("SELECT count(*) FROM information_schema.tables WHERE table_name LIKE '%__load'") == ((0,),)


def test_csv_with_a_header_fills_columns_by_name(house: House) -> None:
    house.put("orders", "a.csv", b"city,id,other\nLima,1,x\nOslo,2,y\n")
    house.lake.observe("orders", DAY)
    house.load("orders")
    assert house.rows("SELECT id, city, ds FROM analytics.public.orders ORDER BY 1") == (
        (1, "Lima", DAY),
        (2, "Oslo", DAY),
    )


def test_a_partition_without_rows_empties_its_day(house: House) -> None:
    loaded_twice(house)
    house.sell(DAY, [])
    done = house.load("sales")
    assert (done.rows_loaded, done.rows_deleted, done.files, done.statement) == (0, 2, 0, "")
    assert house.totals() == TWO_DAYS[1:]


def test_a_day_that_is_not_in_the_lake_deletes_nothing(house: House) -> None:
    loaded_twice(house)
    with pytest.raises(ReloadRefused, match=r"no partition 2025-11-01 of dataset sales .*materialise lake/sales"):
        house.load("sales", date(2025, 11, 1))
    assert house.totals() == TWO_DAYS


@pytest.mark.parametrize("text", ["2025-10-32", "20251030", "2025-W44-4", "2025-10-30'; DROP TABLE x; --", ""])
def test_only_a_day_is_a_partition(house: House, text: str) -> None:
    with pytest.raises(StatementError, match="is no day; write YYYY-MM-DD"):
        house.tables["sales"].day_of(text)


def test_a_day_outside_the_dataset_is_refused(house: House) -> None:
    with pytest.raises(StatementError, match="from 2025-10-01 to 2025-11-30, not 2024-01-01"):
        house.tables["sales"].day_of("2024-01-01")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def damaged(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[20:60] = b"\xff" * 40
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize("harm", [cut_off, damaged, Path.unlink])
def test_a_file_changed_since_its_manifest_is_refused_before_anything_is_deleted(
    house: House, harm: Callable[[Path], Any]
) -> None:
    loaded_twice(house)
    manifest = house.sell(DAY, [7])
    harm(house.root / "lake" / manifest.files[0].key)
    with pytest.raises(Disagreement, match=r"rewritten or removed since its manifest.*Materialise lake/sales"):
        house.load("sales")
    assert house.totals() == TWO_DAYS


def test_a_corrupt_file_that_its_manifest_vouches_for_rolls_everything_back(house: House) -> None:
    """Its size and etag are as recorded; what is wrong is found when it is read."""
    loaded_twice(house)
    manifest = house.sell(DAY, [7])
    path = house.root / "lake" / manifest.files[0].key
    cut_off(path)
    (listed,) = house.lake.listing("sales", DAY)
    lying = replace(manifest, files=(replace(manifest.files[0], size=listed.size, etag=listed.etag),))

    class Lying(Lake):
        def manifest(self, dataset: str, day: date) -> Any:
            return lying

    with pytest.raises(CopyError, match=r"No magic bytes.*sales/date=2025-10-30/part-00000-"):
        house.load("sales", lake=Lying(house.settings.lake))
    assert house.totals() == TWO_DAYS


def test_a_truncated_gzip_is_not_loaded_in_part(house: House) -> None:
    house.event_file("a.json", [{"x": 1}])
    whole = gzip.compress(b'{"x": 1}\n' * 5000)
    path = house.put("events", "b.json.gz", whole)
    house.lake.observe("events", DAY)
    house.load("raw_events")
    path.write_bytes(whole[:-20])
    with pytest.raises((Disagreement, CopyError)):
        house.load("raw_events")
    with pytest.raises(LakeError, match=r"(?i)gzip|ends early|cut off|damaged"):
        house.lake.observe("events", DAY)
    assert house.rows("SELECT count(*) FROM mydb.public.events") == ((5001,),)


def test_files_with_other_columns_in_one_day_are_refused_before_a_load_and_the_day_stays(house: House) -> None:
    house.put("orders", "a.csv", b"id,city\n1,Lima\n")
    house.lake.observe("orders", DAY)
    house.load("orders")
    house.put("orders", "b.csv", b"number,town\n2,Oslo\n")
    with pytest.raises(LakeError, match=r"has other columns than .*a\.csv"):
        house.lake.observe("orders", DAY)
    assert house.load("orders").files == 1, "the manifest is the one before: the stranger is not loaded"
    assert house.rows("SELECT id, city FROM analytics.public.orders") == ((1, "Lima"),)


def rewriting(house: House, path: Path, data: bytes) -> Lake:
    """A lake in which another writer acts between the first look at a partition and the second."""

    class Busy(Lake):
        looks = 0

        def listing(self, dataset: str, day: date) -> Any:
            type(self).looks += 1
            if self.looks == 2:
                path.write_bytes(data)
            return super().listing(dataset, day)

    return Busy(house.settings.lake)


def test_a_file_rewritten_while_loading_rolls_the_load_back(house: House) -> None:
    path = house.event_file("a.json", [{"x": 1}])
    house.lake.observe("events", DAY)
    house.load("raw_events")
    with pytest.raises(Disagreement, match="rewritten or removed while it was loading"):
        house.load("raw_events", lake=rewriting(house, path, b'{"x": 2}\n{"x": 3}\n'))
    assert house.rows("SELECT record:x::int FROM mydb.public.events") == ((1,),)


def test_leftovers_beside_the_manifests_files_are_not_loaded(house: House) -> None:
    house.sell()
    house.put("sales", "part-00009-000000000000.parquet", b"half a file of a writer that was killed")
    assert house.load("sales").files == 1
    assert house.totals() == TWO_DAYS[:1]


def test_columns_that_no_file_has_are_refused_instead_of_loaded_as_null(house: House) -> None:
    house.lake.write_partition("sales", DAY, pl.DataFrame({"ID_OF_SALE": [1], "price": [2.0]}), "run")
    with pytest.raises(
        Disagreement, match=r"have no column id, amount, sold.*ID_OF_SALE, price.*tables\.sales\.columns"
    ) as bad:
        house.load("sales")
    assert bad.value.check == "not_all_null"
    house.lake.write_partition("notes", DAY, [{"id": 1}], "run")
    assert house.load("notes").columns_missing == ("text",), "a key that no record has today is in order in JSON"


def test_a_file_of_which_every_row_is_null_is_refused(house: House) -> None:
    house.lake.write_partition("notes", DAY, [{"id": 1, "text": "x"}], "run")
    house.load("notes")
    house.lake.write_partition("notes", DAY, [{"id": None, "text": None, "other": 1}], "run")
    with pytest.raises(Disagreement, match="have NULL in every column") as empty:
        house.load("notes")
    assert empty.value.check == "not_all_null"
    assert house.rows("SELECT id FROM analytics.public.notes") == ((1,),)


def test_values_that_do_not_fit_name_file_line_and_column(house: House) -> None:
    house.lake.write_partition("notes", DAY, [{"id": "1"}, {"id": "one"}], "run")
    with pytest.raises(
        CopyError, match=r"Numeric value 'one' is not recognized.*notes/date=2025-10-30/.*line 2, column"
    ):
        house.load("notes")


def test_a_table_of_another_shape_is_told_and_left_alone(house: House) -> None:
    from integrations_platform.warehouse.port import QueryTag

    house.sell()
    with house.warehouse.open(QueryTag("", "test")) as session:
        session.execute("CREATE SCHEMA IF NOT EXISTS analytics.public")
        session.execute("CREATE TABLE analytics.public.sales (other INTEGER)")
    with pytest.raises(WarehouseError, match="ds"):
        house.load("sales")
    assert house.rows("SELECT count(*) FROM analytics.public.sales") == ((0,),)


def test_manifest_and_copy_must_agree_on_the_number_of_rows(house: House) -> None:
    loaded_twice(house)
    manifest = house.sell(DAY, [1, 2, 3])
    lying = replace(manifest, files=(replace(manifest.files[0], rows=4),))

    class Lying(Lake):
        def manifest(self, dataset: str, day: date) -> Any:
            return lying

    with pytest.raises(Disagreement, match=r"3 rows were loaded, the lake's manifest says 4") as refused:
        house.load("sales", lake=Lying(house.settings.lake))
    assert refused.value.check == "rows_agree"
    assert house.totals() == TWO_DAYS
