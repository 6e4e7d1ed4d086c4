"""Records moved out of their table whole, into the engine's own archive table of the same database, and back.

Owns that table. A record is moved in one transaction and comes back with every column and its old key; nothing is ever
moved that would carry rows of other tables with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations_platform.connectors.binding import Binding
from integrations_platform.connectors.dialect import json_line
from integrations_platform.connectors.encoding import decode
from integrations_platform.connectors.introspection import NativeColumn
from integrations_platform.connectors.ledger import ARCHIVE_TABLE, chunks
from integrations_platform.connectors.session import Row, Session
from integrations_platform.unified_sync.port import Presence, Record


@dataclass(frozen=True, slots=True)
class Archived:
    """One archived row; ``body`` is the packed row."""

    record_id: str
    link_id: str | None
    version: str
    body: str


class Archive:
    """The archive of one pair and side."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._dialect = binding.dialect
        self.table = binding.quote(binding.shape.schema, ARCHIVE_TABLE)

    @property
    def _kept(self) -> tuple[NativeColumn, ...]:
        return tuple(column for column in self._binding.shape.columns if not column.generated)

    def definition(self) -> str:
        """CREATE TABLE, harmless when it exists."""
        types = self._dialect.types
        return (
            f"CREATE TABLE IF NOT EXISTS {self.table} (pair {types.pair} NOT NULL, "
            f"record_id {types.record_id} NOT NULL, "
            f"link_id {types.link_id}, version {types.link_id} NOT NULL, body {types.body} NOT NULL, "
            f"columns {types.body} NOT NULL, archived_at {types.moment}, "
            f"PRIMARY KEY (record_id, pair)){types.suffix}"
        )

    def versions(self, session: Session) -> list[tuple[str, str]]:
        """(record id, version) of all archived records."""
        sql = f"SELECT record_id, version FROM {self.table} WHERE pair = {self._dialect.mark}"
        return [(row[0], self.shown(row[1])) for row in session.rows(sql, (self._binding.pair,))]

    def find(self, session: Session, record_ids: Sequence[str]) -> dict[str, Archived]:
        """Archived rows by record id; ``version`` as stored."""
        found = {}
        for part in chunks(record_ids):
            marks = ", ".join([self._dialect.mark] * len(part))
            rows = session.rows(
                f"SELECT record_id, link_id, version, body FROM {self.table} "
                f"WHERE pair = {self._dialect.mark} AND record_id IN ({marks})",
                (self._binding.pair, *part),
            )
            found.update({row[0]: Archived(*row) for row in rows})
        return found

    def record(self, archived: Archived, last_op: str | None) -> Record:
        """An archived row as the port shows it, with the values it had."""
        raw = self._dialect.unpack(archived.body)
        binding = self._binding
        values = {}
        for name, kind in binding.kinds.items():
            column = binding.shape.by_name[name]
            values[name] = decode(column, kind, raw.get(name), zone=binding.zone(column))
        return Record(archived.record_id, self.shown(archived.version), values, Presence.ARCHIVED, None, last_op,
                      archived.link_id)  # fmt: skip

    def shown(self, version: str) -> str:
        """The stored version of an archived row as the port shows it."""
        return f"a1:{self._binding.columns_digest}:{version}"

    def select_rows(self, session: Session, keys: Sequence[Row]) -> dict[str, tuple[str, dict[str, Any]]]:
        """(version, whole row) by record id, rows locked until the transaction ends."""
        binding = self._binding
        rows = [self._dialect.row_expression(column, binding.quote) for column in self._kept]
        selects = ", ".join((*binding.key_selects, binding.fingerprint, *rows))
        found = session.rows(
            f"SELECT {selects} FROM {binding.table} "
            f"WHERE {self._dialect.keys_in(binding.key_columns, len(keys))}{self._dialect.lock}",
            [part for key in keys for part in key],
        )
        width = len(binding.keys)
        names = [column.name for column in self._kept]
        return {
            binding.record_id(row[:width]): (
                binding.version_prefix + row[width], dict(zip(names, row[width + 1 :], strict=True)),
            )
            for row in found
        }  # fmt: skip

    def put(self, session: Session, rows: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
        """Keep whole rows, given as (link id, row) by record id; a copy of an earlier time is replaced."""
        columns = json_line({column.name: column.native_type for column in self._kept})
        sets = []
        for record_id, (link_id, row) in rows.items():
            body = self._dialect.pack(row)
            digest = hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:32]
            sets.append((self._binding.pair, record_id, link_id, digest, body, columns))
        self.drop(session, list(rows))
        session.many(
            f"INSERT INTO {self.table} (pair, record_id, link_id, version, body, columns) "
            f"VALUES ({', '.join([self._dialect.mark] * 6)})",
            sets,
        )

    def drop(self, session: Session, record_ids: Sequence[str]) -> None:
        """Forget archived rows."""
        for part in chunks(record_ids):
            marks = ", ".join([self._dialect.mark] * len(part))
            session.run(
                f"DELETE FROM {self.table} WHERE pair = {self._dialect.mark} AND record_id IN ({marks})",
                (self._binding.pair, *part),
            )
