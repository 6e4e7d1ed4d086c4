"""The port every system is reached through: what a side can read, write and promise.

A side is one object of one system, bound to the columns of one sync. Capabilities are data, so the engine asks what a
side can do instead of who it is. Adapters live in :mod:`integrations_platform.connectors`; each passes the contract
tests in ``integrations_platform_tests/connectors/contract.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

import polars as pl

from integrations_platform.unified_sync.answers import ClockReading as ClockReading
from integrations_platform.unified_sync.answers import ErrorKind as ErrorKind
from integrations_platform.unified_sync.answers import SideError as SideError
from integrations_platform.unified_sync.values import FieldType, Value, Values

TAG_SCHEMA = {"id": pl.String, "link_id": pl.String}


class Kind(StrEnum):
    """What a write does to a record."""

    CREATE = "create"
    UPDATE = "update"
    ARCHIVE = "archive"
    RESTORE = "restore"  # bring an archived record back, with its own id
    DELETE = "delete"


class Presence(StrEnum):
    """How a record stands on its side. A record that is not returned at all is *not seen*, which proves nothing."""

    LIVE = "live"
    ARCHIVED = "archived"  # a tombstone: proof that someone archived it
    OUT_OF_SCOPE = "out_of_scope"  # exists, but the declared scope no longer matches


LISTING_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "version": pl.String,
    "presence": pl.Enum(Presence),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a column's history: the value it took, when by the side's clock, and whether we wrote it."""

    value: Value
    at: datetime
    ours: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One record as its side shows it now.

    ``version`` changes whenever any bound column changes; it is opaque, and the token of compare-and-set. ``values``
    are canonical, by column name. ``last_op`` is the id of the last operation of ours that touched the record, where
    the side keeps receipts. ``history`` holds, where kept, per column the known entries, newest first; their order
    is the side's own and outranks their times.
    """

    id: str
    version: str
    values: Values
    presence: Presence = Presence.LIVE
    modified: datetime | None = None
    last_op: str | None = None
    link_id: str | None = None
    history: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything a side shows at one moment: a frame of ``LISTING_SCHEMA``, ids unique.

    ``complete`` is the certificate that allows absence to be followed up at all; ``reason`` says why it is missing.
    ``merged`` holds, for every record known to have been merged into another, the id of the one that survives.
    ``digest``: what :meth:`Snapshot.digest` says of the same moment. ``mark``: the moment itself, where the side is
    :class:`Marking`. ``apart``: who may show another version than the links remember; None: anyone.
    """

    frame: pl.DataFrame
    complete: bool
    reason: str = ""
    merged: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = None
    mark: str | None = None
    apart: pl.Series | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One planned write to one record.

    ``values`` are the columns to set, canonical; for a create all of them. ``expected_version`` is the version the
    plan was made from; a side with compare-and-set writes only if it still holds. ``op_id`` is the idempotency key,
    ``link_id`` the external id left on a created record.
    """

    op_id: str
    kind: Kind
    link_id: str
    values: Values
    id: str | None = None
    expected_version: str | None = None


class Status(StrEnum):
    """Outcome of one write."""

    APPLIED = "applied"
    ALREADY = "already"  # an earlier attempt of the same operation had done it
    STALE = "stale"  # the record changed after the plan was made; nothing was written
    REJECTED = "rejected"  # permanently refused by the side; nothing was written
    RETRYABLE = "retryable"  # not written; may be tried again
    UNKNOWN = "unknown"  # may or may not have been written


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the write ``op_id``; ``id`` is the record's id (a created record's new one).

    ``record`` is the record as the side showed it in the same atomic step as the write, so that nobody else's edit can
    lie between: what differs from the payload there is the side's own doing. None when the side does not return it.
    """

    op_id: str
    status: Status
    id: str | None = None
    code: str = ""
    message: str = ""
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class ColumnForm:
    """What a side's column can hold; the engine refuses before the call what does not fit.

    ``fraction_digits``: decimal places a number keeps. ``second_digits``: fractional-second digits a datetime keeps.
    ``case_insensitive``: values differing only by case are one value to the side (collation). ``options`` empty: any.
    """

    name: str
    nullable: bool = True
    writable: bool = True
    max_length: int | None = None
    integer_digits: int | None = None
    fraction_digits: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    second_digits: int = 6
    four_byte_text: bool = True
    nul_text: bool = True
    case_insensitive: bool = False
    lower_cases: bool = False
    trims: bool = False
    unique: bool = False
    options: tuple[str, ...] = ()
    has_default: bool = False
    native_type: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a side promises, as data.

    ``compare_and_set``: an update with a stale ``expected_version`` writes nothing. ``receipts``: ``last_op`` is kept
    in the same transaction as the write. ``tags``: link ids are kept with the records and survive loss of our state.
    ``replays``: a write sent again with the same ``op_id`` takes effect once and is answered as the first time.
    ``atomic_batch``: a batch is written whole or not at all. ``history``: ``Side.read`` returns ``Record.history``.
    ``restore``: an archived record can be brought back under its id; else it is created anew, under the same link, and
    the tag of an archived record counts for nothing.
    ``provisional_ids``: a record nobody tagged has an id only until it is edited; ``Side.tag`` makes it lasting.
    ``late_listing``: a listing may show records as they were a while ago, as searches do; that a record was listed
    unchanged then proves nothing of when it was changed.
    """

    compare_and_set: bool = False
    receipts: bool = False
    tags: bool = False
    replays: bool = False
    atomic_batch: bool = False
    history: bool = False
    provisional_ids: bool = False
    late_listing: bool = False
    archive: bool = False
    restore: bool = True
    delete: bool = False
    batch_limit: int = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """Something ``check`` found. ``blocking`` ones refuse a run before any write; ``remedy`` says how to mend it."""

    message: str
    remedy: str = ""
    blocking: bool = True
    column: str | None = None


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """A column this sync reads, and the type its values are read as; ``written`` when this sync may also write it."""

    name: str
    type: FieldType
    written: bool = False


class Snapshot(Protocol):
    """Reads that agree with one another, where the side can offer that."""

    def listing(self) -> Listing:
        """Ids and versions of all records in scope, archived ones marked. Raises SideError."""

    def digest(self) -> str | None:
        """One word for all that a complete listing would show: ids, versions, presence. Equal words mean equal
        listings, but for a chance of 2⁻⁶⁴. None where it costs as much as the listing itself. Raises SideError."""

    def newest(self) -> datetime | None:
        """When a record in scope was changed last, as far as the side's own stamps tell; None where it keeps none. It
        is a hint: deletes leave no stamp, and a late commit carries an early one. Raises SideError."""

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """Records by id, scope disregarded (``OUT_OF_SCOPE`` says so); missing ids are left out, and so are ids
        that were merged away: the survivor is never shown under an old id. Raises SideError."""


@runtime_checkable
class Marking(Protocol):
    """What a snapshot is as well whose system knows by itself which records were written after an earlier snapshot:
    by its own order of transactions, not by stamps that somebody sets."""

    def mark(self) -> str | None:
        """A word for this moment; None where nothing could be told by it. Raises SideError."""

    def stands(self, mark: str, records: int) -> bool | None:
        """Whether nothing moved since the snapshot of that mark, which listed so many records; None where that cannot
        be told any more. Raises SideError."""

    def since(self, earlier: Listing) -> Listing | None:
        """The listing, told from an earlier one that has a mark and shows all that was live then; who moved or is gone
        is ``apart`` too, unless that was anyone. None where that cannot be done any more. Raises SideError."""


class Side(Protocol):
    """One object of one system, bound to one sync."""

    @property
    def system(self) -> str:
        """Name under ``systems:``; breakers and limits are kept per system."""

    @property
    def capabilities(self) -> Capabilities:
        """What this side promises."""

    def check(self) -> Sequence[Problem]:
        """Look for what would make a run fail or lie: missing object, column, key, permission, odd collation.

        Returns problems instead of raising for everything found on a reachable server. Raises SideError otherwise.
        """

    def columns(self) -> Mapping[str, ColumnForm]:
        """Forms of the bound columns that exist, by column name. Raises SideError."""

    def clock(self) -> ClockReading:
        """Estimate this side's clock against ours. Raises SideError."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """A consistent view for planning; released on exit, never held across writes. Raises SideError."""

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """Records by id as they are now, outside any snapshot: for recovery and read-back. Raises SideError."""

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Carry out a batch (all of one kind). At most one outcome per input, in any order; a missing one is unknown.

        Raises SideError for the batch as a whole: PERMANENT means nothing was written and the engine bisects.
        """

    def find_tagged(self, link_ids: Sequence[str]) -> Mapping[str, str]:
        """Record ids by link id, read strongly consistent; only with ``capabilities.tags``. Raises SideError."""

    def tags(self) -> pl.DataFrame:
        """All tags as a frame of ``TAG_SCHEMA``; only with ``capabilities.tags``. Raises SideError."""

    def tag(self, links: Sequence[tuple[str, str]]) -> None:
        """Leave link ids on existing records, as (record id, link id); repeating is harmless. Raises SideError.

        A side with provisional ids makes those of the records lasting; an empty link id asks for nothing else.
        """

    def close(self) -> None:
        """Release connections."""


@runtime_checkable
class Counted(Protocol):
    """What a side is as well whose service counts requests, against a quota or for a bill."""

    @property
    def requests(self) -> int:
        """Requests sent so far, tries and refused ones included."""


def found_by(side: Side, object_name: str) -> list[Problem]:
    """What ``side.check`` finds, said of whom: each message names the system, and the object it is about."""
    return [replace(problem, message=_placed(problem.message, side.system, object_name)) for problem in side.check()]


def _placed(message: str, system: str, object_name: str) -> str:
    if message.startswith((f"{system} ", f"{system}:", f"{system},")):
        return message
    told = object_name.strip(" -") == "" or object_name in message
    return f"{system}: {message}" if told else f"{system}, {object_name}: {message}"
