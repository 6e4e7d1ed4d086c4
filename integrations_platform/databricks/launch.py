"""What is to be run: an existing job, a notebook, or a Python file of ours; and the tokens that make it run once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integrations_platform.databricks.faults import JobFault
from integrations_platform.service_faults import FaultKind

MOST_PARAMETER_BYTES = 10_000
"""Of the JSON of parameters, as the vendor documents for run-now."""


@dataclass(frozen=True)
class Compute:
    """Where a task runs: an existing cluster, a new one as the vendor describes clusters, or neither: serverless.

    ``libraries`` are PyPI requirements the task needs there.
    """

    existing_cluster_id: str = ""
    new_cluster: Mapping[str, Any] = field(default_factory=dict)
    libraries: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExistingJob:
    """A job of the workspace, started with these job parameters. ``only``: some of its tasks; none: all."""

    job_id: int
    parameters: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notebook:
    """A notebook of the workspace, submitted once with these widget values."""

    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    compute: Compute = field(default_factory=Compute)


@dataclass(frozen=True)
class PythonFile:
    """A file of this project, put into ``folder`` of the workspace and submitted once with these arguments."""

    file: Path
    arguments: tuple[str, ...] = ()
    folder: str = "/Workspace/Shared/integrations"
    compute: Compute = field(default_factory=Compute)


Launch = ExistingJob | Notebook | PythonFile


def token_of(run_id: str, asset: str, partition: str, attempt: int) -> str:
    """The idempotency token of one attempt: 64 characters, the longest there may be.

    The same four always give the same token, so that a step that lost an answer, or a worker that crashed, finds the
    run it has started. ``attempt`` must grow after a run that ended badly: its token would return the same ended run.
    """
    return hashlib.sha256(json.dumps([run_id, asset, partition, attempt]).encode()).hexdigest()


def remote_name(file: Path, content: bytes) -> str:
    """The name of a task file in the workspace: by content, so that a run never sees another version's file."""
    return f"{file.stem}-{hashlib.sha256(content).hexdigest()[:12]}{file.suffix}"


def check_parameters(launch: Launch) -> None:
    """Refuse before the call what the vendor would refuse or cut. Raises JobFault."""
    given = launch.arguments if isinstance(launch, PythonFile) else launch.parameters
    size = len(json.dumps(list(given) if isinstance(given, tuple) else dict(given)).encode())
    if size > MOST_PARAMETER_BYTES:
        what = f"the parameters are {size:,} bytes long; Databricks takes {MOST_PARAMETER_BYTES:,}"
        raise JobFault(FaultKind.CONFIGURATION, f"{what}. Pass large values through the lake")
    if isinstance(launch, PythonFile) and not all(each.isascii() for each in launch.arguments):
        raise JobFault(FaultKind.CONFIGURATION, "Databricks takes arguments of Python tasks in ASCII only")
