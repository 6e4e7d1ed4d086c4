"""The digest of a listing that needed no look, so that the next run can tell by one word that nothing moved.

Frozen: later changes are later migrations.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sync_observation", sa.Column("digest", sa.Text(), nullable=True))
