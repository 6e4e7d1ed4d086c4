"""What goes wrong when Airbyte is asked for something."""

from __future__ import annotations

from integrations_platform.service_faults import FaultKind, ServiceFault

OTHER_JOB = "other-job"
ALREADY_RUNNING = "already-running"
INACTIVE = "inactive"
LATE = "late"


class AirbyteFault(ServiceFault):
    """A call or a sync that did not come off. ``code``: the title of Airbyte's problem, or one of this module's.

    ``status``: of the answer; 0: there was none. ``perhaps_done``: what was asked for may have been carried out.
    """

    def __init__(
        self, kind: FaultKind, message: str, *, code: str = "", wait: float | None = None, status: int = 0,
        perhaps_done: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(kind, message, code=code, wait=wait)
        self.status, self.perhaps_done = status, perhaps_done

    def again(self) -> AirbyteFault:
        """The same for somebody else, as an exception of its own."""
        return AirbyteFault(
            self.kind, self.message, code=self.code, wait=self.wait, status=self.status, perhaps_done=self.perhaps_done
        )
