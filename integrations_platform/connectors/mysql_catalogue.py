"""MySQL's and MariaDB's catalogue put into the common vocabulary: queries of information_schema and native types.

Owns the reading of what the catalogue says about a column. It asks nothing itself.
"""

from __future__ import annotations

import re

from integrations_platform.connectors.introspection import Family, NativeColumn, integer_bounds
from integrations_platform.connectors.session import Row

_FAMILIES = {
    "tinyint": Family.INTEGER, "smallint": Family.INTEGER, "mediumint": Family.INTEGER, "int": Family.INTEGER,
    "bigint": Family.INTEGER, "year": Family.INTEGER, "decimal": Family.DECIMAL, "float": Family.FLOAT,
    "double": Family.FLOAT, "char": Family.TEXT, "varchar": Family.TEXT, "tinytext": Family.TEXT, "text": Family.TEXT,
    "mediumtext": Family.TEXT, "longtext": Family.TEXT, "date": Family.DATE, "datetime": Family.DATETIME,
    "timestamp": Family.INSTANT, "time": Family.TIME, "uuid": Family.UUID, "json": Family.JSON, "bit": Family.BITS,
    "enum": Family.ENUM, "set": Family.SET, "binary": Family.BINARY, "varbinary": Family.BINARY,
    "tinyblob": Family.BINARY, "blob": Family.BINARY, "mediumblob": Family.BINARY, "longblob": Family.BINARY,
}  # fmt: skip
INTEGER_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_OPTION = re.compile(r"'((?:[^']|'')*)'")

COLUMNS = """
SELECT column_name, data_type, column_type, is_nullable, column_default, extra, character_maximum_length,
       numeric_precision, numeric_scale, datetime_precision, character_set_name, collation_name, generation_expression
FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position"""

INBOUND = """
SELECT k.constraint_name, k.table_schema, k.table_name, r.delete_rule, k.column_name, k.referenced_column_name
FROM information_schema.key_column_usage k
JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.referenced_table_schema = %s AND k.referenced_table_name = %s
  AND r.delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
ORDER BY k.table_schema, k.table_name, k.constraint_name, k.ordinal_position"""


def native_column(row: Row, unique: bool) -> NativeColumn:
    """A row of ``COLUMNS``; ``unique``: alone in a unique index."""
    (name, data_type, shown, nullable, default, extra, length, precision, scale, seconds, charset, collation,
     generation) = row  # fmt: skip
    data_type = data_type.lower()
    family = _FAMILIES.get(data_type, Family.OTHER)
    if shown.startswith("tinyint(1)"):
        family = Family.BOOLEAN
    unsigned = "unsigned" in shown
    low = high = None
    if data_type in INTEGER_BITS:
        low, high = integer_bounds(INTEGER_BITS[data_type], unsigned=unsigned)
    elif data_type == "year":
        low, high = 1901, 2155
    options: tuple[str, ...] = ()
    if family in (Family.ENUM, Family.SET):
        options = tuple(option.replace("''", "'") for option in _OPTION.findall(shown))
    textual = family in (Family.TEXT, Family.ENUM, Family.SET)
    return NativeColumn(
        name=name, native_type=shown, family=family, nullable=nullable == "YES",
        # MariaDB states the default of a nullable column without one as the word NULL.
        has_default=default is not None and default != "NULL",
        generated=bool(generation) or "GENERATED" in (extra or "").upper().replace("DEFAULT_GENERATED", ""),
        identity="auto" if "auto_increment" in (extra or "") else "",
        max_length=length if family is Family.TEXT and data_type in ("char", "varchar") else None,
        integer_digits=precision - scale if family is Family.DECIMAL else None,
        fraction_digits=scale if family is Family.DECIMAL else None, minimum=low, maximum=high,
        second_digits=seconds or 0 if family in (Family.DATETIME, Family.INSTANT, Family.TIME) else 6,
        four_byte_text=not textual or charset == "utf8mb4",
        case_insensitive=textual and bool(collation) and "_ci" in collation, unique=unique, options=options,
        storage=data_type,
    )  # fmt: skip
