"""How long a load takes, against DuckDB reading the same files by itself; and how long it takes to plan a year.

    python -m integrations_platform_tests.benchmarks.warehouse --rows 10000000

The data are the flights of 2013, repeated. Both sides start with an empty database file, insert the same rows into the
same table and close it. The best of some rounds counts; the load must take at most twice as long.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from integrations_platform.lake import Lake, LakeFile, Manifest
from integrations_platform.lake.address import parse
from integrations_platform.lake.samples import flights
from integrations_platform.lake.stores import open_store
from integrations_platform.settings import load_settings
from integrations_platform.warehouse.embedded import EmbeddedWarehouse
from integrations_platform.warehouse.names import TableName
from integrations_platform.warehouse.opening import open_embedded
from integrations_platform.warehouse.port import QueryTag
from integrations_platform.warehouse.reload import plan_copy
from integrations_platform.warehouse.tables import declared_tables

FILES = 10
RATIO, PLAN_SECONDS = 2.0, 1.0
COLUMNS = {
    **dict.fromkeys(("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time"), "INTEGER"),
    **dict.fromkeys(("sched_arr_time", "arr_delay"), "INTEGER"),
    "carrier": "VARCHAR", "flight": "INTEGER", "tailnum": "VARCHAR", "origin": "VARCHAR", "dest": "VARCHAR",
    **dict.fromkeys(("air_time", "distance", "hour", "minute"), "INTEGER"),
    "time_hour": "TIMESTAMP_TZ",
}  # fmt: skip
ENVIRONMENT = """\
systems: {{}}
state: {{url: "sqlite:///{root}/state.sqlite"}}
lake:
  url: "file://{root}/lake"
  datasets:
    flights: {{format: parquet, source: {{sample: flights}}, starts: 2013-01-01, ends: 2013-12-31, date_column: ds}}
warehouse:
  kind: embedded
  folder: "{root}/warehouse"
  tables: {{flights: {{dataset: flights, table: analytics.public.flights, columns: {columns}}}}}
"""


def main() -> int:
    """Measure, print one JSON document, and say by the exit code whether the bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", choices=("parquet", "ndjson"), default="parquet")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="integrations-benchmark-") as folder:
        found = measured(Path(folder), options.rows, options.format, options.rounds)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    held = found["ratio_wall"] <= RATIO and found["plan_365_seconds"] < PLAN_SECONDS
    return 0 if held else 1


def measured(root: Path, rows: int, form: str, rounds: int) -> dict[str, Any]:
    """All figures, made in an empty folder. Ends the process when the two sides hold different rows."""
    files = _files(root, rows, form)
    said = {"rows": rows, "format": form, "bytes": sum(file.stat().st_size for file in files)}
    return {**said, **_loads(root, files, form, rounds), "plan_365_seconds": round(_planning(root), 3)}


