"""Canonical values on their way into a column, and record ids on their way to a key and back.

Owns every refusal of what a column would keep only by changing it: digits beyond its scale, an hour that the wall clock
shows twice, an option that contains the separator. It never rounds and never cuts.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from integrations_platform.connectors.dialect import json_line
from integrations_platform.connectors.introspection import Family, NativeColumn
from integrations_platform.connectors.sql_errors import UnfitValueError
from integrations_platform.unified_sync.values import FieldType, Invalid, NotCanonical, Unresolved, Value, canonical

_FLOAT_DIGITS = {"float4": 6, "float": 6}  # float8 and double keep 15
_WHOLE = re.compile(r"-?(0|[1-9]\d*)")


TAKEN_AS_IS: Mapping[Family, type] = {
    Family.TEXT: str, Family.JSON: str, Family.INTEGER: int, Family.BOOLEAN: bool, Family.DATE: date,
}  # fmt: skip
"""By family, the type of values that :func:`encode` hands on."""


def encode(column: NativeColumn, value: Value, zone: str) -> Any:
    """A canonical value as the column takes it. ``zone`` is what its wall-clock times are meant in.

    Raises :class:`UnfitValueError` for what the column would keep only by changing it.
    """
    if value is None:
        return None
    if isinstance(value, str) and column.family is not Family.BINARY:
        return value
    if isinstance(value, Invalid | Unresolved):
        raise UnfitValueError(f"column {column.name}: there is no valid value to write")
    if isinstance(value, bool):
        return _boolean(column, value)
    if isinstance(value, tuple):
        return _options(column, value)
    if isinstance(value, datetime):
        return _datetime(column, value, zone)
    if isinstance(value, date):
        return _date(column, value)
    if isinstance(value, int | Decimal):
        return _number(column, value)
    if column.family is Family.BINARY:
        try:
            return uuid.UUID(str(value)).bytes
        except ValueError:
            return str(value).encode()
    return value


def _boolean(column: NativeColumn, value: bool) -> Any:
    if column.family is Family.BOOLEAN:
        return value
    return ("true" if value else "false") if column.family is Family.TEXT else int(value)


def _options(column: NativeColumn, value: tuple[str, ...]) -> Any:
    if column.family is Family.ARRAY:
        return list(value)
    if column.family is Family.JSON:
        return json_line(list(value))
    if any("," in option or ";" in option for option in value):
        raise UnfitValueError(f"column {column.name}: an option contains a comma or semicolon, which separate options")
    return ("," if column.family is Family.SET else ";").join(value)


def _number(column: NativeColumn, value: int | Decimal) -> Any:
    if column.family is Family.TEXT:
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    if isinstance(value, int):
        return value
    exponent = value.as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    if column.fraction_digits is not None and decimals > column.fraction_digits:
        raise UnfitValueError(f"column {column.name} keeps {column.fraction_digits} decimal places, the value has more")
    if column.family is Family.INTEGER:
        if decimals:
            raise UnfitValueError(f"column {column.name} keeps whole numbers, the value has decimal places")
        return int(value)
    limit = _FLOAT_DIGITS.get(column.storage, 15)
    if column.family is Family.FLOAT and len(format(value, "f").strip("-0").replace(".", "").strip("0")) > limit:
        raise UnfitValueError(f"column {column.name} is a float and keeps {limit} digits; make it a decimal column")
    return value


def _date(column: NativeColumn, value: date) -> Any:
    if column.family is Family.DATETIME:
        return datetime.combine(value, time())
    if column.family is Family.INSTANT:
        return datetime.combine(value, time(), UTC)
    return value.isoformat() if column.family is Family.TEXT else value


def _datetime(column: NativeColumn, value: datetime, zone: str) -> Any:
    if value.microsecond % 10 ** (6 - min(column.second_digits, 6)):
        raise UnfitValueError(
            f"column {column.name} keeps {column.second_digits} digits of a second, the value has more"
        )
    if column.family is Family.INSTANT:
        return value
    if column.family is Family.DATETIME:
        local = value.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
        if local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) != value:
            raise UnfitValueError(f"column {column.name}: the wall clock of {zone} shows this hour twice, the column "
                               "keeps no zone")  # fmt: skip
        return local
    if column.family is Family.DATE:
        raise UnfitValueError(f"column {column.name} is a date and would lose the time of day")
    return value.isoformat()


def decode(column: NativeColumn, kind: FieldType, raw: Any, *, zone: str) -> Value:
    """A driver's value in canonical form, or :class:`Invalid` with the reason."""
    if column.family is Family.ARRAY and isinstance(raw, str):  # the text form, out of the archive
        raw = raw.strip("{}").replace('"', "")
    try:
        return canonical(kind, raw, zone)
    except NotCanonical as fault:
        return Invalid(str(raw), str(fault))


def id_text(parts: Sequence[Any]) -> str:
    """The record id of a key as the driver returned it: the text of one part, or a JSON array of the parts' texts."""
    texts = [part.hex() if isinstance(part, bytes) else str(part) for part in parts]
    return texts[0] if len(texts) == 1 else json_line(texts)


def key_parts(keys: Sequence[NativeColumn], record_id: str) -> tuple[Any, ...] | None:
    """The key of a record id as it is bound, or None for an id that no key can have."""
    if len(keys) == 1:
        texts: list[Any] = [record_id]
    else:
        try:
            texts = json.loads(record_id)
        except ValueError:
            return None
        if not isinstance(texts, list) or len(texts) != len(keys) or not all(isinstance(text, str) for text in texts):
            return None
    try:
        return tuple(_key_part(key, text) for key, text in zip(keys, texts, strict=True))
    except (ValueError, ArithmeticError):
        return None


def _key_part(key: NativeColumn, text: str) -> Any:
    if key.family in (Family.INTEGER, Family.BOOLEAN, Family.BITS):
        if key.family is Family.BOOLEAN and text in ("True", "False"):
            return text == "True"
        if not _WHOLE.fullmatch(text):
            raise ValueError(text)
        number = int(text)
        if not -(2**63) <= number < 2**64:
            raise ValueError(text)
        return number
    if key.family in (Family.DECIMAL, Family.FLOAT) and key.storage not in ("REAL", "NUMERIC"):
        return Decimal(text)
    if key.family is Family.UUID and key.storage != "NUMERIC":
        return str(uuid.UUID(text))
    if key.family is Family.BINARY and key.storage != "BLOB":
        return bytes.fromhex(text)
    if key.family in (Family.DATE, Family.DATETIME, Family.INSTANT):
        datetime.fromisoformat(text)
    return text
