"""The constraints refuse what they are there to refuse, by the very expressions that Gatekeeper evaluates, and take
every manifest of ours."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import celpy
import jsonschema_rs
import pytest
from celpy.adapter import json_to_cel

from integrations_platform_tests.environments.launched import run_job
from integrations_platform_tests.environments.manifests import (
    OVERLAYS,
    Document,
    containers,
    overlay,
    rendered,
    title,
)

pytestmark = pytest.mark.xdist_group("manifests")  # rendered and read once

_LANGUAGE = celpy.Environment()
_GROUPS = {"apps": "apps", "batch": "batch", "v1": ""}


@cache
def _program(expression: str) -> celpy.Runner:
    return _LANGUAGE.program(_LANGUAGE.compile(expression))


def _value(expression: str, variables: dict[str, Any]) -> Any:
    return _program(expression).evaluate({"variables": celpy.celtypes.MapType(variables)})


def _templates() -> dict[str, Document]:
    documents = rendered("security/gatekeeper/templates")
    return {each["spec"]["crd"]["spec"]["names"]["kind"]: each for each in documents}


def _constraints() -> dict[str, Document]:
    return {each["kind"]: each for each in rendered("security/gatekeeper/constraints")}


def _concerns(constraint: Document, manifest: Document) -> bool:
    group = _GROUPS.get(manifest["apiVersion"].partition("/")[0])
    return any(
        group in each["apiGroups"] and manifest["kind"] in each["kinds"]
        for each in constraint["spec"]["match"]["kinds"]
    )


def refusals(manifest: Document) -> dict[str, list[str]]:
    """What each constraint that concerns a manifest says against it."""
    found = {}
    for kind, constraint in _constraints().items():
        if not _concerns(constraint, manifest):
            continue
        source = _templates()[kind]["spec"]["targets"][0]["code"][0]["source"]
        parameters = constraint["spec"].get("parameters", {})
        variables = {
            celpy.celtypes.StringType("anyObject"): json_to_cel(manifest),
            celpy.celtypes.StringType("params"): json_to_cel(parameters),
        }
        for each in source.get("variables", []):
            variables[celpy.celtypes.StringType(each["name"])] = _value(each["expression"], variables)
        said = [each["message"] for each in source["validations"] if not _value(each["expression"], variables)]
        if said:
            found[kind] = said
    return found


def _good() -> Document:
    return copy.deepcopy(next(each for each in overlay("production") if each["metadata"]["name"] == "daemon"))


def _box(manifest: Document) -> Document:
    return containers(manifest)[0]


def _pod(manifest: Document) -> Document:
    return manifest["spec"]["template"]["spec"]


BAD: dict[str, tuple[str, Callable[[Document], Any]]] = {
    "a password in a variable": (
        "NoLiteralSecrets", lambda it: _box(it)["env"].append({"name": "SMTP_PASSWORD", "value": "hunter2"}),
    ),
    "a URL with a password": (
        "NoLiteralSecrets",
        lambda it: _box(it)["env"].append({"name": "STATE", "value": "postgresql://me:hunter2@pg/db"}),
    ),
    "a secret of what prepares the pod": (
        "NoLiteralSecrets",
        lambda it: _pod(it).update(initContainers=[{**_box(it), "env": [{"name": "API_TOKEN", "value": "x"}]}]),
    ),
    "root": ("NonRoot", lambda it: _pod(it)["securityContext"].update(runAsNonRoot=False)),
    "root in one container": ("NonRoot", lambda it: _box(it)["securityContext"].update(runAsNonRoot=False)),
    "nothing said of root": ("NonRoot", lambda it: _pod(it).pop("securityContext")),
    "a way to become root": ("NonRoot", lambda it: _box(it)["securityContext"].update(allowPrivilegeEscalation=True)),
    "privileged": ("NonRoot", lambda it: _box(it)["securityContext"].update(privileged=True)),
    "capabilities": ("NonRoot", lambda it: _box(it)["securityContext"].pop("capabilities")),
    "the host's network": ("NonRoot", lambda it: _pod(it).update(hostNetwork=True)),
    "the host's files": ("NonRoot", lambda it: _pod(it)["volumes"].append({"name": "h", "hostPath": {"path": "/"}})),
    "no limits": ("Limits", lambda it: _box(it)["resources"].pop("limits")),
    "no limit of memory": ("Limits", lambda it: _box(it)["resources"]["limits"].pop("memory")),
    "no resources": ("Limits", lambda it: _box(it).pop("resources")),
    "the latest image": (
        "PinnedImages", lambda it: _box(it).update(image="registry.example.com/integrations-platform:latest"),
    ),
    "no tag": ("PinnedImages", lambda it: _box(it).update(image="registry.example.com/integrations-platform")),
    "a port is no tag": ("PinnedImages", lambda it: _box(it).update(image="registry.example.com:5000/platform")),
    "a registry of somebody's": ("PinnedImages", lambda it: _box(it).update(image="docker.io/somebody/image:1.0")),
    "no labels": ("RequiredLabels", lambda it: it["metadata"].pop("labels")),
    "a label is missing": ("RequiredLabels", lambda it: it["metadata"]["labels"].pop("app.kubernetes.io/part-of")),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_pod_is_refused(what: str) -> None:
    constraint, spoil = BAD[what]
    manifest = _good()
    assert refusals(manifest) == {}
    spoil(manifest)
    assert list(refusals(manifest)) == [constraint]


def test_a_bare_pod_and_a_cron_job_are_held_to_the_same() -> None:
    good = _good()
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}, "spec": _pod(good)}
    cron = {
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": good["metadata"],
        "spec": {"jobTemplate": {"spec": {"template": {"spec": _pod(good)}}}},
    }  # fmt: skip
    assert refusals(pod) == refusals(cron) == {}
    _box(good)["securityContext"]["privileged"] = True
    assert list(refusals(pod)) == list(refusals(cron)) == ["NonRoot"]


def test_secrets_are_made_by_external_secrets_only() -> None:
    secret: Document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "mine"},
        "data": {},
    }
    assert list(refusals(secret)) == ["NoLiteralSecrets"]
    owner = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "x", "uid": "1"}
    assert refusals({**secret, "metadata": {"name": "mine", "ownerReferences": [owner]}}) == {}
    assert refusals({**secret, "type": "kubernetes.io/tls"}) == {}
    assert refusals({**secret, "metadata": {"name": "fernet", "labels": {"heritage": "Helm"}}}) == {}
    assert list(refusals({**secret, "metadata": {"name": "mine", "labels": {"app": "Helm"}}})) == ["NoLiteralSecrets"]


def test_a_config_map_holds_no_credentials() -> None:
    settings: Document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}
    assert (
        refusals({**settings, "data": {"LAKE_URL": "s3://biz-datalake/lake", "note": "see https://a.example/x"}}) == {}
    )
    assert list(refusals({**settings, "data": {"URL": "mysql://me:hunter2@db/shop"}})) == ["NoLiteralSecrets"]
    assert list(refusals({**settings, "data": {"KEY": "-----BEGIN PRIVATE KEY-----"}})) == ["NoLiteralSecrets"]


@pytest.mark.parametrize("name", ["staging", "production"])
def test_every_manifest_of_ours_is_taken(name: str) -> None:
    concerned = 0
    for manifest in overlay(name):
        if manifest["metadata"].get("namespace") == "data" or manifest["kind"] in ("ConfigMap", "Secret"):
            assert refusals(manifest) == {}, title(manifest)
            concerned += any(_concerns(each, manifest) for each in _constraints().values())
    assert concerned > 6


def test_the_job_that_dagster_makes_of_a_run_is_taken() -> None:
    assert refusals(run_job("production")) == {}


def test_every_constraint_has_a_template_that_takes_its_parameters() -> None:
    assert set(_constraints()) == set(_templates())
    for kind, constraint in _constraints().items():
        template = _templates()[kind]
        assert template["metadata"]["name"] == kind.lower(), (
            "Gatekeeper wants the name of the template to be the kind's"
        )
        schema = template["spec"]["crd"]["spec"].get("validation", {}).get("openAPIV3Schema", {"maxProperties": 0})
        parameters = constraint["spec"].get("parameters", {})
        assert jsonschema_rs.is_valid({**schema, "additionalProperties": False}, parameters)
        assert set(parameters) == set(schema.get("properties", {})), kind
        made = {each["metadata"]["name"] for each in overlay(OVERLAYS[-1]) if each["kind"] == "Namespace"}
        assert set(constraint["spec"]["match"]["namespaces"]) <= made
