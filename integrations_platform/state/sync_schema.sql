-- The state database, generated from the migrations by: integrations state schema
-- First for PostgreSQL, then for SQLite. The platform creates and upgrades it by itself on first use;
-- this file is for review, and for a database whose schema only an administrator may change.

-- ---------- postgresql ----------

BEGIN;

CREATE TABLE integrations_alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT integrations_alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

CREATE TABLE sync_pair (
    pair TEXT NOT NULL,
    spec_digest TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    audit_number BIGINT NOT NULL,
    audit_hash TEXT NOT NULL,
    PRIMARY KEY (pair)
);

CREATE TABLE sync_link (
    pair TEXT NOT NULL,
    link_id TEXT NOT NULL,
    id_a TEXT,
    id_b TEXT,
    state TEXT NOT NULL,
    version_a TEXT,
    version_b TEXT,
    PRIMARY KEY (pair, link_id),
    CONSTRAINT sync_link_pair FOREIGN KEY(pair) REFERENCES sync_pair (pair)
);

CREATE TABLE sync_base (
    pair TEXT NOT NULL,
    link_id TEXT NOT NULL,
    base_version INTEGER NOT NULL,
    values_a TEXT,
    values_b TEXT,
    agreed_at TEXT,
    PRIMARY KEY (pair, link_id),
    CONSTRAINT sync_base_link FOREIGN KEY(pair, link_id) REFERENCES sync_link (pair, link_id)
);

CREATE TABLE sync_key (
    pair TEXT NOT NULL,
    digest TEXT NOT NULL,
    link_id TEXT NOT NULL,
    PRIMARY KEY (pair, digest, link_id),
    CONSTRAINT sync_key_link FOREIGN KEY(pair, link_id) REFERENCES sync_link (pair, link_id)
);

CREATE TABLE sync_run (
    pair TEXT NOT NULL,
    run_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    status TEXT NOT NULL,
    dry_run BOOLEAN NOT NULL,
    trigger TEXT NOT NULL,
    settled BOOLEAN NOT NULL,
    counts TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (pair, run_id)
);

CREATE TABLE sync_plan (
    pair TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    op_ids TEXT NOT NULL,
    operations TEXT NOT NULL,
    spec_digest TEXT NOT NULL,
    applied_run TEXT,
    PRIMARY KEY (pair, plan_id)
);

CREATE TABLE sync_op (
    pair TEXT NOT NULL,
    op_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    link_id TEXT NOT NULL,
    side TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    record_id TEXT,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (pair, op_id)
);

CREATE TABLE sync_audit (
    pair TEXT NOT NULL,
    number BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    role TEXT NOT NULL,
    link_id TEXT NOT NULL,
    side TEXT,
    record_id TEXT,
    op_id TEXT,
    field TEXT NOT NULL,
    rule TEXT NOT NULL,
    at TEXT NOT NULL,
    "old" TEXT,
    "new" TEXT,
    lost TEXT,
    actor TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (pair, number),
    CONSTRAINT sync_audit_pair FOREIGN KEY(pair) REFERENCES sync_pair (pair)
);

CREATE TABLE sync_conflict (
    pair TEXT NOT NULL,
    conflict_id TEXT NOT NULL,
    link_id TEXT NOT NULL,
    unit TEXT NOT NULL,
    kind TEXT NOT NULL,
    n INTEGER NOT NULL,
    status TEXT NOT NULL,
    base TEXT,
    value_a TEXT,
    value_b TEXT,
    evidence TEXT NOT NULL,
    opened_run TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    id_a TEXT,
    id_b TEXT,
    choice TEXT,
    chosen_value TEXT,
    decided_n INTEGER,
    decided_by TEXT,
    decided_at TEXT,
    closed_at TEXT,
    PRIMARY KEY (pair, conflict_id)
);

CREATE TABLE sync_quarantine (
    pair TEXT NOT NULL,
    subject TEXT NOT NULL,
    side TEXT,
    link_id TEXT,
    record_id TEXT,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    cause TEXT NOT NULL,
    values TEXT NOT NULL,
    run_id TEXT NOT NULL,
    at TEXT NOT NULL,
    runs INTEGER NOT NULL,
    status TEXT NOT NULL,
    resolved_at TEXT,
    PRIMARY KEY (pair, subject)
);

