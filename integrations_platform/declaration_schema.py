"""The JSON Schema of a sync file: every key, its type, its bounds and its default, in one table.

The loader checks files against this very table and editors get it from ``integrations sync schema``. What one key asks
of another (a scale on a text field, two fields on one column) is not said here but in :mod:`.declaration_file`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from integrations_platform.unified_sync.spec import Direction, OnDelete, OnDeleteOfChanged, OnTie, Strategy
from integrations_platform.unified_sync.values import FieldType

Schema = dict[str, Any]

NAMED_TRANSFORMS = ("trim", "lower", "upper")
NAME = {
    "type": "string",
    "pattern": "^[a-z][a-z0-9_]*$",
    "maxLength": 63,
    "description": "a name in lower case: a letter, then letters, digits and underscores",
}
_LABEL = r"[A-Za-z0-9_.\-]{1,63}"
_FUNCTION = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"


def _text(description: str, pattern: str | None = None) -> Schema:
    return {"type": "string", "description": description} | ({"pattern": pattern} if pattern else {})


def _column(description: str) -> Schema:
    return _text(description, r"^[^\u0000-\u001f\u007f]{1,128}$")


def _choice(kinds: Iterable[StrEnum], description: str, default: str | None = None) -> Schema:
    schema: Schema = {"type": "string", "enum": [kind.value for kind in kinds], "description": description}
    return schema | ({"default": default} if default is not None else {})


def _whole(low: int, high: int, description: str, default: int | None = None) -> Schema:
    schema: Schema = {"type": "integer", "minimum": low, "maximum": high, "description": description}
    return schema | ({"default": default} if default is not None else {})


def _fraction(default: float, description: str) -> Schema:
    return {"type": "number", "minimum": 0, "maximum": 1, "default": default, "description": description}


def _flag(default: bool, description: str) -> Schema:
    return {"type": "boolean", "default": default, "description": description}


def _mapping(properties: Mapping[str, Schema], description: str, required: Iterable[str] = ()) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


_SCALAR: Schema = {"type": ["string", "integer", "number", "boolean"]}
_RECORD_ID: Schema = {"type": ["string", "integer"], "description": "a record id"}
_SIDE = _mapping(
    {
        "system": NAME | {"description": "a name under `systems:` of the environment"},
        "object": _text("the table, with its schema where there is one: public.customer", r"^[^\u0000-\u001f]{1,255}$"),
        "key": {
            "description": "columns that identify a row; default: the primary key",
            "oneOf": [
                _column("one column"),
                {"type": "array", "minItems": 1, "items": _column("a column of the key")},
            ],
        },
        "modified": _column("column with the time of the last change; evidence for `latest` only"),
        "soft_delete": _column("boolean or timestamp column that marks an archived record"),
        "zone": _text("IANA time zone in which datetimes without a zone are meant, e.g. Europe/Berlin"),
        "only": {
            "type": "object",
            "description": "scope: column and the value, or list of values, that a record must hold to be synced",
            "minProperties": 1,
            "propertyNames": _column("a column"),
            "additionalProperties": {
                "oneOf": [
                    {"type": "array", "minItems": 1, "items": _SCALAR},
                    *({"type": kind} for kind in ("string", "number", "boolean")),
                ]
            },
        },
    },
    "one end of the sync",
    ("system", "object"),
)
_TRANSFORM: Schema = {
    "description": "one step on the way from source to target",
    "oneOf": [
        {"type": "string", "enum": list(NAMED_TRANSFORMS)},
        _mapping(
            {
                "default": {**_SCALAR, "description": "replaces an empty value on the target; comes back as empty"},
                "map": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"type": "string"},
                    "description": "source value to target value; unlisted values pass",
                },
                "template": _text('text from several source columns: "{first} {last}"; one-way'),
                "constant": {
                    "type": ["string", "integer", "number", "boolean", "null"],
                    "description": "what the target always holds; one-way",
                },
                "python": _text("a function of one value, as package.module:function", _FUNCTION),
                "inverse": _text("the inverse of `python`; without it the field is one-way", _FUNCTION),
            },
            "one of default, map, template, constant or python (with inverse)",
        ),
    ],
}
_FIELD = _mapping(
    {
        "source": _column("column of the source; left out for constant and template"),
        "target": _column("column of the target"),
        "type": _choice(FieldType, "type of the field"),
        "required": _flag(True, "a record without this value is quarantined"),
        "max_length": _whole(1, 10_000_000, "longest text, in characters; longer values are refused, never cut"),
        "scale": _whole(0, 18, "decimal places of a decimal"),
        "options": {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": "values of enum, set"},
        "to": NAME | {"description": "for type ref: the sync whose links translate this value"},
        "group": NAME | {"description": "fields of one group are merged as one unit"},
        "direction": _choice(Direction, "which way values may travel; limited by the direction of the sync"),
        "transform": {"type": "array", "minItems": 1, "items": _TRANSFORM, "description": "steps, in order"},
    },
    "one field and its place on both sides",
    ("target", "type"),
)

SYNC_SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A declared sync of integrations_platform",
    **_mapping(
        {
            "name": NAME | {"description": "the name of the sync: lower case, digits, underscores"},
            "description": _text("what is kept in agreement, in a sentence"),
            "source": {"$ref": "#/$defs/side"},
            "target": {"$ref": "#/$defs/side"},
            "direction": _choice(
                [kind for kind in Direction if kind is not Direction.NEVER], "which way records travel", "bidirectional"
            ),
            "match": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string"},
                "description": "fields by which existing records are recognised on the first sync, in order",
            },
            "fields": {
                "type": "object",
                "description": "canonical fields by name",
                "minProperties": 1,
                "propertyNames": NAME,
                "additionalProperties": {"$ref": "#/$defs/field"},
            },
            "modified": _mapping(
                {"source": _column("column of the source"), "target": _column("column of the target")},
                "columns with the time of the last change; optional evidence for `latest`",
            ),
            "conflicts": _mapping(
                {
                    "default": _choice(Strategy, "who wins when both sides changed one field", "manual"),
                    "on_tie": _choice(OnTie, "what `latest` does when the evidence proves no order", "manual"),
                    "fields": {
                        "type": "object",
                        "description": "another strategy for a field or a group",
                        "additionalProperties": _choice(Strategy, "who wins"),
                    },
                },
                "what happens when both sides changed one field",
            ),
            "creates": _mapping(
                {
                    "source_to_target": _flag(True, "a record new on the source is created on the target"),
                    "target_to_source": _flag(True, "a record new on the target is created on the source"),
                },
                "which new records are created on the other side",
            ),
            "deletes": _mapping(
                {
                    "source_to_target": _choice(OnDelete, "what a delete on the source does on the target", "archive"),
                    "target_to_source": _choice(OnDelete, "what a delete on the target does on the source", "archive"),
                    "on_update": _choice(OnDeleteOfChanged, "deleted on one side, changed on the other", "keep"),
                    "max": _whole(0, 1_000_000_000, "deletes a plan may hold before max_fraction counts", 10),
                    "max_fraction": _fraction(0.05, "share of linked records a plan may delete beyond `max`"),
                },
                "what a proven delete does on the other side",
            ),
            "guards": _mapping(
                {
                    "max_change_fraction": _fraction(0.5, "refuse a plan that changes one field on a larger share"),
                    "change_floor": _whole(0, 1_000_000_000, "links needed before max_change_fraction counts", 100),
                    "canary": _mapping(
                        {
                            side: {"type": ["string", "integer"], "description": "a record id"}
                            for side in ("source", "target")
                        },
                        "id of a record that must be seen on its side",
                    ),
                },
                "limits that refuse a whole plan before its first write",
            ),
            "fill_blanks": _flag(True, "on the first match, an empty value takes the other side's"),
            "batch_size": _whole(1, 10_000, "records per write, as far as the system takes as many", 2000),
            "shards": _whole(1, 64, "processes that share the work of a run, on one machine or many", 1),
            "schedule": _text("five-field cron expression"),
            "owner": _text(
                "team:name or an e-mail address", r"^(team:[A-Za-z0-9_]+|[^@\s\u0000-\u001f]+@[^@\s]+\.[^@\s]+)$"
            ),
            "tags": {
                "type": "object",
                "description": "labels shown in Dagster",
                "propertyNames": {
                    "pattern": rf"^({_LABEL}/)?{_LABEL}$",
                    "description": "letters, digits, `_`, `-` and `.`, at most 63, optionally after a prefix and `/`",
                },
                "additionalProperties": _text("letters, digits, `_`, `-`, `.`; at most 63", r"^[A-Za-z0-9_.\-]{0,63}$"),
            },
            "freshness_hours": {
                "type": "number",
                "minimum": 0.1,
                "maximum": 8760,
                "description": "hours without a successful run after which the sync counts as late",
            },
            "after": {
                "type": "array",
                "items": _text("the key of an asset, its parts joined by /", r"^[^\s/]+(/[^\s/]+)*$"),
                "description": "assets after which it runs in Dagster, e.g. airbyte/stripe_to_postgres/customers",
            },
            "max_open_conflicts": _whole(0, 1_000_000_000, "more open conflicts than this fail the asset check"),
            "defer_runs": _whole(1, 1000, "runs a record may wait for one it refers to before it is quarantined", 5),
        },
        "one sync: two sides, fields, policies and limits",
        ("name", "source", "target", "fields"),
    ),
    "$defs": {"side": _SIDE, "field": _FIELD},
}
