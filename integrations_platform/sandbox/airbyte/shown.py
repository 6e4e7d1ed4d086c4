"""Connections and jobs as either API shows them. Members are absent where Airbyte leaves them out, never null."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from integrations_platform.sandbox.airbyte.account import DESTINATION, WORKSPACE, Account, Connection
from integrations_platform.sandbox.airbyte.jobs import Job

CREATED = 1767225600
_TYPES = {"id": {"type": "string"}, "updated": {"type": "integer"}}


def job(found: Job, account: Account, streams: list[str], now: float) -> dict[str, Any]:
    """A job of the public API. ``startTime`` is when it was made, and drops its seconds where they are zero, as Java
    writes times."""
    told: dict[str, Any] = {
        "jobId": found.id, "status": word(found, account), "jobType": found.type, "connectionId": found.connection_id,
        "startTime": java_time(found.created),
    }  # fmt: skip
    if found.status not in ("pending", "queued"):
        told["duration"] = f"PT{max(0, round((found.updated if found.final else now) - found.created))}S"
    if found.final:
        counts = found.counts(streams).values()
        told |= {
            "lastUpdatedAt": java_time(found.updated), "rowsSynced": sum(each["rows"] for each in counts),
            "bytesSynced": sum(each["bytes"] for each in counts),
        }  # fmt: skip
    return told


def word(found: Job, account: Account) -> str:
    """A job's status, in the words of that version."""
    return "pending" if found.status == "queued" and account.release <= (2, 0) else found.status


def java_time(seconds: float) -> str:
    """As `OffsetDateTime.toString()`."""
    at = datetime.fromtimestamp(int(seconds), UTC)
    return at.strftime("%Y-%m-%dT%H:%MZ" if at.second == 0 else "%Y-%m-%dT%H:%M:%SZ")


def connection(found: Connection) -> dict[str, Any]:
    """A connection of the public API."""
    told = {
        "connectionId": found.id, "name": found.name, "sourceId": _source(found), "destinationId": DESTINATION,
        "workspaceId": WORKSPACE, "status": found.status, "schedule": {"scheduleType": "manual"},
        "namespaceDefinition": "destination", "prefix": "", "createdAt": CREATED, "tags": [],
        "configurations": {"streams": found.streams},
    }  # fmt: skip
    return told | ({"statusReason": found.reason} if found.reason else {})


def configured(found: Connection) -> dict[str, Any]:
    """A connection of the configuration API, with its catalogue."""
    return {
        "connectionId": found.id, "name": found.name, "sourceId": _source(found), "destinationId": DESTINATION,
        "status": found.status, "prefix": "", "namespaceDefinition": "destination",
        "syncCatalog": {
            "streams": [
                {
                    "stream": {"name": each["name"], "namespace": each.get("namespace"),
                               "jsonSchema": {"type": "object", "properties": _TYPES}},
                    "config": {"selected": True, "syncMode": "incremental", "destinationSyncMode": "append_dedup",
                               "cursorField": each.get("cursorField", []), "primaryKey": each.get("primaryKey", [])},
                }
                for each in found.streams
            ]
        },
    }  # fmt: skip


def job_information(found: Job, of: Connection) -> dict[str, Any]:
    """A job of the configuration API; what it did and why it failed is told once it is over."""
    told: dict[str, Any] = {
        "id": found.id, "configType": "reset_connection" if found.type in ("reset", "clear") else found.type,
        "configId": of.id, "createdAt": int(found.created), "updatedAt": int(found.updated), "status": found.status,
    }  # fmt: skip
    if not found.final:
        return {"job": told, "attempts": []}
    counts = found.counts(of.stream_names)
    told["aggregatedStats"] = _sums([_stats(each) for each in counts.values()])
    told["streamAggregatedStats"] = [
        _without_none({"streamName": name, "streamNamespace": of.namespace(name)}) | _stats(count)
        | {"wasBackfilled": False, "wasResumed": False}
        for name, count in counts.items()
    ]  # fmt: skip
    attempts = [{"attempt": _attempt(found, number)} for number in range(found.script.attempts)]
    return {"job": told, "attempts": attempts}


def stream_statuses(jobs: list[Job], of: Connection) -> list[dict[str, Any]]:
    """The newest status of each stream in each run state, over all jobs."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for found in jobs:
        if found.status in ("pending", "queued"):
            continue
        for name, count in found.counts(of.stream_names).items():
            state = count["state"] if found.final else "RUNNING"
            told = _without_none({
                "jobId": found.id, "attemptNumber": found.script.attempts - 1, "streamName": name,
                "streamNamespace": of.namespace(name), "jobType": found.type.upper(), "runState": state,
                "incompleteRunCause": _cause(found) if state == "INCOMPLETE" else None, "connectionId": of.id,
                "workspaceId": WORKSPACE, "transitionedAt": round(found.updated * 1000),
                "id": str(uuid5(NAMESPACE_DNS, f"{found.id}.{name}.{state}")),
            })  # fmt: skip
            newest[(name, state)] = told
    return list(newest.values())


def state(of: Connection) -> dict[str, Any]:
    """Where the next sync of a connection goes on."""
    return of.state or {"stateType": "not_set", "connectionId": of.id}


def workspace(account: Account) -> dict[str, Any]:
    """The workspace of the public API."""
    return {"workspaceId": WORKSPACE, "name": "Stand-in", "dataResidency": "auto",
            "notifications": account.notifications}  # fmt: skip


def destination() -> dict[str, Any]:
    """The destination of all connections."""
    return {
        "destinationId": DESTINATION, "name": "PostgreSQL", "destinationType": "postgres", "workspaceId": WORKSPACE,
        "definitionId": str(uuid5(NAMESPACE_DNS, "definition.airbyte.stand-in")), "createdAt": CREATED,
        "configuration": {"host": "127.0.0.1", "port": 5432, "database": "warehouse", "schema": "public",
                          "username": "airbyte", "password": "**********"},
    }  # fmt: skip


def _source(of: Connection) -> str:
    return str(uuid5(NAMESPACE_DNS, f"source.{of.name}.airbyte.stand-in"))


def _cause(found: Job) -> str:
    return "CANCELED" if found.status == "cancelled" else "FAILED"


def _attempt(found: Job, number: int) -> dict[str, Any]:
    last = number == found.script.attempts - 1
    told: dict[str, Any] = {
        "id": number, "status": "succeeded" if last and found.status == "succeeded" else "failed",
        "createdAt": int(found.created), "updatedAt": int(found.updated),
    }  # fmt: skip
    if last and found.script.failures and found.status != "succeeded":
        some = any(each.get("state") == "COMPLETE" for each in found.script.streams.values())
        told["failureSummary"] = {"partialSuccess": some, "failures": [dict(each) for each in found.script.failures]}
    return told


def _stats(count: dict[str, Any]) -> dict[str, Any]:
    return {
        "recordsEmitted": count["emitted"], "bytesEmitted": count["bytes"], "recordsCommitted": count["rows"],
        "bytesCommitted": count["bytes"], "recordsRejected": count["rejected"],
    }  # fmt: skip


def _sums(counts: list[dict[str, Any]]) -> dict[str, Any]:
    names = counts[0] if counts else _stats({"emitted": 0, "bytes": 0, "rows": 0, "rejected": 0})
    return {name: sum(each[name] for each in counts) for name in names}


def _without_none(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value is not None}
