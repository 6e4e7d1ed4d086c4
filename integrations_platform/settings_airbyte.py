"""The `airbyte:` section of an environment: where Airbyte is, and the connections whose streams are assets.

Owns the section's schema and its reading. Addresses, credentials and connection ids stay unresolved text; nothing is
called here, and what a connection holds in Airbyte itself is compared by :mod:`integrations_platform.airbyte`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from integrations_platform.cron import cron_fault
from integrations_platform.secret_text import SecretText
from integrations_platform.yaml_source import Faults, Located, entries_of

Schema = dict[str, Any]
Secret = Callable[[Located, str], SecretText | None]
Mode = Literal["full", "incremental", "cdc"]
Engine = Literal["server", "embedded"]

ACCESS: Mapping[str, tuple[str, str]] = {
    "mode": ("${AIRBYTE_MODE:-auto}", "server, embedded, or auto: the server as soon as `url` is set"),
    "url": ("${AIRBYTE_API_URL:-}", "of the server: http://airbyte.example.com; a trailing /api/… is ignored"),
    "client_id": ("${AIRBYTE_CLIENT_ID:-}", "of an application; what Airbyte 2.2 and later ask for"),
    "client_secret": ("${AIRBYTE_CLIENT_SECRET:-}", "of the application"),
    "username": ("${AIRBYTE_API_USERNAME:-}", "for Airbyte up to 2.1 only"),
    "password": ("${AIRBYTE_API_PASSWORD:-}", "for Airbyte up to 2.1 only"),
    "auth": ("${AIRBYTE_AUTH_MODE:-auto}", "application, basic, none, or auto: by which of the others are set"),
    "workspace_id": ("${AIRBYTE_WORKSPACE_ID:-}", "default: the server's own; Airbyte Cloud needs it"),
    "executable": ("${AIRBYTE_EMBEDDED_EXECUTABLE:-}", "embedded: an installed connector to run instead of ours"),
}
"""How Airbyte is reached: what each key is when it is left out, and what it means."""

DEFAULT_FOLDER = "./.integrations/airbyte"
ENGINES = ("server", "embedded")
_NAME = "^[a-z][a-z0-9_]{0,62}$"
_NAMED: Schema = {
    "pattern": _NAME,
    "description": "a name in lower case: a letter, then letters, digits and underscores",
}
_TEXT: Schema = {"type": "string", "pattern": r"\S(.*\S)?"}

_STREAM: Schema = {
    "oneOf": [
        _TEXT | {"description": "a stream's name, as Airbyte has it"},
        {
            "type": "object",
            "properties": {
                "name": _TEXT | {"description": "as Airbyte names it"},
                "namespace": {"type": "string", "description": "a schema or database, where the source has them"},
                "may_be_empty": {"type": "boolean", "description": "whether a sync without rows is in order"},
            },
            "required": ["name"],
            "additionalProperties": False,
        },
    ],
    "description": "a stream by name, or {name, namespace, may_be_empty}",
}

_CONNECTION: Schema = {
    "type": "object",
    "description": "a connection; each of its streams is the asset airbyte/<name>/<stream>",
    "properties": {
        "connection_id": {
            "type": "string", "writeOnly": True,
            "description": 'from its page in Airbyte (default: "${AIRBYTE_<NAME>_CONNECTION_ID}")',
        },
        "streams": {"type": "array", "minItems": 1, "items": _STREAM, "description": "all streams that it syncs"},
        "namespace": {"type": "string", "description": "of streams that name none; no part of their assets' keys"},
        "mode": {
            "type": "string", "enum": ["full", "incremental", "cdc"],
            "description": "what a sync brings: everything, what is new, or the log of changes (default: incremental)",
        },
        "destination": {
            "type": "string", "pattern": _NAME,
            "description": "syncs that name the same one wait for one another in the pool airbyte_<destination>",
        },
        "schedule": {"type": "string", "description": "five-field cron expression, UTC"},
        "fresh_within_hours": {
            "type": "number", "minimum": 0.1, "maximum": 8760,
            "description": "hours after which its streams count as late (default: two firings of the schedule)",
        },
        "upstream": {
            "type": "array", "items": _TEXT | {"description": "the key of an asset, its parts joined by /"},
            "description": "assets it follows: `customers` (a sync), `lake/events`, `airbyte/other/stream`",
        },
        "on_conflict": {
            "type": "string", "enum": ["attach", "skip", "fail"],
            "description": "when a sync is running already: wait for that one, do nothing, or fail (default: attach)",
        },
        "queue_timeout_minutes": {
            "type": "number", "minimum": 1, "maximum": 10_080,
            "description": "how long a sync may wait to begin (default: as long as it takes)",
        },
        "timeout_hours": {
            "type": "number", "minimum": 0.01, "maximum": 720,
            "description": "how long a sync may run (default: as long as it takes); not for cdc",
        },
        "when_late": {
            "type": "string", "enum": ["leave", "cancel"],
            "description": "what happens to a sync that outlasts them (default: leave)",
        },
        "volume_tolerance": {
            "type": "number", "minimum": 0.01, "maximum": 1000,
            "description": "how far from the usual number of rows a sync may be, as a fraction of it "
            "(default: 0.5 for full, 9 otherwise)",
        },
        "lag": {
            "type": "object",
            "description": "for cdc: where its lag is read",
            "properties": {
                "source": {"type": "string", "description": "a postgresql system, whose slot is looked at"},
                "slot": _TEXT | {"description": "the replication slot of the connection"},
                "destination": {"type": "string", "description": "a postgresql system that holds the synced tables"},
                "schema": _TEXT | {"description": "their schema (default: public)"},
            },
            "additionalProperties": False,
        },
        "embedded": {
            "type": "object",
            "description": "what reads the streams where there is no server",
            "properties": {
                "connector": _TEXT | {"description": "a manifest of the platform, or the path of your own"},
                "config": {
                    "type": "object", "writeOnly": True,
                    "description": "its configuration; texts may name variables",
                },
            },
            "required": ["connector"],
            "additionalProperties": False,
        },
        "description": {"type": "string", "description": "what it brings, for people"},
        "owner": {"type": "string", "description": "team:name or an e-mail address"},
    },
    "required": ["streams"],
    "additionalProperties": False,
}  # fmt: skip

SCHEMA: Schema = {
    "type": "object",
    "description": "Airbyte: a server, or its connectors run on this machine, and the connections that are synced",
    "properties": {
        **{
            name: {"type": "string", "writeOnly": True, "description": f'{text} (default: "{usual}")'}
            for name, (usual, text) in ACCESS.items()
        },
        "folder": {"type": "string", "description": f"embedded: holds the connectors (default: {DEFAULT_FOLDER})"},
        "connections": {
            "type": "object",
            "description": "connections by name",
            "propertyNames": _NAMED,
            "additionalProperties": _CONNECTION,
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True)
class StreamSettings:
    """One stream. ``namespace`` is the source's, where it has them; ``key``: the end of its asset's key."""

    name: str
    namespace: str = ""
    may_be_empty: bool = False
    key: tuple[str, ...] = ()
    line: int = 1

    @property
    def shown(self) -> str:
        """Name and namespace as people write them."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class LagSettings:
    """Where the lag of a CDC connection is read: bytes its slot holds back in ``source``, age of the newest change in
    the tables of ``destination``. Names of systems; either may be empty."""

    source: str = ""
    slot: str = ""
    destination: str = ""
    schema: str = "public"


