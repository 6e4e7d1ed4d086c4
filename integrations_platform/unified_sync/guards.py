"""Guards: limits evaluated on the complete plan, before its first write (B10 of the semantics).

A tripped guard refuses the whole plan of its sync; nothing is written to any side. Only a person who has seen the plan
may lift one, by name, for that one plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from integrations_platform.unified_sync.classify import Classes
from integrations_platform.unified_sync.plan import Plan, Refusal, World
from integrations_platform.unified_sync.shares import TOTALS
from integrations_platform.unified_sync.spec import SIDES, SideName, other


@dataclass(frozen=True)
class Totals:
    """What the guards look at, of the plans of all shares together. Of what each of them has seen of the sides, the
    least counts. ``unseen``: sides whose canary some share did not see."""

    operations: int
    active: int
    live: Mapping[SideName, int]
    deletes: Mapping[SideName, int]
    changed: Mapping[tuple[SideName, str], int]
    unseen: frozenset[SideName]


def evaluate_guards(world: World, plan: Plan, classes: Classes, *, attended: bool, first_run: bool) -> None:
    """Append to ``plan.refusals`` every guard that the plans of all shares together trip."""
    totals = _gather(world, plan, classes)
    for side in SIDES:
        _empty(world, plan, totals, side)
        _deletes(world, plan, totals, side)
        _canary(world, plan, totals, side)
    _mass_change(world, plan, totals)
    if first_run and not attended and totals.operations:
        plan.refusals.append(
            Refusal(
                "first_plan",
                f"this sync has never run, and its first plan would write {totals.operations} records",
                f"look at it with `integrations sync plan {world.spec.name}`, then start it by hand once",
            )
        )


def _gather(world: World, plan: Plan, classes: Classes) -> Totals:
    words = world.share.gather(
        TOTALS,
        {
            "operations": len(plan.operations) + sum(carriage.rows.height for carriage in plan.carriages),
            "active": classes.active,
            "live": {"A": classes.live_a, "B": classes.live_b},
            "deletes": {side: len(plan.deletes(side)) for side in SIDES},
            "changed": [(*at, count) for at, count in plan.changed_fields.items()],
            "unseen": [side for side in SIDES if not _canary_seen(world, side)],
        },
    )
    changed: Counter[tuple[SideName, str]] = Counter()
    for word in words:
        for side, name, count in word["changed"]:
            changed[(side, name)] += count
    return Totals(
        operations=sum(word["operations"] for word in words),
        active=min(word["active"] for word in words),
        live={side: min(word["live"][side] for word in words) for side in SIDES},
        deletes={side: sum(word["deletes"][side] for word in words) for side in SIDES},
        changed=changed,
        unseen=frozenset(side for word in words for side in word["unseen"]),
    )


def _canary_seen(world: World, side: SideName) -> bool:
    canary = world.spec.guards.canary.get(side)
    return canary is None or canary in set(world.listings[side].frame["id"].to_list())


def _label(world: World, side: SideName) -> str:
    spec = world.spec.side(side)
    return f"{spec.system}:{spec.object}"


def _empty(world: World, plan: Plan, totals: Totals, side: SideName) -> None:
    if not totals.live[side] and totals.active > 1:
        plan.refusals.append(
            Refusal(
                "empty_side",
                f"{_label(world, side)} shows no record at all, and {totals.active} linked ones were there before",
                "bring the records back; if they were really removed on purpose, review the plan and apply it with "
                "`--lift empty_side`",
            )
        )


def _deletes(world: World, plan: Plan, totals: Totals, side: SideName) -> None:
    limits = world.spec.guards
    count = totals.deletes[side]
    allowed = max(limits.max_deletes, int(limits.max_delete_fraction * totals.active))
    if count > allowed:
        plan.refusals.append(
            Refusal(
                "deletes",
                f"{count} records would be removed from {_label(world, side)}, where {allowed} are allowed "
                f"(deletes.max {limits.max_deletes}, deletes.max_fraction {limits.max_delete_fraction:g} of "
                f"{totals.active} linked records)",
                f"find out why they are gone from {_label(world, other(side))}; if it was on purpose, review the plan "
                "and apply it with `--lift deletes`",
            )
        )


def _canary(world: World, plan: Plan, totals: Totals, side: SideName) -> None:
    if side in totals.unseen:
        plan.refusals.append(
            Refusal(
                "canary",
                f"record {world.spec.guards.canary[side]} of {_label(world, side)}, which must always be there, "
                "was not listed",
                "check the connection, its permissions and filters; or change guards.canary",
            )
        )


def _mass_change(world: World, plan: Plan, totals: Totals) -> None:
    limits = world.spec.guards
    if totals.active < limits.change_floor:
        return
    for (side, name), count in sorted(totals.changed.items()):
        if count > limits.max_change_fraction * totals.active:
            plan.refusals.append(
                Refusal(
                    "mass_change",
                    f"field {name} changed on {count} of {totals.active} linked records of {_label(world, side)}",
                    "look for a changed time zone, mapping or import; if it was on purpose, review the plan and apply "
                    "it with `--lift mass_change`",
                )
            )
