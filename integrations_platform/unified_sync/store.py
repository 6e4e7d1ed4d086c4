"""What the engine remembers, as a port: links, bases, intents, conflicts, quarantine, audit, lease, breaker.

Implemented over SQLAlchemy in :mod:`integrations_platform.state`. Values cross this port as JSON text made by
:mod:`.values`, so the store never interprets a record. Every method that changes what a sync remembers is a method of
:class:`Transaction`, and a transaction commits only while its lease is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from integrations_platform.unified_sync.spec import SideName

if TYPE_CHECKING:
    from integrations_platform.unified_sync.loading import Loads


class LinkState(StrEnum):
    """Where a link stands. Only ``ACTIVE`` ones are compared; none is ever removed, so nothing comes back."""

    ACTIVE = "active"
    OUT_OF_SCOPE = "out_of_scope"
    TRASHED = "trashed"  # one side was deleted; asleep until that side comes back
    MERGED_AWAY = "merged_away"
    CLOSED = "closed"  # both sides gone, or unlinked for good


LINK_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "link_id": pl.String,
    "id_a": pl.String,
    "id_b": pl.String,
    "state": pl.Enum(LinkState),
    "version_a": pl.String,
    "version_b": pl.String,
}


@dataclass(frozen=True, slots=True)
class Link:
    """Identity and base of one record pair, one row.

    ``version_a``/``version_b`` are the versions under which the whole side equalled its base; None means: look again.
    ``values_a``/``values_b`` are the base, JSON by field name, each as read from its own side; None before the first
    agreement. ``agreed_at`` is when the observation behind the base was taken. ``keys`` are digests of match keys.
    """

    link_id: str
    id_a: str | None
    id_b: str | None
    state: LinkState
    version_a: str | None = None
    version_b: str | None = None
    base_version: int = 0
    values_a: str | None = None
    values_b: str | None = None
    agreed_at: datetime | None = None
    keys: tuple[str, ...] = ()


class OpState(StrEnum):
    """Where an intent stands. ``SENT`` is the only open one, and recovery resolves it before anything is planned."""

    SENT = "sent"
    APPLIED = "applied"
    REJECTED = "rejected"
    STALE = "stale"
    NOT_APPLIED = "not_applied"


@dataclass(frozen=True, slots=True)
class Intent:
    """A write-ahead intent. ``body`` is JSON: payload, precondition and the base to commit; see :mod:`.operations`."""

    op_id: str
    run_id: str
    link_id: str
    side: SideName
    kind: str
    state: OpState
    body: str
    record_id: str | None = None


class Role(StrEnum):
    """Why an audit row was written."""

    WRITTEN = "written"
    LOSER = "loser"
    RECOVERED = "recovered"
    DELETED = "deleted"
    LINKED = "linked"
    DECIDED = "decided"  # a person's resolution or release
    GUARD = "guard"  # a refusal, or an approval of one


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the append-only audit; the store numbers and chains it (see :mod:`.audit`).

    ``field`` is empty for whole records. ``old``, ``new`` and ``lost`` are JSON values. ``rule`` says why, in words.
    """

    run_id: str
    role: Role
    link_id: str
    side: SideName | None
    record_id: str | None
    op_id: str | None
    field: str
    rule: str
    at: datetime
    old: str | None = None
    new: str | None = None
    lost: str | None = None
    actor: str = "engine"


@dataclass(frozen=True, slots=True)
class StoredAuditEntry:
    """An audit line with its number in the pair's chain and its hashes."""

    number: int
    entry: AuditEntry
    previous_hash: str
    hash: str


class ConflictStatus(StrEnum):
    """Life of a conflict row."""

    OPEN = "open"
    RESOLVED = "resolved"
    CONVERGED = "converged"  # both sides came to agree by themselves
    WITHDRAWN = "withdrawn"  # one side went back to the base


@dataclass(frozen=True, slots=True)
class Conflict:
    """A parked disagreement about one unit of one link. ``n`` counts the times its values changed while open.

    ``unit`` is a field or group name, or "" for the whole record. ``base``, ``value_a``, ``value_b`` are JSON objects
    by field name. A decision (``choice`` in A, B, base, value) counts only for the ``n`` it was taken at.
    """

    conflict_id: str
    link_id: str
    unit: str
    kind: str
    n: int
    status: ConflictStatus
    base: str | None
    value_a: str | None
    value_b: str | None
    evidence: str
    opened_run: str
    opened_at: datetime
    id_a: str | None = None
    id_b: str | None = None
    choice: str | None = None
    chosen_value: str | None = None
    decided_n: int | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    closed_at: datetime | None = None


