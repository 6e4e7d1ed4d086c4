"""From events to runs on a real Dagster instance: each wake-up once, none twice, none lost, whoever dies when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

import dagster as dg
import pytest

from integrations_platform.defs import running
from integrations_platform.defs.running import WAKE_UP_TAG
from integrations_platform.defs.webhooks import NAME
from integrations_platform.platform import Platform
from integrations_platform.state import open_store
from integrations_platform.state.inbox import Event, WakeState
from integrations_platform_tests.defs.conftest import PEOPLE, World, world

__all__ = ["world"]

SOURCES = """\
webhooks:
  sources:
    crm:  {scheme: hmac, secret: hush, system: crm}
    push: {scheme: stripe, secret: hush, wakes: {syncs: [people, later]}}
"""
OTHER = PEOPLE.replace("name: people", "name: thirds", 1).replace("system: shop", "system: third")


@dataclass
class Office:
    """A world with sources, the sensor as Dagster's daemon asks it, and the runs it starts."""

    world: World
    instance: dg.DagsterInstance
    cursor: str | None = None
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    @cached_property
    def platform(self) -> Platform:
        return Platform(self.world.catalogue.settings)

    def receive(self, source: str = "crm", times: int = 1) -> None:
        self.platform.store.inbox.store([Event(source, f"e{next(self.numbers)}", "", "", "{}") for _ in range(times)])

    def tick(self) -> Sequence[dg.RunRequest]:
        """What the sensor asks for."""
        repository = self.world.definitions.get_repository_def()
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=repository, sensor_name=NAME
        )
        result = repository.get_sensor_def(NAME).evaluate_tick(context)
        self.cursor = result.cursor
        self.said = result.skip_message
        return result.run_requests or []

    def submit(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        """A run as the daemon makes it of a request; one of the same key is recognised."""
        tags = {**request.tags, "dagster/run_key": request.run_key, "dagster/sensor_name": NAME}
        key = dg.RunsFilter(tags={"dagster/run_key": request.run_key or ""})
        for record in self.instance.get_run_records(key):
            if record.dagster_run.status is not dg.DagsterRunStatus.NOT_STARTED:
                return record.dagster_run
            self.instance.delete_run(record.dagster_run.run_id)
        job = self.world.definitions.resolve_job_def(request.job_name or "")
        return self.instance.create_run_for_job(job, tags=tags, status=status)

    def set(self, run: dg.DagsterRun, kind: dg.DagsterEventType) -> None:
        """Let a run go on."""
        self.instance.report_dagster_event(dg.DagsterEvent(kind.value, run.job_name), run.run_id)

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """A whole run, in this process."""
        job = self.world.definitions.resolve_job_def(request.job_name or "")
        tags = {**request.tags, "dagster/run_key": request.run_key or "", "dagster/sensor_name": NAME}
        return job.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False)

    def states(self) -> dict[str, list[str]]:
        inbox = self.platform.store.inbox
        found: dict[str, list[str]] = {}
        for row in [*inbox.wake_ups(), *inbox.wake_ups(ended=True)]:
            found.setdefault(row.target, []).append(row.state.value)
        return found


