"""What must hold of a simulated world, each check by the name of the property it holds (P1–P42 of the semantics).

Checks look at ground truth and at what the engine remembers, never at how it came to its decisions.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform.unified_sync.clobbers import CLOBBERED
from integrations_platform.unified_sync.identity import origin_of
from integrations_platform.unified_sync.merging import survivor_of
from integrations_platform.unified_sync.port import Kind, Write
from integrations_platform.unified_sync.report import RunReport, RunStatus
from integrations_platform.unified_sync.spec import SideName, other
from integrations_platform.unified_sync.store import Conflict, ConflictStatus, LinkState, OpState, Role
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.simulation import referring
from integrations_platform_tests.simulation.declared import KINDS, TYPED, UNIT_OF
from integrations_platform_tests.simulation.sides import Row, SimulatedSide
from integrations_platform_tests.simulation.truth import coarse, same, typed

if TYPE_CHECKING:
    from integrations_platform_tests.simulation.world import World


def watch(world: World, name: SideName, side: SimulatedSide, row: Row, write: Write) -> None:
    """At the moment a write takes effect: P6, P9, P21, P22. Called before it does."""
    if world.processes[-1].overtaken and not side.nature.receipts:
        # A write of a worker that was given up meanwhile cannot be told from a user's where no receipt is kept.
        twin = world.counterpart(name, row)
        world.truth.exposed |= {row.id} | ({twin.id} if twin is not None else set())
        return
    if side.version(row) != write.expected_version:  # only a side without compare-and-set gets here
        world.counts["residual windows"] += 1
        if side.nature.history and not world.processes[-1].overtaken:
            world.truth.clobbered[row.id] |= {(column, row.values[column]) for column in write.values or row.values}
            return
        looked = side.looked.get(row.id) == write.expected_version
        assert looked or world.processes[-1].overtaken, (
            f"P3: {row.id} on {side.name} is written to without a look just before"
        )
        world.truth.exposed.add(row.id)
        for column in write.values:
            world.truth.supersede(row.values[column], column)
        return
    twin = world.counterpart(name, row)
    if write.kind in (Kind.ARCHIVE, Kind.DELETE):
        assert twin is None or twin.archived, f"P6: {row.id} removed although {twin.id} is there"
        check_removal(world, name, row, write)
    if world.restoring:  # a person's edit, who saw what was there
        for column in write.values:
            world.truth.supersede(row.values[column], column)
        return
    if write.kind is not Kind.UPDATE or row.id in world.truth.exposed:
        return
    decided = set()
    for conflict in world.store.conflicts("sim"):
        if conflict.link_id != write.link_id or _parked_since(world, conflict):
            continue
        for column in set(world.units.get(conflict.unit, ())) & set(write.values):
            assert conflict.choice is not None, f"P21: {column} of {write.link_id} is parked and written"
            said = json.loads((conflict.value_a if name == "A" else conflict.value_b) or "{}").get(column)
            decided.add(column)
            shown, seen = row.values[column], typed(column, said)
            if KINDS.get(column) is FieldType.REF or _is_ours(world, name, row, column, conflict, seen):
                continue  # what stands there is ours, and the row shows what it replaced, or whom it means
            assert shown == seen, f"P22: {shown!r} overwritten, {seen!r} was seen"
    for column in set(write.values) - decided:
        unit = UNIT_OF[column]
        wanted = _was_changed(world, row, twin, unit, write) or (unit == "customer" and referring.merged(world, row))
        assert wanted, f"P9(iii): {column} of {row.id} written although nobody changed {unit}"


def undecided(world: World) -> list[Conflict]:
    """Open conflicts that wait for a person's decision."""
    return [conflict for conflict in world.store.conflicts(world.spec.name) if conflict.choice is None]


def _parked_since(world: World, conflict: Conflict) -> bool:
    """Whether a conflict was opened, or its decision dropped, after the worker that writes was given up. It goes on
    with what it has planned; of a unit that waited for a decision while it held the lease, it may plan nothing."""
    process = world.processes[-1]
    waits = process.overtaken and conflict.choice is None
    return waits and (conflict.link_id, conflict.unit) not in process.parked


