"""What Airbyte holds, as seen at one moment: connections, jobs, streams; read from answers that may hold anything.

Members that are missing or of another type are left out; only what nothing can go on without is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.service_faults import FaultKind

FINAL = frozenset({"succeeded", "failed", "cancelled"})
QUEUED = frozenset({"pending", "queued"})
RUNNING = frozenset({"running", "incomplete"})  # incomplete: an attempt has failed, another may follow
SYNC = "sync"
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


@dataclass(frozen=True)
class Stream:
    """A stream as a connection is set up to sync it."""

    name: str
    namespace: str = ""
    mode: str = ""
    cursor: tuple[str, ...] = ()
    primary_key: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Connection:
    """A connection. ``status``: active, inactive, locked or deprecated; only an active one syncs."""

    id: str
    name: str = ""
    workspace_id: str = ""
    source_id: str = ""
    destination_id: str = ""
    status: str = ""
    reason: str = ""
    schedule: str = ""
    streams: tuple[Stream, ...] = ()


@dataclass(frozen=True)
class Job:
    """A job. ``rows`` and ``bytes`` are committed ones, None while it runs. ``seconds``: how long it took so far."""

    id: int
    status: str = ""
    type: str = SYNC
    connection_id: str = ""
    started: datetime | None = None
    updated: datetime | None = None
    seconds: float = 0.0
    rows: int | None = None
    bytes: int | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not; a status that nobody knows is no end."""
        return self.status in FINAL

    @property
    def begun(self) -> bool:
        """Whether it has had its turn."""
        return self.status not in QUEUED

    @property
    def known(self) -> bool:
        """Whether this version knows its status."""
        return self.status in FINAL | QUEUED | RUNNING

    @property
    def told(self) -> str:
        """Number and status, for people."""
        state = self.status if self.known else f"{self.status!r}, a status that this version does not know"
        return f"job {self.id} is {state}"


@dataclass(frozen=True)
class StreamStatus:
    """How far a stream came in one job. ``state``: PENDING, RUNNING, COMPLETE, INCOMPLETE or RATE_LIMITED."""

    job_id: int
    name: str
    namespace: str
    state: str
    cause: str = ""
    attempt: int = 0
    at: int = 0


@dataclass(frozen=True)
class StreamCount:
    """What one stream moved in a job; ``rows`` and ``bytes`` are committed ones. None: the server does not say."""

    name: str
    namespace: str = ""
    rows: int | None = None
    bytes: int | None = None
    emitted: int | None = None
    rejected: int | None = None


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed, in Airbyte's words."""

    message: str
    type: str = ""
    origin: str = ""
    stream: str = ""


@dataclass(frozen=True)
class Statistics:
    """What a finished job did. ``failures`` are the last attempt's."""

    streams: tuple[StreamCount, ...] = ()
    attempts: int = 0
    failures: tuple[Failure, ...] = ()
    rows: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class SyncState:
    """Where the next sync of a connection goes on. ``kind``: stream, global, legacy or not_set."""

    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Instance:
    """A self-managed Airbyte about itself; of Cloud nothing is known."""

    version: str = ""
    edition: str = ""
    auth: str = ""
    workspace_id: str = ""
    url: str = ""


def connection_of(data: Any) -> Connection:
    """Raises AirbyteFault when it has no id."""
    found = _object(data)
    configured = _object(found.get("configurations")).get("streams")
    schedule = _object(found.get("schedule"))
    return Connection(
        _required(found, "connectionId"), _text(found, "name"), _text(found, "workspaceId"), _text(found, "sourceId"),
        _text(found, "destinationId"), _text(found, "status"), _text(found, "statusReason"),
        _text(schedule, "cronExpression") or _text(schedule, "scheduleType"),
        tuple(_stream(each) for each in listed(configured) if _text(_object(each), "name")),
    )  # fmt: skip


def job_of(data: Any) -> Job:
    """Raises AirbyteFault when it has no id."""
    found = _object(data)
    number = found.get("jobId")
    if not isinstance(number, int) or isinstance(number, bool):
        raise _unusable("jobId")
    return Job(
        number, _text(found, "status"), _text(found, "jobType"), _text(found, "connectionId"),
        moment(found.get("startTime")), moment(found.get("lastUpdatedAt")), _seconds(found.get("duration")),
        _whole(found, "rowsSynced"), _whole(found, "bytesSynced"),
    )  # fmt: skip


