"""Landing a day of a dataset: its rows fetched from where they come from and written, or others' files observed.

The one place that knows every kind of source; the faces call it and say what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from integrations_platform.lake.errors import LakeError, Place, Trouble
from integrations_platform.lake.lake import Lake, described
from integrations_platform.lake.manifest import Manifest
from integrations_platform.schema_check import nearest
from integrations_platform.settings_lake import AirbyteOutput, DatasetSettings, FilesOfOthers, SampleData, SyncOutput

if TYPE_CHECKING:
    from integrations_platform.state import SqlStore
    from integrations_platform.unified_sync.spec import SyncSpec


@dataclass(frozen=True)
class Syncs:
    """Where what syncs publish is read from: declarations by name, the state (opened when needed), and the time."""

    specs: Mapping[str, SyncSpec]
    store: Callable[[], SqlStore]
    clock: Callable[[], datetime]


def land(lake: Lake, dataset: str, day: date, run_id: str, syncs: Syncs, *, embedded: bool = False) -> Manifest:
    """Make the partition what its source says. ``embedded``: Airbyte's connectors run here and have landed their rows,
    so that the partition is looked up and not observed.

    Raises LakeError: REFUSED for a day outside the dataset's, MISSING for one its source does not have; StateError.
    """
    settings = lake.dataset(dataset)
    check_day(settings, day)
    if isinstance(settings.source, AirbyteOutput) and embedded:
        manifest = lake.manifest(dataset, day)
        if manifest is None:
            what = f"the connection {settings.source.connection} has landed nothing on this day"
            raise LakeError(Trouble.MISSING, Place(dataset, day), what, "sync it: it lands in the partition of today")
        return manifest
    if isinstance(settings.source, FilesOfOthers | AirbyteOutput):
        return lake.observe(dataset, day, run_id)
    return lake.write_partition(dataset, day, rows_of(settings, day, syncs), run_id)


def check_day(settings: DatasetSettings, day: date) -> None:
    """Raises LakeError for a day that the dataset does not have."""
    if day < settings.starts or (settings.ends is not None and day > settings.ends):
        until = f"to {settings.ends}" if settings.ends else "on"
        what = f"the dataset has days from {settings.starts} {until}"
        raise LakeError(Trouble.REFUSED, Place(settings.name, day), what, "choose one of them, or declare others")


def rows_of(settings: DatasetSettings, day: date, syncs: Syncs) -> pl.DataFrame | Iterator[pl.DataFrame]:
    """The rows of a day, from a sample or from the syncs. Raises LakeError for a dataset that others write."""
    source = settings.source
    if isinstance(source, SampleData):
        from integrations_platform.lake.samples import sample_rows

        return sample_rows(source.name, day)
    if not isinstance(source, SyncOutput):
        what = f"is written by {described(settings)}, not landed from here"
        raise LakeError(Trouble.REFUSED, Place(settings.name, day), what, "run what writes it")
    from integrations_platform.lake.sync_output import changes, state

    every = source.sync == "*" and source.publish == "changes"
    if not every and source.sync not in syncs.specs:
        what = f"no sync is declared as {source.sync!r}"
        raise LakeError(Trouble.CONFIGURATION, Place(settings.name, day), what, nearest(source.sync, syncs.specs))
    now = syncs.clock()
    if source.publish == "state":
        return state(syncs.store(), syncs.specs[source.sync], day, now, settings.name)
    return changes(syncs.store(), list(syncs.specs) if every else [source.sync], day, now, settings.name)
