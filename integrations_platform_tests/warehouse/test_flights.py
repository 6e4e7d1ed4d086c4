"""The flights of 2013, from the package's file to the warehouse: every day's rows and sums are those of the source."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from integrations_platform.definitions import build_definitions
from integrations_platform.jobs import Catalogue
from integrations_platform.lake import Lake
from integrations_platform.lake.samples import flights
from integrations_platform.settings import Settings, load_settings
from integrations_platform.warehouse.errors import WarehouseError
from integrations_platform.warehouse.opening import open_embedded
from integrations_platform.warehouse.reload import reload_day
from integrations_platform.warehouse.tables import declared_tables
from integrations_platform_tests.benchmarks.warehouse import PLAN_SECONDS, measured

ROOT = Path(__file__).parents[2]
FIRST = date(2013, 1, 1)
SUMS = ("distance", "dep_delay", "arr_delay", "air_time", "flight", "hour", "minute")
Totals = dict[date, tuple[float | int | None, ...]]


@dataclass
class Year:
    """The shipped local environment in a folder of its own. ``days``: how many of the year are taken."""

    folder: Path
    days: int

    @property
    def span(self) -> list[date]:
        return [FIRST + timedelta(days=number) for number in range(self.days)]

    @cached_property
    def settings(self) -> Settings:
        return load_settings("local", environ={"LAKE_URL": f"file://{self.folder}/lake"})

    @cached_property
    def lake(self) -> Lake:
        return Lake.open(self.settings.lake)

    def land(self) -> None:
        keys = dg.AssetKey(["lake", "flights"]), dg.AssetKey(["warehouse", "flights"])
        definitions = build_definitions(Catalogue(self.settings, ()))
        assets = [definitions.get_assets_def(key) for key in keys]
        with dg.DagsterInstance.ephemeral() as instance:
            job = dg.Definitions(assets, jobs=[dg.define_asset_job("year", assets[:1])]).resolve_job_def("year")
            tags = {"dagster/asset_partition_range_start": str(FIRST),
                    "dagster/asset_partition_range_end": str(self.span[-1])}  # fmt: skip
            assert job.execute_in_process(instance=instance, tags=tags).success

    def load(self, day: date) -> None:
        warehouse = open_embedded(self.settings, self.lake)
        reload_day(declared_tables(self.settings)["flights"], self.lake, warehouse, day, "run")

    def held(self) -> Totals:
        """By day: rows, sums and counts of values, asked of the file with DuckDB alone."""
        said = ", ".join(f"sum({name}), count({name})" for name in SUMS)
        question = (
            f"SELECT ds, count(*), {said}, count(DISTINCT tailnum), min(time_hour) FROM public.flights GROUP BY ds"
        )
        with duckdb.connect(
            str(self.folder / ".integrations/warehouse/analytics.duckdb"), read_only=True
        ) as connection:
            connection.execute("SET TimeZone='UTC'")
            return {row[0]: row[1:] for row in connection.execute(question).fetchall()}

    def expected(self) -> Totals:
        """The same of the source's file, by Polars."""
        sums = [part for name in SUMS for part in (pl.col(name).sum(), pl.col(name).count().alias(f"{name}_count"))]
        frame = flights().with_columns(pl.date("year", "month", "day").alias("on")).group_by("on").agg(
            pl.len(), *sums, pl.col("tailnum").drop_nulls().n_unique(), pl.col("time_hour").min()
        )  # fmt: skip
        return {row[0]: row[1:] for row in frame.iter_rows() if row[0] in set(self.span)}


@pytest.fixture
def year(tmp_path: Path, profile: str, monkeypatch: pytest.MonkeyPatch) -> Year:
    """A week of it; nightly all 365 days. The environment's file is the shipped one, its folders are of this test."""
    days = 365 if profile == "nightly" else 7
    made = Year(tmp_path, days)
    monkeypatch.chdir(ROOT)
    assert made.settings
    monkeypatch.chdir(tmp_path)
    made.land()
    for day in made.span:
        made.load(day)
    return made


def test_every_days_rows_and_sums_are_the_sources_whatever_happens(year: Year) -> None:
    expected = year.expected()
    assert year.held() == expected
    assert sum(row[0] or 0 for row in expected.values()) == (336_776 if year.days == 365 else 6_099)

    for day in year.span[2:5]:  # a backfill of days that are there already
        year.load(day)
    assert year.held() == expected

    manifest = year.lake.manifest("flights", FIRST)
    assert manifest is not None
    path = year.folder / "lake" / manifest.files[0].key
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WarehouseError, match="rewritten or removed"):
        year.load(FIRST)
    assert year.held() == expected

    path.unlink()
    year.land()
    year.load(FIRST)
    assert year.held() == expected


def test_the_command_of_the_readme_lands_and_loads_a_day(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in readme.splitlines() if "lake/flights or" in line and "materialize" in line]
    words = shlex.split(line, comments=True)[2:]
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH", "TMPDIR", "HOME") if name in os.environ},
        "DAGSTER_HOME": str(tmp_path),
        "LAKE_URL": f"file://{tmp_path}/lake",
        "INTEGRATIONS_ENV_FILE": str(ROOT / "environments" / "local.yaml"),
    }
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(tmp_path / ".integrations/warehouse/analytics.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT ds, count(*) FROM public.flights GROUP BY ds").fetchall() == [(FIRST, 842)]


def test_a_year_is_planned_in_a_second_and_the_benchmark_compares_like_with_like(tmp_path: Path) -> None:
    """The benchmark's bound for loads is for millions of rows; here it is known to run, and to load the same rows."""
    found = measured(tmp_path, 20_000, "ndjson", 1)
    assert found["plan_365_seconds"] < PLAN_SECONDS
    assert found["rows_per_second"] > 0
