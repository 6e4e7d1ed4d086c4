"""``latest``: both sides changed one field at times that are truly known, and clocks tell of it what they can
(P17–P20)."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta

from integrations_platform.unified_sync.port import Kind
from integrations_platform.unified_sync.spec import SIDES, SideName, Strategy, other
from integrations_platform_tests.proof.part import Part, Shown, seeds
from integrations_platform_tests.proof.trials import try_seeds
from integrations_platform_tests.simulation.sides import Nature
from integrations_platform_tests.simulation.world import World

PAIRS = 40  # in one world, each changed on both sides
TICK = timedelta(milliseconds=7)  # a world's clock moves by this when a stamp is given
LEFT, RIGHT = "left", "right"


@dataclass(frozen=True)
class Meeting:
    """One record changed on both systems: how long after the quiet, in seconds, by system."""

    name: str
    after: dict[str, float]

    @property
    def later(self) -> str | None:
        """The system whose change is truly the later one; None: at the same moment."""
        if self.after[LEFT] == self.after[RIGHT]:
            return None
        return max(self.after, key=lambda system: self.after[system])

    @property
    def apart(self) -> float:
        """Seconds between the two."""
        return abs(self.after[LEFT] - self.after[RIGHT])


def natures(drawn: random.Random) -> dict[str, Nature]:
    """Two systems: clocks up to five minutes wrong, stamps that are missing, rounded, or from the future."""
    kind = drawn.choice(("history", "history", "history", "mixed", "records", "undated", "future"))
    found = {}
    for system in (LEFT, RIGHT):
        nature = Nature(
            history=kind in ("history", "undated", "future") or (kind == "mixed" and system == LEFT),
            skew=drawn.choice((0.0, 3.0, -3.0, drawn.uniform(-300, 300), 300.0, -300.0)),
            uncertainty=drawn.choice((0.001, 0.001, 0.05, 2.0, 30.0)),
            whole_seconds=drawn.random() < 0.3,
        )
        if kind == "undated" and (system == LEFT or drawn.random() < 0.3):
            nature = replace(nature, undated=1.0, history=False)  # a side with histories dates every change
        if kind == "future" and (system == LEFT or drawn.random() < 0.3):
            nature = replace(nature, future=1.0)
        found[system] = nature
    return found


def meetings(drawn: random.Random) -> list[Meeting]:
    """Changes on both systems at true times from the same moment to half an hour apart."""
    found = []
    for number in range(PAIRS):
        first = round(drawn.uniform(60, 3000), 3)
        apart = drawn.choice((0.0, 0.1, 1.0, 10.0, 300.0, 1800.0)) * drawn.uniform(0.1, 1.0)
        times = [first, round(first + apart, 3)]
        drawn.shuffle(times)
        found.append(Meeting(f"m{number}", dict(zip((LEFT, RIGHT), times, strict=True))))
    return found


def outcome(
    seed: int, systems: dict[str, Nature], drawn: list[Meeting], *, mirrored: bool
) -> tuple[dict[str, str], bool]:
    """By record: the system whose value won, or "parked"; and whether the future was warned of."""
    place: dict[str, SideName] = {LEFT: "B", RIGHT: "A"} if mirrored else {LEFT: "A", RIGHT: "B"}
    systems_of = {side: system for system, side in place.items()}
    world = World(seed, Strategy.LATEST, systems[systems_of["A"]], systems[systems_of["B"]], mirrored=mirrored)
    rows = {}
    for system, side in place.items():
        world.sides[side].random = random.Random(f"{seed} {system}")
    for meeting in drawn:
        values = {"email": f"{meeting.name}@x.org", "name": "before", "city": "Bern"}
        rows[meeting.name] = {side: world.sides[side].insert(values) for side in SIDES}
    world.run()
    for meeting in drawn[::2]:  # half of them carry stamps of our own writes, which are nobody's evidence (P20)
        row = rows[meeting.name]["A" if not mirrored else "B"]
        world.edit("A" if not mirrored else "B", row, "name", f"carried over {meeting.name}")
    world.run()
    world.run()
    begin = world.now + timedelta(seconds=1)
    edits = [(meeting.after[system], system, meeting.name) for meeting in drawn for system in place]
    for after, system, name in sorted(edits):
        at = begin + timedelta(seconds=after)
        world.now = at - TICK  # the stamp is given at the very moment
        world.edit(place[system], rows[name][place[system]], "name", f"{name} of {system}")
    world.now = max(world.now, begin + timedelta(seconds=6000))
    report = world.run()
    assert report is not None
    assert report.plan is not None
    links = {link.id_a: link.link_id for link in world.store.memory.links.values()}
    found: dict[str, str] = {}
    names = {links[rows[meeting.name]["A"].id]: meeting.name for meeting in drawn}
    for operation in report.plan.operations:
        assert operation.kind is Kind.UPDATE, f"P17: {operation.kind} of {operation.link_id}"
        found[names[operation.link_id]] = systems_of[other(operation.side)]
    for conflict in report.plan.opened:
        assert names[conflict.link_id] not in found, f"P21: {conflict.link_id} parked and written"
        found[names[conflict.link_id]] = "parked"
    return found, any("modified in the future" in warning for warning in report.warnings)


def trial(seed: int) -> Counter[str]:
    """Both sides change, one run decides, and the mirrored world decides the same."""
    drawn = random.Random(f"latest {seed}")
    systems, changes = natures(drawn), meetings(drawn)
    decided, warned = outcome(seed, systems, changes, mirrored=False)
    in_mirror, _ = outcome(seed, systems, changes, mirrored=True)
    counts: Counter[str] = Counter()
    dated = {system for system, nature in systems.items() if not nature.undated and not nature.future}
    sure = sum(_error(nature) for nature in systems.values())
    both_kept = dated == {LEFT, RIGHT} and all(nature.history for nature in systems.values())
    for meeting in changes:
        winner = decided[meeting.name]
        assert winner in ("parked", meeting.later), f"P17: {winner} won, {meeting} of {systems}"
        proved = both_kept and meeting.apart > 2 * sure
        assert not proved or winner != "parked", f"P17: {meeting} parked though its order is proved, {systems}"
        assert winner == "parked" or len(dated) == 2, f"P19: {meeting} decided on a stamp that proves nothing"
        assert winner == in_mirror[meeting.name], f"P18: {winner} won, and {in_mirror[meeting.name]} in the mirror"
        counts["parked" if winner == "parked" else "decided"] += 1
        counts["at the same moment, parked"] += meeting.later is None
        counts["order proved, decided"] += proved
        counts["stamps missing, parked"] += any(nature.undated for nature in systems.values())
        counts["stamps from the future, parked"] += any(nature.future for nature in systems.values())
        counts["apart by less than the clocks' difference, decided"] += winner != "parked" and meeting.apart < abs(
            systems[LEFT].skew - systems[RIGHT].skew
        )
    if any(nature.future and nature.dates_records for nature in systems.values()):
        assert warned, "P19: stamps from the future, and nobody was told"
        counts["alerts of a clock in the future"] += 1
    return counts


def _error(nature: Nature) -> float:
    return 2 * nature.uncertainty + (2.0 if nature.whole_seconds else 0.0) + 0.02


def _run(size: int, processes: int) -> Shown:
    found = try_seeds(trial, size, processes)
    counts = found.counts
    return Shown(
        seeds(size),
        f"{counts['decided']:,} decided by proof: {counts['violations']} worlds with a wrong winner "
        f"({counts[SMALL]:,} of them closer together than the clocks are apart); all "
        f"{counts['order proved, decided']:,} with a provable order decided; parked: "
        f"{counts['at the same moment, parked']:,} of the same moment, {counts['stamps missing, parked']:,} "
        f"undated, {counts['stamps from the future, parked']:,} dated in the future (each side told); the mirror "
        f"decided all the same",
        counts,
        tuple(found.violations),
    )


SMALL = "apart by less than the clocks' difference, decided"

LATEST = Part(
    "latest",
    "latest",
    "skew ±5 min, equal, missing, future: 0 wrong winners in ≥ 10,000 decided, ties parked, symmetric",
    f"worlds × {PAIRS} changes",
    {"quick": 6, "short": 60, "nightly": 1_200},
    _run,
)
