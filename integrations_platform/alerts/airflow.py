"""Alerts of Airflow's tasks: functions for `on_failure_callback` and `on_success_callback`.

    DAG(..., default_args={"on_failure_callback": task_failed, "on_success_callback": task_succeeded})

Airflow is not imported: its context is a mapping. The alert is kept in the outbox first and sent after, for a bounded
time, so that a silent Slack neither loses it nor holds the worker up; what is not sent then goes with the next
callback, `integrations alerts drain` or Dagster's sensor. Neither function raises for what may go wrong on the way.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from integrations_platform.alerts.desk import Desk
from integrations_platform.alerts.evidence import OutsideRun
from integrations_platform.platform import Platform
from integrations_platform.settings import load_settings
from integrations_platform.state.errors import StateError
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.yaml_source import ConfigurationError

DRAIN_SECONDS = 15.0
_NAME = re.compile(r"[A-Za-z_][\w.]{0,80}")
_log = logging.getLogger("integrations_platform.alerts")


def task_failed(context: Mapping[str, Any], *, sync: str | None = None, environment: str | None = None) -> None:
    """A task failed for good. ``sync``: the one it ran (bind it with functools.partial): its own history is then told,
    and the task only where the sync did not get so far. ``environment``: default as for the command."""
    _report(context, sync, environment, succeeded=False)


def task_succeeded(context: Mapping[str, Any], *, sync: str | None = None, environment: str | None = None) -> None:
    """A task came off: if it had failed before, that it runs again is told."""
    _report(context, sync, environment, succeeded=True)


def _report(context: Mapping[str, Any], sync: str | None, environment: str | None, *, succeeded: bool) -> None:
    platform = None
    try:
        platform = Platform(load_settings(environment), Runtime())
        if not platform.settings.alerts.channels:
            _log.info("no channel is on: set ENABLE_SLACK or ENABLE_EMAIL to true")
            return
        desk = Desk(platform)
        desk.report([_ended(context, sync, desk.now(), succeeded=succeeded)])
        desk.drain(DRAIN_SECONDS)
    except (ConfigurationError, StateError) as fault:
        _log.error("an alert of Airflow's could not be kept: %s", fault)
    finally:
        if platform is not None:
            platform.close()


def _ended(context: Mapping[str, Any], sync: str | None, now: datetime, *, succeeded: bool) -> OutsideRun:
    task = context.get("task_instance") or context.get("ti")
    dag_id, task_id = (str(getattr(task, name, None) or "unknown") for name in ("dag_id", "task_id"))
    started, ended = (_moment(getattr(task, name, None)) for name in ("start_date", "end_date"))
    fault = context.get("exception")
    facts = [("task", f"{dag_id}.{task_id}"), ("run", str(getattr(task, "run_id", None) or "unknown")[:80])]
    if isinstance(tries := getattr(task, "try_number", None), int):
        facts.append(("try", str(tries)))
    if isinstance(fault, BaseException) and _NAME.fullmatch(type(fault).__name__):
        facts.append(("error", type(fault).__name__))
    end = ended or now
    return OutsideRun(
        sync or f"airflow/{dag_id}.{task_id}", min(started or end, end), end, succeeded, (sync,) if sync else (),
        error=str(fault or ""), facts=tuple(facts),
    )  # fmt: skip


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
