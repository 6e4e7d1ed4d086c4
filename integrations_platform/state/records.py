"""What people look through record by record: finding one, its history, and what is set aside, page by page.

Reads only, and cuts in the database, so that neither a million links nor a long history is ever read whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.audit_trail import about
from integrations_platform.state.database import Database
from integrations_platform.state.loads import SqlLoads
from integrations_platform.state.rows import from_row
from integrations_platform.state.searching import holds
from integrations_platform.unified_sync.store import (
    AuditEntry,
    Conflict,
    LinkState,
    Quarantined,
    QuarantineStatus,
    RunRecord,
    StoredAuditEntry,
)

_link, _base, _key, _audit, _aside = tables.link, tables.base, tables.key, tables.audit, tables.quarantine
_NOT_OVER = _aside.c.status.in_([QuarantineStatus.OPEN.value, QuarantineStatus.RELEASED.value])


@dataclass(frozen=True)
class Linked:
    """A pair of records, whatever became of it."""

    link_id: str
    id_a: str | None
    id_b: str | None
    state: LinkState


def _linked(row: tuple[Any, ...]) -> Linked:
    return Linked(row[0], row[1], row[2], LinkState(row[3]))


@dataclass(frozen=True)
class Wanted:
    """What is set aside. ``reason``: its class; ``text``: somewhere in its record's id, values or message; empty: any.
    ``link_id``: of one link only."""

    reason: str = ""
    text: str = ""
    link_id: str | None = None


@dataclass(frozen=True)
class SetAside:
    """``rows``: (sync, row). ``total``: how many are wanted. ``reasons``: by reason, whatever else is wanted."""

    rows: Sequence[tuple[str, Quarantined]]
    total: int
    reasons: Mapping[str, int]


class SqlRecords:
    """The look-ups. Any method raises :class:`StateError`."""

    def __init__(self, database: Database, loads: SqlLoads) -> None:
        self._database, self._loads = database, loads

    def find(self, pair: str, key: str, digests: Sequence[str], limit: int) -> Sequence[Linked]:
        """Links, ended ones too, of that id, with a record of that id on either side, or with one of these match-key
        digests."""
        by_key = sa.select(_key.c.link_id).where(self._database.among(pair, _key.c.digest, digests))
        named = sa.or_(_link.c.link_id == key, _link.c.id_a == key, _link.c.id_b == key)
        stored = self._links(pair, sa.or_(named, _link.c.link_id.in_(by_key)), limit)
        loaded = pl.concat([self._loads.of_links(pair, [key]), self._loads.of_records(pair, [key])]).unique("link_id")
        return [*stored, *(_linked(row) for row in loaded.iter_rows())][:limit]

    def holding(self, pair: str, text: str, limit: int) -> Sequence[Linked]:
        """Links whose agreed values hold ``text`` somewhere, whatever its case. Reads all of the sync's values, but not
        those of records that nothing happened to since their table was loaded whole."""
        mine = _base.c.pair == pair, sa.or_(*(holds(side, text) for side in (_base.c.values_a, _base.c.values_b)))
        return self._links(pair, _link.c.link_id.in_(sa.select(_base.c.link_id).where(*mine).limit(limit)), limit)

    def _links(self, pair: str, condition: sa.ColumnElement[bool], limit: int) -> Sequence[Linked]:
        columns = _link.c.link_id, _link.c.id_a, _link.c.id_b, _link.c.state
        query = sa.select(*columns).where(_link.c.pair == pair, condition).order_by(_link.c.link_id).limit(limit)
        return [from_row(Linked, row) for row in self._all(query)]

    def link(self, pair: str, link_id: str) -> Linked | None:
        """One link; None: there never was one of that id."""
        loaded = self._loads.of_links(pair, [link_id])
        found = [*self._links(pair, _link.c.link_id == link_id, 1), *(_linked(row) for row in loaded.iter_rows())]
        return next(iter(found), None)

    def history(self, pair: str, link_id: str, before: int | None, limit: int) -> Sequence[StoredAuditEntry]:
        """The audit's lines about a link, newest first; ``before``: with lower numbers only."""
        query = sa.select(_audit).where(_audit.c.pair == pair, about(link_id, self._loads.holding(pair, link_id)))
        if before is not None:
            query = query.where(_audit.c.number < before)
        lines = [
            StoredAuditEntry(row["number"], from_row(AuditEntry, row), row["previous_hash"], row["hash"])
            for row in self._all(query.order_by(_audit.c.number.desc()).limit(limit))
        ]
        return list(self._loads.told(pair, link_id, lines))

    def runs(self, pair: str, run_ids: Sequence[str]) -> Mapping[str, RunRecord]:
        """Runs by id, as far as they are known."""
        query = sa.select(tables.run).where(self._database.among(pair, tables.run.c.run_id, run_ids))
        return {row["run_id"]: from_row(RunRecord, row) for row in self._all(query)}

    def conflicts(self, pair: str, link_id: str) -> Sequence[Conflict]:
        """Open conflicts of a link, oldest first."""
        table = tables.conflict
        query = sa.select(table).where(table.c.pair == pair, table.c.link_id == link_id, tables.OPEN)
        return [from_row(Conflict, row) for row in self._all(query.order_by(table.c.opened_at, table.c.conflict_id))]

    def set_aside(self, pairs: Sequence[str], wanted: Wanted, offset: int, limit: int) -> SetAside:
        """What is set aside of these syncs and not over yet, oldest first."""
        of_pairs = [_aside.c.pair.in_(pairs), _NOT_OVER]
        found = [*of_pairs, *_narrowed(wanted)]
        page = sa.select(_aside).where(*found).order_by(_aside.c.at, _aside.c.pair, _aside.c.subject)
        reasons = sa.select(_aside.c.reason, sa.func.count()).where(*of_pairs).group_by(_aside.c.reason)
        with self._database.read() as connection:
            total = connection.execute(sa.select(sa.func.count()).select_from(_aside).where(*found)).scalar_one()
            rows = connection.execute(page.offset(offset).limit(limit)).mappings().all()
            counts = connection.execute(reasons.order_by(_aside.c.reason)).all()
        shown = [(row["pair"], from_row(Quarantined, row)) for row in rows]
        return SetAside(shown, total, {str(reason): int(number) for reason, number in counts})

    def causes(self, pair: str, wanted: Wanted) -> Mapping[str, str]:
        """By subject, what was tried of all that is wanted and that nobody has released yet."""
        opened = _aside.c.pair == pair, _aside.c.status == QuarantineStatus.OPEN.value
        query = sa.select(_aside.c.subject, _aside.c.cause).where(*opened, *_narrowed(wanted))
        return {row["subject"]: row["cause"] for row in self._all(query.order_by(_aside.c.subject))}

    def _all(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        with self._database.read() as connection:
            return connection.execute(query).mappings().all()


def _narrowed(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.reason:
        found.append(_aside.c.reason == wanted.reason)
    if wanted.link_id is not None:
        found.append(_aside.c.link_id == wanted.link_id)
    if wanted.text:
        said = [holds(each, wanted.text, stored_as_json=False) for each in (_aside.c.record_id, _aside.c.message)]
        found.append(sa.or_(*said, holds(_aside.c["values"], wanted.text)))
    return found
