"""What the processes of one run tell each other while it goes on.

Frozen: later changes are later migrations.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sync_shard",
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pair", "run_id", "topic", "number"),
        sa.ForeignKeyConstraint(["pair"], ["sync_pair.pair"], name="sync_shard_pair"),
    )
