"""Finds the files a COPY means, in any object store, and brings them to where DuckDB can read them.

Owns Snowflake's idea of a location: a raw, recursive prefix of names, not a folder. It reads; the only thing it ever
deletes is what PURGE asks for.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError as StoreError
from obstore.exceptions import NotFoundError, PreconditionError

from integrations_platform.warehouse.copying.parsed import ParsedCopy
from integrations_platform.warehouse.errors import CopyError, StatementError

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

OpenStore = Callable[[str], "ObjectStore"]
"""Opens the store at the root of a URL: `s3://bucket`, `abfss://container@account.dfs.core.windows.net`, a folder."""

_AZURE = re.compile(
    r"azure://(?P<account>[a-z0-9]+)\.(?:blob|dfs)\.core\.windows\.net/(?P<container>[^/]+)/?(?P<path>.*)"
)
_GLOB = re.compile(r"[*?\[\]{}]")


@dataclass(frozen=True)
class Place:
    """A location: the ``root`` of its store, the ``prefix`` of keys in it, and how a URL of a key begins."""

    root: str
    prefix: str
    url: str

    @classmethod
    def of(cls, location: str) -> Place:
        """The place that a URL of a statement means. Raises StatementError for other schemes."""
        if location.startswith("s3://"):
            bucket, _, path = location.removeprefix("s3://").partition("/")
            if bucket:
                return cls(f"s3://{bucket}", path, f"s3://{bucket}/")
        elif location.startswith("file:///"):
            folder, _, prefix = location.removeprefix("file://").rpartition("/")
            return cls(f"file://{folder}/", prefix, f"file://{folder}/")
        elif match := _AZURE.fullmatch(location):
            account, container = match["account"], match["container"]
            root = f"abfss://{container}@{account}.dfs.core.windows.net"
            return cls(root, match["path"], f"azure://{account}.blob.core.windows.net/{container}/")
        raise StatementError(
            f"cannot load from {location!r}; write s3://bucket/path/, "
            "azure://account.blob.core.windows.net/container/path/ or file:///path/"
        )


@dataclass(frozen=True)
class SourceFile:
    """A file to load. ``name``: as the result calls it; ``key``: in its store; ``local``: where it lies, if it does."""

    name: str
    key: str
    size: int
    etag: str
    modified: datetime
    store: ObjectStore
    local: Path | None

    def delete(self) -> None:
        """Remove it from its store, for PURGE."""
        self.store.delete(self.key)


def find_files(copy: ParsedCopy, location: str, open_store: OpenStore) -> list[SourceFile]:
    """The files, sorted by name, in the order they are loaded. Raises CopyError for what is missing or unreachable."""
    place = Place.of(location)
    folder = Path(place.root.removeprefix("file://")) if place.root.startswith("file://") else None
    if folder is not None and not folder.is_dir():
        found: list[SourceFile] = []
    else:
        with told(location):
            store = open_store(place.root)
            found = sorted(_listed(store, place, folder), key=lambda item: item.name)
    if copy.files is not None:
        known = {item.key: item for item in found}
        found = []
        for name in copy.files:
            item = known.get(place.prefix + name)
            if item is None:
                raise CopyError(
                    f"Remote file '{location}{name}' was not found. If you are running a copy command, please make "
                    "sure files are not deleted when they are being loaded",
                    errno=91016,
                )
            found.append(item)
    if copy.pattern is not None:
        pattern = copy.pattern
        found = [
            item for item in found if pattern.fullmatch(str(item.local or item.key)) or pattern.fullmatch(item.name)
        ]
    return _within(found, copy.size_limit)


def _listed(store: ObjectStore, place: Place, folder: Path | None) -> Iterator[SourceFile]:
    """Everything under the prefix that is not empty. Stores list by path segment, Snowflake by raw prefix."""
    above = place.prefix.rpartition("/")[0]
    for batch in store.list(above or None):
        for item in batch:
            key = item["path"]
            if key.startswith(place.prefix) and item["size"]:
                local = folder / key if folder is not None else None
                yield SourceFile(place.url + key, key, item["size"], _etag(item), item["last_modified"], store, local)


def _etag(item: ObjectMeta) -> str:
    return (item.get("e_tag") or "").strip('"')


def _within(files: Sequence[SourceFile], limit: int | None) -> list[SourceFile]:
    """The first files until their sizes exceed the limit; one at least."""
    if limit is None:
        return list(files)
    chosen: list[SourceFile] = []
    total = 0
    for item in files:
        if chosen and total > limit:
            break
        chosen.append(item)
        total += item.size
    return chosen


@contextmanager
def on_disk(file: SourceFile) -> Iterator[Path]:
    """A path that DuckDB reads as this file and nothing else; a downloaded copy is gone afterwards.

    Raises CopyError when the file is no longer the one that was listed.
    """
    with tempfile.TemporaryDirectory(prefix="integrations-copy-") as folder:
        # DuckDB would expand a name like a*.json to other files.
        target = Path(folder) / _GLOB.sub("_", Path(file.key).name)
        if file.local is not None:
            if not _GLOB.search(str(file.local)):
                target = file.local
            else:
                target.symlink_to(file.local.absolute())
            yield target
            if _etag(file.store.head(file.key)) != file.etag:
                raise _rewritten(file)
            return
        with told(file.name):
            try:
                answer = file.store.get(file.key, options={"if_match": f'"{file.etag}"'} if file.etag else None)
            except (NotFoundError, PreconditionError):
                raise _rewritten(file) from None
            with target.open("wb") as local:
                for chunk in answer.stream(min_chunk_size=8 * 1024 * 1024):
                    local.write(chunk)
        yield target


def _rewritten(file: SourceFile) -> CopyError:
    return CopyError(f"{file.name} was rewritten or removed while it was loading; nothing was loaded", errno=91016)


@contextmanager
def told(what: str) -> Iterator[None]:
    """The store's own refusals in words that name the place, with the vendor's reason."""
    try:
        yield
    except PermissionError as fault:
        raise CopyError(f"{what} cannot be read: {fault.strerror or 'permission denied'}", errno=91001) from None
    except (StoreError, OSError) as fault:
        raise CopyError(f"{what} cannot be read: {reason(fault)}", errno=91001, transient=is_passing(fault)) from None


def reason(fault: BaseException) -> str:
    """What a store said, on one line: the vendor's code and message where it gave them."""
    text = str(fault)
    code, message = (re.search(rf"<{tag}>([^<]{{1,300}})</{tag}>", text) for tag in ("Code", "Message"))
    if code:
        return f"{code[1]}: {message[1]}" if message else code[1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[0] if lines else type(fault).__name__)[:300]


def is_passing(fault: BaseException) -> bool:
    """Whether another try may help: a connection that broke, a server that was busy."""
    text = str(fault).lower()
    return any(word in text for word in ("timed out", "timeout", "connection", "503", "slowdown", "500 internal"))
