"""``manual``: decisions raced with edits, before and after they are taken, and inside the very run that carries them
out (P21, P22)."""

from __future__ import annotations

import random
from collections import Counter

from integrations_platform.unified_sync.spec import SIDES, SideName, Strategy
from integrations_platform.unified_sync.store import DecisionRefused
from integrations_platform_tests.proof.part import Part, Shown, seeds
from integrations_platform_tests.proof.trials import try_seeds
from integrations_platform_tests.simulation.declared import EDITABLE
from integrations_platform_tests.simulation.sides import Nature
from integrations_platform_tests.simulation.world import Faults, World

CONFLICTS = 8  # in one world


class Race(World):
    """A world whose users have only one thing in mind: the fields that are in dispute."""

    def user_step(self) -> None:
        """A user edits a field of a record that was in dispute when the race began."""
        side: SideName = self.random.choice(SIDES)
        live = [row for row in self.sides[side].rows.values() if not row.archived]
        row = self.random.choice(live)
        twin = self.counterpart(side, row)
        fresh = self.truth.token("name")
        value = twin.values["name"] if twin is not None and self.random.random() < 0.1 else fresh
        self.edit(side, row, "name", value)
        self.counts["edits inside a run"] += not self.quiet
        self.counts["raced edits"] += 1


def trial(seed: int) -> Counter[str]:
    """Conflicts, decisions on what their rows show, and edits around every one of them. What a decision's author had
    not seen is checked at the moment of each write, and all that was ever typed when everything is at rest."""
    drawn = random.Random(f"manual {seed}")
    natures = [Nature(returns_record=drawn.random() < 0.5, lower_cases=drawn.random() < 0.2) for _ in SIDES]
    world = Race(seed, Strategy.MANUAL, *natures)
    for _ in range(CONFLICTS):
        world.create("A", {column: world.truth.token(column) for column in EDITABLE})
    world.run()
    for row in list(world.sides["A"].rows.values()):
        twin = world.counterpart("A", row)
        assert twin is not None
        world.edit("A", row, "name", world.truth.token("name"))
        world.edit("B", twin, "name", world.truth.token("name"))
    world.run()
    opened = world.store.conflicts("sim")
    assert len(opened) == CONFLICTS, f"P9: {len(opened)} conflicts opened of {CONFLICTS}"
    for _ in range(drawn.randint(2, 4)):
        _decide(world, drawn)
        for _ in range(drawn.randint(0, 3)):
            world.user_step()
        world.run(Faults(user=drawn.choice((0.0, 0.1, 0.3)), crash=drawn.choice((0.0, 0.0, 0.05))))
    world.settle()
    counts = world.counts
    counts["conflicts"] = len(world.store.memory.conflicts)
    return Counter({name: counts[name] for name in counts if name in COUNTED})


COUNTED = (
    "conflicts",
    "decisions",
    "decisions refused",
    "raced edits",
    "edits inside a run",
    "update written",
    "crashes",
)


def _decide(world: Race, drawn: random.Random) -> None:
    """A person looks at all open rows; users go on; then the person decides on what was seen."""
    rows = [row for row in world.store.conflicts("sim") if row.unit and drawn.random() < 0.8]
    for _ in range(drawn.choice((0, 0, 1, 3))):
        world.user_step()
    if drawn.random() < 0.3:
        world.run()  # rows that changed meanwhile have another number now
    for row in rows:
        choice = drawn.choice(("A", "B", "base", "value") if row.base else ("A", "B", "value"))
        value = f'{{"{row.unit}": "{world.truth.token(row.unit)}"}}' if choice == "value" else None
        try:
            world.store.decide("sim", row.conflict_id, row.n, choice, value, "clerk", world.tick(), "")
        except DecisionRefused:
            world.counts["decisions refused"] += 1
        else:
            world.counts["decisions"] += 1


def _run(size: int, processes: int) -> Shown:
    found = try_seeds(trial, size, processes)
    counts = found.counts
    return Shown(
        seeds(size),
        f"{counts['conflicts']:,} conflicts, {counts['decisions']:,} decisions raced with {counts['raced edits']:,} "
        f"edits ({counts['edits inside a run']:,} inside a run, {counts['crashes']:,} runs killed): "
        f"{counts['violations']} values overwritten unseen; {counts['decisions refused']:,} decisions refused at "
        f"once because the row had moved",
        counts,
        tuple(found.violations),
    )


MANUAL = Part(
    "manual",
    "Manual",
    "1,000 conflicts, resolutions raced with edits: 0 values overwritten unseen (sides with compare-and-set)",
    f"worlds × {CONFLICTS} conflicts",
    {"quick": 5, "short": 130, "nightly": 2_000},
    _run,
)