def _is_ours(world: World, name: SideName, row: Row, column: str, conflict: Conflict, seen: Value) -> bool:
    """Whether a record shows what a write of ours put in the place of a value that is in dispute for it. A decision is
    held against the values on show (B3), and no value is on show that its author has not seen when a user types ours
    once more over it: that is no change of it (B0). Of a group, this is so of what was truly overwritten alone."""
    if conflict.kind != CLOBBERED[name]:
        return False
    changes = row.changes[column]
    if changes[0].ours:
        return True
    record = (conflict.id_a if name == "A" else conflict.id_b) or ""
    overwritten = (column, seen) in world.truth.clobbered.get(record, ())
    return overwritten and row.values[column] in world.truth.ours(row, column)


def _was_changed(world: World, row: Row, twin: Row | None, unit: str, write: Write) -> bool:
    """Whether users have changed a unit since the sides agreed, or a write of ours owes it to this record. A worker
    that was given up goes on with what it has planned: that the sides agree since it stood still, or that the record
    its write was made from is gone and another stands for it, it cannot know."""
    process, truth = world.processes[-1], world.truth
    if process.overtaken:
        made_from = json.loads(world.store.memory.intents[write.op_id].body)["other"]
        return not process.disputed.isdisjoint({(row.id, unit), (made_from, unit)})
    if twin is None:
        return True
    return (row.id, unit) in truth.touched or (twin.id, unit) in truth.touched or (row.id, unit) in truth.owed


def check_removal(world: World, name: SideName, row: Row, write: Write) -> None:
    """P31: after a merge nothing of the other side is removed but by a person's decision."""
    link = world.store.memory.links.get(write.link_id)
    if link is None:
        return
    lost = link.id_b if name == "A" else link.id_a
    assert lost not in world.sides[other(name)].merged, f"P31: {row.id} removed because {lost} was merged"
    rows = [one for one in world.store.memory.conflicts.values() if one.link_id == link.link_id and one.kind == "merge"]
    decided = any(one.choice is not None for one in rows)
    assert decided or link.state is not LinkState.MERGED_AWAY, f"P31: {row.id} removed, and nobody decided"


def check_merges(world: World, run_id: str) -> None:
    """P31: no link points to a record that was merged away before this run began."""
    number = int(run_id.removeprefix("run"))
    for link in world.store.memory.links.values():
        if link.state in (LinkState.ACTIVE, LinkState.OUT_OF_SCOPE):
            for name, record_id in (("A", link.id_a), ("B", link.id_b)):
                when = world.truth.merged.get(record_id or "", number)
                assert when >= number, f"P31: {link.link_id} points to {record_id} on {name}, merged before"


def check_run(world: World, report: RunReport) -> None:
    """After every run that came to its end: P11, P16, P9, P17, and what must hold always."""
    assert all(rest == 0 for rest in report.unaccounted().values()), f"P11: {report.to_data()}"
    for side in world.sides.values():
        # What recovery sent again belongs to the run that was interrupted.
        intents = world.store.memory.intents
        links = [link_id for link_id, op_id in side.applied if intents[op_id].run_id == report.run_id]
        limit = 2 if report.plan is not None and report.plan.two_sided else 1
        assert all(times <= limit for times in Counter(links).values()), f"P16: {side.name} written twice: {links}"
    check_conflicts(world, report.run_id)
    check_latest(world, report)
    if not world.restoring:  # brings one value back and looks at nothing else
        check_merges(world, report.run_id)
    check_always(world)


def check_conflicts(world: World, run_id: str) -> None:
    """P9: a conflict is reported only if users wrote the unit on both sides since the sides last agreed.
    P25: one open row for one unit of one link."""
    rows = list(world.store.memory.conflicts.values())
    for row in rows:
        if row.opened_run == run_id and row.kind in CLOBBERED.values():
            record = row.id_a if row.kind == CLOBBERED["A"] else row.id_b
            assert record in world.truth.clobbered, f"P9: nothing of {record} was overwritten unseen"
        if row.opened_run != run_id or row.kind != "field" or row.status is not ConflictStatus.OPEN:
            continue
        link = world.store.memory.links[row.link_id]
        row_a, row_b = world.record_pair(link.id_a, link.id_b)
        if row_a is None or row_b is None or {row_a.id, row_b.id} & world.truth.exposed:
            continue
        if row.unit == "customer" and (referring.agree(world, row_a, row_b) or referring.dangling(world, row_a, row_b)):
            continue
        if all(same(row_a.values[column], row_b.values[column]) for column in world.units[row.unit]):
            continue  # a user made them agree while the run went on
        # A paused run may tell of a conflict after a later one has made a deleted record of the link anew.
        about = {row_a.id, row_b.id, row.id_a or "", row.id_b or ""}
        sides = {side for record in about for side in world.truth.touched.get((record, row.unit), ())}
        assert sides == {"A", "B"}, f"P9: {row.unit} of {row.link_id} is no conflict, only {sorted(sides)} wrote"
    opened = [(row.link_id, row.unit) for row in rows if row.status is ConflictStatus.OPEN]
    assert len(opened) == len(set(opened)), f"P25: {opened}"