CREATE TABLE sync_tombstone (
    pair TEXT NOT NULL,
    link_id TEXT NOT NULL,
    deleted_side TEXT,
    policy TEXT NOT NULL,
    record_a TEXT,
    record_b TEXT,
    at TEXT NOT NULL,
    PRIMARY KEY (pair, link_id)
);

CREATE TABLE sync_observation (
    pair TEXT NOT NULL,
    run_id TEXT NOT NULL,
    side TEXT NOT NULL,
    taken_at TEXT NOT NULL,
    records BIGINT NOT NULL,
    complete BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (pair, run_id, side)
);

CREATE TABLE sync_breaker (
    system TEXT NOT NULL,
    state TEXT NOT NULL,
    failures INTEGER NOT NULL,
    opened_at TEXT,
    probe_holder TEXT,
    probe_until TEXT,
    last_error TEXT NOT NULL,
    PRIMARY KEY (system)
);

CREATE TABLE sync_lease (
    pair TEXT NOT NULL,
    holder TEXT,
    token BIGINT NOT NULL,
    until TEXT,
    PRIMARY KEY (pair)
);

CREATE UNIQUE INDEX sync_link_live_a ON sync_link (pair, id_a) WHERE state NOT IN ('closed', 'merged_away');

CREATE UNIQUE INDEX sync_link_live_b ON sync_link (pair, id_b) WHERE state NOT IN ('closed', 'merged_away');

CREATE INDEX sync_link_merged_a ON sync_link (id_a) WHERE state = 'merged_away';

CREATE INDEX sync_link_merged_b ON sync_link (id_b) WHERE state = 'merged_away';

CREATE INDEX sync_key_by_link ON sync_key (pair, link_id);

CREATE INDEX sync_run_by_sequence ON sync_run (pair, sequence);

CREATE INDEX sync_run_by_time ON sync_run (started_at);

CREATE INDEX sync_plan_by_time ON sync_plan (pair, created_at);

CREATE INDEX sync_op_by_number ON sync_op (pair, number);

CREATE INDEX sync_op_sent ON sync_op (pair, number) WHERE state = 'sent';

CREATE INDEX sync_audit_by_link ON sync_audit (pair, link_id, number);

CREATE INDEX sync_audit_by_run ON sync_audit (pair, run_id, number);

CREATE INDEX sync_conflict_open ON sync_conflict (pair, opened_at) WHERE status = 'open';

CREATE INDEX sync_quarantine_by_status ON sync_quarantine (pair, status, at);

CREATE FUNCTION sync_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'sync_audit is append-only'; END $$;

CREATE TRIGGER sync_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sync_audit FOR EACH STATEMENT EXECUTE FUNCTION sync_audit_append_only();

CREATE VIEW sync_summary AS
SELECT substr(started_at, 1, 10) AS day, pair AS sync, COUNT(*) AS runs,
  SUM(CASE WHEN status = 'succeeded' THEN 1 ELSE 0 END) AS succeeded,
  SUM(CASE WHEN status = 'partial' THEN 1 ELSE 0 END) AS partial,
  SUM(CASE WHEN status = 'refused' THEN 1 ELSE 0 END) AS refused,
  SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed,
  SUM(CASE WHEN status NOT IN ('succeeded', 'partial', 'refused', 'failed') THEN 1 ELSE 0 END) AS unfinished,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'read_a' AS numeric), 0)) AS bigint) AS read_a,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'read_b' AS numeric), 0)) AS bigint) AS read_b,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'created_a' AS numeric), 0)) AS bigint) AS created_a,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'created_b' AS numeric), 0)) AS bigint) AS created_b,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'updated_a' AS numeric), 0)) AS bigint) AS updated_a,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'updated_b' AS numeric), 0)) AS bigint) AS updated_b,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'archived_a' AS numeric), 0)) AS bigint) AS archived_a,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'archived_b' AS numeric), 0)) AS bigint) AS archived_b,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'deleted_a' AS numeric), 0)) AS bigint) AS deleted_a,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'deleted_b' AS numeric), 0)) AS bigint) AS deleted_b,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'restored_a' AS numeric), 0)) AS bigint) AS restored_a,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'restored_b' AS numeric), 0)) AS bigint) AS restored_b,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'conflicts_opened' AS numeric), 0)) AS bigint) AS conflicts_opened,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'quarantined' AS numeric), 0)) AS bigint) AS quarantined,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'deferred' AS numeric), 0)) AS bigint) AS deferred,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'calls' AS numeric), 0)) AS bigint) AS calls,
  SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'seconds' AS double precision), 0)) AS seconds
