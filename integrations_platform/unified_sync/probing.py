"""What became of a write whose answer was lost, asked from the side itself.

A create is looked up by the tag it left, never by search; anything else by id, through the receipt of the last
operation where the side keeps one, else through the version and the values it would have left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.operations import Operation
from integrations_platform.unified_sync.port import Kind, Presence, Record
from integrations_platform.unified_sync.spec import SideName


class Fate(Enum):
    """The answer."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Finding:
    """Fate of one operation, with the record as it is now, if it is there."""

    fate: Fate
    record: Record | None = None


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
    if receipts:
        return Fate.APPLIED if record.last_op == operation.op_id else Fate.NOT_APPLIED
    if record.version == operation.expected_version:
        return Fate.NOT_APPLIED
    if all(record.values.get(column) == value for column, value in operation.columns.items()):
        return Fate.APPLIED
    return Fate.UNDECIDED
