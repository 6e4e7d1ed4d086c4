"""PostgreSQL through psycopg: catalogue, fingerprints, pipelined writes.

Owns what only PostgreSQL knows. Versions are 64 bits of ``hash_record_extended`` (server 14 and later), which costs a
quarter of md5 over the rendered row; that is enough, because only two versions of one record are ever compared. Dates
travel as text because psycopg refuses ``infinity`` and years before 1.
"""

# ruff: noqa: ARG002 - a method of the seam is given what some other dialect needs
from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import polars as pl
import sqlalchemy as sa

from integrations_platform.connectors import packed_rows, postgresql_marks
from integrations_platform.connectors.dialect import (
    LOCK_SECONDS,
    Dialect,
    EngineTypes,
    Fingerprint,
    Quote,
    json_line,
    parsed_url,
    split_name,
)
from integrations_platform.connectors.introspection import Family, InboundKey, NativeColumn, TableShape
from integrations_platform.connectors.postgresql_bulk import PostgresqlBulk
from integrations_platform.connectors.postgresql_catalogue import COLUMNS, DELETE_RULES, INBOUND, native_column
from integrations_platform.connectors.postgresql_texts import PostgresqlSpeech
from integrations_platform.connectors.session import Row, Session
from integrations_platform.connectors.text_bulk import TextTable
from integrations_platform.connectors.whole_table import WholeTable
from integrations_platform.patience import IDLE_SECONDS, patient_postgresql
from integrations_platform.unified_sync.loading_port import Bulk, Texts
from integrations_platform.unified_sync.port import Problem
from integrations_platform.unified_sync.values import FieldType

_HASHED_AS_THEY_ARE = {
    "int2", "int4", "int8", "numeric", "float4", "float8", "bool", "date", "timestamp", "timestamptz", "time", "uuid",
    "jsonb", "bytea",
}  # fmt: skip
_DRIVER_READS = {Family.INTEGER, Family.FLOAT, Family.BOOLEAN, Family.BINARY, Family.ARRAY}
_IDLE = "idle_in_transaction_session_timeout"


