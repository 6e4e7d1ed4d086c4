"""Files as frames, and what a file holds without keeping it: rows and columns.

Files may come from anybody: a truncated, wrongly named or half-written one is an error that says so, with the line
where there are lines. Nothing is decoded further than needed, and large text files are looked at in pieces.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from integrations_platform.lake.errors import LakeError, Place, Trouble
from integrations_platform.lake.objects import Listed, Objects
from integrations_platform.lake.schema import dtype_of, names_of, united

_PIECE = 32_000_000  # bytes of text looked at together
_MAGIC = b"PAR1"
_GZIP = b"\x1f\x8b"
_LONGEST_LINE = 128_000_000  # Snowflake takes no larger VARIANT
_AGAIN = "was it copied completely? write it again"


@dataclass(frozen=True)
class Contents:
    """Rows and columns of a file."""

    rows: int
    schema: Mapping[str, str]


def contents(objects: Objects, listed: Listed, form: str, place: Place) -> Contents:
    """What is in the listed file. Raises LakeError: DAMAGED, or CHANGED when it is no longer the listed one."""
    if form == "parquet":
        return _parquet_contents(objects, listed, place)
    data, _ = objects.get(listed.key, place, listed.etag)
    if form == "csv":
        frame = _csv(b"".join(inflated(data, place)), place)
        return Contents(frame.height, names_of(frame.schema))
    rows, schema = 0, dict[str, str]()
    line = 1
    for piece in _whole_lines(inflated(data, place), place):
        frame = _ndjson(piece, place, None, line)
        rows, schema = rows + frame.height, united(schema, names_of(frame.schema))
        line += piece.count(b"\n")
    return Contents(rows, schema)


def decoded(data: bytes, form: str, schema: Mapping[str, str], place: Place, only: str | None = None) -> pl.DataFrame:
    """The rows of a file. ``schema``: types as recorded, which text formats cannot say themselves. ``only``: a column
    that is enough; of Parquet no other is looked at then."""
    if form == "parquet":
        return _parquet(data, place, only)
    text = b"".join(inflated(data, place))
    return _csv(text, place) if form == "csv" else _ndjson(text, place, schema, 1)


def _parquet_contents(objects: Objects, listed: Listed, place: Place) -> Contents:
    # The footer says everything, and a file of magic and footer is enough for the reader.
    if listed.size < 12:
        raise _damaged(place, "is too short for Parquet")
    end = objects.tail(listed, listed.size - 8, place)
    length = int.from_bytes(end[:4], "little")
    if end[4:] != _MAGIC or length + 12 > listed.size:
        raise _damaged(place, "is not Parquet, or was cut off")
    footer = io.BytesIO(_MAGIC + objects.tail(listed, listed.size - 8 - length, place))
    try:
        rows = pl.scan_parquet(footer).select(pl.len()).collect().item()
        return Contents(rows, names_of(pl.read_parquet_schema(footer)))
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise _damaged(place, f"is not Parquet ({_first(fault)})") from None


def _parquet(data: bytes, place: Place, only: str | None) -> pl.DataFrame:
    try:
        return pl.read_parquet(io.BytesIO(data), columns=[only] if only else None, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise _damaged(place, f"is not Parquet, or was cut off ({_first(fault)})") from None


def _csv(text: bytes, place: Place) -> pl.DataFrame:
    if not text.strip():
        raise _damaged(place, "holds no header")
    try:
        return pl.read_csv(io.BytesIO(text), infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise _damaged(place, f"is no well-formed CSV ({_first(fault)})") from None


def _ndjson(text: bytes, place: Place, schema: Mapping[str, str] | None, first_line: int) -> pl.DataFrame:
    if not text.strip():
        return pl.DataFrame()
    types = {name: dtype for name, kind in (schema or {}).items() if (dtype := dtype_of(kind)) is not None}
    # Decimals and times are text in JSON, and the reader takes neither from text.
    late = {name: dtype for name, dtype in types.items() if isinstance(dtype, pl.Decimal | pl.Time)}
    early = {name: pl.String() if name in late else dtype for name, dtype in types.items()}
    try:
        frame = _parsed(text, early)
        casts = [
            pl.col(name).str.to_time("%H:%M:%S%.f") if isinstance(dtype, pl.Time) else pl.col(name).cast(dtype)
            for name, dtype in late.items()
            if name in frame.columns
        ]
        return frame.with_columns(casts)
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise _damaged(place, _bad_line(text, first_line) or f"is no NDJSON ({_first(fault)})") from None


def _parsed(text: bytes, types: Mapping[str, pl.DataType]) -> pl.DataFrame:
    try:
        return pl.read_ndjson(io.BytesIO(text), schema_overrides=types, infer_schema_length=None)
    except pl.exceptions.PolarsError:
        if not types:
            raise
    # The reader takes no type for a column that this file does not have.
    there = pl.read_ndjson(io.BytesIO(text), infer_schema_length=None).columns
    known = {name: dtype for name, dtype in types.items() if name in there}
    return pl.read_ndjson(io.BytesIO(text), schema_overrides=known, infer_schema_length=None)


def _bad_line(text: bytes, first_line: int) -> str | None:
    """Which line is no JSON object; found only after the reader has failed, because it does not say."""
    for number, line in enumerate(text.split(b"\n"), first_line):
        if not line.strip():
            continue
        try:
            if not isinstance(json.loads(line), dict):
                return f"line {number} is no JSON object"
        except (ValueError, RecursionError) as fault:
            return f"line {number} is no JSON ({str(fault)[:100]})"
    return None


def inflated(data: bytes, place: Place) -> Iterator[bytes]:
    """The text of a file, in pieces; what is gzip is told by its first bytes."""
    if not data.startswith(_GZIP):
        for start in range(0, len(data), _PIECE):
            yield data[start : start + _PIECE]
        return
    rest = data
    while rest:
        member = zlib.decompressobj(wbits=31)
        try:
            while not member.eof:
                piece = member.decompress(rest, _PIECE)
                rest = member.unconsumed_tail
                if piece:
                    yield piece
                elif not rest and not member.eof:
                    raise _damaged(place, "is a gzip file that was cut off")
        except zlib.error as fault:
            raise _damaged(place, f"is a damaged gzip file ({_first(fault)})") from None
        rest = member.unused_data
        if rest and not rest.startswith(_GZIP):
            raise _damaged(place, "has something else behind its gzip data")


def _whole_lines(pieces: Iterator[bytes], place: Place) -> Iterator[bytes]:
    waiting = b""
    for piece in pieces:
        whole, newline, waiting = (waiting + piece).rpartition(b"\n")
        if whole:
            yield whole + newline
        if len(waiting) > _LONGEST_LINE:
            raise _damaged(place, "has a line of more than 128 MB")
    if waiting:
        yield waiting


def _damaged(place: Place, what: str) -> LakeError:
    return LakeError(Trouble.DAMAGED, place, what, _AGAIN)


def _first(fault: BaseException) -> str:
    return " ".join(str(fault).split())[:150]
