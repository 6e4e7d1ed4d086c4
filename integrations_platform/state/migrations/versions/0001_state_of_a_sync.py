"""The state of a sync: links and bases, operations, audit, conflicts, quarantine, leases, and the views over them.

Frozen: later changes are later migrations. Columns are written as ``name``, ``name?`` (may be null) and ``name:type``;
text where no type is given.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TYPES = {"int": sa.Integer, "big": sa.BigInteger, "bool": sa.Boolean}

_WRITES = tuple(f"{verb}_{side}" for verb in ("created", "updated", "archived", "deleted", "restored") for side in "ab")
_COUNTS = ("read_a", "read_b", *_WRITES, "conflicts_opened", "quarantined", "deferred", "calls")


def upgrade() -> None:
    on_sqlite = op.get_context().dialect.name == "sqlite"
    _create_tables()
    _create_indexes()
    _forbid_changes_of_audit(on_sqlite)
    _create_views(on_sqlite)


def _create_tables() -> None:
    pair_of_link = sa.ForeignKeyConstraint(["pair"], ["sync_pair.pair"], name="sync_link_pair")
    _table("sync_pair", "pair", "pair spec_digest opened_at audit_number:big audit_hash")
    _table(
        "sync_link",
        "pair link_id",
        "pair link_id id_a? id_b? state version_a? version_b?",
        pair_of_link,
        sqlite_with_rowid=False,
    )
    _table(
        "sync_base",
        "pair link_id",
        "pair link_id base_version:int values_a? values_b? agreed_at?",
        _of_link("sync_base_link"),
    )
    _table("sync_key", "pair digest link_id", "pair digest link_id", _of_link("sync_key_link"), sqlite_with_rowid=False)
    _table(
        "sync_run",
        "pair run_id",
        "pair run_id sequence:int started_at finished_at? status dry_run:bool trigger settled:bool counts message",
    )
    _table("sync_plan", "pair plan_id", "pair plan_id created_at op_ids operations spec_digest applied_run?")
    _table(
        "sync_op",
        "pair op_id",
        "pair op_id number:big run_id link_id side kind state body record_id? changed_at",
    )
    _table(
        "sync_audit",
        "pair number",
        "pair number:big run_id role link_id side? record_id? op_id? field rule at old? new? lost? actor "
        "previous_hash hash",
        sa.ForeignKeyConstraint(["pair"], ["sync_pair.pair"], name="sync_audit_pair"),
    )
    _table(
        "sync_conflict",
        "pair conflict_id",
        "pair conflict_id link_id unit kind n:int status base? value_a? value_b? evidence opened_run opened_at id_a? "
        "id_b? choice? chosen_value? decided_n:int? decided_by? decided_at? closed_at?",
    )
    _table(
        "sync_quarantine",
        "pair subject",
        "pair subject side? link_id? record_id? reason message cause values run_id at runs:int status resolved_at?",
    )
    _table("sync_tombstone", "pair link_id", "pair link_id deleted_side? policy record_a? record_b? at")
    _table("sync_observation", "pair run_id side", "pair run_id side taken_at records:big complete:bool reason")
    _table("sync_breaker", "system", "system state failures:int opened_at? probe_holder? probe_until? last_error")
    _table("sync_lease", "pair", "pair holder? token:big until?")


def _create_indexes() -> None:
    live, merged = "state NOT IN ('closed', 'merged_away')", "state = 'merged_away'"
    _index("sync_link_live_a", "sync_link", "pair id_a", live, unique=True)
    _index("sync_link_live_b", "sync_link", "pair id_b", live, unique=True)
    _index("sync_link_merged_a", "sync_link", "id_a", merged)
    _index("sync_link_merged_b", "sync_link", "id_b", merged)
    _index("sync_key_by_link", "sync_key", "pair link_id")
    _index("sync_run_by_sequence", "sync_run", "pair sequence")
    _index("sync_run_by_time", "sync_run", "started_at")
    _index("sync_plan_by_time", "sync_plan", "pair created_at")
    _index("sync_op_by_number", "sync_op", "pair number")
    _index("sync_op_sent", "sync_op", "pair number", "state = 'sent'")
    _index("sync_audit_by_link", "sync_audit", "pair link_id number")
    _index("sync_audit_by_run", "sync_audit", "pair run_id number")
    _index("sync_conflict_open", "sync_conflict", "pair opened_at", "status = 'open'")
    _index("sync_quarantine_by_status", "sync_quarantine", "pair status at")


def _forbid_changes_of_audit(on_sqlite: bool) -> None:
    if on_sqlite:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER sync_audit_no_{verb.lower()} BEFORE {verb} ON sync_audit "
                "BEGIN SELECT RAISE(ABORT, 'sync_audit is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION sync_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'sync_audit is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER sync_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sync_audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION sync_audit_append_only()"
    )


def _create_views(on_sqlite: bool) -> None:
    def count(name: str, kind: str = "numeric") -> str:
        if on_sqlite:
            return f"COALESCE(json_extract(counts, '$.{name}'), 0)"
        return f"COALESCE(CAST(CAST(counts AS jsonb) ->> '{name}' AS {kind}), 0)"

    seconds = count("seconds", "double precision")
    read = f"{count('read_a')} + {count('read_b')}"
    written = " + ".join(map(count, _WRITES))
    # SUM is numeric on PostgreSQL; counts stay whole numbers on both.
    sums = ",\n  ".join(f"CAST(SUM({count(name)}) AS bigint) AS {name}" for name in _COUNTS)
    age = (
        "(julianday('now') - julianday(opened_at)) * 24.0"
        if on_sqlite
        else "CAST(EXTRACT(EPOCH FROM now() - CAST(opened_at AS timestamptz)) AS double precision) / 3600.0"
    )
    # Dry runs change nothing: what they would have done must not be counted as done.
    op.execute(
        f"""CREATE VIEW sync_summary AS
