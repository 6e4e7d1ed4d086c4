"""The Job that Dagster's own launcher makes of a run under dagster.yaml of the scale-out, without a cluster."""

from __future__ import annotations

from functools import cache

import yaml
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job
from kubernetes.client import ApiClient

from integrations_platform_tests.environments.manifests import ENVIRONMENTS, Document, containers, overlay


@cache
def run_job(name: str) -> Document:
    """The Job in the overlay ``name``, as it is sent to Kubernetes."""
    settings = yaml.safe_load((ENVIRONMENTS / "dagster" / "scale-out" / "dagster.yaml").read_text(encoding="utf-8"))
    launcher = settings["run_launcher"]["config"]
    location = next(
        each for each in overlay(name) if each["metadata"]["name"] == "code-location" and each["kind"] == "Deployment"
    )
    # As K8sRunLauncher does: its own settings, and the image that the code location says it has.
    shape = {key: launcher[key] for key in ("image_pull_policy", "service_account_name", "run_k8s_config")}
    context = K8sContainerContext.create_from_config({"k8s": {**shape, "namespace": launcher["job_namespace"]}})
    config = DagsterK8sJobConfig(
        job_image=containers(location)[0]["image"], dagster_home=launcher["dagster_home"],
        instance_config_map=launcher["instance_config_map"], image_pull_policy=launcher["image_pull_policy"],
        service_account_name=launcher["service_account_name"],
    )  # fmt: skip
    job = construct_dagster_k8s_job(
        config, args=["dagster", "api", "execute_run"], job_name="dagster-run-1", pod_name="dagster-run-1",
        component="run_worker", user_defined_k8s_config=context.run_k8s_config, labels={"dagster/run-id": "1"},
    )  # fmt: skip
    document: Document = ApiClient().sanitize_for_serialization(job)
    document["metadata"]["namespace"] = launcher["job_namespace"]
    return document
