"""A planned write with everything needed to carry it out, to commit it, and to recover it after a crash.

The operation id is a hash of what is done to which link from which base, so planning the same thing again gives the
same id. The body survives in the write-ahead intent; nothing outside it is needed to finish or disown the write.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations_platform.unified_sync.port import Kind, Write
from integrations_platform.unified_sync.spec import SideName, SyncSpec
from integrations_platform.unified_sync.store import Intent, OpState
from integrations_platform.unified_sync.values import ABSENT, FieldType, Value, Values, compact_json, from_json, to_json


@dataclass(slots=True)  # not frozen: made for every field of every new record, and freezing triples what that costs
class FieldChange:
    """One field of a write: what the written side showed, what is sent, and the other side's value it comes from; of a
    decision for both sides, the one that goes there.

    ``lost``: the value it replaces was written by a user and goes to the audit before the call. ``commits``: the base
    takes both values once the write is confirmed (not so for two-sided resolutions and restores).
    """

    name: str
    before: Value
    sent: Value
    origin: Value
    rule: str
    lost: bool = False
    evidence: str = ""
    commits: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """A write to one record of one link.

    ``columns`` is the payload in the side's columns (references translated to record ids). ``other_id`` is the record
    on the other side. ``closes`` names the conflict rows that end when this is applied. ``record`` is the full last
    record as JSON for deletes. ``marks``: the newest history entry of each column just before the write, where the side
    keeps a history instead of comparing versions.
    """

    op_id: str
    kind: Kind
    side: SideName
    link_id: str
    record_id: str | None
    other_id: str | None
    expected_version: str | None
    base_version: int
    columns: Values
    fields: tuple[FieldChange, ...]
    rule: str = ""
    closes: tuple[str, ...] = ()
    record: str | None = None
    policy: str = ""
    is_restore: bool = False
    marks: Mapping[str, str] = field(default_factory=dict)

    def as_write(self) -> Write:
        """What is handed to the side."""
        return Write(self.op_id, self.kind, self.link_id, self.columns, self.record_id, self.expected_version)


def operation_id(
    pair: str, link_id: str, side: SideName, kind: Kind, base_version: int, columns: Values, nonce: str = ""
) -> str:
    """Hash of pair, link, side, kind, base version and payload."""
    payload = {name: value for name, value in columns.items() if value is not ABSENT}
    text = compact_json([pair, link_id, side, kind, base_version, payload, nonce])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def to_body(operation: Operation) -> dict[str, Any]:
    """The operation as JSON data; ids and states that have columns of their own included, so that it stands alone."""
    body: dict[str, Any] = json.loads(json.dumps(_body(operation), default=to_json))
    return body


def _body(operation: Operation) -> dict[str, Any]:
    body: dict[str, Any] = {
        "kind": operation.kind.value,
        "side": operation.side,
        "link": operation.link_id,
        "record": operation.record_id,
        "other": operation.other_id,
        "expected": operation.expected_version,
        "base_version": operation.base_version,
        "rule": operation.rule,
        "closes": list(operation.closes),
        "full": operation.record,
        "policy": operation.policy,
        "restore": operation.is_restore,
        "columns": {name: value for name, value in operation.columns.items() if value is not ABSENT},
        "fields": {
            change.name: {
                "before": None if change.before is ABSENT else change.before,
                "sent": change.sent,
                "origin": None if change.origin is ABSENT else change.origin,
                "rule": change.rule,
                "lost": change.lost,
                "evidence": change.evidence,
                "commits": change.commits,
            }
            for change in operation.fields
        },
    }
    if operation.marks:
        body["marks"] = dict(operation.marks)
    return body


def to_intent(operation: Operation, run_id: str) -> Intent:
    """The write-ahead record of an operation about to be sent."""
    return Intent(
        operation.op_id,
        run_id,
        operation.link_id,
        operation.side,
        operation.kind.value,
        OpState.SENT,
        compact_json(_body(operation)),
        operation.record_id,
    )


def from_intent(spec: SyncSpec, intent: Intent) -> Operation:
    """The operation behind an intent; fields the sync no longer declares are dropped from what will be committed."""
    return from_body(spec, intent.op_id, json.loads(intent.body))


def from_body(spec: SyncSpec, op_id: str, body: Mapping[str, Any]) -> Operation:
    """Read :func:`to_body`'s data back."""
    kinds = {item.name: item.type for item in spec.fields}
    side: SideName = "A" if body["side"] == "A" else "B"
    columns = {item.columns(side)[0]: item.type for item in spec.fields if len(item.columns(side)) == 1}
    fields = tuple(
        FieldChange(
            name,
            from_json(kinds[name], data["before"]),
            from_json(kinds[name], data["sent"]),
            from_json(kinds[name], data["origin"]),
            data["rule"],
            data["lost"],
            data["evidence"],
            data["commits"],
        )
        for name, data in body["fields"].items()
        if name in kinds
    )
    return Operation(
        op_id=op_id,
        kind=Kind(body["kind"]),
        side=side,
        link_id=body["link"],
        record_id=body["record"],
        other_id=body["other"],
        expected_version=body["expected"],
        base_version=body["base_version"],
        columns={name: from_json(columns.get(name, FieldType.TEXT), value) for name, value in body["columns"].items()},
        fields=fields,
        rule=body["rule"],
        closes=tuple(body["closes"]),
        record=body["full"],
        policy=body["policy"],
        is_restore=body["restore"],
        marks=body.get("marks", {}),
    )
