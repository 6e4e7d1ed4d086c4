"""A model's assets on a real Dagster instance: only what passes the gate leads, and the leader serves and scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import polars as pl
import pytest

from integrations_platform.defs.models import model_assets
from integrations_platform.jobs import load_catalogue
from integrations_platform.lake.lake import Lake
from integrations_platform.models.registry import Registry
from integrations_platform.models.training import Trained, matrix
from integrations_platform_tests.models.conftest import FIRST, INPUTS, LAST, NAME, TARGET, features, history
from integrations_platform_tests.models.kubernetes_api import TOKEN, Api, kubernetes_api
from integrations_platform_tests.servers import free_port

pytestmark = pytest.mark.xdist_group("models")
PARTS = ("trained", "champion", "serving", "scores")
ENVIRONMENT = """
systems: {{}}
state: {{url: "sqlite:///{root}/state.sqlite"}}
lake:
  url: "file://{root}/lake"
  datasets:
    flights: {{format: parquet, source: {{sample: flights}}, starts: 2013-01-01}}
    flight_features: {{format: parquet, source: {{job: features}}, starts: 2013-01-01}}
    arrival_scores: {{format: parquet, source: {{model: {name}}}, starts: 2013-01-01}}
databricks: {{jobs: {{features: {{task: flight_features, reads: flights, starts: 2013-01-01}}}}}}
models:
  tracking: "{tracking}"
  artifacts: "{root}/artifacts"
  kubernetes: {{server: "{cluster}", token: "{token}"}}
  models:
    {name}:
      features: flight_features
      inputs: [{inputs}]
      target: {target}
      gate: {{mae: {gate}}}
      history_days: 3
      starts: 2013-01-01
      serving: {{url: "{serving}"}}
