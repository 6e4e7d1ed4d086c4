"""Canonical values: what a field holds, apart from how any one system spells it.

Owns the types of a field, the two kinds of nothing (``None`` is present but empty, ``ABSENT`` cannot be said),
conversion from a driver's value, comparison keys, and the JSON form used in the state and the audit. It refuses floats
for money and never guesses a time zone.
"""

from __future__ import annotations

import json
import re
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from enum import Enum, StrEnum
from typing import Any, Final, NoReturn
from zoneinfo import ZoneInfo


class FieldType(StrEnum):
    """Types a field may declare; each has one canonical Python form."""

    TEXT = "text"  # str, NFC, newlines as \n
    EMAIL = "email"  # str as typed; compared without regard to case
    PHONE = "phone"  # str as typed; compared by its digits
    INTEGER = "integer"  # int
    DECIMAL = "decimal"  # Decimal
    BOOLEAN = "boolean"  # bool
    DATE = "date"  # date, no zone
    DATETIME = "datetime"  # aware datetime in UTC
    ENUM = "enum"  # str, an internal option value
    SET = "set"  # tuple of str, sorted: multi-select options
    UUID = "uuid"  # str, lower-case
    JSON = "json"  # str, canonical JSON text with sorted keys
    REF = "ref"  # str: the record id on its own side; the link id once resolved


class Absent(Enum):
    """The side cannot say: no such field, no permission, or not returned. Never causes a write."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Invalid:
    """A stored value that has no canonical form (a zero date, letters in a number): quarantines its record."""

    raw: str
    reason: str

    def __post_init__(self) -> None:
        # What is kept of it must itself be storable: half a character (a lone surrogate) has no UTF-8.
        object.__setattr__(self, "raw", self.raw.encode("utf-8", "backslashreplace").decode("utf-8"))


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A reference whose record has no active link yet; ``id`` is the record id on its own side."""

    id: str


Value = str | int | Decimal | bool | date | datetime | tuple[str, ...] | None | Absent | Invalid | Unresolved
Values = Mapping[str, Value]


class NotCanonical(ValueError):  # noqa: N818  named as the sentence reads: this value is not canonical
    """A driver's value cannot be read as the declared type; the message says why."""


DIGITS = 1000  # before the point; longer than any system's numbers
_TRUE = {"true", "t", "yes", "y", "1", "on"}
_FALSE = {"false", "f", "no", "n", "0", "off"}


def canonical(kind: FieldType, raw: Any, zone: str | None = None) -> Value:
    """Read a driver's value as ``kind``.

    ``zone`` is the IANA name in which naive datetimes of this side are meant; without it a naive datetime is refused.
    Floats are accepted for decimals only through their shortest decimal spelling (SQLite stores REAL).
    Raises :class:`NotCanonical`.
    """
    if raw is None or raw is ABSENT:
        return raw
    if isinstance(raw, _BYTES) and kind not in _BYTES_OK:
        raise NotCanonical(f"binary data where {kind} is declared")
    return _READERS[kind](raw, zone)


_SURROGATE = re.compile("[\ud800-\udfff]")
_BYTES = (bytes, bytearray, memoryview)


def _text(raw: Any, _zone: str | None) -> str:
    if isinstance(raw, _BYTES):
        try:
            raw = bytes(raw).decode("utf-8")
        except UnicodeDecodeError as fault:
            raise NotCanonical("bytes that are not UTF-8") from fault
    text = raw if isinstance(raw, str) else str(raw)
    if text.isascii():  # nearly every text is, and has but one form
        return text.replace("\r\n", "\n")
    if _SURROGATE.search(text):
        raise NotCanonical("a lone surrogate, which is not text")
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n"))


def _integer(raw: Any, _zone: str | None) -> int:
    if isinstance(raw, bool):
        return int(raw)
    if isinstance(raw, int):
        return raw
    try:
        number = Decimal(str(raw).strip())
    except InvalidOperation as fault:
        raise NotCanonical(f"{raw!r} is not a whole number") from fault
    if not number.is_finite() or _too_long(number) or number != number.to_integral_value():
        raise NotCanonical(f"{raw!r} is not a whole number")
    return int(number)


def _decimal(raw: Any, _zone: str | None) -> Decimal:
    if isinstance(raw, bool):
        raise NotCanonical("a boolean where a decimal is declared")
    try:
        number = raw if isinstance(raw, Decimal) else Decimal(str(raw).strip())
    except InvalidOperation as fault:
        raise NotCanonical(f"{raw!r} is not a decimal number") from fault
    if not number.is_finite():
        raise NotCanonical(f"{raw!r} is not a finite number")
    return plain_decimal(number)


