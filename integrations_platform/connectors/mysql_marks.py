"""What MariaDB knows by itself of whether a table changed: the second of the last commit that wrote it.

InnoDB keeps it (``UPDATE_TIME``) in memory, so it is gone after a restart, and after a table was put out of memory:
then nothing is told. Commits of cascades and of triggers count; whatever gives the table another shape, or puts another
one in its place, changes ``CREATE_TIME`` too, or takes ``UPDATE_TIME`` away. TRUNCATE alone changes neither. A second
tells nothing of what else may happen within it, so only a table that has been left alone for a while has a mark: then
every commit that it tells of is older than the snapshot. MySQL remembers the answer for a day, and is not asked.
Source: the knowledge base on ``information_schema.TABLES``; what restarts, rollbacks and each kind of ALTER do to both
times was tried on 10.11. A server whose clock is set back may tell of two commits by one second.
"""

from __future__ import annotations

from integrations_platform.connectors.introspection import TableShape
from integrations_platform.connectors.session import Session

ALONE = 10  # seconds; many times longer than a commit takes to be seen once it is timed
REMEMBER = "SET @integrations_began = UTC_TIMESTAMP()"
"""To be said before a snapshot is taken."""

_PLACE = """
SELECT CONCAT_WS(':', @@hostname, @@port, @@server_id, table_schema, table_name, create_time),
       UNIX_TIMESTAMP(update_time)
FROM information_schema.tables
WHERE table_schema = %s AND table_name = %s AND engine = 'InnoDB' AND LOCATE('partitioned', create_options) = 0
  AND GREATEST(create_time, update_time) <= @integrations_began - INTERVAL %s SECOND"""


def moment(session: Session, shape: TableShape) -> tuple[str, int] | None:
    """Which table it is, and when it was written last; None where that tells nothing."""
    found = session.rows(_PLACE, (shape.schema, shape.name, ALONE))
    return (found[0][0], int(found[0][1])) if found else None