FROM sync_run WHERE NOT dry_run GROUP BY substr(started_at, 1, 10), pair;

CREATE VIEW sync_conflicts_view AS
SELECT pair AS sync, conflict_id, link_id, unit, kind, n, id_a, id_b, base, value_a, value_b, evidence, choice,
  decided_by, decided_at, opened_run, opened_at, CAST(EXTRACT(EPOCH FROM now() - CAST(opened_at AS timestamptz)) AS double precision) / 3600.0 AS age_hours
FROM sync_conflict WHERE status = 'open';

CREATE VIEW sync_performance_view AS
SELECT substr(started_at, 1, 14) || '00' AS hour, pair AS sync, COUNT(*) AS runs,
  AVG(COALESCE(CAST(CAST(counts AS jsonb) ->> 'seconds' AS double precision), 0)) AS mean_seconds, MAX(COALESCE(CAST(CAST(counts AS jsonb) ->> 'seconds' AS double precision), 0)) AS max_seconds,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'read_a' AS numeric), 0) + COALESCE(CAST(CAST(counts AS jsonb) ->> 'read_b' AS numeric), 0)) AS bigint) AS records_read,
  CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'created_a' AS numeric), 0) + COALESCE(CAST(CAST(counts AS jsonb) ->> 'created_b' AS numeric), 0) + COALESCE(CAST(CAST(counts AS jsonb) ->> 'updated_a' AS numeric), 0) + COALESCE(CAST(CAST(counts AS jsonb) ->> 'updated_b' AS numeric), 0) + COALESCE(CAST(CAST(counts AS jsonb) ->> 'archived_a' AS numeric), 0) + COALESCE(CAST(CAST(counts AS jsonb) ->> 'archived_b' AS numeric), 0) + COALESCE(CAST(CAST(counts AS jsonb) ->> 'deleted_a' AS numeric), 0) + COALESCE(CAST(CAST(counts AS jsonb) ->> 'deleted_b' AS numeric), 0) + COALESCE(CAST(CAST(counts AS jsonb) ->> 'restored_a' AS numeric), 0) + COALESCE(CAST(CAST(counts AS jsonb) ->> 'restored_b' AS numeric), 0)) AS bigint) AS records_written,
  SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'read_a' AS numeric), 0) + COALESCE(CAST(CAST(counts AS jsonb) ->> 'read_b' AS numeric), 0)) / NULLIF(CAST(SUM(COALESCE(CAST(CAST(counts AS jsonb) ->> 'seconds' AS double precision), 0)) AS double precision), 0) AS records_per_second
FROM sync_run WHERE NOT dry_run AND finished_at IS NOT NULL GROUP BY substr(started_at, 1, 14), pair;

INSERT INTO integrations_alembic_version (version_num) VALUES ('0001') RETURNING integrations_alembic_version.version_num;

-- Running upgrade 0001 -> 0002

CREATE TABLE sync_account (
    account TEXT NOT NULL,
    body TEXT,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (account)
);

UPDATE integrations_alembic_version SET version_num='0002' WHERE integrations_alembic_version.version_num = '0001';

-- Running upgrade 0002 -> 0003

CREATE TABLE webhook_event (
    event_id TEXT NOT NULL,
    source TEXT NOT NULL,
    event_key TEXT NOT NULL,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    received_at TEXT NOT NULL,
    duplicates BIGINT NOT NULL,
    state TEXT NOT NULL,
    wake_ups TEXT NOT NULL,
    PRIMARY KEY (event_id)
);

CREATE INDEX webhook_event_waiting ON webhook_event (source, subject, received_at) WHERE state = 'waiting';

CREATE INDEX webhook_event_by_time ON webhook_event (received_at);

