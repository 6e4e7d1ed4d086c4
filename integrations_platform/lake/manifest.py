"""The manifest of a partition: which files it consists of, what is in them, and who wrote them.

Owns the JSON form and checks it like any other file that somebody else may have touched. A manifest is the truth about
a partition; files beside it are leftovers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from typing import Any

from integrations_platform.lake.errors import LakeError, Place, Trouble

VERSION = 1
Data = bytes  # inside the class below, ``bytes`` is a property
FOLDER = "_manifests"
_KNOWN_BYTES = 50_000_000  # a partition of 100,000 files has a manifest of 20 MB


@dataclass(frozen=True)
class LakeFile:
    """One file of a partition. ``name`` is relative to the partition's prefix, ``key`` to the lake's address.

    ``digest`` is the SHA-256 of a file that was written here; of others' files only the etag is known.
    """

    name: str
    key: str
    size: int
    etag: str
    rows: int
    digest: str = ""


@dataclass(frozen=True)
class Manifest:
    """A partition as it was written or observed. ``schema``: column → type in the words of :mod:`.schema`.

    ``ignored``: names of files that lie below the prefix and are not part of the partition, because a compaction is
    about to write them or has replaced them.
    """

    dataset: str
    day: date
    format: str
    files: tuple[LakeFile, ...]
    schema: Mapping[str, str]
    written_at: datetime
    run_id: str
    source: str
    ignored: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.size for file in self.files)

    @property
    def content(self) -> str:
        """A digest of what is in the partition: the same for the same bytes in the same files, however often written.

        Of files that others wrote it covers names and etags, so that rewriting one changes it.
        """
        parts = [[file.digest] if file.digest else [file.name, file.etag] for file in self.files]
        return hashlib.sha256(json.dumps([self.format, *parts]).encode()).hexdigest()[:32]

    def to_json(self) -> Data:
        """The stored form."""
        data = {item.name: getattr(self, item.name) for item in fields(self)}
        data |= {
            "version": VERSION,
            "day": self.day.isoformat(),
            "written_at": self.written_at.isoformat(),
            "schema": list(self.schema.items()),  # a list: columns keep their order in any JSON library
            "files": [{name: value for name, value in asdict(file).items() if name != "key"} for file in self.files],
            "rows": self.rows,
            "bytes": self.bytes,
            "content": self.content,
        }
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: Data, dataset: str, day: date) -> Manifest:
        """The manifest in ``data``, which must be that of this partition. Raises LakeError(DAMAGED)."""
        place = Place(dataset, day, key_of(dataset, day))
        try:
            return _read(data, dataset, day)
        except (ValueError, TypeError, KeyError, RecursionError) as fault:
            what = f"is no manifest of this partition ({type(fault).__name__}: {str(fault)[:100]})"
            raise LakeError(Trouble.DAMAGED, place, what, "write or observe the partition again") from fault


def key_of(dataset: str, day: date) -> str:
    """Where the manifest of a partition is."""
    return f"{FOLDER}/{dataset}/date={day.isoformat()}.json"


def prefix_of(dataset: str, day: date) -> str:
    """Where the files of a partition are."""
    return f"{dataset}/date={day.isoformat()}/"


def _read(data: bytes, dataset: str, day: date) -> Manifest:
    if len(data) > _KNOWN_BYTES:
        raise ValueError("it is too large")
    said = json.loads(data)
    found = (said["version"], said["dataset"], said["day"])
    if found != (VERSION, dataset, day.isoformat()):
        raise ValueError(f"it is about {found[1]!r} of {found[2]!r}, version {found[0]!r}")
    prefix = prefix_of(dataset, day)
    files = tuple(
        LakeFile(
            _text(file["name"]),
            prefix + _text(file["name"]),
            _count(file["size"]),
            _text(file["etag"]),
            _count(file["rows"]),
            _text(file["digest"]),
        )
        for file in said["files"]
    )
    if any(part in ("", ".", "..") for file in files for part in file.name.split("/")):
        raise ValueError("a file has a name that leads out of the partition")
    if len({file.name for file in files}) < len(files):
        raise ValueError("a file is listed twice")
    manifest = Manifest(
        dataset,
        day,
        _text(said["format"]),
        files,
        {_text(name): _text(kind) for name, kind in said["schema"]},
        _moment(said["written_at"]),
        _text(said["run_id"]),
        _text(said["source"]),
        tuple(_text(name) for name in said["ignored"]),
    )
    if (manifest.rows, manifest.bytes, manifest.content) != (said["rows"], said["bytes"], said["content"]):
        raise ValueError("its totals are not those of its files")
    return manifest


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is no text")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{str(value)[:40]!r} is no count")
    return value


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment
