"""Many rows of one table at once, past SQLAlchemy's own binding of parameters, which costs more than the database does.

Owns the two spellings: SQLite, which lives in this process, is given tuples; PostgreSQL gets all rows in one parameter
and one statement. It begins and ends no transaction, and rows of one call must not share a key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

Rows = Sequence[Mapping[str, Any]]
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def insert(connection: sa.Connection, table: sa.Table, rows: Rows, *, replace: bool = False) -> None:
    """Insert rows that hold (at least) all columns. ``replace``: in place of those of the same primary key."""
    if rows:
        _run(connection, _insertion(connection.dialect, table, replace), tuple(table.columns.keys()), rows)


def update(connection: sa.Connection, table: sa.Table, key: str, columns: tuple[str, ...], rows: Rows) -> int:
    """Set ``columns`` of the rows with this ``pair`` and ``key``; how many there were."""
    names = (*columns, "pair", key)
    return _run(connection, _change(connection.dialect, table, key, columns), names, rows) if rows else 0


def _run(connection: sa.Connection, sql: str, names: tuple[str, ...], rows: Rows) -> int:
    pick = itemgetter(*names)
    picked = [pick(row) for row in rows]
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(sql, picked).rowcount
    return connection.exec_driver_sql(sql, (_encode([dict(zip(names, row, strict=True)) for row in picked]),)).rowcount


@lru_cache
def _insertion(dialect: sa.Dialect, table: sa.Table, replace: bool) -> str:
    quote, names = dialect.identifier_preparer.quote, [column.name for column in table.columns]
    listed = ", ".join(map(quote, names))
    key = [column.name for column in table.primary_key]
    sql = f"INSERT INTO {quote(table.name)} ({listed}) "
    if dialect.name == "sqlite":
        sql += f"VALUES ({', '.join('?' * len(names))})"
    else:
        sql += f"SELECT {listed} FROM {_given(dialect, table, names)}"
    if replace:
        changes = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in names if name not in key)
        sql += f" ON CONFLICT ({', '.join(map(quote, key))}) DO UPDATE SET {changes}"
    return sql


@lru_cache
def _change(dialect: sa.Dialect, table: sa.Table, key: str, columns: tuple[str, ...]) -> str:
    quote = dialect.identifier_preparer.quote
    if dialect.name == "sqlite":
        changes = ", ".join(f"{quote(name)} = ?" for name in columns)
        return f"UPDATE {quote(table.name)} SET {changes} WHERE pair = ? AND {quote(key)} = ?"
    changes = ", ".join(f"{quote(name)} = given.{quote(name)}" for name in columns)
    given, found = _given(dialect, table, [*columns, "pair", key]), f"stored.{quote(key)} = given.{quote(key)}"
    return f"UPDATE {quote(table.name)} AS stored SET {changes} FROM {given} WHERE stored.pair = given.pair AND {found}"


def _given(dialect: sa.Dialect, table: sa.Table, names: Sequence[str]) -> str:
    typed = (f"{dialect.identifier_preparer.quote(name)} {table.c[name].type.compile(dialect)}" for name in names)
    return f"json_to_recordset(%s) AS given ({', '.join(typed)})"
