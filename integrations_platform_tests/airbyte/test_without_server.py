"""The same assets without a server: their step reads the source itself, lands what is complete and names the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from integrations_platform.defs import running as running_module
from integrations_platform.defs.airbyte import airbyte_assets
from integrations_platform.jobs import load_catalogue
from integrations_platform.lake import Lake
from integrations_platform_tests.airbyte.embedded.stage import ORDERS, PEOPLE, Stage, status, trouble, whole
from integrations_platform_tests.airbyte.house import evaluations, failure, may_retry

ENVIRONMENT = """\
systems: {{}}
state: {{url: "sqlite:///{folder}/state.sqlite"}}
lake:
  url: "file://{folder}/lake"
  datasets:
    orders: {{format: parquet, source: {{airbyte: shop, stream: orders}}, starts: 2026-01-01}}
    people: {{format: parquet, source: {{airbyte: shop, stream: people}}, starts: 2026-01-01}}
airbyte:
  mode: embedded
  connections:
    shop: {{streams: [orders, people], embedded: {{connector: "{program}", config: {config}}}}}
"""


class Shop:
    """A connection that is read here, by a source that says what it is told to."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder, self.instance = folder, instance
        self.program = Stage(folder).program

    def sync(self, *said: Any) -> dg.ExecuteInProcessResult:
        config = {"streams": [ORDERS, PEOPLE], "reads": {"*": [each for part in said for each in part]}}
        file = self.folder / "shop.yaml"
        text = ENVIRONMENT.format(folder=self.folder, program=self.program, config=json.dumps(config))
        file.write_text(text)
        self.catalogue = load_catalogue(env_file=file, folders=[])
        return dg.materialize(airbyte_assets(self.catalogue), instance=self.instance, raise_on_error=False)

    def landed(self, dataset: str) -> list[int]:
        lake = Lake.open(self.catalogue.settings.lake)
        days: list[date] = list(lake.days(dataset))
        manifest = lake.manifest(dataset, days[-1]) if days else None
        return [] if manifest is None else sorted(lake.read(manifest)["id"].to_list())

    def told(self, stream: str) -> dict[str, Any]:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(["airbyte", "shop", stream]))
        assert event is not None
        assert event.asset_materialization is not None
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(running_module, "FIRST_WAIT_SECONDS", 0.0)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Shop(tmp_path, instance)


def test_rows_land_and_are_told_as_those_of_a_server_are(shop: Shop) -> None:
    result = shop.sync(whole("orders", 1, 2, at="2026-03-01"), whole("people", 7))
    assert result.success
    assert (shop.landed("orders"), shop.landed("people")) == ([1, 2], [7])
    assert (shop.told("orders")["rows"], shop.told("people")["rows"]) == (2, 1)
    assert all(item.passed for item in evaluations(result).values())


def test_a_stream_that_breaks_off_fails_alone(shop: Shop) -> None:
    broken = [trouble("the vendor is away", "transient_error", "people"), status("people", "INCOMPLETE")]
    result = shop.sync(whole("orders", 1), broken)
    assert "1 of 2 streams arrived" in failure(result)
    assert "people: incomplete: the vendor is away" in failure(result)
    assert (shop.landed("orders"), shop.landed("people")) == ([1], [])
    assert may_retry(result)
