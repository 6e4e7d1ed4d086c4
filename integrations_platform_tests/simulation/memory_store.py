"""The engine's memory held in dictionaries, for simulations that run thousands of histories, and processes that die.

It keeps the promises of the port that matter to a history: transactions are atomic and fenced, and only what was
committed survives a crash. ``integrations_platform_tests/state`` holds the real store to the same promises.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from integrations_platform.unified_sync.audit import GENESIS, chain_hash
from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.store import (
    LINK_SCHEMA,
    AuditEntry,
    BaseRow,
    Breaker,
    Conflict,
    ConflictStatus,
    DecisionRefused,
    Intent,
    Lease,
    LeaseHeld,
    LeaseLost,
    Link,
    LinkState,
    Observation,
    OpState,
    Quarantined,
    QuarantineStatus,
    Quiet,
    Role,
    RunRecord,
    SavedPlan,
    StoredAuditEntry,
    Tombstone,
)


@dataclass
class Memory:
    """Everything that survives a crash."""

    links: dict[str, Link] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    audit: list[StoredAuditEntry] = field(default_factory=list)
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    quarantine: dict[str, Quarantined] = field(default_factory=dict)
    tombstones: dict[str, Tombstone] = field(default_factory=dict)
    observations: list[tuple[str, Observation]] = field(default_factory=list)
    runs: dict[str, RunRecord] = field(default_factory=dict)
    plans: dict[str, SavedPlan] = field(default_factory=dict)

    def copied(self) -> Memory:
        """A copy to work on; the rows themselves are frozen."""
        return Memory(**{name: copy.copy(value) for name, value in vars(self).items()})

    def essence(self) -> str:
        """Bases, links and conflicts: what a run from a settled state must leave as it is."""
        rows = [sorted(self.links.items()), sorted(self.conflicts.items())]
        return repr(rows)


def _held(link: Link | None) -> tuple[str | None, str | None]:
    """The records a link holds, and no other live link may."""
    if link is None or link.state in (LinkState.CLOSED, LinkState.MERGED_AWAY):
        return None, None
    return link.id_a, link.id_b


class MemoryTransaction:
    """Changes to one copy of the memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def put_links(self, links: Sequence[Link]) -> None:
        known = self.memory.links
        moved = any(_held(link) != _held(known.get(link.link_id)) for link in links)
        known.update({link.link_id: link for link in links})
        if moved:  # looking through all of them each time would make large simulations slow
            self._check_held()

    def _check_held(self) -> None:
        for ids in zip(*map(_held, self.memory.links.values()), strict=True):
            live = [record_id for record_id in ids if record_id is not None]
            if len(live) != len(set(live)):
                raise ValueError(f"a record is in two live links: {sorted(live)}")

    def set_versions(self, rows: Sequence[tuple[str, str | None, str | None]]) -> None:
        for link_id, version_a, version_b in rows:
            row = self.memory.links[link_id]
            self.memory.links[link_id] = replace(row, version_a=version_a, version_b=version_b)

    def set_states(self, rows: Sequence[tuple[str, LinkState]]) -> None:
        for link_id, state in rows:
            self.memory.links[link_id] = replace(self.memory.links[link_id], state=state)
        if rows:
            self._check_held()

    def put_intents(self, intents: Sequence[Intent]) -> None:
        self.memory.intents.update({intent.op_id: intent for intent in intents})

    def close_intents(self, rows: Sequence[tuple[str, OpState]]) -> None:
        for op_id, state in rows:
            self.memory.intents[op_id] = replace(self.memory.intents[op_id], state=state)

    def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            previous = self.memory.audit[-1].hash if self.memory.audit else GENESIS
            number = len(self.memory.audit) + 1
            line = StoredAuditEntry(number, entry, previous, chain_hash(previous, number, entry))
            self.memory.audit.append(line)

    def put_conflicts(self, conflicts: Sequence[Conflict]) -> None:
        self.memory.conflicts.update({row.conflict_id: row for row in conflicts})

    def put_quarantined(self, rows: Sequence[Quarantined]) -> None:
        self.memory.quarantine.update({row.subject: row for row in rows})

    def resolve_quarantined(self, subjects: Sequence[str], at: datetime) -> None:
        for subject in subjects:
            row = self.memory.quarantine.get(subject)
            if row is not None:
                self.memory.quarantine[subject] = replace(row, status=QuarantineStatus.RESOLVED)

    def put_tombstones(self, rows: Sequence[Tombstone]) -> None:
        self.memory.tombstones.update({row.link_id: row for row in rows})

    def put_observation(self, run_id: str, observation: Observation) -> None:
        self.memory.observations.append((run_id, observation))

    def put_run(self, run: RunRecord) -> None:
        self.memory.runs[run.run_id] = run

    def mark_plan_applied(self, plan_id: str, run_id: str) -> None:
        self.memory.plans[plan_id] = replace(self.memory.plans[plan_id], applied_run=run_id)


