"""Loads of changed rows: on which side, in which order, and whether a later one holds their rows now.

Frozen: later changes are later migrations.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sync_load", sa.Column("side", sa.Text(), nullable=False, server_default="B"))
    op.add_column("sync_load", sa.Column("whole", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("sync_load", sa.Column("number", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("sync_load", sa.Column("gathered", sa.Boolean(), nullable=False, server_default=sa.false()))
