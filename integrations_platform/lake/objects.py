"""Objects by key: the few calls that the lake makes of a store, each with its error in words.

:class:`Objects` is the port; the lake's promises about crashes are proved against it call by call. Keys are relative
to the lake's address.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, PreconditionError

from integrations_platform.lake.errors import LakeError, Place, Trouble, explained
from integrations_platform.lake.stores import Store


@dataclass(frozen=True)
class Listed:
    """One object as a listing shows it. ``etag`` changes whenever its bytes do."""

    key: str
    size: int
    etag: str
    modified: datetime


class Objects(Protocol):
    """What the lake needs of a store. Every method raises LakeError about ``place``."""

    def put(self, key: str, data: bytes | IO[bytes], place: Place) -> None:
        """Store under ``key``; nobody ever sees part of it."""

    def replace(self, key: str, data: bytes, expected: str | None, place: Place) -> bool:
        """Store under ``key`` if its etag is still ``expected`` (None: if there is none yet); False if it is not."""

    def get(self, key: str, place: Place, expected: str | None = None) -> tuple[bytes, Listed]:
        """The bytes of an object. Raises CHANGED when its etag is not ``expected``, MISSING when it is not there."""

    def tail(self, listed: Listed, start: int, place: Place) -> bytes:
        """The bytes from ``start`` to the end. Raises CHANGED when the object is no longer the listed one."""

    def head(self, key: str, place: Place) -> Listed | None:
        """The object without its bytes; None when it is not there."""

    def list(self, prefix: str, place: Place) -> tuple[Listed, ...]:
        """All objects below ``prefix``, which ends with a slash, by key."""

    def folders(self, prefix: str, place: Place) -> tuple[str, ...]:
        """Names of the folders directly below ``prefix``, sorted."""

    def delete(self, keys: Sequence[str], place: Place) -> None:
        """Delete; what is not there is passed over."""


class StoredObjects:
    """The port over obstore."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = Path(store.prefix) if isinstance(store, obstore.store.LocalStore) and store.prefix else None

    def put(self, key: str, data: bytes | IO[bytes], place: Place) -> None:
        """Store under ``key``."""
        with explained(place):
            obstore.put(self._store, key, data)

    def replace(self, key: str, data: bytes, expected: str | None, place: Place) -> bool:
        """Store under ``key`` if nobody else did since."""
        try:
            with explained(place):
                if expected is None:
                    mode: Any = "create"
                elif self._folder is None:
                    mode = {"e_tag": expected}
                else:
                    return self._replace_file(self._folder, key, data, expected)
                try:
                    obstore.put(self._store, key, data, mode=mode)
                except (AlreadyExistsError, PreconditionError, FileNotFoundError) as fault:
                    if "NoSuchBucket" in str(fault) or "ContainerNotFound" in str(fault):
                        raise
                    # A retried call may meet its own first attempt.
                    return bytes(obstore.get(self._store, key).bytes()) == data
                return True
        except LakeError as fault:
            if fault.trouble is Trouble.MISSING:
                return False
            raise

    def _replace_file(self, folder: Path, key: str, data: bytes, expected: str) -> bool:
        # Folders have no conditional write. The lock is held for this comparison only and dies with its process.
        with _locked(folder / "_manifests.lock"):
            if _listed(obstore.head(self._store, key)).etag != expected:
                return False
            obstore.put(self._store, key, data)
            return True

    def get(self, key: str, place: Place, expected: str | None = None) -> tuple[bytes, Listed]:
        """The bytes of an object."""
        with explained(place):
            found = obstore.get(self._store, key, options={"if_match": expected} if expected else None)
            meta = _listed(found.meta)
            return bytes(found.bytes()), meta

    def tail(self, listed: Listed, start: int, place: Place) -> bytes:
        """The bytes from ``start`` to the end."""
        with explained(place):
            options: Any = {"if_match": listed.etag, "range": (start, listed.size)}
            return bytes(obstore.get(self._store, listed.key, options=options).bytes())

    def head(self, key: str, place: Place) -> Listed | None:
        """The object without its bytes."""
        try:
            with explained(place):
                return _listed(obstore.head(self._store, key))
        except LakeError as fault:
            if fault.trouble is Trouble.MISSING:
                return None
            raise

    def list(self, prefix: str, place: Place) -> tuple[Listed, ...]:
        """All objects below ``prefix``."""
        with explained(place):
            found = [_listed(meta) for meta in obstore.list(self._store, prefix, chunk_size=1000).collect()]
        return tuple(sorted(found, key=lambda item: item.key))

    def folders(self, prefix: str, place: Place) -> tuple[str, ...]:
        """Names of the folders directly below ``prefix``."""
        with explained(place):
            found = obstore.list_with_delimiter(self._store, prefix)["common_prefixes"]
        return tuple(sorted(path.rstrip("/").rpartition("/")[2] for path in found))

    def delete(self, keys: Sequence[str], place: Place) -> None:
        """Delete each; a bulk call of S3 would say less about what failed."""
        for key in keys:
            try:
                with explained(place):
                    obstore.delete(self._store, key)
            except LakeError as fault:
                if fault.trouble is not Trouble.MISSING:
                    raise


def _listed(meta: Any) -> Listed:
    # Azure's listings leave out the quotation marks that are part of an etag everywhere else.
    etag = (meta["e_tag"] or "").strip('"')
    return Listed(meta["path"], meta["size"], f'"{etag}"', meta["last_modified"])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
