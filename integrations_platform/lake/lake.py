"""The lake of one environment: what can be asked of it and done to it.

Opens the store when it is first needed. Days are dates; a dataset is one that the environment declares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import chain
from uuid import uuid4

import polars as pl

from integrations_platform.lake import keeping
from integrations_platform.lake.address import Address, parse
from integrations_platform.lake.decoding import decoded
from integrations_platform.lake.encoding import TARGET_BYTES, Rows, encode, frames_of
from integrations_platform.lake.errors import LakeError, Place, Trouble
from integrations_platform.lake.manifest import FOLDER, Manifest, prefix_of
from integrations_platform.lake.objects import Listed, Objects, StoredObjects
from integrations_platform.lake.observing import observe
from integrations_platform.lake.partitions import Onto, Partitions, days_of
from integrations_platform.lake.schema import disagreement, dtype_of, names_of
from integrations_platform.lake.stores import Store, open_store
from integrations_platform.schema_check import nearest
from integrations_platform.settings_lake import (
    AirbyteOutput,
    DatasetSettings,
    FilesOfOthers,
    JobOutput,
    LakeSettings,
    ModelOutput,
    SampleData,
)

_SAMPLED_BYTES = 20_000_000
_AT_ONCE = 16  # manifests read together: a year of them is then a second on a store that answers in 40 ms


def now_utc() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """Twelve hexadecimal digits that were never given before."""
    return uuid4().hex[:12]


@dataclass
class Lake:
    """One environment's lake. ``clock`` and ``new_id`` are given in tests, and ``objects`` to watch every call."""

    settings: LakeSettings
    clock: Callable[[], datetime] = now_utc
    new_id: Callable[[], str] = new_id
    objects: Objects | None = None

    @classmethod
    def open(cls, settings: LakeSettings) -> Lake:
        """The lake that the settings describe; the store is opened at the first call."""
        return cls(settings)

    @cached_property
    def address(self) -> Address:
        """Where it is. Raises SettingsError, LakeError."""
        return parse(self.settings.url.resolve())

    @cached_property
    def _store(self) -> Store:
        return open_store(self.address, {name: text.resolve() for name, text in self.settings.options.items()})

    def store(self) -> Store:
        """The obstore store, for readers of their own; keys are relative to the address. Raises LakeError."""
        return self._store

    @cached_property
    def _partitions(self) -> Partitions:
        return Partitions(self.objects or StoredObjects(self._store), self.clock, self.new_id)

    def dataset(self, name: str) -> DatasetSettings:
        """The declared dataset of that name. Raises LakeError that lists the known ones."""
        if name not in self.settings.datasets:
            what = f"no dataset is named {name!r}"
            raise LakeError(Trouble.CONFIGURATION, Place(), what, nearest(name, self.settings.datasets))
        return self.settings.datasets[name]

    def location(self, dataset: str, day: date) -> str:
        """The partition's prefix as Snowflake takes it, always with a slash at its end; ``file://`` for a folder."""
        return self.address.location(prefix_of(self.dataset(dataset).name, day))

    def listing(self, dataset: str, day: date) -> tuple[Listed, ...]:
        """Everything below the partition's prefix, by key; leftovers and unfinished writes included."""
        return self._partitions.listing(self.dataset(dataset).name, day)

    def manifest(self, dataset: str, day: date) -> Manifest | None:
        """The partition as recorded; None when it was never written or observed. Raises LakeError."""
        found = self._partitions.recorded(self.dataset(dataset).name, day)
        return found.manifest if found else None

    def manifests(self, dataset: str, days: Iterable[date] | None = None) -> Mapping[date, Manifest]:
        """The recorded partitions of these days, or all, by day, read many at a time; days without one are left out."""
        wanted = list(self.days(dataset) if days is None else days)
        if len(wanted) < 2:
            found = [self.manifest(dataset, day) for day in wanted]
        else:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                found = list(pool.map(lambda day: self.manifest(dataset, day), wanted))
        return {manifest.day: manifest for manifest in found if manifest is not None}

    def days(self, dataset: str) -> tuple[date, ...]:
        """Days that have a manifest, in order."""
        name = self.dataset(dataset).name
        listed = self._partitions.objects.list(f"{FOLDER}/{name}/", Place(name))
        return tuple(sorted(days_of(item.key.rpartition("/")[2] for item in listed)))

    def days_with_files(self, dataset: str) -> tuple[date, ...]:
        """Days that have files, recorded or not, in order."""
        name = self.dataset(dataset).name
        return tuple(sorted(days_of(self._partitions.objects.folders(f"{name}/", Place(name)))))

    def write_partition(
        self, dataset: str, day: date, data: Rows, run_id: str, *, target: int = TARGET_BYTES
    ) -> Manifest:
        """Replace the partition by ``data``: a frame, frames, or mappings; no rows make a partition without files.

        Adds the dataset's ``date_column``. Writing the same rows again changes nothing. Raises LakeError: REFUSED for a
        dataset of others' files and for values the format cannot hold, CONTENDED, DENIED, UNAVAILABLE. A reader who
        goes through the manifest sees the old partition until the new one is complete.
        """
        return self._written(dataset, day, data, run_id, target, None)

    def append_partition(
        self, dataset: str, day: date, data: Rows, run_id: str, seen: Manifest | None, *, target: int = TARGET_BYTES
    ) -> Manifest:
        """Add ``data`` to the partition, which ``seen`` is (None: there is none yet), in files of their own.

        Where ``data`` has other columns, all rows are written anew with the columns of both. Raises LakeError like
        :meth:`write_partition`, CONTENDED also when the partition is no longer ``seen``, MIXED for a column that is of
        one type there and of another here.
        """
        place = Place(dataset, day)
        frames = frames_of(data, place)
        first = next(frames, None)
        if first is None or seen is None:
            rest = [] if first is None else chain([first], frames)
            return self._written(dataset, day, rest, run_id, target, Onto(seen, seen.files if seen else ()))
        columns = names_of(_dated(first, self.dataset(dataset).date_column, place).schema)
        if disagreement(seen.schema, columns, strict=True) is None:
            return self._written(dataset, day, chain([first], frames), run_id, target, Onto(seen, seen.files))
        try:
            whole = pl.concat([self.read(seen), first, *frames], how="diagonal_relaxed")
        except pl.exceptions.PolarsError as fault:
            what = f"has columns of other types than the rows to add ({str(fault)[:200]})"
            raise LakeError(Trouble.MIXED, place, what, "land them on another day, or remove this partition") from None
        if (column := self.dataset(dataset).date_column) is not None:
            whole = whole.drop(column)
        return self._written(dataset, day, whole, run_id, target, Onto(seen))

    def _written(self, dataset: str, day: date, data: Rows, run_id: str, target: int, onto: Onto | None) -> Manifest:
        settings = self.dataset(dataset)
        place = Place(dataset, day)
        if isinstance(settings.source, FilesOfOthers):
            raise LakeError(Trouble.REFUSED, place, "is written by others", "write where they do, and observe it here")
        schema: dict[str, str] = dict(onto.seen.schema) if onto and onto.seen and onto.stay else {}

        def frames() -> Iterator[pl.DataFrame]:
            for frame in frames_of(data, place):
                dated = _dated(frame, settings.date_column, place)
                schema.update(names_of(dated.schema))
                yield dated

        files = encode(frames(), settings.format, place, compressed=settings.compression == "gzip", target=target)
        return self._partitions.write(
            dataset,
            day,
            files,
            form=settings.format,
            schema=schema,
            source=described(settings),
            run_id=run_id,
            onto=onto,
        )

    def note(self, dataset: str) -> tuple[bytes, str] | None:
        """What whoever fills the dataset has kept beside its manifests, and its etag; None when that is nothing."""
        place = Place(self.dataset(dataset).name, file=_note_key(dataset))
        try:
            data, meta = self._partitions.objects.get(_note_key(dataset), place)
        except LakeError as fault:
            if fault.trouble is Trouble.MISSING:
                return None
            raise
        return data, meta.etag

    def keep_note(self, dataset: str, data: bytes, before: str | None) -> None:
        """Keep ``data`` instead of the note of that etag (None: there is none). Raises LakeError(CONTENDED) when
        somebody else kept another meanwhile; theirs stands."""
        place = Place(self.dataset(dataset).name, file=_note_key(dataset))
        if not self._partitions.objects.replace(_note_key(dataset), data, before, place):
            raise LakeError(
                Trouble.CONTENDED, place, "was written by another run meanwhile", "theirs stands; run again"
            )

    def drop_note(self, dataset: str) -> None:
        """Forget the note; none is no error."""
        self._partitions.objects.delete([_note_key(dataset)], Place(self.dataset(dataset).name))

    def observe(self, dataset: str, day: date, run_id: str = "") -> Manifest:
        """Record what others wrote below the partition's prefix; see :mod:`.observing`. Raises LakeError."""
        settings = self.dataset(dataset)
        if not isinstance(settings.source, FilesOfOthers | AirbyteOutput):
            what = "is written here, and its manifest says what it is"
            raise LakeError(Trouble.REFUSED, Place(dataset, day), what, "write it again if its files were touched")
        return observe(self._partitions, dataset, day, settings.format, run_id, may_be_empty=settings.may_be_empty)

    def compact(self, dataset: str, day: date, run_id: str, *, target: int = TARGET_BYTES) -> Manifest:
        """Put small files together; see :mod:`.keeping`. Files of others are replaced too. Raises LakeError."""
        settings = self.dataset(dataset)
        compressed = settings.compression == "gzip" or isinstance(settings.source, FilesOfOthers)
        return keeping.compact(self._partitions, dataset, day, compressed=compressed, target=target, run_id=run_id)

    def verify(self, dataset: str, day: date, *, deep: bool = False) -> tuple[keeping.Difference, ...]:
        """How the files differ from their manifest; ``deep`` reads and counts them. Raises LakeError."""
        return keeping.verify(self._partitions, self.dataset(dataset).name, day, deep=deep)

    def tidy(self, dataset: str, day: date, *, dry_run: bool = False) -> tuple[str, ...]:
        """Delete what broken writes left over, a day after; returns the keys. Raises LakeError."""
        ours = not isinstance(self.dataset(dataset).source, FilesOfOthers | AirbyteOutput)
        keys = keeping.leftovers(self._partitions, dataset, day, ours=ours)
        if not dry_run:
            self._partitions.objects.delete(keys, Place(dataset, day))
        return keys

    def read(self, manifest: Manifest) -> pl.DataFrame:
        """All rows of a partition, with the recorded types. Raises LakeError(CHANGED) when a file is not as it was."""
        if not manifest.files:
            return pl.DataFrame(schema={name: dtype_of(kind) or pl.Null() for name, kind in manifest.schema.items()})
        return pl.concat(self.frames(manifest), how="diagonal_relaxed")

    def sample(self, manifest: Manifest, rows: int) -> pl.DataFrame | None:
        """The first rows of a partition; None when it has none, or when fetching them would take much."""
        if not manifest.files or manifest.files[0].size > _SAMPLED_BYTES:
            return None
        return next(self.frames(manifest)).head(rows)

    def frames(self, manifest: Manifest, only: str | None = None) -> Iterator[pl.DataFrame]:
        """The partition file by file, for those that should not be in memory as a whole. ``only``: a column that is
        enough, of those recorded."""
        for file in manifest.files:
            place = Place(manifest.dataset, manifest.day, file.name)
            data, _ = self._partitions.objects.get(file.key, place, file.etag)
            yield decoded(data, manifest.format, manifest.schema, place, only)


