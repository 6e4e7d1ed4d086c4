"""The first sync of two large systems that hold the same people, spelled differently and some of them twice (P26,
P27)."""

from __future__ import annotations

import random
import time
from collections import Counter

from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.values import Value
from integrations_platform_tests.proof.part import Part, Shown
from integrations_platform_tests.proof.parts.big_side import big_story, fill
from integrations_platform_tests.unified_sync.arrange import Story, sync

AMBIGUOUS, ALONE = 0.05, 0.02  # shares of the records of a side
KINDS = ((2, 1), (1, 2), (2, 2), (3, 1))  # records of one person on A and on B


def people(number: int, drawn: random.Random) -> tuple[dict[SideName, list[dict[str, Value]]], dict[str, str]]:
    """``number`` records for each side, in no order; and by canonical e-mail: "pair", "alone" or "ambiguous"."""
    rows: dict[SideName, list[dict[str, Value]]] = {"A": [], "B": []}
    truth: dict[str, str] = {}
    while min(len(rows["A"]), len(rows["B"])) < number:
        name, chance = f"person{len(truth)}@example.org", drawn.random()
        truth[name] = "ambiguous" if chance < AMBIGUOUS * 0.6 else "alone" if chance > 1 - ALONE else "pair"
        copies = {"pair": (1, 1), "alone": drawn.choice(((1, 0), (0, 1))), "ambiguous": drawn.choice(KINDS)}
        for side, count in zip(rows, copies[truth[name]], strict=True):
            for _ in range(count):
                spelled = drawn.choice((name, name.title(), f" {name.upper()} "))
                rows[side].append({"email": spelled, "name": f"Name of {name}", "city": drawn.choice(("Bern", "Bonn"))})
    for side in rows.values():
        drawn.shuffle(side)
    return rows, truth


def person(story: Story, side: SideName, record_id: str | None) -> str:
    """The canonical e-mail of a record."""
    return str(story.sides[side].rows[record_id or ""].values["email"]).strip().lower()


def check(story: Story, truth: dict[str, str], before: dict[SideName, set[str]]) -> Counter[str]:
    """Every link joins two records of one person who is there once on each side; what was created is what was alone."""
    counts: Counter[str] = Counter()
    for link in story.links:
        name, twin = person(story, "A", link.id_a), person(story, "B", link.id_b)
        assert name == twin, f"P26: {name} linked to {twin}"
        assert truth[name] != "ambiguous", f"P27: {name} is there several times and was linked"
        counts["linked"] += truth[name] == "pair"
    for side, known in before.items():
        for record_id in set(story.sides[side].rows) - known:
            assert truth[person(story, side, record_id)] == "alone", "P26: a matched record was created again"
            counts["created"] += 1
    wanted = Counter(truth.values())
    assert counts["linked"] == wanted["pair"], f"P26: {counts['linked']} linked of {wanted['pair']}"
    assert counts["created"] == wanted["alone"], f"P9: {counts['created']} created of {wanted['alone']}"
    counts["in quarantine"] = len(story.held())
    return counts


def trial(size: int) -> tuple[Counter[str], float]:
    """One first sync, timed, and a second run that writes nothing."""
    drawn = random.Random(f"first sync {size}")
    rows, truth = people(size, drawn)
    story = big_story(sync(batch_size=500))
    fill(story, rows)
    before = {side: set(story.sides[side].rows) for side in story.sides}
    begun = time.monotonic()
    story.run()
    seconds = time.monotonic() - begun
    counts = check(story, truth, before)
    writes = story.writes
    story.run()
    assert story.writes == writes, "P1: the second run wrote"
    ambiguous = sum(1 for values in rows["A"] + rows["B"] if truth[str(values["email"]).strip().lower()] == "ambiguous")
    assert counts["in quarantine"] == ambiguous, f"P27: {counts['in quarantine']} set aside of {ambiguous}"
    return counts | Counter({"records": len(rows["A"]) + len(rows["B"])}), seconds


def _run(size: int, _processes: int) -> Shown:
    try:
        counts, seconds = trial(size)
    except AssertionError as fault:
        return Shown(f"{size}", f"does not hold: {fault}", {}, (f"{size:,} × {size:,}: {fault}",))
    share = 100 * counts["in quarantine"] / counts["records"]
    return Shown(
        f"{size}",
        f"{size:,} × {size:,} in {seconds:.0f} s ({counts['records'] / seconds:,.0f} records/s, systems in memory): 0 "
        f"wrong links in {counts['linked']:,}, 0 creates for matched ({counts['created']:,} for those alone), "
        f"{counts['in quarantine']:,} ambiguous ones ({share:.0f} %) set aside and not written; the second run wrote 0",
        {**counts, "seconds of the run": seconds},
    )


FIRST_SYNC = Part(
    "first-sync",
    "First sync",
    "100k × 100k with 5 % ambiguous: 0 wrong links, 0 creates for matched",
    "records a side",
    {"quick": 1_000, "short": 5_000, "nightly": 100_000},
    _run,
)
