"""fakesnow's server with our COPY executor in it, so that the vendor's own client runs our statements over HTTP.

Only for tests. fakesnow's own COPY fails on partitioned paths and is not atomic; what is exchanged is its function of
that name, and what is watched is the end of transactions and of tables.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import snowflake.connector.errors as errors
from sqlglot import exp

from integrations_platform.warehouse.copy_result import COLUMNS, NO_FILES
from integrations_platform.warehouse.copying.executor import StageTarget, Surroundings, execute_copy
from integrations_platform.warehouse.copying.files import OpenStore
from integrations_platform.warehouse.copying.history import History, cleared_tables
from integrations_platform.warehouse.errors import CopyError, StatementError, WarehouseError

_TYPES = ("VARCHAR", "VARCHAR", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "VARCHAR", "BIGINT", "BIGINT", "VARCHAR")
_TEMPORARY = (exp.TemporaryProperty, exp.TransientProperty)
_running: ContextVar[tuple[Any, str]] = ContextVar("running")


@dataclass
class Wire:
    """A running server. ``open_store`` may be exchanged by a test; ``statements``: what it was sent, in order."""

    arguments: Mapping[str, Any]
    open_store: OpenStore
    statements: list[str]


@dataclass
class _Names:
    connection: Any
    database: str
    schema: str
    tables: Any

    def stage(self, name: str) -> StageTarget:
        from fakesnow.copy_into import stage_url_from_var

        table = exp.to_table("t")
        return StageTarget(stage_url_from_var(name, self.connection, self.database, self.schema, self.tables, table))

    def file_format(self, name: str) -> Mapping[str, Any]:
        from fakesnow.transforms.file_format import lookup_file_format

        found: Mapping[str, Any] = lookup_file_format(self.connection, name, self.database, self.schema)
        return found


@contextmanager
def serving(open_store: OpenStore) -> Iterator[Wire]:
    """A server on a free port of this machine."""
    import fakesnow
    import fakesnow.cursor

    serve = fakesnow.server  # taken before the module of that name is imported, which takes its place
    wire = Wire({}, open_store, [])
    kind = fakesnow.cursor.FakeSnowflakeCursor
    own = fakesnow.cursor.copy_into, kind.execute, kind._execute

    def execute(self: Any, command: str, *args: Any, **kwargs: Any) -> Any:
        wire.statements.append(command)
        token = _running.set((self, command))
        try:
            return own[1](self, command, *args, **kwargs)
        finally:
            _running.reset(token)

    def _execute(self: Any, transformed: Any, params: Any = None) -> None:
        if isinstance(transformed, exp.Create) and transformed.args.get("properties"):
            # DuckDB keeps temporary tables in a database of their own, so it refuses a full name for one.
            said = [item for item in transformed.args["properties"].expressions if not isinstance(item, _TEMPORARY)]
            transformed.args["properties"].set("expressions", said)
        own[2](self, transformed, params)
        if isinstance(transformed, exp.Transaction):
            self._conn.copies_in_transaction = True
        elif isinstance(transformed, exp.Commit | exp.Rollback):
            self._conn.copies_in_transaction = False
        for table in cleared_tables(transformed):
            History(self._duck_conn, (self._conn.database, self._conn.schema, *table)[-3:]).clear()

    def copy_into(connection: Any, database: Any, schema: Any, _: Any, tables: Any, *rest: Any) -> str:
        cursor, command = _running.get()
        around = Surroundings(
            wire.open_store, _Names(connection, database or "", schema or "", tables), database or "", schema or "",
            getattr(cursor._conn, "copies_in_transaction", False),
        )  # fmt: skip
        sql = _answer(lambda: execute_copy(connection, command, around).result.files)
        connection.execute(sql)
        return sql

    fakesnow.cursor.copy_into, kind.execute, kind._execute = copy_into, execute, _execute
    try:
        with serve() as kwargs:
            logging.getLogger("fakesnow.server").setLevel(logging.CRITICAL)
            wire.arguments = {
                "account": "fakesnow", "user": "fake", "password": "snow", "protocol": "http",
                "host": kwargs["host"], "port": kwargs["port"], "network_timeout": 5, "paramstyle": "qmark",
                "database": "MYDB", "schema": "PUBLIC",
            }  # fmt: skip
            yield wire
    finally:
        fakesnow.cursor.copy_into, kind.execute, kind._execute = own


def _answer(load: Callable[[], Any]) -> str:
    """The result as a SELECT of DuckDB's, which fakesnow asks for; every error as the client knows them, because
    anything else would be HTTP 500, which the client repeats."""
    try:
        files = load()
    except CopyError as fault:
        raise errors.ProgrammingError(msg=fault.message, errno=fault.errno, sqlstate=fault.sqlstate) from None
    except (StatementError, WarehouseError) as fault:
        raise errors.ProgrammingError(msg=fault.message, errno=2003, sqlstate="42S02") from None
    except errors.ProgrammingError:
        raise
    except Exception as fault:
        raise errors.ProgrammingError(msg=f"{type(fault).__name__}: {fault}", errno=100069, sqlstate="22000") from None
    if not files:
        return f"SELECT '{NO_FILES}' AS status"
    rows = ", ".join(f"({', '.join(map(_cell, item.row(), _TYPES))})" for item in files)
    return f"SELECT * FROM (VALUES {rows}) AS t({', '.join(COLUMNS)})"


def _cell(value: Any, kind: str) -> str:
    if value is None:
        return f"NULL::{kind}"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
