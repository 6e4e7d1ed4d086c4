"""One asset per dataset of the lake, in daily partitions: landed or observed, described, and checked in the same step.

A run may cover one day or a range; a range is landed day by day in one step, so that backfilling a year is one run.
What a partition is, and what is odd about one, is decided in :mod:`integrations_platform.lake`.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from integrations_platform.defs import lake_reporting as reporting
from integrations_platform.defs.lake_step import LakeStep
from integrations_platform.defs.syncs import accepted_owner
from integrations_platform.job_list import days_of, is_landed_by_itself
from integrations_platform.jobs import Catalogue
from integrations_platform.settings_lake import (
    AirbyteOutput,
    DatasetSettings,
    FilesOfOthers,
    JobOutput,
    ModelOutput,
    SampleData,
    SyncOutput,
)

GROUP = "lake"
BROUGHT = ("integrations/source", "airbyte")
"""The tag of datasets that Airbyte brings."""


def lake_assets(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """The assets of all datasets but those that a job or a model writes: these belong to its own step."""
    datasets = catalogue.settings.lake.datasets.values()
    return [lake_asset(catalogue, item) for item in datasets if is_landed_by_itself(item)]


def lake_key(dataset: str) -> dg.AssetKey:
    """The asset of a dataset."""
    return dg.AssetKey(["lake", dataset])


def lake_asset(catalogue: Catalogue, dataset: DatasetSettings) -> dg.AssetsDefinition:
    """The asset of one dataset. Executed for its checks alone, it looks at what is recorded and lands nothing."""

    @dg.multi_asset(
        name=f"lake_{dataset.name}",
        specs=[dataset_spec(dataset, _upstream(catalogue, dataset))],
        check_specs=reporting.check_specs(dataset, lake_key(dataset.name)),
        partitions_def=partitions_of(dataset),
        # One run for any range: a step starts in seconds and a day is landed in a moment.
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
    )
    def land(context: dg.AssetExecutionContext) -> Iterator[Any]:
        wanted = {key.name for key in context.selected_asset_check_keys}
        step = LakeStep(context, catalogue, dataset, lake_key(dataset.name))
        for event in step.land() if context.selected_asset_keys else step.look():
            if not isinstance(event, dg.AssetCheckResult) or event.check_name in wanted:
                yield event

    return land


def partitions_of(dataset: DatasetSettings) -> dg.DailyPartitionsDefinition:
    """The days of a dataset."""
    days = days_of(dataset)
    return dg.DailyPartitionsDefinition(
        start_date=days.starts.isoformat(),
        end_date=(days.ends + timedelta(days=1)).isoformat() if days.ends else None,
        end_offset=1 if days.today else 0,
    )


def freshness(dataset: DatasetSettings) -> dg.FreshnessPolicy | None:
    """When a dataset that goes on counts as late: a day and its hours of grace after the last partition came."""
    if dataset.ends is not None:
        return None
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(days=1, hours=dataset.late_after_hours))


def dataset_spec(dataset: DatasetSettings, upstream: Sequence[dg.AssetKey]) -> dg.AssetSpec:
    """What is known of a dataset's asset, whichever step makes it from ``upstream``."""
    owner = accepted_owner(dataset.owner)
    return dg.AssetSpec(
        lake_key(dataset.name),
        deps=upstream,
        description=f"{dataset.description}\n\n{_said(dataset)}".strip(),
        group_name=GROUP,
        kinds={dataset.format, "observed"} if isinstance(dataset.source, FilesOfOthers) else {dataset.format},
        owners=[owner] if owner else [],
        metadata={"format": dataset.format, "starts": dataset.starts.isoformat()}
        | ({"owner": dataset.owner} if dataset.owner and not owner else {}),
        freshness_policy=freshness(dataset),
        # Today's rows are looked at whenever a sync has brought some; everything else has its schedule.
        tags=dict([BROUGHT]) if isinstance(dataset.source, AirbyteOutput) else {},
        automation_condition=dg.AutomationCondition.eager() if isinstance(dataset.source, AirbyteOutput) else None,
    )


def _upstream(catalogue: Catalogue, dataset: DatasetSettings) -> list[dg.AssetKey]:
    """The stream that is landed, or the syncs that are published; a sync that is not declared is complained about by
    the run, not by the location."""
    if isinstance(source := dataset.source, AirbyteOutput):
        streams = catalogue.settings.airbyte.connections[source.connection].streams
        named = [each for each in streams if each.name == source.stream]
        exact = [each for each in named if each.namespace == source.namespace]
        return [dg.AssetKey(["airbyte", source.connection, *each.key]) for each in (exact or named)]
    if not isinstance(dataset.source, SyncOutput):
        return []
    wanted = dataset.source.sync
    return [dg.AssetKey(spec.name) for spec in catalogue.specs if wanted in ("*", spec.name)]


def _said(dataset: DatasetSettings) -> str:
    source = dataset.source
    where = f"Below `{dataset.name}/date=YYYY-MM-DD/` of the lake"
    if isinstance(source, AirbyteOutput):
        return f"{where}: the stream `{source.stream}` that the Airbyte connection `{source.connection}` brings."
    if isinstance(source, FilesOfOthers):
        return f"{where}, written by others and only observed here: counted, checked and recorded in a manifest."
    if isinstance(source, SampleData):
        return f"{where}, from the sample `{source.name}`."
    if isinstance(source, SyncOutput) and source.publish == "state":
        return f"{where}: the records of the sync `{source.sync}` as both sides last agreed on them, taken on the day."
    if isinstance(source, JobOutput):
        return f"{where}: what the job `{source.job}` computes, published once its run has ended well."
    if isinstance(source, ModelOutput):
        return f"{where}: what the champion of the model `{source.model}` says of each row of its features."
    of_what = "all syncs" if isinstance(source, SyncOutput) and source.sync == "*" else "the sync"
    return f"{where}: what {of_what} did on the day, line by line from the audit."
