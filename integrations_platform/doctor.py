"""Everything that could keep a sync from running, looked for before it runs, each finding with its remedy.

Owns the questions and their order: settings, state, systems, syncs. It repairs nothing and writes to no system; opening
the state brings its schema up to date, as every command does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from integrations_platform.connectors import probe
from integrations_platform.connectors.budgets import Usage
from integrations_platform.doctor_airbyte import airbyte_findings
from integrations_platform.doctor_webhooks import webhook_findings
from integrations_platform.settings import SettingsError
from integrations_platform.state.errors import StateError
from integrations_platform.unified_sync.forms import place_fields
from integrations_platform.unified_sync.port import SideError, found_by
from integrations_platform.unified_sync.spec import SIDES, OnDelete, SideName, SyncSpec, other
from integrations_platform.unified_sync.store import BreakerState, Store
from integrations_platform.yaml_source import ConfigurationError

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.port import Side

SKEW = timedelta(seconds=5)  # beyond it, `latest` begins to see ties where people see an order


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"  # worth knowing; nothing stops
    PROBLEM = "problem"  # something will not run, or not as declared


@dataclass(frozen=True)
class Finding:
    """One thing found. ``area``: settings, state, system, airbyte, webhooks or sync; ``subject``: which one."""

    level: Level
    area: str
    subject: str
    message: str
    remedy: str = ""

    def to_data(self) -> dict[str, str]:
        """JSON-safe form."""
        return {
            "level": self.level.value,
            "area": self.area,
            "subject": self.subject,
            "message": self.message,
            "remedy": self.remedy,
        }


@dataclass
class Checkup:
    """All findings of one visit, in order."""

    environment: str
    file: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def problems(self) -> int:
        """How many findings are problems."""
        return sum(finding.level is Level.PROBLEM for finding in self.findings)

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {
            "environment": self.environment,
            "file": self.file,
            "problems": self.problems,
            "findings": [finding.to_data() for finding in self.findings],
        }


def examine(platform: Platform) -> Iterator[Finding]:
    """Every finding, as it is found: a system that does not answer holds up only what comes after it."""
    settings = platform.settings
    yield Finding(Level.OK, "settings", settings.name, f"environment {settings.name} from {settings.file}")
    store, finding = _open_state(platform)
    yield finding
    reachable: set[str] = set()
    for name in settings.systems:
        found, usages = _system(platform, name, shared=store is not None)
        if found.level is not Level.PROBLEM:
            reachable.add(name)
        yield found
        yield from (_quota(name, usage) for usage in usages)
        if store is not None:
            yield from _breaker(store, name)
    yield from airbyte_findings(settings)
    yield from webhook_findings(platform, None if store is None else platform.store.inbox)
    try:
        specs = list(platform.declared.values())
    except ConfigurationError as fault:
        for each in fault.faults:
            place = each.file if each.line is None else f"{each.file}:{each.line}"
            what = ": ".join(filter(None, (each.path, each.what)))
            yield Finding(Level.PROBLEM, "sync", place, what, each.remedy)
        return
    if not specs:
        yield Finding(Level.NOTE, "sync", "-", "no sync is declared", "draft one with `integrations sync init`")
    for spec in specs:
        yield from _sync(platform, spec, reachable)
        if store is not None:
            yield from _memory(platform, store, spec)


def _open_state(platform: Platform) -> tuple[Store | None, Finding]:
    from integrations_platform.state.migrate import KNOWN

    name = platform.settings.name
    try:
        store = platform.store
    except ConfigurationError as fault:
        return None, _from_settings("state", name, fault)
    except StateError as fault:
        return None, Finding(Level.PROBLEM, "state", name, str(fault), "")
    return store, Finding(Level.OK, "state", name, f"opens; schema version {KNOWN[-1]}, no migration is waiting")


def _from_settings(area: str, subject: str, fault: ConfigurationError) -> Finding:
    """Configuration faults keep their file and line; they come one per address."""
    first = fault.faults[0]
    place = first.file if first.line is None else f"{first.file}:{first.line}"
    return Finding(Level.PROBLEM, area, subject, f"{place}: {first.path} {first.what}", first.remedy)


def _system(platform: Platform, name: str, *, shared: bool) -> tuple[Finding, list[Usage]]:
    """Whether a system answers, and how much of its quotas is used."""
    settings, clock = platform.settings.systems[name], platform.runtime.clock
    try:
        address = platform.address(settings)
        stand_in = settings.sandbox_url() if settings.is_service else None
    except SettingsError as fault:
        return _from_settings("system", name, fault), []
    except SideError as fault:
        return Finding(Level.PROBLEM, "system", name, fault.message), []
    missing = " and ".join(settings.credentials) if settings.is_service else ""
    budget = platform.budget(settings, address, shared=shared)
    asked = clock()
    try:
        version = probe(settings.kind, address, name, budget)
    except SideError as fault:
        return Finding(Level.PROBLEM, "system", name, fault.message), []
    milliseconds = (clock() - asked).total_seconds() * 1000
    message = f"{version} answered in {milliseconds:.0f} ms"
    if stand_in:
        found = Finding(Level.NOTE, "system", name, f"{message}; it is the stand-in at {stand_in}", f"set {missing}")
    else:
        found = Finding(Level.OK, "system", name, message)
    return found, [] if budget is None else [usage for usage in budget.usage() if usage.used]


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


def _sync(platform: Platform, spec: SyncSpec, reachable: set[str]) -> Iterator[Finding]:
    used = {spec.side(side).system for side in SIDES}
    for system in sorted(used - platform.settings.systems.keys()):
        try:
            platform.settings.system(system)
        except SettingsError as fault:
            yield _from_settings("sync", spec.name, fault)
    away = sorted((used & platform.settings.systems.keys()) - reachable)
    if away:
        message = f"not looked at, because {' and '.join(away)} cannot be used (see above)"
        yield Finding(Level.NOTE, "sync", spec.name, message)
    if used - reachable:
        return
    findings = list(_both_sides(platform, spec))
    yield from findings
    if not any(finding.level is Level.PROBLEM for finding in findings):
        yield Finding(Level.OK, "sync", spec.name, f"both sides are in order, {len(spec.fields)} fields")


def _both_sides(platform: Platform, spec: SyncSpec) -> Iterator[Finding]:
    try:
        with platform.sides(spec) as sides:
            blocked = False
            for name in SIDES:
                moves_rows = not platform.settings.system(spec.side(name).system).is_service
                for finding in _one_side(spec, name, sides[name], moves_rows=moves_rows):
                    blocked = blocked or finding.level is Level.PROBLEM
                    yield finding
            if blocked:
                return
            _, misfits = place_fields(spec, sides["A"].columns(), sides["B"].columns())
            for problem in misfits:
                level = Level.PROBLEM if problem.blocking else Level.NOTE
                yield Finding(level, "sync", spec.name, problem.message, problem.remedy)
    except SideError as fault:
        yield Finding(Level.PROBLEM, "sync", spec.name, fault.message)


def _one_side(spec: SyncSpec, name: SideName, side: Side, *, moves_rows: bool) -> Iterator[Finding]:
    system = spec.side(name).system
    for problem in found_by(side, spec.side(name).object):
        level = Level.PROBLEM if problem.blocking else Level.NOTE
        yield Finding(level, "sync", spec.name, problem.message, problem.remedy)
    reading = side.clock()
    if abs(reading.offset) > SKEW + reading.uncertainty:
        way = "ahead of" if reading.offset > timedelta() else "behind"
        seconds = abs(reading.offset).total_seconds()
        message = f"the clock of {system} is {seconds:.0f} s {way} this machine's"
        yield Finding(Level.NOTE, "sync", spec.name, message, "let both follow a time server; `latest` allows for it")
    archives = moves_rows and spec.on_delete[other(name)] is OnDelete.ARCHIVE and spec.writes_to(name)
    if archives and not spec.side(name).soft_delete:
        message = f"records deleted on the other side are moved to the archive table of {system}"
        remedy = "declare `soft_delete:` for this side to mark them in place instead"
        yield Finding(Level.NOTE, "sync", spec.name, message, remedy)


def _memory(platform: Platform, store: Store, spec: SyncSpec) -> Iterator[Finding]:
    """What earlier runs left: a lease nobody gave back, a run without an end, writes without an answer."""
    now = platform.runtime.clock()
    held = store.lease_holder(spec.name)
    running = held is not None and held[1] > now
    if held is not None:
        holder, until = held
        if running:
            message = f"is being run by {holder}; its lease ends {until.isoformat(timespec='seconds')}"
            yield Finding(Level.NOTE, "sync", spec.name, message)
        else:
            message = f"a lease of {holder} ended {until.isoformat(timespec='seconds')} without being given back"
            yield Finding(Level.NOTE, "sync", spec.name, message, "that process died; the next run takes over")
    if not running:
        for _, run in store.runs(spec.name, 1):
            if run.status == "running":
                message = f"run {run.run_id} was interrupted (begun {run.started_at.isoformat(timespec='seconds')})"
                yield Finding(Level.NOTE, "sync", spec.name, message, "the next run makes good what it left")
        waiting = len(store.open_intents(spec.name))
        if waiting:
            message = f"{waiting} writes were sent and their answer is not known"
            remedy = "the next run asks the systems what became of them, before anything else"
            yield Finding(Level.NOTE, "sync", spec.name, message, remedy)
