"""One table with a column for every field type on each kind of database, and values of that type that often go wrong.

Owns the columns, the declared fields, and how plain SQL on each database is read back as one comparable value.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from integrations_platform_tests.end_to_end.arrange import Base

COLUMNS = {
    "text": {"postgresql": "text", "mysql": "text", "sqlite": "text"},
    "email": {"postgresql": "varchar(200)", "mysql": "varchar(200)", "sqlite": "varchar(200)"},
    "phone": {"postgresql": "varchar(60)", "mysql": "varchar(60)", "sqlite": "varchar(60)"},
    "integer": {"postgresql": "bigint", "mysql": "bigint", "sqlite": "bigint"},
    # SQLite makes a float of a decimal, which keeps 15 digits, and a number of a JSON text, unless it is declared text.
    "decimal": {"postgresql": "numeric(18, 4)", "mysql": "decimal(18, 4)", "sqlite": "numeric(15, 4)"},
    "boolean": {"postgresql": "boolean", "mysql": "boolean", "sqlite": "boolean"},
    "date": {"postgresql": "date", "mysql": "date", "sqlite": "date"},
    "datetime": {"postgresql": "timestamptz", "mysql": "datetime(6)", "sqlite": "datetime"},
    "enum": {"postgresql": "varchar(20)", "mysql": "enum('new', 'größer', 'done')", "sqlite": "varchar(20)"},
    "set": {"postgresql": "text[]", "mysql": "set('a', 'b', 'c')", "sqlite": "text"},
    "uuid": {"postgresql": "uuid", "mysql": "char(36)", "sqlite": "char(36)"},
    "json": {"postgresql": "jsonb", "mysql": "json", "sqlite": "text"},
}
NARROW = COLUMNS | {
    "text": {"postgresql": "varchar(20)", "mysql": "varchar(20)", "sqlite": "varchar(20)"},
    "email": {"postgresql": "varchar(24)", "mysql": "varchar(24)", "sqlite": "varchar(24)"},
    "phone": {"postgresql": "varchar(14)", "mysql": "varchar(14)", "sqlite": "varchar(14)"},
    "integer": {"postgresql": "integer", "mysql": "int", "sqlite": "bigint"},  # SQLite has one integer
    "decimal": {"postgresql": "numeric(12, 4)", "mysql": "decimal(12, 4)", "sqlite": "numeric(15, 4)"},
    "enum": COLUMNS["enum"] | {"mysql": "enum('new', 'done')"},
    "set": COLUMNS["set"] | {"mysql": "set('a', 'b')"},
}
"""Columns in which some values of those above do not fit."""


CAN_MISFIT = {
    "postgresql": ("text", "email", "phone", "integer", "decimal"),
    "mysql": ("text", "email", "phone", "integer", "decimal", "enum", "set"),
    "sqlite": ("text", "email", "phone"),
}

_WIDTHS = {"text": 20, "email": 24, "phone": 14}


def fits_narrow(kind: str, value: Any, database: str) -> bool:
    """Whether a value has a place in the column of :data:`NARROW`, said without asking the engine."""
    if value is None:
        return True
    if kind in _WIDTHS:
        return len(value) <= _WIDTHS[kind]
    if kind == "integer":
        return database == "sqlite" or -(2**31) <= value < 2**31
    if kind == "decimal":
        return database == "sqlite" or abs(Decimal(value)) < 10**8
    if database == "mysql" and kind in ("enum", "set"):
        return value != "größer" if kind == "enum" else "c" not in value
    return True


MORE = {
    "decimal": "scale: 4",
    "enum": "options: [new, größer, done]",
    "set": "options: [a, b, c]",
}

VALUES: dict[str, list[Any]] = {
    "text": ["Zoë Ångström-Ñuñez", "👩‍👩‍👧 and 𝔘𝔫𝔦", "", None, "line\nnext\ttab", "O'Brien \\ % _ \"x\"", " pad "],
    "email": ["Mixed.Case+tag@Example.ORG", "ü@exämple.de", "a@b.c", None, "x@y.z", "d@e.f", "g@h.i"],
    "phone": ["+49 (0)30 901820", "030/901-820", None, "", "0800 FLOWERS", "112", "+1-800-555-0199"],
    "integer": [0, -1, 2**63 - 1, -(2**63), None, 7, 42],
    "decimal": ["0.10", "-0", "1E+2", "12345678901.2345", None, "0.0001", "-99999999999.9999"],
    "boolean": [True, False, None, True, False, True, False],
    "date": [date(1999, 12, 31), date(2000, 1, 1), date(2024, 2, 29), date(1000, 1, 1), None, date(9999, 12, 31),
             date(1970, 1, 1)],
    "datetime": [datetime(1999, 12, 31, 23, 59, 59, 999999, UTC), datetime(2000, 1, 1, tzinfo=UTC),
                 datetime(2024, 3, 31, 1, 30, 0, 1, UTC), datetime(2024, 10, 27, 1, 30, tzinfo=UTC), None,
                 datetime(1901, 1, 1, 0, 0, 0, 500000, UTC), datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC)],
    "enum": ["new", "größer", "done", None, "new", "done", "new"],
    "set": [("a",), ("a", "b", "c"), (), None, ("c",), ("a", "c"), ("b",)],
    "uuid": ["123e4567-e89b-12d3-a456-426614174000", None,
             *(f"00000000-0000-4000-8000-00000000000{n}" for n in range(5))],
    "json": [{"a": 1, "b": [None, True, "é"]}, [], {}, None, "text", {"deep": {"er": [1, 2, {"n": "👍"}]}}, 0],
}  # fmt: skip
EDITS: dict[str, Any] = {
    "text": "edited – Ελλάδα 🎉",
    "email": "Edited@Example.org",
    "phone": "+30 210 000",
    "integer": -77,
    "decimal": "-3.0100",
    "boolean": False,
    "date": date(2100, 2, 28),
    "datetime": datetime(2030, 6, 30, 22, 0, 0, 120000, UTC),
    "enum": "done",
    "set": ("b", "c"),
    "uuid": "ffffffff-ffff-4fff-8fff-ffffffffffff",
    "json": {"edited": ["ü", 2]},
}


def sync(types: list[str]) -> str:
    """The declared sync of these columns, of which none is required and none is a match key but ``code``."""
    fields = "".join(
        f"  f_{kind}: {{source: f_{kind}, target: f_{kind}, type: {kind}, required: false"
        f"{', ' + MORE[kind] if kind in MORE else ''}}}\n"
        for kind in types
    )
    return (
        "name: people\nsource: {system: office, object: person, zone: UTC}\n"
        "target: {system: shop, object: person, zone: UTC}\nmatch: [code]\nguards: {max_change_fraction: 1}\nfields:\n"
        f"  code: {{source: code, target: code, type: integer}}\n{fields}"
    )


def create(base: Base, types: list[str], columns: Mapping[str, Mapping[str, str]] = COLUMNS) -> None:
    """The table, with these columns."""
    key = {"postgresql": "int GENERATED ALWAYS AS IDENTITY", "mysql": "int AUTO_INCREMENT", "sqlite": "integer"}
    declared = "".join(f", f_{kind} {columns[kind][base.kind]}" for kind in types)
    suffix = " CHARACTER SET utf8mb4" if base.kind == "mysql" else ""
    base.run(f"CREATE TABLE person (id {key[base.kind]} PRIMARY KEY, code int UNIQUE{declared}){suffix}")


def stored(base: Base, kind: str, value: Any) -> Any:
    """A value as a program of that database's users would bind it."""
    if value is None:
        return None
    if kind == "json":
        return json.dumps(value)
    if kind == "set":
        return list(value) if base.kind == "postgresql" else (";" if base.kind == "sqlite" else ",").join(value)
    if kind == "datetime" and base.kind != "postgresql":
        naive = value.replace(tzinfo=None)
        return naive if base.kind == "mysql" else naive.isoformat(sep=" ")
    if kind == "date" and base.kind == "sqlite":
        return value.isoformat()
    return value


