"""The write protocol: what is believed of an answer, and what becomes of a bad record among a hundred (B7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from integrations_platform.unified_sync.port import (
    Capabilities,
    ColumnForm,
    ErrorKind,
    Outcome,
    SideError,
    Status,
    Write,
)
from integrations_platform.unified_sync.spec import OnDelete, Strategy
from integrations_platform.unified_sync.store import OpState
from integrations_platform.unified_sync.values import Invalid, Value
from integrations_platform_tests.unified_sync.arrange import Story, shown, sync
from integrations_platform_tests.unified_sync.story_side import Nature

Liar = Callable[[list[Write], list[Outcome]], list[Outcome]]


def crowd(number: int, **more: object) -> Story:
    story = Story(sync(**more))
    for index in range(number):
        story.a.insert({"email": f"p{index}@x.org", "name": f"P{index}", "city": "Bern"})
    return story


def bad(write: Write) -> bool:
    return str(write.values.get("city", "")).startswith("bad")


def _missing(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    return outcomes[::2]


def _none(_: list[Write], _outcomes: list[Outcome]) -> list[Outcome]:
    return []


def _doubled(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    return outcomes + outcomes


def _contradictory(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    return outcomes + [replace(item, status=Status.REJECTED, record=None) for item in outcomes]


def _contradictory_first(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    return [replace(item, status=Status.REJECTED, record=None) for item in outcomes] + outcomes


def _reversed(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    return outcomes[::-1]


def _strangers(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    return [Outcome("nobody's", Status.REJECTED), *outcomes]


def _bare(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    return [replace(item, record=None) for item in outcomes]


def _vague(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    return [replace(item, status=Status.UNKNOWN, record=None) for item in outcomes]


def _retryable(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    return [replace(item, status=Status.RETRYABLE, record=None) for item in outcomes]


LIES: list[Liar] = [
    _missing,
    _none,
    _doubled,
    _contradictory,
    _contradictory_first,
    _reversed,
    _strangers,
    _bare,
    _vague,
    _retryable,
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__.strip("_"))
def test_p11_p12_whatever_the_side_answers_the_truth_is_found_in_the_same_run(lie: Liar) -> None:
    story = crowd(7)
    story.settle()
    for row in story.a.live():
        story.a.edit(row, name=row.values["name"] + "!")
    for index in range(3):
        story.a.insert({"email": f"new{index}@x.org", "name": f"N{index}"})
    story.b.answers = lie
    report = story.run()
    assert report.counts["applied_b"] + report.counts["already_b"] == 10
    assert report.exit_code == 0
    assert shown(story.a) == shown(story.b)
    assert all(made == 1 for made in story.b.created.values()), "P10"
    story.b.answers, before = None, story.writes
    story.settle()
    assert story.writes == before, "P12: no base was wrong"


def _others_ids(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    turned = outcomes[1:] + outcomes[:1]
    return [replace(item, id=wrong.id, record=None) for item, wrong in zip(outcomes, turned, strict=True)]


def _others_records(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    turned = outcomes[1:] + outcomes[:1]
    return [replace(item, id=wrong.id, record=wrong.record) for item, wrong in zip(outcomes, turned, strict=True)]


@pytest.mark.parametrize("status", [Status.APPLIED, Status.ALREADY])
@pytest.mark.parametrize("lie", [_others_ids, _others_records], ids=["ids", "records"])
@pytest.mark.parametrize("kind", ["create", "update"])
def test_m17_an_answer_about_another_record_never_joins_records_that_do_not_belong_together(
    kind: str, lie: Liar, status: Status
) -> None:
    story = crowd(3)
    if kind == "update":
        story.settle()
        for row in story.a.live():
            story.a.edit(row, name=f"{row.values['name']}!")
    story.b.answers = lambda writes, outcomes: [replace(item, status=status) for item in lie(writes, outcomes)]
    story.run()
    story.b.answers = None
    story.settle()
    assert shown(story.a) == shown(story.b)
    assert len(story.b.rows) == 3, "P10"
    emails = {link.link_id: (story.a.rows[link.id_a or ""], story.b.rows[link.id_b or ""]) for link in story.links}
    assert all(row.values["email"] == twin.values["email"] for row, twin in emails.values())
    assert story.store.memory.conflicts == {}


@pytest.mark.parametrize("status", [Status.APPLIED, Status.ALREADY])
@pytest.mark.parametrize("receipts", [True, False])
def test_p12_what_is_said_to_be_written_but_is_not_there_is_not_believed(status: Status, *, receipts: bool) -> None:
    story = crowd(2)
    story.settle()
    story.a.edit(story.a.rows["a1"], name="Anna")
    story.b.able = Capabilities(compare_and_set=True, receipts=receipts, tags=True, archive=True, delete=True)
    story.b.one = lambda write: Outcome(write.op_id, status, write.id)  # type: ignore[method-assign]
    story.run()
    del story.b.one
    story.settle()
    assert story.b.rows["b1"].values["name"] == "Anna", "P2: it is written once the side stops lying"
    assert story.store.conflicts("story") == []


@pytest.mark.parametrize("policy", [OnDelete.ARCHIVE, OnDelete.DELETE])
def test_p12_what_is_said_to_be_removed_but_is_still_there_is_not_believed(policy: OnDelete) -> None:
    story = crowd(2, on_delete={"A": policy, "B": policy})
    story.settle()
    story.a.remove(story.a.rows["a1"])
    story.b.one = lambda write: Outcome(write.op_id, Status.APPLIED, write.id)  # type: ignore[method-assign]
    report = story.run()
    assert (report.counts["unknown_b"], report.counts["applied_b"]) == (1, 0)
    del story.b.one
    story.settle()
    assert [len(side.live()) for side in (story.a, story.b)] == [1, 1], "it is removed once the side stops lying"


def test_p12_a_removal_that_cannot_be_looked_at_is_asked_about_before_the_next_plan() -> None:
    story = crowd(2)
    story.settle()
    story.a.remove(story.a.rows["a1"])
    story.b.nature = Nature(returns_record=False)
    story.at = lambda point: (
        story.b.faults.append(SideError(ErrorKind.PERMANENT, "down")) if point == "after write" else None
    )
    report = story.run()
    assert report.counts["unknown_b"] == 1
    story.at = lambda _: None
    assert story.run().recovered == 1
    assert [len(side.live()) for side in (story.a, story.b)] == [1, 1]


@pytest.mark.parametrize("kind", ["create", "update", "archive", "restore"])
def test_p37_a_lost_answer_is_asked_about_and_never_repeated_blindly(kind: str) -> None:
    story = crowd(3)
    if kind != "create":
        story.settle()
    if kind == "update":
        story.a.edit(story.a.rows["a2"], name="Anna")
    if kind in ("archive", "restore"):
        story.a.archive(story.a.rows["a2"])
    if kind == "restore":
        story.settle()
        story.a.archive(story.a.rows["a2"], archived=False)
    story.b.write_faults = [SideError(ErrorKind.TRANSIENT, "the line went dead", effect_unknown=True)]
    before, applied = story.b.write_calls, len(story.b.applied)
    report = story.run()
    assert story.b.write_calls - before == 1
    assert len(story.b.applied) - applied == (3 if kind == "create" else 1)
    assert report.counts["already_b"] == len(story.b.applied) - applied
    assert shown(story.a) == shown(story.b)
    assert [item for item in story.store.memory.intents.values() if item.state is OpState.SENT] == []


def test_p12_a_side_that_cannot_be_asked_after_a_lost_answer_leaves_the_outcome_open_and_not_forgotten() -> None:
    story = crowd(1)
    story.settle()
    row, twin = story.a.only(), story.b.only()
    story.b.able = replace(story.b.able, receipts=False)
    story.a.edit(row, name="Anna")
    line_cut = SideError(ErrorKind.TRANSIENT, "the line went dead", effect_unknown=True)
    story.b.write_faults = [line_cut]

    def cut(point: str) -> None:
        if point == "after write":
            story.b.faults = [SideError(ErrorKind.TRANSIENT, "still dead")] * 4

    story.at = cut
    report = story.run()
    story.at = lambda _: None
    assert report.counts["unknown_b"] == 1, "neither applied nor deferred: nobody knows"
    assert report.exit_code == 3
    story.a.edit(row, name="Annabel")  # a newer edit, on top of the interrupted write
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Annabel", "Annabel")
    assert story.store.memory.conflicts == {}, "P5b: an interruption makes no conflict"


@pytest.mark.parametrize("fault", [ErrorKind.TRANSIENT, ErrorKind.CONFIGURATION])
def test_p11_what_a_halved_batch_had_written_before_the_side_went_down_is_not_forgotten(fault: ErrorKind) -> None:
    story = crowd(4)
    story.settle()
    story.b.able = replace(story.b.able, receipts=False)
    rows = story.a.live()
    for row in rows:
        story.a.edit(row, name=row.values["name"] + "!", city="bad" if row is rows[-1] else "Bern")
    story.b.refuses = bad

    def goes_down(_: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
        """The first half is written; then nothing more gets through."""
        story.b.write_faults = [SideError(fault, "down for maintenance")] * 9
        return outcomes

    story.b.answers = goes_down
    report = story.run()
    story.b.answers, story.b.refuses, story.b.write_faults = None, None, []
    assert report.counts["applied_b"] == 2
    for row in rows[:2]:
        story.a.edit(row, name="Newer")
    story.settle()
    assert story.store.memory.conflicts == {}, "P5b"
    assert sorted(str(item.values["name"]) for item in story.b.live()) == sorted(
        str(item.values["name"]) for item in rows
    )


def test_b7_a_value_the_side_altered_is_parked_and_never_echoed_back() -> None:
    story = crowd(1)
    story.b.keeps = lambda value: value[:4] if isinstance(value, str) and not value.endswith("x.org") else value
    story.a.edit(story.a.only(), name="Annabel")
    report = story.run()
    row = story.conflict()
    assert (row.kind, row.unit) == ("altered", "name")
    assert "right stored something else" in row.evidence
    assert report.exit_code == 3
    before = story.writes
    for _ in range(3):
        story.run()
    assert story.writes == before, "C9: no loop"
    assert story.a.only().values["name"] == "Annabel", "P4: the lossy form is not echoed"
    assert len(story.store.memory.conflicts) == 1
    story.decide("B")
    story.settle()
    assert story.a.only().values["name"] == "Anna"


def test_p4_a_lossy_form_that_still_says_the_same_becomes_the_base() -> None:
    story = crowd(1)
    story.b.nature = replace(story.b.nature, lower_cases=True)
    story.b.forms = {"name": replace(story.b.columns()["name"], lower_cases=True)}
    story.a.edit(story.a.only(), name="ANN")
    story.run()
    assert story.b.only().values["name"] == "ann"
    before = story.writes
    story.settle()
    assert story.writes == before
    assert story.a.only().values["name"] == "ANN"


@pytest.mark.parametrize("returned", [True, False])
def test_p3_an_edit_between_the_write_and_the_reading_back_is_a_change_not_a_loss(*, returned: bool) -> None:
    story = crowd(1)
    story.settle()
    row, twin = story.a.only(), story.b.only()
    story.a.edit(row, name="Anna")
    story.b.nature = replace(story.b.nature, returns_record=returned)
    edits = ["Edited meanwhile"]

    def step_in(point: str) -> None:
        if point == "after write" and edits:
            story.b.edit(twin, name=edits.pop())

    story.at = step_in
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Edited meanwhile"
    assert story.store.memory.conflicts == {}, "P9: the sides had agreed before that edit"


def test_p3_an_edit_just_before_the_write_makes_it_stale_and_it_is_planned_anew() -> None:
    story = crowd(1)
    story.settle()
    row, twin = story.a.only(), story.b.only()
    story.a.edit(row, name="Anna")
    edits = ["Basel"]

    def step_in(point: str) -> None:
        if point == "before write" and edits:
            story.b.edit(twin, city=edits.pop())

    story.at = step_in
    report = story.run()
    assert report.counts["stale_b"] == 1
    assert report.exit_code == 3
    story.settle()
    assert row.values == twin.values == {"email": "p0@x.org", "name": "Anna", "city": "Basel"}


def test_p39_a_quarantined_record_is_tried_again_when_it_changed_or_a_person_asked() -> None:
    story = crowd(2)
    story.settle()
    row = story.a.rows["a1"]
    story.a.edit(row, city="bad")
    story.b.refuses = bad
    story.run()
    before = story.b.write_calls
    story.run()
    assert story.b.write_calls == before
    (held,) = story.held()
    assert (held.reason, held.side, held.message) == ("rejected", "B", "right: a value is refused")
    assert story.store.release_quarantined("story", [held.subject], "eva", story.tick()) == 1
    story.run()
    assert story.b.write_calls == before + 1, "asked for, so tried once more"
    story.run()
    assert story.b.write_calls == before + 1, "and once only"
    story.a.edit(row, city="good")
    story.settle()
    assert story.held() == []
    assert story.b.rows["b1"].values["city"] == "good"


def test_p41_a_value_that_does_not_fit_never_reaches_the_side() -> None:
    story = crowd(2)
    story.b.forms = {"name": replace(story.b.columns()["name"], max_length=3)}
    story.a.edit(story.a.rows["a1"], name="Annabel")
    report = story.run()
    assert report.counts["rejected_b"] == 1
    assert [row.values["name"] for row in story.b.live()] == ["P1"]
    assert "7 characters where 3 fit" in story.held()[0].message
    story.a.edit(story.a.rows["a1"], name="Ann")
    story.settle()
    assert shown(story.a) == shown(story.b)
    assert story.held() == []


def test_p41_a_value_that_cannot_be_read_holds_its_whole_record_back_and_no_other() -> None:
    """What else was edited on the record waits with it: half a record would travel without the reason being seen."""
    story = Story()
    row, twin = story.pair_up()
    other, other_twin = story.pair_up(email="bob@x.org", name="Bob", city="Bern")
    story.a.edit(row, name=Invalid("0000-00-00", "no date"))
    story.b.edit(twin, city="Basel")
    story.b.edit(other_twin, city="Chur")
    story.run()
    assert (row.values["city"], other.values["city"]) == ("Bern", "Chur")
    assert [(item.reason, item.side, item.record_id) for item in story.held()] == [("invalid", "A", row.id)]
    assert "ann@x.org" in story.held()[0].values, "whose record it is must be told with it"
    story.a.edit(row, name="Ann")
    story.settle()
    assert (row.values["city"], story.held()) == ("Basel", [])


@pytest.mark.parametrize("why", ["cannot be read", "cannot be written"])
def test_what_is_held_back_is_let_go_when_its_record_is_not_there_any_more(why: str) -> None:
    story = Story()
    city: Value = Invalid("0000-00-00", "no date") if why == "cannot be read" else "Bern"
    row = story.a.insert({"email": "ann@x.org", "name": "Ann", "city": city})
    story.b.forms["city"] = ColumnForm("city", max_length=3)
    story.run()
    assert len(story.held()) == 1
    story.a.unlisted.add(row.id)
    story.run()
    assert len(story.held()) == 1, "an incomplete listing proves nothing"
    story.a.unlisted.clear()
    story.a.remove(row)
    story.run()
    assert story.held() == []


def test_m6_the_losing_value_is_in_the_audit_before_the_call_is_made() -> None:
    story = Story(sync(strategy=Strategy.SOURCE_WINS))
    row, twin = story.pair_up()
    story.a.edit(row, name="Left")
    story.b.edit(twin, name="Right")
    seen: list[bool] = []
    story.at = lambda point: (
        seen.append(any("Right" in lost for lost in story.lost())) if point == "before write" else None
    )
    story.run()
    assert seen == [True]


def test_p16_one_write_per_record_whatever_the_number_of_changed_fields_and_batches_as_declared() -> None:
    story = crowd(10, batch_size=4)
    story.settle()
    before = story.b.write_calls
    for row in story.a.live():
        story.a.edit(row, name=f"{row.values['name']}!", city="Basel")
    story.run()
    assert story.b.write_calls - before == 3
