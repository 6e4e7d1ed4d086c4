"""The lake in Dagster: a day, a range, a look, and a fault in the middle of a range; what each leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from integrations_platform.defs.lake import lake_assets, lake_key, partitions_of
from integrations_platform.defs.lake_reporting import NOT_EMPTY, ON_TIME, SCHEMA_AS_BEFORE, VOLUME_AS_USUAL
from integrations_platform.jobs import Catalogue, load_catalogue
from integrations_platform.lake import Lake

ENVIRONMENT = """\
systems: {{}}
state: {{url: "sqlite:///{folder}/state.sqlite"}}
lake:
  url: "file://{folder}/lake"
  datasets:
    flights: {{format: parquet, source: {{sample: flights}}, starts: 2013-01-01, ends: 2013-12-31, date_column: ds}}
    events:
      format: ndjson
      source: files
      starts: 2025-10-01
      volume: {{days: 5, same_weekday: false}}
      owner: team:web
    people: {{format: parquet, source: {{sync: people, publish: state}}, starts: 2026-01-01}}
"""


@dataclass
class Place:
    """A lake in a folder and the assets over it."""

    folder: Path
    catalogue: Catalogue
    instance: dg.DagsterInstance

    @property
    def lake(self) -> Lake:
        return Lake.open(self.catalogue.settings.lake)

    def drop(self, day: date, *lines: str, file: str = "a.json") -> None:
        path = self.folder / "lake" / "events" / f"date={day}" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def run(self, dataset: str, first: str, last: str | None = None, **more: Any) -> dg.ExecuteInProcessResult:
        days = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
        job = dg.Definitions(assets=lake_assets(self.catalogue)).resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[lake_key(dataset)],
            tags=days if last else {"dagster/partition": first},
            raise_on_error=False,
            **more,
        )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An environment with three datasets and an empty lake."""
    file = tmp_path / "env.yaml"
    file.write_text(ENVIRONMENT.format(folder=tmp_path), encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Place(tmp_path, load_catalogue(env_file=file, folders=[]), instance)


def materialized(result: dg.ExecuteInProcessResult) -> Mapping[str, dg.AssetMaterialization]:
    events = result.filter_events(lambda event: event.is_step_materialization)
    return {event.materialization.partition or "": event.materialization for event in events}


def values(found: dg.AssetMaterialization) -> dict[str, Any]:
    return {name: value.value for name, value in found.metadata.items()}


def answers(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    return {item.check_name: item for item in result.get_asset_check_evaluations()}


def why(result: dg.ExecuteInProcessResult) -> str:
    (event,) = result.filter_events(lambda event: event.is_step_failure)
    error: Any = event.step_failure_data
    return str(error.user_failure_data.description)


@pytest.mark.xdist_group("flights")
def test_a_day_is_landed_described_and_checked(place: Place) -> None:
    result = place.run("flights", "2013-01-01")
    assert result.success
    (found,) = materialized(result).values()
    said = values(found)
    manifest = place.lake.manifest("flights", date(2013, 1, 1))
    assert manifest is not None
    assert found.tags is not None
    assert found.tags["dagster/data_version"] == manifest.content == said["content"]
    assert (said["dagster/partition_row_count"], said["rows"], said["files"]) == (842, 842, 1)
    assert said["bytes"] == manifest.bytes
    assert said["dagster/uri"] == f"file://{place.folder}/lake/flights/date=2013-01-01/"
    columns = {column.name: column.type for column in said["dagster/column_schema"].columns}
    assert (columns["dep_time"], columns["time_hour"], columns["ds"]) == ("int32", "timestamptz", "date")
    assert len(said["sample"].records) == 5
    assert "2013-01-01" in said["sizes"]
    assert "█" in said["sizes"]
    checks = answers(result)
    assert set(checks) == {NOT_EMPTY, ON_TIME, SCHEMA_AS_BEFORE, VOLUME_AS_USUAL}
    assert all(check.passed for check in checks.values())


@pytest.mark.xdist_group("flights")
def test_a_range_is_one_run_with_a_materialisation_per_day(place: Place) -> None:
    result = place.run("flights", "2013-01-01", "2013-01-05")
    assert result.success
    rows = {day: values(found)["rows"] for day, found in materialized(result).items()}
    assert rows == {"2013-01-01": 842, "2013-01-02": 943, "2013-01-03": 914, "2013-01-04": 915, "2013-01-05": 720}
    last = values(materialized(result)["2013-01-05"])
    assert [line[:10] for line in last["sizes"].splitlines()[1:-1]] == sorted(rows)
    assert answers(result)[NOT_EMPTY].metadata["days"].value == 5


def test_a_range_that_fails_keeps_what_it_landed_and_names_the_day(place: Place) -> None:
    for day in (date(2025, 10, 1), date(2025, 10, 2)):
        place.drop(day, '{"id": 1}')
    result = place.run("events", "2025-10-01", "2025-10-04")
    assert not result.success
    assert set(materialized(result)) == {"2025-10-01", "2025-10-02"}
    assert "lake/events: dataset events, 2025-10-03: there are no files" in why(result)


def test_columns_and_volume_are_compared_with_the_days_before(place: Place) -> None:
    days = [date(2025, 10, 1) + timedelta(days=n) for n in range(5)]
    for day in days[:4]:
        place.drop(day, *['{"id": 1, "kind": "x"}'] * 10)
    place.run("events", str(days[0]), str(days[3]))
    place.drop(days[4], *['{"id": "1", "extra": true}'] * 40)
    checks = answers(place.run("events", str(days[4])))
    drift, volume = checks[SCHEMA_AS_BEFORE], checks[VOLUME_AS_USUAL]
    assert not drift.passed
    assert drift.severity is dg.AssetCheckSeverity.ERROR
    assert "since 2025-10-04: new extra; gone kind; changed id: int64 → string" in drift.description
    assert not volume.passed
    assert volume.severity is dg.AssetCheckSeverity.WARN
    assert "40 rows; the median of the last 5 days is 10" in volume.description
    assert volume.metadata["median_rows"].value == 10


def test_a_missing_newest_day_is_late(place: Place) -> None:
    place.drop(date(2025, 10, 1), '{"id": 1}')
    late = answers(place.run("events", "2025-10-01"))[ON_TIME]
    assert not late.passed
    assert "the newest is 2025-10-01" in late.description
    assert late.metadata["days_late"].value > 1


def test_checks_alone_look_at_what_is_recorded_and_land_nothing(place: Place) -> None:
    check = dg.AssetCheckKey(lake_key("events"), NOT_EMPTY)
    definitions = dg.Definitions(assets=lake_assets(place.catalogue))
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection={check}
    )
    nothing = answers(job.execute_in_process(instance=place.instance))[NOT_EMPTY]
    assert not nothing.passed
    assert "nothing is recorded yet" in nothing.description
    place.drop(date(2025, 10, 1), '{"id": 1}')
    place.run("events", "2025-10-01")
    place.drop(date(2025, 10, 1), '{"id": 2}', file="b.json")
    result = job.execute_in_process(instance=place.instance)
    assert result.success
    assert not materialized(result)
    assert answers(result)[NOT_EMPTY].metadata["rows"].value == 1
    assert place.lake.read(place.lake.manifests("events")[date(2025, 10, 1)])["id"].to_list() == [1]


def test_a_snapshot_of_a_past_day_is_refused_for_good(place: Place) -> None:
    assert "no sync is declared as 'people'" in why(place.run("people", "2026-01-01"))


def test_a_dataset_is_what_the_environment_says(place: Place) -> None:
    assets = {asset.key.to_user_string(): asset for asset in lake_assets(place.catalogue)}
    assert set(assets) == {"lake/flights", "lake/events", "lake/people"}
    (events,) = assets["lake/events"].specs
    assert (events.group_name, events.owners, events.kinds) == ("lake", ["team:web"], {"ndjson", "observed"})
    datasets = place.catalogue.settings.lake.datasets
    assert partitions_of(datasets["flights"]).get_last_partition_key() == "2013-12-31"
    today, yesterday = partitions_of(datasets["people"]), partitions_of(datasets["events"])
    newest = date.fromisoformat(str(yesterday.get_last_partition_key()))
    assert date.fromisoformat(str(today.get_last_partition_key())) == newest + timedelta(days=1)


def test_polars_reads_what_dagster_says_is_there(place: Place) -> None:
    place.drop(date(2025, 10, 1), '{"id": 1}', '{"id": 2}')
    (found,) = materialized(place.run("events", "2025-10-01")).values()
    folder = values(found)["dagster/uri"].removeprefix("file://")
    assert pl.concat([pl.read_ndjson(file) for file in Path(folder).iterdir()]).height == values(found)["rows"]
