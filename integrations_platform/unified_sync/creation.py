"""Planning the creation of a record on one side from the record of the other, for new and for returning links.

A created record starts with every mapped value, fields of the other direction included: a new record has no master
value yet, and leaving it blank would later be read as the master clearing it.
"""

from __future__ import annotations

from integrations_platform.unified_sync.field_merge import prepare
from integrations_platform.unified_sync.links import LinkView
from integrations_platform.unified_sync.operations import FieldChange, Operation, operation_id
from integrations_platform.unified_sync.plan import Plan, World
from integrations_platform.unified_sync.port import Kind
from integrations_platform.unified_sync.quarantine import refused_before, write_to
from integrations_platform.unified_sync.spec import Direction, SideName, other
from integrations_platform.unified_sync.values import ABSENT, is_blank


def plan_create(
    world: World, plan: Plan, view: LinkView, side: SideName, *, rule: str, closes: tuple[str, ...] = ()
) -> bool:
    """Plan to create the record of ``view`` on ``side``; withheld if a required value is missing or does not fit."""
    origin = view.side(other(side))
    shown = origin.now or {}
    changes = []
    for place in world.starting[side]:
        spec = place.spec
        value = shown.get(spec.name, ABSENT)
        if value is ABSENT:
            if not (spec.required and spec.direction.allows(other(side))):
                continue
            value = None  # not on show at the moment: missing, where nothing may be missing
        if spec.direction is not Direction.BIDIRECTIONAL and is_blank(value) and not spec.direction.allows(other(side)):
            continue  # nothing to start with, and it would not travel this way anyway
        if side == "A" and spec.transforms and any(step.backward is None for step in spec.transforms):
            value = view.a.base.get(spec.name, ABSENT)  # no way back through the transform: the last known value
            if value is ABSENT:
                continue
        changes.append(FieldChange(spec.name, None, value, shown.get(spec.name), rule))
    subject = write_to(view, side, creates=True)
    prepared = prepare(world, plan, subject, changes)
    if prepared is None:
        return False
    fields, columns = prepared
    op_id = operation_id(world.pair, view.link_id, side, Kind.CREATE, view.base_version, columns)
    if refused_before(world, plan, subject, op_id, creates=True):
        return False
    plan.views[view.link_id] = view
    plan.operations.append(
        Operation(
            op_id=op_id,
            kind=Kind.CREATE,
            side=side,
            link_id=view.link_id,
            record_id=None,
            other_id=origin.id,
            expected_version=None,
            base_version=view.base_version,
            columns=columns,
            fields=tuple(fields),
            rule=rule,
            closes=closes,
        )
    )
    return True
