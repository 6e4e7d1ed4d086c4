"""SQLite through the standard library: catalogue, fingerprints by a registered function, affinities.

Owns what only SQLite knows. SQLite has no hash function, so versions come from a Python function over each value and
its storage class; that is still evaluated inside the statement, so compare-and-set holds.
"""

# ruff: noqa: ARG002 - a method of the seam is given what some other dialect needs
from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from integrations_platform.connectors.dialect import Dialect, EngineTypes, Fingerprint, Quote, json_line
from integrations_platform.connectors.introspection import Family, InboundKey, NativeColumn, TableShape, integer_bounds
from integrations_platform.connectors.session import Row, Session
from integrations_platform.connectors.sql_errors import UnfitValueError
from integrations_platform.unified_sync.port import Problem
from integrations_platform.unified_sync.values import FieldType

_SIZE = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_WORDS = (
    ("BOOL", Family.BOOLEAN), ("INT", Family.INTEGER), ("TIMESTAMP", Family.DATETIME), ("DATETIME", Family.DATETIME),
    ("DATE", Family.DATE), ("TIME", Family.TIME), ("UUID", Family.UUID), ("JSON", Family.JSON), ("CHAR", Family.TEXT),
    ("CLOB", Family.TEXT), ("TEXT", Family.TEXT), ("BLOB", Family.BINARY), ("DEC", Family.DECIMAL),
    ("NUMERIC", Family.DECIMAL), ("REAL", Family.FLOAT), ("FLOA", Family.FLOAT), ("DOUB", Family.FLOAT),
)  # fmt: skip
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)
_STORED = {str: b"s", int: b"i", float: b"f", bytes: b"b", type(None): b"N"}
_ARGUMENTS = 100  # SQLITE_MAX_FUNCTION_ARG is 127 in common builds
SIGNIFICANT_DIGITS = 15  # what NUMERIC affinity keeps when it turns text into a float


