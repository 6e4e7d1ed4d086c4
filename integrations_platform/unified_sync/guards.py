"""Guards: limits evaluated on the complete plan, before its first write (B10 of the semantics).

A tripped guard refuses the whole plan of its sync; nothing is written to any side. Only a person who has seen the plan
may lift one, by name, for that one plan.
"""

from __future__ import annotations

from integrations_platform.unified_sync.classify import Classes
from integrations_platform.unified_sync.plan import Plan, Refusal, World
from integrations_platform.unified_sync.spec import SIDES, SideName, other


def evaluate_guards(world: World, plan: Plan, classes: Classes, *, attended: bool, first_run: bool) -> None:
    """Append to ``plan.refusals`` every guard the plan trips."""
    for side in SIDES:
        _empty(world, plan, classes, side)
        _deletes(world, plan, classes, side)
        _canary(world, plan, side)
    _mass_change(world, plan, classes)
    if first_run and not attended and not plan.is_empty:
        plan.refusals.append(
            Refusal(
                "first_plan",
                f"this sync has never run, and its first plan would write {len(plan.operations)} records",
                f"look at it with `integrations sync plan {world.spec.name}`, then start it by hand once",
            )
        )


def _label(world: World, side: SideName) -> str:
    spec = world.spec.side(side)
    return f"{spec.system}:{spec.object}"


def _empty(world: World, plan: Plan, classes: Classes, side: SideName) -> None:
    live = classes.live_a if side == "A" else classes.live_b
    if not live and classes.active > 1:
        plan.refusals.append(
            Refusal(
                "empty_side",
                f"{_label(world, side)} shows no record at all, and {classes.active} linked ones were there before",
                "bring the records back; if they were really removed on purpose, review the plan and apply it with "
                "`--lift empty_side`",
            )
        )


def _deletes(world: World, plan: Plan, classes: Classes, side: SideName) -> None:
    limits = world.spec.guards
    count = len(plan.deletes(side))
    allowed = max(limits.max_deletes, int(limits.max_delete_fraction * classes.active))
    if count > allowed:
        plan.refusals.append(
            Refusal(
                "deletes",
                f"{count} records would be removed from {_label(world, side)}, where {allowed} are allowed "
                f"(deletes.max {limits.max_deletes}, deletes.max_fraction {limits.max_delete_fraction:g} of "
                f"{classes.active} linked records)",
                f"find out why they are gone from {_label(world, other(side))}; if it was on purpose, review the plan "
                "and apply it with `--lift deletes`",
            )
        )


def _canary(world: World, plan: Plan, side: SideName) -> None:
    canary = world.spec.guards.canary.get(side)
    if canary is not None and canary not in set(world.listings[side].frame["id"].to_list()):
        plan.refusals.append(
            Refusal(
                "canary",
                f"record {canary} of {_label(world, side)}, which must always be there, was not listed",
                "check the connection, its permissions and filters; or change guards.canary",
            )
        )


def _mass_change(world: World, plan: Plan, classes: Classes) -> None:
    limits = world.spec.guards
    if classes.active < limits.change_floor:
        return
    for (side, name), count in sorted(plan.changed_fields.items()):
        if count > limits.max_change_fraction * classes.active:
            plan.refusals.append(
                Refusal(
                    "mass_change",
                    f"field {name} changed on {count} of {classes.active} linked records of {_label(world, side)}",
                    "look for a changed time zone, mapping or import; if it was on purpose, review the plan and apply "
                    "it with `--lift mass_change`",
                )
            )
