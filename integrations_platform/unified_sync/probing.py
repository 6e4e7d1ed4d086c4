"""What became of a write whose answer was lost, asked from the side itself.

A create is looked up by the tag it left, never by search; anything else by id, through the receipt of the last
operation or the history where the side keeps one, else through the version and the values it would have left. Where
none of that can tell and the side answers a repeated write as it did the first time, the write itself is the question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.clobbers import was_written
from integrations_platform.unified_sync.operations import Operation
from integrations_platform.unified_sync.port import (
    Capabilities,
    ErrorKind,
    Kind,
    Presence,
    Record,
    SideError,
    Status,
)
from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.values import ABSENT


class Fate(Enum):
    """The answer."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Finding:
    """Fate of one operation, with the record as it is now, if it is there. ``ours``: the side has told so itself, of
    the record ``record_id``, which need not be there any more."""

    fate: Fate
    record: Record | None = None
    record_id: str | None = None
    ours: bool = False


def probe(callers: Mapping[SideName, Caller], operations: Sequence[Operation]) -> dict[str, Finding]:
    """Ask the sides what became of these operations. Raises SideError."""
    findings: dict[str, Finding] = {}
    for side, caller in callers.items():
        mine = [operation for operation in operations if operation.side == side]
        creates = [operation for operation in mine if operation.kind is Kind.CREATE]
        ids = {operation.op_id: operation.record_id for operation in mine if operation.kind is not Kind.CREATE}
        if creates and caller.capabilities.tags:
            links = [operation.link_id for operation in creates]
            found = caller.call(partial(caller.side.find_tagged, links))
            ids.update({operation.op_id: found.get(operation.link_id) for operation in creates})
        wanted = sorted({record_id for record_id in ids.values() if record_id is not None})
        records = caller.read(wanted) if wanted else {}
        for operation in mine:
            if operation.kind is Kind.CREATE and not caller.capabilities.tags:
                findings[operation.op_id] = Finding(Fate.UNDECIDED)
            else:
                record = records.get(ids[operation.op_id] or "")
                findings[operation.op_id] = Finding(_fate(operation, record, caller.capabilities.receipts), record)
    return findings


def may_replay(operation: Operation, able: Capabilities) -> bool:
    """Whether sending this write once more is safe, done or not: the side remembers it, and if it was never done, no
    newer edit is gone over."""
    return able.replays and (operation.kind is Kind.CREATE or able.compare_and_set)


def replayed(caller: Caller, operation: Operation) -> Finding:
    """Send the same bytes under the same id once more, to be told what became of them. Raises SideError if there is no
    answer again: then nothing may be planned over it."""
    try:
        answer = caller.write([operation.as_write()])
    except SideError as fault:
        if fault.kind is ErrorKind.PERMANENT:
            return Finding(Fate.NOT_APPLIED)
        raise
    told = {outcome.status: outcome for outcome in answer if outcome.op_id == operation.op_id}
    if len(told) != 1 or told.keys() & {Status.UNKNOWN, Status.RETRYABLE}:
        message = f"{caller.side.system} does not say what became of an interrupted {operation.kind}; run again later"
        raise SideError(ErrorKind.TRANSIENT, message)
    (outcome,) = told.values()
    if outcome.status not in (Status.APPLIED, Status.ALREADY):
        return Finding(Fate.NOT_APPLIED)
    record_id = outcome.id or operation.record_id
    return Finding(Fate.APPLIED, caller.read([record_id]).get(record_id) if record_id else None, record_id, ours=True)


def _fate(operation: Operation, record: Record | None, receipts: bool) -> Fate:
    live = record is not None and record.presence is not Presence.ARCHIVED
    if operation.kind in (Kind.ARCHIVE, Kind.DELETE):
        return Fate.NOT_APPLIED if live else Fate.APPLIED
    if record is None:
        return Fate.NOT_APPLIED
    if operation.kind is Kind.CREATE:
        return Fate.APPLIED
    if operation.kind is Kind.RESTORE:
        return Fate.APPLIED if live else Fate.NOT_APPLIED
    if operation.marks:
        return Fate.APPLIED if was_written(operation, record) else Fate.NOT_APPLIED
    if receipts:
        return Fate.APPLIED if record.last_op == operation.op_id else Fate.NOT_APPLIED
    if record.version == operation.expected_version:
        return Fate.NOT_APPLIED
    if all(record.values.get(column, ABSENT) == value for column, value in operation.columns.items()):
        return Fate.APPLIED
    return Fate.UNDECIDED
