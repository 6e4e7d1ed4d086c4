"""Features of one day's departures: per carrier, airport and hour, how many flights left, how late, and how late they
arrived.

Reads the day's files of the flights dataset from the lake and writes one Parquet file of features beside those of
other days. It makes nothing visible: readers of the lake go by the manifest, which the step that started this task
writes when the task has ended well. The result is told in Dagster Pipes messages, which travel through the lake too,
because it is the one place that a cluster and the orchestrator both reach.

    python flight_features.py --lake file:///data/lake --day 2013-01-01 \
        --read flights/date=2013-01-01/part-00000-0a1b2c3d4e5f.parquet --write flight_features/date=2013-01-01

LAKE_STORE in the environment holds options of the store as JSON (region, endpoint, keys); without it the machine's own
credentials serve, as on a cluster with an instance profile.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import obstore
import polars as pl
from dagster_pipes import (  # for processes outside of Dagster: it brings no Dagster with it
    PipesCliArgsParamsLoader,
    PipesMessageWriter,
    PipesMessageWriterChannel,
    PipesParamsLoader,
    open_dagster_pipes,
)
from obstore.store import from_url

NEEDED = ("carrier", "origin", "hour", "dep_delay", "arr_delay", "distance", "air_time")
DIGITS = 6


class LakeMessages(PipesMessageWriter[Any]):
    """Writes each Pipes message as an object of its own at once: what was said before a crash has arrived."""

    def __init__(self, store: Any) -> None:
        self._store = store

    @contextmanager
    def open(self, params: Any) -> Iterator[LakeChannel]:
        """A channel into the folder that the reader named; each process has a folder of its own below it."""
        yield LakeChannel(self._store, f"{params['folder']}/{time.time_ns():020d}-{secrets.token_hex(4)}")


class LakeChannel(PipesMessageWriterChannel):
    """Numbers the messages of one process."""

    def __init__(self, store: Any, folder: str) -> None:
        self._store, self._folder, self._count = store, folder, 0

    def write_message(self, message: Any) -> None:
        """One object per message."""
        self._count += 1
        obstore.put(self._store, f"{self._folder}/{self._count:06d}.json", json.dumps(message).encode())


def features(flights: pl.DataFrame, day: date) -> pl.DataFrame:
    """One row per carrier, airport and hour of departure, sorted. A flight that never left counts as cancelled."""
    mean = pl.col("dep_delay").mean
    return (
        flights.group_by("carrier", "origin", "hour")
        .agg(
            pl.len().cast(pl.Int64).alias("flights"),
            pl.col("dep_delay").is_null().sum().cast(pl.Int64).alias("cancelled"),
            mean().round(DIGITS).alias("dep_delay_mean"),
            pl.col("dep_delay").max().cast(pl.Float64).alias("dep_delay_max"),
            pl.col("distance").mean().round(DIGITS).alias("distance_mean"),
            pl.col("air_time").mean().round(DIGITS).alias("air_time_mean"),
            pl.col("arr_delay").mean().round(DIGITS).alias("arr_delay_mean"),
        )
        .with_columns(
            pl.lit(day).alias("ds"),
            pl.lit(day.month, pl.Int64).alias("month"),
            pl.lit(day.isoweekday(), pl.Int64).alias("weekday"),
        )
        .sort("carrier", "origin", "hour")
    )


def read(store: Any, keys: list[str]) -> pl.DataFrame:
    """All rows of the files. Raises ValueError naming a file without a column that is needed."""
    frames = []
    for key in keys:
        frame = pl.read_parquet(io.BytesIO(bytes(obstore.get(store, key).bytes())))
        if missing := [name for name in NEEDED if name not in frame.columns]:
            raise ValueError(f"{key} has no column {', '.join(missing)}")
        frames.append(frame.select(NEEDED))
    if not frames:
        raise ValueError("no files to read: name at least one with --read")
    return pl.concat(frames)


def write(store: Any, folder: str, frame: pl.DataFrame) -> dict[str, Any]:
    """Put the frame into ``folder`` under a name made from its content; what was written."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True)
    content = buffer.getvalue()
    name = f"part-00000-{hashlib.sha256(content).hexdigest()[:12]}.parquet"
    obstore.put(store, f"{folder}/{name}", content)
    return {"name": name, "rows": frame.height, "bytes": len(content)}


def main() -> None:
    """Read, compute, write, tell."""
    parser = argparse.ArgumentParser(description="features of one day's departures")
    parser.add_argument("--lake", required=True, help="URL of the lake")
    parser.add_argument("--day", required=True, type=date.fromisoformat, help="YYYY-MM-DD")
    parser.add_argument("--read", action="append", default=[], help="a file to read, below the lake's URL; repeatable")
    parser.add_argument("--write", required=True, help="the folder to write into, below the lake's URL")
    asked, _ = parser.parse_known_args()
    store = from_url(asked.lake, **json.loads(os.environ.get("LAKE_STORE") or "{}"))
    loader: PipesParamsLoader = PipesCliArgsParamsLoader()  # type: ignore[no-untyped-call]
    with open_dagster_pipes(params_loader=loader, message_writer=LakeMessages(store)) as pipes:
        flights = read(store, asked.read)
        pipes.log.info(f"{flights.height:,} flights of {asked.day} read from {len(asked.read)} files")
        frame = features(flights, asked.day)
        written = write(store, asked.write, frame)
        pipes.report_custom_message({"wrote": [written]})
        delay = flights["dep_delay"].cast(pl.Float64).mean()
        metadata = {"flights": flights.height, "groups": frame.height, "cancelled": int(frame["cancelled"].sum())}
        pipes.report_asset_materialization(
            metadata=metadata | ({"dep_delay_mean": delay} if isinstance(delay, float) else {}),
            asset_key=pipes.asset_keys[0] if pipes.is_asset_step else None,
        )


if __name__ == "__main__":
    main()