def check_latest(world: World, report: RunReport) -> None:
    """P17, P19, P20: ``latest`` never prefers a change that is truly the older one, whatever the clocks say."""
    for operation in report.plan.operations if report.plan is not None else ():
        link = world.store.memory.links.get(operation.link_id)
        if link is None or operation.kind is not Kind.UPDATE:
            continue
        ids = {"A": link.id_a or "", "B": link.id_b or ""}
        by_unit: dict[str, list[str]] = {}
        for change in operation.fields:
            if change.rule.startswith("latest: ") and "changed later" in change.rule:
                if "of the record" in change.evidence or "no modified time" in change.evidence:
                    continue  # without a base there is no change to date (B4)
                by_unit.setdefault(UNIT_OF[change.name], []).append(change.name)
        changes = {change.name: change for change in operation.fields}
        for unit, names in by_unit.items():
            world.counts["latest decided"] += 1
            lost = [world.truth.times(ids[operation.side], name, changes[name].before) for name in names]
            winner = ids[other(operation.side)]
            won = [at for column in world.units[unit] for at, _ in world.truth.edits.get((winner, column), ())]
            if {winner, ids[operation.side]} & world.truth.exposed or not won or not any(lost):
                continue
            oldest_lost = max(min(times) for times in lost if times)
            assert max(won) > oldest_lost, (
                f"P17: {unit} of {operation.link_id}: {max(won)} preferred to {oldest_lost}, "
                f"{changes[names[0]].evidence}"
            )


def check_always(world: World) -> None:
    """What must hold at every moment: P10, but for doubles that nobody can prevent, and P12."""
    for side in world.sides.values():
        live: dict[str, list[str]] = {}
        for row in side.rows.values():
            if (row.id, row.link_id) in world.truth.doubles:
                continue
            if row.link_id in side.created and not row.archived:
                live.setdefault(row.link_id, []).append(row.id)
        for link_id, ids in live.items():
            assert len(ids) <= 1, f"P10: {link_id} is live as {ids} on {side.name}"
    for link in world.store.memory.links.values():
        bases = ("A", link.id_a, link.values_a), ("B", link.id_b, link.values_b or link.values_a)
        for side_name, record_id, text in bases:
            if text is None or record_id is None or link.state is not LinkState.ACTIVE:
                continue
            if (side_name, text) in world.vouched:
                continue
            shown = world.sides[side_name].shown
            for column, stored in json.loads(text).items():
                value = typed(column, stored)
                assert KINDS.get(column) is FieldType.REF or value in shown.get(column, ()), (
                    f"P12: the base of {link.link_id}.{column} on {side_name} is {value!r}, which was never shown"
                )
            world.vouched.add((side_name, text))  # what has been shown stays so


def check_dry_run(world: World, times: int = 2) -> None:
    """P7: dry runs change nothing, say the same again, and name exactly the operations the run then carries out."""
    recovers = any(row.state is OpState.SENT for row in world.store.memory.intents.values())
    calm = all(side.nature.missing == side.nature.lags == 0 and not side.outage for side in world.sides.values())
    before = repr(world.store.memory), repr(world.store.breakers), world.writes()
    for side in world.sides.values():  # another reading of a clock may prove another order: something did change then
        side.misread = world.random.uniform(-0.9, 0.9)
    try:
        _compare_dry_runs(world, times, before, calm=calm, recovers=recovers)
    finally:
        for side in world.sides.values():
            side.misread = None


