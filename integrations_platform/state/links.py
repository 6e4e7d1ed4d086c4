"""Reading links: the whole table as a frame, and look-ups by link, by record and by match key.

The frame is filled piece by piece, so that a million links never exist as a million Python objects at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl
import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database, chunks
from integrations_platform.state.loads import SqlLoads
from integrations_platform.state.rows import from_row, from_text
from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.store import LINK_SCHEMA, BaseRow, LinkState, Tombstone

PIECE = 50_000  # rows held as Python objects while the frame is filled

_link, _base, _key = tables.link, tables.base, tables.key


def frame(database: Database, pair: str, loads: SqlLoads) -> pl.DataFrame:
    """All links of a sync, those stored by themselves first and in order of link_id, read at one moment."""
    query = sa.select(*(_link.c[name] for name in LINK_SCHEMA)).where(_link.c.pair == pair)
    pieces = [pl.DataFrame(schema=LINK_SCHEMA)]
    with database.read() as connection:
        for rows in connection.execution_options(yield_per=PIECE).execute(query).partitions():
            columns = zip(*rows, strict=True)
            pieces.append(pl.DataFrame(dict(zip(LINK_SCHEMA, columns, strict=True)), schema=LINK_SCHEMA))
    own = pl.concat(pieces)
    # SQLite reads in this order, and sorting copies; PostgreSQL would order by its locale.
    own = own if own["link_id"].is_sorted() else own.sort("link_id")
    return pl.concat([own, loads.links(pair, own["link_id"])])


def any_of(database: Database, pair: str, loads: SqlLoads) -> bool:
    """Whether a sync has any link."""
    with database.read() as connection:
        found = connection.execute(sa.select(_link.c.link_id).where(_link.c.pair == pair).limit(1)).first()
    return found is not None or loads.any_of(pair)


def bases(database: Database, pair: str, link_ids: Sequence[str], loads: SqlLoads) -> dict[str, BaseRow]:
    """Stored bases by link id."""
    query = sa.select(_base.c.link_id, _base.c.base_version, _base.c.agreed_at, _base.c.values_a, _base.c.values_b)
    found = {
        row.link_id: BaseRow(row.base_version, from_text(row.agreed_at), row.values_a, row.values_b)
        for row in _rows(database, query, partial(database.among, pair, _base.c.link_id), link_ids)
    }
    return found | loads.bases(pair, [link_id for link_id in link_ids if link_id not in found])


def key_owners(
    database: Database, pair: str, digests: Sequence[str], loads: SqlLoads
) -> dict[str, tuple[str, ...]]:  # fmt: skip
    """Ids of active links by match-key digest, sorted; a digest nobody holds is left out."""
    query = (
        sa.select(_key.c.digest, _key.c.link_id)
        .join(_link, (_link.c.pair == _key.c.pair) & (_link.c.link_id == _key.c.link_id))
        .where(_link.c.state == LinkState.ACTIVE.value)
    )
    owners: dict[str, list[str]] = {}
    for row in _rows(database, query, partial(database.among, pair, _key.c.digest), digests):
        owners.setdefault(row.digest, []).append(row.link_id)
    for digest, link_id in loads.key_owners(pair, digests).items():
        owners.setdefault(digest, []).append(link_id)
    return {digest: tuple(sorted(ids)) for digest, ids in owners.items()}


def by_record(
    database: Database, pair: str, side: SideName, ids: Sequence[str], loads: SqlLoads
) -> dict[str, tuple[str, LinkState]]:
    """(link id, state) by record id on ``side``; a record that was merged away and linked again is in its live link."""
    column = _link.c.id_a if side == "A" else _link.c.id_b
    query = sa.select(column.label("record_id"), _link.c.link_id, _link.c.state)
    found: dict[str, tuple[str, LinkState]] = {}

    def merged(some: Sequence[str]) -> sa.ColumnElement[bool]:
        # By id alone: SQLite would prefer any index that begins with the sync, and read all of it.
        return sa.and_(tables.MERGED, _link.c.pair.concat("") == pair, database.one_of(column, some))

    def live(some: Sequence[str]) -> sa.ColumnElement[bool]:
        return sa.and_(tables.LIVE, database.among(pair, column, some))

    for condition in (merged, live):  # the later wins
        for row in _rows(database, query, condition, ids):
            found[row.record_id] = (row.link_id, LinkState(row.state))
    for name, link_id in _loaded(loads.of_records(pair, ids), "id_a", "link_id"):
        found[name] = (link_id, LinkState.ACTIVE)
    return found


def record_ids(
    database: Database, pair: str, link_ids: Sequence[str], loads: SqlLoads
) -> dict[str, tuple[str | None, str | None, LinkState]]:
    """(id on A, id on B, state) by link id."""
    query = sa.select(_link.c.link_id, _link.c.id_a, _link.c.id_b, _link.c.state)
    found: dict[str, tuple[str | None, str | None, LinkState]] = {
        row.link_id: (row.id_a, row.id_b, LinkState(row.state))
        for row in _rows(database, query, partial(database.among, pair, _link.c.link_id), link_ids)
    }
    for link_id, name in _loaded(loads.of_links(pair, link_ids), "link_id", "id_a"):
        found[link_id] = (name, name, LinkState.ACTIVE)
    return found


def _loaded(frame: pl.DataFrame, *columns: str) -> Iterator[tuple[str, str]]:
    return frame.select(columns).iter_rows()


def tombstones(database: Database, pair: str, link_ids: Sequence[str]) -> Mapping[str, Tombstone]:
    """Tombstones by link id."""
    table = tables.tombstone
    query = sa.select(table)
    return {
        row.link_id: from_row(Tombstone, row._mapping)
        for row in _rows(database, query, partial(database.among, pair, table.c.link_id), link_ids)
    }


def _rows(
    database: Database,
    query: sa.Select[*tuple[Any, ...]],
    condition: Callable[[Sequence[str]], sa.ColumnElement[bool]],
    values: Sequence[str],
) -> list[sa.Row[*tuple[Any, ...]]]:
    rows: list[sa.Row[*tuple[Any, ...]]] = []
    if values:
        with database.read() as connection:
            for some in chunks(values):
                rows += connection.execute(query.where(condition(some))).all()
    return rows
