"""Dagster takes its settings of every kind of place, and the pods of runs are shaped like the others."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dagster import DagsterInstance
from dagster._config import Shape, validate_config
from dagster._core.instance.config import dagster_instance_config_schema, validate_concurrency_config
from sqlalchemy import make_url

from integrations_platform_tests.environments.launched import run_job
from integrations_platform_tests.environments.manifests import (
    ENVIRONMENTS,
    KUBERNETES,
    Document,
    containers,
    overlay,
)

pytestmark = pytest.mark.xdist_group("manifests")  # rendered and read once

PLACES = ("dagster.yaml", "containers/dagster.yaml", "scale-out/dagster.yaml")
SHARED = ("run_retries", "nux", "telemetry", "retention")


@cache
def _settings(place: str) -> Document:
    return yaml.safe_load((ENVIRONMENTS / "dagster" / place).read_text(encoding="utf-8"))


@pytest.mark.parametrize("place", PLACES)
def test_dagster_takes_its_settings(place: str) -> None:
    settings = _settings(place)
    judged = validate_config(Shape(dagster_instance_config_schema()), settings)
    assert judged.success, judged.errors
    validate_concurrency_config(settings)
    for block in settings.values():
        if isinstance(block, dict) and "class" in block:
            kind = getattr(import_module(block["module"]), block["class"])
            judged = validate_config(kind.config_type(), block.get("config", {}))
            assert judged.success, judged.errors


def test_a_misspelt_setting_is_refused() -> None:
    wrong = {**_settings("dagster.yaml"), "run_monitorng": {}}
    assert not validate_config(Shape(dagster_instance_config_schema()), wrong).success


def test_what_does_not_depend_on_the_place_is_the_same_everywhere() -> None:
    for key in SHARED:
        assert _settings(PLACES[0])[key] == _settings(PLACES[1])[key] == _settings(PLACES[2])[key]
    limits = [_settings(place)["concurrency"]["runs"]["tag_concurrency_limits"] for place in PLACES]
    pools = [_settings(place)["concurrency"]["pools"] for place in PLACES]
    assert limits[0] == limits[1] == limits[2]
    assert pools[0] == pools[1] == pools[2]


def _code_location(name: str) -> tuple[Document, Document]:
    documents = overlay(name)
    workload = next(
        each for each in documents if each["metadata"]["name"] == "code-location" and each["kind"] == "Deployment"
    )
    pod = workload["spec"]["template"]["spec"]
    return pod, next(each for each in pod["containers"] if each["name"] == "platform")


def test_the_job_of_a_run_is_what_kubernetes_takes_and_has_what_the_code_location_has() -> None:
    job = run_job("production")
    kubernetes_validate.validate(job, KUBERNETES, strict=True)
    pod, box = _code_location("production")
    mine = job["spec"]["template"]["spec"]
    (run,) = containers(job)
    assert run["image"] == box["image"]
    assert run["envFrom"] == box["envFrom"]
    own = {"DAGSTER_CURRENT_IMAGE"}
    assert _by_name(run["env"]) == {name: each for name, each in _by_name(box["env"]).items() if name not in own}
    assert run["securityContext"] == box["securityContext"]
    assert mine["securityContext"] == pod["securityContext"]
    assert _by_name(run["volumeMounts"]) == _by_name(box["volumeMounts"])
    assert {each["name"] for each in mine["volumes"]} == {each["name"] for each in pod["volumes"]}
    accounts = {each["metadata"]["name"] for each in overlay("production") if each["kind"] == "ServiceAccount"}
    assert mine["serviceAccountName"] == pod["serviceAccountName"]
    assert mine["serviceAccountName"] in accounts
    maps = {each["metadata"]["name"] for each in overlay("production") if each["kind"] == "ConfigMap"}
    assert _settings("scale-out/dagster.yaml")["run_launcher"]["config"]["instance_config_map"] in maps


def _by_name(items: list[Document]) -> dict[str, Any]:
    return {each["name"]: each for each in items}


def test_the_values_of_the_chart_say_the_same_as_dagster_yaml() -> None:
    values = _settings("values.yaml")
    settings = _settings("scale-out/dagster.yaml")
    daemon = values["dagsterDaemon"]
    coordinator = daemon["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert _snake(coordinator) == {
        "max_concurrent_runs": settings["concurrency"]["runs"]["max_concurrent_runs"],
        "tag_concurrency_limits": settings["concurrency"]["runs"]["tag_concurrency_limits"],
        **settings["run_queue"],
    }
    for theirs, ours in (("runMonitoring", "run_monitoring"), ("runRetries", "run_retries"), ("sensors", "sensors")):
        assert _snake(daemon[theirs]) == settings[ours]
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    _, box = _code_location("production")
    assert [{"secretRef": each} for each in deployment["envSecrets"]] == box["envFrom"][1:]
    assert [{"configMapRef": each} for each in deployment["envConfigMaps"]] == box["envFrom"][:1]
    assert _by_name(deployment["env"]).items() <= _by_name(box["env"]).items()
    assert f"{deployment['image']['repository']}:{deployment['image']['tag']}" == box["image"]


def _snake(values: dict[str, Any]) -> dict[str, Any]:
    return {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): value for name, value in values.items()}


def test_an_instance_opens_on_a_real_postgresql(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**_settings("containers/dagster.yaml")}
    for block in ("local_artifact_storage", "compute_logs"):  # their folder is the container's
        settings[block] = {**settings[block], "config": {"base_dir": str(tmp_path)}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    url = make_url(postgres_database).set(drivername="postgresql+psycopg2")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url.render_as_string(hide_password=False))
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_runs_count() == 0
        assert instance.storage_directory()
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
