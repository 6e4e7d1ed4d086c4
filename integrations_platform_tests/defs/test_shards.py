"""A sync that declares shards: its job has a step for each, and they find the run they belong to through the state."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest

from integrations_platform.defs.shard_steps import Steps, take_share
from integrations_platform.jobs import Options
from integrations_platform.platform import Platform
from integrations_platform_tests.defs.conftest import PEOPLE, World


@pytest.fixture
def sharded(world: World) -> World:
    """The world with two shards of its sync."""
    world.sync(PEOPLE + "shards: 2\n")
    return world


def test_its_job_has_a_step_for_the_run_and_one_for_each_shard_all_at_once(sharded: World) -> None:
    job = sharded.definitions.resolve_job_def("people_job")
    assert {node.name for node in job.nodes} == {"people", "people_shard_1", "people_shard_2"}
    assert job.executor_def.name == "multiprocess"
    schedule = sharded.definitions.resolve_schedule_def("people_schedule")
    assert schedule.job_name == "people_job"


def test_in_pods_its_state_must_be_one_that_all_of_them_reach(sharded: World) -> None:
    sharded.env_file.write_text(
        sharded.env_file.read_text() + "shards: {steps: kubernetes, service_account: starter}\n"
    )
    job = sharded.definitions.resolve_job_def("people_job")
    assert job.executor_def.name == "k8s"
    assert "starter" in job.tags["dagster-k8s/config"]
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, op_selection=["people"], raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "set state.url to postgresql://" in str(failure.step_failure_data.user_failure_data)
    assert sharded.rows("shop", "SELECT count(*) FROM member") == [(1,)]


def test_steps_join_the_run_of_their_own_dagster_run_or_are_let_go(sharded: World) -> None:
    catalogue = sharded.catalogue
    (spec,) = catalogue.specs

    def step(number: int, dagster_run: str, *, over: bool) -> str:
        platform = Platform(catalogue.settings)
        try:
            return take_share(platform, catalogue, spec, dagster_run, number, lambda: over)
        finally:
            platform.close()

    platform = Platform(catalogue.settings)
    with ThreadPoolExecutor(2) as pool, platform.sides(spec) as sides:
        steps = [pool.submit(step, number, "this", over=False) for number in range(2)]
        engine = platform.engine(*catalogue.specs)
        engine.crew = Steps(platform, "this", Options(batch_size=1))
        report = engine.run(spec, sides)
        said = [each.result() for each in steps]
    platform.close()
    assert (report.status.value, report.written) == ("succeeded", 2)
    assert said == [f"share {number} of 2 of run {report.run_id} is done" for number in (1, 2)]
    assert sharded.rows("shop", "SELECT count(*) FROM member") == [(3,)]
    assert step(0, "another", over=True) == "nothing was shared in this run"
