"""Between the port's frozen dataclasses and rows of text and numbers.

A dataclass and its table share their column names, so one reading of the type hints serves every table. Naive times are
refused: a row without a zone cannot be compared with any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, TypeVar, get_args, get_type_hints

from sqlalchemy import RowMapping

Record = TypeVar("Record")


def to_text(moment: datetime) -> str:
    """A time as stored: ISO 8601 in UTC with six decimals.

    Text rather than a native type because it is exact and reads, sorts and compares the same on SQLite (which has no
    time type) and on PostgreSQL (whose sessions would otherwise render it in their own zone). Raises ValueError for a
    time without a zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"the state keeps no time without a zone: {moment.isoformat()}")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(stored: str | None) -> datetime | None:
    """An aware UTC time, or None for none."""
    return None if stored is None else datetime.fromisoformat(stored)


def to_column(value: Any) -> Any:
    """A dataclass's value as its column holds it."""
    if value is None or type(value) is int:
        return value
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, str) and "\x00" in value:  # PostgreSQL text has no NUL; vendors' messages sometimes do
        return value.replace("\x00", "\ufffd")
    return value


def as_row(record: Any) -> dict[str, Any]:
    """Column values by name of any dataclass of the port."""
    names = _readers(type(record))
    row = dict(zip(names, attrgetter(*names)(record), strict=True))
    for name, value in row.items():
        if value is not None and (type(value) is not str or "\x00" in value):  # what most columns of most rows are
            row[name] = to_column(value)
    return row


def from_row(kind: type[Record], row: Mapping[str, Any] | RowMapping) -> Record:
    """The dataclass ``kind`` from a row that has (at least) its columns."""
    return kind(**{name: read(row[name]) for name, read in _readers(kind).items()})


_known: dict[type[Any], dict[str, Callable[[Any], Any]]] = {}


def _readers(kind: type[Any]) -> dict[str, Callable[[Any], Any]]:
    readers = _known.get(kind)
    if readers is None:
        hints = get_type_hints(kind)
        readers = _known[kind] = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    return readers


def _reader(hint: Any) -> Callable[[Any], Any]:
    for option in get_args(hint) or (hint,):
        if option is datetime:
            return from_text
        if isinstance(option, type) and issubclass(option, StrEnum):
            return option
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
