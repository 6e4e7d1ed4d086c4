"""How MySQL and MariaDB speak text: see :mod:`.text_bulk`.

Everything is compared as bytes: a collation may ignore the very marks that are looked for. LOAD DATA LOCAL is not used,
which lets a server ask for any file of the client and makes warnings of errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from integrations_platform.connectors import text_rows
from integrations_platform.connectors.binding import Binding
from integrations_platform.connectors.introspection import Family, NativeColumn
from integrations_platform.connectors.packed_rows import BATCH
from integrations_platform.connectors.session import Row, Session

_MOST = 500_000  # characters of one statement, which no server refuses
_NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal")
_TEXTS = ("varchar", "tinytext", "text", "mediumtext", "longtext", "json")
_TIMES = ("date", "datetime", "timestamp")


class MySQLSpeech:
    """Fulfils ``text_bulk.Speech``."""

    tells_json = True

    def able(self, _session: Session) -> bool:
        """Whatever it keeps is converted."""
        return True

    def spelled(self, column: NativeColumn, name: str) -> str | None:
        """As the server prints it."""
        if column.storage in (*_NUMBERS, *_TIMES):
            return f"CAST({name} AS CHAR)"
        return f"CONVERT({name} USING utf8mb4)" if column.storage in _TEXTS else None

    def joined(self, values: Sequence[str]) -> str:
        """By ``CONCAT_WS``, which gives NULL for more than ``max_allowed_packet``."""
        return f"CONCAT_WS(_utf8mb4 X'1F', {', '.join(values)})"

    def unmarked(self, name: str) -> str:
        """By their places."""
        text = f"CAST(CONVERT({name} USING utf8mb4) AS BINARY)"
        return f"LOCATE(X'1E', {text}) = 0 AND LOCATE(X'1F', {text}) = 0"

    def code(self, name: str) -> str:
        """UTF-32 spells a code point as its number."""
        return f"ORD(CONVERT(LEFT({name}, 1) USING utf32))"

    def common(self, column: NativeColumn, sort: str | None, name: str) -> list[str]:
        """Of what stands for a boolean, the two numbers that do; JSON that is some."""
        if sort == "json":
            return [f"JSON_VALID({name})"]
        return [f"{name} IN (0, 1)"] if column.family is Family.BOOLEAN else []

    def rows(self, session: Session, binding: Binding, row: str, rest: str, params: Row) -> Iterator[pl.DataFrame]:
        """Streamed, in one column: the driver takes as long for a value as for a row."""
        whole = self.joined([f"CAST({binding.key_columns[0]} AS CHAR)", binding.fingerprint, row])
        for rows in session.stream(f"SELECT {whole} {rest}", params, BATCH):
            texts = pl.DataFrame({"": [text for (text,) in rows]}, schema={"": pl.String})
            parts = pl.col("").str.splitn(text_rows.SEPARATOR, 3)
            yield texts.select(parts.struct.rename_fields(["id", "version", "row"])).unnest("")

    def fill(self, session: Session, table: str, columns: Sequence[str], rows: pl.Series) -> None:
        """By INSERT of many rows."""
        values = text_rows.as_values(rows).to_frame("values")
        numbered = values.with_columns(at=pl.col("values").str.len_chars().cum_sum() // _MOST)
        into = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        with session.native.cursor() as cursor:
            for statement in numbered.group_by("at", maintain_order=True).agg(pl.col("values").str.join(","))["values"]:
                cursor.execute(into + statement)
