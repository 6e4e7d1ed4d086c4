"""Where a side stood when nothing needed a look, so that the next run can ask what moved since.

Frozen: later changes are later migrations.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sync_observation", sa.Column("mark", sa.Text(), nullable=True))
    op.add_column("sync_observation", sa.Column("whole_at", sa.Text(), nullable=True))
