"""Looking after partitions: fewer and larger files, what a crash left over, and whether files are still as recorded.

A compaction says in the manifest which files do not count before it writes or replaces any, so that nobody who goes
through the manifest, a new observation included, ever sees a row twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from integrations_platform.lake.decoding import decoded, inflated
from integrations_platform.lake.encoding import encode, joined
from integrations_platform.lake.errors import LakeError, Place, Trouble
from integrations_platform.lake.manifest import LakeFile, Manifest, prefix_of
from integrations_platform.lake.partitions import Partitions

SMALLEST = 100_000_000  # bytes; files below this are worth putting together, see encoding.TARGET_BYTES
RUNNING = timedelta(hours=24)  # a file this young may belong to a write that is still going on


@dataclass(frozen=True)
class Difference:
    """One way in which files are not as their manifest says. ``harmless``: loads that name files do not see it."""

    name: str
    what: str
    harmless: bool = False


def worth_compacting(manifest: Manifest, target: int) -> bool:
    """Whether compaction would make fewer files: two at least are small, and together they fit."""
    small = [file for file in manifest.files if file.size < min(SMALLEST, target)]
    return len(small) > 1 and manifest.format != "csv"


def compact(partitions: Partitions, dataset: str, day: date, *, compressed: bool, target: int, run_id: str) -> Manifest:
    """Rewrite the recorded files as fewer of about ``target`` bytes, rows and their order unchanged.

    Raises LakeError: MISSING without a manifest, REFUSED for CSV, CHANGED when a file is not as recorded, CONTENDED.
    """
    place = Place(dataset, day)
    before = partitions.recorded(dataset, day)
    if before is None:
        raise LakeError(Trouble.MISSING, place, "has no manifest", "land or observe it first")
    old = before.manifest
    if old.format == "csv":
        raise LakeError(Trouble.REFUSED, place, "is CSV, which is never written here", "land it as parquet")
    if not worth_compacting(old, target):
        return old
    token = partitions.new_id()
    # Named before they are written: an observation in between must not count both the old files and the new.
    names = tuple(f"compact-{number:05d}-{token}{suffix}" for number in range(len(old.files)) for suffix in _SUFFIXES)
    announced = replace(old, ignored=(*old.ignored, *names))
    partitions.record(announced, before)
    new: list[LakeFile] = []
    if old.format == "parquet":
        files = encode(_frames(partitions, old), old.format, place, target=target)
    else:
        files = joined(_texts(partitions, old), compressed=compressed, target=target)
    for number, encoded in enumerate(files):
        with encoded.file:
            name = f"compact-{number:05d}-{token}{encoded.suffix}"
            if name not in names:
                raise LakeError(Trouble.REFUSED, place, "would become more files than it has", "leave it as it is")
            new.append(partitions.store(dataset, day, name, encoded))
    if sum(file.rows for file in new) != old.rows:
        raise LakeError(Trouble.DAMAGED, place, "the compacted files have another number of rows", "run verify")
    now = partitions.recorded(dataset, day)
    if now is None or now.manifest != announced:
        partitions.objects.delete([file.key for file in new], place)
        raise LakeError(Trouble.CONTENDED, place, "was written meanwhile", "theirs stands; compact again")
    replaced = tuple(file.name for file in old.files)
    manifest = replace(
        old, files=tuple(new), written_at=partitions.clock(), run_id=run_id, ignored=(*old.ignored, *replaced)
    )
    partitions.record(manifest, now)
    _delete_as_recorded(partitions, old.files, place)
    return manifest


def verify(partitions: Partitions, dataset: str, day: date, *, deep: bool) -> tuple[Difference, ...]:
    """How the files differ from their manifest; ``deep`` reads each and counts its rows. Raises LakeError."""
    recorded = partitions.recorded(dataset, day)
    if recorded is None:
        raise LakeError(Trouble.MISSING, Place(dataset, day), "has no manifest", "land or observe it first")
    manifest = recorded.manifest
    there = {item.key: item for item in partitions.listing(dataset, day)}
    found: list[Difference] = []
    for file in manifest.files:
        item = there.pop(file.key, None)
        if item is None:
            found.append(Difference(file.name, "is not there"))
        elif (item.etag, item.size) != (file.etag, file.size):
            found.append(Difference(file.name, f"was rewritten at {item.modified:%Y-%m-%d %H:%M:%S} UTC"))
        elif deep and (what := _miscounted(partitions, manifest, file)):
            found.append(Difference(file.name, what))
    prefix = prefix_of(dataset, day)
    extra = [Difference(key.removeprefix(prefix), "is in no manifest", harmless=True) for key in sorted(there)]
    return (*found, *extra)


def leftovers(partitions: Partitions, dataset: str, day: date, *, ours: bool) -> tuple[str, ...]:
    """Keys below the partition that nobody needs and that are too old to belong to a running write.

    Of a dataset written here (``ours``) that is everything the manifest does not list; of others' files only what a
    compaction has replaced or not finished.
    """
    recorded = partitions.recorded(dataset, day)
    needed = {file.key for file in recorded.manifest.files} if recorded else set()
    ignored = {prefix_of(dataset, day) + name for name in recorded.manifest.ignored} if recorded else set()
    oldest = partitions.clock() - RUNNING
    return tuple(
        item.key
        for item in partitions.listing(dataset, day)
        if item.key not in needed and item.modified < oldest and (ours or item.key in ignored)
    )


_SUFFIXES = (".parquet", ".ndjson", ".ndjson.gz")


def _frames(partitions: Partitions, manifest: Manifest) -> Iterator[pl.DataFrame]:
    for file in manifest.files:
        data, place = _fetched(partitions, manifest, file)
        yield decoded(data, manifest.format, manifest.schema, place)


def _texts(partitions: Partitions, manifest: Manifest) -> Iterator[tuple[Iterator[bytes], int]]:
    for file in manifest.files:
        data, place = _fetched(partitions, manifest, file)
        yield inflated(data, place), file.rows


def _fetched(partitions: Partitions, manifest: Manifest, file: LakeFile) -> tuple[bytes, Place]:
    place = Place(manifest.dataset, manifest.day, file.name)
    return partitions.objects.get(file.key, place, file.etag)[0], place


def _miscounted(partitions: Partitions, manifest: Manifest, file: LakeFile) -> str | None:
    data, place = _fetched(partitions, manifest, file)
    rows = decoded(data, manifest.format, manifest.schema, place).height
    return None if rows == file.rows else f"has {rows:,} rows, {file.rows:,} are recorded"


def _delete_as_recorded(partitions: Partitions, files: Sequence[LakeFile], place: Place) -> None:
    """Delete the old files; one that was rewritten meanwhile is somebody's new data and stays."""
    for file in files:
        meta = partitions.objects.head(file.key, place)
        if meta is not None and meta.etag == file.etag:
            partitions.objects.delete([file.key], place)
