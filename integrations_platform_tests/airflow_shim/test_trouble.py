"""Lost answers, silence, retries of Dagster's own, a queue that nobody serves: one run, and the truth about it."""

from __future__ import annotations

from collections.abc import Iterator

import graphql
import pytest

from integrations_platform.airflow_shim import documents
from integrations_platform.airflow_shim.client import RETRIED_AS, WILL_RETRY, Dagster, Order, Place, Run
from integrations_platform.airflow_shim.faults import DagsterFault
from integrations_platform.airflow_shim.following import Following
from integrations_platform.airflow_shim.launching import Launching, Task
from integrations_platform.service_faults import FaultKind
from integrations_platform_tests.airflow_shim.conftest import Hours
from integrations_platform_tests.airflow_shim.fake_dagster import FakeDagster, faked

TASK = Task("dag", "scheduled__2026-11-22", "task")
PICKY = Order("picky", {"ops": {"wished": {"config": {"name": "n"}}}})
BROKEN_ANSWER = (500, '{"data": {"launchRun": {"__typename": "PythonError", "message": "database is locked"}}}')


@pytest.fixture
def fake() -> Iterator[FakeDagster]:
    """The stand-in."""
    with faked() as fake:
        yield fake


@pytest.fixture
def server(fake: FakeDagster, hours: Hours) -> Iterator[Dagster]:
    """A client of the stand-in whose waiting takes no time."""
    with Dagster(Place(fake.url), hours.timing(), answer_seconds=5) as server:
        yield server


def _launch(server: Dagster, hours: Hours, order: Order = PICKY, *, task: Task = TASK, resume: bool = True) -> Run:
    return Launching(server, task, order, hours.timing(), hours.notes.append, resume).run()


def _follow(server: Dagster, hours: Hours, run: Run) -> Run:
    following = Following(run.run_id, hours.timing(), hours.notes.append)
    while (found := following.look(server)) is None:
        hours.sleep(following.pause())
    return found


@pytest.mark.parametrize(
    "lost", [None, (502, "<html>Bad Gateway</html>"), BROKEN_ANSWER, (200, "<html>Sign in</html>")]
)
def test_a_launch_whose_answer_is_lost_is_found_and_not_sent_again(
    fake: FakeDagster, server: Dagster, hours: Hours, lost: tuple[int, str] | None
) -> None:
    fake.answers["Launch"] = [lost]
    run = _launch(server, hours)
    assert [held.run_id for held in fake.runs] == [run.run_id]
    assert fake.asked.count("Launch") == 1


def test_a_launch_that_started_nothing_is_searched_for_and_then_a_failure_that_may_pass(
    fake: FakeDagster, server: Dagster, hours: Hours
) -> None:
    fake.answers["Launch"] = [BROKEN_ANSWER]
    fake.answers["Find"] = [(200, '{"data": {"runsOrError": {"__typename": "Runs", "results": []}}}')] * 20
    with pytest.raises(DagsterFault, match="database is locked") as no:
        _launch(server, hours)
    assert no.value.kind is FaultKind.TRANSIENT
    assert 60 < hours.now <= 90
    assert fake.asked.count("Launch") == 1


def test_a_lost_resume_is_not_mistaken_for_the_run_that_failed(
    fake: FakeDagster, server: Dagster, hours: Hours
) -> None:
    failed = _follow(server, hours, _launch(server, hours, Order("broken")))
    fake.answers["Resume"] = [None]
    assert _launch(server, hours, Order("broken")).run_id not in ("", failed.run_id)
    assert [fake.asked.count(word) for word in ("Launch", "Resume")] == [1, 1]


@pytest.mark.parametrize("resume", [True, False])
def test_what_cannot_be_resumed_or_shall_not_be_is_run_anew(
    fake: FakeDagster, server: Dagster, hours: Hours, resume: bool
) -> None:
    failed = _follow(server, hours, _launch(server, hours, Order("broken")))
    fake.refused = "no step failed"
    assert _launch(server, hours, Order("broken"), resume=resume).run_id != failed.run_id
    assert [fake.asked.count(word) for word in ("Launch", "Resume")] == [2, int(resume)]


