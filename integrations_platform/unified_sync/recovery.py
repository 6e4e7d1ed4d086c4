"""Making good what an earlier run began and did not finish, before anything is planned (B7, step 0).

An interrupted write is asked about at its side and either adopted or disowned; it never becomes a conflict. After a
loss of the whole state, links are rebuilt from the tags that were left with the records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import polars as pl

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.identity import origin_of
from integrations_platform.unified_sync.links import LinkView, SideView, full_record, view_of
from integrations_platform.unified_sync.operations import Operation, from_intent
from integrations_platform.unified_sync.port import Kind, Listing, Presence, Record
from integrations_platform.unified_sync.probing import Fate, probe
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import SIDES, SideName, SyncSpec, other
from integrations_platform.unified_sync.store import (
    LINK_SCHEMA,
    AuditEntry,
    BaseRow,
    ConflictStatus,
    Lease,
    Link,
    LinkState,
    OpState,
    Role,
    Store,
    Tombstone,
)

CHUNK = 500


def recover(
    spec: SyncSpec, callers: Mapping[SideName, Caller], store: Store, lease: Lease, runtime: Runtime, run_id: str
) -> int:
    """Resolve every open intent of the pair; returns how many. Raises SideError if a side cannot be asked.

    An intent whose fate cannot be told stays open and keeps its link out of nothing: the next plan sees the record as
    it is.
    """
    intents = store.open_intents(lease.pair)
    for start in range(0, len(intents), CHUNK):
        operations = [from_intent(spec, intent) for intent in intents[start : start + CHUNK]]
        findings = probe(callers, operations)
        frame = store.record_ids(lease.pair, sorted({op.link_id for op in operations}))
        bases = store.bases(lease.pair, sorted({op.link_id for op in operations}))
        links: dict[str, LinkView] = {}
        rows: list[Link] = []
        states: list[tuple[str, OpState]] = []
        audit: list[AuditEntry] = []
        tombstones: list[Tombstone] = []
        buried: set[str] = set()
        for operation in operations:
            finding = findings[operation.op_id]
            if finding.fate is not Fate.APPLIED:
                # Undecided counts as not applied: the record is planned again from what it shows now.
                states.append((operation.op_id, OpState.NOT_APPLIED))
                continue
            view = links.get(operation.link_id) or _stored_view(spec, operation, frame, bases)
            links[operation.link_id] = view
            if operation.kind in (Kind.ARCHIVE, Kind.DELETE):
                tombstones.append(_bury(view, operation, runtime.clock()))
                buried.add(operation.link_id)
            else:
                adopt(spec, view, operation, finding.record)
            states.append((operation.op_id, OpState.APPLIED))
            audit.append(_line(operation, run_id, runtime.clock()))
        rows = [view.row(spec, None) for view in links.values()]
        over = [row for row in store.conflicts(lease.pair) if row.link_id in buried] if buried else []
        with store.transaction(lease) as tx:
            tx.put_links(rows)
            tx.put_conflicts([replace(row, status=ConflictStatus.WITHDRAWN, closed_at=runtime.clock()) for row in over])
            tx.close_intents(states)
            tx.append_audit(audit)
            tx.put_tombstones(tombstones)
    return len(intents)


def adopt(spec: SyncSpec, view: LinkView, operation: Operation, record: Record | None) -> None:
    """Take a write that happened into the link's base: what was sent on its side, where it came from on the other.

    A created record without our receipt may be one that was only tagged; of it, only values equal to ours are taken.
    No version is kept, so both records are read and compared in full by the next plan; a user's edit made since then
    shows as an ordinary change.
    """
    view.side(operation.side).id = record.id if record is not None else operation.record_id
    ours = operation.kind is not Kind.CREATE or (record is not None and record.last_op == operation.op_id)
    if operation.kind is Kind.CREATE and view.side(other(operation.side)).id is None:
        view.side(other(operation.side)).id = operation.other_id
    view.state = LinkState.ACTIVE
    if operation.kind is Kind.CREATE:
        view.forget_agreement()
    for change in operation.fields:
        column = spec.field_named(change.name).columns(operation.side)[0]
        if change.commits and (ours or (record is not None and record.values.get(column) == change.sent)):
            pair = (change.origin, change.sent) if operation.side == "B" else (change.sent, change.origin)
            view.agree(change.name, *pair)


def _stored_view(
    spec: SyncSpec,
    operation: Operation,
    frame: Mapping[str, tuple[str | None, str | None, LinkState]],
    bases: Mapping[str, BaseRow],
) -> LinkView:
    ids = frame.get(operation.link_id)
    if ids is not None:
        return view_of(spec, operation.link_id, (ids[0], ids[1]), ids[2], bases.get(operation.link_id))
    view = LinkView(operation.link_id, SideView(None, None, None, {}), SideView(None, None, None, {}))
    view.side(operation.side).id = operation.record_id
    view.side(other(operation.side)).id = operation.other_id
    return view


def _bury(view: LinkView, operation: Operation, at: datetime) -> Tombstone:
    view.state = LinkState.TRASHED
    return Tombstone(
        view.link_id, other(operation.side), operation.policy, full_record(view.a), full_record(view.b), at
    )


def _line(operation: Operation, run_id: str, at: datetime) -> AuditEntry:
    return AuditEntry(
        run_id=run_id,
        role=Role.RECOVERED,
        link_id=operation.link_id,
        side=operation.side,
        record_id=operation.record_id,
        op_id=operation.op_id,
        field="",
        rule=f"an interrupted {operation.kind} had taken effect",
        at=at,
    )


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
    at: datetime,
) -> tuple[list[Link], list[Tombstone], pl.DataFrame]:
    """Links from the tags on the records, for a state that knows none. Returns rows, tombstones, and the link frame.

    ``present`` and ``away`` as found by :func:`find_tagged_records`. A tagged record whose counterpart is gone becomes
    a sleeping link, so that it is not created a second time.
    """
    found: dict[str, dict[SideName, str]] = {}
    for side in SIDES:
        for record_id, link_id in tags[side].iter_rows():
            if record_id in present[side]:
                found.setdefault(link_id, {})[side] = record_id
    links, tombstones = [], []
    used: dict[SideName, set[str]] = {"A": set(), "B": set()}
    for link_id in sorted(found):
        ids = _complete(link_id, found[link_id], present)
        if ids is None or any(ids[side] in used[side] for side in ids):
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
    frame = pl.DataFrame(
        [(link.link_id, link.id_a, link.id_b, link.state.value, None, None) for link in links],
        schema=LINK_SCHEMA,
        orient="row",
    )
    return links, tombstones, frame


def _complete(
    link_id: str, ids: dict[SideName, str], present: Mapping[SideName, set[str]]
) -> dict[SideName, str] | None:
    """Both ids of a link, the missing one from the link's own name if that record exists."""
    origin = origin_of(link_id)
    if origin is None:
        return None
    side, readings = origin
    complete = dict(ids)
    if side not in complete:
        existing = next((reading for reading in readings if reading in present[side]), None)
        if existing is not None:
            complete[side] = existing
    return complete
