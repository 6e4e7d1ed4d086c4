"""What a write of ours replaced unseen, found afterwards in the side's own history (P38).

Without compare-and-set somebody may edit a record between our last look at it and our write. A side that keeps a
history shows that edit as an entry of somebody else's between the newest one we knew and our own. It is never silently
lost: every such value goes to the audit, and where the strategy would not have overwritten it, it becomes a conflict.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from integrations_platform.unified_sync.forms import FieldPlace, read_fields
from integrations_platform.unified_sync.links import LinkView
from integrations_platform.unified_sync.operations import FieldChange, Operation
from integrations_platform.unified_sync.port import Change, Kind, Record
from integrations_platform.unified_sync.references import References
from integrations_platform.unified_sync.spec import Direction, SideName, Strategy, other
from integrations_platform.unified_sync.store import AuditEntry, Conflict, ConflictStatus, Role
from integrations_platform.unified_sync.values import ABSENT, Value, compact_json, dumps

CLOBBERED: dict[SideName, str] = {"A": "clobbered_source", "B": "clobbered_target"}
"""Kinds of conflicts about a value that is no longer on show, by the side it was overwritten on."""

_WINNER: dict[Strategy, SideName] = {Strategy.SOURCE_WINS: "A", Strategy.TARGET_WINS: "B"}


@dataclass
class Losses:
    """``audit``: a line for every value overwritten unseen. ``conflicts``: where such a value should not have lost."""

    audit: list[AuditEntry] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)


@dataclass(frozen=True)
class Ledger:
    """What is needed to name a loss: the fields and references of the sync, the run, and the time of the finding."""

    places: Sequence[FieldPlace]
    references: References
    run_id: str
    at: datetime
    actor: str = "engine"


def marks(record: Record, columns: Iterable[str]) -> dict[str, str]:
    """The newest entry of each column before a write, to be kept with its intent; empty where there is none."""
    return {column: _mark(known[0]) if (known := record.history.get(column)) else "" for column in columns}


def _mark(entry: Change) -> str:
    return compact_json([entry.at.isoformat(), entry.ours, repr(entry.value)])


def _since(record: Record, column: str, mark: str) -> Sequence[Change]:
    """The entries after the marked one, newest first. A side that keeps only so many may have dropped it: then its time
    tells."""
    entries = record.history.get(column, ())
    for place, entry in enumerate(entries):
        if _mark(entry) == mark:
            return entries[:place]
    if not mark:
        return entries
    known = datetime.fromisoformat(json.loads(mark)[0])
    return [entry for entry in entries if entry.at >= known]


def was_written(operation: Operation, record: Record) -> bool:
    """Whether the record bears the receipt of this write, or every column took the value sent since the marks before
    it were taken. That an entry is ours proves nothing: another write of ours, given up before, may have come late."""
    if record.last_op == operation.op_id:
        return True
    later = {column: _since(record, column, mark) for column, mark in operation.marks.items()}
    sent = operation.columns
    return bool(sent) and all(any(entry.value == sent[name] for entry in later.get(name, ())) for name in sent)


def _place_of_ours(operation: Operation, column: str, entries: Sequence[Change]) -> int | None:
    """Where our write stands among the entries: the newest one that is ours, or else that says what was sent."""
    ours = next((place for place, entry in enumerate(entries) if entry.ours), None)
    if ours is not None or column not in operation.columns:
        return ours
    sent = operation.columns[column]
    return next((place for place, entry in enumerate(entries) if entry.value == sent), None)


def overwritten(operation: Operation, record: Record) -> dict[str, Sequence[Change]]:
    """Entries of others between the marks and our write, oldest first, by column. What came after our write is none of
    them: it is a new edit; and who wrote the same as we did at last has lost nothing. A removal overwrites no column,
    but takes every unseen entry away with the record."""
    found: dict[str, Sequence[Change]] = {}
    for column, mark in operation.marks.items():
        entries = _since(record, column, mark)
        value: Value = ABSENT
        if operation.kind not in (Kind.ARCHIVE, Kind.DELETE):
            ours = _place_of_ours(operation, column, entries)
            entries, value = (entries[ours + 1 :], entries[ours].value) if ours is not None else ((), ABSENT)
        foreign = [entry for entry in entries if not entry.ours]
        if foreign and foreign[0].value != value:
            found[column] = foreign[::-1]
    return found


def losses(ledger: Ledger, operation: Operation, view: LinkView, record: Record) -> Losses:
    """What a write that took effect replaced unseen. ``record``: read after the write; ``view``: the link after it."""
    result, side = Losses(), operation.side
    found = overwritten(operation, record)
    changes = {change.name: change for change in operation.fields}
    disputed: dict[str, dict[str, Value]] = {}
    for place in ledger.places if found else ():
        name = place.spec.name
        values = [_as_field(ledger, place, side, entry.value) for entry in found.get(place.spec.columns(side)[0], ())]
        if not values:
            continue
        change = changes.get(name)
        result.audit += [_line(ledger, operation, name, value, change) for value in values if value is not ABSENT]
        if change is not None and change.commits and _is_disputed(place, side, change, values[-1]):
            disputed.setdefault(place.spec.group or name, {})[name] = values[-1]
    for unit, lost in disputed.items():
        members = [place for place in ledger.places if unit == (place.spec.group or place.spec.name)]
        if members[0].spec.direction is not Direction.BIDIRECTIONAL:
            continue  # the master's value stands
        winner = _WINNER.get(members[0].spec.strategy)
        if winner is None or winner == side:
            result.conflicts.append(_conflict(ledger, operation, view, unit, members, lost, winner))
            view.frozen.add(unit)
    return result


def _as_field(ledger: Ledger, place: FieldPlace, side: SideName, value: Value) -> Value:
    read = read_fields((place,), side, {place.spec.columns(side)[0]: value})
    ledger.references.resolve((place,), side, [read])
    return read[place.spec.name]


def _is_disputed(place: FieldPlace, side: SideName, change: FieldChange, lost: Value) -> bool:
    """Whether the last unseen edit said something else than what the write was planned over, and than the write."""
    pair = (change.origin, lost) if side == "B" else (lost, change.origin)
    return lost is not ABSENT and lost != change.before and not place.corresponds(*pair)


def _line(ledger: Ledger, operation: Operation, name: str, lost: Value, change: FieldChange | None) -> AuditEntry:
    return AuditEntry(
        run_id=ledger.run_id,
        role=Role.LOSER,
        link_id=operation.link_id,
        side=operation.side,
        record_id=operation.record_id,
        op_id=operation.op_id,
        field=name,
        rule=f"clobbered: written by somebody else just before this {operation.kind}",
        at=ledger.at,
        new=None if change is None else dumps({name: change.sent}),
        lost=dumps({name: lost}),
        actor=ledger.actor,
    )


def _conflict(
    ledger: Ledger,
    operation: Operation,
    view: LinkView,
    unit: str,
    members: Sequence[FieldPlace],
    lost: Mapping[str, Value],
    winner: SideName | None,
) -> Conflict:
    """The overwritten value against the one that overwrote it, and the rest of its group as agreed: what else was typed
    there is on show, and the next run's. Where the strategy prefers the overwritten one, the row is decided already,
    and the next run brings it back."""
    side, changes = operation.side, {change.name: change for change in operation.fields}
    names = [place.spec.name for place in members]
    agreed = (view.side(side).now or {}) | view.side(side).base
    theirs = {name: lost.get(name, agreed.get(name, ABSENT)) for name in names}
    shown = view.side(other(side)).now or {}
    ours = {name: changes[name].origin if name in changes else shown.get(name, ABSENT) for name in names}
    values = {side: theirs, other(side): ours}
    return Conflict(
        conflict_id=hashlib.sha256(f"{operation.op_id}\x00{unit}".encode()).hexdigest()[:12],
        link_id=operation.link_id,
        unit=unit,
        kind=CLOBBERED[side],
        n=1,
        status=ConflictStatus.OPEN,
        base=dumps({name: view.a.base[name] for name in names if name in view.a.base}),
        value_a=dumps(values["A"]),
        value_b=dumps(values["B"]),
        evidence=f"somebody wrote {'source' if side == 'A' else 'target'} between the last look and our write",
        opened_run=ledger.run_id,
        opened_at=ledger.at,
        id_a=view.a.id,
        id_b=view.b.id,
        choice=winner,
        decided_n=1 if winner else None,
        decided_by=f"strategy of {unit}" if winner else None,
        decided_at=ledger.at if winner else None,
    )
