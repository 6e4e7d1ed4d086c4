"""The network policies, evaluated as Kubernetes does: what each part needs is open, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address, ip_network

import pytest

from integrations_platform_tests.environments.launched import run_job
from integrations_platform_tests.environments.manifests import Document, of_kind, overlay, selects, workloads

pytestmark = pytest.mark.xdist_group("manifests")  # rendered and read once


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or with ``address`` something outside the cluster."""

    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict, hash=False)
    address: str = ""


INTERNET, METADATA, OFFICE = End(address="151.101.1.1"), End(address="169.254.169.254"), End(address="10.20.30.40")
"""A SaaS; the cloud's metadata service; a private address: databases, the control plane."""
FOREIGN = {
    "internet": INTERNET, "metadata": METADATA, "private": OFFICE,
    "dns": End("kube-system", {"k8s-app": "kube-dns"}), "ingress": End("ingress-nginx", {}),
    "prometheus": End("monitoring", {}), "elsewhere": End("default", {}),
    "airflow": End("data", {"tier": "airflow"}), "kestra": End("kestra", {}),
    "airbyte": End("integration", {"app.kubernetes.io/name": "server", "app.kubernetes.io/instance": "airbyte"}),
    "connector": End("integration", {"airbyte": "connector"}),
    "model server": End("models", {"serving.kserve.io/inferenceservice": "arrival-delay"}),
}  # fmt: skip
PARTS = ("webserver", "daemon", "code-location", "serve", "toolbox")
OPEN = [
    ("ingress", "webserver", 3000), ("airflow", "webserver", 3000), ("kestra", "webserver", 3000),
    ("ingress", "serve", 8700), ("prometheus", "serve", 8700), ("ingress", "airbyte", 8001),
    ("airflow", "airflow", 9091), ("ingress", "airflow", 8080), ("airflow", "private", 5432),
    ("webserver", "code-location", 3030), ("daemon", "code-location", 3030),
    *((part, "private", 5432) for part in (*PARTS, "run", "mlflow")),
    *((part, "private", 3306) for part in ("run", "serve", "toolbox")),
    *((part, "private", 6443) for part in ("daemon", "webserver", "run")),
    *((part, "internet", 443) for part in ("run", "toolbox", "serve", "code-location", "webserver", "airflow")),
    *((part, "internet", 80) for part in ("run", "toolbox", "airflow")),
    *((part, "airbyte", 8001) for part in ("run", "toolbox", "code-location", "airflow")),
    ("code-location", "internet", 587), ("airflow", "internet", 587),
    ("run", "mlflow", 5000), ("run", "model server", 8080),
    ("model server", "internet", 443), ("mlflow", "internet", 443),
    ("connector", "airbyte", 8001), ("connector", "private", 5432),
    *((part, "dns", 53) for part in ("run", "serve", "daemon", "airflow", "connector", "mlflow")),
]  # fmt: skip
SHUT = [
    *((who, "webserver", 3000) for who in ("run", "serve", "prometheus", "elsewhere", "connector")),
    *((who, "serve", 8700) for who in ("run", "airflow", "elsewhere", "connector")),
    *((who, "code-location", 3030) for who in ("serve", "run", "airflow", "ingress", "elsewhere")),
    *((who, "airflow", 8080) for who in ("run", "serve", "elsewhere")),
    *((who, "airbyte", 8001) for who in ("serve", "webserver", "daemon", "kestra", "elsewhere", "prometheus")),
    *((who, "mlflow", 5000) for who in ("airflow", "serve", "code-location", "elsewhere", "ingress", "model server")),
    *((who, "metadata", 80) for who in ("run", "serve", "code-location", "toolbox", "airflow", "mlflow")),
    ("daemon", "internet", 443), ("run", "internet", 25), ("serve", "private", 6443),
    *((who, "internet", 22) for who in ("run", "serve", "connector")), ("daemon", "private", 3306),
]  # fmt: skip


@cache
def _ends() -> dict[str, End]:
    run = run_job("production")
    ours = {
        each["metadata"]["name"]: End(each["metadata"]["namespace"], each["spec"]["template"]["metadata"]["labels"])
        for each in workloads(overlay("production"))
    }
    return {**FOREIGN, **ours, "run": End("data", run["spec"]["template"]["metadata"]["labels"])}


def _fits(peer: Document, other: End, home: str) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        nets = [ip_network(each) for each in block.get("except", [])]
        return bool(other.address) and (
            ip_address(other.address) in ip_network(block["cidr"])
            and not any(ip_address(other.address) in net for net in nets)
        )
    if other.address:
        return False
    space = {"kubernetes.io/metadata.name": other.namespace}
    if not (selects(peer["namespaceSelector"], space) if "namespaceSelector" in peer else other.namespace == home):
        return False
    return selects(peer.get("podSelector", {}), other.labels)


def _passes(side: str, end: End, other: End, port: int) -> bool:
    """Whether the policies of ``end`` let a connection through on its ``side``, Ingress or Egress."""
    if end.address:
        return True
    policies = [
        each["spec"]
        for each in of_kind(overlay("production"), "NetworkPolicy")
        if each["metadata"]["namespace"] == end.namespace
        and side in each["spec"]["policyTypes"]
        and selects(each["spec"]["podSelector"], end.labels)
    ]
    peers = "from" if side == "Ingress" else "to"
    return not policies or any(
        (not rule.get(peers) or any(_fits(peer, other, end.namespace) for peer in rule[peers]))
        and ("ports" not in rule or port in [each["port"] for each in rule["ports"]])
        for spec in policies
        for rule in spec.get(side.lower(), [])
    )


def _connects(source: str, target: str, port: int) -> bool:
    one, other = _ends()[source], _ends()[target]
    return _passes("Egress", one, other, port) and _passes("Ingress", other, one, port)


def test_what_each_part_needs_is_open() -> None:
    assert [flow for flow in OPEN if not _connects(*flow)] == []


def test_nothing_else_is() -> None:
    assert [flow for flow in SHUT if _connects(*flow)] == []


def test_every_policy_selects_pods_that_there_are() -> None:
    for policy in of_kind(overlay("production"), "NetworkPolicy"):
        namespace, selector = policy["metadata"]["namespace"], policy["spec"]["podSelector"]
        assert any(each.namespace == namespace and selects(selector, each.labels) for each in _ends().values()), policy


def test_what_is_shut_in_one_namespace_is_shut_in_all() -> None:
    documents = overlay("production")
    shut = {
        each["metadata"]["namespace"]
        for each in of_kind(documents, "NetworkPolicy")
        if each["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert shut == {each["metadata"]["name"] for each in of_kind(documents, "Namespace")}
