"""A lake of four datasets at any address, with a clock that stands still and names that count up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count

import polars as pl

from integrations_platform.lake import Lake
from integrations_platform.lake.objects import Objects
from integrations_platform.secret_text import SecretText
from integrations_platform.settings_lake import DatasetSettings, FilesOfOthers, LakeSettings, SampleData

DAY = date(2025, 10, 30)
NEXT = date(2025, 10, 31)
NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)
STARTS = date(2025, 10, 1)

DATASETS = {
    item.name: item
    for item in (
        DatasetSettings("flights", "parquet", SampleData("flights"), STARTS, date_column="ds"),
        DatasetSettings("notes", "ndjson", SampleData("flights"), STARTS, compression="gzip"),
        DatasetSettings("plain", "ndjson", SampleData("flights"), STARTS),
        DatasetSettings("events", "ndjson", FilesOfOthers(), STARTS),
        DatasetSettings("sensors", "parquet", FilesOfOthers(), STARTS),
        DatasetSettings("orders", "csv", FilesOfOthers(), STARTS),
        DatasetSettings("holidays", "ndjson", FilesOfOthers(), STARTS, may_be_empty=True),
    )
}


def text(value: str, key: str = "lake.url") -> SecretText:
    return SecretText(value, "test.yaml", 1, key, {})


def settings_of(url: str, options: Mapping[str, str] | None = None) -> LakeSettings:
    given = {name: text(value, f"lake.options.{name}") for name, value in (options or {}).items()}
    return LakeSettings(text(url), given, DATASETS)


def lake_at(settings: LakeSettings, *, objects: Objects | None = None, names: str = "") -> Lake:
    """A lake whose files are called after ``names``, so that two writers have names of their own."""
    numbers = count(1)
    return Lake(
        settings, clock=lambda: NOW, new_id=lambda: f"{names}{next(numbers):0{12 - len(names)}x}", objects=objects
    )


def people(rows: int = 3, start: int = 0) -> pl.DataFrame:
    ids = range(start, start + rows)
    return pl.DataFrame({"id": list(ids), "name": [f"Zoë {i}" for i in ids], "born": [date(1990, 1, 1)] * rows})


def declared(lake: Lake, dataset: str, **changes: object) -> Lake:
    """The same lake with one dataset declared otherwise."""
    other = replace(lake.settings.datasets[dataset], **changes)  # type: ignore[arg-type]
    return replace(lake, settings=replace(lake.settings, datasets={**lake.settings.datasets, dataset: other}))
