"""Following a run to its end: over the runs that Dagster starts in its stead, and through an outage of Dagster.

One look at a time, without waiting: the operator sleeps between looks, the trigger leaves the loop to others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from integrations_platform.airflow_shim.client import RETRIED_AS, WAITING, Run
from integrations_platform.airflow_shim.faults import DagsterFault
from integrations_platform.service_faults import FaultKind
from integrations_platform.waiting import Timing

OUTAGE_SECONDS = 900.0
QUEUED_SECONDS = 600.0
QUEUE_DAEMON = "QUEUED_RUN_COORDINATOR"


class Server(Protocol):
    """What following needs of Dagster; :class:`.client.Dagster` has it."""

    def run(self, run_id: str) -> Run:
        """The run."""

    def unhealthy_daemons(self) -> list[str]:
        """Daemons that do not run."""


@dataclass
class Following:
    """Follows ``run_id``, which becomes that of the run Dagster starts in its stead. ``interval``: seconds between
    looks. ``outage``: seconds without any answer after which it is given up, ``queued``: in the queue, after which it
    is looked whether anybody takes runs from it."""

    run_id: str
    timing: Timing
    note: Callable[[str], None]
    interval: float = 10.0
    outage: float = OUTAGE_SECONDS
    queued: float = QUEUED_SECONDS
    _shown: str = field(default="", init=False)
    _silent: float | None = field(default=None, init=False)
    _waiting: float | None = field(default=None, init=False)

    def look(self, server: Server) -> Run | None:
        """The run when it is over, else None. Raises DagsterFault."""
        try:
            run = server.run(self.run_id)
        except DagsterFault as fault:
            now = self.timing.clock()
            self._silent = now if self._silent is None else self._silent
            if fault.kind is not FaultKind.TRANSIENT or now - self._silent >= self.outage:
                raise
            self.note(f"no word of run {self.run_id} (borne for {self.outage:g} s): {fault.message}")
            return None
        self._silent = None
        if run.over:
            return run
        if run.status != self._shown:
            self.note(f"run {self.run_id}: {run.status}")
            self._shown = run.status
        if run.will_be_retried and (heir := run.tags.get(RETRIED_AS)):
            self.note(f"run {self.run_id} failed; Dagster has started {heir} in its stead")
            self.run_id, self._shown = heir, ""
        self._judge_queue(run, server)
        return None

    def pause(self) -> float:
        """Seconds until the next look."""
        return self.interval * (0.75 + 0.5 * self.timing.draw())

    def _judge_queue(self, run: Run, server: Server) -> None:
        if run.status not in WAITING:
            self._waiting = None
            return
        now = self.timing.clock()
        self._waiting = now if self._waiting is None else self._waiting
        if now - self._waiting < self.queued:
            return
        if QUEUE_DAEMON in server.unhealthy_daemons():
            waited = f"run {self.run_id} has waited {now - self._waiting:.0f} s in the queue"
            remedy = "nobody takes runs from it: start dagster-daemon"
            raise DagsterFault(FaultKind.TRANSIENT, f"{waited}, and the daemon {QUEUE_DAEMON} does not run; {remedy}")
        self._waiting = now
