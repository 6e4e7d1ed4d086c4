"""The audit: every effect and every loser is in it, nobody alters it unseen, and what was lost comes back (P3)."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from functools import partial

from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform.unified_sync.port import Write
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.restoring import restorable
from integrations_platform.unified_sync.spec import Strategy
from integrations_platform.unified_sync.store import Role, StoredAuditEntry
from integrations_platform_tests.proof.part import Part, Shown, seeds
from integrations_platform_tests.proof.trials import try_seeds
from integrations_platform_tests.simulation.history import History, begin, draw, happen
from integrations_platform_tests.simulation.sides import Row, SimulatedSide
from integrations_platform_tests.simulation.truth import same, typed
from integrations_platform_tests.simulation.world import World

LENGTH = 20  # events
SAMPLE = 3  # losers restored of each history


def lived(history: History, effects: set[str]) -> World:
    """The world at the end of a history; ``effects``: ids of all operations that took effect on a side."""
    world = begin(history)
    for side in world.sides.values():
        side.written = partial(_noted, effects, side.written)
    for event in history.events:
        happen(world, event, history.faults)
    world.random.seed(history.seed)
    world.settle()
    return world


def _noted(effects: set[str], told: object, side: SimulatedSide, row: Row, write: Write) -> None:
    effects.add(write.op_id)
    told(side, row, write)  # type: ignore[operator]


def trial(seed: int) -> Counter[str]:
    """One history: its audit is whole, no tampering passes, and a sample of what was lost is brought back, one command
    for each."""
    drawn = random.Random(f"audit {seed}")
    effects: set[str] = set()
    world = lived(draw(seed, list(Strategy)[seed % 4], "rough", LENGTH), effects)
    lines = list(world.store.memory.audit)
    counts = Counter({"histories": 1, "lines": len(lines), "effects": len(effects)})
    told = {line.entry.op_id for line in lines if line.entry.role in (Role.WRITTEN, Role.RECOVERED)}
    given_up = {op_id for op_id, intent in world.store.memory.intents.items() if op_id not in told}
    missing = effects - told
    assert missing <= given_up, f"audit: {len(missing - given_up)} effects are in no line and in no intent"
    counts["effects of paused processes, told by their intent alone"] = len(missing)
    assert verify_chain(lines, world.store.audit_head("sim"))[1] is None
    counts["tamperings noticed"] = _tampered(lines, drawn)
    losers = restorable(lines)
    counts["losers"] = len([line for line in lines if line.entry.role in (Role.LOSER, Role.DELETED)])
    for line in drawn.sample(losers, min(SAMPLE, len(losers))):
        counts.update(_restored(world, line))
    world.settle()
    return counts


def _tampered(lines: list[StoredAuditEntry], drawn: random.Random) -> int:
    """One line altered, left out, exchanged, or the end cut off: each is noticed."""
    if len(lines) < 2:
        return 0
    head = (lines[-1].number, lines[-1].hash)
    at = drawn.randrange(len(lines) - 1)
    altered = replace(lines[at], entry=replace(lines[at].entry, rule="as nobody wrote it"))
    forgeries = (
        [*lines[:at], altered, *lines[at + 1 :]],
        [*lines[:at], *lines[at + 1 :]],
        [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]],
        lines[:-1],
    )
    for forged in forgeries:
        assert verify_chain(forged, head)[1] is not None, "audit: an alteration went unnoticed"
    return len(forgeries)


def _restored(world: World, line: StoredAuditEntry) -> Counter[str]:
    """Bring one line's value back: it is there afterwards, or the run has said why it cannot be."""
    entry = line.entry
    world.restoring = True
    try:
        report = world.run(restore=(line,))
    finally:
        world.restoring = False
    assert report is not None
    link = world.store.memory.links[entry.link_id]
    rows = dict(zip("AB", world.record_pair(link.id_a, link.id_b), strict=True))
    row = rows[entry.side or "A"]
    if _said_why(report):
        return Counter({"not restored, and told why": 1})
    assert row is not None, f"audit: line {line.number} was to be restored, and the record is not there"
    if entry.role is Role.DELETED:
        assert not row.archived, f"audit: the record of line {line.number} is still archived"
    else:
        for column, value in json.loads(entry.lost or "{}").items():
            kept = world.sides[entry.side or "A"].keep(typed(column, value))
            assert same(row.values[column], kept), f"audit: {column} of line {line.number} is {row.values[column]!r}"
    return Counter({"restored": 1, "records restored" if entry.role is Role.DELETED else "values restored": 1})


def _said_why(report: RunReport) -> bool:
    refused = report.counts["rejected_a"] + report.counts["rejected_b"]  # the side takes that value no more than before
    return bool(refused) or any(warning.startswith("link ") for warning in report.warnings)


def _run(size: int, processes: int) -> Shown:
    found = try_seeds(trial, size, processes)
    counts = found.counts
    return Shown(
        seeds(size),
        f"{counts['effects']:,} effects on sides, each in the audit or in its intent; chain verified over "
        f"{counts['lines']:,} lines of {counts['histories']:,} histories, {counts['tamperings noticed']:,} of as many "
        f"tamperings noticed; {counts['losers']:,} losers, {counts['restored']:,} of a sample restored in one command "
        f"each ({counts['records restored']:,} whole records), {counts['not restored, and told why']:,} refused "
        f"with the reason (in dispute, there already, deleted since); {counts['violations']} histories otherwise",
        counts,
        tuple(found.violations),
    )


AUDIT = Part(
    "audit",
    "Audit",
    "100 % of remote writes and losers; hash chain verified; any loser restorable in one command",
    f"histories of {LENGTH} events",
    {"quick": 10, "short": 200, "nightly": 5_000},
    _run,
)