@pytest.fixture
def office(world: World) -> Iterator[Office]:
    world.sync(OTHER, "thirds")
    world.env_file.write_text(world.env_file.read_text(encoding="utf-8") + SOURCES, encoding="utf-8")
    world.execute(
        "third", "CREATE TABLE member (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, full_name TEXT, town TEXT)"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        made = Office(world, instance)
        yield made
        made.platform.close()


def _jobs(requests: Sequence[dg.RunRequest]) -> list[str]:
    return sorted(str(request.job_name) for request in requests)


STATUS, KIND = dg.DagsterRunStatus, dg.DagsterEventType


def test_many_events_wake_each_sync_of_their_system_once(office: Office) -> None:
    office.receive(times=50)
    assert _jobs(office.tick()) == ["people_job", "thirds_job"]


def test_a_woken_run_does_its_work_and_the_wake_up_is_done(office: Office) -> None:
    office.world.execute("shop", "DELETE FROM member")
    office.platform.run(office.world.catalogue.specs[0])
    office.world.execute("crm", "UPDATE person SET city = 'Turku' WHERE id = 1")
    office.receive()
    (people,) = [request for request in office.tick() if request.job_name == "people_job"]
    assert office.run(people).success
    assert ("Turku",) in office.world.rows("shop", "SELECT town FROM member")
    assert office.platform.store.runs("people", 1)[0][1].trigger.startswith(f"dagster:sensor:{NAME} run ")
    office.tick()
    assert office.states()["sync:people"] == ["done"]


def test_a_request_is_repeated_until_its_run_is_seen_and_makes_one_run(office: Office) -> None:
    """Whatever died between the claim and the run: the sensor, the daemon, or both."""
    office.receive()
    first, second = office.tick(), office.tick()
    assert {each.run_key for each in first} == {each.run_key for each in second}
    for request in (*first, *second):
        office.submit(request, STATUS.STARTING)
    assert office.tick() == []
    assert len(office.instance.get_runs()) == 2


def test_a_run_that_was_only_written_down_is_asked_for_again(office: Office) -> None:
    office.receive()
    asked = office.tick()
    for request in asked:
        office.submit(request, STATUS.NOT_STARTED)
    assert {each.run_key for each in office.tick()} == {each.run_key for each in asked}


def test_the_sensor_that_dies_after_its_claim_loses_nothing(office: Office) -> None:
    office.receive(times=3)
    inbox = office.platform.store.inbox
    inbox.claim(lambda _source, _subject: ["sync:people"], lambda: "w1")
    assert [request.run_key for request in office.tick()] == ["w1"]


def test_events_before_a_run_begins_share_it_and_later_ones_get_one_more(office: Office) -> None:
    office.receive()
    runs = {str(each.job_name): office.submit(each, STATUS.STARTING) for each in office.tick()}
    office.receive(times=5)
    assert office.tick() == []
    assert office.states()["sync:people"] == ["requested", "joined"]
    office.set(runs["people_job"], KIND.RUN_START)
    office.receive(times=5)
    assert office.tick() == [], "one at a time"
    office.receive(times=5)
    assert office.tick() == []
    assert office.states()["sync:people"] == ["started", "waiting", "joined"]
    office.set(runs["people_job"], KIND.RUN_SUCCESS)
    (again,) = office.tick()
    assert again.job_name == "people_job"
    assert again.tags["integrations/events"] == "10"
    office.submit(again, STATUS.STARTING)
    assert office.tick() == []
    assert len(office.instance.get_runs()) == 3


def test_a_sync_that_somebody_else_runs_is_woken_afterwards(office: Office) -> None:
    store, now = office.platform.store, office.platform.runtime.clock()
    store.open_pair("people", "digest", now)
    lease = store.acquire("people", "somebody at a terminal", 600, now)
    office.receive()
    assert _jobs(office.tick()) == ["thirds_job"]
    (note,) = [row.note for row in store.inbox.wake_ups() if row.target == "sync:people"]
    assert "somebody at a terminal" in note
    store.release(lease)
    assert "people_job" in _jobs(office.tick())


def test_a_woken_run_that_finds_the_sync_held_comes_back(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other run may have read before the event. A run that nobody has woken leaves the work to the other one."""
    monkeypatch.setattr(running, "FIRST_WAIT_SECONDS", 0.0)
    office.platform.run(office.world.catalogue.specs[0])
    store, now = office.platform.store, office.platform.runtime.clock()
    office.receive("push")
    (request,) = office.tick()
    lease = store.acquire("people", "somebody at a terminal", 600, now)
    again = office.run(request).filter_events(lambda event: event.is_step_up_for_retry)
    assert len(again) == running.RETRIES
    store.release(lease)


def test_a_sync_that_is_not_declared_is_reported_and_its_events_are_kept(office: Office) -> None:
    office.receive("push", times=4)
    assert _jobs(office.tick()) == ["people_job"], "what can be run is run"
    assert _jobs(office.tick()) == ["people_job"]
    for request in office.tick():
        office.submit(request, STATUS.STARTING)
    assert office.tick() == []
    assert "later is not declared; 4 events for it are kept" in str(office.said)
    office.world.sync(OTHER.replace("name: thirds", "name: later", 1).replace("person", "human"), "later")
    for name in ("catalogue", "definitions"):
        del office.world.__dict__[name]
    assert _jobs(office.tick()) == ["later_job"]


def test_a_failed_run_is_said_kept_and_can_be_asked_for_again(office: Office) -> None:
    office.receive("push", times=2)
    (request,) = office.tick()
    run = office.submit(request, STATUS.STARTED)
    office.tick()
    office.set(run, KIND.RUN_FAILURE)
    assert office.tick() == []
    assert "its run failed" in str(office.said)
    assert f"integrations webhooks replay {request.run_key}" in str(office.said)
    assert office.states()["sync:people"] == ["failed"]
    office.platform.store.inbox.again([str(request.run_key)], lambda: "again")
    assert [each.run_key for each in office.tick()] == ["again"]


def test_a_run_that_dagster_tries_again_is_still_under_way(office: Office) -> None:
    office.receive("push")
    (request,) = office.tick()
    run = office.submit(request, STATUS.STARTED)
    office.instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    office.set(run, KIND.RUN_FAILURE)
    office.receive("push")
    assert office.tick() == []
    job = office.world.definitions.resolve_job_def("people_job")
    retry = office.instance.create_run_for_job(job, tags=run.tags, status=STATUS.STARTED, parent_run_id=run.run_id,
                                               root_run_id=run.run_id)  # fmt: skip
    assert office.tick() == []
    office.set(retry, KIND.RUN_SUCCESS)
    (more,) = office.tick()
    assert more.run_key != request.run_key
    (done,) = [row for row in office.platform.store.inbox.wake_ups(ended=True) if row.state is WakeState.DONE]
    assert done.run_id == retry.run_id


def test_a_deleted_run_holds_nothing_up(office: Office) -> None:
    office.receive("push")
    (request,) = office.tick()
    run = office.submit(request, STATUS.STARTED)
    office.tick()
    office.instance.delete_run(run.run_id)
    office.receive("push")
    assert [each.job_name for each in office.tick()] == ["people_job"]


def test_old_events_are_forgotten_once_a_day(office: Office) -> None:
    past = office.platform.runtime.clock() - timedelta(days=15)
    old = open_store(office.world.catalogue.settings.state.url(), clock=lambda: past)
    old.inbox.store([Event("gone", "1", "", "", "{}")])
    assert office.tick() == []
    assert office.platform.store.inbox.events() == [], "taken, for nobody: its source is no longer declared"
    old.inbox.store([Event("gone", "2", "", "", "{}")])
    old.close()
    assert office.tick() == []
    assert len(office.platform.store.inbox.events()) == 1
    office.cursor = "2026-01-01"
    office.tick()
    assert office.platform.store.inbox.events() == []


def test_the_sensor_is_stopped_until_somebody_starts_it_and_told_nothing_from_outside(office: Office) -> None:
    sensor: Any = office.world.definitions.get_repository_def().get_sensor_def(NAME)
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    office.receive()
    for request in office.tick():
        assert request.run_config == {}
        assert set(request.tags) - {"dagster/sensor_name"} <= {WAKE_UP_TAG, "integrations/events"}


def test_without_a_source_there_is_no_sensor(world: World) -> None:
    assert NAME not in {sensor.name for sensor in world.definitions.get_repository_def().sensor_defs}