def _note_key(dataset: str) -> str:
    return f"{FOLDER}/{dataset}/note.json"


def described(settings: DatasetSettings) -> str:
    """The source of a dataset in a word or two, as manifests record it."""
    source = settings.source
    if isinstance(source, FilesOfOthers):
        return "files"
    if isinstance(source, JobOutput):
        return f"job:{source.job}"
    if isinstance(source, ModelOutput):
        return f"model:{source.model}"
    if isinstance(source, AirbyteOutput):
        return ":".join(["airbyte", source.connection, *filter(None, [source.namespace]), source.stream])
    return f"sample:{source.name}" if isinstance(source, SampleData) else f"sync:{source.sync}:{source.publish}"


def _dated(frame: pl.DataFrame, column: str | None, place: Place) -> pl.DataFrame:
    """The frame with the partition's date in the column. Raises LakeError where the column holds something else."""
    if column is None:
        return frame
    if column not in frame.columns:
        return frame.with_columns(pl.lit(place.day, pl.Date).alias(column))
    if frame.schema[column] != pl.Date or not (frame[column] == place.day).fill_null(value=False).all():
        what = f"column {column} does not hold the partition's date in every row"
        raise LakeError(Trouble.REFUSED, place, what, "leave the column out, or split the rows by day")
    return frame
