"""The `warehouse:` section of an environment: which engine loads, how it is reached, and which tables it keeps.

Owns the section's schema and its reading. Everything that may be a secret stays unresolved text; nothing is opened
here, and whether a table's dataset exists is said by :mod:`integrations_platform.warehouse.tables`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from integrations_platform.secret_text import SecretText
from integrations_platform.yaml_source import Faults, Located

Schema = dict[str, Any]
Secret = Callable[[Located, str], SecretText | None]
Kind = Literal["embedded", "snowflake"]

DEFAULT_FOLDER = "./.integrations/warehouse"

CONNECTION: Mapping[str, str] = {
    "account": 'Snowflake\'s account identifier: "${SNOWFLAKE_ACCOUNT:-}"',
    "user": 'a user of TYPE=SERVICE: "${SNOWFLAKE_USER:-}"',
    "private_key": 'key pair: the PEM text, or a path to it: "${SNOWFLAKE_PRIVATE_KEY:-}"',
    "private_key_passphrase": "of an encrypted private key",
    "password": "for people only; Snowflake is ending log-ins of services by password",
    "token": "an OAuth or programmatic access token, with `authenticator`",
    "authenticator": "oauth, programmatic_access_token, workload_identity, … (default: by what else is given)",
    "role": "the role that loads",
    "warehouse": "the virtual warehouse that loads",
    "host": "only where the account is reached by another host",
    "port": "only with `host`",
    "protocol": "only with `host`: https or http",
    "airflow_connection": 'a connection of Airflow, URI or JSON: "${AIRFLOW_CONN_SNOWFLAKE:-}"; what is said here wins',
}
"""How Snowflake is reached. All are optional; the embedded warehouse uses none."""

_WAYS: Mapping[str, str] = {
    "storage_integration": "a storage integration of the account, by name; what Snowflake recommends",
    "stage": "a stage that points to the lake's url, as database.schema.name",
    "aws_role": "the ARN of a role that Snowflake assumes",
    "aws_key_id": "of temporary keys, with aws_secret_key and aws_token",
    "aws_secret_key": "of temporary keys",
    "aws_token": "of temporary keys",
    "azure_sas_token": "a shared access signature",
}
_NAME_PATTERN = "[A-Za-z_][A-Za-z0-9_$]{0,254}"
_TYPES = (
    r"(?i:(NUMBER|DECIMAL|NUMERIC)(\(\d{1,2}(, ?\d{1,2})?\))?|INT|INTEGER|BIGINT|SMALLINT|FLOAT|DOUBLE|REAL"
    r"|VARCHAR(\(\d{1,8}\))?|STRING|TEXT|BOOLEAN|DATE|TIME|TIMESTAMP|TIMESTAMP_NTZ|TIMESTAMP_TZ|TIMESTAMP_LTZ"
    r"|VARIANT|OBJECT|ARRAY)"
)

_AUTHENTICATION: Schema = {
    "type": "object",
    "description": "how Snowflake reads the lake: one of storage_integration, stage, aws_role, keys or azure_sas_token",
    "properties": {name: {"type": "string", "writeOnly": True, "description": text} for name, text in _WAYS.items()},
    "additionalProperties": False,
}

_TABLE: Schema = {
    "type": "object",
    "description": "a table that is loaded from a dataset of the lake, day by day",
    "properties": {
        "dataset": {"type": "string", "description": "a dataset of `lake:`"},
        "table": {
            "type": "string",
            "pattern": rf"{_NAME_PATTERN}\.{_NAME_PATTERN}\.{_NAME_PATTERN}",
            "description": "database.schema.table, without quotes",
        },
        "columns": {
            "type": "object",
            "description": "columns by name with their types in Snowflake's words, filled by the files' columns of the "
            "same name. Without: one column of type VARIANT for each record",
            "propertyNames": {"pattern": _NAME_PATTERN, "description": "a column's name, without quotes"},
            "additionalProperties": {"type": "string", "pattern": _TYPES, "description": "a type of Snowflake"},
        },
        "file_format": {
            "type": "object",
            "description": "options of FILE_FORMAT beyond TYPE, such as {parse_header: true} or {skip_header: 1}",
            "additionalProperties": {"type": ["string", "boolean", "integer"]},
        },
        "authentication": _AUTHENTICATION,
        "description": {"type": "string", "description": "what the table is, for people"},
        "owner": {"type": "string", "description": "team:name or an e-mail address"},
    },
    "required": ["dataset", "table"],
    "additionalProperties": False,
}

SCHEMA: Schema = {
    "type": "object",
    "description": "the warehouse that partitions of the lake are loaded into",
    "properties": {
        "kind": {
            "type": "string",
            "enum": ["embedded", "snowflake", "auto"],
            "description": "auto (default): Snowflake when an account is set, otherwise DuckDB files in `folder`",
        },
        "folder": {
            "type": "string",
            "description": "embedded: holds <database>.duckdb for each database, relative to the current directory",
        },
        **{name: {"type": "string", "writeOnly": True, "description": text} for name, text in CONNECTION.items()},
        "authentication": _AUTHENTICATION,
        "tables": {
            "type": "object",
            "description": "tables by the name of their asset",
            "propertyNames": {
                "pattern": "^[a-z][a-z0-9_]{0,62}$",
                "description": "a name in lower case: a letter, then letters, digits and underscores",
            },
            "additionalProperties": _TABLE,
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True)
class TableSettings:
    """One table. No ``columns``: each record goes into one column of type VARIANT. ``authentication``: of this table,
    or of all."""

    name: str
    dataset: str
    table: str
    line: int
    columns: Mapping[str, str] = field(default_factory=dict)
    file_format: Mapping[str, Any] = field(default_factory=dict)
    authentication: Mapping[str, SecretText] = field(default_factory=dict)
    description: str = ""
    owner: str | None = None


@dataclass(frozen=True)
class WarehouseSettings:
    """The warehouse of one environment. ``connection``: by name as in :data:`CONNECTION`, unresolved."""

    kind: Literal["embedded", "snowflake", "auto"] = "auto"
    folder: SecretText | None = None
    connection: Mapping[str, SecretText] = field(default_factory=dict)
    tables: Mapping[str, TableSettings] = field(default_factory=dict)
    file: str = "settings"

    def engine(self) -> Kind:
        """Which engine loads now; ``auto`` looks at the variables. Raises SettingsError."""
        if self.kind != "auto":
            return self.kind
        said = (self.connection[name] for name in ("account", "airflow_connection") if name in self.connection)
        return "snowflake" if any(text.resolve().strip() for text in said) else "embedded"

    def place(self) -> Path:
        """The absolute folder of the embedded warehouse. Raises SettingsError."""
        text = self.folder.resolve() if self.folder else DEFAULT_FOLDER
        if not text or "\0" in text:
            raise (self.folder or SecretText(text, self.file, 1, "warehouse.folder", {})).error(
                "is no usable folder", "name a folder"
            )
        return (Path.cwd() / Path(text).expanduser()).resolve()


def read(node: Located | None, secret: Secret, faults: Faults) -> WarehouseSettings | None:
    """The section, already checked against :data:`SCHEMA`; the default when there is none; None with faults noted."""
    if node is None:
        return WarehouseSettings()
    given = node.get("folder")
    folder = secret(given, "warehouse.folder") if given else None
    connection = {
        name: text
        for name in CONNECTION
        if (value := node.get(name)) and (text := secret(value, f"warehouse.{name}")) is not None
    }
    usual = _authentication(node.get("authentication"), "warehouse.authentication", secret, faults)
    entries = node.get("tables")
    tables = {
        name: _table(name, entry, usual, secret, faults)
        for name, entry in (entries.value.items() if entries is not None and isinstance(entries.value, dict) else ())
    }
    _judge_targets(tables, faults)
    if faults.within("warehouse"):
        return None
    kind = node.get("kind")
    return WarehouseSettings(kind.text if kind else "auto", folder, connection, tables, faults.file)  # type: ignore[arg-type]


def _table(name: str, node: Located, usual: Mapping[str, SecretText], secret: Secret, faults: Faults) -> TableSettings:
    path = f"warehouse.tables.{name}"
    declared: dict[str, Any] = node.plain()
    own = _authentication(node.get("authentication"), f"{path}.authentication", secret, faults)
    return TableSettings(
        name,
        declared["dataset"],
        declared["table"],
        node.line,
        declared.get("columns", {}),
        declared.get("file_format", {}),
        own or usual,
        declared.get("description", ""),
        declared.get("owner"),
    )


def _authentication(node: Located | None, path: str, secret: Secret, faults: Faults) -> Mapping[str, SecretText]:
    if node is None or not isinstance(node.value, dict):
        return {}
    found = {name: text for name, value in node.value.items() if (text := secret(value, f"{path}.{name}")) is not None}
    keys = {"aws_key_id", "aws_secret_key", "aws_token"}
    said = set(found)
    complete = {"aws_key_id", "aws_secret_key"} <= said <= keys if said & keys else len(said) == 1
    if not complete and not faults.within(path):
        remedy = "give one of storage_integration, stage, aws_role, azure_sas_token, or the keys with their token"
        faults.add(node.line, path, "does not say one way", remedy)
    return found


def _judge_targets(tables: Mapping[str, TableSettings], faults: Faults) -> None:
    """Two declarations of one table would delete each other's days."""
    seen: dict[str, str] = {}
    for name, table in tables.items():
        target = table.table.upper()
        if target in seen:
            what = f"{table.table} is the table of {seen[target]} too"
            faults.add(table.line, f"warehouse.tables.{name}.table", what, "load each table from one dataset")
        seen[target] = name
