"""The JSON Schema of an environment file: systems, limits and state.

The loader checks files against this very table and editors get it as JSON. Addresses are marked ``writeOnly``, which
keeps their values out of every message.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_ADDRESS: Schema = {"type": "string", "writeOnly": True}
_SYSTEM: Schema = {
    "type": "object",
    "description": "a database that syncs may name",
    "properties": {
        "kind": {
            "type": "string",
            "enum": ["postgresql", "mysql", "sqlite"],
            "description": "which connector speaks to it; MariaDB is mysql",
        },
        "url": _ADDRESS | {"description": 'for servers: "${VARIABLE}" with kind://user:password@host:port/database'},
        "path": _ADDRESS | {"description": "for sqlite: the file, relative to the current directory"},
        "limits": {
            "type": "object",
            "description": "how hard the system may be driven",
            "properties": {
                "calls_per_second": {
                    "type": "number",
                    "minimum": 0.001,
                    "maximum": 100_000,
                    "description": "most calls per second over all syncs of one process",
                },
            },
            "additionalProperties": False,
        },
        "retry": {
            "type": "object",
            "description": "how transient errors are retried",
            "properties": {
                "attempts": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 20,
                    "default": 5,
                    "description": "calls in all, the first included",
                },
                "first_wait_seconds": {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 3600,
                    "default": 0.5,
                    "description": "wait before the second call; doubles each time",
                },
                "longest_wait_seconds": {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 3600,
                    "default": 60,
                    "description": "no single wait is longer",
                },
            },
            "additionalProperties": False,
        },
    },
    "required": ["kind"],
    "additionalProperties": False,
}

ENVIRONMENT_SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "An environment of integrations_platform",
    "type": "object",
    "description": "where the platform runs: its systems and its state",
    "properties": {
        "systems": {
            "type": "object",
            "description": "databases by the name that syncs use",
            "propertyNames": {
                "pattern": "^[a-z][a-z0-9_]*$",
                "description": "a name in lower case: a letter, then letters, digits and underscores",
            },
            "additionalProperties": {"$ref": "#/$defs/system"},
        },
        "state": {
            "type": "object",
            "description": "where links, bases, conflicts and the audit are kept",
            "properties": {"url": _ADDRESS | {"description": "sqlite:///file, or a postgresql:// URL in production"}},
            "required": ["url"],
            "additionalProperties": False,
        },
    },
    "required": ["systems", "state"],
    "additionalProperties": False,
    "$defs": {"system": _SYSTEM},
}
