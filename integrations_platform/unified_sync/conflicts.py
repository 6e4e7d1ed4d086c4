"""Parked conflicts over their life: noticing that the values moved, and turning a person's decision into values.

A decision counts only while both sides still show what its author saw (or already show its result); otherwise it is
dropped, the row's number goes up, and the person is asked again (P22).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from integrations_platform.unified_sync.clobbers import CLOBBERED
from integrations_platform.unified_sync.forms import FieldPlace, Unrepresentable, project
from integrations_platform.unified_sync.links import LinkView
from integrations_platform.unified_sync.plan import Plan
from integrations_platform.unified_sync.spec import SIDES, SideName
from integrations_platform.unified_sync.store import Conflict, ConflictStatus
from integrations_platform.unified_sync.values import Value, canonical, dumps, from_json

_CANNOT = (ValueError, TypeError, KeyError, ArithmeticError)  # Unrepresentable, or no value of this field


def shown(view: LinkView, side: SideName, names: Sequence[str]) -> str:
    """What a side shows of these fields, as stored in a conflict row."""
    now = view.side(side).now or {}
    return dumps({name: now[name] for name in names})


def overwritten_side(view: LinkView, names: Sequence[str], parked: Conflict) -> SideName | None:
    """The side whose value in the row was overwritten unseen and is not on show; None once somebody has changed what
    replaced it, and of any other conflict."""
    side = next((side for side, kind in CLOBBERED.items() if kind == parked.kind), None)
    return None if side is None or view.side(side).changed_from(names) else side


def end_of_clobber(
    view: LinkView,
    places: Sequence[FieldPlace],
    parked: Conflict,
    unseen: SideName,
    chosen: Mapping[SideName, Mapping[str, Value]] | None,
) -> ConflictStatus | None:
    """How a conflict about an overwritten value ends: decided for what is on show already, or the other side has come
    to say what was overwritten; None while it goes on."""
    names = [place.spec.name for place in places]
    if chosen is not None:
        done = all(shown(view, side, names) == dumps(chosen[side]) for side in SIDES)
        return ConflictStatus.RESOLVED if done else None
    side: SideName = "B" if unseen == "A" else "A"
    lost = json.loads((parked.value_a if unseen == "A" else parked.value_b) or "{}")
    now = view.side(side).now or {}
    for place in places:
        name = place.spec.name
        theirs, ours = from_json(place.spec.type, lost.get(name)), now[name]
        if not place.corresponds(*((theirs, ours) if unseen == "A" else (ours, theirs))):
            return None
    return ConflictStatus.CONVERGED


def plan_parked(
    plan: Plan,
    view: LinkView,
    names: Sequence[str],
    parked: Conflict,
    unseen: SideName | None = None,
    *,
    spoken: bool = False,
) -> None:
    """Keep an open conflict up to date; a row whose values did not move is left untouched (P25), and so is a value
    that was overwritten on the side ``unseen``. ``spoken``: a user has since typed something in its place, and the row
    shows that now."""
    value_a = parked.value_a if unseen == "A" else shown(view, "A", names)
    value_b = parked.value_b if unseen == "B" else shown(view, "B", names)
    if (value_a, value_b) == (parked.value_a, parked.value_b) and not spoken:
        return
    if parked.choice:
        plan.warnings.append(
            f"conflict {parked.conflict_id}: the values changed after {parked.decided_by} decided; decide again"
        )
    plan.conflicts.append(undecided(parked, value_a=value_a, value_b=value_b))


def carried_out(view: LinkView, places: Sequence[FieldPlace], parked: Conflict) -> bool:
    """Whether the sides, which agree, have come to say what was decided on ``parked``, and not something else."""
    if parked.choice is None:
        return False
    try:
        wanted = _wanted(view, places, parked)["B"]
    except _CANNOT:
        return False
    now = view.a.now or {}
    return all(place.corresponds(now[place.spec.name], wanted[place.spec.name]) for place in places)


def end(plan: Plan, parked: Conflict, status: ConflictStatus, at: datetime) -> None:
    """Close a conflict; whoever decided it is told if it ends otherwise."""
    if parked.choice and status is not ConflictStatus.RESOLVED:
        plan.warnings.append(
            f"conflict {parked.conflict_id}: what {parked.decided_by} decided is not carried out: the values changed "
            "meanwhile, and nothing is in dispute any more"
        )
    plan.conflicts.append(replace(parked, status=status, closed_at=at))


def undecided(parked: Conflict, **shown: str | None) -> Conflict:
    """The row with what the sides show now (``value_a``, ``value_b``), one change on, and no decision."""
    return replace(
        parked,
        n=parked.n + 1,
        choice=None,
        chosen_value=None,
        decided_n=None,
        decided_by=None,
        decided_at=None,
        **shown,  # type: ignore[arg-type]
    )


def decided_values(
    plan: Plan, view: LinkView, places: Sequence[FieldPlace], parked: Conflict, unseen: SideName | None = None
) -> dict[SideName, dict[str, Value]] | None:
    """The values each side shall show under the decision on ``parked``; None without a decision that still counts.
    ``unseen``: the side that does not show its value of the row, because a write of ours replaced it."""
    if parked.choice is None or parked.decided_n != parked.n:
        return None
    names = [place.spec.name for place in places]
    try:
        wanted = _wanted(view, places, parked)
    except _CANNOT as fault:
        plan.warnings.append(
            f"conflict {parked.conflict_id}: the decision of {parked.decided_by} cannot be carried out "
            f"({fault or type(fault).__name__}); decide again"
        )
        return None
    for side in SIDES:
        seen = parked.value_a if side == "A" else parked.value_b
        now = shown(view, side, names)
        if side != unseen and now != seen and now != dumps(wanted[side]):
            return None
    return wanted


def _wanted(view: LinkView, places: Sequence[FieldPlace], parked: Conflict) -> dict[SideName, dict[str, Value]]:
    wanted: dict[SideName, dict[str, Value]] = {"A": {}, "B": {}}
    custom: Mapping[str, object] = json.loads(parked.chosen_value) if parked.chosen_value else {}
    stored: dict[SideName, Mapping[str, object]] = {
        "A": json.loads(parked.value_a or "{}"),
        "B": json.loads(parked.value_b or "{}"),
    }
    for place in places:
        name = place.spec.name
        if parked.choice == "base":
            if name not in view.a.base or name not in view.b.base:
                raise Unrepresentable(f"field {name} was never agreed, so there is no base to go back to")
            wanted["A"][name], wanted["B"][name] = view.a.base.get(name), view.b.base.get(name)
        elif parked.choice == "value":
            value = canonical(place.spec.type, from_json(place.spec.type, custom[name]))
            wanted["A"][name] = project_own(place, value)
            wanted["B"][name] = place.carry(value, "B")
        else:
            winner: SideName = "A" if parked.choice == "A" else "B"
            loser: SideName = "B" if winner == "A" else "A"
            value = from_json(place.spec.type, stored[winner][name])
            wanted[winner][name], wanted[loser][name] = value, place.carry(value, loser)
    return wanted


def project_own(place: FieldPlace, value: Value) -> Value:
    """A value given in the source's terms, as the source keeps it. Raises Unrepresentable."""
    if place.form_a is None or not place.form_a.writable:
        raise Unrepresentable(f"field {place.spec.name} cannot be written on the source")
    return project(place.spec, place.form_a, value)
