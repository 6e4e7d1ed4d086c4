"""Guards: plans over a limit, and listings that are not whole, drawn by the thousand (P6, P34)."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from integrations_platform.unified_sync.port import Kind
from integrations_platform.unified_sync.spec import SIDES, Guards, SideName, other
from integrations_platform_tests.proof.part import Part, Shown, seeds
from integrations_platform_tests.proof.trials import try_seeds
from integrations_platform_tests.unified_sync.arrange import Story, sync
from integrations_platform_tests.unified_sync.story_side import Row

CASES = 20  # cases tried on one crowd; a refused plan leaves it as it was


def crowd(drawn: random.Random, guards: Guards) -> Story:
    """So many people, linked and at rest."""
    story = Story(sync(guards=guards))
    for index in range(drawn.randint(4, 30)):
        drawn.choice((story.a, story.b)).insert({"email": f"p{index}@x.org", "name": f"P{index}", "city": "Bern"})
    story.settle()
    return story


def over_the_limit(seed: int) -> Counter[str]:
    """Plans above one guard each, and innocent edits beside it: nothing of any kind is written by any of them. At the
    very limit the same guard says nothing."""
    drawn = random.Random(f"guards {seed}")
    story = crowd(drawn, Guards(max_deletes=1000, change_floor=10_000))
    counts: Counter[str] = Counter()
    calm = _rows(story)
    for _ in range(CASES):
        name = drawn.choice(list(TRIPS))
        guard, at_limit = TRIPS[name](story, drawn)
        story.spec = replace(story.spec, guards=guard)
        beside = story.a if story.a.rows else story.b
        beside.insert({"email": "innocent@x.org", "name": "Ian"})
        before = _everything(story)
        report = story.run(attended=drawn.random() < 0.5)
        assert name in {item.guard for item in report.refusals}, f"P34: {name} said nothing of {guard}"
        assert _everything(story) == before, f"P34: written although {name} refused the plan ({guard})"
        counts["plans over a limit"] += 1
        counts[f"over {name}"] += 1
        if at_limit is not None:
            story.spec = replace(story.spec, guards=at_limit)
            assert name not in {item.guard for item in story.plan().refusals}, f"{name} refused a plan at its limit"
            counts["plans at a limit, let pass"] += 1
        for side in SIDES:
            story.sides[side].rows = copy.deepcopy(calm[side])
            story.sides[side].unlisted.clear()
    return counts


Tripped = tuple[Guards, Guards | None]  # limits the plan is above; limits it just keeps


def _deletes(story: Story, drawn: random.Random) -> Tripped:
    side = story.sides[drawn.choice(SIDES)]
    links = len(side.live())
    gone = drawn.randint(1, links - 1)
    for row in drawn.sample(side.live(), gone):
        side.remove(row)
    small = (gone - 0.5) / links  # int(fraction × links) is then gone - 1
    over = drawn.choice((Guards(max_deletes=gone - 1, max_delete_fraction=0.0), Guards(0, small)))
    at = drawn.choice((Guards(max_deletes=gone, max_delete_fraction=0.0), Guards(0, (gone + 0.5) / links)))
    return replace(over, change_floor=10_000), replace(at, change_floor=10_000)


def _empty_side(story: Story, drawn: random.Random) -> Tripped:
    drawn.choice((story.a, story.b)).rows.clear()
    return Guards(max_deletes=1000, change_floor=10_000), None


def _mass_change(story: Story, drawn: random.Random) -> Tripped:
    side = story.sides[drawn.choice(SIDES)]
    links = len(side.live())
    touched = drawn.randint(1, links)
    for row in drawn.sample(side.live(), touched):
        side.edit(row, city=f"New {drawn.random()}")
    loose = Guards(max_deletes=1000, change_floor=min(links, 2))
    over = replace(loose, max_change_fraction=(touched - 0.5) / links)
    return over, replace(loose, max_change_fraction=(touched + 0.5) / links)


def _canary(story: Story, drawn: random.Random) -> Tripped:
    name: SideName = drawn.choice(SIDES)
    row = drawn.choice(story.sides[name].live())
    drawn.choice((story.sides[name].unlisted.add, story.sides[name].rows.pop))(row.id)
    loose = Guards(max_deletes=1000, change_floor=10_000)
    there = next(item for item in story.sides[name].live() if item.id != row.id)
    return replace(loose, canary={name: row.id}), replace(loose, canary={name: there.id})


TRIPS: Mapping[str, Callable[[Story, random.Random], Tripped]] = {
    "deletes": _deletes,
    "empty_side": _empty_side,
    "mass_change": _mass_change,
    "canary": _canary,
}


def never_run_before(seed: int) -> Counter[str]:
    """A first plan that nobody watches is refused whatever is in it."""
    drawn = random.Random(f"first {seed}")
    story = Story()
    for index in range(drawn.randint(1, 12)):
        values = {"email": f"p{index}@x.org", "name": f"P{index}"}
        for side in drawn.choice(((story.a,), (story.b,), (story.a, story.b))):
            side.insert(values | {"city": drawn.choice(("Bern", "Basel"))})
    story.a.insert({"email": "first@x.org"})
    before = _everything(story)
    report = story.run(attended=False)
    assert {item.guard for item in report.refusals} == {"first_plan"}, "P34: a first plan went unwatched"
    assert _everything(story) == before, "P34: an unwatched first plan wrote"
    return Counter({"plans over a limit": 1, "over first_plan": 1})


def not_whole(seed: int) -> Counter[str]:
    """Listings that leave out records, from one to all, those that are there and those that were really deleted:
    nothing is planned to be removed because of one. A listing may even call itself whole: what can be read is there."""
    drawn = random.Random(f"listing {seed}")
    story = crowd(drawn, Guards(max_deletes=1000, change_floor=10_000))
    counts: Counter[str] = Counter()
    calm = _rows(story)
    for _ in range(CASES):
        sides = drawn.choice((("A",), ("B",), ("A", "B")))
        lies = drawn.random() < 0.2
        for name in sides:
            side = story.sides[name]
            out = drawn.sample(side.live(), drawn.randint(1, len(side.rows)))
            side.unlisted |= {row.id for row in out}
            side.lies = lies
            if not lies:
                for row in drawn.sample(out, drawn.randint(0, len(out) - 1)):
                    side.remove(row)
            for row in side.live():
                if drawn.random() < 0.2:
                    side.edit(row, city=f"New {drawn.random()}")
        plan = story.plan()
        removed = [op for op in plan.operations if op.kind in (Kind.ARCHIVE, Kind.DELETE) and other(op.side) in sides]
        assert not removed, f"P6: {len(removed)} records removed for want of a whole listing of {sides}"
        counts["incomplete listings"] += not lies
        counts["listings that call themselves whole"] += lies
        for name in SIDES:
            side = story.sides[name]
            side.rows, side.lies = copy.deepcopy(calm[name]), False
            side.unlisted.clear()
    return counts


def _rows(story: Story) -> dict[SideName, dict[str, Row]]:
    return {side: copy.deepcopy(story.sides[side].rows) for side in SIDES}


def _everything(story: Story) -> str:
    """What no refused plan may change: records with their tags, links, bases, conflicts, the number of calls."""
    return f"{story.a.rows} {story.b.rows} {story.store.memory.essence()} {story.writes}"


def both(seed: int) -> Counter[str]:
    """One crowd of each kind."""
    return over_the_limit(seed) + never_run_before(seed) + not_whole(seed)


def _run(size: int, processes: int) -> Shown:
    found = try_seeds(both, size, processes)
    counts = found.counts
    return Shown(
        seeds(size),
        f"{counts['plans over a limit']:,} plans over a limit: {counts['violations']} wrote anything; "
        f"{counts['plans at a limit, let pass']:,} at the limit: none refused; {counts['incomplete listings']:,} "
        f"incomplete listings and {counts['listings that call themselves whole']:,} that call themselves whole: "
        "0 deletes for it",
        counts,
        tuple(found.violations),
    )


GUARDS = Part(
    "guards",
    "Guards",
    "100 % of plans above limits stop with 0 writes; incomplete listing of any size: 0 deletes in 10,000 cases",
    f"crowds × {CASES} cases",
    {"quick": 3, "short": 40, "nightly": 650},
    _run,
)
