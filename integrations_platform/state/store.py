"""The engine's memory over SQLAlchemy Core: the port's ``Store``.

Owns the reads and where each transaction begins and ends; what happens inside them is in the modules beside it. It
never interprets a record's values, and its own methods leave the schema alone (see :mod:`.migrate`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from integrations_platform.state import audit_trail, breakers, decisions, leases, links, tables
from integrations_platform.state.accounts import SqlAccounts
from integrations_platform.state.conflict_list import ConflictList, Wanted, conflict_list, seen_conflicts
from integrations_platform.state.counters import SqlCounters
from integrations_platform.state.database import Database, chunks
from integrations_platform.state.decisions import Seen
from integrations_platform.state.errors import StateError
from integrations_platform.state.inbox import SqlInbox
from integrations_platform.state.loads import SqlLoads, Unpack
from integrations_platform.state.outbox import SqlOutbox
from integrations_platform.state.overview import Overview, overview
from integrations_platform.state.records import SqlRecords
from integrations_platform.state.rows import as_row, from_row, to_text
from integrations_platform.state.shards import SqlBoard
from integrations_platform.state.standings import Standings, standings
from integrations_platform.state.transaction import SqlTransaction
from integrations_platform.unified_sync.audit import GENESIS
from integrations_platform.unified_sync.loading import LOAD
from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.store import (
    BaseRow,
    Breaker,
    Conflict,
    ConflictStatus,
    Intent,
    Lease,
    LinkState,
    Observation,
    OpState,
    Quarantined,
    QuarantineStatus,
    Quiet,
    RunRecord,
    SavedPlan,
    StoredAuditEntry,
    Tombstone,
)


def now_utc() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class SqlStore:
    """The memory of all syncs in one database. Safe to share between threads; every method is its own transaction.

    Any method raises :class:`StateError` when the database cannot be reached, is full, damaged or kept by others.
    """

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = now_utc, unpack: Unpack | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._loads = SqlLoads(database, self.transaction, unpack)

    @property
    def accounts(self) -> SqlAccounts:
        """What all processes share about the accounts of services."""
        return SqlAccounts(self._database, self._clock)

    @property
    def inbox(self) -> SqlInbox:
        """What others have sent us, and the runs it wakes."""
        return SqlInbox(self._database, self._clock)

    @property
    def outbox(self) -> SqlOutbox:
        """What stands wrong, and the messages about it."""
        return SqlOutbox(self._database, self._clock)

    @property
    def loads(self) -> SqlLoads | None:
        """Tables that are loaded whole; None where nobody could read their rows again."""
        return self._loads if self._loads.readable else None

    @property
    def records(self) -> SqlRecords:
        """Single records: finding them, their history, and what is set aside."""
        return SqlRecords(self._database, self._loads)

    @property
    def counters(self) -> SqlCounters:
        """What has happened so far, and when last."""
        return SqlCounters(self._database)

    def board(self, pair: str, run_id: str) -> SqlBoard:
        """Where the processes of a run leave word for each other."""
        return SqlBoard(self._database, pair, run_id)

    def overview(self, pairs: Sequence[str]) -> Overview:
        """What there is to say about these syncs and about every breaker, as of one moment."""
        return overview(self._database, pairs)

    def standings(self) -> Standings:
        """How everything stands now, in numbers, and what was counted so far."""
        return standings(self._database, self._clock())

    def open_pair(self, pair: str, spec_digest: str, at: datetime) -> None:
        """Make the pair known, and remember the digest of its present declaration."""
        table = tables.pair
        with self._database.read() as connection:
            if connection.execute(sa.select(table.c.spec_digest).where(table.c.pair == pair)).scalar() == spec_digest:
                return
        row = {"pair": pair, "spec_digest": spec_digest, "opened_at": to_text(at)}
        with self._database.write() as connection:
            statement = self._database.upsert(table, keep=("opened_at", "audit_number", "audit_hash"))
            connection.execute(statement, row | {"audit_number": 0, "audit_hash": GENESIS})

    def acquire(self, pair: str, holder: str, ttl_seconds: float, now: datetime) -> Lease:
        """Take the lease, or take over an expired one with a higher token. Raises ``LeaseHeld``."""
        return leases.acquire(self._database, pair, holder, ttl_seconds, now)

    def renew(self, lease: Lease, ttl_seconds: float, now: datetime) -> None:
        """Extend the lease. Raises ``LeaseLost``."""
        leases.renew(self._database, lease, ttl_seconds, now)

    def release(self, lease: Lease) -> None:
        """Give the lease back; harmless when it was lost."""
        leases.release(self._database, lease)

    def lease_holder(self, pair: str) -> tuple[str, datetime] | None:
        """Who holds the lease and until when, expired or not; None when it is free."""
        return leases.holder(self._database, pair)

    def leases(self) -> Sequence[tuple[str, str, datetime]]:
        """(sync, holder, end) of every lease that was not given back, expired or not."""
        return leases.held(self._database)

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[SqlTransaction]:
        """A fenced transaction. Raises ``LeaseLost``, and KeyError for a pair that was never opened."""
        with self._database.write() as connection:
            leases.fence(connection, lease)
            audit_trail.lock_head(connection, lease.pair)
            yield SqlTransaction(self._database, connection, lease.pair, self._clock, self._loads)

    def has_links(self, pair: str) -> bool:
        """Whether there is any link."""
        return links.any_of(self._database, pair, self._loads)

    def links(self, pair: str) -> pl.DataFrame:
        """All links, closed ones included, as a frame of ``LINK_SCHEMA``."""
        return links.frame(self._database, pair, self._loads)

    def bases(self, pair: str, link_ids: Sequence[str]) -> Mapping[str, BaseRow]:
        """Stored bases by link id."""
        return links.bases(self._database, pair, link_ids, self._loads)

    def key_owners(self, pair: str, digests: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Ids of active links that hold each match-key digest."""
        return links.key_owners(self._database, pair, digests, self._loads)

    def open_intents(self, pair: str) -> Sequence[Intent]:
        """Intents in state sent, oldest first."""
        query = sa.select(tables.op).where(tables.op.c.pair == pair, tables.SENT).order_by(tables.op.c.number)
        return [from_row(Intent, row) for row in self._all(query)]

    def intents(self, pair: str, op_ids: Sequence[str]) -> Mapping[str, Intent]:
        """Intents by op_id."""
        table, found = tables.op, {}
        for some in chunks(op_ids):
            query = sa.select(table).where(self._database.among(pair, table.c.op_id, some))
            found.update({row["op_id"]: from_row(Intent, row) for row in self._all(query)})
        return found

    def conflicts(self, pair: str, status: ConflictStatus | None = ConflictStatus.OPEN) -> Sequence[Conflict]:
        """Conflicts, oldest first; ``status`` None for all."""
        table = tables.conflict
        query = sa.select(table).where(table.c.pair == pair).order_by(table.c.opened_at, table.c.conflict_id)
        if status is not None:
            query = query.where(table.c.status == status.value)
        return [from_row(Conflict, row) for row in self._all(query)]

    def decide(
        self, pair: str, conflict_id: str, n: int, choice: str, value: str | None, by: str, at: datetime, run_id: str
    ) -> None:
        """Record a decision with its audit line. Raises ``DecisionRefused``, KeyError, ValueError."""
        decisions.decide(self._database, pair, conflict_id, n, choice, value, by, at, run_id)

    def decide_seen(
        self, pair: str, seen: Sequence[Seen], choice: str, value: str | None, by: str, at: datetime
    ) -> dict[str, str]:
        """Decide these alike, each only as it was seen; returns, by id, why others were not. Raises ValueError."""
        return decisions.decide_seen(self._database, pair, seen, choice, value, by, at)

    def conflict_list(self, pairs: Sequence[str], wanted: Wanted, offset: int, limit: int) -> ConflictList:
        """Some conflicts of these syncs, oldest first, and how many there are of which kind."""
        return conflict_list(self._database, pairs, wanted, offset, limit)

    def seen_conflicts(self, pair: str, wanted: Wanted) -> Sequence[Seen]:
        """All conflicts of a sync that are wanted, as they are now; without their values, so there may be many."""
        return seen_conflicts(self._database, pair, wanted)

    def conflict(self, pair: str, conflict_id: str) -> Conflict | None:
        """One conflict, closed or not; None: there is none."""
        table = tables.conflict
        query = sa.select(table).where(table.c.pair == pair, table.c.conflict_id == conflict_id)
        return next((from_row(Conflict, row) for row in self._all(query)), None)

    def quarantined(self, pair: str, status: QuarantineStatus | None = None) -> Sequence[Quarantined]:
        """Quarantine rows, oldest first; ``status`` None: open and released ones."""
        table = tables.quarantine
        wanted = (status,) if status is not None else (QuarantineStatus.OPEN, QuarantineStatus.RELEASED)
        query = sa.select(table).where(table.c.pair == pair, table.c.status.in_([each.value for each in wanted]))
        return [from_row(Quarantined, row) for row in self._all(query.order_by(table.c.at, table.c.subject))]

    def release_quarantined(self, pair: str, subjects: Sequence[str], by: str, at: datetime) -> int:
        """Ask for another try; returns how many rows were open."""
        return decisions.release_quarantined(self._database, pair, subjects, by, at)

    def tombstones(self, pair: str, link_ids: Sequence[str]) -> Mapping[str, Tombstone]:
        """Tombstones by link id."""
        return links.tombstones(self._database, pair, link_ids)

    def links_by_record(self, pair: str, side: SideName, ids: Sequence[str]) -> Mapping[str, tuple[str, LinkState]]:
        """(link id, state) of links that are not closed, by record id on ``side``."""
        return links.by_record(self._database, pair, side, ids, self._loads)

    def record_ids(self, pair: str, link_ids: Sequence[str]) -> Mapping[str, tuple[str | None, str | None, LinkState]]:
        """(id on A, id on B, state) by link id."""
        return links.record_ids(self._database, pair, link_ids, self._loads)

    def last_settled(self, pair: str) -> Mapping[SideName, datetime]:
        """When each side was last observed completely by a settled run."""
        seen, run = tables.observation, tables.run
        query = (
            sa.select(seen.c.side, sa.func.max(seen.c.taken_at).label("taken_at"))
            .join(run, (run.c.pair == seen.c.pair) & (run.c.run_id == seen.c.run_id))
            .where(seen.c.pair == pair, seen.c.complete, run.c.settled)
            .group_by(seen.c.side)
        )
        return {row["side"]: datetime.fromisoformat(row["taken_at"]) for row in self._all(query)}

    def last_quiet(self, pair: str) -> Quiet | None:
        """What the newest run left, if it kept a digest or a mark of any side; None otherwise."""
        seen, run = tables.observation, tables.run
        newest = sa.select(run).where(run.c.pair == pair).order_by(run.c.sequence.desc()).limit(1).subquery()
        query = (
            sa.select(seen, newest.c.counts)
            .join(newest, (newest.c.pair == seen.c.pair) & (newest.c.run_id == seen.c.run_id))
            .where(newest.c.settled, seen.c.digest.is_not(None) | seen.c.mark.is_not(None))
        )
        rows = self._all(query)
        if not rows:
            return None
        return Quiet({row["side"]: from_row(Observation, row) for row in rows}, rows[0]["counts"])

    def next_sequence(self, pair: str) -> int:
        """The number of the pair's next run, from 1: one above the highest stored, so ask while holding the lease."""
        run = tables.run
        rows = self._all(sa.select(sa.func.max(run.c.sequence).label("highest")).where(run.c.pair == pair))
        return (rows[0]["highest"] or 0) + 1

    def runs(self, pair: str | None, limit: int) -> Sequence[tuple[str, RunRecord]]:
        """(pair, run), newest first."""
        run = tables.run
        query = sa.select(run).order_by(run.c.started_at.desc(), run.c.sequence.desc(), run.c.pair).limit(limit)
        if pair is not None:
            query = query.where(run.c.pair == pair)
        return [(row["pair"], from_row(RunRecord, row)) for row in self._all(query)]

    def audit(
        self,
        pair: str,
        *,
        after: int = 0,
        link_id: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
        within: tuple[datetime, datetime] | None = None,
    ) -> Iterator[StoredAuditEntry]:
        """Audit lines of a pair in order; read page by page, so a slow reader holds nothing up. ``within``: from the
        first moment on and before the second."""
        link = None if link_id is None else audit_trail.about(link_id, self._loads.holding(pair, link_id))
        lines = audit_trail.read(self._database, pair, after, link, run_id, limit, within)
        return lines if link_id is None else self._loads.told(pair, link_id, lines)

    def seal(self, op_id: str) -> str | None:
        """What the audit must say of a load of changes, given its rows; None for any other operation."""
        return self._loads.seal(op_id) if op_id.startswith(LOAD) else None

    def audit_head(self, pair: str) -> tuple[int, str]:
        """Number and hash of the last audit line, as kept apart from the lines; (0, the genesis hash) before any."""
        columns = tables.pair.c
        rows = self._all(sa.select(columns.audit_number, columns.audit_hash).where(columns.pair == pair))
        return (int(rows[0]["audit_number"]), str(rows[0]["audit_hash"])) if rows else (0, GENESIS)

    def breaker(self, system: str) -> Breaker:
        """The stored breaker; a closed one when none is stored."""
        return breakers.read(self._database, system)

    def change_breaker(self, expected: Breaker, new: Breaker) -> bool:
        """Compare-and-set the whole breaker row; False when another process was first."""
        return breakers.change(self._database, expected, new)

    def save_plan(self, pair: str, plan: SavedPlan) -> None:
        """Keep a plan for review; one of the same id is replaced."""
        row = as_row(plan) | {"pair": pair, "op_ids": json.dumps(plan.op_ids)}
        with self._database.write() as connection:
            connection.execute(self._database.upsert(tables.plan), row)

    def plan(self, pair: str, plan_id: str | None) -> SavedPlan | None:
        """A saved plan, or the newest one. Raises :class:`StateError` when what was saved can no longer be read."""
        table = tables.plan
        query = sa.select(table).where(table.c.pair == pair).order_by(table.c.created_at.desc(), table.c.plan_id)
        if plan_id is not None:
            query = query.where(table.c.plan_id == plan_id)
        for row in self._all(query.limit(1)):
            return from_row(SavedPlan, {**row, "op_ids": self._op_ids(dict(row))})
        return None

    def newest_plan(self, pair: str) -> tuple[str, datetime, str | None] | None:
        """(id, when it was made, the run that applied it) of the newest saved plan, without its operations."""
        table = tables.plan
        query = sa.select(table.c.plan_id, table.c.created_at, table.c.applied_run).where(table.c.pair == pair)
        for row in self._all(query.order_by(table.c.created_at.desc(), table.c.plan_id).limit(1)):
            return row["plan_id"], datetime.fromisoformat(row["created_at"]), row["applied_run"]
        return None

    def approve_plan(
        self, pair: str, plan_id: str, applied_run: str | None, lifted: Sequence[str], by: str, at: datetime
    ) -> None:
        """Note in the audit that somebody approved a plan. Raises ``DecisionRefused``, KeyError."""
        decisions.approve_plan(self._database, pair, plan_id, applied_run, lifted, by, at)

    def _op_ids(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        try:
            op_ids = json.loads(row["op_ids"])
        except (ValueError, RecursionError):
            op_ids = None
        if not isinstance(op_ids, list) or not all(isinstance(name, str) for name in op_ids):
            place = self._database.place
            raise StateError(f"plan {row['plan_id']} is damaged in {place}; make a new one and review that")
        return tuple(op_ids)

    def summary(self, view: str, pair: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
        """Rows of a view, newest (for conflicts: oldest) first. Raises ValueError for a view that does not exist."""
        if view not in tables.VIEWS:
            raise ValueError(f"there is no view {view!r}; known: {', '.join(tables.VIEWS)}")
        query = sa.select(sa.text("*")).select_from(sa.table(view)).order_by(sa.text(tables.VIEWS[view])).limit(limit)
        if pair is not None:
            query = query.where(sa.column("sync") == pair)
        return [dict(row) for row in self._all(query)]

    def prune(self, pair: str, before: datetime) -> int:
        """Remove operations closed before that time, whose story the audit keeps; returns how many."""
        op = tables.op
        closed = op.c.pair == pair, op.c.state != OpState.SENT.value, op.c.changed_at < to_text(before)
        with self._database.write() as connection:
            return connection.execute(sa.delete(op).where(*closed)).rowcount

    def close(self) -> None:
        """Release connections."""
        self._database.close()

    def _all(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        with self._database.read() as connection:
            return connection.execute(query).mappings().all()