@dataclass(frozen=True)
class EmbeddedSettings:
    """What reads the streams without a server. ``config``: texts unresolved, in mappings and lists as written."""

    connector: str
    config: Mapping[str, Any] = field(default_factory=dict)

    def resolved(self) -> dict[str, Any]:
        """The configuration with its variables filled in: a secret. Raises SettingsError."""
        return {name: _resolved(value) for name, value in self.config.items()}


@dataclass(frozen=True)
class ConnectionSettings:
    """One connection. Times in seconds, None: no end. ``volume_tolerance``: None is the usual of its mode."""

    name: str
    connection_id: SecretText
    streams: tuple[StreamSettings, ...]
    line: int = 1
    mode: Mode = "incremental"
    destination: str = ""
    schedule: str | None = None
    fresh_within_hours: float | None = None
    upstream: tuple[str, ...] = ()
    on_conflict: Literal["attach", "skip", "fail"] = "attach"
    queue_timeout: float | None = None
    timeout: float | None = None
    when_late: Literal["leave", "cancel"] = "leave"
    volume_tolerance: float | None = None
    lag: LagSettings | None = None
    embedded: EmbeddedSettings | None = None
    description: str = ""
    owner: str | None = None

    def id(self) -> str:
        """The connection's id in Airbyte. Raises SettingsError when no variable gives it."""
        text = self.connection_id.resolve().strip()
        if not text:
            names = " or ".join(self.connection_id.variables) or "the id"
            raise self.connection_id.error("is empty", f"set {names}: the id stands in the address of its page")
        return text


