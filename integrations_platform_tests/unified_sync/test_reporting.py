"""What a run says of itself, and an audit that cannot be quietly rewritten (P11)."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform.unified_sync.port import ErrorKind, SideError
from integrations_platform.unified_sync.report import OUTCOMES, RunReport, RunStatus
from integrations_platform.unified_sync.store import Role, StoredAuditEntry
from integrations_platform_tests.unified_sync.arrange import Story

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def report(**counts: int) -> RunReport:
    made = RunReport("story", "run1", NOW, counts=Counter(counts))
    made.conclude()
    return made


@pytest.mark.parametrize(
    ("counts", "status", "code"),
    [
        ({}, RunStatus.SUCCEEDED, 0),
        ({"planned_b": 3, "applied_b": 2, "already_b": 1}, RunStatus.SUCCEEDED, 0),
        *[({"planned_a": 2, "applied_a": 1, f"{name}_a": 1}, RunStatus.PARTIAL, 3) for name in OUTCOMES[2:]],
    ],
)
def test_a_partial_success_is_called_partial(counts: dict[str, int], status: RunStatus, code: int) -> None:
    made = report(**counts)
    assert (made.status, made.exit_code) == (status, code)
    assert set(made.unaccounted().values()) == {0}


def test_p11_whatever_has_no_outcome_is_shown() -> None:
    assert report(planned_a=3, applied_a=1).unaccounted() == {"A": 2, "B": 0}


@pytest.mark.parametrize("field", ["open_conflicts", "in_quarantine"])
def test_what_waits_for_a_person_is_no_success(field: str) -> None:
    made = RunReport("story", "run1", NOW)
    setattr(made, field, 1)
    made.conclude()
    assert made.exit_code == 3


def test_failures_and_refusals_are_not_painted_over_by_counts() -> None:
    for status, code in ((RunStatus.FAILED, 1), (RunStatus.REFUSED, 4)):
        made = RunReport("story", "run1", NOW, status=status)
        made.conclude()
        assert (made.status, made.exit_code) == (status, code)
    failed = RunReport("story", "run1", NOW)
    failed.fail("set LEFT_URL", ErrorKind.CONFIGURATION)
    failed.conclude()
    assert failed.exit_code == 2


@pytest.mark.parametrize("seed", range(4))
def test_p11_every_planned_operation_has_exactly_one_outcome_whatever_goes_wrong(seed: int) -> None:
    """The story checks the sums after each run; here it is given every trouble at once."""
    drawn = random.Random(seed)
    story = Story()
    for index in range(12):
        story.a.insert({"email": f"p{index}@x.org", "name": f"P{index}", "city": "Bern"})
    story.settle()
    story.b.refuses = lambda write: str(write.values.get("city", "")).startswith("bad")
    lost = SideError(ErrorKind.TRANSIENT, "cut off", effect_unknown=True)
    for step in range(5):
        for side in story.sides.values():
            for row in drawn.sample(side.live(), 4):
                side.edit(row, name=f"{row.id} {step}", city=drawn.choice(["bad", "Basel", None]))
        gone = drawn.choice(story.a.live())
        story.a.remove(gone)
        story.a.insert({"email": f"new{step}@x.org", "name": "New"})
        story.b.write_faults = [lost] * drawn.randint(0, 2)
        made = story.run()
        assert sum(made.counts[f"planned_{side}"] for side in "ab") > 0
        assert made.recovered >= 0
    story.b.refuses = None
    story.settle()
    assert verify_chain(story.store.memory.audit)[1] is None


def _audited() -> list[StoredAuditEntry]:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")
    story.run()
    story.b.edit(twin, city="Basel")
    story.run()
    lines = list(story.store.memory.audit)
    assert len(lines) >= 3
    return lines


def test_an_untouched_audit_is_in_order() -> None:
    lines = _audited()
    head = (lines[-1].number, lines[-1].hash)
    assert verify_chain(lines, head) == (len(lines), None)
    assert verify_chain([]) == (0, None)


@pytest.mark.parametrize(
    "field", ["rule", "old", "new", "lost", "actor", "link_id", "record_id", "role", "field", "at"]
)
def test_one_altered_word_in_the_audit_is_found_and_its_line_named(field: str) -> None:
    lines = _audited()
    forged = {"role": Role.GUARD, "at": NOW}.get(field, "forged")
    lines[1] = replace(lines[1], entry=replace(lines[1].entry, **{field: forged}))
    assert verify_chain(lines) == (1, "audit line 2 was altered")


def test_removed_reordered_and_cut_off_lines_are_found() -> None:
    lines = _audited()
    head = (lines[-1].number, lines[-1].hash)
    assert verify_chain(lines[:1] + lines[2:])[1] == "audit line 2 is missing (found 3)"
    assert verify_chain(lines[1:])[1] == "audit line 1 is missing (found 2)"
    swapped = [replace(lines[1], number=1), replace(lines[0], number=2), *lines[2:]]
    assert verify_chain(swapped)[1] == "audit line 1 was altered"
    assert verify_chain(lines[:-1])[1] is None, "the chain alone cannot miss its end"
    assert "missing" in (verify_chain(lines[:-1], head)[1] or "")
