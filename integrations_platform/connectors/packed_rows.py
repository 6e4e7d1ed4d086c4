"""Rows as PostgreSQL's binary COPY packs them, read again into base values.

A row is a count of fields (two bytes) and, for each, its length (four bytes, -1 for NULL) and its bytes; all numbers
are big-endian. The forms of the types are those of their ``send`` functions, documented with COPY's binary format.
Only types are here whose bytes hold all there is to know of a value.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import polars as pl

from integrations_platform.connectors import text_rows
from integrations_platform.unified_sync.loading_port import VALUES, Respelling
from integrations_platform.unified_sync.values import FieldType, Value, canonical, dumps

BATCH = 20_000  # rows held at once: some 5 MB
HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
_EPOCH, _DAY = datetime(2000, 1, 1), date(2000, 1, 1).toordinal()  # noqa: DTZ001  the zone is the type's


@cache
def _numeric() -> Callable[[bytes], Any]:
    from psycopg.types.numeric import NumericBinaryLoader

    return NumericBinaryLoader(1700, None).load


_READ: dict[str, Callable[[bytes], Any]] = {
    "int2": lambda data: struct.unpack("!h", data)[0],
    "int4": lambda data: struct.unpack("!i", data)[0],
    "int8": lambda data: struct.unpack("!q", data)[0],
    "float8": lambda data: struct.unpack("!d", data)[0],
    "bool": lambda data: data != b"\x00",
    "text": bytes.decode,
    "varchar": bytes.decode,
    "json": bytes.decode,
    "jsonb": lambda data: data[1:].decode(),  # behind the number of its format
    "numeric": lambda data: _numeric()(data),
    "date": lambda data: date.fromordinal(_DAY + struct.unpack("!i", data)[0]),
    "timestamp": lambda data: _EPOCH + timedelta(microseconds=struct.unpack("!q", data)[0]),
    "timestamptz": lambda data: (_EPOCH + timedelta(microseconds=struct.unpack("!q", data)[0])).replace(tzinfo=UTC),
}

STORED = frozenset(_READ)
_ONE_SPELLING = frozenset({"int2", "int4", "int8", "bool", "date", "timestamptz"})
_WHOLE = {"int2": (pl.Int16, 2), "int4": (pl.Int32, 4), "int8": (pl.Int64, 8)}
KEYS = frozenset({*_WHOLE, "text", "varchar"})
"""Types of a first field from which record ids are read, as columns."""


def layout(columns: Sequence[tuple[str, str, FieldType, str]]) -> str:
    """How rows of these fields (name, stored type, type, zone of wall-clock times) are packed, for :func:`unpack`."""
    return json.dumps(columns)


def unpack(text: str, rows: Sequence[bytes]) -> list[str]:
    """Base values of packed rows, as JSON by field name."""
    if text == VALUES:
        return [row.decode() for row in rows]
    if text.startswith(text_rows.PREFIX):
        return text_rows.unpack(text, rows)
    columns = [(name, _READ[stored], FieldType(kind), zone) for name, stored, kind, zone in json.loads(text)]
    return [dumps(_values(columns, row)) for row in rows]


def _values(columns: Sequence[tuple[str, Callable[[bytes], Any], FieldType, str]], row: bytes) -> dict[str, Value]:
    found: dict[str, Value] = {}
    at = 2
    for name, read, kind, zone in columns:
        (length,) = struct.unpack_from("!i", row, at)
        at += 4
        found[name] = _value(read, kind, zone, None if length < 0 else row[at : at + length])
        at += max(length, 0)
    return found


def _value(read: Callable[[bytes], Any], kind: FieldType, zone: str, packed: bytes | None) -> Value:
    return canonical(kind, None if packed is None else read(packed), zone)


def differences(text: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, Iterator[Respelling]]:
    """See :meth:`loading_port.Bulk.compare`; ``text`` is the layout of both."""
    columns = json.loads(text)
    pairs = list(zip(_split(rows["before"], len(columns)), _split(rows["row"], len(columns)), strict=True))
    changed = pl.DataFrame(
        {column[0]: before.ne_missing(now) for column, (before, now) in zip(columns, pairs, strict=True)}
    )

    def respellings() -> Iterator[Respelling]:
        for (name, stored, kind, zone), (before, now) in zip(columns, pairs, strict=True):
            told = pl.DataFrame({"before": before, "now": now}).with_row_index("at").filter(changed[name])
            for at, *raw in told.filter(_may_say_the_same(stored, kind)).iter_rows():
                yield Respelling(at, name, *(_value(_READ[stored], FieldType(kind), zone, one) for one in raw))

    return changed, respellings()


def _split(rows: pl.Series, count: int) -> Iterator[pl.Series]:
    """The fields of packed rows, one after the other; null for NULL."""
    here = pl.DataFrame({"row": rows}).with_columns(at=pl.lit(2, pl.Int64))
    for _ in range(count):
        size = pl.col("row").bin.slice(pl.col("at"), 4).bin.reinterpret(dtype=pl.Int32, endianness="big")
        here = here.with_columns(at=pl.col("at") + 4, size=size)
        value = pl.col("row").bin.slice(pl.col("at"), pl.col("size"))
        yield here.select(pl.when(pl.col("size") >= 0).then(value)).to_series()
        here = here.with_columns(at=pl.col("at") + pl.col("size").clip(0))


def _may_say_the_same(stored: str, kind: str) -> pl.Expr:
    """Whether two different packed values (columns ``before``, ``now``) may be one value in two spellings."""
    if stored in _ONE_SPELLING:
        return pl.lit(value=False)
    nothing = pl.col("before").is_null() | pl.col("now").is_null()
    if stored == "numeric":  # digits have one form for each number of decimal places, which is the last of four numbers
        return nothing | (pl.col("before").bin.slice(6, 2) != pl.col("now").bin.slice(6, 2))
    if stored in ("text", "varchar") and kind == FieldType.TEXT:
        return nothing | _takes_thought("before") | _takes_thought("now")
    return pl.lit(value=True)


def _takes_thought(column: str) -> pl.Expr:
    """Whether a text may have other spellings: by its form of accents, by its ends of line, or by being blank."""
    text = pl.col(column).cast(pl.String).str
    return (text.len_bytes() != text.len_chars()) | text.contains("\r", literal=True) | (text.strip_chars() == "")


def batches(connection: Any, sql: str, params: Sequence[Any]) -> Iterator[list[bytes]]:
    """Packed rows of a query by COPY, some ten thousand at a time. Raises psycopg's errors.

    psycopg waits anew for every row it hands over, which takes four times what the row itself does. What has arrived
    already is therefore taken from libpq directly; the trailer, which is the last row, is told by its bytes.
    """
    with connection.cursor().copy(f"COPY ({sql}) TO STDOUT (FORMAT binary)", params) as copy:
        take, rows = connection.pgconn.get_copy_data, []
        skip = len(HEADER)  # it comes with the first row
        while data := copy.read():
            size = len(data)
            while size > 0:
                row = bytes(data)
                if skip:
                    row, skip = row[skip:], 0
                if row == TRAILER:
                    break
                rows.append(row)
                size, data = take(1)
            if len(rows) > BATCH:
                yield rows
                rows = []
    if rows:
        yield rows


def key_of(stored: str) -> pl.Expr:
    """The ids in rows (column ``row``) whose first field is a key of that type, never NULL."""
    row = pl.col("row").bin
    if stored in _WHOLE:
        kind, size = _WHOLE[stored]
        key = row.slice(6, size).bin.reinterpret(dtype=kind, endianness="big")
    else:
        length = row.slice(2, 4).bin.reinterpret(dtype=pl.Int32, endianness="big")
        key = row.slice(6, length)
    return key.cast(pl.String)


def number_before_end(distance: int) -> pl.Expr:
    """The eight-byte number in rows that begins so many bytes before their end, as base64."""
    return pl.col("row").bin.slice(-distance, 8).bin.encode("base64")


def frame(rows: Sequence[bytes]) -> pl.DataFrame:
    """The rows as a frame with the one column ``row``."""
    return pl.DataFrame({"row": rows}, schema={"row": pl.Binary})
