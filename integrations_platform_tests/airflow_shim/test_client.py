"""What the shim knows of Dagster holds for a real one, and for the stand-in that the other stories use."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations_platform.airflow_shim.client import Dagster, Order, Place, Run
from integrations_platform.airflow_shim.faults import DagsterFault
from integrations_platform.airflow_shim.following import Following
from integrations_platform.airflow_shim.launching import LAUNCH_KEY, Launching, Task
from integrations_platform.service_faults import FaultKind
from integrations_platform.waiting import Timing
from integrations_platform_tests.airflow_shim.dagster_server import Served
from integrations_platform_tests.airflow_shim.fake_dagster import faked


class Contract(ABC):
    """How a Dagster behaves."""

    @pytest.fixture
    @abstractmethod
    def server(self) -> Iterator[Dagster]:
        """A client of the Dagster that is held to this."""

    def ended(self, server: Dagster, run: Run) -> Run:
        following = Following(run.run_id, server.timing, lambda _: None, interval=0.3)
        while (found := following.look(server)) is None:
            server.timing.sleep(following.pause())
        return found

    def test_a_day_is_run_found_by_its_key_and_tells_what_it_made(self, server: Dagster) -> None:
        key = uuid.uuid4().hex
        order = Order("ledger_job", tags={LAUNCH_KEY: key, "dagster/partition": "2025-03-01"}, assets=("ledger",))
        run = server.launch(order)
        assert self.ended(server, run).status == "SUCCESS"
        assert [found.run_id for found in server.find(LAUNCH_KEY, key)] == [run.run_id]
        made, truncated = server.materializations(run.run_id)
        assert [(item["asset_key"], item["partition"]) for item in made] == [("ledger", "2025-03-01")]
        metadata = made[0]["metadata"]
        assert (metadata["rows"], metadata["day"], metadata["share"]) == (3_000_000_000, "2025-03-01", 0.5)
        assert not truncated
        server.stop(run.run_id)
        assert server.run(run.run_id).status == "SUCCESS", "what is over stays as it is"

    def test_a_failure_tells_its_step_and_its_causes(self, server: Dagster) -> None:
        run = self.ended(server, server.launch(Order("broken")))
        assert run.status == "FAILURE"
        said = server.reason(run.run_id)
        assert said.startswith("step breaks: RuntimeError: the ledger could not be read caused by ValueError: invalid")

    def test_a_refused_config_and_an_unknown_run_help_no_retry_an_unknown_job_may(self, server: Dagster) -> None:
        with pytest.raises(DagsterFault, match="Missing required config entry") as no:
            server.launch(Order("picky"))
        assert no.value.kind is FaultKind.PERMANENT
        with pytest.raises(DagsterFault, match="could not be found") as no:
            server.run(str(uuid.uuid4()))
        assert no.value.kind is FaultKind.PERMANENT
        with pytest.raises(DagsterFault, match="no job 'nowhere'") as no:
            server.launch(Order("nowhere"))
        assert (no.value.kind, no.value.perhaps_done) == (FaultKind.TRANSIENT, False)

    def test_a_run_that_is_stopped_is_cancelled(self, server: Dagster) -> None:
        run = server.launch(Order("endless"))
        following = Following(run.run_id, server.timing, lambda _: None, interval=0.3)
        while server.run(run.run_id).status != "STARTED":
            server.timing.sleep(following.pause())
        server.stop(run.run_id)
        assert self.ended(server, run).status == "CANCELED"
        assert "ancel" in server.reason(run.run_id)

    def test_a_second_try_takes_up_what_failed_and_a_third_adopts_what_came_off(
        self, server: Dagster, tmp_path: Path
    ) -> None:
        task = Task("dag", f"run-{uuid.uuid4()}", "task")
        order = Order("moody", {"ops": {"second": {"config": {"folder": str(tmp_path)}}}})
        launching = Launching(server, task, order, server.timing, lambda _: None)
        failed = self.ended(server, launching.run())
        assert failed.status == "FAILURE"
        resumed = self.ended(server, launching.run())
        assert (resumed.status, resumed.tags["dagster/parent_run_id"]) == ("SUCCESS", failed.run_id)
        assert launching.run().run_id == resumed.run_id
        assert [run.run_id for run in server.find(LAUNCH_KEY, task.key("moody"))] == [resumed.run_id, failed.run_id]


@pytest.mark.xdist_group("airflow")
class TestRealDagster(Contract):
    @pytest.fixture
    def server(self, dagster: Served) -> Iterator[Dagster]:
        with Dagster(Place(dagster.url)) as server:
            yield server


class TestStandIn(Contract):
    @pytest.fixture
    def server(self) -> Iterator[Dagster]:
        with faked() as fake, Dagster(Place(fake.url), Timing(sleep=lambda _: None)) as server:
            yield server