class PostgreSQL(Dialect):
    """PostgreSQL 12 and later."""

    name = "postgresql"
    scheme = "p4"
    begin_read = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)
    begin_write = (
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        f"SELECT set_config('{_IDLE}', '{IDLE_SECONDS}s', true) WHERE current_setting('{_IDLE}') = '0'",
    )
    nul_text = False
    types = EngineTypes("text", "text", "text", "text", "timestamptz NOT NULL DEFAULT now()")

    def engine(self, url: sa.URL, **options: Any) -> sa.Engine:
        """A silent server is given up. Locks: see ``prepare``."""
        # Of a lost connection it warns in words of its own, beside the error that is ours to tell.
        logging.getLogger("psycopg").setLevel(logging.ERROR)
        return patient_postgresql(url, pool_size=1, max_overflow=2, **options)

    def prepare(self, raw: Any) -> None:
        """One time zone and one spelling of dates and floats, whatever the role or database sets.

        Plans are made per execution: a generic plan cached while the ledger was empty would scan it for good.
        """
        raw.execute(
            "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; "
            "SET extra_float_digits = 1; SET bytea_output = 'hex'; SET client_encoding = 'UTF8'; "
            "SET plan_cache_mode = force_custom_plan"
        )
        # The server's default waits for ever, which outlives the lease of the run; a limit that somebody set stays.
        raw.execute(
            f"SELECT set_config('lock_timeout', '{LOCK_SECONDS}s', false) WHERE current_setting('lock_timeout') = '0'"
        )

    def each_row(self, cursor: Any, sql: str, sets: Sequence[Row]) -> list[Row | None]:
        """psycopg sends all sets in one pipeline and hands back one result per set, in their order."""
        cursor.executemany(sql, sets, returning=True)
        found: list[Row | None] = []
        while True:
            found.append(cursor.fetchone())
            if not cursor.nextset():
                return found

    def each_count(self, cursor: Any, sql: str, sets: Sequence[Row]) -> list[int]:
        """Counted through RETURNING: the count of a pipeline is the sum of all."""
        return [0 if row is None else 1 for row in self.each_row(cursor, f"{sql} RETURNING 1", sets)]

    def streaming_cursor(self, raw: Any) -> Any:
        """A server-side cursor, inside the transaction that is open."""
        return raw.cursor(name=f"sync_{uuid4().hex}")

    def listed(
        self, session: Session, key: NativeColumn, number: str, archived: str, rest: str, params: Row, quote: Quote
    ) -> Iterator[pl.DataFrame] | None:
        """By binary COPY: a third of the time of a cursor, and no object per value."""
        if key.nullable:
            return None
        if key.family is Family.INTEGER:
            name, stored = quote(key.name), key.storage
        elif self._as_text(key):
            name, stored = f"{quote(key.name)}::text", "text"
        else:
            return None
        sql = f"SELECT {name}, {number}, {archived} {rest}"
        # The row ends with the version (four bytes of length, eight of number) and the flag (four and one).
        shown = {"id": packed_rows.key_of(stored), "version": packed_rows.number_before_end(13),
                 "archived": pl.col("row").bin.slice(-1, 1) == b"\x01"}  # fmt: skip
        return (packed_rows.frame(rows).select(**shown) for rows in packed_rows.batches(session.native, sql, params))

    def moment(
        self, session: Session, shape: TableShape, columns: Sequence[NativeColumn]
    ) -> tuple[str, int] | None:  # fmt: skip
        """See :mod:`.postgresql_marks`."""
        return postgresql_marks.moment(session, _regclass(shape), columns) if self.scheme == "p4" else None

    def written_since(self, session: Session, number: int) -> str | None:
        """By the transaction that wrote the row."""
        return postgresql_marks.written_since(session, number)

    def url(self, text: str) -> sa.URL:
        """postgresql:// or postgres://, any driver named in it replaced."""
        return parsed_url(text, "postgresql+psycopg", ("postgresql", "postgres"))

    def version(self, session: Session) -> str:
        """E.g. ``PostgreSQL 15.18``."""
        return f"PostgreSQL {session.rows('SHOW server_version')[0][0]}"

    def learn(self, session: Session) -> None:
        """``hash_record_extended`` exists from 14 on."""
        self.scheme = "p4" if int(session.rows("SHOW server_version_num")[0][0]) >= 140000 else "p1"

    def describe(self, session: Session, object_name: str) -> TableShape | None:
        """Reads pg_catalog: information_schema hides what the role may not use, and then nothing can be explained."""
        schema, name = split_name(object_name)
        found = session.rows(
            "SELECT c.oid, n.nspname, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND "
            + ("n.nspname = %s" if schema else "pg_table_is_visible(c.oid)"),
            (name, schema) if schema else (name,),
        )
        if not found:
            return None
        oid, namespace, relkind = found[0]
        key = session.rows(
            "SELECT a.attname FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY u(num, pos) "
            "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.num "
            "WHERE i.indrelid = %s AND i.indisprimary ORDER BY u.pos",
            (oid,),
        )
        columns = tuple(native_column(row) for row in session.rows(COLUMNS, (oid,)))
        return TableShape(namespace, name, columns, tuple(row[0] for row in key), relkind in "vm")

    def object_names(self, session: Session, object_name: str) -> list[str]:
        """Of the named schema, or of the search path."""
        schema, _ = split_name(object_name)
        where = "n.nspname = %s" if schema else "n.nspname = ANY (current_schemas(false))"
        rows = session.rows(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            f"WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {where} ORDER BY 1",
            (schema,) if schema else (),
        )
        return [f"{schema}.{row[0]}" if schema else row[0] for row in rows]

    def bulk(self, table: WholeTable) -> Bulk | None:
        """By binary COPY."""
        return PostgresqlBulk(table)

    def texts(self, table: WholeTable) -> Texts | None:
        """By COPY as text."""
        return TextTable(table, PostgresqlSpeech())

    def inbound_keys(self, session: Session, shape: TableShape) -> list[InboundKey]:
        """From pg_constraint, partitions' own copies left out."""
        rows = session.rows(INBOUND, (_regclass(shape),))
        return [
            InboundKey(name, schema, table, tuple(columns), tuple(referenced), DELETE_RULES[rule])
            for name, schema, table, rule, columns, referenced in rows
        ]

    def privileges(self, session: Session, shape: TableShape, *, written: bool) -> list[Problem]:
        """Asks the server, per table; column grants count as missing because whole rows are moved and counted."""
        needed = ("SELECT", "INSERT", "UPDATE", "DELETE") if written else ("SELECT",)
        rows = session.rows(
            "SELECT p, has_table_privilege(%s, p) OR (p <> 'DELETE' AND has_any_column_privilege(%s, p)) "
            "FROM unnest(%s::text[]) p",
            (_regclass(shape), _regclass(shape), list(needed)),
        )
        problems = [
            Problem(f"no {privilege} privilege on {shape.schema}.{shape.name}", f"GRANT {privilege} to the sync's user",
                    blocking=privilege != "DELETE")
            for privilege, held in rows if not held
        ]  # fmt: skip
        if written and session.rows("SHOW transaction_read_only")[0][0] == "on":
            problems.append(Problem("the server only reads (a standby, or default_transaction_read_only)",
                                    "point the system at the primary server"))  # fmt: skip
        return problems

    def may_create_tables(self, session: Session, shape: TableShape) -> bool:
        """CREATE on the object's schema."""
        return bool(session.rows("SELECT has_schema_privilege(%s, 'CREATE')", (shape.schema,))[0][0])

    def table_exists(self, session: Session, schema: str | None, name: str) -> bool:
        """In that schema."""
        return bool(session.rows("SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = %s", (schema, name)))

    def fingerprint(self, columns: Sequence[NativeColumn], quote: Quote, salt: str) -> Fingerprint:
        """Text is hashed under collation C, so that a case-insensitive collation or citext hides no edit."""
        if self.scheme == "p4":
            seed = int.from_bytes(hashlib.sha256(salt.encode()).digest()[:8], signed=True)
            hashed = ", ".join(_hashable(column, quote) for column in columns)
            number = f"hash_record_extended(ROW({hashed}), '{seed}')"
            return Fingerprint(f"encode(int8send({number}), 'base64')", number)
        parts = (f"coalesce(octet_length({text})::text || ':' || {text}, '-')"
                 for text in (f"{quote(column.name)}::text" for column in columns))  # fmt: skip
        return Fingerprint(f"md5({' || '.join(parts)})")

    def now(self, session: Session) -> datetime:
        """clock_timestamp(): now() is the start of the transaction."""
        moment: datetime = session.rows("SELECT clock_timestamp()")[0][0]
        return moment.astimezone(UTC)

    def moment_for(self, column: NativeColumn, zone: str) -> str:
        """Wall-clock time in ``zone`` for timestamp without time zone."""
        if column.family is Family.DATETIME:
            return f"(clock_timestamp() AT TIME ZONE '{zone.replace(chr(39), '')}')"
        return "clock_timestamp()"

    def read_expression(self, column: NativeColumn, _kind: FieldType, quote: Quote) -> str:
        """As text, except what psycopg reads without loss; money as a number, since its text depends on the locale."""
        name = quote(column.name)
        if column.native_type == "money":
            return f"{name}::numeric"
        return f"{name}::text" if self._as_text(column) else name

    @staticmethod
    def _as_text(column: NativeColumn) -> bool:
        return column.family is not Family.DECIMAL and column.family not in _DRIVER_READS

    def compares_loosely(self, column: NativeColumn) -> bool:
        """citext and collations that are not deterministic."""
        return column.case_insensitive

    def equals_exactly(self, column: NativeColumn, quote: Quote, marks: str) -> str:
        """Text byte for byte; parameters take the column's type otherwise."""
        if column.case_insensitive:
            return f'{quote(column.name)}::text COLLATE "C" IN ({marks})'
        return super().equals_exactly(column, quote, marks)

    def one_of(self, column: str, texts: Sequence[str]) -> tuple[str, Row]:
        """One parameter, however many there are: taking a thousand marks apart costs more than finding the rows."""
        return f"{column} = ANY (%s::text[])", (list(texts),)

    def put_texts(
        self, session: Session, table: str, columns: Sequence[str], key: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """One statement and one parameter, at a tenth of the cost of one of each per row."""
        listed = ", ".join(f"given ->> {place}" for place in range(len(columns)))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {listed} FROM json_array_elements(%s::json) AS given"
        session.run(sql + (self.replacing(columns, key) if key else ""), (json_line(rows),))

    def insert(
        self, session: Session, table: str, columns: Sequence[str], keys: Sequence[NativeColumn],
        rows: Sequence[Row], given: Sequence[Row] | None, quote: Quote,
    ) -> list[Row]:  # fmt: skip
        """One statement per row in one pipeline, each returning its own key."""
        returning = ", ".join(self.read_expression(key, FieldType.TEXT, quote) for key in keys)
        sql = f"{self.insert_sql(table, columns, quote)} RETURNING {returning}"
        return [row or () for row in session.each_row(sql, rows)]

    def fill(
        self, session: Session, table: str, columns: Sequence[str], rows: Sequence[Row], quote: Quote
    ) -> None:  # fmt: skip
        """By COPY."""
        names = ", ".join(quote(name) for name in columns)
        with session.native.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def row_expression(self, column: NativeColumn, quote: Quote) -> str:
        """PostgreSQL's own text form of any type reads back to the same value."""
        return f"{quote(column.name)}::text"

    def pack(self, values: Mapping[str, Any]) -> str:
        """Every value is text or NULL."""
        return json_line(dict(values))

    def unpack(self, body: str) -> dict[str, Any]:
        """Text parameters take the column's type."""
        return dict(json.loads(body))

    def restore_sql(self, table: str, columns: Sequence[NativeColumn], quote: Quote) -> str:
        """GENERATED ALWAYS AS IDENTITY takes its old value too."""
        plain = super().restore_sql(table, columns, quote)
        return plain.replace(") VALUES (", ") OVERRIDING SYSTEM VALUE VALUES (", 1)


def _regclass(shape: TableShape) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in (shape.schema or "public", shape.name))


def _hashable(column: NativeColumn, quote: Quote) -> str:
    name = quote(column.name)
    if column.storage in _HASHED_AS_THEY_ARE:
        return name
    return f'{name}::text COLLATE "C"'
