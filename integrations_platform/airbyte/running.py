"""One sync from start to report: started once or found, followed through trouble, cancelled by rule.

Cancels only what it started itself, when it is stopped from outside or its policy says so. A server that cannot be
reached leaves the sync alone: the next try finds it running and attaches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from integrations_platform.airbyte.faults import LATE, AirbyteFault
from integrations_platform.airbyte.looks import Connection, Job
from integrations_platform.airbyte.reports import SyncReport
from integrations_platform.airbyte.server import Airbyte
from integrations_platform.airbyte.starting import Conflict, How, Starting
from integrations_platform.airbyte.telling import reported
from integrations_platform.service_faults import FaultKind
from integrations_platform.waiting import Patience, Timing, WaitedTooLong, wait

FIRST_LOOK, LONGEST_PAUSE, SILENCE = 2.0, 30.0, 60.0
_NEVER = frozenset({401, 403, 404})  # answers to a look that no waiting mends


def patience(queue: float | None = None, timeout: float | None = None, silence: float = SILENCE) -> Patience:
    """How long to wait, in seconds: for the sync's turn, for its end from then on, and for a server that says nothing.
    None: as long as it takes, which is the only right answer for a sync of changes that runs for days."""
    return Patience(first=FIRST_LOOK, longest=LONGEST_PAUSE, silence=silence, queue=queue, timeout=timeout)


@dataclass(frozen=True)
class Policy:
    """What a sync may do. ``on_conflict``: about one that runs already. ``cancel_late``: whether a sync of ours that
    outlasts ``patience`` is cancelled; otherwise it is left running. ``wait``: False only starts it."""

    on_conflict: Conflict = Conflict.ATTACH
    patience: Patience = field(default_factory=patience)
    cancel_late: bool = False
    wait: bool = True


@dataclass
class SyncRun:
    """Syncs ``connection_id`` on ``airbyte``. ``note`` and ``warn`` speak to people."""

    airbyte: Airbyte
    connection_id: str
    policy: Policy = field(default_factory=Policy)
    timing: Timing = field(default_factory=Timing)
    note: Callable[[str], None] = lambda _: None
    warn: Callable[[str], None] = lambda _: None

    def report(self) -> SyncReport:
        """Sync to the end. A sync that fails is a report, too; it is AirbyteFault only when Airbyte could not be asked,
        refused, or took too long. Whatever stops this from outside cancels a sync of ours and goes on."""
        connection = self._connection()
        try:
            job, how = Starting(self.airbyte, connection.id, self.policy.on_conflict, self.timing, self.warn).job()
        except AirbyteFault:
            raise
        except BaseException:
            self.warn(f"stopped while connection {connection.id} was asked to sync: it may be syncing, see Airbyte")
            raise
        url = self.airbyte.page_of(connection, job.id)
        self.note(f"job {job.id} of {connection.name or connection.id}: {how.value}, {url}")
        told = SyncReport(connection.id, job.id, job.status, how.value, connection.name, url=url)
        if how is How.SKIPPED or not self.policy.wait:
            return told
        job = self._ended(job, connection, how)
        return reported(self.airbyte, told, job, self.warn)

    def _connection(self) -> Connection:
        try:
            return self.airbyte.connection(self.connection_id)
        except AirbyteFault as fault:
            if fault.status != 404:
                raise
            remedy = "it was deleted, or its id is of another Airbyte: correct the connection's id"
            raise AirbyteFault(FaultKind.CONFIGURATION, f"{fault.message}; {remedy}", status=404) from None

    def _ended(self, job: Job, connection: Connection, how: How) -> Job:
        def look() -> Job:
            try:
                return self.airbyte.shared.job(job.id, connection.workspace_id)
            except AirbyteFault as fault:
                if fault.status not in _NEVER and fault.kind is FaultKind.PERMANENT:
                    fault.kind = FaultKind.TRANSIENT  # something between here and there said it, not Airbyte
                raise

        try:
            with self.airbyte.shared.following(connection.workspace_id):
                return wait(look, self.policy.patience, self.timing, self.note, self.warn)
        except AirbyteFault as fault:
            if fault.kind is FaultKind.TRANSIENT:
                self.warn(f"job {job.id} goes on in Airbyte and is not followed any more")
            raise
        except WaitedTooLong as late:
            left = "it goes on in Airbyte, and is not followed any more"
            if self.policy.cancel_late and how.ours:
                left = "it was cancelled" if self._cancel(job.id) else "it could not be cancelled"
            raise AirbyteFault(FaultKind.PERMANENT, f"job {job.id}: {late}; {left}", code=LATE) from None
        except BaseException:
            if how.ours:
                self.note(f"stopped: cancelling job {job.id}")
                self._cancel(job.id)
            else:
                self.note(f"stopped: job {job.id} goes on, it was not started here")
            raise

    def _cancel(self, job_id: int) -> bool:
        """Whether it is cancelled, or was over; what fails here must not hide why the sync was stopped."""
        try:
            self.note(f"job {job_id} is {'cancelled' if self.airbyte.cancel(job_id) else 'over already'}")
        except AirbyteFault as fault:
            self.warn(f"job {job_id} could not be cancelled and may go on: {fault.message}")
            return False
        return True
