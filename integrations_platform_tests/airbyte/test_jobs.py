"""Schedules that leave a busy connection alone, the job that clears first, checks, and what follows a sync."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from integrations_platform.definitions import build_definitions
from integrations_platform.defs import running as running_module
from integrations_platform.defs.following import FOLLOW
from integrations_platform.sandbox.airbyte.app import CLIENT_SECRET
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.secret_text import SettingsError
from integrations_platform_tests.airbyte.conftest import Site
from integrations_platform_tests.airbyte.house import CHARGES, CUSTOMERS, House, failure, may_retry
from integrations_platform_tests.defs.conftest import PEOPLE

CONNECTION = dg.AssetKey(["airbyte", "stripe_to_postgres"])


@pytest.fixture
def house(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(running_module, "FIRST_WAIT_SECONDS", 0.0)
    with dg.DagsterInstance.ephemeral() as instance:
        yield House(tmp_path, site, instance)


# Schedules


def tick(house: House) -> Any:
    schedule = house.definitions.get_repository_def().get_schedule_def("airbyte_stripe_to_postgres_schedule")
    return schedule.evaluate_tick(dg.build_schedule_context(instance=house.instance))


def test_a_tick_starts_the_connections_own_job(house: House) -> None:
    assert [request.job_name for request in tick(house).run_requests or ()] in (
        ["airbyte_stripe_to_postgres_job"], [None],
    )  # fmt: skip
    assert house.site.posts_and_deletes == (0, 0), "the tick itself starts nothing"


@pytest.mark.parametrize("kind", ["sync", "clear", "refresh"])
def test_a_tick_is_skipped_while_the_connection_is_busy(house: House, kind: str) -> None:
    house.site.somebodys_job(type=kind, seconds=600)
    data = tick(house)
    assert not data.run_requests
    assert f"it is busy: {kind} job 101 is running" in (data.skip_message or "")


def test_a_tick_that_cannot_ask_starts_the_run_which_says_why(house: House) -> None:
    house.url = "http://127.0.0.1:1"
    assert len(tick(house).run_requests or ()) == 1


# Clearing first


def reset(house: House, **config: Any) -> dg.ExecuteInProcessResult:
    wish = {"connection": "stripe_to_postgres", "confirm": "stripe_to_postgres"} | config
    return house.reset(**wish)


def kinds(house: House) -> list[str]:
    """Types of the jobs there were, in their order."""
    return [job.type for job in house.site.vendor.account.all_jobs()]


def test_a_reset_clears_waits_and_syncs(house: House) -> None:
    house.site.script(seconds=120)
    assert reset(house).success
    assert kinds(house) == ["clear", "sync"]
    assert (house.jobs_of(CHARGES), house.jobs_of(CUSTOMERS)) == ([102], [102])


def test_a_reset_of_some_streams_clears_those_only(house: House) -> None:
    assert reset(house, streams=["public.charges"]).success
    (call,) = [call for call in house.site.vendor.calls if call.operation == "configuration.clear"]
    assert b'"charges"' in call.body
    assert b'"customers"' not in call.body


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"confirm": "yes"}, "not confirmed, and nothing was cleared: `confirm` must say 'stripe_to_postgres'"),
        (
            {"connection": "stripe", "confirm": "stripe"},
            "no connection is named 'stripe'; use one of stripe_to_postgres",
        ),
        ({"streams": ["public.charge"]}, "did you mean public.charges?"),
    ],
)
def test_what_is_not_meant_exactly_so_clears_nothing(house: House, config: dict[str, Any], words: str) -> None:
    result = reset(house, **config)
    assert words in failure(result)
    assert (kinds(house), may_retry(result)) == ([], False)


def test_a_connection_that_syncs_is_not_cleared_under_it(house: House) -> None:
    house.site.somebodys_job(seconds=600)
    assert "is busy: sync job 101 is running; nothing was cleared" in failure(reset(house))
    assert kinds(house) == ["sync"]


def test_a_clear_that_fails_is_followed_by_no_sync(house: House) -> None:
    house.site.script(ends="failed")
    assert "clearing stripe_to_postgres failed (job 101)" in failure(reset(house))
    assert kinds(house) == ["clear"]


def test_a_run_that_died_is_not_cleared_again_by_itself(house: House) -> None:
    assert house.definitions.resolve_job_def("airbyte_reset_then_sync").tags["dagster/max_retries"] == "0"


# Checks of connections


def looked(house: House) -> dict[str, Any]:
    result = house.definitions.resolve_job_def("airbyte_watch_job").execute_in_process(instance=house.instance)
    return {
        item.check_name: item for item in result.get_asset_check_evaluations() if item.asset_key == CONNECTION
    }  # fmt: skip


def test_a_connection_that_is_as_declared_and_synced_lately_is_in_order(house: House) -> None:
    house.site.somebodys_job(age_seconds=3600, seconds=60)
    found = looked(house)
    assert {name: item.passed for name, item in found.items()} == {"as_declared": True, "fresh": True}
    assert "it last synced well 1.0 hours ago; 12 hours are allowed" in found["fresh"].description


def test_a_connection_that_never_synced_well_is_not_fresh(house: House) -> None:
    house.site.somebodys_job(age_seconds=3600, seconds=60, ends="failed")
    house.site.somebodys_job(age_seconds=80_000, seconds=60, type="clear")
    found = looked(house)["fresh"]
    assert (found.passed, "it has never synced well" in found.description) == (False, True)


def test_streams_that_drifted_are_named_and_serious_where_a_declared_one_is_gone(house: House) -> None:
    house.site.vendor.person(
        {"do": "streams", "connection": "stripe_to_postgres",
         "streams": [{"name": name, "namespace": schema} for name, schema in (
             ("charges", "public"), ("refunds", "public"), ("charges", "archive"))]}
    )  # fmt: skip
    found = looked(house)["as_declared"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "stream public.customers is declared and not synced by Airbyte" in found.description
    assert "Airbyte syncs stream public.refunds, which is not declared" in found.description
    assert found.metadata["differences"].value == 3


def test_a_stream_that_only_airbyte_knows_is_a_warning(house: House) -> None:
    streams = ["charges", "customers", "refunds"]
    house.site.vendor.person({"do": "streams", "connection": "stripe_to_postgres", "streams": streams})
    found = looked(house)["as_declared"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_a_paused_connection_is_serious_and_says_why(house: House) -> None:
    house.site.vendor.person({"do": "pause", "connection": "stripe_to_postgres", "reason": "too many failures"})
    found = looked(house)["as_declared"]
    assert found.severity == dg.AssetCheckSeverity.ERROR
    assert "it is inactive (too many failures) and does not sync" in found.description


def test_an_id_that_is_none_names_the_remedy_and_stops_no_other(house: House) -> None:
    house.extra = "    other: {connection_id: 9f0ff0ee-0000-4000-8000-000000000000, streams: [x]}\n"
    result = house.definitions.resolve_job_def("airbyte_watch_job").execute_in_process(instance=house.instance)
    found = {
        (item.asset_key.path[-1], item.check_name): item for item in result.get_asset_check_evaluations()
    }  # fmt: skip
    other = found["other", "as_declared"]
    assert (other.severity, "correct its id" in other.description) == (dg.AssetCheckSeverity.ERROR, True)
    assert found["stripe_to_postgres", "as_declared"].passed


def test_a_server_that_is_away_is_a_warning_of_each_connection(house: House) -> None:
    house.site.vendor.faults.add(Fault(FaultKind.STATUS, "connections.*", status=403, times=None))
    found = looked(house)
    assert {item.severity for item in found.values()} == {dg.AssetCheckSeverity.WARN}
    assert all("Airbyte could not be asked" in item.description for item in found.values())
    assert not any(CLIENT_SECRET in str(item) for item in found.values())


# What follows a sync


def test_a_unified_sync_follows_the_stream_it_names(house: House) -> None:
    house.systems = "{crm: {kind: sqlite, path: ./crm.sqlite}, shop: {kind: sqlite, path: ./shop.sqlite}}"
    house.syncs = {"people": PEOPLE + "after: [airbyte/stripe_to_postgres/customers]\n"}
    definitions = house.definitions
    sensor = definitions.get_repository_def().get_sensor_def(FOLLOW)
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    people = dg.AssetKey("people")
    node = definitions.resolve_asset_graph().get(people)
    assert node.parent_keys == {dg.AssetKey(CUSTOMERS)}

    first = dg.evaluate_automation_conditions(definitions, instance=house.instance)
    assert first.total_requested == 0, "what was never synced is followed by nothing"
    house.sync()
    second = dg.evaluate_automation_conditions(definitions, instance=house.instance, cursor=first.cursor)
    assert second.get_num_requested(people) == 1
    third = dg.evaluate_automation_conditions(definitions, instance=house.instance, cursor=second.cursor)
    assert third.get_num_requested(people) == 0, "once for each sync"


def test_a_connection_follows_another_as_a_whole(house: House) -> None:
    house.extra = (
        "    after_it: {connection_id: c-2, streams: [x, y], upstream: [airbyte/stripe_to_postgres/charges]}\n"
    )
    definitions = house.definitions
    sensor = definitions.get_repository_def().get_sensor_def("airbyte_follow")
    assert (sensor.default_status, sensor.run_tags) == (
        dg.DefaultSensorStatus.STOPPED, {"airbyte/workspace": house.catalogue.settings.name},
    ), "an instance limits runs of one Airbyte by that tag"  # fmt: skip
    first = dg.evaluate_automation_conditions(definitions, instance=house.instance)
    house.sync()
    second = dg.evaluate_automation_conditions(definitions, instance=house.instance, cursor=first.cursor)
    wanted = {dg.AssetKey(["airbyte", "after_it", name]) for name in ("x", "y")}
    assert {result.key for result in second.results if not result.true_subset.is_empty} == wanted


def test_a_stream_that_did_not_arrive_is_followed_by_nothing(house: House) -> None:
    house.systems = "{crm: {kind: sqlite, path: ./crm.sqlite}, shop: {kind: sqlite, path: ./shop.sqlite}}"
    house.syncs = {"people": PEOPLE + "after: [airbyte/stripe_to_postgres/customers]\n"}
    definitions = house.definitions
    first = dg.evaluate_automation_conditions(definitions, instance=house.instance)
    house.site.script(ends="failed", streams={"charges": {"state": "COMPLETE"}})
    house.sync()
    second = dg.evaluate_automation_conditions(definitions, instance=house.instance, cursor=first.cursor)
    assert second.total_requested == 0


def test_a_sync_that_follows_nothing_that_is_there_is_refused_at_load(house: House) -> None:
    house.systems = "{crm: {kind: sqlite, path: ./crm.sqlite}, shop: {kind: sqlite, path: ./shop.sqlite}}"
    house.syncs = {"people": PEOPLE + "after: [airbyte/stripe_to_postgres/customer]\n"}
    with pytest.raises(
        SettingsError, match=r"sync people: after: .* did you mean airbyte/stripe_to_postgres/customers"
    ):
        build_definitions(house.catalogue)