CREATE TABLE webhook_wake_up (
    wake_id TEXT NOT NULL,
    target TEXT NOT NULL,
    state TEXT NOT NULL,
    events BIGINT NOT NULL,
    since TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    run_id TEXT,
    note TEXT NOT NULL,
    PRIMARY KEY (wake_id)
);

CREATE UNIQUE INDEX webhook_wake_up_waiting ON webhook_wake_up (target) WHERE state = 'waiting';

CREATE INDEX webhook_wake_up_unended ON webhook_wake_up (changed_at) WHERE state IN ('waiting', 'requested', 'started');

UPDATE integrations_alembic_version SET version_num='0003' WHERE integrations_alembic_version.version_num = '0002';

-- Running upgrade 0003 -> 0004

CREATE TABLE alert_standing (
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT,
    since TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    times INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (topic)
);

CREATE TABLE alert_outbox (
    message_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    target TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    bundle TEXT,
    attempts INTEGER NOT NULL,
    next_at TEXT NOT NULL,
    claimed_by TEXT,
    claimed_until TEXT,
    recipients TEXT,
    note TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (message_id)
);

CREATE INDEX alert_outbox_unsent ON alert_outbox (target, number) WHERE state = 'waiting';

CREATE INDEX alert_outbox_by_number ON alert_outbox (number);

UPDATE integrations_alembic_version SET version_num='0004' WHERE integrations_alembic_version.version_num = '0003';

-- Running upgrade 0004 -> 0005

CREATE TABLE metric (
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (name, labels)
);

INSERT INTO metric (name, labels, value) SELECT 'sync_last_run', '{"outcome":"' || status || '","sync":"' || pair || '"}', CAST(EXTRACT(EPOCH FROM CAST(MAX(finished_at) AS timestamptz)) AS double precision) FROM sync_run WHERE finished_at IS NOT NULL GROUP BY pair, status;

UPDATE integrations_alembic_version SET version_num='0005' WHERE integrations_alembic_version.version_num = '0004';

-- Running upgrade 0005 -> 0006

ALTER TABLE sync_observation ADD COLUMN digest TEXT;

UPDATE integrations_alembic_version SET version_num='0006' WHERE integrations_alembic_version.version_num = '0005';

-- Running upgrade 0006 -> 0007

CREATE TABLE sync_load (
    pair TEXT NOT NULL,
    load_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    layout TEXT NOT NULL,
    key TEXT NOT NULL,
    records BIGINT NOT NULL,
    state TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (pair, load_id),
    CONSTRAINT sync_load_pair FOREIGN KEY(pair) REFERENCES sync_pair (pair)
);

CREATE TABLE sync_load_part (
    load_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (load_id, kind, number)
);

UPDATE integrations_alembic_version SET version_num='0007' WHERE integrations_alembic_version.version_num = '0006';

-- Running upgrade 0007 -> 0008

CREATE TABLE sync_shard (
    pair TEXT NOT NULL,
    run_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    number INTEGER NOT NULL,
    word TEXT NOT NULL,
    PRIMARY KEY (pair, run_id, topic, number),
    CONSTRAINT sync_shard_pair FOREIGN KEY(pair) REFERENCES sync_pair (pair)
);

UPDATE integrations_alembic_version SET version_num='0008' WHERE integrations_alembic_version.version_num = '0007';

-- Running upgrade 0008 -> 0009

ALTER TABLE sync_load ADD COLUMN side TEXT DEFAULT 'B' NOT NULL;

ALTER TABLE sync_load ADD COLUMN whole BOOLEAN DEFAULT true NOT NULL;

ALTER TABLE sync_load ADD COLUMN number BIGINT DEFAULT '0' NOT NULL;

ALTER TABLE sync_load ADD COLUMN gathered BOOLEAN DEFAULT false NOT NULL;

UPDATE integrations_alembic_version SET version_num='0009' WHERE integrations_alembic_version.version_num = '0008';

-- Running upgrade 0009 -> 0010

ALTER TABLE sync_observation ADD COLUMN mark TEXT;

ALTER TABLE sync_observation ADD COLUMN whole_at TEXT;

UPDATE integrations_alembic_version SET version_num='0010' WHERE integrations_alembic_version.version_num = '0009';

COMMIT;

-- ---------- sqlite ----------

BEGIN;

CREATE TABLE integrations_alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT integrations_alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

