"""Records that are gone, archived, out of scope or back again (B5 of the semantics).

Absence is not deletion: a delete needs a tombstone, or a complete listing and a read by id that both miss the record.
Everything else leaves the link as it is. A change on the other side is never dropped for a delete without a trace.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from enum import Enum

from integrations_platform.unified_sync.conflicts import undecided
from integrations_platform.unified_sync.creation import plan_create
from integrations_platform.unified_sync.field_merge import count_parked
from integrations_platform.unified_sync.links import LinkView, full_record
from integrations_platform.unified_sync.operations import Operation, operation_id
from integrations_platform.unified_sync.plan import Plan, World
from integrations_platform.unified_sync.port import Kind, Presence
from integrations_platform.unified_sync.quarantine import await_proof, refused_before, withhold, write_to
from integrations_platform.unified_sync.spec import SIDES, OnDelete, OnDeleteOfChanged, SideName, other
from integrations_platform.unified_sync.store import Conflict, ConflictStatus, LinkState, Tombstone


class Standing(Enum):
    """Where one side of a link stands, as far as it is proved."""

    LIVE = "live"
    DELETED = "deleted"  # gone by proof
    ARCHIVED = "archived"  # a tombstone is there; it can be brought back
    AWAY = "away"  # out of scope
    UNPROVEN = "unproven"  # not seen, and nothing proves why


USERS = "deleted here but changed on the other side: brought back"
OURS = "removed by a write of ours that had been given up: the removal is undone"

_GONE = (Standing.DELETED, Standing.ARCHIVED)


def standing(world: World, view: LinkView, side: SideName) -> Standing:
    """What is proved about one side of a link."""
    known = view.side(side)
    if known.now is not None:
        return Standing.LIVE
    if known.id is None:
        return Standing.UNPROVEN
    if known.record is None:  # a record that was listed and is gone at the second look may have been merged since
        return Standing.DELETED if world.listings[side].complete and not known.listed else Standing.UNPROVEN
    if known.record.presence is Presence.ARCHIVED:
        return Standing.ARCHIVED
    return Standing.AWAY


def plan_existence(world: World, plan: Plan, view: LinkView) -> bool:
    """Decide on the records' existence. Returns True when both are there and their fields are to be merged."""
    stands = {side: standing(world, view, side) for side in SIDES}
    if view.state is LinkState.TRASHED:
        return _trashed(world, plan, view, stands)
    if all(stand is Standing.LIVE for stand in stands.values()):
        parked = world.conflicts.get((view.link_id, ""))
        if parked is not None:  # what was deleted is back: nothing about the record is in dispute any more
            plan.conflicts.append(replace(parked, status=ConflictStatus.WITHDRAWN, closed_at=world.now))
        if view.state is not LinkState.ACTIVE:
            view.state = LinkState.ACTIVE
            keep(plan, view)
        return True
    if any(stand is Standing.AWAY for stand in stands.values()):
        if view.state is LinkState.ACTIVE:
            plan.states.append((view.link_id, LinkState.OUT_OF_SCOPE))
            plan.counts["left_scope"] += 1
            plan.notes.setdefault(view.link_id, []).append("left the declared scope; nothing is deleted")
        return False
    if any(stand is Standing.UNPROVEN for stand in stands.values()):
        await_record(plan, view)
        plan.counts["unproven"] += 1
        plan.notes.setdefault(view.link_id, []).append("not seen, and nothing proves that it was deleted")
        for side in SIDES:
            if stands[side] is not Standing.LIVE and view.state is LinkState.ACTIVE:
                await_proof(world, plan, view, side, proved=stands[side] in _GONE)
        return False
    if all(stand in _GONE for stand in stands.values()):
        _close(world, plan, view)
        return False
    deleted: SideName = "A" if stands["A"] in _GONE else "B"
    _one_sided(world, plan, view, deleted, stands[deleted])
    return False


def await_record(plan: Plan, view: LinkView) -> None:
    """Note whose record is not there although nothing ends the link. A record that carries its name was made for it, by
    a create that took effect after it was given up; as long as that can be, it is no new one (P10)."""
    for side in SIDES:
        record = view.side(side).record
        if view.side(side).now is None and (record is None or record.presence is Presence.ARCHIVED):
            plan.awaited.add((side, view.link_id))


def keep(plan: Plan, view: LinkView) -> None:
    """Let the plan store a link that needs no remote write."""
    plan.views[view.link_id] = view
    if view.link_id not in plan.settlements:
        plan.settlements.append(view.link_id)


