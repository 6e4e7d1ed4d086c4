"""Syncs that somebody started in Airbyte: each becomes one materialisation, whatever else goes on meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from integrations_platform.defs import airbyte_foreign
from integrations_platform.defs.airbyte_foreign import foreign_syncs
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform_tests.airbyte.conftest import Site
from integrations_platform_tests.airbyte.house import CHARGES, CUSTOMERS, House

CONNECTION = ("airbyte", "stripe_to_postgres")


class Watched(House):
    """A house whose sensor is looked at tick by tick, with its cursor, as the daemon does."""

    cursor: str | None = None

    def tick(self) -> Any:
        """One evaluation; what it reports is stored as the daemon stores it."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = foreign_syncs(self.catalogue)(context)
        if isinstance(result, dg.SensorResult):
            for event in result.asset_events:
                self.instance.report_runless_asset_event(event)
            self.cursor = result.cursor
        return result

    def at_work(self, job_name: str, *keys: tuple[str, ...]) -> dg.DagsterRun:
        """A run that has begun and not ended."""
        wish = {"connection": "stripe_to_postgres", "confirm": "stripe_to_postgres"}
        return self.instance.create_run_for_job(
            self.definitions.resolve_job_def(job_name),
            run_config={"ops": {"clear_then_sync": {"config": wish}}} if job_name == "airbyte_reset_then_sync" else {},
            status=dg.DagsterRunStatus.STARTED,
            asset_selection=frozenset(dg.AssetKey(key) for key in keys) or None,
        )

    def observed(self) -> list[dict[str, Any]]:
        """Metadata of observations of the connection, the newest first."""
        records = self.instance.fetch_observations(dg.AssetKey(CONNECTION), limit=100).records
        return [
            {name: value.value for name, value in record.asset_observation.metadata.items()}
            for record in records if record.asset_observation is not None
        ]  # fmt: skip


@pytest.fixture
def house(tmp_path: Path, site: Site) -> Iterator[Watched]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Watched(tmp_path, site, instance)


def test_a_sync_that_somebody_ran_is_a_materialisation_of_each_stream_once(house: Watched) -> None:
    house.site.somebodys_job(age_seconds=600, seconds=60, streams={"charges": {"rows": 12}})
    for _ in range(3):
        house.tick()
    assert (house.jobs_of(CHARGES), house.jobs_of(CUSTOMERS)) == ([101], [101])
    (told,) = house.told(CHARGES)
    assert (told["rows"], told["how"]) == (12, "observed")
    assert house.site.posts_and_deletes == (0, 0)


def test_a_lost_cursor_tells_nothing_twice(house: Watched) -> None:
    house.site.somebodys_job(age_seconds=600, seconds=60)
    house.site.somebodys_job(age_seconds=300, seconds=60, ends="failed")
    house.tick()
    house.cursor = None
    assert not house.tick().asset_events
    assert len(house.observed()) == 2


def test_a_cursor_that_is_no_cursor_is_as_good_as_none(house: Watched) -> None:
    house.site.somebodys_job(age_seconds=600, seconds=60)
    house.cursor = '{"since": 7}'
    house.tick()
    assert house.jobs_of(CHARGES) == [101]


def test_a_sync_that_runs_is_told_when_it_is_over(house: Watched) -> None:
    house.site.somebodys_job(age_seconds=10, seconds=60)
    house.tick()
    assert house.jobs_of(CHARGES) == []
    house.site.vendor.clock.advance(120)
    house.tick()
    assert house.jobs_of(CHARGES) == [101]


def test_a_sync_of_ours_is_not_told_again(house: Watched) -> None:
    house.sync()
    house.tick()
    assert house.jobs_of(CHARGES) == [101]
    assert house.told(CHARGES)[0]["how"] == "started"