CREATE TABLE sync_pair (
    pair TEXT NOT NULL,
    spec_digest TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    audit_number BIGINT NOT NULL,
    audit_hash TEXT NOT NULL,
    PRIMARY KEY (pair)
);

CREATE TABLE sync_link (
    pair TEXT NOT NULL,
    link_id TEXT NOT NULL,
    id_a TEXT,
    id_b TEXT,
    state TEXT NOT NULL,
    version_a TEXT,
    version_b TEXT,
    PRIMARY KEY (pair, link_id),
    CONSTRAINT sync_link_pair FOREIGN KEY(pair) REFERENCES sync_pair (pair)
)
 WITHOUT ROWID;

CREATE TABLE sync_base (
    pair TEXT NOT NULL,
    link_id TEXT NOT NULL,
    base_version INTEGER NOT NULL,
    values_a TEXT,
    values_b TEXT,
    agreed_at TEXT,
    PRIMARY KEY (pair, link_id),
    CONSTRAINT sync_base_link FOREIGN KEY(pair, link_id) REFERENCES sync_link (pair, link_id)
);

CREATE TABLE sync_key (
    pair TEXT NOT NULL,
    digest TEXT NOT NULL,
    link_id TEXT NOT NULL,
    PRIMARY KEY (pair, digest, link_id),
    CONSTRAINT sync_key_link FOREIGN KEY(pair, link_id) REFERENCES sync_link (pair, link_id)
)
 WITHOUT ROWID;

CREATE TABLE sync_run (
    pair TEXT NOT NULL,
    run_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    status TEXT NOT NULL,
    dry_run BOOLEAN NOT NULL,
    "trigger" TEXT NOT NULL,
    settled BOOLEAN NOT NULL,
    counts TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (pair, run_id)
);

CREATE TABLE sync_plan (
    pair TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    op_ids TEXT NOT NULL,
    operations TEXT NOT NULL,
    spec_digest TEXT NOT NULL,
    applied_run TEXT,
    PRIMARY KEY (pair, plan_id)
);

CREATE TABLE sync_op (
    pair TEXT NOT NULL,
    op_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    link_id TEXT NOT NULL,
    side TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    record_id TEXT,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (pair, op_id)
);

CREATE TABLE sync_audit (
    pair TEXT NOT NULL,
    number BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    role TEXT NOT NULL,
    link_id TEXT NOT NULL,
    side TEXT,
    record_id TEXT,
    op_id TEXT,
    field TEXT NOT NULL,
    rule TEXT NOT NULL,
    at TEXT NOT NULL,
    old TEXT,
    new TEXT,
    lost TEXT,
    actor TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (pair, number),
    CONSTRAINT sync_audit_pair FOREIGN KEY(pair) REFERENCES sync_pair (pair)
);

CREATE TABLE sync_conflict (
    pair TEXT NOT NULL,
    conflict_id TEXT NOT NULL,
    link_id TEXT NOT NULL,
    unit TEXT NOT NULL,
    kind TEXT NOT NULL,
    n INTEGER NOT NULL,
    status TEXT NOT NULL,
    base TEXT,
    value_a TEXT,
    value_b TEXT,
    evidence TEXT NOT NULL,
    opened_run TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    id_a TEXT,
    id_b TEXT,
    choice TEXT,
    chosen_value TEXT,
    decided_n INTEGER,
    decided_by TEXT,
    decided_at TEXT,
    closed_at TEXT,
    PRIMARY KEY (pair, conflict_id)
);

CREATE TABLE sync_quarantine (
    pair TEXT NOT NULL,
    subject TEXT NOT NULL,
    side TEXT,
    link_id TEXT,
    record_id TEXT,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    cause TEXT NOT NULL,
    "values" TEXT NOT NULL,
    run_id TEXT NOT NULL,
    at TEXT NOT NULL,
    runs INTEGER NOT NULL,
    status TEXT NOT NULL,
    resolved_at TEXT,
    PRIMARY KEY (pair, subject)
);

CREATE TABLE sync_tombstone (
    pair TEXT NOT NULL,
    link_id TEXT NOT NULL,
    deleted_side TEXT,
    policy TEXT NOT NULL,
    record_a TEXT,
    record_b TEXT,
    at TEXT NOT NULL,
    PRIMARY KEY (pair, link_id)
);

