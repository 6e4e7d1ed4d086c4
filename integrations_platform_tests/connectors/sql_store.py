"""A database with the tables of the SQL sides' contract, sides of it, and what its stories do with records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from integrations_platform.connectors import open_side
from integrations_platform.connectors.relational import RelationalSide
from integrations_platform.unified_sync.port import (
    BoundColumn,
    Kind,
    Outcome,
    Record,
    Status,
    Write,
)
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType, Value

TYPES: Mapping[str, FieldType] = {
    "name": FieldType.TEXT,
    "email": FieldType.EMAIL,
    "amount": FieldType.DECIMAL,
    "count_of": FieldType.INTEGER,
    "active": FieldType.BOOLEAN,
    "born": FieldType.DATE,
    "seen": FieldType.DATETIME,
    "tags": FieldType.SET,
    "code": FieldType.UUID,
    "attrs": FieldType.JSON,
}
"""Bound columns of ``people``; besides, it has ``id``, ``secret_note`` and ``updated_at``, which are not bound."""

ROUND_TRIPS: Sequence[tuple[str, Value]] = [
    ("name", ""),
    ("name", None),
    ("name", "Zoë Ångström – naïve"),
    ("name", "👩🏽‍🚀 𝒳 漢字"),
    ("name", 'it\'s 100% \\ "quoted" :name %s ?'),
    ("name", "two\nlines\tand a tab"),
    ("name", " blanks "),
    ("name", "00123"),
    ("email", "Ann.O'Hara+x@Example.org"),
    ("amount", Decimal("0.1")),
    ("amount", Decimal("100")),
    ("amount", Decimal("-1234567.89")),
    ("amount", Decimal(0)),
    ("amount", None),
    ("count_of", 0),
    ("count_of", -1),
    ("count_of", 2**31 - 1),
    ("active", True),
    ("active", False),
    ("active", None),
    ("born", date(1969, 7, 20)),
    ("born", date(2024, 2, 29)),
    ("seen", datetime(2024, 3, 31, 1, 30, 0, 123456, UTC)),
    ("seen", datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
    ("tags", ("blue", "red")),
    ("code", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ("attrs", '{"a":1,"b":["ü",null]}'),
]


@dataclass
class Store:
    """A database as its own users see it."""

    kind: Literal["postgresql", "mysql", "sqlite"]
    url: str
    opened: list[RelationalSide] = field(default_factory=list)

    def __post_init__(self) -> None:
        drivers = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "sqlite": "sqlite+pysqlite"}
        url = sa.make_url(self.url).set(drivername=drivers[self.kind])
        self.engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        if self.kind == "sqlite":
            sa.event.listen(self.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 5000"))

    def run(self, *statements: str) -> None:
        """What a user does, statement by statement."""
        with self.engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a user sees."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def count(self, table: str = "people") -> int:
        """Rows of a table."""
        return int(self.rows(f"SELECT COUNT(*) FROM {table}")[0][0])

    def side(
        self, table: str = "people", types: Mapping[str, FieldType] = TYPES, *, url: str | None = None, **spec: Any
    ) -> RelationalSide:
        """A side as the engine opens it."""
        columns = [BoundColumn(name, kind, written=True) for name, kind in types.items()]
        side = open_side("crm_db", self.kind, url or self.url, SideSpec("crm_db", table, **spec), columns, "pair", "A")
        self.opened.append(side)
        return side

    def close(self) -> None:
        """Let the database be dropped."""
        for side in self.opened:
            side.close()
        self.engine.dispose()


@contextmanager
def opened(kind: Literal["postgresql", "mysql", "sqlite"], url: str, *tables: str) -> Iterator[Store]:
    """A store with these tables."""
    store = Store(kind, url)
    store.run(*tables)
    try:
        yield store
    finally:
        store.close()


def create(number: int, **values: Value) -> Write:
    """A create of ``people`` under op and link numbers."""
    return Write(f"op-{number}", Kind.CREATE, f"link-{number}", {"name": f"Person {number}", **values})


def change(op_id: str, record: Record, kind: Kind = Kind.UPDATE, **values: Value) -> Write:
    """A write planned from ``record``."""
    return Write(op_id, kind, record.link_id or "link", values, record.id, record.version)


def only(outcomes: Sequence[Outcome]) -> Outcome:
    """The single outcome."""
    (outcome,) = outcomes
    return outcome


def added(side: RelationalSide, number: int = 1, **values: Value) -> Record:
    """A record that the engine created."""
    outcome = only(side.write([create(number, **values)]))
    assert outcome.status is Status.APPLIED, outcome
    assert outcome.id is not None
    return side.read([outcome.id])[outcome.id]


def versions(side: RelationalSide) -> dict[str, str]:
    """Versions by id, as listed."""
    with side.snapshot() as snapshot:
        frame = snapshot.listing().frame
    return dict(zip(frame["id"].to_list(), frame["version"].to_list(), strict=True))


def presences(side: RelationalSide) -> dict[str, str]:
    """Presences by id, as listed."""
    with side.snapshot() as snapshot:
        frame = snapshot.listing().frame
    return dict(zip(frame["id"].to_list(), frame["presence"].to_list(), strict=True))
