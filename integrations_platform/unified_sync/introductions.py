"""What the shares of a run tell each other of their newcomers, so that all of them know who is who.

A record is told by the name it carries and by the digests of its match keys, never by its values. The result is the
same in every share; in a run that is not shared there is nobody to ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from integrations_platform.unified_sync.forms import FieldPlace, Unrepresentable
from integrations_platform.unified_sync.identity import Node, key_digests_by_rule, origin_of
from integrations_platform.unified_sync.links import SideView
from integrations_platform.unified_sync.plan import Plan, World
from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.values import Invalid, Value

Newcomers = dict[Node, SideView]


@dataclass
class Seen:
    """What tells who is who among the newcomers of all shares: the name each carries, and the digests of its match
    keys by rule. ``faulty``: those that hold a value nobody can read. ``owners``: active links by key digest."""

    tags: dict[Node, str | None] = field(default_factory=dict)
    keys: dict[Node, Mapping[int, str]] = field(default_factory=dict)
    faulty: set[Node] = field(default_factory=set)
    owners: dict[str, tuple[str, ...]] = field(default_factory=dict)


def gather(world: World, plan: Plan, nodes: Newcomers, faults: Mapping[Node, str], leaving: set[str]) -> Seen:
    """Tell the other shares of the newcomers that were read here, and hear of theirs."""
    keys = keys_of(world, nodes)
    digests = {digest for by_rule in keys.values() for digest in by_rule.values()}
    words = world.share.gather(
        "newcomers",
        {
            "leaving": sorted(leaving),
            "awaited": sorted(plan.awaited),
            "owners": {digest: list(links) for digest, links in _owners(world, digests).items()},
            "seen": [
                (*node, known.record.link_id if known.record else None, node in faults, list(keys[node].items()))
                for node, known in nodes.items()
            ],
        },
    )
    leaving = {link for word in words for link in word["leaving"]}
    awaited = {(side, link) for word in words for side, link in word["awaited"]}
    seen = Seen()
    for word in words:
        for digest, links in word["owners"].items():
            seen.owners[digest] = tuple(link for link in links if link not in leaving)
        for side, record_id, tag, faulty, by_rule in word["seen"]:
            if (side, tag) in awaited:
                continue  # made by a write that was given up too early: the next create of its link finds it by its tag
            node = (side, record_id)
            seen.tags[node], seen.keys[node] = tag, dict(by_rule)
            if faulty:
                seen.faulty.add(node)
    for node in [node for node in nodes if node not in seen.tags]:
        del nodes[node]
    return seen


def _owners(world: World, digests: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    return world.store.key_owners(world.pair, sorted(digests))


def keys_of(world: World, nodes: Newcomers) -> dict[Node, Mapping[int, str]]:
    """Digests of the match keys by rule, of each record."""
    matched = [place for place in world.places if place.spec.name in world.spec.match]
    return {
        node: key_digests_by_rule(world.spec, _common_form(matched, node[0], known.now or {}))
        for node, known in nodes.items()
    }


def _common_form(matched: Sequence[FieldPlace], side: SideName, values: Mapping[str, Value]) -> dict[str, Value]:
    """Match fields in the target's terms, so that transforms do not hide an equal key."""
    common = {}
    for place in matched:
        value = values[place.spec.name]
        if isinstance(value, Invalid):
            value = None
        if side == "A" and place.spec.transforms:
            try:
                value = place.carry(value, "B")
            except Unrepresentable:
                value = None
        common[place.spec.name] = value
    return common


def tagged_pairs(tags: Mapping[Node, str | None], taken: set[str]) -> list[tuple[str, str, str]]:
    """Records that an interrupted run had recognised already: one carries the tag that names the other. The tag
    outranks the keys, which a user may have edited since."""
    pairs, used = [], set()
    for side, record_id in sorted(tags):
        tag = tags[(side, record_id)]
        origin = origin_of(tag) if tag and tag not in taken else None
        if tag is None or origin is None or origin[0] == side:
            continue
        named = next((reading for reading in origin[1] if (origin[0], reading) in tags), None)
        if named is None or (origin[0], named) in used or (side, record_id) in used:
            continue
        used |= {(origin[0], named), (side, record_id)}
        ids = (named, record_id) if origin[0] == "A" else (record_id, named)
        pairs.append((*ids, tag))
    return pairs
