"""Shapes of the calls of the stand-in, as strict JSON Schemas: unknown keys of a request are forbidden.

Written from the vendor's documentation and the dataclasses of its Python client, since no OpenAPI file exists. States
are plain text on purpose: the vendor adds new ones, and the stand-in can be told to.
"""

from __future__ import annotations

from typing import Any

from integrations_platform.sandbox.contracts import OTHER_STATUS, Contract, Operation

Schema = dict[str, Any]

TOKEN_PATH = "/oidc/v1/token"  # noqa: S105  a path
FORM = "application/x-www-form-urlencoded"
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
ANY_OBJECT: Schema = {"type": "object"}


def path_of(what: str) -> str:
    """The path of a call, with the version it is at."""
    return f"/api/{'2.2' if what.startswith('jobs') else '2.0'}/{what}"


def closed(properties: Schema, *required: str) -> Schema:
    """An object with these members and no others."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def listed(shape: Schema) -> Schema:
    """An array of that shape."""
    return {"type": "array", "items": shape}


def ref(name: str) -> Schema:
    """A reference to the shape of that name."""
    return {"$ref": f"#/$defs/{name}"}


_TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
_LEGACY: Schema = {
    **dict.fromkeys(("jar_params", "python_params", "spark_submit_params", "dbt_commands"), listed(TEXT)),
    **dict.fromkeys(("notebook_params", "python_named_params", "sql_params"), _TEXTS),
    "pipeline_params": ANY_OBJECT,
}
_TASK: Schema = {
    "task_key": {"type": "string", "pattern": r"^[\w-]{1,100}$"},
    "depends_on": listed(closed({"task_key": TEXT, "outcome": TEXT}, "task_key")),
    "description": TEXT,
    "timeout_seconds": WHOLE,
    "existing_cluster_id": TEXT,
    "new_cluster": ANY_OBJECT,
    "environment_key": TEXT,
    "job_cluster_key": TEXT,
    "libraries": listed(ANY_OBJECT),
    "run_if": TEXT,
    "notebook_task": closed(
        {"notebook_path": TEXT, "base_parameters": _TEXTS, "source": TEXT, "warehouse_id": TEXT}, "notebook_path"
    ),
    "spark_python_task": closed({"python_file": TEXT, "parameters": listed(TEXT), "source": TEXT}, "python_file"),
}
_STATE = closed(
    {"life_cycle_state": TEXT, "state_message": TEXT, "user_cancelled_or_timedout": FLAG, "result_state": TEXT},
    "life_cycle_state",
)
_STATUS = closed(
    {"state": TEXT, "termination_details": closed({"code": TEXT, "type": TEXT, "message": TEXT}, "code", "type")},
    "state",
)
_TIMES: Schema = dict.fromkeys(
    ("start_time", "end_time", "setup_duration", "execution_duration", "cleanup_duration", "run_duration"), WHOLE
)
_RUN: Schema = {
    **_TIMES,
    **dict.fromkeys(("run_id", "job_id", "number_in_job", "attempt_number", "queue_duration"), WHOLE),
    **dict.fromkeys(("run_name", "run_type", "creator_user_name", "run_page_url", "next_page_token"), TEXT),
    "has_more": FLAG,
    "job_parameters": listed(closed({"name": TEXT, "default": TEXT, "value": TEXT}, "name")),
    "overriding_parameters": ANY_OBJECT,
    "state": _STATE,
    "status": _STATUS,
    "tasks": listed(ref("RunTask")),
    "repair_history": listed(
        closed(
            {
                "id": WHOLE, "type": {"enum": ["ORIGINAL", "REPAIR"]}, "start_time": WHOLE, "end_time": WHOLE,
                "state": _STATE, "status": _STATUS, "task_run_ids": listed(WHOLE),
            }, "type",
        )
    ),
}  # fmt: skip
DEFINITIONS: Schema = {
    "Error": closed({"error_code": TEXT, "message": TEXT, "details": listed(ANY_OBJECT)}, "error_code", "message"),
    "Task": closed(_TASK, "task_key"),
    "RunTask": closed(
        {**_TASK, **_TIMES, "run_id": WHOLE, "attempt_number": WHOLE, "run_page_url": TEXT, "state": _STATE,
         "status": _STATUS, "cluster_instance": closed({"cluster_id": TEXT, "spark_context_id": TEXT})},
        "task_key", "run_id", "state",
    ),
    "Run": closed(_RUN, "run_id", "state", "start_time", "end_time"),
    "Job": closed({
        "name": TEXT, "description": TEXT, "max_concurrent_runs": WHOLE, "queue": closed({"enabled": FLAG}, "enabled"),
        "parameters": listed(closed({"name": TEXT, "default": TEXT}, "name", "default")), "tasks": listed(ref("Task")),
        "tags": _TEXTS, "timeout_seconds": WHOLE, "format": TEXT,
    }),
    "JobAnswer": closed({"job_id": WHOLE, "creator_user_name": TEXT, "settings": ref("Job")}, "job_id", "settings"),
}  # fmt: skip
_OF_RUN = frozenset({"run_id", "include_history", "include_resolved_values", "page_token"})
_LISTED = frozenset(
    {"active_only", "completed_only", "expand_tasks", "job_id", "limit", "page_token", "run_type", "start_time_from",
     "start_time_to"}
)  # fmt: skip


def contract() -> Contract:
    """Schemas by method and path."""
    nothing, run_id = closed({}), closed({"run_id": WHOLE}, "run_id")
    once: Schema = {
        "idempotency_token": TEXT,
        "queue": closed({"enabled": FLAG}, "enabled"),
        "tasks": listed(ref("Task")),
    }
    started = closed({"run_id": WHOLE, "number_in_job": WHOLE}, "run_id")
    calls: dict[tuple[str, str], tuple[Schema | None, Schema, frozenset[str]]] = {
        ("POST", "jobs/create"): (ref("Job"), closed({"job_id": WHOLE}, "job_id"), frozenset()),
        ("GET", "jobs/get"): (None, ref("JobAnswer"), frozenset({"job_id", "page_token"})),
        ("GET", "jobs/list"): (
            None, closed({"jobs": listed(ref("JobAnswer")), "has_more": FLAG}),
            frozenset({"limit", "name", "expand_tasks", "page_token", "offset"}),
        ),
        ("POST", "jobs/delete"): (closed({"job_id": WHOLE}, "job_id"), nothing, frozenset()),
        ("POST", "jobs/run-now"): (
            closed(
                {"job_id": WHOLE, "job_parameters": _TEXTS, "only": listed(TEXT), "performance_target": TEXT,
                 **_LEGACY, **{name: once[name] for name in ("idempotency_token", "queue")}}, "job_id",
            ), started, frozenset(),
        ),
        ("POST", "jobs/runs/submit"): (
            closed({**once, "run_name": TEXT, "timeout_seconds": WHOLE, "environments": listed(ANY_OBJECT)}),
            closed({"run_id": WHOLE}, "run_id"), frozenset(),
        ),
        ("GET", "jobs/runs/get"): (None, ref("Run"), _OF_RUN),
        ("GET", "jobs/runs/list"): (
            None, closed({"runs": listed(ref("Run")), "has_more": FLAG, "next_page_token": TEXT,
                          "prev_page_token": TEXT}), _LISTED,
        ),
        ("GET", "jobs/runs/get-output"): (
            None, closed({
                "logs": TEXT, "logs_truncated": FLAG, "error": TEXT, "error_trace": TEXT, "metadata": ref("Run"),
                "notebook_output": closed({"result": TEXT, "truncated": FLAG}),
            }), frozenset({"run_id"}),
        ),
        ("POST", "jobs/runs/cancel"): (run_id, nothing, frozenset()),
        ("POST", "jobs/runs/delete"): (run_id, nothing, frozenset()),
        ("POST", "jobs/runs/repair"): (
            closed(
                {"run_id": WHOLE, "rerun_all_failed_tasks": FLAG, "rerun_tasks": listed(TEXT),
                 "latest_repair_id": WHOLE, "rerun_dependent_tasks": FLAG, "job_parameters": _TEXTS, **_LEGACY},
                "run_id",
            ), closed({"repair_id": WHOLE}, "repair_id"), frozenset(),
        ),
        ("POST", "workspace/mkdirs"): (closed({"path": TEXT}, "path"), nothing, frozenset()),
        ("POST", "workspace/import"): (
            closed({"path": TEXT, "content": TEXT, "format": TEXT, "language": TEXT, "overwrite": FLAG}, "path",
                   "content"), nothing, frozenset(),
        ),
        ("GET", "workspace/get-status"): (None, ANY_OBJECT, frozenset({"path"})),
        ("GET", "preview/scim/v2/Me"): (None, ANY_OBJECT, frozenset()),
    }  # fmt: skip
    given_out = closed({"access_token": TEXT, "token_type": TEXT, "expires_in": WHOLE, "scope": TEXT}, "access_token")
    refused = closed({"error": TEXT, "error_description": TEXT}, "error")
    tokens = {("POST", TOKEN_PATH): Operation({}, {200: given_out, OTHER_STATUS: refused}, frozenset(), FORM)}
    return Contract(
        tokens
        | {
            (method, path_of(what)): Operation(taken, {200: given, OTHER_STATUS: ref("Error")}, query)
            for (method, what), (taken, given, query) in calls.items()
        },
        DEFINITIONS,
    )
