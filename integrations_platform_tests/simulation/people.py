"""The people who decide, release and bring back, and the day on which the state is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from integrations_platform.unified_sync.restoring import restorable
from integrations_platform.unified_sync.store import Role
from integrations_platform.unified_sync.values import to_json
from integrations_platform_tests.simulation import checks
from integrations_platform_tests.simulation.memory_store import Memory

if TYPE_CHECKING:
    from integrations_platform_tests.simulation.world import World


def decide(world: World) -> None:
    """A person resolves an open conflict, on the values the row shows."""
    rows = [row for row in world.store.conflicts("sim") if row.unit or row.kind == "merge"]
    if not rows:
        return
    rows.sort(key=lambda row: (row.unit, *sorted((row.value_a or "", row.value_b or ""))))
    row = world.random.choice(rows)
    values = ("base",) * bool(row.base) + ("value",) * (row.unit != "customer")
    choice = world.random.choice(("A", "B", *(values if row.unit else ())))
    if world.mirrored:
        choice = {"A": "B", "B": "A"}.get(choice, choice)
    columns = () if row.unit == "customer" else world.units.get(row.unit, ())
    fresh = {column: to_json(world.truth.token(column)) for column in columns}
    value = json.dumps(fresh) if choice == "value" else None
    world.store.decide("sim", row.conflict_id, row.n, choice, value, "clerk", world.tick(), "")
    world.log.append(f"clerk decides {row.conflict_id} {row.unit} of {row.link_id}: {choice} {value}")


def release(world: World) -> None:
    """A person asks for another try of everything in quarantine."""
    subjects = [row.subject for row in world.store.quarantined(world.spec.name)]
    world.counts["released"] += world.store.release_quarantined("sim", subjects, "clerk", world.tick())
    world.log.append(f"clerk releases {subjects}")


def restore(world: World) -> None:
    """A person brings back one lost value; from then on it counts as a user's edit."""
    lines = [line for line in restorable(world.store.audit("sim")) if line.entry.role is Role.LOSER]
    if not lines:
        return
    line = world.random.choice(lines)
    world.log.append(f"clerk restores line {line.number}: {line.entry.lost} on {line.entry.side}")
    world.restoring = True
    try:
        world.run(restore=(line,))
    finally:
        world.restoring = False
    world.counts["restores"] += 1


def forget(world: World) -> None:
    """The whole state is lost, and the next run begins with what the records themselves carry (P29)."""
    world.truth.past_losses |= checks.audited_losses(world)
    pairs = [world.record_pair(link.id_a, link.id_b) for link in world.store.memory.links.values()]
    linked = [(row, row.archived) for a, b in pairs if a is not None and b is not None for row in (a, b)]
    before = {side: len(world.sides[side].rows) for side in world.sides}
    alone = checks.alone(world, checks.recognisable(world))
    world.store.memory, world.store.lease = Memory(), None
    for one in (world, world.invoices) if world.invoices is not None else (world,):
        for side in one.sides.values():
            for row in side.rows.values():
                one.truth.doubt(row)
    for side in world.sides.values():
        for row in side.rows.values():
            row.link_id = row.link_id if side.nature.tags else None
    world.log.append("the state is lost")
    world.counts["states lost"] += 1
    natures = {name: side.nature for name, side in world.sides.items()}
    for side in world.sides.values():  # a search that has not caught up cannot tell whose counterpart is missing
        side.nature = replace(side.nature, lags=0.0)
    world.run()
    for name, side in world.sides.items():
        side.nature = natures[name]
    checks.check_rebuilt(world, linked, before, alone)
