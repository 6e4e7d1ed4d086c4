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

COMMIT;

INSERT INTO sync_account ("account", "body", "changed_at") VALUES ('people', '{}', '2026-11-22T08:41:09.907970+00:00');
INSERT INTO sync_conflict ("pair", "conflict_id", "link_id", "unit", "kind", "n", "status", "base", "value_a", "value_b", "evidence", "opened_run", "opened_at", "id_a", "id_b", "choice", "chosen_value", "decided_n", "decided_by", "decided_at", "closed_at") VALUES ('people', '81404a329b40', 'A:1', 'name', 'field', 1, 'resolved', '{"name":"Person 0"}', '{"name":"Office 0"}', '{"name":"Shop 0"}', 'strategy manual', '2d1ac228dad74ea4', '2026-11-22T08:41:09.171292+00:00', '1', '1', 'A', NULL, 1, 'history', '2026-11-22T08:41:09.310853+00:00', '2026-11-22T08:41:09.710911+00:00');
INSERT INTO sync_conflict ("pair", "conflict_id", "link_id", "unit", "kind", "n", "status", "base", "value_a", "value_b", "evidence", "opened_run", "opened_at", "id_a", "id_b", "choice", "chosen_value", "decided_n", "decided_by", "decided_at", "closed_at") VALUES ('people', 'e09fcea259f1', 'A:2', 'name', 'field', 1, 'open', '{"name":"Person 1"}', '{"name":"Office 1"}', '{"name":"Shop 1"}', 'strategy manual', '2d1ac228dad74ea4', '2026-11-22T08:41:09.171292+00:00', '2', '2', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO sync_lease ("pair", "holder", "token", "until") VALUES ('people', NULL, 5, NULL);
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason") VALUES ('people', '1c7a456a1e094a45', 'A', '2026-11-22T08:41:08.670806+00:00', 8, true, '');
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason") VALUES ('people', '1c7a456a1e094a45', 'B', '2026-11-22T08:41:08.670806+00:00', 0, true, '');
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason") VALUES ('people', '2d1ac228dad74ea4', 'A', '2026-11-22T08:41:09.154756+00:00', 8, true, '');
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason") VALUES ('people', '2d1ac228dad74ea4', 'B', '2026-11-22T08:41:09.154756+00:00', 8, true, '');
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason") VALUES ('people', '2f9f3bf1975c484a', 'A', '2026-11-22T08:41:10.126140+00:00', 7, true, '');
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason") VALUES ('people', '2f9f3bf1975c484a', 'B', '2026-11-22T08:41:10.126140+00:00', 7, true, '');
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason") VALUES ('people', '78ff171acf084070', 'A', '2026-11-22T08:41:08.952883+00:00', 8, true, '');
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason") VALUES ('people', '78ff171acf084070', 'B', '2026-11-22T08:41:08.952883+00:00', 8, true, '');
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason") VALUES ('people', '8ea71d7c480d49c2', 'A', '2026-11-22T08:41:09.461385+00:00', 7, true, '');
INSERT INTO sync_observation ("pair", "run_id", "side", "taken_at", "records", "complete", "reason") VALUES ('people', '8ea71d7c480d49c2', 'B', '2026-11-22T08:41:09.461385+00:00', 7, true, '');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '03325554bafc2c1083be960df88e7fe7', 9, '8ea71d7c480d49c2', 'A:7', 'A', 'archive', 'applied', '{"base_version":1,"closes":[],"columns":{},"expected":"s1:4ed415:4c0dba8d1f0de18dfe69cc47c6ce6d0c","fields":{},"full":"{\"balance\":\"6.5\",\"email\":\"p6@example.org\",\"name\":\"Person 6\"}","kind":"archive","link":"A:7","other":"7","policy":"archive","record":"7","restore":false,"rule":"deleted on target","side":"A"}', '7', '2026-11-22T08:41:09.623359+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '2d6ae3ce1a78b88eb105441facc877d9', 3, '1c7a456a1e094a45', 'A:3', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"2.5","email":"p2@example.org","name":"Person 2"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"2.5","rule":"new on source","sent":"2.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p2@example.org","rule":"new on source","sent":"p2@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 2","rule":"new on source","sent":"Person 2"}},"full":null,"kind":"create","link":"A:3","other":"3","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T08:41:08.810699+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '3bc1fcff7eb05317ba99391b5e5846fe', 7, '1c7a456a1e094a45', 'A:7', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"6.5","email":"p6@example.org","name":"Person 6"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"6.5","rule":"new on source","sent":"6.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p6@example.org","rule":"new on source","sent":"p6@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 6","rule":"new on source","sent":"Person 6"}},"full":null,"kind":"create","link":"A:7","other":"7","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T08:41:08.810699+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '3cb91b8ab9ad3b4c3424f8cf08a660e0', 5, '1c7a456a1e094a45', 'A:5', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"4.5","email":"p4@example.org","name":"Person 4"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"4.5","rule":"new on source","sent":"4.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p4@example.org","rule":"new on source","sent":"p4@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 4","rule":"new on source","sent":"Person 4"}},"full":null,"kind":"create","link":"A:5","other":"5","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T08:41:08.810699+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '419a6c55d6c08f6d6b7d0ba4ee1d9a96', 2, '1c7a456a1e094a45', 'A:2', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"1.5","email":"p1@example.org","name":"Person 1"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"1.5","rule":"new on source","sent":"1.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p1@example.org","rule":"new on source","sent":"p1@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 1","rule":"new on source","sent":"Person 1"}},"full":null,"kind":"create","link":"A:2","other":"2","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T08:41:08.810699+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '4ddd68b7110d46ec798d022e4db74df6', 10, '8ea71d7c480d49c2', 'A:5', 'B', 'archive', 'applied', '{"base_version":1,"closes":[],"columns":{},"expected":"s1:4ed415:702f3f5a19fd5d8e7237ac8707737dad","fields":{},"full":"{\"balance\":\"4.5\",\"email\":\"p4@example.org\",\"name\":\"Person 4\"}","kind":"archive","link":"A:5","other":"5","policy":"archive","record":"5","restore":false,"rule":"deleted on source","side":"B"}', '5', '2026-11-22T08:41:09.677524+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '56812cfc2eee9446a9d23ac5e0ff4622', 6, '1c7a456a1e094a45', 'A:6', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"5.5","email":"p5@example.org","name":"Person 5"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"5.5","rule":"new on source","sent":"5.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p5@example.org","rule":"new on source","sent":"p5@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 5","rule":"new on source","sent":"Person 5"}},"full":null,"kind":"create","link":"A:6","other":"6","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T08:41:08.810699+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '56e42fe93d8beeb14191709f70f56ec7', 11, '8ea71d7c480d49c2', 'A:1', 'B', 'update', 'applied', '{"base_version":1,"closes":["81404a329b40"],"columns":{"name":"Office 0"},"expected":"s1:4ed415:af15545e3a702a829e5c041d2342b93e","fields":{"name":{"before":"Shop 0","commits":true,"evidence":"","lost":true,"origin":"Office 0","rule":"decided by history: A","sent":"Office 0"}},"full":null,"kind":"update","link":"A:1","other":"1","policy":"","record":"1","restore":false,"rule":"","side":"B"}', '1', '2026-11-22T08:41:09.723861+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '6bdd0a8e0feb579ea0f36152205d7bfa', 1, '1c7a456a1e094a45', 'A:1', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"0.5","email":"p0@example.org","name":"Person 0"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"0.5","rule":"new on source","sent":"0.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p0@example.org","rule":"new on source","sent":"p0@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 0","rule":"new on source","sent":"Person 0"}},"full":null,"kind":"create","link":"A:1","other":"1","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T08:41:08.810699+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', '7aeb211263d26a9441f96baeaf182939', 8, '1c7a456a1e094a45', 'A:8', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"7.5","email":"p7@example.org","name":"Person 7"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"7.5","rule":"new on source","sent":"7.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p7@example.org","rule":"new on source","sent":"p7@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 7","rule":"new on source","sent":"Person 7"}},"full":null,"kind":"create","link":"A:8","other":"8","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T08:41:08.810699+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', 'b6ffb780c8b869c274bfe69fe4685aa1', 4, '1c7a456a1e094a45', 'A:4', 'B', 'create', 'applied', '{"base_version":0,"closes":[],"columns":{"balance":"3.5","email":"p3@example.org","name":"Person 3"},"expected":null,"fields":{"balance":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"3.5","rule":"new on source","sent":"3.5"},"email":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"p3@example.org","rule":"new on source","sent":"p3@example.org"},"name":{"before":null,"commits":true,"evidence":"","lost":false,"origin":"Person 3","rule":"new on source","sent":"Person 3"}},"full":null,"kind":"create","link":"A:4","other":"4","policy":"","record":null,"restore":false,"rule":"new on source","side":"B"}', NULL, '2026-11-22T08:41:08.810699+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', 'd421bd617b1d5a80a06189dae81b6ad9', 13, '2f9f3bf1975c484a', 'A:3', 'B', 'update', 'sent', '{"base_version":1,"closes":[],"columns":{"name":"Written, not noted"},"expected":"s1:4ed415:f9407906837ac6b5ab1f7f03dd8c04b3","fields":{"name":{"before":"Person 2","commits":true,"evidence":"","lost":false,"origin":"Written, not noted","rule":"changed on source","sent":"Written, not noted"}},"full":null,"kind":"update","link":"A:3","other":"3","policy":"","record":"3","restore":false,"rule":"","side":"B"}', '3', '2026-11-22T08:41:10.231822+00:00');
INSERT INTO sync_op ("pair", "op_id", "number", "run_id", "link_id", "side", "kind", "state", "body", "record_id", "changed_at") VALUES ('people', 'e298e83d90cd3c9885288e59b1f07a20', 12, '8ea71d7c480d49c2', 'A:4', 'B', 'update', 'applied', '{"base_version":1,"closes":[],"columns":{"balance":"3.25"},"expected":"s1:4ed415:8167db40204ea88c1d16aeb372babf72","fields":{"balance":{"before":"3.5","commits":true,"evidence":"","lost":false,"origin":"3.25","rule":"changed on source","sent":"3.25"}},"full":null,"kind":"update","link":"A:4","other":"4","policy":"","record":"4","restore":false,"rule":"","side":"B"}', '4', '2026-11-22T08:41:09.723861+00:00');
INSERT INTO sync_pair ("pair", "spec_digest", "opened_at", "audit_number", "audit_hash") VALUES ('people', 'e442f6cdc475ef34', '2026-11-22T08:41:08.569735+00:00', 16, '2238abbc598300d56dc387813831e4ca792362c88305ce99de1f31dccfa31196');
INSERT INTO sync_plan ("pair", "plan_id", "created_at", "op_ids", "operations", "spec_digest", "applied_run") VALUES ('people', '43d546bf56', '2026-11-22T08:41:09.870911+00:00', '[]', '{"conflicts":[],"counts":{"active":6,"held_back":0,"live_a":6,"live_b":6,"parked":1,"parked_a":1,"parked_b":1,"planned_a":1,"planned_b":2,"quarantined":1,"read_a":2,"read_b":1,"rejected_b":1,"settled":4},"operations":[],"quarantine":[],"refusals":[],"sync":"people","warnings":[]}', 'e442f6cdc475ef34', NULL);
INSERT INTO sync_quarantine ("pair", "subject", "side", "link_id", "record_id", "reason", "message", "cause", "values", "run_id", "at", "runs", "status", "resolved_at") VALUES ('people', 'A:6:B', 'B', 'A:6', '6', 'validation', 'field name: 61 characters where 60 fit', 'form:name:61 characters where 60 fit', '{"balance":"5.5","email":"p5@example.org","name":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}', '8ea71d7c480d49c2', '2026-11-22T08:41:09.483505+00:00', 1, 'open', NULL);
INSERT INTO sync_run ("pair", "run_id", "sequence", "started_at", "finished_at", "status", "dry_run", "trigger", "settled", "counts", "message") VALUES ('people', '1c7a456a1e094a45', 1, '2026-11-22T08:41:08.569735+00:00', '2026-11-22T08:41:08.826319+00:00', 'succeeded', false, 'cli', true, '{"applied_b": 8, "calls": 15, "created_b": 8, "live_a": 8, "planned_b": 8, "read_a": 8, "seconds": 0.257}', '');
INSERT INTO sync_run ("pair", "run_id", "sequence", "started_at", "finished_at", "status", "dry_run", "trigger", "settled", "counts", "message") VALUES ('people', '2d1ac228dad74ea4', 3, '2026-11-22T08:41:09.072149+00:00', '2026-11-22T08:41:09.257197+00:00', 'partial', false, 'cli', true, '{"active": 8, "calls": 12, "conflicts_opened": 2, "live_a": 8, "live_b": 8, "parked": 2, "parked_a": 2, "parked_b": 2, "planned_a": 2, "planned_b": 2, "read_a": 2, "read_b": 2, "settled": 6, "seconds": 0.185}', '');
INSERT INTO sync_run ("pair", "run_id", "sequence", "started_at", "finished_at", "status", "dry_run", "trigger", "settled", "counts", "message") VALUES ('people', '2f9f3bf1975c484a', 5, '2026-11-22T08:41:10.013738+00:00', '2026-11-22T08:41:10.246128+00:00', 'failed', false, 'cli', false, '{"active": 6, "calls": 13, "live_a": 6, "live_b": 6, "parked": 1, "parked_a": 1, "parked_b": 1, "planned_a": 1, "planned_b": 3, "quarantined": 1, "read_a": 3, "read_b": 1, "rejected_b": 1, "settled": 3, "seconds": 0.232}', 'Death: ');
INSERT INTO sync_run ("pair", "run_id", "sequence", "started_at", "finished_at", "status", "dry_run", "trigger", "settled", "counts", "message") VALUES ('people', '78ff171acf084070', 2, '2026-11-22T08:41:08.874356+00:00', '2026-11-22T08:41:09.013789+00:00', 'succeeded', false, 'cli', true, '{"active": 8, "calls": 12, "live_a": 8, "live_b": 8, "settled": 8, "seconds": 0.139}', '');
INSERT INTO sync_run ("pair", "run_id", "sequence", "started_at", "finished_at", "status", "dry_run", "trigger", "settled", "counts", "message") VALUES ('people', '8ea71d7c480d49c2', 4, '2026-11-22T08:41:09.373918+00:00', '2026-11-22T08:41:09.744766+00:00', 'partial', false, 'cli', true, '{"active": 8, "applied_a": 1, "applied_b": 3, "archived_a": 1, "archived_b": 1, "calls": 17, "live_a": 7, "live_b": 7, "parked": 1, "parked_a": 1, "parked_b": 1, "planned_a": 2, "planned_b": 5, "quarantined": 1, "read_a": 4, "read_b": 2, "rejected_b": 1, "settled": 2, "updated_b": 2, "seconds": 0.371}', '');
INSERT INTO sync_tombstone ("pair", "link_id", "deleted_side", "policy", "record_a", "record_b", "at") VALUES ('people', 'A:5', 'A', 'archive', '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', '2026-11-22T08:41:09.666460+00:00');
INSERT INTO sync_tombstone ("pair", "link_id", "deleted_side", "policy", "record_a", "record_b", "at") VALUES ('people', 'A:7', 'B', 'archive', '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', '2026-11-22T08:41:09.602472+00:00');
INSERT INTO webhook_event ("event_id", "source", "event_key", "topic", "subject", "body", "received_at", "duplicates", "state", "wake_ups") VALUES ('bbb530d5a585022d6a28ace43684628b', 'office', '1', 'person.changed', 'person', '{}', '2026-11-22T08:41:09.950570+00:00', 0, 'woke', '["wake-1"]');
INSERT INTO webhook_wake_up ("wake_id", "target", "state", "events", "since", "changed_at", "run_id", "note") VALUES ('wake-1', 'sync/people', 'waiting', 1, '2026-11-22T08:41:09.950570+00:00', '2026-11-22T08:41:09.966306+00:00', NULL, '');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 1, '1c7a456a1e094a45', 'written', 'A:1', 'B', '1', '6bdd0a8e0feb579ea0f36152205d7bfa', '', 'new on source', '2026-11-22T08:41:08.789689+00:00', NULL, '{"balance":"0.5","email":"p0@example.org","name":"Person 0"}', NULL, 'engine', '0000000000000000000000000000000000000000000000000000000000000000', '9a1598220199f0ade36f19b9e85cd855cc0e377d63283914b3618256e25117a4');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 2, '1c7a456a1e094a45', 'written', 'A:2', 'B', '2', '419a6c55d6c08f6d6b7d0ba4ee1d9a96', '', 'new on source', '2026-11-22T08:41:08.789799+00:00', NULL, '{"balance":"1.5","email":"p1@example.org","name":"Person 1"}', NULL, 'engine', '9a1598220199f0ade36f19b9e85cd855cc0e377d63283914b3618256e25117a4', '680152d7e0383f59d5f0473f7534a5b8e21a5fe2ada92a1ee2437df48675db23');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 3, '1c7a456a1e094a45', 'written', 'A:3', 'B', '3', '2d6ae3ce1a78b88eb105441facc877d9', '', 'new on source', '2026-11-22T08:41:08.789883+00:00', NULL, '{"balance":"2.5","email":"p2@example.org","name":"Person 2"}', NULL, 'engine', '680152d7e0383f59d5f0473f7534a5b8e21a5fe2ada92a1ee2437df48675db23', '9f18a353c4477373524f28ebbc73f8fd2b143fa14ed220a8234a504b3f31d94a');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 4, '1c7a456a1e094a45', 'written', 'A:4', 'B', '4', 'b6ffb780c8b869c274bfe69fe4685aa1', '', 'new on source', '2026-11-22T08:41:08.789963+00:00', NULL, '{"balance":"3.5","email":"p3@example.org","name":"Person 3"}', NULL, 'engine', '9f18a353c4477373524f28ebbc73f8fd2b143fa14ed220a8234a504b3f31d94a', 'f86c74955abcb3321e5fa51f2b40d977b605978da71676cb07d28ace7ad81b99');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 5, '1c7a456a1e094a45', 'written', 'A:5', 'B', '5', '3cb91b8ab9ad3b4c3424f8cf08a660e0', '', 'new on source', '2026-11-22T08:41:08.790044+00:00', NULL, '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', NULL, 'engine', 'f86c74955abcb3321e5fa51f2b40d977b605978da71676cb07d28ace7ad81b99', 'f9c03a90465306e00e4c254cd0439247b86728e2e3d7e110acacb5e947b1e1ef');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 6, '1c7a456a1e094a45', 'written', 'A:6', 'B', '6', '56812cfc2eee9446a9d23ac5e0ff4622', '', 'new on source', '2026-11-22T08:41:08.790123+00:00', NULL, '{"balance":"5.5","email":"p5@example.org","name":"Person 5"}', NULL, 'engine', 'f9c03a90465306e00e4c254cd0439247b86728e2e3d7e110acacb5e947b1e1ef', 'ba7672cf0e6b5347b6dd8f35b2b2b9c1b7a5f5a64b22475971c37cfa1a82ff4b');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 7, '1c7a456a1e094a45', 'written', 'A:7', 'B', '7', '3bc1fcff7eb05317ba99391b5e5846fe', '', 'new on source', '2026-11-22T08:41:08.790203+00:00', NULL, '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', NULL, 'engine', 'ba7672cf0e6b5347b6dd8f35b2b2b9c1b7a5f5a64b22475971c37cfa1a82ff4b', '42bd6fd7cd36166735e6eae83b47fb67f7ca946842c5e9a19fc7a8c587f16803');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 8, '1c7a456a1e094a45', 'written', 'A:8', 'B', '8', '7aeb211263d26a9441f96baeaf182939', '', 'new on source', '2026-11-22T08:41:08.790280+00:00', NULL, '{"balance":"7.5","email":"p7@example.org","name":"Person 7"}', NULL, 'engine', '42bd6fd7cd36166735e6eae83b47fb67f7ca946842c5e9a19fc7a8c587f16803', 'bfe7aa72211437b751018545fbb25c3e69e0ac8a0bc1457bea334d0ec8bd44a5');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 9, '2d1ac228dad74ea4', 'decided', 'A:1', NULL, NULL, NULL, 'name', 'history chose A for conflict 81404a329b40 at change 1', '2026-11-22T08:41:09.310853+00:00', NULL, '{"name":"Office 0"}', NULL, 'history', 'bfe7aa72211437b751018545fbb25c3e69e0ac8a0bc1457bea334d0ec8bd44a5', '9b7c015754095f16b8201fea6bdd9ec011622942742cfe33f507cecd090f3513');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 10, '8ea71d7c480d49c2', 'deleted', 'A:7', 'A', '7', '03325554bafc2c1083be960df88e7fe7', '', 'deleted on target', '2026-11-22T08:41:09.577898+00:00', NULL, NULL, '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', 'engine', '9b7c015754095f16b8201fea6bdd9ec011622942742cfe33f507cecd090f3513', '9467f46863e43e675abfcfbc4cfa0a0d30c03f7dc12aaceae03bbc3c4a4648f7');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 11, '8ea71d7c480d49c2', 'written', 'A:7', 'A', '7', '03325554bafc2c1083be960df88e7fe7', '', 'deleted on target', '2026-11-22T08:41:09.602548+00:00', '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', NULL, NULL, 'engine', '9467f46863e43e675abfcfbc4cfa0a0d30c03f7dc12aaceae03bbc3c4a4648f7', '1567e9bba9ef7e4d806062985acc34cf8960572568b576a218a220d90d922f8c');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 12, '8ea71d7c480d49c2', 'deleted', 'A:5', 'B', '5', '4ddd68b7110d46ec798d022e4db74df6', '', 'deleted on source', '2026-11-22T08:41:09.649482+00:00', NULL, NULL, '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', 'engine', '1567e9bba9ef7e4d806062985acc34cf8960572568b576a218a220d90d922f8c', '306796ef03f661e20adad81464ff28a4ef2691163f2b792e2016dd86ab1fd670');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 13, '8ea71d7c480d49c2', 'written', 'A:5', 'B', '5', '4ddd68b7110d46ec798d022e4db74df6', '', 'deleted on source', '2026-11-22T08:41:09.666512+00:00', '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', NULL, NULL, 'engine', '306796ef03f661e20adad81464ff28a4ef2691163f2b792e2016dd86ab1fd670', 'ab3c4b40cf3428d5a6fe395028942abeb056d76dab53e1a4e0bb9e6c59af1135');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 14, '8ea71d7c480d49c2', 'loser', 'A:1', 'B', '1', '56e42fe93d8beeb14191709f70f56ec7', 'name', 'decided by history: A', '2026-11-22T08:41:09.698474+00:00', NULL, '{"name":"Office 0"}', '{"name":"Shop 0"}', 'engine', 'ab3c4b40cf3428d5a6fe395028942abeb056d76dab53e1a4e0bb9e6c59af1135', '40f912da148343c4ecdb421e6d30645c3af9766a4d68727f3dbeb9e8735845a6');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 15, '8ea71d7c480d49c2', 'written', 'A:1', 'B', '1', '56e42fe93d8beeb14191709f70f56ec7', 'name', 'decided by history: A', '2026-11-22T08:41:09.710881+00:00', '{"name":"Shop 0"}', '{"name":"Office 0"}', NULL, 'engine', '40f912da148343c4ecdb421e6d30645c3af9766a4d68727f3dbeb9e8735845a6', 'c46265b6bfb11fe39f548ec144b06f43af34de97996427b2a866959a967fbdde');
INSERT INTO sync_audit ("pair", "number", "run_id", "role", "link_id", "side", "record_id", "op_id", "field", "rule", "at", "old", "new", "lost", "actor", "previous_hash", "hash") VALUES ('people', 16, '8ea71d7c480d49c2', 'written', 'A:4', 'B', '4', 'e298e83d90cd3c9885288e59b1f07a20', 'balance', 'changed on source', '2026-11-22T08:41:09.711046+00:00', '{"balance":"3.5"}', '{"balance":"3.25"}', NULL, 'engine', 'c46265b6bfb11fe39f548ec144b06f43af34de97996427b2a866959a967fbdde', '2238abbc598300d56dc387813831e4ca792362c88305ce99de1f31dccfa31196');
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:1', '1', '1', 'active', 's1:4ed415:90e3c5185d613ed4ed2a4d701ded4245', 's1:4ed415:90e3c5185d613ed4ed2a4d701ded4245');
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:2', '2', '2', 'active', NULL, NULL);
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:3', '3', '3', 'active', 's1:4ed415:f9407906837ac6b5ab1f7f03dd8c04b3', 's1:4ed415:f9407906837ac6b5ab1f7f03dd8c04b3');
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:4', '4', '4', 'active', 's1:4ed415:6f98bed6474220968601198defe2a6af', 's1:4ed415:6f98bed6474220968601198defe2a6af');
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:5', '5', '5', 'trashed', NULL, NULL);
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:6', '6', '6', 'active', NULL, 's1:4ed415:bd7e1e1d7c05da6267788937854844e6');
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:7', '7', '7', 'trashed', NULL, NULL);
INSERT INTO sync_link ("pair", "link_id", "id_a", "id_b", "state", "version_a", "version_b") VALUES ('people', 'A:8', '8', '8', 'active', 's1:4ed415:e05012393b1e3fed0912cd9e6a9b115a', 's1:4ed415:e05012393b1e3fed0912cd9e6a9b115a');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:1', 2, '{"balance":"0.5","email":"p0@example.org","name":"Office 0"}', NULL, '2026-11-22T08:41:09.461385+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:2', 1, '{"balance":"1.5","email":"p1@example.org","name":"Person 1"}', NULL, '2026-11-22T08:41:08.670806+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:3', 1, '{"balance":"2.5","email":"p2@example.org","name":"Person 2"}', NULL, '2026-11-22T08:41:08.670806+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:4', 2, '{"balance":"3.25","email":"p3@example.org","name":"Person 3"}', NULL, '2026-11-22T08:41:09.461385+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:5', 2, '{"balance":"4.5","email":"p4@example.org","name":"Person 4"}', NULL, '2026-11-22T08:41:08.670806+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:6', 1, '{"balance":"5.5","email":"p5@example.org","name":"Person 5"}', NULL, '2026-11-22T08:41:08.670806+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:7', 2, '{"balance":"6.5","email":"p6@example.org","name":"Person 6"}', NULL, '2026-11-22T08:41:08.670806+00:00');
INSERT INTO sync_base ("pair", "link_id", "base_version", "values_a", "values_b", "agreed_at") VALUES ('people', 'A:8', 1, '{"balance":"7.5","email":"p7@example.org","name":"Person 7"}', NULL, '2026-11-22T08:41:08.670806+00:00');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', '68a401ae8e8b9bddd4f8f0ba', 'A:2');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', '77a748d7487f0945709b96fe', 'A:3');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', '7abe83968237ef4d8bee43bd', 'A:6');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', 'a17d53739bc34901a1e60cb9', 'A:1');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', 'd092b0a97a590d8d66e79080', 'A:4');
INSERT INTO sync_key ("pair", "digest", "link_id") VALUES ('people', 'd4aab070545747df29ba7b4e', 'A:8');
