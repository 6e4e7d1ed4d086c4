"""A workspace on the stand-in whose time passes by the waiting itself, and runs on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from integrations_platform.databricks.launch import ExistingJob, Launch, token_of
from integrations_platform.databricks.running import Policy, RemoteRun
from integrations_platform.databricks.workspace import Workspace
from integrations_platform.sandbox.databricks import Databricks
from integrations_platform.sandbox.databricks.app import TOKEN
from integrations_platform.sandbox.databricks.scripts import Script
from integrations_platform.waiting import Timing
from integrations_platform_tests.sandbox.running import running


@dataclass
class Site:
    """A stand-in with a job, a workspace that reaches it, and what was said and slept while runs went on."""

    vendor: Databricks
    url: str
    job_id: int = 0
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    at_look: dict[int, Callable[[], None]] = field(default_factory=dict)
    looks: int = 0

    def workspace(self) -> Workspace:
        return Workspace(self.url, TOKEN, answer_seconds=5)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.vendor.clock.advance(seconds)

    def timing(self) -> Timing:
        return Timing(lambda: self.vendor.clock.now().timestamp(), self.sleep, lambda: 0.5)

    def script(self, task: str = "*", **how: Any) -> None:
        self.vendor.account.scripts[task] = Script(**how)

    def run(self, launch: Launch | None = None, *, tries: int = 0, policy: Policy | None = None) -> RemoteRun:
        return RemoteRun(
            self.workspace(), launch or ExistingJob(self.job_id, {"day": "2013-01-01"}),
            lambda attempt: token_of("dagster-run", "databricks/features", "2013-01-01", attempt), tries,
            policy or Policy(), self.timing(), self.notes.append, self.warnings.append, self._looked,
        )  # fmt: skip

    def _looked(self) -> None:
        self.looks += 1
        self.at_look.get(self.looks, lambda: None)()

    def posts(self, operation: str) -> int:
        """How often a call was made."""
        return sum(call.operation == operation for call in self.vendor.calls)

    def runs(self) -> int:
        return len(self.vendor.account.runs)


@pytest.fixture
def site() -> Iterator[Site]:
    """A fresh workspace with one job of one task."""
    vendor = Databricks(seed=1)
    with running(vendor) as server:
        site = Site(vendor, server.url("databricks"))
        site.job_id = vendor.account.create(
            {"name": "nightly", "parameters": [{"name": "day", "default": ""}],
             "tasks": [{"task_key": "load", "notebook_task": {"notebook_path": "/Shared/load"}}]}
        )  # fmt: skip
        yield site
