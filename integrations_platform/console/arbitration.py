"""Who would win a conflict under each strategy, and why it is one, in words for people."""

from __future__ import annotations

import re
from dataclasses import dataclass

from integrations_platform.console.cells import GONE, Cell, one_line
from integrations_platform.console.rendering import side_name
from integrations_platform.unified_sync.evidence import BEGINNING, Interval, later, read_told
from integrations_platform.unified_sync.spec import OnTie, SideName, Strategy, SyncSpec
from integrations_platform.unified_sync.store import Conflict

_SIDES = re.compile(r"\b(source|target)\b")
_KINDS = {
    "field": "Both sides changed it since they last agreed.",
    "first_sync": "It was different already when the two records were linked; they never agreed on it.",
    "divergent": "The sides differ although neither is known to have changed it.",
}


@dataclass(frozen=True)
class Verdict:
    """One strategy. ``value``: what both sides would say; None: a person decides. ``present``: it is the declared."""

    strategy: str
    value: Cell | None
    why: str
    present: bool


def verdicts(spec: SyncSpec, row: Conflict) -> list[Verdict]:
    """Every strategy, for a conflict about fields."""
    members = dict(spec.units).get(row.unit, ())
    present = members[0].strategy if members else spec.strategy
    names: dict[SideName, str] = {"A": side_name(spec, "A"), "B": side_name(spec, "B")}
    values: dict[SideName, Cell] = {"A": one_line(spec, row.value_a, GONE), "B": one_line(spec, row.value_b, GONE)}
    winner, why = _latest(spec, row, names)
    return [
        Verdict(f"{names['A']} always wins", values["A"], "", present is Strategy.SOURCE_WINS),
        Verdict(f"{names['B']} always wins", values["B"], "", present is Strategy.TARGET_WINS),
        Verdict("The later change wins", values[winner] if winner else None, why, present is Strategy.LATEST),
        Verdict("A person decides", None, "", present is Strategy.MANUAL),
    ]


def _latest(spec: SyncSpec, row: Conflict, names: dict[SideName, str]) -> tuple[SideName | None, str]:
    known = read_told(row.evidence)
    if known is None:
        return None, "Nothing was kept about when each side changed it."
    told = f"{names['A']} {_span(known[0])}; {names['B']} {_span(known[1])}"
    side = later(*known)
    if side is not None:
        return side, f"{names[side]} is later. {told}."
    tie: dict[OnTie, SideName | None] = {OnTie.MANUAL: None, OnTie.SOURCE: "A", OnTie.TARGET: "B"}
    side = tie[spec.on_tie]
    then = "then a person decides" if side is None else f"then {names[side]} wins"
    return side, f"There is no proof which is later; {then}. {told}."


def _span(known: Interval) -> str:
    high = f"{known.high:%-d %b %Y, %H:%M:%S} UTC"
    if known.low == BEGINNING:
        return f"at or before {high} ({known.source})"
    return f"between {known.low:%-d %b %Y, %H:%M:%S} and {high} ({known.source})"


def spoken(spec: SyncSpec, row: Conflict) -> str:
    """Why it is a conflict, the sides by their names."""
    if row.kind in _KINDS:
        return _KINDS[row.kind]
    text = by_name(spec, row.evidence)
    return f"{text[:1].upper()}{text[1:]}."


def by_name(spec: SyncSpec, text: str) -> str:
    """A sentence of the engine, with the names of the systems for `source` and `target`."""
    return _SIDES.sub(lambda found: side_name(spec, "A" if found[1] == "source" else "B"), text)
