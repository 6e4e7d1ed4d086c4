"""Moving rows of a PostgreSQL table by binary COPY, untouched: all of them into an empty one, or those that changed.

Owns which tables may be moved so and what of them is plain. A row is not plain, and left for the ordinary way, if it
lacks a required value or holds one that has no canonical form (an infinite date, not a number). Tables that do more
with a row than to keep it (triggers, rules, row security) are not moved at all: they would not show what was sent.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl

from integrations_platform.connectors import packed_rows
from integrations_platform.connectors.binding import Binding, xor_of
from integrations_platform.connectors.introspection import Family, NativeColumn
from integrations_platform.connectors.ledger import LEDGER_TABLE, Ledger, chunks
from integrations_platform.connectors.packed_rows import HEADER, KEYS, STORED, TRAILER
from integrations_platform.connectors.reading import RelationalSnapshot, digest_of
from integrations_platform.connectors.session import Database, Session
from integrations_platform.connectors.whole_table import Fill, WholeTable, total
from integrations_platform.unified_sync.loading_port import Form, Piece, Respelling
from integrations_platform.unified_sync.values import FieldType

_STAGE = "pg_temp.sync_stage"
_NULL, _EIGHT = struct.pack("!i", -1), struct.pack("!i", 8)
_VERSION = 12  # bytes of a version at the end of a row: its length and itself
_EXTRAS = """
SELECT c.relkind = 'r' AND NOT c.relhasrules AND NOT c.relrowsecurity
       AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
       current_setting('server_version_num')::int / 10000, current_setting('server_encoding')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"""


@dataclass(frozen=True)
class PostgresqlBulk:
    """Fulfils ``loading_port.Bulk``."""

    table: WholeTable

    def form(self, key: str, names: Mapping[str, str]) -> Form | None:
        """Only a table of its own, keyed by one column that is never NULL, of types packed without loss."""
        with self.table.database.session() as session:
            binding = self.table.bind(session)
            plain, release, encoding = session.rows(_EXTRAS, (binding.shape.schema, binding.shape.name))[0]
        columns = _columns(binding)
        if (
            binding.fingerprint_number is None
            or not plain
            or encoding != "UTF8"
            or [one.name for one in binding.keys] != [key]
        ):
            return None
        packable = all(
            column.storage in STORED
            and not column.generated
            # A text that is to be JSON may be none, and no condition tells.
            and (binding.kinds.get(column.name) is not FieldType.JSON or column.family is Family.JSON)
            for column in columns
        )
        if not packable or columns[0].storage not in KEYS or {*binding.kinds} != {*names}:
            return None
        packed = [(names[one.name], one.storage, binding.kinds[one.name], binding.zone(one)) for one in columns]
        return Form(f"{binding.salt}{release}:{packed}", packed_rows.layout(packed))

    @contextmanager
    def export(self, required: Sequence[str]) -> Iterator[_Export]:
        """Inside one snapshot."""
        database = self.table.database
        with database.reading(self.table.dialect.begin_read) as session:
            with database.translated():
                binding = self.table.bind(session)
                export = _Export(
                    database, session, binding, frozenset(required), total(session, binding),
                    RelationalSnapshot(binding, session).mark(),
                )  # fmt: skip
                # Nobody knows how many rows are plain, so the planner expects a few, and has workers hand them over.
                session.run("SET LOCAL max_parallel_workers_per_gather = 0")
            yield export

    @contextmanager
    def loading(self, load_id: str) -> Iterator[_Loading | None]:
        """Behind a lock that keeps other writers out, so that all the table shows is what was sent."""
        with self.table.fill(load_id, empty=True, lock="SHARE ROW EXCLUSIVE") as fill:
            yield None if fill is None else _Loading(fill)

    def pick(self, ids: Sequence[str], required: Sequence[str]) -> Iterator[pl.DataFrame]:
        """By their keys, inside one snapshot."""
        database = self.table.database
        with database.reading(self.table.dialect.begin_read) as session, database.translated():
            binding = self.table.bind(session)
            key, scope, params = _columns(binding)[0], *binding.scope
            name, conditions = binding.quote(key.name), [scope, *_plainness(binding, frozenset(required))]
            ledger = self.table.dialect.table_exists(session, binding.shape.schema, LEDGER_TABLE)
            # OFFSET keeps the conditions out of the join: the planner expects few rows to be plain, and would look for
            # each of them in all that are wanted.
            sql = (
                f"SELECT {_listed(binding)}, {binding.fingerprint_number} FROM (SELECT {binding.table}.* "
                f"FROM unnest(%s::{key.storage}[]) AS wanted(sync_wanted) JOIN {binding.table} ON {name} = sync_wanted "
                f"OFFSET 0) AS chosen WHERE {' AND '.join(conditions)}"
            )
            head = struct.pack("!h", len(_columns(binding)))
            for asked in chunks(ids, packed_rows.BATCH):
                # Asked for apart: beside the conditions the server expects one row, and goes through all of the ledger
                # for each that there is.
                written = Ledger(binding).by_record(session, asked) if ledger else {}
                some = [one for one in asked if one not in written]
                for rows in packed_rows.batches(session.native, sql, (some, *params)):
                    shown = packed_rows.frame(rows).select(
                        id=packed_rows.key_of(key.storage), version=packed_rows.number_before_end(8)
                    )
                    plain = pl.Series("row", [head + row[2:-_VERSION] for row in rows], dtype=pl.Binary)
                    yield shown.with_columns(plain)

    def compare(self, layout: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, Iterator[Respelling]]:
        """By their bytes."""
        return packed_rows.differences(layout, rows)

    @contextmanager
    def changing(self, load_id: str) -> Iterator[_Changing | None]:
        """Side by side with other writers: what somebody else changed is left as it is."""
        with self.table.fill(load_id, empty=False) as fill:
            yield None if fill is None else _Changing(fill)


@dataclass
class _Export:
    database: Database
    session: Session
    binding: Binding
    required: frozenset[str]
    total: int
    mark: str | None
    digest = None

    def pieces(self) -> Iterator[Piece]:
        binding = self.binding
        scope, params = binding.scope
        conditions = " AND ".join([scope, *_plainness(binding, self.required)])
        key = packed_rows.key_of(_columns(binding)[0].storage)
        sql = f"SELECT {_listed(binding)} FROM {binding.table} WHERE {conditions}"
        with self.database.translated():
            for rows in packed_rows.batches(self.session.native, sql, params):
                yield Piece(b"".join(rows), packed_rows.frame(rows).select(key.alias("id"), "row"))


class _Loading:
    def __init__(self, fill: Fill) -> None:
        self._fill, self._session, self._binding = fill, fill.session, fill.binding
        self._copying = ExitStack()
        self._copy: Any = None
        self._shown = self._number = 0

    def send(self, piece: Piece) -> None:
        with self._fill.database.translated():
            if self._copy is None:
                sql = f"COPY {self._binding.table} ({_listed(self._binding)}) FROM STDIN (FORMAT binary)"
                self._copy = self._copying.enter_context(self._session.native.cursor().copy(sql))
                self._copy.write(HEADER)
            self._copy.write(piece.data)

    def versions(self) -> Iterator[pl.DataFrame]:
        binding = self._binding
        with self._fill.database.translated():
            if self._copy is not None:
                self._copy.write(TRAILER)
                self._copying.close()
            key = binding.keys[0]
            sql = f"SELECT {binding.quote(key.name)}, {binding.fingerprint_number} FROM {binding.table}"
            version = packed_rows.number_before_end(8)
            for rows in packed_rows.batches(self._session.native, sql, ()):
                shown = packed_rows.frame(rows).select(id=packed_rows.key_of(key.storage), version=version)
                self._shown, self._number = self._shown + shown.height, self._number ^ xor_of(shown["version"])
                yield shown

    @property
    def digest(self) -> str | None:
        """Of a table without a scope, which shows no other rows than these."""
        binding = self._binding
        return None if binding.spec.only else digest_of(binding.digest_text(self._shown, self._number))

    def commit(self) -> None:
        self._fill.commit()


class _Changing:
    """Rows go into a table of the transaction's own, and from there into the table by one statement each for those that
    replace and those that are added."""

    def __init__(self, fill: Fill) -> None:
        self._fill, self._session, self._binding = fill, fill.session, fill.binding
        self._copying = ExitStack()
        self._copy: Any = None

    def send(self, rows: pl.DataFrame) -> None:
        with self._fill.database.translated():
            if self._copy is None:
                self._copy = self._begin()
            head = struct.pack("!h", len(_columns(self._binding)) + 1)
            expected = rows["expected"].str.decode("base64")
            self._copy.write(b"".join(
                head + row[2:] + (_NULL if version is None else _EIGHT + version)
                for row, version in zip(rows["row"], expected, strict=True)
            ))  # fmt: skip

    def _begin(self) -> Any:
        binding = self._binding
        listed = ", ".join(f"{binding.quote(one.name)} AS {_staged(at)}" for at, one in enumerate(_columns(binding)))
        self._session.run(f"CREATE TEMPORARY TABLE {_STAGE} ON COMMIT DROP AS "
                          f"SELECT {listed}, 0::bigint AS sync_expected FROM {binding.table} WITH NO DATA")  # fmt: skip
        copy = self._copying.enter_context(
            self._session.native.cursor().copy(f"COPY {_STAGE} FROM STDIN (FORMAT binary)")
        )
        copy.write(HEADER)
        return copy

    def versions(self) -> Iterator[pl.DataFrame]:
        binding, columns = self._binding, _columns(self._binding)
        key, number = binding.quote(columns[0].name), binding.fingerprint_number
        values = ", ".join(f"{binding.quote(one.name)} = {_staged(at)}" for at, one in enumerate(columns) if at)
        staged = ", ".join(_staged(at) for at in range(len(columns)))
        replace = (
            f"UPDATE {binding.table} SET {values} FROM {_STAGE} "
            f"WHERE {key} = {_staged(0)} AND sync_expected = {number} RETURNING {key}, {number}"
        )
        add = (
            f"INSERT INTO {binding.table} ({_listed(binding)}) SELECT {staged} FROM {_STAGE} "
            f"WHERE sync_expected IS NULL ON CONFLICT DO NOTHING RETURNING {key}, {number}"
        )
        with self._fill.database.translated():
            if self._copy is None:
                return
            self._copy.write(TRAILER)
            self._copying.close()
            shown = packed_rows.number_before_end(8)
            for sql in (replace, add):
                for rows in packed_rows.batches(self._session.native, sql, ()):
                    yield packed_rows.frame(rows).select(id=packed_rows.key_of(columns[0].storage), version=shown)

    def commit(self) -> None:
        self._fill.commit()


def _staged(place: int) -> str:
    return f"sync_staged_{place}"


def _plainness(binding: Binding, required: frozenset[str]) -> list[str]:
    """Conditions under which a row is plain."""
    return [test for column in _columns(binding) for test in _plain(binding.quote(column.name), column, required)]


def _columns(binding: Binding) -> list[NativeColumn]:
    """The bound columns, the key first."""
    names = dict.fromkeys([binding.keys[0].name, *binding.kinds])
    return [binding.shape.by_name[name] for name in names]


def _listed(binding: Binding) -> str:
    return ", ".join(binding.quote(column.name) for column in _columns(binding))


def _plain(name: str, column: NativeColumn, required: frozenset[str]) -> list[str]:
    """Conditions under which a value is one that travels as it is."""
    tests = []
    if column.family in (Family.DATE, Family.DATETIME, Family.INSTANT):
        tests.append(f"({name} IS NULL OR ({name} >= '0001-01-02' AND {name} < '9999-12-31'))")
    elif column.family in (Family.DECIMAL, Family.FLOAT):
        tests.append(f"({name} IS NULL OR ({name} > '-Infinity' AND {name} < 'Infinity'))")  # NaN is above both
    if column.name in required and column.family is Family.TEXT:
        # By the first character; what begins with a blank of any sort may be blank as a whole.
        tests.append(f"(ascii({name}) BETWEEN 33 AND 127 OR ascii({name}) BETWEEN 161 AND 5759 "
                     f"OR ascii({name}) BETWEEN 12352 AND 55203)")  # fmt: skip
    elif column.name in required and column.nullable:
        tests.append(f"{name} IS NOT NULL")
    return tests