def _unset(key: str) -> SecretText:
    return SecretText("auto" if key in ("mode", "auth") else "", "settings", 1, f"airbyte.{key}", {})


@dataclass(frozen=True)
class AirbyteSettings:
    """Airbyte as one environment has it, unresolved; see :data:`ACCESS` for what each text means."""

    mode: SecretText = field(default_factory=lambda: _unset("mode"))
    url: SecretText = field(default_factory=lambda: _unset("url"))
    client_id: SecretText = field(default_factory=lambda: _unset("client_id"))
    client_secret: SecretText = field(default_factory=lambda: _unset("client_secret"))
    username: SecretText = field(default_factory=lambda: _unset("username"))
    password: SecretText = field(default_factory=lambda: _unset("password"))
    auth: SecretText = field(default_factory=lambda: _unset("auth"))
    workspace_id: SecretText = field(default_factory=lambda: _unset("workspace_id"))
    executable: SecretText = field(default_factory=lambda: _unset("executable"))
    folder: str = DEFAULT_FOLDER
    connections: Mapping[str, ConnectionSettings] = field(default_factory=dict)
    file: str = "settings"

    def engine(self) -> Engine:
        """What syncs now: a server, or connectors on this machine; ``auto`` looks at the url. Raises SettingsError."""
        mode = self.mode.resolve().strip() or "auto"
        if mode == "auto":
            return "server" if self.url.resolve().strip() else "embedded"
        if mode not in ENGINES:
            raise self.mode.error("is neither server, embedded nor auto", "say one of them")
        return "server" if mode == "server" else "embedded"


def read(node: Located | None, secret: Secret, faults: Faults) -> AirbyteSettings | None:
    """The section, already checked against :data:`SCHEMA`; without one the AIRBYTE_ variables alone say where the
    server is; None with faults noted."""
    found: dict[str, SecretText] = {}
    for key, (usual, _) in ACCESS.items():
        given = (node.get(key) if node is not None else None) or Located(usual, 1, usual)
        if (text := secret(given, f"airbyte.{key}")) is not None:
            found[key] = text
    entries = entries_of(node.get("connections")) if node is not None else []
    connections = {
        name: connection
        for name, entry in entries
        if (connection := _connection(name, entry, secret, faults)) is not None
    }
    if faults.within("airbyte"):
        return None
    folder = node.get("folder") if node is not None else None
    place = DEFAULT_FOLDER if folder is None else str(folder.value)
    return AirbyteSettings(**found, folder=place, connections=connections, file=faults.file)


def _connection(name: str, node: Located, secret: Secret, faults: Faults) -> ConnectionSettings | None:
    path = f"airbyte.connections.{name}"
    said: dict[str, Any] = node.plain()
    if name == "all":
        faults.add(node.line, path, "is the name of the job that runs all connections", "name it after its source")
    usual = f"${{AIRBYTE_{name.upper()}_CONNECTION_ID}}"
    connection_id = secret(node.get("connection_id") or Located(usual, node.line, usual), f"{path}.connection_id")
    _judge(node, said, path, faults)
    streams = _streams(node, said.get("namespace", ""), path, faults)
    embedded = _embedded(node.get("embedded"), f"{path}.embedded", secret)
    if connection_id is None or faults.within(path):
        return None
    minutes, hours = said.get("queue_timeout_minutes"), said.get("timeout_hours")
    fresh, tolerance = said.get("fresh_within_hours"), said.get("volume_tolerance")
    taken: dict[str, Any] = {
        key: said[key]
        for key in ("mode", "destination", "schedule", "on_conflict", "when_late", "description", "owner")
        if key in said
    }
    return ConnectionSettings(
        name, connection_id, streams, node.line,
        fresh_within_hours=None if fresh is None else float(fresh),
        upstream=tuple(said.get("upstream", ())),
        queue_timeout=None if minutes is None else float(minutes) * 60,
        timeout=None if hours is None else float(hours) * 3600,
        volume_tolerance=None if tolerance is None else float(tolerance),
        lag=LagSettings(**said["lag"]) if "lag" in said else None,
        embedded=embedded, **taken,
    )  # fmt: skip


