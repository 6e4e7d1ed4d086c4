"""What the stand-in takes and gives, by method and path: as a contract for its edge, and as an OpenAPI document."""

from __future__ import annotations

from typing import Any

from integrations_platform.sandbox.contracts import Contract, Operation
from integrations_platform.sandbox.quickbooks.query import LONGEST_PAGE
from integrations_platform.sandbox.quickbooks.schema import DEFINITIONS, FAULTS, KINDS, Schema, ref

_BASE = "/v3/company/{realm}"
_FORM, _TEXT, _JSON = "application/x-www-form-urlencoded", "application/text", "application/json"
_ALWAYS = frozenset({"minorversion", "requestid"})


def contract() -> Contract:
    """Schemas by method and path template."""
    faults: dict[int, Schema | None] = {status: ref(name) for status, name in FAULTS.items()}

    def told(name: str) -> dict[int, Schema | None]:
        return {200: ref(name), **faults}

    operations = {
        ("POST", "/oauth2/v1/tokens/bearer"): Operation(
            {}, {200: ref("TokenAnswer"), 400: ref("TokenRefused"), 401: ref("TokenRefused")}, media=_FORM
        ),
        ("GET", f"{_BASE}/query"): Operation(None, told("QueryAnswer"), _ALWAYS | {"query"}),
        ("POST", f"{_BASE}/query"): Operation({}, told("QueryAnswer"), _ALWAYS, media=_TEXT),
        ("POST", f"{_BASE}/batch"): Operation(ref("BatchSent"), told("BatchAnswer"), _ALWAYS),
        ("GET", f"{_BASE}/cdc"): Operation(None, told("CDCAnswer"), _ALWAYS | {"entities", "changedSince"}),
        ("GET", f"{_BASE}/companyinfo/{{id}}"): Operation(None, told("CompanyInfoAnswer"), _ALWAYS),
        ("GET", f"{_BASE}/preferences"): Operation(None, told("PreferencesAnswer"), _ALWAYS),
    }
    for kind in KINDS:
        path = f"{_BASE}/{kind.lower()}"
        operations["POST", path] = Operation(ref(f"{kind}Sent"), told(f"{kind}Answer"), _ALWAYS | {"operation"})
        operations["GET", f"{path}/{{id}}"] = Operation(None, told(f"{kind}Answer"), _ALWAYS)
    return Contract(operations, DEFINITIONS)


def document(url: str, realm: str) -> dict[str, Any]:
    """The same as OpenAPI 3.1, for tools that make requests from it. ``url`` is where the stand-in listens."""
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in contract().operations.items():
        parameters = [_parameter(name, "query", path) for name in sorted(operation.query or ())]
        if "{id}" in path:
            parameters.append(_parameter("id", "path", path))
        described: dict[str, Any] = {
            "parameters": parameters,
            "responses": {
                str(status): {"description": f"status {status}", "content": {_JSON: {"schema": _moved(shape)}}}
                for status, shape in operation.responses.items() if shape is not None
            },
        }  # fmt: skip
        if operation.request is not None:
            shape = _moved(operation.request) if operation.request else {"type": "string"}
            body = (
                {"type": "object", "properties": {"grant_type": {"type": "string"}}}
                if operation.media == _FORM
                else shape
            )
            described["requestBody"] = {"required": True, "content": {operation.media: {"schema": body}}}
        paths.setdefault(path.replace("{realm}", realm), {})[method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stand-in for QuickBooks Online", "version": "3"},
        "servers": [{"url": url}],
        "paths": paths,
        "components": {"schemas": {name: _moved(shape) for name, shape in DEFINITIONS.items()}},
    }


def _parameter(name: str, place: str, path: str) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "string"}
    if name == "minorversion":
        shape = {"type": "string", "const": "75"}
    elif name == "operation":
        shape = {"type": "string", "enum": ["delete", "void"] if path.endswith("invoice") else ["update"]}
    elif name == "query":
        shape = {"type": "string", "example": f"SELECT * FROM Customer MAXRESULTS {LONGEST_PAGE}"}
    return {"name": name, "in": place, "required": place == "path", "schema": shape}


def _moved(shape: Any) -> Any:
    """The schema with its references where OpenAPI keeps shapes."""
    if isinstance(shape, dict):
        return {
            name: value.replace("#/$defs/", "#/components/schemas/") if name == "$ref" else _moved(value)
            for name, value in shape.items()
        }
    return [_moved(each) for each in shape] if isinstance(shape, list | tuple) else shape
