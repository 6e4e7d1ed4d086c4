"""Sides that compare no versions: the look just before a write, and what a history shows of an edit that slipped in."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from integrations_platform.unified_sync.port import ErrorKind, Record, SideError
from integrations_platform.unified_sync.spec import Direction, OnDelete, SideName, Strategy
from integrations_platform.unified_sync.store import ConflictStatus
from integrations_platform_tests.unified_sync.arrange import Crash, Story, sync, text
from integrations_platform_tests.unified_sync.story_side import ABLE, Row

NO_VERSIONS = replace(ABLE, compare_and_set=False)
HISTORY = replace(NO_VERSIONS, receipts=False, history=True)


def paired(strategy: Strategy = Strategy.MANUAL, **more: object) -> tuple[Story, Row, Row]:
    """A linked pair whose target compares no versions and keeps a history."""
    story = Story(sync(strategy=strategy, **more))
    story.b.able = HISTORY
    row, twin = story.pair_up()
    return story, row, twin


def meanwhile(story: Story, point: str, *edits: tuple[Row, dict[str, str | None]]) -> None:
    """Users edit the target at the first such point after the next look at the record."""
    looked = False

    def at(where: str) -> None:
        nonlocal looked
        if looked and where == point:
            story.at = lambda _: None
            for row, values in edits:
                story.b.edit(row, **values)
        looked |= where == "before read"

    story.at = at


def _die(wanted: str, point: str) -> None:
    if point == wanted:
        raise Crash(point)


def test_an_edit_after_the_plan_is_seen_by_the_look_just_before_the_write() -> None:
    story = Story(sync())
    story.b.able = NO_VERSIONS
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")

    def at(where: str) -> None:
        if where == "before read":
            story.at = lambda _: None
            story.b.edit(twin, city="Basel")

    story.at = at
    report = story.run()
    assert (report.counts["stale_b"], report.counts["applied_b"]) == (1, 0)
    assert twin.values["name"] == "Ann"
    assert {intent.kind for intent in story.store.memory.intents.values()} == {"create"}, "nothing was begun"
    story.settle()
    assert (row.values["city"], twin.values["name"]) == ("Basel", "Anna")
    assert story.store.memory.conflicts == {}


@pytest.mark.parametrize("compares", [True, False])
def test_the_look_costs_one_read_a_batch_and_only_where_it_is_needed(*, compares: bool) -> None:
    story = Story(sync(batch_size=5))
    story.b.able = replace(ABLE, compare_and_set=compares)
    rows = [story.a.insert({"email": f"p{index}@x.org", "name": "P", "city": None}) for index in range(10)]
    story.settle()
    for row in rows:
        story.a.edit(row, name="Q")
    reads: list[str] = []
    story.at = lambda where: reads.append(where) if where == "before read" else None
    report = story.run()
    assert report.counts["applied_b"] == 10
    assert len(reads) == (0 if compares else 2)


def test_a_record_that_cannot_be_looked_at_is_put_off_and_nothing_is_said_to_be_lost() -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")

    def at(where: str) -> None:
        if where == "before read":
            story.b.faults = [SideError(ErrorKind.TRANSIENT, "right: away")] * 4

    story.at = at
    report = story.run()
    story.at, story.b.faults = lambda _: None, []
    assert (report.counts["deferred_b"], report.exit_code) == (1, 3)
    assert {intent.kind for intent in story.store.memory.intents.values()} == {"create"}, "nothing was begun"
    assert story.lost() == []
    story.settle()
    assert twin.values["name"] == "Anna"


def test_a_write_that_got_lost_is_not_sent_again_over_a_newer_edit() -> None:
    """The batch never arrived, and while the engine asks what became of it, a user edits the very field."""
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    calls = iter(range(10))

    def swallowed(where: str) -> None:
        if where == "before write" and next(calls) == 0:
            story.b.edit(twin, name="Annette")
            raise SideError(ErrorKind.TRANSIENT, "right: no answer", effect_unknown=True)

    story.at = swallowed
    report = story.run()
    story.at = lambda _: None
    assert report.counts["stale_b"] == 1
    assert twin.values["name"] == "Annette"
    story.run()
    assert story.conflict().kind == "field", "both sides were edited, and nothing was overwritten"


@pytest.mark.parametrize(("late", "receipts"), [("Anna", False), ("Anna", True), ("Annika", True)])
def test_p3_a_late_write_of_ours_does_not_vouch_for_a_newer_one_that_got_lost(late: str, *, receipts: bool) -> None:
    """A process that stood still writes what it had planned; the write of the next one, of that field and another, is
    swallowed. The history then shows an entry of ours, and it is not of this write."""
    story, row, twin = paired()
    story.b.able = replace(HISTORY, receipts=receipts)
    story.a.edit(row, name=late)
    standing_still = [operation.as_write() for operation in story.plan().operations]
    for point in ("before write", "before snapshot"):  # given up by the second, which dies as well
        story.at = partial(_die, point)
        assert story.dies()
    story.a.edit(row, name="Anna", city="Chur")

    def swallowed(where: str) -> None:
        if where == "before write" and standing_still:
            story.b.one(standing_still.pop())
            raise SideError(ErrorKind.TRANSIENT, "right: no answer", effect_unknown=True)

    story.at = swallowed
    assert story.run().counts["already_b"] == 0
    story.settle()
    assert row.values == twin.values == {"email": "ann@x.org", "name": "Anna", "city": "Chur"}


@pytest.mark.parametrize("strategy", [Strategy.MANUAL, Strategy.LATEST])
def test_p38_a_value_overwritten_unseen_is_kept_and_a_person_decides(strategy: Strategy) -> None:
    story, row, twin = paired(strategy)
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Annette"}))
    story.run()
    assert twin.values["name"] == "Anna", "it was too late"
    assert '{"name":"Annette"}' in story.lost()
    conflict = story.conflict()
    assert (conflict.unit, conflict.kind) == ("name", "clobbered_target")
    assert (conflict.value_a, conflict.value_b) == ('{"name":"Anna"}', '{"name":"Annette"}')
    before, essence = story.writes, story.store.memory.essence()
    story.run()
    assert (story.writes, story.store.memory.essence()) == (before, essence), "P21, P25: frozen, and one row"


@pytest.mark.parametrize(("choice", "end"), [("A", "Anna"), ("B", "Annette"), ("base", "Anna"), ("value", "Nan")])
def test_p38_the_decision_about_an_overwritten_value_is_carried_out_on_both_sides(choice: str, end: str) -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Annette"}))
    story.run()
    story.decide(choice, '{"name":"Nan"}' if choice == "value" else None)
    story.settle()
    assert (row.values["name"], twin.values["name"]) == (end, end)
    (conflict,) = story.store.memory.conflicts.values()
    assert conflict.status is ConflictStatus.RESOLVED


@pytest.mark.parametrize(("strategy", "end"), [(Strategy.SOURCE_WINS, "Anna"), (Strategy.TARGET_WINS, "Annette")])
def test_p38_where_a_side_always_wins_its_overwritten_value_comes_back(strategy: Strategy, end: str) -> None:
    story, row, twin = paired(strategy)
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Annette"}))
    story.run()
    assert '{"name":"Annette"}' in story.lost()
    story.settle()
    assert (row.values["name"], twin.values["name"]) == (end, end)
    assert story.store.conflicts("story") == []
    if strategy is Strategy.TARGET_WINS:
        assert '{"name":"Anna"}' in story.lost(), "P3: the source's own value lost in the end"


def test_p38_of_several_edits_in_the_window_all_are_kept_and_the_last_is_in_dispute() -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Annette"}), (twin, {"name": "Annabel"}))
    story.run()
    assert story.lost()[-2:] == ['{"name":"Annette"}', '{"name":"Annabel"}']
    assert story.conflict().value_b == '{"name":"Annabel"}'


@pytest.mark.parametrize("typed", ["Anna", "Ann"])
def test_p38_an_edit_that_says_the_same_or_takes_itself_back_is_no_dispute(typed: str) -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Else"}), (twin, {"name": typed}))
    story.run()
    assert story.store.conflicts("story") == []
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Anna", "Anna")


def test_p38_an_edit_of_another_field_in_the_window_is_an_ordinary_change() -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"city": "Basel"}))
    story.run()
    assert story.lost() == []
    story.settle()
    assert (row.values["city"], twin.values["name"]) == ("Basel", "Anna")
    assert story.store.memory.conflicts == {}


def test_p38_an_edit_after_our_write_is_a_plain_change_of_the_next_run() -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    meanwhile(story, "after write", (twin, {"name": "Annette"}))
    story.run()
    assert story.lost() == []
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Annette", "Annette")
    assert story.store.memory.conflicts == {}


@pytest.mark.parametrize("point", ["after write", "before read", "before commit"])
def test_p38_a_death_before_the_loss_was_noticed_does_not_hide_it(point: str) -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    written = False

    def at(where: str) -> None:
        nonlocal written
        if where == "before write":
            story.b.edit(twin, name="Annette")
        written |= where == "after write"
        if written and where == point:
            raise Crash(where)

    story.at = at
    assert story.dies()
    story.at = lambda _: None
    story.run()
    assert '{"name":"Annette"}' in story.lost()
    assert story.conflict().value_b == '{"name":"Annette"}'


def test_p38_a_user_who_saw_what_replaced_the_lost_value_and_types_anew_ends_the_dispute() -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Annette"}))
    story.run()
    story.b.edit(twin, name="Annabel")
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Annabel", "Annabel")
    assert story.store.conflicts("story") == []


def test_p38_a_later_edit_on_the_other_side_is_shown_in_the_dispute_and_an_old_decision_counts_no_more() -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Annette"}))
    story.run()
    story.decide("B")
    story.a.edit(row, name="Anneli")
    story.run()
    conflict = story.conflict()
    assert (conflict.n, conflict.choice, conflict.value_a) == (2, None, '{"name":"Anneli"}')
    assert (row.values["name"], twin.values["name"]) == ("Anneli", "Anna")
    story.a.edit(row, name="Annette")
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Annette", "Annette")
    assert story.store.conflicts("story") == [], "both now say what was overwritten"


@pytest.mark.parametrize("retyped", ["Annabel", "Annette"])
def test_p22_a_value_typed_where_another_was_overwritten_is_in_dispute_only_while_it_is_on_show(retyped: str) -> None:
    """It was taken for the overwritten one as soon as its user took it back: the decision brought it back, although the
    one who decided had not seen that."""
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Annette"}))
    story.run()
    story.a.edit(row, name="Anneli")
    story.run()
    story.b.edit(twin, name=retyped)
    story.run()
    conflict = story.conflict()
    assert (conflict.n, conflict.value_a, conflict.value_b) == (3, '{"name":"Anneli"}', f'{{"name":"{retyped}"}}')
    story.decide("B")
    story.b.edit(twin, name="Anna")
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Anneli", "Anneli"), "as of any edit that is taken back"
    assert story.store.conflicts("story") == []


def test_p22_a_decision_that_one_side_has_not_taken_yet_ends_when_its_value_is_taken_back_on_the_other() -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Annette"}))
    story.run()
    story.a.edit(row, name="Anneli")
    story.run()
    story.decide("B")
    story.b.edit(twin, name="Annette")
    story.a.refuses = lambda _: True
    story.run()
    story.a.refuses = None
    story.b.edit(twin, name="Anna")
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Anneli", "Anneli")


@pytest.mark.parametrize("strategy", [Strategy.MANUAL, Strategy.TARGET_WINS])
def test_p22_of_a_group_only_what_was_overwritten_is_brought_back(strategy: Strategy) -> None:
    """The street typed in the same moment stayed on show, and was taken back since: it came back with the city."""
    fields = text("street", group="address"), text("city", group="address")
    story = Story(sync(*fields, strategy=strategy))
    story.b.able = HISTORY
    row, twin = story.pair_up(street="Gasse 1", city="Bern")
    story.a.edit(row, city="Chur")
    meanwhile(story, "before write", (twin, {"street": "Weg 2", "city": "Basel"}))
    story.run()
    if strategy is Strategy.MANUAL:
        story.decide("B")
    story.b.edit(twin, street="Gasse 1")
    story.settle()
    assert row.values == twin.values == {"street": "Gasse 1", "city": "Basel"}
    assert story.store.conflicts("story") == []


def test_p38_of_a_one_way_field_the_masters_value_stands_and_the_other_is_kept() -> None:
    field = text("name", direction=Direction.SOURCE_TO_TARGET)
    story = Story(sync(field))
    story.b.able = HISTORY
    row, twin = story.pair_up(name="Ann")
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Annette"}))
    story.settle()
    assert (twin.values["name"], story.store.memory.conflicts) == ("Anna", {})
    assert '{"name":"Annette"}' in story.lost()


def test_p38_a_group_is_disputed_whole() -> None:
    fields = text("street", group="address"), text("city", group="address")
    story = Story(sync(*fields))
    story.b.able = HISTORY
    row, twin = story.pair_up(street="Gasse 1", city="Bern")
    story.a.edit(row, street="Weg 2")
    meanwhile(story, "before write", (twin, {"street": "Platz 3"}))
    story.run()
    assert story.conflict().unit == "address"
    assert story.conflict().value_b == '{"city":"Bern","street":"Platz 3"}'
    story.decide("B")
    story.settle()
    assert row.values == twin.values == {"street": "Platz 3", "city": "Bern"}


def test_p38_an_edit_that_slipped_in_before_an_archive_is_kept() -> None:
    story, row, twin = paired(on_delete={"A": OnDelete.ARCHIVE, "B": OnDelete.ARCHIVE})
    story.a.remove(row)
    meanwhile(story, "before write", (twin, {"name": "Annette"}))
    story.run()
    assert twin.archived
    assert '{"name":"Annette"}' in story.lost()


def test_p38_a_side_that_keeps_only_few_entries_still_shows_the_loss() -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Annette"}))
    keep = story.b.record

    def forgetful(of: Row) -> Record:
        record = keep(of)
        return replace(record, history={name: known[:2] for name, known in record.history.items()})

    story.b.record = forgetful  # type: ignore[method-assign]
    story.run()
    assert story.conflict().value_b == '{"name":"Annette"}'


@pytest.mark.parametrize("slipped_in", [True, False])
def test_p38_a_side_that_knows_our_entries_only_by_its_answer_loses_nothing_with_the_answer(
    *, slipped_in: bool
) -> None:
    story, row, twin = paired()
    story.a.edit(row, name="Anna")
    if slipped_in:
        meanwhile(story, "before write", (twin, {"name": "Annette"}))
    story.b.write_faults = [SideError(ErrorKind.TRANSIENT, "right: the answer was lost", effect_unknown=True)]
    keep = story.b.record

    def anonymous(of: Row) -> Record:
        record = keep(of)
        return replace(
            record,
            history={
                name: tuple(replace(entry, ours=False) for entry in known) for name, known in record.history.items()
            },
        )

    story.b.record = anonymous  # type: ignore[method-assign]
    report = story.run()
    assert report.counts["already_b"] == 1
    assert ('{"name":"Annette"}' in story.lost()) == slipped_in
    assert len(story.store.conflicts("story")) == slipped_in


def test_p38_a_lost_value_is_restored_in_one_command_like_any_other() -> None:
    story, row, twin = paired(Strategy.SOURCE_WINS)
    story.a.edit(row, name="Anna")
    meanwhile(story, "before write", (twin, {"name": "Annette"}))
    story.run()
    line = next(line for line in story.store.memory.audit if line.entry.lost == '{"name":"Annette"}')
    story.run(restore=(line,))
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Annette", "Annette")


@pytest.mark.parametrize("side", ["A", "B"])
def test_p4_a_side_with_a_history_does_not_take_our_own_entries_for_a_users(side: SideName) -> None:
    story = Story(sync(strategy=Strategy.LATEST))
    story.sides[side].able = HISTORY
    row, twin = story.pair_up()
    (row if side == "B" else twin).values["name"] = "Anna"
    changed, of = (row, story.a) if side == "B" else (twin, story.b)
    of.touch(changed, ["name"])
    story.settle()
    before = story.writes
    story.run()
    assert story.writes == before
    assert story.store.memory.conflicts == {}
