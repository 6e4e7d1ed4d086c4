"""Every manifest is what Kubernetes and the operators' own definitions take, in every overlay, and what it names is
there."""

from __future__ import annotations

import copy
from datetime import date
from functools import cache

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils as kubernetes_schemas

from integrations_platform.models.inference_service import Serving, inference_service
from integrations_platform.settings import load_settings
from integrations_platform_tests.documentation import TOOLS, command_fault
from integrations_platform_tests.environments.manifests import (
    ENVIRONMENTS,
    KUBERNETES,
    OVERLAYS,
    containers,
    custom_faults,
    everything,
    is_custom,
    of_kind,
    overlay,
    selects,
    title,
    workloads,
)

pytestmark = pytest.mark.xdist_group("manifests")  # rendered and read once


@pytest.fixture(autouse=True)
def _schemas_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_schemas, "schema_contents", _schema)


@cache
def _schema(name: str, version: str) -> object:
    return _read_schema(name, version)


_read_schema = kubernetes_schemas.schema_contents


def test_kubernetes_takes_every_document_of_its_own_kinds() -> None:
    checked = 0
    for document in everything():
        if not is_custom(document):
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
            checked += 1
    assert checked > 50


def test_a_misspelt_field_is_refused() -> None:
    service = next(each for each in overlay("local") if each["kind"] == "Service")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**service, "spec": {**service["spec"], "porst": []}}, KUBERNETES, strict=True)


def test_the_definitions_of_the_operators_take_every_other_document() -> None:
    custom = [each for each in everything() if is_custom(each) and "constraints" not in each["apiVersion"]]
    assert {each["kind"] for each in custom} >= {
        "ExternalSecret", "ClusterSecretStore", "ServiceMonitor", "PrometheusRule", "Certificate", "ConstraintTemplate",
    }  # fmt: skip
    assert [fault for each in custom for fault in custom_faults(each)] == []


def test_an_unknown_field_and_a_version_that_is_not_served_are_refused() -> None:
    secret = next(each for each in overlay("production") if each["kind"] == "ExternalSecret")
    misspelt = copy.deepcopy(secret)
    misspelt["spec"]["refreshIntervall"] = "1h"
    assert any("refreshIntervall" in fault for fault in custom_faults(misspelt))
    with pytest.raises(AssertionError, match="is not served"):
        list(custom_faults({**secret, "apiVersion": "external-secrets.io/v1beta1"}))


def test_the_store_of_the_other_cloud_is_taken_too() -> None:
    text = (ENVIRONMENTS / "security" / "secrets" / "externalsecrets-azure.yaml").read_text(encoding="utf-8")
    azure = yaml.safe_load(text)
    store = next(each for each in overlay("production") if each["kind"] == "ClusterSecretStore")
    assert list(custom_faults(azure)) == []
    assert (azure["kind"], azure["metadata"]["name"]) == (store["kind"], store["metadata"]["name"])


