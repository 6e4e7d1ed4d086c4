"""Bringing back what a run replaced or removed: a plan like any other, made from audit lines.

A restored value is a person's edit made by us: it is written to the side that lost it, with compare-and-set on what
that side shows now, and the next run carries it on. What it replaces is itself audited as a loser. Its id also says
what it replaces, so that a plan somebody has looked at is stale as soon as that has changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import polars as pl

from integrations_platform.unified_sync.classify import classify
from integrations_platform.unified_sync.forms import FieldPlace
from integrations_platform.unified_sync.links import LinkView, SideView
from integrations_platform.unified_sync.operations import FieldChange, Operation, operation_id
from integrations_platform.unified_sync.plan import Plan, World
from integrations_platform.unified_sync.planner import observe
from integrations_platform.unified_sync.port import LISTING_SCHEMA, Kind
from integrations_platform.unified_sync.spec import SideName, other
from integrations_platform.unified_sync.store import LinkState, Role, StoredAuditEntry
from integrations_platform.unified_sync.values import (
    ABSENT,
    FieldType,
    Unresolved,
    Value,
    compact_json,
    from_json,
    to_json,
)


def restorable(entries: Iterable[StoredAuditEntry]) -> list[StoredAuditEntry]:
    """The lines that name something that can be brought back; the newest per link, side and field."""
    newest: dict[tuple[str, str | None, str], StoredAuditEntry] = {}
    for stored in entries:
        entry = stored.entry
        if entry.role in (Role.LOSER, Role.DELETED) and entry.lost is not None and entry.side is not None:
            newest[(entry.link_id, entry.side, entry.field)] = stored
    return sorted(newest.values(), key=lambda stored: stored.number)


def plan_restore(world: World, entries: Sequence[StoredAuditEntry]) -> Plan:
    """Plan to restore these lines. What is no longer possible is said in ``plan.warnings``, nothing is guessed."""
    plan = Plan(world.spec, world.taken_at)
    wanted: dict[str, list[StoredAuditEntry]] = {}
    for stored in restorable(entries):
        wanted.setdefault(stored.entry.link_id, []).append(stored)
    frame = world.links.filter(pl.col("link_id").is_in(list(wanted)))
    listings = {side: world.listings[side] for side in world.listings}
    classes = classify(frame, listings["A"], listings["B"], everything=True)
    trashed = frame.filter(pl.col("state") != "active").with_columns(
        pl.lit(None, dtype=pl.String).alias("seen_a"),
        pl.lit(None, dtype=pl.String).alias("seen_b"),
        pl.lit(None, dtype=LISTING_SCHEMA["presence"]).alias("presence_a"),
        pl.lit(None, dtype=LISTING_SCHEMA["presence"]).alias("presence_b"),
        pl.lit(value=False).alias("same_a"),
        pl.lit(value=False).alias("same_b"),
    )
    look = pl.concat([classes.look, trashed.select(classes.look.columns)]).unique("link_id").sort("link_id")
    classes = type(classes)(look, [], [], 0, classes.active, classes.live_a, classes.live_b)
    for view, _ in observe(world, classes, plan):
        by_side: dict[SideName, list[StoredAuditEntry]] = {"A": [], "B": []}
        for stored in wanted.pop(view.link_id):
            if stored.entry.side is not None:
                by_side[stored.entry.side].append(stored)
        for side, lines in by_side.items():
            if lines:
                _restore_side(world, plan, view, side, lines)
    for link_id in wanted:
        plan.warnings.append(f"link {link_id} is no longer known; nothing of it was restored")
    return plan


def _payload(world: World, place: FieldPlace, side: SideName, lost: Value) -> Value:
    """What the side's column takes for a lost value; ABSENT for a reference to a record without a link."""
    if isinstance(lost, Unresolved):  # nobody knew then whom this id means; it is the side's own
        return lost.id
    if place.spec.type is FieldType.REF and isinstance(lost, str):
        return world.references.record_id(place.spec.name, side, lost) or ABSENT
    return lost


def _why_not(view: LinkView, known: SideView, whole: StoredAuditEntry | None) -> str | None:
    """What keeps a record (``whole``), or a value of it, from being brought back on a side."""
    if known.now is not None:
        return None if whole is None else "the record is there already"
    if view.state is LinkState.CLOSED:
        return "it has ended; make the record anew on either side, and the next run makes its counterpart"
    return "the record is not there any more; restore its deletion first" if whole is None else None


def _restore_side(world: World, plan: Plan, view: LinkView, side: SideName, lines: Sequence[StoredAuditEntry]) -> None:
    known = view.side(side)
    nonce = ",".join(str(stored.number) for stored in lines)
    whole = next((stored for stored in lines if stored.entry.role is Role.DELETED), None)
    reason = _why_not(view, known, whole)
    if reason is not None:
        plan.warnings.append(f"link {view.link_id}: {reason}")
        return
    kinds = {item.name: item for item in world.spec.fields}
    lost: dict[str, Value] = {}
    for stored in lines:
        for name, data in json.loads(stored.entry.lost or "{}").items():
            if name in kinds:
                lost[name] = from_json(kinds[name].type, data)
    kind = Kind.UPDATE
    if whole is not None:
        kind = Kind.RESTORE if known.record is not None else Kind.CREATE
    changes: list[FieldChange] = []
    withheld = False
    columns: dict[str, Value] = {}
    for place in world.places:
        name, form = place.spec.name, place.form(side)
        if name not in lost or form is None or not form.writable or kind is Kind.RESTORE:
            continue
        seen = (known.now or {}).get(name, ABSENT)
        if kind is Kind.UPDATE and seen == lost[name]:
            continue
        if kind is Kind.UPDATE and (view.link_id, place.spec.group or name) in world.conflicts:
            plan.warnings.append(f"link {view.link_id}: field {name} is in an open conflict; decide that instead")
            withheld = True
            continue
        payload = _payload(world, place, side, lost[name])
        if payload is ABSENT:
            gone = f"field {name} referred to a record that is not there any more; restore that one first"
            plan.warnings.append(f"link {view.link_id}: {gone}")
            withheld = True
            continue
        columns[place.spec.columns(side)[0]] = payload
        rule = f"restored from audit line {nonce}"
        changes.append(FieldChange(name, seen, lost[name], ABSENT, rule, lost=kind is Kind.UPDATE, commits=False))
    if kind is Kind.UPDATE and not changes:
        if not withheld:
            plan.warnings.append(f"link {view.link_id}: the record shows that value already")
        return
    replaced = compact_json({change.name: to_json(change.before) for change in changes if change.before is not ABSENT})
    asked = f"restore:{nonce}:{replaced}"
    plan.views[view.link_id] = view
    plan.operations.append(
        Operation(
            op_id=operation_id(world.pair, view.link_id, side, kind, view.base_version, columns, asked),
            kind=kind,
            side=side,
            link_id=view.link_id,
            record_id=None if kind is Kind.CREATE else known.id,
            other_id=view.side(other(side)).id,
            expected_version=known.version or (known.record.version if known.record else None),
            base_version=view.base_version,
            columns=columns,
            fields=tuple(changes),
            rule=f"restored from audit line {nonce}",
            is_restore=True,
        )
    )
