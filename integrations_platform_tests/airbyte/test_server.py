"""Lists, pages, single calls and the calls that take data away, on the stand-in."""

from __future__ import annotations

import pytest

from integrations_platform.airbyte import looks
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.airbyte.looks import Stream
from integrations_platform.sandbox.airbyte.account import WORKSPACE
from integrations_platform.sandbox.faults import Fault
from integrations_platform.sandbox.faults import FaultKind as Kind
from integrations_platform_tests.airbyte.conftest import STRIPE, Site


def test_connections_come_with_their_streams_over_all_pages(site: Site) -> None:
    for number in range(230):
        site.vendor.person({"do": "connection", "name": f"c{number:03}", "streams": ["orders"]})
    found = site.airbyte().connections()
    assert len({each.id for each in found}) == 232
    stripe = next(each for each in found if each.id == STRIPE)
    assert (stripe.name, stripe.status, stripe.workspace_id) == ("stripe_to_postgres", "active", WORKSPACE)
    assert stripe.streams[0] == Stream(
        "charges", "public", "incremental_deduped_history", ("updated",), (("id",),)
    )  # fmt: skip


def test_the_newest_jobs_come_first_although_the_server_begins_with_the_oldest(site: Site) -> None:
    for age in range(130, 0, -1):
        site.somebodys_job(age_seconds=age * 3600, seconds=1)
    found = site.airbyte().jobs(STRIPE, most=125)
    assert [job.id for job in found] == list(range(230, 105, -1))


def test_an_active_job_is_found_behind_any_number_of_older_ones(site: Site) -> None:
    for age in range(40, 0, -1):
        site.somebodys_job(age_seconds=age * 3600, seconds=1)
    running = site.somebodys_job(age_seconds=60, seconds=3600)
    assert [job.id for job in site.airbyte().active(STRIPE)] == [running]


def test_syncs_that_ended_since_a_moment_are_listed_for_the_whole_workspace(site: Site) -> None:
    site.somebodys_job(age_seconds=7200, seconds=60)
    recent = site.somebodys_job(age_seconds=600, seconds=60)
    since = looks.moment("2026-01-01T00:00:00Z")
    assert since is not None
    since = since.fromtimestamp(site.clock() - 3600, since.tzinfo)
    found = site.airbyte().jobs(
        workspace_id=WORKSPACE, updated_since=since.isoformat().replace("+00:00", "Z"), order="updatedAt|ASC"
    )
    assert [(job.id, job.status, job.rows) for job in found] == [(recent, "succeeded", 60)]


def test_a_time_without_seconds_is_read_as_java_writes_it() -> None:
    written, whole = looks.moment("2026-01-02T03:04Z"), looks.moment("2026-01-02T03:04:00Z")
    assert written == whole is not None
    assert looks.moment("yesterday") is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT5S", 5), ("PT1H2M3.5S", 3723.5), ("P2DT1S", 172_801), ("5 s", 0), (None, 0)]
)
def test_a_duration_is_seconds(text: object, seconds: float) -> None:
    assert looks.job_of({"jobId": 1, "duration": text}).seconds == seconds


@pytest.mark.parametrize(
    "answer", [None, [], "x", {}, {"jobId": "101"}, {"jobId": True}, {"job": {"jobId": 1}}], ids=repr
)
def test_an_answer_without_a_job_number_is_no_job(answer: object) -> None:
    with pytest.raises(AirbyteFault, match="no jobId"):
        looks.job_of(answer)


@pytest.mark.parametrize("answer", [None, [], {"streamStatuses": None}, {"streamStatuses": [None, 7, {"jobId": "x"}]}])
def test_odd_answers_about_streams_say_nothing(answer: object) -> None:
    assert looks.statuses_of(answer) == ()


@pytest.mark.parametrize("answer", [None, {"job": []}, {"attempts": [None, {"attempt": 3}]},
                                    {"attempts": [{"attempt": {"failureSummary": {"failures": "x"}}}]}])  # fmt: skip