CREATE TABLE sync_observation (
    pair TEXT NOT NULL,
    run_id TEXT NOT NULL,
    side TEXT NOT NULL,
    taken_at TEXT NOT NULL,
    records BIGINT NOT NULL,
    complete BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (pair, run_id, side)
);

CREATE TABLE sync_breaker (
    system TEXT NOT NULL,
    state TEXT NOT NULL,
    failures INTEGER NOT NULL,
    opened_at TEXT,
    probe_holder TEXT,
    probe_until TEXT,
    last_error TEXT NOT NULL,
    PRIMARY KEY (system)
);

CREATE TABLE sync_lease (
    pair TEXT NOT NULL,
    holder TEXT,
    token BIGINT NOT NULL,
    until TEXT,
    PRIMARY KEY (pair)
);

CREATE UNIQUE INDEX sync_link_live_a ON sync_link (pair, id_a) WHERE state NOT IN ('closed', 'merged_away');

CREATE UNIQUE INDEX sync_link_live_b ON sync_link (pair, id_b) WHERE state NOT IN ('closed', 'merged_away');

CREATE INDEX sync_link_merged_a ON sync_link (id_a) WHERE state = 'merged_away';

CREATE INDEX sync_link_merged_b ON sync_link (id_b) WHERE state = 'merged_away';

CREATE INDEX sync_key_by_link ON sync_key (pair, link_id);

CREATE INDEX sync_run_by_sequence ON sync_run (pair, sequence);

CREATE INDEX sync_run_by_time ON sync_run (started_at);

CREATE INDEX sync_plan_by_time ON sync_plan (pair, created_at);

CREATE INDEX sync_op_by_number ON sync_op (pair, number);

CREATE INDEX sync_op_sent ON sync_op (pair, number) WHERE state = 'sent';

CREATE INDEX sync_audit_by_link ON sync_audit (pair, link_id, number);

CREATE INDEX sync_audit_by_run ON sync_audit (pair, run_id, number);

CREATE INDEX sync_conflict_open ON sync_conflict (pair, opened_at) WHERE status = 'open';

CREATE INDEX sync_quarantine_by_status ON sync_quarantine (pair, status, at);

CREATE TRIGGER sync_audit_no_update BEFORE UPDATE ON sync_audit BEGIN SELECT RAISE(ABORT, 'sync_audit is append-only'); END;

CREATE TRIGGER sync_audit_no_delete BEFORE DELETE ON sync_audit BEGIN SELECT RAISE(ABORT, 'sync_audit is append-only'); END;

CREATE VIEW sync_summary AS
SELECT substr(started_at, 1, 10) AS day, pair AS sync, COUNT(*) AS runs,
  SUM(CASE WHEN status = 'succeeded' THEN 1 ELSE 0 END) AS succeeded,
  SUM(CASE WHEN status = 'partial' THEN 1 ELSE 0 END) AS partial,
  SUM(CASE WHEN status = 'refused' THEN 1 ELSE 0 END) AS refused,
  SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed,
  SUM(CASE WHEN status NOT IN ('succeeded', 'partial', 'refused', 'failed') THEN 1 ELSE 0 END) AS unfinished,
  CAST(SUM(COALESCE(json_extract(counts, '$.read_a'), 0)) AS bigint) AS read_a,
  CAST(SUM(COALESCE(json_extract(counts, '$.read_b'), 0)) AS bigint) AS read_b,
  CAST(SUM(COALESCE(json_extract(counts, '$.created_a'), 0)) AS bigint) AS created_a,
  CAST(SUM(COALESCE(json_extract(counts, '$.created_b'), 0)) AS bigint) AS created_b,
  CAST(SUM(COALESCE(json_extract(counts, '$.updated_a'), 0)) AS bigint) AS updated_a,
  CAST(SUM(COALESCE(json_extract(counts, '$.updated_b'), 0)) AS bigint) AS updated_b,
  CAST(SUM(COALESCE(json_extract(counts, '$.archived_a'), 0)) AS bigint) AS archived_a,
  CAST(SUM(COALESCE(json_extract(counts, '$.archived_b'), 0)) AS bigint) AS archived_b,
  CAST(SUM(COALESCE(json_extract(counts, '$.deleted_a'), 0)) AS bigint) AS deleted_a,
  CAST(SUM(COALESCE(json_extract(counts, '$.deleted_b'), 0)) AS bigint) AS deleted_b,
  CAST(SUM(COALESCE(json_extract(counts, '$.restored_a'), 0)) AS bigint) AS restored_a,
  CAST(SUM(COALESCE(json_extract(counts, '$.restored_b'), 0)) AS bigint) AS restored_b,
  CAST(SUM(COALESCE(json_extract(counts, '$.conflicts_opened'), 0)) AS bigint) AS conflicts_opened,
  CAST(SUM(COALESCE(json_extract(counts, '$.quarantined'), 0)) AS bigint) AS quarantined,
  CAST(SUM(COALESCE(json_extract(counts, '$.deferred'), 0)) AS bigint) AS deferred,
  CAST(SUM(COALESCE(json_extract(counts, '$.calls'), 0)) AS bigint) AS calls,
  SUM(COALESCE(json_extract(counts, '$.seconds'), 0)) AS seconds