"""


@dataclass
class Workshop:
    """One model in a folder, with the services a test gives it."""

    root: Path
    instance: dg.DagsterInstance
    tracking: str
    name: str
    cluster: str = ""
    serving: str = ""
    gate: float = 5

    @property
    def catalogue(self) -> Any:
        file = self.root / "workshop.yaml"
        file.write_text(
            ENVIRONMENT.format(
                root=self.root, tracking=self.tracking, name=self.name, cluster=self.cluster, serving=self.serving,
                token=TOKEN, gate=self.gate, inputs=", ".join(INPUTS), target=TARGET,
            )
        )  # fmt: skip
        (self.root / "syncs").mkdir(exist_ok=True)
        return load_catalogue(env_file=file, folders=[self.root / "syncs"])

    @property
    def lake(self) -> Lake:
        return Lake.open(self.catalogue.settings.lake)

    @property
    def registry(self) -> Registry:
        return Registry(self.tracking, self.root)

    def materialize(self, *parts: str, day: date = LAST) -> dg.ExecuteInProcessResult:
        keys = [dg.AssetKey(["models", self.name, part]) for part in parts]
        chosen = [asset for asset in model_assets(self.catalogue) if set(keys) & set(asset.keys)]
        return dg.materialize(chosen, partition_key=day.isoformat(), instance=self.instance, raise_on_error=False)

    def told(self, result: dg.ExecuteInProcessResult, part: str) -> dict[str, Any]:
        key = dg.AssetKey(["models", self.name, part])
        (event,) = [each for each in result.get_asset_materialization_events() if each.asset_key == key]
        return {name: value.value for name, value in event.materialization.metadata.items()}

    def failure(self, part: str, day: date = LAST) -> str:
        result = self.materialize(part, day=day)
        assert not result.success
        event = next(event for event in result.all_events if event.is_step_failure)
        return str(event.step_failure_data.user_failure_data.description)


@pytest.fixture
def workshop(tmp_path: Path, mlflow_url: str) -> Any:
    """With three days of features in the lake."""
    with dg.DagsterInstance.ephemeral() as instance:
        made = Workshop(tmp_path, instance, mlflow_url, f"model_{uuid4().hex[:8]}")
        for day, frame in history().items():
            made.lake.write_partition("flight_features", day, frame, "seed")
        yield made


def test_a_day_goes_from_features_to_scores(workshop: Workshop, trained: Trained) -> None:
    with kubernetes_api(Api(looks_until_ready=1)) as api:
        workshop.cluster = api.url
        result = workshop.materialize(*PARTS)
    assert result.success
    assert workshop.told(result, "trained")["mae"] == pytest.approx(trained.metrics["mae"])
    assert (workshop.told(result, "champion")["promoted"], workshop.told(result, "champion")["version"]) == (True, 1)
    assert workshop.told(result, "serving")["applied"]
    (manifest,) = api.applied
    location = manifest["spec"]["predictor"]["model"]["storageUri"]
    assert (Path(location.removeprefix("file://")) / "MLmodel").is_file(), (
        "the cluster finds the files where it is told"
    )
    written = workshop.lake.manifest("arrival_scores", LAST)
    assert written is not None
    scores = workshop.lake.read(written)
    expected = trained.pipeline.predict(matrix(features(LAST), INPUTS)).tolist()
    assert scores["score"].to_list() == pytest.approx(expected)
    assert TARGET not in scores.columns
    assert workshop.told(result, "scores")["scored_by"] == "champion"


def test_the_model_server_gives_the_same_scores_as_the_champion(
    workshop: Workshop, mlflow_url: str, kserve_url: str, trained: Trained
) -> None:
    workshop.name = NAME
    workshop.registry.promote(workshop.registry.register(NAME, trained, LAST, "", {}))
    holes = features(LAST).with_columns(pl.when(pl.int_range(pl.len()) == 2).then(None).otherwise("hour").alias("hour"))
    workshop.lake.write_partition("flight_features", LAST, holes, "holes")
    found = []
    for url in ("", kserve_url):
        workshop.serving = url
        result = workshop.materialize("scores")
        assert result.success
        written = workshop.lake.manifest("arrival_scores", LAST)
        assert written is not None
        found.append((workshop.told(result, "scores"), workshop.lake.read(written)["score"].to_list()))
    (first, own), (second, served) = found
    assert (first["scored_by"], second["scored_by"], second["without_score"]) == ("champion", "model server", 1)
    assert served[2] is None
    assert [each for each in served if each is not None] == pytest.approx([each for each in own if each is not None])


def test_a_version_that_is_not_good_enough_does_not_lead_by_any_way(workshop: Workshop) -> None:
    workshop.gate = 0.5
    result = workshop.materialize("trained", "champion")
    assert not result.success
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.blocking, check.severity) == (False, True, dg.AssetCheckSeverity.ERROR)
    assert "at most 0.5 may pass" in str(check.description)
    assert "is not good enough" in workshop.failure("champion")
    assert workshop.registry.champion(workshop.name) is None
    assert "no version bears the alias champion" in workshop.failure("scores")
    assert workshop.lake.manifest("arrival_scores", LAST) is None


def test_a_backfill_of_earlier_days_does_not_take_the_lead_back(workshop: Workshop) -> None:
    assert workshop.materialize("trained", "champion", day=LAST).success
    result = workshop.materialize("trained", "champion", day=FIRST)
    assert result.success
    assert workshop.told(result, "champion")["promoted"] is False
    champion = workshop.registry.champion(workshop.name)
    assert champion is not None
    assert champion.day == LAST


def test_a_day_without_features_is_said(workshop: Workshop) -> None:
    day = date(2013, 2, 1)
    assert f"lake/flight_features has no partition {day}" in workshop.failure("trained", day)
    assert "no version was trained for 2013-02-01" in workshop.failure("champion", day)


def test_a_registry_that_is_down_fails_the_step_with_its_address(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations_platform.defs import running

    monkeypatch.setattr(running, "RETRIES", 0)
    workshop.tracking = f"http://127.0.0.1:{free_port()}"
    said = workshop.failure("trained")
    assert workshop.tracking in said
    assert "is the MLflow server up" in said


def test_a_rollout_that_fails_shows_the_reason_of_the_cluster(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, trained: Trained
) -> None:
    workshop.registry.promote(workshop.registry.register(workshop.name, trained, LAST, "", {}))
    with kubernetes_api(Api(failing=[403])) as api:
        workshop.cluster = api.url
        assert "check models.kubernetes.token" in workshop.failure("serving")
    assert api.applied == []