def test_clear_and_another_task_start_runs_of_their_own_a_retry_does_not(
    fake: FakeDagster, server: Dagster, hours: Hours
) -> None:
    first = _launch(server, hours)
    assert (
        _launch(server, hours, task=Task(TASK.dag_id, TASK.run_id, TASK.task_id, try_number=2)).run_id == first.run_id
    )
    cleared = Task(TASK.dag_id, TASK.run_id, TASK.task_id, generation=1)
    mapped = Task(TASK.dag_id, TASK.run_id, TASK.task_id, map_index=0)
    assert len({first.run_id, *(_launch(server, hours, task=task).run_id for task in (cleared, mapped))}) == 3
    server.stop(first.run_id)
    assert _follow(server, hours, first).status == "CANCELED"
    assert _launch(server, hours).run_id != first.run_id, "a cancelled run is not adopted"


def test_a_run_that_dagster_starts_again_is_followed_to_its_heir(
    fake: FakeDagster, server: Dagster, hours: Hours
) -> None:
    run = _launch(server, hours)
    held = fake.runs[0]
    held.way, held.tags[WILL_RETRY] = ["FAILURE", "FAILURE"], "true"
    assert _launch(server, hours).run_id == run.run_id, "it is not over"
    following = Following(run.run_id, hours.timing(), hours.notes.append)
    assert following.look(server) is None
    heir = server.launch(PICKY)
    held.tags[RETRIED_AS] = heir.run_id
    while (found := following.look(server)) is None:
        pass
    assert (found.run_id, found.status, following.run_id) == (heir.run_id, "SUCCESS", heir.run_id)


def test_statuses_that_are_no_end_are_waited_for(fake: FakeDagster, server: Dagster, hours: Hours) -> None:
    fake.ways["picky"] = ("SUSPENDED", "CANCELING", "SOMETHING_NEW", "SUCCESS")
    assert _follow(server, hours, _launch(server, hours)).status == "SUCCESS"


def test_fifteen_minutes_of_silence_are_borne_and_no_more(fake: FakeDagster, server: Dagster, hours: Hours) -> None:
    run = _launch(server, hours)
    fake.answers["Status"] = [(503, "down")] * 50
    assert _follow(server, hours, run).status == "SUCCESS"
    again = _launch(server, hours, task=Task("dag", "another", "task"))
    fake.answers["Status"], began = [(503, "down")] * 200, hours.now
    with pytest.raises(DagsterFault, match="answered 503") as no:
        _follow(server, hours, again)
    assert no.value.kind is FaultKind.TRANSIENT
    assert 900 <= hours.now - began < 930


def test_a_queue_that_nobody_serves_names_the_daemon(fake: FakeDagster, server: Dagster, hours: Hours) -> None:
    run, fake.daemon = _launch(server, hours), False
    with pytest.raises(DagsterFault, match=r"QUEUED_RUN_COORDINATOR does not run.*start dagster-daemon"):
        _follow(server, hours, run)
    assert hours.now >= 600


@pytest.mark.parametrize(
    ("said", "words", "kind", "times"),
    [
        ((401, "no"), "refused the credentials", FaultKind.CONFIGURATION, 1),
        ((404, "no"), "no GraphQL of Dagster's", FaultKind.CONFIGURATION, 1),
        ((400, '{"errors": [{"message": "Unknown type"}]}'), "Unknown type", FaultKind.CONFIGURATION, 1),
        ((429, "slow"), "answered 429", FaultKind.TRANSIENT, 4),
        ((503, "<html>"), "answered 503", FaultKind.TRANSIENT, 4),
        (None, "gave no answer", FaultKind.TRANSIENT, 4),
    ],
)
def test_a_read_is_repeated_only_where_that_may_help(
    fake: FakeDagster, server: Dagster, said: tuple[int, str] | None, words: str, kind: FaultKind, times: int
) -> None:
    fake.answers["Find"] = [said] * 9
    with pytest.raises(DagsterFault, match=words) as no:
        server.find("key", "value")
    assert no.value.kind is kind
    assert fake.asked.count("Find") == times


def test_a_dagster_that_is_not_there_is_named_without_the_token(hours: Hours) -> None:
    place = Place("http://127.0.0.1:9", {"Authorization": "Bearer s3cret"})
    with Dagster(place, hours.timing()) as server, pytest.raises(DagsterFault, match=r"127\.0\.0\.1:9/graphql") as no:
        server.find("key", "value")
    assert "s3cret" not in f"{no.value!r}{place!r}"


def test_every_document_is_one_that_this_dagster_understands() -> None:
    from dagster_graphql.schema import create_schema

    schema = create_schema().graphql_schema
    for name in ("LAUNCH", "RESUME", "FIND", "STATUS", "RESULT", "WHY", "STOP", "WHERE", "DAEMONS"):
        assert graphql.validate(schema, graphql.parse(getattr(documents, name))) == [], name
