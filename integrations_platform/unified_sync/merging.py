"""Records that were merged on their own side, and what becomes of their links (P31).

A merge is no delete. The link of a record that was merged away follows to the survivor; where the survivor has a link
of its own, two records of the other side now mean one, and that is for a person to decide: nothing is removed there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from integrations_platform.unified_sync.conflicts import undecided
from integrations_platform.unified_sync.existence import keep, remove
from integrations_platform.unified_sync.field_merge import count_parked
from integrations_platform.unified_sync.forms import read_fields
from integrations_platform.unified_sync.links import LinkView, SideView, full_record, view_of
from integrations_platform.unified_sync.plan import Merge, Merges, Plan, World
from integrations_platform.unified_sync.port import Listing, Presence
from integrations_platform.unified_sync.quarantine import cleared, write_to
from integrations_platform.unified_sync.spec import SIDES, OnDelete, SideName, other
from integrations_platform.unified_sync.store import Conflict, ConflictStatus, LinkState, Tombstone

KIND = "merge"

_FOLLOWED = [LinkState.ACTIVE.value, LinkState.OUT_OF_SCOPE.value]
_HOLDING = [*_FOLLOWED, LinkState.TRASHED.value]


def follow_merges(links: pl.DataFrame, listings: Mapping[SideName, Listing]) -> tuple[pl.DataFrame, Merges]:
    """The links with ids that live: those of records merged away point to the survivor, or to nothing where the
    survivor has a link already. Returns the frame and what was moved; nothing is stored here."""
    moved: list[Merge] = []
    cases: list[Merge] = []
    for side in SIDES:
        merged, column = listings[side].merged, f"id_{side.lower()}"
        if not merged:
            continue
        touched = links.filter(pl.col("state").is_in(_FOLLOWED) & pl.col(column).is_in(list(merged))).sort("link_id")
        if touched.is_empty():
            continue
        held = links.filter(pl.col("state").is_in(_HOLDING) & pl.col(column).is_not_null())
        holders = dict(held.select(column, "link_id").iter_rows())
        found = []
        for link_id, old in touched.select("link_id", column).iter_rows():
            survivor = survivor_of(merged, old)
            found.append(Merge(link_id, side, old, survivor, holders.get(survivor)))
            holders.setdefault(survivor, link_id)
        moved += [merge for merge in found if merge.holder is None]
        cases += [merge for merge in found if merge.holder is not None]
        links = _pointed(links, side, found)
    return links, Merges({merge.link_id: merge for merge in moved}, tuple(cases))


def survivor_of(merged: Mapping[str, str], record_id: str) -> str:
    """The record that is left of a chain of merges; a chain that bites its own tail ends where it does."""
    seen = {record_id}
    while (following := merged.get(record_id)) is not None and following not in seen:
        record_id = following
        seen.add(record_id)
    return record_id


def _pointed(links: pl.DataFrame, side: SideName, merges: list[Merge]) -> pl.DataFrame:
    ids, version = f"id_{side.lower()}", f"version_{side.lower()}"
    new = pl.DataFrame(
        [(merge.link_id, None if merge.holder else merge.survivor, merge.holder is not None) for merge in merges],
        schema={"link_id": pl.String, "_new": pl.String, "_away": pl.Boolean},
        orient="row",
    )
    hit = pl.col("_away").is_not_null()
    return (
        links.join(new, on="link_id", how="left", maintain_order="left")
        .with_columns(
            pl.when(hit).then(pl.col("_new")).otherwise(pl.col(ids)).alias(ids),
            pl.when(hit).then(None).otherwise(pl.col(version)).alias(version),
            pl.when(pl.col("_away").fill_null(value=False))
            .then(pl.lit(LinkState.MERGED_AWAY.value))
            .otherwise(pl.col("state"))
            .alias("state"),
        )
        .drop("_new", "_away")
    )


def follow(world: World, plan: Plan, view: LinkView, *, asleep: bool = False) -> None:
    """Let the plan store a link that moved with its record, base and all, and leave its name on the survivor; not so of
    a link that is ``asleep``, whose records are not in sight."""
    merge = world.merges.moved.get(view.link_id)
    if merge is None:
        return
    keep(plan, view)
    plan.moved.append(merge)
    plan.notes.setdefault(view.link_id, []).append(f"{merge.old} was merged into {merge.survivor}: the link follows")
    if world.capabilities[merge.side].tags and world.spec.may_write(merge.side) and not asleep:
        plan.tags.append((merge.side, merge.survivor, merge.link_id))


def plan_merge_cases(world: World, plan: Plan) -> None:
    """Open a case for every pair of links that a merge made one, and carry out what people decided about open ones.
    Links that sleep follow their records, too."""
    for link_id in sorted(world.merges.moved.keys() - {merge.link_id for merge in plan.moved}):
        if world.share.owns(link_id):
            follow(world, plan, _view(world, link_id), asleep=True)
    decided = [row for (_, unit), row in sorted(world.conflicts.items()) if row.kind == KIND and not unit]
    named = [*(merge.link_id for merge in world.merges.cases), *(row.link_id for row in decided)]
    known = set(world.links["link_id"].filter(world.links["link_id"].is_in(named)))
    for merge in world.merges.cases:
        if merge.link_id in known and world.share.owns(merge.link_id):
            _open(world, plan, merge)
    for row in decided:
        if row.link_id in known and world.share.owns(row.link_id):
            _plan_case(world, plan, row)


def _open(world: World, plan: Plan, merge: Merge) -> None:
    view = _view(world, merge.link_id)
    _read(world, view, other(merge.side))
    survivor = SideView(merge.survivor, None, None, {})
    _look(world, survivor, merge.side)
    last = full_record(view.side(merge.side))
    view.state, view.side(merge.side).id = LinkState.MERGED_AWAY, None
    plan.moved.append(merge)
    if _is_held_elsewhere(world, view, other(merge.side)):
        _end(world, plan, view)
        return
    keep(plan, view)
    # One case for each record merged away, whomever the survivor is merged into before the link is stored (P25).
    essence = f"{world.pair}\x00{merge.link_id}\x00{merge.side}\x00{merge.old}"
    name = hashlib.sha256(essence.encode()).hexdigest()[:12]
    open_rows = [row for (link_id, _), row in world.conflicts.items() if link_id == merge.link_id]
    for row in open_rows:
        if row.conflict_id != name:  # with its record, every dispute about its fields is over
            plan.conflicts.append(replace(row, status=ConflictStatus.WITHDRAWN, closed_at=world.now))
    for side in SIDES:
        cleared(world, plan, write_to(view, side).name)
    plan.notes.setdefault(merge.link_id, []).append(f"{merge.old} was merged into {merge.survivor}: a person decides")
    if any(row.conflict_id == name for row in open_rows):
        return  # opened by a run that died before it stored the link; it may be decided by now
    ids = {merge.side: merge.survivor, other(merge.side): view.side(other(merge.side)).id}
    shown = {merge.side: full_record(survivor), other(merge.side): full_record(view.side(other(merge.side)))}
    plan.conflicts.append(
        Conflict(
            conflict_id=name,
            link_id=merge.link_id,
            unit="",
            kind=KIND,
            n=1,
            status=ConflictStatus.OPEN,
            base=last,
            value_a=shown["A"],
            value_b=shown["B"],
            evidence=f"{world.spec.side(merge.side).system} {merge.old} was merged into {merge.survivor}, which is "
            f"linked as {merge.holder}; choose {_label(merge.side)} to archive the other record, "
            f"{_label(other(merge.side))} to keep it by itself",
            opened_run=world.run_id,
            opened_at=world.now,
            id_a=ids["A"],
            id_b=ids["B"],
        )
    )
    plan.counts["conflicts_opened"] += 1
    count_parked(plan, view, "")


def _plan_case(world: World, plan: Plan, row: Conflict) -> None:
    view = _view(world, row.link_id)
    merged: SideName = "A" if view.a.id is None else "B"
    kept = other(merged)
    if view.state is not LinkState.MERGED_AWAY or view.side(kept).id is None:
        plan.conflicts.append(replace(row, status=ConflictStatus.WITHDRAWN, closed_at=world.now))
        return
    if _is_held_elsewhere(world, view, kept):
        _end(world, plan, view)
        return
    there = _read(world, view, kept)
    if not there and (view.side(kept).record is not None or _is_gone(world, view, kept)):
        plan.conflicts.append(replace(row, status=ConflictStatus.CONVERGED, closed_at=world.now))
        return
    now = full_record(view.side(kept))
    seen = row.value_a if kept == "A" else row.value_b
    if row.choice is not None and row.decided_n == row.n and (seen == now or row.choice == kept):
        if row.choice == kept:
            view.state = LinkState.CLOSED
            keep(plan, view)
            plan.conflicts.append(replace(row, status=ConflictStatus.RESOLVED, closed_at=world.now))
            plan.notes.setdefault(row.link_id, []).append("kept by itself, no longer synced")
            return
        if row.choice == merged and there:
            policy = world.spec.on_delete[merged]
            wanted = policy if policy is OnDelete.DELETE else OnDelete.ARCHIVE
            remove(world, plan, view, merged, wanted, rule=f"merged on {_label(merged)}, decided by {row.decided_by}")
            return
        if row.choice not in SIDES:
            plan.warnings.append(
                f"conflict {row.conflict_id} is about merged records: it can be decided for the source or the target, "
                f"not for {row.choice!r} as {row.decided_by} did"
            )
    elif there and seen != now:
        plan.conflicts.append(undecided(row, **({"value_a": now} if kept == "A" else {"value_b": now})))
    count_parked(plan, view, "")


def _is_held_elsewhere(world: World, view: LinkView, side: SideName) -> bool:
    """Whether the record that is left is in others' hands: its users merged theirs, too. Either it is gone into another
    one, or another link has come to it; to remove it then would remove that link's."""
    if view.side(side).id in world.listings[side].merged:
        return True
    ours = (pl.col(f"id_{side.lower()}") == view.side(side).id) & (pl.col("link_id") != view.link_id)
    return not world.links.filter(ours & pl.col("state").is_in(_HOLDING)).is_empty()


