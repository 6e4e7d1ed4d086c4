"""MLflow: a version exists only when its run is whole, the alias is one step, and the server's own words are told."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from integrations_platform.models.faults import ModelFault
from integrations_platform.models.registry import Registry
from integrations_platform.models.training import Trained, matrix
from integrations_platform.service_faults import FaultKind
from integrations_platform_tests.models.conftest import FIRST, INPUTS, LAST, features
from integrations_platform_tests.servers import free_port

pytestmark = pytest.mark.xdist_group("models")


@pytest.fixture
def name() -> str:
    return f"model_{uuid4().hex[:8]}"


@pytest.fixture
def registry(mlflow_url: str, tmp_path: Path) -> Registry:
    return Registry(mlflow_url, tmp_path)


def test_a_version_keeps_parameters_metrics_files_and_what_it_learned_from(
    registry: Registry, trained: Trained, name: str, mlflow_url: str
) -> None:
    from mlflow import MlflowClient  # seconds, and every worker collects every test

    version = registry.register(name, trained, LAST, "abc", {"dagster.run_id": "r1"})
    assert (version.number, version.day, version.content, version.inputs) == (1, LAST, "abc", INPUTS)
    assert version.metrics == pytest.approx(trained.metrics)
    run = MlflowClient(mlflow_url).get_run(version.run_id)
    assert (run.info.status, run.data.params["algorithm"], run.data.tags["dagster.run_id"]) == (
        "FINISHED",
        "ridge",
        "r1",
    )
    rows = matrix(features(LAST), INPUTS)
    assert (registry.load(version).predict(rows) == trained.pipeline.predict(rows)).all()
    assert registry.page(version).startswith(mlflow_url)


def test_the_newest_version_of_a_day_is_found_and_only_of_that_day(
    registry: Registry, trained: Trained, name: str
) -> None:
    assert registry.version_of(name, FIRST) is None
    for day in (FIRST, FIRST, LAST):
        registry.register(name, trained, day, "", {})
    found = registry.version_of(name, FIRST)
    assert found is not None
    assert found.number == 2


def test_the_alias_moves_from_one_version_to_the_next(registry: Registry, trained: Trained, name: str) -> None:
    assert registry.champion(name) is None
    first, second = (registry.register(name, trained, day, "", {}) for day in (FIRST, LAST))
    assert registry.champion(name) is None, "a version is not promoted by being registered"
    for version in (first, second):
        registry.promote(version)
        assert registry.champion(name) == version


def test_a_training_that_cannot_be_kept_leaves_a_failed_run_and_no_version(
    registry: Registry, trained: Trained, name: str, mlflow_url: str
) -> None:
    from mlflow import MlflowClient

    with pytest.raises(Exception, match=r"pickle|local object"):
        registry.register(name, replace(trained, pipeline=lambda rows: rows), LAST, "", {})
    client = MlflowClient(mlflow_url)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FAILED"]
    assert registry.version_of(name, LAST) is None


def test_a_champion_that_was_not_trained_here_is_named(registry: Registry, name: str, mlflow_url: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(mlflow_url)
    run = client.create_run(client.create_experiment(name))
    client.create_registered_model(name)
    client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)
    client.set_registered_model_alias(name, "champion", "1")
    with pytest.raises(ModelFault, match=r"version 1 of .* was not trained here"):
        registry.champion(name)


def test_a_server_that_is_down_is_told_with_its_address_and_may_come_back(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ModelFault, match=rf"{url}.*is the MLflow server up") as caught:
        Registry(url, tmp_path).champion("any")
    assert caught.value.kind is FaultKind.TRANSIENT


def test_without_a_server_a_file_is_the_registry(trained: Trained, tmp_path: Path, database: Path) -> None:
    shutil.copy(database, tmp_path / "mlflow.sqlite")
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.sqlite", tmp_path / "artifacts")
    registry.promote(registry.register("local", trained, LAST, "", {}))
    again = Registry(f"sqlite:///{tmp_path}/mlflow.sqlite", tmp_path / "artifacts").champion("local")
    assert again is not None
    assert list((tmp_path / "artifacts").rglob("model.pkl"))
    assert registry.page(again) == ""
