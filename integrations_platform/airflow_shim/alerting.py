"""Alerts of tasks that failed for good, by the senders, words and variables of :mod:`integrations_platform.alerts`.

    DAG(..., default_args={"on_failure_callback": task_failed})

Airflow keeps no outbox: what does not arrive within a few tries is logged and given up. A failure that the history of a
sync tells, with its conflicts and guards, is left to Dagster's side, so that nothing is told twice.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from integrations_platform.waiting import Timing

if TYPE_CHECKING:
    from integrations_platform.settings_alerts import AlertsSettings

TRIES, FIRST_PAUSE, LONGEST_PAUSE = 3, 2.0, 15.0
_NAME = re.compile(r"[A-Za-z_][\w.]{0,80}")
_log = logging.getLogger("integrations_platform.alerts")


def is_told_here() -> bool:
    """Whether a failure would reach anybody from here: a channel is on."""
    from integrations_platform.yaml_source import ConfigurationError

    try:
        return bool(_settings().channels)
    except ConfigurationError:
        return False


def task_failed(context: Mapping[str, Any], *, told_by_history: bool = False, timing: Timing | None = None) -> None:
    """A task failed for good. ``told_by_history``: a run of its in Dagster that failed is told there."""
    from integrations_platform.airflow_shim.operator import DagsterRunFailed
    from integrations_platform.yaml_source import ConfigurationError

    fault = context.get("exception")
    if told_by_history and isinstance(fault, DagsterRunFailed):
        _log.info("the failure of this run is told by Dagster's side, from the history of its sync")
        return
    try:
        _send(context, fault, timing or Timing())
    except ConfigurationError as wrong:
        _log.error("an alert could not be sent: %s", wrong)


def _send(context: Mapping[str, Any], fault: Any, timing: Timing) -> None:
    from integrations_platform.alerts.alert import SEVERITIES, Alert, Kind, identity
    from integrations_platform.alerts.delivery import Fate
    from integrations_platform.alerts.reasons import reason
    from integrations_platform.alerts.routing import senders_of

    settings = _settings()
    if not settings.channels:
        _log.info("no channel is on: set ENABLE_SLACK or ENABLE_EMAIL to true")
        return
    task = context.get("task_instance") or context.get("ti")
    dag_id, task_id, run_id, number = (
        str(getattr(task, name, None) or "unknown") for name in ("dag_id", "task_id", "run_id", "try_number")
    )
    facts = [("task", f"{dag_id}.{task_id}"), ("run", run_id[:80]), ("try", number)]
    if isinstance(fault, BaseException) and _NAME.fullmatch(type(fault).__name__):
        facts.append(("error", type(fault).__name__))
    facts.append(("reason", reason(str(fault or ""))))
    alert = Alert(
        identity(dag_id, task_id, run_id, str(getattr(task, "map_index", -1))), Kind.RUN_FAILED,
        SEVERITIES[Kind.RUN_FAILED], f"airflow/{dag_id}.{task_id}", datetime.now(UTC), tuple(facts),
    )  # fmt: skip
    for name, sender in senders_of(settings, lambda: datetime.now(UTC)).items():
        for attempt in range(TRIES):
            answer = sender.send([alert], identity(alert.alert_id, name))
            if answer.fate is not Fate.SOON or attempt == TRIES - 1:
                break
            timing.sleep(min(answer.wait or FIRST_PAUSE * 2**attempt, LONGEST_PAUSE))
        if answer.fate is not Fate.ARRIVED:
            _log.error("an alert to %s did not arrive: %s", name, answer.note)


def _settings() -> AlertsSettings:
    from integrations_platform.secret_text import SecretText
    from integrations_platform.settings_alerts import ACCESS, AlertsSettings

    access = {key: SecretText(usual, "variables", 1, key, os.environ) for key, (usual, _) in ACCESS.items()}
    return AlertsSettings(access)
