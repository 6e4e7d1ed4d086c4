"""The `lake:` section of an environment: where the lake is, what opens it, and which datasets it holds.

Owns the section's schema and its reading. Address and options stay unresolved text; nothing is opened here, and which
options an address needs is said by :mod:`integrations_platform.lake` when it is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from integrations_platform.schema_check import brief, nearest
from integrations_platform.secret_text import SecretText
from integrations_platform.yaml_source import Faults, Located, day_of, entries_of

if TYPE_CHECKING:
    from integrations_platform.settings_airbyte import ConnectionSettings

Schema = dict[str, Any]
Secret = Callable[[Located, str], SecretText | None]
"""Text at a key of the section, with its variables; None when it is malformed, which is then a fault."""

DEFAULT_URL = "file://./.integrations/lake"
FORMATS = ("parquet", "ndjson", "csv")
SAMPLES = ("flights",)

OPTIONS: Mapping[str, str] = {
    "region": "s3: of the bucket (default: us-east-1)",
    "endpoint": "s3, abfss: where the API is, when it is not the vendor's own",
    "access_key_id": 's3: "${AWS_ACCESS_KEY_ID:-}"',
    "secret_access_key": 's3: "${AWS_SECRET_ACCESS_KEY:-}"',
    "session_token": 's3: of temporary keys, "${AWS_SESSION_TOKEN:-}"',
    "account_key": 'abfss: "${AZURE_STORAGE_ACCOUNT_KEY:-}"',
    "sas_token": 'abfss: "${AZURE_STORAGE_SAS_TOKEN:-}"',
    "tenant_id": "abfss: of a service principal",
    "client_id": "abfss: of a service principal, or of a managed identity",
    "client_secret": "abfss: of a service principal",
    "machine_identity": "s3, abfss: `yes` asks the machine for its own credentials (instance role, managed identity)",
    "anonymous": "s3, abfss: `yes` reads a public bucket without credentials",
}
"""Options of a store and what each is. All are optional; those of another kind of store than the url's are unused."""

_DATE: Schema = {"type": "string", "pattern": r"\d{4}-\d{2}-\d{2}"}

_SOURCE: Schema = {
    "description": "`files`: written by others below the dataset's prefix and only observed here; or what writes them",
    "oneOf": [
        {"type": "string", "enum": ["files"]},
        {
            "type": "object",
            "properties": {
                "sample": {"type": "string", "enum": list(SAMPLES), "description": "data that comes with the platform"},
                "job": {"type": "string", "description": "a job of databricks.jobs that writes the partitions"},
                "model": {"type": "string", "description": "a model of models.models: its scores"},
                "airbyte": {"type": "string", "description": "a connection of airbyte.connections"},
                "stream": {"type": "string", "description": "of the connection: the stream that is landed"},
                "namespace": {"type": "string", "description": "of the stream, where the connection names one"},
                "sync": {"type": "string", "description": 'a declared sync, or "*" for all of them'},
                "publish": {
                    "type": "string",
                    "enum": ["changes", "state"],
                    "description": "of a sync: each day's changes from its audit, or all linked records as they are",
                },
            },
            "additionalProperties": False,
        },
    ],
}

_DATASET: Schema = {
    "type": "object",
    "description": "a dataset in daily partitions: <url>/<name>/date=YYYY-MM-DD/",
    "properties": {
        "format": {"type": "string", "enum": list(FORMATS), "description": "of the files; csv is only observed"},
        "compression": {
            "type": "string",
            "enum": ["none", "gzip"],
            "description": "of ndjson files that are written here (default: none)",
        },
        "source": _SOURCE,
        "starts": _DATE | {"description": "the first day, YYYY-MM-DD"},
        "ends": _DATE | {"description": "the last day, YYYY-MM-DD (default: it goes on)"},
        "date_column": {
            "type": "string",
            "pattern": "[A-Za-z_][A-Za-z0-9_]{0,62}",
            "description": "a column the writer adds with the partition's date, so that loads by column name have it",
        },
        "late_after_hours": {
            "type": "number",
            "minimum": 0,
            "maximum": 8760,
            "description": "hours after the end of its day (UTC) from which a missing partition is late (default: 24)",
        },
        "may_be_empty": {"type": "boolean", "description": "whether a day without rows is in order (default: false)"},
        "volume": {
            "type": "object",
            "description": "when a partition's row count is out of the ordinary",
            "properties": {
                "days": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 366,
                    "description": "previous partitions whose median is compared with (default: 28)",
                },
                "tolerance": {
                    "type": "number",
                    "minimum": 0.01,
                    "maximum": 1000,
                    "description": "allowed distance from the median, as a fraction of it (default: 0.5)",
                },
                "same_weekday": {
                    "type": "boolean",
                    "description": "compare with the same day of the week only (default: true)",
                },
            },
            "additionalProperties": False,
        },
        "description": {"type": "string", "description": "what the data is, for people"},
        "owner": {"type": "string", "description": "team:name or an e-mail address"},
    },
    "required": ["format", "source", "starts"],
    "additionalProperties": False,
}

