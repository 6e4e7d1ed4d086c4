"""A value given by hand for a conflict, checked against the fields it is for and put as the state keeps it.

It refuses what the declaration can never accept; whether a column can hold it is seen by the run, which has the column.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from integrations_platform.cli.faults import Refused
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


def chosen_value(spec: SyncSpec, unit: str, given: str) -> str:
    """``given``: a JSON object by field name, or the bare value of a one-field unit. Raises Refused."""
    members = {field.name: field for field in dict(spec.units).get(unit, ())}
    if not members:
        raise Refused(f"sync {spec.name!r} no longer declares {unit!r}; the next run withdraws the conflict")
    fields = _as_object(given)
    if fields is None:
        if len(members) > 1:
            names = ", ".join(members)
            raise Refused(f"{unit} is a group: give a JSON object with a value for each of {names}")
        fields = {unit if unit in members else next(iter(members)): given}
    if fields.keys() != members.keys():
        raise Refused(
            f"the value must name exactly these fields: {', '.join(members)} (got {', '.join(fields) or 'none'})"
        )
    return dumps({name: _read(members[name], data) for name, data in fields.items()})


def _as_object(given: str) -> dict[str, Any] | None:
    if not given.lstrip().startswith("{"):
        return None
    try:
        data = json.loads(given, parse_float=Decimal)
    except (ValueError, RecursionError) as fault:
        raise Refused(f"--value is no JSON object: {fault}") from None
    return data if isinstance(data, dict) else None


def _read(field: FieldSpec, data: Any) -> Value:
    try:
        value = canonical(field.type, data)
    except (NotCanonical, TypeError, ValueError) as fault:
        raise Refused(f"field {field.name} ({field.type.value}) does not take {data!r}: {fault}") from None
    if is_blank(value) and field.required:
        raise Refused(f"field {field.name} is required and cannot be emptied")
    if isinstance(value, str) and field.max_length is not None and len(value) > field.max_length:
        raise Refused(f"field {field.name} takes {field.max_length} characters, and this is {len(value)}")
    if field.options and isinstance(value, str) and value not in field.options:
        raise Refused(f"field {field.name} takes one of {', '.join(field.options)}")
    if isinstance(value, Decimal) and field.scale is not None and value != rounded(value, field.scale):
        raise Refused(f"field {field.name} keeps {field.scale} decimal places")
    if field.type is FieldType.REF:
        raise Refused(f"field {field.name} refers to another record: choose source or target")
    return value
