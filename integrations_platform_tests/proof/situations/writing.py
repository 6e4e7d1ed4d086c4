"""The write protocol under lost and lying answers, refusals, dry runs and restores (P3, P6, P7, P11-P15, P37, P39)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from integrations_platform.unified_sync.port import ErrorKind, Kind, Outcome, SideError, Status, Write
from integrations_platform.unified_sync.restoring import restorable
from integrations_platform.unified_sync.spec import Strategy
from integrations_platform.unified_sync.store import Role
from integrations_platform.unified_sync.values import Invalid
from integrations_platform_tests.unified_sync.arrange import Story, shown, sync

LOST = SideError(ErrorKind.TRANSIENT, "the answer was lost", effect_unknown=True)


def p37_a_lost_answer_has_one_effect() -> None:
    story = Story()
    row = story.a.insert({"email": "ann@x.org", "name": "Ann", "city": "Bern"})
    story.b.write_faults = [LOST]
    story.settle()
    assert list(story.b.created.values()) == [1], "P37: created twice"
    story.b.write_faults = [LOST]
    story.b.applied.clear()
    story.a.edit(row, name="Anna")
    story.settle()
    assert len(story.b.applied) == 1, f"P37: written {len(story.b.applied)} times"


def p37_the_same_intention_has_the_same_key() -> None:
    story = Story()
    row, _ = story.pair_up()
    story.a.edit(row, name="Anna")
    story.a.insert({"email": "bob@x.org"})
    assert story.plan().op_ids == story.plan().op_ids, "P37: planning the same thing again gives another key"


def p3_an_edit_between_plan_and_write_survives() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="Ours")
    story.at = lambda point: story.b.edit(twin, name="Theirs") if point == "before write" else None
    report = story.run()
    story.at = lambda _point: None
    assert twin.values["name"] == "Theirs", "P3: an edit between plan and write was overwritten"
    assert report.counts["stale_b"] == 1, "P11: a stale write has no outcome"
    story.settle()
    assert story.conflict().unit == "name", "P9: two edits of one field are a conflict"


def p3_an_edit_between_write_and_read_back_travels() -> None:
    story = Story()
    story.b.nature = replace(story.b.nature, returns_record=False)
    row, twin = story.pair_up()
    story.a.edit(row, name="Ours")
    story.at = lambda point: story.b.edit(twin, name="Theirs") if point == "after write" else None
    story.run()
    story.at = lambda _point: None
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Theirs", "Theirs"), "P3: an edit after our write is lost"


def p7_a_dry_run_remembers_nothing() -> None:
    story = Story()
    story.pair_up()
    story.a.insert({"email": "bob@x.org"})
    before, breakers = repr(story.store.memory), dict(story.store.breakers)
    story.run(dry_run=True)
    fault = SideError(ErrorKind.TRANSIENT, "no answer")
    story.a.faults = [fault] * 4
    story.run(dry_run=True)
    story.a.faults = []
    assert repr(story.store.memory) == before, "P7: a dry run changed the state"
    assert story.store.breakers == breakers, "P7: a dry run moved a breaker"


def p7_only_what_was_reviewed_is_carried_out() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="Reviewed")
    plan = story.plan()
    story.a.insert({"email": "later@x.org"})
    story.run(only_ops=frozenset(plan.op_ids))
    assert twin.values["name"] == "Reviewed", "P7: the reviewed operation was not carried out"
    assert len(story.b.rows) == 1, "P7: something nobody had reviewed was carried out"


def _refused(write: Write) -> bool:
    return write.values.get("name") == "N2"


def _crowd(number: int = 6) -> Story:
    story = Story()
    for index in range(number):
        story.a.insert({"email": f"{index}@x.org", "name": f"N{index}", "city": "Bern"})
    return story


def p15_one_bad_record_harms_no_other() -> None:
    story = _crowd()
    story.b.refuses = _refused
    report = story.run()
    assert sorted(str(row.values["name"]) for row in story.b.live()) == ["N0", "N1", "N3", "N4", "N5"], (
        "P15: one bad record held others back"
    )
    assert (report.counts["applied_b"], report.counts["rejected_b"]) == (5, 1), "P11: outcomes miscounted"
    before = story.writes
    story.run()
    assert story.writes == before, "P1: a refused write is sent again on every run"


def p15_an_unreadable_record_harms_no_other() -> None:
    story = _crowd(2)
    story.settle()
    first, second = story.a.live()
    first.values["name"] = Invalid("0000", "no name")
    story.a.touch(first)
    story.a.edit(second, name="Other")
    story.run()
    assert sorted(str(row.values["name"]) for row in story.b.live()) == ["N0", "Other"], "P15: unreadable, sent"


def p39_a_released_write_is_tried_again_and_only_once() -> None:
    story = _crowd(3)
    story.b.refuses = _refused
    story.run()
    story.b.refuses = None
    subjects = [row.subject for row in story.held()]
    story.store.release_quarantined("story", subjects, "clerk", story.tick())
    story.run()
    assert len(story.b.live()) == 3, "P39: a released write was not tried again"
    story.store.release_quarantined("story", subjects, "clerk", story.tick())
    before = story.writes
    story.run()
    assert story.writes == before, "P39: releasing twice wrote twice"


def p12_a_missing_answer_is_not_success() -> None:
    for told in (2, 0):
        story = _crowd(3)
        story.settle()
        for row in story.a.live():
            story.a.edit(row, name=f"{row.values['name']}+")
        story.b.answers = partial(_silent_about_the_last, story, told)
        story.run()
        story.settle()
        assert sorted(shown(story.a)) == sorted(shown(story.b)), "P12: a write without an answer was taken for done"
        assert all(str(row.values["name"]).endswith("+") for row in story.a.live()), "P3: an edit was undone"


def _silent_about_the_last(story: Story, told: int, writes: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
    """Once, the last write of the batch is not carried out, and there is no word about it."""
    story.b.answers = None
    last = story.b.rows[writes[-1].id or ""]
    last.values["name"] = str(last.values["name"]).removesuffix("+")
    last.version, last.last_op = int(writes[-1].expected_version or 0), None
    return outcomes[:told]


def p12_a_claimed_write_that_shows_no_effect_is_not_believed() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")
    old = (dict(twin.values), twin.version, twin.last_op)

    def answers(writes: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
        twin.values, twin.version, twin.last_op = dict(old[0]), old[1], old[2]  # rolled back after it said so
        return [Outcome(outcome.op_id, Status.APPLIED, outcome.id) for outcome in outcomes]

    story.b.answers = answers
    report = story.run()
    story.b.answers = None
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Anna", "Anna"), "P12: a write without effect became the base"
    assert report.counts["unknown_b"] == 1, "P11: a write without effect was called applied"


def p12_a_write_that_could_not_be_read_back_is_not_believed() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")
    old = (dict(twin.values), twin.version, twin.last_op)

    def answers(writes: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
        twin.values, twin.version, twin.last_op = dict(old[0]), old[1], old[2]
        story.b.faults = [SideError(ErrorKind.TRANSIENT, "no answer")] * 4
        return [Outcome(outcome.op_id, Status.APPLIED, outcome.id) for outcome in outcomes]

    story.b.answers = answers
    report = story.run()
    story.b.answers, story.b.faults = None, []
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Anna", "Anna"), "P12: a write nobody has seen became the base"
    assert report.counts["unknown_b"] == 1, "P11: a write nobody has seen was called applied"


def p12_the_base_is_what_the_side_shows() -> None:
    story = Story()
    story.b.keeps = lambda value: value.lower() if isinstance(value, str) and "@" in value else value
    story.pair_up(email="Ann@X.org", name="Ann", city="Bern")
    (link,) = story.links
    assert '"ann@x.org"' in (link.values_b or ""), "P12: the base is what was sent, not what is shown"


def p15_answers_in_another_order_are_attributed_by_id() -> None:
    story = _crowd(4)
    story.b.answers = lambda writes, outcomes: list(reversed(outcomes))
    report = story.run()
    assert report.counts["applied_b"] == 4, "P11: answers in another order were not understood"
    for link in story.links:
        pair = (story.a.rows[link.id_a or ""].values["name"], story.b.rows[link.id_b or ""].values["name"])
        assert pair[0] == pair[1], f"P15: an answer was taken for another record's: {pair}"


def p11_answers_that_contradict_each_other_are_no_answer() -> None:
    story = _crowd(1)

    def answers(writes: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
        return [*outcomes, Outcome(writes[0].op_id, Status.REJECTED, message="no")]

    story.b.answers = answers
    story.run()
    story.b.answers = None
    assert story.held() == [], "P11: of two contradicting answers one was believed"
    story.settle()
    assert len(story.b.live()) == 1, "P10: asked again, and doubled"


def p14_the_same_world_writes_the_same_audit() -> None:
    audits = []
    for _ in range(2):
        story = _crowd(3)
        story.settle()
        story.a.edit(story.a.live()[0], name="One")
        story.b.edit(story.b.live()[0], name="Two")
        story.settle()
        audits.append(([line.hash for line in story.store.memory.audit], repr(story.store.memory.conflicts)))
    assert audits[0] == audits[1], "P14: the same world, another audit"


def p6_a_restore_brings_back_what_was_lost_and_is_itself_planned() -> None:
    story = Story(sync(strategy=Strategy.SOURCE_WINS))
    row, twin = story.pair_up()
    story.a.edit(row, name="One")
    story.b.edit(twin, name="Two")
    story.settle()
    lines = restorable(story.store.audit("story"))
    story.run(restore=tuple(lines))
    assert twin.values["name"] == "Two", "P3: a losing value cannot be restored"
    story.settle()
    assert row.values["name"] == "Two", "P3: a restored value did not travel"
    written = [line.entry.rule for line in story.store.memory.audit if line.entry.role is Role.WRITTEN]
    assert any(rule.startswith("restored from") for rule in written), "P3: a restore is not in the audit"


def p6_a_removed_record_can_be_restored() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.remove(row)
    story.settle()
    lines = [line for line in story.store.audit("story") if line.entry.role is Role.DELETED]
    story.run(restore=tuple(lines))
    story.settle()
    assert not twin.archived, "P6: a removed record cannot be restored"
    assert shown(story.a) == shown(story.b) != [], "P6: a restored record did not come back on both sides"
    assert all(op.kind is not Kind.DELETE for op in story.plan().operations), "P6: restored, and removed again"
