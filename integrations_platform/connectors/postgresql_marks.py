"""What PostgreSQL knows by itself of who changed after a moment: the transaction that wrote each row, ``xmin``.

Every transaction that a snapshot does not see yet has a number from the snapshot's own ``xmin`` on, so a row that was
written by an older one shows what it showed then. Which numbers a row bears is nobody's to set; but there are ways for
a table to change without a row being written, or to go back in time, and a mark holds what gives them away: another
server, a server that was started again (a restored backup, a failover), another file (TRUNCATE, a rewrite), other
columns under the same names (a column added with a default rewrites no row). Not for tables whose rows come from
elsewhere (partitions, children, views, foreign tables, row security), nor for types whose spelling can change by
itself (enumerations, domains, virtual columns), nor for roles that may read some columns only, which ``xmin`` is none
of. A server is told by the microsecond at which it was started. Sources: the manual's chapters on system columns, on
functions of transaction ids and snapshots (``pg_snapshot_xmin``), and on ALTER TABLE.
"""

from __future__ import annotations

from collections.abc import Sequence

from integrations_platform.connectors.introspection import NativeColumn
from integrations_platform.connectors.session import Session

OLDEST = 1_000_000_000  # transactions; numbers of 32 bits are compared rightly within twice as many
STEADY = frozenset({
    "int2", "int4", "int8", "numeric", "float4", "float8", "bool", "date", "timestamp", "timestamptz", "time", "uuid",
    "json", "jsonb", "bytea", "text", "varchar", "bpchar", "citext",
})  # fmt: skip
"""Types of which a stored value is always spelled, and hashed, the same."""

_PLACE = """
SELECT concat_ws(':', pg_postmaster_start_time(), current_database(), c.oid, pg_relation_filenode(c.oid),
                 (SELECT string_agg(concat_ws('.', a.attnum, a.atttypid, a.atttypmod, a.attcollation), ',' ORDER BY n)
                  FROM unnest(%s::text[]) WITH ORDINALITY AS u(name, n)
                  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = u.name)),
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint
FROM pg_class c
WHERE c.oid = %s::regclass AND c.relkind = 'r' AND NOT c.relrowsecurity AND NOT c.relhassubclass
  AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 'v')
  AND NOT pg_is_in_recovery() AND has_table_privilege(c.oid, 'SELECT')"""


def moment(session: Session, table: str, columns: Sequence[NativeColumn]) -> tuple[str, int] | None:
    """Where the open snapshot stands: what the table is, and from which transaction on it does not see all."""
    if not all(column.storage in STEADY for column in columns):
        return None
    found = session.rows(_PLACE, ([column.name for column in columns], table))
    return (found[0][0], found[0][1]) if found else None


def written_since(session: Session, number: int) -> str | None:
    """The condition of rows that a snapshot of that number did not see as they are; None if it is too long ago."""
    now, age = session.rows(
        "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, age((%s)::text::xid)", (number % 2**32,)
    )[0]
    return f"age(xmin) <= {age}" if 0 <= now - number < OLDEST else None