FROM sync_run WHERE NOT dry_run GROUP BY substr(started_at, 1, 10), pair;

CREATE VIEW sync_conflicts_view AS
SELECT pair AS sync, conflict_id, link_id, unit, kind, n, id_a, id_b, base, value_a, value_b, evidence, choice,
  decided_by, decided_at, opened_run, opened_at, (julianday('now') - julianday(opened_at)) * 24.0 AS age_hours
FROM sync_conflict WHERE status = 'open';

CREATE VIEW sync_performance_view AS
SELECT substr(started_at, 1, 14) || '00' AS hour, pair AS sync, COUNT(*) AS runs,
  AVG(COALESCE(json_extract(counts, '$.seconds'), 0)) AS mean_seconds, MAX(COALESCE(json_extract(counts, '$.seconds'), 0)) AS max_seconds,
  CAST(SUM(COALESCE(json_extract(counts, '$.read_a'), 0) + COALESCE(json_extract(counts, '$.read_b'), 0)) AS bigint) AS records_read,
  CAST(SUM(COALESCE(json_extract(counts, '$.created_a'), 0) + COALESCE(json_extract(counts, '$.created_b'), 0) + COALESCE(json_extract(counts, '$.updated_a'), 0) + COALESCE(json_extract(counts, '$.updated_b'), 0) + COALESCE(json_extract(counts, '$.archived_a'), 0) + COALESCE(json_extract(counts, '$.archived_b'), 0) + COALESCE(json_extract(counts, '$.deleted_a'), 0) + COALESCE(json_extract(counts, '$.deleted_b'), 0) + COALESCE(json_extract(counts, '$.restored_a'), 0) + COALESCE(json_extract(counts, '$.restored_b'), 0)) AS bigint) AS records_written,
  SUM(COALESCE(json_extract(counts, '$.read_a'), 0) + COALESCE(json_extract(counts, '$.read_b'), 0)) / NULLIF(CAST(SUM(COALESCE(json_extract(counts, '$.seconds'), 0)) AS double precision), 0) AS records_per_second
FROM sync_run WHERE NOT dry_run AND finished_at IS NOT NULL GROUP BY substr(started_at, 1, 14), pair;

INSERT INTO integrations_alembic_version (version_num) VALUES ('0001') RETURNING version_num;

-- Running upgrade 0001 -> 0002

CREATE TABLE sync_account (
    account TEXT NOT NULL,
    body TEXT,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (account)
);

UPDATE integrations_alembic_version SET version_num='0002' WHERE integrations_alembic_version.version_num = '0001';

-- Running upgrade 0002 -> 0003

CREATE TABLE webhook_event (
    event_id TEXT NOT NULL,
    source TEXT NOT NULL,
    event_key TEXT NOT NULL,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    received_at TEXT NOT NULL,
    duplicates BIGINT NOT NULL,
    state TEXT NOT NULL,
    wake_ups TEXT NOT NULL,
    PRIMARY KEY (event_id)
);

CREATE INDEX webhook_event_waiting ON webhook_event (source, subject, received_at) WHERE state = 'waiting';

CREATE INDEX webhook_event_by_time ON webhook_event (received_at);

