"""From what a task wrote to a partition of the lake: nothing is visible before the task has ended well.

A task writes into a folder of its own outside every dataset and tells which files are whole. They are compared with
what is there, and only then replace the partition, in the lake's own atomic way. A task that crashes half-way, or runs
twice, leaves the partition as it was.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from integrations_platform.databricks.faults import JobFault
from integrations_platform.lake.errors import LakeError, Place, Trouble, explained
from integrations_platform.service_faults import FaultKind

if TYPE_CHECKING:
    import polars as pl

    from integrations_platform.lake.lake import Lake
    from integrations_platform.lake.manifest import Manifest

FOLDER = "_jobs"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}\.parquet")


@dataclass(frozen=True)
class Written:
    """One file as the task tells it; ``name`` is below the task's folder."""

    name: str
    rows: int
    bytes: int


def told(payloads: Sequence[Any]) -> tuple[Written, ...]:
    """The files in the task's custom messages ``{"wrote": [{"name", "rows", "bytes"}]}``.

    Raises JobFault when there is none, or one is not of that form: a task's message is input like any other.
    """
    listed = [each for payload in payloads if isinstance(payload, Mapping) for each in payload.get("wrote", ())]
    if not listed:
        raise JobFault(FaultKind.PERMANENT, 'the task ended well and told of no file; report {"wrote": […]} from it')
    found = []
    for each in listed:
        name = each.get("name") if isinstance(each, Mapping) else None
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise JobFault(FaultKind.PERMANENT, f"the task told of a file {str(name)[:80]!r}; name a Parquet file")
        counts = [each.get(key) for key in ("rows", "bytes")]
        if not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts):
            raise JobFault(FaultKind.PERMANENT, f"the task told no rows and bytes of {name}")
        found.append(Written(name, *counts))
    return tuple(found)


@dataclass(frozen=True)
class Staging:
    """The folder one step's task writes into; ``token`` names it."""

    lake: Lake
    token: str

    @property
    def folder(self) -> str:
        """Below the lake's address."""
        return f"{FOLDER}/{self.token}"

    def publish(self, dataset: str, day: date, files: Sequence[Written], run_id: str) -> Manifest:
        """Make the files the partition. Raises JobFault when they are not as told, LakeError; the partition is then
        what it was before."""
        return self.lake.write_partition(dataset, day, self._frames(files), run_id)

    def clear(self) -> None:
        """Remove what the task wrote. Raises LakeError."""
        import obstore

        store = self.lake.store()
        with explained(Place(file=self.folder)):
            keys = [item["path"] for batch in obstore.list(store, self.folder) for item in batch]
            if keys:
                obstore.delete(store, keys)

    def _frames(self, files: Sequence[Written]) -> Iterator[pl.DataFrame]:
        import obstore
        import polars as pl

        for file in files:
            key = f"{self.folder}/{file.name}"
            try:
                with explained(Place(file=key)):
                    content = bytes(obstore.get(self.lake.store(), key).bytes())
            except LakeError as fault:
                if fault.trouble is not Trouble.MISSING:
                    raise
                raise JobFault(FaultKind.PERMANENT, f"the task told of {key}, which is not in the lake") from None
            if len(content) != file.bytes:
                what = f"{key} has {len(content):,} bytes; the task told of {file.bytes:,}"
                raise JobFault(FaultKind.PERMANENT, what)
            try:
                frame = pl.read_parquet(io.BytesIO(content))
            except pl.exceptions.PolarsError as fault:
                raise JobFault(FaultKind.PERMANENT, f"{key} cannot be read: {fault}") from None
            if frame.height != file.rows:
                raise JobFault(FaultKind.PERMANENT, f"{key} has {frame.height:,} rows; the task told of {file.rows:,}")
            yield frame


def store_options(lake: Lake) -> Mapping[str, Any]:
    """What a task of this machine needs to open the lake's store itself: options of obstore's ``from_url``. Secret."""
    store: Any = lake.store()
    config = {name: value for name, value in (getattr(store, "config", None) or {}).items() if name != "bucket"}
    client = dict(getattr(store, "client_options", None) or {})
    return {name: value for name, value in (("config", config), ("client_options", client)) if value}