SELECT substr(started_at, 1, 10) AS day, pair AS sync, COUNT(*) AS runs,
  SUM(CASE WHEN status = 'succeeded' THEN 1 ELSE 0 END) AS succeeded,
  SUM(CASE WHEN status = 'partial' THEN 1 ELSE 0 END) AS partial,
  SUM(CASE WHEN status = 'refused' THEN 1 ELSE 0 END) AS refused,
  SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed,
  SUM(CASE WHEN status NOT IN ('succeeded', 'partial', 'refused', 'failed') THEN 1 ELSE 0 END) AS unfinished,
  {sums},
  SUM({seconds}) AS seconds
FROM sync_run WHERE NOT dry_run GROUP BY substr(started_at, 1, 10), pair"""
    )
    op.execute(
        f"""CREATE VIEW sync_conflicts_view AS
SELECT pair AS sync, conflict_id, link_id, unit, kind, n, id_a, id_b, base, value_a, value_b, evidence, choice,
  decided_by, decided_at, opened_run, opened_at, {age} AS age_hours
FROM sync_conflict WHERE status = 'open'"""
    )
    # Records per second: records compared per second of run time; none for runs too short to time.
    op.execute(
        f"""CREATE VIEW sync_performance_view AS
SELECT substr(started_at, 1, 14) || '00' AS hour, pair AS sync, COUNT(*) AS runs,
  AVG({seconds}) AS mean_seconds, MAX({seconds}) AS max_seconds,
  CAST(SUM({read}) AS bigint) AS records_read,
  CAST(SUM({written}) AS bigint) AS records_written,
  SUM({read}) / NULLIF(CAST(SUM({seconds}) AS double precision), 0) AS records_per_second
FROM sync_run WHERE NOT dry_run AND finished_at IS NOT NULL GROUP BY substr(started_at, 1, 14), pair"""
    )


def _table(name: str, key: str, columns: str, *constraints: Any, **options: Any) -> None:
    made = [_column(column) for column in columns.split()]
    op.create_table(name, *made, sa.PrimaryKeyConstraint(*key.split()), *constraints, **options)


def _column(written: str) -> sa.Column[Any]:
    name, _, kind = written.rstrip("?").partition(":")
    return sa.Column(name, _TYPES.get(kind, sa.Text)(), nullable=written.endswith("?"))


def _of_link(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["pair", "link_id"], ["sync_link.pair", "sync_link.link_id"], name=name)


def _index(name: str, table: str, columns: str, condition: str | None = None, *, unique: bool = False) -> None:
    where = None if condition is None else sa.text(condition)
    op.create_index(name, table, columns.split(), unique=unique, sqlite_where=where, postgresql_where=where)
