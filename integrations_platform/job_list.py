"""The list of all named jobs of an environment: what each is called, takes, brings up to date, and when it runs.

Dagster and Airflow render this one list, and tests compare both with it. It opens nothing and runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from integrations_platform.jobs import DATA_SYNC_UNIFIED, RESET, SYNC, Catalogue, Days, Job, Target
from integrations_platform.settings_airbyte import ConnectionSettings
from integrations_platform.settings_lake import AirbyteOutput, DatasetSettings, JobOutput, ModelOutput, SyncOutput

AIRBYTE_ALL, AIRBYTE_WATCH = "airbyte_all_job", "airbyte_watch_job"
VERIFY = "verify_syncs"
DAILY_HOUR, DAILY_MINUTE = 1, 15  # UTC; an hour for others to finish the files of the day before
_DAILY = f"{DAILY_MINUTE} {DAILY_HOUR} * * *"
_NIGHTLY = "30 3 * * *"  # UTC; outside the hours in which most offices edit
_HOURLY = "10 * * * *"


def named_jobs(catalogue: Catalogue) -> dict[str, Job]:
    """All jobs by name, in the order people read them."""
    found = [
        *_syncs(catalogue),
        *_datasets(catalogue),
        *_airbyte(catalogue),
        *_tables(catalogue),
        *_computed(catalogue),
    ]
    return {job.name: job for job in found}


def sync_job_name(sync: str) -> str:
    """The job that runs a sync."""
    return f"{sync}_job"


def connection_job_name(connection: str) -> str:
    """The job that syncs a connection."""
    return f"airbyte_{connection}_job"


def daily_job_name(dataset: str) -> str:
    """The job that lands a day of a dataset."""
    return f"{dataset}_daily_job"


def table_job_name(table: str) -> str:
    """The job that loads a day into a table."""
    return f"warehouse_{table}_job"


def databricks_job_name(job: str) -> str:
    """The job that runs a job of Databricks for a day."""
    return f"databricks_{job}_job"


def days_of(dataset: DatasetSettings) -> Days:
    """The days of a dataset. A snapshot is taken on its own day, what Airbyte brings grows through its day, everything
    else comes once the day is over."""
    snapshot = isinstance(dataset.source, SyncOutput) and dataset.source.publish == "state"
    return Days(dataset.starts, dataset.ends, today=snapshot or isinstance(dataset.source, AirbyteOutput))


def is_landed_by_itself(dataset: DatasetSettings) -> bool:
    """Whether the dataset has a step of its own; what a job or a model writes has not."""
    return not isinstance(dataset.source, JobOutput | ModelOutput)


def listing(catalogue: Catalogue) -> dict[str, Any]:
    """The list as JSON has it, for orchestrators that know nothing of this environment's files."""
    return {"environment": catalogue.settings.name, "jobs": [asdict(job) for job in named_jobs(catalogue).values()]}


def listing_text(catalogue: Catalogue) -> str:
    """:func:`listing` as it stands in a file."""
    return json.dumps(listing(catalogue), indent=1, ensure_ascii=False, default=date.isoformat) + "\n"


def _syncs(catalogue: Catalogue) -> Iterator[Job]:
    for spec in catalogue.specs:
        target = Target(spec.name, (spec.name,), spec.owner)
        yield replace(
            SYNC, name=sync_job_name(spec.name), description=f"Run the sync {spec.name}.", step=spec.name,
            schedule=spec.schedule, targets=(target,), owner=spec.owner, dag=f"sync_{spec.name}",
        )  # fmt: skip
    targets = tuple(Target(spec.name, (spec.name,), spec.owner) for spec in catalogue.specs)
    yield replace(DATA_SYNC_UNIFIED, targets=targets)
    if targets:
        yield Job(
            VERIFY, "Compare both sides of every sync in full; writes nothing.",
            schedule=_NIGHTLY, targets=targets, dag=VERIFY,
        )  # fmt: skip


def _datasets(catalogue: Catalogue) -> Iterator[Job]:
    """Each dataset that goes on, by day. What Airbyte brings comes by the job of its connection."""
    for dataset in catalogue.settings.lake.datasets.values():
        by_day = is_landed_by_itself(dataset) and not isinstance(dataset.source, AirbyteOutput)
        if dataset.ends is None and by_day:
            target = Target(dataset.name, (f"lake/{dataset.name}",), dataset.owner, days_of(dataset))
            yield Job(
                daily_job_name(dataset.name), f"A day of the dataset {dataset.name}.",
                schedule=_DAILY, targets=(target,), owner=dataset.owner, dag=f"lake_{dataset.name}",
            )  # fmt: skip


def _airbyte(catalogue: Catalogue) -> Iterator[Job]:
    connections = catalogue.settings.airbyte.connections
    targets = {name: _streams(connection) for name, connection in connections.items()}
    for name, connection in connections.items():
        yield Job(
            connection_job_name(name), f"Sync the connection {name}.", schedule=connection.schedule,
            targets=(targets[name],), owner=connection.owner, dag=f"airbyte_{name}",
        )  # fmt: skip
    if not connections:
        return
    yield Job(
        AIRBYTE_ALL, "Sync all connections beside each other; a slow one holds up none of the others.",
        targets=tuple(targets.values()), dag="airbyte_multi_source_sync",
    )  # fmt: skip
    yield replace(RESET, targets=tuple(targets.values()))
    yield Job(
        AIRBYTE_WATCH, "Look at how connections are set up in Airbyte; syncs none.",
        schedule=_HOURLY, targets=tuple(targets.values()), dag="airbyte_watch",
    )  # fmt: skip


def _streams(connection: ConnectionSettings) -> Target:
    keys = tuple("/".join(("airbyte", connection.name, *stream.key)) for stream in connection.streams)
    return Target(connection.name, keys, connection.owner)


def _tables(catalogue: Catalogue) -> Iterator[Job]:
    """Each table, by day. One job for all of them would need days that all of them have."""
    datasets = catalogue.settings.lake.datasets
    for table in catalogue.settings.warehouse.tables.values():
        dataset = datasets[table.dataset]
        owner = table.owner or dataset.owner
        yield Job(
            table_job_name(table.name), f"Load a day of lake/{dataset.name} into {table.table}.",
            targets=(Target(table.name, (f"warehouse/{table.name}",), owner, days_of(dataset)),), owner=owner,
            dag="lake_to_snowflake",
        )  # fmt: skip


def _computed(catalogue: Catalogue) -> Iterator[Job]:
    for job in catalogue.settings.databricks.jobs.values():
        written = (
            f"lake/{dataset.name}" for dataset in catalogue.settings.lake.datasets.values()
            if isinstance(dataset.source, JobOutput) and dataset.source.job == job.name
        )  # fmt: skip
        target = Target(job.name, (f"databricks/{job.name}", *written), job.owner, Days(job.starts, job.ends))
        yield Job(
            databricks_job_name(job.name), job.description or f"A day of the job {job.name}.",
            targets=(target,), owner=job.owner, dag=f"databricks_{job.name}",
        )  # fmt: skip
