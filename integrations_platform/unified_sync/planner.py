"""The planner: from one observation of both sides and the memory to a complete plan. It writes nothing.

It decides record by record only for what changed; who is settled is told by columns in :mod:`.classify`. Existence is
decided before fields, identity of new records last, so that what is being deleted cannot claim a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from integrations_platform.unified_sync.carrying import Carrier
from integrations_platform.unified_sync.classify import Classes, classify
from integrations_platform.unified_sync.existence import await_record, plan_existence
from integrations_platform.unified_sync.field_merge import plan_fields
from integrations_platform.unified_sync.forms import read_fields
from integrations_platform.unified_sync.guards import evaluate_guards
from integrations_platform.unified_sync.late_removals import find_late_removals
from integrations_platform.unified_sync.links import LinkView, SideView, view_of
from integrations_platform.unified_sync.merging import follow, plan_merge_cases
from integrations_platform.unified_sync.newcomers import plan_newcomers, warn_of_future
from integrations_platform.unified_sync.operations import Operation, from_intent
from integrations_platform.unified_sync.plan import Plan, World
from integrations_platform.unified_sync.port import Presence
from integrations_platform.unified_sync.quarantine import Subject, clear_outdated, withhold
from integrations_platform.unified_sync.recovery import adopt
from integrations_platform.unified_sync.spec import SIDES, SideName, other
from integrations_platform.unified_sync.store import BaseRow, LinkState, OpState
from integrations_platform.unified_sync.values import ABSENT, Invalid

CHUNK = 1000  # links looked at together: bounds memory and the length of id lists
BASES = 20 * CHUNK  # stored bases read together


def make_plan(world: World, *, attended: bool, first_run: bool, carrier: Carrier | None = None) -> Plan:
    """Plan one run. ``attended``: a person started it; an unattended first run of a sync is refused. ``carrier``: what
    may carry rows as they are; without one every write is an operation of its own."""
    plan = Plan(world.spec, world.taken_at, merged={side: world.listings[side].merged for side in SIDES})
    for side in SIDES:
        if not world.listings[side].complete:
            plan.warnings.append(
                f"the listing of {world.spec.side(side).system} is incomplete ({world.listings[side].reason}); "
                "nothing is taken as deleted there"
            )
    classes = classify(world.links, world.listings["A"], world.listings["B"]).owned(world.share)
    if world.share.number == 0:
        plan.counts.update(settled=classes.settled, active=classes.active)
        plan.counts.update(live_a=classes.live_a, live_b=classes.live_b)
    if world.share.whole:
        plan.held = frozenset(side for side in SIDES if classes.strangers(side.lower()) == 0)
    left = classes if carrier is None else carrier.pick(world, plan, classes)
    leaving: set[str] = set()
    for view, seen in observe(world, left, plan):
        if _readable(world, plan, view):
            if plan_existence(world, plan, view):
                plan_fields(world, plan, view)
            else:
                leaving.add(view.link_id)
            _note_versions(plan, view, seen)
        follow(world, plan, view)
    plan_merge_cases(world, plan)
    plan_newcomers(world, plan, left.new_a, left.new_b, leaving)
    if world.quarantined:
        clear_outdated(world, plan)
    _hold_back(world, plan)
    evaluate_guards(world, plan, classes, attended=attended, first_run=first_run)
    return plan


def _hold_back(world: World, plan: Plan) -> None:
    """Leave out what this run may not write. Nothing is settled for it, so a later run plans it again; nor may that
    run believe that the record was seen here as it was agreed (P17)."""
    held = [operation for operation in plan.operations if not world.spec.may_write(operation.side)]
    plan.touched += [
        (link_id, *plan.views[link_id].settled_versions)
        for link_id in sorted({operation.link_id for operation in held})
        if not plan.views[link_id].is_new
    ]
    plan.counts["held_back"] += len(held)
    plan.operations = [operation for operation in plan.operations if world.spec.may_write(operation.side)]


def observe(
    world: World, classes: Classes, plan: Plan, *, trust_versions: bool = True
) -> Iterator[tuple[LinkView, Mapping[str, Any]]]:
    """Read the links on the list, chunk by chunk, with their stored rows. A side whose version is the stored one is
    not read again: it equals its base. ``trust_versions`` False reads everything, for a comparison that must not rely
    on what is remembered."""
    done = 0
    for chunk, bases in _with_bases(world, classes):
        views = [
            view_of(
                world.spec,
                row["link_id"],
                (row["id_a"], row["id_b"]),
                LinkState(row["state"]),
                bases.get(row["link_id"]),
            )
            for row in chunk
        ]
        for view, row in zip(views, chunk, strict=True):
            view.a.listed, view.b.listed = row["seen_a"] is not None, row["seen_b"] is not None
            view.was_settled = {"A": row["version_a"] is not None, "B": row["version_b"] is not None}
        for side in SIDES:
            _observe_side(world, plan, side, views, chunk, trust_versions=trust_versions)
        for side in SIDES:  # moves bases, which must not be taken for what the other side shows
            _adopt_late_writes(world, side, views)
            find_late_removals(world, side, views)
        for side in SIDES:
            _look_again(world, plan, side, views, chunk)
        world.references.recognise(world.places, views)
        done += len(chunk)
        world.progress("comparing", done, classes.look.height)
        yield from zip(views, chunk, strict=True)


def _with_bases(
    world: World, classes: Classes
) -> Iterator[tuple[list[dict[str, Any]], Mapping[str, BaseRow]]]:  # fmt: skip
    """The rows on the list, chunk by chunk. Bases are asked for many chunks at once: what was loaded whole is packed,
    and opened anew for every question."""
    for piece in classes.look.iter_slices(BASES):
        bases = world.store.bases(world.pair, piece["link_id"].to_list())
        rows = piece.iter_rows(named=True)
        while chunk := list(islice(rows, CHUNK)):
            yield chunk, bases


def _observe_side(
    world: World,
    plan: Plan,
    side: SideName,
    views: Sequence[LinkView],
    rows: Sequence[Mapping[str, Any]],
    *,
    trust_versions: bool,
) -> None:
    letter = side.lower()
    unread: list[tuple[str, SideView]] = []
    for view, row in zip(views, rows, strict=True):
        known = view.side(side)
        if trust_versions and row[f"same_{letter}"]:
            known.now, known.version = dict(known.base), row[f"seen_{letter}"]
        elif known.id is not None:
            unread.append((known.id, known))
    records = world.read(side, [record_id for record_id, _ in unread]) if unread else {}
    seen_at = world.clock()
    plan.counts[f"read_{letter}"] += len(records)
    warn_of_future(world, plan, side, records.values())
    fresh = []
    for record_id, known in unread:
        record = records.get(record_id)
        if record is not None:
            known.record, known.seen_at = record, seen_at
            if record.presence is Presence.LIVE:
                known.now, known.version = read_fields(world.places, side, record.values), record.version
                fresh.append(known.now)
    world.references.resolve(world.places, side, fresh)


def _adopt_late_writes(world: World, side: SideName, views: Sequence[LinkView]) -> None:
    """Recognise writes of ours that took effect after they were given up (a paused process that went on): by the
    receipt on the record, once. Their values are ours, not a user's, so they become the base instead of a change. Where
    the sides agreed on something newer meanwhile, that holds as long as nobody has edited what was written."""
    receipts: dict[str, LinkView] = {}
    for view in views:
        record = view.side(side).record
        if record is not None and record.last_op is not None:
            receipts[record.last_op] = view
    given_up = world.store.intents(world.pair, sorted(receipts)) if receipts else {}
    for op_id, intent in given_up.items():
        view = receipts[op_id]
        if intent.state is not OpState.NOT_APPLIED or intent.link_id != view.link_id:
            continue
        operation = from_intent(world.spec, intent)
        if not operation.fields:
            continue
        now = view.side(side).now or {}
        untouched = all(now.get(change.name, ABSENT) == change.sent for change in operation.fields)
        same_base = operation.base_version == view.base_version
        if (same_base or untouched) and not _is_adopted(view, operation):
            adopt(world.spec, view, _without_dispute(world, operation), view.side(side).record)
        view.adopted.append(operation)


def _without_dispute(world: World, operation: Operation) -> Operation:
    """Half of a decision is no agreement while its conflict goes on; once that has ended, it is a write like any."""
    for change in operation.fields:
        unit = world.spec.field_named(change.name).group or change.name
        change.commits |= not operation.is_restore and (operation.link_id, unit) not in world.conflicts
    return operation


def _look_again(
    world: World, plan: Plan, side: SideName, views: Sequence[LinkView], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Read what was taken for unchanged here although a late write tells that the sides agreed on something newer:
    the listing lags, and what the record showed before would else look like an edit."""
    doubted = [
        (view, row)
        for view, row in zip(views, rows, strict=True)
        if view.side(side).now is not None and view.side(side).record is None
        and any(operation.side != side for operation in view.adopted)
    ]  # fmt: skip
    for view, _ in doubted:
        view.side(side).now = view.side(side).version = None
    found, theirs = [view for view, _ in doubted], [row for _, row in doubted]
    _observe_side(world, plan, side, found, theirs, trust_versions=False)
    _adopt_late_writes(world, side, found)


