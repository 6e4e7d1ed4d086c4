"""Streams as datasets of the lake: declared, looked at or observed, and followed by the tables they feed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from integrations_platform.defs.lake import lake_assets, lake_key
from integrations_platform.defs.schedules import daily_schedules, tables_follow
from integrations_platform.defs.warehouse import table_assets
from integrations_platform.job_list import named_jobs
from integrations_platform.jobs import Catalogue, load_catalogue
from integrations_platform.lake import Lake
from integrations_platform.secret_text import SettingsError
from integrations_platform.settings import load_settings

DAY = date(2026, 3, 4)
_ENVIRONMENT = """
systems: {{}}
state: {{url: "sqlite:///{folder}/state.sqlite"}}
airbyte:
  mode: {mode}
  url: http://127.0.0.1:9
  connections:
    shop:
      streams: [orders, {{name: people, namespace: crm}}]
      embedded: {{connector: hubspot, config: {{token: x}}}}
lake:
  url: file://{folder}/lake
  datasets:
    orders: {{format: ndjson, source: {source}, starts: 2026-01-01}}
    people: {{format: parquet, source: {{airbyte: shop, stream: people}}, starts: 2026-01-01}}
warehouse:
  kind: embedded
  folder: {folder}/warehouse
  tables:
    orders: {{dataset: orders, table: analytics.public.orders}}
"""


def _environment(folder: Path, mode: str = "embedded", source: str = "{airbyte: shop, stream: orders}") -> Path:
    file = folder / "test.yaml"
    file.write_text(_ENVIRONMENT.format(folder=folder, mode=mode, source=source))
    return file


def _catalogue(folder: Path, mode: str = "embedded") -> Catalogue:
    (folder / "syncs").mkdir(exist_ok=True)
    return load_catalogue(env_file=_environment(folder, mode), folders=[folder / "syncs"])


def _materialized(catalogue: Catalogue, dataset: str) -> dg.ExecuteInProcessResult:
    assets = [asset for asset in lake_assets(catalogue) if lake_key(dataset) in asset.keys]
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(assets, partition_key=DAY.isoformat(), instance=instance, raise_on_error=False)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{airbyte: shopp, stream: orders}", "no connection is named 'shopp'.*shop"),
        ("{airbyte: shop, stream: order}", "no stream of shop is named 'order'.*orders"),
        ("{airbyte: shop, stream: people}", "is landed by lake.datasets.orders already"),
        ("{airbyte: shop}", "does not say one source"),
    ],
)
def test_a_stream_must_be_declared_and_lands_in_one_place(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(env_file=_environment(tmp_path, source=source))


def test_what_a_sync_here_has_landed_is_looked_at_and_checked(tmp_path: Path) -> None:
    catalogue = _catalogue(tmp_path)
    lake = Lake.open(catalogue.settings.lake)
    manifest = lake.write_partition("orders", DAY, pl.DataFrame({"id": [1, 2]}), "sync")
    (tmp_path / "lake" / "orders" / f"date={DAY}" / "part-00000-leftover.ndjson").write_text('{"id": 3}\n')
    result = _materialized(catalogue, "orders")
    assert result.success
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["rows"].value == 2
    assert len(result.get_asset_check_evaluations()) == 4
    assert lake.manifest("orders", DAY) == manifest


def test_a_day_without_a_sync_says_so(tmp_path: Path) -> None:
    result = _materialized(_catalogue(tmp_path), "orders")
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert "the connection shop has landed nothing on this day; sync it" in str(failed.event_specific_data)


def test_what_a_server_has_written_is_observed_and_never_tidied_away(tmp_path: Path) -> None:
    catalogue = _catalogue(tmp_path, "server")
    folder = tmp_path / "lake" / "orders" / f"date={DAY}"
    folder.mkdir(parents=True)
    (folder / "2026_03_04_1772625600000_0.jsonl").write_text('{"_airbyte_raw_id": "a", "id": 1}\n')
    assert _materialized(catalogue, "orders").success
    (folder / "2026_03_04_1772629200000_0.jsonl").write_text('{"_airbyte_raw_id": "b", "id": 2}\n')
    lake = Lake.open(catalogue.settings.lake)
    lake.clock = lambda: datetime(2030, 1, 1, tzinfo=UTC)
    assert lake.tidy("orders", DAY) == ()
    assert _materialized(catalogue, "orders").success
    manifest = lake.manifest("orders", DAY)
    assert manifest is not None
    assert lake.read(manifest)["id"].to_list() == [1, 2]


def test_a_dataset_follows_its_stream_and_its_table_follows_the_dataset(tmp_path: Path) -> None:
    catalogue = _catalogue(tmp_path)
    stream = dg.AssetKey(["airbyte", "shop", "orders"])
    specs = {spec.key: spec for asset in lake_assets(catalogue) for spec in asset.specs}
    assert [one.asset_key for one in specs[lake_key("orders")].deps] == [stream]
    assert [one.asset_key for one in specs[lake_key("people")].deps] == [
        dg.AssetKey(["airbyte", "shop", "crm", "people"])
    ]
    assert daily_schedules(named_jobs(catalogue)) == []

    definitions = dg.Definitions(
        assets=[dg.AssetSpec(stream), *lake_assets(catalogue), *table_assets(catalogue)], sensors=[tables_follow()]
    )
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        looked = dg.evaluate_automation_conditions(definitions, instance, evaluation_time=now)
        instance.report_runless_asset_event(dg.AssetMaterialization(stream))
        looked = dg.evaluate_automation_conditions(
            definitions, instance, evaluation_time=now.replace(hour=13), cursor=looked.cursor
        )
        assert looked.get_requested_partitions(lake_key("orders")) == {DAY.isoformat()}
        assert looked.get_requested_partitions(lake_key("people")) == set()
