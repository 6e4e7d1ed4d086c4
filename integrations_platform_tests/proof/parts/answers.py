"""What sides answer: nothing, something else than they did, or a refusal of a whole batch (P10, P11, P12, P15, P16)."""

from __future__ import annotations

import copy
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from integrations_platform.unified_sync.port import Outcome, Status, Write
from integrations_platform.unified_sync.spec import Strategy
from integrations_platform.unified_sync.store import OpState
from integrations_platform_tests.proof.part import Part, Shown, seeds
from integrations_platform_tests.proof.trials import try_seeds
from integrations_platform_tests.simulation.history import draw, replay
from integrations_platform_tests.simulation.world import Faults
from integrations_platform_tests.unified_sync.arrange import Story, shown
from integrations_platform_tests.unified_sync.story_side import ABLE, Nature, Row

# Answers that are lost


def lost_answers(seed: int) -> Counter[str]:
    """A history in which three of ten answers are lost after the write took effect."""
    history = draw(seed, list(Strategy)[seed % 4], "rough", 16)
    natures = {side: replace(getattr(history, side), lost=0.3, lies=0.0) for side in ("left", "right")}
    world = replay(replace(history, **natures, faults=Faults()))
    counts = Counter({"answers lost": sum(side.answers_lost for side in world.sides.values())})
    for side in world.sides.values():
        counts["write calls"] += side.write_calls
        live = Counter(row.link_id for row in side.rows.values() if row.link_id and not row.archived)
        assert not [name for name, number in live.items() if number > 1], f"P10: {live}"
        counts["records created"] += sum(side.created.values())
    return counts


def _run_lost(size: int, processes: int) -> Shown:
    found = try_seeds(lost_answers, size, processes)
    counts = found.counts
    share = 100 * counts["answers lost"] / max(1, counts["write calls"])
    return Shown(
        seeds(size),
        f"{counts['answers lost']:,} answers lost after the write ({share:.0f} % of {counts['write calls']:,} write "
        f"calls, the runs that bring the world to rest included): {counts['violations']} histories with a duplicate or "
        f"any other violation; {counts['records created']:,} records created",
        counts,
        tuple(found.violations),
    )


LOST = Part(
    "lost-answers",
    "Lost responses",
    "30 % of responses dropped after apply: 0 duplicates",
    "histories",
    {"quick": 10, "short": 300, "nightly": 10_000},
    _run_lost,
)

# Answers that lie

Lie = Callable[[list[Write], list[Outcome]], list[Outcome]]


def _bare(outcomes: list[Outcome]) -> list[Outcome]:
    return [replace(item, record=None) for item in outcomes]


LIES: dict[str, Lie] = {
    "2xx and empty": lambda _w, _o: [],
    "some results missing": lambda _w, outcomes: outcomes[::2],
    "no ids in the results": lambda _w, outcomes: [replace(item, op_id="", id=None, record=None) for item in outcomes],
    "results doubled": lambda _w, outcomes: outcomes + outcomes,
    "results in another order": lambda _w, outcomes: outcomes[::-1],
    "results that contradict each other": lambda _w, outcomes: [
        *outcomes,
        *(replace(item, status=Status.REJECTED, record=None) for item in outcomes),
    ],
    "results of operations nobody sent": lambda _w, outcomes: [Outcome("nobody's", Status.APPLIED, "x"), *outcomes],
    "results about other records": lambda _w, outcomes: [
        replace(item, id=twin.id, record=twin.record)
        for item, twin in zip(outcomes, outcomes[1:] + outcomes[:1], strict=True)
    ],
    "success, then rolled back": lambda _w, outcomes: _bare(outcomes),
    "2xx and empty, nothing done": lambda _w, _o: [],
}
UNDONE = ("success, then rolled back", "2xx and empty, nothing done")


