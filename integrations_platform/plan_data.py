"""A plan as data: what `plan --json` prints and what people are shown, from the same object the engine runs.

Owns names and labels (which side, which record, in the words of the declaration). It decides nothing and drops nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from integrations_platform.unified_sync.operations import to_body
from integrations_platform.unified_sync.spec import SIDES, SideName, SyncSpec
from integrations_platform.unified_sync.values import ABSENT, Value, to_json

if TYPE_CHECKING:
    from integrations_platform.unified_sync.plan import Plan
    from integrations_platform.unified_sync.store import Conflict, Quarantined, SavedPlan

WORDS: dict[str, str] = {"A": "source", "B": "target"}


class DamagedPlan(ValueError):  # noqa: N818
    """A saved plan shows other operations than it would carry out, or cannot be read any more."""


def saved_operations(saved: SavedPlan) -> dict[str, dict[str, Any]]:
    """The operations people were shown, by id. Raises :class:`DamagedPlan`."""
    return {body["op_id"]: body for body in saved_data(saved)["operations"]}


def saved_data(saved: SavedPlan) -> dict[str, Any]:
    """The plan as it was kept, read and checked once: ``operations`` and what was said beside them. Raises
    :class:`DamagedPlan`."""
    try:
        data: dict[str, Any] = json.loads(saved.operations)
        shown = {body["op_id"] for body in data["operations"] if isinstance(body["fields"], dict)}
    except (ValueError, TypeError, KeyError, RecursionError):
        data, shown = {}, set()
    if not data or shown != set(saved.op_ids):
        raise DamagedPlan(f"plan {saved.plan_id} is damaged in the state database; make a new one and review that")
    return data


def side_data(spec: SyncSpec, side: SideName) -> dict[str, str]:
    """A side as declared."""
    return {"system": spec.side(side).system, "object": spec.side(side).object}


def place(spec: SyncSpec, side: str | None) -> str:
    """`billing:public.customer`, or nothing."""
    if side not in ("A", "B"):
        return ""
    return (spec.source if side == "A" else spec.target).place


def plan_data(spec: SyncSpec, plan: Plan, *, plan_id: str | None, waiting: int) -> dict[str, Any]:
    """``waiting``: conflicts that were open before this plan."""
    operations = sorted(plan.operations, key=lambda op: (op.side, op.kind.value, op.link_id))
    writes = Counter((op.side, op.kind.value) for op in operations)
    labels = {op.link_id: label(spec, plan, op.link_id) for op in operations}
    return {
        "sync": spec.name,
        "plan_id": plan_id,
        "source": side_data(spec, "A"),
        "target": side_data(spec, "B"),
        "direction": spec.direction.value,
        "writes": {
            WORDS[side]: {kind: writes[side, kind] for kind in ("create", "update", "archive", "restore", "delete")}
            for side in SIDES
        },
        "settled": plan.counts["settled"],
        "linked": plan.counts["linked"],
        "conflicts_open": waiting,
        "quarantined": plan.counts["quarantined"],
        "deferred": plan.counts["deferred"],
        "operations": [
            {"op_id": op.op_id, "record_key": labels[op.link_id]}
            | to_body(op)
            | {"side": WORDS[op.side], "record_id": op.record_id, "other_id": op.other_id}
            for op in operations
        ],
        "conflicts": [
            conflict_data(row) | {"record_key": label(spec, plan, row.link_id) or match_value(spec, row)}
            for row in plan.opened
        ],
        "quarantine": [quarantine_data(row) for row in plan.quarantine],
        "refusals": [{"guard": r.guard, "message": r.message, "remedy": r.remedy} for r in plan.refusals],
        "warnings": list(plan.warnings),
        "counts": dict(sorted(plan.counts.items())),
    }


def label(spec: SyncSpec, plan: Plan, link_id: str) -> str:
    """What people know a record by: the values of its match fields."""
    view = plan.views.get(link_id)
    if view is None:
        return ""
    sides = (view.a.now, view.b.now, view.a.base, view.b.base)
    for name in spec.match:
        for known in sides:
            found: Value = (known or {}).get(name, ABSENT)
            if found is not ABSENT and found is not None:
                return str(to_json(found))
    return ""


def match_value(spec: SyncSpec, row: Conflict) -> str:
    """The match field of a conflict about a whole record."""
    for text in (row.value_a, row.value_b, row.base):
        stored = json.loads(text or "{}")
        for name in spec.match:
            if stored.get(name):
                return str(stored[name])
    return ""


def conflict_data(row: Conflict) -> dict[str, Any]:
    """A conflict row, sides by name and values as objects by field."""

    def fields(text: str | None) -> Any:
        return None if text is None else json.loads(text)

    return {
        "id": row.conflict_id,
        "link": row.link_id,
        "source_id": row.id_a,
        "target_id": row.id_b,
        "unit": row.unit,
        "kind": row.kind,
        "n": row.n,
        "status": row.status.value,
        "base": fields(row.base),
        "source": fields(row.value_a),
        "target": fields(row.value_b),
        "evidence": row.evidence,
        "opened_at": row.opened_at.isoformat(),
        "opened_run": row.opened_run,
        "choice": WORDS.get(row.choice or "", row.choice),
        "chosen_value": fields(row.chosen_value),
        "decided_n": row.decided_n,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at.isoformat() if row.decided_at else None,
        "closed_at": row.closed_at.isoformat() if row.closed_at else None,
    }


def quarantine_data(row: Quarantined) -> dict[str, Any]:
    """A quarantine row, values as an object by field."""
    return {
        "subject": row.subject,
        "side": WORDS.get(row.side or ""),
        "link": row.link_id,
        "record_id": row.record_id,
        "reason": row.reason,
        "message": row.message,
        "values": json.loads(row.values or "{}"),
        "since": row.at.isoformat(),
        "runs": row.runs,
        "run_id": row.run_id,
        "status": row.status.value,
    }
