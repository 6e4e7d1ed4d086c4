"""Counters of what has happened, each as it grew from the start, and when it happened last.

When each sync last ended how is taken over from its runs; what is counted begins at nothing. Frozen: later changes are
later migrations.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "metric",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", "labels"),
    )
    on_sqlite = op.get_context().dialect.name == "sqlite"
    # Names of syncs and outcomes need no escaping in JSON.
    ended = (
        "CAST(strftime('%s', MAX(finished_at)) AS double precision)"
        if on_sqlite
        else "CAST(EXTRACT(EPOCH FROM CAST(MAX(finished_at) AS timestamptz)) AS double precision)"
    )
    op.execute(
        "INSERT INTO metric (name, labels, value) "
        "SELECT 'sync_last_run', '{\"outcome\":\"' || status || '\",\"sync\":\"' || pair || '\"}', "
        f"{ended} FROM sync_run WHERE finished_at IS NOT NULL GROUP BY pair, status"
    )
