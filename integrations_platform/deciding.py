"""What a person may decide about a conflict: the choices, and a value of their own put as the state keeps it.

It refuses what the declaration can never accept; whether a column can hold a value is seen by the run, which has the
column.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from integrations_platform.unified_sync.spec import FieldSpec, SyncSpec
from integrations_platform.unified_sync.values import (
    FieldType,
    NotCanonical,
    Value,
    canonical,
    dumps,
    is_blank,
    rounded,
)

if TYPE_CHECKING:
    from integrations_platform.unified_sync.store import Conflict

CHOICES = {"source": "A", "target": "B", "base": "base", "value": "value"}
"""What people may choose, and what the state calls it."""


class Undecidable(ValueError):  # noqa: N818
    """A decision that cannot be taken on this conflict; the message says why, and what can be."""


def check_choice(row: Conflict, choice: str) -> None:
    """Raises :class:`Undecidable` for what makes no sense for this conflict."""
    if not row.unit and choice not in ("source", "target"):
        raise Undecidable(
            f"conflict {row.conflict_id} is about the whole record, deleted on one side and changed on the other: "
            "choose source or target"
        )
    if choice == "base" and row.base is None:
        raise Undecidable(
            f"conflict {row.conflict_id} has no base, the two sides never agreed: choose source, target or value"
        )


def chosen_value(spec: SyncSpec, unit: str, given: str | Mapping[str, Any]) -> str:
    """``given``: values by field name, the same as a JSON object, or the bare value of a one-field unit. Raises
    :class:`Undecidable`."""
    members = {field.name: field for field in dict(spec.units).get(unit, ())}
    if not members:
        raise Undecidable(f"sync {spec.name!r} no longer declares {unit!r}; the next run withdraws the conflict")
    fields: Mapping[str, Any] | None = _as_object(given) if isinstance(given, str) else given
    if fields is None:
        if len(members) > 1:
            names = ", ".join(members)
            raise Undecidable(f"{unit} is a group: give a JSON object with a value for each of {names}")
        fields = {unit if unit in members else next(iter(members)): given}
    if fields.keys() != members.keys():
        raise Undecidable(
            f"the value must name exactly these fields: {', '.join(members)} (got {', '.join(fields) or 'none'})"
        )
    return dumps({name: _read(members[name], data) for name, data in fields.items()})


def _as_object(given: str) -> dict[str, Any] | None:
    if not given.lstrip().startswith("{"):
        return None
    try:
        data = json.loads(given, parse_float=Decimal)
    except (ValueError, RecursionError) as fault:
        raise Undecidable(f"the value is no JSON object: {fault}") from None
    return data if isinstance(data, dict) else None


def _read(field: FieldSpec, data: Any) -> Value:
    try:
        value = canonical(field.type, data)
    except (NotCanonical, TypeError, ValueError) as fault:
        raise Undecidable(f"field {field.name} ({field.type.value}) does not take {data!r}: {fault}") from None
    if is_blank(value) and field.required:
        raise Undecidable(f"field {field.name} is required and cannot be emptied")
    if isinstance(value, str) and field.max_length is not None and len(value) > field.max_length:
        raise Undecidable(f"field {field.name} takes {field.max_length} characters, and this is {len(value)}")
    if field.options and isinstance(value, str) and value not in field.options:
        raise Undecidable(f"field {field.name} takes one of {', '.join(field.options)}")
    if isinstance(value, Decimal) and field.scale is not None and value != rounded(value, field.scale):
        raise Undecidable(f"field {field.name} keeps {field.scale} decimal places")
    if field.type is FieldType.REF:
        raise Undecidable(f"field {field.name} refers to another record: choose source or target")
    return value
