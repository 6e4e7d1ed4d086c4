"""A linked record while a run works on it: what each side shows, what was agreed, and the row that remembers it.

The invariant it keeps (I2): a stored version means the whole side equalled its base under that version, so an equal
version later needs no second look. Anything unsettled stores no version and is looked at again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from integrations_platform.unified_sync.identity import key_digests
from integrations_platform.unified_sync.merge import Sight, unchanged
from integrations_platform.unified_sync.operations import Operation
from integrations_platform.unified_sync.port import Record
from integrations_platform.unified_sync.spec import SideName, SyncSpec
from integrations_platform.unified_sync.store import BaseRow, Link, LinkState
from integrations_platform.unified_sync.values import ABSENT, AS_STORED, Value, dumps, from_json

Base = dict[str, Value]


def load_base(spec: SyncSpec, text: str | None) -> Base:
    """A stored base as values; fields the sync no longer declares are dropped."""
    if text is None:
        return {}
    stored = json.loads(text)
    return {
        item.name: value if item.type in AS_STORED and type(value) is not dict else from_json(item.type, value)
        for item in spec.fields
        if (value := stored.get(item.name, ABSENT)) is not ABSENT
    }


@dataclass(slots=True)
class SideView:
    """One side of a link. ``now`` is None while the record is not there; ``record`` is what was read, if it was."""

    id: str | None
    version: str | None
    now: Base | None
    base: Base
    record: Record | None = None
    seen_at: datetime | None = None  # engine time just after the values were read
    listed: bool = False  # there when the listing was taken

    @property
    def settled_version(self) -> str | None:
        """The version to store: only if everything the side shows is agreed, and everything agreed is shown. A field
        it cannot say at present may be edited unseen, and an equal version must not vouch for that."""
        if self.now is not None and self.now == self.base and ABSENT not in self.now.values():
            return self.version  # so it is after nearly every write, and told at a tenth of the cost
        if self.now is None or not unchanged(self.base, self.now):
            return None
        return None if any(self.now.get(name, ABSENT) is ABSENT for name in self.base) else self.version

    def changed_from(self, names: Sequence[str]) -> bool:
        """Whether any of these fields differs from its base."""
        now = self.now or {}
        return any(now.get(name, ABSENT) != self.base.get(name) for name in names)

    def differs(self) -> bool:
        """Whether a user changed anything here since the last agreement, or nothing was ever agreed."""
        return self.now is None or not unchanged(self.base, self.now)


@dataclass(slots=True)
class LinkView:
    """A link with both its sides, as planning and writing see it."""

    link_id: str
    a: SideView
    b: SideView
    state: LinkState = LinkState.ACTIVE
    base_version: int = 0
    agreed_at: datetime | None = None
    is_new: bool = False
    frozen: set[str] = field(default_factory=set)  # units nobody may write in this run
    adopted: list[Operation] = field(default_factory=list)  # late writes of ours that this look found on the records
    late_removals: dict[SideName, Operation] = field(default_factory=dict)  # given up by us, and yet it is gone
    was_settled: dict[SideName, bool] = field(default_factory=lambda: {"A": False, "B": False})

    def side(self, name: SideName) -> SideView:
        """One side by name."""
        return self.a if name == "A" else self.b

    @property
    def settled_versions(self) -> tuple[str | None, str | None]:
        """Both versions to store. A parked unit on which both sides show their base must be looked at again, or a
        decision about it would never be carried out."""
        versions = self.a.settled_version, self.b.settled_version
        return (None, None) if self.frozen and None not in versions else versions

    def sight(self, name: SideName) -> Sight:
        """What the merge looks at."""
        side = self.side(name)
        return Sight(side.now or {}, side.base)

    def agree(self, field_name: str, value_a: Value, value_b: Value) -> None:
        """Set the base of one field on both sides."""
        self.a.base[field_name] = value_a
        self.b.base[field_name] = value_b

    def forget_agreement(self) -> None:
        """Drop the whole base: a record made anew has agreed to nothing but what it was made with, and what could not
        be said then must not look cleared by a user."""
        self.a.base, self.b.base = {}, {}

    def row(self, spec: SyncSpec, observed_at: datetime | None) -> Link:
        """The row to store, one base version on. ``observed_at`` dates the observation behind the base."""
        self.base_version += 1
        values_a = dumps(self.a.base)
        values_b = values_a if self.a.base == self.b.base else dumps(self.b.base)
        version_a, version_b = self.settled_versions
        match_values = self.b.now or self.b.base or self.a.base
        return Link(
            link_id=self.link_id,
            id_a=self.a.id,
            id_b=self.b.id,
            state=self.state,
            version_a=version_a,
            version_b=version_b,
            base_version=self.base_version,
            values_a=values_a,
            values_b=None if values_b == values_a else values_b,
            # An unsettled field is still as old as its last agreement, so only a settled link gets a newer date.
            agreed_at=observed_at if version_a is not None and version_b is not None else self.agreed_at,
            keys=key_digests(spec, match_values) if self.state is LinkState.ACTIVE else (),
        )


def view_of(
    spec: SyncSpec, link_id: str, ids: tuple[str | None, str | None], state: LinkState, stored: BaseRow | None
) -> LinkView:
    """A link as stored, nothing observed yet."""
    base_a = load_base(spec, stored.values_a if stored else None)
    base_b = load_base(spec, stored.values_b) if stored and stored.values_b is not None else dict(base_a)
    return LinkView(
        link_id,
        SideView(ids[0], None, None, base_a),
        SideView(ids[1], None, None, base_b),
        state,
        stored.base_version if stored else 0,
        stored.agreed_at if stored else None,
    )


def full_record(side: SideView) -> str | None:
    """Everything known of one side's record, for tombstones and the audit of deletes."""
    values = side.now if side.now is not None else side.base
    return dumps({k: v for k, v in values.items() if v is not ABSENT}) if values else None
