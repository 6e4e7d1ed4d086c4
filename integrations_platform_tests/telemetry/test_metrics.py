"""The figures of real runs, asked for after the processes that made them are gone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from integrations_platform.cli import cli
from integrations_platform.serving import Part, application
from integrations_platform.settings import load_settings
from integrations_platform.state.errors import StateError
from integrations_platform.state.standings import Standings
from integrations_platform.telemetry.exposing import metrics_app
from integrations_platform.telemetry.metrics import Declared, registry_of
from integrations_platform.telemetry.tallies import count_job, counted_load
from integrations_platform.unified_sync.store import Breaker, BreakerState
from integrations_platform_tests.end_to_end.arrange import SYNC, Base, World, people_world
from integrations_platform_tests.telemetry.figures import figures, labelled, promtool

DECLARED = SYNC + 'schedule: "*/15 * * * *"\nconflicts: {default: manual}\n'


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Five people on both sides, two of whom are edited on both."""
    office, shop = (Base.at("sqlite", f"sqlite:///{tmp_path}/{name}.sqlite") for name in ("office", "shop"))
    made = people_world(tmp_path, office, shop, 5)
    made.sync = DECLARED
    return made


def shown(world: World) -> str:
    """What `integrations metrics` prints."""
    environment, sync = world.write_files()
    result = CliRunner().invoke(cli, ["--env-file", str(environment), "--syncs", str(sync.parent), "metrics"])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_what_short_runs_did_is_told_after_they_are_gone(world: World) -> None:
    world.a.run("UPDATE person SET name = 'Ann' WHERE id <= 2", "UPDATE person SET balance = 7 WHERE id = 3")
    world.b.run("UPDATE person SET name = 'Bea' WHERE id <= 2")
    world.run()
    store = world.platform().store
    assert store.change_breaker(Breaker("shop"), Breaker("shop", BreakerState.OPEN, 5, last_error="pssst"))
    store.close()
    text = shown(world)
    told = figures(text)
    assert told["integrations_sync_runs_total"] == {
        labelled(sync="people", outcome="succeeded"): 2, labelled(sync="people", outcome="partial"): 1
    }  # fmt: skip
    applied = labelled(sync="people", side="B", outcome="applied")
    assert told["integrations_sync_records_total"][applied] == 6, "five came to be, and one balance travelled"
    created = labelled(sync="people", side="B", kind="create", outcome="applied")
    assert told["integrations_sync_writes_total"][created] == 5
    assert told["integrations_sync_conflicts_open"] == {labelled(sync="people"): 2}
    assert told["integrations_sync_conflicts_opened_total"] == {labelled(sync="people"): 2}
    assert told["integrations_sync_run_duration_seconds_count"] == {labelled(sync="people"): 3}
    assert told["integrations_sync_newest_run"][labelled(sync="people", state="partial")] == 1
    assert sum(told["integrations_sync_newest_run"].values()) == 1
    assert told["integrations_sync_allowed_silence_seconds"] == {labelled(sync="people"): 1800}
    assert told["integrations_breaker_state"][labelled(system="shop", state="open")] == 1
    assert told["integrations_breaker_state"][labelled(system="office", state="closed")] == 1
    assert told["integrations_sync_calls_total"][labelled(sync="people", side="A")] > 0
    assert not any(word in text for word in ("Ann", "Bea", "@example", "pssst")), "names of things only, of nobody"
    promtool("check", "metrics", said=text)


def test_loads_and_jobs_are_counted_and_a_state_that_is_gone_undoes_no_work(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings(env_file=world.write_files()[0])
    with counted_load(settings, "flights") as count:
        count(800)
    with pytest.raises(ZeroDivisionError), counted_load(settings, "flights"):
        _ = 1 / 0
    for how, outcome, rows in (("started", "succeeded", 7), ("attached", "succeeded", 7), ("started", "running", None)):
        count_job(settings, "stripe", how, outcome, rows)
    told = figures(shown(world))
    assert told["integrations_warehouse_loads_total"] == {
        labelled(table="flights", outcome="loaded"): 1, labelled(table="flights", outcome="failed"): 1
    }  # fmt: skip
    assert told["integrations_warehouse_rows_loaded_total"] == {labelled(table="flights"): 800}
    assert told["integrations_airbyte_jobs_total"] == {labelled(connection="stripe", outcome="succeeded"): 1}
    world.state_url = f"sqlite:///{world.folder}/people.yaml/nowhere/state.sqlite"
    (world.folder / "people.yaml").touch()
    with counted_load(load_settings(env_file=world.write_files()[0]), "flights") as count:
        count(800)
    assert "is not counted: the state database" in caplog.text


def answers(registry: CollectorRegistry, **headers: str) -> httpx.Response:
    """The answer of a server whose metrics need a token."""
    app = application([Part("/metrics", metrics_app(registry, "open sesame"), exact=True)], lambda: None)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://metrics") as client:
            return await client.get("/metrics", headers=headers)

    return asyncio.run(ask())


def _none() -> Standings:
    return Standings({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})


def test_only_who_brings_the_token_reads_them_in_the_format_they_ask_for() -> None:
    registry = registry_of(_none, Declared())
    for wrong in ({}, {"authorization": "Bearer open sesam"}, {"authorization": "Basic open sesame"}):
        assert answers(registry, **wrong).status_code == 401
    plain = answers(registry, authorization="Bearer open sesame")
    assert (plain.status_code, plain.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    accepted = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1"
    open_metrics = answers(registry, authorization="Bearer open sesame", accept=accepted)
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert open_metrics.text.endswith("# EOF\n")


def test_a_state_that_cannot_be_asked_is_no_quiet_night() -> None:
    def gone() -> Standings:
        raise StateError("the state database is gone")

    answer = answers(registry_of(gone, Declared()), authorization="Bearer open sesame")
    assert (answer.status_code, answer.text) == (503, "the state cannot be reached\n")


def test_a_duration_is_in_every_class_above_it() -> None:
    counted = {
        "sync_run_class": [({"sync": "people", "le": le}, number) for le, number in (("5", 2.0), ("+Inf", 1.0))],
        "sync_run_seconds": [({"sync": "people"}, 20_009.5)],
    }
    registry = registry_of(lambda: replace(_none(), counters=counted), Declared())
    told = figures(answers(registry, authorization="Bearer open sesame").text)
    buckets = {
        dict(labels)["le"]: value for labels, value in told["integrations_sync_run_duration_seconds_bucket"].items()
    }
    assert (buckets["1.0"], buckets["5.0"], buckets["14400.0"], buckets["+Inf"]) == (0, 2, 2, 3)
    assert told["integrations_sync_run_duration_seconds_sum"] == {labelled(sync="people"): 20_009.5}
