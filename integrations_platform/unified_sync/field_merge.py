"""From merge decisions to at most one write per side of a link, parked conflicts and base updates.

Decisions come from :mod:`.merge`; this module applies them to one linked record whose two sides are both there. What
one side cannot hold goes to quarantine with its whole write; the other direction and all other records go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter

from integrations_platform.unified_sync.clobbers import CLOBBERED
from integrations_platform.unified_sync.conflicts import (
    carried_out,
    decided_values,
    end,
    end_of_clobber,
    overwritten_side,
    plan_parked,
)
from integrations_platform.unified_sync.evidence import Interval, Moment, change_interval, record_interval, told
from integrations_platform.unified_sync.forms import FieldPlace, Unrepresentable
from integrations_platform.unified_sync.links import LinkView
from integrations_platform.unified_sync.merge import Decision, Verb, decide, disagreeing, still
from integrations_platform.unified_sync.operations import FieldChange, Operation, operation_id
from integrations_platform.unified_sync.plan import Plan, Unit, World
from integrations_platform.unified_sync.port import Change, Kind, Record
from integrations_platform.unified_sync.quarantine import Subject, cleared, defer, refused_before, withhold, write_to
from integrations_platform.unified_sync.spec import SIDES, SideName, other
from integrations_platform.unified_sync.store import Conflict, ConflictStatus
from integrations_platform.unified_sync.values import ABSENT, FieldType, Unresolved, Value, dumps

Changes = dict[SideName, list[FieldChange]]
Closing = dict[SideName, list[str]]


def plan_fields(world: World, plan: Plan, view: LinkView) -> None:
    """Merge every unit of a link whose two records are both there."""
    changes: Changes = {"A": [], "B": []}
    closing: Closing = {"A": [], "B": []}
    advanced = view.is_new or bool(view.adopted)
    sight_a, sight_b = view.sight("A"), view.sight("B")
    moved = sight_a.moved(), sight_b.moved()
    for side, names, (now, base) in zip(SIDES, moved, (sight_a, sight_b), strict=True):
        for name in names:
            if name in base and now[name] is not ABSENT:
                plan.changed_fields[(side, name)] += 1
    quiet = still(sight_a, sight_b, moved, world.plain)
    for unit in world.units:
        name, places, policy = unit
        parked = world.conflicts.get((view.link_id, name))
        if parked is None and name in quiet:
            continue
        decision = decide(places, sight_a, sight_b, policy, partial(_intervals, world, view, unit))
        if parked is not None and decision.verb is not Verb.SKIP:
            decision = _with_parked(world, plan, view, unit, parked, decision, changes, closing)
        if decision.verb is Verb.ADVANCE:
            advanced |= _advance(view, places)
        elif decision.verb is Verb.WRITE and decision.origin is not None:
            advanced |= _write_unit(view, places, decision, changes)
        elif decision.verb is Verb.PARK:
            _park(world, plan, view, unit, decision)
        if decision.verb in (Verb.WRITE, Verb.PARK):
            why = f" ({decision.evidence})" if decision.evidence else ""
            plan.notes.setdefault(view.link_id, []).append(f"{name}: {decision.rule}{why}")
    wrote = [build_update(world, plan, view, side, changes[side], closing[side]) for side in SIDES]
    if advanced or any(wrote):
        plan.views[view.link_id] = view
    if advanced:
        plan.settlements.append(view.link_id)


def _advance(view: LinkView, places: Sequence[FieldPlace]) -> bool:
    moved = False
    for place in places:
        name = place.spec.name
        assert view.a.now is not None  # noqa: S101  both sides are there, or existence would have taken the link
        assert view.b.now is not None  # noqa: S101
        values = view.a.now[name], view.b.now[name]
        known = view.a.base.get(name, ABSENT), view.b.base.get(name, ABSENT)
        if values != known and not any(isinstance(value, Unresolved) for value in values):
            view.agree(name, *values)
            moved = True
    return moved


def _write_unit(view: LinkView, places: Sequence[FieldPlace], decision: Decision, changes: Changes) -> bool:
    """A group goes over whole, except members on which the sides agree already: writing those would only replace the
    other side's exact spelling by a lossy copy of it."""
    origin: SideName = decision.origin or "A"
    target = other(origin)
    differing = [places[0].spec.name] if len(places) == 1 else disagreeing(places, view.sight("A"), view.sight("B"))
    theirs, seen = view.side(origin).now or {}, view.side(target).now or {}
    for name in differing:
        value = theirs[name]
        changes[target].append(
            FieldChange(name, seen[name], value, value, decision.rule, decision.lost, decision.evidence)
        )
    return _advance(view, [place for place in places if place.spec.name not in differing])


