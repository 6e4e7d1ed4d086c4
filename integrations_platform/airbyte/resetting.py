"""Clearing what a connection wrote, and reading it anew: the one thing here that takes data away.

Whoever calls this has asked a person. A clear that fails stops before the sync, so that a half-cleared destination is
never taken for a fresh one; nothing else may run on the connection meanwhile, Airbyte sees to that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from integrations_platform.airbyte.drift import stream_of
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.airbyte.looks import Connection, Job, Stream
from integrations_platform.airbyte.reports import SyncReport
from integrations_platform.airbyte.running import Policy, SyncRun, patience
from integrations_platform.airbyte.server import Airbyte
from integrations_platform.schema_check import nearest
from integrations_platform.service_faults import FaultKind
from integrations_platform.settings_airbyte import ConnectionSettings
from integrations_platform.waiting import Timing, wait


@dataclass
class Reset:
    """Clears ``connection``, all of it or the streams of those names, and syncs it if ``then_sync``."""

    airbyte: Airbyte
    connection: ConnectionSettings
    names: Sequence[str] = ()
    policy: Policy = field(default_factory=Policy)
    timing: Timing = field(default_factory=Timing)
    note: Callable[[str], None] = lambda _: None
    warn: Callable[[str], None] = lambda _: None

    def clear(self) -> Job:
        """Clear, and wait until it is done. Raises AirbyteFault, also for a clear that did not come off."""
        found = self.airbyte.connection(self.connection.id())
        streams = self._chosen(found)
        if active := self.airbyte.active(found.id):
            what = f"connection {self.connection.name} is busy: {active[0].type} {active[0].told}"
            raise AirbyteFault(
                FaultKind.TRANSIENT, f"{what}; nothing was cleared: wait for it, or cancel it in Airbyte"
            )
        job = self.airbyte.clear(found.id, streams)
        what = ", ".join(each.name for each in streams) or "all streams"
        self.note(f"job {job.id} clears {what} of {self.connection.name}: {self.airbyte.page_of(found, job.id)}")
        over = wait(lambda: self.airbyte.job(job.id), patience(), self.timing, self.note, self.warn)
        if over.status != "succeeded":
            what = f"clearing {self.connection.name} {over.status} (job {job.id})"
            raise AirbyteFault(FaultKind.PERMANENT, f"{what}; nothing was synced after it, look at the job in Airbyte")
        return over

    def clear_and_sync(self) -> SyncReport:
        """Clear, then sync, and report the sync. Raises AirbyteFault."""
        self.clear()
        return SyncRun(
            self.airbyte, self.connection.id(), self.policy, self.timing, self.note, self.warn
        ).report()  # fmt: skip

    def _chosen(self, found: Connection) -> list[Stream]:
        """The streams to clear; none means all. Raises AirbyteFault for a name that is not declared or not there."""
        declared = {stream.shown: stream for stream in self.connection.streams}
        chosen: list[Stream] = []
        for name in self.names:
            if name not in declared:
                what = f"no stream of {self.connection.name} is named {name!r}; {nearest(name, declared)}"
                raise AirbyteFault(FaultKind.CONFIGURATION, what)
            stream = stream_of(declared[name], found.streams)
            if stream is None:
                raise AirbyteFault(FaultKind.CONFIGURATION, f"Airbyte does not sync stream {name} of this connection")
            chosen.append(stream)
        return chosen
