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

COMMIT;

INSERT INTO metric ("name", "labels", "value") VALUES ('sync_calls', '{"side":"A","sync":"people"}', '33.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_calls', '{"side":"B","sync":"people"}', '36.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_conflicts_opened', '{"sync":"people"}', '2.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_last_run', '{"outcome":"failed","sync":"people"}', '1795382506.614356');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_last_run', '{"outcome":"partial","sync":"people"}', '1795382505.535609');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_last_run', '{"outcome":"succeeded","sync":"people"}', '1795382504.721851');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_observed', '{"side":"A","sync":"people"}', '1795382505.231525');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_observed', '{"side":"B","sync":"people"}', '1795382505.231525');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_records', '{"outcome":"applied","side":"A","sync":"people"}', '1.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_records', '{"outcome":"applied","side":"B","sync":"people"}', '11.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_records', '{"outcome":"parked","side":"A","sync":"people"}', '4.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_records', '{"outcome":"parked","side":"B","sync":"people"}', '4.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_records', '{"outcome":"rejected","side":"B","sync":"people"}', '2.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_records_read', '{"side":"A","sync":"people"}', '17.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_records_read', '{"side":"B","sync":"people"}', '5.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_run_class', '{"le":"1","sync":"people"}', '5.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_run_seconds', '{"sync":"people"}', '1.719099');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_runs', '{"outcome":"failed","sync":"people"}', '1.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_runs', '{"outcome":"partial","sync":"people"}', '2.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_runs', '{"outcome":"succeeded","sync":"people"}', '2.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_writes', '{"kind":"archive","outcome":"applied","side":"A","sync":"people"}', '1.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_writes', '{"kind":"archive","outcome":"applied","side":"B","sync":"people"}', '1.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_writes', '{"kind":"create","outcome":"applied","side":"B","sync":"people"}', '8.0');
INSERT INTO metric ("name", "labels", "value") VALUES ('sync_writes', '{"kind":"update","outcome":"applied","side":"B","sync":"people"}', '2.0');
INSERT INTO sync_account ("account", "body", "changed_at") VALUES ('people', '{}', '2026-11-22T21:21:45.787244+00:00');
INSERT INTO sync_conflict ("pair", "conflict_id", "link_id", "unit", "kind", "n", "status", "base", "value_a", "value_b", "evidence", "opened_run", "opened_at", "id_a", "id_b", "choice", "chosen_value", "decided_n", "decided_by", "decided_at", "closed_at") VALUES ('people', '81404a329b40', 'A:1', 'name', 'field', 1, 'resolved', '{"name":"Person 0"}', '{"name":"Office 0"}', '{"name":"Shop 0"}', 'strategy manual; source changed between 2026-11-22T21:21:44.649+00:00 and 2026-11-22T21:21:44.930+00:00 (observation); target changed between 2026-11-22T21:21:44.649+00:00 and 2026-11-22T21:21:44.933+00:00 (observation)', '80a9bb260c0b4ae6', '2026-11-22T21:21:44.847450+00:00', '1', '1', 'A', NULL, 1, 'history', '2026-11-22T21:21:45.057351+00:00', '2026-11-22T21:21:45.510205+00:00');
INSERT INTO sync_conflict ("pair", "conflict_id", "link_id", "unit", "kind", "n", "status", "base", "value_a", "value_b", "evidence", "opened_run", "opened_at", "id_a", "id_b", "choice", "chosen_value", "decided_n", "decided_by", "decided_at", "closed_at") VALUES ('people', 'e09fcea259f1', 'A:2', 'name', 'field', 1, 'open', '{"name":"Person 1"}', '{"name":"Office 1"}', '{"name":"Shop 1"}', 'strategy manual; source changed between 2026-11-22T21:21:44.649+00:00 and 2026-11-22T21:21:44.930+00:00 (observation); target changed between 2026-11-22T21:21:44.649+00:00 and 2026-11-22T21:21:44.933+00:00 (observation)', '80a9bb260c0b4ae6', '2026-11-22T21:21:44.847450+00:00', '2', '2', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO sync_lease ("pair", "holder", "token", "until") VALUES ('people', NULL, 5, NULL);
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason", "digest") VALUES ('people', '13ff479c03e54cf0', 'A', '2026-11-22T21:21:44.649893+00:00', 8, true, '', NULL);
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason", "digest") VALUES ('people', '13ff479c03e54cf0', 'B', '2026-11-22T21:21:44.649893+00:00', 8, true, '', NULL);
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason", "digest") VALUES ('people', '1b6404d166504b9f', 'A', '2026-11-22T21:21:45.231525+00:00', 7, true, '', NULL);
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason", "digest") VALUES ('people', '1b6404d166504b9f', 'B', '2026-11-22T21:21:45.231525+00:00', 7, true, '', NULL);
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason", "digest") VALUES ('people', '80a9bb260c0b4ae6', 'A', '2026-11-22T21:21:44.837582+00:00', 8, true, '', NULL);
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason", "digest") VALUES ('people', '80a9bb260c0b4ae6', 'B', '2026-11-22T21:21:44.837582+00:00', 8, true, '', NULL);
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason", "digest") VALUES ('people', 'b166f733a05542cd', 'A', '2026-11-22T21:21:46.089530+00:00', 7, true, '', NULL);
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason", "digest") VALUES ('people', 'b166f733a05542cd', 'B', '2026-11-22T21:21:46.089530+00:00', 7, true, '', NULL);
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason", "digest") VALUES ('people', 'd88ca624adcd40fc', 'A', '2026-11-22T21:21:44.347146+00:00', 8, true, '', NULL);
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason", "digest") VALUES ('people', 'd88ca624adcd40fc', 'B', '2026-11-22T21:21:44.347146+00:00', 0, true, '', NULL);
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '03325554bafc2c1083be960df88e7fe7', 9, '1b6404d166504b9f', 'A:7', 'A', 'archive', 'applied', '{"base_version":1,"closes":[],"columns":{},"expected":"s1:53d0b1:46646bee4a0c1ba35dff2bbaff3c36f8","fields":{},"full":"{\"balance\":\"6.5\",\"email\":\"p6@example.org\",\"name\":\"Person 6\"}","kind":"archive","link":"A:7","other":"7","policy":"archive","record":"7","restore":false,"rule":"deleted on target","side":"A"}', '7', '2026-11-22T21:21:45.425421+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '2d6ae3ce1a78b88eb105441facc877d9', 3, 'd88ca624adcd40fc', 'A:3', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"2.5","email":"p2@example.org","name":"Person 2"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"2.5","rule":"new on source","sent":"2.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p2@example.org","rule":"new on source","sent":"p2@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 2","rule":"new on source","sent":"Person 2"}},"full":null,"kind":"create","link":"A:3","other":"3","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T21:21:44.501369+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '3bc1fcff7eb05317ba99391b5e5846fe', 7, 'd88ca624adcd40fc', 'A:7', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"6.5","email":"p6@example.org","name":"Person 6"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"6.5","rule":"new on source","sent":"6.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p6@example.org","rule":"new on source","sent":"p6@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 6","rule":"new on source","sent":"Person 6"}},"full":null,"kind":"create","link":"A:7","other":"7","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T21:21:44.501369+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '3cb91b8ab9ad3b4c3424f8cf08a660e0', 5, 'd88ca624adcd40fc', 'A:5', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"4.5","email":"p4@example.org","name":"Person 4"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"4.5","rule":"new on source","sent":"4.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p4@example.org","rule":"new on source","sent":"p4@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 4","rule":"new on source","sent":"Person 4"}},"full":null,"kind":"create","link":"A:5","other":"5","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T21:21:44.501369+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '419a6c55d6c08f6d6b7d0ba4ee1d9a96', 2, 'd88ca624adcd40fc', 'A:2', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"1.5","email":"p1@example.org","name":"Person 1"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"1.5","rule":"new on source","sent":"1.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p1@example.org","rule":"new on source","sent":"p1@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 1","rule":"new on source","sent":"Person 1"}},"full":null,"kind":"create","link":"A:2","other":"2","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T21:21:44.501369+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '4ddd68b7110d46ec798d022e4db74df6', 10, '1b6404d166504b9f', 'A:5', 'B', 'archive', 'applied', '{"base_version":1,"closes":[],"columns":{},"expected":"s1:53d0b1:8131306c6f784339fca43857d8531156","fields":{},"full":"{\"balance\":\"4.5\",\"email\":\"p4@example.org\",\"name\":\"Person 4\"}","kind":"archive","link":"A:5","other":"5","policy":"archive","record":"5","restore":false,"rule":"deleted on source","side":"B"}', '5', '2026-11-22T21:21:45.480727+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '56812cfc2eee9446a9d23ac5e0ff4622', 6, 'd88ca624adcd40fc', 'A:6', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"5.5","email":"p5@example.org","name":"Person 5"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"5.5","rule":"new on source","sent":"5.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p5@example.org","rule":"new on source","sent":"p5@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 5","rule":"new on source","sent":"Person 5"}},"full":null,"kind":"create","link":"A:6","other":"6","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T21:21:44.501369+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '56e42fe93d8beeb14191709f70f56ec7', 11, '1b6404d166504b9f', 'A:1', 'B', 'update', 'applied', '{"base_version":1,"closes":["81404a329b40"],"columns":{"name":"Office 0"},"expected":"s1:53d0b1:4500b1b08857115a0401fe41880a84e0","fields":{"name":{"before":"Shop 0","commits":true,"evidence":"","lost":true,"origin":"Office 0","rule":"decided by history: A","sent":"Office 0"}},"full":null,"kind":"update","link":"A:1","other":"1","policy":"","record":"1","restore":false,"rule":"","side":"B"}', '1', '2026-11-22T21:21:45.521389+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '6bdd0a8e0feb579ea0f36152205d7bfa', 1, 'd88ca624adcd40fc', 'A:1', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"0.5","email":"p0@example.org","name":"Person 0"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"0.5","rule":"new on source","sent":"0.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p0@example.org","rule":"new on source","sent":"p0@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 0","rule":"new on source","sent":"Person 0"}},"full":null,"kind":"create","link":"A:1","other":"1","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T21:21:44.501369+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '7aeb211263d26a9441f96baeaf182939', 8, 'd88ca624adcd40fc', 'A:8', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"7.5","email":"p7@example.org","name":"Person 7"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"7.5","rule":"new on source","sent":"7.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p7@example.org","rule":"new on source","sent":"p7@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 7","rule":"new on source","sent":"Person 7"}},"full":null,"kind":"create","link":"A:8","other":"8","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T21:21:44.501369+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', 'b6ffb780c8b869c274bfe69fe4685aa1', 4, 'd88ca624adcd40fc', 'A:4', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"3.5","email":"p3@example.org","name":"Person 3"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"3.5","rule":"new on source","sent":"3.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p3@example.org","rule":"new on source","sent":"p3@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 3","rule":"new on source","sent":"Person 3"}},"full":null,"kind":"create","link":"A:4","other":"4","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T21:21:44.501369+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', 'd421bd617b1d5a80a06189dae81b6ad9', 13, 'b166f733a05542cd', 'A:3', 'B', 'update', 'sent', '{"base_version":1,"closes":[],"columns":{"name":"Written, not noted"},"expected":"s1:53d0b1:35e997d1de0599ef7d36b10feff35f50","fields":{"name":{"before":"Person 2","commits":true,"evidence":"","lost":false,"origin":"Written, not noted","rule":"changed on source","sent":"Written, not noted"}},"full":null,"kind":"update","link":"A:3","other":"3","policy":"","record":"3","restore":false,"rule":"","side":"B"}', '3', '2026-11-22T21:21:46.605705+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', 'e298e83d90cd3c9885288e59b1f07a20', 12, '1b6404d166504b9f', 'A:4', 'B', 'update', 'applied', '{"base_version":1,"closes":[],"columns":{"balance":"3.25"},"expected":"s1:53d0b1:68c7a48fbe5a69df852f6f9fef4a7d0b","fields":{"balance":{"before":"3.5","commits":true,"evidence":"","lost":false,"origin":"3.25","rule":"changed on source","sent":"3.25"}},"full":null,"kind":"update","link":"A:4","other":"4","policy":"","record":"4","restore":false,"rule":"","side":"B"}', '4', '2026-11-22T21:21:45.521389+00:00');
INSERT INTO sync_pair ("pair", "spec_digest", "opened_at", "audit_number", "audit_hash") VALUES ('people', 'd6c469de0f60f75d', '2026-11-22T21:21:44.244453+00:00', 16, 'd31773b5f3f6123ea7a1adb8ebabcc00d2122b688ff660090e5caba816d01ecd');
INSERT INTO sync_plan ("pair", "plan_id", "created_at", "op_ids", "operations", "spec_digest", "applied_run") VALUES ('people', '3dc08ae4e6', '2026-11-22T21:21:45.754584+00:00', '[]', '{"conflicts":[],"counts":{"active":6,"held_back":0,"live_a":6,"live_b":6,"parked":1,"parked_a":1,"parked_b":1,"planned_a":1,"planned_b":2,"quarantined":1,"read_a":2,"read_b":1,"rejected_b":1,"settled":4},"operations":[],"quarantine":[],"refusals":[],"sync":"people","warnings":[]}', 'd6c469de0f60f75d', NULL);
INSERT INTO sync_quarantine ("pair", "subject", "side", "link_id", "record_id", "reason", "message", "cause", "values", "run_id", "at", "runs", "status", "resolved_at") VALUES ('people', 'A:6:B', 'B', 'A:6', '6', 'validation', 'field name: 61 characters where 60 fit', 'form:name:61 characters where 60 fit', '{"balance":"5.5","email":"p5@example.org","name":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}', '1b6404d166504b9f', '2026-11-22T21:21:45.250224+00:00', 1, 'open', NULL);
INSERT INTO sync_run ("pair", "run_id", "sequence", "started_at", "finished_at", "status", "dry_run", "trigger", "settled", "counts", "message") VALUES ('people', '13ff479c03e54cf0', 2, '2026-11-22T21:21:44.579797+00:00', '2026-11-22T21:21:44.721851+00:00', 'succeeded', false, 'cli', true, '{"active": 8, "calls": 12, "calls_a": 6, "calls_b": 6, "live_a": 8, "live_b": 8, "settled": 8, "seconds": 0.142, "rows_per_second": 56}', '');
INSERT INTO sync_run ("pair", "run_id", "sequence", "started_at", "finished_at", "status", "dry_run", "trigger", "settled", "counts", "message") VALUES ('people', '1b6404d166504b9f', 4, '2026-11-22T21:21:45.130843+00:00', '2026-11-22T21:21:45.535609+00:00', 'partial', false, 'cli', true, '{"active": 8, "applied_a": 1, "applied_b": 3, "archived_a": 1, "archived_b": 1, "calls": 17, "calls_a": 8, "calls_b": 9, "live_a": 7, "live_b": 7, "parked": 1, "parked_a": 1, "parked_b": 1, "planned_a": 2, "planned_b": 5, "quarantined": 1, "read_a": 4, "read_b": 2, "rejected_b": 1, "settled": 2, "updated_b": 2, "seconds": 0.405, "rows_per_second": 17}', '');
INSERT INTO sync_run ("pair", "run_id", "sequence", "started_at", "finished_at", "status", "dry_run", "trigger", "settled", "counts", "message") VALUES ('people', '80a9bb260c0b4ae6', 3, '2026-11-22T21:21:44.772689+00:00', '2026-11-22T21:21:44.993773+00:00', 'partial', false, 'cli', true, '{"active": 8, "calls": 12, "calls_a": 6, "calls_b": 6, "conflicts_opened": 2, "live_a": 8, "live_b": 8, "parked": 2, "parked_a": 2, "parked_b": 2, "planned_a": 2, "planned_b": 2, "read_a": 2, "read_b": 2, "settled": 6, "seconds": 0.221, "rows_per_second": 36}', '');
INSERT INTO sync_run ("pair", "run_id", "sequence", "started_at", "finished_at", "status", "dry_run", "trigger", "settled", "counts", "message") VALUES ('people', 'b166f733a05542cd', 5, '2026-11-22T21:21:45.939047+00:00', '2026-11-22T21:21:46.614356+00:00', 'failed', false, 'cli', false, '{"active": 6, "calls": 13, "calls_a": 6, "calls_b": 7, "live_a": 6, "live_b": 6, "parked": 1, "parked_a": 1, "parked_b": 1, "planned_a": 1, "planned_b": 3, "quarantined": 1, "read_a": 3, "read_b": 1, "rejected_b": 1, "settled": 3, "seconds": 0.675, "rows_per_second": 9}', 'Death: ');
INSERT INTO sync_run ("pair", "run_id", "sequence", "started_at", "finished_at", "status", "dry_run", "trigger", "settled", "counts", "message") VALUES ('people', 'd88ca624adcd40fc', 1, '2026-11-22T21:21:44.244453+00:00', '2026-11-22T21:21:44.520339+00:00', 'succeeded', false, 'cli', true, '{"applied_b": 8, "calls": 15, "calls_a": 7, "calls_b": 8, "created_b": 8, "live_a": 8, "planned_b": 8, "read_a": 8, "seconds": 0.276, "rows_per_second": 29}', '');
INSERT INTO sync_tombstone ("pair", "link_id", "deleted_side", "policy", "record_a", "record_b", "at") VALUES ('people', 'A:5', 'A', 'archive', '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', '2026-11-22T21:21:45.466965+00:00');
INSERT INTO sync_tombstone ("pair", "link_id", "deleted_side", "policy", "record_a", "record_b", "at") VALUES ('people', 'A:7', 'B', 'archive', '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', '2026-11-22T21:21:45.409552+00:00');
INSERT INTO webhook_event ("event_id", "source", "event_key", "topic", "subject", "body", "received_at", "duplicates", "state", "wake_ups") VALUES ('bbb530d5a585022d6a28ace43684628b', 'office', '1', 'person.changed', 'person', '{}', '2026-11-22T21:21:45.837982+00:00', 0, 'woke', '["wake-1"]');
INSERT INTO webhook_wake_up ("wake_id", "target", "state", "events", "since", "changed_at", "run_id", "note") VALUES ('wake-1', 'sync/people', 'waiting', 1, '2026-11-22T21:21:45.837982+00:00', '2026-11-22T21:21:45.880955+00:00', NULL, '');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 1, 'd88ca624adcd40fc', 'written', 'A:1', 'B', '1', '6bdd0a8e0feb579ea0f36152205d7bfa', '', 'new on source', '2026-11-22T21:21:44.469025+00:00', NULL, '{"balance":"0.5","email":"p0@example.org","name":"Person 0"}', NULL, 'engine', '0000000000000000000000000000000000000000000000000000000000000000', '1f44a1e418b73027a42366387e8759348768f9ba7974772efe0ced732c6ba632');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 2, 'd88ca624adcd40fc', 'written', 'A:2', 'B', '2', '419a6c55d6c08f6d6b7d0ba4ee1d9a96', '', 'new on source', '2026-11-22T21:21:44.469140+00:00', NULL, '{"balance":"1.5","email":"p1@example.org","name":"Person 1"}', NULL, 'engine', '1f44a1e418b73027a42366387e8759348768f9ba7974772efe0ced732c6ba632', '7dae64c02ea44df2dfc3f6d18f3fe13966362b92d1eebcc310b829b201b7303b');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 3, 'd88ca624adcd40fc', 'written', 'A:3', 'B', '3', '2d6ae3ce1a78b88eb105441facc877d9', '', 'new on source', '2026-11-22T21:21:44.469203+00:00', NULL, '{"balance":"2.5","email":"p2@example.org","name":"Person 2"}', NULL, 'engine', '7dae64c02ea44df2dfc3f6d18f3fe13966362b92d1eebcc310b829b201b7303b', 'a5a5a0e868ac4467dd211b457f0a4e3019b022c11c519d5a5852f6696677e090');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 4, 'd88ca624adcd40fc', 'written', 'A:4', 'B', '4', 'b6ffb780c8b869c274bfe69fe4685aa1', '', 'new on source', '2026-11-22T21:21:44.469262+00:00', NULL, '{"balance":"3.5","email":"p3@example.org","name":"Person 3"}', NULL, 'engine', 'a5a5a0e868ac4467dd211b457f0a4e3019b022c11c519d5a5852f6696677e090', '20b6deebf3c2afd399e53877919105e8d6f981e8c6f8de00c5cb4a3c7a62a2e6');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 5, 'd88ca624adcd40fc', 'written', 'A:5', 'B', '5', '3cb91b8ab9ad3b4c3424f8cf08a660e0', '', 'new on source', '2026-11-22T21:21:44.469319+00:00', NULL, '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', NULL, 'engine', '20b6deebf3c2afd399e53877919105e8d6f981e8c6f8de00c5cb4a3c7a62a2e6', '37baecf6e25c5bed820f2b7bd4eb622a9395f379ca3254c42d4e0d10fdb60211');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 6, 'd88ca624adcd40fc', 'written', 'A:6', 'B', '6', '56812cfc2eee9446a9d23ac5e0ff4622', '', 'new on source', '2026-11-22T21:21:44.469374+00:00', NULL, '{"balance":"5.5","email":"p5@example.org","name":"Person 5"}', NULL, 'engine', '37baecf6e25c5bed820f2b7bd4eb622a9395f379ca3254c42d4e0d10fdb60211', 'c8162454204c9ca237fa497f09825909f0e67a9dd96fcd7246edbfd7768fcd21');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 7, 'd88ca624adcd40fc', 'written', 'A:7', 'B', '7', '3bc1fcff7eb05317ba99391b5e5846fe', '', 'new on source', '2026-11-22T21:21:44.469430+00:00', NULL, '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', NULL, 'engine', 'c8162454204c9ca237fa497f09825909f0e67a9dd96fcd7246edbfd7768fcd21', '6ef64ea76d43504ba1c14d5a3a6ed7713877af5fbea9b37a29974ec3c1c34557');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 8, 'd88ca624adcd40fc', 'written', 'A:8', 'B', '8', '7aeb211263d26a9441f96baeaf182939', '', 'new on source', '2026-11-22T21:21:44.469900+00:00', NULL, '{"balance":"7.5","email":"p7@example.org","name":"Person 7"}', NULL, 'engine', '6ef64ea76d43504ba1c14d5a3a6ed7713877af5fbea9b37a29974ec3c1c34557', '8fb49b12ccdce9fd4e85ee4e91b0b2c11bb8b3c358efe84eaaab6c08dec9bcb6');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 9, '80a9bb260c0b4ae6', 'decided', 'A:1', NULL, NULL, NULL, 'name', 'history chose A for conflict 81404a329b40 at change 1', '2026-11-22T21:21:45.057351+00:00', NULL, '{"name":"Office 0"}', NULL, 'history', '8fb49b12ccdce9fd4e85ee4e91b0b2c11bb8b3c358efe84eaaab6c08dec9bcb6', '49cbc0b46fb906c85202f8a2137d5bfb1d870e34f2cd77c2247e33e0bea17647');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 10, '1b6404d166504b9f', 'deleted', 'A:7', 'A', '7', '03325554bafc2c1083be960df88e7fe7', '', 'deleted on target', '2026-11-22T21:21:45.389932+00:00', NULL, NULL, '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', 'engine', '49cbc0b46fb906c85202f8a2137d5bfb1d870e34f2cd77c2247e33e0bea17647', '50ba0c20dc480c6f513070301ec3f0174a9340d2aadaa04d56cb70a71463d129');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 11, '1b6404d166504b9f', 'written', 'A:7', 'A', '7', '03325554bafc2c1083be960df88e7fe7', '', 'deleted on target', '2026-11-22T21:21:45.409616+00:00', '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', NULL, NULL, 'engine', '50ba0c20dc480c6f513070301ec3f0174a9340d2aadaa04d56cb70a71463d129', '3348f41d41fd628000a5240c97a2cdf4c597cf7dbd1fb102a64db718beed7d9a');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 12, '1b6404d166504b9f', 'deleted', 'A:5', 'B', '5', '4ddd68b7110d46ec798d022e4db74df6', '', 'deleted on source', '2026-11-22T21:21:45.454849+00:00', NULL, NULL, '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', 'engine', '3348f41d41fd628000a5240c97a2cdf4c597cf7dbd1fb102a64db718beed7d9a', '1de036f6104dfc3a7eec8f4aa9ca38361cb71a0c517b461527cda154bb3520ba');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 13, '1b6404d166504b9f', 'written', 'A:5', 'B', '5', '4ddd68b7110d46ec798d022e4db74df6', '', 'deleted on source', '2026-11-22T21:21:45.467016+00:00', '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', NULL, NULL, 'engine', '1de036f6104dfc3a7eec8f4aa9ca38361cb71a0c517b461527cda154bb3520ba', 'd66cf9345998751748a86b16df9ecd6e109b25a490d84b4f2516554786fd0eb9');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 14, '1b6404d166504b9f', 'loser', 'A:1', 'B', '1', '56e42fe93d8beeb14191709f70f56ec7', 'name', 'decided by history: A', '2026-11-22T21:21:45.499642+00:00', NULL, '{"name":"Office 0"}', '{"name":"Shop 0"}', 'engine', 'd66cf9345998751748a86b16df9ecd6e109b25a490d84b4f2516554786fd0eb9', '1ace6bdc6036851e8876087ca7e4e19928352a26134ce9b901e2e1256dbc64e8');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 15, '1b6404d166504b9f', 'written', 'A:1', 'B', '1', '56e42fe93d8beeb14191709f70f56ec7', 'name', 'decided by history: A', '2026-11-22T21:21:45.510178+00:00', '{"name":"Shop 0"}', '{"name":"Office 0"}', NULL, 'engine', '1ace6bdc6036851e8876087ca7e4e19928352a26134ce9b901e2e1256dbc64e8', 'a00c42865b6cef0ddbc719f5cbf0940c9375568d79b49b9bd9a49b46f902fc2a');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 16, '1b6404d166504b9f', 'written', 'A:4', 'B', '4', 'e298e83d90cd3c9885288e59b1f07a20', 'balance', 'changed on source', '2026-11-22T21:21:45.510315+00:00', '{"balance":"3.5"}', '{"balance":"3.25"}', NULL, 'engine', 'a00c42865b6cef0ddbc719f5cbf0940c9375568d79b49b9bd9a49b46f902fc2a', 'd31773b5f3f6123ea7a1adb8ebabcc00d2122b688ff660090e5caba816d01ecd');
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:1', '1', '1', 'active', 's1:53d0b1:f151b92296a2fddacb8c02b24f565420', 's1:53d0b1:f151b92296a2fddacb8c02b24f565420');
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:2', '2', '2', 'active', NULL, NULL);
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:3', '3', '3', 'active', 's1:53d0b1:35e997d1de0599ef7d36b10feff35f50', 's1:53d0b1:35e997d1de0599ef7d36b10feff35f50');
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:4', '4', '4', 'active', 's1:53d0b1:a77334e4e03e30a9e70d1ddcb14362be', 's1:53d0b1:a77334e4e03e30a9e70d1ddcb14362be');
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:5', '5', '5', 'trashed', NULL, NULL);
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:6', '6', '6', 'active', NULL, 's1:53d0b1:ee3afa707f70c6c9ead7ee11715a7358');
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:7', '7', '7', 'trashed', NULL, NULL);
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:8', '8', '8', 'active', 's1:53d0b1:3de7cc730cd48cc637a53e879f43c4fa', 's1:53d0b1:3de7cc730cd48cc637a53e879f43c4fa');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:1', 2, '{"balance":"0.5","email":"p0@example.org","name":"Office 0"}', NULL, '2026-11-22T21:21:45.231525+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:2', 1, '{"balance":"1.5","email":"p1@example.org","name":"Person 1"}', NULL, '2026-11-22T21:21:44.347146+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:3', 1, '{"balance":"2.5","email":"p2@example.org","name":"Person 2"}', NULL, '2026-11-22T21:21:44.347146+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:4', 2, '{"balance":"3.25","email":"p3@example.org","name":"Person 3"}', NULL, '2026-11-22T21:21:45.231525+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:5', 2, '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', NULL, '2026-11-22T21:21:44.347146+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:6', 1, '{"balance":"5.5","email":"p5@example.org","name":"Person 5"}', NULL, '2026-11-22T21:21:44.347146+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:7', 2, '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', NULL, '2026-11-22T21:21:44.347146+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:8', 1, '{"balance":"7.5","email":"p7@example.org","name":"Person 7"}', NULL, '2026-11-22T21:21:44.347146+00:00');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', '68a401ae8e8b9bddd4f8f0ba', 'A:2');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', '77a748d7487f0945709b96fe', 'A:3');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', '7abe83968237ef4d8bee43bd', 'A:6');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', 'a17d53739bc34901a1e60cb9', 'A:1');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', 'd092b0a97a590d8d66e79080', 'A:4');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', 'd4aab070545747df29ba7b4e', 'A:8');
