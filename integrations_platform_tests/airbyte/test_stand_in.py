"""The stand-in held by others' clients: the vendor's own, and Dagster's, whose conduct it also documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integrations_platform.sandbox.airbyte.account import WORKSPACE
from integrations_platform.sandbox.airbyte.app import CLIENT_ID, CLIENT_SECRET
from integrations_platform.sandbox.airbyte.jobs import Script
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform_tests.airbyte.conftest import STRIPE, Site
from integrations_platform_tests.late import Late

if TYPE_CHECKING:
    from airbyte_api import AirbyteAPI

sdk, hooks, api, errors, models = (
    Late(f"airbyte_api{part}") for part in ("", "._hooks.clientcredentials", ".api", ".errors", ".models")
)


@pytest.fixture
def official(site: Site) -> AirbyteAPI:
    """The vendor's own client; it asks for its token by a form, and keeps it for the whole process by client id, even
    for another server."""
    hooks.ClientCredentialsHook._sessions.clear()
    credentials = models.SchemeClientCredentials(
        client_id=CLIENT_ID, client_secret=CLIENT_SECRET, token_url=f"{site.url}/api/public/v1/applications/token"
    )
    return sdk.AirbyteAPI(
        server_url=f"{site.url}/api/public/v1", security=models.Security(client_credentials=credentials)
    )


def test_the_vendors_client_follows_a_sync_from_its_start_to_its_end(site: Site, official: AirbyteAPI) -> None:
    site.script(statuses=["queued", "running", "succeeded"])
    started = official.jobs.create_job(
        request=models.JobCreateRequest(connection_id=STRIPE, job_type=models.JobTypeEnum.SYNC)
    ).job_response
    assert started is not None
    assert (started.job_id, started.status, started.rows_synced) == (101, models.JobStatusEnum.PENDING, None)
    seen = [official.jobs.get_job(request=api.GetJobRequest(job_id=101)).job_response for _ in range(3)]
    assert [job.status.value for job in seen if job] == ["queued", "running", "succeeded"]
    assert seen[-1] is not None
    assert (seen[-1].rows_synced, seen[-1].bytes_synced) == (60, 6000)


def test_the_vendors_client_lists_jobs_and_connections(site: Site, official: AirbyteAPI) -> None:
    for age in (300, 200, 100):
        site.somebodys_job(age_seconds=age, seconds=1)
    oldest = official.jobs.list_jobs(request=api.ListJobsRequest(connection_id=STRIPE, limit=2)).jobs_response
    assert oldest is not None
    assert [job.job_id for job in oldest.data] == [101, 102], "the server begins with the oldest"
    assert oldest.next
    newest = official.jobs.list_jobs(
        request=api.ListJobsRequest(workspace_ids=[WORKSPACE], order_by="createdAt|DESC")
    ).jobs_response
    assert newest is not None
    assert [job.job_id for job in newest.data] == [103, 102, 101]
    listed = official.connections.list_connections(request=api.ListConnectionsRequest()).connections_response
    assert listed is not None
    assert {each.name for each in listed.data} == {"stripe_to_postgres", "hubspot_to_postgres"}
    one = official.connections.get_connection(
        request=api.GetConnectionRequest(connection_id=STRIPE)
    ).connection_response
    assert one is not None
    assert one.configurations.streams is not None
    assert [each.name for each in one.configurations.streams] == ["charges", "customers"]


def test_the_vendors_client_reads_its_refusals(site: Site, official: AirbyteAPI) -> None:
    site.somebodys_job(seconds=3600)
    with pytest.raises(errors.SDKError, match="A sync is already running") as caught:
        official.jobs.create_job(
            request=models.JobCreateRequest(connection_id=STRIPE, job_type=models.JobTypeEnum.SYNC)
        )
    assert caught.value.status_code == 409


pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

# Dagster's own client, run against the same situations. These say what it does, so that what is gone around is known.


def _stock(site: Site, **options: Any) -> Any:
    from dagster_airbyte import AirbyteWorkspace

    workspace = AirbyteWorkspace(
        rest_api_base_url=f"{site.url}/api/public/v1", configuration_api_base_url=f"{site.url}/api/v1",
        workspace_id=WORKSPACE, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, poll_interval=0.01,
        request_retry_delay=0.01, **options,
    )  # fmt: skip
    return workspace.get_client()


def test_dagsters_client_follows_a_sync_on_the_stand_in(site: Site) -> None:
    site.script(statuses=["running", "running", "succeeded"])
    assert _stock(site).sync_and_poll(STRIPE).job_details["status"] == "succeeded"
    assert site.posts_and_deletes == (1, 0)


def test_dagsters_client_deletes_a_queued_sync_and_ours_waits_for_it(site: Site) -> None:
    from dagster import Failure

    site.script(statuses=["queued", "queued", "running", "succeeded"])
    with pytest.raises(Failure, match="unexpected state `queued`"):
        _stock(site).sync_and_poll(STRIPE)
    assert site.posts_and_deletes == (1, 1)
    assert site.run().report().succeeded
    assert site.posts_and_deletes == (2, 1)


def test_dagsters_client_cancels_a_healthy_sync_after_a_moment_of_503_and_ours_follows_it(site: Site) -> None:
    from dagster import Failure

    site.script(statuses=["running"] * 30 + ["succeeded"])
    site.vendor.faults.add(Fault(FaultKind.STATUS, "jobs.get", status=503, times=4))
    with pytest.raises(Failure, match="Max retries"):
        _stock(site).sync_and_poll(STRIPE)
    assert site.posts_and_deletes == (1, 1)
    site.vendor.faults.add(Fault(FaultKind.STATUS, "jobs.get", status=503, times=4))
    assert site.run().report().succeeded
    assert site.posts_and_deletes == (2, 1)


@pytest.mark.parametrize(
    ("others", "options", "words"),
    [
        ([{"seconds": 600}], {}, "already running"),
        ([{"type": "reset", "seconds": 600}], {"poll_previous_running_sync": True}, "cancelled"),
        ([{"seconds": 600}, {"seconds": 600}], {"poll_previous_running_sync": True}, "multiple running jobs"),
        ([{"seconds": 10**6, "age_seconds": 3 * 86_400}], {"poll_previous_running_sync": True}, "Max retries"),
        ([{"initial": "queued", "queued": 600}], {"poll_previous_running_sync": True}, "Max retries"),
    ],
    ids=["running", "reset", "several", "older than two days", "queued"],
)
def test_dagsters_client_does_not_follow_what_runs_already_or_follows_the_wrong_job(
    site: Site, others: list[dict[str, Any]], options: dict[str, Any], words: str
) -> None:
    """Ours follows the newest sync in each, or says that something other than a sync is at work."""
    from dagster import Failure

    for each in others:
        site.somebodys_job(**each)
    if others[0].get("type") == "reset":
        site.vendor.account.jobs[101].script = Script(statuses=("cancelled",))
        site.vendor.account.jobs[101].left, site.vendor.account.jobs[101].status = ["cancelled"], "running"
    with pytest.raises(Failure, match=words):
        _stock(site, **options).sync_and_poll(STRIPE)
    assert site.calls("jobs.create") in (0, 4), "a refused start is sent four times"


def test_dagsters_client_starts_again_and_again_what_it_has_started_and_then_knows_nothing_of_it(site: Site) -> None:
    from dagster import Failure

    site.script(seconds=600)
    site.vendor.faults.add(Fault(FaultKind.DROP_AFTER, "jobs.create"))
    with pytest.raises(Failure, match="Max retries"):
        _stock(site).sync_and_poll(STRIPE)
    assert site.posts_and_deletes == (4, 0)
    assert site.vendor.account.shown_job(101).status == "running", "and nobody follows it"


def test_dagsters_client_tells_the_number_of_a_failed_job_and_ours_the_reason(site: Site) -> None:
    from dagster import Failure

    reason = {"timestamp": 1, "failureType": "config_error", "externalMessage": "Your API key expired"}
    site.script(statuses=["failed"], failures=[reason])
    with pytest.raises(Failure, match="Job failed: 101"):
        _stock(site).sync_and_poll(STRIPE)
    assert "Your API key expired" in site.run().report().failure
