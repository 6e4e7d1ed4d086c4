"""Schedules: each declared sync's own, a nightly comparison of everything, and each growing dataset's day.

All are stopped until somebody starts them. A schedule never makes the first run of a sync: nobody would have seen its
plan, and the engine refuses it.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from integrations_platform.defs.jobs import Job
from integrations_platform.defs.lake import BROUGHT, is_landed_by_itself, lake_key
from integrations_platform.defs.warehouse import GROUP as TABLES
from integrations_platform.jobs import Catalogue
from integrations_platform.settings_lake import AirbyteOutput

NIGHTLY = "30 3 * * *"  # UTC; outside the hours in which most offices edit
DAILY_HOUR, DAILY_MINUTE = 1, 15  # UTC; an hour for others to finish the files of the day before


def sync_schedules(catalogue: Catalogue, jobs: dict[str, Job]) -> list[dg.ScheduleDefinition]:
    """The schedules of the syncs that declare one; ``jobs`` by sync."""
    return [
        dg.ScheduleDefinition(
            name=f"{spec.name}_schedule",
            job=jobs[spec.name],
            cron_schedule=spec.schedule,
            description=f"The sync {spec.name} as its file says, in UTC. Start it once the first run was made by hand.",
        )
        for spec in catalogue.specs
        if spec.schedule
    ]


def verify_schedule(job: Job) -> dg.ScheduleDefinition:
    """The nightly comparison of all syncs."""
    return dg.ScheduleDefinition(
        name="verify_schedule", job=job, cron_schedule=NIGHTLY, description="Compare both sides of every sync in full."
    )


def daily_schedules(catalogue: Catalogue) -> list[Any]:
    """For each dataset that goes on, its newest day; its tables follow it (:func:`tables_follow`). What Airbyte brings
    comes by the schedule of its connection."""
    found: list[Any] = []  # the type of schedules of partitioned asset jobs is not public
    for dataset in catalogue.settings.lake.datasets.values():
        by_day = is_landed_by_itself(dataset) and not isinstance(dataset.source, AirbyteOutput)
        if dataset.ends is None and by_day:
            job = dg.define_asset_job(
                f"{dataset.name}_daily_job",
                dg.AssetSelection.assets(lake_key(dataset.name)),
                description=f"A day of the dataset {dataset.name}.",
            )
            schedule = dg.build_schedule_from_partitioned_job(
                job,
                name=f"{dataset.name}_daily_schedule",
                hour_of_day=DAILY_HOUR,
                minute_of_hour=DAILY_MINUTE,
                description=f"The newest day of {dataset.name}, in UTC.",
            )
            found.append(schedule)
    return found


def tables_follow() -> dg.AutomationConditionSensorDefinition:
    """Starts the load of the newest day whenever that day has been landed, or landed anew, in the lake; and before it
    the look at what an Airbyte sync has brought there."""
    return dg.AutomationConditionSensorDefinition(
        "tables_follow_the_lake",
        target=dg.AssetSelection.groups(TABLES) | dg.AssetSelection.tag(*BROUGHT),
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Loads the newest day into its tables whenever it has been landed, or landed anew, in the lake.",
    )