class SQLite(Dialect):
    """SQLite 3.35 and later."""

    name = "sqlite"
    binds_as_is = False
    mark = "?"
    scheme = "s1"
    begin_read = ("BEGIN DEFERRED", "SELECT 1 FROM sqlite_master LIMIT 1")  # the first read takes the snapshot
    begin_write = ("BEGIN IMMEDIATE",)  # upgrading a read lock could only fail
    lock = ""
    types = EngineTypes("TEXT", "TEXT", "TEXT", "TEXT", "TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP")
    naive_zone_is_guess = frozenset({Family.DATETIME, Family.TEXT, Family.OTHER})

    def engine(self, url: sa.URL, **options: Any) -> sa.Engine:
        """A rival writer is waited for up to ten seconds."""
        arguments = {"timeout": 10, "check_same_thread": False}
        return sa.create_engine(
            url, poolclass=sa.pool.QueuePool, pool_size=1, max_overflow=2, connect_args=arguments, **options
        )

    def prepare(self, raw: Any) -> None:
        """Foreign keys on, the fingerprint function registered; the journal mode is left as it is."""
        raw.execute("PRAGMA foreign_keys = ON")
        raw.create_function("integrations_fingerprint", -1, typed_digest, deterministic=True)

    def url(self, text: str) -> sa.URL:
        """sqlite:///path, or a plain path. The file must exist: connecting would create an empty database."""
        url = sa.make_url(text) if text.startswith("sqlite") else sa.URL.create("sqlite", database=text)
        if not url.database or url.database == ":memory:":
            raise ValueError("an in-memory database holds nothing to sync; name a file")
        if not Path(url.database).is_file():
            raise ValueError(f"no such file: {url.database}")
        return url.set(drivername="sqlite+pysqlite")

    def version(self, session: Session) -> str:
        """E.g. ``SQLite 3.40.1``."""
        return f"SQLite {session.rows('SELECT sqlite_version()')[0][0]}"

    def learn(self, session: Session) -> None:
        """Nothing depends on the version."""

    def describe(self, session: Session, object_name: str) -> TableShape | None:
        """From the pragmas; declared types are words, so families are guessed from them as SQLite guesses affinity."""
        found = session.rows("SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?",
                             (object_name,))  # fmt: skip
        if not found:
            return None
        rows = session.rows("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?)",
                            (object_name,))  # fmt: skip
        key = tuple(row[0] for row in sorted((row for row in rows if row[4]), key=lambda row: row[4]))
        unique = set(key) if len(key) == 1 else set()
        for index, partial in session.rows(
            'SELECT name, partial FROM pragma_index_list(?) WHERE "unique" = 1', (object_name,)
        ):
            names = [row[0] for row in session.rows("SELECT name FROM pragma_index_info(?)", (index,))]
            if len(names) == 1 and not partial and names[0]:
                unique.add(names[0])
        definition = found[0][2] or ""
        nocase = {
            row[0]
            for row in rows
            if re.search(
                rf"""[(,]\s*["`\[]?{re.escape(row[0])}["`\]]?\s[^,]*?COLLATE\s+NOCASE""", definition, re.IGNORECASE
            )
        }
        columns = tuple(_column(row, key, unique, nocase) for row in rows)
        return TableShape(None, found[0][0], columns, key, found[0][1] == "view")

    def object_names(self, session: Session, object_name: str) -> list[str]:
        """All tables and views of the file."""
        sql = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY 1"
        return [row[0] for row in session.rows(sql)]

    def inbound_keys(self, session: Session, shape: TableShape) -> list[InboundKey]:
        """From every table's foreign keys."""
        rows = session.rows(
            'SELECT m.name, f.id, f."from", f."to", f.on_delete '
            "FROM sqlite_master m, pragma_foreign_key_list(m.name) f "
            "WHERE m.type = 'table' AND f.\"table\" = ? COLLATE NOCASE "
            "AND f.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT') ORDER BY m.name, f.id, f.seq",
            (shape.name,),
        )
        found: dict[tuple[str, int], list[Row]] = {}
        for row in rows:
            found.setdefault((row[0], row[1]), []).append(row)
        return [
            InboundKey(f"foreign key {number} of {table}", None, table, tuple(part[2] for part in parts),
                       tuple(part[3] for part in parts) if parts[0][3] else shape.primary_key, parts[0][4])
            for (table, number), parts in found.items()
        ]  # fmt: skip

    def privileges(self, session: Session, shape: TableShape, *, written: bool) -> list[Problem]:
        """Whether the file may be written is asked of the file system by opening a write transaction."""
        if not written or self.may_create_tables(session, shape):
            return []
        return [Problem("the database file is read-only", "give the sync's user write permission on file and folder")]

    def may_create_tables(self, session: Session, shape: TableShape) -> bool:
        """False when the file is read-only."""
        path = next((row[2] for row in session.rows("PRAGMA database_list") if row[1] == "main"), "")
        try:
            with Path(path).open("r+b"):
                return not session.rows("PRAGMA query_only")[0][0]
        except OSError:
            return False

    def table_exists(self, session: Session, schema: str | None, name: str) -> bool:
        """In the file."""
        return bool(session.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)))

    def fingerprint(self, columns: Sequence[NativeColumn], quote: Quote, salt: str) -> Fingerprint:
        """Nested where a table has more columns than a function may have arguments."""
        names = [quote(column.name) for column in columns]
        expression = f"integrations_fingerprint({', '.join(names[:_ARGUMENTS])})"
        for start in range(_ARGUMENTS, len(names), _ARGUMENTS):
            expression = f"integrations_fingerprint({expression}, {', '.join(names[start : start + _ARGUMENTS])})"
        return Fingerprint(expression)

    def now(self, session: Session) -> datetime:
        """The clock of this machine, as SQLite sees it."""
        text = session.rows("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')")[0][0]
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    def moment_for(self, column: NativeColumn, zone: str) -> str:
        """Wall-clock text in ``zone``: SQLite's clock is this machine's, but it knows no zones."""
        local = datetime.now(ZoneInfo(zone)).replace(tzinfo=None)
        return f"'{local.isoformat(' ', 'milliseconds')}'"

    def keys_in(self, columns: Sequence[str], count: int) -> str:
        """SQLite takes row values only from VALUES."""
        if len(columns) == 1:
            return super().keys_in(columns, count)
        one = f"({', '.join([self.mark] * len(columns))})"
        return f"({', '.join(columns)}) IN (VALUES {', '.join([one] * count)})"

    def equals_exactly(self, column: NativeColumn, quote: Quote, marks: str) -> str:
        """COLLATE NOCASE of a column must not decide what is in scope."""
        return f"{quote(column.name)} COLLATE BINARY IN ({marks})"

    def compares_loosely(self, column: NativeColumn) -> bool:
        """Any text: an index's or column's COLLATE may be NOCASE or the application's own."""
        return column.family in (Family.TEXT, Family.OTHER)

    def bind(self, column: NativeColumn, value: Any) -> Any:
        """Text for what SQLite has no storage class for, refused where its affinity would turn it into a float."""
        if isinstance(value, datetime):
            return value.isoformat(" ")
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, Decimal):
            digits = len(value.as_tuple().digits)
            if column.storage not in ("TEXT", "BLOB") and digits > SIGNIFICANT_DIGITS:
                raise UnfitValueError(
                    f"column {column.name} keeps {SIGNIFICANT_DIGITS} digits; declare it TEXT for more"
                )
            return format(value, "f")
        if isinstance(value, str) and column.storage not in ("TEXT", "BLOB") and _NUMBER.fullmatch(value):
            if column.family is Family.INTEGER and _WHOLE.fullmatch(value):
                return int(value)  # a reference to a numbered record: it reads back as the same text
            raise UnfitValueError(f"column {column.name} is declared {column.native_type}, which turns the text into a "
                               "number; declare it TEXT")  # fmt: skip
        return value

    def insert(
        self, session: Session, table: str, columns: Sequence[str], keys: Sequence[NativeColumn],
        rows: Sequence[Row], given: Sequence[Row] | None, quote: Quote,
    ) -> list[Row]:  # fmt: skip
        """One statement per row, each returning its own key; in-process, so nothing is gained by fewer."""
        returning = ", ".join(quote(key.name) for key in keys)
        return [row or () for row in session.each_row(f"{self.insert_sql(table, columns, quote)} RETURNING {returning}",
                                                      rows)]  # fmt: skip

    def read_expression(self, column: NativeColumn, _kind: FieldType, quote: Quote) -> str:
        """Values arrive in their storage class."""
        return quote(column.name)

    def pack(self, values: Mapping[str, Any]) -> str:
        """Storage classes map to JSON, blobs through base64; Python writes floats so that they read back equal."""
        return json_line({
            name: {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
            for name, value in values.items()
        })  # fmt: skip

    def unpack(self, body: str) -> dict[str, Any]:
        """The same storage classes."""
        return {
            name: base64.b64decode(value["base64"]) if isinstance(value, dict) else value
            for name, value in json.loads(body).items()
        }


def typed_digest(*values: Any) -> str:
    """128 bits over each value, its storage class and its length."""
    parts = []
    for value in values:
        data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        parts.append(b"%b%d:%b" % (_STORED[type(value)], len(data), data))
    return hashlib.blake2b(b"".join(parts), digest_size=16).hexdigest()


def _affinity(declared: str) -> str:
    """The rules of https://www.sqlite.org/datatype3.html#determination_of_column_affinity in their order."""
    if "INT" in declared:
        return "INTEGER"
    if any(word in declared for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in declared or not declared:
        return "BLOB"
    return "REAL" if any(word in declared for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def _column(row: Row, key: tuple[str, ...], unique: set[str], nocase: set[str]) -> NativeColumn:
    name, declared, not_null, default, position, hidden = row
    upper = (declared or "").upper()
    family = next((family for word, family in _WORDS if word in upper), Family.OTHER)
    affinity = _affinity(upper)
    size = _SIZE.search(upper)
    whole = fraction = None
    if family is Family.DECIMAL and size:
        fraction = int(size.group(2) or 0)
        whole = int(size.group(1)) - fraction
        if affinity != "TEXT":
            whole = min(whole, SIGNIFICANT_DIGITS - fraction)
    low, high = integer_bounds(64) if family is Family.INTEGER else (None, None)
    return NativeColumn(
        name=name, native_type=declared or "", family=family, nullable=not not_null and not position,
        has_default=default is not None, generated=hidden in (2, 3),
        identity="auto" if key == (name,) and upper == "INTEGER" else "",
        # SQLite does not enforce lengths, but other readers of the file may rely on them.
        max_length=int(size.group(1)) if family is Family.TEXT and size else None,
        integer_digits=whole, fraction_digits=fraction, minimum=low, maximum=high,
        case_insensitive=name in nocase, unique=name in unique, storage=affinity,
    )  # fmt: skip