def _close(world: World, plan: Plan, view: LinkView) -> None:
    last, late = (full_record(view.a), full_record(view.b)), [*view.late_removals.values()]
    if late:  # our own removal for a user's delete was given up, and yet done: as if the run that began it had ended
        view.state = LinkState.TRASHED
        view.adopted += late
        tomb = Tombstone(view.link_id, other(late[0].side), late[0].policy, *last, world.now)
        note = "deleted on one side, and on the other by a late write of ours"
    else:
        # The ids are given up, so that a record created anew under one of them is a new record, not an old link.
        view.state, view.a.id, view.b.id = LinkState.CLOSED, None, None
        tomb = Tombstone(view.link_id, None, "both", *last, world.now)
        note = "deleted on both sides"
    plan.tombstones.append(tomb)
    keep(plan, view)
    _end_conflicts(world, plan, view)
    plan.counts["closed"] += 1
    plan.notes.setdefault(view.link_id, []).append(note)


def _end_conflicts(world: World, plan: Plan, view: LinkView) -> None:
    for (link_id, _), row in world.conflicts.items():
        if link_id == view.link_id:
            plan.conflicts.append(replace(row, status=ConflictStatus.WITHDRAWN, closed_at=world.now))


def _one_sided(world: World, plan: Plan, view: LinkView, deleted: SideName, stand: Standing) -> None:
    """One side is proved gone, the other is there."""
    kept = other(deleted)
    changed = view.side(kept).differs()
    policy = world.spec.on_delete[deleted]
    parked = world.conflicts.get((view.link_id, ""))
    rule = world.spec.on_delete_of_changed
    gone = f"deleted on {'source' if deleted == 'A' else 'target'}"
    if parked is not None and parked.choice in ("base", "value"):
        plan.warnings.append(
            f"conflict {parked.conflict_id} is about a whole record: it can be decided for the source or the target, "
            f"not for {parked.choice!r} as {parked.decided_by} did"
        )
    if parked is not None and parked.choice in ("A", "B") and _still_as_decided(view, parked, kept):
        if parked.choice == deleted:
            wanted = policy if policy in (OnDelete.ARCHIVE, OnDelete.DELETE) else OnDelete.ARCHIVE
            remove(world, plan, view, deleted, wanted, rule=gone, changed=changed)
        else:
            _bring_back(world, plan, view, deleted, stand, closes=(parked.conflict_id,))
        return
    if deleted in view.late_removals:
        plan.warnings.append(
            f"{world.spec.side(deleted).system}: record {view.side(deleted).id} was removed by a write of ours that "
            "had been given up; it is brought back"
        )
        _bring_back(world, plan, view, deleted, stand, rule=OURS)
        return
    if changed and world.spec.writes_to(deleted):
        if rule is OnDeleteOfChanged.KEEP and parked is None:
            _bring_back(world, plan, view, deleted, stand)
            return
        if rule is OnDeleteOfChanged.MANUAL or parked is not None:
            _park_record(world, plan, view, deleted, parked)
            return
    if policy is OnDelete.UNLINK:
        view.state = LinkState.CLOSED
        setattr(view.side(deleted), "id", None)  # noqa: B010
        keep(plan, view)
        _bury(world, plan, view, deleted, policy)
        plan.notes.setdefault(view.link_id, []).append("unlinked: the other record stays and is no longer synced")
    elif policy is OnDelete.IGNORE or not world.spec.writes_to(kept):
        view.state = LinkState.TRASHED
        keep(plan, view)
        _bury(world, plan, view, deleted, OnDelete.IGNORE)
        plan.notes.setdefault(view.link_id, []).append(
            "delete not propagated; the link sleeps until the record is back"
        )
    else:
        remove(world, plan, view, deleted, policy, rule=gone, changed=changed)


def _still_as_decided(view: LinkView, parked: Conflict, kept: SideName) -> bool:
    """Whether the decision was taken on the record as it is now (P22)."""
    seen = parked.value_a if kept == "A" else parked.value_b
    return parked.decided_n == parked.n and seen == full_record(view.side(kept))


def _bury(world: World, plan: Plan, view: LinkView, deleted: SideName, policy: OnDelete) -> None:
    plan.tombstones.append(
        Tombstone(view.link_id, deleted, policy.value, full_record(view.a), full_record(view.b), world.now)
    )
    _end_conflicts(world, plan, view)
    plan.counts["deletes_kept"] += 1


