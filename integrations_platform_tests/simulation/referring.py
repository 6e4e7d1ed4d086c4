"""Records that refer to records of another object: whom a reference means, and what must hold of it (P35, P36).

Side A's id of a customer and side B's mean the same if one link of the customers joins them; a link is judged by the
checks of the customers' own world.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from integrations_platform.unified_sync.port import Kind, Write
from integrations_platform.unified_sync.spec import SideName, other
from integrations_platform.unified_sync.store import ConflictStatus, Link, LinkState
from integrations_platform.unified_sync.values import Value
from integrations_platform_tests.simulation.sides import Row

if TYPE_CHECKING:
    from integrations_platform_tests.simulation.world import World


def meant(world: World, side: SideName, record_id: Value) -> Link | None:
    """The customers' link a reference on ``side`` means, if it means any."""
    assert world.customers is not None
    for link in world.customers.store.memory.links.values():
        ended = link.state in (LinkState.CLOSED, LinkState.MERGED_AWAY)
        if not ended and record_id is not None and record_id == (link.id_a if side == "A" else link.id_b):
            return link
    return None


def agree(world: World, row: Row, twin: Row) -> bool:
    """Whether two linked records refer to the same customer, or both to none."""
    sides: tuple[SideName, SideName] = ("A", "B") if row.id in world.sides["A"].rows else ("B", "A")
    values = row.values["customer"], twin.values["customer"]
    if values == (None, None):
        return True
    mine, theirs = (meant(world, side, value) for side, value in zip(sides, values, strict=True))
    return mine is not None and mine is theirs


def dangling(world: World, *rows: Row) -> bool:
    """Whether one of these records refers to a customer a user has deleted: that user changed whom it means."""
    assert world.customers is not None
    return any(str(row.values["customer"]) in world.customers.truth.gone for row in rows)


def merged(world: World, row: Row) -> bool:
    """Whether a record refers to a customer whom users merged into another one: the link both sides meant may have
    ended with that, and whoever the other side's reference means now is meant."""
    assert world.customers is not None
    return str(row.values["customer"]) in world.customers.truth.merged


def watch(world: World, name: SideName, write: Write) -> None:
    """P35, at the moment a write takes effect: whom it refers to is there, and is whom the other side meant."""
    if "customer" not in world.units or write.kind not in (Kind.CREATE, Kind.UPDATE) or world.restoring:
        return
    intent = world.store.memory.intents.get(write.op_id)
    if intent is None or intent.run_id != f"run{world.runs}":
        return  # planned by an earlier run, for the world as it was then
    written = write.values.get("customer")
    if written is None:
        nothing = "customer" in write.values or write.kind is Kind.CREATE
        assert not (nothing and world.declared.required), (
            f"P35: {write.link_id} is written to {name} without a customer"
        )
        return
    assert world.customers is not None
    link = meant(world, name, written)
    assert link is not None, f"P35: {write.link_id} on {name} is to refer to {written}, which no link knows"
    died = world.customers.truth.gone.get(str(written))
    looked = world.customers.store.last_settled("sim").get(name)
    shown = world.customers.truth.shown_gone.get(str(written))  # as live, by a listing that lags
    seen_gone = died is not None and looked is not None and max(died, shown or died) < looked
    known_dead = link.state is LinkState.TRASHED or seen_gone
    assert not known_dead, f"P35: {write.link_id} on {name} is to refer to {written}, known to be gone since {died}"
    origin_id = json.loads(intent.body).get("other")
    origin = world.sides[other(name)].rows.get(origin_id or "")
    if origin is None:
        return
    wanted = link.id_b if name == "A" else link.id_a
    shown = {entry.value for entry in origin.changes.get("customer", ())}
    decided = any(row.link_id == write.link_id and row.choice is not None for row in world.store.conflicts("sim"))
    assert wanted in shown or decided, f"P35: {write.link_id} on {name}: {written} is {wanted}, {origin_id} had {shown}"


def check_settled(world: World) -> None:
    """P35 and P36 at rest: linked records refer to the same customer as far as both can be known, and nothing waits for
    a customer who is there."""
    assert world.customers is not None
    held = {row.subject for row in world.store.quarantined(world.spec.name)}
    parked = {row.link_id for row in world.store.conflicts("sim", ConflictStatus.OPEN) if row.unit in ("customer", "")}
    for link in world.store.memory.links.values():
        row_a, row_b = world.record_pair(link.id_a, link.id_b)
        waiting = {f"{link.link_id}:A", f"{link.link_id}:B"} & held or link.link_id in parked
        if link.state is not LinkState.ACTIVE or waiting or row_a is None or row_b is None:
            continue
        meanings = [meant(world, side, row.values["customer"]) for side, row in (("A", row_a), ("B", row_b))]
        unknown = [row.id for row, found in zip((row_a, row_b), meanings, strict=True) if found is None]
        unknown = [name for name in unknown if not _empty(world, name)]
        if unknown:
            continue
        assert agree(world, row_a, row_b), (
            f"P36: {link.link_id} refers to {row_a.values['customer']} and {row_b.values['customer']}"
        )
    for row in world.store.quarantined(world.spec.name):
        if row.reason not in ("deferred", "unresolved_reference"):
            continue
        customer = json.loads(row.values).get("customer")
        waits_for = customer.get("unresolved") if isinstance(customer, dict) else customer
        known = meant(world, other(row.side), waits_for) or world.customers.store.memory.links.get(str(waits_for))
        there = known is not None and known.state is LinkState.ACTIVE
        if there and row.side is not None:
            there = (known.id_a if row.side == "A" else known.id_b) in world.customers.sides[row.side].rows
        assert not there, f"P36: {row.subject} still waits for {waits_for}, who is there"


def _empty(world: World, record_id: str) -> bool:
    return any(
        side.rows[record_id].values["customer"] is None for side in world.sides.values() if record_id in side.rows
    )
