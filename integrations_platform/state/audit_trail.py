"""The audit as stored: appending to a sync's hash chain and reading it back in order.

Only appends exist here, and triggers of the database refuse the rest. The head of the chain is a row of ``sync_pair``;
whoever appends locks it first, so numbers have no gaps and no two writers share one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from integrations_platform.state import bulk, tables
from integrations_platform.state.database import Database
from integrations_platform.state.rows import as_row, from_row, to_text
from integrations_platform.unified_sync.audit import content_hash
from integrations_platform.unified_sync.store import AuditEntry, StoredAuditEntry

PAGE = 2_000  # lines read at once; between pages no connection is held, however slow the reader is

_pair, _audit = tables.pair, tables.audit


def lock_head(connection: sa.Connection, pair: str) -> None:
    """Hold the chain's head until this transaction ends.

    Every transaction that changes a sync takes it before anything else, so that two can wait for but never deadlock
    each other. Raises KeyError for a sync that was never opened.
    """
    _head(connection, pair)


def append(connection: sa.Connection, pair: str, entries: Sequence[AuditEntry]) -> None:
    """Number, chain and insert ``entries`` in order. Raises KeyError for a sync that was never opened."""
    if not entries:
        return
    number, previous = _head(connection, pair)
    rows = []
    for entry in entries:
        number += 1
        row = as_row(entry)
        stored_at = row["at"]
        # Hashed as it will be read back (UTC, no NUL), or a faithful copy would look altered.
        row["at"] = entry.at.astimezone(UTC).isoformat()
        digest = content_hash(previous, number, row)
        row.update(pair=pair, number=number, at=stored_at, previous_hash=previous, hash=digest)
        rows.append(row)
        previous = digest
    bulk.insert(connection, _audit, rows)
    connection.execute(sa.update(_pair).where(_pair.c.pair == pair).values(audit_number=number, audit_hash=previous))


def about(link_id: str, loads: Sequence[str]) -> sa.ColumnElement[bool]:
    """Lines of a link, among them the one line of the whole load that made it."""
    return sa.or_(_audit.c.link_id == link_id, _audit.c.op_id.in_(loads)) if loads else _audit.c.link_id == link_id


def read(
    database: Database,
    pair: str,
    after: int,
    link: sa.ColumnElement[bool] | None,
    run_id: str | None,
    limit: int | None,
    within: tuple[datetime, datetime] | None = None,
) -> Iterator[StoredAuditEntry]:
    """Lines with a number above ``after``, in order, at most ``limit``; those of one link, run or time if asked.

    ``within``: from the first moment on and before the second.
    """
    query = sa.select(_audit).where(_audit.c.pair == pair).order_by(_audit.c.number)
    if link is not None:
        query = query.where(link)
    if run_id is not None:
        query = query.where(_audit.c.run_id == run_id)
    if within is not None:
        query = query.where(_audit.c.at >= to_text(within[0]), _audit.c.at < to_text(within[1]))
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        with database.read() as connection:
            page = connection.execute(query.where(_audit.c.number > after).limit(size)).mappings().all()
        for row in page:
            yield StoredAuditEntry(row["number"], from_row(AuditEntry, row), row["previous_hash"], row["hash"])
        if len(page) < size:
            return
        after, left = page[-1]["number"], None if left is None else left - len(page)


def _head(connection: sa.Connection, pair: str) -> tuple[int, str]:
    query = sa.select(_pair.c.audit_number, _pair.c.audit_hash).where(_pair.c.pair == pair)
    # NO KEY UPDATE on PostgreSQL: inserts that refer to the sync go on, other appenders wait.
    head = connection.execute(query.with_for_update(key_share=True)).one_or_none()
    if head is None:
        raise KeyError(f"sync {pair!r} is not known to this state database: open it first")
    return head.audit_number, head.audit_hash