def remove(
    world: World, plan: Plan, view: LinkView, deleted: SideName, policy: OnDelete, *, rule: str, changed: bool = False
) -> None:
    """Plan to archive or delete the record that is left of a link; ``deleted``: the side whose record is gone."""
    side = other(deleted)
    known = view.side(side)
    kind = Kind.DELETE if policy is OnDelete.DELETE else Kind.ARCHIVE
    able = world.capabilities[side].delete if kind is Kind.DELETE else world.capabilities[side].archive
    subject = write_to(view, side)
    op_id = operation_id(world.pair, view.link_id, side, kind, view.base_version, {})
    if refused_before(world, plan, subject, op_id):
        return
    if not able:
        message = f"{world.spec.side(side).system} cannot {kind} records"
        withhold(world, plan, subject, reason="rejected", message=message, cause=op_id)
        return
    plan.notes.setdefault(view.link_id, []).append(f"{rule}: {kind} the other record")
    plan.operations.append(
        Operation(
            op_id=op_id,
            kind=kind,
            side=side,
            link_id=view.link_id,
            record_id=known.id,
            other_id=view.side(deleted).id,
            expected_version=known.version,
            base_version=view.base_version,
            columns={},
            fields=(),
            rule=f"{rule}, against a change" if changed else rule,
            # With the record, every dispute about it or its fields is over.
            closes=tuple(row.conflict_id for (link_id, _), row in world.conflicts.items() if link_id == view.link_id),
            record=full_record(known),
            policy=policy.value,
        )
    )
    plan.views[view.link_id] = view


def _bring_back(
    world: World,
    plan: Plan,
    view: LinkView,
    side: SideName,
    stand: Standing,
    closes: tuple[str, ...] = (),
    rule: str = USERS,
) -> None:
    """Bring the record back on ``side``: un-archived where a tombstone allows it, else created anew, same link."""
    await_record(plan, view)
    plan.notes.setdefault(view.link_id, []).append(rule)
    able = world.capabilities[side]
    if stand is Standing.ARCHIVED and able.archive and able.restore:
        known = view.side(side)
        version = known.record.version if known.record else None
        op_id = operation_id(world.pair, view.link_id, side, Kind.RESTORE, view.base_version, {})
        if refused_before(world, plan, write_to(view, side), op_id):
            return
        plan.operations.append(
            Operation(
                op_id,
                Kind.RESTORE,
                side,
                view.link_id,
                known.id,
                view.side(other(side)).id,
                version,
                view.base_version,
                {},
                (),
                rule=rule,
                closes=closes,
            )
        )
        plan.views[view.link_id] = view
        return
    plan_create(world, plan, view, side, rule=rule, closes=closes)


def _park_record(world: World, plan: Plan, view: LinkView, deleted: SideName, parked: Conflict | None) -> None:
    await_record(plan, view)
    if parked is None:
        name = hashlib.sha256(f"{world.pair}\x00{view.link_id}\x00\x00{view.base_version}".encode()).hexdigest()[:12]
        plan.conflicts.append(
            Conflict(
                conflict_id=name,
                link_id=view.link_id,
                unit="",
                kind="delete_update",
                n=1,
                status=ConflictStatus.OPEN,
                base=full_record(view.side(deleted)),
                value_a=None if deleted == "A" else full_record(view.a),
                value_b=None if deleted == "B" else full_record(view.b),
                evidence=f"deleted on {'source' if deleted == 'A' else 'target'}, changed on the other side",
                opened_run=world.run_id,
                opened_at=world.now,
                id_a=view.a.id,
                id_b=view.b.id,
            )
        )
        plan.counts["conflicts_opened"] += 1
    else:
        kept = other(deleted)
        seen, now = (parked.value_a if kept == "A" else parked.value_b), full_record(view.side(kept))
        if seen != now:  # edited since: the row shows it, and a decision taken before counts no more (P22)
            if parked.choice:
                plan.warnings.append(
                    f"conflict {parked.conflict_id}: the record changed after {parked.decided_by} decided; decide again"
                )
            shown = {"value_a": now} if kept == "A" else {"value_b": now}
            plan.conflicts.append(undecided(parked, **shown))
    count_parked(plan, view, "")


def _trashed(world: World, plan: Plan, view: LinkView, stands: dict[SideName, Standing]) -> bool:
    """A sleeping link of which something is alive: did it come back, or was it simply left alone?"""
    tomb = world.store.tombstones(world.pair, [view.link_id]).get(view.link_id)
    deleted: SideName = tomb.deleted_side if tomb and tomb.deleted_side else "A"
    kept = other(deleted)
    left_alone = tomb is not None and tomb.policy in (OnDelete.IGNORE.value, OnDelete.UNLINK.value)
    if stands[deleted] is not Standing.LIVE and (left_alone or stands[kept] is not Standing.LIVE):
        return False
    await_record(plan, view)
    if not all(stand in (Standing.LIVE, *_GONE) for stand in stands.values()):
        return False
    missing = [side for side in SIDES if stands[side] is not Standing.LIVE]
    if missing and not world.spec.may_write(missing[0]):
        return False
    plan.counts["reactivated"] += 1
    plan.notes.setdefault(view.link_id, []).append("back after a delete")
    if missing:
        # The link wakes only when the other record is really there: until then the delete would be carried out again.
        _bring_back(world, plan, view, missing[0], stands[missing[0]])
        return False
    view.state = LinkState.ACTIVE
    keep(plan, view)
    return True
