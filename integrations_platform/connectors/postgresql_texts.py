"""How PostgreSQL speaks text: see :mod:`.text_bulk`.

Sources: the manual's chapters on ``to_char``, on string functions (``ascii`` gives the code point where the server's
encoding is UTF-8), and on COPY's text format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from integrations_platform.connectors import packed_rows, text_rows
from integrations_platform.connectors.binding import Binding
from integrations_platform.connectors.introspection import Family, NativeColumn
from integrations_platform.connectors.session import Row, Session

_SPELLED = {
    "int2": "{}::text", "int4": "{}::text", "int8": "{}::text", "numeric": "{}::text", "date": "{}::text",
    "bool": "{}::int::text", "text": "{}", "varchar": "{}", "json": "{}::text", "jsonb": "{}::text",
    "timestamp": "to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')", "timestamptz": "to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')",
}  # fmt: skip
_SIZE = {"dtype": pl.Int32, "endianness": "big"}


class PostgresqlSpeech:
    """Fulfils ``text_bulk.Speech``."""

    tells_json = False  # but from release 16 on

    def able(self, session: Session) -> bool:
        """Elsewhere ``ascii`` refuses what is not ASCII."""
        return bool(session.rows("SHOW server_encoding")[0][0] == "UTF8")

    def spelled(self, column: NativeColumn, name: str) -> str | None:
        """Instants in UTC, which every session is set to."""
        form = _SPELLED.get(column.storage)
        return None if form is None else form.format(name)

    def joined(self, values: Sequence[str]) -> str:
        """By ``concat_ws``."""
        return f"concat_ws(E'\\x1f', {', '.join(values)})"

    def unmarked(self, name: str) -> str:
        """By their places."""
        return f"strpos({name}::text, E'\\x1e') = 0 AND strpos({name}::text, E'\\x1f') = 0"

    def code(self, name: str) -> str:
        """By ``ascii``."""
        return f"ascii({name})"

    def common(self, column: NativeColumn, _sort: str | None, name: str) -> list[str]:
        """Numbers that are some."""
        return [f"{name} <> 'NaN'"] if column.family is Family.DECIMAL else []

    def rows(self, session: Session, binding: Binding, row: str, rest: str, params: Row) -> Iterator[pl.DataFrame]:
        """By binary COPY: the id, the text and the version, each behind four bytes of its length."""
        sql = f"SELECT {binding.key_columns[0]}::text, {row}, {binding.fingerprint_number} {rest}"
        whole = pl.col("row").bin
        begin = 6 + whole.slice(2, 4).bin.reinterpret(dtype=pl.Int32, endianness="big")
        size = whole.slice(begin, 4).bin.reinterpret(dtype=pl.Int32, endianness="big")
        text = pl.when(size >= 0).then(whole.slice(begin + 4, size)).cast(pl.String)
        for rows in packed_rows.batches(session.native, sql, params):
            yield packed_rows.frame(rows).select(
                id=packed_rows.key_of("text"), version=packed_rows.number_before_end(8), row=text
            )

    def fill(self, session: Session, table: str, columns: Sequence[str], rows: pl.Series) -> None:
        """By COPY in its text format."""
        with session.native.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            copy.write(text_rows.as_copied(rows))
