"""The JSON Schema of an environment file: systems, their options, limits, state and the sections of capabilities.

The loader checks files against this very table and editors get it as JSON. Addresses are marked ``writeOnly``, which
keeps their values out of every message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol, cast

from integrations_platform import (
    settings_airbyte,
    settings_alerts,
    settings_console,
    settings_databricks,
    settings_lake,
    settings_models,
    settings_shards,
    settings_telemetry,
    settings_warehouse,
    settings_webhooks,
)
from integrations_platform.secret_text import SecretText
from integrations_platform.yaml_source import Faults, Located

Schema = dict[str, Any]
DATABASES = ("postgresql", "mysql", "sqlite")

_ADDRESS: Schema = {"type": "string", "writeOnly": True}


class Section(Protocol):
    """What the settings module of a capability offers. ``read`` gets None when a file has no such section, and returns
    None only when it has noted a fault; the secrets it takes are resolved when the capability is used."""

    SCHEMA: Schema

    def read(
        self, node: Located | None, secret: Callable[[Located, str], SecretText | None], faults: Faults, /
    ) -> Any: ...


SECTIONS: Mapping[str, Section] = {
    "lake": settings_lake,
    "warehouse": settings_warehouse,
    "databricks": settings_databricks,
    "models": settings_models,
    "airbyte": settings_airbyte,
    "webhooks": settings_webhooks,
    "alerts": settings_alerts,
    "console": settings_console,
    "telemetry": settings_telemetry,
    "shards": settings_shards,
}
"""Sections of an environment file by name: each is a field of that name of the settings."""


@dataclass(frozen=True)
class Option:
    """One setting of a service. ``usual``: what it is when left out; ``required``: an error when left out or empty."""

    description: str
    required: bool = False
    usual: str = ""


_SANDBOX = Option("stand-in to use while the variables of the required options are not set: http://127.0.0.1:PORT")

SERVICES: Mapping[str, Mapping[str, Option]] = {
    "hubspot": {
        "token": Option('access token of a private app: "${HUBSPOT_API_TOKEN}"', required=True),
        "api_version": Option("v3, or a dated version like 2026-03", usual="v3"),
        "base_url": Option("where the API is", usual="https://api.hubapi.com"),
        "sandbox": _SANDBOX,
    },
    "quickbooks": {
        "access_token": Option('"${QUICKBOOKS_ACCESS_TOKEN}"; lasts an hour, unless the next three are given', True),
        "realm_id": Option('id of the company: "${QUICKBOOKS_REALM_ID}"', required=True),
        "client_id": Option("of the app, to renew the access token"),
        "client_secret": Option("of the app, to renew the access token"),
        "refresh_token": Option("the first one; later ones are kept in the state"),
        "environment": Option("production or sandbox, Intuit's own", usual="production"),
        "base_url": Option("where the API is (default: by environment)"),
        "token_url": Option(
            "where tokens are renewed", usual="https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"
        ),
        "sandbox": _SANDBOX,
    },
    "google_sheets": {
        "credentials": Option('key of a service account, JSON or a path: "${GOOGLE_SHEETS_CREDENTIALS_JSON}"', True),
        "spreadsheet_id": Option('from its address: "${GOOGLE_SHEETS_SPREADSHEET_ID}"', required=True),
        "sheet_name": Option("the tab of syncs that name none (default: the first)"),
        "base_url": Option("where the API is", usual="https://sheets.googleapis.com"),
        "sandbox": _SANDBOX,
    },
    "rest": {
        "api": Option("the YAML file that describes the API, relative to the current directory", required=True),
        "base_url": Option("where the API is", required=True),
        "token": Option("for auth type bearer or header"),
        "username": Option("for auth type basic"),
        "password": Option("for auth type basic"),
    },
}
"""Services by kind, with their options in the order they are best given."""


def service_options(kind: object) -> Mapping[str, Option] | None:
    """Options of a kind of service, built in or brought by an installed package; None for a database or the unknown."""
    if not isinstance(kind, str) or kind in DATABASES:
        return None
    if kind in SERVICES:
        return SERVICES[kind]
    from integrations_platform.connectors.plugins import plugin

    module = plugin(kind)
    return None if module is None else cast("Mapping[str, Option]", module.OPTIONS)


def environment_schema(kinds: Iterable[object] = ()) -> Schema:
    """:data:`ENVIRONMENT_SCHEMA`, with those of ``kinds`` that installed packages bring."""
    brought = {
        kind: options
        for kind in kinds
        if isinstance(kind, str) and kind not in SERVICES and (options := service_options(kind)) is not None
    }
    if not brought:
        return ENVIRONMENT_SCHEMA
    schema = deepcopy(ENVIRONMENT_SCHEMA)
    properties = schema["$defs"]["system"]["properties"]
    properties["kind"]["enum"] += brought
    for name, said in _described({**SERVICES, **brought}).items():
        properties[name] = said
    return schema


def _described(services: Mapping[str, Mapping[str, Option]]) -> Schema:
    """Options of all services, each saying whose it is."""
    said: dict[str, list[str]] = {}
    for kind, options in services.items():
        for name, option in options.items():
            said.setdefault(name, []).append(f"{kind}: {option.description}")
    return {name: _ADDRESS | {"description": "; ".join(lines)} for name, lines in said.items()}


_SYSTEM: Schema = {
    "type": "object",
    "description": "a database or service that syncs may name",
    "properties": {
        "kind": {
            "type": "string",
            "enum": [*DATABASES, *SERVICES],
            "description": "which connector speaks to it; MariaDB is mysql",
        },
        "url": _ADDRESS | {"description": 'for servers: "${VARIABLE}" with kind://user:password@host:port/database'},
        "path": _ADDRESS | {"description": "for sqlite: the file, relative to the current directory"},
        **_described(SERVICES),
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
    "description": "where the platform runs: its systems, its state, and what its capabilities use",
    "properties": {
        "systems": {
            "type": "object",
            "description": "databases and services by the name that syncs use",
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
        **{name: section.SCHEMA for name, section in SECTIONS.items()},
    },
    "required": ["systems", "state"],
    "additionalProperties": False,
    "$defs": {"system": _SYSTEM},
}
