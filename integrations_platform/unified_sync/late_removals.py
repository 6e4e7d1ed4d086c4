"""Removals of ours that took effect after they were given up: a paused process that went on, a request long on its way.

They are recognised by their intents before anybody takes them for what a user did; late updates, whose receipts are on
the records, are recognised by the planner.
"""

from __future__ import annotations

from collections.abc import Sequence

from integrations_platform.unified_sync.links import LinkView
from integrations_platform.unified_sync.operations import from_intent, operation_id
from integrations_platform.unified_sync.plan import World
from integrations_platform.unified_sync.port import Kind
from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.store import LinkState, OpState

BASES_BACK = 4  # how many agreements a removal may be late; each run of a busy record makes one


def find_late_removals(world: World, side: SideName, views: Sequence[LinkView]) -> None:
    """Recognise removals: a record is gone that a given-up operation of ours was to remove. Where the record cannot
    tell (it is gone, or its side keeps no receipts), it counts as ours: nothing proves that a user removed it, and
    only proof lets a delete travel (P6)."""
    asked: dict[str, LinkView] = {}
    for view in views:
        known = view.side(side)
        if known.id is None or known.now is not None or view.state is not LinkState.ACTIVE:
            continue
        # A side that compares versions carries nothing out over a newer agreement.
        reach = 1 if world.capabilities[side].compare_and_set else BASES_BACK
        for base_version in range(view.base_version, max(view.base_version - reach, -1), -1):
            for kind in (Kind.ARCHIVE, Kind.DELETE):
                asked[operation_id(world.pair, view.link_id, side, kind, base_version, {})] = view
    given_up = world.store.intents(world.pair, sorted(asked)) if asked else {}
    for op_id, intent in given_up.items():
        known = asked[op_id].side(side)
        record, receipts = known.record, world.capabilities[side].receipts
        users = receipts and record is not None and record.last_op != op_id  # archived, and not by what we did last
        if intent.state is OpState.NOT_APPLIED and intent.record_id == known.id and not users:
            asked[op_id].late_removals[side] = from_intent(world.spec, intent)