def _compare_dry_runs(world: World, times: int, before: tuple[str, str, int], *, calm: bool, recovers: bool) -> None:
    dry, *others = (world.run(dry_run=True) for _ in range(times))
    again = others[-1] if others else dry
    after = repr(world.store.memory), repr(world.store.breakers), world.writes()
    assert after == before, "P7: a dry run changed something"
    if not calm or recovers:
        return  # recovery comes first, and a dry run does not recover
    assert dry is not None
    assert again is not None
    if RunStatus.FAILED in (dry.status, again.status) or dry.plan is None or again.plan is None:
        return
    assert dry.plan.op_ids == again.plan.op_ids, f"P7: {dry.plan.op_ids} planned, then {again.plan.op_ids}"
    wet = world.run()
    assert wet is not None
    if wet.status is not RunStatus.FAILED and wet.plan is not None:
        assert dry.plan.op_ids == wet.plan.op_ids, f"P7: {dry.plan.op_ids} planned, {wet.plan.op_ids} run"


def check_settled(world: World) -> None:
    """P1 and P11 at rest, and then everything that must have come true."""
    essence, before = world.store.memory.essence(), world.writes()
    again = world.run()
    assert again is not None
    assert world.writes() == before, "P1: a settled sync wrote again"
    assert world.store.memory.essence() == essence, "P1: a settled run changed what is remembered"
    assert not [row for row in world.store.memory.intents.values() if row.state is OpState.SENT], "P11: open intents"
    check_agreement(world)
    check_losses(world)
    check_records(world)
    check_always(world)
    fault = verify_chain(world.store.memory.audit)[1]
    assert fault is None, f"audit: {fault}"


def check_agreement(world: World) -> None:
    """P2, P13 and P42: active links agree in every unit that is not parked or refused."""
    rows = world.store.memory.conflicts.values()
    parked = {(row.link_id, row.unit) for row in rows if row.status is ConflictStatus.OPEN}
    held = {row.subject for row in world.store.quarantined(world.spec.name)}
    for link in world.store.memory.links.values():
        if {f"{link.link_id}:A", f"{link.link_id}:B"} & held:
            continue  # writing it was refused, and somebody knows
        row_a, row_b = world.record_pair(link.id_a, link.id_b)
        if link.state is LinkState.OUT_OF_SCOPE:
            back = [row for row in (row_a, row_b) if row is not None and row.in_scope and not row.archived]
            away = [row for row in (row_a, row_b) if row is not None and not row.in_scope]
            assert away or not back, f"P2: {link.link_id} sleeps out of scope, but {back[0].id} is in it"
        if link.state is not LinkState.ACTIVE or (link.link_id, "") in parked:
            continue
        assert row_a is not None and row_b is not None, f"P2: active link {link.link_id} lacks a record"  # noqa: PT018
        current = world.sides["A"].version(row_a), world.sides["B"].version(row_b)
        seen = None in (link.version_a, link.version_b) or (link.version_a, link.version_b) == current
        for unit, columns in world.units.items():
            if (link.link_id, unit) in parked or unit == "customer":
                continue
            for column in columns:
                value_a, value_b = row_a.values[column], row_b.values[column]
                assert _agree(world, value_a, value_b), (
                    f"{'P2' if seen else 'P42'}: {link.link_id}.{column} is {value_a!r} and {value_b!r} (P13)"
                )


def _agree(world: World, value_a: Value, value_b: Value) -> bool:
    """Whether two values say the same, in the poorer of the forms that the two sides keep."""
    if isinstance(value_a, str) or isinstance(value_b, str):
        return same(value_a, value_b)
    keep_a, keep_b = world.sides["A"].keep, world.sides["B"].keep
    return keep_a(keep_b(value_a)) == keep_b(keep_a(value_b))


def audited_losses(world: World) -> set[Value]:
    """Every value the audit keeps as lost."""
    lost: set[Value] = set()
    for line in world.store.memory.audit:
        if line.entry.role in (Role.LOSER, Role.DELETED) and line.entry.lost is not None:
            lost |= {typed(column, value) for column, value in json.loads(line.entry.lost).items()}
    return lost


def check_losses(world: World) -> None:
    """P3: a user's value is on its side in its exact spelling, was superseded by a user, or is in the audit.
    P40: and is not there in the poorer form of the other side."""
    lost = audited_losses(world) | world.truth.past_losses
    lost_coarse = {coarse(value) for value in lost}
    kept_elsewhere: dict[SideName, set[tuple[str, object]]] = {
        name: {(column, value) for row in side.rows.values() if row.link_id for column, value in row.values.items()}
        for name, side in world.sides.items()
    }
    for token, written in world.truth.written.items():
        if written.superseded or written.record in world.truth.exposed:
            continue
        side = world.sides[written.side]
        kept = side.keep(token)
        row = side.rows.get(written.record)
        if row is not None and row.values.get(written.column) == kept:
            continue
        if row is None and (written.column, kept) in kept_elsewhere[written.side]:
            continue
        poor = side.nature.lower_cases or side.nature.rounds or side.nature.cuts
        recorded = coarse(kept) in lost_coarse if poor else kept in lost
        poorer = row is not None and same(row.values.get(written.column), kept) and written.column in TYPED
        assert recorded or not poorer, f"P40: {token} written on {written.side} has come back as {row.values}"
        name = "P38" if (written.column, kept) in world.truth.clobbered.get(written.record, ()) else "P3"
        assert recorded, f"{name}: {token} written on {written.side} in {written.record}.{written.column} is lost"


