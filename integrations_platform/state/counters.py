"""Counters of what has happened, which only grow, and the moments at which things happened last.

Rows are changed in the very transaction that commits the fact they count, so that nothing is lost with a process and
nothing is counted that did not happen. They hold names of syncs, sides and outcomes: no record, no value, no free text.
What they are called to the outside, and what the other tables already tell, is its callers' business.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database, chunks
from integrations_platform.unified_sync.spec import SIDES
from integrations_platform.unified_sync.store import RunRecord

DURATIONS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
"""Upper bounds in seconds of the classes that durations of runs are counted in; longer ones are in ``+Inf``."""

Count = tuple[str, Mapping[str, str], float]
"""What is counted, by which labels, and how much."""
_metric = tables.metric


class SqlCounters:
    """The rows. Any method raises :class:`StateError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, grown: Sequence[Count] = (), at: Sequence[Count] = ()) -> None:
        """Add to counters, and replace moments, in one transaction."""
        with self._database.write() as connection:
            note(self._database, connection, grown, at)

    def read(self) -> Mapping[str, list[tuple[Mapping[str, str], float]]]:
        """All of them by name, as of one moment."""
        with self._database.read() as connection:
            return read(connection)


def read(connection: sa.Connection) -> Mapping[str, list[tuple[Mapping[str, str], float]]]:
    """Labels and value of all rows, by name."""
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for row in connection.execute(sa.select(_metric).order_by(_metric.c.name, _metric.c.labels)):
        found.setdefault(row.name, []).append((json.loads(row.labels), row.value))
    return found


def note(database: Database, connection: sa.Connection, grown: Sequence[Count], at: Sequence[Count] = ()) -> None:
    """Add ``grown`` to counters and replace moments by ``at``, in a transaction that goes on."""
    if grown:
        added = _metric.c.value + sa.literal_column("excluded.value")
        connection.execute(database.upsert(_metric, value=added), _rows(grown))
    if at:
        connection.execute(database.upsert(_metric), _rows(at))


def _rows(counts: Sequence[Count]) -> list[dict[str, Any]]:
    """In one order, so that two that change the same rows wait for and never deadlock each other."""
    rows = [
        {"name": name, "labels": json.dumps(dict(labels), sort_keys=True, separators=(",", ":")), "value": value}
        for name, labels, value in counts
    ]
    return sorted(rows, key=lambda row: (row["name"], row["labels"]))


def writes_ended(database: Database, connection: sa.Connection, pair: str, op_ids: Sequence[str]) -> None:
    """Count operations that have just been closed, as they now stand."""
    op, counts = tables.op.c, []
    for some in chunks(op_ids):
        kinds = op.side, op.kind, op.state
        query = sa.select(*kinds, sa.func.count()).where(database.among(pair, op.op_id, some)).group_by(*kinds)
        for side, kind, state, number in connection.execute(query):
            labels = {"sync": pair, "side": side, "kind": kind, "outcome": state}
            counts.append(("sync_writes", labels, float(number)))
    note(database, connection, counts)


def run_ended(database: Database, connection: sa.Connection, pair: str, run: RunRecord, ended: datetime) -> None:
    """Count a run by what its row says of it, once: when it ends."""
    from integrations_platform.unified_sync.report import OUTCOMES  # the planner behind it is for who runs syncs

    counts: Mapping[str, float] = json.loads(run.counts)
    mine = {"sync": pair}
    seconds = (ended - run.started_at).total_seconds()
    grown: list[Count] = [
        ("sync_runs", mine | {"outcome": run.status}, 1.0),
        ("sync_run_seconds", mine, seconds),
        ("sync_run_class", mine | {"le": _class(seconds)}, 1.0),
        ("sync_conflicts_opened", mine, float(counts.get("conflicts_opened", 0))),
    ]
    for side in SIDES:
        by_side = mine | {"side": side}
        grown += [
            (name, by_side, float(counts.get(f"{counted}_{side.lower()}", 0)))
            for name, counted in (("sync_records_read", "read"), ("sync_calls", "calls"))
        ]
        grown += [
            ("sync_records", by_side | {"outcome": outcome}, float(number))
            for outcome in OUTCOMES
            if (number := counts.get(f"{outcome}_{side.lower()}"))
        ]
    at: list[Count] = [("sync_last_run", mine | {"outcome": run.status}, ended.timestamp())]
    if run.settled:
        seen = tables.observation.c
        query = sa.select(seen.side, seen.taken_at).where(seen.pair == pair, seen.run_id == run.run_id, seen.complete)
        at += [
            ("sync_observed", mine | {"side": side}, datetime.fromisoformat(taken_at).timestamp())
            for side, taken_at in connection.execute(query)
        ]
    note(database, connection, grown, at)


def _class(seconds: float) -> str:
    place = bisect_left(DURATIONS, seconds)
    return f"{DURATIONS[place]:g}" if place < len(DURATIONS) else "+Inf"
