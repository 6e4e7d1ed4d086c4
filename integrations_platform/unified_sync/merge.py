"""The three-way merge of one unit (a field or a group of fields) of one linked record.

Pure: it looks at the two present values, the two-sided base and the policy, and says what is to be done and why. It
writes nothing and knows no record, run or store. Timestamps play no part in noticing a change, only in ``latest``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from integrations_platform.unified_sync.evidence import Interval, later, told
from integrations_platform.unified_sync.forms import FieldPlace
from integrations_platform.unified_sync.spec import Direction, OnTie, SideName, Strategy, other
from integrations_platform.unified_sync.values import ABSENT, Unresolved, Value, Values, is_blank


class Verb(Enum):
    """What is to be done with a unit."""

    NOTHING = "nothing"
    SKIP = "skip"  # a side cannot say: no base, no write
    ADVANCE = "advance"  # both sides agree: the base takes what each shows
    WRITE = "write"  # the winner's values go to the other side
    PARK = "park"  # a person decides


class Decision(NamedTuple):  # as Sight: made for every record looked at, and a frozen dataclass takes thrice the time
    """The outcome for one unit. ``origin`` is the side whose values are taken; ``lost`` says the other side's
    value was a user's and must be kept in the audit; ``rule`` and ``evidence`` are for people."""

    verb: Verb
    rule: str = ""
    origin: SideName | None = None
    lost: bool = False
    kind: str = ""
    evidence: str = ""


class Sight(NamedTuple):
    """One side of one link: present values and base by field name; ``base`` lacks what was never agreed."""

    now: Values
    base: Values

    def changed(self, names: Sequence[str]) -> bool:
        """Whether any of the fields differs from its base, exactly as spelled."""
        return [self.now.get(name, ABSENT) for name in names] != [self.base.get(name) for name in names]

    def moved(self) -> list[str]:
        """Names of the fields that do not show what was agreed, those without an agreement included."""
        base = self.base
        return [name for name, value in self.now.items() if name not in base or base[name] != value]


@dataclass(frozen=True, slots=True)
class Policy:
    """What decides between two changes of this unit."""

    direction: Direction
    strategy: Strategy
    on_tie: OnTie
    fill_blanks: bool


Intervals = Callable[[bool], tuple[Interval, Interval]]
"""Evidence for (A, B); called with True when there is a base. Deferred, because few units ever need it."""

NOTHING = Decision(Verb.NOTHING)
SKIP = Decision(Verb.SKIP, "a side cannot say")
_CHANGED: dict[SideName, Decision] = {
    "A": Decision(Verb.WRITE, "changed on source", "A"),
    "B": Decision(Verb.WRITE, "changed on target", "B"),
}


def decide(places: Sequence[FieldPlace], a: Sight, b: Sight, policy: Policy, intervals: Intervals) -> Decision:
    """Merge one unit. ``places`` are its members; a group is taken whole from one side."""
    names = [place.spec.name for place in places]
    shown = [now.get(name, ABSENT) for now in (a.now, b.now) for name in names]
    if ABSENT in shown:
        return SKIP
    has_base = all(name in a.base for name in names)  # both sides agree at once, or not at all
    if Unresolved in map(type, shown) and (not has_base or {*map(type, shown)} == {Unresolved}):
        return SKIP  # who is meant is not known yet; looked at again until it is
    differing = disagreeing(places, a, b)
    if policy.direction is Direction.NEVER:
        return Decision(Verb.ADVANCE, "shown only")
    if not has_base:
        return _without_base(differing, a, b, policy, intervals, "first_sync")
    if not differing:
        moved = a.changed(names) or b.changed(names)
        return Decision(Verb.ADVANCE, "both sides say the same") if moved else NOTHING
    # A member that was only respelled, or set to the same on both sides, is no part of a dispute about its group.
    changed_a, changed_b = a.changed(differing), b.changed(differing)
    if not changed_a and not changed_b:
        # Both equal their base and still disagree: the base broke its invariant, so it is not one (P13).
        return _without_base(differing, a, b, policy, intervals, "divergent")
    respelled: SideName | None = None
    if changed_a and changed_b:
        respelled = _respelled_only(places, differing, a, b)
        if respelled is None:
            return _conflict(policy, intervals, has_base=True, kind="field")
        changed_a = respelled == "B"
    origin: SideName = "A" if changed_a else "B"
    if policy.direction.allows(origin):
        if not respelled:
            return _CHANGED[origin]
        note = f", only respelled on {_label(respelled)}"
        return Decision(Verb.WRITE, f"changed on {_label(origin)}{note}", origin, lost=True)
    return _master(policy, "field")


