"""Whether two tables of customers hold the same rows: every column of every row, whatever types a tool made of them.

Each database renders and hashes its own rows; two streams in the order of the key are walked together. No tool and no
part of the engine is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import psycopg
from pymysql.cursors import SSCursor

from integrations_platform_tests.benchmarks.speed.servers import MariaDB

Hashed = tuple[int, str]

_POSTGRESQL = """
SELECT id::bigint, md5(concat_ws(E'\\x1f', email::text, first_name::text, last_name::text, company::text, city::text,
  coalesce(notes::text, '-'), balance::numeric(12, 2)::text, to_char(birth_date::date, 'YYYY-MM-DD'),
  to_char(updated_at::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), active::boolean::int::text,
  (attrs::jsonb -> 'tier')::text, (attrs::jsonb -> 'score')::text, (attrs::jsonb -> 'since')::text,
  (attrs::jsonb - '{tier,score,since}'::text[])::text))
FROM customers ORDER BY 1"""

_MARIADB = """
SELECT id, md5(concat_ws(char(31), email, first_name, last_name, company, city,
  coalesce(notes, '-'), cast(balance AS decimal(12, 2)), date_format(birth_date, '%Y-%m-%d'),
  date_format(updated_at, '%Y-%m-%d %H:%i:%s.%f'), active + 0,
  json_extract(attrs, '$.tier'), json_extract(attrs, '$.score'), json_extract(attrs, '$.since'),
  json_remove(attrs, '$.tier', '$.score', '$.since')))
FROM customers ORDER BY id"""


@dataclass(frozen=True)
class Difference:
    """How many rows of the source the target lacks, how many of its own it holds, how many differ; and the first."""

    lacking: int
    surplus: int
    other: int
    first: int | None

    @property
    def none(self) -> bool:
        """Whether the tables are equal."""
        return self.first is None

    def __str__(self) -> str:
        if self.none:
            return "equal"
        counts = ((self.lacking, "missing"), (self.surplus, "too many"), (self.other, "different"))
        return ", ".join(f"{count:,} {word}" for count, word in counts if count)


def difference(source: Iterable[Hashed], target: Iterable[Hashed]) -> Difference:
    """Compare two streams in the order of their keys."""
    lacking = surplus = other = 0
    first: int | None = None
    left, right = iter(source), iter(target)
    here, there = next(left, None), next(right, None)
    while here is not None or there is not None:
        if here == there:
            here, there = next(left, None), next(right, None)
            continue
        keys = [row[0] for row in (here, there) if row is not None]
        first = min(keys) if first is None else first
        if there is None or (here is not None and here[0] < there[0]):
            lacking, here = lacking + 1, next(left, None)
        elif here is None or there[0] < here[0]:
            surplus, there = surplus + 1, next(right, None)
        else:
            other, here, there = other + 1, next(left, None), next(right, None)
    return Difference(lacking, surplus, other, first)


def of_postgresql(url: str, table: str = "customers") -> Iterator[Hashed]:
    """Key and hash of every row, in order."""
    with psycopg.connect(url) as connection, connection.cursor(name="rows") as cursor:
        cursor.itersize = 20_000
        yield from cursor.execute(_POSTGRESQL.replace("FROM customers", f"FROM {table}").encode())


def of_mariadb(server: MariaDB, database: str) -> Iterator[Hashed]:
    """Key and hash of every row, in order."""
    with server.connect(database) as connection, connection.cursor(SSCursor) as cursor:
        cursor.execute(_MARIADB)
        yield from cursor.fetchall_unbuffered()
