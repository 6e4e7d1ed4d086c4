"""The `databricks:` section of an environment: the workspace, and the jobs that assets run there or here.

Owns the section's schema and its reading. Host, token and job ids stay unresolved text; nothing is called here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from integrations_platform.secret_text import SecretText
from integrations_platform.yaml_source import Faults, Located, day_of, entries_of

Schema = dict[str, Any]
Secret = Callable[[Located, str], SecretText | None]

_SECRETS = ("host", "token", "client_id", "client_secret")
DEFAULT_FOLDER = "/Workspace/Shared/integrations"
PLACEHOLDERS = ("day", "next_day", "run_id")
"""What a parameter may name in braces: the partition's date, the one after, the Dagster run."""

_BRACES = re.compile(r"{([^{}]*)}")
_DATE: Schema = {"type": "string", "pattern": r"\d{4}-\d{2}-\d{2}"}
_NAMED_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}

_JOB: Schema = {
    "type": "object",
    "description": "one job: an existing one (job_id), a notebook, or a task file that also runs without a workspace",
    "properties": {
        "job_id": {
            "type": ["integer", "string"], "writeOnly": True,
            "description": 'an existing job: a number or "${VARIABLE}"',
        },
        "notebook": {"type": "string", "description": "path of a notebook in the workspace"},
        "task": {"type": "string", "description": "a task file of the platform by name, or your own, ending in .py"},
        "parameters": _NAMED_TEXTS
        | {"description": "by name; {day}, {next_day} and {run_id} are filled in: job parameters, widgets, arguments"},
        "only": {"type": "array", "items": {"type": "string"}, "description": "with job_id: run these of its tasks"},
        "reads": {"type": "string", "description": "the lake's dataset whose partition a task file reads"},
        "starts": _DATE | {"description": "the first day, YYYY-MM-DD"},
        "ends": _DATE | {"description": "the last day, YYYY-MM-DD (default: it goes on)"},
        "existing_cluster_id": {"type": "string", "description": "where a notebook or task runs (default: serverless)"},
        "new_cluster": {"type": "object", "description": "a cluster for the run, as the vendor's API describes one"},
        "libraries": {"type": "array", "items": {"type": "string"}, "description": "PyPI requirements of a task"},
        "repairs": {
            "type": "integer", "minimum": 0, "maximum": 10,
            "description": "how often failed tasks are run again when the cloud failed, not the job (default: 0)",
        },
        "timeout_hours": {
            "type": "number", "minimum": 0.01, "maximum": 720,
            "description": "how long a run is followed (default: as long as it takes)",
        },
        "when_late": {
            "type": "string", "enum": ["leave", "cancel"],
            "description": "what happens to a run that outlasts timeout_hours (default: leave)",
        },
        "partial": {
            "type": "string", "enum": ["warn", "fail"],
            "description": "what a run counts as that succeeded although a task failed (default: fail)",
        },
        "description": {"type": "string", "description": "what it does, for people"},
        "owner": {"type": "string", "description": "team:name or an e-mail address"},
    },
    "required": ["starts"],
    "additionalProperties": False,
}  # fmt: skip

