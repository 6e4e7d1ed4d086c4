"""What Dagster shows of declared connections: keys, jobs, schedules, and what is wrong with one; no server is there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from integrations_platform.definitions import build_definitions
from integrations_platform.defs.airbyte import freshness
from integrations_platform.jobs import Catalogue, load_catalogue
from integrations_platform.settings import SettingsError
from integrations_platform_tests.benchmarks.airbyte_loading import measured, written

FRAME = """
systems: {}
state: {url: "sqlite:///./state.sqlite"}
airbyte:
  url: "http://127.0.0.1:1"
  connections:
"""
STRIPE = """\
    stripe:
      namespace: public
      streams: [charges, {name: customers, namespace: archive}, "Line Items/2026"]
      destination: postgres
      schedule: "0 */6 * * *"
      owner: team:finance
      description: Payments.
"""


def catalogue(tmp_path: Path, connections: str) -> Catalogue:
    file = tmp_path / "env.yaml"
    file.write_text(FRAME + connections)
    return load_catalogue(env_file=file, folders=[])


@pytest.fixture
def location(tmp_path: Path) -> dg.Definitions:
    return build_definitions(catalogue(tmp_path, STRIPE + "    hubspot: {streams: [contacts]}\n"))


def test_each_stream_is_an_asset_with_its_namespace_where_it_has_another(location: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in location.resolve_asset_graph().materializable_asset_keys}
    assert keys == {
        "airbyte/stripe/charges", "airbyte/stripe/archive/customers", "airbyte/stripe/Line_Items_2026",
        "airbyte/hubspot/contacts",
    }  # fmt: skip


def test_an_asset_says_what_is_declared(location: dg.Definitions) -> None:
    graph = location.resolve_asset_graph()
    node = graph.get(dg.AssetKey(["airbyte", "stripe", "charges"]))
    assert (node.group_name, node.owners, node.pools) == ("airbyte", ["team:finance"], {"airbyte_postgres"})
    assert "Payments." in (node.description or "")
    assert graph.get(dg.AssetKey(["airbyte", "hubspot", "contacts"])).pools == {"airbyte_hubspot"}
    checks = {key.name for key in graph.asset_check_keys if key.asset_key == node.key}
    assert checks == {"rows_as_expected"}


def test_a_sync_runs_whole(location: dg.Definitions) -> None:
    (asset,) = [each for each in location.assets or () if isinstance(each, dg.AssetsDefinition) and len(each.keys) == 3]
    assert not asset.can_subset


def test_jobs_and_schedules_are_those_of_the_connections(location: dg.Definitions) -> None:
    repository = location.get_repository_def()
    names = {job.name for job in repository.get_all_jobs()}
    assert {
        "airbyte_stripe_job", "airbyte_hubspot_job", "airbyte_all_job", "airbyte_reset_then_sync", "airbyte_watch_job",
    } <= names  # fmt: skip
    schedules = {each.name: each for each in repository.schedule_defs if "airbyte" in each.name}
    assert schedules["airbyte_stripe_schedule"].cron_schedule == "0 */6 * * *"
    assert "airbyte_hubspot_schedule" not in schedules
    assert {each.default_status for each in schedules.values()} == {dg.DefaultScheduleStatus.STOPPED}
    sensor = repository.get_sensor_def("airbyte_foreign_syncs")
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED


def test_connections_of_the_common_job_run_beside_each_other(location: dg.Definitions) -> None:
    job = location.resolve_job_def("airbyte_all_job")
    assert {node.name for node in job.nodes} == {"airbyte_stripe", "airbyte_hubspot"}
    assert job.executor_def.name == "multiprocess"
    assert not any(job.dependencies.values()), "none waits for another"


def test_a_connection_is_late_after_two_missed_firings_unless_it_says_otherwise(tmp_path: Path) -> None:
    def late(text: str) -> timedelta | None:
        return freshness(catalogue(tmp_path, f"    x: {{streams: [a], {text}}}\n").settings.airbyte.connections["x"])

    assert late('schedule: "0 */6 * * *"') == timedelta(hours=12)
    assert late('schedule: "*/5 * * * *"') == timedelta(hours=1)
    assert late("fresh_within_hours: 2.5") == timedelta(hours=2.5)
    assert late("mode: full") is None


def test_a_connection_may_follow_any_asset_that_is_there(tmp_path: Path) -> None:
    known = "    a: {streams: [x]}\n    b: {streams: [y], upstream: [airbyte/a/x]}\n"
    graph = build_definitions(catalogue(tmp_path, known)).resolve_asset_graph()
    node = graph.get(dg.AssetKey(["airbyte", "b", "y"]))
    assert node.parent_keys == {dg.AssetKey(["airbyte", "a", "x"])}
    assert node.automation_condition is not None
    with pytest.raises(SettingsError, match=r"env.yaml:8: airbyte.connections.b.upstream: .*did you mean airbyte/a/x"):
        build_definitions(catalogue(tmp_path, known.replace("[airbyte/a/x]", "[airbyte/a/xx]")))


def test_fifty_connections_of_twenty_streams_load_at_once(tmp_path: Path) -> None:
    """The figure is the benchmark's; here, on a busy machine, CPU seconds and a wider bound."""
    figures = measured(written(tmp_path, connections=50, streams=20))
    assert figures["assets"] == 1000
    assert figures["cpu_seconds"] < 1.5, figures
