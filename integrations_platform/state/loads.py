"""Links and bases that came to be by the load of a whole table: packed rows instead of one row for each.

A load's records are links like any other. Each is named after its record on the source, has one id and one version on
both sides, and its base is what the row held. As soon as anything of a link is stored by itself, its row in
``sync_link`` is what counts and the load's is forgotten. Rows are read again only for links that somebody asks about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl
import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database
from integrations_platform.state.errors import StateError
from integrations_platform.state.rows import from_row
from integrations_platform.unified_sync.loading import Load
from integrations_platform.unified_sync.store import LINK_SCHEMA, AuditEntry, BaseRow, Lease, LinkState, OpState
from integrations_platform.unified_sync.values import FieldType, canonical, match_key

if TYPE_CHECKING:
    from integrations_platform.state.transaction import SqlTransaction

Unpack = Callable[[str, Sequence[bytes]], Sequence[str]]
"""Base values as JSON, of rows packed after a layout."""

ORIGIN = "A:"  # links are named after the source's record
_load, _part, _link = tables.load, tables.load_part, tables.link
_ROWS, _VERSIONS = "rows", "versions"


class SqlLoads:
    """The port's ``Loads``, and what the other reads of links need of them. ``fenced`` opens a transaction."""

    def __init__(
        self,
        database: Database,
        fenced: Callable[[Lease], AbstractContextManager[SqlTransaction]],
        unpack: Unpack | None,
    ) -> None:
        self._database, self._fenced, self._unpack = database, fenced, unpack
        self._versions: dict[str, pl.DataFrame] = {}  # of loads that have ended, by load id; they never change again

    @property
    def readable(self) -> bool:
        """Whether rows can be read again."""
        return self._unpack is not None

    # While a table is being loaded

    def begin(self, lease: Lease, load: Load) -> None:
        """An open load without rows."""
        with self._fenced(lease) as tx:
            tx.put_load(load)

    def add(self, lease: Lease, load_id: str, number: int, rows: pl.DataFrame) -> None:
        """A piece of what is sent."""
        with self._fenced(lease) as tx:
            tx.put_load_part(load_id, _ROWS, number, _packed(rows))

    def vouch(self, lease: Lease, load_id: str, number: int, versions: pl.DataFrame) -> None:
        """A piece of what the target shows, before it commits."""
        with self._fenced(lease) as tx:
            tx.put_load_part(load_id, _VERSIONS, number, _packed(versions))
            tx.change_load(load_id, records=tables.load.c.records + versions.height)

    def end(self, lease: Lease, load_id: str, state: OpState, audit: Sequence[AuditEntry]) -> None:
        """Make the load's rows the base of that many links, or forget them."""
        with self._fenced(lease) as tx:
            tx.change_load(load_id, state=state.value)
            tx.append_audit(audit)
            if state is not OpState.APPLIED:
                tx.drop_load_parts(load_id)

    def unfinished(self, pair: str) -> Sequence[Load]:
        """Loads of which nobody knows yet what became."""
        return self._loads(pair, OpState.SENT)

    # Afterwards

    def any_of(self, pair: str) -> bool:
        """Whether any link of the sync may be known by a load alone."""
        return bool(self._loads(pair, OpState.APPLIED))

    def links(self, pair: str, others: pl.Series) -> pl.DataFrame:
        """All links of loads but these ``others``, which are stored by themselves, as a frame of ``LINK_SCHEMA``."""
        alone = others.filter(others.str.starts_with(ORIGIN)).str.strip_prefix(ORIGIN).to_frame("id")
        frames = [pl.DataFrame(schema=LINK_SCHEMA)]
        for load in self._loads(pair, OpState.APPLIED):
            known = self._of(load)
            frames.append(_links(known.join(alone, on="id", how="anti") if alone.height else known))
        return pl.concat(frames)

    def of_links(self, pair: str, link_ids: Sequence[str]) -> pl.DataFrame:
        """Those of the named links that only a load knows."""
        return self.of_records(pair, [name.removeprefix(ORIGIN) for name in link_ids if name.startswith(ORIGIN)])

    def of_records(self, pair: str, ids: Sequence[str]) -> pl.DataFrame:
        """Links, known only by a load, of records with these ids, which are the same on both sides."""
        frames = [pl.DataFrame(schema=LINK_SCHEMA)]
        frames += [
            _links(self._of(load).filter(pl.col("id").is_in(ids))) for load in self._loads(pair, OpState.APPLIED)
        ]
        links = pl.concat(frames)
        if links.is_empty():
            return links
        named = self._database.among(pair, _link.c.link_id, links["link_id"].to_list())
        with self._database.read() as connection:
            stored = connection.execute(sa.select(_link.c.link_id).where(named)).scalars().all()
        return links.filter(~pl.col("link_id").is_in(stored))

    def holding(self, pair: str, link_id: str) -> list[str]:
        """The loads that made this link, whatever became of it since."""
        return [
            load.load_id
            for load in self._loads(pair, OpState.APPLIED)
            if link_id.startswith(ORIGIN) and self._of(load)["id"].eq(link_id.removeprefix(ORIGIN)).any()
        ]

    def bases(self, pair: str, link_ids: Sequence[str]) -> dict[str, BaseRow]:
        """Bases of the named links as they were loaded."""
        if self._unpack is None and self.any_of(pair):
            raise StateError(f"{self._database.place} holds packed rows, which this process cannot read")
        wanted = [link_id.removeprefix(ORIGIN) for link_id in link_ids if link_id.startswith(ORIGIN)]
        found: dict[str, BaseRow] = {}
        for load in self._loads(pair, OpState.APPLIED) if wanted else ():
            versions = self._of(load).filter(pl.col("id").is_in(wanted))
            if versions.is_empty():
                continue
            rows = pl.concat(part.filter(pl.col("id").is_in(wanted)) for part in self._parts(load.load_id, _ROWS))
            texts = self._unpack(load.layout, rows["row"].to_list()) if self._unpack else []
            for name, text in zip(rows["id"], texts, strict=True):
                found[ORIGIN + name] = BaseRow(1, load.at, text, None)
        return found

    def key_owners(self, pair: str, digests: Sequence[str]) -> dict[str, str]:
        """Links, known only by a load, by the digest of their match key, which is their record's id."""
        wanted = set(digests)
        found = {
            digest: ORIGIN + name
            for load in (self._loads(pair, OpState.APPLIED) if wanted else ())
            if load.key is not FieldType.INTEGER  # of these the record's id tells as much, and it is no newcomer
            for name in self._of(load)["id"]
            if (digest := _digest(load.key, name)) in wanted
        }
        alone = set(self.of_links(pair, list(found.values()))["link_id"]) if found else set()
        return {digest: link_id for digest, link_id in found.items() if link_id in alone}

    def _loads(self, pair: str, state: OpState) -> Sequence[Load]:
        query = sa.select(_load).where(_load.c.pair == pair, _load.c.state == state.value).order_by(_load.c.load_id)
        with self._database.read() as connection:
            return [from_row(Load, row) for row in connection.execute(query).mappings()]

    def _of(self, load: Load) -> pl.DataFrame:
        if load.load_id not in self._versions:
            self._versions[load.load_id] = pl.concat(self._parts(load.load_id, _VERSIONS))
        return self._versions[load.load_id]

    def _parts(self, load_id: str, kind: str) -> Iterator[pl.DataFrame]:
        """One at a time: all of them are as large as the table."""
        query = sa.select(_part.c.body).where(_part.c.load_id == load_id, _part.c.kind == kind).order_by(_part.c.number)
        with self._database.read() as connection:
            for (body,) in connection.execution_options(yield_per=1).execute(query):
                try:
                    yield pl.read_parquet(BytesIO(body))
                except pl.exceptions.PolarsError:
                    place = self._database.place
                    raise StateError(f"{load_id} is damaged in {place}; restore it from a backup") from None


def _links(known: pl.DataFrame) -> pl.DataFrame:
    record, version = pl.col("id"), pl.col("version")
    return known.select(
        link_id=ORIGIN + record,
        id_a=record,
        id_b=record,
        state=pl.lit(LinkState.ACTIVE.value, LINK_SCHEMA["state"]),
        version_a=pl.col("version_a") if "version_a" in known.columns else version,
        version_b=version,
    )


def _digest(kind: FieldType, name: str) -> str:
    """As :func:`identity.key_digests` makes it of the only rule."""
    key = match_key(kind, canonical(kind, name))
    return hashlib.sha256(f"0\x00{key}".encode()).hexdigest()[:24]


def _packed(frame: pl.DataFrame) -> bytes:
    body = BytesIO()
    frame.write_parquet(body, compression="lz4", statistics=False)
    return body.getvalue()