def _files(root: Path, rows: int, form: str) -> list[Path]:
    """The flights, as often as it takes, in files of equal size."""
    folder = root / "data"
    folder.mkdir()
    frame = flights()
    written = []
    for number in range(FILES):
        size = rows // FILES
        times = -(-size // frame.height)
        part = pl.concat([frame] * times).head(size)
        path = folder / f"part-{number:02}.{form}"
        if form == "parquet":
            part.write_parquet(path)
        else:
            part.with_columns(pl.col("time_hour").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_ndjson(path)
        written.append(path)
    return written


def _loads(root: Path, files: list[Path], form: str, rounds: int) -> dict[str, float]:
    target = TableName.of("analytics.public.flights")
    types = {"INTEGER": "BIGINT", "TIMESTAMP_TZ": "TIMESTAMPTZ"}
    made = ", ".join(f'"{name}" {types.get(kind, kind)}' for name, kind in COLUMNS.items())
    listed = ", ".join(f"'{file}'" for file in files)
    reader = f"read_parquet([{listed}])"
    if form == "ndjson":
        said = ", ".join(f"{name}: '{types.get(kind, kind)}'" for name, kind in COLUMNS.items())
        reader = f"read_json([{listed}], format='newline_delimited', columns={{{said}}})"

    def bare() -> None:
        with duckdb.connect(str(root / "bare" / "analytics.duckdb")) as connection:
            connection.execute(f"CREATE SCHEMA public; CREATE TABLE public.flights ({made})")
            connection.execute(f"INSERT INTO public.flights SELECT {', '.join(COLUMNS)} FROM {reader}")

    def ours() -> None:
        warehouse = EmbeddedWarehouse(
            root / "ours", lambda place: open_store(parse(place), {}), frozenset({"analytics"})
        )
        how = "PARQUET USE_LOGICAL_TYPE=TRUE" if form == "parquet" else "JSON"
        with warehouse.open(QueryTag("", "benchmark")) as session:
            session.create_table(target, COLUMNS)
            session.execute(
                f"COPY INTO {target.sql} FROM 'file://{root}/data/' FILE_FORMAT=(TYPE={how}) "
                "MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE FORCE=TRUE"
            )

    best = {"bare": (1e9, 1e9), "ours": (1e9, 1e9)}
    for _ in range(rounds):
        for name, load in (("bare", bare), ("ours", ours)):
            (root / name).mkdir(exist_ok=True)
            for file in (root / name).glob("*"):
                file.unlink()
            best[name] = tuple(min(pair) for pair in zip(best[name], _timed(load), strict=True))  # type: ignore[assignment]
    with duckdb.connect(str(root / "ours" / "analytics.duckdb")) as mine:
        mine.execute(f"ATTACH '{root}/bare/analytics.duckdb' AS theirs (READ_ONLY)")
        sums = "count(*), sum(distance), sum(hash(tailnum)), sum(dep_delay), max(time_hour)"
        both = [
            mine.execute(f"SELECT {sums} FROM {name}.public.flights").fetchone() for name in ("analytics", "theirs")
        ]
    if both[0] != both[1]:
        raise SystemExit(f"the two hold different rows: {both}")
    (bare_wall, bare_cpu), (our_wall, our_cpu) = best["bare"], best["ours"]
    return {
        "bare_seconds": round(bare_wall, 2), "bare_cpu": round(bare_cpu, 2),
        "load_seconds": round(our_wall, 2), "load_cpu": round(our_cpu, 2),
        "ratio_wall": round(our_wall / bare_wall, 2), "ratio_cpu": round(our_cpu / bare_cpu, 2),
        "rows_per_second": round(both[0][0] / our_wall),
    }  # fmt: skip


def _timed(load: Callable[[], None]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    load()
    return time.perf_counter() - wall, time.process_time() - cpu


def _planning(root: Path) -> float:
    """Seconds to say, for every day of a year, which statement would load it."""
    file = root / "benchmark.yaml"
    file.write_text(ENVIRONMENT.format(root=root, columns=json.dumps(COLUMNS)), encoding="utf-8")
    settings = load_settings(env_file=file)
    lake = Lake.open(settings.lake)
    days = [date(2013, 1, 1) + timedelta(days=number) for number in range(365)]
    for day in days:
        files = (LakeFile(f"part-00000-{day:%m%d}00000000.parquet", "", 30_000, "e", 900, "d"),)
        manifest = Manifest("flights", day, "parquet", files, {}, datetime.now(UTC), "run", "sample:flights")
        place = root / "lake" / "_manifests" / "flights" / f"date={day}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(manifest.to_json())
    began = time.perf_counter()
    table = declared_tables(settings)["flights"]
    open_embedded(settings, lake)
    manifests = lake.manifests("flights", days)
    statements = {plan_copy(table, lake, manifest).redacted() for manifest in manifests.values()}
    seconds = time.perf_counter() - began
    if len(statements) != len(days):
        raise SystemExit(f"planned {len(statements)} of {len(days)} days")
    return seconds


if __name__ == "__main__":
    raise SystemExit(main())
