"""The mutation tool's own promises: what it leaves out, what it calls a survivor, and one broken engine noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integrations_platform_tests.proof.tool_mutation import Explanation, explanations, judge, try_modules
from integrations_platform_tests.proof.tool_mutation_sites import broken, sites

TEXT = '''
"""A module with 1 + 1 in words."""
from dataclasses import dataclass

@dataclass(frozen=True, slots=True)
class Pair:
    left: int | None
    right: int = 3

def more(pair: Pair, *, limit: int | None = None) -> bool | None:
    """Whether 2 > 1."""
    if limit is None:
        raise ValueError(f"no limit for {pair.left + pair.right}")
    dict(zip("ab", "cd", strict=True))
    return pair.left > limit
'''


def test_only_what_can_matter_is_broken() -> None:
    found = [(site, broken(site, TEXT)) for site in sites("any", TEXT)]
    lines = {mutant.line for _, mutant in found if mutant}
    assert lines == {
        "right: int = 3",
        "if limit is None:",
        "return pair.left > limit",
        "@dataclass(frozen=True, slots=True)",
    }
    assert {site.function for site, _ in found} == {"", "more"}
    becomes = {mutant.becomes for _, mutant in found if mutant}
    assert {"return pair.left >= limit", "if limit is not None:", "right: int = 4"} <= becomes


def _answer(**more: Any) -> dict[str, Any]:
    told = {"module": "planner", "function": "f", "operator": "Op", "number": 7, "line": "a > b", "becomes": "a < b"}
    return told | {"killed_by": "", "seconds": 0.1} | more


KNOWN = [Explanation("why not", module="planner", operator="Op", line="a > b")]


def test_a_survivor_nobody_explained_and_an_explanation_that_is_wrong_or_stale_are_faults() -> None:
    lives, dies, other = _answer(), _answer(killed_by="x::y"), _answer(line="c > d", becomes="c < d")
    assert judge([lives], KNOWN, everything=True).faults == []
    assert [item["line"] for item in judge([lives, other], KNOWN, everything=True).unexplained] == ["c > d"]
    assert "said to be harmless" in judge([dies], KNOWN, everything=True).wrong[0]
    stale = judge([_answer(line="c > d", killed_by="x::y")], KNOWN, everything=True).stale
    assert len(stale) == 1
    assert judge([other | {"killed_by": "x::y"}], KNOWN, everything=False).stale == []


def test_too_few_noticed_is_a_fault_of_its_own() -> None:
    answers = [_answer(line=f"line {number}", killed_by="x::y" if number % 2 else "") for number in range(10)]
    assert "planner: 50.0 % noticed, 90 % promised" in judge(answers, [], everything=False).faults


def test_every_explanation_says_why_and_what_it_is_about(tmp_path: Path) -> None:
    assert all(item.why for item in explanations())
    vague = tmp_path / "survivors.toml"
    vague.write_text('[[survivor]]\nmodule = "planner"\nwhy = "no reason"\n')
    with pytest.raises(ValueError, match="name an operator and a line"):
        explanations(vague)


def test_a_guard_broken_in_one_place_is_noticed() -> None:
    verdict = try_modules(
        ["guards"], files=["test_guards.py"], chance=False, only=[("guards", "_deletes", "AddNot", "")]
    )
    assert verdict.fault == ""
    assert [(answer["becomes"], bool(answer["killed_by"])) for answer in verdict.answers] == [
        ("if not count > allowed:", True)
    ]
