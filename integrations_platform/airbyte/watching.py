"""Looks at running jobs, shared by all syncs that one process follows: one list call serves a whole workspace.

An Airbyte server answers its API from five threads by default. A job that the list does not show is looked at by
itself, so that sharing never changes what is seen, only up to ``fresh`` seconds when.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.airbyte.looks import Job
from integrations_platform.service_faults import FaultKind
from integrations_platform.waiting import Timing

FRESH_SECONDS = 10.0
_FAULT_SECONDS = 1.0  # how long a failing list call speaks for the others, too
_FEW = 3  # followed jobs of a workspace from which on one list is cheaper than a look at each
_MOST = 500


class Server(Protocol):
    """What looking needs of a server; :class:`.server.Airbyte` has it."""

    def job(self, job_id: int) -> Job:
        """One job."""

    def jobs(self, *, workspace_id: str = "", status: str = "", most: int = 20) -> list[Job]:
        """Jobs of a workspace."""


@dataclass
class _Workspace:
    followed: int = 0
    at: float | None = None
    running: dict[int, Job] = field(default_factory=dict)
    fault: AirbyteFault | None = None
    alone: bool = False  # its list may not be read
    lock: threading.Lock = field(default_factory=threading.Lock)


class SharedLooks:
    """For threads of one process. ``fresh``: seconds that a list speaks for."""

    def __init__(self, server: Server, timing: Timing, fresh: float = FRESH_SECONDS) -> None:
        self._server, self._timing, self._fresh = server, timing, fresh
        self._workspaces: dict[str, _Workspace] = {}
        self._lock = threading.Lock()

    @contextmanager
    def following(self, workspace_id: str) -> Iterator[None]:
        """For as long as a job of the workspace is waited for."""
        with self._lock:
            place = self._workspaces.setdefault(workspace_id, _Workspace())
            place.followed += 1
        try:
            yield
        finally:
            with self._lock:
                place.followed -= 1

    def job(self, job_id: int, workspace_id: str) -> Job:
        """The job as it is, or was a moment ago while it ran. Raises AirbyteFault."""
        place = self._workspaces.get(workspace_id)
        if place is None or not workspace_id or place.alone or place.followed < _FEW:
            return self._server.job(job_id)
        asked = self._timing.clock()
        with place.lock:
            running = self._running(place, workspace_id, asked)
        return running.get(job_id) or self._server.job(job_id)

    def _running(self, place: _Workspace, workspace_id: str, asked: float) -> dict[int, Job]:
        """By number. Who waited while a list call failed hears of that failure: behind a server that hangs, each would
        otherwise wait for all before it."""
        if place.at is not None:
            fresh = self._timing.clock() - place.at < (_FAULT_SECONDS if place.fault else self._fresh)
            if place.fault is not None and (fresh or place.at >= asked):
                raise place.fault.again()
            if fresh:
                return place.running
        try:
            found = self._server.jobs(workspace_id=workspace_id, status="running", most=_MOST)
            place.running, place.fault = {job.id: job for job in found}, None
        except AirbyteFault as fault:
            if fault.kind is not FaultKind.TRANSIENT:
                place.alone = True
                return {}
            place.fault = fault
        place.at = self._timing.clock()
        if place.fault is not None:
            raise place.fault.again()
        return place.running