def _too_long(number: Decimal) -> bool:
    """Whether writing the number out would take more room than any number is worth (``1E+999999999`` in a cell)."""
    return number != 0 and number.adjusted() >= DIGITS


def plain_decimal(number: Decimal) -> Decimal:
    """One spelling per number: no exponent, no trailing zeros, no negative zero (1E+2 → 100, −0 → 0, 1.50 → 1.5)."""
    if number == 0:
        return Decimal(0)
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise NotCanonical(f"{number} is not a finite number")
    if _too_long(number):
        raise NotCanonical(f"{number} has more than {DIGITS} digits")
    if exponent == 0 or (exponent < 0 and digits[-1] != 0):
        return number
    while exponent < 0 and digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    if exponent > 0:
        digits, exponent = digits + (0,) * exponent, 0
    return Decimal((sign, digits, exponent))


def _boolean(raw: Any, _zone: str | None) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, int | Decimal | float) and raw in (0, 1):
        return bool(raw)
    if isinstance(raw, bytes | bytearray) and bytes(raw) in (b"\x00", b"\x01"):  # MySQL BIT(1)
        return bytes(raw) == b"\x01"
    if isinstance(raw, str):
        word = raw.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise NotCanonical(f"{raw!r} is not a boolean")


def _date(raw: Any, _zone: str | None) -> date:
    if isinstance(raw, datetime):
        if raw.timetz().replace(tzinfo=None) != time(0):
            raise NotCanonical(f"{raw.isoformat()} carries a time of day where a date is declared")
        return raw.date()
    if isinstance(raw, date):
        return raw
    text = str(raw).strip()
    try:
        if len(text) > 10:
            return _date(datetime.fromisoformat(text), None)
        return date.fromisoformat(text)
    except ValueError as fault:
        raise NotCanonical(f"{text!r} is not a date (YYYY-MM-DD)") from fault


def _datetime(raw: Any, zone: str | None) -> datetime:
    if isinstance(raw, date) and not isinstance(raw, datetime):
        raise NotCanonical(f"{raw.isoformat()} has no time of day where a datetime is declared")
    if not isinstance(raw, datetime):
        try:
            raw = datetime.fromisoformat(str(raw).strip())
        except ValueError as fault:
            raise NotCanonical(f"{raw!r} is not a datetime (ISO 8601)") from fault
    if raw.tzinfo is None:
        if zone is None:
            raise NotCanonical(f"{raw.isoformat()} has no time zone; declare `zone:` for this side")
        raw = raw.replace(tzinfo=ZoneInfo(zone))
    try:
        return raw.astimezone(UTC)  # type: ignore[no-any-return]
    except OverflowError as fault:
        raise NotCanonical(f"{raw!r} is outside the years 1 to 9999 in UTC") from fault


def _set(raw: Any, _zone: str | None) -> tuple[str, ...]:
    parts = raw.replace(";", ",").split(",") if isinstance(raw, str) else list(raw)
    return tuple(sorted({_text(part, None).strip() for part in parts} - {""}))


def _uuid(raw: Any, _zone: str | None) -> str:
    try:
        return str(uuid.UUID(bytes=bytes(raw)) if isinstance(raw, bytes) else uuid.UUID(str(raw)))
    except ValueError as fault:
        raise NotCanonical(f"{raw!r} is not a UUID") from fault


def _json(raw: Any, _zone: str | None) -> str:
    try:
        text = _reordered(raw) if isinstance(raw, str | bytes) else _json_text(raw)
    except (ValueError, TypeError, RecursionError) as fault:
        raise NotCanonical(f"not JSON: {fault}") from fault
    if _SURROGATE.search(text):
        raise NotCanonical("a lone surrogate, which is not text")
    return text


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number of JSON")


# Made once: json.loads and json.dumps with options build a new one per call, which takes as long as the work itself.
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number)
_WITHOUT_FRACTIONS = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _reordered(raw: str | bytes) -> str:
    data = _DECODER.decode(raw if isinstance(raw, str) else raw.decode(json.detect_encoding(raw)))
    try:
        return _WITHOUT_FRACTIONS.encode(data)
    except TypeError:  # of a Decimal
        return _json_text(data)


def _json_text(data: Any) -> str:
    """JSON with sorted keys in which a number keeps all its digits; the standard encoder knows only floats."""
    if isinstance(data, Mapping):
        if not all(isinstance(name, str) for name in data):
            raise TypeError("a name that is not text")
        return "{" + ",".join(f"{compact_json(name)}:{_json_text(data[name])}" for name in sorted(data)) + "}"
    if isinstance(data, list | tuple):
        return "[" + ",".join(map(_json_text, data)) + "]"
    if isinstance(data, float | Decimal):
        return str(_decimal(data, None))
    if data is None or isinstance(data, str | int):
        return compact_json(data)
    raise TypeError(f"{type(data).__name__} has no JSON form")


