"""Partitions that others write: listed, read through once, and recorded, so that loaders know what to expect.

Nothing of theirs is changed. A file that is rewritten while it is read, or one that is added, is an error and not a
half-true manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from integrations_platform.lake.decoding import Contents, contents
from integrations_platform.lake.errors import LakeError, Place, Trouble
from integrations_platform.lake.manifest import LakeFile, Manifest, prefix_of
from integrations_platform.lake.objects import Listed
from integrations_platform.lake.partitions import Partitions, Recorded
from integrations_platform.lake.schema import disagreement, united

SOURCE = "files"
_AT_ONCE = 8


def observe(partitions: Partitions, dataset: str, day: date, form: str, run_id: str, *, may_be_empty: bool) -> Manifest:
    """The partition as its files are now, recorded; the recorded one when none of them has changed since.

    Files of no size, and files whose name or folder begins with ``_`` or ``.``, are no data by convention and passed
    over. Raises LakeError: MISSING for a day without files, DAMAGED, MIXED, CHANGED, CONTENDED.
    """
    place = Place(dataset, day)
    before = partitions.replaceable(dataset, day)
    listed = visible(partitions, dataset, day, before)
    if not listed and not may_be_empty:
        raise LakeError(
            Trouble.MISSING,
            place,
            f"there are no files below {prefix_of(dataset, day)}",
            "wait for whoever writes them, or set may_be_empty if days without any are in order",
        )
    if before is not None and before.manifest.format == form and _unchanged(before.manifest, listed):
        return before.manifest
    found = _read(partitions, listed, form, place)
    schema = _agreed(listed, found, form, place)
    if visible(partitions, dataset, day, before) != listed:
        raise LakeError(Trouble.CHANGED, place, "was still being written while it was read", "observe it again later")
    prefix = prefix_of(dataset, day)
    files = tuple(
        LakeFile(item.key.removeprefix(prefix), item.key, item.size, item.etag, inside.rows)
        for item, inside in zip(listed, found, strict=True)
    )
    ignored = before.manifest.ignored if before else ()
    manifest = Manifest(dataset, day, form, files, schema, partitions.clock(), run_id, SOURCE, ignored)
    partitions.record(manifest, before)
    return manifest


def visible(partitions: Partitions, dataset: str, day: date, before: Recorded | None) -> tuple[Listed, ...]:
    """The files that count: not empty, not hidden, and not set aside by a compaction."""
    prefix = prefix_of(dataset, day)
    ignored = set(before.manifest.ignored) if before else set()
    return tuple(
        item
        for item in partitions.listing(dataset, day)
        for name in [item.key.removeprefix(prefix)]
        if item.size and name not in ignored and not any(part.startswith(("_", ".")) for part in name.split("/"))
    )


def _unchanged(manifest: Manifest, listed: Sequence[Listed]) -> bool:
    return [(file.key, file.etag, file.size) for file in manifest.files] == [
        (item.key, item.etag, item.size) for item in listed
    ]


def _read(partitions: Partitions, listed: Sequence[Listed], form: str, place: Place) -> list[Contents]:
    prefix = prefix_of(place.dataset, place.day) if place.day else ""

    def look(item: Listed) -> Contents:
        return contents(partitions.objects, item, form, place.at(item.key.removeprefix(prefix)))

    if len(listed) == 1:
        return [look(listed[0])]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(look, listed))


def _agreed(listed: Sequence[Listed], found: Sequence[Contents], form: str, place: Place) -> dict[str, str]:
    schema: dict[str, str] = {}
    first = ""
    for item, inside in zip(listed, found, strict=True):
        if first and (what := disagreement(schema, inside.schema, strict=form != "ndjson")):
            raise LakeError(
                Trouble.MIXED,
                place.at(item.key),
                f"has other columns than {first}: {what}",
                "write all files of a day with the same columns",
            )
        first = first or item.key
        schema = united(schema, inside.schema)
    return schema
