"""What QuickBooks says of a request that has the wrong shape: the schema's finding put as one of its fault codes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from integrations_platform.sandbox.quickbooks.refusals import refusal
from integrations_platform.sandbox.quickbooks.schema import DEFINITIONS, schema

READ_ONLY = {
    "Customer": {"Balance", "BalanceWithJobs", "FullyQualifiedName", "Level"},
    "Item": {"FullyQualifiedName", "Level"},
    "Invoice": {"TotalAmt", "Balance", "HomeTotalAmt", "HomeBalance", "Deposit", "LinkedTxn"},
    "Vendor": {"Balance"},
}
OWNED = {"Id", "SyncToken", "domain", "sparse", "MetaData", "status"}
"""Members that only the service sets."""


@cache
def _validator(kind: str) -> Any:
    return jsonschema_rs.validator_for(schema(f"{kind}Sent"))


def check_shape(kind: str, sent: Any) -> None:
    """Refuse a body that has members or values no entity of this kind can have. Raises VendorError."""
    if not isinstance(sent, dict):
        raise refusal("2010", "The request body is no object")
    for fault in _validator(kind).iter_errors(_plain(sent)):
        path = [str(step) for step in fault.instance_path]
        element = ".".join(path) or kind
        keyword = str(fault.schema_path[-1]) if fault.schema_path else ""
        if keyword in ("maxLength", "maxItems"):
            raise refusal("2050", f"{element} is too long", element)
        if keyword == "required":
            raise refusal("2020", fault.message, element)
        if keyword == "type" and "number" in fault.message:
            raise refusal("2080", f"{element} is not a number", element)
        if keyword == "oneOf":
            raise refusal("2010", f"{element} is none of the line kinds", element)
        raise refusal("2010", f"{element}: {fault.message[:200]}", element)


def sent_values(kind: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    """What of a body a caller may set: known members that are not the service's own; empty texts and nulls kept."""
    ours = OWNED | READ_ONLY.get(kind, set())
    known: dict[str, Any] = _known(DEFINITIONS[f"{kind}Sent"], sent)
    return {name: value for name, value in known.items() if name not in ours}


def _known(shape: Mapping[str, Any], value: Any) -> Any:
    """What the shape knows of a value; a caller that is not held to the schema may have sent more."""
    if "$ref" in shape:
        return _known(DEFINITIONS[shape["$ref"].rpartition("/")[2]], value)
    if "oneOf" in shape and isinstance(value, Mapping):
        for line in shape["oneOf"]:
            if line["properties"]["DetailType"]["const"] == value.get("DetailType"):
                return _known(line, value)
    if isinstance(value, Mapping):
        members = shape.get("properties", {})
        return {name: _known(members[name], held) for name, held in value.items() if name in members}
    if isinstance(value, list):
        return [_known(shape.get("items", {}), held) for held in value]
    return value


def without_blanks(value: Any) -> Any:
    """Nulls, empty texts and objects left with nothing are no values to QuickBooks: they are not kept."""
    if isinstance(value, Mapping):
        kept = {name: without_blanks(held) for name, held in value.items()}
        return {name: held for name, held in kept.items() if held not in (None, "") and held != {}}
    if isinstance(value, list):
        return [without_blanks(held) for held in value]
    return value


def _plain(data: Any) -> Any:
    """The body without the blanks that clear a field, which have no shape of their own; decimals as floats."""
    if isinstance(data, dict):
        return {name: _plain(value) for name, value in data.items() if value is not None and value != ""}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    return data if isinstance(data, str | bool | int) else float(data)
