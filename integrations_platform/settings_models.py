"""The `models:` section of an environment: where models are kept and served, and which are trained from which features.

Owns the section's schema and its reading. Addresses and tokens stay unresolved text; nothing is called here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from integrations_platform.secret_text import SecretText
from integrations_platform.yaml_source import Faults, Located, day_of, entries_of

Schema = dict[str, Any]
Secret = Callable[[Located, str], SecretText | None]

DEFAULT_TRACKING = "sqlite:///./.integrations/mlflow.sqlite"
DEFAULT_ARTIFACTS = "./.integrations/mlflow-artifacts"
METRICS = ("mae", "rmse")

_DATE: Schema = {"type": "string", "pattern": r"\d{4}-\d{2}-\d{2}"}
_BOUND: Schema = {"type": "number", "minimum": 0, "maximum": 1_000_000_000}
_TEXT: Schema = {"type": "string"}

_SERVING: Schema = {
    "type": "object",
    "description": "how the champion is served by KServe",
    "properties": {
        "url": {"type": "string", "writeOnly": True,
                "description": "of a V2 server that scores are asked of (default: the champion itself)"},
        "token": {"type": "string", "writeOnly": True, "description": "bearer token for that server"},
        "service_account": _TEXT | {"description": "in the cluster, with the right to read the lake"},
        "min_replicas": {"type": "integer", "minimum": 0, "maximum": 100,
                         "description": "0 lets it sleep (default: 1)"},
        "max_replicas": {"type": "integer", "minimum": 1, "maximum": 100, "description": "default: 2"},
        "cpu": _TEXT | {"description": 'of one replica, as Kubernetes writes it (default: "500m")'},
        "memory": _TEXT | {"description": "of one replica (default: 1Gi)"},
    },
    "additionalProperties": False,
}  # fmt: skip

_MODEL: Schema = {
    "type": "object",
    "description": "a model of one number, learned from features, by day",
    "properties": {
        "features": _TEXT | {"description": "the lake's dataset it learns from and scores"},
        "inputs": {"type": "array", "items": _TEXT, "minItems": 1, "description": "columns it learns from: numbers"},
        "target": _TEXT | {"description": "the column it predicts: a number"},
        "history_days": {"type": "integer", "minimum": 1, "maximum": 366,
                         "description": "how many days it learns from, up to the partition's own (default: 7)"},
        "gate": {
            "type": "object", "minProperties": 1, "additionalProperties": False,
            "properties": dict.fromkeys(METRICS, _BOUND),
            "description": "what a version may be wrong by at most, on rows it has not learned from, to be promoted",
        },
        "starts": _DATE | {"description": "the first day, YYYY-MM-DD"},
        "ends": _DATE | {"description": "the last day, YYYY-MM-DD (default: it goes on)"},
        "serving": _SERVING,
        "description": _TEXT | {"description": "what it predicts, for people"},
        "owner": _TEXT | {"description": "team:name or an e-mail address"},
    },
    "required": ["features", "inputs", "target", "gate", "starts"],
    "additionalProperties": False,
}  # fmt: skip

SCHEMA: Schema = {
    "type": "object",
    "description": "models: kept in MLflow, promoted by a gate, served by KServe",
    "properties": {
        "tracking": {"type": "string", "writeOnly": True,
                     "description": f"of MLflow: http(s)://… or {DEFAULT_TRACKING} (the default)"},
        "artifacts": _TEXT | {"description": f"folder of the files of a local MLflow (default: {DEFAULT_ARTIFACTS})"},
        "kubernetes": {
            "type": "object",
            "description": "the cluster that serves; without a server manifests are rendered and not applied",
            "properties": {
                "server": {"type": "string", "writeOnly": True, "description": "https://… of the Kubernetes API"},
                "token": {"type": "string", "writeOnly": True, "description": "of a service account"},
                "ca_file": _TEXT | {"description": "the cluster's certificate authority (default: the machine's)"},
                "namespace": _TEXT | {"description": "where models are served (default: models)"},
                "ready_minutes": {"type": "number", "minimum": 0.01, "maximum": 1440,
                                  "description": "how long a rollout may take (default: 10)"},
            },
            "additionalProperties": False,
        },
        "models": {
            "type": "object",
            "description": "models by name; each is the assets models/<name>/…",
            "propertyNames": {
                "pattern": "^[a-z][a-z0-9_]{0,50}$",
                "description": "a name in lower case: a letter, then letters, digits and underscores",
            },
            "additionalProperties": _MODEL,
        },
    },
    "additionalProperties": False,
}  # fmt: skip


def _text(text: str, key: str) -> SecretText:
    return SecretText(text, "settings", 1, f"models.{key}", {})


@dataclass(frozen=True)
class ServingSettings:
    """How one model is served; an empty ``url``: scores are made by the champion itself."""

    url: SecretText = field(default_factory=lambda: _text("", "serving.url"))
    token: SecretText = field(default_factory=lambda: _text("", "serving.token"))
    service_account: str = ""
    min_replicas: int = 1
    max_replicas: int = 2
    cpu: str = "500m"
    memory: str = "1Gi"


@dataclass(frozen=True)
class KubernetesSettings:
    """The cluster; an empty ``server``: none. ``ready`` in seconds."""

    server: SecretText = field(default_factory=lambda: _text("", "kubernetes.server"))
    token: SecretText = field(default_factory=lambda: _text("", "kubernetes.token"))
    ca_file: SecretText = field(default_factory=lambda: _text("", "kubernetes.ca_file"))
    namespace: str = "models"
    ready: float = 600.0


@dataclass(frozen=True)
class ModelSettings:
    """One model. ``gate``: for each metric the most it may be."""

    name: str
    features: str
    inputs: tuple[str, ...]
    target: str
    gate: Mapping[str, float]
    starts: date
    ends: date | None = None
    history_days: int = 7
    serving: ServingSettings = field(default_factory=ServingSettings)
    description: str = ""
    owner: str | None = None


@dataclass(frozen=True)
class ModelsSettings:
    """Where the models of one environment are kept and served, unresolved, and which there are."""

    tracking: SecretText = field(default_factory=lambda: _text(DEFAULT_TRACKING, "tracking"))
    artifacts: str = DEFAULT_ARTIFACTS
    kubernetes: KubernetesSettings = field(default_factory=KubernetesSettings)
    models: Mapping[str, ModelSettings] = field(default_factory=dict)


def read(node: Located | None, secret: Secret, faults: Faults) -> ModelsSettings | None:
    """The section, already checked against :data:`SCHEMA`; the default when there is none; None with faults noted."""
    if node is None:
        return ModelsSettings()
    given = node.get("tracking")
    tracking = secret(given, "models.tracking") if given else None
    cluster = node.get("kubernetes")
    models = {name: model for name, entry in entries_of(node.get("models"))
              if (model := _model(name, entry, secret, faults)) is not None}  # fmt: skip
    kubernetes = KubernetesSettings(
        **_secrets(cluster, ("server", "token", "ca_file"), "models.kubernetes", secret),
        **_plain(cluster, ("namespace",)),
        ready=float(_plain(cluster, ("ready_minutes",)).get("ready_minutes", KubernetesSettings.ready / 60)) * 60,
    )
    if faults.within("models"):
        return None
    where: dict[str, Any] = {"tracking": tracking} if tracking is not None else {}
    return ModelsSettings(**where, **_plain(node, ("artifacts",)), kubernetes=kubernetes, models=models)


def _plain(node: Located | None, keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value.plain() for key, value in entries_of(node) if key in keys}


def _secrets(node: Located | None, keys: tuple[str, ...], path: str, secret: Secret) -> dict[str, Any]:
    found = {key: secret(value, f"{path}.{key}") for key, value in entries_of(node) if key in keys}
    return {key: text for key, text in found.items() if text is not None}


def _model(name: str, node: Located, secret: Secret, faults: Faults) -> ModelSettings | None:
    path = f"models.models.{name}"
    said: dict[str, Any] = node.plain()
    starts, ends = (day_of(node.get(key), f"{path}.{key}", faults) for key in ("starts", "ends"))
    if starts and ends and ends < starts:
        faults.add(node.line, f"{path}.ends", "is before `starts`", "give the last day")
    if said["target"] in said["inputs"]:
        faults.add(node.line, f"{path}.inputs", "holds the target", "a model must not be told what it is to predict")
    serving = node.get("serving")
    shape = ("service_account", "min_replicas", "max_replicas", "cpu", "memory")
    served = ServingSettings(**_secrets(serving, ("url", "token"), f"{path}.serving", secret), **_plain(serving, shape))
    if served.min_replicas > served.max_replicas:
        faults.add(node.line, f"{path}.serving.min_replicas", "is more than max_replicas", "lower it")
    if starts is None or faults.within(path):
        return None
    gate = {metric: float(bound) for metric, bound in said["gate"].items()}
    return ModelSettings(
        name, said["features"], tuple(said["inputs"]), said["target"], gate, starts, ends, serving=served,
        **_plain(node, ("history_days", "description", "owner")),
    )  # fmt: skip
