"""Records as rows of a table: types by the stream's JSON schema, and three columns about each row, named as in Airbyte.

Nothing a source sends is lost or bent: a value that does not fit its declared type is left empty and kept, as sent, in
``_airbyte_meta``, and so is every field the schema does not name; a row's id follows from its content alone.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

RAW_ID, EXTRACTED_AT, META = "_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta"
BATCH = 10_000  # rows in memory together
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = range(-(1 << 63), 1 << 63)

Json = dict[str, Any]
Row = tuple[Json, int]
"""The data of a record, and when it was emitted, in milliseconds since 1970."""


class Misfit(Exception):  # noqa: N818  a value, not an error of ours
    """A value is not of its declared type."""


def frames(rows: Iterable[Row], stream: str, schema: Mapping[str, Any], known: set[str]) -> Iterator[pl.DataFrame]:
    """The rows as frames, one empty frame at least; those whose id is in ``known`` are left out, and new ids added."""
    kinds = _kinds(schema)
    columns: dict[str, pl.DataType] = {name: kind for name, (kind, _) in kinds.items()}
    columns |= {RAW_ID: pl.String(), EXTRACTED_AT: pl.Datetime("us", "UTC"), META: pl.String()}
    yield pl.DataFrame(schema=columns)
    batch: list[Json] = []
    for data, emitted_at in rows:
        identity = raw_id(stream, data)
        if identity in known:
            continue
        known.add(identity)
        batch.append(_row(data, kinds) | {RAW_ID: identity, EXTRACTED_AT: _moment(emitted_at)})
        if len(batch) == BATCH:
            yield pl.DataFrame(batch, schema=columns)
            batch = []
    if batch:
        yield pl.DataFrame(batch, schema=columns)


def raw_id(stream: str, data: Json) -> str:
    """The same for the same record of the same stream, whenever it is read."""
    text = json.dumps([stream, data], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


Kind = tuple[pl.DataType, Callable[[Any], Any]]


def _kinds(schema: Mapping[str, Any]) -> dict[str, Kind]:
    named = schema.get("properties") or {}
    return {name: _kind(said) for name, said in named.items() if name not in (RAW_ID, EXTRACTED_AT, META)}


def _kind(said: Any) -> Kind:
    """The column for a property. What is of several types, or nests, is JSON text."""
    if not isinstance(said, dict):
        return pl.String(), _json
    given = said.get("type")
    types = {given} if isinstance(given, str) else set(given or ())
    types.discard("null")
    if types == {"boolean"}:
        return pl.Boolean(), _boolean
    if types == {"integer"}:
        return pl.Int64(), _integer
    if types in ({"number"}, {"integer", "number"}):
        return (pl.Int64(), _integer) if said.get("airbyte_type") == "integer" else (pl.Float64(), _number)
    if types != {"string"}:
        return pl.String(), _json
    if said.get("format") == "date":
        return pl.Date(), _date
    if said.get("format") == "date-time":
        naive = said.get("airbyte_type") == "timestamp_without_timezone"
        return (pl.Datetime("us"), _naive) if naive else (pl.Datetime("us", "UTC"), _aware)
    return pl.String(), _string


def _row(data: Json, kinds: Mapping[str, Kind]) -> Json:
    row: Json = {}
    misfits: Json = {}
    for name, (_, convert) in kinds.items():
        value = data.get(name)
        try:
            row[name] = None if value is None else convert(value)
        except (Misfit, ValueError, OverflowError):
            row[name], misfits[name] = None, value
    undeclared = {name: value for name, value in data.items() if name not in kinds}
    about = {key: found for key, found in (("misfits", misfits), ("undeclared", undeclared)) if found}
    row[META] = json.dumps(about, ensure_ascii=True, sort_keys=True) if about else None
    return row


def _moment(emitted_at: int) -> datetime:
    return _BEGINNING + timedelta(milliseconds=emitted_at)


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _string(value: Any) -> str:
    if isinstance(value, str):
        value.encode()  # a lone half of a surrogate pair is no text; what raises here is a misfit
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise Misfit


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Misfit
    return value


def _integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value not in _INT64:
        raise Misfit
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Misfit
    number = float(value)
    if not math.isfinite(number) or (isinstance(value, int) and int(number) != value):
        raise Misfit
    return number


def _date(value: Any) -> date:
    if not isinstance(value, str):
        raise Misfit
    return date.fromisoformat(value)


def _naive(value: Any) -> datetime:
    moment = _parsed(value)
    if moment.tzinfo is not None:
        raise Misfit
    return moment


def _aware(value: Any) -> datetime:
    """In UTC; without an offset it is taken for UTC, as the protocol says of JSON dates with a zone left out."""
    moment = _parsed(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _parsed(value: Any) -> datetime:
    if not isinstance(value, str) or not value:
        raise Misfit
    moment = datetime.fromisoformat(value)
    return datetime.combine(moment, time(), moment.tzinfo) if len(value) == len("2025-10-30") else moment
