BEGIN TRANSACTION;
CREATE TABLE "integrations_archive" (pair TEXT NOT NULL, record_id TEXT NOT NULL, link_id TEXT, version TEXT NOT NULL, body TEXT NOT NULL, columns TEXT NOT NULL, archived_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (record_id, pair));
INSERT INTO "integrations_archive" VALUES('people:A','7','A:7','7149685865acf7557e30ca8d18e85343','{"id":7,"email":"p6@example.org","name":"Person 6","balance":6.5,"updated_at":"2026-11-22 21:21:43"}','{"id":"INTEGER","email":"varchar(90)","name":"varchar(60)","balance":"numeric(10, 2)","updated_at":"timestamp"}','2026-11-22 21:21:45');
CREATE TABLE "integrations_ledger" (pair TEXT NOT NULL, record_id TEXT NOT NULL, link_id TEXT, last_op TEXT, PRIMARY KEY (record_id, pair), UNIQUE (link_id, pair));
INSERT INTO "integrations_ledger" VALUES('people:A','7','A:7','03325554bafc2c1083be960df88e7fe7');
CREATE TABLE person (id integer PRIMARY KEY, email varchar(90) UNIQUE, name varchar(60),
                 balance numeric(10, 2), updated_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "person" VALUES(1,'p0@example.org','Office 0',0.5,'2026-11-22 21:21:43');
INSERT INTO "person" VALUES(2,'p1@example.org','Office 1',1.5,'2026-11-22 21:21:43');
INSERT INTO "person" VALUES(3,'p2@example.org','Written, not noted',2.5,'2026-11-22 21:21:43');
INSERT INTO "person" VALUES(4,'p3@example.org','Person 3',3.25,'2026-11-22 21:21:43');
INSERT INTO "person" VALUES(6,'p5@example.org','xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',5.5,'2026-11-22 21:21:43');
INSERT INTO "person" VALUES(8,'p7@example.org','Person 7',7.5,'2026-11-22 21:21:43');
COMMIT;