def still(a: Sight, b: Sight, moved: Iterable[Collection[str]], names: frozenset[str]) -> frozenset[str]:
    """Those of the fields ``names`` of which both sides show one value, and have agreed on just that: so it is for most
    fields of a record that is looked at. Where they go over as they are, :func:`decide` would come to nothing, at ten
    times the cost. ``moved``: what :meth:`Sight.moved` says of both."""
    found = names.difference(*moved)
    if a.base == b.base:
        return found
    return frozenset(name for name in found if a.base.get(name, ABSENT) == b.base.get(name, ABSENT))


def _respelled_only(places: Sequence[FieldPlace], differing: Sequence[str], a: Sight, b: Sight) -> SideName | None:
    """The one side whose change still says what the other side's base says: a new spelling, not a new value."""
    still_a = still_b = True
    for place in places:
        name = place.spec.name
        if name in differing:
            still_a = still_a and place.corresponds(a.now[name], b.base[name])
            still_b = still_b and place.corresponds(a.base[name], b.now[name])
    if still_a == still_b:
        return None
    return "A" if still_a else "B"


def disagreeing(places: Sequence[FieldPlace], a: Sight, b: Sight) -> list[str]:
    """Names of the members on which the two sides do not say the same."""
    now_a, now_b, differing = a.now, b.now, []
    for place in places:
        name = place.spec.name
        if not place.corresponds(now_a.get(name, ABSENT), now_b.get(name, ABSENT)):
            differing.append(name)
    return differing


def _without_base(
    differing: Sequence[str], a: Sight, b: Sight, policy: Policy, intervals: Intervals, kind: str
) -> Decision:
    if not differing:
        return Decision(Verb.ADVANCE, "both sides say the same")
    # A group of which one side knows a part, and says nothing that the other does not say, is filled whole: a city
    # alone must not empty the address it belongs to.
    blank_a, blank_b = (all(is_blank(side.now[name]) for name in differing) for side in (a, b))
    if kind == "first_sync" and policy.fill_blanks and blank_a != blank_b:
        origin: SideName = "B" if blank_a else "A"
        if policy.direction.allows(origin):
            return Decision(Verb.WRITE, f"blank on {_label(other(origin))}, filled", origin)
    return _conflict(policy, intervals, has_base=False, kind=kind)


def _conflict(policy: Policy, intervals: Intervals, *, has_base: bool, kind: str) -> Decision:
    if policy.direction is not Direction.BIDIRECTIONAL:
        return _master(policy, kind)
    if policy.strategy is Strategy.MANUAL:
        return Decision(Verb.PARK, "strategy manual", kind=kind)
    if policy.strategy is not Strategy.LATEST:
        winner: SideName = "A" if policy.strategy is Strategy.SOURCE_WINS else "B"
        return Decision(Verb.WRITE, f"strategy {policy.strategy}", winner, lost=True, kind=kind)
    interval_a, interval_b = intervals(has_base)
    evidence = told(interval_a, interval_b)
    side = later(interval_a, interval_b)
    if side is not None:
        return Decision(
            Verb.WRITE, f"latest: {_label(side)} changed later", side, lost=True, kind=kind, evidence=evidence
        )
    if policy.on_tie is OnTie.MANUAL:
        return Decision(Verb.PARK, "latest: no proof which is later", kind=kind, evidence=evidence)
    side = "A" if policy.on_tie is OnTie.SOURCE else "B"
    return Decision(
        Verb.WRITE,
        f"latest: no proof which is later, on_tie {policy.on_tie}",
        side,
        lost=True,
        kind=kind,
        evidence=evidence,
    )


def _master(policy: Policy, kind: str) -> Decision:
    side: SideName = "A" if policy.direction is Direction.SOURCE_TO_TARGET else "B"
    return Decision(Verb.WRITE, f"one-way field: {_label(side)} is the master", side, lost=True, kind=kind)


def _label(side: SideName) -> str:
    return "source" if side == "A" else "target"


def unchanged(base: Mapping[str, Value], now: Mapping[str, Value]) -> bool:
    """Whether a side equals its base in everything it can say, so that its version may stand for it."""
    return all(name in base and base[name] == value for name, value in now.items() if value is not ABSENT)
