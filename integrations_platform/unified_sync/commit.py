"""What is remembered of a write once the side has answered: bases from what it shows, outcomes, audit, quarantine.

A base is set only from a value read back (P12). A value the side altered is kept as the side's own form, and if it no
longer corresponds, the field is parked as divergent instead of being echoed to the other side.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from integrations_platform.unified_sync.clobbers import Ledger, Losses, losses
from integrations_platform.unified_sync.existence import OURS
from integrations_platform.unified_sync.forms import FieldPlace, read_fields
from integrations_platform.unified_sync.links import LinkView, full_record
from integrations_platform.unified_sync.operations import FieldChange, Operation
from integrations_platform.unified_sync.plan import Merge, Plan
from integrations_platform.unified_sync.port import Kind, Outcome, Record, Status
from integrations_platform.unified_sync.recovery import recovered_line
from integrations_platform.unified_sync.references import References
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import OnDelete, SideName, other
from integrations_platform.unified_sync.store import (
    AuditEntry,
    Conflict,
    ConflictStatus,
    Lease,
    Link,
    LinkState,
    OpState,
    Quarantined,
    Role,
    Store,
    Tombstone,
)
from integrations_platform.unified_sync.values import ABSENT, Value, dumps

_log = logging.getLogger(__name__)
_DONE = {
    Kind.CREATE: "created",
    Kind.UPDATE: "updated",
    Kind.ARCHIVE: "archived",
    Kind.DELETE: "deleted",
    Kind.RESTORE: "restored",
}


class Committer:
    """Turns outcomes into rows of the state, one fenced transaction per batch."""

    def __init__(
        self,
        plan: Plan,
        places: Sequence[FieldPlace],
        references: References,
        store: Store,
        lease: Lease,
        runtime: Runtime,
        run_id: str,
        counts: Counter[str],
        conflicts: Mapping[str, Conflict],
        quarantined: Mapping[str, object],
        *,
        actor: str = "engine",
    ) -> None:
        self.plan, self.all_places, self.references = plan, tuple(places), references
        self.places = {place.spec.name: place for place in places}
        self.store, self.lease, self.runtime, self.run_id = store, lease, runtime, run_id
        self.counts, self.conflicts, self.quarantined, self.actor = counts, conflicts, quarantined, actor

    def entry(
        self, role: Role, operation: Operation, field: str, rule: str, *, made: str | None = None, **values: str | None
    ) -> AuditEntry:
        """An audit line about an operation. ``made``: the id of the record it has made."""
        return AuditEntry(
            run_id=self.run_id,
            role=role,
            link_id=operation.link_id,
            side=operation.side,
            record_id=made or operation.record_id,
            op_id=operation.op_id,
            field=field,
            rule=rule,
            at=self.runtime.clock(),
            actor=self.actor,
            **values,
        )

    def losers(self, operation: Operation) -> list[AuditEntry]:
        """Values and records this operation will replace or remove; stored with its intent, before the call."""
        lines = [
            self.entry(
                Role.LOSER,
                operation,
                change.name,
                f"{change.rule}{f' ({change.evidence})' if change.evidence else ''}",
                lost=_json(change.name, change.before),
                new=_json(change.name, change.sent),
            )
            for change in operation.fields
            if change.lost
        ]
        if operation.kind in (Kind.ARCHIVE, Kind.DELETE):
            lines.append(self.entry(Role.DELETED, operation, "", operation.rule, lost=operation.record))
        elif operation.rule.endswith("brought back"):
            lines.append(self.entry(Role.LOSER, operation, "", "the delete lost against a change"))
        return lines

    def linked(self, views: Sequence[LinkView]) -> list[AuditEntry]:
        """One line per link made by matching."""
        return [
            AuditEntry(
                run_id=self.run_id,
                role=Role.LINKED,
                link_id=view.link_id,
                side=None,
                record_id=view.a.id,
                op_id=None,
                field="",
                rule="recognised by its match key",
                at=self.runtime.clock(),
                new=dumps({"source": view.a.id, "target": view.b.id}),
                actor=self.actor,
            )
            for view in views
        ]

    def moved(self, merges: Sequence[Merge]) -> list[AuditEntry]:
        """One line per link whose record was merged into another."""
        return [
            AuditEntry(
                run_id=self.run_id,
                role=Role.LINKED,
                link_id=merge.link_id,
                side=merge.side,
                record_id=merge.survivor,
                op_id=None,
                field="",
                rule=f"{merge.old} was merged into {merge.survivor}"
                + (f", which is linked as {merge.holder}" if merge.holder else ": the link follows"),
                at=self.runtime.clock(),
                actor=self.actor,
            )
            for merge in merges
        ]

    def commit(
        self,
        side: SideName,
        batch: Sequence[Operation],
        outcomes: Mapping[str, Outcome],
        records: Mapping[str, Record],
        after: Mapping[str, Record],
        forgotten: Collection[str],
    ) -> None:
        """Store what became of a batch. ``records``: what is believed of each write, by op_id; ``after``: records read
        after it, whose histories show what it went over; ``forgotten``: creates of which only a trace is left that is
        older than our memory."""
        links: list[Link] = []
        intents: list[tuple[str, OpState]] = []
        audit: list[AuditEntry] = []
        conflicts: list[Conflict] = []
        quarantine: list[Quarantined] = []
        cleared: list[str] = []
        tombstones: list[Tombstone] = []
        unsettled: list[tuple[str, str | None, str | None]] = []
        for operation in batch:
            outcome = outcomes[operation.op_id]
            state = self._count(side, operation, outcome, records)
            if state is not None:
                intents.append((operation.op_id, state))
            if state is OpState.REJECTED:
                quarantine.append(self._refused(operation, outcome))
                view = self.plan.views[operation.link_id]
                if not view.is_new:
                    # What was changed stays so. The versions of the last agreement would let a later run believe that
                    # this run, settled otherwise, saw the record as it was agreed, and date the change after it.
                    unsettled.append((operation.link_id, *view.settled_versions))
            elif state is OpState.APPLIED:
                view = self.plan.views[operation.link_id]
                record = records.get(operation.op_id)
                if operation.kind in (Kind.ARCHIVE, Kind.DELETE):
                    tombstones.append(self._bury(view, operation))
                elif operation.op_id in forgotten:
                    tombstones.append(self._sleep(view, operation, outcome))
                elif record is not None:
                    conflicts += self._show(view, operation, record, outcome)
                else:
                    self._vanished(view, operation, outcome)
                lost = self._clobbered(operation, view, after.get(operation.op_id))
                audit += lost.audit
                conflicts += lost.conflicts
                if not operation.is_restore or operation.kind is not Kind.UPDATE:
                    row = view.row(self.plan.spec, self.plan.taken_at)
                    if not all(change.commits for change in operation.fields):
                        # A two-sided decision closes only when both sides are seen again, even if both show their base.
                        row = replace(row, version_a=None, version_b=None)
                    links.append(row)
                view.is_new = False
                audit += self._written(operation, record)
                if operation.rule == OURS:  # from now on it is known as done, and the next removal there is a user's
                    late = view.late_removals[side]
                    intents.append((late.op_id, OpState.APPLIED))
                    audit.append(recovered_line(late, self.run_id, self.runtime.clock()))
                conflicts += self._closed(operation)
                subject = f"{operation.link_id}:{side}"
                if subject in self.quarantined:
                    cleared.append(subject)
        with self.store.transaction(self.lease) as tx:
            tx.put_links(links)
            tx.set_versions(unsettled)
            tx.close_intents(intents)
            tx.append_audit(audit)
            tx.put_conflicts(conflicts)
            tx.put_quarantined(quarantine)
            tx.resolve_quarantined(cleared, self.runtime.clock())
            tx.put_tombstones(tombstones)

    def _clobbered(self, operation: Operation, view: LinkView, record: Record | None) -> Losses:
        if record is None or not operation.marks:
            return Losses()
        ledger = Ledger(self.all_places, self.references, self.run_id, self.runtime.clock(), actor=self.actor)
        found = losses(ledger, operation, view, record)
        self.counts["clobbered"] += len(found.audit)
        self.counts["conflicts_opened"] += len(found.conflicts)
        return found

    def _count(
        self, side: SideName, operation: Operation, outcome: Outcome, records: Mapping[str, Record]
    ) -> OpState | None:
        letter = side.lower()
        removal = operation.kind in (Kind.ARCHIVE, Kind.DELETE)
        if outcome.status in (Status.APPLIED, Status.ALREADY):
            made_and_gone = (
                operation.kind is Kind.CREATE and outcome.status is Status.ALREADY and outcome.id is not None
            )
            if not removal and operation.op_id not in records and not made_and_gone:
                # Said to be done, but not to be seen: not believed. The intent stays open and recovery asks again.
                self.counts[f"unknown_{letter}"] += 1
                return None
            self.counts[f"{'applied' if outcome.status is Status.APPLIED else 'already'}_{letter}"] += 1
            self.counts[f"{_DONE[operation.kind]}_{letter}"] += 1
            return OpState.APPLIED
        if outcome.status is Status.REJECTED:
            self.counts[f"rejected_{letter}"] += 1
            self.counts["quarantined"] += 1
            said = {"system": self.plan.spec.side(side).system, "record": operation.record_id or operation.link_id}
            _log.info("write rejected (%s)", outcome.code or "no code", extra=said)
            return OpState.REJECTED
        if outcome.status is Status.STALE:
            self.counts[f"stale_{letter}"] += 1
            return OpState.STALE
        if outcome.status is Status.RETRYABLE:
            self.counts[f"deferred_{letter}"] += 1
            return OpState.NOT_APPLIED
        self.counts[f"unknown_{letter}"] += 1
        return None

    def _refused(self, operation: Operation, outcome: Outcome) -> Quarantined:
        view = self.plan.views[operation.link_id]
        origin = view.side(other(operation.side))
        values = {**(origin.now or origin.base), **{change.name: change.sent for change in operation.fields}}
        return Quarantined(
            subject=f"{operation.link_id}:{operation.side}",
            side=operation.side,
            link_id=operation.link_id,
            record_id=operation.record_id or operation.other_id,
            reason="rejected",
            message=outcome.message or f"refused ({outcome.code or 'no reason given'})",
            cause=operation.op_id,
            values=dumps({k: v for k, v in values.items() if v is not ABSENT}),
            run_id=self.run_id,
            at=self.runtime.clock(),
        )

    def _bury(self, view: LinkView, operation: Operation) -> Tombstone:
        tomb = Tombstone(
            view.link_id,
            other(operation.side),
            operation.policy,
            full_record(view.a),
            full_record(view.b),
            self.runtime.clock(),
        )
        if view.state is not LinkState.MERGED_AWAY:
            view.state = LinkState.TRASHED
        view.side(operation.side).now = None
        return tomb

    def _sleep(self, view: LinkView, operation: Operation, outcome: Outcome) -> Tombstone:
        """The link sleeps, as one whose record was deleted while its state was lost: nothing is made or removed."""
        view.side(operation.side).id, view.state = outcome.id, LinkState.TRASHED
        last = full_record(view.a), full_record(view.b)
        return Tombstone(view.link_id, operation.side, OnDelete.IGNORE.value, *last, self.runtime.clock())

    def _show(self, view: LinkView, operation: Operation, record: Record, outcome: Outcome) -> list[Conflict]:
        """Take over what the written side shows, and set the bases of the written fields."""
        atomic = outcome.record is not None and outcome.status is Status.APPLIED
        # A create that found its record there already may have found one we only tagged: its values are not ours.
        ours = (
            outcome.status is Status.APPLIED or operation.kind is not Kind.CREATE or record.last_op == operation.op_id
        )
        known = view.side(operation.side)
        now = read_fields(self.all_places, operation.side, record.values)
        self.references.resolve(self.all_places, operation.side, [now])
        known.id, known.version, known.now, known.record = record.id, record.version, now, record
        if not operation.is_restore:  # a restored record wakes its link in the next run, which brings both sides back
            view.state = LinkState.ACTIVE
        if operation.kind is Kind.CREATE:
            view.forget_agreement()
        parked = []
        for change in operation.fields:
            if not change.commits:
                continue
            place = self.places[change.name]
            seen = now.get(change.name, ABSENT)
            written = seen
            if seen != change.sent and not place.same(seen, change.sent) and not atomic:
                written = change.sent  # read later than written: what differs is somebody's newer edit
            if seen is ABSENT or (not ours and seen != change.sent):
                continue
            pair = (change.origin, written) if operation.side == "B" else (written, change.origin)
            view.agree(change.name, *pair)
            if atomic and seen != change.sent and not place.corresponds(*pair):
                parked.append(self._altered(view, operation, change, seen))
        return parked

    @staticmethod
    def _vanished(view: LinkView, operation: Operation, outcome: Outcome) -> None:
        """An earlier attempt had created the record and a user has deleted it since: the link remembers it, and the
        next run treats it as any deleted record, instead of creating it again."""
        view.side(operation.side).id = outcome.id
        for change in operation.fields:
            pair = (change.origin, change.sent) if operation.side == "B" else (change.sent, change.origin)
            view.agree(change.name, *pair)

    def _altered(self, view: LinkView, operation: Operation, change: FieldChange, seen: Value) -> Conflict:
        system = self.plan.spec.side(operation.side).system
        unit = self.places[change.name].spec.group or change.name
        name = hashlib.sha256(f"{operation.op_id}\x00{unit}".encode()).hexdigest()[:12]
        self.counts["conflicts_opened"] += 1
        view.frozen.add(unit)
        values = {operation.side: seen, other(operation.side): change.origin}
        return Conflict(
            conflict_id=name,
            link_id=view.link_id,
            unit=unit,
            kind="altered",
            n=1,
            status=ConflictStatus.OPEN,
            base=None,
            value_a=dumps({change.name: values["A"]}),
            value_b=dumps({change.name: values["B"]}),
            evidence=f"{system} stored something else than was sent",
            opened_run=self.run_id,
            opened_at=self.runtime.clock(),
            id_a=view.a.id,
            id_b=view.b.id,
        )

    def _written(self, operation: Operation, record: Record | None) -> list[AuditEntry]:
        if operation.kind is Kind.UPDATE:
            return [
                self.entry(
                    Role.WRITTEN,
                    operation,
                    change.name,
                    change.rule,
                    old=_json(change.name, change.before),
                    new=_json(change.name, change.sent),
                )
                for change in operation.fields
            ]
        if operation.kind is Kind.CREATE:
            new = dumps({change.name: change.sent for change in operation.fields})
            made = record.id if record else None
            return [self.entry(Role.WRITTEN, operation, "", operation.rule, made=made, new=new)]
        return [self.entry(Role.WRITTEN, operation, "", operation.rule, old=operation.record)]

    def _closed(self, operation: Operation) -> list[Conflict]:
        return [
            replace(row, status=_ended(row), closed_at=self.runtime.clock())
            for name in operation.closes
            if (row := self.conflicts.get(name)) is not None
        ]


def _ended(row: Conflict) -> ConflictStatus:
    return ConflictStatus.RESOLVED if row.choice else ConflictStatus.WITHDRAWN


def _json(name: str, value: Value) -> str | None:
    return None if value is ABSENT else dumps({name: value})