def statuses_of(data: Any) -> tuple[StreamStatus, ...]:
    """The newest status of each stream in each job; earlier attempts are left out."""
    newest: dict[tuple[int, str, str], StreamStatus] = {}
    for each in map(_object, listed(_object(data).get("streamStatuses"))):
        status = StreamStatus(
            _whole(each, "jobId") or 0, _text(each, "streamName"), _text(each, "streamNamespace"),
            _text(each, "runState"), _text(each, "incompleteRunCause"), _whole(each, "attemptNumber") or 0,
            _whole(each, "transitionedAt") or 0,
        )  # fmt: skip
        key = (status.job_id, status.name, status.namespace)
        held = newest.get(key)
        if status.name and (held is None or (held.attempt, held.at) <= (status.attempt, status.at)):
            newest[key] = status
    return tuple(newest.values())


def statistics_of(data: Any) -> Statistics:
    """From the configuration API's job, which is newer Airbyte's only word on streams and reasons."""
    found = _object(data)
    job = _object(found.get("job"))
    attempts = [_object(_object(each).get("attempt")) for each in listed(found.get("attempts"))]
    totals = _object(job.get("aggregatedStats"))
    last = max(attempts, key=lambda each: _whole(each, "id") or 0, default={})
    failures = listed(_object(last.get("failureSummary")).get("failures"))
    return Statistics(
        tuple(_count(_object(each)) for each in listed(job.get("streamAggregatedStats"))),
        len(attempts),
        tuple(_failure(_object(each)) for each in failures),
        _whole(totals, "recordsCommitted"),
        _whole(totals, "bytesCommitted"),
    )


def instance_of(data: Any) -> Instance:
    """All that is told; nothing of it is needed."""
    found = _object(data)
    return Instance(
        _text(found, "version"), _text(found, "edition"), _text(_object(found.get("auth")), "mode"),
        _text(found, "defaultWorkspaceId"), _text(found, "airbyteUrl"),
    )  # fmt: skip


def state_of(data: Any) -> SyncState:
    """The state as it is kept; its inside belongs to the connector."""
    found = _object(data)
    return SyncState(_text(found, "stateType") or "not_set", found)


def moment(value: Any) -> datetime | None:
    """A time as Java writes it: its seconds are missing where they are zero."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def listed(value: Any) -> list[Any]:
    """``value``, if it is a list."""
    return value if isinstance(value, list) else []


def _stream(data: Any) -> Stream:
    found = _object(data)
    keys = tuple(tuple(str(step) for step in listed(key)) for key in listed(found.get("primaryKey")))
    cursor = tuple(str(step) for step in listed(found.get("cursorField")))
    return Stream(_text(found, "name"), _text(found, "namespace"), _text(found, "syncMode"), cursor, keys)


def _count(found: Mapping[str, Any]) -> StreamCount:
    return StreamCount(
        _text(found, "streamName"), _text(found, "streamNamespace"), _whole(found, "recordsCommitted"),
        _whole(found, "bytesCommitted"), _whole(found, "recordsEmitted"), _whole(found, "recordsRejected"),
    )  # fmt: skip


def _failure(found: Mapping[str, Any]) -> Failure:
    message = _text(found, "externalMessage") or _text(found, "internalMessage")
    stream = _text(_object(found.get("streamDescriptor")), "name")
    return Failure(message, _text(found, "failureType"), _text(found, "failureOrigin"), stream)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _whole(found: Mapping[str, Any], name: str) -> int | None:
    value = found.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _seconds(value: Any) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return 0.0
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _required(found: Mapping[str, Any], name: str) -> str:
    if not (text := _text(found, name)):
        raise _unusable(name)
    return text


def _unusable(name: str) -> AirbyteFault:
    what = f"Airbyte: the answer has no {name}: something other than Airbyte may have given it; check AIRBYTE_API_URL"
    return AirbyteFault(FaultKind.TRANSIENT, what, code="answer", perhaps_done=True)
