"""Dagster renders the list of named jobs: the same names, parameters, schedules, targets and owners."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml

from integrations_platform.definitions import defs
from integrations_platform.job_list import named_jobs
from integrations_platform.jobs import Job, load_catalogue

ROOT = Path(__file__).parents[2]
NAMED = named_jobs(load_catalogue())
TYPES = {"string": "StringSource", "integer": "IntSource", "boolean": "BoolSource", "strings": "Array.StringSource"}


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    """The location as Dagster serves it."""
    return defs.get_repository_def()


def test_every_job_of_dagster_stands_in_the_list_and_the_other_way_round(repository: dg.RepositoryDefinition) -> None:
    assert {name for name in repository.job_names if not name.startswith("__")} == set(NAMED)
    for name, job in NAMED.items():
        assert repository.get_job(name).description == job.description


def test_schedules_are_those_of_the_list(repository: dg.RepositoryDefinition) -> None:
    found = {schedule.job_name: schedule.cron_schedule for schedule in repository.schedule_defs}
    assert found == {name: job.schedule for name, job in NAMED.items() if job.schedule}


@pytest.mark.parametrize("job", [job for job in NAMED.values() if job.parameters], ids=lambda job: job.name)
def test_parameters_have_the_same_names_types_and_needs(repository: dg.RepositoryDefinition, job: Job) -> None:
    step = {node.name: node.definition for node in repository.get_job(job.name).nodes}[job.step]
    fields = step.config_schema.config_type.fields
    assert set(fields) == {item.name for item in job.parameters}
    for item in job.parameters:
        assert fields[item.name].is_required == item.required
        kind = fields[item.name].config_type
        kind = getattr(kind, "inner_type", kind) if kind.key.startswith("Noneable") else kind
        choices = tuple(getattr(kind, "config_values", ()))
        assert choices == item.choices
        assert choices or kind.key == f"{TYPES[item.type]}Type", item.name


def test_targets_are_assets_of_the_owners_that_the_list_names(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    for job in NAMED.values():
        for target in job.targets:
            for asset in target.assets:
                key = dg.AssetKey(asset.split("/"))
                assert graph.has(key), asset
                if not asset.startswith("lake/") or len(target.assets) == 1:
                    assert set(graph.get(key).owners) == ({target.owner} if target.owner else set()), asset


def test_a_target_has_the_days_of_its_assets(repository: dg.RepositoryDefinition) -> None:
    for target in (target for job in NAMED.values() for target in job.targets if target.days):
        assert target.days is not None
        partitions = repository.asset_graph.get(dg.AssetKey(target.assets[0].split("/"))).partitions_def
        assert isinstance(partitions, dg.DailyPartitionsDefinition)
        assert partitions.get_first_partition_key() == target.days.starts.isoformat()
        assert target.days.ends is None or partitions.get_last_partition_key() == target.days.ends.isoformat()
        assert partitions.end_offset == int(target.days.today)


def test_a_run_that_died_is_started_again_as_often_as_the_list_says(repository: dg.RepositoryDefinition) -> None:
    shipped = yaml.safe_load((ROOT / "environments" / "dagster" / "dagster.yaml").read_text(encoding="utf-8"))
    usual = shipped["run_retries"]["max_retries"]
    for name, job in NAMED.items():
        assert int(repository.get_job(name).tags.get("dagster/max_retries", usual)) == job.retries
