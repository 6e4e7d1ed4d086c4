"""Canonical values on their way into cells and back.

Owns which of a cell's four types a value gets: text always as text, so that nothing typed here is ever a formula;
numbers only where a double keeps them, else text; dates as serials, because the field declares them, else as ISO text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from integrations_platform.unified_sync.values import ABSENT, FieldType, Invalid, NotCanonical, Value, canonical

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  serials count wall-clock days of the spreadsheet's zone
DIGITS = 15  # decimal digits a double always keeps
MOST_CHARACTERS = 50_000
SECOND_DIGITS = 3  # of a serial today: a double resolves it to less than a microsecond, but not exactly
ERRORS = frozenset({"#DIV/0!", "#ERROR!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"})
_DAY = timedelta(days=1)
_DATED = (FieldType.DATE, FieldType.DATETIME)
_TEXTUAL = (FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.ENUM, FieldType.REF)

Raw = str | int | float | bool
"""A cell as read unformatted; ``""`` is an empty one."""


class UnfitCell(ValueError):  # noqa: N818  the value does not fit its cell
    """A cell would keep the value only by changing it; the message says why, and never holds the value."""


@dataclass(frozen=True, slots=True)
class CellWrite:
    """A cell to be set. ``raw`` is what a read shows afterwards; ``pattern`` the number format's type, if one is set,
    so that people see a date and not its serial. ``formula`` restores one that a person had typed."""

    raw: Raw = ""
    pattern: str = ""
    formula: str = ""

    @property
    def data(self) -> dict[str, Any]:
        """``CellData`` for ``updateCells``; an empty one clears."""
        if self.formula:
            return {"userEnteredValue": {"formulaValue": self.formula}}
        if self.raw == "":
            return {}
        name = "boolValue" if isinstance(self.raw, bool) else "stringValue" if isinstance(self.raw, str) else ""
        found: dict[str, Any] = {"userEnteredValue": {name or "numberValue": self.raw}}
        return found | ({"userEnteredFormat": {"numberFormat": {"type": self.pattern}}} if self.pattern else {})

    @property
    def fields(self) -> str:
        """The field mask that goes with it."""
        return "userEnteredValue,userEnteredFormat.numberFormat" if self.pattern else "userEnteredValue"


def encode(column: str, value: Value, zone: ZoneInfo) -> CellWrite:
    """The cell of a canonical value. ``zone`` is the spreadsheet's. Raises :class:`UnfitCell`."""
    if value is None:
        return CellWrite()
    if isinstance(value, bool):
        return CellWrite(value)
    if isinstance(value, int | Decimal):
        return CellWrite(_number(value))
    if isinstance(value, datetime):
        return _moment(column, value, zone)
    if isinstance(value, date):
        return _day(value)
    if isinstance(value, tuple):
        if any("," in option or ";" in option for option in value):
            raise UnfitCell(f"column {column}: an option contains a comma or semicolon, which separate options")
        return _text(column, ", ".join(value))
    if isinstance(value, str):
        return _text(column, value)
    raise UnfitCell(f"column {column}: there is no valid value to write")


def _text(column: str, value: str) -> CellWrite:
    if len(value) > MOST_CHARACTERS:
        raise UnfitCell(f"column {column}: a cell keeps {MOST_CHARACTERS} characters, the value has {len(value)}")
    return CellWrite(value)


def _number(value: int | Decimal) -> Raw:
    exact = Decimal(value)
    digits = len(exact.as_tuple().digits) if exact else 1
    if digits <= DIGITS and abs(exact.adjusted()) < 300:
        return int(exact) if exact == exact.to_integral_value() else float(exact)
    return format(exact, "f")


def _day(value: date) -> CellWrite:
    if value < EPOCH.date():
        return CellWrite(value.isoformat())
    return CellWrite((value - EPOCH.date()).days, "DATE")


def _moment(column: str, value: datetime, zone: ZoneInfo) -> CellWrite:
    if value.microsecond % 10 ** (6 - SECOND_DIGITS):
        raise UnfitCell(f"column {column} keeps {SECOND_DIGITS} digits of a second, the value has more")
    local = value.astimezone(zone).replace(tzinfo=None, fold=0)
    if local < EPOCH or local.replace(tzinfo=zone).astimezone(UTC) != value:
        return CellWrite(value.astimezone(UTC).isoformat())  # before the first serial, or an hour shown twice
    return CellWrite((local - EPOCH) / _DAY, "DATE_TIME")


def decode(kind: FieldType, raw: Raw, zone: ZoneInfo) -> Value:
    """The canonical value of a cell, or :class:`Invalid` with the reason. An empty cell is NULL."""
    if raw == "" or raw is None:
        return None
    if isinstance(raw, str) and raw in ERRORS:
        return Invalid(raw, f"the formula in the cell fails with {raw}")
    try:
        if kind in _DATED and isinstance(raw, int | float) and not isinstance(raw, bool):
            return _dated(kind, raw, zone)
        if kind is FieldType.INTEGER and isinstance(raw, int | float) and abs(raw) > 2**53:
            raise NotCanonical("a number beyond 2^53 in a number cell has lost digits; format the column as plain text")
        if isinstance(raw, bool) and kind in _TEXTUAL:
            return "TRUE" if raw else "FALSE"
        if isinstance(raw, float) and not isinstance(raw, bool):
            if not math.isfinite(raw):
                raise NotCanonical("not a finite number")
            return canonical(kind, plain(raw) if kind in _TEXTUAL else Decimal(repr(raw)), zone.key)
        found = canonical(kind, raw, zone.key)
    except NotCanonical as fault:
        return Invalid(str(raw), str(fault))
    return None if found is ABSENT else found


def _dated(kind: FieldType, serial: float, zone: ZoneInfo) -> Value:
    try:
        local = EPOCH + timedelta(milliseconds=round(serial * 86_400_000))
    except OverflowError as fault:
        raise NotCanonical(f"{serial!r} is no date between the years 1 and 9999") from fault
    if kind is FieldType.DATETIME:
        return canonical(kind, local.replace(tzinfo=zone), None)
    return canonical(kind, local, None)


def plain(number: float) -> str:
    """A number as people write it, without exponent."""
    return format(Decimal(repr(number)).normalize(), "f")


def is_marked(raw: Raw) -> bool:
    """Whether a mark column says so: a tick, a date, a word that is not a no."""
    if isinstance(raw, str):
        return raw.strip().casefold() not in ("", "false", "no", "0")
    return bool(raw)
