"""A sync as an asset: what a run claims, shows, refuses and leaves alone."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import dagster as dg
import pytest

from integrations_platform.connectors.budgets import Usage
from integrations_platform.defs.reporting import NUMERIC_KEYS, run_metadata
from integrations_platform.defs.running import RETRIES, Memory, Outcome, give_up, origin, progress_to
from integrations_platform.unified_sync.report import RunReport
from integrations_platform_tests.defs.conftest import (
    PEOPLE,
    Runner,
    World,
    evaluations,
    failure_of,
    metadata_of,
    observations,
)

STEP_CHECKS = {"validation", "complete", "open_conflicts", "breaker_closed"}


def test_a_run_materialises_with_numbers_and_passing_checks(run: Runner, world: World) -> None:
    result = run.asset()
    assert result.success
    facts = metadata_of(result)
    assert facts["status"] == "succeeded"
    assert facts["records_created_target"] == 2
    assert facts["dagster/row_count"] == 3
    assert facts["calls"] > 0
    assert {name: item.passed for name, item in evaluations(result).items()} == dict.fromkeys(STEP_CHECKS, True)
    assert world.rows("shop", "SELECT mail, town FROM member ORDER BY mail")[1:] == [
        ("bo@example.com", "Oslo"),
        ("cy@example.com", None),
    ]


@pytest.mark.parametrize(
    ("said", "page"),
    [("https://ops.example.test/console/", "https://ops.example.test/console/syncs/people"), ("nowhere", None)],
)
def test_asset_and_runs_lead_to_the_console_where_its_address_is_known(
    run: Runner, world: World, said: str, page: str | None
) -> None:
    with world.env_file.open("a") as file:
        file.write(f"console: {{url: '{said}'}}\n")
    (spec,) = world.definitions.resolve_asset_graph().assets_def_for_key(dg.AssetKey("people")).specs
    shown = spec.metadata.get("console")
    assert (shown and shown.value) == page
    assert metadata_of(run.asset()).get("console") == page


def test_numeric_keys_are_the_same_in_every_run(run: Runner, world: World) -> None:
    first = metadata_of(run.asset())
    world.execute("crm", "UPDATE person SET city = 'Rome' WHERE id = 1")
    second = metadata_of(run.asset())
    for facts in (first, second, metadata_of(run.asset())):
        assert set(NUMERIC_KEYS) <= set(facts)
        assert all(isinstance(facts[key], int | float) for key in NUMERIC_KEYS)
    assert second["records_updated_target"] == 1
    assert second["rows_per_second"] > 0
    assert second["calls_crm"] + second["calls_shop"] == second["calls"]


def test_a_conflict_makes_the_run_partial_and_visible(run: Runner, world: World) -> None:
    assert run.asset().success
    world.execute("crm", "UPDATE person SET city = 'Rome' WHERE id = 1")
    world.execute("shop", "UPDATE member SET town = 'Quito' WHERE id = 10")
    result = run.asset()
    assert result.success
    facts = metadata_of(result)
    assert (facts["status"], facts["conflicts_open"], facts["conflicts_opened"]) == ("partial", 1, 1)
    (row,) = facts["conflicts"].records
    assert (row.data["record"], row.data["field"]) == ("1 / 10", "city")
    assert (row.data["base"], row.data["source"], row.data["target"]) == ("Lima", "Rome", "Quito")
    checks = evaluations(result)
    assert not checks["complete"].passed
    assert not checks["open_conflicts"].passed
    assert checks["open_conflicts"].severity is dg.AssetCheckSeverity.WARN
    assert checks["validation"].passed


def test_more_conflicts_than_declared_are_an_error(run: Runner, world: World) -> None:
    world.sync(PEOPLE + "max_open_conflicts: 0\n")
    assert run.asset().success
    world.execute("crm", "UPDATE person SET city = 'Rome' WHERE id = 1")
    world.execute("shop", "UPDATE member SET town = 'Quito' WHERE id = 10")
    result = run.asset()
    assert result.success
    assert evaluations(result)["open_conflicts"].severity is dg.AssetCheckSeverity.ERROR


def test_a_quarantined_record_is_shown(run: Runner, world: World) -> None:
    world.execute("crm", "INSERT INTO person VALUES (4, 'no address', 'Di', NULL)")
    world.execute("crm", "UPDATE person SET email = 'ana@example.com' WHERE id = 2")
    result = run.asset()
    assert result.success
    facts = metadata_of(result)
    assert facts["status"] == "partial"
    assert facts["quarantined"] == len(facts["quarantined_records"].records) > 0
    assert not evaluations(result)["complete"].passed


def test_a_guard_refuses_without_retry(run: Runner, world: World) -> None:
    assert run.asset().success
    world.execute("crm", "DELETE FROM person")
    result = run.asset()
    failure = failure_of(result)
    assert "empty_side" in failure.user_failure_data.description
    assert "--lift" in failure.user_failure_data.description
    assert not result.filter_events(lambda event: event.is_step_up_for_retry)
    assert not result.filter_events(lambda event: event.is_step_materialization)
    checks = evaluations(result)
    assert checks["validation"].passed
    assert not checks["complete"].passed
    assert len(world.rows("shop", "SELECT * FROM member")) == 3


def test_a_missing_column_fails_validation_before_any_write(run: Runner, world: World) -> None:
    world.execute("shop", "ALTER TABLE member DROP COLUMN town")
    result = run.asset()
    assert "town" in failure_of(result).user_failure_data.description
    check = evaluations(result)["validation"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.metadata["problems_blocking"].value == 1
    assert not result.filter_events(lambda event: event.is_step_up_for_retry)
    assert len(world.rows("shop", "SELECT * FROM member")) == 1


@pytest.fixture
def pets(world: World) -> None:
    """A second sync, of pets that refer to people by their number."""
    world.execute("crm", "CREATE TABLE pet (id INTEGER PRIMARY KEY, owner INTEGER, tag TEXT NOT NULL)")
    world.execute("crm", "INSERT INTO pet VALUES (5, 1, 'rex'), (6, 2, 'tom')")
    world.execute("shop", "CREATE TABLE animal (id INTEGER PRIMARY KEY, owner INTEGER, tag TEXT NOT NULL)")
    world.sync(
        "name: pets\nsource: {system: crm, object: pet}\ntarget: {system: shop, object: animal}\nmatch: [tag]\n"
        "fields:\n  tag: {source: tag, target: tag, type: text}\n"
        "  owner: {source: owner, target: owner, type: ref, to: people, required: false}\n",
        "pets",
    )


@pytest.mark.usefixtures("pets")
def test_everything_at_once_runs_in_order_and_is_compared(run: Runner, world: World) -> None:
    result = run.job("__ASSET_JOB")
    assert result.success
    assert metadata_of(result, "pets")["status"] == "succeeded"
    owners = "SELECT tag, mail FROM animal JOIN member ON member.id = animal.owner ORDER BY tag"
    assert world.rows("shop", owners) == [("rex", "ana@example.com"), ("tom", "bo@example.com")]
    compared = [item for item in result.get_asset_check_evaluations() if item.check_name == "both_sides_agree"]
    assert [item.passed for item in compared] == [True, True]


@pytest.mark.usefixtures("pets")
def test_what_depends_on_a_broken_sync_does_not_run(run: Runner, world: World) -> None:
    world.execute("shop", "ALTER TABLE member DROP COLUMN town")
    assets = world.definitions.resolve_asset_graph()
    assert assets.get(dg.AssetKey("pets")).parent_keys == {dg.AssetKey("people")}
    result = run.job("__ASSET_JOB")
    assert not result.success
    started = {event.step_key for event in result.filter_events(lambda event: event.is_step_start)}
    assert started == {"people"}, "neither the sync that refers to it nor the comparisons"


def test_a_dry_run_writes_nothing_and_claims_nothing(run: Runner, world: World) -> None:
    result = run.asset({"dry_run": True})
    assert result.success
    assert not result.filter_events(lambda event: event.is_step_materialization)
    (observation,) = observations(result)
    facts = {key: value.value for key, value in observation.metadata.items()}
    assert (facts["would_create_target"], facts["would_update_source"]) == (2, 0)
    assert len(facts["planned_writes"].records) == 2
    assert set(evaluations(result)) == {"validation"}
    assert len(world.rows("shop", "SELECT * FROM member")) == 1
    assert metadata_of(run.asset())["records_created_target"] == 2, "the dry run was not the first run"


@pytest.mark.parametrize("tag", ["dagster/schedule_name", "dagster/sensor_name", "dagster/backfill"])
def test_an_unattended_first_run_is_refused_and_an_attended_one_goes(run: Runner, world: World, tag: str) -> None:
    for attempt in ("first", "second"):
        failure = failure_of(run.asset(tags={tag: "somebody"}))
        assert "first_plan" in failure.user_failure_data.description, f"{attempt}: a refusal is no first run"
    assert len(world.rows("shop", "SELECT * FROM member")) == 1
    assert run.asset().success
    world.execute("crm", "UPDATE person SET city = 'Rome' WHERE id = 1")
    assert run.asset(tags={tag: "somebody"}).success


def test_who_started_a_run() -> None:
    assert origin({}) == (True, "dagster")
    assert origin({"dagster/from_ui": "true"}) == (True, "dagster")
    assert origin({"dagster/schedule_name": "people_schedule"}) == (False, "dagster:schedule:people_schedule")
    assert origin({"dagster/auto_materialize": "true"}) == (False, "dagster:automation")


@pytest.mark.parametrize("size", [0, 10_001])
def test_a_batch_size_out_of_bounds_is_refused(run: Runner, world: World, size: int) -> None:
    result = run.asset({"batch_size": size})
    assert "batch_size" in failure_of(result).error.to_string()
    assert not result.filter_events(lambda event: event.is_step_up_for_retry)
    assert len(world.rows("shop", "SELECT * FROM member")) == 1


@pytest.mark.parametrize("config", [{"direction": "sideways"}, {"conflict_resolution": "loudest"}, {"dry": True}])
def test_an_unknown_choice_is_refused_before_the_run(run: Runner, config: dict[str, object]) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError):
        run.asset(config)


def test_a_run_can_be_narrowed_and_decided_by_its_config(run: Runner, world: World) -> None:
    assert run.asset({"batch_size": 1}).success
    world.execute("crm", "UPDATE person SET city = 'Rome' WHERE id = 1")
    world.execute("shop", "UPDATE member SET town = 'Quito' WHERE id = 10")
    assert metadata_of(run.asset({"conflict_resolution": "target_wins"}))["records_updated_source"] == 1
    assert world.rows("crm", "SELECT city FROM person WHERE id = 1") == [("Quito",)]
    world.execute("shop", "UPDATE member SET town = 'Pau' WHERE id = 10")
    assert metadata_of(run.asset({"direction": "source_to_target"}))["records_updated_source"] == 0


def test_a_direction_the_sync_does_not_travel_is_refused(run: Runner, world: World) -> None:
    world.sync(PEOPLE + "direction: source_to_target\n")
    result = run.asset({"direction": "target_to_source"})
    assert "declared source_to_target" in failure_of(result).user_failure_data.description


def test_an_unknown_system_is_a_failure_of_the_run_not_of_the_location(run: Runner, world: World) -> None:
    world.sync(PEOPLE.replace("system: shop", "system: nowhere"))
    result = run.asset()
    assert "no system is named 'nowhere'" in failure_of(result).user_failure_data.description
    assert not result.filter_events(lambda event: event.is_step_up_for_retry)


def test_a_second_run_meanwhile_fails_and_says_who_runs(run: Runner, world: World) -> None:
    from integrations_platform.platform import Platform

    assert run.asset().success
    platform = Platform(world.catalogue.settings)
    now = platform.runtime.clock()
    lease = platform.store.acquire("people", "somebody else", 60, now)
    try:
        result = run.asset()
    finally:
        platform.store.release(lease)
        platform.close()
    assert "somebody else" in failure_of(result).user_failure_data.description
    assert not result.filter_events(lambda event: event.is_step_up_for_retry)


def test_only_what_may_pass_by_itself_is_tried_again_and_not_forever() -> None:
    waits = []
    for made in range(RETRIES):
        with pytest.raises(dg.RetryRequested) as again:
            give_up("the server is away", made)
        waits.append(again.value.seconds_to_wait)
    assert waits == sorted(set(waits)), "each wait is longer than the last"
    with pytest.raises(dg.Failure, match="away"):
        give_up("the server is away", RETRIES)
    with pytest.raises(dg.Failure, match="missing") as last:
        give_up("the table is missing")
    assert last.value.allow_retries is False


def test_the_checks_alone_look_without_running_the_sync(run: Runner, world: World) -> None:
    selection = dg.AssetSelection.checks(*[dg.AssetCheckKey(dg.AssetKey("people"), name) for name in STEP_CHECKS])
    definitions = dg.Definitions.merge(
        world.definitions, dg.Definitions(jobs=[dg.define_asset_job("only_checks", selection)])
    )
    result = definitions.resolve_job_def("only_checks").execute_in_process(instance=run.instance)
    found = evaluations(result)
    assert set(found) == STEP_CHECKS
    assert found["validation"].passed
    assert found["complete"].description == "this sync has never run"
    assert not result.filter_events(lambda event: event.is_step_materialization)
    assert len(world.rows("shop", "SELECT * FROM member")) == 1


def test_both_sides_agree_compares_everything(run: Runner, world: World) -> None:
    assert not evaluations(run.job("verify_syncs"))["both_sides_agree"].passed, "nothing is linked yet"
    assert run.asset().success
    check = evaluations(run.job("verify_syncs"))["both_sides_agree"]
    assert check.passed
    assert (check.metadata["links"].value, check.metadata["unexplained"].value) == (3, 0)
    world.execute("shop", "UPDATE member SET town = 'Quito' WHERE id = 10")
    check = evaluations(run.job("verify_syncs"))["both_sides_agree"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.metadata["disagreements"].value.records[0].data["field"] == "city"


def test_progress_is_a_line_of_the_log_every_five_seconds_not_one_per_record() -> None:
    lines: list[str] = []
    now = [0.0]
    progress = progress_to(lines.append, clock=lambda: now[0])
    for done in range(10_000):
        now[0] += 0.001
        progress("writing", done, 10_000)
    progress("writing", 10_000, 10_000)
    assert lines == ["writing  4,999 of 10,000  1,000 a second  about 5 s left"]


def test_calls_are_charted_by_system_beside_what_is_left_of_the_tightest_quota(world: World) -> None:
    (spec,) = world.catalogue.specs
    report = RunReport("people", "run", datetime(2026, 5, 4, tzinfo=UTC), counts=Counter(calls_a=7, calls_b=30))
    quotas = [
        ("shop", Usage(name, 90, limit, report.started_at, 90, "day")) for name, limit in (("all", 500), ("reads", 100))
    ]
    facts = run_metadata(Outcome(spec, None, report, Memory(0, [], [], [], None), quotas=quotas))
    assert {name: facts[name] for name in facts if "calls_" in name} == {
        "calls_crm": 7, "calls_shop": 30, "calls_left_shop": 10
    }  # fmt: skip
