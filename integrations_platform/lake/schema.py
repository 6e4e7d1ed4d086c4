"""Types of columns in a few words that warehouses and people understand, and when files of one partition agree on them.

The words: boolean, int8 … int64, uint8 … uint64, float32, float64, decimal(p,s), string, binary, date, time, timestamp,
timestamptz, array, object, null. What nests is not described further.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

_NAMES: dict[type[pl.DataType], str] = {
    pl.Boolean: "boolean",
    pl.Int8: "int8",
    pl.Int16: "int16",
    pl.Int32: "int32",
    pl.Int64: "int64",
    pl.UInt8: "uint8",
    pl.UInt16: "uint16",
    pl.UInt32: "uint32",
    pl.UInt64: "uint64",
    pl.Float32: "float32",
    pl.Float64: "float64",
    pl.String: "string",
    pl.Categorical: "string",
    pl.Enum: "string",
    pl.Binary: "binary",
    pl.Date: "date",
    pl.Time: "time",
    pl.List: "array",
    pl.Array: "array",
    pl.Struct: "object",
    pl.Null: "null",
}
_DTYPES = {name: dtype for dtype, name in _NAMES.items() if name not in ("string", "array", "object")}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


def name_of(dtype: pl.DataType) -> str:
    """The word for a type of Polars; its own spelling for those that have none."""
    if isinstance(dtype, pl.Datetime):
        return "timestamptz" if dtype.time_zone else "timestamp"
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    return _NAMES.get(type(dtype), str(dtype).lower())


def names_of(schema: Mapping[str, pl.DataType]) -> dict[str, str]:
    """Column → word."""
    return {name: name_of(dtype) for name, dtype in schema.items()}


def dtype_of(name: str) -> pl.DataType | None:
    """The type for a word; None where the word does not say enough."""
    if name == "timestamp":
        return pl.Datetime("us")
    if name == "timestamptz":
        return pl.Datetime("us", "UTC")
    if match := _DECIMAL.fullmatch(name):
        return pl.Decimal(int(match[1]), int(match[2]))
    if name == "string":
        return pl.String()
    dtype = _DTYPES.get(name)
    return None if dtype is None else dtype()


def widened(a: str, b: str) -> str | None:
    """The type that holds both, for text formats, whose types are guessed; None when they are of different kinds."""
    if a == b or b == "null":
        return a
    if a == "null":
        return b
    if {a, b} == {"int64", "float64"}:
        return "float64"
    return None


def disagreement(a: Mapping[str, str], b: Mapping[str, str], *, strict: bool) -> str | None:
    """How two files of one partition differ in their columns, in words; None when they agree.

    ``strict``: the same columns with the same types, as Parquet and CSV must have. Otherwise a column may be missing,
    as in JSON, but not be of two kinds.
    """
    if strict and set(a) != set(b):
        only = [f"{name} is only in one" for name in sorted(set(a) ^ set(b))]
        return ", ".join(only[:5])
    clashes = [
        f"{name} is {a[name]} and {b[name]}"
        for name in a
        if name in b and (a[name] != b[name] if strict else widened(a[name], b[name]) is None)
    ]
    return ", ".join(clashes[:5]) or None


def united(a: Mapping[str, str], b: Mapping[str, str], *, otherwise: str = "string") -> dict[str, str]:
    """All columns of both, in order, with types that hold both; ``otherwise`` where no type does."""
    return {**a, **{name: widened(a[name], kind) or otherwise if name in a else kind for name, kind in b.items()}}