SCHEMA: Schema = {
    "type": "object",
    "description": "a Databricks workspace and the jobs run there; without a host, task files run on this machine",
    "properties": {
        "host": {"type": "string", "writeOnly": True, "description": 'of the workspace: "${DATABRICKS_HOST:-}"'},
        "token": {"type": "string", "writeOnly": True, "description": 'to act under: "${DATABRICKS_TOKEN:-}"'},
        "client_id": {
            "type": "string",
            "writeOnly": True,
            "description": 'of a service principal, instead of a token: "${DATABRICKS_CLIENT_ID:-}"',
        },
        "client_secret": {"type": "string", "writeOnly": True, "description": "its OAuth secret"},
        "folder": {"type": "string", "description": f"where task files are put (default: {DEFAULT_FOLDER})"},
        "jobs": {
            "type": "object",
            "description": "jobs by name; each is the asset databricks/<name>",
            "propertyNames": {
                "pattern": "^[a-z][a-z0-9_]{0,62}$",
                "description": "a name in lower case: a letter, then letters, digits and underscores",
            },
            "additionalProperties": _JOB,
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True)
class JobSettings:
    """One job. Exactly one of ``job_id``, ``notebook`` and ``task`` is set. ``timeout`` in seconds; None: no end."""

    name: str
    starts: date
    ends: date | None = None
    job_id: SecretText | None = None
    notebook: str = ""
    task: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    reads: str = ""
    existing_cluster_id: str = ""
    new_cluster: Mapping[str, Any] = field(default_factory=dict)
    libraries: tuple[str, ...] = ()
    repairs: int = 0
    timeout: float | None = None
    when_late: Literal["leave", "cancel"] = "leave"
    partial: Literal["warn", "fail"] = "fail"
    description: str = ""
    owner: str | None = None


def _unset(key: str) -> SecretText:
    return SecretText("", "settings", 1, f"databricks.{key}", {})


@dataclass(frozen=True)
class DatabricksSettings:
    """The workspace of one environment, unresolved, and its jobs."""

    host: SecretText = field(default_factory=lambda: _unset("host"))
    token: SecretText = field(default_factory=lambda: _unset("token"))
    client_id: SecretText = field(default_factory=lambda: _unset("client_id"))
    client_secret: SecretText = field(default_factory=lambda: _unset("client_secret"))
    folder: str = DEFAULT_FOLDER
    jobs: Mapping[str, JobSettings] = field(default_factory=dict)


def filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its placeholders replaced; braces around anything else stay."""
    return _BRACES.sub(lambda match: values.get(match[1], match[0]), text)


def read(node: Located | None, secret: Secret, faults: Faults) -> DatabricksSettings | None:
    """The section, already checked against :data:`SCHEMA`; an empty one when there is none; None with faults noted."""
    if node is None:
        return DatabricksSettings()
    found = {key: secret(given, f"databricks.{key}") for key in _SECRETS if (given := node.get(key))}
    jobs = {
        name: job
        for name, entry in entries_of(node.get("jobs"))
        if (job := _job(name, entry, secret, faults)) is not None
    }
    if faults.within("databricks"):
        return None
    folder = node.get("folder")
    texts = {key: text for key, text in found.items() if text is not None}
    return DatabricksSettings(**texts, folder=DEFAULT_FOLDER if folder is None else str(folder.value), jobs=jobs)


def _job(name: str, node: Located, secret: Secret, faults: Faults) -> JobSettings | None:
    path = f"databricks.jobs.{name}"
    said: dict[str, Any] = node.plain()
    kinds = [key for key in ("job_id", "notebook", "task") if key in said]
    if len(kinds) != 1:
        what = "says more than one of job_id, notebook and task" if kinds else "says neither job_id, notebook nor task"
        faults.add(node.line, path, what, "say one of them: what is to be run")
        return None
    _check_belonging(node, kinds[0], path, faults)
    for key, text in entries_of(node.get("parameters")):
        for placeholder in _BRACES.findall(str(text.value)):
            if placeholder.isidentifier() and placeholder not in PLACEHOLDERS:
                known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
                faults.add(text.line, f"{path}.parameters.{key}", f"names {{{placeholder}}}", f"use one of {known}")
    starts, ends = (day_of(node.get(key), f"{path}.{key}", faults) for key in ("starts", "ends"))
    if starts and ends and ends < starts:
        faults.add(node.line, f"{path}.ends", "is before `starts`", "give the last day")
    given = node.get("job_id")
    job_id = secret(given, f"{path}.job_id") if given else None
    if starts is None or faults.within(path):
        return None
    hours = said.get("timeout_hours")
    taken = {
        key: said[key]
        for key in ("notebook", "task", "parameters", "reads", "existing_cluster_id", "new_cluster", "repairs",
                    "when_late", "partial", "description", "owner")
        if key in said
    }  # fmt: skip
    return JobSettings(
        name, starts, ends, job_id,
        only=tuple(said.get("only", ())), libraries=tuple(said.get("libraries", ())),
        timeout=None if hours is None else float(hours) * 3600, **taken,
    )  # fmt: skip


_BELONGS = {
    "only": ("job_id",),
    "reads": ("task",),
    **dict.fromkeys(("existing_cluster_id", "new_cluster", "libraries"), ("notebook", "task")),
}


def _check_belonging(node: Located, kind: str, path: str, faults: Faults) -> None:
    for key, kinds in _BELONGS.items():
        if (stray := node.get(key)) is not None and kind not in kinds:
            faults.add(stray.line, f"{path}.{key}", f"has no meaning beside {kind}", "remove it")
    if (stray := node.get("new_cluster")) is not None and node.get("existing_cluster_id") is not None:
        faults.add(stray.line, f"{path}.new_cluster", "has no meaning beside existing_cluster_id", "keep one of them")
