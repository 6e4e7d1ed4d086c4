"""What happened to one record, told step by step from the audit: who did what, where, when and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from integrations_platform.console.arbitration import by_name
from integrations_platform.console.cells import Cell, cells
from integrations_platform.console.rendering import side_name
from integrations_platform.console.standing import Tone
from integrations_platform.pages import dagster_run
from integrations_platform.unified_sync.restoring import restorable
from integrations_platform.unified_sync.spec import SyncSpec
from integrations_platform.unified_sync.store import Role, RunRecord, StoredAuditEntry
from integrations_platform.words import clean

_CHOICES = {"A": "what source says", "B": "what target says", "base": "the last agreed value", "value": "another value"}
_CHOSEN = re.compile(
    r"(?P<who>.* chose |decided by .*: )(?P<choice>A|B|base|value)(?: for conflict \S+ at change \d+)?"
)
_WINS = re.compile("strategy (source|target)_wins")


@dataclass(frozen=True)
class Change:
    """One field, or with an empty ``name`` the whole record. ``was`` and ``now``: None where there was or is none.
    ``why``: where the step's is not that of all its fields. ``line``: the audit's line that can be restored."""

    name: str
    was: Cell | None = None
    now: Cell | None = None
    why: str = ""
    line: int | None = None


@dataclass(frozen=True)
class Step:
    """One thing that was done. ``run``: its id; ``dagster``: that of Dagster's run behind it."""

    at: datetime
    title: str
    tone: Tone
    who: str
    why: str
    run: str
    dagster: str | None
    changes: Sequence[Change]


def steps(spec: SyncSpec, lines: Sequence[StoredAuditEntry], runs: Mapping[str, RunRecord]) -> list[Step]:
    """Steps of audit lines, in their order; lines of one write are one step."""
    writes: dict[tuple[str, str | int], list[StoredAuditEntry]] = {}
    for line in lines:
        writes.setdefault(write_of(line), []).append(line)
    return [_step(spec, some, runs) for some in writes.values()]


def write_of(line: StoredAuditEntry) -> tuple[str, str | int]:
    """What lines of one write have in common."""
    return line.entry.run_id, line.entry.op_id or line.number


def _step(spec: SyncSpec, lines: list[StoredAuditEntry], runs: Mapping[str, RunRecord]) -> Step:
    first = lines[0].entry
    run = runs.get(first.run_id)
    changes = _changes(spec, lines)
    whys = {change.why for change in changes if change.name} or {_sentence(spec, first.rule)}
    if len(whys) == 1:
        changes = [replace(change, why="") for change in changes]
    title, tone = _titled(spec, lines, run)
    return Step(
        first.at, title, tone, _who(first.actor, run), whys.pop() if len(whys) == 1 else "", first.run_id,
        dagster_run(run.trigger) if run else None, changes,
    )  # fmt: skip


def _changes(spec: SyncSpec, lines: list[StoredAuditEntry]) -> list[Change]:
    """In the order of the declaration; a removed record, which comes back as a whole, first."""
    found: dict[str, Change] = {}
    for stored in sorted(lines, key=lambda line: line.number):
        entry = stored.entry
        if entry.role in (Role.LINKED, Role.GUARD):
            continue
        lost, why = stored.number if restorable([stored]) else None, _sentence(spec, entry.rule)
        was, now = (cells(spec, text) for text in (entry.lost or entry.old, entry.new))
        for name in dict.fromkeys([*was, *now]):
            change = found.get(name, Change(name))
            found[name] = Change(
                name, was.get(name, change.was), now.get(name, change.now),
                max(change.why, why, key=len),  # the line of a lost value has the evidence, too
                lost if lost and entry.field == name else change.line,
            )  # fmt: skip
        if lost and not entry.field:
            found[""] = Change("", line=lost)
    order = {"": -1} | {item.name: at for at, item in enumerate(spec.fields)}
    return sorted(found.values(), key=lambda change: order.get(change.name, len(order)))


def _titled(spec: SyncSpec, lines: Sequence[StoredAuditEntry], run: RunRecord | None) -> tuple[str, Tone]:
    roles, first = {line.entry.role for line in lines}, lines[0].entry
    place = side_name(spec, first.side) if first.side else ""
    if Role.LINKED in roles:
        return "Linked", Tone.QUIET
    if Role.DECIDED in roles:
        return "A person decided", Tone.WAITING
    if not roles & {Role.WRITTEN, Role.RECOVERED}:
        when = "About" if run is not None and run.status == "running" else "Meant"
        return f"{when} to {'remove it from' if Role.DELETED in roles else 'write to'} {place}", Tone.WAITING
    if Role.DELETED in roles:
        return f"Removed from {place}", Tone.BAD
    if any(line.entry.role is Role.WRITTEN and line.entry.field for line in lines):
        return f"Changed in {place}", Tone.GOOD
    if any(line.entry.new for line in lines):
        return f"Created in {place}", Tone.GOOD
    return f"Written to {place}", Tone.GOOD


def _who(actor: str, run: RunRecord | None) -> str:
    if actor.startswith("dagster:"):
        return "the sync, run by Dagster"
    if actor == "engine":
        by_hand = run is not None and not run.trigger.startswith("dagster")
        return "the sync, run by hand" if by_hand else "the sync"
    return clean(actor)


def _sentence(spec: SyncSpec, rule: str) -> str:
    if chosen := _CHOSEN.fullmatch(rule):
        rule = chosen["who"] + _CHOICES[chosen["choice"]]
    rule = _WINS.sub(r"both had changed it, and \1 wins", rule)
    text = clean(by_name(spec, rule))[:600]
    return f"{text[:1].upper()}{text[1:]}."
