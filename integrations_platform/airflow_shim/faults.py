"""What goes wrong between Airflow and Dagster, told apart by what can be done about it."""

from __future__ import annotations

from integrations_platform.service_faults import FaultKind, ServiceFault


class DagsterFault(ServiceFault):
    """Dagster could not be asked, or refused. ``perhaps_done``: what was asked may have happened although the answer
    was lost."""

    def __init__(
        self, kind: FaultKind, message: str, *, code: str = "", wait: float | None = None, perhaps_done: bool = False
    ) -> None:
        super().__init__(kind, message, code=code, wait=wait)
        self.perhaps_done = perhaps_done
