"""How everything stands at one moment, in numbers, and what was counted so far: what measuring needs, in one look.

Reads only, as of one moment, and locks nobody out. Every question is answered from an index over what is open or
newest, so that its price grows with the syncs and with what waits, not with the records or the years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from integrations_platform.state import counters, tables
from integrations_platform.state.database import Database
from integrations_platform.state.outbox import MessageState
from integrations_platform.state.rows import from_row, from_text
from integrations_platform.unified_sync.store import Breaker

DIED = "died"
"""State of a newest run whose process is gone: it says that it runs, and nobody holds its sync."""

_run, _quarantine, _pair = tables.run.c, tables.quarantine.c, tables.pair.c


@dataclass(frozen=True)
class Waiting:
    """So many wait, the first of them since then."""

    number: int
    oldest: datetime


@dataclass(frozen=True)
class Standings:
    """By sync: ``first_runs``, ``newest`` (state of the newest run), ``leases`` (until when the sync is held),
    ``conflicts`` and ``unanswered`` operations. ``quarantined`` by sync and reason. By source ``events``, by state
    ``wake_ups``, by target ``messages`` and those ``given_up``. ``alerts``: troubles that stand, by kind."""

    first_runs: Mapping[str, datetime]
    newest: Mapping[str, str]
    leases: Mapping[str, datetime]
    conflicts: Mapping[str, Waiting]
    unanswered: Mapping[str, int]
    quarantined: Mapping[tuple[str, str], Waiting]
    breakers: Mapping[str, Breaker]
    events: Mapping[str, Waiting]
    wake_ups: Mapping[str, Waiting]
    messages: Mapping[str, Waiting]
    given_up: Mapping[str, int]
    alerts: Mapping[str, int]
    counters: Mapping[str, list[tuple[Mapping[str, str], float]]]


def standings(database: Database, now: datetime) -> Standings:
    """Everything as it stands; ``now`` tells which leases have run out."""
    with database.read() as connection:
        lease, op, event = tables.lease.c, tables.op.c, tables.event.c
        wake, message, alert = tables.wake_up.c, tables.outbox.c, tables.standing.c
        held = _pairs(connection, sa.select(lease.pair, lease.until).where(lease.holder.is_not(None)))
        leases = {pair: until for pair, text in held.items() if (until := from_text(text)) is not None}
        first, newest = _runs(connection, {pair for pair, until in leases.items() if until > now})
        aside = sa.select(_quarantine.pair, _quarantine.reason, *_counted(_quarantine.at)).select_from(
            tables.pair.join(tables.quarantine, (_quarantine.pair == _pair.pair) & (_quarantine.status == "open"))
        )
        failed = message.state == MessageState.FAILED.value
        breakers = connection.execute(sa.select(tables.breaker)).mappings()
        return Standings(
            first, newest, leases,
            _waiting(connection, tables.conflict.c.pair, tables.conflict.c.opened_at, tables.OPEN),
            _numbers(connection, op.pair, tables.SENT),
            {
                (row[0], row[1]): Waiting(row[2], datetime.fromisoformat(row[3]))
                for row in connection.execute(aside.group_by(_quarantine.pair, _quarantine.reason))
            },
            {row["system"]: from_row(Breaker, row) for row in breakers},
            _waiting(connection, event.source, event.received_at, tables.WAITING),
            _waiting(connection, wake.state, wake.since, tables.UNENDED),
            _waiting(connection, message.target, message.created_at, tables.WAITING),
            _numbers(connection, message.target, failed),
            _numbers(connection, alert.kind, alert.kind.is_not(None)),
            counters.read(connection),
        )  # fmt: skip


def _runs(connection: sa.Connection, held: set[str]) -> tuple[dict[str, datetime], dict[str, str]]:
    """When each sync ran first, and how its newest run stands; ``held``: syncs whose lease somebody still has."""
    first: dict[str, datetime] = {}
    newest: dict[str, str] = {}
    mine = _run.pair == _pair.pair
    of_sync = sa.select(
        _pair.pair,
        sa.select(_run.started_at).where(mine).order_by(_run.sequence).limit(1).scalar_subquery(),
        sa.select(_run.status).where(mine).order_by(_run.sequence.desc()).limit(1).scalar_subquery(),
    )
    for pair, started_at, status in connection.execute(of_sync):
        if started_at is not None:
            first[pair] = datetime.fromisoformat(started_at)
            newest[pair] = DIED if status == "running" and pair not in held else status
    return first, newest


def _counted(since: sa.ColumnElement[str]) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    return sa.func.count(), sa.func.min(since)


def _waiting(
    connection: sa.Connection, by: sa.Column[str], since: sa.Column[str], condition: Any
) -> dict[str, Waiting]:
    found = connection.execute(sa.select(by, *_counted(since)).where(condition).group_by(by))
    return {row[0]: Waiting(row[1], datetime.fromisoformat(row[2])) for row in found}


def _numbers(connection: sa.Connection, by: sa.Column[Any], condition: Any) -> dict[str, int]:
    return _pairs(connection, sa.select(by, sa.func.count()).where(condition).group_by(by))


def _pairs(connection: sa.Connection, query: sa.Executable) -> dict[str, Any]:
    return {row[0]: row[1] for row in connection.execute(query)}
