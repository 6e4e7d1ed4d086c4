"""Why a record is as it is: its base, both present values, what the next run would do and by which rule.

Answers come from the same planner that runs, restricted to the one link; nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from integrations_platform.unified_sync.classify import classify
from integrations_platform.unified_sync.operations import to_body
from integrations_platform.unified_sync.plan import Plan, World
from integrations_platform.unified_sync.planner import make_plan, observe
from integrations_platform.unified_sync.spec import SIDES, SideName
from integrations_platform.unified_sync.values import ABSENT, Value, to_json


@dataclass
class Explanation:
    """One link, or one record without a link. ``fields``: name → base and present value of both sides."""

    link_id: str | None
    id_a: str | None
    id_b: str | None
    state: str
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    operations: list[dict[str, Any]] = field(default_factory=list)
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    quarantine: list[dict[str, Any]] = field(default_factory=list)

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {
            "link": self.link_id,
            "source_id": self.id_a,
            "target_id": self.id_b,
            "state": self.state,
            "fields": self.fields,
            "reasons": self.reasons,
            "operations": self.operations,
            "conflicts": self.conflicts,
            "quarantine": self.quarantine,
        }


def find(world: World, key: str) -> list[tuple[str | None, SideName | None, str]]:
    """What ``key`` can mean: a link id, ``A:id``/``B:id``, ``source:id``/``target:id``, or a bare record id.

    Returns (link id, side, record id) candidates; the link id is None for a record that has no link.
    """
    links = world.links
    exact = links.filter(pl.col("link_id") == key)
    if exact.height:
        return [(key, None, "")]
    prefix, _, rest = key.partition(":")
    sides = {"A": "A", "B": "B", "source": "A", "target": "B"}
    wanted: list[tuple[SideName, str]] = (
        [("A" if sides[prefix] == "A" else "B", rest)] if prefix in sides and rest else [(side, key) for side in SIDES]
    )
    found: list[tuple[str | None, SideName | None, str]] = []
    for side, record_id in wanted:
        rows = links.filter(pl.col(f"id_{side.lower()}") == record_id)
        found += [(link_id, None, "") for link_id in rows["link_id"].to_list()]
        if not rows.height and world.listings[side].frame.filter(pl.col("id") == record_id).height:
            found.append((None, side, record_id))
    return found


def explain(world: World, key: str) -> list[Explanation]:
    """Explain every record that ``key`` can mean; empty when there is none. Raises SideError."""
    return [_explain(world, *candidate) for candidate in find(world, key)]


def _explain(world: World, link_id: str | None, side: SideName | None, record_id: str) -> Explanation:
    links = world.links.filter(pl.col("link_id") == (link_id or ""))
    ids = {"A": links["id_a"].to_list(), "B": links["id_b"].to_list()}
    if side is not None:
        ids[side] = [record_id]
    listings = {
        name: replace(world.listings[name], frame=world.listings[name].frame.filter(pl.col("id").is_in(ids[name])))
        for name in SIDES
    }
    narrow = replace(world, links=links, listings=listings)
    plan = make_plan(narrow, attended=True, first_run=False)
    shown = Explanation(
        link_id,
        ids["A"][0] if ids["A"] else None,
        ids["B"][0] if ids["B"] else None,
        links["state"][0] if link_id else "not linked",
    )
    classes = classify(links, listings["A"], listings["B"], everything=True)
    for view, _ in observe(narrow, classes, Plan(world.spec, world.taken_at)):
        for item in world.spec.fields:
            values = (
                ("source", view.a.now or {}),
                ("target", view.b.now or {}),
                ("base_source", view.a.base),
                ("base_target", view.b.base),
            )
            shown.fields[item.name] = {label: _shown(of.get(item.name, ABSENT)) for label, of in values}
    for name, notes in plan.notes.items():
        if name == link_id or (link_id is None):
            shown.reasons += notes
    shown.operations = [{"op_id": op.op_id} | to_body(op) for op in plan.operations]
    shown.conflicts = [
        {"id": row.conflict_id, "unit": row.unit, "n": row.n, "evidence": row.evidence}
        for (link, _), row in world.conflicts.items()
        if link == link_id
    ]
    subjects = {f"{link_id}:{name}" for name in SIDES} | ({f"{side}:{record_id}"} if side else set())
    shown.quarantine = [
        {"reason": row.reason, "message": row.message}
        for subject, row in world.quarantined.items()
        if subject in subjects
    ]
    if link_id and not (plan.operations or shown.reasons or shown.conflicts or shown.quarantine):
        shown.reasons.append("both sides agree with what was last synced; nothing is to be done")
    return shown


def _shown(value: Value) -> Any:
    return "(unknown)" if value is ABSENT else to_json(value)
