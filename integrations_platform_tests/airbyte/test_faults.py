"""What goes wrong in ordinary operation, over HTTP: no healthy sync is lost, doubled or cancelled."""

from __future__ import annotations

import pytest

from integrations_platform.airbyte.faults import ALREADY_RUNNING, LATE, OTHER_JOB, AirbyteFault
from integrations_platform.airbyte.running import Policy, patience
from integrations_platform.airbyte.starting import Conflict
from integrations_platform.sandbox.faults import Fault
from integrations_platform.sandbox.faults import FaultKind as Kind
from integrations_platform.service_faults import FaultKind
from integrations_platform_tests.airbyte.conftest import STRIPE, Site

CREATE, GET, LIST, CANCEL = "jobs.create", "jobs.get", "jobs.list", "jobs.cancel"
DAY = 86_400


def test_a_sync_is_started_once_and_reported_stream_by_stream(site: Site) -> None:
    site.script(seconds=90, streams={"customers": {"rows": 12, "rejected": 2}})
    report = site.run().report()
    assert (report.status, report.how, report.succeeded, report.attempts) == ("succeeded", "started", True, 1)
    assert {each.name: (each.rows, each.bytes, each.rejected, each.complete) for each in report.streams} == {
        "charges": (30, 3000, 0, True), "customers": (12, 1200, 2, True),
    }  # fmt: skip
    assert (report.rows, report.bytes, report.seconds) == (42, 4200, 90)
    assert report.statistics_complete
    assert report.url.endswith(f"/connections/{STRIPE}/timeline?jobId=101")
    assert site.posts_and_deletes == (1, 0)


def test_looks_come_every_two_seconds_at_first_and_every_thirty_later(site: Site) -> None:
    site.script(seconds=600)
    site.run().report()
    assert site.slept[0] == pytest.approx(2)
    assert site.slept[-1] == pytest.approx(30)
    assert site.slept == sorted(site.slept)


def test_1_a_queued_sync_is_waited_for(site: Site) -> None:
    site.script(statuses=["queued", "queued", "queued", "running", "succeeded"])
    assert site.run().report().succeeded
    assert any("is queued" in line for line in site.notes)
    assert site.posts_and_deletes == (1, 0)


def test_2_a_start_that_answers_too_late_is_found_and_followed(site: Site) -> None:
    site.script(seconds=60)
    site.vendor.faults.add(Fault(Kind.SLOW, CREATE, seconds=30))
    report = site.run(airbyte=site.airbyte(answer_seconds=0.3)).report()
    assert (report.status, report.how, report.job_id) == ("succeeded", "adopted", 101)
    assert site.posts_and_deletes == (1, 0)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.DROP_AFTER, CREATE), Fault(Kind.COMMIT_THEN_500, CREATE), Fault(Kind.TRUNCATE, CREATE),
        Fault(Kind.CUT_JSON, CREATE), Fault(Kind.COMMIT_THEN_500, CREATE, status=504),
    ],
    ids=lambda fault: f"{fault.kind.value}-{fault.status}",
)  # fmt: skip
@pytest.mark.parametrize("seconds", [0, 60], ids=["over at once", "running"])
def test_2_a_start_whose_answer_is_lost_is_never_repeated(site: Site, fault: Fault, seconds: float) -> None:
    site.script(seconds=seconds)
    site.vendor.faults.add(fault)
    report = site.run().report()
    assert (report.status, report.how) == ("succeeded", "adopted")
    assert site.posts_and_deletes == (1, 0)
    assert len(site.vendor.account.jobs) == 1


@pytest.mark.parametrize("kind", [Kind.DROP_BEFORE, Kind.HTML])
def test_2_a_start_that_never_arrived_is_told_after_five_looks_for_it(site: Site, kind: Kind) -> None:
    site.somebodys_job(age_seconds=60, seconds=1)  # over long before: not what the lost start has started
    site.vendor.faults.add(Fault(kind, CREATE))
    with pytest.raises(AirbyteFault) as caught:
        site.run().report()
    assert caught.value.kind is FaultKind.TRANSIENT, "the step may be tried again"
    assert (site.calls(LIST), site.slept) == (1 + 5, [1, 1, 1, 1])
    assert site.posts_and_deletes == (1, 0)


