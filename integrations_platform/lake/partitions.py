"""Reading and replacing the manifest of a partition, and deleting what no manifest lists.

Owns the order of steps that makes a write atomic: new files under new names, each looked at again, then the manifest,
conditional on the one that was there before, and last the files that nobody needs any more. Names are never used
twice, so that a slow writer's clean-up cannot hit a faster writer's file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from integrations_platform.lake.encoding import Encoded
from integrations_platform.lake.errors import LakeError, Place, Trouble
from integrations_platform.lake.manifest import LakeFile, Manifest, key_of, prefix_of
from integrations_platform.lake.objects import Listed, Objects


@dataclass(frozen=True)
class Recorded:
    """A manifest and the etag it is stored under."""

    manifest: Manifest
    etag: str


@dataclass(frozen=True)
class Onto:
    """What is written onto: the partition as the writer has seen it (None: there was none), and the files that stay."""

    seen: Manifest | None
    stay: tuple[LakeFile, ...] = ()


class Partitions:
    """The partitions of all datasets. ``new_id`` gives a name part never given before; ``clock`` an aware time."""

    def __init__(self, objects: Objects, clock: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self.objects, self.clock, self.new_id = objects, clock, new_id

    def recorded(self, dataset: str, day: date) -> Recorded | None:
        """The manifest as stored; None when there is none. Raises LakeError(DAMAGED) for one that is no manifest."""
        place = Place(dataset, day, key_of(dataset, day))
        try:
            data, meta = self.objects.get(key_of(dataset, day), place)
        except LakeError as fault:
            if fault.trouble is Trouble.MISSING:
                return None
            raise
        return Recorded(Manifest.from_json(data, dataset, day), meta.etag)

    def listing(self, dataset: str, day: date) -> tuple[Listed, ...]:
        """Everything below the partition's prefix, leftovers included."""
        return self.objects.list(prefix_of(dataset, day), Place(dataset, day))

    def record(self, manifest: Manifest, before: Recorded | None) -> None:
        """Make ``manifest`` the partition, if ``before`` still is.

        Raises LakeError(CONTENDED) when somebody else was faster; theirs then is the partition.
        """
        place = Place(manifest.dataset, manifest.day)
        key = key_of(manifest.dataset, manifest.day)
        if not self.objects.replace(key, manifest.to_json(), before.etag if before else None, place):
            now = self.recorded(manifest.dataset, manifest.day)
            who = f"by run {now.manifest.run_id}" if now else "by somebody else"
            raise LakeError(
                Trouble.CONTENDED, place, f"was written {who} meanwhile", "theirs stands; run again to replace it"
            )

    def write(
        self,
        dataset: str,
        day: date,
        files: Iterable[Encoded],
        *,
        form: str,
        schema: Mapping[str, str],
        source: str,
        run_id: str,
        onto: Onto | None = None,
    ) -> Manifest:
        """Replace the partition by ``files``; ``schema`` is read after the last of them. The same bytes again leave it
        as it is, down to the names. With ``onto`` its files stay and these come after them, and a partition that is no
        longer the one seen is CONTENDED. Raises LakeError. Whatever happens, the partition is the old one or the new
        one.
        """
        place = Place(dataset, day)
        there = self.listing(dataset, day)
        before = self.replaceable(dataset, day)
        if onto is not None and (before.manifest if before else None) != onto.seen:
            raise LakeError(Trouble.CONTENDED, place, "was written by somebody else meanwhile", "run again")
        kept = self._kept(before, there)
        token = self.new_id()
        new: list[LakeFile] = list(onto.stay) if onto else []
        own: list[str] = []
        try:
            for number, encoded in enumerate(files, len(new)):
                with encoded.file:
                    old = kept[number] if number < len(kept) else None
                    if old is not None and old.digest == encoded.digest:
                        new.append(old)
                        continue
                    name = f"part-{number:05d}-{token}{encoded.suffix}"
                    own.append(prefix_of(dataset, day) + name)
                    new.append(self.store(dataset, day, name, encoded))
        except BaseException:
            self._discard(own, place)
            raise
        manifest = Manifest(dataset, day, form, tuple(new), dict(schema), self.clock(), run_id, source)
        # Only what was there before this write began: later files belong to somebody who is still writing, and
        # earlier writers cannot succeed any more once the manifest is replaced.
        old_keys = {item.key for item in there} | {file.key for file in (before.manifest.files if before else ())}
        stale = sorted(old_keys - {file.key for file in new})
        if before is not None and not stale and self._same(before.manifest, manifest):
            return before.manifest
        try:
            self.record(manifest, before)
        except LakeError as fault:
            if fault.trouble is Trouble.CONTENDED:
                self._discard(own, place)
            raise
        self.objects.delete(stale, place)
        return manifest

    def store(self, dataset: str, day: date, name: str, encoded: Encoded) -> LakeFile:
        """Store one file and look at it again. Raises LakeError(DAMAGED) when it did not arrive whole."""
        place = Place(dataset, day, name)
        key = prefix_of(dataset, day) + name
        size = encoded.file.seek(0, 2)
        encoded.file.seek(0)
        self.objects.put(key, encoded.file, place)
        meta = self.objects.head(key, place)
        if meta is None or meta.size != size:
            found = "is not there" if meta is None else f"has {meta.size:,} bytes"
            raise LakeError(Trouble.DAMAGED, place, f"{found} after {size:,} were written", "run again")
        return LakeFile(name, key, size, meta.etag, encoded.rows, encoded.digest)

    def replaceable(self, dataset: str, day: date) -> Recorded | None:
        """The recorded partition; one whose manifest is damaged is replaced like any other."""
        try:
            return self.recorded(dataset, day)
        except LakeError as fault:
            if fault.trouble is not Trouble.DAMAGED:
                raise
            key = key_of(dataset, day)
            meta = self.objects.head(key, fault.place)
            if meta is None:
                return None
            empty = Manifest(dataset, day, "", (), {}, self.clock(), "", "")
            return Recorded(empty, meta.etag)

    @staticmethod
    def _kept(before: Recorded | None, there: Iterable[Listed]) -> tuple[LakeFile | None, ...]:
        """The recorded files, None for those that are no longer as they were written."""
        etags = {item.key: (item.etag, item.size) for item in there}
        files = before.manifest.files if before else ()
        return tuple(file if etags.get(file.key) == (file.etag, file.size) else None for file in files)

    @staticmethod
    def _same(a: Manifest, b: Manifest) -> bool:
        facts = [(item.format, item.files, list(item.schema.items()), item.source, item.ignored) for item in (a, b)]
        return facts[0] == facts[1]

    def _discard(self, keys: list[str], place: Place) -> None:
        """Delete own files after a failure, which is what the caller hears of; the next write deletes what stays."""
        with suppress(LakeError):
            self.objects.delete(keys, place)


def days_of(folders: Iterable[str]) -> Iterator[date]:
    """The days that names like ``date=2025-10-30`` or ``date=2025-10-30.json`` say; other names are passed over."""
    for name in folders:
        stem = name.removesuffix(".json")
        if stem.startswith("date="):
            with suppress(ValueError):
                day = date.fromisoformat(stem.removeprefix("date="))
                if stem == f"date={day.isoformat()}":
                    yield day