@pytest.mark.parametrize(
    ("job", "keys"),
    [
        ("airbyte_stripe_to_postgres_job", ()),
        ("airbyte_all_job", ()),
        ("airbyte_reset_then_sync", ()),
        ("__ASSET_JOB", (CHARGES, CUSTOMERS)),
    ],
)
def test_a_sync_that_a_run_may_be_about_to_tell_waits_for_its_end(
    house: Watched, job: str, keys: tuple[tuple[str, ...], ...]
) -> None:
    run = house.at_work(job, *keys)
    house.site.somebodys_job(age_seconds=600, seconds=60)
    for _ in range(2):
        house.tick()
    assert house.jobs_of(CHARGES) == []
    house.instance.report_run_failed(run)  # it died and told nothing
    house.tick()
    house.tick()
    assert house.jobs_of(CHARGES) == [101]


def test_a_run_that_tells_before_it_ends_leaves_nothing_to_tell(house: Watched) -> None:
    run = house.at_work("airbyte_stripe_to_postgres_job")
    house.sync()
    house.tick()
    house.instance.report_run_canceled(run)
    house.tick()
    assert house.jobs_of(CHARGES) == [101]


def test_a_run_of_another_connection_holds_up_nothing(house: Watched) -> None:
    house.extra = "    other: {connection_id: c-2, streams: [x]}\n"
    house.at_work("airbyte_other_job")
    house.site.somebodys_job(age_seconds=600, seconds=60)
    house.tick()
    assert house.jobs_of(CHARGES) == [101]


def test_of_a_sync_that_failed_what_arrived_is_told_and_why_the_rest_did_not(house: Watched) -> None:
    failure = {"failureType": "config_error", "failureOrigin": "source", "externalMessage": "Your API key expired",
               "timestamp": 1767225690000, "streamDescriptor": {"name": "customers"}}  # fmt: skip
    house.site.somebodys_job(
        age_seconds=600, seconds=60, ends="failed", streams={"charges": {"state": "COMPLETE"}}, failures=[failure]
    )
    house.tick()
    assert (house.jobs_of(CHARGES), house.jobs_of(CUSTOMERS)) == ([101], [])
    (seen,) = house.observed()
    assert seen["sync_status"] == "failed"
    assert "customers: incomplete: Your API key expired" in seen["message"]


def test_clears_and_syncs_of_undeclared_connections_are_no_syncs_of_ours(house: Watched) -> None:
    house.site.somebodys_job(age_seconds=600, seconds=60, type="clear")
    house.site.vendor.person({"do": "job", "connection": "hubspot_to_postgres", "age_seconds": 600, "seconds": 60})
    assert not house.tick().asset_events
    assert house.jobs_of(CHARGES) == []


def test_many_syncs_are_told_over_several_ticks_in_their_order(house: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airbyte_foreign, "_AT_ONCE", 3)
    for number in range(8):
        house.site.somebodys_job(age_seconds=2000 - number * 100, seconds=60)
    for _ in range(3):
        house.tick()
    assert house.jobs_of(CHARGES) == list(range(108, 100, -1))


def test_a_server_that_is_away_moves_nothing_and_loses_nothing(house: Watched) -> None:
    house.tick()
    before = house.cursor
    house.site.somebodys_job(age_seconds=5, seconds=1)
    house.site.vendor.faults.add(Fault(FaultKind.STATUS, "jobs.list", status=403, times=1))
    result = house.tick()
    assert isinstance(result, dg.SkipReason)
    assert "Airbyte could not be asked" in (result.skip_message or "")
    assert house.cursor == before
    house.tick()
    assert house.jobs_of(CHARGES) == [101]


def test_checks_are_answered_for_what_somebody_else_synced(house: Watched) -> None:
    house.site.somebodys_job(age_seconds=600, seconds=60, streams={"charges": {"rows": 3, "rejected": 1}})
    result = house.tick()
    rejected = [
        event for event in result.asset_events
        if isinstance(event, dg.AssetCheckEvaluation) and event.check_name == "rows_as_expected"
    ]  # fmt: skip
    assert {event.asset_key.path[-1]: event.passed for event in rejected} == {"charges": False, "customers": True}


def test_without_a_server_nobody_else_syncs(house: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRBYTE_MODE", "embedded")
    assert "there is no server" in (house.tick().skip_message or "")
