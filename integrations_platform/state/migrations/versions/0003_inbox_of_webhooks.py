"""What others have sent us, kept before it is acknowledged, and the runs that it wakes.

Frozen: later changes are later migrations.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'waiting'")
UNENDED = sa.text("state IN ('waiting', 'requested', 'started')")


def upgrade() -> None:
    op.create_table(
        "webhook_event",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_at", sa.Text(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wake_ups", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index(
        "webhook_event_waiting",
        "webhook_event",
        ["source", "subject", "received_at"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index("webhook_event_by_time", "webhook_event", ["received_at"])
    op.create_table(
        "webhook_wake_up",
        sa.Column("wake_id", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("wake_id"),
    )
    op.create_index(
        "webhook_wake_up_waiting",
        "webhook_wake_up",
        ["target"],
        unique=True,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index(
        "webhook_wake_up_unended",
        "webhook_wake_up",
        ["changed_at"],
        sqlite_where=UNENDED,
        postgresql_where=UNENDED,
    )
