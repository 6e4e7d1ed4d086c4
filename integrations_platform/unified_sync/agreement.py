"""The audit pass: do both sides really agree? Compared directly, value by value, never through the base (P13)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integrations_platform.unified_sync.classify import classify
from integrations_platform.unified_sync.links import LinkView
from integrations_platform.unified_sync.plan import Plan, World
from integrations_platform.unified_sync.planner import observe
from integrations_platform.unified_sync.spec import SIDES, Direction
from integrations_platform.unified_sync.values import ABSENT, Value, to_json

SHOWN = 100  # disagreements listed; all are counted


@dataclass(frozen=True)
class Disagreement:
    """One field of one link on which the sides differ; ``known``: why, if a conflict or quarantine row says so."""

    link_id: str
    id_a: str | None
    id_b: str | None
    field: str
    value_a: Value
    value_b: Value
    known: str

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form."""
        shown = [None if value is ABSENT else to_json(value) for value in (self.value_a, self.value_b)]
        return {
            "link": self.link_id,
            "source_id": self.id_a,
            "target_id": self.id_b,
            "field": self.field,
            "source": shown[0],
            "target": shown[1],
            "known": self.known,
        }


@dataclass
class Agreement:
    """Outcome of one pass. ``explained``: differing fields that are parked or quarantined; ``unexplained``: the rest,
    which a sync that keeps its promises never has after a run. ``missing``: linked records not there on one side."""

    links: int = 0
    agreeing: int = 0
    explained: int = 0
    unexplained: int = 0
    missing: int = 0
    unlinked_a: int = 0
    unlinked_b: int = 0
    disagreements: list[Disagreement] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs that is not already known and waiting for somebody."""
        return self.unexplained == 0 and self.missing == 0

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {
            "agrees": self.agrees,
            "links": self.links,
            "agreeing": self.agreeing,
            "explained": self.explained,
            "unexplained": self.unexplained,
            "missing": self.missing,
            "unlinked_source": self.unlinked_a,
            "unlinked_target": self.unlinked_b,
            "disagreements": [item.to_data() for item in self.disagreements],
        }


def compare(world: World) -> Agreement:
    """Read every linked record of both sides and compare. Raises SideError."""
    classes = classify(world.links, world.listings["A"], world.listings["B"], everything=True)
    result = Agreement(unlinked_a=len(classes.new_a), unlinked_b=len(classes.new_b))
    for view, _ in observe(world, classes, Plan(world.spec, world.taken_at), trust_versions=False):
        if view.state.value != "active":
            continue
        result.links += 1
        if view.a.now is None or view.b.now is None:
            result.missing += 1
            result.disagreements.append(
                Disagreement(view.link_id, view.a.id, view.b.id, "(record)", None, None, "not there on one side")
            )
            continue
        differing = _differing(world, view)
        result.agreeing += not differing
        result.explained += sum(1 for item in differing if item.known)
        result.unexplained += sum(1 for item in differing if not item.known)
        result.disagreements += differing[: SHOWN - len(result.disagreements)]
    return result


def _differing(world: World, view: LinkView) -> list[Disagreement]:
    found = []
    held = [row.reason for side in SIDES if (row := world.quarantined.get(f"{view.link_id}:{side}")) is not None]
    for unit, places, policy in world.units:
        if policy.direction is Direction.NEVER:
            continue
        for place in places:
            name = place.spec.name
            value_a, value_b = (view.a.now or {}).get(name, ABSENT), (view.b.now or {}).get(name, ABSENT)
            if ABSENT in (value_a, value_b) or place.corresponds(value_a, value_b):
                continue
            known = "conflict" if (view.link_id, unit) in world.conflicts else "".join(held[:1])
            found.append(Disagreement(view.link_id, view.a.id, view.b.id, name, value_a, value_b, known))
    return found
