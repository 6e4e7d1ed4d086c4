"""Tables as Dagster's assets: what they say of themselves, what a load leaves behind, what a failed one does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from integrations_platform.definitions import build_definitions
from integrations_platform.jobs import Catalogue
from integrations_platform.warehouse.reload import CHECKS
from integrations_platform_tests.warehouse.house import DAY, NEXT, House

SALES = dg.AssetKey(["warehouse", "sales"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def assets(house: House) -> dg.Definitions:
    return build_definitions(Catalogue(house.settings, ()))


def load(house: House, instance: dg.DagsterInstance, day: object = DAY) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [assets(house).get_assets_def(SALES)], instance=instance, partition_key=str(day), raise_on_error=False
    )


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node("warehouse__sales")
    return {name: value.value for name, value in event.metadata.items()}


def test_a_table_says_what_it_is(house: House) -> None:
    graph = assets(house).resolve_asset_graph()
    spec = graph.get(SALES)
    assert (spec.group_name, spec.kinds, spec.pools) == (
        "warehouse",
        {"duckdb", "sql"},
        {"warehouse_analytics_public_sales"},
    )
    assert spec.parent_keys == {dg.AssetKey(["lake", "sales"])}
    assert spec.metadata["dagster/table_name"] == "analytics.public.sales"
    assert [column.name for column in spec.metadata["dagster/column_schema"].columns] == [
        "id", "amount", "sold", "ds", "_src_file", "_loaded_at"
    ]  # fmt: skip
    assert spec.backfill_policy == dg.BackfillPolicy.multi_run(1)
    keys = spec.partitions_def.get_partition_keys() if spec.partitions_def else []
    assert (keys[0], keys[-1]) == ("2025-10-01", "2025-11-30"), "the days of its dataset"
    checks = [graph.get_check_spec(key) for key in graph.asset_check_keys if key.asset_key == SALES]
    assert {check.name for check in checks} == set(CHECKS)
    assert all(check.blocking for check in checks)


def test_a_load_leaves_numbers_the_statement_and_its_checks(house: House, instance: dg.DagsterInstance) -> None:
    manifest = house.sell()
    result = load(house, instance)
    assert result.success
    found = metadata(result)
    assert found["dagster/partition_row_count"] == 2
    assert found["dagster/uri"] == f"file://{house.root}/lake/sales/date=2025-10-30/"
    assert (found["warehouse"], found["files"], found["bytes"], found["rows_deleted"]) == (
        "embedded", 1, manifest.bytes, 0
    )  # fmt: skip
    assert "COPY INTO analytics.public.sales" in found["copy"]
    assert found["query_id"]
    assert {check.check_name for check in result.get_asset_check_evaluations() if check.passed} == set(CHECKS)
    record = instance.get_latest_data_version_record(SALES, partition_key=str(DAY))
    assert record is not None
    assert manifest.content in str(record.event_log_entry)
    assert metadata(load(house, instance))["rows_deleted"] == 2


def test_a_day_that_does_not_agree_fails_its_check_and_claims_nothing(
    house: House, instance: dg.DagsterInstance
) -> None:
    manifest = house.sell()
    (house.root / "lake" / manifest.files[0].key).unlink()
    result = load(house, instance)
    assert not result.success
    assert not result.get_asset_materialization_events()
    (failed,) = result.get_asset_check_evaluations()
    assert (failed.check_name, failed.passed) == ("files_agree", False)
    assert "Materialise lake/sales" in str(failed.description or failed)


def test_a_day_without_a_partition_is_a_failure_without_retries(house: House, instance: dg.DagsterInstance) -> None:
    result = load(house, instance, NEXT)
    (event,) = result.filter_events(lambda event: event.is_step_failure)
    failure = event.step_failure_data
    assert "no partition 2025-10-31 of dataset sales" in failure.user_failure_data.description
    assert not result.filter_events(lambda event: event.event_type_value == "STEP_UP_FOR_RETRY")


def test_a_range_in_one_run_loads_every_day_of_it(house: House, instance: dg.DagsterInstance) -> None:
    house.sell()
    house.sell(NEXT, [9])
    definition = assets(house).get_assets_def(SALES)
    job = dg.Definitions([definition], jobs=[dg.define_asset_job("range", [definition])]).resolve_job_def("range")
    result = job.execute_in_process(
        instance=instance,
        tags={"dagster/asset_partition_range_start": str(DAY), "dagster/asset_partition_range_end": str(NEXT)},
    )
    assert result.success
    assert house.totals() == (("2025-10-30", 2, 4.0), ("2025-10-31", 1, 9.0))


def test_each_night_the_day_before_is_landed_and_its_table_follows(house: House, instance: dg.DagsterInstance) -> None:
    """A dataset that has ended is left to whoever asks for one of its days."""
    definitions = assets(house)
    schedules = {schedule.name: schedule for schedule in definitions.get_repository_def().schedule_defs}
    assert set(schedules) == {f"{name}_daily_schedule" for name in ("notes", "events", "orders")}
    night = datetime(2025, 10, 31, 1, 15, tzinfo=UTC)
    context = dg.build_schedule_context(instance, scheduled_execution_time=night)
    (request,) = schedules["events_daily_schedule"].evaluate_tick(context).run_requests
    assert request.partition_key == "2025-10-30"

    def wanted(cursor: Any) -> Any:
        return dg.evaluate_automation_conditions(definitions, instance, cursor=cursor, evaluation_time=night)

    raw_events, before = dg.AssetKey(["warehouse", "raw_events"]), wanted(None)
    assert before.get_requested_partitions(raw_events) == set()
    instance.report_runless_asset_event(dg.AssetMaterialization(["lake", "events"], partition="2025-10-30"))
    after = wanted(before.cursor)
    assert after.get_requested_partitions(raw_events) == {"2025-10-30"}
    assert wanted(after.cursor).total_requested == 0
