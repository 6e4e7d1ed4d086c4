"""One asset per declared job, by day: started on Databricks or, for task files without a workspace, on this machine.

A dataset whose source is a job is materialised by the job's own step, after the job has ended well. What a final state
means, what is retried and what a task may publish is decided in :mod:`integrations_platform.databricks`.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs.job_step import EVERY_TASK, JobStep
from integrations_platform.defs.lake import dataset_spec, lake_key
from integrations_platform.defs.lake_reporting import check_specs
from integrations_platform.defs.syncs import accepted_owner
from integrations_platform.jobs import Catalogue
from integrations_platform.settings_databricks import JobSettings
from integrations_platform.settings_lake import JobOutput

if TYPE_CHECKING:
    from integrations_platform.waiting import Timing

GROUP = "databricks"


def job_assets(catalogue: Catalogue, timing: "Timing | None" = None) -> list[dg.AssetsDefinition]:
    """The assets of all declared jobs. ``timing``: time, sleep and chance of the steps; the real ones if not given."""
    return [job_asset(catalogue, job, timing) for job in catalogue.settings.databricks.jobs.values()]


def job_key(name: str) -> dg.AssetKey:
    """The asset of a job."""
    return dg.AssetKey(["databricks", name])


def job_asset(catalogue: Catalogue, job: JobSettings, timing: "Timing | None" = None) -> dg.AssetsDefinition:
    """The asset of one job and those of the datasets it writes."""
    key = job_key(job.name)
    datasets = [
        dataset for dataset in catalogue.settings.lake.datasets.values()
        if isinstance(dataset.source, JobOutput) and dataset.source.job == job.name
    ]  # fmt: skip
    ends = None if job.ends is None else (job.ends + timedelta(days=1)).isoformat()
    described = "Each task of the run ended in success. A run can succeed as a whole although one failed."

    @dg.multi_asset(
        name=f"databricks_{job.name}",
        specs=[_spec(job, key), *(dataset_spec(dataset, [key]) for dataset in datasets)],
        check_specs=[
            dg.AssetCheckSpec(EVERY_TASK, asset=key, description=described),
            *(check for dataset in datasets for check in check_specs(dataset, lake_key(dataset.name))),
        ],
        partitions_def=dg.DailyPartitionsDefinition(start_date=job.starts.isoformat(), end_date=ends),
        pool=f"databricks_{job.name}",
        can_subset=True,
    )
    def run_job(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from JobStep(context, catalogue, job, key, datasets, timing).events()

    return run_job


def _spec(job: JobSettings, key: dg.AssetKey) -> dg.AssetSpec:
    what = f"notebook {job.notebook}" if job.notebook else f"task file {job.task}" if job.task else "an existing job"
    owner = accepted_owner(job.owner)
    return dg.AssetSpec(
        key,
        deps=[dg.AssetKey(["lake", job.reads])] if job.reads else [],
        description=f"{job.description}\n\nRuns {what} on Databricks"
        + (", or on this machine without a workspace." if job.task else "."),
        group_name=GROUP,
        kinds={"databricks", "python"} if job.task else {"databricks"},
        owners=[owner] if owner else [],
        metadata={"repairs_allowed": job.repairs} | ({"timeout_seconds": job.timeout} if job.timeout else {}),
    )
