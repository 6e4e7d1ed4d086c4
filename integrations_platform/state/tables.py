"""The tables and views of the state, as the queries of this package see them.

The migrations are what creates them; a test holds the two equal. Nothing here is executed against a database.
Tables of a sync are keyed by its name (``pair``) first, so that syncs never wait for or scan each other's rows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

# Conditions of partial indexes. Queries use these very objects: SQLite uses a partial index only when the query holds
# the same condition with literal values, never with bound ones.
LIVE = text("state NOT IN ('closed', 'merged_away')")
MERGED = text("state = 'merged_away'")
SENT = text("state = 'sent'")
OPEN = text("status = 'open'")
WAITING = text("state = 'waiting'")
TAKEN = text("state <> 'waiting'")
UNENDED = text("state IN ('waiting', 'requested', 'started')")
ENDED = text("state NOT IN ('waiting', 'requested', 'started')")

metadata = MetaData()


def _text(name: str, *, key: bool = False, optional: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=optional)


def _partial(condition: Any) -> dict[str, Any]:
    return {"sqlite_where": condition, "postgresql_where": condition}


pair = Table(
    "sync_pair",
    metadata,
    _text("pair", key=True),
    _text("spec_digest"),
    _text("opened_at"),
    Column("audit_number", BigInteger, nullable=False),  # head of the audit's hash chain
    _text("audit_hash"),
)

# Versions stand beside the ids rather than with the values: planning reads every row of this table, and refreshing a
# version rewrites one. Neither may touch the pages of a million stored records.
link = Table(
    "sync_link",
    metadata,
    _text("pair", key=True),
    _text("link_id", key=True),
    _text("id_a", optional=True),
    _text("id_b", optional=True),
    _text("state"),
    _text("version_a", optional=True),
    _text("version_b", optional=True),
    ForeignKeyConstraint(["pair"], ["sync_pair.pair"], name="sync_link_pair"),
    Index("sync_link_live_a", "pair", "id_a", unique=True, **_partial(LIVE)),
    Index("sync_link_live_b", "pair", "id_b", unique=True, **_partial(LIVE)),
    Index("sync_link_merged_a", "id_a", **_partial(MERGED)),
    Index("sync_link_merged_b", "id_b", **_partial(MERGED)),
    sqlite_with_rowid=False,
)

base = Table(
    "sync_base",
    metadata,
    _text("pair", key=True),
    _text("link_id", key=True),
    Column("base_version", Integer, nullable=False),
    _text("values_a", optional=True),
    _text("values_b", optional=True),
    _text("agreed_at", optional=True),
    ForeignKeyConstraint(["pair", "link_id"], ["sync_link.pair", "sync_link.link_id"], name="sync_base_link"),
)

key = Table(
    "sync_key",
    metadata,
    _text("pair", key=True),
    _text("digest", key=True),
    _text("link_id", key=True),
    ForeignKeyConstraint(["pair", "link_id"], ["sync_link.pair", "sync_link.link_id"], name="sync_key_link"),
    Index("sync_key_by_link", "pair", "link_id"),
    sqlite_with_rowid=False,
)

# Links and bases of rows that went over in one operation: see :mod:`.loads`.
load = Table(
    "sync_load",
    metadata,
    _text("pair", key=True),
    _text("load_id", key=True),
    _text("run_id"),
    _text("layout"),
    _text("key"),
    Column("records", BigInteger, nullable=False),
    _text("state"),
    _text("at"),
    _text("side"),
    Column("whole", Boolean, nullable=False),  # of an empty table, rather than changes of one
    Column("number", BigInteger, nullable=False),  # order within the sync: of two that hold a link, the later counts
    Column("gathered", Boolean, nullable=False),  # its rows are in a later one too; kept for what they tell of then
    ForeignKeyConstraint(["pair"], ["sync_pair.pair"], name="sync_load_pair"),
)

load_part = Table(
    "sync_load_part",
    metadata,
    _text("load_id", key=True),
    _text("kind", key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

run = Table(
    "sync_run",
    metadata,
    _text("pair", key=True),
    _text("run_id", key=True),
    Column("sequence", Integer, nullable=False),
    _text("started_at"),
    _text("finished_at", optional=True),
    _text("status"),
    Column("dry_run", Boolean, nullable=False),
    _text("trigger"),
    Column("settled", Boolean, nullable=False),
    _text("counts"),
    _text("message"),
    Index("sync_run_by_sequence", "pair", "sequence"),
    Index("sync_run_by_time", "started_at"),
)

plan = Table(
    "sync_plan",
    metadata,
    _text("pair", key=True),
    _text("plan_id", key=True),
    _text("created_at"),
    _text("op_ids"),
    _text("operations"),
    _text("spec_digest"),
    _text("applied_run", optional=True),
    Index("sync_plan_by_time", "pair", "created_at"),
)

op = Table(
    "sync_op",
    metadata,
    _text("pair", key=True),
    _text("op_id", key=True),
    Column("number", BigInteger, nullable=False),  # order of sending within the sync
    _text("run_id"),
    _text("link_id"),
    _text("side"),
    _text("kind"),
    _text("state"),
    _text("body"),
    _text("record_id", optional=True),
    _text("changed_at"),
    Index("sync_op_by_number", "pair", "number"),
    Index("sync_op_sent", "pair", "number", **_partial(SENT)),
)

audit = Table(
    "sync_audit",
    metadata,
    _text("pair", key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _text("run_id"),
    _text("role"),
    _text("link_id"),
    _text("side", optional=True),
    _text("record_id", optional=True),
    _text("op_id", optional=True),
    _text("field"),
    _text("rule"),
    _text("at"),
    _text("old", optional=True),
    _text("new", optional=True),
    _text("lost", optional=True),
    _text("actor"),
    _text("previous_hash"),
    _text("hash"),
    ForeignKeyConstraint(["pair"], ["sync_pair.pair"], name="sync_audit_pair"),
    Index("sync_audit_by_link", "pair", "link_id", "number"),
    Index("sync_audit_by_run", "pair", "run_id", "number"),
)

conflict = Table(
    "sync_conflict",
    metadata,
    _text("pair", key=True),
    _text("conflict_id", key=True),
    _text("link_id"),
    _text("unit"),
    _text("kind"),
    Column("n", Integer, nullable=False),
    _text("status"),
    _text("base", optional=True),
    _text("value_a", optional=True),
    _text("value_b", optional=True),
    _text("evidence"),
    _text("opened_run"),
    _text("opened_at"),
    _text("id_a", optional=True),
    _text("id_b", optional=True),
    _text("choice", optional=True),
    _text("chosen_value", optional=True),
    Column("decided_n", Integer, nullable=True),
    _text("decided_by", optional=True),
    _text("decided_at", optional=True),
    _text("closed_at", optional=True),
    Index("sync_conflict_open", "pair", "opened_at", **_partial(OPEN)),
)

quarantine = Table(
    "sync_quarantine",
    metadata,
    _text("pair", key=True),
    _text("subject", key=True),
    _text("side", optional=True),
    _text("link_id", optional=True),
    _text("record_id", optional=True),
    _text("reason"),
    _text("message"),
    _text("cause"),
    _text("values"),
    _text("run_id"),
    _text("at"),
    Column("runs", Integer, nullable=False),
    _text("status"),
    _text("resolved_at", optional=True),
    Index("sync_quarantine_by_status", "pair", "status", "at"),
)

tombstone = Table(
    "sync_tombstone",
    metadata,
    _text("pair", key=True),
    _text("link_id", key=True),
    _text("deleted_side", optional=True),
    _text("policy"),
    _text("record_a", optional=True),
    _text("record_b", optional=True),
    _text("at"),
)

observation = Table(
    "sync_observation",
    metadata,
    _text("pair", key=True),
    _text("run_id", key=True),
    _text("side", key=True),
    _text("taken_at"),
    Column("records", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    _text("reason"),
    _text("digest", optional=True),  # this and what follows: kept by runs that found nothing to look at
    _text("mark", optional=True),
    _text("whole_at", optional=True),
)

breaker = Table(
    "sync_breaker",
    metadata,
    _text("system", key=True),
    _text("state"),
    Column("failures", Integer, nullable=False),
    _text("opened_at", optional=True),
    _text("probe_holder", optional=True),
    _text("probe_until", optional=True),
    _text("last_error"),
)

account = Table(
    "sync_account",
    metadata,
    _text("account", key=True),
    _text("body", optional=True),  # none: made to be locked, not written yet
    _text("changed_at"),
)

lease = Table(
    "sync_lease",
    metadata,
    _text("pair", key=True),
    _text("holder", optional=True),  # none: free
    Column("token", BigInteger, nullable=False),  # kept when the lease is given back: tokens only grow
    _text("until", optional=True),
)

event = Table(
    "webhook_event",
    metadata,
    _text("event_id", key=True),  # hash of source and key: one sort of key, however long the vendor's are
    _text("source"),
    _text("event_key"),
    _text("topic"),
    _text("subject"),
    _text("body"),
    _text("received_at"),
    Column("duplicates", BigInteger, nullable=False),
    _text("state"),
    _text("wake_ups"),
    Index("webhook_event_waiting", "source", "subject", "received_at", **_partial(WAITING)),
    Index("webhook_event_by_time", "received_at"),
)

wake_up = Table(
    "webhook_wake_up",
    metadata,
    _text("wake_id", key=True),
    _text("target"),
    _text("state"),
    Column("events", BigInteger, nullable=False),
    _text("since"),
    _text("changed_at"),
    _text("run_id", optional=True),
    _text("note"),
    Index("webhook_wake_up_waiting", "target", unique=True, **_partial(WAITING)),
    Index("webhook_wake_up_unended", "changed_at", **_partial(UNENDED)),
)

standing = Table(
    "alert_standing",
    metadata,
    _text("topic", key=True),
    _text("subject"),
    _text("kind", optional=True),  # none: all is well
    _text("since"),
    _text("seen_at"),
    Column("times", Integer, nullable=False),
    _text("body"),
)

outbox = Table(
    "alert_outbox",
    metadata,
    _text("message_id", key=True),
    Column("number", BigInteger, nullable=False),  # order of sending within a target
    _text("target"),
    _text("severity"),
    _text("subject"),
    _text("body"),
    _text("state"),
    _text("bundle", optional=True),
    Column("attempts", Integer, nullable=False),
    _text("next_at"),
    _text("claimed_by", optional=True),
    _text("claimed_until", optional=True),
    _text("recipients", optional=True),
    _text("note"),
    _text("created_at"),
    _text("changed_at"),
    Index("alert_outbox_unsent", "target", "number", **_partial(WAITING)),
    Index("alert_outbox_by_number", "number"),
)

metric = Table(
    "metric",
    metadata,
    _text("name", key=True),
    _text("labels", key=True),  # JSON, sorted by name
    Column("value", Double, nullable=False),
)

shard = Table(
    "sync_shard",
    metadata,
    _text("pair", key=True),
    _text("run_id", key=True),
    _text("topic", key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("word"),
    ForeignKeyConstraint(["pair"], ["sync_pair.pair"], name="sync_shard_pair"),
)

# Views and the columns by which the newest or most pressing rows come first.
VIEWS: dict[str, str] = {
    "sync_summary": "day DESC, sync",
    "sync_conflicts_view": "opened_at, sync, conflict_id",
    "sync_performance_view": "hour DESC, sync",
}
