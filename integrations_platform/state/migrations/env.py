"""How alembic reaches the state database: through the connection of :mod:`integrations_platform.state.migrate` only.

It opens no database by itself and reads no alembic.ini, so a migration cannot run against the wrong one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from integrations_platform.state.migrate import VERSION_TABLE
from integrations_platform.state.tables import metadata

# One process upgrades, the others wait and find nothing left to do. SQLite: the transaction began as IMMEDIATE.
UPGRADE_LOCK = 7_215_904_331

attributes = context.config.attributes
if context.is_offline_mode():
    context.configure(dialect_name=attributes["dialect"], version_table=VERSION_TABLE, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    connection: sa.Connection = attributes["connection"]
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