SCHEMA: Schema = {
    "type": "object",
    "description": "the date-partitioned lake: files in object storage or in a folder",
    "properties": {
        "url": {
            "type": "string",
            "writeOnly": True,
            "description": "s3://bucket/prefix, abfss://container@account.dfs.core.windows.net/prefix or file://folder",
        },
        "options": {
            "type": "object",
            "description": "what the store needs to be opened",
            "properties": {
                name: {"type": "string", "writeOnly": True, "description": text} for name, text in OPTIONS.items()
            },
            "additionalProperties": False,
        },
        "datasets": {
            "type": "object",
            "description": "datasets by name",
            "propertyNames": {
                "pattern": "^[a-z][a-z0-9_]{0,62}$",
                "description": "a name in lower case: a letter, then letters, digits and underscores",
            },
            "additionalProperties": _DATASET,
        },
    },
    "required": ["url"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class FilesOfOthers:
    """Files that somebody else writes below the dataset's prefix; they are observed, never changed."""


@dataclass(frozen=True)
class SampleData:
    """Data that an installed package brings, by name."""

    name: str


@dataclass(frozen=True)
class SyncOutput:
    """What a sync has done (``changes``) or agreed on (``state``). ``sync`` is its name, or ``*`` for all."""

    sync: str
    publish: Literal["changes", "state"]


@dataclass(frozen=True)
class JobOutput:
    """What a declared job writes, on Databricks or on this machine; its own step makes the partition visible."""

    job: str


@dataclass(frozen=True)
class ModelOutput:
    """The scores that the champion of a declared model gives each day's features."""

    model: str


@dataclass(frozen=True)
class AirbyteOutput:
    """A stream of a declared Airbyte connection. Where no server is set, the step of the connection reads the source
    itself and writes the partition of its day; otherwise Airbyte writes the files, and they are observed."""

    connection: str
    stream: str
    namespace: str = ""


Source = FilesOfOthers | SampleData | SyncOutput | JobOutput | ModelOutput | AirbyteOutput


@dataclass(frozen=True)
class Volume:
    """A partition is out of the ordinary when its rows are further than ``tolerance`` times the median from it: that
    of the ``days`` partitions before, those of the same weekday only if ``same_weekday``."""

    days: int = 28
    tolerance: float = 0.5
    same_weekday: bool = True


@dataclass(frozen=True)
class DatasetSettings:
    """One dataset. ``ends`` None: it goes on. ``date_column``: added by our writer, holding the partition's date."""

    name: str
    format: Literal["parquet", "ndjson", "csv"]
    source: Source
    starts: date
    ends: date | None = None
    compression: Literal["none", "gzip"] = "none"
    date_column: str | None = None
    late_after_hours: float = 24.0
    may_be_empty: bool = False
    volume: Volume = field(default_factory=Volume)
    description: str = ""
    owner: str | None = None


def _embedded_url() -> SecretText:
    return SecretText(DEFAULT_URL, "settings", 1, "lake.url", {})


@dataclass(frozen=True)
class LakeSettings:
    """The lake of one environment. ``url`` and ``options`` are unresolved; options may be secrets."""

    url: SecretText = field(default_factory=_embedded_url)
    options: Mapping[str, SecretText] = field(default_factory=dict)
    datasets: Mapping[str, DatasetSettings] = field(default_factory=dict)


def read(node: Located | None, secret: Secret, faults: Faults) -> LakeSettings | None:
    """The section, already checked against :data:`SCHEMA`; the default when there is none; None with faults noted."""
    if node is None:
        return LakeSettings()
    given = node.get("url")
    url = secret(given, "lake.url") if given else None
    options = {
        name: text
        for name, option in entries_of(node.get("options"))
        if (text := secret(option, f"lake.options.{name}")) is not None
    }
    datasets = {name: _dataset(name, entry, faults) for name, entry in entries_of(node.get("datasets"))}
    known = {name: dataset for name, dataset in datasets.items() if dataset is not None}
    if url is None or faults.within("lake"):
        return None
    return LakeSettings(url, options, known)


def _dataset(name: str, node: Located, faults: Faults) -> DatasetSettings | None:
    path = f"lake.datasets.{name}"
    declared: dict[str, Any] = node.plain()
    source = _source(node, path, faults)
    starts, ends = (day_of(node.get(key), f"{path}.{key}", faults) for key in ("starts", "ends"))
    if starts and ends and ends < starts:
        faults.add(_line(node, "ends"), f"{path}.ends", "is before `starts`", "give the last day of the data")
    if declared["format"] == "csv" and not isinstance(source, FilesOfOthers):
        faults.add(_line(node, "format"), f"{path}.format", "csv is never written here", "use parquet or ndjson")
    for key in ("compression", "date_column"):
        if key in declared and isinstance(source, FilesOfOthers):
            faults.add(_line(node, key), f"{path}.{key}", "has no meaning for files of others", "remove it")
    if declared.get("compression") == "gzip" and declared["format"] == "parquet":
        where = _line(node, "compression"), f"{path}.compression"
        faults.add(*where, "has no meaning for parquet, whose columns are compressed already", "remove it")
    if source is None or starts is None or faults.within(path):
        return None
    volume = declared.get("volume", {})
    return DatasetSettings(
        name,
        declared["format"],
        source,
        starts,
        ends,
        declared.get("compression", DatasetSettings.compression),
        declared.get("date_column"),
        float(declared.get("late_after_hours", DatasetSettings.late_after_hours)),
        declared.get("may_be_empty", DatasetSettings.may_be_empty),
        Volume(
            volume.get("days", Volume.days),
            float(volume.get("tolerance", Volume.tolerance)),
            volume.get("same_weekday", Volume.same_weekday),
        ),
        declared.get("description", ""),
        declared.get("owner"),
    )


def _source(node: Located, path: str, faults: Faults) -> Source | None:
    given = node.get("source")
    if given is None:
        return None
    if given.value == "files":
        return FilesOfOthers()
    said = given.plain()
    if set(said) == {"sample"}:
        return SampleData(said["sample"])
    if set(said) == {"job"}:
        return JobOutput(said["job"])
    if set(said) == {"model"}:
        return ModelOutput(said["model"])
    if set(said) == {"sync", "publish"}:
        return SyncOutput(said["sync"], said["publish"])
    if set(said) in ({"airbyte", "stream"}, {"airbyte", "stream", "namespace"}):
        return AirbyteOutput(said["airbyte"], said["stream"], said.get("namespace", ""))
    remedy = (
        "write `files`, {sample: NAME}, {job: NAME}, {model: NAME}, {airbyte: CONNECTION, stream: NAME}, "
        "or {sync: NAME, publish: changes} (or state)"
    )
    faults.add(given.line, f"{path}.source", "does not say one source", remedy)
    return None


def _line(node: Located, key: str) -> int:
    found = node.get(key)
    return node.line if found is None else found.line


def judge_streams(
    datasets: Mapping[str, DatasetSettings], connections: Mapping[str, ConnectionSettings], faults: Faults
) -> None:
    """Datasets that Airbyte brings name a declared connection and a stream of it, each of which lands in one place."""
    landed: dict[tuple[str, str, str], str] = {}
    for name, dataset in datasets.items():
        source, path = dataset.source, f"lake.datasets.{name}.source"
        if not isinstance(source, AirbyteOutput):
            continue
        connection = connections.get(source.connection)
        if connection is None:
            what = f"no connection is named {brief(source.connection)}"
            faults.add(None, f"{path}.airbyte", what, nearest(source.connection, connections))
            continue
        streams = {each.name for each in connection.streams if source.namespace in ("", each.namespace)}
        if source.stream not in streams:
            what = f"no stream of {connection.name} is named {brief(source.stream)}"
            faults.add(None, f"{path}.stream", what, nearest(source.stream, streams))
        other = landed.setdefault((source.connection, source.namespace, source.stream), name)
        if other != name:
            what = f"is landed by lake.datasets.{other} already"
            faults.add(None, path, what, "remove one of them: where the next read begins is kept once")
