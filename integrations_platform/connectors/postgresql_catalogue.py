"""PostgreSQL's catalogue put into the common vocabulary: queries of pg_catalog and native types.

Owns the reading of what the catalogue says about a column. It asks nothing itself.
"""

from __future__ import annotations

from integrations_platform.connectors.introspection import Family, NativeColumn, integer_bounds
from integrations_platform.connectors.session import Row

_FAMILIES = {
    "int2": Family.INTEGER, "int4": Family.INTEGER, "int8": Family.INTEGER, "numeric": Family.DECIMAL,
    "money": Family.DECIMAL, "float4": Family.FLOAT, "float8": Family.FLOAT, "bool": Family.BOOLEAN,
    "text": Family.TEXT, "varchar": Family.TEXT, "bpchar": Family.TEXT, "citext": Family.TEXT, "name": Family.TEXT,
    "date": Family.DATE, "timestamp": Family.DATETIME, "timestamptz": Family.INSTANT, "time": Family.TIME,
    "timetz": Family.TIME, "uuid": Family.UUID, "json": Family.JSON, "jsonb": Family.JSON, "bytea": Family.BINARY,
    "bit": Family.OTHER, "varbit": Family.OTHER,
}  # fmt: skip
_INTEGER_BITS = {"int2": 16, "int4": 32, "int8": 64}

COLUMNS = """
SELECT a.attname, t.typname, b.typname, b.typtype, format_type(a.atttypid, a.atttypmod), a.attnotnull OR t.typnotnull,
       a.atthasdef, a.attidentity::text, a.attgenerated::text,
       CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
       coalesce(NOT l.collisdeterministic, false) OR b.typname = 'citext', b.typcategory::text,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder),
       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indnkeyatts = 1
               AND i.indpred IS NULL AND i.indkey[0] = a.attnum)
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""

INBOUND = """
SELECT k.conname, n.nspname, c.relname, k.confdeltype::text,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(num, pos)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.pos),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(num, pos)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num ORDER BY u.pos)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.confrelid = %s::regclass AND k.confdeltype IN ('c', 'n', 'd') AND k.conparentid = 0
ORDER BY 1"""

DELETE_RULES = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def native_column(row: Row) -> NativeColumn:
    """A row of ``COLUMNS``."""
    (name, own_type, base, typtype, shown, not_null, default, identity, generated, modifier, insensitive, category,
     labels, unique) = row  # fmt: skip
    family = Family.ARRAY if category == "A" else Family.ENUM if typtype == "e" else _FAMILIES.get(base, Family.OTHER)
    low, high = integer_bounds(_INTEGER_BITS[base]) if base in _INTEGER_BITS else (None, None)
    length = modifier - 4 if base in ("varchar", "bpchar") and modifier > 4 else None
    whole = fraction = None
    if base == "numeric" and modifier >= 4:
        precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
        scale = scale - 0x800 if scale & 0x400 else scale  # negative scales since 15
        whole, fraction = precision - scale, max(scale, 0)
    elif base == "money":
        whole, fraction = 15, 2
    seconds = modifier if base in ("timestamp", "timestamptz", "time", "timetz") and modifier >= 0 else 6
    return NativeColumn(
        name=name, native_type="money" if base == "money" else shown, family=family, nullable=not not_null,
        has_default=bool(default) and not generated, generated=bool(generated),
        identity={"a": "always", "d": "auto"}.get(identity, ""), max_length=length, integer_digits=whole,
        fraction_digits=fraction, minimum=low, maximum=high, second_digits=seconds, case_insensitive=insensitive,
        unique=unique, options=tuple(labels) if typtype == "e" else (),
        storage=base if own_type == base else "",
    )  # fmt: skip
