"""The Dagster code location: a short, explicit merge of what :mod:`integrations_platform.defs` builds.

It reads environment and sync files and nothing else: no network, no secret, no variable is needed to load it. A file
that is wrong is a load error naming file, line and field.
"""

from __future__ import annotations

import gc

import dagster as dg

from integrations_platform.defs.airbyte import airbyte_assets, connection_specs
from integrations_platform.defs.airbyte_checks import connection_checks, watch_job, watch_schedule
from integrations_platform.defs.airbyte_foreign import foreign_syncs
from integrations_platform.defs.airbyte_jobs import (
    all_job,
    connection_jobs,
    connection_schedules,
    connections_follow,
    reset_job,
)
from integrations_platform.defs.alerts import alert_sensor
from integrations_platform.defs.checks import agreement_check
from integrations_platform.defs.databricks import job_assets
from integrations_platform.defs.following import check_followed, syncs_follow
from integrations_platform.defs.jobs import Job, asset_job, sync_job, unified_job, verify_job
from integrations_platform.defs.lake import lake_assets
from integrations_platform.defs.models import model_assets
from integrations_platform.defs.schedules import daily_schedules, sync_schedules, tables_follow, verify_schedule
from integrations_platform.defs.shard_steps import sharded_job
from integrations_platform.defs.syncs import pool_of, sync_assets
from integrations_platform.defs.warehouse import table_assets
from integrations_platform.defs.webhooks import wake_up_sensor
from integrations_platform.job_list import databricks_job_name, named_jobs, table_job_name
from integrations_platform.jobs import Catalogue, load_catalogue
from integrations_platform.telemetry.json_logs import log_as_asked


def build_definitions(catalogue: Catalogue) -> dg.Definitions:
    """Everything Dagster shows of a catalogue."""
    named = named_jobs(catalogue)
    assets = sync_assets(catalogue)
    jobs: dict[str, Job] = {
        spec.name: sharded_job(catalogue, named, spec) if spec.shards > 1 else sync_job(named, asset)
        for spec, asset in zip(catalogue.specs, assets, strict=True)
    }
    schedules = sync_schedules(named, jobs)
    all_jobs = [*jobs.values(), unified_job(catalogue)]
    if catalogue.specs:
        verify = verify_job(named)
        all_jobs.append(verify)
        schedules.append(verify_schedule(named, verify))
    schedules += daily_schedules(named)
    woken = [*jobs.values()]
    streams = airbyte_assets(catalogue)
    if streams:
        syncs = connection_jobs(catalogue, named, streams)
        woken += syncs.values()
        watch = watch_job(named)
        all_jobs += [*syncs.values(), all_job(catalogue, named, streams), reset_job(catalogue), watch]
        schedules += [*connection_schedules(catalogue, syncs), watch_schedule(named, watch)]
    all_jobs += [asset_job(named[table_job_name(table)]) for table in catalogue.settings.warehouse.tables]
    all_jobs += [asset_job(named[databricks_job_name(job)]) for job in catalogue.settings.databricks.jobs]
    made: list[dg.AssetsDefinition | dg.AssetSpec] = [
        *assets,
        *connection_specs(catalogue),
        *streams,
        *lake_assets(catalogue),
        *table_assets(catalogue),
        *job_assets(catalogue),
        *model_assets(catalogue),
    ]
    check_followed(catalogue, made)
    sensors: list[dg.SensorDefinition] = [
        tables_follow(),
        foreign_syncs(catalogue),
        *syncs_follow(catalogue),
        *connections_follow(catalogue),
        alert_sensor(catalogue, made),
    ]
    if catalogue.settings.webhooks.sources:
        sensors.append(wake_up_sensor(catalogue, woken))
    return dg.Definitions(
        assets=made,
        asset_checks=[
            *(agreement_check(catalogue, spec, pool_of(catalogue, spec)) for spec in catalogue.specs),
            *connection_checks(catalogue),
        ],
        jobs=all_jobs,
        schedules=schedules,
        sensors=sensors,
        # A step in its own process costs seconds of CPU, and a sync is one step.
        executor=dg.in_process_executor,
    )


# A location makes some hundred thousand objects that live as long as its process; looking for cycles among them at the
# interpreter's usual pace is a quarter of the time that many connections take to load.
gc.set_threshold(100_000, 20, 20)
log_as_asked("integrations_platform")
defs = build_definitions(load_catalogue())