def _park(world: World, plan: Plan, view: LinkView, unit: Unit, decision: Decision) -> None:
    name, places, _ = unit
    names = [place.spec.name for place in places]
    opened = hashlib.sha256(f"{world.pair}\x00{view.link_id}\x00{name}\x00{view.base_version}".encode()).hexdigest()[
        :12
    ]
    has_base = all(field in view.a.base for field in names)
    # A person who decides wants to know who was later, also where the strategy does not ask.
    known = decision.evidence or f"{decision.rule}; {told(*_intervals(world, view, unit, has_base))}"
    plan.conflicts.append(
        Conflict(
            conflict_id=opened,
            link_id=view.link_id,
            unit=name,
            kind=decision.kind,
            n=1,
            status=ConflictStatus.OPEN,
            base=dumps({field: view.a.base[field] for field in names}) if has_base else None,
            value_a=dumps({field: (view.a.now or {})[field] for field in names}),
            value_b=dumps({field: (view.b.now or {})[field] for field in names}),
            evidence=known,
            opened_run=world.run_id,
            opened_at=world.now,
            id_a=view.a.id,
            id_b=view.b.id,
        )
    )
    plan.counts["conflicts_opened"] += 1
    count_parked(plan, view, name)


def count_parked(plan: Plan, view: LinkView, unit: str) -> None:
    """A parked unit withholds one write from each side."""
    view.frozen.add(unit)
    for count in ("parked", "planned_a", "parked_a", "planned_b", "parked_b"):
        plan.counts[count] += 1


def _with_parked(
    world: World,
    plan: Plan,
    view: LinkView,
    unit: Unit,
    parked: Conflict,
    decision: Decision,
    changes: Changes,
    closing: Closing,
) -> Decision:
    """An open conflict outranks the merge: the unit stays frozen until it converges, is withdrawn or is decided."""
    name, places, _ = unit
    names = [place.spec.name for place in places]
    unseen = overwritten_side(view, names, parked)
    spoken = unseen is None and parked.kind in CLOBBERED.values()
    if spoken:  # by the user whose value was overwritten: from now on the row is about what is on show there
        parked = replace(parked, kind="field")
    if decision.verb in (Verb.ADVANCE, Verb.NOTHING) and unseen is None:  # the sides agree
        status = ConflictStatus.RESOLVED if carried_out(view, places, parked) else ConflictStatus.CONVERGED
        end(plan, parked, status, world.now)
        return Decision(Verb.ADVANCE, "conflict converged")
    based = all(field in view.a.base for field in names)  # both sides agree at once, or not at all
    differing = disagreeing(places, view.sight("A"), view.sight("B"))
    back = based and unseen is None and not (view.a.changed_from(differing) and view.b.changed_from(differing))
    chosen = decided_values(plan, view, places, parked, unseen)
    # One side went back to its base, or a user has knowingly replaced what had replaced the overwritten value. Not so
    # while a decision holds: what looks like going back may be the half of it that is written already.
    if back and chosen is None and parked.kind == "field":
        end(plan, parked, ConflictStatus.WITHDRAWN, world.now)
        return decision
    if unseen is not None:
        ended = end_of_clobber(view, places, parked, unseen, chosen)
        if ended is not None:
            end(plan, parked, ended, world.now)
            return decision
    if chosen is None:
        plan_parked(plan, view, names, parked, unseen, spoken=spoken)
        count_parked(plan, view, name)
        return Decision(Verb.SKIP, "parked")
    if spoken:
        plan.conflicts.append(parked)
    two_sided = all(any((view.side(side).now or {})[field] != chosen[side][field] for field in names) for side in SIDES)
    plan.two_sided |= two_sided
    for side in SIDES:
        if all((view.side(side).now or {})[field] == chosen[side][field] for field in names):
            continue
        for field in names:
            seen, sent, origin = (view.side(side).now or {})[field], chosen[side][field], chosen[other(side)][field]
            changes[side].append(
                FieldChange(
                    field,
                    seen,
                    sent,
                    origin,
                    f"decided by {parked.decided_by}: {parked.choice}",
                    lost=seen != sent,
                    commits=not two_sided,
                )
            )
        if not two_sided:
            closing[side].append(parked.conflict_id)
    return Decision(Verb.SKIP, "decided")


