"""The stand-in as an OpenAPI document, for tools that make requests from one; it also says what the stand-in knows."""

from __future__ import annotations

from typing import Any

from integrations_platform.sandbox.google_sheets import schema
from integrations_platform.sandbox.google_sheets.app import METHODS
from integrations_platform.sandbox.google_sheets.batch import REQUESTS

_JSON = "application/json"
_COMMON = {"prettyPrint"}  # of the parameters every Google API takes; a `fields` mask may leave anything out


def document(url: str, spreadsheet_id: str) -> dict[str, Any]:
    """OpenAPI 3.1 of all methods. ``url`` is where the stand-in listens, ``spreadsheet_id`` one that is there."""
    paths: dict[str, dict[str, Any]] = {}
    for method, name in METHODS.items():
        path = schema.template(name, method).replace(":path}", "}")
        paths.setdefault(path, {})[schema.verb(name, method).lower()] = _described(method, name, spreadsheet_id)
    shapes = {title: _moved(shape) for title, shape in schema.definitions().items()}
    requests = shapes["Request"]["properties"]
    shapes["Request"] = {
        "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False,
        "properties": {kind: requests[kind] for kind in REQUESTS},
    }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {"title": "Google Sheets stand-in", "version": str(schema.document(schema.SHEETS)["revision"])},
        "servers": [{"url": url}],
        "paths": paths,
        "components": {"schemas": shapes, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }


def _described(method: str, name: str, spreadsheet_id: str) -> dict[str, Any]:
    spec = schema.document(name)["methods"][method]
    common = {title: one for title, one in schema.document(name)["parameters"].items() if title in _COMMON}
    parameters = []
    for title, one in {**common, **spec.get("parameters", {})}.items():
        shape: dict[str, Any] = {key: one[key] for key in ("type", "enum") if key in one}
        if title in ("spreadsheetId", "fileId"):
            shape = {"enum": [spreadsheet_id, "nobody"]}
        elif one["location"] == "path":
            shape["pattern"] = r"^([A-Za-z']{1,8}!)?\$?[A-Za-z]{1,3}[0-9]{1,4}(:[A-Za-z]{0,2}[0-9]{0,3})?$"
        if one.get("repeated"):
            shape = {"type": "array", "items": shape}
        parameters.append(
            {"name": title, "in": one["location"], "required": one["location"] == "path", "schema": shape}
        )
    answer = {"$ref": f"#/components/schemas/{schema.title(name, spec['response']['$ref'])}"}
    described: dict[str, Any] = {
        "operationId": method,
        "parameters": parameters,
        "responses": {
            "200": {"description": "done", "content": {_JSON: {"schema": answer}}},
            "4XX": {"description": "refused", "content": {_JSON: {"schema": schema.ERROR}}},
        },
    }
    body = schema.request_schema(name, method)
    if body is not None:
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": _moved(body)}}}
    return described


def _moved(shape: Any) -> Any:
    """References where OpenAPI keeps its schemas."""
    if isinstance(shape, dict):
        return {
            name: value.replace("#/$defs/", "#/components/schemas/") if name == "$ref" else _moved(value)
            for name, value in shape.items()
        }
    return [_moved(one) for one in shape] if isinstance(shape, list) else shape