class Liar:
    """Makes side B of a story lie about its next few batches in one way."""

    def __init__(self, story: Story, kind: str, times: int) -> None:
        self.story, self.kind, self.left, self.told = story, kind, times, 0
        self.before: dict[str, Row] = {}
        story.at = self.at
        story.b.answers = self.answer

    def at(self, point: str) -> None:
        """Remember what a rolled back write leaves behind."""
        if point == "before write":
            self.before = copy.deepcopy(self.story.b.rows)

    def answer(self, writes: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
        """The lie, or the truth when there have been enough."""
        if self.left == 0:
            return outcomes
        self.left -= 1
        self.told += 1
        if self.kind in UNDONE:
            self.story.b.rows = copy.deepcopy(self.before)
        return LIES[self.kind](writes, outcomes)


def lies(seed: int) -> Counter[str]:
    """One kind of lie about creates, updates and archivings: the report says what really happened, no base says
    anything else than the side shows, and the honest runs after it end in agreement without a duplicate."""
    drawn = random.Random(f"lies {seed}")
    kind = list(LIES)[seed % len(LIES)]
    story = Story()
    story.b.nature = Nature(returns_record=drawn.random() < 0.5)
    story.b.able = replace(ABLE, receipts=drawn.random() < 0.7)
    for index in range(drawn.randint(2, 8)):
        story.a.insert({"email": f"p{index}@x.org", "name": f"P{index}", "city": "Bern"})
    story.settle()
    people = story.a.live()
    drawn.shuffle(people)
    for row in people[: drawn.randint(0, 2)]:
        story.a.remove(row)
    for row in story.a.live():
        if drawn.random() < 0.7:
            story.a.edit(row, city=f"New {drawn.random()}")
    for index in range(drawn.randint(1, 4)):
        story.a.insert({"email": f"n{index}@x.org", "name": f"N{index}", "city": "Bonn"})
    liar = Liar(story, kind, drawn.randint(1, 4))
    report = story.run()
    assert report.plan is not None
    planned = {operation.op_id for operation in report.plan.operations if operation.side == "B"}
    done = planned & {row.last_op for row in story.b.rows.values()}
    believed = {
        name
        for name, intent in story.store.memory.intents.items()
        if name in planned and intent.state is OpState.APPLIED
    }
    assert believed <= done, f"P12: {kind}: {len(believed - done)} of {len(planned)} writes believed that were not done"
    said = report.counts["applied_b"] + report.counts["already_b"]
    assert said == len(believed), f"P11: {kind}: {said} told, {len(believed)} done"
    _bases_are_true(story, kind)
    story.b.answers = None
    story.settle()
    _bases_are_true(story, kind)
    assert shown(story.a) == shown(story.b), f"P2: after {kind} the sides differ"
    assert max(story.b.created.values(), default=0) <= 1 + len(UNDONE) * 4 * (kind in UNDONE), f"P10: {kind}"
    assert len(story.b.live()) == len(story.a.live()), f"P10: {kind}: {len(story.b.live())} for {len(story.a.live())}"
    return Counter({"lies told": liar.told, f"lie: {kind}": liar.told, "writes lied about": len(planned)})


def _bases_are_true(story: Story, kind: str) -> None:
    """No base says anything else than its side shows, nobody having edited meanwhile."""
    for link in story.store.memory.links.values():
        row = story.b.rows.get(link.id_b or "")
        if link.values_b is None and link.values_a is None:
            continue
        text = link.values_b or link.values_a or ""
        if row is None or link.state.value != "active" or link.version_b != str(row.version):
            continue
        for value in row.values.values():
            assert value is None or f'"{value}"' in text, f"P12: {kind}: base {text}, shown {row.values}"


def _run_lies(size: int, processes: int) -> Shown:
    found = try_seeds(lies, size, processes)
    counts = found.counts
    kinds = "; ".join(f"{name} {counts[f'lie: {name}']:,}" for name in LIES)
    return Shown(
        seeds(size),
        f"{counts['lies told']:,} lying answers ({kinds}): {counts['violations']} believed where nothing was done, "
        f"wrong in a base, or followed by a difference or a duplicate",
        counts,
        tuple(found.violations),
    )


SILENT = Part(
    "silent-lies",
    "Silent lies",
    "2xx empty, no ids, doubled, another order, rolled back: each detected, 0 wrong bases",
    "stories",
    {"quick": 3 * len(LIES), "short": 600, "nightly": 10_000},
    _run_lies,
)

# Batches with bad records in them

BATCH = 100


def bad(write: Write) -> bool:
    """What the side refuses, and the whole batch with it."""
    return str(write.values.get("city", "")).startswith("bad")


def batch(seed: int) -> Counter[str]:
    """A hundred writes of which ``seed % 101`` are refused, at drawn positions: created, or updated."""
    drawn, k = random.Random(f"batch {seed}"), seed % (BATCH + 1)
    story = Story()
    for index in range(BATCH):
        story.a.insert({"email": f"p{index}@x.org", "name": f"P{index}", "city": "Bern"})
    updates = (seed // (BATCH + 1)) % 2 == 1
    if updates:
        story.settle()
    chosen = {row.id for row in drawn.sample(story.a.live(), k)}
    for row in story.a.live():
        story.a.edit(row, city="bad" if row.id in chosen else "good")
    story.b.refuses = bad
    before = story.b.write_calls
    report = story.run()
    calls, most = story.b.write_calls - before, 1 + 2 * k * math.ceil(math.log2(BATCH))
    applied, rejected = report.counts["applied_b"], report.counts["rejected_b"]
    assert (applied, rejected, len(story.held())) == (BATCH - k, k, k), f"P15: {k} bad: {applied} applied, {rejected}"
    assert calls <= most, f"P16: {k} bad took {calls} calls, {most} are allowed"
    good = {row.values["email"] for row in story.b.live() if row.values["city"] == "good"}
    assert good == {row.values["email"] for row in story.a.live() if row.id not in chosen}, "P15: others were touched"
    return Counter({"batches": 1, "calls": calls, "bad records": k, "of updates": int(updates)})


def _run_batches(size: int, processes: int) -> Shown:
    found = try_seeds(batch, size, processes)
    counts = found.counts
    return Shown(
        f"{seeds(size)}, k = seed mod 101",
        f"{counts['batches']:,} batches of {BATCH}, k = 0…100: exactly k quarantined and {BATCH} − k applied in all "
        f"but {counts['violations']}; {counts['calls']:,} calls for {counts['bad records']:,} bad records, each "
        f"batch within 1 + 2k·⌈log₂ 100⌉",
        counts,
        tuple(found.violations),
    )


BATCHES = Part(
    "batches",
    "Batch of 100, k bad",
    "k = 0…100, all positions sampled: exactly k quarantined, 100 − k applied, ≤ 1 + 2k·⌈log₂ 100⌉ calls",
    "batches",
    {"quick": 101, "short": 404, "nightly": 10_100},
    _run_batches,
)