def _judge(node: Located, said: Mapping[str, Any], path: str, faults: Faults) -> None:
    schedule = node.get("schedule")
    if schedule and isinstance(schedule.value, str) and (what := cron_fault(schedule.value)):
        faults.add(schedule.line, f"{path}.schedule", what, 'write for example "0 */6 * * *"')
    timed = [key for key in ("timeout_hours", "queue_timeout_minutes") if key in said]
    if (stray := node.get("timeout_hours")) is not None and said.get("mode") == "cdc":
        what = "has no meaning for cdc, whose syncs may run for days"
        faults.add(stray.line, f"{path}.timeout_hours", what, "remove it")
    if (stray := node.get("when_late")) is not None and not timed:
        what = "has no meaning where a sync is never late"
        faults.add(stray.line, f"{path}.when_late", what, "give timeout_hours or queue_timeout_minutes, or remove it")
    lag = node.get("lag")
    if lag is None:
        return
    if said.get("mode") != "cdc":
        faults.add(lag.line, f"{path}.lag", "has a meaning for mode cdc only", "remove it, or say mode: cdc")
    if ("source" in said["lag"]) != ("slot" in said["lag"]):
        faults.add(lag.line, f"{path}.lag", "says one of source and slot", "say both: a slot is in a system")
    elif "source" not in said["lag"] and "destination" not in said["lag"]:
        faults.add(
            lag.line, f"{path}.lag", "says where nothing is", "say source and slot, or destination, or all three"
        )


def _streams(node: Located, usual: str, path: str, faults: Faults) -> tuple[StreamSettings, ...]:
    """The streams with their keys; two that would be one asset are a fault that names both lines."""
    listed = node.get("streams")
    found: list[StreamSettings] = []
    seen: dict[str, StreamSettings] = {}
    for place, item in enumerate(listed.value if listed is not None and isinstance(listed.value, tuple) else ()):
        said: dict[str, Any] = item.plain() if isinstance(item.value, dict) else {"name": item.text}
        namespace = said.get("namespace", usual)
        parts = (said["name"],) if namespace == usual else (namespace, said["name"])
        key = tuple(sanitised(part) for part in parts)
        stream = StreamSettings(said["name"], namespace, said.get("may_be_empty", False), key, item.line)
        # Outputs of a step are named by the parts of a key joined by two underscores.
        if (other := seen.setdefault("__".join(key), stream)) is not stream:
            what = f"{stream.shown} is the same asset as {other.shown} of line {other.line}"
            faults.add(
                item.line, f"{path}.streams[{place}]", what, "declare each once, with its namespace if it has one"
            )
        found.append(stream)
    return tuple(found)


def sanitised(part: str) -> str:
    """A name as a part of an asset's key: everything but letters, digits and underscores is an underscore."""
    return re.sub(r"[^A-Za-z0-9_]", "_", part)


def _embedded(node: Located | None, path: str, secret: Secret) -> EmbeddedSettings | None:
    connector = node.get("connector") if node is not None else None
    if node is None or connector is None:
        return None
    config = {
        name: _unresolved(value, f"{path}.config.{name}", secret) for name, value in entries_of(node.get("config"))
    }
    return EmbeddedSettings(connector.text, config)


def _unresolved(node: Located, path: str, secret: Secret) -> Any:
    if isinstance(node.value, dict):
        return {name: _unresolved(value, f"{path}.{name}", secret) for name, value in node.value.items()}
    if isinstance(node.value, tuple):
        return [_unresolved(item, f"{path}[{place}]", secret) for place, item in enumerate(node.value)]
    if isinstance(node.value, Decimal):
        return float(node.value)
    return secret(node, path) if isinstance(node.value, str) else node.value


def _resolved(value: Any) -> Any:
    if isinstance(value, SecretText):
        return value.resolve()
    if isinstance(value, dict):
        return {name: _resolved(item) for name, item in value.items()}
    return [_resolved(item) for item in value] if isinstance(value, list) else value
