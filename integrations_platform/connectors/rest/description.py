"""What a description file says about an API: its schema, and the checked form the connector works from.

Owns reading and judging the file. It asks nothing of the API itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integrations_platform.schema_check import check
from integrations_platform.unified_sync.values import FieldType
from integrations_platform.yaml_source import ConfigurationError, Faults, Located, read_file, shown_path

Schema = dict[str, Any]

_PATH: Schema = {"type": "string", "description": "names joined by dots, from the answer down; empty: the answer"}
_ROUTE: Schema = {"type": "string", "pattern": r"/[^?#\s]*", "description": "a path such as /people/{id}"}
_WRITE: Schema = {
    "type": "object",
    "properties": {
        "method": {"type": "string", "enum": ["POST", "PUT", "PATCH", "DELETE"]},
        "path": _ROUTE,
        "body": _PATH | {"description": "where in the request the record stands; empty: it is the request"},
        "record": _PATH | {"description": "where in the answer the record stands"},
    },
    "required": ["method", "path"],
    "additionalProperties": False,
}
_PAGES: Schema = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["none", "page", "offset", "cursor", "link"]},
        "parameter": {"type": "string", "description": "query parameter of the page, offset or cursor"},
        "first": {"type": "integer", "minimum": 0, "maximum": 1, "description": "number of the first page (1)"},
        "next": _PATH | {"description": "where the answer holds the next cursor, or the next address"},
        "size_parameter": {"type": "string", "description": "query parameter of the page size"},
        "size": {"type": "integer", "minimum": 1, "maximum": 10_000},
    },
    "required": ["type"],
    "additionalProperties": False,
}
_OBJECT: Schema = {
    "type": "object",
    "properties": {
        "key": _PATH | {"description": "where a record holds its id"},
        "modified": _PATH | {"description": "where a record holds the time of its last change"},
        "external_id": _PATH | {"description": "a text column of our own, for the id that links the two sides"},
        "omits_empty": {"type": "boolean", "description": "whether a column that is missing in a record is empty"},
        "list": {
            "type": "object",
            "properties": {
                "path": _ROUTE,
                "records": _PATH,
                "query": {"type": "object", "additionalProperties": {"type": "string"}},
                "total": _PATH | {"description": "where the answer holds the number of all records"},
                "pages": _PAGES,
            },
            "required": ["path"],
            "additionalProperties": False,
        },
        "read": {
            "type": "object",
            "properties": {"path": _ROUTE, "record": _PATH},
            "required": ["path"],
            "additionalProperties": False,
        },
        "create": _WRITE,
        "update": _WRITE,
        "delete": _WRITE,
        "columns": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "type": {"type": "string", "enum": [kind.value for kind in FieldType]},
                    "writable": {"type": "boolean"},
                    "nullable": {"type": "boolean"},
                    "max_length": {"type": "integer", "minimum": 1, "maximum": 10_000_000},
                    "scale": {"type": "integer", "minimum": 0, "maximum": 30},
                },
                "required": ["type"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["key", "list", "read", "columns"],
    "additionalProperties": False,
}
API_SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "An API as a system of integrations_platform",
    "type": "object",
    "properties": {
        "auth": {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["none", "bearer", "header", "basic"]},
                "header": {"type": "string", "pattern": "[A-Za-z0-9-]+", "description": "for type header: its name"},
            },
            "required": ["type"],
            "additionalProperties": False,
        },
        "errors": {
            "type": "object",
            "properties": {"message": _PATH, "code": _PATH},
            "additionalProperties": False,
        },
        "limits": {
            "type": "object",
            "properties": {
                "calls": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
                "seconds": {"type": "integer", "minimum": 1, "maximum": 86_400},
            },
            "required": ["calls", "seconds"],
            "additionalProperties": False,
        },
        "objects": {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/$defs/object"}},
    },
    "required": ["auth", "objects"],
    "additionalProperties": False,
    "$defs": {"object": _OBJECT},
}


@dataclass(frozen=True)
class Column:
    """A declared column; ``name`` is its path in a record."""

    name: str
    type: FieldType
    writable: bool = True
    nullable: bool = True
    max_length: int | None = None
    scale: int | None = None


@dataclass(frozen=True)
class Pages:
    """How one page leads to the next."""

    type: str = "none"
    parameter: str = ""
    first: int = 1
    next: str = ""
    size_parameter: str = ""
    size: int = 100


@dataclass(frozen=True)
class Reading:
    """Where records are read: ``records`` of a listing, ``record`` of a single one."""

    path: str
    records: str = ""
    record: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    total: str = ""
    pages: Pages = field(default_factory=Pages)


@dataclass(frozen=True)
class Change:
    """One call that changes something."""

    method: str
    path: str
    body: str = ""
    record: str = ""


@dataclass(frozen=True)
class Target:
    """One object of the API."""

    name: str
    key: str
    list: Reading
    read: Reading
    columns: Mapping[str, Column]
    modified: str = ""
    external_id: str = ""
    omits_empty: bool = False
    create: Change | None = None
    update: Change | None = None
    delete: Change | None = None


@dataclass(frozen=True)
class Api:
    """A whole description."""

    auth: str
    header: str
    message: str
    code: str
    limits: tuple[int, int] | None
    objects: Mapping[str, Target]


class DescriptionError(ConfigurationError):
    """A description file cannot be used; ``faults`` holds everything wrong in it."""


def load_api(path: Path) -> Api:
    """The description in ``path``. Raises :class:`DescriptionError` with every fault, each with its line."""
    faults = Faults(shown_path(path))
    root = read_file(path, faults)
    if root is not None:
        check(root, API_SCHEMA, faults)
    if faults or root is None:
        raise DescriptionError(faults)
    said: dict[str, Any] = root.plain()
    _judge_together(root, faults)
    if faults:
        raise DescriptionError(faults)
    errors, limits = said.get("errors", {}), said.get("limits")
    return Api(
        said["auth"]["type"], said["auth"].get("header", ""), errors.get("message", ""), errors.get("code", ""),
        (limits["calls"], limits["seconds"]) if limits else None,
        {name: _target(name, each) for name, each in said["objects"].items()},
    )  # fmt: skip


_PAGES_NEED = {"page": ("parameter",), "offset": ("parameter",), "cursor": ("parameter", "next")}


def _judge_together(root: Located, faults: Faults) -> None:
    """What the schema cannot say: keys that need one another, and paths that must name a record."""
    auth = root.value["auth"] if isinstance(root.value, dict) else root
    if auth.plain()["type"] == "header" and auth.get("header") is None:
        faults.add(auth.line, "auth.header", "is missing", "type header needs the name of the header")
    objects = root.get("objects")
    for name, each in objects.value.items() if objects and isinstance(objects.value, dict) else ():
        listing = each.get("list")
        pages = listing.get("pages") if listing else None
        if pages:
            kind = pages.plain()["type"]
            for key in _PAGES_NEED.get(kind, ()):
                if pages.get(key) is None:
                    faults.add(pages.line, f"objects.{name}.list.pages.{key}", "is missing", f"type {kind} needs it")
        for verb in ("read", "update", "delete"):
            call = each.get(verb)
            path = call.get("path") if call else None
            if path and "{id}" not in str(path.value):
                faults.add(path.line, f"objects.{name}.{verb}.path", "names no record", "put {id} where its id goes")


def _target(name: str, said: Mapping[str, Any]) -> Target:
    listing = dict(said["list"])
    pages = Pages(**listing.pop("pages", {}))
    columns = {
        column: Column(column, FieldType(each["type"]), **{key: each[key] for key in each if key != "type"})
        for column, each in said["columns"].items()
    }

    def change(verb: str) -> Change | None:
        return Change(**said[verb]) if verb in said else None

    return Target(
        name, said["key"], Reading(**listing, pages=pages), Reading(**said["read"]), columns,
        said.get("modified", ""), said.get("external_id", ""), said.get("omits_empty", False),
        change("create"), change("update"), change("delete"),
    )  # fmt: skip
