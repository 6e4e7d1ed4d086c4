"""What must hold of a world, each check by the name of the property it holds (P1–P31 of the semantics).

Checks look at what users see and at what the state remembers, never at how the engine came to its decisions.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform.unified_sync.port import Kind, Write
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.spec import SideName, other
from integrations_platform.unified_sync.store import Conflict, ConflictStatus, Link, LinkState, Role
from integrations_platform_tests.matrix.systems import FIELDS, PAIR, Seen
from integrations_platform_tests.matrix.truth import Place, same

if TYPE_CHECKING:
    from integrations_platform_tests.matrix.world import World


def links(world: World) -> list[Link]:
    """All links, without their bases."""
    rows = world.store.links(PAIR).select("link_id", "id_a", "id_b", "state").iter_rows()
    return [Link(link_id, id_a, id_b, LinkState(state)) for link_id, id_a, id_b, state in rows]


def by_id(people: Mapping[str, Seen]) -> dict[str, Seen]:
    """Live records by the engine's id."""
    return {record.id: record for record in people.values() if record.id}


def pairs(world: World) -> Iterator[tuple[Link, Seen, Seen]]:
    """Links whose records are both live."""
    known = {name: by_id(people) for name, people in world.people().items()}
    for link in links(world):
        first, second = known["A"].get(link.id_a or ""), known["B"].get(link.id_b or "")
        if first is not None and second is not None:
            yield link, first, second


def agreed(world: World, link_id: str, first: Seen, second: Seen) -> list[str]:
    """Fields in which a link's records are as its base has them, and agree."""
    base = world.store.bases(PAIR, [link_id]).get(link_id)
    if base is None or base.values_a is None:
        return []
    left, right = json.loads(base.values_a), json.loads(base.values_b or base.values_a)
    return [
        field
        for field in FIELDS
        if (left.get(field), right.get(field)) == (first.values[field], second.values[field])
        and same(field, first.values[field], second.values[field])
    ]


def check_writes(world: World, name: SideName, writes: Sequence[Write]) -> None:
    """At the moment of a write: P6, nothing is removed whose counterpart lives; P9(iii), nothing is written unless a
    user or a decision changed something."""
    system, people = world.systems[name], {side: by_id(seen) for side, seen in world.people().items()}
    known = {link.link_id: link for link in links(world)}
    conflicts = world.store.conflicts(PAIR, None)
    fields = {column: field for field, column in system.columns.items()}
    for write in writes:
        link = known.get(write.link_id)
        if link is None:
            continue
        mine = people[name].get(write.id or "")
        theirs = people[other(name)].get((link.id_b if name == "A" else link.id_a) or "")
        decided = {row.unit for row in conflicts if row.link_id == link.link_id and row.choice is not None}
        if write.kind in (Kind.ARCHIVE, Kind.DELETE):
            assert theirs is None or "" in decided, f"P6: {write.id} of {name} is removed although {theirs} is there"
        if write.kind is not Kind.UPDATE or mine is None or theirs is None:
            continue
        places: tuple[Place, Place] = ((name, mine.uid), (other(name), theirs.uid))
        if world.truth.exposed & set(places):
            continue
        for field in {fields[column] for column in write.values} - decided:
            touched = any((place, field) in world.truth.touched for place in places)
            assert touched, f"P9(iii): {field} of {mine.uid} on {name} is written although nobody changed it"


def check_run(world: World, report: RunReport) -> None:
    """After every run that came to its end: P11, P9, P25, P31."""
    assert all(rest == 0 for rest in report.unaccounted().values()), f"P11: {report.to_data()}"
    rows = world.store.conflicts(PAIR, None)
    opened = [(row.link_id, row.unit) for row in rows if row.status is ConflictStatus.OPEN]
    assert len(opened) == len(set(opened)), f"P25: {opened}"
    known = {link.link_id: (first, second) for link, first, second in pairs(world)}
    for row in rows:
        if row.link_id in known and row.kind == "field" and row.opened_run == report.run_id:
            _check_conflict(world, row, *known[row.link_id])


def _check_conflict(world: World, row: Conflict, first: Seen, second: Seen) -> None:
    """P9: it is reported only if users wrote the field on both sides since they last agreed."""
    places: tuple[Place, Place] = (("A", first.uid), ("B", second.uid))
    if row.status is not ConflictStatus.OPEN or world.truth.exposed & set(places):
        return
    if same(row.unit, first.values[row.unit], second.values[row.unit]):
        return  # a user made them agree while the run went on
    wrote = [name for name, uid in places if ((name, uid), row.unit) in world.truth.touched]
    assert wrote == ["A", "B"], f"P9: {row.unit} of {row.link_id} is no conflict, users wrote on {wrote}"