def _end(world: World, plan: Plan, view: LinkView) -> None:
    """Close a link whose two records are both in others' hands; nothing is left to decide."""
    plan.tombstones.append(Tombstone(view.link_id, None, "merged", full_record(view.a), full_record(view.b), world.now))
    view.state, view.a.id, view.b.id = LinkState.CLOSED, None, None
    keep(plan, view)
    for (link_id, _), row in world.conflicts.items():
        if link_id == view.link_id:
            plan.conflicts.append(replace(row, status=ConflictStatus.WITHDRAWN, closed_at=world.now))
    for side in SIDES:
        cleared(world, plan, write_to(view, side).name)
    plan.notes.setdefault(view.link_id, []).append("merged on both sides: the link of the survivors has both records")


def _is_gone(world: World, view: LinkView, side: SideName) -> bool:
    listing = world.listings[side]
    return listing.complete and view.side(side).id not in set(listing.frame["id"].to_list())


def _view(world: World, link_id: str) -> LinkView:
    row = world.links.row(by_predicate=pl.col("link_id") == link_id, named=True)
    stored = world.store.bases(world.pair, [link_id]).get(link_id)
    return view_of(world.spec, link_id, (row["id_a"], row["id_b"]), LinkState(row["state"]), stored)


def _read(world: World, view: LinkView, side: SideName) -> bool:
    _look(world, view.side(side), side)
    return view.side(side).now is not None


def _look(world: World, known: SideView, side: SideName) -> None:
    record = world.read(side, [known.id]).get(known.id) if known.id is not None else None
    known.record = record
    if record is not None and record.presence is not Presence.ARCHIVED:
        known.now, known.version = read_fields(world.places, side, record.values), record.version
        world.references.resolve(world.places, side, [known.now])


def _label(side: SideName) -> str:
    return "source" if side == "A" else "target"
