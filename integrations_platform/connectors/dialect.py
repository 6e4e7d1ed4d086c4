"""Where SQL dialects differ: what each must answer so that the shared side can be written once.

Owns the seam and the spellings most dialects share. It holds no connection and no declaration of a sync.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl
import sqlalchemy as sa

from integrations_platform.connectors.introspection import Family, InboundKey, NativeColumn, TableShape
from integrations_platform.connectors.session import Row, Session
from integrations_platform.unified_sync.loading_port import Bulk, Texts
from integrations_platform.unified_sync.port import Problem
from integrations_platform.unified_sync.values import FieldType

if TYPE_CHECKING:
    from integrations_platform.connectors.whole_table import WholeTable

LOCK_SECONDS = 10  # a rival's lock is waited for no longer; all attempts of a call together stay within a lease

Quote = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """SQL of a row's version. ``number``: a whole number of 64 bits, of which ``text`` is then the base64, most
    significant byte first; None where the server cannot make one."""

    text: str
    number: str | None = None


@dataclass(frozen=True, slots=True)
class EngineTypes:
    """Column types of the engine-owned tables."""

    pair: str
    record_id: str
    link_id: str
    body: str
    moment: str  # with the server's clock as default
    suffix: str = ""  # table options


class Dialect(ABC):
    """One SQL dialect and its driver. Subclasses also fulfil :class:`.session.Driver`."""

    name: ClassVar[str]
    mark: ClassVar[str] = "%s"  # parameter placeholder
    scheme: str = ""  # names the fingerprint's algorithm; versions of two schemes never compare equal
    begin_read: ClassVar[tuple[str, ...]]
    begin_write: ClassVar[tuple[str, ...]]
    lock: ClassVar[str] = " FOR UPDATE"
    empty_insert: ClassVar[str] = "DEFAULT VALUES"
    nul_text: ClassVar[bool] = True
    batch_limit: ClassVar[int] = 2000  # rows of one transaction; what a batch costs by itself is little beside them
    binds_as_is: ClassVar[bool] = True  # whether :meth:`bind` leaves text, whole numbers, booleans and dates alone
    types: ClassVar[EngineTypes]
    naive_zone_is_guess: ClassVar[frozenset[Family]] = frozenset({Family.DATETIME})

    # Driver: see session.Driver

    @abstractmethod
    def engine(self, url: sa.URL, **options: Any) -> sa.Engine: ...

    @abstractmethod
    def prepare(self, raw: Any) -> None: ...

    def each_row(self, cursor: Any, sql: str, sets: Sequence[Row]) -> list[Row | None]:
        """One statement per set."""
        found: list[Row | None] = []
        for params in sets:
            cursor.execute(sql, params)
            rows = cursor.fetchall()
            found.append(tuple(rows[0]) if rows else None)
        return found

    def each_count(self, cursor: Any, sql: str, sets: Sequence[Row]) -> list[int]:
        """One statement per set."""
        counts = []
        for params in sets:
            cursor.execute(sql, params)
            counts.append(int(cursor.rowcount))
        return counts

    def streaming_cursor(self, raw: Any) -> Any:
        """The plain cursor, where it streams by itself."""
        return raw.cursor()

    def listed(
        self, _session: Session, _key: NativeColumn, _number: str, _archived: str, _rest: str, _params: Row,
        _quote: Quote,
    ) -> Iterator[pl.DataFrame] | None:  # fmt: skip
        """A listing without an object per value (columns ``id``, ``version``, as text, and ``archived``), where the
        driver can; ``_number`` is the fingerprint's, ``_rest`` the query from FROM on."""
        return None

    def moment(
        self, _session: Session, _shape: TableShape, _columns: Sequence[NativeColumn]
    ) -> tuple[str, int] | None:  # fmt: skip
        """Where the open snapshot stands: a word for the table as it is kept, which must stay the same, and the number
        of the moment; None where the server does not know by itself whether anything was written since."""
        return None

    def written_since(self, _session: Session, _number: int) -> str | None:
        """The condition of rows that were written after the moment of that number; None where it is too long ago, or no
        row tells."""
        return None

    # Catalogue

    @abstractmethod
    def url(self, text: str) -> sa.URL:
        """The URL for this dialect's driver. Raises ValueError or SQLAlchemy's ArgumentError without quoting it."""

    @abstractmethod
    def version(self, session: Session) -> str:
        """Product and version of the server."""

    @abstractmethod
    def learn(self, session: Session) -> None:
        """Find out what depends on the server's version. Called before anything else, harmless when repeated."""

    @abstractmethod
    def describe(self, session: Session, object_name: str) -> TableShape | None:
        """The table or view, or None."""

    @abstractmethod
    def object_names(self, session: Session, object_name: str) -> list[str]:
        """Tables and views beside which ``object_name`` would be."""

    @abstractmethod
    def inbound_keys(self, session: Session, shape: TableShape) -> list[InboundKey]:
        """Foreign keys of other rows through which a delete here would delete or change them."""

    @abstractmethod
    def privileges(self, session: Session, shape: TableShape, *, written: bool) -> list[Problem]:
        """Missing privileges and read-only servers."""

    @abstractmethod
    def may_create_tables(self, session: Session, shape: TableShape) -> bool:
        """Whether the engine-owned tables could be created next to the object; True when it cannot be told."""

    @abstractmethod
    def table_exists(self, session: Session, schema: str | None, name: str) -> bool:
        """Whether a table of that exact name exists."""

    def bulk(self, _table: WholeTable) -> Bulk | None:
        """Moving whole tables without reading them, if the dialect can."""
        return None

    def texts(self, _table: WholeTable) -> Texts | None:
        """Moving whole tables as text, if the dialect can."""
        return None

    # Expressions

    @abstractmethod
    def fingerprint(self, columns: Sequence[NativeColumn], quote: Quote, salt: str) -> Fingerprint:
        """Differs when any of these columns differs, in case too, but for a chance of 2⁻⁶⁴ or less. One that is a
        number also differs by ``salt``, letters, digits and colons."""

    @abstractmethod
    def now(self, session: Session) -> datetime:
        """The server's clock, aware, in UTC."""

    @abstractmethod
    def moment_for(self, column: NativeColumn, zone: str) -> str:
        """An expression for now, to be stored in ``column``; ``zone`` is what its wall-clock times are meant in."""

    def read_expression(self, column: NativeColumn, _kind: FieldType, quote: Quote) -> str:
        """How a column is selected so that the driver hands it over without loss."""
        return quote(column.name)

    def equals_exactly(self, column: NativeColumn, quote: Quote, marks: str) -> str:
        """Whether a column is one of the parameters ``marks``, case and trailing blanks included."""
        return f"{quote(column.name)} IN ({marks})"

    def compares_loosely(self, _column: NativeColumn) -> bool:
        """Whether ``=`` on the column calls different texts equal (a collation without regard to case)."""
        return False

    def bind(self, _column: NativeColumn, value: Any) -> Any:
        """The last step before the driver. Raises UnfitValueError."""
        return value

    def keys_in(self, columns: Sequence[str], count: int) -> str:
        """A predicate true for ``count`` keys given as parameters one after the other; ``columns`` are quoted."""
        if len(columns) == 1:
            return f"{columns[0]} IN ({', '.join([self.mark] * count)})"
        one = f"({', '.join([self.mark] * len(columns))})"
        return f"({', '.join(columns)}) IN ({', '.join([one] * count)})"

    def one_of(self, column: str, texts: Sequence[str]) -> tuple[str, Row]:
        """Whether a column of texts, quoted, is one of these, and the parameters of that."""
        return f"{column} IN ({', '.join([self.mark] * len(texts))})", tuple(texts)

    def put_texts(
        self, session: Session, table: str, columns: Sequence[str], key: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """INSERT rows of texts. With a ``key``, of which no two rows have the same, in place of the rows there."""
        if rows:
            sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join([self.mark] * len(columns))})"
            session.many(sql + (self.replacing(columns, key) if key else ""), rows)

    def replacing(self, columns: Sequence[str], key: Sequence[str]) -> str:
        """The end of an INSERT that replaces the row of the same ``key``; another unique key still refuses."""
        changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name not in key)
        return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"

    # Writes

    @abstractmethod
    def insert(
        self,
        session: Session,
        table: str,
        columns: Sequence[str],
        keys: Sequence[NativeColumn],
        rows: Sequence[Row],
        given: Sequence[Row] | None,
        quote: Quote,
    ) -> list[Row]:
        """Insert rows and return the key of each, in order; ``given``: the keys, if the rows hold them."""  # fmt: skip

    def fill(
        self, session: Session, table: str, columns: Sequence[str], rows: Sequence[Row], quote: Quote
    ) -> None:  # fmt: skip
        """Insert rows that hold their keys, in whatever way is fastest."""
        session.many(self.insert_sql(table, columns, quote), rows)

    def insert_sql(self, table: str, columns: Sequence[str], quote: Quote, values: Sequence[str] | None = None) -> str:
        """INSERT of one row. ``values`` replaces the plain placeholders."""
        if not columns:
            return f"INSERT INTO {table} {self.empty_insert}"
        names = ", ".join(quote(name) for name in columns)
        return f"INSERT INTO {table} ({names}) VALUES ({', '.join(values or [self.mark] * len(columns))})"

    # Whole rows, for the archive

    def row_expression(self, column: NativeColumn, quote: Quote) -> str:
        """How a column is selected to be kept losslessly in the archive."""
        return quote(column.name)

    @abstractmethod
    def pack(self, values: Mapping[str, Any]) -> str:
        """A whole row, as selected through :meth:`row_expression`, as JSON text."""

    @abstractmethod
    def unpack(self, body: str) -> dict[str, Any]:
        """The values :meth:`pack` was given, ready to be bound again."""

    def restore_sql(self, table: str, columns: Sequence[NativeColumn], quote: Quote) -> str:
        """INSERT of a whole row with its old key."""
        return self.insert_sql(table, [column.name for column in columns], quote)


def split_name(object_name: str) -> tuple[str | None, str]:
    """(schema, name) of ``schema.name`` or ``name``; only the first dot separates."""
    schema, dot, name = object_name.partition(".")
    return (schema, name) if dot else (None, object_name)


def parsed_url(text: str, driver: str, schemes: Sequence[str]) -> sa.URL:
    """A URL with its driver set. Raises ValueError, without quoting what may hold a password."""
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        raise ValueError("the URL cannot be read; percent-encode special characters in user and password") from None
    if url.drivername.partition("+")[0] not in schemes:
        raise ValueError(f"the URL must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return url.set(drivername=driver)


def json_line(data: object) -> str:
    """Compact JSON, accents kept."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
