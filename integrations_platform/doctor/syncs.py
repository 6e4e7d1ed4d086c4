"""Whether the two sides of a declared sync are as it says, and what its earlier runs left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from integrations_platform.doctor.finding import Finding, Level, of_settings
from integrations_platform.settings import SettingsError
from integrations_platform.unified_sync.forms import place_fields
from integrations_platform.unified_sync.port import SideError, found_by
from integrations_platform.unified_sync.spec import SIDES, OnDelete, SideName, SyncSpec, other
from integrations_platform.unified_sync.store import Store

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.port import Side

SKEW = timedelta(seconds=5)  # beyond it, `latest` begins to see ties where people see an order


def sync_findings(platform: Platform, spec: SyncSpec, reachable: set[str]) -> Iterator[Finding]:
    """Both sides of a sync, as far as their systems are ``reachable``."""
    used = {spec.side(side).system for side in SIDES}
    for system in sorted(used - platform.settings.systems.keys()):
        try:
            platform.settings.system(system)
        except SettingsError as fault:
            yield from of_settings("sync", spec.name, fault)
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


def left_by_runs(platform: Platform, store: Store, spec: SyncSpec) -> Iterator[Finding]:
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
