"""Adapters of the engine's port to the systems a sync may name.

Opens SQL sides, describes their objects for drafts, and asks servers who they are. Drivers are imported when a side of
their kind is opened, so that naming a system costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from integrations_platform.connectors.dialect import Dialect
    from integrations_platform.connectors.introspection import Description
    from integrations_platform.connectors.relational import RelationalSide
    from integrations_platform.unified_sync.port import BoundColumn
    from integrations_platform.unified_sync.spec import SideName, SideSpec

DatabaseKind = Literal["postgresql", "mysql", "sqlite"]
DATABASE_KINDS: tuple[DatabaseKind, ...] = ("postgresql", "mysql", "sqlite")


def open_side(
    system: str,
    kind: DatabaseKind,
    url: str,
    spec: SideSpec,
    columns: Sequence[BoundColumn],
    pair: str,
    side: SideName,
    clock: Callable[[], datetime] | None = None,
) -> RelationalSide:
    """A table of a SQL database as one side of the sync ``pair``. Connects to nothing yet.

    ``url`` is a SQLAlchemy URL, a plain ``postgresql://``, ``mysql://`` or ``mariadb://`` one, or the path of an SQLite
    file; the driver is chosen here. ``columns`` are the columns this sync reads or writes. ``clock`` is the engine's.
    Raises SideError(CONFIGURATION) for a URL that cannot be used, and ValueError for an unknown kind.
    """
    from dataclasses import replace

    from integrations_platform.connectors.relational import RelationalSide, system_clock

    named = spec if spec.system == system else replace(spec, system=system)
    return RelationalSide(_dialect(kind), url, named, columns, pair, side, clock or system_clock)


def introspect(kind: DatabaseKind, url: str, object_name: str, system: str = "database") -> Description:
    """Columns of a table or view with suggested field types, and its primary key, for drafting a sync.

    ``system`` is the name used in messages. Raises SideError, also when there is no such object.
    """
    from integrations_platform.connectors.checking import as_sentence, missing_object
    from integrations_platform.connectors.introspection import describe
    from integrations_platform.connectors.relational import open_database
    from integrations_platform.unified_sync.port import ErrorKind, SideError
    from integrations_platform.unified_sync.spec import SideSpec

    dialect = _dialect(kind)
    database = open_database(dialect, system, object_name, url)
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


def probe(kind: DatabaseKind, url: str, system: str = "database") -> str:
    """Product and version of the server, e.g. ``PostgreSQL 15.18``. Raises SideError when it cannot be reached."""
    from integrations_platform.connectors.relational import open_database

    dialect = _dialect(kind)
    database = open_database(dialect, system, "server", url)
    try:
        with database.session() as session:
            return dialect.version(session)
    finally:
        database.close()


def _dialect(kind: DatabaseKind) -> Dialect:
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