def test_kserve_takes_the_service_of_a_model_that_the_platform_renders() -> None:
    settings = load_settings("production", environ={}).models
    serving = settings.models["arrival_delay"].serving
    shape = Serving(settings.kubernetes.namespace, serving.service_account, serving.min_replicas, serving.max_replicas)
    manifest = inference_service("arrival_delay", 3, str(date(2013, 1, 1)), "s3://lake/models/arrival_delay/3", shape)
    assert list(custom_faults(manifest)) == []
    names = {
        (each["kind"], each["metadata"]["name"], each["metadata"].get("namespace")) for each in overlay("production")
    }
    assert ("Namespace", shape.namespace, None) in names
    assert ("ServiceAccount", shape.service_account, shape.namespace) in names


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_object_stands_in_a_namespace_that_is_made(name: str) -> None:
    documents = overlay(name)
    made = {each["metadata"]["name"] for each in of_kind(documents, "Namespace")}
    placed = {each["metadata"]["namespace"] for each in documents if "namespace" in each["metadata"]}
    free = [title(each) for each in documents if "namespace" not in each["metadata"]]
    assert placed <= made
    assert all(each.startswith(("Namespace ", "ClusterSecretStore ")) for each in free)


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_service_finds_pods_and_a_port_they_have(name: str) -> None:
    documents = overlay(name)
    for service in of_kind(documents, "Service"):
        if service["spec"].get("type") == "ExternalName":
            continue
        selector = {"matchLabels": service["spec"]["selector"]}
        found = [
            each for each in workloads(documents) if selects(selector, each["spec"]["template"]["metadata"]["labels"])
        ]
        if (
            service["metadata"]["name"] == "airbyte-server"
        ):  # its pods are the chart's, whose container calls the port http
            assert service["spec"]["ports"][0]["targetPort"] == "http"
            continue
        assert found, title(service)
        names = {port["name"] for each in found for box in containers(each) for port in box.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names, title(service)


@pytest.mark.parametrize("name", OVERLAYS)
def test_probes_ask_ports_that_the_container_opens(name: str) -> None:
    for workload in workloads(overlay(name)):
        for box in containers(workload):
            ports = {port[key] for port in box.get("ports", []) for key in ("name", "containerPort")}
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                for way in ("httpGet", "grpc", "tcpSocket"):
                    if way in box.get(kind, {}):
                        assert box[kind][way]["port"] in ports, f"{title(workload)} {kind}"


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_containers_are_started_and_asked_with_are_commands_that_exist(name: str) -> None:
    tried = 0
    for workload in workloads(overlay(name)):
        for box in containers(workload):
            asked = (box.get(kind, {}).get("exec", {}).get("command") for kind in ("startupProbe", "livenessProbe"))
            for command in (box.get("args"), *asked):
                if command and command[0] in TOOLS:
                    tried += 1
                    assert command_fault(command) is None, f"{title(workload)}: {command}"
    assert tried >= 7


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_scales_and_what_guards_has_something_to_scale_and_guard(name: str) -> None:
    documents = overlay(name)
    deployments = {each["metadata"]["name"]: each for each in of_kind(documents, "Deployment")}
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in of_kind(documents, "HorizontalPodAutoscaler")}
    assert scaled == {"serve", "webserver"}
    for scaler in scaled:
        assert "replicas" not in deployments[scaler]["spec"], "the number is the autoscaler's to say"
    guarded = {
        workload
        for budget in of_kind(documents, "PodDisruptionBudget")
        for workload, each in deployments.items()
        if selects(budget["spec"]["selector"], each["spec"]["template"]["metadata"]["labels"])
    }
    assert guarded == scaled
    daemon = deployments["daemon"]["spec"]
    assert (daemon["replicas"], daemon["strategy"]["type"]) == (1, "Recreate"), "two daemons tick every schedule twice"


@pytest.mark.parametrize("name", ["staging", "production"])
def test_every_door_leads_to_a_service_and_has_a_certificate(name: str) -> None:
    documents = overlay(name)
    services = {
        (each["metadata"]["namespace"], each["metadata"]["name"], port["name"])
        for each in of_kind(documents, "Service") for port in each["spec"].get("ports", [])
    }  # fmt: skip
    certificates = {
        (each["metadata"]["namespace"], each["spec"]["secretName"], host)
        for each in of_kind(documents, "Certificate") for host in each["spec"]["dnsNames"]
    }  # fmt: skip
    for ingress in of_kind(documents, "Ingress"):
        namespace = ingress["metadata"]["namespace"]
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                target = path["backend"]["service"]
                assert (namespace, target["name"], target["port"]["name"]) in services, title(ingress)
            assert any((namespace, tls["secretName"], rule["host"]) in certificates for tls in ingress["spec"]["tls"])


def test_people_are_asked_who_they_are_before_they_reach_dagster() -> None:
    for ingress in of_kind(overlay("production"), "Ingress"):
        for rule in ingress["spec"]["rules"]:
            if any(path["backend"]["service"]["name"] == "dagster-webserver" for path in rule["http"]["paths"]):
                assert "nginx.ingress.kubernetes.io/auth-url" in ingress["metadata"]["annotations"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_runs_start_from_the_image_of_the_code_location(name: str) -> None:
    documents = overlay(name)
    images = {each["metadata"]["name"]: containers(each) for each in workloads(documents)}
    ours = {
        box["image"] for part in ("code-location", "webserver", "daemon", "serve", "toolbox") for box in images[part]
    }
    assert len(ours) == 1
    box = next(box for box in images["code-location"] if box["name"] == "platform")
    assert {each["name"]: each.get("value") for each in box["env"]}["DAGSTER_CURRENT_IMAGE"] == box["image"]


def test_every_file_is_part_of_a_kustomization() -> None:
    """A manifest that nothing refers to is applied by nobody."""
    for folder in sorted({path.parent for path in ENVIRONMENTS.rglob("kustomization.yaml")}):
        text = (folder / "kustomization.yaml").read_text(encoding="utf-8")
        loose = [
            path.name for path in folder.iterdir() if path.suffix in (".yaml", ".env", ".sql") and path.name not in text
        ]
        assert loose in ([], ["kustomization.yaml"]), folder
