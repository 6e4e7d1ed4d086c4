"""Starting a sync exactly once: one POST, and a search for what it may have started when its answer is lost.

Airbyte takes no idempotency token. What stands in for one: a connection runs one job at a time, and jobs that were not
there before the POST and are there after it are what it started, or what kept it from starting. Which of the two, only
a refusal tells; where several could be ours, none is taken for ours, so that none is cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from integrations_platform.airbyte.faults import ALREADY_RUNNING, INACTIVE, OTHER_JOB, AirbyteFault
from integrations_platform.airbyte.looks import SYNC, Connection, Job
from integrations_platform.service_faults import FaultKind
from integrations_platform.waiting import Timing

_LOOKS = 5
_PAUSE = 1.0
_TRY_AGAIN = "try-again-later"  # the title of a refusal because of another job


class Conflict(StrEnum):
    """What to do about a sync that is already running."""

    ATTACH = "attach"  # follow it as if it were ours, and never cancel it
    SKIP = "skip"
    FAIL = "fail"


class How(StrEnum):
    """How a job came to be followed. Only what was started or adopted is ours to cancel."""

    STARTED = "started"
    ADOPTED = "adopted"  # started by us as far as can be told, the answer was lost
    ATTACHED = "attached"
    SKIPPED = "skipped"

    @property
    def ours(self) -> bool:
        """Whether the job runs because of us."""
        return self in (How.STARTED, How.ADOPTED)


class Server(Protocol):
    """What starting needs of a server; :class:`.server.Airbyte` has it."""

    def jobs(self, connection_id: str = "") -> list[Job]:
        """The newest jobs of a connection, of all types."""

    def connection(self, connection_id: str) -> Connection:
        """The connection."""

    def start(self, connection_id: str) -> Job:
        """Start a sync, sent once."""


@dataclass(frozen=True)
class Starting:
    """Starts a sync of ``connection`` on ``server``, or finds the one that runs."""

    server: Server
    connection_id: str
    on_conflict: Conflict
    timing: Timing
    warn: Callable[[str], None]

    def job(self) -> tuple[Job, How]:
        """The job to follow, and how it came about. Raises AirbyteFault."""
        before = self.server.jobs(self.connection_id)
        if (found := self._running(before)) is not None:
            return found, self._attached(found)
        try:
            return self.server.start(self.connection_id), How.STARTED
        except AirbyteFault as fault:
            if not fault.perhaps_done and fault.status != 409:
                raise
            return self._found_after(fault, {job.id for job in before})

    def _found_after(self, fault: AirbyteFault, before: set[int]) -> tuple[Job, How]:
        """The sync that the lost POST started, which may be over by now, or the one that stood in its way."""
        refused = fault.status == 409
        for turn in range(_LOOKS):
            if turn:
                self.timing.sleep(_PAUSE)
            try:
                now = self.server.jobs(self.connection_id)
            except AirbyteFault as worse:
                if worse.kind is not FaultKind.TRANSIENT:
                    raise
                continue
            if refused and (found := self._running(now)) is not None:
                return found, self._attached(found)
            if new := [job for job in now if job.id not in before and job.type == SYNC]:
                newest = max(new, key=lambda job: job.id)
                return newest, self._attached(newest) if refused else self._adopted(new, fault)
            if refused:
                self._say_inactive(fault)
        if fault.code == _TRY_AGAIN:
            fault.kind = FaultKind.TRANSIENT  # what stood in the way is gone
        raise fault

    def _adopted(self, new: Sequence[Job], fault: AirbyteFault) -> How:
        """What a start whose answer was lost has led to: the sync since then; of several the newest is followed."""
        lost = f"the answer to the start was lost ({fault.message})"
        if len(new) == 1:
            self.warn(f"{lost}; job {new[0].id} is what it started, or what somebody else did in the same moment")
            return How.ADOPTED
        numbers = ", ".join(str(number) for number in sorted((job.id for job in new), reverse=True))
        self.warn(f"{lost}; one of the jobs {numbers} is what it started: the newest is followed, and not cancelled")
        return How.ATTACHED

    def _running(self, jobs: list[Job]) -> Job | None:
        """The newest sync that runs. Raises AirbyteFault when something other than a sync keeps the connection busy."""
        active = [job for job in jobs if not job.over]
        syncs = [job for job in active if job.type == SYNC]
        if syncs:
            return max(syncs, key=lambda job: job.id)
        if active:
            other = active[0]
            what = (
                f"connection {self.connection_id} is busy with a {other.type or 'job'} (job {other.id}, {other.status})"
            )
            raise AirbyteFault(FaultKind.TRANSIENT, f"{what}; a sync can start when it is over", code=OTHER_JOB)
        return None

    def _attached(self, job: Job) -> How:
        if self.on_conflict is Conflict.FAIL:
            what = f"connection {self.connection_id} is syncing already (job {job.id}, {job.status})"
            remedy = "wait for it, or declare on_conflict: attach or skip"
            raise AirbyteFault(FaultKind.PERMANENT, f"{what}; {remedy}", code=ALREADY_RUNNING)
        return How.SKIPPED if self.on_conflict is Conflict.SKIP else How.ATTACHED

    def _say_inactive(self, fault: AirbyteFault) -> None:
        """Refused although nothing runs: Airbyte pauses connections that keep failing, and does not say so here."""
        connection = self.server.connection(self.connection_id)
        if connection.status not in ("", "active"):
            why = f" ({connection.reason})" if connection.reason else ""
            what = f"connection {connection.name or connection.id} does not sync: status: {connection.status}{why}"
            remedy = "Airbyte pauses connections that keep failing; mend and enable it there"
            raise AirbyteFault(FaultKind.CONFIGURATION, f"{what}; {remedy}", code=INACTIVE, status=409) from fault