def test_odd_answers_about_a_job_hold_no_failures(answer: object) -> None:
    assert looks.statistics_of(answer).failures == ()


def test_the_newest_attempt_of_a_stream_counts_and_other_jobs_keep_theirs() -> None:
    def told(job: int, attempt: int, state: str, at: int) -> dict[str, object]:
        return {"jobId": job, "attemptNumber": attempt, "streamName": "s", "runState": state, "transitionedAt": at}

    found = looks.statuses_of({"streamStatuses": [
        told(2, 1, "COMPLETE", 5), told(2, 0, "INCOMPLETE", 9), told(1, 0, "COMPLETE", 1),
    ]})  # fmt: skip
    assert {each.job_id: each.state for each in found} == {2: "COMPLETE", 1: "COMPLETE"}


def test_what_takes_data_away_is_sent_once_and_names_its_streams(site: Site) -> None:
    airbyte = site.airbyte()
    charges = Stream("charges", "public")
    site.script(seconds=0)
    assert airbyte.reset(STRIPE).type == "reset"
    assert airbyte.clear(STRIPE, [charges]).id == 102
    assert airbyte.refresh(STRIPE, "Truncate", [charges]).id == 103
    (refresh,) = [call for call in site.vendor.calls if call.operation == "configuration.refresh"]
    assert refresh.json == {
        "connectionId": STRIPE, "refreshMode": "Truncate",
        "streams": [{"streamName": "charges", "streamNamespace": "public"}],
    }  # fmt: skip
    site.vendor.faults.add(Fault(Kind.DROP_AFTER, "configuration.clear"))
    with pytest.raises(AirbyteFault) as caught:
        airbyte.clear(STRIPE, [charges])
    assert caught.value.perhaps_done
    assert (site.calls("configuration.clear"), len(site.vendor.account.jobs)) == (2, 4)


def test_the_state_of_a_connection_is_given_as_it_is_kept(site: Site) -> None:
    assert site.airbyte().state(STRIPE).kind == "not_set"
    kept = {"stateType": "global", "globalState": {"shared_state": {"lsn": 7}, "streamStates": []}}
    site.vendor.person({"do": "state", "connection": "stripe_to_postgres", "state": kept})
    assert site.airbyte().state(STRIPE).data["globalState"]["shared_state"] == {"lsn": 7}


def test_a_reading_call_is_made_five_times_with_growing_waits(site: Site) -> None:
    site.vendor.faults.add(Fault(Kind.STATUS, "connections.get", status=502, times=4))
    assert site.airbyte().connection(STRIPE).id == STRIPE
    assert site.slept == pytest.approx([0.25, 0.5, 1, 2])
    site.vendor.faults.add(Fault(Kind.STATUS, "connections.get", status=502, times=None))
    with pytest.raises(AirbyteFault, match="502"):
        site.airbyte().connection(STRIPE)
    assert site.calls("connections.get") == 10


def test_a_pause_that_the_server_asks_for_is_kept_once(site: Site) -> None:
    site.vendor.faults.add(Fault(Kind.STATUS, "connections.get", status=503, retry_after="17"))
    assert site.airbyte().connection(STRIPE).id == STRIPE
    assert site.slept == [17]


def test_of_a_long_answer_the_beginning_is_told(site: Site) -> None:
    body = {"status": 422, "title": "unprocessable-entity", "detail": "d" * 1000}
    site.vendor.faults.add(Fault(Kind.STATUS, "connections.get", status=422, body=body))
    with pytest.raises(AirbyteFault) as caught:
        site.airbyte().connection(STRIPE)
    assert caught.value.message.count("d" * 200) == 1
    assert "d" * 201 not in caught.value.message
    assert "HTTP 422 unprocessable-entity" in caught.value.message


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_a_refusal_is_never_repeated(site: Site, status: int) -> None:
    site.vendor.faults.add(Fault(Kind.STATUS, "connections.get", status=status, times=None))
    with pytest.raises(AirbyteFault, match="injected status"):
        site.airbyte().connection(STRIPE)
    assert (site.calls("connections.get"), site.slept) == (1, [])
