"""Disagreements that wait for a person: the list, one of them side by side, and deciding one or many.

A decision counts for what was on the page when it was taken. If the values have moved since, or somebody else has
decided, it is refused and the page shows what is there now.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from integrations_platform.console.arbitration import Verdict, spoken, verdicts
from integrations_platform.console.cells import GONE, NEVER, UNKNOWN, Cell, Name, cells, names, one_line
from integrations_platform.console.page import Ask, Problem, act, look
from integrations_platform.console.rendering import side_name
from integrations_platform.deciding import CHOICES, Undecidable, check_choice, chosen_value
from integrations_platform.state.conflict_list import Wanted
from integrations_platform.state.decisions import Seen
from integrations_platform.unified_sync.spec import FieldSpec, SyncSpec
from integrations_platform.unified_sync.store import Conflict
from integrations_platform.unified_sync.values import FieldType
from integrations_platform.words import count

SIZE = 50
STATES = {"undecided": "Wait for a decision", "decided": "Decided, not carried out yet", "closed": "Over"}
_WHOLE = "-"  # in addresses: the whole record, where a field's name would stand


@dataclass(frozen=True)
class Line:
    """One conflict in the list."""

    spec: SyncSpec
    row: Conflict
    name: Name
    agreed: Cell
    source: Cell
    target: Cell

    @property
    def pick(self) -> str:
        """The conflict as it is shown, for the form to bring back."""
        return "|".join((self.spec.name, self.row.conflict_id, str(self.row.n), _stamp(self.row.decided_at)))


@dataclass(frozen=True)
class Member:
    """One field of a conflict, side by side."""

    field: FieldSpec | None
    name: str
    agreed: Cell
    source: Cell
    target: Cell

    @property
    def differs(self) -> bool:
        """Whether the sides do not read the same."""
        return self.source != self.target


def listed(ask: Ask, problem: str = "", status: int = 200) -> Response:
    specs = {spec.name: spec for spec in ask.specs()}
    sync, state, unit = ask.query("sync"), ask.query("state") or "undecided", ask.query("field")
    wanted = _wanted(state, unit, ask.query("q"))
    chosen = [sync] if sync in specs else list(specs)
    page = ask.page_number()
    store = ask.platform.store
    found = store.conflict_list(chosen, wanted, (page - 1) * SIZE, SIZE)
    lines = _lines(ask, specs, found.rows)
    everything = _digest(ask, chosen, wanted) if found.total > len(lines) and ask.person_decides else ""
    query = {"sync": sync, "state": ask.query("state"), "field": unit, "q": ask.query("q")}
    return ask.render(
        "conflicts.html", status=status, lines=lines, total=found.total, page=page, size=SIZE, query=query, state=state,
        states=STATES, specs=specs, units=_units(found.units, sync), problem=problem, everything=everything,
        one=specs[chosen[0]] if len(chosen) == 1 else None,
    )  # fmt: skip


def _wanted(state: str, unit: str, text: str) -> Wanted:
    field = None if not unit else "" if unit == _WHOLE else unit
    if state == "decided":
        return Wanted("decided", field, text)
    return Wanted("closed" if state == "closed" else "undecided", field, text)


def _units(units: Sequence[tuple[str, str, int]], sync: str) -> dict[str, int]:
    """Fields that conflicts are about, with how many."""
    found: dict[str, int] = {}
    for pair, unit, number in units:
        if sync in ("", pair):
            found[unit or _WHOLE] = found.get(unit or _WHOLE, 0) + number
    return found


def _lines(ask: Ask, specs: dict[str, SyncSpec], rows: Sequence[tuple[str, Conflict]]) -> list[Line]:
    called: dict[tuple[str, str], Name] = {}
    for pair in {pair for pair, _ in rows}:
        mine = [(row.link_id, (row.value_a, row.value_b, row.base)) for at, row in rows if at == pair]
        called |= {(pair, link): name for link, name in names(ask.platform.store, specs[pair], mine).items()}
    return [
        Line(
            specs[pair], row, called[pair, row.link_id], one_line(specs[pair], row.base, NEVER),
            one_line(specs[pair], row.value_a, GONE), one_line(specs[pair], row.value_b, GONE),
        )
        for pair, row in rows
    ]  # fmt: skip


def one(ask: Ask, problem: str = "", status: int = 200) -> Response:
    spec = ask.spec()
    row = _row(ask, spec)
    fields = {field.name: field for field in spec.fields}
    agreed, source, target = (cells(spec, text) for text in (row.base, row.value_a, row.value_b))
    members = [
        Member(
            fields.get(name), name, agreed.get(name, NEVER if row.base is None else UNKNOWN),
            source.get(name, GONE if row.value_a is None else UNKNOWN),
            target.get(name, GONE if row.value_b is None else UNKNOWN),
        )
        for name in dict.fromkeys([*source, *target, *agreed])
    ]  # fmt: skip
    chosen: list[Verdict] = verdicts(spec, row) if row.unit else []
    typed = {name: ask.sent(f"value.{name}") for name in fields}
    return ask.render(
        "conflict.html", status=status, spec=spec, row=row, members=members, verdicts=chosen, problem=problem,
        name=names(ask.platform.store, spec, [(row.link_id, (row.value_a, row.value_b, row.base))])[row.link_id],
        evidence=spoken(spec, row), stamp=_stamp(row.decided_at), typed=typed, chosen=ask.sent("choice"),
        decided=_decided(spec, row), editable=_editable(spec, row),
    )  # fmt: skip


def _editable(spec: SyncSpec, row: Conflict) -> bool:
    """Whether a person may give a value of their own."""
    members = dict(spec.units).get(row.unit, ())
    return bool(members) and not any(field.type is FieldType.REF for field in members)


def _decided(spec: SyncSpec, row: Conflict) -> str:
    """The decision that stands, in words."""
    if row.choice is None:
        return ""
    words = {"A": f"take what {side_name(spec, 'A')} says", "B": f"take what {side_name(spec, 'B')} says",
             "base": "go back to the last agreed value"}  # fmt: skip
    return words.get(row.choice) or f"both sides shall say {one_line(spec, row.chosen_value, UNKNOWN).text}"


def _row(ask: Ask, spec: SyncSpec) -> Conflict:
    row = ask.platform.store.conflict(spec.name, ask.part("conflict"))
    if row is None:
        raise Problem(404, "There is no such conflict", "Look at the list of those that are open.")
    return row


def decide(ask: Ask) -> Response:
    spec = ask.spec()
    row = _row(ask, spec)
    choice = ask.sent("choice")
    if choice not in CHOICES:
        return one(ask, "Choose one of the values first.", 422)
    try:
        check_choice(row, choice)
        value = chosen_value(spec, row.unit, _typed(ask, spec, row)) if choice == "value" else None
    except Undecidable as fault:
        return one(ask, f"{fault}.", 422)
    refused = ask.platform.store.decide_seen(
        spec.name, [_seen(row.conflict_id, ask.sent("n"), ask.sent("seen"))], CHOICES[choice], value, ask.who, ask.now
    )
    if refused:
        told = (
            "Your decision was not taken: the values changed, or somebody else decided, while you looked. Look again."
        )
        return one(ask, told, 409)
    notice = "Decided. It takes effect at the next run."
    if ask.sent("then") == "next":
        following = ask.platform.store.conflict_list([spec.name], Wanted(), 0, 1).rows
        if following:
            return ask.go("syncs", spec.name, "conflicts", following[0][1].conflict_id, notice=notice)
        notice += " It was the last one of this sync."
    return ask.go("conflicts", sync=spec.name, notice=notice)


def _typed(ask: Ask, spec: SyncSpec, row: Conflict) -> dict[str, Any]:
    """What was typed for each field; nothing typed is nothing."""
    return {field.name: ask.sent(f"value.{field.name}") or None for field in dict(spec.units).get(row.unit, ())}


def decide_many(ask: Ask) -> Response:
    choice = ask.sent("choice")
    if choice not in ("source", "target", "base"):
        return listed(ask, "Choose which values to take.", 422)
    specs = {spec.name: spec for spec in ask.specs()}
    picks: dict[str, list[Seen]] = {}
    if ask.sent("everything"):
        chosen = [ask.query("sync")] if ask.query("sync") in specs else list(specs)
        wanted = _wanted(ask.query("state"), ask.query("field"), ask.query("q"))
        if _digest(ask, chosen, wanted) != ask.sent("everything"):
            return listed(ask, "Nothing was decided: the list has changed since you saw it. Look again.", 409)
        picks = {name: list(ask.platform.store.seen_conflicts(name, wanted)) for name in chosen}
    else:
        for pick in ask.form.get("pick", ()):
            sync, conflict_id, n, stamp = [*pick.split("|"), "", "", ""][:4]
            if sync in specs:
                picks.setdefault(sync, []).append(_seen(conflict_id, n, stamp))
    if not any(picks.values()):
        return listed(ask, "Tick the conflicts to decide first.", 422)
    refused: dict[str, str] = {}
    for sync, seen in picks.items():
        refused |= ask.platform.store.decide_seen(sync, seen, CHOICES[choice], None, ask.who, ask.now)
    done = sum(len(seen) for seen in picks.values()) - len(refused)
    notice = f"{count(done, 'conflict')} decided. It takes effect at the next run."
    if refused:
        notice += (
            f" {count(len(refused), 'other')} could not be: they changed, somebody else decided them, or the choice "
            "makes no sense for them."
        )
    query = {name: ask.query(name) for name in ("sync", "state", "field", "q")}
    return ask.go("conflicts", notice=notice, **query)


def _digest(ask: Ask, pairs: Sequence[str], wanted: Wanted) -> str:
    """Stands for all conflicts that are wanted, as they are now."""
    seen = [(pair, one) for pair in pairs for one in ask.platform.store.seen_conflicts(pair, wanted)]
    return sha256(repr(seen).encode()).hexdigest()


def _stamp(at: datetime | None) -> str:
    return "" if at is None else at.isoformat()


def _seen(conflict_id: str, n: str, stamp: str) -> Seen:
    """A conflict as a form says it was seen. Raises :class:`Problem` for a form that nobody was given."""
    try:
        if not re.fullmatch("[0-9]{1,9}", n):
            raise ValueError(n)
        return Seen(conflict_id, int(n), datetime.fromisoformat(stamp) if stamp else None)
    except ValueError:
        raise Problem(400, "That form cannot be read", "Nothing was decided.") from None


NAV = ("Conflicts", "/conflicts")
ROUTES = [
    Route("/conflicts", look(listed), methods=["GET"]),
    Route("/conflicts", act(decide_many), methods=["POST"]),
    Route("/syncs/{sync}/conflicts/{conflict}", look(one), methods=["GET"]),
    Route("/syncs/{sync}/conflicts/{conflict}", act(decide), methods=["POST"]),
]
