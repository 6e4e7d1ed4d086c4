"""The plan: everything one run intends, complete before the first write, and nothing but data.

A dry run, the console, ``explain`` and the run itself all show this same object.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Any

import polars as pl

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.evidence import Moment
from integrations_platform.unified_sync.forms import FieldPlace
from integrations_platform.unified_sync.links import LinkView
from integrations_platform.unified_sync.loading_port import Carriage
from integrations_platform.unified_sync.merge import Policy
from integrations_platform.unified_sync.operations import Operation, to_body
from integrations_platform.unified_sync.port import Capabilities, Kind, Listing, Record, Snapshot
from integrations_platform.unified_sync.references import References
from integrations_platform.unified_sync.shares import WHOLE, Share
from integrations_platform.unified_sync.spec import SIDES, Direction, SideName, SyncSpec
from integrations_platform.unified_sync.store import (
    Conflict,
    ConflictStatus,
    LinkState,
    Quarantined,
    Store,
    Tombstone,
)

Unit = tuple[str, tuple[FieldPlace, ...], Policy]


@dataclass(frozen=True, slots=True)
class Merge:
    """The record ``old`` of a link was merged into ``survivor``; ``holder``: the link the survivor had before."""

    link_id: str
    side: SideName
    old: str
    survivor: str
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class Merges:
    """Merges found in the listings: links that follow their record, by id, and links whose survivor has another."""

    moved: Mapping[str, Merge] = field(default_factory=dict)
    cases: tuple[Merge, ...] = ()


@dataclass(frozen=True)
class World:
    """All that planning may look at: one observation of both sides, and what is remembered.

    ``taken_at``: when the observation began; ``now``: when its listings were read; ``clock`` dates later reads.
    ``progress``: told (stage, done, total).
    ``previous``: when each side was last seen whole by a settled run. ``conflicts`` and ``quarantined`` are the open
    ones, by (link, unit) and by subject. ``links`` already holds what recovery or a rebuild found. ``share``: what of
    all this is planned here.
    """

    spec: SyncSpec
    pair: str
    run_id: str
    now: datetime
    taken_at: datetime
    clock: Callable[[], datetime]
    places: tuple[FieldPlace, ...]
    units: tuple[Unit, ...]
    callers: Mapping[SideName, Caller]
    snapshots: Mapping[SideName, Snapshot]
    listings: Mapping[SideName, Listing]
    moments: Mapping[SideName, Moment]
    previous: Mapping[SideName, datetime]
    links: pl.DataFrame
    store: Store
    references: References
    conflicts: Mapping[tuple[str, str], Conflict]
    quarantined: Mapping[str, Quarantined]
    progress: Callable[[str, int, int], None]
    merges: Merges = Merges()  # already followed in ``links``, not yet stored
    share: Share = WHOLE

    def read(self, side: SideName, ids: Sequence[str]) -> Mapping[str, Record]:
        """Records of a side by id, as its snapshot has them. Raises SideError."""
        return self.callers[side].call(partial(self.snapshots[side].read, ids))

    @cached_property
    def capabilities(self) -> Mapping[SideName, Capabilities]:
        """What the sides promise."""
        return {side: caller.capabilities for side, caller in self.callers.items()}

    @cached_property
    def by_name(self) -> Mapping[str, FieldPlace]:
        """The places of the fields by field name."""
        return {place.spec.name: place for place in self.places}

    @cached_property
    def plain(self) -> frozenset[str]:
        """Names of the fields that are merged alone and go over as they are, so that equal values say the same."""
        return frozenset(
            name
            for name, places, _ in self.units
            if len(places) == 1 and places[0].spec.name == name and not places[0].spec.transforms
        )

    @cached_property
    def starting(self) -> Mapping[SideName, tuple[FieldPlace, ...]]:
        """By side, the places of the fields that a record created there may begin with."""
        return {
            side: tuple(
                place
                for place in self.places
                if (form := place.form(side)) is not None
                and form.writable
                and place.spec.direction is not Direction.NEVER
            )
            for side in SIDES
        }


@dataclass(frozen=True)
class Refusal:
    """A guard that stops the whole plan."""

    guard: str
    message: str
    remedy: str


STANDING = (
    "active", "settled", "live_", "planned_", "parked", "rejected_", "deferred", "quarantined", "unproven", "only_on_",
    "held_back", "waiting_",
)  # fmt: skip
"""Beginnings of the counts that say how things stand, rather than what happened: a second look replaces them."""


QUIET = frozenset({"settled", "active", "live_a", "live_b"})
"""The counts of a plan that the listings alone settled."""

PLAIN = QUIET | {"carried"} | {
    f"{name}_{letter}" for letter in "ab"
    for name in ("read", "planned", "applied", "created", "updated", "archived", "deleted")
}  # fmt: skip
"""The counts of a run that has written all it planned, and leaves nothing open by that."""


@dataclass
class Plan:
    """What one run intends.

    ``taken_at``: when the observation began. ``views``: links with anything to commit, by id. ``settlements``: ids of
    views whose row is stored without a remote write. ``touched``: (link id, version A, version B) where only versions
    moved. ``tags``: external ids to leave on records, as (side, record id, link id). ``moved``: links whose record was
    merged away. ``carriages``: rows that go over as they are, many at once. ``waiting``: subjects that wait for what
    they refer to. ``awaited``: records of links that are not there and not given up, as (side, link id). ``merged``:
    records merged away, and into which, by side, as the listings tell it. ``held``: sides of which all live records
    are new or of an active link. ``notes``: why, by link, in words.
    """

    spec: SyncSpec
    taken_at: datetime
    views: dict[str, LinkView] = field(default_factory=dict)
    settlements: list[str] = field(default_factory=list)
    touched: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    states: list[tuple[str, LinkState]] = field(default_factory=list)
    tags: list[tuple[SideName, str, str]] = field(default_factory=list)
    moved: list[Merge] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    carriages: list[Carriage] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    quarantine: list[Quarantined] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    awaited: set[tuple[SideName, str]] = field(default_factory=set)
    merged: Mapping[SideName, Mapping[str, str]] = field(default_factory=dict)
    held: frozenset[SideName] = frozenset()
    tombstones: list[Tombstone] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    changed_fields: Counter[tuple[SideName, str]] = field(default_factory=Counter)
    two_sided: bool = False

    @property
    def op_ids(self) -> tuple[str, ...]:
        """Ids of all planned operations, sorted."""
        return tuple(sorted(operation.op_id for operation in self.operations))

    @property
    def is_empty(self) -> bool:
        """Whether applying it would write to no side."""
        return not self.operations and not self.carriages

    @property
    def is_quiet(self) -> bool:
        """Whether everything was told by the listings alone, with nothing to do, to remember or to say."""
        found = (
            self.views, self.touched, self.states, self.tags, self.moved, self.operations, self.carriages,
            self.conflicts, self.quarantine, self.cleared, self.waiting, self.tombstones, self.refusals, self.warnings,
        )  # fmt: skip
        counted = {name for name, count in self.counts.items() if count}
        return not any(found) and counted <= QUIET

    @property
    def is_plain(self) -> bool:
        """Whether there is only writing to do, and nothing beside it to remember for a later run or to say."""
        found = (
            self.states, self.tags, self.moved, self.conflicts, self.quarantine, self.cleared, self.waiting,
            self.awaited, self.refusals, self.warnings,
        )  # fmt: skip
        return not any(found)

    @property
    def opened(self) -> list[Conflict]:
        """Conflicts this plan opens or finds changed."""
        return [row for row in self.conflicts if row.status is ConflictStatus.OPEN]

    def deletes(self, side: SideName) -> list[Operation]:
        """Operations that remove a record from ``side``."""
        return [op for op in self.operations if op.side == side and op.kind in (Kind.ARCHIVE, Kind.DELETE)]

    def to_data(self) -> dict[str, Any]:
        """A JSON-safe form for saving and for people; deterministic for the same plan."""
        return {
            "sync": self.spec.name,
            "operations": [
                {"op_id": op.op_id} | to_body(op)
                for op in sorted(self.operations, key=lambda op: (op.side, op.link_id))
            ],
            "conflicts": sorted(f"{row.link_id} {row.unit}".strip() for row in self.opened),
            "quarantine": sorted({f"{row.subject}: {row.message}" for row in self.quarantine}),
            "refusals": [f"{item.guard}: {item.message}" for item in self.refusals],
            "warnings": self.warnings,
            "counts": dict(sorted(self.counts.items())),
        }

    def to_json(self) -> str:
        """:meth:`to_data` as text."""
        return json.dumps(self.to_data(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