def test_2_a_start_that_was_turned_away_at_the_door_is_made_again(site: Site) -> None:
    """A rate limiter answers before anything is done, so the second POST is the first that counts."""
    site.vendor.faults.add(Fault(Kind.STATUS, CREATE, status=429))
    assert site.run().report().how == "started"
    assert (site.posts_and_deletes, len(site.vendor.account.jobs)) == ((2, 0), 1)


def test_2_of_several_syncs_since_a_lost_start_the_newest_is_followed_and_none_is_taken_for_ours(site: Site) -> None:
    """Ours was over at once and somebody's began, or the other way round: Airbyte does not tell."""

    def somebody() -> None:
        site.somebodys_job(seconds=600)

    def stopped() -> None:
        raise KeyboardInterrupt

    site.script(seconds=0)
    site.vendor.faults.add(Fault(Kind.DROP_AFTER, CREATE))
    site.vendor.faults.add(Fault(Kind.STATUS, LIST, status=503, nth=2))
    site.at_sleep = {1: somebody, 3: stopped}
    with pytest.raises(KeyboardInterrupt):
        site.run().report()
    assert any("jobs 102, 101" in line for line in site.warnings)
    assert any("job 102" in line and "attached" in line for line in site.notes)
    assert site.posts_and_deletes == (1, 0)


def test_2_two_that_lose_the_answer_to_their_start_follow_the_one_sync_there_is(site: Site) -> None:
    """The second has looked before the first began, and hears nothing of being refused."""
    reports = []

    def second() -> None:
        site.vendor.faults.add(Fault(Kind.STATUS, LIST, status=200, body={"data": []}))
        site.vendor.faults.add(Fault(Kind.DROP_AFTER, CREATE))
        reports.append(site.run().report())

    site.script(seconds=60)
    site.vendor.faults.add(Fault(Kind.DROP_AFTER, CREATE))
    site.at_sleep = {1: second}
    reports.append(site.run().report())
    assert {(each.job_id, each.how, each.status) for each in reports} == {(101, "adopted", "succeeded")}
    assert any("or what somebody else did in the same moment" in line for line in site.warnings)
    assert (site.posts_and_deletes, len(site.vendor.account.jobs)) == ((2, 0), 1)


def test_3_a_server_that_fails_for_a_while_is_borne_and_the_sync_followed_to_its_end(site: Site) -> None:
    site.script(seconds=300)
    site.vendor.faults.add(Fault(Kind.STATUS, GET, status=503, nth=3, times=25))
    report = site.run().report()
    assert (report.succeeded, report.how) == (True, "started")
    assert any("no word of the run" in line for line in site.warnings)
    assert site.posts_and_deletes == (1, 0)


@pytest.mark.parametrize("status", [408, 418, 429, 500, 502, 503, 504])
def test_3_no_single_answer_to_a_look_ends_the_waiting(site: Site, status: int) -> None:
    site.script(seconds=30)
    site.vendor.faults.add(Fault(Kind.STATUS, GET, status=status, times=6))
    assert site.run().report().succeeded
    assert site.posts_and_deletes == (1, 0)


def test_3_a_server_that_stays_away_ends_the_waiting_and_leaves_the_sync(site: Site) -> None:
    site.script(seconds=600)
    site.vendor.faults.add(Fault(Kind.STATUS, GET, status=503, times=None))
    began = site.clock()
    with pytest.raises(AirbyteFault, match="503") as caught:
        site.run().report()
    assert caught.value.kind is FaultKind.TRANSIENT
    assert 60 <= site.clock() - began < 120
    assert any("goes on in Airbyte" in line for line in site.warnings)
    site.vendor.faults.clear()
    again = site.run().report()
    assert (again.how, again.job_id, again.succeeded) == ("attached", 101, True), "the next try follows the same sync"
    assert site.posts_and_deletes == (1, 0)


@pytest.mark.parametrize(("status", "kind"), [(403, FaultKind.CONFIGURATION), (404, FaultKind.PERMANENT)])
def test_3_what_no_waiting_mends_is_told_at_once(site: Site, status: int, kind: FaultKind) -> None:
    site.vendor.faults.add(Fault(Kind.STATUS, GET, status=status))
    with pytest.raises(AirbyteFault) as caught:
        site.run().report()
    assert caught.value.kind is kind
    assert site.posts_and_deletes == (1, 0)


