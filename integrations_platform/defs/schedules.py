"""Schedules: each declared sync's own, and a nightly comparison of everything.

All are stopped until somebody starts them. A schedule never makes the first run of a sync: nobody would have seen its
plan, and the engine refuses it.
"""

from __future__ import annotations

import dagster as dg

from integrations_platform.defs.jobs import Job
from integrations_platform.jobs import Catalogue

NIGHTLY = "30 3 * * *"  # UTC; outside the hours in which most offices edit


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
