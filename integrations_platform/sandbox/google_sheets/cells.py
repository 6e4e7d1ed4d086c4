"""What a cell holds, how typed text becomes a value, and how a value is shown.

Owns the types of cells (text, number, truth value, formula), the date serial, and number formats. A number is a double,
as in the service: more than 15 digits are lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from integrations_platform.sandbox.google_sheets.formulas import Scalar

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  serials count wall-clock days, in the spreadsheet's zone
MOST_CHARACTERS = 50_000
_DECIMAL_COMMA = ("de", "fr", "es", "it", "nl", "pl", "pt", "ru", "sv", "cs", "da", "fi", "nb", "tr")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?: (\d{1,2}):(\d{2})(?::(\d{2}))?)?")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. ``formula`` is the text as typed, with its ``=``; ``value`` is then unused. ``kind`` is the number
    format's type (DATE, DATE_TIME, NUMBER, TEXT …), ``pattern`` its pattern; both empty: automatic."""

    value: Scalar = None
    formula: str | None = None
    kind: str = ""
    pattern: str = ""

    @property
    def blank(self) -> bool:
        """Whether it holds nothing; a format alone is nothing."""
        return self.formula is None and (self.value is None or self.value == "")


def entered(raw: Any, option: str, locale: str, before: Cell | None) -> Cell:
    """The cell after a value was written: RAW keeps what came, USER_ENTERED reads it as if typed. Formats stay."""
    kind, pattern = (before.kind, before.pattern) if before is not None else ("", "")
    if isinstance(raw, str):
        if option == "USER_ENTERED":
            return _typed(raw, locale, kind, pattern)
        return Cell(raw or None, None, kind, pattern)
    if isinstance(raw, bool) or raw is None:
        return Cell(raw, None, kind, pattern)
    return Cell(float(raw), None, kind, pattern)


def _typed(text: str, locale: str, kind: str, pattern: str) -> Cell:
    if text.startswith("=") and len(text) > 1:
        return Cell(None, text, kind, pattern)
    if text.startswith("'"):
        return Cell(text[1:], None, kind, pattern)
    if text.upper() in ("TRUE", "FALSE"):
        return Cell(text.upper() == "TRUE", None, kind, pattern)
    if _NUMBER.fullmatch(text) and ("," not in text or has_decimal_comma(locale)):
        return Cell(float(text.replace(",", ".")), None, kind, pattern)
    if match := _DATE.fullmatch(text):
        parts = [int(part or 0) for part in match.groups()]
        try:
            moment = datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001
        except ValueError:
            return Cell(text, None, kind, pattern)
        return Cell(serial(moment), None, "DATE" if match[4] is None else "DATE_TIME", "")
    return Cell(text or None, None, kind, pattern)


def has_decimal_comma(locale: str) -> bool:
    """Whether people of this locale write 1,5."""
    return locale.partition("_")[0] in _DECIMAL_COMMA


def serial(moment: datetime) -> float:
    """Days since 1899-12-30 of a wall-clock time."""
    return (moment - EPOCH) / timedelta(days=1)


def number(value: float) -> int | float:
    """A double as JSON shows it: whole numbers without a point."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def unformatted(value: Scalar) -> Any:
    """UNFORMATTED_VALUE of a value; nothing is ``""``."""
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else value


def formatted(value: Scalar, cell: Cell, locale: str) -> str:
    """FORMATTED_VALUE: what a person sees."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return value
    if (shown := dated(value, cell)) is not None:
        return shown
    text = f"{value:.2f}" if cell.pattern.endswith("0.00") else f"{value:.15g}"
    return text.replace(".", ",") if has_decimal_comma(locale) else text


def dated(value: Scalar, cell: Cell) -> str | None:
    """The date a number stands for in a cell formatted as one; None for any other."""
    if not isinstance(value, float) or cell.kind not in ("DATE", "DATE_TIME"):
        return None
    try:
        moment = EPOCH + timedelta(days=value)
    except OverflowError:
        return None
    return date.isoformat(moment) if cell.kind == "DATE" else moment.strftime("%Y-%m-%d %H:%M:%S")


def shown(value: Scalar, cell: Cell, *, render: str, dates: str, locale: str) -> Any:
    """A cell as a read with these options returns it."""
    if render == "FORMULA" and cell.formula is not None:
        return cell.formula
    if render in ("UNFORMATTED_VALUE", "FORMULA"):
        if dates == "FORMATTED_STRING" and render == "UNFORMATTED_VALUE":
            text = dated(value, cell)
            if text is not None:
                return text
        return unformatted(value)
    return formatted(value, cell, locale)


def extended(value: Mapping[str, Any]) -> Cell:
    """A cell from an ``ExtendedValue``; text stays text. An empty one clears."""
    if "formulaValue" in value:
        return Cell(None, str(value["formulaValue"]))
    if "stringValue" in value:
        return Cell(value["stringValue"] or None)
    if "boolValue" in value:
        return Cell(value["boolValue"])
    if "numberValue" in value:
        return Cell(float(value["numberValue"]))
    return Cell()
