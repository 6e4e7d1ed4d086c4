"""Shapes of the calls of the stand-in, as strict JSON Schemas: unknown keys of a request are forbidden.

Written from the OpenAPI files of Airbyte 1.5 to 2.2 and its server's source. Statuses are plain text on purpose:
Airbyte adds new ones, and the stand-in can be told to.
"""

from __future__ import annotations

from typing import Any

from integrations_platform.sandbox.contracts import JSON, OTHER_STATUS, Contract, Operation

Schema = dict[str, Any]

PUBLIC, OTHER = "/api/public/v1", "/api/v1"
FORM = "application/x-www-form-urlencoded"
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
ANY_OBJECT: Schema = {"type": "object"}
UUID: Schema = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
JAVA_TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$"}


def closed(properties: Schema, *required: str) -> Schema:
    """An object with these members and no others."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def listed(shape: Schema) -> Schema:
    """An array of that shape."""
    return {"type": "array", "items": shape}


def ref(name: str) -> Schema:
    """A reference to the shape of that name."""
    return {"$ref": f"#/$defs/{name}"}


_STREAMS = listed(closed({"streamName": TEXT, "streamNamespace": TEXT}, "streamName"))
_COUNTS: Schema = dict.fromkeys(
    ("recordsEmitted", "bytesEmitted", "recordsCommitted", "bytesCommitted", "recordsRejected"), WHOLE
)
_FAILURE = closed(
    {"timestamp": WHOLE, "failureOrigin": TEXT, "failureType": TEXT, "externalMessage": TEXT, "internalMessage": TEXT,
     "retryable": {"type": "boolean"}, "stacktrace": TEXT,
     "streamDescriptor": closed({"name": TEXT, "namespace": TEXT}, "name")}, "timestamp",
)  # fmt: skip
_STREAM = closed(
    {"name": TEXT, "namespace": TEXT, "syncMode": TEXT, "cursorField": listed(TEXT),
     "primaryKey": listed(listed(TEXT))}, "name",
)  # fmt: skip
DEFINITIONS: Schema = {
    "Problem": closed(
        {"status": WHOLE, "type": TEXT, "title": TEXT, "detail": TEXT, "data": ANY_OBJECT}, "status", "type", "title"
    ),
    "Odd": closed({"message": TEXT, "exceptionClassName": TEXT, "validationErrors": listed(ANY_OBJECT)}, "message"),
    "Job": closed(
        {"jobId": WHOLE, "status": TEXT, "jobType": {"enum": ["sync", "reset", "refresh", "clear"]},
         "startTime": JAVA_TIME, "connectionId": UUID, "lastUpdatedAt": JAVA_TIME, "duration": TEXT,
         "bytesSynced": WHOLE, "rowsSynced": WHOLE},
        "jobId", "status", "jobType", "startTime", "connectionId",
    ),
    "Connection": closed(
        {"connectionId": UUID, "name": TEXT, "sourceId": UUID, "destinationId": UUID, "workspaceId": UUID,
         "status": {"enum": ["active", "inactive", "deprecated", "locked"]}, "statusReason": TEXT,
         "schedule": ANY_OBJECT, "namespaceDefinition": TEXT, "namespaceFormat": TEXT, "prefix": TEXT,
         "createdAt": WHOLE, "tags": listed(ANY_OBJECT), "configurations": closed({"streams": listed(_STREAM)})},
        "connectionId", "name", "sourceId", "destinationId", "workspaceId", "status", "schedule", "createdAt", "tags",
        "configurations",
    ),
    "Workspace": closed(
        {"workspaceId": UUID, "name": TEXT, "dataResidency": TEXT, "notifications": ANY_OBJECT},
        "workspaceId", "name", "dataResidency", "notifications",
    ),
    "Destination": closed(
        {"destinationId": UUID, "name": TEXT, "destinationType": TEXT, "workspaceId": UUID, "definitionId": UUID,
         "createdAt": WHOLE, "configuration": ANY_OBJECT},
        "destinationId", "name", "destinationType", "workspaceId", "definitionId", "createdAt", "configuration",
    ),
    "JobInformation": closed(
        {"job": closed(
            {"id": WHOLE, "configType": TEXT, "configId": TEXT, "createdAt": WHOLE, "updatedAt": WHOLE, "status": TEXT,
             "aggregatedStats": closed(_COUNTS),
             "streamAggregatedStats": listed(closed(
                 {**_COUNTS, "streamName": TEXT, "streamNamespace": TEXT, "wasBackfilled": {"type": "boolean"},
                  "wasResumed": {"type": "boolean"}}, "streamName"))},
            "id", "configType", "configId", "createdAt", "updatedAt", "status"),
         "attempts": listed(closed({"attempt": closed(
             {"id": WHOLE, "status": TEXT, "createdAt": WHOLE, "updatedAt": WHOLE, "failureSummary": closed(
                 {"partialSuccess": {"type": "boolean"}, "failures": listed(_FAILURE)}, "failures")},
             "id", "status", "createdAt", "updatedAt")}))},
        "job", "attempts",
    ),
}  # fmt: skip


def contract() -> Contract:
    """Schemas by method and path."""
    nothing, everything = frozenset[str](), frozenset({"workspaceIds", "includeDeleted", "limit", "offset", "tagIds"})
    of_jobs = frozenset({
        "connectionId", "jobType", "status", "workspaceIds", "limit", "offset", "orderBy", "createdAtStart",
        "createdAtEnd", "updatedAtStart", "updatedAtEnd",
    })  # fmt: skip
    public: dict[tuple[str, str], tuple[Schema | None, Schema, frozenset[str]]] = {
        ("GET", "/workspaces"): (None, _page("Workspace"), everything),
        ("GET", "/workspaces/{workspace}"): (None, ref("Workspace"), nothing),
        ("PATCH", "/workspaces/{workspace}"): (
            closed({"name": TEXT, "notifications": ANY_OBJECT}), ref("Workspace"), nothing
        ),
        ("GET", "/connections"): (None, _page("Connection"), everything),
        ("GET", "/connections/{connection}"): (None, ref("Connection"), nothing),
        ("GET", "/destinations/{destination}"): (None, ref("Destination"), nothing),
        ("GET", "/jobs"): (None, _page("Job"), of_jobs),
        ("POST", "/jobs"): (
            closed({"connectionId": UUID, "jobType": {"enum": ["sync", "reset", "clear", "refresh"]}},
                   "connectionId", "jobType"), ref("Job"), nothing,
        ),
        ("GET", "/jobs/{job}"): (None, ref("Job"), nothing),
        ("DELETE", "/jobs/{job}"): (None, ref("Job"), nothing),
    }  # fmt: skip
    connection = closed({"connectionId": UUID}, "connectionId")
    other: dict[str, tuple[Schema, Schema]] = {
        "/connections/get": (connection, ANY_OBJECT),
        "/jobs/get_without_logs": (closed({"id": WHOLE}, "id"), ref("JobInformation")),
        "/stream_statuses/latest_per_run_state": (
            connection, closed({"streamStatuses": listed(ANY_OBJECT)}, "streamStatuses")
        ),
        "/state/get": (connection, ANY_OBJECT),
        "/connections/refresh": (
            closed({"connectionId": UUID, "refreshMode": {"enum": ["Truncate", "Merge"]}, "streams": _STREAMS},
                   "connectionId", "refreshMode"), ref("JobInformation"),
        ),
        "/connections/clear/stream": (
            closed({"connectionId": UUID, "streams": _STREAMS}, "connectionId", "streams"), ref("JobInformation")
        ),
    }  # fmt: skip
    wish = closed({"client_id": TEXT, "client_secret": TEXT, "grant_type": TEXT, "grant-type": TEXT},
                  "client_id", "client_secret")  # fmt: skip
    token = closed({"access_token": TEXT, "token_type": TEXT, "expires_in": WHOLE}, "access_token")
    return Contract(
        {
            ("GET", f"{OTHER}/health"): Operation(None, {200: closed({"available": {"type": "boolean"}}, "available")}),
            ("GET", f"{PUBLIC}/health"): Operation(None, {200: {}}),
            ("GET", f"{OTHER}/instance_configuration"): Operation(None, {200: ANY_OBJECT}),
            ("POST", f"{PUBLIC}/applications/token"): Operation(
                wish, {200: token, OTHER_STATUS: ref("Problem")}, nothing, (JSON, FORM)
            ),
            ("POST", f"{OTHER}/applications/token"): Operation(
                wish, {200: closed({"access_token": TEXT}, "access_token"), OTHER_STATUS: ref("Odd")}, nothing
            ),
        }
        | {
            (method, PUBLIC + path): Operation(taken, {200: given, OTHER_STATUS: ref("Problem")}, query)
            for (method, path), (taken, given, query) in public.items()
        }
        | {
            ("POST", OTHER + path): Operation(taken, {200: given, OTHER_STATUS: ref("Odd")}, nothing)
            for path, (taken, given) in other.items()
        },
        DEFINITIONS,
    )


def _page(name: str) -> Schema:
    return closed({"data": listed(ref(name)), "next": TEXT, "previous": TEXT}, "data")
