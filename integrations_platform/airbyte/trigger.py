"""A sync for whoever runs Python: Airflow's PythonOperator, a script, a notebook. Needs no orchestrator and no settings
file, only AIRBYTE_* variables."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from integrations_platform.waiting import Timing

_LOG = logging.getLogger("integrations_platform.airbyte")


def trigger_airbyte_sync(
    connection_id: str, wait: bool = True, on_conflict: str = "attach", timeout: float | None = None,
    queue_timeout: float | None = None, cancel_late: bool = False, timing: Timing | None = None,
    read: Callable[[str], str | None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Sync a connection and give its report, JSON-safe: job_id, status, how, streams, rows, bytes, seconds, url, ….

    ``wait``: False returns once it is started. ``on_conflict``, when it is syncing already: attach (follow that one),
    skip or fail. ``timeout`` and ``queue_timeout`` in seconds (None: as long as it takes); a late sync is left running
    unless ``cancel_late``. Stopping the caller cancels a sync it started. Raises AirbyteFault, also for a sync that
    did not succeed: with Airbyte's reason, and of kind PERMANENT where running it again fails the same way. ``read``
    gives the variables, by default from the environment.
    """
    from integrations_platform.airbyte.faults import AirbyteFault
    from integrations_platform.airbyte.opening import from_variables
    from integrations_platform.airbyte.running import Policy, SyncRun, patience
    from integrations_platform.airbyte.starting import Conflict
    from integrations_platform.service_faults import FaultKind
    from integrations_platform.waiting import Timing

    if on_conflict not in set(Conflict):
        what = f"on_conflict is one of {', '.join(Conflict)}, not {on_conflict!r}"
        raise AirbyteFault(FaultKind.CONFIGURATION, what)
    policy = Policy(Conflict(on_conflict), patience(queue_timeout, timeout), cancel_late, wait)
    airbyte = from_variables(timing, read)
    try:
        report = SyncRun(airbyte, connection_id, policy, timing or Timing(), _LOG.info, _LOG.warning).report()
    finally:
        airbyte.close()
    if wait and not report.skipped and not report.succeeded:
        kind = FaultKind.PERMANENT if report.permanent else FaultKind.TRANSIENT
        what = f"job {report.job_id} of {report.connection or connection_id} {report.status}: {report.failure}"
        raise AirbyteFault(kind, f"{what}; see {report.url}")
    return report.to_data()