def _is_adopted(view: LinkView, operation: Operation) -> bool:
    """Whether the base says already what the operation wrote, and over what."""
    bases = (view.side(operation.side).base, view.side(other(operation.side)).base)
    return all(
        base.get(change.name, ABSENT) == value
        for change in operation.fields
        for base, value in zip(bases, (change.sent, change.origin), strict=True)
    )


def _readable(world: World, plan: Plan, view: LinkView) -> bool:
    for side in SIDES:
        known = view.side(side)
        if known.now is None or Invalid not in map(type, known.now.values()):
            continue
        for name, value in known.now.items():
            if isinstance(value, Invalid):
                message, cause = f"field {name} holds {value.raw!r}: {value.reason}", f"invalid:{known.version}"
                subject = Subject(side, view.link_id, known.id, known.now)
                withhold(world, plan, subject, reason="invalid", message=message, cause=cause)
                await_record(plan, view)
                return False
    return True


def _note_versions(plan: Plan, view: LinkView, seen: Mapping[str, Any]) -> None:
    """Remember versions that moved without any value moving, so that the record is settled next time."""
    if view.link_id in plan.views:
        return
    versions = view.settled_versions
    if versions != (seen["version_a"], seen["version_b"]):
        plan.touched.append((view.link_id, *versions))


def only(plan: Plan, op_ids: frozenset[str]) -> tuple[Plan, list[str]]:
    """The plan restricted to the given operations, and which of those are no longer planned (stale)."""
    planned = {operation.op_id for operation in plan.operations}
    kept = [operation for operation in plan.operations if operation.op_id in op_ids]
    return replace(plan, operations=kept), sorted(op_ids - planned)