CREATE TABLE webhook_wake_up (
    wake_id TEXT NOT NULL,
    target TEXT NOT NULL,
    state TEXT NOT NULL,
    events BIGINT NOT NULL,
    since TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    run_id TEXT,
    note TEXT NOT NULL,
    PRIMARY KEY (wake_id)
);

CREATE UNIQUE INDEX webhook_wake_up_waiting ON webhook_wake_up (target) WHERE state = 'waiting';

CREATE INDEX webhook_wake_up_unended ON webhook_wake_up (changed_at) WHERE state IN ('waiting', 'requested', 'started');

UPDATE integrations_alembic_version SET version_num='0003' WHERE integrations_alembic_version.version_num = '0002';

-- Running upgrade 0003 -> 0004

CREATE TABLE alert_standing (
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT,
    since TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    times INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (topic)
);

CREATE TABLE alert_outbox (
    message_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    target TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    bundle TEXT,
    attempts INTEGER NOT NULL,
    next_at TEXT NOT NULL,
    claimed_by TEXT,
    claimed_until TEXT,
    recipients TEXT,
    note TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (message_id)
);

CREATE INDEX alert_outbox_unsent ON alert_outbox (target, number) WHERE state = 'waiting';

CREATE INDEX alert_outbox_by_number ON alert_outbox (number);

UPDATE integrations_alembic_version SET version_num='0004' WHERE integrations_alembic_version.version_num = '0003';

-- Running upgrade 0004 -> 0005

CREATE TABLE metric (
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    value DOUBLE NOT NULL,
    PRIMARY KEY (name, labels)
);

INSERT INTO metric (name, labels, value) SELECT 'sync_last_run', '{"outcome":"' || status || '","sync":"' || pair || '"}', CAST(strftime('%s', MAX(finished_at)) AS double precision) FROM sync_run WHERE finished_at IS NOT NULL GROUP BY pair, status;

UPDATE integrations_alembic_version SET version_num='0005' WHERE integrations_alembic_version.version_num = '0004';

-- Running upgrade 0005 -> 0006

ALTER TABLE sync_observation ADD COLUMN digest TEXT;

UPDATE integrations_alembic_version SET version_num='0006' WHERE integrations_alembic_version.version_num = '0005';

-- Running upgrade 0006 -> 0007

CREATE TABLE sync_load (
    pair TEXT NOT NULL,
    load_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    layout TEXT NOT NULL,
    "key" TEXT NOT NULL,
    records BIGINT NOT NULL,
    state TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (pair, load_id),
    CONSTRAINT sync_load_pair FOREIGN KEY(pair) REFERENCES sync_pair (pair)
);

CREATE TABLE sync_load_part (
    load_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (load_id, kind, number)
);

UPDATE integrations_alembic_version SET version_num='0007' WHERE integrations_alembic_version.version_num = '0006';

-- Running upgrade 0007 -> 0008

CREATE TABLE sync_shard (
    pair TEXT NOT NULL,
    run_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    number INTEGER NOT NULL,
    word TEXT NOT NULL,
    PRIMARY KEY (pair, run_id, topic, number),
    CONSTRAINT sync_shard_pair FOREIGN KEY(pair) REFERENCES sync_pair (pair)
);

UPDATE integrations_alembic_version SET version_num='0008' WHERE integrations_alembic_version.version_num = '0007';

-- Running upgrade 0008 -> 0009

ALTER TABLE sync_load ADD COLUMN side TEXT DEFAULT 'B' NOT NULL;

ALTER TABLE sync_load ADD COLUMN whole BOOLEAN DEFAULT 1 NOT NULL;

ALTER TABLE sync_load ADD COLUMN number BIGINT DEFAULT '0' NOT NULL;

ALTER TABLE sync_load ADD COLUMN gathered BOOLEAN DEFAULT 0 NOT NULL;

UPDATE integrations_alembic_version SET version_num='0009' WHERE integrations_alembic_version.version_num = '0008';

-- Running upgrade 0009 -> 0010

ALTER TABLE sync_observation ADD COLUMN mark TEXT;

ALTER TABLE sync_observation ADD COLUMN whole_at TEXT;

UPDATE integrations_alembic_version SET version_num='0010' WHERE integrations_alembic_version.version_num = '0009';

COMMIT;
