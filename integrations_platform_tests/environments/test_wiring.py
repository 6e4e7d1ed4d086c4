"""Every variable that a pod gets is read, every one that is read is given, and every key of a Secret is there."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus, urlsplit

import pytest
import yaml

from integrations_platform.jobs import SYNCS_VARIABLE
from integrations_platform.settings import ENVIRONMENT_VARIABLE, FILE_VARIABLE, load_settings
from integrations_platform.warehouse.airflow_connection import read_airflow_connection
from integrations_platform_tests.environments.manifests import (
    ENVIRONMENTS,
    OVERLAYS,
    Document,
    containers,
    of_kind,
    overlay,
    title,
    workloads,
)
from integrations_platform_tests.environments.variables import variables_read

pytestmark = pytest.mark.xdist_group("manifests")  # rendered and read once

NOT_GIVEN = {
    "HUBSPOT_BASE_URL": "stand-ins only", "GOOGLE_SHEETS_BASE_URL": "stand-ins only", "LAKE_ENDPOINT": "stand-ins only",
    "QUICKBOOKS_BASE_URL": "stand-ins only", "QUICKBOOKS_TOKEN_URL": "stand-ins only",
    "AIRBYTE_EMBEDDED_EXECUTABLE": "there is a server", "AIRBYTE_AUTH_MODE": "found out",
    "AWS_ACCESS_KEY_ID": "the lake is opened by the pod's identity", "AWS_SECRET_ACCESS_KEY": "the same",
    "AWS_SESSION_TOKEN": "the same", "AZURE_STORAGE_ACCOUNT_KEY": "the same", "AZURE_STORAGE_SAS_TOKEN": "the same",
    "DATABRICKS_TOKEN": "a service principal instead", "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "a key without one",
    "SLACK_BOT_TOKEN": "the incoming webhook instead", "SLACK_CHANNEL": "the same",
}  # fmt: skip
"""Variables of the production environment that no manifest gives, and why."""
DAGSTER = {"DAGSTER_HOME", "DAGSTER_CURRENT_IMAGE"}
AIRFLOW = {"AIRFLOW_CONN_DATABRICKS_DEFAULT"}  # for its own operators; written from the same credential
_TEMPLATE = re.compile(r"\{\{\s*\.(?P<name>\w+)(?P<pipes>[^}]*)\}\}")
_PIPES = {
    "toJson": json.dumps,
    "urlquery": quote_plus,
    "b64enc": lambda text: b64encode(text.encode()).decode(),
}


def _references(value: Any) -> set[str]:
    """Variables that a dagster.yaml reads."""
    if isinstance(value, dict):
        if set(value) == {"env"} and isinstance(value["env"], str):
            return {value["env"]}
        return {name for each in value.values() for name in _references(each)}
    return {name for each in value for name in _references(each)} if isinstance(value, list) else set()


def _keys(secret: Document) -> set[str]:
    """Keys of the Secret that an ExternalSecret makes."""
    template = secret["spec"].get("target", {}).get("template", {}).get("data")
    return set(template or {each["secretKey"] for each in secret["spec"]["data"]})


def _secrets() -> dict[tuple[str, str], set[str]]:
    """Keys of every Secret there is, by namespace and name. With the overlay `local` two of them are made by hand."""
    documents = overlay("production")
    made = {
        (each["metadata"]["namespace"], each["spec"]["target"]["name"]): _keys(each)
        for each in of_kind(documents, "ExternalSecret")
    }
    for each in of_kind(documents, "Secret"):
        assert each["type"] == "kubernetes.io/service-account-token", title(each)
        made[each["metadata"]["namespace"], each["metadata"]["name"]] = {"token", "ca.crt", "namespace"}
    return made


def _maps(documents: tuple[Document, ...]) -> dict[tuple[str, str], set[str]]:
    return {
        (each["metadata"]["namespace"], each["metadata"]["name"]): set(each["data"])
        for each in of_kind(documents, "ConfigMap")
    }


def _given(documents: tuple[Document, ...], workload: Document, box: Document) -> set[str]:
    """Variables of a container."""
    namespace, names = workload["metadata"]["namespace"], {each["name"] for each in box.get("env", [])}
    for source in box.get("envFrom", []):
        if "secretRef" in source:
            names |= _secrets()[namespace, source["secretRef"]["name"]]
        else:
            names |= _maps(documents)[namespace, source["configMapRef"]["name"]]
    return names


def _platform(documents: tuple[Document, ...], component: str) -> set[str]:
    workload = next(each for each in workloads(documents) if each["metadata"]["name"] == component)
    box = next(each for each in containers(workload) if each["name"] == "platform")
    return _given(documents, workload, box)


@pytest.mark.parametrize("name", ["staging", "production"])
def test_every_variable_of_the_environment_is_given_or_left_out_for_a_reason(name: str) -> None:
    assert variables_read(name) - _platform(overlay(name), "serve") - {FILE_VARIABLE, SYNCS_VARIABLE} == set(NOT_GIVEN)


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_variable_of_a_pod_is_read(name: str) -> None:
    documents = overlay(name)
    folder = "containers" if name == "local" else "scale-out"
    text = (ENVIRONMENTS / "dagster" / folder / "dagster.yaml").read_text(encoding="utf-8")
    # The credentials of every system are offered in every overlay; locally their Secrets are not there.
    read = (
        variables_read("production") | variables_read("local") | _references(yaml.safe_load(text)) | DAGSTER | AIRFLOW
    )
    for component in ("code-location", "webserver", "daemon", "serve", "toolbox"):
        assert _platform(documents, component) <= read, component


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_environment_of_an_overlay_exists(name: str) -> None:
    settings = next(
        each for each in of_kind(overlay(name), "ConfigMap") if each["metadata"]["name"] == "integrations-settings"
    )
    assert load_settings(settings["data"][ENVIRONMENT_VARIABLE], environ={}).name == name


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_key_that_a_pod_asks_of_a_secret_or_config_map_is_there(name: str) -> None:
    documents = overlay(name)
    secrets, maps = _secrets(), _maps(documents)
    claims = {each["metadata"]["name"] for each in of_kind(documents, "PersistentVolumeClaim")}
    for workload in workloads(documents):
        namespace = workload["metadata"]["namespace"]
        for box in containers(workload):
            for each in box.get("env", []):
                if reference := each.get("valueFrom", {}).get("secretKeyRef"):
                    assert reference["key"] in secrets[namespace, reference["name"]], (
                        f"{title(workload)} {each['name']}"
                    )
            _given(documents, workload, box)
        pod = workload["spec"]["template"]["spec"]
        volumes = {each["name"]: each for each in pod.get("volumes", [])}
        for volume in volumes.values():
            if "configMap" in volume:
                assert (namespace, volume["configMap"]["name"]) in maps
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
        volumes |= {each["metadata"]["name"]: each for each in workload["spec"].get("volumeClaimTemplates", [])}
        assert {mount["name"] for box in containers(workload) for mount in box.get("volumeMounts", [])} <= set(volumes)


def test_what_a_part_does_not_need_it_does_not_get() -> None:
    documents = overlay("production")
    for component in ("webserver", "daemon"):
        assert not {"HUBSPOT_API_TOKEN", "INTEGRATIONS_STATE_URL"} & _platform(documents, component)


def test_each_credential_is_kept_in_one_place() -> None:
    """A property of a remote secret is one credential: it never goes by two names in one namespace, unless it is
    written into a connection."""
    seen: dict[tuple[str, str, str], set[str]] = {}
    for secret in of_kind(overlay("production"), "ExternalSecret"):
        if "template" in secret["spec"]["target"]:
            continue
        for each in secret["spec"]["data"]:
            place = (secret["metadata"]["namespace"], each["remoteRef"]["key"], each["remoteRef"]["property"])
            seen.setdefault(place, set()).add(secret["metadata"]["name"])
    assert {place: names for place, names in seen.items() if len(names) > 1} == {}


def test_the_secret_of_notifications_has_the_keys_that_airflow_and_the_platform_know() -> None:
    assert _secrets()["data", "airflow-secrets"] == {"slack-webhook-url", "alert-emails"}


def _filled(template: str, values: Mapping[str, str]) -> str:
    def fill(match: re.Match[str]) -> str:
        text = values[match["name"]]
        for pipe in match["pipes"].split("|")[1:]:
            text = _PIPES[pipe.strip()](text)
        return text

    return _TEMPLATE.sub(fill, template)


def test_connections_written_from_secrets_survive_every_character() -> None:
    hostile = 'a"b\\c{}:@/ %é\n}}'
    templates = {
        key: text
        for secret in of_kind(overlay("production"), "ExternalSecret")
        for key, text in secret["spec"]["target"].get("template", {}).get("data", {}).items()
    }
    values = {match["name"]: hostile for text in templates.values() for match in _TEMPLATE.finditer(text)}
    values["key"] = "-----BEGIN PRIVATE KEY-----\nMIIE+/=\n-----END PRIVATE KEY-----\n"
    read = read_airflow_connection(_filled(templates["AIRFLOW_CONN_SNOWFLAKE"], values))
    assert (read["user"], read["account"], read["role"]) == (hostile,) * 3
    assert read["private_key"].strip() == values["key"].strip()
    databricks = json.loads(_filled(templates["AIRFLOW_CONN_DATABRICKS_DEFAULT"], values))
    assert (databricks["login"], databricks["password"]) == (hostile, hostile)
    for key in ("INTEGRATIONS_STATE_URL", "DAGSTER_POSTGRES_URL"):
        parts = urlsplit(_filled(templates[key], values))
        assert (parts.hostname, parts.port, parts.query) == ("postgresql", 5432, "sslmode=require")
        assert unquote_plus(parts.password or "") == hostile


def test_addresses_in_the_cluster_are_those_of_services() -> None:
    documents = overlay("production")
    settings = next(
        each for each in of_kind(documents, "ConfigMap") if each["metadata"]["name"] == "integrations-settings"
    )
    services = {
        f"{each['metadata']['name']}.{each['metadata']['namespace']}.svc.cluster.local:{port['port']}"
        for each in of_kind(documents, "Service") for port in each["spec"].get("ports", [])
    }  # fmt: skip
    inside = [urlsplit(url).netloc for url in settings["data"].values() if ".svc.cluster.local" in url]
    assert len(inside) == 2
    assert set(inside) <= services


@pytest.mark.parametrize("name", ["staging", "production"])
def test_prometheus_finds_the_services_it_is_told_of(name: str) -> None:
    documents = overlay(name)
    for monitor in of_kind(documents, "ServiceMonitor"):
        wanted, spaces = monitor["spec"]["selector"]["matchLabels"], monitor["spec"]["namespaceSelector"]["matchNames"]
        found = [
            each for each in of_kind(documents, "Service")
            if each["metadata"]["namespace"] in spaces and wanted.items() <= each["metadata"]["labels"].items()
        ]  # fmt: skip
        assert len(found) == 1, title(monitor)
        for each in monitor["spec"]["endpoints"]:
            token = each["authorization"]["credentials"]
            assert token["key"] in _secrets()[monitor["metadata"]["namespace"], token["name"]]
        assert {each["port"] for each in monitor["spec"]["endpoints"]} <= {
            port["name"] for port in found[0]["spec"]["ports"]
        }


def test_the_rules_in_the_cluster_are_those_that_promtool_has_tried() -> None:
    documents = overlay("production")
    observability = ENVIRONMENTS / "observability"
    tried = yaml.safe_load((observability / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))
    (rule,) = of_kind(documents, "PrometheusRule")
    assert rule["spec"] == tried
    asked = set(
        re.findall(r'job="(\w+)"', "".join(each["expr"] for group in tried["groups"] for each in group["rules"]))
    )
    jobs = {
        each["replacement"]
        for monitor in of_kind(documents, "ServiceMonitor")
        for endpoint in monitor["spec"]["endpoints"]
        for each in endpoint["relabelings"]
        if each["targetLabel"] == "job"
    }
    assert asked
    assert asked <= jobs


def test_the_dashboard_in_the_cluster_is_the_one_in_the_repository() -> None:
    dashboard = ENVIRONMENTS / "observability" / "grafana" / "integrations.json"
    documents = of_kind(overlay("production"), "ConfigMap")
    (given,) = (each["data"] for each in documents if each["metadata"].get("labels", {}).get("grafana_dashboard"))
    assert json.loads(given[dashboard.name]) == json.loads(dashboard.read_text(encoding="utf-8"))


def test_airflow_is_given_what_its_tasks_and_callbacks_read() -> None:
    values = yaml.safe_load((ENVIRONMENTS / "airflow" / "values.yaml").read_text(encoding="utf-8"))
    for each in values["secret"]:
        assert each["secretKey"] in _secrets()["data", each["secretName"]], each
    assert _secrets()["data", values["data"]["metadataSecretName"]] == {"connection"}
    whole = yaml.safe_load(values["extraEnvFrom"])
    assert ("data", whole[0]["configMapRef"]["name"]) in _maps(overlay("production"))
    assert all(("data", each["secretRef"]["name"]) in _secrets() for each in whole[1:])
    given = {each["envName"] for each in values["secret"]} | {each["name"] for each in values["env"]}
    assert given >= {
        "ENABLE_SLACK", "SLACK_WEBHOOK_URL", "ENABLE_EMAIL", "ALERT_EMAILS", "AIRBYTE_API_URL", "AIRBYTE_API_USERNAME",
        "AIRBYTE_API_PASSWORD", "AIRFLOW_CONN_SNOWFLAKE",
    }  # fmt: skip
    own = {name for name in given if name.startswith("AIRFLOW_CONN_")} | {"INTEGRATIONS_CATALOGUE"}  # read by the shim
    assert given - own <= variables_read("production")
    assert values["workers"]["env"] == values["env"]
    hosts = {urlsplit(url).hostname for each in values["env"] for url in re.findall(r"http://[^\"]+", each["value"])}
    services = {
        f"{each['metadata']['name']}.{each['metadata']['namespace']}.svc.cluster.local"
        for each in of_kind(overlay("production"), "Service")
    }
    assert hosts
    assert hosts <= services
