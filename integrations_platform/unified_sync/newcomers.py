"""Records that no link knows: matched one to one, created on the other side, or set aside as ambiguous."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from integrations_platform.unified_sync.creation import plan_create
from integrations_platform.unified_sync.evidence import Moment, from_the_future
from integrations_platform.unified_sync.field_merge import plan_fields
from integrations_platform.unified_sync.forms import read_fields
from integrations_platform.unified_sync.identity import Node, link_name, match_records
from integrations_platform.unified_sync.introductions import Newcomers, Seen, gather, keys_of, tagged_pairs
from integrations_platform.unified_sync.links import LinkView, SideView
from integrations_platform.unified_sync.plan import Plan, World
from integrations_platform.unified_sync.port import Presence, Record
from integrations_platform.unified_sync.quarantine import Subject, cleared, withhold
from integrations_platform.unified_sync.spec import SIDES, SideName, other
from integrations_platform.unified_sync.values import Invalid

CHUNK = 1000


def plan_newcomers(world: World, plan: Plan, new_a: Sequence[str], new_b: Sequence[str], leaving: set[str]) -> None:
    """Plan for unlinked ids of both sides. ``leaving``: links being deleted in this plan, which claim no key."""
    share = world.share
    own_a, own_b = ([name for name in ids if share.owns(f"{at}:{name}")] for at, ids in (("A", new_a), ("B", new_b)))
    nodes, faults = _read(world, plan, {"A": own_a, "B": own_b})
    seen = gather(world, plan, nodes, faults, leaving)
    if not seen.tags:
        return
    taken = set(world.links["link_id"].to_list())
    tagged = tagged_pairs(seen.tags, taken)
    for id_a, id_b, link_id in tagged:
        if not seen.faulty & {("A", id_a), ("B", id_b)}:
            taken.add(link_id)
            del seen.keys[("A", id_a)], seen.keys[("B", id_b)]
    matching = match_records(world.spec, seen.keys, seen.owners)
    # Named after the record that is not tagged: the tag then tells both, were everything else forgotten (P29).
    named: SideName = "B" if _tagged_side(world) == "A" else "A"
    tagged = [pair for pair in tagged if share.owns(pair[2])]
    pairs = [pair for pair in matching.pairs if share.owns(f"{named}:{pair[named == 'B']}")]
    ambiguous = [found for found in matching.ambiguous if share.owns(":".join(found[0][0]))]
    members = {node for id_a, id_b, *_ in (*tagged, *pairs) for node in _ends(id_a, id_b)}
    _read_others(world, plan, seen, nodes, faults, members | {node for component, _ in ambiguous for node in component})
    for id_a, id_b, link_id in tagged:
        if nodes.keys() >= set(_ends(id_a, id_b)) and not _faulty(world, plan, nodes, faults, id_a, id_b):
            _link(world, plan, nodes, id_a, id_b, link_id)
    for component, reason in ambiguous:
        _set_aside(world, plan, nodes, component, reason)
    alone = [node for node in matching.alone if node in nodes]
    total = len(pairs) + len(alone)
    for done, (id_a, id_b) in enumerate(pairs):
        _tell(world, done, total)
        if not nodes.keys() >= set(_ends(id_a, id_b)) or _faulty(world, plan, nodes, faults, id_a, id_b):
            continue
        ids: dict[SideName, str] = {"A": id_a, "B": id_b}
        link_id = link_name(named, ids[named], taken)
        unsure = link_name(other(named), ids[other(named)], taken)
        cleared(world, plan, f"{unsure}:{named}")  # a create that may have happened: it has, or is not needed any more
        taken.add(link_id)
        _link(world, plan, nodes, id_a, id_b, link_id)
    for done, node in enumerate(alone, len(pairs)):
        _tell(world, done, total)
        if seen.keys[node] and not world.listings[other(node[0])].complete:
            # Its counterpart may be among what was not listed; a listing that is not complete proves no absence.
            plan.counts[f"waiting_{other(node[0]).lower()}"] += 1
            continue
        if node in faults and _travels(world, node[0]):
            _withhold_faulty(world, plan, nodes, node, faults[node])
            continue
        _create(world, plan, nodes, node, taken)
    _tell(world, total, total)


def _tell(world: World, done: int, total: int) -> None:
    if total and (done == total or done % CHUNK == 0):
        world.progress("planning for new records", done, total)


def _ends(id_a: str, id_b: str) -> tuple[Node, Node]:
    return ("A", id_a), ("B", id_b)


def _read_others(
    world: World, plan: Plan, seen: Seen, nodes: Newcomers, faults: dict[Node, str], wanted: Collection[Node]
) -> None:
    """Add the records that other shares have read and that are planned for here. One whose keys or name are others by
    now, or that is gone, stays out: the next run sees it as it is."""
    ids = {side: sorted(name for at, name in wanted if at == side and (at, name) not in nodes) for side in SIDES}
    found, wrong = _read(world, plan, ids)
    keys = keys_of(world, found)
    for node, known in found.items():
        tag = known.record.link_id if known.record else None
        if tag == seen.tags[node] and (node not in seen.keys or seen.keys[node] == keys[node]):
            nodes[node] = known
            faults |= {node: wrong[node]} if node in wrong else {}


def _read(world: World, plan: Plan, ids: Mapping[SideName, Sequence[str]]) -> tuple[Newcomers, dict[Node, str]]:
    """The new records, and what is wrong with those that hold a value nobody can read. They are matched like any other:
    their counterparts must not be taken for new ones."""
    nodes: Newcomers = {}
    faults: dict[Node, str] = {}
    for side in SIDES:
        stage = f"reading {world.spec.side(side).place}"
        for start in range(0, len(ids[side]), CHUNK):
            world.progress(stage, start, len(ids[side]))
            records = world.read(side, ids[side][start : start + CHUNK])
            seen_at = world.clock()
            plan.counts[f"read_{side.lower()}"] += len(records)
            warn_of_future(world, plan, side, records.values())
            fresh = []
            for record in records.values():
                if record.presence is not Presence.LIVE:
                    continue
                values = read_fields(world.places, side, record.values)
                for name, value in values.items() if Invalid in map(type, values.values()) else ():
                    if isinstance(value, Invalid):
                        faults[(side, record.id)] = f"field {name} holds {value.raw!r}: {value.reason}"
                        break
                nodes[(side, record.id)] = SideView(record.id, record.version, values, {}, record, seen_at)
                fresh.append(values)
            world.references.resolve(world.places, side, fresh)
        if ids[side]:
            world.progress(stage, len(ids[side]), len(ids[side]))
    return nodes, faults


def _faulty(world: World, plan: Plan, nodes: Newcomers, faults: Mapping[Node, str], id_a: str, id_b: str) -> bool:
    """Set a pair aside of which a record holds what nobody can read, and say so of both."""
    pair = _ends(id_a, id_b)
    found = next((node for node in pair if node in faults), None)
    if found is None:
        return False
    for node in pair:
        if node in faults:
            _withhold_faulty(world, plan, nodes, node, faults[node])
        else:
            where = "source" if found[0] == "A" else "target"
            message = f"the same record on the {where}, {found[1]}, cannot be read: {faults[found]}"
            _withhold_faulty(world, plan, nodes, node, message)
    return True


def _withhold_faulty(world: World, plan: Plan, nodes: Newcomers, node: Node, message: str) -> None:
    known = nodes[node]
    subject = Subject(node[0], None, node[1], known.now or {})
    withhold(world, plan, subject, reason="invalid", message=message, cause=f"invalid:{known.version}:{message}")


def _travels(world: World, side: SideName) -> bool:
    """Whether a record new on ``side`` is created on the other."""
    return world.spec.creates[side] and world.spec.writes_to(other(side))


def warn_of_future(world: World, plan: Plan, side: SideName, records: Iterable[Record]) -> None:
    """Say once per side that modified times from the future count for nothing: a clock or an import is wrong (P19)."""
    if plan.counts[f"future_{side.lower()}"]:
        return
    moment = Moment(world.clock(), world.moments[side].clock)
    for record in records:
        if record.modified is not None and from_the_future(record.modified, moment):
            plan.counts[f"future_{side.lower()}"] += 1
            plan.warnings.append(
                f"{world.spec.side(side).system}: record {record.id} was modified in the future "
                f"({record.modified.isoformat(timespec='seconds')}); such times are not believed, see to its clock"
            )
            return


def _set_aside(world: World, plan: Plan, nodes: Newcomers, component: Sequence[Node], reason: str) -> None:
    members = ", ".join(f"{'source' if side == 'A' else 'target'} {record_id}" for side, record_id in component)
    for side, record_id in component:
        if (known := nodes.get((side, record_id))) is None:
            continue
        withhold(
            world,
            plan,
            Subject(side, None, record_id, known.now or {}),
            reason="ambiguous_match",
            message=f"{reason}: {members}; correct or remove one of them",
            cause=f"match:{reason}:{members}:{known.version}",
        )


def _link(world: World, plan: Plan, nodes: Newcomers, id_a: str, id_b: str, link_id: str) -> None:
    view = LinkView(link_id, nodes[("A", id_a)], nodes[("B", id_b)], is_new=True)
    for side, record_id in (("A", id_a), ("B", id_b)):
        cleared(world, plan, f"{side}:{record_id}")
    plan.counts["linked"] += 1
    plan.notes.setdefault(link_id, []).append("recognised as the same record by its match key")
    tagged = _tagged_side(world)
    ids: dict[SideName, str] = {"A": id_a, "B": id_b}
    for side, record_id in ids.items():
        if side == tagged:
            plan.tags.append((side, record_id, link_id))
        elif world.capabilities[side].provisional_ids:
            plan.tags.append((side, record_id, ""))
    plan_fields(world, plan, view)


def _tagged_side(world: World) -> SideName | None:
    """The side on whose record a new link's name is left: the target if it is written to and keeps tags."""
    able: list[SideName] = [side for side in ("B", "A") if world.spec.writes_to(side) and world.capabilities[side].tags]
    return able[0] if able else None


def _create(world: World, plan: Plan, nodes: Newcomers, node: Node, taken: set[str]) -> None:
    side, record_id = node
    target = other(side)
    if not _travels(world, side):
        cleared(world, plan, f"{side}:{record_id}")
        plan.counts[f"only_on_{side.lower()}"] += 1
        return
    link_id = link_name(side, record_id, taken)
    taken.add(link_id)
    known, empty = nodes[node], SideView(None, None, None, {})
    view = LinkView(link_id, known if side == "A" else empty, known if side == "B" else empty, is_new=True)
    cleared(world, plan, f"{side}:{record_id}")
    planned = plan_create(world, plan, view, target, rule=f"new on {'source' if side == 'A' else 'target'}")
    if planned and world.capabilities[side].provisional_ids:
        plan.tags.append((side, record_id, ""))  # before anything is written or stored under that id
