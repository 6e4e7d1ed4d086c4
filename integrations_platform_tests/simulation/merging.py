"""Users who merge two records of their own side into one, and what that is the truth about (P31)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.store import LinkState, OpState
from integrations_platform_tests.simulation.declared import UNIT_OF
from integrations_platform_tests.simulation.sides import Row

if TYPE_CHECKING:
    from integrations_platform_tests.simulation.world import World

ENDED = (LinkState.MERGED_AWAY, LinkState.CLOSED)


def merge(world: World, side: SideName) -> None:
    """A user merges one record into another, seeing both; some systems give what is left a new id."""
    system = world.sides[side]
    live = [row for row in system.rows.values() if not row.archived and row.in_scope]
    if not system.nature.merges or len(live) < 2:
        return
    survivor, *gone = world.random.sample(live, 2)
    if world.random.random() < 0.3:
        gone.append(survivor)
        survivor = system.insert(dict(survivor.values))
        survivor.link_id, survivor.last_op = gone[1].link_id, gone[1].last_op
    merge_into(world, side, survivor, gone)


def merge_into(world: World, side: SideName, survivor: Row, gone: Sequence[Row]) -> None:
    """``gone``: the record that is given up, then, where what is left has a new id, the survivor as it was."""
    system, truth = world.sides[side], world.truth
    as_it_was = len(gone) == 1 and _has_a_link(world, survivor)
    for was in gone[1:]:
        truth.renamed(was, survivor.id)
    for row in gone:
        if row is gone[0]:
            for column, value in [*row.values.items(), *truth.clobbered.get(row.id, ())]:
                truth.supersede(value, column)
            system.taken_back(row)
        del system.rows[row.id]
        system.merged[row.id] = survivor.id
        truth.merged[row.id] = world.runs
        truth.gone[row.id] = world.now
    system.touch(survivor, [])
    for column, value in survivor.values.items():
        truth.touched.setdefault((survivor.id, UNIT_OF[column]), set()).add(side)
        if not as_it_was:  # what keeps its id and its link was given no value: that would be a change nobody made
            truth.edits[(survivor.id, column)].append((world.now, value))
    if _interrupted(world) & {row.id for row in gone}:  # what became of the write has gone with the record
        truth.doubt(survivor)
    world.counts["merges"] += 1
    world.log.append(f"{side} merges {' and '.join(row.id for row in gone)} into {survivor.id}")


def _has_a_link(world: World, row: Row) -> bool:
    """Whether a record is in a link, or will be once what made it is recorded: then no other link follows to it."""
    memory = world.store.memory
    made = memory.intents.get(row.last_op or "")
    links = (link for link in memory.links.values() if link.state not in ENDED)
    return (made is not None and made.state is OpState.SENT) or any(row.id in (one.id_a, one.id_b) for one in links)


def _interrupted(world: World) -> set[str]:
    """Records with a write of ours whose fate nobody has asked about yet."""
    memory = world.store.memory
    open_links = {intent.link_id for intent in memory.intents.values() if intent.state is OpState.SENT}
    links = [link for link in memory.links.values() if link.link_id in open_links]
    return {name for link in links for name in (link.id_a, link.id_b) if name is not None}
