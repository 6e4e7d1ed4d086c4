"""The contract of the stand-in, made from Google's own discovery documents beside this file.

Owns the conversion to JSON Schema (unknown members are forbidden, enums kept, null members of a request count as
unset) and the few members that answers always carry, which the documents do not say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from integrations_platform.sandbox.contracts import OTHER_STATUS, Contract, Operation, Schema

SHEETS, DRIVE = "sheets.v4", "drive.v3"
FORM = "application/x-www-form-urlencoded"

ALWAYS: Mapping[str, tuple[str, ...]] = {
    "spreadsheets.batchUpdate": ("spreadsheetId", "replies"),
    "spreadsheets.developerMetadata.search": (),
    "spreadsheets.values.get": ("range", "majorDimension"),
    "spreadsheets.values.update": ("spreadsheetId", "updatedRange"),
    "spreadsheets.values.append": ("spreadsheetId", "updates"),
    "spreadsheets.values.clear": ("spreadsheetId", "clearedRange"),
    "spreadsheets.values.batchGet": ("spreadsheetId", "valueRanges"),
    "spreadsheets.values.batchUpdate": ("spreadsheetId", "responses"),
    "spreadsheets.values.batchClear": ("spreadsheetId", "clearedRanges"),
    "spreadsheets.values.batchGetByDataFilter": ("spreadsheetId", "valueRanges"),
    "spreadsheets.values.batchUpdateByDataFilter": ("spreadsheetId", "responses"),
}
"""Members that every 200 answer carries, whatever the question."""

ERROR: Schema = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "status": {"type": "string"},
                "details": {"type": "array", "items": {"type": "object"}},
                "errors": {"type": "array", "items": {"type": "object"}},
            },
            "required": ["code", "message"],
            "additionalProperties": False,
        }
    },
    "required": ["error"],
    "additionalProperties": False,
}
TOKEN: Schema = {
    "type": "object",
    "properties": {
        "access_token": {"type": "string"},
        "expires_in": {"type": "integer"},
        "token_type": {"enum": ["Bearer"]},
    },
    "required": ["access_token", "expires_in", "token_type"],
    "additionalProperties": False,
}
TOKEN_ERROR: Schema = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
    "required": ["error", "error_description"],
    "additionalProperties": False,
}


@cache
def document(name: str) -> Mapping[str, Any]:
    """A discovery document."""
    loaded: Mapping[str, Any] = json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def template(name: str, method: str) -> str:
    """The route of a method: ranges may hold slashes, so they are paths."""
    path = document(name)["methods"][method]["path"].replace("{+", "{").replace("{range}", "{range:path}")
    return f"/{document(name)['servicePath']}{path}"


def verb(name: str, method: str) -> str:
    """The HTTP method of a method."""
    return str(document(name)["methods"][method]["httpMethod"])


@cache
def definitions() -> Mapping[str, Schema]:
    """JSON Schemas of both documents; Drive's names are prefixed, for the two share some."""
    found: dict[str, Schema] = {}
    for name in (SHEETS, DRIVE):
        found |= {title(name, one): _converted(name, schema) for one, schema in document(name)["schemas"].items()}
    return found


@cache
def request_schema(name: str, method: str) -> Schema | None:
    """The schema of a method's body; None where it takes none."""
    given = document(name)["methods"][method].get("request")
    # `:clear` takes an empty message, which clients send as no body at all.
    return None if given is None or given["$ref"] == "ClearValuesRequest" else _converted(name, given)


def contract(methods: Mapping[str, str], token_path: str) -> Contract:
    """The contract of these methods (method → document), and of the token endpoint."""
    operations = {}
    for method, name in methods.items():
        spec = document(name)["methods"][method]
        answer: Schema = {**_converted(name, spec["response"])}
        if ALWAYS.get(method):
            answer = {**answer, "required": list(ALWAYS[method])}
        query = {title for title, one in spec.get("parameters", {}).items() if one["location"] == "query"}
        operations[(verb(name, method), template(name, method))] = Operation(
            request_schema(name, method),
            {200: answer, OTHER_STATUS: ERROR},
            frozenset(query | set(document(name)["parameters"])),
        )
    operations[("POST", token_path)] = Operation({}, {200: TOKEN, OTHER_STATUS: TOKEN_ERROR}, frozenset(), FORM)
    return Contract(operations, definitions(), nulls_are_unset=True)


def title(document_name: str, name: str) -> str:
    """The name of a schema of a document among all."""
    return name if document_name == SHEETS else f"drive.{name}"


def _converted(name: str, schema: Mapping[str, Any]) -> Schema:
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{title(name, schema['$ref'])}"}
    if schema.get("type") == "any":
        return {}
    found: dict[str, Any] = {key: schema[key] for key in ("type", "enum") if key in schema}
    if "items" in schema:
        found["items"] = _converted(name, schema["items"])
    if "properties" in schema:
        found["properties"] = {title: _converted(name, one) for title, one in schema["properties"].items()}
        found["additionalProperties"] = False
    elif "additionalProperties" in schema:
        found["additionalProperties"] = _converted(name, schema["additionalProperties"])
    elif schema.get("type") == "object":
        found["additionalProperties"] = False  # a message without members
    return found