def test_4_a_sync_that_runs_already_is_followed(site: Site) -> None:
    running = site.somebodys_job(seconds=120)
    report = site.run().report()
    assert (report.how, report.job_id, report.succeeded) == ("attached", running, True)
    assert site.posts_and_deletes == (0, 0)


def test_4_a_sync_that_runs_already_is_left_to_itself(site: Site) -> None:
    running = site.somebodys_job(seconds=120)
    report = site.run(Policy(Conflict.SKIP)).report()
    assert (report.how, report.job_id, report.skipped, report.status) == ("skipped", running, True, "running")
    assert (site.posts_and_deletes, site.slept) == ((0, 0), [])


def test_4_a_sync_that_runs_already_is_an_error_where_the_policy_says_so(site: Site) -> None:
    running = site.somebodys_job(seconds=120)
    with pytest.raises(AirbyteFault, match=rf"syncing already \(job {running}.*on_conflict") as caught:
        site.run(Policy(Conflict.FAIL)).report()
    assert caught.value.code == ALREADY_RUNNING
    assert site.posts_and_deletes == (0, 0)


def test_4_a_sync_that_somebody_starts_in_the_same_moment_is_followed(site: Site) -> None:
    """It is made after our look and before our POST: the refusal of the POST tells."""
    site.somebodys_job(statuses=["succeeded"])
    site.vendor.person({"do": "job", "connection": "stripe_to_postgres", "seconds": 120})
    site.vendor.faults.add(Fault(Kind.STATUS, LIST, status=200, body={"data": []}))
    report = site.run().report()
    assert (report.how, report.job_id) == ("attached", 102)
    assert site.posts_and_deletes == (1, 0)


@pytest.mark.parametrize(("on_conflict", "how"), [(Conflict.ATTACH, "attached"), (Conflict.SKIP, "skipped")])
def test_4_a_sync_that_stood_in_the_way_and_is_over_by_now_is_not_called_ours(
    site: Site, on_conflict: Conflict, how: str
) -> None:
    site.somebodys_job(seconds=0.1)
    site.vendor.faults.add(Fault(Kind.STATUS, LIST, status=200, body={"data": []}))
    site.vendor.faults.add(Fault(Kind.STATUS, LIST, status=503, nth=2))
    report = site.run(Policy(on_conflict)).report()
    assert (report.how, report.job_id, report.status) == (how, 101, "succeeded")
    assert not any("lost" in line for line in site.warnings), "nothing was lost: the start was refused"
    assert site.posts_and_deletes == (1, 0)


def test_7_a_start_that_a_reset_stood_in_the_way_of_may_be_tried_again(site: Site) -> None:
    """The reset is over when it is looked for: what is left is Airbyte's word to try again later."""
    site.somebodys_job(type="reset", seconds=0.1)
    site.vendor.faults.add(Fault(Kind.STATUS, LIST, status=200, body={"data": []}))
    site.vendor.faults.add(Fault(Kind.STATUS, LIST, status=503, nth=2))
    with pytest.raises(AirbyteFault, match="already running") as caught:
        site.run().report()
    assert caught.value.kind is FaultKind.TRANSIENT
    assert site.posts_and_deletes == (1, 0)


def test_5_a_sync_of_changes_that_runs_for_days_is_followed(site: Site) -> None:
    running = site.somebodys_job(age_seconds=9 * DAY, seconds=9 * DAY + 120)
    report = site.run().report()
    assert (report.how, report.job_id, report.succeeded) == ("attached", running, True)
    assert site.posts_and_deletes == (0, 0)


def test_6_a_sync_that_waits_for_its_turn_already_is_followed(site: Site) -> None:
    queued = site.somebodys_job(initial="queued", statuses=["queued", "running", "succeeded"])
    report = site.run().report()
    assert (report.how, report.job_id, report.succeeded) == ("attached", queued, True)
    assert site.posts_and_deletes == (0, 0)


