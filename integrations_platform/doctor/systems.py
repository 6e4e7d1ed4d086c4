"""Whether the state opens, and whether each system answers, with its quotas and its breaker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from integrations_platform.connectors import probe
from integrations_platform.connectors.budgets import Usage
from integrations_platform.doctor.finding import Finding, Level, of_settings
from integrations_platform.settings import SettingsError
from integrations_platform.state.errors import StateError
from integrations_platform.unified_sync.port import SideError
from integrations_platform.unified_sync.store import BreakerState, Store
from integrations_platform.yaml_source import ConfigurationError

if TYPE_CHECKING:
    from integrations_platform.platform import Platform


def opened_state(platform: Platform) -> tuple[Store | None, list[Finding]]:
    """The state, if it opens, and what was found of it."""
    from integrations_platform.state.migrate import KNOWN

    name = platform.settings.name
    try:
        store = platform.store
    except ConfigurationError as fault:
        return None, list(of_settings("state", name, fault))
    except StateError as fault:
        return None, [Finding(Level.PROBLEM, "state", name, str(fault))]
    message = f"opens; schema version {KNOWN[-1]}, no migration is waiting"
    return store, [Finding(Level.OK, "state", name, message)]


def system_findings(platform: Platform, name: str, store: Store | None) -> Iterator[Finding]:
    """Whether a system can be used, what is used of its quotas, and whether its breaker is open."""
    found, usages = _asked(platform, name, shared=store is not None)
    yield from found
    yield from (_quota(name, usage) for usage in usages)
    if store is not None:
        yield from _breaker(store, name)


def _asked(platform: Platform, name: str, *, shared: bool) -> tuple[list[Finding], list[Usage]]:
    """Whether a system answers, and how much of its quotas is used."""
    settings, clock = platform.settings.systems[name], platform.runtime.clock
    try:
        address = platform.address(settings)
        stand_in = settings.sandbox_url() if settings.is_service else None
    except SettingsError as fault:
        return list(of_settings("system", name, fault)), []
    except SideError as fault:
        return [Finding(Level.PROBLEM, "system", name, fault.message)], []
    missing = " and ".join(settings.credentials) if settings.is_service else ""
    budget = platform.budget(settings, address, shared=shared)
    asked = clock()
    try:
        version = probe(settings.kind, address, name, budget)
    except SideError as fault:
        return [Finding(Level.PROBLEM, "system", name, fault.message)], []
    milliseconds = (clock() - asked).total_seconds() * 1000
    message = f"{version} answered in {milliseconds:.0f} ms"
    if stand_in:
        found = Finding(Level.NOTE, "system", name, f"{message}; it is the stand-in at {stand_in}", f"set {missing}")
    else:
        found = Finding(Level.OK, "system", name, message)
    return [found], [] if budget is None else [usage for usage in budget.usage() if usage.used]


def _quota(system: str, usage: Usage) -> Finding:
    """A quota that will not last its period is worth a look before it is used up."""
    until = usage.resets_at.isoformat(timespec="minutes")
    message = f"{usage.used:,} of {usage.limit:,} calls of its {usage.name} quota are used (until {until})"
    if usage.forecast <= usage.limit:
        return Finding(Level.OK, "system", system, message)
    remedy = "let syncs run less often, or ask the vendor for more"
    return Finding(Level.NOTE, "system", system, f"{message}, heading for {usage.forecast:,}", remedy)


def _breaker(store: Store, system: str) -> Iterator[Finding]:
    breaker = store.breaker(system)
    if breaker.state is not BreakerState.CLOSED:
        message = f"its circuit breaker is {breaker.state.value} after {breaker.failures} failures in a row"
        remedy = f"the last was: {breaker.last_error}; the next run tries it again by itself"
        yield Finding(Level.PROBLEM, "system", system, message, remedy)
