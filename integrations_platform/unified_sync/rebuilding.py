"""Links rebuilt from what the records themselves carry, after a loss of the whole state (P29).

A tag alone names both records: the one it was left on, and in the link's name the one it began with. A side that
carries no tags is recognised by match keys like any first sync, which is decided in :mod:`.newcomers`; only what is out
of scope, and therefore no newcomer, is recognised here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.forms import read_fields
from integrations_platform.unified_sync.identity import Node, link_name, match_records, origin_of
from integrations_platform.unified_sync.introductions import Newcomers, keys_of
from integrations_platform.unified_sync.links import SideView
from integrations_platform.unified_sync.merging import survivor_of
from integrations_platform.unified_sync.plan import World
from integrations_platform.unified_sync.port import Listing, Presence
from integrations_platform.unified_sync.spec import SIDES, SideName, other
from integrations_platform.unified_sync.store import LINK_SCHEMA, Link, LinkState, Tombstone

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the tags tell: ``links`` and ``tombstones``. ``away``: records out of scope that a tag is on or names."""

    links: list[Link]
    tombstones: list[Tombstone]
    away: set[Node]
    tags: Mapping[SideName, pl.DataFrame]


def find_tagged_records(
    callers: Mapping[SideName, Caller], tags: Mapping[SideName, pl.DataFrame], listings: Mapping[SideName, Listing]
) -> tuple[dict[SideName, set[str]], set[tuple[SideName, str]]]:
    """The ids that are there on each side, and (side, id) of those among them out of scope.

    What a tag names and no listing shows may be out of scope or on a lost page: it is asked for by id, or its
    counterpart would later be taken for a new record. Raises SideError.
    """
    present: dict[SideName, set[str]] = {}
    away: set[tuple[SideName, str]] = set()
    for side in SIDES:
        named = set(tags[side]["id"].to_list())
        for link_id in tags[other(side)]["link_id"].to_list():
            origin = origin_of(link_id)
            named |= set(origin[1]) if origin is not None and origin[0] == side else set()
        present[side] = set(listings[side].frame["id"].to_list())
        unlisted = sorted(named - present[side])
        for start in range(0, len(unlisted), CHUNK):
            for record in callers[side].read(unlisted[start : start + CHUNK]).values():
                if record.presence is not Presence.ARCHIVED:
                    present[side].add(record.id)
                if record.presence is Presence.OUT_OF_SCOPE:
                    away.add((side, record.id))
    return present, away


def rebuild(
    tags: Mapping[SideName, pl.DataFrame],
    present: Mapping[SideName, set[str]],
    away: set[tuple[SideName, str]],
    merged: Mapping[SideName, Mapping[str, str]],
    carries: Mapping[SideName, bool],
    at: datetime,
) -> tuple[list[Link], list[Tombstone]]:
    """Links from the tags on the records, for a state that knows none, and tombstones.

    ``present`` and ``away`` as found by :func:`find_tagged_records`. A tagged record whose counterpart is gone becomes
    a sleeping link, so that it is not created a second time. On a side that carries no tags (``carries``) the
    counterpart may live under an id nobody told us: then the record is left to be recognised by its match key.
    """
    found: dict[str, dict[SideName, str]] = {}
    for side in SIDES:
        for record_id, link_id in tags[side].iter_rows():
            if record_id in present[side]:
                found.setdefault(link_id, {})[side] = record_id
    links, tombstones = [], []
    used: dict[SideName, set[str]] = {"A": set(), "B": set()}
    for link_id in sorted(found):
        ids = _complete(link_id, found[link_id], present, merged)
        if ids is not None:
            ids = {side: _before_its_merge(ids[side], used[side], merged[side]) for side in ids}
        if (
            ids is None
            or any(ids[side] in used[side] for side in ids)
            or not all(side in ids or carries[side] for side in SIDES)
        ):
            continue
        for side in ids:
            used[side].add(ids[side])
        whole = len(ids) == len(SIDES)
        state = LinkState.ACTIVE if whole else LinkState.TRASHED
        if whole and any((side, record_id) in away for side, record_id in ids.items()):
            state = LinkState.OUT_OF_SCOPE
        links.append(Link(link_id, ids.get("A"), ids.get("B"), state))
        if not whole:
            gone: SideName = "B" if "A" in ids else "A"
            tombstones.append(Tombstone(link_id, gone, "ignore", None, None, at))
    return links, tombstones


def frame_of(links: Sequence[Link]) -> pl.DataFrame:
    """Rebuilt links as planning looks at them: nothing is agreed on."""
    rows = [(link.link_id, link.id_a, link.id_b, link.state.value, None, None) for link in links]
    return pl.DataFrame(rows, schema=LINK_SCHEMA, orient="row")


def recognise_away(world: World, away: set[Node], tags: Mapping[SideName, pl.DataFrame]) -> list[Link]:
    """Links of tagged records out of scope whose counterparts no tag names any more: told by their match keys. No
    listing shows such a record, so that a counterpart without a tag would be taken for new, and made a second time."""
    known = {side: set(world.links[f"id_{side.lower()}"].to_list()) for side in SIDES}
    lone = {node for node in away if node[1] not in known[node[0]]}
    if not lone:
        return []
    nodes: Newcomers = {}
    for side in SIDES:
        listed = world.listings[side].frame.filter(pl.col("presence") == Presence.LIVE.value)["id"].to_list()
        ids = [name for name in listed if name not in known[side]] + sorted(name for at, name in lone if at == side)
        for start in range(0, len(ids), CHUNK):
            for record in world.read(side, ids[start : start + CHUNK]).values():
                if record.presence is not Presence.ARCHIVED:
                    values = read_fields(world.places, side, record.values)
                    nodes[(side, record.id)] = SideView(record.id, record.version, values, {}, record)
    names = {(side, record_id): tag for side in SIDES for record_id, tag in tags[side].iter_rows()}
    taken = set(world.links["link_id"].to_list())
    links = []
    for id_a, id_b in match_records(world.spec, keys_of(world, nodes), {}).pairs:
        asleep = sorted(lone & {("A", id_a), ("B", id_b)})
        if not asleep:
            continue  # nobody is missing from the listings: two newcomers like any other
        tag = names.get(asleep[0])
        link_id = tag if tag is not None and tag not in taken else link_name(*asleep[0], taken)
        taken.add(link_id)
        links.append(Link(link_id, id_a, id_b, LinkState.OUT_OF_SCOPE))
    return links


def _before_its_merge(record_id: str, used: set[str], merged: Mapping[str, str]) -> str:
    """The id a link had when a merge gave its tag to a record that has a link of its own: of one of those merged into
    it. So both links are known, and what became of them is a merge case like any other."""
    if record_id not in used:
        return record_id
    return next((old for old in sorted(merged) if old not in used and survivor_of(merged, old) == record_id), record_id)


def _complete(
    link_id: str,
    ids: dict[SideName, str],
    present: Mapping[SideName, set[str]],
    merged: Mapping[SideName, Mapping[str, str]],
) -> dict[SideName, str] | None:
    """Both ids of a link, the missing one from the link's own name if that record exists, or was merged into one that
    does: the link then follows it like any other."""
    origin = origin_of(link_id)
    if origin is None:
        return None
    side, readings = origin
    complete = dict(ids)
    if side not in complete:
        existing = next((reading for reading in readings if reading in present[side] or reading in merged[side]), None)
        if existing is not None:
            complete[side] = existing
    return complete
