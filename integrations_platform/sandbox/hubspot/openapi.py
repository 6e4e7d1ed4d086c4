"""The stand-in as an OpenAPI document, for tools that make requests from one. It also says what the stand-in knows."""

from __future__ import annotations

import re
from typing import Any

from integrations_platform.sandbox.hubspot.catalogue import TYPE_IDS
from integrations_platform.sandbox.hubspot.operations import LEGACY, Operation, addressed
from integrations_platform.sandbox.hubspot.schema import DEFINITIONS, Schema, ref

_JSON = "application/json"
_NAME = re.compile(r"{(\w+)}")
_WHOLE = {"limit", "after"}


def document(url: str, family: str = LEGACY) -> dict[str, Any]:
    """OpenAPI 3.1 of one family of paths. ``url`` is where the stand-in listens."""
    paths: dict[str, dict[str, Any]] = {}
    for of, path, operation in addressed():
        if of == family:
            paths.setdefault(path, {})[operation.method.lower()] = _described(path, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "HubSpot CRM stand-in", "version": family},
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": {name: _moved(shape) for name, shape in DEFINITIONS.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _described(path: str, operation: Operation) -> dict[str, Any]:
    parameters = [_parameter(name, "path") for name in _NAME.findall(path)]
    parameters += [_parameter(name, "query") for name in sorted(operation.query)]
    answers: dict[str, Any] = {
        str(status): {"description": "done"}
        | ({} if shape is None else {"content": {_JSON: {"schema": _moved(shape)}}})
        for status, shape in (operation.responses or {}).items()
    }
    answers["4XX"] = {"description": "refused", "content": {_JSON: {"schema": _moved(ref("Error"))}}}
    described: dict[str, Any] = {"operationId": operation.name, "parameters": parameters, "responses": answers}
    if operation.request is not None:
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": _moved(operation.request)}}}
    return described


def _parameter(name: str, place: str) -> dict[str, Any]:
    shape: Schema = {"type": "integer", "minimum": 0} if name in _WHOLE else {"type": "string"}
    if name in ("type", "to_type"):
        shape = {"type": "string", "enum": [*TYPE_IDS, *TYPE_IDS.values()]}
    elif place == "path":
        shape = {"type": "string", "pattern": "^[0-9a-z]{1,12}$"}
    return {"name": name, "in": place, "required": place == "path", "schema": shape}


def _moved(shape: Any) -> Any:
    """References where OpenAPI keeps its schemas."""
    if isinstance(shape, dict):
        return {
            name: value.replace("#/$defs/", "#/components/schemas/") if name == "$ref" else _moved(value)
            for name, value in shape.items()
        }
    return [_moved(one) for one in shape] if isinstance(shape, list) else shape
