"""What is told of a job that is over: its streams, its counts and its reasons, as far as the server gives them.

The same for a sync that was followed here and for one that was started elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.airbyte.looks import Connection, Job, Statistics, StreamStatus
from integrations_platform.airbyte.reports import SyncReport, reason, reports_of
from integrations_platform.airbyte.server import Airbyte

OBSERVED = "observed"


def observed(airbyte: Airbyte, connection: Connection, job: Job, warn: Callable[[str], None]) -> SyncReport:
    """The report of a job that somebody else started and that is over. Never fails for what only a newer server has."""
    url = airbyte.page_of(connection, job.id)
    told = SyncReport(connection.id, job.id, job.status, OBSERVED, connection.name, url=url)
    return reported(airbyte, told, job, warn)


def reported(airbyte: Airbyte, told: SyncReport, job: Job, warn: Callable[[str], None]) -> SyncReport:
    """``told`` with what became of ``job``. What the server cannot say is a note of the report, and warned of."""
    notes: list[str] = []
    statistics, statuses = _statistics(airbyte, job, notes), _statuses(airbyte, job, told.connection_id, notes)
    for each in notes:
        warn(each)
    found = statistics or Statistics()
    failure, permanent = reason(found.failures, job.status)
    return replace(
        told, status=job.status, seconds=job.seconds, attempts=found.attempts, failure=failure,
        permanent=permanent, notes=tuple(notes), statistics_complete=not notes,
        streams=reports_of(found.streams, statuses, found.failures, job.id, job.status),
        rows=found.rows if job.rows is None else job.rows,
        bytes=found.bytes if job.bytes is None else job.bytes,
    )  # fmt: skip


def _statistics(airbyte: Airbyte, job: Job, notes: list[str]) -> Statistics | None:
    try:
        return airbyte.statistics(job.id)
    except AirbyteFault as fault:
        notes.append(f"no statistics of streams, only totals: {fault.message}")
        return None


def _statuses(airbyte: Airbyte, job: Job, connection_id: str, notes: list[str]) -> tuple[StreamStatus, ...]:
    try:
        return airbyte.stream_statuses(connection_id)
    except AirbyteFault as fault:
        notes.append(f"no word on how far job {job.id} came in each stream: {fault.message}")
        return ()
