"""Manifests as Kubernetes would get them: overlays rendered by `kubectl kustomize`, and the schemas they are held to.

Skipped where kubectl or the CustomResourceDefinitions are missing; fails where INTEGRATIONS_REQUIRE_MANIFESTS=1 says
that it must not be. The definitions are looked for in `shared/data/crds` beside the checkout, unless INTEGRATIONS_CRDS
names another folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import jsonschema_rs
import pytest
import yaml

Document = dict[str, Any]
ROOT = Path(__file__).parent.parent.parent
ENVIRONMENTS = ROOT / "environments"
OVERLAYS = ("local", "staging", "production")
KUBERNETES = "1.32"


def absent(what: str) -> NoReturn:
    """Skip, or fail where nothing may be skipped."""
    if os.environ.get("INTEGRATIONS_REQUIRE_MANIFESTS") == "1":
        pytest.fail(f"{what} (INTEGRATIONS_REQUIRE_MANIFESTS=1)", pytrace=False)
    pytest.skip(what)


@cache
def rendered(folder: str) -> tuple[Document, ...]:
    """Every document of a kustomization, such as ``kubernetes/overlays/staging``."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        absent("no kubectl on this machine to render manifests with")
    done = subprocess.run(
        [kubectl, "kustomize", str(ENVIRONMENTS / folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


def overlay(name: str) -> tuple[Document, ...]:
    """Every document of an overlay."""
    return rendered(f"kubernetes/overlays/{name}")


def everything() -> list[Document]:
    """Each different document of all overlays, and of the policies beside them."""
    folders = [f"kubernetes/overlays/{name}" for name in OVERLAYS]
    folders += [f"security/gatekeeper/{name}" for name in ("templates", "constraints")]
    return list({yaml.dump(each): each for folder in folders for each in rendered(folder)}.values())


def title(document: Document) -> str:
    """Kind and name, for messages."""
    return f"{document['kind']} {document['metadata']['name']}"


def of_kind(documents: tuple[Document, ...], *kinds: str) -> list[Document]:
    """Those of the kinds."""
    return [each for each in documents if each["kind"] in kinds]


def workloads(documents: tuple[Document, ...]) -> list[Document]:
    """What makes pods."""
    return of_kind(documents, "Deployment", "StatefulSet")


def containers(workload: Document) -> list[Document]:
    """Of its pods, also those that only prepare."""
    pod = workload["spec"]["template"]["spec"]
    return [*pod["containers"], *pod.get("initContainers", [])]


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector fits."""
    wanted = selector.get("matchLabels", {})
    demands = selector.get("matchExpressions", [])
    return all(labels.get(name) == value for name, value in wanted.items()) and all(
        labels.get(each["key"]) in each["values"] if each["operator"] == "In" else each["key"] in labels
        for each in demands
    )


@cache
def _definitions() -> Path:
    folder = Path(os.environ.get("INTEGRATIONS_CRDS") or ROOT.parent / "shared" / "data" / "crds")
    if not folder.is_dir():
        absent(f"no CustomResourceDefinitions in {folder}; INTEGRATIONS_CRDS names another place")
    return folder


def is_custom(document: Document) -> bool:
    """Whether its kind is defined by a CustomResourceDefinition rather than by Kubernetes."""
    group = document["apiVersion"].partition("/")[0]
    return "." in group and not group.endswith(".k8s.io")


@cache
def _custom_schema(group: str, version: str, kind: str) -> jsonschema_rs.Draft202012Validator:
    for path in _definitions().glob(f"{group}_*.yaml"):
        definition = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["spec"]
        if definition["names"]["kind"] != kind:
            continue
        served = {each["name"]: each["schema"] for each in definition["versions"] if each["served"]}
        assert version in served, f"{kind} is not served as {group}/{version}, only as {', '.join(served)}"
        schema = _strict(served[version]["openAPIV3Schema"])
        schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}}
        return jsonschema_rs.Draft202012Validator(schema)
    raise AssertionError(f"no CustomResourceDefinition of {kind} in {group}")


def custom_faults(document: Document) -> Iterator[str]:
    """What the CustomResourceDefinition of its kind refuses about it."""
    group, _, version = document["apiVersion"].partition("/")
    for fault in _custom_schema(group, version, document["kind"]).iter_errors(document):
        yield f"{title(document)}: {'.'.join(map(str, fault.instance_path))}: {fault.message}"


def _strict(schema: Any) -> Any:
    """An OpenAPI schema of Kubernetes as JSON Schema: fields that are not declared are refused, as the API server
    refuses them when it is asked to be strict."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    # `properties` and the like hold names that are the user's, not keywords.
    named = ("properties", "patternProperties")
    kept = {
        key: {name: _strict(each) for name, each in value.items()} if key in named else _strict(value)
        for key, value in schema.items()
        if not key.startswith("x-kubernetes-") and key not in ("nullable", "example", "format")
    }
    if schema.get("x-kubernetes-int-or-string"):
        kept.pop("type", None)
    if "properties" in kept and not schema.get("x-kubernetes-preserve-unknown-fields"):
        kept.setdefault("additionalProperties", False)
    if schema.get("nullable") and "type" in kept:
        kept["type"] = [kept["type"], "null"]
    return kept
