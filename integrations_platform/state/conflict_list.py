"""Conflicts in pages, for whoever looks through thousands of them: filtered, counted and cut in the database.

Reads only. What is searched is the text of the values as they are stored, and of the record's agreed values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database
from integrations_platform.state.decisions import Seen
from integrations_platform.state.rows import from_row, from_text
from integrations_platform.state.searching import holds
from integrations_platform.unified_sync.store import Conflict

State = Literal["undecided", "decided", "closed"]
_conflict, _base = tables.conflict, tables.base


@dataclass(frozen=True)
class Wanted:
    """Which conflicts. ``unit``: a field or group, "" a whole record, None any; ``text``: somewhere in its values."""

    state: State = "undecided"
    unit: str | None = None
    text: str = ""


@dataclass(frozen=True)
class ConflictList:
    """``rows``: (sync, conflict). ``total``: how many are wanted. ``units``: by (sync, unit), whatever is searched."""

    rows: Sequence[tuple[str, Conflict]]
    total: int
    units: Sequence[tuple[str, str, int]]


def conflict_list(
    database: Database, pairs: Sequence[str], wanted: Wanted, offset: int, limit: int
) -> ConflictList:  # fmt: skip
    """Oldest first; closed ones, the latest closed first."""
    of_state = [_conflict.c.pair.in_(pairs), *_in_state(wanted.state)]
    found = [*of_state, *_narrowed(wanted)]
    counted = (_conflict.c.pair, _conflict.c.unit)
    newest = wanted.state == "closed"
    order = _conflict.c.closed_at.desc() if newest else _conflict.c.opened_at
    page = sa.select(_conflict).where(*found).order_by(order, _conflict.c.pair, _conflict.c.conflict_id)
    with database.read() as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(_conflict).where(*found)).scalar_one()
        rows = connection.execute(page.offset(offset).limit(limit)).mappings().all()
        units = connection.execute(
            sa.select(*counted, sa.func.count()).where(*of_state).group_by(*counted).order_by(*counted)
        ).all()
    return ConflictList(
        [(row["pair"], from_row(Conflict, row)) for row in rows], total, [(pair, unit, n) for pair, unit, n in units]
    )


def seen_conflicts(database: Database, pair: str, wanted: Wanted) -> list[Seen]:
    """All that are wanted of a sync, as they are now."""
    columns = _conflict.c.conflict_id, _conflict.c.n, _conflict.c.decided_at
    query = sa.select(*columns).where(_conflict.c.pair == pair, *_in_state(wanted.state), *_narrowed(wanted))
    with database.read() as connection:
        rows = connection.execute(query.order_by(_conflict.c.opened_at, _conflict.c.conflict_id)).all()
    return [Seen(conflict_id, n, from_text(decided_at)) for conflict_id, n, decided_at in rows]


def _in_state(state: State) -> list[Any]:
    if state == "closed":
        return [_conflict.c.status != "open"]
    return [tables.OPEN, _conflict.c.choice.is_not(None) if state == "decided" else _conflict.c.choice.is_(None)]


def _narrowed(wanted: Wanted) -> list[Any]:
    found: list[Any] = [] if wanted.unit is None else [_conflict.c.unit == wanted.unit]
    if wanted.text:
        agreed = sa.select(_base.c.link_id).where(
            _base.c.pair == _conflict.c.pair, _base.c.link_id == _conflict.c.link_id, _holds(_base.c, wanted.text)
        )
        found.append(sa.or_(_holds(_conflict.c, wanted.text), agreed.exists()))
    return found


def _holds(columns: Any, text: str) -> sa.ColumnElement[bool]:
    """The text in the values of either side."""
    sides = (columns.values_a, columns.values_b) if "values_a" in columns else (columns.value_a, columns.value_b)
    return sa.or_(*(holds(side, text) for side in sides))
