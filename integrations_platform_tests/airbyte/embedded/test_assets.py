"""A connection without a server in Dagster: the same assets, run by a connector here, and the lake after it."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from integrations_platform.defs.airbyte import airbyte_assets
from integrations_platform.defs.lake import lake_assets, lake_key
from integrations_platform.jobs import Catalogue, load_catalogue
from integrations_platform_tests.airbyte.embedded.stage import (
    ORDERS,
    PEOPLE,
    Stage,
    ends,
    rows,
    states_text,
    trouble,
    whole,
)

ORDERS_KEY, PEOPLE_KEY = (dg.AssetKey(["airbyte", "shop", stream]) for stream in ("orders", "people"))


@dataclass
class House:
    """An environment whose connection has a scripted source, and an instance that remembers runs."""

    stage: Stage
    instance: dg.DagsterInstance
    mode: str = "incremental"
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def catalogue(self) -> Catalogue:
        folder = self.stage.folder
        config = {"streams": [ORDERS, PEOPLE], "reads": self.stage.reads, **self.config}
        embedded = {"connector": str(self.stage.program), "config": config}
        connection = {"streams": ["orders", "people"], "mode": self.mode, "embedded": embedded}
        datasets = {
            name: {"format": "parquet", "source": {"airbyte": "shop", "stream": name}, "starts": "2026-01-01"}
            for name in ("orders", "people")
        }
        said = {
            "systems": {},
            "state": {"url": f"sqlite:///{folder}/state.sqlite"},
            "airbyte": {"mode": "embedded", "connections": {"shop": connection}},
            "lake": {"url": f"file://{folder}/lake", "datasets": datasets},
        }
        file = folder / "house.yaml"
        file.write_text(yaml.safe_dump(said))
        (folder / "syncs").mkdir(exist_ok=True)
        return load_catalogue(env_file=file, folders=[folder / "syncs"])

    def sync(self) -> dg.ExecuteInProcessResult:
        """The step of the connection."""
        return dg.materialize(airbyte_assets(self.catalogue), instance=self.instance, raise_on_error=False)

    def terminated(self, pipe: int) -> int:
        """Have Dagster end the run that is at work, once its connector hangs; the number of the connector's child."""
        assert select.select([pipe], [], [], 60)[0], "the connector never came to hang"
        child = int(os.read(pipe, 100))
        (run,) = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        self.instance.report_run_canceling(run)
        os.kill(os.getpid(), signal.SIGINT)
        return child

    def land(self, dataset: str) -> dg.ExecuteInProcessResult:
        """The asset of the dataset, today."""
        assets = [asset for asset in lake_assets(self.catalogue) if lake_key(dataset) in asset.keys]
        day = datetime.now(UTC).date().isoformat()
        return dg.materialize(assets, partition_key=day, instance=self.instance, raise_on_error=False)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An empty lake."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield House(Stage(tmp_path), instance)


def _rows(result: dg.ExecuteInProcessResult) -> dict[dg.AssetKey, Any]:
    return {
        event.asset_key: event.materialization.metadata["rows"].value
        for event in result.get_asset_materialization_events()
    }


def _why(result: dg.ExecuteInProcessResult) -> dg.Failure | Any:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data.user_failure_data


def test_a_sync_materialises_its_streams_and_the_lake_has_their_rows(house: House) -> None:
    house.stage.reads = {"*": [*whole("orders", 1, 2, at="noon"), *whole("people", 1, at="noon")]}
    result = house.sync()
    assert result.success, _why(result)
    assert _rows(result) == {ORDERS_KEY: 2, PEOPLE_KEY: 1}
    landed = house.land("orders")
    assert landed.success, _why(landed)
    (event,) = landed.get_asset_materialization_events()
    assert event.materialization.metadata["rows"].value == 2


def test_what_arrived_is_materialised_and_the_failure_names_what_did_not(house: House) -> None:
    house.stage.reads = {
        "*": [*whole("orders", 1), *rows("people", 1), trouble("the page moved", "config_error", "people")]
    }
    result = house.sync()
    assert not result.success
    assert set(_rows(result)) == {ORDERS_KEY}
    assert "the page moved" in str(_why(result).description)


def test_a_run_that_is_terminated_ends_its_connector_lands_nothing_and_goes_on_where_it_was(
    house: House, tmp_path: Path
) -> None:
    """Also of a stream that was complete by then: what a stopped run has read is read again."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    house.stage.reads = {
        "*": [*whole("orders", 1, at="noon"), *whole("people", 1, at="noon")],
        states_text(orders="noon", people="noon"): [
            *whole("orders", 2, at="dusk"), *rows("people", 2), {"do": "hang", "pipe": str(pipe)},
        ],
    }  # fmt: skip
    assert house.sync().success
    lake = tmp_path / "lake"
    before = {file: file.read_bytes() for file in lake.rglob("*") if file.is_file()}
    with pipe.open("r+b", 0) as told, ThreadPoolExecutor(1) as person:
        child = person.submit(house.terminated, told.fileno())
        assert not house.sync().success
    assert ends(child.result())
    assert house.instance.get_runs(limit=1)[0].status is dg.DagsterRunStatus.CANCELED
    assert {file: file.read_bytes() for file in lake.rglob("*") if file.is_file()} == before
    house.stage.reads[states_text(orders="noon", people="noon")] = [*whole("orders", 2), *whole("people", 2)]
    assert _rows(house.sync()) == {ORDERS_KEY: 1, PEOPLE_KEY: 1}


def test_a_wrong_setting_fails_once_and_no_secret_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "pat-secret-4711")
    house.config = {"token": "${SHOP_TOKEN}"}
    said = "the key pat-secret-4711 has expired"
    log = {"type": "LOG", "log": {"level": "ERROR", "message": said}}
    house.stage.reads = {"*": [log, trouble(said, "config_error"), {"do": "exit", "code": 1}]}
    result = house.sync()
    assert "the key … has expired" in str(_why(result).description)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    told = capfd.readouterr()
    assert "pat-secret-4711" not in f"{told.out}{told.err}{result.all_events}"


def test_cdc_without_a_server_says_what_is_needed(house: House) -> None:
    house.mode = "cdc"
    assert "only an Airbyte server can follow" in str(_why(house.sync()).description)