class QuarantineStatus(StrEnum):
    """Life of a quarantine row."""

    OPEN = "open"
    RELEASED = "released"  # a person asked for another try
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record, match or operation that cannot go on as it is; nothing else waits for it.

    ``subject`` identifies it within the pair and stays the same over runs; ``cause`` is the digest of what was tried,
    so that it is tried again only when something relevant changed or a person released it.
    """

    subject: str
    side: SideName | None
    link_id: str | None
    record_id: str | None
    reason: str  # class: invalid, validation, unrepresentable, rejected, ambiguous_match, deferred, ...
    message: str
    cause: str
    values: str
    run_id: str
    at: datetime
    runs: int = 1
    status: QuarantineStatus = QuarantineStatus.OPEN


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is kept of a deleted record: both last records as JSON, and which side deleted it."""

    link_id: str
    deleted_side: SideName | None
    policy: str
    record_a: str | None
    record_b: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Observation:
    """Certificate of one listing: what was read, when, and whether it may prove an absence.

    ``digest`` names all that was listed, under one declaration; ``mark`` the moment, for the side to tell what moved
    since; ``whole_at`` is when every record was looked at last, not just what had moved since a mark. These are kept
    only where nothing that was listed needed a look."""

    side: SideName
    taken_at: datetime
    records: int
    complete: bool
    reason: str = ""
    digest: str | None = None
    mark: str | None = None
    whole_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as the state keeps it. ``counts`` is the report's numbers as a JSON object; ``settled`` is True when
    every planned operation had an outcome, so that its observations bound later changes in time."""

    run_id: str
    sequence: int
    started_at: datetime
    status: str
    dry_run: bool
    trigger: str
    finished_at: datetime | None = None
    settled: bool = False
    counts: str = "{}"
    message: str = ""


@dataclass(frozen=True, slots=True)
class Quiet:
    """How things stood when the last run left nothing undone: the sides that it can tell by a digest, if it found
    nothing to do, or by a mark; and the run's counts as JSON."""

    seen: Mapping[SideName, Observation]
    counts: str


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan kept for review. ``operations`` is JSON; applying it re-plans and refuses what is no longer the same."""

    plan_id: str
    created_at: datetime
    op_ids: tuple[str, ...]
    operations: str
    spec_digest: str
    applied_run: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a pair. ``token`` grows with every holder; a stale token commits nothing."""

    pair: str
    holder: str
    token: int


class LeaseHeld(Exception):  # noqa: N818
    """Another run of the same sync is going on."""

    def __init__(self, pair: str, holder: str, until: datetime) -> None:
        super().__init__(
            f"sync {pair!r} is being run by {holder} (its lease ends {until.isoformat(timespec='seconds')}); "
            "wait for it to finish, or for the lease to end if that process died"
        )
        self.holder = holder
        self.until = until


class LeaseLost(Exception):  # noqa: N818
    """This run paused longer than its lease and another took over; nothing more is committed by this one."""


class DecisionRefused(Exception):  # noqa: N818
    """A resolution was taken on values that have changed since; look again and decide again."""


class BreakerState(StrEnum):
    """State of a system's circuit breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """A system's breaker as stored; ``probe_until`` is the end of the elected prober's turn."""

    system: str
    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    opened_at: datetime | None = None
    probe_holder: str | None = None
    probe_until: datetime | None = None
    last_error: str = ""


@dataclass(slots=True)
class BaseRow:
    """The stored base of one link, as read for planning."""

    base_version: int
    agreed_at: datetime | None
    values_a: str | None
    values_b: str | None


class Transaction(Protocol):
    """One fenced, atomic change of what a sync remembers."""

    def put_links(self, links: Sequence[Link]) -> None:
        """Insert or replace links with their bases and keys. Raises ValueError if an id is in another active link."""

    def set_versions(self, rows: Sequence[tuple[str, str | None, str | None]]) -> None:
        """Set (link_id, version_a, version_b) of existing links, bases untouched."""

    def set_states(self, rows: Sequence[tuple[str, LinkState]]) -> None:
        """Set the state of existing links."""

    def put_intents(self, intents: Sequence[Intent]) -> None:
        """Insert intents, or replace closed ones of the same op_id that are being tried again."""

    def close_intents(self, rows: Sequence[tuple[str, OpState]]) -> None:
        """Set the state of (op_id, state)."""

    def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append to the pair's hash chain."""

    def put_conflicts(self, conflicts: Sequence[Conflict]) -> None:
        """Insert or replace conflict rows by id."""

    def put_quarantined(self, rows: Sequence[Quarantined]) -> None:
        """Insert or replace quarantine rows by subject."""

    def resolve_quarantined(self, subjects: Sequence[str], at: datetime) -> None:
        """Mark open or released rows of these subjects as resolved."""

    def put_tombstones(self, rows: Sequence[Tombstone]) -> None:
        """Insert or replace tombstones by link."""

    def put_observation(self, run_id: str, observation: Observation) -> None:
        """Record a listing certificate."""

    def put_run(self, run: RunRecord) -> None:
        """Insert or replace the run's row."""

    def mark_plan_applied(self, plan_id: str, run_id: str) -> None:
        """Note which run applied a saved plan."""


