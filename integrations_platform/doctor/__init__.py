"""Everything that could keep something declared from running, looked for before it runs, each finding with its remedy.

Owns the questions and their order: settings, state, alerts, systems, Airbyte, webhooks, data, syncs. It repairs nothing
and writes to no system; opening the state brings its schema up to date, as every command does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from integrations_platform.doctor.airbyte import airbyte_findings
from integrations_platform.doctor.alerts import alert_findings
from integrations_platform.doctor.data import data_findings
from integrations_platform.doctor.finding import Checkup, Finding, Level, of_settings
from integrations_platform.doctor.syncs import left_by_runs, sync_findings
from integrations_platform.doctor.systems import opened_state, system_findings
from integrations_platform.doctor.webhooks import webhook_findings
from integrations_platform.yaml_source import ConfigurationError

if TYPE_CHECKING:
    from integrations_platform.platform import Platform

__all__ = ["Checkup", "Finding", "Level", "examine"]


def examine(platform: Platform) -> Iterator[Finding]:
    """Every finding, as it is found: a system that does not answer holds up only what comes after it."""
    settings = platform.settings
    yield Finding(Level.OK, "settings", settings.name, f"environment {settings.name} from {settings.file}")
    store, found = opened_state(platform)
    yield from found
    yield from alert_findings(platform, None if store is None else platform.store.outbox)
    reachable: set[str] = set()
    for name in settings.systems:
        found = list(system_findings(platform, name, store))
        if found[0].level is not Level.PROBLEM:
            reachable.add(name)
        yield from found
    yield from airbyte_findings(settings)
    yield from webhook_findings(platform, None if store is None else platform.store.inbox)
    yield from data_findings(settings)
    try:
        specs = list(platform.declared.values())
    except ConfigurationError as fault:
        yield from of_settings("sync", "declared", fault)
        return
    if not specs:
        yield Finding(Level.NOTE, "sync", "-", "no sync is declared", "draft one with `integrations sync init`")
    for spec in specs:
        yield from sync_findings(platform, spec, reachable)
        if store is not None:
            yield from left_by_runs(platform, store, spec)
