"""What a declared sync is: two sides, fields, policies and limits.

Frozen data only. Reading YAML, naming files and lines, and looking systems up belongs to
:mod:`integrations_platform.declarations`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from integrations_platform.unified_sync.transforms import Transform
from integrations_platform.unified_sync.values import FieldType, Value

SideName = Literal["A", "B"]  # A is the declared source, B the target
SIDES: tuple[SideName, SideName] = ("A", "B")


def other(side: SideName) -> SideName:
    """The opposite side."""
    return "B" if side == "A" else "A"


class Direction(StrEnum):
    """Which way values may travel. ``NEVER`` is for fields that are only shown (in conflicts and plans)."""

    SOURCE_TO_TARGET = "source_to_target"
    TARGET_TO_SOURCE = "target_to_source"
    BIDIRECTIONAL = "bidirectional"
    NEVER = "never"

    def allows(self, origin: SideName) -> bool:
        """Whether a change seen on ``origin`` may be written to the other side."""
        if self is Direction.BIDIRECTIONAL:
            return True
        return self is (Direction.SOURCE_TO_TARGET if origin == "A" else Direction.TARGET_TO_SOURCE)

    def within(self, outer: Direction) -> Direction:
        """This direction, limited by the sync's: a one-way sync makes every field one-way."""
        if outer is Direction.BIDIRECTIONAL or self is outer:
            return self
        return outer if self is Direction.BIDIRECTIONAL else Direction.NEVER


class Strategy(StrEnum):
    """Who wins when both sides changed one field to different values."""

    SOURCE_WINS = "source_wins"
    TARGET_WINS = "target_wins"
    LATEST = "latest"
    MANUAL = "manual"


class OnTie(StrEnum):
    """What ``latest`` does when the evidence proves no order."""

    MANUAL = "manual"
    SOURCE = "source"
    TARGET = "target"


class OnDelete(StrEnum):
    """What a proven delete on one side does to the unchanged record of the other."""

    ARCHIVE = "archive"  # soft-delete column, or moved whole to the archive table of that database
    IGNORE = "ignore"  # the record stays; the link sleeps until the deleted one comes back
    UNLINK = "unlink"  # the record stays and is never synced again
    DELETE = "delete"  # physical, only when asked for


class OnDeleteOfChanged(StrEnum):
    """What happens when one side deleted a record that the other side changed meanwhile."""

    KEEP = "keep"  # the changed record is brought back on the deleting side
    DELETE_WINS = "delete_wins"
    MANUAL = "manual"


@dataclass(frozen=True)
class SideSpec:
    """One end of a sync: a name under ``systems:``, an object in it, and what identifies and dates its rows."""

    system: str
    object: str
    key: tuple[str, ...] = ()  # empty: the primary key
    modified: str | None = None  # column with the time of the last change; evidence for `latest` only
    soft_delete: str | None = None  # boolean or timestamp column that marks an archived record
    zone: str | None = None  # IANA zone in which naive datetimes are meant
    only: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)  # scope: column → accepted values

    @property
    def place(self) -> str:
        """`billing:public.customer`, as people read it."""
        return f"{self.system}:{self.object}"


@dataclass(frozen=True)
class FieldSpec:
    """One canonical field and its place on both sides.

    ``source`` and ``target`` are column names; ``source`` is empty for a constant, several for a template.
    ``direction`` is already limited by the sync's own. ``group`` names the unit this field is merged with.
    """

    name: str
    type: FieldType
    source: tuple[str, ...]
    target: tuple[str, ...]
    direction: Direction = Direction.BIDIRECTIONAL
    required: bool = True
    max_length: int | None = None
    scale: int | None = None
    options: tuple[str, ...] = ()
    references: str | None = None  # type ref: the sync whose links translate this value
    group: str | None = None
    strategy: Strategy = Strategy.MANUAL
    transforms: tuple[Transform, ...] = ()

    def columns(self, side: SideName) -> tuple[str, ...]:
        """The columns this field is read from on ``side``."""
        return self.source if side == "A" else self.target


