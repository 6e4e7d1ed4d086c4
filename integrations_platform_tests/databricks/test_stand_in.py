"""The stand-in, held to the vendor's contract by the vendor's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from integrations_platform.sandbox.databricks import Databricks
from integrations_platform.sandbox.databricks.app import TOKEN
from integrations_platform.sandbox.databricks.scripts import Script
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform_tests.late import Late
from integrations_platform_tests.sandbox.running import running

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient


sdk, errors, jobs = (Late(f"databricks.sdk{part}") for part in ("", ".errors", ".service.jobs"))


@pytest.fixture
def vendor() -> Databricks:
    return Databricks(seed=3)


@pytest.fixture
def client(vendor: Databricks) -> Iterator[WorkspaceClient]:
    with running(vendor) as server:
        yield sdk.WorkspaceClient(config=sdk.config.Config(host=server.url("databricks"), token=TOKEN, auth_type="pat"))


def tasks(*keys: str, behind: dict[str, list[str]] | None = None) -> list[Any]:
    return [
        jobs.Task(
            task_key=key, notebook_task=jobs.NotebookTask(notebook_path=f"/Shared/{key}"),
            depends_on=[jobs.TaskDependency(task_key=each) for each in (behind or {}).get(key, [])] or None,
        )
        for key in keys
    ]  # fmt: skip


def job(client: WorkspaceClient, *keys: str, behind: dict[str, list[str]] | None = None, **settings: Any) -> int:
    found = client.jobs.create(name="nightly", tasks=tasks(*keys, behind=behind), **settings).job_id
    assert found is not None
    return found


def life(client: WorkspaceClient, run_id: int) -> tuple[str, str | None]:
    state = client.jobs.get_run(run_id).state
    assert state is not None
    assert state.life_cycle_state is not None
    return state.life_cycle_state.value, state.result_state and state.result_state.value


def test_a_run_goes_through_its_states_with_the_clock(vendor: Databricks, client: WorkspaceClient) -> None:
    run_id = client.jobs.run_now(job(client, "load")).response.run_id
    seen = []
    for _ in range(9):
        seen.append(life(client, run_id))
        vendor.clock.advance(1)
    assert list(dict.fromkeys(seen)) == [
        ("PENDING", None), ("RUNNING", None), ("TERMINATING", None), ("TERMINATED", "SUCCESS")
    ]  # fmt: skip
    run = client.jobs.get_run(run_id)
    assert run.status is not None
    assert run.status.termination_details is not None
    assert run.status.termination_details.type is jobs.TerminationTypeType.SUCCESS
    assert run.end_time is not None
    assert run.start_time is not None
    assert run.run_duration == run.end_time - run.start_time == 6000


def test_one_token_is_one_run_and_that_of_a_deleted_run_is_refused(vendor: Databricks, client: WorkspaceClient) -> None:
    nightly = job(client, "load")
    first, again = (client.jobs.run_now(nightly, idempotency_token="t" * 64).response.run_id for _ in range(2))
    assert first == again
    with pytest.raises(errors.InvalidParameterValue, match="longer than 64"):
        client.jobs.run_now(nightly, idempotency_token="t" * 65)
    vendor.clock.advance(60)
    client.jobs.get_run(first)
    client.jobs.delete_run(first)
    with pytest.raises(errors.InvalidParameterValue, match="deleted"):
        client.jobs.run_now(nightly, idempotency_token="t" * 64)


def test_unknown_jobs_and_runs_are_told_as_the_vendor_tells_them(client: WorkspaceClient) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="Job 9 does not exist"):
        client.jobs.run_now(9)
    with pytest.raises(errors.ResourceDoesNotExist, match="Run 9 does not exist"):
        client.jobs.get_run(9)
    with pytest.raises(errors.NotFound):
        client.api_client.do("GET", "/api/2.2/jobs/nothing")


def test_a_full_job_skips_the_run_or_queues_it(vendor: Databricks, client: WorkspaceClient) -> None:
    nightly = job(client, "load")
    first = client.jobs.run_now(nightly).response.run_id
    skipped = client.jobs.run_now(nightly).response.run_id
    queued = client.jobs.run_now(nightly, queue=jobs.QueueSettings(enabled=True)).response.run_id
    assert life(client, skipped) == ("SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED")
    assert life(client, queued) == ("QUEUED", None)
    vendor.clock.advance(60)
    assert life(client, first) == ("TERMINATED", "SUCCESS")
    assert life(client, queued) == ("PENDING", None)


def test_a_failure_stops_what_depends_on_it_and_no_more(vendor: Databricks, client: WorkspaceClient) -> None:
    vendor.account.scripts["b"] = Script(result="FAILED", error="boom", trace="Traceback: boom", message="it failed")
    run_id = client.jobs.run_now(job(client, "a", "b", "c", "d", behind={"c": ["b"], "d": ["a"]})).response.run_id
    vendor.clock.advance(60)
    assert life(client, run_id) == ("TERMINATED", "FAILED")
    run = client.jobs.get_run(run_id)
    results = {task.task_key: task.state.result_state.value for task in run.tasks}
    assert results == {"a": "SUCCESS", "b": "FAILED", "c": "UPSTREAM_FAILED", "d": "SUCCESS"}
    failed = next(task for task in run.tasks if task.task_key == "b")
    assert client.jobs.get_run_output(failed.run_id).error_trace == "Traceback: boom"
    with pytest.raises(errors.InvalidParameterValue, match="multiple tasks"):
        client.jobs.get_run_output(run_id)


def test_the_vendor_itself_tries_a_task_again(vendor: Databricks, client: WorkspaceClient) -> None:
    vendor.account.scripts["load"] = Script(result="FAILED", retries=2, fails=1)
    run_id = client.jobs.run_now(job(client, "load")).response.run_id
    seen = set()
    for _ in range(12):
        vendor.clock.advance(1)
        seen |= {task.state.life_cycle_state.value for task in client.jobs.get_run(run_id).tasks}
    assert "WAITING_FOR_RETRY" in seen
    task = client.jobs.get_run(run_id).tasks[0]
    assert (task.attempt_number, task.state.result_state.value) == (1, "SUCCESS")


def test_a_cancellation_is_accepted_at_once_and_comes_later(vendor: Databricks, client: WorkspaceClient) -> None:
    vendor.account.scripts["load"] = Script(seconds=600)
    run_id = client.jobs.run_now(job(client, "load")).response.run_id
    vendor.clock.advance(5)
    client.jobs.cancel_run(run_id)
    assert life(client, run_id) == ("RUNNING", None)
    vendor.clock.advance(5)
    assert life(client, run_id) == ("TERMINATED", "CANCELED")
    assert client.jobs.get_run(run_id).state.user_cancelled_or_timedout
    client.jobs.cancel_run(run_id)


def test_repairs_keep_the_run_id_and_want_the_latest_repair(vendor: Databricks, client: WorkspaceClient) -> None:
    vendor.account.scripts["load"] = Script(result="FAILED")
    run_id = client.jobs.run_now(job(client, "load")).response.run_id
    with pytest.raises(errors.InvalidState, match="in progress"):
        client.jobs.repair_run(run_id, rerun_all_failed_tasks=True)
    vendor.clock.advance(60)
    before = client.jobs.get_run(run_id).tasks[0].run_id
    first = client.jobs.repair_run(run_id, rerun_all_failed_tasks=True).response.repair_id
    assert life(client, run_id) == ("PENDING", None)
    vendor.clock.advance(60)
    for wrong in (None, first + 1):
        with pytest.raises(errors.InvalidParameterValue, match="latest_repair_id"):
            client.jobs.repair_run(run_id, rerun_all_failed_tasks=True, latest_repair_id=wrong)
    client.jobs.repair_run(run_id, rerun_tasks=["load"], latest_repair_id=first)
    vendor.clock.advance(60)
    run = client.jobs.get_run(run_id, include_history=True)
    assert [each.type.value for each in run.repair_history] == ["ORIGINAL", "REPAIR", "REPAIR"]
    assert run.repair_history[0].id is None
    assert run.tasks[0].run_id != before


def test_more_than_a_hundred_tasks_come_in_pages(client: WorkspaceClient) -> None:
    run_id = client.jobs.run_now(job(client, *(f"t{at}" for at in range(230)))).response.run_id
    assert len({task.task_key for task in client.jobs.get_run(run_id).tasks}) == 230


def test_runs_are_listed_newest_first_in_pages(vendor: Databricks, client: WorkspaceClient) -> None:
    nightly = job(client, "load", max_concurrent_runs=100)
    started = [client.jobs.run_now(nightly).response.run_id for _ in range(7)]
    listed = [run.run_id for run in client.jobs.list_runs(job_id=nightly, limit=3)]
    assert list(dict.fromkeys(listed)) == started[::-1]
    with pytest.raises(errors.InvalidParameterValue, match="limit"):
        list(client.jobs.list_runs(limit=26))


def test_a_word_the_client_does_not_know_becomes_none(vendor: Databricks, client: WorkspaceClient) -> None:
    run_id = client.jobs.run_now(job(client, "load")).response.run_id
    vendor.person({"do": "show", "run_id": run_id, "state": "RESIZING"})
    assert client.jobs.get_run(run_id).state.life_cycle_state is None


def test_parameters_have_the_documented_bounds(client: WorkspaceClient) -> None:
    nightly = job(client, "load")
    with pytest.raises(errors.InvalidParameterValue, match="10000"):
        client.jobs.run_now(nightly, job_parameters={"day": "x" * 10_000})
    with pytest.raises(errors.InvalidParameterValue, match="ASCII"):
        client.jobs.run_now(nightly, python_params=["ä"])
    with pytest.raises(errors.InvalidParameterValue, match="notebook_params"):
        client.jobs.run_now(nightly, notebook_params={"a": "b"}, jar_params=["c"])


def test_a_token_whose_time_is_over_is_refused(vendor: Databricks, client: WorkspaceClient) -> None:
    vendor.faults.add(Fault(FaultKind.EXPIRE_TOKEN))
    with pytest.raises(errors.Unauthenticated):
        client.current_user.me()


def test_a_state_file_brings_jobs_runs_and_tokens_back(vendor: Databricks, client: WorkspaceClient) -> None:
    nightly = job(client, "a", "b", behind={"b": ["a"]})
    run_id = client.jobs.run_now(nightly, idempotency_token="kept").response.run_id
    vendor.clock.advance(4)
    other = Databricks()
    other.load(vendor.dump())
    other.clock.advance(60)
    assert other.account.tokens == {"kept": run_id}
    other.account.catch_up()
    assert other.account.run(run_id).result == "SUCCESS"
