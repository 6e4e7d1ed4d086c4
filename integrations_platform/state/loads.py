"""Links and bases of rows that went over in one operation: packed rows instead of one row for each.

A load's records are links like any other. Each is named after its record on the source, has one id and one version on
both sides, and its base is what the row held. Of several loads that hold a link the latest counts. As soon as anything
of a link is stored by itself, its row in ``sync_link`` is what counts, for good. Rows are read again only for links
that somebody asks about. Where loads of changes have become many, their rows are gathered in one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database
from integrations_platform.state.errors import StateError
from integrations_platform.state.rows import from_row
from integrations_platform.unified_sync.loading import ORIGIN, Load
from integrations_platform.unified_sync.store import (
    LINK_SCHEMA,
    AuditEntry,
    BaseRow,
    Lease,
    LinkState,
    OpState,
    StoredAuditEntry,
)
from integrations_platform.unified_sync.values import ABSENT, FieldType, canonical, compact_json, match_key

if TYPE_CHECKING:
    from integrations_platform.state.transaction import SqlTransaction

Unpack = Callable[[str, Sequence[bytes]], Sequence[str]]
"""Base values as JSON, of rows packed after a layout."""

_load, _part, _link = tables.load, tables.load_part, tables.link
_ROWS, _VERSIONS = "rows", "versions"
_NO_ROWS = pl.DataFrame(schema={"id": pl.String, "row": pl.Binary})
KEPT = 50_000  # rows of loads kept once they were read: a plan asks for the same ones and for more of them
MANY = 16  # loads of changes from which on they are gathered: each costs every run a reading and a join


class SqlLoads:
    """The port's ``Loads``, and what the other reads of links need of them. ``fenced`` opens a transaction."""

    def __init__(
        self,
        database: Database,
        fenced: Callable[[Lease], AbstractContextManager[SqlTransaction]],
        unpack: Unpack | None,
    ) -> None:
        self._database, self._fenced, self._unpack = database, fenced, unpack
        # Of loads that have ended, by load id; they never change again.
        self._versions: dict[str, pl.DataFrame] = {}
        self._read: dict[str, pl.DataFrame] = {}

    @property
    def readable(self) -> bool:
        """Whether rows can be read again."""
        return self._unpack is not None

    # While rows go over

    def begin(self, lease: Lease, load: Load) -> None:
        """An open load without rows."""
        with self._fenced(lease) as tx:
            tx.put_load(replace(load, number=tx.next_load_number()))

    def add(self, lease: Lease, load_id: str, number: int, rows: pl.DataFrame) -> None:
        """A piece of what is sent."""
        with self._fenced(lease) as tx:
            tx.put_load_part(load_id, _ROWS, number, _packed(rows))

    def vouch(self, lease: Lease, load_id: str, number: int, versions: pl.DataFrame) -> None:
        """A piece of what the written side shows, before it commits."""
        with self._fenced(lease) as tx:
            tx.put_load_part(load_id, _VERSIONS, number, _packed(versions))
            tx.change_load(load_id, records=tables.load.c.records + versions.height)

    def end(self, lease: Lease, load_id: str, state: OpState, audit: Sequence[AuditEntry]) -> None:
        """Make the load's rows the base of that many links, or forget them. The lines of a load of changes vouch for
        its rows."""
        seal = self.seal(load_id) if state is OpState.APPLIED else None
        with self._fenced(lease) as tx:
            tx.change_load(load_id, state=state.value)
            tx.append_audit([line if seal is None else replace(line, new=seal) for line in audit])
            if state is not OpState.APPLIED:
                tx.drop_load_parts(load_id)
        if state is OpState.APPLIED:
            self._gather(lease)

    def unfinished(self, pair: str) -> Sequence[Load]:
        """Loads of which nobody knows yet what became."""
        return self._loads(pair, OpState.SENT)

    def seal(self, load_id: str) -> str | None:
        """What stands for the rows of a load of changes in the audit; None where there is no such load."""
        query = sa.select(_load.c.whole).where(_load.c.load_id == load_id)
        parts = sa.select(_part.c.body).where(_part.c.load_id == load_id, _part.c.kind == _ROWS)
        with self._database.read() as connection:
            if connection.execute(query).scalar() is not False:
                return None
            digest = hashlib.sha256()
            for (body,) in connection.execution_options(yield_per=1).execute(parts.order_by(_part.c.number)):
                digest.update(body)
        return compact_json({"rows_sha256": digest.hexdigest()})

    def _gather(self, lease: Lease) -> None:
        """Put the rows of all loads of changes, if they have become many, into one, of each link the latest."""
        loads = [load for load in self._current(lease.pair) if not load.whole]
        if len(loads) < MANY:
            return
        whole = replace(loads[0], load_id=f"{loads[0].load_id}:gathered", records=0)
        with self._fenced(lease) as tx:
            tx.put_load(replace(whole, number=tx.next_load_number()))
            for number, (load, mine) in enumerate(self._apart(loads)):
                if load.layout == whole.layout:
                    known = mine.select("id", "version", n=_number(mine), at=_moment(load, mine))
                    tx.put_load_part(whole.load_id, _ROWS, number, _packed(self._rows(load, mine)))
                    tx.put_load_part(whole.load_id, _VERSIONS, number, _packed(known))
                    tx.change_load(whole.load_id, records=tables.load.c.records + known.height)
                    tx.change_load(load.load_id, gathered=True)

    # Afterwards

    def any_of(self, pair: str) -> bool:
        """Whether any link of the sync may be known by a load alone."""
        return bool(self._current(pair))

    def links(self, pair: str, others: pl.Series) -> pl.DataFrame:
        """All links of loads but these ``others``, which are stored by themselves, as a frame of ``LINK_SCHEMA``."""
        stored = others.filter(others.str.starts_with(ORIGIN)).str.strip_prefix(ORIGIN).rename("id")
        apart = self._apart(self._current(pair), stored)
        return pl.concat([pl.DataFrame(schema=LINK_SCHEMA), *(_links(known) for _, known in apart)])

    def of_links(self, pair: str, link_ids: Sequence[str]) -> pl.DataFrame:
        """Those of the named links that only a load knows."""
        return self.of_records(pair, [name.removeprefix(ORIGIN) for name in link_ids if name.startswith(ORIGIN)])

    def of_records(self, pair: str, ids: Sequence[str]) -> pl.DataFrame:
        """Links, known only by a load, of records with these ids, which are the same on both sides."""
        links = pl.concat([pl.DataFrame(schema=LINK_SCHEMA), *(_links(known) for _, known in self._latest(pair, ids))])
        if links.is_empty():
            return links
        named = self._database.among(pair, _link.c.link_id, links["link_id"].to_list())
        with self._database.read() as connection:
            stored = connection.execute(sa.select(_link.c.link_id).where(named)).scalars().all()
        return links.filter(~pl.col("link_id").is_in(stored))

    def holding(self, pair: str, link_id: str) -> list[str]:
        """The loads that wrote this link's records, whatever became of it since."""
        if not link_id.startswith(ORIGIN):
            return []
        name = link_id.removeprefix(ORIGIN)
        return [load.load_id for load in self._loads(pair, OpState.APPLIED) if self._of(load)["id"].eq(name).any()]

    def told(self, pair: str, link_id: str, lines: Iterable[StoredAuditEntry]) -> Iterator[StoredAuditEntry]:
        """Audit lines as they concern that link: of a load of changes, what it changed there."""
        loads = {load.load_id: load for load in self._loads(pair, OpState.APPLIED)}
        for line in lines:
            load = loads.get(line.entry.op_id or "")
            told = line.entry if load is None or load.whole else self._told(loads.values(), load, link_id, line.entry)
            yield replace(line, entry=told)

    def _told(self, loads: Iterable[Load], load: Load, link_id: str, line: AuditEntry) -> AuditEntry:
        name = link_id.removeprefix(ORIGIN)
        old, new = self._values([one for one in loads if one.number < load.number], name), self._values([load], name)
        differing = [field for field in new if old.get(field, ABSENT) != new[field]]
        before = {field: old[field] for field in differing if field in old}
        after = {field: new[field] for field in differing}
        return replace(
            line, link_id=link_id, record_id=name, old=compact_json(before) if old else None, new=compact_json(after)
        )

    def _values(self, loads: Sequence[Load], name: str) -> dict[str, Any]:
        """Base values of one record as the first of these loads that holds it has them, as JSON holds them."""
        for load in loads:
            if self._unpack is not None and self._of(load)["id"].eq(name).any():
                rows = self._rows(load, pl.DataFrame({"id": [name]}))["row"].to_list()
                found: dict[str, Any] = json.loads(self._unpack(load.layout, rows)[0])
                return found
        return {}

    def packed(self, pair: str, layout: str, ids: pl.Series) -> pl.DataFrame:
        """Those of the links of these records that only a load knows, their rows being of that layout: columns ``id``,
        ``row``, and ``n``, the number of the base."""
        alone = self.of_records(pair, ids.to_list())["id_a"].rename("id").to_frame()
        frames = [_NO_ROWS.with_columns(n=pl.lit(1, pl.Int32))]
        for load, known in self._latest(pair, ids):
            if load.layout == layout:
                mine = known.join(alone, on="id", how="semi")
                frames.append(self._rows(load, mine).join(mine, on="id").select("id", "row", n=_number(known)))
        return pl.concat(frames)

    def bases(self, pair: str, link_ids: Sequence[str]) -> dict[str, BaseRow]:
        """Bases of the named links as they were loaded."""
        if self._unpack is None and self.any_of(pair):
            raise StateError(f"{self._database.place} holds packed rows, which this process cannot read")
        wanted = [link_id.removeprefix(ORIGIN) for link_id in link_ids if link_id.startswith(ORIGIN)]
        found: dict[str, BaseRow] = {}
        for load, known in self._latest(pair, wanted):
            rows = self._rows(load, known).join(known.select("id", n=_number(known), at=_moment(load, known)), on="id")
            texts = self._unpack(load.layout, rows["row"].to_list()) if self._unpack else []
            for name, number, at, text in zip(rows["id"], rows["n"], rows["at"], texts, strict=True):
                found[ORIGIN + name] = BaseRow(number, at, text, None)
        return found

    def key_owners(self, pair: str, digests: Sequence[str]) -> dict[str, str]:
        """Links, known only by a load, by the digest of their match key, which is their record's id."""
        wanted = set(digests)
        found = {
            digest: ORIGIN + name
            for load in (self._current(pair) if wanted else ())
            if load.key is not FieldType.INTEGER  # of these the record's id tells as much, and it is no newcomer
            for name in self._of(load)["id"]
            if (digest := _digest(load.key, name)) in wanted
        }
        alone = set(self.of_links(pair, list(found.values()))["link_id"]) if found else set()
        return {digest: link_id for digest, link_id in found.items() if link_id in alone}

    def _latest(self, pair: str, ids: Sequence[str] | pl.Series) -> Iterator[tuple[Load, pl.DataFrame]]:
        """The current loads, latest first, each with what it knows best of the records with these ids."""
        left = pl.DataFrame({"id": ids}, schema={"id": pl.String})
        for load in self._current(pair) if left.height else ():
            known = self._of(load).filter(pl.col("id").is_in(left["id"].implode()))
            left = left.join(known, on="id", how="anti")
            if known.height:
                yield load, known

    def _apart(self, loads: Sequence[Load], others: pl.Series | None = None) -> Iterator[tuple[Load, pl.DataFrame]]:
        """These loads, latest first, each without the records of ``others`` and of those before it."""
        known_better = [] if others is None or others.is_empty() else [others]
        for load in loads:
            known = self._of(load)
            if known_better:
                known = known.filter(~pl.col("id").is_in(pl.concat(known_better).implode()))
            yield load, known
            known_better.append(known["id"])

    def _current(self, pair: str) -> Sequence[Load]:
        return [load for load in self._loads(pair, OpState.APPLIED) if not load.gathered]

    def _loads(self, pair: str, state: OpState) -> Sequence[Load]:
        """The latest first."""
        query = sa.select(_load).where(_load.c.pair == pair, _load.c.state == state.value)
        query = query.order_by(_load.c.number.desc(), _load.c.load_id)
        with self._database.read() as connection:
            return [from_row(Load, row) for row in connection.execute(query).mappings()]

    def _of(self, load: Load) -> pl.DataFrame:
        """What is known of the load's links. Kept, but for loads that only their story asks for, which may be many."""
        if load.load_id not in self._versions:
            nothing = pl.DataFrame(schema={"id": pl.String, "version": pl.String})
            # In one piece, because columns made beside these are, and joining the two would copy all of them.
            parts = [self._opened(load.load_id, part) for part in self._parts(load.load_id, _VERSIONS)]
            frame = pl.concat(parts or [nothing], rechunk=True)
            if load.gathered:
                return frame
            self._versions[load.load_id] = frame
        return self._versions[load.load_id]

    def _rows(self, load: Load, ids: pl.DataFrame) -> pl.DataFrame:
        """Rows of some of the load's records. All of them are opened to find any, so what was read last is kept."""
        kept = self._read.get(load.load_id, _NO_ROWS)
        left = ids.join(kept, on="id", how="anti")
        if left.is_empty():
            return kept.join(ids, on="id", how="semi")
        wanted, found = ids["id"], [_NO_ROWS]
        for part in self._parts(load.load_id, _ROWS):
            # Before the rest is unpacked: it would stay in memory with those that are wanted.
            some = self._opened(load.load_id, part.filter(pl.col("id").is_in(wanted.implode())))
            wanted = wanted.filter(~wanted.is_in(some["id"].implode()))
            found.append(some)
            if wanted.is_empty():
                break
        rows = pl.concat(found)
        if rows.height <= KEPT:
            self._read[load.load_id] = rows
        return rows

    def _parts(self, load_id: str, kind: str) -> Iterator[pl.LazyFrame]:
        """One at a time: all of them are as large as the table."""
        query = sa.select(_part.c.body).where(_part.c.load_id == load_id, _part.c.kind == kind).order_by(_part.c.number)
        with self._database.read() as connection:
            for (body,) in connection.execution_options(yield_per=1).execute(query):
                yield pl.scan_parquet(BytesIO(body))

    def _opened(self, load_id: str, part: pl.LazyFrame) -> pl.DataFrame:
        try:
            return part.collect()
        except pl.exceptions.PolarsError:
            raise StateError(f"{load_id} is damaged in {self._database.place}; restore it from a backup") from None


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


def _number(known: pl.DataFrame) -> pl.Expr:
    """Of which number the bases of links are: the first, or one more for each load of changes."""
    return pl.col("n") if "n" in known.columns else pl.lit(1, pl.Int32)


def _moment(load: Load, known: pl.DataFrame) -> pl.Expr:
    """When the records were seen."""
    return pl.col("at") if "at" in known.columns else pl.lit(load.at, pl.Datetime("us", "UTC"))


def _digest(kind: FieldType, name: str) -> str:
    """As :func:`identity.key_digests` makes it of the only rule."""
    key = match_key(kind, canonical(kind, name))
    return hashlib.sha256(f"0\x00{key}".encode()).hexdigest()[:24]


def _packed(frame: pl.DataFrame) -> bytes:
    body = BytesIO()
    frame.write_parquet(body, compression="lz4", statistics=False)
    return body.getvalue()
