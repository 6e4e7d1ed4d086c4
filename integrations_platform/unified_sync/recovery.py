"""Making good what an earlier run began and did not finish, before anything is planned (B7, step 0).

An interrupted write is asked about at its side and either adopted or disowned; it never becomes a conflict. Where only
the side's own answer can tell, the same bytes are sent again under the same operation id; where nothing can tell, a
create is not repeated but waits for a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.claims import claimed_by_others
from integrations_platform.unified_sync.clobbers import Ledger, losses
from integrations_platform.unified_sync.forms import FieldPlace
from integrations_platform.unified_sync.links import LinkView, SideView, full_record, view_of
from integrations_platform.unified_sync.operations import Operation, from_intent
from integrations_platform.unified_sync.port import Kind, Record
from integrations_platform.unified_sync.probing import Fate, Finding, may_replay, probe, replayed
from integrations_platform.unified_sync.quarantine import UNKNOWN_OUTCOME
from integrations_platform.unified_sync.references import References
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import SIDES, SideName, SyncSpec, other
from integrations_platform.unified_sync.store import (
    AuditEntry,
    BaseRow,
    Conflict,
    ConflictStatus,
    Lease,
    LinkState,
    OpState,
    Quarantined,
    Role,
    Store,
    Tombstone,
)
from integrations_platform.unified_sync.values import ABSENT, dumps

CHUNK = 500

_UNTOLD = (
    "the answer to this create was lost and the system cannot say what became of it; look there, then link the record "
    "by its match key, or release this row to create it"
)


@dataclass
class Recovered:
    """What recovery found of some intents, to be committed in one piece."""

    links: dict[str, LinkView] = field(default_factory=dict)
    states: list[tuple[str, OpState]] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)
    tombstones: list[Tombstone] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    parked: list[Quarantined] = field(default_factory=list)


def recover(
    spec: SyncSpec,
    places: Sequence[FieldPlace],
    references: References,
    callers: Mapping[SideName, Caller],
    store: Store,
    lease: Lease,
    runtime: Runtime,
    run_id: str,
) -> int:
    """Resolve every open intent of the pair; returns how many. Raises SideError if a side cannot be asked.

    What cannot be told of an update counts as not applied: the record is planned again from what it shows now.
    """
    intents = store.open_intents(lease.pair)
    open_rows = {row.conflict_id: row for row in store.conflicts(lease.pair)} if intents else {}
    for start in range(0, len(intents), CHUNK):
        operations = [from_intent(spec, intent) for intent in intents[start : start + CHUNK]]
        findings = _ask(callers, operations, store, lease, runtime)
        frame = store.record_ids(lease.pair, sorted({op.link_id for op in operations}))
        bases = store.bases(lease.pair, sorted({op.link_id for op in operations}))
        found = Recovered()
        refused = _claimed_by_others(spec, store, operations, findings)
        for operation in operations:
            finding = findings[operation.op_id]
            if operation.op_id in refused:
                found.states.append((operation.op_id, OpState.REJECTED))
                found.parked.append(_parked(operation, "rejected", refused[operation.op_id], run_id, runtime.clock()))
                continue
            if finding.fate is not Fate.APPLIED:
                found.states.append((operation.op_id, OpState.NOT_APPLIED))
                if finding.fate is Fate.UNDECIDED and operation.kind is Kind.CREATE:
                    found.parked.append(_parked(operation, UNKNOWN_OUTCOME, _UNTOLD, run_id, runtime.clock()))
                continue
            view = found.links.get(operation.link_id) or _stored_view(spec, operation, frame, bases)
            found.links[operation.link_id] = view
            ledger = Ledger(places, references, run_id, runtime.clock())
            _take(spec, ledger, found, view, operation, finding, open_rows)
        with store.transaction(lease) as tx:
            tx.put_links([view.row(spec, None) for view in found.links.values()])
            tx.put_conflicts(found.conflicts)
            tx.close_intents(found.states)
            tx.append_audit(found.audit)
            tx.put_tombstones(found.tombstones)
            tx.put_quarantined(found.parked)
    return len(intents)


def _ask(
    callers: Mapping[SideName, Caller], operations: Sequence[Operation], store: Store, lease: Lease, runtime: Runtime
) -> dict[str, Finding]:
    findings = probe(callers, operations)
    unsure = [operation for operation in operations if findings[operation.op_id].fate is Fate.UNDECIDED]
    for operation in unsure:
        caller = callers[operation.side]
        if may_replay(operation, caller.capabilities):
            store.renew(lease, runtime.lease_seconds, runtime.clock())
            findings[operation.op_id] = replayed(caller, operation)
    if any(findings[op.op_id].fate is Fate.UNDECIDED and op.kind is Kind.CREATE for op in unsure):
        # A record that was made but does not show yet is recognised by its match key in the listing that comes next.
        runtime.sleep(runtime.settle_seconds)
        store.renew(lease, runtime.lease_seconds, runtime.clock())
    return findings


def _take(
    spec: SyncSpec,
    ledger: Ledger,
    found: Recovered,
    view: LinkView,
    operation: Operation,
    finding: Finding,
    open_rows: Mapping[str, Conflict],
) -> None:
    """Commit one write that turned out to have happened, as its own run would have done."""
    ended: list[Conflict] = []
    if operation.kind in (Kind.ARCHIVE, Kind.DELETE):
        found.tombstones.append(_bury(view, operation, ledger.at))
        ended = [row for row in open_rows.values() if row.link_id == operation.link_id]
    else:
        adopt(spec, view, operation, finding.record, record_id=finding.record_id, ours=finding.ours)
    found.states.append((operation.op_id, OpState.APPLIED))
    found.audit.append(recovered_line(operation, ledger.run_id, ledger.at))
    if operation.marks and finding.record is not None:
        lost = losses(ledger, operation, view, finding.record)
        found.audit += lost.audit
        found.conflicts += lost.conflicts
        if lost.conflicts:
            ended += [open_rows[name] for name in operation.closes if name in open_rows]
    found.conflicts += [replace(row, status=ConflictStatus.WITHDRAWN, closed_at=ledger.at) for row in ended]


def adopt(
    spec: SyncSpec,
    view: LinkView,
    operation: Operation,
    record: Record | None,
    *,
    record_id: str | None = None,
    ours: bool = False,
) -> None:
    """Take a write that happened into the link's base: what was sent on its side, where it came from on the other.

    A created record without our receipt may be one that was only tagged; of it, only values equal to ours are taken,
    and those its history says we wrote. ``ours``: the side itself has said that the create was this one; ``record_id``
    is then the record it made, there or not. No version is kept, so both records are read and compared in full by the
    next plan; a user's edit made since then shows as an ordinary change.
    """
    view.side(operation.side).id = record.id if record is not None else record_id or operation.record_id
    receipt = record is not None and record.last_op == operation.op_id
    ours = ours or operation.kind is not Kind.CREATE or receipt
    if operation.kind is Kind.CREATE and view.side(other(operation.side)).id is None:
        view.side(other(operation.side)).id = operation.other_id
    view.state = LinkState.ACTIVE
    if operation.kind is Kind.CREATE:
        view.forget_agreement()
    for change in operation.fields:
        column = spec.field_named(change.name).columns(operation.side)[0]
        if change.commits and (ours or (record is not None and _shows(record, column, operation))):
            pair = (change.origin, change.sent) if operation.side == "B" else (change.sent, change.origin)
            view.agree(change.name, *pair)


def _shows(record: Record, column: str, operation: Operation) -> bool:
    """Whether a created record has, or by its history had from us, what was sent."""
    sent = operation.columns.get(column, ABSENT)
    written = [entry.value for entry in record.history.get(column, ()) if entry.ours]
    return record.values.get(column, ABSENT) == sent or sent in written


def _claimed_by_others(
    spec: SyncSpec, store: Store, operations: Sequence[Operation], findings: Mapping[str, Finding]
) -> dict[str, str]:
    """Creates whose record turned out to be that of another link, and in words why they are not believed."""
    refused: dict[str, str] = {}
    for side in SIDES:
        made = []
        for operation in operations:
            finding = findings[operation.op_id]
            if operation.side == side and operation.kind is Kind.CREATE and finding.fate is Fate.APPLIED:
                made.append((operation, finding.record.id if finding.record is not None else finding.record_id))
        refused |= claimed_by_others(store, spec, side, made)
    return refused


def _parked(operation: Operation, reason: str, message: str, run_id: str, at: datetime) -> Quarantined:
    return Quarantined(
        subject=f"{operation.link_id}:{operation.side}",
        side=operation.side,
        link_id=operation.link_id,
        record_id=operation.other_id,
        reason=reason,
        message=message,
        cause=operation.op_id,
        values=dumps({change.name: change.sent for change in operation.fields}),
        run_id=run_id,
        at=at,
    )


def _stored_view(
    spec: SyncSpec,
    operation: Operation,
    frame: Mapping[str, tuple[str | None, str | None, LinkState]],
    bases: Mapping[str, BaseRow],
) -> LinkView:
    ids = frame.get(operation.link_id)
    if ids is not None:
        return view_of(spec, operation.link_id, (ids[0], ids[1]), ids[2], bases.get(operation.link_id))
    view = LinkView(operation.link_id, SideView(None, None, None, {}), SideView(None, None, None, {}))
    view.side(operation.side).id = operation.record_id
    view.side(other(operation.side)).id = operation.other_id
    return view


def _bury(view: LinkView, operation: Operation, at: datetime) -> Tombstone:
    if view.state is not LinkState.MERGED_AWAY:
        view.state = LinkState.TRASHED
    return Tombstone(
        view.link_id, other(operation.side), operation.policy, full_record(view.a), full_record(view.b), at
    )


def recovered_line(operation: Operation, run_id: str, at: datetime) -> AuditEntry:
    """The audit's line of a write that was found done after its own run had given no account of it."""
    return AuditEntry(
        run_id=run_id,
        role=Role.RECOVERED,
        link_id=operation.link_id,
        side=operation.side,
        record_id=operation.record_id,
        op_id=operation.op_id,
        field="",
        rule=f"an interrupted {operation.kind} had taken effect",
        at=at,
    )