@pytest.mark.parametrize("kind", ["reset", "clear", "refresh"])
def test_7_a_reset_is_not_taken_for_the_sync(site: Site, kind: str) -> None:
    other = site.somebodys_job(type=kind, seconds=120)
    with pytest.raises(AirbyteFault, match=rf"busy with a {kind} \(job {other}, running\)") as caught:
        site.run().report()
    assert (caught.value.code, caught.value.kind) == (OTHER_JOB, FaultKind.TRANSIENT)
    assert site.posts_and_deletes == (0, 0)


def test_8_of_several_active_jobs_the_newest_sync_is_followed(site: Site) -> None:
    site.somebodys_job(seconds=600, age_seconds=100)
    newest = site.somebodys_job(seconds=60)
    site.somebodys_job(type="reset", seconds=600)
    report = site.run().report()
    assert (report.how, report.job_id) == ("attached", newest)
    assert site.posts_and_deletes == (0, 0)


def test_9_a_failed_sync_tells_airbytes_reason_and_whether_trying_again_can_help(site: Site) -> None:
    told = {"timestamp": 1, "failureOrigin": "source", "retryable": False}
    broken = told | {"failureType": "config_error", "externalMessage": "Your API key expired",
                     "streamDescriptor": {"name": "customers"}}  # fmt: skip
    late = told | {"failureType": "transient_error", "externalMessage": "Connection reset"}
    site.script(ends="failed", failures=[late, broken], attempts=3, streams={"charges": {"state": "COMPLETE"}})
    report = site.run().report()
    assert (report.status, report.permanent, report.attempts, report.partial) == ("failed", True, 3, True)
    assert report.failure.splitlines() == [
        "stream customers: Your API key expired (source, config error)",
        "Connection reset (source, transient error)",
    ]
    assert {each.name: (each.complete, each.rows, each.failure) for each in report.streams} == {
        "charges": (True, 30, ""), "customers": (False, 0, "Your API key expired"),
    }  # fmt: skip
    assert site.posts_and_deletes == (1, 0)


def test_9_a_failure_that_may_pass_is_not_called_permanent(site: Site) -> None:
    site.script(ends="failed", failures=[{"timestamp": 1, "failureType": "transient_error",
                                          "externalMessage": "Connection reset"}])  # fmt: skip
    report = site.run().report()
    assert (report.permanent, report.failure) == (False, "Connection reset (transient error)")


def test_9_a_sync_that_somebody_cancels_is_not_tried_again(site: Site) -> None:
    site.script(seconds=600)
    site.at_sleep = {3: lambda: site.vendor.person({"do": "cancel", "job": 101})}
    report = site.run().report()
    assert (report.status, report.permanent, report.failure) == ("cancelled", True, "it was cancelled in Airbyte")
    assert site.posts_and_deletes == (1, 0)


@pytest.mark.parametrize(("cancel", "ends"), [(True, "cancelled"), (False, "running")])
def test_10_a_sync_that_outlasts_its_time_is_cancelled_or_left_as_the_policy_says(
    site: Site, cancel: bool, ends: str
) -> None:
    site.script(seconds=6000)
    with pytest.raises(AirbyteFault, match="job 101: not over after 120 s") as caught:
        site.run(Policy(patience=patience(timeout=120), cancel_late=cancel)).report()
    assert caught.value.code == LATE
    assert site.vendor.account.shown_job(101).status == ends
    assert site.posts_and_deletes == (1, int(cancel))


def test_10_somebody_elses_sync_is_not_cancelled_for_being_late(site: Site) -> None:
    site.somebodys_job(seconds=6000)
    with pytest.raises(AirbyteFault, match="it goes on in Airbyte"):
        site.run(Policy(patience=patience(timeout=120), cancel_late=True)).report()
    assert site.posts_and_deletes == (0, 0)


def test_10_the_time_in_the_queue_is_not_the_time_of_the_run(site: Site) -> None:
    site.script(queued=500, seconds=60)
    assert site.run(Policy(patience=patience(queue=600, timeout=100))).report().succeeded
    site.script(queued=500, seconds=60)
    with pytest.raises(AirbyteFault, match="not begun after 100 s"):
        site.run(Policy(patience=patience(queue=100, timeout=1000))).report()
    assert site.posts_and_deletes == (2, 0)
