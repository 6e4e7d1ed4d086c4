"""Who is who: matching records that have no link yet, by canonical keys, never by guess (B4 of the semantics).

A one-to-one pair is linked, a record alone is new, and everything else is an ambiguity that a person resolves. The
result does not depend on any order.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from integrations_platform.unified_sync.spec import SideName, SyncSpec
from integrations_platform.unified_sync.values import ABSENT, Value, match_key

Node = tuple[SideName, str]


@dataclass
class Matching:
    """``pairs``: (id on A, id on B) to link; ``alone``: records without counterpart; ``ambiguous``: components that
    claim one key, each a sorted tuple of (side, record id) and the reason."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    alone: list[Node] = field(default_factory=list)
    ambiguous: list[tuple[tuple[Node, ...], str]] = field(default_factory=list)


def key_digests(spec: SyncSpec, values: Mapping[str, Value]) -> tuple[str, ...]:
    """Digests of a record's match keys, one per rule that is not blank; equal keys of one rule share a digest."""
    return tuple(key_digests_by_rule(spec, values).values())


def match_records(
    spec: SyncSpec,
    unlinked: Mapping[Node, Mapping[int, str]],
    owners: Mapping[str, Sequence[str]],
) -> Matching:
    """Match unlinked records of both sides.

    ``unlinked``: digests by rule of the target-form values, by node; ``owners``: active links by key digest. Rules are
    applied in order: a record that found its counterpart by an earlier rule does not take part in later ones.
    """
    result = Matching()
    waiting = dict(unlinked)
    for rule in range(len(spec.match)):
        buckets: dict[str, list[Node]] = defaultdict(list)
        for node, keys in waiting.items():
            if rule in keys:
                buckets[keys[rule]].append(node)
        for digest in sorted(buckets):
            nodes = tuple(sorted(buckets[digest]))
            links = owners.get(digest, ())
            sides = [side for side, _ in nodes]
            if links:
                result.ambiguous.append(
                    (nodes, f"{spec.match[rule]} is already that of linked record {', '.join(links)}")
                )
            elif len(nodes) == 1:
                continue
            elif sides == ["A", "B"]:
                result.pairs.append((nodes[0][1], nodes[1][1]))
            else:
                result.ambiguous.append((nodes, f"{len(nodes)} records share one {spec.match[rule]}"))
            for node in nodes:
                del waiting[node]
    result.alone = sorted(waiting)
    return result


def key_digests_by_rule(spec: SyncSpec, values: Mapping[str, Value]) -> dict[int, str]:
    """Like :func:`key_digests`, by rule number."""
    by_rule = {}
    for rule, name in enumerate(spec.match):
        key = match_key(spec.field_named(name).type, values.get(name, ABSENT))
        if key is not None:
            by_rule[rule] = hashlib.sha256(f"{rule}\x00{key}".encode()).hexdigest()[:24]
    return by_rule


def link_name(side: SideName, record_id: str, taken: Iterable[str] | frozenset[str] | set[str]) -> str:
    """The name of a new link: the side and id it began with, numbered when that name was used before.

    Readable and derived rather than random, so that the tag left on one side alone tells its counterpart even after
    the whole state is lost (P29).
    """
    name, count = f"{side}:{record_id}", 1
    known = taken if isinstance(taken, set | frozenset) else set(taken)
    while name in known:
        count += 1
        name = f"{side}:{record_id}#{count}"
    return name


def origin_of(link_id: str) -> tuple[SideName, tuple[str, ...]] | None:
    """The side a link began on and the record ids its name can mean, likeliest first; None if it is not ours.

    Two readings are possible when the id itself ends in ``#`` and a number; the caller knows which record exists.
    """
    side, _, rest = link_id.partition(":")
    if side not in ("A", "B") or not rest:
        return None
    stem, _, number = rest.rpartition("#")
    return ("A" if side == "A" else "B"), (rest, stem) if stem and number.isdigit() else (rest,)
