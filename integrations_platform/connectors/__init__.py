"""Adapters of the engine's port to the systems a sync may name.

Opens sides, describes their objects for drafts, and asks servers who they are. A SQL database is reached by its URL, a
service by its options (see :mod:`.services`). Drivers and clients are imported when a side of their kind is opened, so
that naming a system costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from integrations_platform.connectors.budgets import Budget
    from integrations_platform.connectors.dialect import Dialect
    from integrations_platform.connectors.introspection import Description
    from integrations_platform.unified_sync.port import BoundColumn, Side
    from integrations_platform.unified_sync.spec import SideName, SideSpec

DatabaseKind = Literal["postgresql", "mysql", "sqlite"]
DATABASE_KINDS: tuple[DatabaseKind, ...] = ("postgresql", "mysql", "sqlite")


Address = str | Mapping[str, str]
"""The URL of a database, or the options of a service with variables filled in: a secret either way."""


def open_side(
    system: str,
    kind: str,
    address: Address,
    spec: SideSpec,
    columns: Sequence[BoundColumn],
    pair: str,
    side: SideName,
    clock: Callable[[], datetime] | None = None,
    budget: Budget | None = None,
) -> Side:
    """A table of a database or an object of a service as one side of the sync ``pair``. Connects to nothing yet.

    ``address`` of a database is a SQLAlchemy URL, a plain ``postgresql://``, ``mysql://`` or ``mariadb://`` one, or the
    path of an SQLite file; the driver is chosen here. ``columns`` are the columns this sync reads or writes. ``clock``
    is the engine's. ``budget`` is that of the service's account (default: one of this side alone).
    Raises SideError(CONFIGURATION) for an address that cannot be used, and ValueError for an unknown kind.
    """
    from dataclasses import replace

    named = spec if spec.system == system else replace(spec, system=system)
    if isinstance(address, str):
        from integrations_platform.connectors.relational import RelationalSide

        return RelationalSide(_dialect(kind), address, named, columns, pair, side, clock or _system_clock)
    from integrations_platform.connectors.services import Opener, service

    open_service = cast("Opener", getattr(service(kind), f"open_{kind}"))
    charged = budget or _own_budget(system, kind, address, clock)
    return open_service(system, address, named, columns, pair, side, clock=clock or _system_clock, budget=charged)


def introspect(
    kind: str, address: Address, object_name: str, system: str = "database", budget: Budget | None = None
) -> Description:
    """Columns of a table, view or object with suggested field types, and its key, for drafting a sync.

    ``system`` is the name used in messages. Raises SideError, also when there is no such object.
    """
    from integrations_platform.unified_sync.port import ErrorKind, SideError

    if not isinstance(address, str):
        from integrations_platform.connectors.services import Introspector, service

        describe_object: Introspector | None = getattr(service(kind), "introspect", None)
        if describe_object is None:
            message = f"{system}: syncs with a {kind} cannot be drafted; write the file by hand"
            raise SideError(ErrorKind.CONFIGURATION, message, code="draft")
        charged = budget or _own_budget(system, kind, address, None)
        return describe_object(system, address, object_name, clock=_system_clock, budget=charged)

    from integrations_platform.connectors.checking import as_sentence, missing_object
    from integrations_platform.connectors.introspection import describe
    from integrations_platform.connectors.relational import open_database
    from integrations_platform.unified_sync.spec import SideSpec

    dialect = _dialect(kind)
    database = open_database(dialect, system, object_name, address)
    try:
        with database.session() as session:
            dialect.learn(session)
            shape = dialect.describe(session, object_name)
            if shape is None:
                problem = missing_object(dialect, session, SideSpec(system, object_name))
                raise SideError(ErrorKind.CONFIGURATION, as_sentence([problem]), code="object")
            return describe(shape)
    finally:
        database.close()


def probe(kind: str, address: Address, system: str = "database", budget: Budget | None = None) -> str:
    """Product and version of the server, e.g. ``PostgreSQL 15.18``. Raises SideError when it cannot be reached."""
    if not isinstance(address, str):
        from integrations_platform.connectors.services import Prober, service

        ask: Prober | None = getattr(service(kind), "probe", None)
        charged = budget or _own_budget(system, kind, address, None)
        return f"{kind} (not asked)" if ask is None else ask(system, address, clock=_system_clock, budget=charged)

    from integrations_platform.connectors.relational import open_database

    dialect = _dialect(kind)
    database = open_database(dialect, system, "server", address)
    try:
        with database.session() as session:
            return dialect.version(session)
    finally:
        database.close()


def _system_clock() -> datetime:
    return datetime.now(UTC)


def _own_budget(system: str, kind: str, options: Mapping[str, str], clock: Callable[[], datetime] | None) -> Budget:
    from integrations_platform.connectors.services import budget_for

    return budget_for(system, kind, options, clock=clock or _system_clock, sleep=time.sleep)


def _dialect(kind: str) -> Dialect:
    if kind == "postgresql":
        from integrations_platform.connectors.postgresql import PostgreSQL

        return PostgreSQL()
    if kind == "mysql":
        from integrations_platform.connectors.mysql import MySQL

        return MySQL()
    if kind == "sqlite":
        from integrations_platform.connectors.sqlite import SQLite

        return SQLite()
    raise ValueError(f"unknown kind of database {kind!r}; known are {', '.join(DATABASE_KINDS)}")
