"""The sensor on a real instance: it hears of what failed, whoever ran it, tells it once, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from integrations_platform.alerts.alert import Alert
from integrations_platform.defs.alerts import alert_sensor
from integrations_platform.defs.ended_runs import Subjects, shown
from integrations_platform.jobs import Catalogue, load_catalogue
from integrations_platform.state import open_store
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform_tests.alerts.empty_state import empty_state
from integrations_platform_tests.alerts.sink import Reply, Sink, sink
from integrations_platform_tests.defs.conftest import Runner, World


class Broken:
    """Whether the assets of this world fail now."""

    now = True


@dg.asset(
    key_prefix=["lake"], partitions_def=dg.DailyPartitionsDefinition("2026-01-01"),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=2)),
)  # fmt: skip
def flights() -> None:
    if Broken.now:
        raise RuntimeError("could not connect with hunter2 to ana@example.com")


@pytest.fixture
def slack() -> Iterator[Sink]:
    with sink() as opened:
        yield opened


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch, slack: Sink) -> None:
    Broken.now = True
    monkeypatch.setenv("ENABLE_SLACK", "true")
    monkeypatch.setenv("SLACK_WEBHOOK_URL", slack.url)
    monkeypatch.setenv("DAGSTER_URL", "https://dagster.example.test")


class Ticks:
    """The daemon: evaluates the sensor and keeps its cursor. Time passes by itself, and more when told."""

    def __init__(self, world: World, instance: dg.DagsterInstance) -> None:
        self.instance, self.cursor, self.ahead = instance, None, timedelta()
        runtime = Runtime(clock=lambda: Runtime().clock() + self.ahead)
        self.catalogue: Catalogue = load_catalogue(env_file=world.env_file, folders=[world.syncs])
        self.sensor = alert_sensor(self.catalogue, [flights], runtime)
        self.tick()

    def tick(self) -> str:
        with dg.build_sensor_context(self.instance, cursor=self.cursor) as context:
            result = self.sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor or self.cursor
        return str(result.skip_reason.skip_message if result.skip_reason else "")


@pytest.fixture
def ticks(world: World, run: Runner) -> Ticks:
    empty_state(world.root)
    return Ticks(world, run.instance)


def materialize(run: Runner, day: str) -> None:
    dg.materialize([flights], instance=run.instance, partition_key=day, raise_on_error=False)


def test_a_failing_sync_is_told_with_the_way_to_its_run_and_so_is_its_recovery(
    world: World, run: Runner, ticks: Ticks, slack: Sink
) -> None:
    world.execute("shop", "ALTER TABLE member RENAME TO moved")
    failed = run.asset()
    assert not failed.success
    ticks.tick()
    ticks.tick()
    assert slack.texts == ["people failed"]
    assert f"/runs/{failed.run_id}|run in Dagster" in str(slack.messages[0])
    assert not run.asset().success
    ticks.tick()
    assert slack.texts == ["people failed"]
    world.execute("shop", "ALTER TABLE moved RENAME TO member")
    assert run.asset().success
    ticks.tick()
    assert slack.texts == ["people failed", "people runs again"]


def test_the_unified_job_s_sync_is_told_as_the_sync_and_its_own_faults_as_its_own(
    world: World, run: Runner, ticks: Ticks, slack: Sink
) -> None:
    world.execute("shop", "ALTER TABLE member RENAME TO moved")
    ends = {"source_type": "crm", "target_type": "shop"}
    assert not run.job("data_sync_unified", {"sync_pair": ends}).success
    ticks.tick()
    assert slack.texts == ["people failed"]
    assert not run.job("data_sync_unified", {"sync_pair": {**ends, "target_type": "third"}}).success
    ticks.tick()
    assert slack.texts[1:] == ["data_sync_unified failed"]


def test_a_sync_that_never_reached_the_engine_is_told_too(world: World, run: Runner, ticks: Ticks, slack: Sink) -> None:
    world.execute("crm", "SELECT 1")
    (world.root / "crm.sqlite").rename(world.root / "away.sqlite")
    assert not run.asset().success
    ticks.tick()
    assert slack.texts == ["people failed"]


def test_an_asset_of_the_lake_fails_by_its_days_and_recovers_when_each_is_mended(
    run: Runner, ticks: Ticks, slack: Sink
) -> None:
    materialize(run, "2026-01-01")
    materialize(run, "2026-01-02")
    ticks.tick()
    assert slack.texts == ["lake/flights failed"]
    assert "hunter2" not in str(slack.messages)
    assert "a system could not be reached" in str(slack.messages)
    Broken.now = False
    materialize(run, "2026-01-03")
    materialize(run, "2026-01-01")
    ticks.tick()
    assert slack.texts == ["lake/flights failed"], "a day is still missing"
    materialize(run, "2026-01-02")
    ticks.tick()
    assert slack.texts == ["lake/flights failed", "lake/flights runs again"]


def test_an_asset_that_grows_older_than_it_may_is_late(run: Runner, ticks: Ticks, slack: Sink) -> None:
    Broken.now = False
    materialize(run, "2026-01-01")
    ticks.tick()
    ticks.ahead = timedelta(hours=3)
    ticks.tick()
    ticks.tick()
    assert slack.texts == ["lake/flights is late"]


def test_a_failing_slack_fails_no_tick_and_loses_no_alert(run: Runner, ticks: Ticks, slack: Sink) -> None:
    slack.always = Reply(500)
    materialize(run, "2026-01-01")
    assert "1 put off" in ticks.tick()
    slack.always = None
    ticks.ahead = timedelta(minutes=1)
    assert "1 sent" in ticks.tick()
    assert slack.texts == ["lake/flights failed"]


def test_a_state_out_of_reach_is_told_once_past_the_outbox_and_nothing_is_missed(
    world: World, run: Runner, ticks: Ticks, slack: Sink
) -> None:
    place, away = world.root / "state.sqlite", world.root / "moved.sqlite"
    place.rename(away)
    place.mkdir()
    materialize(run, "2026-01-01")
    ticks.tick()
    assert "is a folder" in ticks.tick()
    state = f"the state database of {ticks.catalogue.settings.name}"
    assert slack.texts == [f"{state} cannot be used"]
    place.rmdir()
    away.rename(place)
    ticks.tick()
    assert sorted(slack.texts[1:]) == sorted([f"{state} can be used again", "lake/flights failed"])


@pytest.mark.parametrize("tags", [{"dagster/will_retry": "true"}, {"alerts/told_by": "airflow"}], ids=str)
def test_what_dagster_will_start_again_and_what_airflow_tells_is_not_told_here(
    run: Runner, ticks: Ticks, slack: Sink, tags: dict[str, str]
) -> None:
    dg.materialize(
        [flights], instance=run.instance, partition_key="2026-01-01", raise_on_error=False, tags=tags
    )  # fmt: skip
    ticks.tick()
    assert slack.texts == []


def test_while_no_channel_is_on_it_does_not_even_open_the_state(
    world: World, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENABLE_SLACK")
    assert "no channel is on" in Ticks(world, run.instance).tick()
    assert not (world.root / "state.sqlite").exists()


def test_with_a_bot_token_the_sensor_posts_through_dagster_slack(
    world: World, run: Runner, slack: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_WEBHOOK_URL")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-hunter2")
    monkeypatch.setenv("SLACK_CHANNEL", "#ops")
    monkeypatch.setattr("integrations_platform.defs.slack_poster.API", slack.api)
    ticks = Ticks(world, run.instance)
    materialize(run, "2026-01-01")
    assert "1 sent" in ticks.tick()
    assert [(message["channel"], message["text"]) for message in slack.messages] == [("#ops", "lake/flights failed")]


def test_the_location_has_the_sensor_and_it_runs_unless_stopped(world: World) -> None:
    sensor = world.definitions.resolve_sensor_def("alerts")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_several_assets_of_one_step_have_one_name(world: World) -> None:
    assert shown([["airbyte", "stripe", "charges"], ["airbyte", "stripe", "refunds"]]) == "airbyte/stripe"
    assert shown([["lake", "flights"]]) == "lake/flights"
    assert shown([["lake", "flight_features"], ["databricks", "features"]]) == "databricks/features"
    assert shown([["b"], ["a"]]) == shown([["a"], ["b"]]) == "a"
    subjects = Subjects.of([flights], ["people"])
    assert (subjects.subject("lake__flights"), subjects.subject("people")) == ("lake/flights", "people")


def test_the_outbox_remembers_what_was_sent(world: World, run: Runner, ticks: Ticks) -> None:
    materialize(run, "2026-01-01")
    ticks.tick()
    store = open_store(f"sqlite:///{world.root}/state.sqlite")
    (row,) = store.outbox.messages()
    store.close()
    assert (row.state.value, Alert.from_json(row.body).run is not None) == ("sent", True)


def test_more_runs_than_a_tick_can_read_are_read_by_the_next_ones(
    run: Runner, ticks: Ticks, slack: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations_platform.defs.ended_runs.AT_ONCE", 2)
    Broken.now = False
    for _ in range(3):
        materialize(run, "2026-01-01")
    Broken.now = True
    materialize(run, "2026-01-02")
    ticks.tick()
    assert slack.texts == []
    ticks.tick()
    assert slack.texts == ["lake/flights failed"]


def test_a_state_without_its_variable_is_told_too(
    world: World, run: Runner, slack: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = world.env_file.read_text().replace(f"sqlite:///{world.root}/state.sqlite", "${STATE_OF_TEST}")
    world.env_file.write_text(text)
    ticks = Ticks(world, run.instance)
    assert "needs the environment variable STATE_OF_TEST" in ticks.tick()
    assert slack.texts == [f"the state database of {ticks.catalogue.settings.name} cannot be used"]
