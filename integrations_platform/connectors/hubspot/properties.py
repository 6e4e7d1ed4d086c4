"""Properties of a HubSpot object: what they hold, how their text becomes a canonical value and back.

Owns the types of the vendor. It never rounds, never cuts and never appends: what a property would keep only by changing
it is refused here, before the call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from integrations_platform.unified_sync.port import ColumnForm
from integrations_platform.unified_sync.values import FieldType, Invalid, NotCanonical, Unresolved, Value, canonical

TYPE_IDS: Mapping[str, str] = {"contacts": "0-1", "companies": "0-2", "deals": "0-3"}
ASSOCIATION = "associations."
LONGEST_TEXT = 65_536
LIFECYCLE = "lifecyclestage"
_WHOLE = re.compile(r"-?\d+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_T = FieldType
_ANY_TEXT = frozenset({_T.TEXT, _T.EMAIL, _T.PHONE, _T.ENUM, _T.REF, _T.UUID, _T.JSON})
READABLE: Mapping[str, frozenset[FieldType]] = {
    "string": _ANY_TEXT,
    "phone_number": frozenset({_T.TEXT, _T.PHONE}),
    "number": frozenset({_T.TEXT, _T.INTEGER, _T.DECIMAL, _T.REF}),
    "bool": frozenset({_T.TEXT, _T.BOOLEAN}),
    "enumeration": frozenset({_T.TEXT, _T.ENUM, _T.SET, _T.BOOLEAN}),
    "date": frozenset({_T.TEXT, _T.DATE}),
    "datetime": frozenset({_T.TEXT, _T.DATE, _T.DATETIME}),
}
"""Field types each type of property can be read as; a type nobody knows yet is read as text."""


class UnfitValue(ValueError):  # noqa: N818
    """A value this property cannot hold; the message names the property, not the value."""


@dataclass(frozen=True)
class Property:
    """A property as HubSpot defines it. ``longest`` is a limit an administrator set."""

    name: str
    type: str
    field_type: str = ""
    label: str = ""
    options: tuple[str, ...] = ()
    unique: bool = False
    read_only: bool = False
    longest: int | None = None

    @property
    def several(self) -> bool:
        """Whether it holds several options at once."""
        return self.type == "enumeration" and self.field_type == "checkbox"

    def form(self) -> ColumnForm:
        """What the engine must know before it writes it."""
        text = self.type in ("string", "phone_number")
        return ColumnForm(
            name=self.name,
            writable=not self.read_only,
            max_length=min(self.longest or LONGEST_TEXT, LONGEST_TEXT) if text else None,
            second_digits=3 if self.type == "datetime" else 6,
            lower_cases=self.name == "email",
            unique=self.unique or self.name == "email",
            options=self.options,
            native_type=f"{self.type}/{self.field_type}" if self.field_type else self.type,
        )

    def suggested(self) -> FieldType:
        """The field type to propose in a draft."""
        if self.name == "email":
            return FieldType.EMAIL
        if self.several:
            return FieldType.SET
        return _SUGGESTED.get(self.type, FieldType.TEXT)


_SUGGESTED: Mapping[str, FieldType] = {
    "phone_number": _T.PHONE, "number": _T.DECIMAL, "bool": _T.BOOLEAN, "enumeration": _T.ENUM, "date": _T.DATE,
    "datetime": _T.DATETIME,
}  # fmt: skip


def defined(data: Any) -> Property:
    """A definition as the API answers it."""
    meta = data.get("modificationMetadata") or {}
    options = data.get("options") or []
    return Property(
        name=str(data["name"]), type=str(data.get("type", "string")), field_type=str(data.get("fieldType") or ""),
        label=str(data.get("label") or ""), options=tuple(str(one["value"]) for one in options),
        unique=bool(data.get("hasUniqueValue")),
        read_only=bool(meta.get("readOnlyValue")) or bool(data.get("calculated")),
    )  # fmt: skip


def decode(shape: Property, kind: FieldType, raw: str | None, zone: str = "UTC") -> Value:
    """The text of a property as a canonical value; ``""`` and null are nothing, what cannot be read is Invalid.

    A moment read as a date is the day it is then in ``zone``: people see no time of day of a close date.
    """
    if raw is None or raw == "":
        return None
    try:
        if shape.type == "datetime" and kind in (FieldType.DATETIME, FieldType.DATE):
            at = moment(raw)
            if at is None:
                raise NotCanonical(f"{raw!r} is not a datetime (ISO 8601)")
            return at if kind is FieldType.DATETIME else at.astimezone(ZoneInfo(zone)).date()
        if kind is FieldType.SET:
            return canonical(kind, raw.split(";"))
        return canonical(kind, raw, "UTC")
    except (NotCanonical, OverflowError) as fault:
        return Invalid(raw, str(fault))


def encode(shape: Property, value: Value, zone: str = "UTC") -> str:
    """A canonical value as the text HubSpot keeps; nothing is ``""``, which clears. A date as a moment is the beginning
    of that day in ``zone``. Raises :class:`UnfitValue`."""
    if value is None:
        return ""
    if isinstance(value, Invalid | Unresolved):
        raise UnfitValue(f"property {shape.name}: there is no valid value to write")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        if any(";" in option for option in value):
            raise UnfitValue(f"property {shape.name}: an option contains a semicolon, which separates options")
        return ";".join(value)
    if isinstance(value, datetime):
        return _moment(shape, value)
    if isinstance(value, date):
        if shape.type != "datetime":
            return value.isoformat()
        return _moment(shape, datetime.combine(value, time(), ZoneInfo(zone)))
    if isinstance(value, Decimal):
        return format(value, "f")
    text = str(value)
    if shape.several and text.startswith(";"):
        raise UnfitValue(f"property {shape.name}: a leading semicolon would add to the options instead of setting them")
    return text


def _moment(shape: Property, value: datetime) -> str:
    if value.microsecond % 1000:
        raise UnfitValue(f"property {shape.name} keeps milliseconds, the value has more digits")
    if shape.type == "date":
        raise UnfitValue(f"property {shape.name} is a date and would lose the time of day")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(raw: Any) -> datetime | None:
    """A time in an answer, ISO or milliseconds; None for what is neither."""
    text = str(raw or "")
    try:
        if _WHOLE.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(text))
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
