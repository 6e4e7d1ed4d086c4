"""Connections as assets on a real Dagster instance: what arrived is claimed, and what did not is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from integrations_platform.defs import running as running_module
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.state import open_store
from integrations_platform_tests.airbyte.conftest import Site
from integrations_platform_tests.airbyte.house import (
    CHARGES,
    CUSTOMERS,
    House,
    evaluations,
    failure,
    may_retry,
)

BROKEN = {
    "failureType": "config_error", "failureOrigin": "source", "externalMessage": "Your API key expired",
    "streamDescriptor": {"name": "customers"}, "timestamp": 1767225690000,
}  # fmt: skip


@pytest.fixture
def house(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(running_module, "FIRST_WAIT_SECONDS", 0.0)
    with dg.DagsterInstance.ephemeral() as instance:
        yield House(tmp_path, site, instance)


def test_a_sync_materialises_every_stream_with_its_own_numbers(house: House) -> None:
    house.site.script(streams={"charges": {"rows": 12, "bytes": 3400}, "customers": {"rows": 5}}, seconds=60)
    result = house.sync()
    assert result.success
    (charges,), (customers,) = house.told(CHARGES), house.told(CUSTOMERS)
    assert (charges["rows"], charges["bytes"], charges["rows_rejected"], customers["rows"]) == (12, 3400, 0, 5)
    assert (charges["airbyte_job_id"], charges["how"], charges["attempts"], charges["sync_rows"]) == (
        101,
        "started",
        1,
        17,
    )
    assert "jobId=101" in charges["job"]
    assert "dagster/row_count" not in charges, "rows of an incremental sync are not those of the table"
    assert house.site.posts_and_deletes == (1, 0)


def test_a_full_sync_tells_the_rows_of_the_table(house: House) -> None:
    house.extra = "      mode: full\n"
    assert house.sync().success
    assert house.told(CHARGES)[0]["dagster/row_count"] == 30
    store = open_store(house.catalogue.settings.state.url())
    labels = {"connection": "stripe_to_postgres", "outcome": "succeeded"}
    assert store.counters.read()["airbyte_jobs"] == [(labels, 1.0)]
    store.close()


def test_streams_that_arrived_are_claimed_and_the_others_named_with_airbytes_reason(house: House) -> None:
    house.site.script(ends="failed", streams={"charges": {"state": "COMPLETE", "rows": 7}}, failures=[BROKEN])
    result = house.sync()
    said = failure(result)
    assert "airbyte/stripe_to_postgres: job 101 failed, 1 of 2 streams arrived" in said
    assert "public.customers: incomplete: Your API key expired" in said
    assert (house.jobs_of(CHARGES), house.jobs_of(CUSTOMERS)) == ([101], [])
    assert not may_retry(result), "a key that expired does not come back by itself"


def test_a_failure_that_may_pass_is_tried_again_as_another_job(house: House) -> None:
    house.site.script(ends="failed", failures=[BROKEN | {"failureType": "transient_error"}])
    house.site.script(ends="succeeded")
    result = house.sync()
    assert result.success
    assert (may_retry(result), house.jobs_of(CHARGES), house.site.calls("jobs.create")) == (True, [102], 2)


def test_a_stream_that_airbyte_does_not_sync_is_never_claimed(house: House) -> None:
    house.site.vendor.person({"do": "streams", "connection": "stripe_to_postgres", "streams": ["charges"]})
    result = house.sync()
    assert "public.customers: Airbyte does not sync it; select it there" in failure(result)
    assert (house.jobs_of(CHARGES), house.jobs_of(CUSTOMERS), may_retry(result)) == ([101], [], False)


def test_streams_of_one_name_in_two_schemas_are_two_assets(house: House) -> None:
    house.site.vendor.person({"do": "streams", "connection": "stripe_to_postgres", "streams": [
        "charges", "customers", {"name": "charges", "namespace": "archive"}]})  # fmt: skip
    house.streams = "[charges, customers, {name: charges, namespace: archive}]"
    assert house.sync().success
    assert house.jobs_of(("airbyte", "stripe_to_postgres", "archive", "charges")) == [101]


def test_a_server_that_tells_totals_only_is_enough_and_nothing_is_made_up(house: House) -> None:
    house.site.vendor.faults.add(
        Fault(FaultKind.STATUS, "configuration.*", status=404, times=None, body={"message": "gone"})
    )
    result = house.sync()
    assert result.success
    (charges,) = house.told(CHARGES)
    assert "rows" not in charges
    assert (charges["sync_rows"], "no statistics of streams" in charges["notes"]) == (60, True)
    rows = evaluations(result)["charges", "rows_as_expected"]
    assert (rows.passed, rows.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "nothing is known" in rows.description


def test_a_sync_without_rows_is_odd_unless_it_may_be(house: House) -> None:
    house.site.script(streams={"charges": {"rows": 0}, "customers": {"rows": 0}})
    found = evaluations(house.sync())
    charges, customers = found["charges", "rows_as_expected"], found["customers", "rows_as_expected"]
    assert (charges.passed, charges.severity, customers.passed) == (False, dg.AssetCheckSeverity.WARN, True)
    house.extra = "      mode: full\n"
    assert evaluations(house.sync())["charges", "rows_as_expected"].severity == dg.AssetCheckSeverity.ERROR


def test_rejected_rows_are_an_error(house: House) -> None:
    house.site.script(streams={"charges": {"rows": 5, "rejected": 2}})
    found = evaluations(house.sync())["charges", "rows_as_expected"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "the destination rejected 2 rows" in found.description
    assert found.metadata["rows_rejected"].value == 2


def test_a_number_of_rows_far_from_the_usual_is_odd(house: House) -> None:
    house.extra = "      mode: full\n"
    for rows in (100, 90, 110, 100, 30):
        house.site.script(streams={"charges": {"rows": rows}})
    for _ in range(4):
        assert evaluations(house.sync())["charges", "rows_as_expected"].passed
    found = evaluations(house.sync())["charges", "rows_as_expected"]
    assert (found.passed, found.metadata["rows_usual"].value) == (False, 100)
    assert "30 rows, where 100 are usual (within 50%)" in found.description


def test_a_sync_that_runs_already_is_followed_and_never_cancelled(house: House) -> None:
    house.site.somebodys_job(seconds=90, age_seconds=30)
    assert house.sync().success
    assert (house.told(CHARGES)[0]["how"], house.site.posts_and_deletes) == ("attached", (0, 0))


def test_a_sync_that_is_left_to_another_claims_nothing_and_judges_nothing(house: House) -> None:
    house.site.script(streams={"charges": {"rows": 5, "rejected": 2}})
    assert not evaluations(house.sync())["charges", "rows_as_expected"].passed
    house.extra = "      on_conflict: skip\n"
    house.site.somebodys_job(seconds=900)
    result = house.sync()
    assert result.success
    assert house.jobs_of(CHARGES) == [101]
    rejected = evaluations(result)["charges", "rows_as_expected"]
    assert (rejected.passed, "as before" in rejected.description) == (False, True)


def test_a_connection_that_must_not_meet_another_sync_fails_for_good(house: House) -> None:
    house.extra = "      on_conflict: fail\n"
    house.site.somebodys_job(seconds=900)
    result = house.sync()
    assert "is syncing already (job 101" in failure(result)
    assert not may_retry(result)


def test_an_unreachable_server_is_tried_again_and_then_named(house: House) -> None:
    house.url = "http://127.0.0.1:1"
    result = house.sync()
    assert "airbyte/stripe_to_postgres: Airbyte" in failure(result)
    assert may_retry(result)


def test_a_missing_id_names_its_variable(house: House) -> None:
    house.extra = '    other:\n      connection_id: "${NO_SUCH_ID:-}"\n      streams: [x]\n'
    result = house.sync("other")
    assert "house.yaml:15: airbyte.connections.other.connection_id: is empty; set NO_SUCH_ID" in failure(result)
    assert not may_retry(result)


def test_a_sync_that_takes_too_long_is_left_or_cancelled_as_declared(house: House) -> None:
    house.extra = "      timeout_hours: 1\n      when_late: cancel\n"
    house.site.script(seconds=7200)
    result = house.sync()
    assert "job 101: not over after 3600 s; it was cancelled" in failure(result)
    assert (house.site.posts_and_deletes, may_retry(result)) == ((1, 1), False)


def test_secrets_reach_neither_the_log_nor_the_events(house: House) -> None:
    from integrations_platform.sandbox.airbyte.app import CLIENT_SECRET

    house.site.script(ends="failed", failures=[BROKEN])
    result = house.sync()
    logged = house.instance.all_logs(result.run_id)
    assert not any(CLIENT_SECRET in str(entry.to_json()) for entry in logged)
