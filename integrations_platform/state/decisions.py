"""What a person does to a sync's memory, without its lease: decide a conflict, release a quarantined record.

Each is one transaction with its audit line. It changes no record and no link: the next run acts on what it finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from integrations_platform.state import audit_trail, tables
from integrations_platform.state.database import Database, chunks
from integrations_platform.state.rows import from_text, to_text
from integrations_platform.unified_sync.store import (
    AuditEntry,
    ConflictStatus,
    DecisionRefused,
    QuarantineStatus,
    Role,
)

CHOICES = ("A", "B", "base", "value")
AT_ONCE = 500  # decisions of one transaction, for which a run of the sync waits


@dataclass(frozen=True)
class Seen:
    """A conflict as somebody saw it: how often its values had changed, and when it was last decided, if it was."""

    conflict_id: str
    n: int
    decided_at: datetime | None


def decide(
    database: Database,
    pair: str,
    conflict_id: str,
    n: int,
    choice: str,
    value: str | None,
    by: str,
    at: datetime,
    run_id: str,
) -> None:
    """Record a decision on the values that ``n`` stands for; a later one on the same ``n`` replaces it.

    Raises KeyError for an unknown conflict, ValueError for an unknown choice (or a value that is missing or too many)
    and :class:`DecisionRefused` when the values changed since, or the conflict is closed.
    """
    _check(choice, value)
    with database.write() as connection:
        audit_trail.lock_head(connection, pair)
        row = _rows(connection, database.among(pair, tables.conflict.c.conflict_id, [conflict_id])).get(conflict_id)
        if row is None:
            raise KeyError(f"sync {pair!r} has no conflict {conflict_id}")
        _check_open(row, n)
        audit_trail.append(connection, pair, _decided(connection, pair, [row], choice, value, by, at, run_id))


def decide_seen(
    database: Database, pair: str, seen: Sequence[Seen], choice: str, value: str | None, by: str, at: datetime
) -> dict[str, str]:
    """Decide these alike, each only as it was seen: nobody has decided it since, and its values are the same. Returns,
    by id, why others were not; they stay as they are. Raises ValueError as :func:`decide`."""
    _check(choice, value)
    refused: dict[str, str] = {}
    for start in range(0, len(seen), AT_ONCE):
        with database.write() as connection:
            audit_trail.lock_head(connection, pair)
            some = seen[start : start + AT_ONCE]
            rows = _rows(
                connection, database.among(pair, tables.conflict.c.conflict_id, [one.conflict_id for one in some])
            )
            taken = []
            for one in some:
                row = rows.get(one.conflict_id)
                why = _why_not(row, one, choice)
                if row is None or why:
                    refused[one.conflict_id] = why
                else:
                    taken.append(row)
            entries = _decided(connection, pair, taken, choice, value, by, at)
            audit_trail.append(connection, pair, entries)
    return refused


def _why_not(row: sa.RowMapping | None, seen: Seen, choice: str) -> str:
    """Why a decision on what was seen cannot be taken; empty: it can."""
    if row is None:
        return "there is no such conflict"
    try:
        _check_open(row, seen.n)
    except DecisionRefused as fault:
        return str(fault)
    if from_text(row["decided_at"]) != seen.decided_at:
        return f"{row['decided_by'] or 'somebody'} decided conflict {seen.conflict_id} since you looked"
    if (choice == "base" and row["base"] is None) or (not row["unit"] and choice not in ("A", "B")):
        return f"conflict {seen.conflict_id} cannot be decided like that"
    return ""


def _check(choice: str, value: str | None) -> None:
    if choice not in CHOICES:
        raise ValueError(f"{choice!r} is not a choice; known: {', '.join(CHOICES)}")
    if (choice == "value") != (value is not None):
        raise ValueError("a value goes with the choice 'value', and only with it")


def _rows(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> dict[str, sa.RowMapping]:
    found = connection.execute(sa.select(tables.conflict).where(condition)).mappings()
    return {row["conflict_id"]: row for row in found}


def _check_open(row: sa.RowMapping, n: int) -> None:
    if row["n"] != n or row["status"] != ConflictStatus.OPEN.value:
        raise DecisionRefused(
            f"conflict {row['conflict_id']} is {row['status']} at change {row['n']}, and this decision was taken at "
            f"change {n}: look at its values again and decide again"
        )


def _decided(
    connection: sa.Connection, pair: str, rows: Sequence[sa.RowMapping], choice: str, value: str | None, by: str,
    at: datetime, run_id: str = "",
) -> list[AuditEntry]:  # fmt: skip
    """Put the decision into these rows, whose sync's head is locked; their lines of the audit, under ``run_id`` or the
    run that opened each."""
    if not rows:
        return []
    table = tables.conflict
    statement = (
        sa.update(table)
        .where(table.c.pair == pair, table.c.conflict_id == sa.bindparam("this"))
        .values(
            choice=choice, chosen_value=value, decided_n=sa.bindparam("seen"), decided_by=by, decided_at=to_text(at)
        )
    )
    connection.execute(statement, [{"this": row["conflict_id"], "seen": row["n"]} for row in rows])
    taken = {"A": "value_a", "B": "value_b", "base": "base"}.get(choice)
    return [
        AuditEntry(
            run_id or row["opened_run"], Role.DECIDED, row["link_id"], None, None, None, row["unit"],
            f"{by} chose {choice} for conflict {row['conflict_id']} at change {row['n']}", at,
            new=row[taken] if taken else value, actor=by,
        )
        for row in rows
    ]  # fmt: skip


def approve_plan(
    database: Database, pair: str, plan_id: str, applied_run: str | None, lifted: Sequence[str], by: str, at: datetime
) -> None:
    """Note that somebody approved a plan, letting the guards ``lifted`` pass. Raises :class:`DecisionRefused` when it
    was applied since they looked (``applied_run`` is what they saw), KeyError for an unknown one."""
    table = tables.plan
    with database.write() as connection:
        audit_trail.lock_head(connection, pair)
        query = sa.select(table.c.applied_run).where(table.c.pair == pair, table.c.plan_id == plan_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise KeyError(f"sync {pair!r} has no plan {plan_id}")
        if row.applied_run != applied_run:
            raise DecisionRefused(f"plan {plan_id} was applied since you looked, by run {row.applied_run}")
        passing = f", letting {' and '.join(lifted)} pass" if lifted else ""
        rule = f"{by} approved plan {plan_id}{passing}"
        entry = AuditEntry("", Role.DECIDED, "", None, None, None, "", rule, at, actor=by)
        audit_trail.append(connection, pair, [entry])


def release_quarantined(database: Database, pair: str, subjects: Sequence[str], by: str, at: datetime) -> int:
    """Ask for another try of open rows; returns how many there were. Raises KeyError for an unknown sync."""
    table = tables.quarantine
    with database.write() as connection:
        audit_trail.lock_head(connection, pair)
        released: list[sa.RowMapping] = []
        for some in chunks(subjects):
            released += connection.execute(
                sa.update(table)
                .where(database.among(pair, table.c.subject, some))
                .where(table.c.status == QuarantineStatus.OPEN.value)
                .values(status=QuarantineStatus.RELEASED.value)
                .returning(*table.c)
            ).mappings()
        entries = [
            AuditEntry(
                run_id=row["run_id"],
                role=Role.DECIDED,
                link_id=row["link_id"] or "",
                side=row["side"],
                record_id=row["record_id"],
                op_id=None,
                field="",
                rule=f"{by} released {row['subject']} from quarantine ({row['reason']}) for another try",
                at=at,
                actor=by,
            )
            for row in sorted(released, key=lambda row: str(row["subject"]))
        ]
        audit_trail.append(connection, pair, entries)
    return len(entries)
