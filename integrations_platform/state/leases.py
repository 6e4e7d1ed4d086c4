"""The lease of a sync: who may run it, until when, and the token that fences out whoever came before.

Every step is one conditional statement, so that it holds between processes and hosts. It reads no clock: callers say
what time it is, and hosts whose clocks differ by more than a lease's length would take each other's leases.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database
from integrations_platform.state.rows import from_text, to_text
from integrations_platform.unified_sync.store import Lease, LeaseHeld, LeaseLost

_lease = tables.lease


def acquire(database: Database, pair: str, holder: str, ttl_seconds: float, now: datetime) -> Lease:
    """Take a free or expired lease; the token is one higher than any before. Raises :class:`LeaseHeld`."""
    statement = database.upsert(
        _lease, where=_lease.c.until.is_(None) | (_lease.c.until <= to_text(now)), token=_lease.c.token + 1
    ).returning(_lease.c.token)
    until = to_text(now + timedelta(seconds=ttl_seconds))
    with database.write() as connection:
        taken = connection.execute(statement, {"pair": pair, "holder": holder, "token": 1, "until": until}).scalar()
        if taken is None:  # the row is locked even so: what is read now is what refused
            held = connection.execute(sa.select(_lease.c.holder, _lease.c.until).where(_lease.c.pair == pair)).one()
            raise LeaseHeld(pair, held.holder, from_text(held.until) or now)
    return Lease(pair, holder, int(taken))


def renew(database: Database, lease: Lease, ttl_seconds: float, now: datetime) -> None:
    """Extend to ``now`` + ``ttl_seconds``, also when expired but not taken over. Raises :class:`LeaseLost`."""
    until = to_text(now + timedelta(seconds=ttl_seconds))
    with database.write() as connection:
        if connection.execute(sa.update(_lease).where(*_current(lease)).values(until=until)).rowcount == 0:
            raise _lost(lease)


def release(database: Database, lease: Lease) -> None:
    """Give the lease back and keep its token, so that the next holder's is higher."""
    with database.write() as connection:
        connection.execute(sa.update(_lease).where(*_current(lease)).values(holder=None, until=None))


def holder(database: Database, pair: str) -> tuple[str, datetime] | None:
    """Who holds the lease and until when, expired or not; None when it is free."""
    with database.read() as connection:
        row = connection.execute(sa.select(_lease.c.holder, _lease.c.until).where(_lease.c.pair == pair)).one_or_none()
    until = from_text(row.until) if row is not None else None
    return None if row is None or row.holder is None or until is None else (row.holder, until)


def held(database: Database) -> list[tuple[str, str, datetime]]:
    """(sync, holder, end) of every lease that was not given back, expired or not."""
    columns = _lease.c.pair, _lease.c.holder, _lease.c.until
    taken = _lease.c.holder.is_not(None), _lease.c.until.is_not(None)
    with database.read() as connection:
        rows = connection.execute(sa.select(*columns).where(*taken).order_by(_lease.c.pair)).all()
    return [(row.pair, row.holder, datetime.fromisoformat(row.until)) for row in rows]


def fence(connection: sa.Connection, lease: Lease) -> None:
    """Hold the lease's row until this transaction ends, so that nobody takes it over meanwhile.

    Raises :class:`LeaseLost` when the token is no longer the current one. An expired lease that nobody took is current.
    """
    if connection.execute(sa.select(_lease.c.token).where(*_current(lease)).with_for_update()).scalar() is None:
        raise _lost(lease)


def _current(lease: Lease) -> tuple[sa.ColumnElement[bool], ...]:
    return _lease.c.pair == lease.pair, _lease.c.token == lease.token, _lease.c.holder == lease.holder


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(
        f"{lease.holder} no longer holds sync {lease.pair!r} (its token was {lease.token}): it paused longer than its "
        "lease and another run took over, or it was given back; nothing more is committed by this run"
    )