PLAIN_TEXT = frozenset({FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.ENUM, FieldType.REF})
"""Types whose value is the text itself, in the one form that text has."""

AS_READ = {FieldType.INTEGER: int, FieldType.BOOLEAN: bool, FieldType.DATE: date}
"""Types whose values a driver that hands over exactly this type of Python's hands over in canonical form."""

_BYTES_OK = {FieldType.TEXT, FieldType.BOOLEAN, FieldType.UUID, FieldType.JSON}
_READERS: dict[FieldType, Callable[[Any, str | None], Value]] = {
    FieldType.TEXT: _text,
    FieldType.EMAIL: _text,
    FieldType.PHONE: _text,
    FieldType.ENUM: _text,
    FieldType.REF: _text,
    FieldType.INTEGER: _integer,
    FieldType.DECIMAL: _decimal,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.SET: _set,
    FieldType.UUID: _uuid,
    FieldType.JSON: _json,
}


def is_blank(value: Value) -> bool:
    """Empty for the purpose of required fields, filling and matching: NULL, '', blanks only, an empty set."""
    return value is None or (isinstance(value, str) and not value.strip()) or value == ()


def rounded(number: Decimal, scale: int) -> Decimal:
    """Half-even to ``scale`` decimal places, in the one plain spelling. Numbers of any length: the default context
    refuses those beyond 28 digits, which would end a whole run for one record."""
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= -scale:
        return plain_decimal(number)
    room = Context(prec=max(number.adjusted(), 0) + scale + 2, rounding=ROUND_HALF_EVEN)
    return plain_decimal(number.quantize(Decimal(1).scaleb(-scale), context=room))


COMPARED = frozenset({FieldType.EMAIL, FieldType.PHONE})
"""Types of which different values may be called the same (:func:`comparison_key`)."""

_NOT_DIGIT = re.compile(r"[^\d+]")


def comparison_key(kind: FieldType, value: Value) -> Value:
    """What two values of one type must share to be called the same.

    E-mail: trimmed, NFC, case-folded; phone: its digits with a leading plus kept; everything else: itself.
    """
    if isinstance(value, str):
        if kind is FieldType.EMAIL:
            return unicodedata.normalize("NFC", value.strip()).casefold()
        if kind is FieldType.PHONE:
            return _NOT_DIGIT.sub("", value) or value.strip()
    return value


def match_key(kind: FieldType, value: Value) -> str | None:
    """The key by which records of two sides are recognised as the same thing; None never matches (blank, absent)."""
    if isinstance(value, Absent | Invalid | Unresolved) or is_blank(value):
        return None
    key = comparison_key(kind, value)
    if isinstance(key, str):
        return unicodedata.normalize("NFC", key.strip()).casefold() or None
    return str(to_json(key))


def to_json(value: Value) -> Any:
    """A JSON-safe form from which :func:`from_json` restores the value exactly; ABSENT must not be stored."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):  # datetime included
        return value.isoformat()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Invalid):
        return {"invalid": value.raw, "reason": value.reason}
    if isinstance(value, Unresolved):
        return {"unresolved": value.id}
    raise TypeError("ABSENT has no stored form")


compact_json: Final = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=to_json
).encode
"""JSON in its one compact spelling, canonical values as by :func:`to_json`. One encoder for all: ``json.dumps`` with
options builds a new one per call."""


AS_STORED = frozenset(FieldType) - {FieldType.DECIMAL, FieldType.DATE, FieldType.DATETIME, FieldType.SET}
"""Types of which a stored value other than an object is the value."""


def from_json(kind: FieldType, data: Any) -> Value:
    """Restore what :func:`to_json` wrote for a field of type ``kind``."""
    if isinstance(data, dict):
        return Unresolved(data["unresolved"]) if "unresolved" in data else Invalid(data["invalid"], data["reason"])
    if data is None:
        return None
    if kind is FieldType.DECIMAL:
        return Decimal(data)
    if kind is FieldType.DATE:
        return date.fromisoformat(data)
    if kind is FieldType.DATETIME:
        return datetime.fromisoformat(data)
    if kind is FieldType.SET:
        return tuple(data)
    return data  # type: ignore[no-any-return]


def dumps(values: Values) -> str:
    """Field values as one line of JSON with sorted keys; ABSENT fields are left out: nothing is known of them."""
    return compact_json({name: value for name, value in values.items() if value is not ABSENT})