def _intervals(world: World, view: LinkView, unit: Unit, has_base: bool) -> tuple[Interval, Interval]:
    _, places, _ = unit
    found = []
    for side in SIDES:
        known = view.side(side)
        moment = world.moments[side]
        if known.seen_at is not None:
            moment = Moment(known.seen_at, moment.clock)
        record = known.record
        modified = record.modified if record else None
        if not has_base:
            found.append(record_interval(modified, moment))
            continue
        quiet = [view.agreed_at, world.previous.get(side) if view.was_settled[side] else None]
        late = world.capabilities[side].late_listing
        previous = None if late else max([at for at in quiet if at is not None], default=None)
        latest = _newest(record, side, places) if record and record.history else None
        found.append(change_interval(latest, modified, previous, moment))
    return found[0], found[1]


def _newest(record: Record, side: SideName, places: Sequence[FieldPlace]) -> Change | None:
    """The last change of a unit in its record's history; None when a part of the unit has none."""
    columns = [column for place in places for column in place.spec.columns(side)]
    entries = [record.history.get(column, ()) for column in columns]
    return max((known[0] for known in entries if known), key=attrgetter("at", "ours")) if all(entries) else None


def build_update(
    world: World, plan: Plan, view: LinkView, side: SideName, changes: Sequence[FieldChange], closes: Sequence[str]
) -> bool:
    """One update of one side from its field changes; withheld as a whole if any of them cannot be written."""
    if not changes:
        if world.quarantined:
            cleared(world, plan, write_to(view, side).name)
        return False
    subject = write_to(view, side, {change.name: change.sent for change in changes})
    prepared = prepare(world, plan, subject, changes)
    if prepared is None:
        return False
    fields, columns = prepared
    known = view.side(side)
    op_id = operation_id(world.pair, view.link_id, side, Kind.UPDATE, view.base_version, columns)
    if not fields or refused_before(world, plan, subject, op_id):
        return False
    plan.operations.append(
        Operation(
            op_id=op_id,
            kind=Kind.UPDATE,
            side=side,
            link_id=view.link_id,
            record_id=known.id,
            other_id=view.side(other(side)).id,
            expected_version=known.version,
            base_version=view.base_version,
            columns=columns,
            fields=tuple(fields),
            closes=tuple(closes),
        )
    )
    return True


def prepare(
    world: World, plan: Plan, subject: Subject, changes: Sequence[FieldChange]
) -> tuple[list[FieldChange], dict[str, Value]] | None:
    """Field changes as the subject's side can hold them, and the column payload; None when the write was withheld.

    ``sent`` of each change comes in as the other side's value (or a decided one already in this side's form), and is
    put into this side's form in place: that is done for every field of every new record.
    """
    side = subject.side
    fields: list[FieldChange] = []
    columns: dict[str, Value] = {}
    for change in changes:
        place = world.by_name[change.name]
        column = (place.spec.source if side == "A" else place.spec.target)[0]
        if isinstance(change.sent, Unresolved):
            if place.spec.required:
                defer(world, plan, subject, field=change.name, missing=change.sent.id)
                return None
            continue  # an optional reference is owed: no base, so it is looked at again
        try:
            if place.cleared_or_missing(change.sent):
                raise Unrepresentable("a required value is missing")
            decided = change.rule.startswith("decided by")
            sent = change.sent if decided else place.carry(change.sent, side)
        except Unrepresentable as fault:
            cause = f"form:{change.name}:{fault}"
            withhold(world, plan, subject, reason="validation", message=f"field {change.name}: {fault}", cause=cause)
            return None
        payload = sent
        if place.spec.type is FieldType.REF and isinstance(sent, str):
            payload = world.references.record_id(change.name, side, sent)
            if payload is None:
                defer(world, plan, subject, field=change.name, missing=sent)
                return None
        change.sent = sent
        fields.append(change)
        columns[column] = payload
    return fields, columns