def check_settled(world: World) -> None:
    """At rest: P1, P11, and then everything that must have come true."""
    assert not world.store.open_intents(PAIR), "P11: open intents"
    fault = verify_chain(world.store.audit(PAIR))[1]
    assert fault is None, f"audit: {fault}"
    check_agreement(world)
    check_losses(world)
    check_records(world)
    check_doubles(world)
    for name, system in world.systems.items():
        assert not system.broken(), f"contract of {name}: {system.broken()}"


def check_agreement(world: World) -> None:
    """P2 and P13: active links agree in every field that is not parked or refused."""
    parked = {(row.link_id, row.unit) for row in world.store.conflicts(PAIR)}
    held = {row.link_id for row in world.store.quarantined(PAIR)} | {
        row.subject[:-2] for row in world.store.quarantined(PAIR)
    }
    paired = {link.link_id: (first, second) for link, first, second in pairs(world)}
    for link in links(world):
        if link.state is not LinkState.ACTIVE or link.link_id in held or (link.link_id, "") in parked:
            continue
        assert link.link_id in paired, f"P2: active link {link.link_id} lacks a record"
        first, second = paired[link.link_id]
        for field in FIELDS:
            left, right = first.values[field], second.values[field]
            if (link.link_id, field) not in parked:
                assert same(field, left, right), f"P2: {field} of {link.link_id} is {left!r} and {right!r} (P13)"


def audited_losses(world: World) -> set[str]:
    """Every text the audit keeps as lost, in lower case: a side may keep no other."""
    lost: set[str] = set()
    for line in world.store.audit(PAIR):
        if line.entry.role in (Role.LOSER, Role.DELETED) and line.entry.lost is not None:
            lost |= {value.lower() for value in json.loads(line.entry.lost).values() if isinstance(value, str)}
    return lost


def check_losses(world: World) -> None:
    """P3: a user's value is on its side as it was typed, was superseded by a user, or is in the audit."""
    lost = audited_losses(world) | world.truth.past_losses
    people = world.people()
    for token, written in world.truth.written.items():
        if written.superseded or written.place in world.truth.exposed or token.lower() in lost:
            continue
        name, uid = written.place
        kept = world.systems[name].kept(written.field, token)
        record = people[name].get(uid)
        shown = [record] if record is not None else list(people[name].values())
        there = any(one.values[written.field] == kept for one in shown)
        assert there, f"P3: {token}, written on {name} in {written.field} of {uid}, is lost"


def check_records(world: World) -> None:
    """P9(i) for existence: every live record is in a link, or somebody was told why not."""
    told = {row.subject for row in world.store.quarantined(PAIR)}
    known = {name: {link.id_a if name == "A" else link.id_b for link in links(world)} for name in ("A", "B")}
    for name, people in world.people().items():
        unnamed = sum(not record.id for record in people.values())
        for record in people.values():
            if not record.id or record.id in known[name]:
                continue
            subject = f"{name}:{record.id}"
            held = any(each == subject or each.startswith(f"{subject}:") for each in told)
            assert held, f"P9(i): {record.uid} on {name} was never synced"
        ids = {f"{name}:{record.id}" for record in people.values()}
        others = [each for each in told if each.startswith(f"{name}:n") and each not in ids]
        assert unnamed <= len(others), f"P9(i): {unnamed} rows on {name} were never synced, {len(others)} told"


def check_doubles(world: World) -> None:
    """P10: no person has two records on a side, unless users made them."""
    for name, people in world.people().items():
        for field in ("email", "first", "last"):
            shown = Counter((record.values[field] or "").lower() for record in people.values())
            twice = sorted(text for text, times in shown.items() if text and times > 1)
            assert not set(twice) - world.truth.shared, f"P10: {twice} more than once on {name}"


def recognisable(world: World) -> set[Place]:
    """Records that can be told after a loss of the state: by one e-mail that is theirs alone on both sides."""
    people = world.people()
    keys = [Counter((one.values["email"] or "").lower() for one in seen.values()) for seen in people.values()]
    found: set[Place] = set()
    for link, first, second in pairs(world):
        key = (first.values["email"] or "").lower()
        alone = all(of[key] == 1 for of in keys) and key == (second.values["email"] or "").lower()
        if link.state is LinkState.ACTIVE and key and alone:
            found |= {("A", first.uid), ("B", second.uid)}
    return found


def check_rebuilt(world: World, known: set[Place], before: Mapping[SideName, Mapping[str, Seen]]) -> None:
    """P29: the first run after the loss made no second copy of a recognisable record and removed none."""
    now = world.people()
    for name, uid in known:
        assert uid in now[name], f"P29: {uid} on {name} was removed"
    for name, people in before.items():
        lonely = sum((other(name), uid) not in known for uid in before[other(name)])
        made = len(now[name].keys() - people.keys())
        assert made <= lonely, f"P29: {made} records made on {name}, {lonely} were alone"
