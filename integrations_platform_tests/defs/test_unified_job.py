"""``data_sync_unified``: two systems or kinds in either orientation, and a clear no where nothing joins them."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from integrations_platform.jobs import NoSuchJob, Options, load_catalogue
from integrations_platform.unified_sync.spec import Direction, Strategy
from integrations_platform_tests.defs.conftest import (
    PEOPLE,
    Runner,
    World,
    evaluations,
    failure_of,
    metadata_of,
    observations,
)

NAMES = {"source_type": "crm", "target_type": "shop"}


def unified(run: Runner, **config: Any) -> dg.ExecuteInProcessResult:
    return run.job("data_sync_unified", {"sync_pair": config})


@pytest.mark.parametrize("ends", [("crm", "shop"), ("sqlite", "sqlite"), ("sqlite", "shop"), ("shop", "crm")])
def test_it_runs_what_joins_two_ends_and_shows_it_on_the_asset(
    run: Runner, world: World, ends: tuple[str, str]
) -> None:
    result = unified(run, source_type=ends[0], target_type=ends[1], batch_size=50, dry_run=False)
    assert result.success
    assert metadata_of(result)["records_created_target"] == 2
    assert evaluations(result)["complete"].passed
    assert len(world.rows("shop", "SELECT * FROM member")) == 3
    latest = run.instance.get_latest_materialization_event(dg.AssetKey("people"))
    assert latest is not None
    assert latest.run_id == result.run_id


def test_the_documented_config_is_accepted_and_the_missing_pair_is_named(run: Runner) -> None:
    config = {
        "source_type": "hubspot",
        "target_type": "quickbooks",
        "direction": "bidirectional",
        "batch_size": 50,
        "dry_run": False,
    }
    result = unified(run, **config)
    description = failure_of(result).user_failure_data.description
    assert "no declared sync joins hubspot and quickbooks" in description
    assert "people: crm (sqlite) and shop (sqlite)" in description


def test_an_end_that_is_nothing_is_named_with_what_is_known(run: Runner) -> None:
    description = failure_of(unified(run, source_type="hubspott", target_type="crm")).user_failure_data.description
    assert "did you mean hubspot?" in description


def test_seen_from_the_other_end_direction_and_winner_turn_round(run: Runner, world: World) -> None:
    assert unified(run, **NAMES).success
    world.execute("crm", "UPDATE person SET city = 'Rome' WHERE id = 1")
    world.execute("shop", "UPDATE member SET town = 'Quito' WHERE id = 10")
    result = unified(run, source_type="shop", target_type="crm", conflict_resolution="source_wins")
    assert metadata_of(result)["records_updated_source"] == 1
    assert world.rows("crm", "SELECT city FROM person WHERE id = 1") == [("Quito",)]
    world.execute("crm", "UPDATE person SET city = 'Nice' WHERE id = 1")
    result = unified(run, source_type="shop", target_type="crm", direction="source_to_target")
    facts = metadata_of(result)
    assert (facts["records_updated_source"], facts["records_updated_target"]) == (0, 0), "towards the crm only"
    assert world.rows("crm", "SELECT city FROM person WHERE id = 1") == [("Nice",)], "an edit that waits is kept"
    assert world.rows("shop", "SELECT town FROM member WHERE id = 10") == [("Quito",)]
    world.execute("shop", "UPDATE member SET town = 'Lima' WHERE id = 10")
    unified(run, source_type="shop", target_type="crm", direction="source_to_target", conflict_resolution="source_wins")
    assert world.rows("crm", "SELECT city FROM person WHERE id = 1") == [("Lima",)]


def test_a_dry_run_claims_nothing(run: Runner, world: World) -> None:
    result = unified(run, **NAMES, dry_run=True)
    assert result.success
    assert len(observations(result)) == 1
    assert run.instance.get_latest_materialization_event(dg.AssetKey("people")) is None
    assert len(world.rows("shop", "SELECT * FROM member")) == 1


def test_one_failed_sync_fails_the_job_after_the_others_ran(run: Runner, world: World) -> None:
    world.execute("crm", "CREATE TABLE a_note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    world.sync(
        "name: a_notes\nsource: {system: crm, object: a_note}\ntarget: {system: shop, object: missing}\n"
        "match: [text]\nfields:\n  text: {source: text, target: text, type: text}\n",
        "a_notes",
    )
    result = unified(run, **NAMES)
    failure = failure_of(result).user_failure_data
    assert "'a_notes'" in failure.description
    assert "people" not in failure.description
    assert metadata_of(result)["records_created_target"] == 2
    assert not result.filter_events(lambda event: event.is_step_up_for_retry)


def test_bounds_and_choices_hold(run: Runner) -> None:
    assert "batch_size" in failure_of(unified(run, **NAMES, batch_size=0)).error.to_string()
    with pytest.raises(dg.DagsterInvalidConfigError):
        unified(run, **NAMES, direction="sideways")


def test_a_sync_that_cannot_travel_that_way_is_left_out(world: World) -> None:
    world.sync(PEOPLE + "direction: source_to_target\n")
    catalogue = world.catalogue
    assert catalogue.joining("crm", "shop", Options(Direction.BIDIRECTIONAL))
    assert catalogue.joining("shop", "crm", Options(Direction.TARGET_TO_SOURCE))
    with pytest.raises(NoSuchJob, match=r"can run target_to_source; between them are people \(source_to_target\)"):
        catalogue.joining("crm", "shop", Options(Direction.TARGET_TO_SOURCE))


def test_options_mirror_and_mirror_back() -> None:
    wish = Options(Direction.SOURCE_TO_TARGET, 7, Strategy.TARGET_WINS)
    assert wish.mirrored() == Options(Direction.TARGET_TO_SOURCE, 7, Strategy.SOURCE_WINS)
    assert wish.mirrored().mirrored() == wish
    assert Options(Direction.BIDIRECTIONAL, None, Strategy.LATEST).mirrored().strategy is Strategy.LATEST


def test_syncs_come_after_those_they_refer_to_even_in_a_circle(world: World) -> None:
    template = (
        "name: {name}\nsource: {{system: crm, object: {name}}}\ntarget: {{system: shop, object: {name}}}\n"
        "match: [tag]\nfields:\n  tag: {{source: tag, target: tag, type: text}}\n"
        "  other: {{source: other, target: other, type: ref, to: {to}, required: false}}\n"
    )
    for name, to in (("alpha", "omega"), ("omega", "people"), ("left", "right"), ("right", "left"), ("self", "self")):
        world.sync(template.format(name=name, to=to), name)
    catalogue = load_catalogue(env_file=world.env_file, folders=[world.syncs])
    order = [spec.name for spec in catalogue.in_order()]
    assert order.index("people") < order.index("omega") < order.index("alpha")
    assert catalogue.upstream()["self"] == ()
    assert len(world.definitions.resolve_asset_graph().get_all_asset_keys()) == 6
