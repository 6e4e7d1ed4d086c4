"""How far a connection of change data capture is behind, as the databases at its two ends say.

At the source: how much of its log the slot keeps from being thrown away, which is also what fills the disk of a source
nobody reads. At the destination: how old the newest change in a table is. Airbyte itself tells neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integrations_platform.settings_airbyte import ConnectionSettings, LagSettings

if TYPE_CHECKING:
    import sqlalchemy as sa

CURSOR = "_ab_cdc_updated_at"
_PATIENCE = 15  # seconds for a question; the newest change of a large table without an index is not worth more
_SLOT = (
    "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(confirmed_flush_lsn, restart_lsn))::bigint, active "
    "FROM pg_replication_slots WHERE slot_name = :slot"
)


@dataclass(frozen=True)
class Lag:
    """``slot_bytes`` of log that the slot holds back, None: not known. ``seconds``: by stream's name, the age of the
    newest change at the destination. ``notes``: what could not be told, and why."""

    slot_bytes: int | None = None
    slot_active: bool | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def lag_of(connection: ConnectionSettings, where: LagSettings, url_of: Callable[[str], str]) -> Lag:
    """The lag now; ``url_of`` gives the address of a system. Raises SettingsError for an address that is not set.

    A database that does not answer, or a slot or column that is not there, is a note: a sync is no failure for it.
    """
    notes: list[str] = []
    slot: tuple[int | None, bool | None] = (None, None)
    seconds: dict[str, float] = {}

    def read_slot(session: sa.Connection) -> None:
        nonlocal slot
        slot = _slot(session, where, notes)

    def read_tables(session: sa.Connection) -> None:
        for stream in connection.streams:
            if (age := _age(session, where.schema, stream.name, notes)) is not None:
                seconds[stream.shown] = age

    if where.source:
        _ask(url_of(where.source), where.source, read_slot, notes)
    if where.destination:
        _ask(url_of(where.destination), where.destination, read_tables, notes)
    return Lag(*slot, seconds, tuple(notes))


def _ask(url: str, system: str, read: Callable[[sa.Connection], None], notes: list[str]) -> None:
    import sqlalchemy as sa

    from integrations_platform.connectors.postgresql import PostgreSQL

    dialect = PostgreSQL()
    engine = dialect.engine(dialect.url(url))
    try:
        with engine.connect() as session:
            session.execute(sa.text(f"SET LOCAL statement_timeout = '{_PATIENCE}s'"))
            read(session)
    except sa.exc.SQLAlchemyError as fault:
        reason = str(getattr(fault, "orig", None) or fault).strip().splitlines()
        notes.append(f"the lag could not be read from {system}: {reason[0] if reason else type(fault).__name__}")
    finally:
        engine.dispose()


def _slot(session: sa.Connection, where: LagSettings, notes: list[str]) -> tuple[int | None, bool | None]:
    import sqlalchemy as sa

    row = session.execute(sa.text(_SLOT), {"slot": where.slot}).first()
    if row is None:
        notes.append(f"{where.source} has no replication slot {where.slot!r}: the next sync reads everything anew")
        return None, None
    return row[0], row[1]


def _age(session: sa.Connection, schema: str, table: str, notes: list[str]) -> float | None:
    """Seconds since the newest change; None for an empty table, and with a note where the column is not there."""
    import sqlalchemy as sa

    known = session.execute(
        sa.text(
            "SELECT 1 FROM information_schema.columns "
            "WHERE table_schema = :schema AND table_name = :table AND column_name = :column"
        ),
        {"schema": schema, "table": table, "column": CURSOR},
    ).first()
    if known is None:
        notes.append(f"{schema}.{table} has no column {CURSOR} that this user may read")
        return None
    quoted = session.dialect.identifier_preparer.quote_identifier
    column = quoted(CURSOR)
    # Text in most tables, and then a time in UTC as ISO 8601 writes it, whose order is that of the text.
    sql = (
        f"SELECT extract(epoch FROM now() - max({column})::text::timestamptz)::float8 "
        f"FROM {quoted(schema)}.{quoted(table)}"
    )
    age = session.execute(sa.text(sql)).scalar()
    return None if age is None else max(0.0, float(age))
