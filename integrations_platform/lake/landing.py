"""Landing a day of a dataset: its rows fetched from where they come from and written, or others' files observed.

The one place that knows every kind of source; the faces call it and say what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from integrations_platform.lake.errors import LakeError, Place, Trouble
from integrations_platform.lake.lake import Lake
from integrations_platform.lake.manifest import Manifest
from integrations_platform.settings_lake import DatasetSettings, FilesOfOthers, SampleData, SyncOutput

if TYPE_CHECKING:
    from integrations_platform.platform import Platform


def land(platform: Platform, lake: Lake, dataset: str, day: date, run_id: str) -> Manifest:
    """Make the partition what its source says. The state is opened only for what syncs publish.

    Raises LakeError: REFUSED for a day outside the dataset's, MISSING for one its source does not have; StateError and
    DeclarationError of the syncs.
    """
    settings = lake.dataset(dataset)
    check_day(settings, day)
    if isinstance(settings.source, FilesOfOthers):
        return lake.observe(dataset, day, run_id)
    return lake.write_partition(dataset, day, rows_of(platform, settings, day), run_id)


def check_day(settings: DatasetSettings, day: date) -> None:
    """Raises LakeError for a day that the dataset does not have."""
    if day < settings.starts or (settings.ends is not None and day > settings.ends):
        until = f"to {settings.ends}" if settings.ends else "on"
        what = f"the dataset has days from {settings.starts} {until}"
        raise LakeError(Trouble.REFUSED, Place(settings.name, day), what, "choose one of them, or declare others")


def rows_of(platform: Platform, settings: DatasetSettings, day: date) -> pl.DataFrame | Iterator[pl.DataFrame]:
    """The rows of a day, from a sample or from the syncs."""
    source = settings.source
    if isinstance(source, SampleData):
        from integrations_platform.lake.samples import sample_rows

        return sample_rows(source.name, day)
    if not isinstance(source, SyncOutput):
        raise TypeError(f"files of others have no rows of ours: {settings.name}")
    from integrations_platform.lake.sync_output import changes, state

    now = platform.runtime.clock()
    if source.publish == "state":
        return state(platform.store, platform.sync(source.sync), day, now, settings.name)
    names = list(platform.declared) if source.sync == "*" else [platform.sync(source.sync).name]
    return changes(platform.store, names, day, now, settings.name)
