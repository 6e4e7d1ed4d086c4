"""A batch of a hundred with bad records in it: exactly those are set aside, and the rest is written (P15, P16)."""

from __future__ import annotations

import math
import random

import pytest

from integrations_platform.unified_sync.port import Write
from integrations_platform_tests.unified_sync.arrange import Story


def crowd(number: int) -> Story:
    story = Story()
    for index in range(number):
        story.a.insert({"email": f"p{index}@x.org", "name": f"P{index}", "city": "Bern"})
    return story


def bad(write: Write) -> bool:
    return str(write.values.get("city", "")).startswith("bad")


@pytest.mark.parametrize("kind", ["create", "update"])
@pytest.mark.parametrize("k", [0, 1, 2, 3, 7, 50, 99, 100])
def test_p15_p16_k_bad_records_in_a_hundred_are_quarantined_and_the_rest_is_written(k: int, kind: str) -> None:
    story = crowd(100)
    if kind == "update":
        story.settle()
    chosen = random.Random(k).sample(story.a.live(), k)
    for row in story.a.live():
        story.a.edit(row, city="bad" if row in chosen else "good")
    story.b.refuses = bad
    before = story.b.write_calls
    report = story.run()
    assert (report.counts["applied_b"], report.counts["rejected_b"]) == (100 - k, k)
    assert {row.values["email"] for row in story.b.live() if row.values["city"] == "good"} == {
        row.values["email"] for row in story.a.live() if row not in chosen
    }
    assert len(story.held()) == k
    assert story.b.write_calls - before <= 1 + 2 * k * math.ceil(math.log2(100))
    before = story.b.write_calls
    again = story.run()
    assert story.b.write_calls == before, "a refused operation is not sent again while nothing changed"
    assert again.counts["rejected_b"] == k
    assert again.exit_code == (3 if k else 0)
