"""Rows as text that databases of several sorts spell alike: fields between separators, a mark for NULL.

Owns the format, and which columns can be spelled so. A value is the text that its server shows for it, in one form for
each sort of value, so that equal texts say the same on both sides; what neither could spell in one way (floating point
numbers, wall-clock times of a zone, decimals without a fixed scale) is not moved as text at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from integrations_platform.connectors.introspection import Family, NativeColumn
from integrations_platform.unified_sync.values import FieldType, canonical, dumps

SEPARATOR, NULL = "\x1f", "\x1e"  # which no text that is moved so contains
PREFIX = "texts:"
_MICROSECONDS = 6

_READ: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "decimal": Decimal,
    "boolean": lambda text: text == "1",
    "date": date.fromisoformat,
    "datetime": lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC),
    "text": str,
    "json": str,
}
_TEXTS = (FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE)


def sort_of(column: NativeColumn, kind: FieldType, zone: str) -> str | None:
    """In which form the values of a column are spelled; None where there is no common one."""
    match kind, column.family:
        case FieldType.INTEGER, Family.INTEGER:
            return "integer"
        case FieldType.BOOLEAN, Family.BOOLEAN:
            return "boolean"
        case FieldType.DECIMAL, Family.DECIMAL:
            return None if column.fraction_digits is None else f"decimal:{column.fraction_digits}"
        case FieldType.DATE, Family.DATE:
            return "date"
        case FieldType.DATETIME, Family.DATETIME | Family.INSTANT:
            return "datetime" if zone == "UTC" and column.second_digits == _MICROSECONDS else None
        case FieldType.JSON, Family.JSON | Family.TEXT:
            return "json"
        case _, Family.TEXT if kind in _TEXTS:
            return "text"
    return None


def layout(fields: Sequence[tuple[str, FieldType, str]]) -> str:
    """How rows of these fields (name, type, sort) are spelled, for :func:`unpack`."""
    return PREFIX + json.dumps(fields)


def unpack(text: str, rows: Sequence[bytes]) -> list[str]:
    """Base values of rows of that layout, as JSON by field name."""
    fields = [
        (name, FieldType(kind), _READ[sort.partition(":")[0]])
        for name, kind, sort in json.loads(text.removeprefix(PREFIX))
    ]
    return [
        dumps({
            name: canonical(kind, None if word == NULL else read(word), "UTC")
            for (name, kind, read), word in zip(fields, row.decode().split(SEPARATOR), strict=True)
        })
        for row in rows
    ]  # fmt: skip


def as_values(rows: pl.Series) -> pl.Series:
    """Rows as the tuples of MySQL's VALUES, every value a string, which the column's type takes."""
    text = pl.col("row").str.replace_all("\\", "\\\\", literal=True).str.replace_all("'", "''", literal=True)
    text = text.str.replace_all(SEPARATOR, "','", literal=True)
    whole = pl.concat_str(pl.lit("('"), text, pl.lit("')")).str.replace_all(f"'{NULL}'", "NULL", literal=True)
    return rows.rename("row").to_frame().select(whole).to_series()


def as_copied(rows: pl.Series) -> str:
    """Rows as the lines of PostgreSQL's COPY in its text format."""
    text = pl.col("row")
    for sign, escaped in (
        ("\\", "\\\\"),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\t", "\\t"),
        (SEPARATOR, "\t"),
        (NULL, "\\N"),
    ):
        text = text.str.replace_all(sign, escaped, literal=True)
    lines: str = rows.rename("row").to_frame().select(text.str.join("\n")).item()
    return lines + "\n"
