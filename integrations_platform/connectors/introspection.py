"""What a table is: its columns in one vocabulary for all dialects, its key, and the keys that point at it.

Owns the families native types fall into, the form each column can hold, and which field types a family can be read as.
It asks no database; each dialect fills a :class:`TableShape` from its own catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from integrations_platform.unified_sync.port import ColumnForm
from integrations_platform.unified_sync.values import FieldType


class Family(StrEnum):
    """What a native type holds, whatever it is called."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"  # wall-clock time, meant in some zone
    INSTANT = "instant"  # a moment: timestamptz, MySQL TIMESTAMP
    TIME = "time"
    UUID = "uuid"
    JSON = "json"
    BINARY = "binary"
    BITS = "bits"
    ENUM = "enum"
    SET = "set"
    ARRAY = "array"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class NativeColumn:
    """A column as its catalogue describes it; lengths in characters, ``storage`` is the dialect's own base type."""

    name: str
    native_type: str
    family: Family
    nullable: bool = True
    has_default: bool = False
    generated: bool = False  # computed by the database, never writable
    identity: str = ""  # "", "auto" (may be set) or "always" (may only be set by overriding)
    max_length: int | None = None
    integer_digits: int | None = None
    fraction_digits: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    second_digits: int = 6
    four_byte_text: bool = True
    case_insensitive: bool = False
    unique: bool = False
    options: tuple[str, ...] = ()
    storage: str = ""

    def form(self, *, nul_text: bool) -> ColumnForm:
        """What the engine must know before it writes this column."""
        return ColumnForm(
            name=self.name,
            nullable=self.nullable,
            writable=not self.generated and self.identity != "always",
            max_length=self.max_length,
            integer_digits=self.integer_digits,
            fraction_digits=self.fraction_digits,
            minimum=self.minimum,
            maximum=self.maximum,
            second_digits=self.second_digits,
            four_byte_text=self.four_byte_text,
            nul_text=nul_text,
            case_insensitive=self.case_insensitive,
            unique=self.unique,
            options=self.options,
            has_default=self.has_default or bool(self.identity),
            native_type=self.native_type,
        )


@dataclass(frozen=True, slots=True)
class InboundKey:
    """A foreign key of ``table`` that points at our object and would carry a delete on by itself."""

    name: str
    schema: str | None
    table: str
    columns: tuple[str, ...]
    referenced: tuple[str, ...]
    on_delete: str


@dataclass(frozen=True)
class TableShape:
    """A table: where it is, its columns in order, its primary key. ``transactional`` is False for MyISAM and such."""

    schema: str | None
    name: str
    columns: tuple[NativeColumn, ...]
    primary_key: tuple[str, ...] = ()
    is_view: bool = False
    transactional: bool = True
    engine: str = ""

    @cached_property
    def by_name(self) -> Mapping[str, NativeColumn]:
        """Columns by name."""
        return {column.name: column for column in self.columns}


@dataclass(frozen=True, slots=True)
class DescribedColumn:
    """A column as a draft of a sync file needs it."""

    name: str
    suggested: FieldType
    native_type: str
    nullable: bool
    max_length: int | None
    scale: int | None
    in_key: bool


@dataclass(frozen=True, slots=True)
class Description:
    """An object as a draft of a sync file needs it."""

    object: str
    columns: tuple[DescribedColumn, ...]
    primary_key: tuple[str, ...]


SUGGESTED: Mapping[Family, FieldType] = {
    Family.INTEGER: FieldType.INTEGER,
    Family.DECIMAL: FieldType.DECIMAL,
    Family.FLOAT: FieldType.DECIMAL,
    Family.BOOLEAN: FieldType.BOOLEAN,
    Family.DATE: FieldType.DATE,
    Family.DATETIME: FieldType.DATETIME,
    Family.INSTANT: FieldType.DATETIME,
    Family.UUID: FieldType.UUID,
    Family.JSON: FieldType.JSON,
    Family.ENUM: FieldType.ENUM,
    Family.SET: FieldType.SET,
    Family.ARRAY: FieldType.SET,
}


def suggested_type(column: NativeColumn) -> FieldType:
    """The field type to propose; text columns are told apart by their names, for a person to confirm."""
    if column.family is Family.TEXT:
        name = column.name.lower()
        if "email" in name or "e_mail" in name:
            return FieldType.EMAIL
        if "phone" in name or "mobile" in name:
            return FieldType.PHONE
    return SUGGESTED.get(column.family, FieldType.TEXT)


def describe(shape: TableShape) -> Description:
    """Reduce a shape to what a draft needs."""
    columns = tuple(
        DescribedColumn(
            column.name, suggested_type(column), column.native_type, column.nullable, column.max_length,
            column.fraction_digits if column.family is Family.DECIMAL else None, column.name in shape.primary_key,
        )
        for column in shape.columns
    )  # fmt: skip
    return Description(shape.name, columns, shape.primary_key)


_TEXTUAL = frozenset({FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.ENUM, FieldType.REF})
_F, _T = Family, FieldType
READABLE: Mapping[Family, frozenset[FieldType]] = {
    _F.TEXT: _TEXTUAL | {_T.SET, _T.UUID, _T.JSON},
    _F.INTEGER: _TEXTUAL | {_T.INTEGER, _T.DECIMAL, _T.BOOLEAN},
    _F.DECIMAL: frozenset({_T.TEXT, _T.INTEGER, _T.DECIMAL, _T.REF}),
    _F.FLOAT: frozenset({_T.TEXT, _T.DECIMAL}),
    _F.BOOLEAN: frozenset({_T.TEXT, _T.BOOLEAN}),
    _F.DATE: frozenset({_T.TEXT, _T.DATE}),
    _F.DATETIME: frozenset({_T.TEXT, _T.DATE, _T.DATETIME}),
    _F.INSTANT: frozenset({_T.TEXT, _T.DATE, _T.DATETIME}),
    _F.TIME: frozenset({_T.TEXT}),
    _F.UUID: frozenset({_T.TEXT, _T.UUID, _T.REF}),
    _F.JSON: frozenset({_T.TEXT, _T.JSON}),
    _F.BINARY: frozenset({_T.UUID, _T.TEXT}),
    _F.BITS: frozenset({_T.BOOLEAN, _T.INTEGER}),
    _F.ENUM: frozenset({_T.TEXT, _T.ENUM}),
    _F.SET: frozenset({_T.TEXT, _T.SET}),
    _F.ARRAY: frozenset({_T.SET}),
    _F.OTHER: frozenset({_T.TEXT}),
}


def integer_bounds(bits: int, *, unsigned: bool = False) -> tuple[int, int]:
    """Least and greatest value of a two's-complement or unsigned integer of ``bits`` bits."""
    return (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
