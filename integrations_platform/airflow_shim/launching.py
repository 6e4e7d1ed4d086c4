"""Starting a run exactly once: adopt what an earlier try has started, and search for what a lost answer may have.

Dagster takes no idempotency token. A tag stands in for one: it names the task instance and how often a person has
cleared it, so that it is the same over retries and crashes, and another after Clear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from integrations_platform.airflow_shim.client import CANCELED, CANCELING, FAILURE, Order, Run
from integrations_platform.airflow_shim.faults import DagsterFault
from integrations_platform.service_faults import FaultKind
from integrations_platform.waiting import Timing

LAUNCH_KEY = "airflow/launch_key"
SEARCH_SECONDS, FIRST_PAUSE, LONGEST_PAUSE = 90.0, 2.0, 15.0


class Server(Protocol):
    """What starting needs of Dagster; :class:`.client.Dagster` has it."""

    def find(self, tag: str, value: str) -> list[Run]:
        """Runs with a tag, the newest first."""

    def launch(self, order: Order) -> Run:
        """Start a run, sent once."""

    def resume(self, parent: str, tags: Mapping[str, str]) -> Run:
        """Start what a failed run left undone, sent once."""


@dataclass(frozen=True)
class Task:
    """A task instance of Airflow's. ``generation``: how often it was cleared."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    generation: int = 0
    try_number: int = 1

    def key(self, job: str) -> str:
        """The same over retries and crashes, another after Clear."""
        parts = (self.dag_id, self.run_id, self.task_id, str(self.map_index), str(self.generation), job)
        return sha256("\x1f".join(parts).encode()).hexdigest()[:32]

    def tags(self, job: str) -> dict[str, str]:
        """What the run says of where it comes from."""
        return {
            LAUNCH_KEY: self.key(job),
            "airflow/dag_id": self.dag_id,
            "airflow/run_id": self.run_id,
            "airflow/task_id": self.task_id,
            "airflow/map_index": str(self.map_index),
            "airflow/try_number": str(self.try_number),
        }


@dataclass(frozen=True)
class Launching:
    """Starts what ``order`` wants for ``task``, or finds it. ``resume``: a failed run is taken up where it failed.
    ``note`` speaks to people."""

    server: Server
    task: Task
    order: Order
    timing: Timing
    note: Callable[[str], None]
    resume: bool = True

    def run(self) -> Run:
        """The run to follow. Raises DagsterFault."""
        tags = self.task.tags(self.order.job)
        before = self.server.find(LAUNCH_KEY, tags[LAUNCH_KEY])
        newest = before[0] if before else None
        if newest is not None and (newest.will_be_retried or newest.status not in (FAILURE, CANCELED, CANCELING)):
            self.note(f"run {newest.run_id} was started by an earlier try: {newest.status}")
            return newest
        known = {run.run_id for run in before}
        if newest is not None and newest.status == FAILURE and self.resume:
            try:
                return self._sure(lambda: self.server.resume(newest.run_id, tags), tags[LAUNCH_KEY], known)
            except DagsterFault as fault:
                if fault.perhaps_done or fault.kind is FaultKind.CONFIGURATION:
                    raise
                self.note(f"run {newest.run_id} cannot be taken up where it failed, all is run anew: {fault.message}")
        order = replace(self.order, tags={**self.order.tags, **tags})
        return self._sure(lambda: self.server.launch(order), tags[LAUNCH_KEY], known)

    def _sure(self, start: Callable[[], Run], key: str, known: set[str]) -> Run:
        try:
            return start()
        except DagsterFault as fault:
            if not fault.perhaps_done:
                raise
            self.note(f"the answer to the launch was lost, looking for what it started: {fault.message}")
            if (found := self._started(key, known)) is None:
                raise
            self.note(f"run {found.run_id} is what it started")
            return found

    def _started(self, key: str, known: set[str]) -> Run | None:
        end, pause = self.timing.clock() + SEARCH_SECONDS, FIRST_PAUSE
        while True:
            try:
                found = [run for run in self.server.find(LAUNCH_KEY, key) if run.run_id not in known]
            except DagsterFault as fault:
                if fault.kind is not FaultKind.TRANSIENT:
                    raise
                found = []
            if found:
                return found[0]
            if self.timing.clock() + pause > end:
                return None
            self.timing.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
