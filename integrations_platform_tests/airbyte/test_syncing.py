"""One sync: what it cancels when it is stopped, what it does with answers of tomorrow, and what it still reports when
the server says less than it could."""

from __future__ import annotations

import pytest

from integrations_platform.airbyte.faults import INACTIVE, AirbyteFault
from integrations_platform.airbyte.looks import StreamCount, StreamStatus
from integrations_platform.airbyte.reports import reports_of
from integrations_platform.airbyte.running import Policy
from integrations_platform.sandbox.faults import Fault
from integrations_platform.sandbox.faults import FaultKind as Kind
from integrations_platform.service_faults import FaultKind
from integrations_platform_tests.airbyte.conftest import Site


def _stop(kind: type[BaseException] = KeyboardInterrupt) -> None:
    raise kind


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("lost", [False, True], ids=["started", "adopted"])
def test_a_sync_of_ours_is_cancelled_when_we_are_stopped(site: Site, kind: type[BaseException], lost: bool) -> None:
    site.script(seconds=600)
    if lost:
        site.vendor.faults.add(Fault(Kind.DROP_AFTER, "jobs.create"))
    site.at_sleep = {3: lambda: _stop(kind)}
    with pytest.raises(kind):
        site.run().report()
    assert site.vendor.account.shown_job(101).status == "cancelled"
    assert site.posts_and_deletes == (1, 1)
    assert any("is cancelled" in line for line in site.notes)


def test_somebody_elses_sync_goes_on_when_we_are_stopped(site: Site) -> None:
    site.somebodys_job(seconds=600)
    site.at_sleep = {3: _stop}
    with pytest.raises(KeyboardInterrupt):
        site.run().report()
    assert (site.vendor.account.shown_job(101).status, site.posts_and_deletes) == ("running", (0, 0))


def test_who_is_stopped_while_a_start_is_under_way_hears_that_it_may_be_syncing(site: Site) -> None:
    site.script(seconds=600)
    site.vendor.faults.add(Fault(Kind.DROP_AFTER, "jobs.create"))
    site.vendor.faults.add(Fault(Kind.STATUS, "jobs.list", status=503, nth=2, times=1))
    site.at_sleep = {1: _stop}
    with pytest.raises(KeyboardInterrupt):
        site.run().report()
    assert any("may be syncing" in line for line in site.warnings)


def test_a_cancellation_that_fails_does_not_hide_why_we_were_stopped(site: Site) -> None:
    site.script(seconds=600)
    site.vendor.faults.add(Fault(Kind.STATUS, "jobs.cancel", status=500, times=None))
    site.at_sleep = {3: _stop}
    with pytest.raises(KeyboardInterrupt):
        site.run().report()
    assert any("could not be cancelled" in line for line in site.warnings)


def test_a_sync_that_is_over_when_it_is_cancelled_is_fine(site: Site) -> None:
    site.script(statuses=["running", "running", "succeeded"])

    def over() -> None:
        site.vendor.account.job(101)
        raise KeyboardInterrupt

    site.at_sleep = {2: over}
    with pytest.raises(KeyboardInterrupt):
        site.run().report()
    assert any("is over already" in line for line in site.notes)
    assert not site.warnings


def test_a_status_of_tomorrow_is_waited_on_with_one_warning(site: Site) -> None:
    site.script(statuses=["running", "hibernating", "hibernating", "succeeded"])
    assert site.run().report().succeeded
    assert len([line for line in site.warnings if "'hibernating'" in line]) == 1
    assert site.posts_and_deletes == (1, 0)


def test_a_failed_attempt_is_no_end(site: Site) -> None:
    site.script(statuses=["running", "incomplete", "running", "succeeded"], attempts=2)
    report = site.run().report()
    assert (report.succeeded, report.attempts) == (True, 2)


def test_a_paused_connection_is_told_with_its_reason(site: Site) -> None:
    site.vendor.person({"do": "pause", "connection": "stripe_to_postgres", "reason": "too many failures"})
    with pytest.raises(AirbyteFault, match=r"stripe_to_postgres does not sync: status: inactive \(too many") as caught:
        site.run().report()
    assert (caught.value.code, caught.value.kind) == (INACTIVE, FaultKind.CONFIGURATION)
    assert site.posts_and_deletes == (1, 0)


def test_a_connection_that_is_not_there_names_the_setting(site: Site) -> None:
    with pytest.raises(AirbyteFault, match="correct the connection's id") as caught:
        site.run(connection="9f0ff0ee-0000-4000-8000-000000000000").report()
    assert caught.value.kind is FaultKind.CONFIGURATION
    assert site.posts_and_deletes == (0, 0)


def test_an_id_that_climbs_out_of_its_path_stays_one_part_of_it(site: Site) -> None:
    with pytest.raises(AirbyteFault):
        site.run(connection="../workspaces?x=1").report()
    assert {call.path for call in site.vendor.calls if call.method == "GET"} <= {
        "/api/public/v1/connections/../workspaces?x=1"
    }


def test_without_the_configuration_api_the_totals_are_reported_and_that_is_said(site: Site) -> None:
    site.vendor.faults.add(Fault(Kind.STATUS, "configuration.*", status=404, times=None, body={"message": "gone"}))
    report = site.run().report()
    assert (report.succeeded, report.rows, report.bytes, report.streams) == (True, 60, 6000, ())
    assert not report.statistics_complete
    assert len(report.notes) == 2
    assert site.posts_and_deletes == (1, 0)


def test_streams_of_an_earlier_sync_say_nothing_about_this_one(site: Site) -> None:
    site.somebodys_job(statuses=["succeeded"])
    site.vendor.account.job(101)
    site.script(ends="failed", streams={"charges": {"state": "COMPLETE"}, "customers": {"state": "RATE_LIMITED"}})
    report = site.run().report()
    assert {each.name: each.state for each in report.streams} == {"charges": "COMPLETE", "customers": "RATE_LIMITED"}


def test_where_only_an_earlier_sync_has_a_word_on_a_stream_its_state_is_unknown() -> None:
    earlier = StreamStatus(101, "charges", "", "COMPLETE")
    (found,) = reports_of([StreamCount("charges", rows=3)], [earlier], [], 102, "failed")
    assert (found.state, found.complete, found.rows) == ("UNKNOWN", False, 3)


def test_a_started_sync_may_be_left_to_itself(site: Site) -> None:
    report = site.run(Policy(wait=False)).report()
    assert (report.how, report.status, report.streams, site.slept) == ("started", "pending", (), [])


def test_an_old_airbyte_without_queued_and_with_slow_starts_is_followed_all_the_same(site: Site) -> None:
    site.vendor.person({"do": "server", "version": "1.8.2"})
    site.script(queued=60, seconds=60)
    report = site.run().report()
    assert report.succeeded
    assert not any("queued" in line for line in site.notes)
