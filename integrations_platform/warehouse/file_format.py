"""File formats of a COPY: their options, how a statement spells them, and how they are read from one.

Owns the allow-list. An option that is not in it is an error, because an engine that ignored it would load other rows
than Snowflake does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from integrations_platform.warehouse.errors import StatementError
from integrations_platform.warehouse.names import literal

_COMPRESSIONS = ("AUTO", "GZIP", "NONE")


@dataclass(frozen=True)
class JsonFormat:
    """One JSON document a line. ``strip_outer_array``: an array is a row for each element, not one row."""

    type: ClassVar[str] = "JSON"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".ndjson", ".jsonl")
    strip_outer_array: bool = False
    compression: str = "AUTO"


@dataclass(frozen=True)
class CsvFormat:
    """Delimited text. ``parse_header``: the first line names the columns, for loads by name."""

    type: ClassVar[str] = "CSV"
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".txt")
    field_delimiter: str = ","
    skip_header: int = 0
    parse_header: bool = False
    null_if: tuple[str, ...] = ("\\N",)
    field_optionally_enclosed_by: str | None = None
    escape: str | None = None
    empty_field_as_null: bool = True
    trim_space: bool = False
    error_on_column_count_mismatch: bool = True
    compression: str = "AUTO"

    def __post_init__(self) -> None:
        if self.parse_header and self.skip_header:
            raise StatementError("PARSE_HEADER=TRUE reads the header; it does not go with SKIP_HEADER")
        if len(self.field_delimiter) not in range(1, 5):
            raise StatementError("FIELD_DELIMITER is one to four characters")
        if self.field_optionally_enclosed_by not in (None, '"', "'"):
            raise StatementError("FIELD_OPTIONALLY_ENCLOSED_BY is a double quote, a single quote or NONE")


@dataclass(frozen=True)
class ParquetFormat:
    """Parquet. ``use_logical_type``: dates and times are read as such; without it Snowflake reads some as numbers."""

    type: ClassVar[str] = "PARQUET"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)
    use_logical_type: bool = False
    compression: str = "AUTO"


FileFormat = JsonFormat | CsvFormat | ParquetFormat
FORMATS: Mapping[str, type[FileFormat]] = {each.type: each for each in (JsonFormat, CsvFormat, ParquetFormat)}


def render_format(file_format: FileFormat) -> str:
    """The value of FILE_FORMAT; options at their default are left out."""
    said = [f"TYPE={file_format.type}"]
    for item in fields(file_format):
        value = getattr(file_format, item.name)
        if value != item.default:
            said.append(f"{item.name.upper()}={_spelled(item.name, value)}")
    return f"({' '.join(said)})"


def read_format(options: Mapping[str, Any]) -> FileFormat:
    """The format that options by upper-case name spell; CSV without a TYPE, as in Snowflake.

    Raises StatementError for an unknown type, option or value.
    """
    given = dict(options)
    kind = str(given.pop("TYPE", "CSV")).upper()
    if kind not in FORMATS:
        raise StatementError(f"file format TYPE={kind} is not supported; use one of {', '.join(FORMATS)}")
    chosen = FORMATS[kind]
    known = {item.name.upper(): item for item in fields(chosen)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise StatementError(f"{kind} has no option {name} here; supported are TYPE, {', '.join(known)}")
        values[known[name].name] = _understood(name, value, known[name].default)
    return chosen(**values)


def _spelled(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"({', '.join(literal(item) for item in value)})"
    if value is None:
        return "NONE"
    return str(value) if name == "compression" else literal(value)


def _understood(name: str, value: Any, default: Any) -> Any:
    """``value`` in the type of ``default``."""
    if name == "COMPRESSION":
        if str(value).upper() not in (*_COMPRESSIONS, "SNAPPY"):
            raise StatementError(f"COMPRESSION={value} is not supported; use one of {', '.join(_COMPRESSIONS)}")
        return str(value).upper()
    if isinstance(default, bool):
        if str(value).upper() not in ("TRUE", "FALSE"):
            raise StatementError(f"{name} is TRUE or FALSE, not {value!r}")
        return str(value).upper() == "TRUE"
    if isinstance(default, int):
        if not str(value).isdecimal():
            raise StatementError(f"{name} is a whole number, not {value!r}")
        return int(value)
    if isinstance(default, tuple):
        return tuple(str(item) for item in (value if isinstance(value, list | tuple) else (value,)))
    if default is None and str(value).upper() == "NONE":
        return None
    text = str(value)
    return {"\\t": "\t", "0x22": '"', "0x27": "'"}.get(text, text)
