"""Property values on their way into a record: what is accepted, and the one form in which it is kept.

All values travel as text. Owns types, options, `;`-lists, the midnight rule of dates and administrators' validation
rules; whether a value is taken by another record is for :mod:`.portal` to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from integrations_platform.sandbox.hubspot.catalogue import Property

TEXT_LIMIT = 65_536
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")


@dataclass(frozen=True)
class Refusal(Exception):  # noqa: N818
    """One property value that was not accepted."""

    name: str
    error: str
    message: str

    def shown(self) -> dict[str, object]:
        """The entry as the API lists it in its message."""
        return {"isValid": False, "message": self.message, "error": self.error, "name": self.name}


def iso(moment: datetime) -> str:
    """A moment as the API spells it: UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def accepted(definition: Property, raw: str, current: str | None) -> str:
    """``raw`` in the form it is kept; empty clears. ``current`` is what the record holds. Raises :class:`Refusal`."""
    if definition.read_only or definition.calculated:
        raise Refusal(definition.name, "READ_ONLY_VALUE", f'Property "{definition.name}" is read only')
    if raw == "":
        return ""
    value = _READ[definition.type](definition, raw, current)
    _obey_rules(definition, value)
    return value


def _text(definition: Property, raw: str, _current: str | None) -> str:
    if len(raw) > TEXT_LIMIT:
        raise Refusal(definition.name, "PROPERTY_VALUE_TOO_LONG", f"value is longer than {TEXT_LIMIT} characters")
    if definition.name == "email" and not _EMAIL.fullmatch(raw.strip()):
        raise Refusal(definition.name, "INVALID_EMAIL", f"Email address {raw} is invalid")
    return raw


def _number(definition: Property, raw: str, _current: str | None) -> str:
    if not _NUMBER.fullmatch(raw.strip()):
        raise Refusal(definition.name, "INVALID_INTEGER", f"{raw} was not a valid number.")
    return raw.strip()


def _boolean(definition: Property, raw: str, _current: str | None) -> str:
    if raw.lower() not in ("true", "false"):
        raise Refusal(definition.name, "INVALID_OPTION", f"{raw} was not one of the allowed options: [true, false]")
    return raw.lower()


def _enumeration(definition: Property, raw: str, current: str | None) -> str:
    allowed = [option.value for option in definition.options]
    chosen = [raw]
    if definition.multiple:
        kept = (current or "").split(";") if raw.startswith(";") else []
        chosen = list(dict.fromkeys(part for part in [*kept, *raw.split(";")] if part))
    unknown = [value for value in chosen if value not in allowed]
    if unknown:
        raise Refusal(
            definition.name,
            "INVALID_OPTION",
            f"{unknown[0]} was not one of the allowed options: [{', '.join(allowed)}]",
        )
    return ";".join(chosen)


def _date(definition: Property, raw: str, _current: str | None) -> str:
    try:
        if not re.fullmatch(r"-?\d{5,}", raw):
            return date.fromisoformat(raw).isoformat() if len(raw) == 10 else _midnight(definition, raw, _moment(raw))
        return _midnight(definition, raw, _EPOCH + timedelta(milliseconds=int(raw)))
    except (ValueError, OverflowError) as fault:
        raise Refusal(definition.name, "INVALID_DATE", f"{raw} was not a valid date.") from fault


def _midnight(definition: Property, raw: str, moment: datetime) -> str:
    if (moment - _EPOCH) % timedelta(days=1):
        raise Refusal(
            definition.name, "INVALID_DATE", f"{raw} is at {moment.timetz()}, not midnight UTC, so it is not a date."
        )
    return moment.date().isoformat()


def _moment(raw: str) -> datetime:
    moment = datetime.fromisoformat(raw)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _datetime(definition: Property, raw: str, _current: str | None) -> str:
    try:
        if re.fullmatch(r"-?\d+", raw):
            return iso(_EPOCH + timedelta(milliseconds=int(raw)))
        return iso(_moment(raw))
    except (ValueError, OverflowError) as fault:
        raise Refusal(definition.name, "INVALID_DATE", f"{raw} was not a valid datetime.") from fault


_READ = {
    "string": _text,
    "phone_number": _text,
    "number": _number,
    "bool": _boolean,
    "enumeration": _enumeration,
    "date": _date,
    "datetime": _datetime,
}


def _obey_rules(definition: Property, value: str) -> None:
    for kind, arguments in definition.rules:
        if _broken(kind, arguments, value):
            raise Refusal(
                definition.name, "PROPERTY_VALIDATION_RULE", f"value does not follow the rule {kind} {list(arguments)}"
            )


def _broken(kind: str, arguments: tuple[str, ...], value: str) -> bool:
    first = arguments[0] if arguments else ""
    if kind == "MAX_LENGTH":
        return len(value) > int(first)
    if kind == "REGEX":
        return not re.fullmatch(first, value)
    if kind == "EMAIL":
        return not _EMAIL.fullmatch(value)
    if kind == "START_DATE":
        return value[:10] < first[:10]
    if kind == "MAX_NUMBER":
        try:
            return Decimal(value) > Decimal(first)
        except InvalidOperation:
            return True
    return False


def comparable(definition: Property, value: str) -> Decimal | str:
    """A kept value as searches compare and order it: numbers and times by size, text without case."""
    if definition.type == "number":
        return Decimal(value)
    if definition.type in ("date", "datetime"):
        return Decimal(milliseconds(value))
    return value if definition.type == "enumeration" else value.lower()


def milliseconds(text: str) -> int:
    """A moment given as milliseconds or ISO. Raises ValueError."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return (_moment(text) - _EPOCH) // timedelta(milliseconds=1)