@dataclass(frozen=True)
class Guards:
    """Limits that refuse a whole plan before its first write.

    Deletes of one side: more than ``max_deletes`` **and** more than ``max_delete_fraction`` of its linked records.
    ``max_change_fraction``: one field changed on a larger share of the links on one side, once there are at least
    ``change_floor`` links. ``canary``: an id that must be seen on its side, for listings that lie.
    """

    max_deletes: int = 10
    max_delete_fraction: float = 0.05
    max_change_fraction: float = 0.5
    change_floor: int = 100
    canary: Mapping[SideName, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SyncSpec:
    """A declared sync, complete and checked; the engine takes nothing else from configuration."""

    name: str
    source: SideSpec
    target: SideSpec
    fields: tuple[FieldSpec, ...]
    match: tuple[str, ...] = ()
    description: str = ""
    direction: Direction = Direction.BIDIRECTIONAL
    strategy: Strategy = Strategy.MANUAL
    on_tie: OnTie = OnTie.MANUAL
    on_delete: Mapping[SideName, OnDelete] = field(  # keyed by the side that deleted
        default_factory=lambda: {"A": OnDelete.ARCHIVE, "B": OnDelete.ARCHIVE}
    )
    on_delete_of_changed: OnDeleteOfChanged = OnDeleteOfChanged.KEEP
    creates: Mapping[SideName, bool] = field(  # keyed by the side where the new record was seen
        default_factory=lambda: {"A": True, "B": True}
    )
    fill_blanks: bool = True
    guards: Guards = field(default_factory=Guards)
    batch_size: int = 2000  # a side that takes fewer at once is given fewer
    schedule: str | None = None
    owner: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    freshness_hours: float | None = None
    after: tuple[str, ...] = ()  # what, once it was made anew, has this sync run; names of the orchestrator's
    max_open_conflicts: int | None = None
    defer_runs: int = 5  # runs a record may wait for a referenced one before it is quarantined
    shards: int = field(default=1, repr=False)  # processes that share a run's work; no part of what the sync means
    window: Direction = Direction.BIDIRECTIONAL  # what this run may write; the rest waits for another run

    def side(self, name: SideName) -> SideSpec:
        """The declaration of one side."""
        return self.source if name == "A" else self.target

    def field_named(self, name: str) -> FieldSpec:
        """The field of that name. Raises KeyError."""
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        raise KeyError(name)

    @property
    def units(self) -> tuple[tuple[str, tuple[FieldSpec, ...]], ...]:
        """Fields as they are merged: each group as one unit under its name, each other field alone."""
        units: dict[str, list[FieldSpec]] = {}
        for spec in self.fields:
            units.setdefault(spec.group or spec.name, []).append(spec)
        return tuple((name, tuple(members)) for name, members in units.items())

    def writes_to(self, side: SideName) -> bool:
        """Whether any value, record or delete may be written to ``side``."""
        return self.direction.allows(other(side))

    def may_write(self, side: SideName) -> bool:
        """Whether this run may write to ``side`` at all."""
        return self.writes_to(side) and self.window.allows(other(side))

    def overridden(
        self,
        *,
        direction: Direction | None = None,
        batch_size: int | None = None,
        strategy: Strategy | None = None,
    ) -> SyncSpec:
        """This sync under run-time options.

        ``direction`` limits what this run writes and nothing else: changes that would travel the other way are neither
        carried nor overwritten, they wait for a run that may. ``strategy`` replaces the default and every field's own.
        """
        fields = self.fields
        if strategy is not None:
            fields = tuple(replace(item, strategy=strategy) for item in fields)
        return replace(
            self,
            fields=fields,
            window=self.window if direction is None else direction,
            batch_size=self.batch_size if batch_size is None else batch_size,
            strategy=self.strategy if strategy is None else strategy,
        )


def spec_digest(spec: SyncSpec) -> str:
    """Names the declaration a plan or a state was made under."""
    return hashlib.sha256(repr(spec).encode()).hexdigest()[:16]
