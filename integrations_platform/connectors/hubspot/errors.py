"""What HubSpot's errors mean for a sync, as a table, and how its error bodies are read.

Its messages quote values of records; what is passed on names properties, codes and ids only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from integrations_platform.connectors.http_errors import Rule, Said
from integrations_platform.unified_sync.port import ErrorKind

DUPLICATE = "duplicate"
GONE = "not_found"
REFUSED = "invalid_value"
_SEARCH_WAIT, _BURST_WAIT, _PAUSE = 1.0, 10.0, 5.0

RULES: Sequence[Rule] = (
    Rule((401,), ErrorKind.CONFIGURATION, "unauthorized",
         remedy="check the token of the private app (HUBSPOT_API_TOKEN); somebody may have rotated it"),
    Rule((403,), ErrorKind.CONFIGURATION, "missing_scope",
         remedy="add the scope to the private app in HubSpot's settings, under Integrations"),
    Rule((404,), ErrorKind.PERMANENT, GONE),
    Rule((409,), ErrorKind.PERMANENT, DUPLICATE),
    Rule((414,), ErrorKind.PERMANENT, "too_long", remedy="sync fewer columns"),
    Rule((423,), ErrorKind.TRANSIENT, "locked", wait=2.0),
    Rule((429,), ErrorKind.TRANSIENT, "daily_limit", codes=frozenset({"DAILY"}),
         remedy="the calls of the day are used up; they are free again at midnight of the portal"),
    Rule((429,), ErrorKind.TRANSIENT, "rate_limit", wait=_SEARCH_WAIT, codes=frozenset({"SECONDLY"})),
    Rule((429,), ErrorKind.TRANSIENT, "rate_limit", wait=_BURST_WAIT),
    Rule((477,), ErrorKind.TRANSIENT, "migrating", wait=3600.0,
         remedy="HubSpot is moving the account to another data centre"),
    Rule((500, 502, 503, 504, 521, 523, 524), ErrorKind.TRANSIENT, wait=_PAUSE, perhaps_done=True),
    Rule((522, 525, 526), ErrorKind.CONFIGURATION, "unreachable",
         remedy="the connection to HubSpot failed on its way; look at proxies and certificates"),
)  # fmt: skip

_LISTED = "Property values were not valid: "
_ID = re.compile(r"Existing ID: (\d+)")


def existing_id(data: Any) -> str | None:
    """The id of the record that holds the value which is taken, from an error or an entry of one."""
    context = _mapping(_mapping(data).get("context"))
    named = _texts(context.get("existingId"))
    if named:
        return named[0]
    found = _ID.search(_text(data, "message"))
    return found.group(1) if found else None


def said_of(data: Any) -> str:
    """An error, or an entry of one, in words that hold no values."""
    category = _text(data, "category")
    if category == "CONFLICT" or "already exists" in _text(data, "message"):
        held = existing_id(data)
        return f"another record{f' ({held})' if held else ''} holds a value that must be unique"
    if refusals := _refusals(data):
        return "; ".join(refusals)
    scopes = _scopes(data)
    if scopes:
        return f"the token lacks {' or '.join(scopes)}"
    # A validation error's own words may quote what was sent.
    return category or "refused" if category == "VALIDATION_ERROR" else _text(data, "message") or category


def _refusals(data: Any) -> list[str]:
    """Property and code of every refused value."""
    message, rows = _text(data, "message"), []
    if message.startswith(_LISTED):
        try:
            rows = json.loads(message[len(_LISTED) :])
        except ValueError:
            rows = []
    found = [f"property {_text(row, 'name')}: {_meaning(_text(row, 'error'))}" for row in rows if isinstance(row, dict)]
    if not found:
        for row in _rows(_mapping(data).get("errors")):
            names = _texts(_mapping(row.get("context")).get("propertyName"))
            if names:
                found.append(f"property {', '.join(names)}: {_meaning(_text(row, 'code'))}")
    return found


_MEANINGS: Mapping[str, str] = {
    "PROPERTY_DOESNT_EXIST": "does not exist",
    "INVALID_OPTION": "the value is not among its options (INVALID_OPTION)",
    "READ_ONLY_VALUE": "cannot be written (READ_ONLY_VALUE)",
}


def _meaning(code: str) -> str:
    return _MEANINGS.get(code, f"HubSpot does not accept the value ({code or 'no reason given'})")


def _scopes(data: Any) -> list[str]:
    contexts = [_mapping(data).get("context"), *(row.get("context") for row in _rows(_mapping(data).get("errors")))]
    return [scope for each in contexts for scope in _texts(_mapping(each).get("requiredGranularScopes"))]


def reader(now: datetime, zone: str | None, status: int, data: Any) -> Said:
    """An error body. ``zone`` is the portal's, in which a spent day ends; None counts as UTC."""
    policy = _text(data, "policyName")
    if status == 429 and policy == "DAILY":
        local = now.astimezone(ZoneInfo(zone or "UTC"))
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return Said(policy, "the daily limit is reached", (midnight - now).total_seconds())
    if status == 429:
        return Said(policy, "too many calls")
    return Said(_text(data, "category"), said_of(data))


def _mapping(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, dict) else {}


def _rows(data: Any) -> list[Mapping[str, Any]]:
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []


def _texts(data: Any) -> list[str]:
    return [str(one) for one in data] if isinstance(data, list) else []


def _text(data: Any, name: str) -> str:
    value = _mapping(data).get(name)
    return value if isinstance(value, str) else ""
