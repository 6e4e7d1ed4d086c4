"""How all syncs stand at one moment: newest runs, open conflicts, leases, breakers. What watching them needs, no more.

Reads only, and counts in the database: neither a record nor a value leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database
from integrations_platform.state.rows import from_row, from_text
from integrations_platform.unified_sync.store import Breaker, RunRecord

RUNS = 50  # newest runs of a sync that are looked at
CAME_THROUGH = ("succeeded", "partial")
_run, _conflict = tables.run, tables.conflict


@dataclass(frozen=True)
class SyncView:
    """One sync that has run at least once. ``runs``: newest first. ``came_through``: when its newest run ended that was
    neither refused nor failed. ``held_until``: end of the lease of whoever runs it, or died running it."""

    sync: str
    first_run: datetime
    runs: tuple[RunRecord, ...]
    came_through: datetime | None
    conflicts: int
    oldest_conflict: datetime | None
    quarantined: int
    held_until: datetime | None


@dataclass(frozen=True)
class Overview:
    """By sync, those that have run; and every breaker that was ever needed."""

    syncs: Mapping[str, SyncView]
    breakers: tuple[Breaker, ...]


def overview(database: Database, pairs: Sequence[str]) -> Overview:
    """These syncs as they stand."""
    with database.read() as connection:
        breakers = connection.execute(sa.select(tables.breaker).order_by(tables.breaker.c.system)).mappings()
        return Overview(
            {pair: view for pair in pairs if (view := _view(connection, pair)) is not None},
            tuple(from_row(Breaker, row) for row in breakers),
        )


def _view(connection: sa.Connection, pair: str) -> SyncView | None:
    mine = _run.c.pair == pair
    newest = sa.select(_run).where(mine).order_by(_run.c.sequence.desc()).limit(RUNS)
    runs = tuple(from_row(RunRecord, row) for row in connection.execute(newest).mappings())
    if not runs:
        return None
    first = connection.execute(sa.select(_run.c.started_at).where(mine).order_by(_run.c.sequence).limit(1)).scalar_one()
    through = next((run.finished_at for run in runs if run.status in CAME_THROUGH), None)
    if through is None and len(runs) == RUNS:
        ended = mine, _run.c.status.in_(CAME_THROUGH)
        through = from_text(connection.execute(sa.select(sa.func.max(_run.c.finished_at)).where(*ended)).scalar())
    conflicts = sa.select(sa.func.count(), sa.func.min(_conflict.c.opened_at))
    number, oldest = connection.execute(conflicts.where(_conflict.c.pair == pair, tables.OPEN)).one()
    quarantine = tables.quarantine.c
    set_aside = quarantine.pair == pair, quarantine.status == "open", quarantine.reason != "deferred"
    aside = connection.execute(sa.select(sa.func.count()).select_from(tables.quarantine).where(*set_aside)).scalar_one()
    lease = tables.lease.c
    held = connection.execute(sa.select(lease.until).where(lease.pair == pair, lease.holder.is_not(None))).scalar()
    return SyncView(
        pair, datetime.fromisoformat(first), runs, through, number, from_text(oldest), aside, from_text(held)
    )  # fmt: skip