class Collected:
    """The calls on a transaction, kept until it commits."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values: self.changes.append((name, values))


def _nothing(_point: str) -> None:
    return None


class MemoryStore:
    """One pair's memory. ``at`` is called with "before commit" and "after commit", where a history may crash."""

    def __init__(self, at: Callable[[str], None] = _nothing) -> None:
        self.memory, self.at = Memory(), at
        self.lease: Lease | None = None
        self.lease_until: datetime | None = None
        self.tokens = 0
        self.breakers: dict[str, Breaker] = {}
        self.neighbours: dict[str, MemoryStore] = {}  # other pairs that references point to, by name

    @property
    def loads(self) -> None:
        return None

    def open_pair(self, pair: str, spec_digest: str, at: datetime) -> None:
        return None

    def acquire(self, pair: str, holder: str, ttl_seconds: float, now: datetime) -> Lease:
        if self.lease is not None and self.lease_until is not None and self.lease_until > now:
            raise LeaseHeld(pair, self.lease.holder, self.lease_until)
        self.tokens += 1
        self.lease, self.lease_until = Lease(pair, holder, self.tokens), now + timedelta(seconds=ttl_seconds)
        return self.lease

    def renew(self, lease: Lease, ttl_seconds: float, now: datetime) -> None:
        self._fence(lease)
        self.lease_until = now + timedelta(seconds=ttl_seconds)

    def release(self, lease: Lease) -> None:
        if self.lease == lease:
            self.lease = None

    def _fence(self, lease: Lease) -> None:
        if self.lease is None or self.lease.token != lease.token:
            raise LeaseLost(f"the lease of {lease.pair} was taken over")

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[MemoryTransaction]:
        self._fence(lease)
        collected = Collected()
        yield collected  # type: ignore[misc]
        self.at("before commit")
        self._fence(lease)
        work = MemoryTransaction(self.memory.copied())  # what others committed meanwhile is there and stays
        for name, values in collected.changes:
            getattr(work, name)(*values)
        self.memory = work.memory
        self.at("after commit")

    def has_links(self, pair: str) -> bool:
        return not self.links(pair).is_empty()

    def links(self, pair: str) -> pl.DataFrame:
        rows = [
            (row.link_id, row.id_a, row.id_b, row.state.value, row.version_a, row.version_b)
            for row in self.memory.links.values()
        ]
        return pl.DataFrame(rows, schema=LINK_SCHEMA, orient="row")

    def bases(self, pair: str, link_ids: Sequence[str]) -> Mapping[str, BaseRow]:
        found = {name: self.memory.links[name] for name in link_ids if name in self.memory.links}
        return {
            name: BaseRow(row.base_version, row.agreed_at, row.values_a, row.values_b) for name, row in found.items()
        }

    def key_owners(self, pair: str, digests: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        owners: dict[str, list[str]] = {}
        for row in self.memory.links.values():
            if row.state is LinkState.ACTIVE:
                for key in row.keys:
                    owners.setdefault(key, []).append(row.link_id)
        return {digest: tuple(owners[digest]) for digest in digests if digest in owners}

    def open_intents(self, pair: str) -> Sequence[Intent]:
        return [intent for intent in self.memory.intents.values() if intent.state is OpState.SENT]

    def intents(self, pair: str, op_ids: Sequence[str]) -> Mapping[str, Intent]:
        return {name: self.memory.intents[name] for name in op_ids if name in self.memory.intents}

    def conflicts(self, pair: str, status: ConflictStatus | None = ConflictStatus.OPEN) -> Sequence[Conflict]:
        return [row for row in self.memory.conflicts.values() if status is None or row.status is status]

    def decide(
        self, pair: str, conflict_id: str, n: int, choice: str, value: str | None, by: str, at: datetime, run_id: str
    ) -> None:
        row = self.memory.conflicts[conflict_id]
        if row.n != n or row.status is not ConflictStatus.OPEN:
            raise DecisionRefused(f"conflict {conflict_id} is at {row.n}, decided at {n}")
        decided = replace(row, choice=choice, chosen_value=value, decided_n=n, decided_by=by, decided_at=at)
        work = MemoryTransaction(self.memory.copied())
        work.put_conflicts([decided])
        work.append_audit(
            [AuditEntry(run_id, Role.DECIDED, row.link_id, None, None, None, row.unit, choice, at, actor=by)]
        )
        self.memory = work.memory

    def quarantined(self, pair: str, status: QuarantineStatus | None = None) -> Sequence[Quarantined]:
        if pair in self.neighbours:
            return self.neighbours[pair].quarantined(pair, status)
        wanted = (status,) if status else (QuarantineStatus.OPEN, QuarantineStatus.RELEASED)
        return [row for row in self.memory.quarantine.values() if row.status in wanted]

    def release_quarantined(self, pair: str, subjects: Sequence[str], by: str, at: datetime) -> int:
        rows = [row for row in self.quarantined(pair, QuarantineStatus.OPEN) if row.subject in subjects]
        for row in rows:
            self.memory.quarantine[row.subject] = replace(row, status=QuarantineStatus.RELEASED)
        return len(rows)

    def tombstones(self, pair: str, link_ids: Sequence[str]) -> Mapping[str, Tombstone]:
        return {name: self.memory.tombstones[name] for name in link_ids if name in self.memory.tombstones}

    def links_by_record(self, pair: str, side: SideName, ids: Sequence[str]) -> Mapping[str, tuple[str, LinkState]]:
        found = {}
        rows = self.neighbours.get(pair, self).memory.links.values()
        for row in sorted(rows, key=lambda row: row.state is not LinkState.MERGED_AWAY):  # the later wins
            record_id = row.id_a if side == "A" else row.id_b
            if record_id in ids and row.state is not LinkState.CLOSED and record_id is not None:
                found[record_id] = (row.link_id, row.state)
        return found

    def record_ids(self, pair: str, link_ids: Sequence[str]) -> Mapping[str, tuple[str | None, str | None, LinkState]]:
        links = self.neighbours.get(pair, self).memory.links
        found = {name: links[name] for name in link_ids if name in links}
        return {name: (row.id_a, row.id_b, row.state) for name, row in found.items()}

    def last_settled(self, pair: str) -> Mapping[SideName, datetime]:
        settled = {run.run_id for run in self.memory.runs.values() if run.settled}
        found: dict[SideName, datetime] = {}
        for run_id, seen in self.memory.observations:
            if run_id in settled and seen.complete:
                found[seen.side] = max(seen.taken_at, found.get(seen.side, seen.taken_at))
        return found

    def last_quiet(self, pair: str) -> Quiet | None:
        newest = next(reversed(self.memory.runs.values()), None)
        seen = {} if newest is None or not newest.settled else {
            one.side: one for run_id, one in self.memory.observations if run_id == newest.run_id
        }  # fmt: skip
        known = {side: one for side, one in seen.items() if one.digest is not None or one.mark is not None}
        return Quiet(known, newest.counts) if newest is not None and known else None

    def next_sequence(self, pair: str) -> int:
        return len(self.memory.runs) + 1

    def runs(self, pair: str | None, limit: int) -> Sequence[tuple[str, RunRecord]]:
        return [(pair or "", run) for run in reversed(self.memory.runs.values())][:limit]

    def audit(
        self,
        pair: str,
        *,
        after: int = 0,
        link_id: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> Iterator[StoredAuditEntry]:
        for line in self.memory.audit[after:]:
            if link_id in (None, line.entry.link_id) and run_id in (None, line.entry.run_id):
                yield line

    def lease_holder(self, pair: str) -> tuple[str, datetime] | None:
        return (self.lease.holder, self.lease_until) if self.lease and self.lease_until else None

    def audit_head(self, pair: str) -> tuple[int, str]:
        last = self.memory.audit[-1] if self.memory.audit else None
        return (last.number, last.hash) if last else (0, GENESIS)

    def breaker(self, system: str) -> Breaker:
        return self.breakers.get(system, Breaker(system))

    def change_breaker(self, expected: Breaker, new: Breaker) -> bool:
        if self.breaker(expected.system) != expected:
            return False
        self.breakers[new.system] = new
        return True

    def save_plan(self, pair: str, plan: SavedPlan) -> None:
        self.memory.plans[plan.plan_id] = plan

    def plan(self, pair: str, plan_id: str | None) -> SavedPlan | None:
        return self.memory.plans.get(plan_id or "")

    def summary(self, view: str, pair: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
        return []

    def close(self) -> None:
        return None


class Crash(BaseException):
    """The process dies here; only what was committed survives."""


class Process:
    """One process's sight of the store. A dead one writes nothing and gives nothing back, whatever unwinds in it.

    ``disputed``: (record, unit) on which the sides did not agree when it stood still while another one began, the last
    time before it was overtaken; ``parked``: (link, unit) that waited for a decision then. What came after that is
    unknown to whoever goes on with a write.
    """

    def __init__(self, store: MemoryStore) -> None:
        self.store, self.dead, self.overtaken = store, False, False
        self.disputed: frozenset[tuple[str, str]] = frozenset()
        self.parked: frozenset[tuple[str, str]] = frozenset()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def transaction(self, lease: Lease) -> Any:
        """As the store's; a dead process has none."""
        if self.dead:
            raise Crash("dead")
        return self.store.transaction(lease)

    def release(self, lease: Lease) -> None:
        """As the store's; the lease of a dead process runs out instead."""
        if not self.dead:
            self.store.release(lease)
