# mypy: disable-error-code="import-not-found, misc"
"""A sync of an Airbyte connection by its id, straight from a PythonOperator, without Dagster.

    PythonOperator(task_id="sync_stripe", python_callable=trigger_airbyte_sync, op_kwargs={"connection_id": "abc-123"})

Where Airbyte is, is said by Airflow Variables (AIRBYTE_API_URL, AIRBYTE_API_USERNAME, …), or by environment variables
of the same names.
"""

from __future__ import annotations

import json
import os
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, Variable


def variable(name: str) -> str | None:
    """The Airflow Variable ``name``, else the environment variable; None when neither is set."""
    return Variable.get(name, None) or os.environ.get(name) or None


def trigger_airbyte_sync(
    connection_id: str, wait: bool = True, on_conflict: str = "attach", timeout: float | None = None,
    queue_timeout: float | None = None, cancel_late: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Sync a connection and give its report; see :func:`integrations_platform.airbyte.trigger_airbyte_sync`.

    Killing the task cancels a sync it has started. Raises AirflowException with Airbyte's reason, and
    AirflowFailException where another try would fail the same way.
    """
    from integrations_platform import airbyte
    from integrations_platform.airbyte.faults import AirbyteFault
    from integrations_platform.service_faults import FaultKind

    try:
        report = airbyte.trigger_airbyte_sync(
            connection_id, wait, on_conflict, timeout, queue_timeout, cancel_late, read=variable
        )
    except AirbyteFault as fault:
        kind = AirflowException if fault.kind is FaultKind.TRANSIENT else AirflowFailException
        raise kind(fault.message) from None
    kept: dict[str, Any] = json.loads(json.dumps(report))  # XCom would keep tuples in a form of its own
    return kept
