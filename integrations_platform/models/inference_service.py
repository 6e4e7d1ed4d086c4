"""The InferenceService of a version, as KServe's API `serving.kserve.io/v1beta1` describes it.

Renders only; :mod:`.cluster` applies it. The model is served from a copy of its files in object storage, because
KServe's storage initializer reads s3 and Azure blobs and knows nothing of MLflow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from integrations_platform.models.faults import ModelFault
from integrations_platform.service_faults import FaultKind

API_VERSION = "serving.kserve.io/v1beta1"
_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_ABFSS = re.compile(r"abfss://(?P<container>[^@/]+)@(?P<account>[^./]+)\.dfs\.core\.windows\.net/(?P<path>.+)")


@dataclass(frozen=True)
class Serving:
    """How a model is served. ``service_account`` holds the storage credentials in the cluster."""

    namespace: str = "models"
    service_account: str = ""
    min_replicas: int = 1
    max_replicas: int = 2
    cpu: str = "500m"
    memory: str = "1Gi"
    labels: Mapping[str, str] = field(default_factory=dict)


def service_name(model: str) -> str:
    """The name of a model's InferenceService: a DNS label. Raises ModelFault for a name that makes none."""
    name = model.replace("_", "-")
    if not _LABEL.fullmatch(name):
        raise ModelFault(
            FaultKind.CONFIGURATION, f"{model!r} makes no name in Kubernetes; at most 63 letters and digits"
        )
    return name


def storage_uri(location: str) -> str:
    """``location`` of a lake as KServe's storage initializer takes it: Azure by its blob address, others unchanged."""
    found = _ABFSS.fullmatch(location)
    if found is None:
        return location
    return f"https://{found['account']}.blob.core.windows.net/{found['container']}/{found['path']}"


def inference_service(model: str, version: int, day: str, location: str, serving: Serving) -> dict[str, Any]:
    """The manifest. The version is part of it, so that another version is a change that Kubernetes rolls out."""
    resources = {"cpu": serving.cpu, "memory": serving.memory}
    predictor: dict[str, Any] = {
        "minReplicas": serving.min_replicas,
        "maxReplicas": serving.max_replicas,
        "model": {
            "modelFormat": {"name": "mlflow"},
            "protocolVersion": "v2",
            "storageUri": storage_uri(location),
            "resources": {"requests": dict(resources), "limits": dict(resources)},
        },
    }
    if serving.service_account:
        predictor["serviceAccountName"] = serving.service_account
    return {
        "apiVersion": API_VERSION,
        "kind": "InferenceService",
        "metadata": {
            "name": service_name(model),
            "namespace": serving.namespace,
            "labels": {"app.kubernetes.io/managed-by": "integrations-platform", **serving.labels},
            "annotations": {
                "integrations-platform/model": model,
                "integrations-platform/version": str(version),
                "integrations-platform/features-day": day,
            },
        },
        "spec": {"predictor": predictor},
    }


def text_of(manifest: Mapping[str, Any]) -> str:
    """The manifest as YAML."""
    return yaml.safe_dump(dict(manifest), sort_keys=False)