def linked_ids(world: World) -> dict[SideName, set[str]]:
    """Record ids in any link, by side."""
    links = world.store.memory.links.values()
    return {
        "A": {link.id_a for link in links if link.id_a is not None},
        "B": {link.id_b for link in links if link.id_b is not None},
    }


def recognisable(world: World) -> set[str]:
    """Records of links that can be told from what the records carry: a tag that names both of them, or, where the
    side that would have to carry it has none, one match key that is theirs alone. A key is read off records that are
    found: in a listing, or by a tag of their own. One that is out of scope and carries none is told by nothing."""
    keys = {name: [_key(row) for row in side.rows.values() if not row.archived] for name, side in world.sides.items()}
    found = set()
    for link in world.store.memory.links.values():
        row_a, row_b = world.record_pair(link.id_a, link.id_b)
        if row_a is None or row_b is None:
            continue
        carrier: SideName = "B" if link.link_id.startswith("A:") else "A"
        tagged = row_b if carrier == "B" else row_a
        named = world.sides[carrier].nature.tags and tagged.link_id == link.link_id
        named = named and _is_meant(world.sides[other(carrier)], row_a if carrier == "B" else row_b, link.link_id)
        alike = _key(row_a) and _key(row_a) == _key(row_b) and all(of.count(_key(row_a)) == 1 for of in keys.values())
        rows: tuple[tuple[SideName, Row], ...] = (("A", row_a), ("B", row_b))
        met = all(row.in_scope or (world.sides[name].nature.tags and row.link_id) for name, row in rows)
        if named or (alike and met):
            found |= {row_a.id, row_b.id}
    return found


def _is_meant(side: SimulatedSide, row: Row, tag: str) -> bool:
    """Whether a tag on the other side's record names this one, or it carries the same: one made anew after the record
    that the link began with had been deleted is named by nothing else."""
    origin = origin_of(tag)
    merged_into = {survivor_of(side.merged, name) for name in (origin[1] if origin is not None else ())}
    return row.id in merged_into or (side.nature.tags and row.link_id == tag)


def _key(row: Row) -> str:
    return str(row.values["email"] or "").strip().lower()


def alone(world: World, paired: set[str]) -> dict[SideName, int]:
    """How many live records have no counterpart, by side."""
    return {
        name: sum(1 for row in side.rows.values() if not row.archived and row.in_scope and row.id not in paired)
        for name, side in world.sides.items()
    }


def check_records(world: World) -> None:
    """P9(i) for existence: every live record is linked one to one, waiting, or deliberately left alone."""
    waiting = {row.subject for row in world.store.quarantined(world.spec.name)}
    linked = linked_ids(world)
    for name, side in world.sides.items():
        for row in side.rows.values():
            if row.archived or row.id in linked[name] or not row.in_scope:
                continue
            subject = f"{name}:{row.id}"
            held = subject in waiting or any(known.startswith(f"{subject}:") for known in waiting)
            held = held or f"{row.link_id}:{name}" in waiting  # what its own link has to write there is refused
            assert held, f"P9(i): {row.id} on {name} was never synced"


def check_rebuilt(
    world: World,
    linked: list[tuple[Row, bool]],
    before: dict[SideName, int],
    lonely: dict[SideName, int],
) -> None:
    """P29: the first run after the loss of the state made no second copy of a linked record and removed none."""
    for row, archived in linked:
        there = any(side.rows.get(row.id) is row for side in world.sides.values())
        assert there and row.archived == archived, f"P29: {row.id} was removed"  # noqa: PT018
    for name, side in world.sides.items():
        made = len(side.rows) - before[name]
        assert made <= lonely[other(name)], f"P29: {made} records made on {name}, {lonely[other(name)]} were alone"
