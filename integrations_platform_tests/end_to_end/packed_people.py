"""The same table of people in two PostgreSQL databases, whose rows travel as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integrations_platform_tests.end_to_end.arrange import Base, World
from integrations_platform_tests.servers import Server

TABLE = """CREATE TABLE person (id {key} PRIMARY KEY, email text NOT NULL, name varchar(60), city text,
           balance numeric(12, 2), ratio double precision, born date, seen timestamptz, woken timestamp,
           active boolean, attrs jsonb, level smallint, kept text DEFAULT 'own')"""
SYNC = """\
name: people
source: {system: office, object: person, zone: Europe/Madrid}
target: {system: shop, object: person, zone: Europe/Madrid}
match: [id]
conflicts: {default: manual}
fields:
  id:      {source: id,      target: id,      type: %s}
  email:   {source: email,   target: email,   type: email}
  name:    {source: name,    target: name,    type: text, required: false}
  city:    {source: city,    target: city,    type: text, required: false}
  balance: {source: balance, target: balance, type: decimal, required: false, scale: 2}
  ratio:   {source: ratio,   target: ratio,   type: decimal, required: false}
  born:    {source: born,    target: born,    type: date, required: false}
  seen:    {source: seen,    target: seen,    type: datetime, required: false}
  woken:   {source: woken,   target: woken,   type: datetime, required: false}
  active:  {source: active,  target: active,  type: boolean, required: false}
  attrs:   {source: attrs,   target: attrs,   type: json, required: false}
  level:   {source: level,   target: level,   type: integer, required: false}
"""
HOSTILE = """\
(1, 'ann@example.org', 'Zoë Ångström – 👩🏽', '', 0.10, 1e-7, '0001-01-02', '2024-03-31 01:30:00.123456+00',
 '2024-10-27 02:30', true, '{"b": [1, null, "ü"], "a": 1.50}', -32768),
(2, 'bob@example.org', E'two\\nlines\\ttab', E'  \\u00a0', -9999999999.99, -1.5e300, '9999-12-30',
 '1969-12-31 23:59:59.999999+00', '1900-01-01', false, '[]', 32767),
(3, 'c@example.org', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(-9223372036854775808, '李@example.org', '\\N', 'NULL', 100, 0.1, '2000-02-29', '2000-01-01+00', '2000-01-01', true,
 '"x"', 0)"""
COLUMNS = "id, email, name, city, balance, ratio, born, seen, woken, active, attrs, level"


@contextmanager
def packed_world(folder: Path, server: Server) -> Iterator[World]:
    """Four people on the source, nothing on the target."""
    with server.database() as a, server.database() as b:
        world = World(folder, Base.at("postgresql", a), Base.at("postgresql", b), sync=SYNC % "integer")
        for base in (world.a, world.b):
            base.run(TABLE.format(key="bigint"))
        add(world.a, HOSTILE)
        yield world


def add(base: Base, *rows: str) -> None:
    """Insert people given as SQL."""
    base.run(f"INSERT INTO person ({COLUMNS}) VALUES {', '.join(rows)}".replace("%", "%%"))
