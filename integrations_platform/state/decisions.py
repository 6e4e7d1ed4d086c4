"""What a person does to a sync's memory, without its lease: decide a conflict, release a quarantined record.

Each is one transaction with its audit line. It changes no record and no link: the next run acts on what it finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from integrations_platform.state import audit_trail, tables
from integrations_platform.state.database import Database, chunks
from integrations_platform.state.rows import to_text
from integrations_platform.unified_sync.store import (
    AuditEntry,
    ConflictStatus,
    DecisionRefused,
    QuarantineStatus,
    Role,
)

CHOICES = ("A", "B", "base", "value")


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
    if choice not in CHOICES:
        raise ValueError(f"{choice!r} is not a choice; known: {', '.join(CHOICES)}")
    if (choice == "value") != (value is not None):
        raise ValueError("a value goes with the choice 'value', and only with it")
    table = tables.conflict
    mine = table.c.pair == pair, table.c.conflict_id == conflict_id
    with database.write() as connection:
        audit_trail.lock_head(connection, pair)
        updated = connection.execute(
            sa.update(table)
            .where(*mine, table.c.n == n, table.c.status == ConflictStatus.OPEN.value)
            .values(choice=choice, chosen_value=value, decided_n=n, decided_by=by, decided_at=to_text(at))
        ).rowcount
        row = connection.execute(sa.select(table).where(*mine)).mappings().one_or_none()
        if row is None:
            raise KeyError(f"sync {pair!r} has no conflict {conflict_id}")
        if not updated:
            raise DecisionRefused(
                f"conflict {conflict_id} is {row['status']} at change {row['n']}, and this decision was taken at "
                f"change {n}: look at its values again and decide again"
            )
        chosen = {"A": row["value_a"], "B": row["value_b"], "base": row["base"], "value": value}[choice]
        rule = f"{by} chose {choice} for conflict {conflict_id} at change {n}"
        entry = AuditEntry(
            run_id, Role.DECIDED, row["link_id"], None, None, None, row["unit"], rule, at, new=chosen, actor=by
        )
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
