"""Schedules: each declared sync's own, a nightly comparison of everything, and each growing dataset's day.

All are stopped until somebody starts them. A schedule never makes the first run of a sync: nobody would have seen its
plan, and the engine refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from integrations_platform.defs.jobs import Job, asset_job
from integrations_platform.defs.lake import BROUGHT
from integrations_platform.defs.warehouse import GROUP as TABLES
from integrations_platform.job_list import DAILY_HOUR, DAILY_MINUTE, VERIFY, daily_job_name, sync_job_name
from integrations_platform.jobs import Job as Named


def sync_schedules(named: Mapping[str, Named], jobs: Mapping[str, Job]) -> list[dg.ScheduleDefinition]:
    """The schedules of the syncs that declare one; ``jobs`` by sync."""
    return [
        dg.ScheduleDefinition(
            name=f"{sync}_schedule",
            job=job,
            cron_schedule=schedule,
            description=f"The sync {sync} as its file says, in UTC. Start it once the first run was made by hand.",
        )
        for sync, job in jobs.items()
        if (schedule := named[sync_job_name(sync)].schedule)
    ]


def verify_schedule(named: Mapping[str, Named], job: Job) -> dg.ScheduleDefinition:
    """The nightly comparison of all syncs."""
    return dg.ScheduleDefinition(
        name="verify_schedule", job=job, cron_schedule=named[VERIFY].schedule,
        description="Compare both sides of every sync in full.",
    )  # fmt: skip


def daily_schedules(named: Mapping[str, Named]) -> list[Any]:
    """For each dataset that goes on, its newest day; its tables follow it (:func:`tables_follow`). What Airbyte brings
    comes by the schedule of its connection."""
    return [
        dg.build_schedule_from_partitioned_job(
            asset_job(job),
            name=f"{target.name}_daily_schedule",
            hour_of_day=DAILY_HOUR,
            minute_of_hour=DAILY_MINUTE,
            description=f"The newest day of {target.name}, in UTC.",
        )
        for job in named.values()
        for target in job.targets
        if job.name == daily_job_name(target.name)
    ]


def tables_follow() -> dg.AutomationConditionSensorDefinition:
    """Starts the load of the newest day whenever that day has been landed, or landed anew, in the lake; and before it
    the look at what an Airbyte sync has brought there."""
    return dg.AutomationConditionSensorDefinition(
        "tables_follow_the_lake",
        target=dg.AssetSelection.groups(TABLES) | dg.AssetSelection.tag(*BROUGHT),
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Loads the newest day into its tables whenever it has been landed, or landed anew, in the lake.",
    )
