"""The table that is synced: so many customers of twelve columns, and what people do to them.

Everything follows from the row's number, so that the same rows come of it on every machine: names with accents and in
other scripts, a fifth of the notes missing, amounts, dates, instants and JSON.
"""

from __future__ import annotations

TABLE = """
CREATE TABLE customers (
  id bigint PRIMARY KEY, email text NOT NULL, first_name text NOT NULL, last_name text NOT NULL,
  company text NOT NULL, city text NOT NULL, notes text, balance numeric(12, 2) NOT NULL, birth_date date NOT NULL,
  updated_at timestamptz NOT NULL, active boolean NOT NULL, attrs jsonb NOT NULL
)"""
COLUMNS = (
    "id", "email", "first_name", "last_name", "company", "city", "notes", "balance", "birth_date", "updated_at",
    "active", "attrs",
)  # fmt: skip
INDEX = "CREATE INDEX customers_updated_at ON customers (updated_at)"

MARIADB_TABLE = """
CREATE TABLE customers (
  id bigint PRIMARY KEY, email varchar(200) NOT NULL, first_name varchar(100) NOT NULL, last_name varchar(100) NOT NULL,
  company varchar(200) NOT NULL, city varchar(100) NOT NULL, notes text, balance decimal(12, 2) NOT NULL,
  birth_date date NOT NULL, updated_at datetime(6) NOT NULL, active boolean NOT NULL, attrs json NOT NULL
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"""

_INSTANT = "timestamptz '2026-01-01 00:00:00+00' + i * interval '1.000037 second'"
_ROW = """
  i, 'customer' || i || '@example' || i % 97 || '.org',
  (ARRAY['José','Zoë','Łukasz','Ana','Søren','美咲','Иван','Grace','Chloé','Müge'])[1 + i % 10],
  (ARRAY['García','Müller','Nowak','Ng','Håkansson','山田','Петров','O''Neil','Dvořák','Smith','Çelik'])[1 + i % 11],
  (ARRAY['Acme','Globex','Umbrella','東京商事','Société Générique','Initech','Hooli'])[1 + i % 7] || ' ' || i % 5000,
  (ARRAY['Madrid','Zürich','Kraków','大阪','São Paulo','Reykjavík','Oslo','Lyon'])[1 + i % 8],
  CASE WHEN i % 5 > 0 THEN 'Called on day ' || i % 365 || ', wants an offer – naïve café 漢字 ' || md5(i::text) END,
  (i * 7919 % 100000000) / 100.0, date '1950-01-01' + (i * 31 % 20000)::int,
  UPDATED_AT, i % 3 > 0,
  jsonb_build_object('tier', (ARRAY['gold','silver','bronze'])[1 + i % 3], 'score', i % 1000, 'since', 2000 + i % 26)
"""


def rows(first: int, last: int, updated_at: str = _INSTANT) -> str:
    """The statement that makes the customers of these numbers, in PostgreSQL."""
    row = _ROW.replace("UPDATED_AT", updated_at)
    return f"INSERT INTO customers SELECT {row} FROM generate_series({first}::bigint, {last}::bigint) AS i"


def churn(count: int) -> tuple[str, ...]:
    """One in a hundred customers changed, one in a thousand new, one in a thousand deleted, all over the table."""
    return (
        "UPDATE customers SET balance = balance + 1, city = 'Valparaíso', updated_at = now() WHERE id % 100 = 7",
        rows(count + 1, count + count // 1000, "now()"),
        "DELETE FROM customers WHERE id % 1000 = 13",
    )


def edits(side: str) -> str:
    """What the people of one side change: one in a hundred customers of their own, and two in a thousand that the other
    side's people change too, one of them in the same field, which is a conflict."""
    column, mine = ("city", 17) if side == "source" else ("company", 37)
    return f"""
        UPDATE customers SET {column} = {column} || ' {side}', updated_at = now(),
          last_name = CASE WHEN id % 1000 = 52 THEN 'Of {side}' ELSE last_name END
        WHERE id % 100 = {mine} OR id % 1000 IN (51, 52)"""