def shown(kind: str, raw: Any) -> Any:
    """What plain SQL answers, as one value that can be compared between databases."""
    if raw is None:
        return None
    if kind == "text":  # composed and decomposed letters are one text
        return unicodedata.normalize("NFC", raw.replace("\r\n", "\n"))
    if kind == "decimal":
        return Decimal(str(raw)) + 0
    if kind == "boolean":
        return bool(raw)
    if kind == "json":
        return json.dumps(json.loads(raw) if isinstance(raw, str) else raw, sort_keys=True)
    if kind == "set":
        found = raw if isinstance(raw, list) else raw.replace(";", ",").split(",")
        return tuple(sorted(part for part in found if part))
    if kind == "datetime":
        moment = datetime.fromisoformat(raw) if isinstance(raw, str) else raw
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if kind == "uuid":
        return str(raw)
    if kind == "date":
        return str(raw)
    return raw


def insert(base: Base, rows: list[dict[str, Any]], first: int = 0) -> None:
    """Rows of values by type; ``code`` numbers them from ``first``."""
    types = list(rows[0])
    casts = {kind: "CAST(:f_json AS jsonb)" if kind == "json" and base.kind == "postgresql" else f":f_{kind}"
             for kind in types}  # fmt: skip
    names = ", ".join(f"f_{kind}" for kind in types)
    sql = f"INSERT INTO person (code, {names}) VALUES (:code, {', '.join(casts.values())})"
    with base.engine.begin() as connection:
        connection.execute(
            sa.text(sql),
            [{"code": first + number} | {f"f_{kind}": stored(base, kind, value) for kind, value in row.items()}
             for number, row in enumerate(rows)],
        )  # fmt: skip


def edit(base: Base, kind: str, code: int, value: Any) -> None:
    """Change one value as a user."""
    cast = "CAST(:value AS jsonb)" if kind == "json" and base.kind == "postgresql" else ":value"
    base.run(f"UPDATE person SET f_{kind} = {cast} WHERE code = :code", value=stored(base, kind, value), code=code)


def read(base: Base, types: list[str]) -> dict[int, dict[str, Any]]:
    """The whole table in comparable values, by code."""
    as_text = {"json": "CAST(f_json AS text)" if base.kind == "postgresql" else "f_json"}
    columns = ", ".join(as_text.get(kind, f"f_{kind}") for kind in types)
    rows = base.rows(f"SELECT code, {columns} FROM person")
    assert len({row[0] for row in rows}) == len(rows), "a row came twice"
    return {row[0]: {kind: shown(kind, raw) for kind, raw in zip(types, row[1:], strict=True)} for row in rows}


Table = dict[int, dict[str, Any]]


def differences(one: Table, other: Table) -> dict[tuple[int, str], tuple[Any, Any]]:
    """Values that differ, by code and type; rows that only one of them has count as empty there."""
    return {
        (code, kind): (left, right)
        for code in sorted(one.keys() | other.keys())
        for kind in sorted((one.get(code) or other[code]).keys())
        if (left := one.get(code, {}).get(kind)) != (right := other.get(code, {}).get(kind))
    }