class Store(Protocol):
    """The memory of all syncs. Reading needs no lease. Times are aware datetimes in UTC."""

    @property
    def loads(self) -> Loads | None:
        """Where whole tables are remembered that were loaded at once; None: records are remembered one by one."""

    def open_pair(self, pair: str, spec_digest: str, at: datetime) -> None:
        """Make the pair known; harmless when it is."""

    def acquire(self, pair: str, holder: str, ttl_seconds: float, now: datetime) -> Lease:
        """Take the lease, or take over an expired one with a higher token. Raises :class:`LeaseHeld`."""

    def renew(self, lease: Lease, ttl_seconds: float, now: datetime) -> None:
        """Extend the lease. Raises :class:`LeaseLost`."""

    def release(self, lease: Lease) -> None:
        """Give the lease back; harmless when it was lost."""

    def lease_holder(self, pair: str) -> tuple[str, datetime] | None:
        """Who holds the lease and until when, expired or not; None when it is free."""

    def transaction(self, lease: Lease) -> AbstractContextManager[Transaction]:
        """A fenced transaction: committed on a clean exit if the token is still current. Raises :class:`LeaseLost`."""

    def has_links(self, pair: str) -> bool:
        """Whether there is any link."""

    def links(self, pair: str) -> pl.DataFrame:
        """All links, closed ones included, as a frame of ``LINK_SCHEMA``."""

    def bases(self, pair: str, link_ids: Sequence[str]) -> Mapping[str, BaseRow]:
        """Stored bases by link id."""

    def key_owners(self, pair: str, digests: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Ids of active links that hold each match-key digest."""

    def open_intents(self, pair: str) -> Sequence[Intent]:
        """Intents in state sent, oldest first."""

    def intents(self, pair: str, op_ids: Sequence[str]) -> Mapping[str, Intent]:
        """Intents by op_id."""

    def conflicts(self, pair: str, status: ConflictStatus | None = ConflictStatus.OPEN) -> Sequence[Conflict]:
        """Conflicts, oldest first; ``status`` None for all."""

    def decide(
        self, pair: str, conflict_id: str, n: int, choice: str, value: str | None, by: str, at: datetime, run_id: str
    ) -> None:
        """Record a decision, compare-and-set on ``n``, with its audit line. Raises DecisionRefused, KeyError."""

    def quarantined(self, pair: str, status: QuarantineStatus | None = None) -> Sequence[Quarantined]:
        """Quarantine rows, oldest first; ``status`` None: open and released ones."""

    def release_quarantined(self, pair: str, subjects: Sequence[str], by: str, at: datetime) -> int:
        """Ask for another try; returns how many rows were open."""

    def tombstones(self, pair: str, link_ids: Sequence[str]) -> Mapping[str, Tombstone]:
        """Tombstones by link id."""

    def links_by_record(self, pair: str, side: SideName, ids: Sequence[str]) -> Mapping[str, tuple[str, LinkState]]:
        """(link id, state) of links that are not closed, by record id on ``side``; a record that was merged away and
        linked again is in its live link."""

    def record_ids(self, pair: str, link_ids: Sequence[str]) -> Mapping[str, tuple[str | None, str | None, LinkState]]:
        """(id on A, id on B, state) by link id."""

    def last_settled(self, pair: str) -> Mapping[SideName, datetime]:
        """When each side was last observed completely by a settled run."""

    def last_quiet(self, pair: str) -> Quiet | None:
        """What the newest run left, if it kept a digest or a mark of any side; None otherwise."""

    def next_sequence(self, pair: str) -> int:
        """The number of the pair's next run, from 1."""

    def runs(self, pair: str | None, limit: int) -> Sequence[tuple[str, RunRecord]]:
        """(pair, run), newest first."""

    def audit(
        self,
        pair: str,
        *,
        after: int = 0,
        link_id: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> Iterator[StoredAuditEntry]:
        """Audit lines of a pair in order."""

    def audit_head(self, pair: str) -> tuple[int, str]:
        """Number and hash of the last audit line, as kept apart from the lines; (0, the genesis hash) before any."""

    def breaker(self, system: str) -> Breaker:
        """The stored breaker; a closed one when none is stored."""

    def change_breaker(self, expected: Breaker, new: Breaker) -> bool:
        """Compare-and-set the whole breaker row; False when another process was first."""

    def save_plan(self, pair: str, plan: SavedPlan) -> None:
        """Keep a plan for review; the only thing a dry run may write."""

    def plan(self, pair: str, plan_id: str | None) -> SavedPlan | None:
        """A saved plan, or the newest one."""

    def summary(self, view: str, pair: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
        """Rows of ``sync_summary``, ``sync_conflicts_view`` or ``sync_performance_view``."""

    def close(self) -> None:
        """Release connections."""
