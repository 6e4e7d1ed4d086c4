"""The write protocol under kills, lost and lying answers, refusals and a second worker (P3-P15, P37, P39)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count

from integrations_platform.unified_sync.port import ErrorKind, Kind, Outcome, SideError, Status, Write
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.restoring import restorable
from integrations_platform.unified_sync.spec import Strategy
from integrations_platform.unified_sync.store import Role
from integrations_platform.unified_sync.transforms import function
from integrations_platform.unified_sync.values import FieldType, Invalid, Value
from integrations_platform_tests.unified_sync.arrange import Crash, Story, shown, sync, text

LOST = SideError(ErrorKind.TRANSIENT, "the answer was lost", effect_unknown=True)


def _dies_at(story: Story, point: str, number: int) -> bool:
    """Kill the next run at the ``number``-th passing of ``point``; False if it never came that far."""
    left = number

    def at(seen: str) -> None:
        nonlocal left
        left -= seen == point
        if seen == point and left < 0:
            raise Crash

    story.at = at
    died = story.dies()
    story.at = lambda _point: None
    return died


def _killed(arrange: Callable[[], Story]) -> Iterator[tuple[Story, str]]:
    """The same story, killed in its next run at every boundary it passes, with the words that say where."""
    for point in ("before write", "after write", "before commit", "after commit"):
        for number in count():
            story = arrange()
            if not _dies_at(story, point, number):
                break
            yield story, f"killed {point} ({number})"


def _edited() -> Story:
    story = Story()
    row, _ = story.pair_up()
    story.a.edit(row, name="First")
    return story


def p5_a_killed_update_followed_by_an_edit_is_no_conflict() -> None:
    for story, where in _killed(_edited):
        row, twin = story.a.only(), story.b.only()
        story.a.edit(row, name="Second")
        report = story.settle()
        assert report.open_conflicts == 0, f"P5: a kill made a conflict, {where}"
        assert (row.values["name"], twin.values["name"]) == ("Second", "Second"), f"P5: {where}"


def p5_a_killed_update_is_not_taken_for_an_edit_of_the_written_side() -> None:
    for story, where in _killed(_edited):
        row, twin = story.a.only(), story.b.only()
        story.b.edit(twin, city="Basel")
        story.a.edit(row, name="Ann")  # back to the base: what we wrote must not come back as somebody's
        story.settle()
        assert (row.values["name"], twin.values["name"]) == ("Ann", "Ann"), f"P5: {where}, echoed"
        assert (row.values["city"], twin.values["city"]) == ("Basel", "Basel"), f"P3: {where}, an edit is gone"


def _negated() -> Story:
    def negate(value: Value) -> Value:
        return -value if isinstance(value, int) else value

    balance = text("balance", FieldType.INTEGER, transforms=(function("negate", negate, negate),))
    story = Story(sync(text("email", FieldType.EMAIL), balance))
    row, _ = story.pair_up(email="ann@x.org", balance=1)
    story.a.edit(row, balance=5)
    return story


def p5_a_killed_update_is_remembered_in_each_sides_own_terms() -> None:
    for story, where in _killed(_negated):
        row, twin = story.a.only(), story.b.only()
        story.a.edit(row, balance=8)
        report = story.settle()
        assert report.open_conflicts == 0, f"P5: a kill made a conflict, {where}"
        assert (row.values["balance"], twin.values["balance"]) == (8, -8), f"P5: {where}"


def p5_a_write_that_comes_late_is_no_users_edit() -> None:
    story = _edited()
    row, twin = story.a.only(), story.b.only()
    paused = False

    def at(point: str) -> None:
        nonlocal paused
        if point != "before write" or paused:
            return
        paused = True
        story.time += timedelta(seconds=120)  # meanwhile another worker finds nothing written, and nothing to write
        story.a.edit(row, name="Ann")
        story.runs += 1
        story.engine("other").run(story.spec, story.sides)

    story.at = at
    story.runs += 1
    story.engine("first").run(story.spec, story.sides)
    story.at = lambda _point: None
    assert twin.values["name"] == "First", "the story's own course"
    report = story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Ann", "Ann"), "P5: our own late write came back as an edit"
    assert report.open_conflicts == 0, "P5: our own late write made a conflict"


def p11_no_intent_stays_open() -> None:
    for story, where in _killed(_edited):
        story.settle()
        assert story.store.open_intents("story") == [], f"P11: an intent is still open, {where}"


def _created() -> Story:
    story = Story()
    story.a.insert({"email": "ann@x.org", "name": "Ann", "city": "Bern"})
    return story


def p10_a_killed_create_followed_by_an_edited_key_makes_one_record() -> None:
    for story, where in _killed(_created):
        story.a.edit(story.a.only(), email="new@x.org")
        report = story.settle()
        assert len(story.b.live()) == 1, f"P10: {len(story.b.live())} records of one link, {where}"
        assert report.open_conflicts == 0, f"P5: a kill made a conflict, {where}"
        assert shown(story.a) == shown(story.b), f"P2: {where}"


def _disputed() -> Story:
    story = Story(sync(strategy=Strategy.SOURCE_WINS))
    row, twin = story.pair_up()
    story.a.edit(row, name="One")
    story.b.edit(twin, name="Two")
    return story


def p3_a_losers_value_is_kept_before_it_is_overwritten() -> None:
    for story, where in _killed(_disputed):
        story.settle()
        assert any("Two" in line for line in story.lost()), f"P3: the loser is nowhere, {where}"


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


def p10_a_second_worker_takes_over_and_the_first_commits_nothing_more() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="First")
    busy = False

    def at(point: str) -> None:
        nonlocal busy
        if point != "after write" or busy:
            return
        busy = True
        story.time += timedelta(seconds=120)  # the first worker sleeps past the end of its lease
        story.a.edit(row, name="Second")
        story.runs += 1
        story.engine("other").run(story.spec, story.sides)
        story.held_by_other = story.store.memory.essence()  # type: ignore[attr-defined]

    story.at = at
    report = story.engine("first").run(story.spec, story.sides)
    story.at = lambda _point: None
    assert report.status is RunStatus.FAILED, "P10: a worker that lost its lease went on"
    assert story.store.memory.essence() == story.held_by_other, "P12: a stale owner committed"  # type: ignore[attr-defined]
    story.settle()
    assert row.values["name"] == twin.values["name"] == "Second", "P3: an edit was lost between two workers"


def p10_a_long_run_keeps_its_lease() -> None:
    story = Story(sync(batch_size=1))
    for number in range(5):
        story.a.insert({"email": f"{number}@x.org"})

    def at(point: str) -> None:
        if point == "before write":
            story.time += timedelta(seconds=40)

    story.at = at
    report = story.run()
    until = story.store.lease_until
    assert report.counts["applied_b"] == 5, "P10: a long run lost its lease"
    assert until is not None
    assert until > story.time, "P10: a long run let its lease end, and another worker could have joined"


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
