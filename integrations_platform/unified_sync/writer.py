"""The write protocol: intent and losing values first, then the call, then what the side really shows (B7).

Nothing is believed because a request was sent. Each input of a batch has exactly one outcome, attributed by operation
id; a refused batch is halved until the bad record stands alone; an unanswered one is asked about before it is repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.carrying import Carrier
from integrations_platform.unified_sync.claims import ALREADY_LINKED, claimed_by_others
from integrations_platform.unified_sync.clobbers import marks, was_written
from integrations_platform.unified_sync.commit import Committer
from integrations_platform.unified_sync.loading_port import Carriage
from integrations_platform.unified_sync.merging import survivor_of
from integrations_platform.unified_sync.operations import Operation, to_intent
from integrations_platform.unified_sync.plan import Plan
from integrations_platform.unified_sync.port import ErrorKind, Kind, Outcome, Presence, Record, SideError, Status
from integrations_platform.unified_sync.probing import Fate, may_replay, probe
from integrations_platform.unified_sync.recovery import recovered_line
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.shares import WHOLE, Share
from integrations_platform.unified_sync.spec import SIDES, SideName
from integrations_platform.unified_sync.store import Conflict, ConflictStatus, Lease, OpState, Store
from integrations_platform.unified_sync.watching import span

_log = logging.getLogger(__name__)
ORDER = (Kind.ARCHIVE, Kind.DELETE, Kind.RESTORE, Kind.UPDATE, Kind.CREATE)
"""Removals first, so that unique values they hold are free again."""

AFTER_REMOVALS = ORDER[2]  # here every share of a run waits for the removals of the others

ROWS = 2000  # rows stored per local transaction
TRIES = 3  # how often an unanswered batch is asked about and repeated within one run


class Writer:
    """Carries out one plan."""

    def __init__(
        self,
        pair: str,
        plan: Plan,
        callers: Mapping[SideName, Caller],
        store: Store,
        lease: Lease,
        runtime: Runtime,
        report: RunReport,
        committer: Committer,
        share: Share = WHOLE,
        carrier: Carrier | None = None,
    ) -> None:
        self.carrier, self.refused = carrier, False
        self.pair, self.plan, self.callers, self.store = pair, plan, callers, store
        self.lease, self.runtime, self.report, self.committer = lease, runtime, report, committer
        self.share = share
        self._down: dict[SideName, str] = {}
        self._misconfigured: SideError | None = None
        self._known: set[str] = set()  # creates that may have been sent before the one that is answered
        self._lone: dict[str | None, str] | None = None  # links to be made by a create on the second side, by record
        self._needless: set[str] = set()  # those of them whose record turned out to have its counterpart already

    def carry_out(self) -> None:
        """Store what needs no call, then write batch by batch. Raises LeaseLost, or SideError for configuration."""
        self._leave_tags()
        self._store_settled()
        for side in SIDES:
            stage = f"writing to {self.plan.spec.side(side).place}"
            done, total = 0, sum(op.side == side for op in self.plan.operations)
            for kind in ORDER:
                if kind is AFTER_REMOVALS:
                    self.share.wait(f"removals {side}")
                    self._carry(side)
                mine = [op for op in self.plan.operations if op.side == side and op.kind is kind]
                for batch in self._batches(side, sorted(mine, key=lambda op: op.link_id)):
                    self.runtime.progress(stage, done, total)
                    self.store.renew(self.lease, self.runtime.lease_seconds, self.runtime.clock())
                    system = self.plan.spec.side(side).system
                    facts = {"side": side, "system": system, "kind": kind.value, "records": len(batch)}
                    with span("batch", facts):
                        self._batch(side, kind, batch)
                    done += len(batch)
            if total:
                self.runtime.progress(stage, total, total)
        for side, reason in self._down.items():
            self.report.warnings.append(f"writes to {self.plan.spec.side(side).system} were put off: {reason}")

    def _carry(self, side: SideName) -> None:
        """Rows that go over as they are. What the side takes only one by one is planned anew, as operations."""
        for carriage in self.plan.carriages if self.carrier is not None else ():
            if carriage.side == side and self.carrier is not None:
                self._carry_one(self.carrier, carriage)

    def _carry_one(self, carrier: Carrier, carriage: Carriage) -> None:
        side, total, outcome = carriage.side, carriage.rows.height, "deferred"
        written: tuple[int, int] | None = 0, 0
        try:
            if side not in self._down:
                seen_at, run_id = self.plan.taken_at, self.report.run_id
                written = carrier.carry(carriage, seen_at, self.lease, self.runtime, run_id, self.committer.actor)
                outcome = "stale"
        except SideError as fault:
            self._down[side] = fault.message
            outcome = "unknown" if fault.effect_unknown else "deferred"
        if written is None:
            self.refused = True
            return
        replaced, made = written
        for name, count in (
            ("planned", total), ("applied", replaced + made), ("updated", replaced), ("created", made),
            (outcome, total - replaced - made),
        ):  # fmt: skip
            self.report.counts[f"{name}_{side.lower()}"] += count
        self.report.counts["carried"] += replaced + made

    def _batches(self, side: SideName, operations: Sequence[Operation]) -> Iterator[Sequence[Operation]]:
        size = min(self.plan.spec.batch_size, self.callers[side].capabilities.batch_limit)
        for start in range(0, len(operations), size):
            yield operations[start : start + size]

    def _leave_tags(self) -> None:
        for side in SIDES:
            tags = [(record_id, link_id) for at, record_id, link_id in self.plan.tags if at == side]
            for start in range(0, len(tags), ROWS):
                part = tags[start : start + ROWS]
                # Tags are left outside any fenced transaction: whoever lost the lease must not get that far.
                self.store.renew(self.lease, self.runtime.lease_seconds, self.runtime.clock())
                self.callers[side].call(partial(self.callers[side].side.tag, part))

    def _store_settled(self) -> None:
        plan = self.plan
        ended, others = self._endings()
        with self.store.transaction(self.lease) as tx:
            tx.put_conflicts(others)
            tx.put_quarantined(plan.quarantine)
            tx.resolve_quarantined(plan.cleared, self.runtime.clock())
            tx.put_tombstones(plan.tombstones)
            tx.set_states(plan.states)
            tx.append_audit(self.committer.moved(plan.moved))
        self._log_parked()
        for start in range(0, len(plan.settlements), ROWS):
            views = [plan.views[link_id] for link_id in plan.settlements[start : start + ROWS]]
            rows = [view.row(plan.spec, plan.taken_at) for view in views]
            with self.store.transaction(self.lease) as tx:
                tx.put_links(rows)
                tx.put_conflicts([row for view in views for row in ended.get(view.link_id, ())])
                tx.append_audit(self.committer.linked([view for view in views if view.is_new]))
                late = [operation for view in views for operation in view.adopted]
                tx.close_intents([(operation.op_id, OpState.APPLIED) for operation in late])
                tx.append_audit([recovered_line(item, self.report.run_id, self.runtime.clock()) for item in late])
            for view in views:
                view.is_new = False
            self.runtime.progress("noting what agrees", min(start + ROWS, len(plan.settlements)), len(plan.settlements))
        for start in range(0, len(plan.touched), ROWS):
            with self.store.transaction(self.lease) as tx:
                tx.set_versions(plan.touched[start : start + ROWS])

    def _endings(self) -> tuple[dict[str, list[Conflict]], list[Conflict]]:
        """The conflicts of links on which one ends, by link, and all others. It ends together with the base that its
        sides have come to agree on: ended before that, the next edit of one side would be a new conflict (P5b)."""
        settled = set(self.plan.settlements)
        over = (row.link_id for row in self.plan.conflicts if row.status is not ConflictStatus.OPEN)
        ended: dict[str, list[Conflict]] = {link_id: [] for link_id in over if link_id in settled}
        others: list[Conflict] = []
        for row in self.plan.conflicts:
            ended.get(row.link_id, others).append(row)
        return ended, others

    def _log_parked(self) -> None:
        spec, systems = self.plan.spec, " and ".join(sorted({self.plan.spec.side(side).system for side in SIDES}))
        for row in self.plan.quarantine:
            system = systems if row.side is None else spec.side(row.side).system
            _log.info("set aside (%s)", row.reason, extra={"system": system, "record": row.record_id or row.subject})
        for conflict in self.plan.conflicts:
            if conflict.status is ConflictStatus.OPEN:
                said = {"system": systems, "record": conflict.id_a or conflict.id_b or conflict.link_id}
                _log.info("conflict (%s)", conflict.kind, extra=said)

    def _batch(self, side: SideName, kind: Kind, batch: Sequence[Operation]) -> None:
        letter = side.lower()
        self.report.counts[f"planned_{letter}"] += len(batch)
        if side in self._down:
            self.report.counts[f"deferred_{letter}"] += len(batch)
            return
        batch = self._looked_at(side, kind, self._still_needed(side, kind, batch))
        if not batch:
            return
        if kind is Kind.CREATE:
            self._known |= set(self.store.intents(self.pair, [operation.op_id for operation in batch]))
        with self.store.transaction(self.lease) as tx:
            tx.put_intents([to_intent(operation, self.report.run_id) for operation in batch])
            tx.append_audit([entry for operation in batch for entry in self.committer.losers(operation)])
        try:
            outcomes = self._send(side, batch)
        except SideError as fault:
            if fault.kind is ErrorKind.CONFIGURATION:
                self._disown(side, batch, "rejected")
                raise
            self._down[side] = fault.message
            if not fault.effect_unknown:
                self._disown(side, batch, "deferred")
            else:
                self.report.counts[f"unknown_{letter}"] += len(batch)
            return
        self._commit(side, kind, batch, outcomes)
        if self._misconfigured is not None:
            raise self._misconfigured

    def _still_needed(self, side: SideName, kind: Kind, batch: Sequence[Operation]) -> Sequence[Operation]:
        """Without creates for records that turned out in this run to have their counterpart."""
        needed = [op for op in batch if kind is not Kind.CREATE or op.link_id not in self._needless]
        self.report.counts[f"stale_{side.lower()}"] += len(batch) - len(needed)
        return needed

    def _looked_at(self, side: SideName, kind: Kind, batch: Sequence[Operation]) -> Sequence[Operation]:
        """A side that compares no versions is read once more just before it is written to: what changed since the plan
        was made is left to the next plan. Only an edit between this read and the write is not seen before it is too
        late; where the side keeps a history, the marks taken here show it afterwards."""
        able = self.callers[side].capabilities
        if kind is Kind.CREATE or able.compare_and_set:
            return batch
        letter = side.lower()
        try:
            records = self.callers[side].read([operation.record_id or "" for operation in batch])
        except SideError as fault:
            if fault.kind is ErrorKind.CONFIGURATION:
                self.report.counts[f"rejected_{letter}"] += len(batch)
                raise
            self._down[side] = fault.message
            self.report.counts[f"deferred_{letter}"] += len(batch)
            return []
        same = []
        for operation in batch:
            record = records.get(operation.record_id or "")
            if record is not None and record.version == operation.expected_version:
                columns = operation.columns or record.history
                same.append(replace(operation, marks=marks(record, columns)) if able.history else operation)
        self.report.counts[f"stale_{letter}"] += len(batch) - len(same)
        return same

    def _disown(self, side: SideName, batch: Sequence[Operation], outcome: str) -> None:
        with self.store.transaction(self.lease) as tx:
            tx.close_intents([(operation.op_id, OpState.NOT_APPLIED) for operation in batch])
        self.report.counts[f"{outcome}_{side.lower()}"] += len(batch)

    def _send(self, side: SideName, batch: Sequence[Operation]) -> dict[str, Outcome]:
        """One outcome per operation. Raises SideError if the side cannot be reached or is set up wrongly."""
        try:
            answer = self.callers[side].write([operation.as_write() for operation in batch])
        except SideError as fault:
            if fault.kind is ErrorKind.PERMANENT:
                return self._halve(side, batch, fault)
            if fault.effect_unknown:
                return self._ask(side, batch)
            raise
        outcomes = _by_operation(answer)
        unclear = [operation for operation in batch if _is_unclear(outcomes, operation)]
        if unclear:
            outcomes.update(self._ask(side, unclear))
        return outcomes

    def _halve(self, side: SideName, batch: Sequence[Operation], fault: SideError) -> dict[str, Outcome]:
        if len(batch) == 1:
            refused = Outcome(batch[0].op_id, Status.REJECTED, code=fault.code, message=fault.message)
            return {refused.op_id: refused}
        middle = len(batch) // 2
        outcomes: dict[str, Outcome] = {}
        for half in (batch[:middle], batch[middle:]):
            self.store.renew(self.lease, self.runtime.lease_seconds, self.runtime.clock())
            try:
                outcomes |= self._send(side, half)
            except SideError as failed:  # what the other half has achieved is not to be forgotten for it
                outcomes |= self._unsent(side, half, failed)
        return outcomes

    def _unsent(self, side: SideName, batch: Sequence[Operation], fault: SideError) -> dict[str, Outcome]:
        """Outcomes of a part of a batch that the side could not be reached for; the run writes no more there."""
        self._down[side] = fault.message
        if fault.kind is ErrorKind.CONFIGURATION:
            self._misconfigured = fault
        status = Status.UNKNOWN if fault.effect_unknown else Status.RETRYABLE
        return {operation.op_id: Outcome(operation.op_id, status) for operation in batch}

    def _ask(self, side: SideName, batch: Sequence[Operation]) -> dict[str, Outcome]:
        """Find out what became of an unanswered batch, and repeat what provably did not happen."""
        outcomes: dict[str, Outcome] = {}
        waiting = list(batch)
        self._known |= {operation.op_id for operation in batch}
        for attempt in range(1, TRIES + 1):
            try:
                findings = probe({side: self.callers[side]}, waiting)
            except SideError as fault:  # written or not, nobody can tell now: recovery asks before the next run plans
                self._down[side] = fault.message
                return outcomes | {op.op_id: Outcome(op.op_id, Status.UNKNOWN) for op in waiting}
            again = []
            for operation in waiting:
                finding = findings[operation.op_id]
                if finding.fate is Fate.APPLIED:
                    found = finding.record.id if finding.record else operation.record_id
                    outcomes[operation.op_id] = Outcome(operation.op_id, Status.ALREADY, found)
                elif finding.fate is Fate.NOT_APPLIED and self._moved(side, operation, finding.record):
                    outcomes[operation.op_id] = Outcome(operation.op_id, Status.STALE, operation.record_id)
                elif finding.fate is Fate.NOT_APPLIED or may_replay(operation, self.callers[side].capabilities):
                    again.append(operation)
                else:
                    outcomes[operation.op_id] = Outcome(operation.op_id, Status.UNKNOWN)
            waiting = again
            if not waiting:
                return outcomes
            if attempt == TRIES:
                break
            self.store.renew(self.lease, self.runtime.lease_seconds, self.runtime.clock())
            try:
                answer = self.callers[side].write([operation.as_write() for operation in waiting])
            except SideError as fault:
                if fault.kind is ErrorKind.PERMANENT:
                    return outcomes | self._halve(side, waiting, fault)
                if not fault.effect_unknown:
                    break
                continue
            told = _by_operation(answer)
            outcomes.update({op.op_id: told[op.op_id] for op in waiting if not _is_unclear(told, op)})
            waiting = [operation for operation in waiting if _is_unclear(told, operation)]
            if not waiting:
                return outcomes
        for operation in waiting:
            # Where only the answer could tell and it never came, recovery asks for it before the next plan.
            unsure = findings[operation.op_id].fate is Fate.UNDECIDED
            status = Status.UNKNOWN if unsure else Status.RETRYABLE
            outcomes[operation.op_id] = Outcome(operation.op_id, status)
        return outcomes

    def _moved(self, side: SideName, operation: Operation, record: Record | None) -> bool:
        """Whether a write that did not happen would now, sent again, go over what somebody wrote meanwhile."""
        if operation.kind is Kind.CREATE or self.callers[side].capabilities.compare_and_set:
            return False
        return record is None or record.version != operation.expected_version

    def _followed(self, side: SideName, outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
        """Answers to creates that name a record merged away since, with the id of what is left: an old answer may show
        the record still, as it was then."""
        merged = self.plan.merged.get(side, {})
        return {
            op_id: replace(outcome, id=survivor_of(merged, outcome.id), record=None)
            for op_id, outcome in outcomes.items()
            if outcome.id is not None and outcome.id in merged
        }

    def _spare(self, side: SideName, made: Sequence[tuple[Operation, str | None]]) -> None:
        """Records that looked new, and that a create on their own side says it had made before: they have their
        counterparts, and none need be made any more."""
        if side != SIDES[0]:
            return  # what is made for records of the second side has been made by now
        if self._lone is None:
            creates = [op for op in self.plan.operations if op.kind is Kind.CREATE and op.side != side]
            self._lone = {op.other_id: op.link_id for op in creates}
        self._needless |= {self._lone[record_id] for _, record_id in made if record_id in self._lone}

    def _commit(self, side: SideName, kind: Kind, batch: Sequence[Operation], outcomes: Mapping[str, Outcome]) -> None:
        followed = self._followed(side, outcomes) if kind is Kind.CREATE else {}
        outcomes = {**outcomes, **followed}
        done = [op for op in batch if outcomes[op.op_id].status in (Status.APPLIED, Status.ALREADY)]
        records: dict[str, Record] = {}
        unread = []
        for operation in done:
            outcome = outcomes[operation.op_id]
            if outcome.record is not None:
                records[operation.op_id] = outcome.record
            if operation.marks or outcome.record is None:
                unread.append((operation, outcome.id or operation.record_id or ""))
        believed, after = dict(outcomes), {}
        if unread:
            try:
                found = self.callers[side].read([record_id for _, record_id in unread])
            except SideError as fault:
                found = {}
                self._down[side] = fault.message
                # Removed or not, and what a write may have gone over, is not known: recovery asks before the next plan.
                blind = [op for op, _ in unread if op.marks or kind in (Kind.ARCHIVE, Kind.DELETE)]
                believed.update({op.op_id: Outcome(op.op_id, Status.UNKNOWN) for op in blind})
            after = {op.op_id: found[record_id] for op, record_id in unread if record_id in found}
        records = after | records
        for operation in done:
            outcome, record = outcomes[operation.op_id], records.get(operation.op_id)
            told = outcome.record is not None and outcome.status is Status.APPLIED  # the write and its record in one
            if (operation.op_id not in followed and _of_another(operation, outcome.id, record)) or (
                record is not None and not told and self._untouched(side, operation, record)
            ):
                records.pop(operation.op_id, None)
                believed[operation.op_id] = Outcome(operation.op_id, Status.UNKNOWN)
        if kind is Kind.CREATE:
            made = [(operation, believed[operation.op_id].id) for operation in done]
            # An answer that names the record of another may be a slip; to a create that was sent before, it is none.
            named = [(op, outcomes[op.op_id].id if op.op_id in self._known else told_id) for op, told_id in made]
            refused = claimed_by_others(self.store, self.plan.spec, side, named)
            self._spare(side, made)
            believed |= {
                op_id: Outcome(op_id, Status.REJECTED, code=ALREADY_LINKED, message=message)
                for op_id, message in refused.items()
            }
        forgotten = {op.op_id for op in done if self._is_forgotten(op, believed[op.op_id], records.get(op.op_id))}
        self.committer.commit(side, batch, believed, records, after, forgotten)

    def _is_forgotten(self, operation: Operation, outcome: Outcome, record: Record | None) -> bool:
        """Whether a create was carried out before our memory began, and its record is gone since. Nobody saw it go, so
        that is no delete to carry on (P29)."""
        made = operation.kind is Kind.CREATE and outcome.status is Status.ALREADY and outcome.id is not None
        gone = record is None or record.presence is Presence.ARCHIVED
        return made and gone and operation.op_id not in self._known

    def _untouched(self, side: SideName, operation: Operation, record: Record) -> bool:
        """Whether the record is as it was before the write that is said to be done: then it was not done. One that
        was to be removed must not be there any more."""
        if operation.kind in (Kind.ARCHIVE, Kind.DELETE):
            return record.presence is not Presence.ARCHIVED
        if operation.kind is not Kind.UPDATE or record.version != operation.expected_version:
            return False
        if operation.marks:
            return not was_written(operation, record)
        return not (self.callers[side].capabilities.receipts and record.last_op == operation.op_id)


def _by_operation(answer: Sequence[Outcome]) -> dict[str, Outcome]:
    """What was told of each operation; of two answers that contradict each other, neither is believed."""
    outcomes: dict[str, Outcome] = {}
    for outcome in answer:
        earlier = outcomes.get(outcome.op_id)
        clash = earlier is not None and earlier.status is not outcome.status
        outcomes[outcome.op_id] = Outcome(outcome.op_id, Status.UNKNOWN) if clash else outcome
    return outcomes


def _is_unclear(outcomes: Mapping[str, Outcome], operation: Operation) -> bool:
    told = outcomes.get(operation.op_id)
    return told is None or told.status in (Status.UNKNOWN, Status.RETRYABLE)


def _of_another(operation: Operation, told: str | None, record: Record | None) -> bool:
    """Whether an answer speaks of a record that is not the operation's: by its id, or for a create by its tag."""
    if operation.kind is Kind.CREATE:
        return record is not None and record.link_id not in (None, operation.link_id)
    return told not in (None, operation.record_id) or (record is not None and record.id != operation.record_id)
