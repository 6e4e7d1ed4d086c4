"""The circuit breaker of a system as one row, changed by compare-and-set only.

It stores; when a breaker opens and who probes is decided by its callers.
"""

from __future__ import annotations

import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database
from integrations_platform.state.rows import as_row, from_row
from integrations_platform.unified_sync.store import Breaker

_breaker = tables.breaker


def read(database: Database, system: str) -> Breaker:
    """The stored breaker; a closed one when none is stored."""
    with database.read() as connection:
        row = connection.execute(sa.select(_breaker).where(_breaker.c.system == system)).mappings().one_or_none()
    return Breaker(system) if row is None else from_row(Breaker, row)


def change(database: Database, expected: Breaker, new: Breaker) -> bool:
    """Replace ``expected`` by ``new``; False when the stored one is different. Raises ValueError for two systems."""
    if expected.system != new.system:
        raise ValueError(f"a breaker of {expected.system} cannot become one of {new.system}")
    same = [_breaker.c[name].is_not_distinct_from(value) for name, value in as_row(expected).items()]
    with database.write() as connection:
        if connection.execute(sa.update(_breaker).where(*same).values(as_row(new))).rowcount == 1:
            return True
        if expected != Breaker(expected.system):
            return False
        first = database.insert_missing(_breaker).returning(_breaker.c.system)
        return connection.execute(first, as_row(new)).scalar() is not None
