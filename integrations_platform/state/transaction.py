"""One fenced, atomic change of what a sync remembers.

Writes only; every method sends its rows in bulk. It neither begins nor ends the database's transaction: the store does,
after the lease was checked, and a fault in any method undoes all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from math import isfinite
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from integrations_platform.state import audit_trail, bulk, counters, tables
from integrations_platform.state.database import Database, chunks
from integrations_platform.state.loads import SqlLoads
from integrations_platform.state.rows import as_row, to_column, to_text
from integrations_platform.unified_sync.loading import Load
from integrations_platform.unified_sync.store import (
    AuditEntry,
    Conflict,
    Intent,
    Link,
    LinkState,
    Observation,
    OpState,
    Quarantined,
    QuarantineStatus,
    RunRecord,
    Tombstone,
)

_DECISION = ("choice", "chosen_value", "decided_n", "decided_by", "decided_at")


class SqlTransaction:
    """The port's ``Transaction`` over one connection. ``clock`` dates the intents, for pruning."""

    def __init__(
        self,
        database: Database,
        connection: sa.Connection,
        pair: str,
        clock: Callable[[], datetime],
        loads: SqlLoads,
    ) -> None:
        self._database = database
        self._connection = connection
        self._pair = pair
        self._clock = clock
        self._loads = loads

    def put_links(self, links: Sequence[Link]) -> None:
        """Insert or replace links with their bases and keys, as one set: ids may move between links of one call.

        Raises ValueError naming the ids that another live link holds.
        """
        by_id = {link.link_id: link for link in links}
        if not by_id:
            return
        rows = [as_row(link) | {"pair": self._pair} for link in by_id.values()]
        self._apart_from_loads(rows)
        self._place(rows)
        bulk.insert(self._connection, tables.base, rows, replace=True)
        self._replace_keys(by_id)

    def put_load(self, load: Load) -> None:
        """A load, without its rows."""
        self._put(tables.load, [load])

    def next_load_number(self) -> int:
        """For one more load of the sync."""
        mine = tables.load.c.pair == self._pair
        last = self._connection.execute(sa.select(sa.func.max(tables.load.c.number)).where(mine)).scalar()
        return 0 if last is None else int(last) + 1

    def change_load(self, load_id: str, **columns: Any) -> None:
        """Set columns of a load."""
        mine = tables.load.c.pair == self._pair, tables.load.c.load_id == load_id
        self._connection.execute(sa.update(tables.load).where(*mine).values(**columns))

    def put_load_part(self, load_id: str, kind: str, number: int, body: bytes) -> None:
        """A piece of a load."""
        row = {"load_id": load_id, "kind": kind, "number": number, "body": body}
        self._connection.execute(sa.insert(tables.load_part), row)

    def drop_load_parts(self, load_id: str) -> None:
        """Forget the pieces of a load that did not come about."""
        self._connection.execute(sa.delete(tables.load_part).where(tables.load_part.c.load_id == load_id))

    def set_versions(self, rows: Sequence[tuple[str, str | None, str | None]]) -> None:
        """Set (link_id, version_a, version_b), bases untouched. Raises KeyError if a link does not exist."""
        self._store_loaded([row[0] for row in rows])
        self._update(tables.link, "link_id", ("version_a", "version_b"), rows)

    def set_states(self, rows: Sequence[tuple[str, LinkState]]) -> None:
        """Set the state of existing links. Raises KeyError if one does not exist, ValueError as `put_links`."""
        self._store_loaded([link_id for link_id, _ in rows])
        try:
            with self._connection.begin_nested():
                self._update(tables.link, "link_id", ("state",), rows)
        except IntegrityError:
            states = dict(rows)
            stored: list[dict[str, Any]] = []
            for ids in chunks(list(states)):
                stored += self._stored_links(ids)
            raise ValueError(self._taken([row | {"state": states[row["link_id"]].value} for row in stored])) from None

    def put_intents(self, intents: Sequence[Intent]) -> None:
        """Insert intents, or replace closed ones. Raises ValueError if one of the same op_id is still open."""
        if not intents:
            return
        op = tables.op
        for ids in chunks([intent.op_id for intent in intents]):
            query = sa.select(op.c.op_id).where(self._database.among(self._pair, op.c.op_id, ids))
            still_open = self._connection.execute(query.where(tables.SENT)).scalars().all()
            if still_open:
                raise ValueError(f"these operations were sent and have no outcome yet: {', '.join(still_open[:10])}")
        number = self._connection.execute(sa.select(sa.func.max(op.c.number)).where(op.c.pair == self._pair)).scalar()
        stamp = {"pair": self._pair, "changed_at": to_text(self._clock())}
        rows = [as_row(intent) | stamp | {"number": n} for n, intent in enumerate(intents, (number or 0) + 1)]
        bulk.insert(self._connection, op, rows, replace=True)

    def close_intents(self, rows: Sequence[tuple[str, OpState]]) -> None:
        """Set the state of (op_id, state). Raises KeyError if an operation does not exist."""
        at = to_text(self._clock())
        self._update(tables.op, "op_id", ("state", "changed_at"), [(op_id, state, at) for op_id, state in rows])
        counters.writes_ended(self._database, self._connection, self._pair, [op_id for op_id, _ in rows])

    def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append to the pair's hash chain."""
        audit_trail.append(self._connection, self._pair, entries)

    def put_conflicts(self, conflicts: Sequence[Conflict]) -> None:
        """Insert or replace conflict rows by id.

        A decision that a person took on this very ``n`` while the run was going on stays, although the run, which read
        the row before, writes none.
        """
        stored = tables.conflict.c
        insert = sa.table("excluded", sa.column("n"), *(sa.column(name) for name in _DECISION)).c
        decided_meanwhile = (insert.n == stored.n) & insert.choice.is_(None)
        kept = {name: sa.case((decided_meanwhile, stored[name]), else_=insert[name]) for name in _DECISION}
        self._put(tables.conflict, conflicts, **kept)

    def put_quarantined(self, rows: Sequence[Quarantined]) -> None:
        """Insert or replace quarantine rows by subject."""
        self._put(tables.quarantine, rows, resolved_at=sa.null())

    def resolve_quarantined(self, subjects: Sequence[str], at: datetime) -> None:
        """Mark open or released rows of these subjects as resolved."""
        table = tables.quarantine
        for some in chunks(subjects):
            self._connection.execute(
                sa.update(table)
                .where(self._database.among(self._pair, table.c.subject, some))
                .where(table.c.status != QuarantineStatus.RESOLVED.value)
                .values(status=QuarantineStatus.RESOLVED.value, resolved_at=to_text(at))
            )

    def put_tombstones(self, rows: Sequence[Tombstone]) -> None:
        """Insert or replace tombstones by link."""
        self._put(tables.tombstone, rows)

    def put_observation(self, run_id: str, observation: Observation) -> None:
        """Record a listing certificate; a later one of the same run and side replaces it."""
        row = as_row(observation) | {"pair": self._pair, "run_id": run_id}
        self._connection.execute(self._database.upsert(tables.observation), row)

    def put_run(self, run: RunRecord) -> None:
        """Insert or replace the run's row. Raises ValueError unless ``counts`` is a JSON object of numbers."""
        counts = json.loads(run.counts)
        # One row that the views cannot add up would break them for every sync. (True is an int to Python only.)
        if not isinstance(counts, dict) or any(type(n) not in {int, float} or not isfinite(n) for n in counts.values()):
            raise ValueError(f"counts of run {run.run_id} must be a JSON object of numbers")
        stored = tables.run.c
        mine = stored.pair == self._pair, stored.run_id == run.run_id
        ended_before = self._connection.execute(sa.select(stored.finished_at).where(*mine)).scalar()
        self._put(tables.run, [run])
        if run.finished_at is not None and ended_before is None and not run.dry_run:
            counters.run_ended(self._database, self._connection, self._pair, run, run.finished_at)

    def mark_plan_applied(self, plan_id: str, run_id: str) -> None:
        """Note which run applied a saved plan. Raises KeyError if there is no such plan."""
        self._update(tables.plan, "plan_id", ("applied_run",), [(plan_id, run_id)])

    def _put(self, table: sa.Table, records: Sequence[Any], **computed: Any) -> None:
        if records:
            rows = [as_row(record) | {"pair": self._pair} for record in records]
            self._connection.execute(self._database.upsert(table, **computed), rows)

    def _update(self, table: sa.Table, key: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        """Set ``columns`` of the rows whose ``key`` comes first in each tuple; of two for one key the later holds."""
        if not rows:
            return
        names = (key, *columns)
        by_key = {row[0]: dict(zip(names, map(to_column, row), strict=True)) | {"pair": self._pair} for row in rows}
        if bulk.update(self._connection, table, key, columns, list(by_key.values())) != len(by_key):
            raise KeyError(f"some of these are not in {table.name}: {', '.join(row[0] for row in rows[:10])}")

    def _store_loaded(self, link_ids: Sequence[str]) -> None:
        """Give links that only a load knows their own rows, so that they can be changed."""
        frame = self._loads.of_links(self._pair, link_ids)
        if frame.is_empty():
            return
        bases = self._loads.bases(self._pair, frame["link_id"].to_list())
        found = (Link(*row) for row in frame.iter_rows())
        self.put_links([
            replace(link, base_version=base.base_version, values_a=base.values_a, agreed_at=base.agreed_at)
            for link in found
            for base in [bases[link.link_id]]
        ])  # fmt: skip

    def _apart_from_loads(self, rows: Sequence[dict[str, Any]]) -> None:
        """Refuse an id that a loaded link holds, as the unique indexes refuse those of stored ones."""
        mine = {row["link_id"] for row in rows}
        ids = [row[name] for row in rows for name in ("id_a", "id_b") if row[name] is not None]
        taken = self._loads.of_records(self._pair, ids).filter(~pl.col("link_id").is_in(list(mine)))
        live = {row[name] for row in rows if row["state"] not in {LinkState.CLOSED, LinkState.MERGED_AWAY}
                for name in ("id_a", "id_b")}  # fmt: skip
        if clash := [f"{name} (link {link_id})" for link_id, name, *_ in taken.iter_rows() if name in live]:
            raise ValueError(f"in two live links of {self._pair!r}: {'; '.join(clash)}")

    def _place(self, rows: list[dict[str, Any]]) -> None:
        """Upsert link rows; ids of these links are free to move among them."""
        try:
            with self._connection.begin_nested():
                bulk.insert(self._connection, tables.link, rows, replace=True)
            return
        except IntegrityError:  # a true duplicate, or an id on its way from a later row of this call to an earlier one
            link = tables.link
        try:
            with self._connection.begin_nested():
                for ids in chunks([row["link_id"] for row in rows]):
                    mine = self._database.among(self._pair, link.c.link_id, ids)
                    self._connection.execute(sa.update(link).where(mine).values(id_a=None, id_b=None))
                bulk.insert(self._connection, tables.link, rows, replace=True)
        except IntegrityError:
            raise ValueError(self._taken(rows)) from None

    def _taken(self, rows: Sequence[dict[str, Any]]) -> str:
        """Which ids of these link rows another live link holds, in words."""
        link, mine, found = tables.link, {row["link_id"] for row in rows}, []
        live = [row for row in rows if row["state"] not in {LinkState.CLOSED, LinkState.MERGED_AWAY}]
        for side, name in (("A", "id_a"), ("B", "id_b")):
            named = [(row[name], row["link_id"]) for row in live if row[name] is not None]
            wanted = dict(named)
            found += [
                f"{record_id} on side {side} (links {link_id} and {wanted[record_id]})"
                for record_id, link_id in named
                if wanted[record_id] != link_id
            ]
            for ids in chunks(list(wanted)):
                query = sa.select(link.c[name], link.c.link_id).where(tables.LIVE)
                owners = self._connection.execute(query.where(self._database.among(self._pair, link.c[name], ids)))
                found += [
                    f"{record_id} on side {side} (links {owner} and {wanted[record_id]})"
                    for record_id, owner in owners
                    if owner not in mine
                ]
        return f"in two live links of {self._pair!r}: {'; '.join(found)}"

    def _stored_links(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        link = tables.link
        query = sa.select(link).where(self._database.among(self._pair, link.c.link_id, ids))
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def _replace_keys(self, links: dict[str, Link]) -> None:
        key = tables.key
        stored: set[tuple[str, str]] = set()
        for ids in chunks(list(links)):
            query = sa.select(key.c.link_id, key.c.digest)
            held = self._connection.execute(query.where(self._database.among(self._pair, key.c.link_id, ids)))
            stored.update((link_id, digest) for link_id, digest in held)
        wanted = {(link.link_id, digest) for link in links.values() for digest in link.keys}
        if gone := sorted(stored - wanted):
            mine = key.c.pair == self._pair, key.c.link_id == sa.bindparam("a"), key.c.digest == sa.bindparam("b")
            self._connection.execute(sa.delete(key).where(*mine), [{"a": a, "b": b} for a, b in gone])
        new = [{"pair": self._pair, "link_id": one, "digest": digest} for one, digest in sorted(wanted - stored)]
        bulk.insert(self._connection, key, new)
