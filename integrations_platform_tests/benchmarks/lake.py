"""How long the lake takes: 100,000 keys listed, a year of manifests read, a year of flights landed.

Everything is on one disk, so the figures are the platform's own share: a remote store adds its answers, 1,000 keys or
one manifest at a time, sixteen manifests at once. Run `python -m integrations_platform_tests.benchmarks.lake --help`.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from integrations_platform.lake import Lake, LakeFile, Manifest
from integrations_platform.lake.manifest import key_of, prefix_of
from integrations_platform_tests.lake.world import lake_at, settings_of

START = date(2025, 1, 1)


@contextmanager
def measured(figures: dict[str, dict[str, float]], name: str) -> Iterator[None]:
    """Wall and CPU seconds of the block."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    figures[name] = {
        "wall_seconds": round(time.perf_counter() - wall, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
    }


def fill(folder: Path, keys: int) -> None:
    """One day of so many empty-looking files."""
    day = folder / prefix_of("events", START)
    day.mkdir(parents=True)
    for number in range(keys):
        (day / f"{number:06d}.json").write_bytes(b"{}\n")


def record(folder: Path, days: int, files: int) -> None:
    """Manifests of so many days, each of so many files."""
    for number in range(days):
        day = START + timedelta(days=number)
        listed = tuple(
            LakeFile(name, f"{prefix_of('flights', day)}{name}", 150_000_000, '"e"', 10**6, "0" * 64)
            for name in (f"part-{n:05d}.parquet" for n in range(files))
        )
        manifest = Manifest("flights", day, "parquet", listed, {"id": "int64"}, datetime.now(UTC), "r", "s")
        path = folder / key_of("flights", day)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(manifest.to_json())


@click.command()
@click.option("--keys", default=100_000, show_default=True, help="Keys of one day that are listed.")
@click.option("--days", default=365, show_default=True, help="Days whose manifests are read.")
@click.option("--files", default=8, show_default=True, help="Files in each manifest.")
@click.option("--flights/--no-flights", default=True, show_default=True, help="Also land the flights of 2013, twice.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where (default: a temporary folder).")
def main(keys: int, days: int, files: int, flights: bool, folder: Path | None) -> None:
    """Measure and print one JSON document."""
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(dir=folder) as place:
        root = Path(place)
        lake = lake_at(settings_of(f"file://{root}/keys"))
        fill(root / "keys", keys)
        with measured(figures, f"list {keys:,} keys"):
            found = lake.listing("events", START)
        assert len(found) == keys
        other = lake_at(settings_of(f"file://{root}/manifests"))
        record(root / "manifests", days, files)
        with measured(figures, f"read the manifests of {days:,} days of {files} files"):
            read = other.manifests("flights")
        assert len(read) == days
        if flights:
            land_flights(lake_at(settings_of(f"file://{root}/flights")), figures)
    click.echo(json.dumps(figures, indent=2))


def land_flights(lake: Lake, figures: dict[str, dict[str, float]]) -> None:
    """The flights of 2013, from the package's file to 365 partitions, and again unchanged."""
    from integrations_platform.lake.samples import flights_by_day

    lake = replace(lake, clock=lambda: datetime.now(UTC))

    def land() -> int:
        days = flights_by_day().items()
        return sum(lake.write_partition("flights", day, frame, "benchmark").rows for day, frame in days)

    for name in ("land 336,776 flights in 365 partitions", "land them again, unchanged"):
        with measured(figures, name):
            assert land() == 336_776


if __name__ == "__main__":
    main()
