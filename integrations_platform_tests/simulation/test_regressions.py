"""Stories of faults that random histories found in the engine, and of what they blamed it for without cause, told
plainly so that they do not depend on a seed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.spec import SIDES, SideName, Strategy, other
from integrations_platform.unified_sync.store import OpState, Role
from integrations_platform_tests.simulation import merging, people
from integrations_platform_tests.simulation.declared import REFERRING, Declared
from integrations_platform_tests.simulation.memory_store import Crash
from integrations_platform_tests.simulation.sides import POISON, Nature, Row, healed
from integrations_platform_tests.simulation.world import LEASE, World


def test_a_record_brought_back_without_a_hidden_field_is_not_taken_for_its_clearing() -> None:
    """The source could not say the field when the target's record was made anew; the emptiness there is nobody's."""
    world = World(1, Strategy.MANUAL)
    row = world.create("A")
    name = row.values["name"]
    world.run()
    world.hide("A", "name")
    twin = world.counterpart("A", row)
    assert twin is not None
    world.delete("B", twin)
    world.edit("A", row, "city", "Ghent")
    world.run()
    world.hide("A", "name")
    world.settle()
    anew = world.counterpart("A", row)
    assert anew is not None
    assert (row.values["name"], anew.values["name"]) == (name, name)


def test_a_record_deleted_while_out_of_scope_does_not_leave_the_other_one_asleep_for_ever() -> None:
    world = World(1, Strategy.MANUAL)
    row = world.create("A")
    world.run()
    twin = world.counterpart("A", row)
    assert twin is not None
    world.rescope("B", twin)
    world.run()
    assert not row.archived
    world.delete("B", twin)
    world.settle()
    assert row.archived


def test_a_worker_that_stands_still_before_its_first_commit_ends_in_its_report() -> None:
    """Another one took the lease over; that is a transient failure of the run, not an exception for the caller."""
    world = World(1, Strategy.MANUAL)
    world.create("A")

    def stand_still(point: str) -> None:
        world.store.at = lambda _: None
        world.wait(LEASE + 1)
        world.run()

    world.store.at = stand_still
    report = world.run()
    assert report is not None
    assert report.status is RunStatus.FAILED
    world.settle()


def test_a_worker_that_lost_its_lease_leaves_no_tag_on_a_record() -> None:
    """Its plan was to link two records; meanwhile the other worker, who did not see one of them, made a second one."""
    world = World(1, Strategy.MANUAL)
    row = world.create("A")
    other = world.create("B", dict(row.values))
    commits = iter(range(10))

    def stand_still(point: str) -> None:
        if point == "after commit" and next(commits) == 1:  # the plan is made, nothing is written
            world.store.at = lambda _: None
            world.wait(LEASE + 1)
            world.sides["B"].nature = replace(world.sides["B"].nature, missing=1.0)
            world.run()
            world.sides["B"].nature = healed(world.sides["B"].nature)

    world.store.at = stand_still
    world.run()
    assert other.link_id is None
    world.settle()


@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("why", ["out of scope", "missing from the listing"])
def test_a_record_not_listed_when_the_lost_state_is_rebuilt_is_not_doubled_later(why: str, side: SideName) -> None:
    world = World(1, Strategy.MANUAL)
    row = world.create("A")
    world.run()
    twin = world.counterpart("A", row)
    assert twin is not None
    kept = world.sides[side].nature
    if why == "out of scope":
        world.rescope(side, row if side == "A" else twin)
    else:
        world.sides[side].nature = replace(kept, missing=1.0)
    people.forget(world)
    world.sides[side].nature = kept
    if why == "out of scope":
        world.run()
        world.rescope(side, row if side == "A" else twin)
    world.settle()
    assert [len(world.sides[name].rows) for name in SIDES] == [1, 1]
    assert world.counterpart("A", row) is twin


def test_a_version_seen_while_a_field_was_hidden_does_not_stand_for_that_field() -> None:
    """The record was settled in all it could say; its hidden field had been edited and was then overwritten unseen."""
    world = World(1, Strategy.MANUAL)
    row = world.create("A")
    world.run()
    twin = world.counterpart("A", row)
    assert twin is not None
    world.hide("A", "name")
    world.edit("A", row, "name", "Ada")
    world.run()
    world.edit("B", twin, "name", "Bea")
    world.run()
    assert row.values["name"] == "Ada"
    world.hide("A", "name")
    world.settle()
    assert (row.values["name"], twin.values["name"]) == ("Ada", "Bea")
    assert [conflict.unit for conflict in world.store.conflicts("sim")] == ["name"]


def test_a_record_brought_back_by_a_worker_that_was_given_up_is_not_taken_for_a_new_one() -> None:
    """Its create took effect after the next worker had disowned it; without a key, only its tag says whose it is."""
    world = World(1, Strategy.MANUAL)
    row = world.create("A")
    world.run()
    world.edit("A", row, "email", None)
    world.run()
    twin = world.counterpart("A", row)
    assert twin is not None
    world.delete("B", twin)
    world.edit("A", row, "name", "Ada")
    late = world.sides["B"].insert(row.values, ours=True)
    late.link_id = twin.link_id
    world.settle()
    assert [len(world.sides[name].rows) for name in SIDES] == [1, 1]
    assert world.counterpart("A", row) is late


TOLD_BY_ANSWERS_ALONE = Nature(receipts=False, tags=False, replays=True)


def test_a_create_answered_with_a_record_that_has_another_link_by_now_waits_for_a_person() -> None:
    """The memory was lost, the key was edited, and a side that repeats its first answer names what it made then: every
    later run would have died of two links on one record."""
    world = World(1, Strategy.MANUAL, nature_b=TOLD_BY_ANSWERS_ALONE)
    world.create("A")
    world.run()
    (made,) = world.sides["B"].rows.values()
    world.edit("B", made, "email", "other@x.org")
    people.forget(world)
    report = world.run()
    assert report is not None
    assert report.status is RunStatus.PARTIAL
    (held,) = world.store.quarantined(world.spec.name)
    assert "was created before, as b1, which is linked to another record by now" in held.message
    assert len(world.sides["B"].rows) == 1


def test_a_create_answered_in_every_run_with_a_record_that_another_link_has_its_name_on_waits_for_a_person() -> None:
    """The answer was taken for a slip each time, and the create sent again without end."""
    world = World(1, Strategy.MANUAL)
    row, another = world.create("A"), world.create("A")
    world.run()
    twin, made = (world.counterpart("A", one) for one in (row, another))
    assert twin is not None
    assert made is not None
    world.delete("B", twin)
    world.edit("A", row, "name", "Ada")
    report = world.run(dry_run=True)
    assert report is not None
    assert report.plan is not None
    (operation,) = report.plan.operations
    world.sides["B"].receipts[operation.op_id] = made.id
    world.settle()
    (held,) = world.store.quarantined(world.spec.name)
    assert f"was created before, as {made.id}, which is linked to another record by now" in held.message
    assert list(world.sides["B"].rows.values()) == [made]


def made_before_the_loss() -> tuple[World, Row, Row]:
    """A record of the target, and the one made of it on a source that repeats its first answer."""
    world = World(1, Strategy.MANUAL, nature_a=TOLD_BY_ANSWERS_ALONE)
    origin = world.create("B")
    world.run()
    (made,) = world.sides["A"].rows.values()
    return world, origin, made


def test_a_create_answered_with_a_record_that_looked_new_itself_tells_whose_it_is() -> None:
    """Its key was edited before the memory was lost: both looked new, and the run died of two links on one record when
    the counterpart it did not need had been made."""
    world, origin, made = made_before_the_loss()
    world.edit("A", made, "email", "other@x.org")
    people.forget(world)
    assert world.counterpart("A", made) is origin
    world.settle()
    assert [len(world.sides[name].rows) for name in SIDES] == [1, 1]


def test_p31_a_create_answered_with_a_record_as_it_was_before_it_was_merged_away_is_linked_to_what_is_left() -> None:
    """The first answer had shown the record, and shows it still; the link took the id of one that is not there."""
    world, origin, made = made_before_the_loss()
    left = world.create("A")
    merging.merge_into(world, "A", left, [made])
    people.forget(world)
    assert world.counterpart("A", left) is origin
    world.settle()
    assert [len(world.sides[name].rows) for name in SIDES] == [1, 1]


def test_after_a_loss_a_record_whose_counterpart_carries_no_tag_is_recognised_by_its_key() -> None:
    """Its own tag, left by a later write, does not mean that the other record is gone."""
    world = World(1, Strategy.MANUAL, nature_b=TOLD_BY_ANSWERS_ALONE)
    row = world.create("A")
    world.run()
    (twin,) = world.sides["B"].rows.values()
    world.edit("B", twin, "name", "Bea")
    world.run()
    assert row.link_id is not None
    people.forget(world)
    assert [len(world.sides[name].rows) for name in SIDES] == [1, 1]
    assert world.counterpart("A", row) is twin


@pytest.mark.parametrize("nature_a", [Nature(), TOLD_BY_ANSWERS_ALONE], ids=["tags", "no tags"])
def test_p29_a_record_out_of_scope_that_carries_no_tag_is_told_by_nothing_after_a_loss(nature_a: Nature) -> None:
    """Its counterpart is on a side without tags, and no listing shows it: the counterpart looks like a new record. Once
    it is back in scope, a person is asked, and nothing more is made or removed."""
    world = World(1, Strategy.MANUAL, nature_a, TOLD_BY_ANSWERS_ALONE)
    row = world.create("A")
    world.run()
    world.rescope("A", row)
    people.forget(world)
    (twin,) = world.sides["B"].rows.values()
    anew = world.counterpart("B", twin)
    assert anew is not None
    assert anew is not row
    world.rescope("A", row)
    world.settle()
    (held,) = world.store.quarantined(world.spec.name)
    assert (held.record_id, held.reason) == (row.id, "ambiguous_match")
    assert [len(world.sides[name].rows) for name in SIDES] == [2, 1]
    assert not any(one.archived for side in world.sides.values() for one in side.rows.values())


@pytest.mark.parametrize("says", ["itself", "a record made anew since"])
def test_p29_a_tagged_record_out_of_scope_is_told_by_its_key_where_its_tag_names_nobody_else(says: str) -> None:
    """Its counterpart is on a side without tags and looked like a new record, which was made a second time: no listing
    shows the one that was there, but its tag and a read by its id do."""
    world = World(1, Strategy.MANUAL, nature_b=TOLD_BY_ANSWERS_ALONE)
    first: SideName = "A" if says == "itself" else "B"
    world.create(first)
    world.run()
    (row,), (twin,) = (list(world.sides[name].rows.values()) for name in SIDES)
    if says == "itself":
        world.edit("B", twin, "name", "Bea")
    else:
        world.delete("B", twin)
        world.edit("A", row, "name", "Ada")
    world.run()
    assert row.link_id == ("A:a1" if says == "itself" else "B:b1")
    twin = world.counterpart("A", row) or twin
    world.rescope("A", row)
    people.forget(world)
    assert world.counterpart("A", row) is twin
    world.edit("B", twin, "city", "Ghent")
    world.run()
    world.rescope("A", row)
    world.settle()
    assert [len(world.sides[name].rows) for name in SIDES] == [1, 1]


@pytest.mark.parametrize("why", ["its key was edited", "it is out of scope"])
def test_p29_a_tag_that_names_a_deleted_record_does_not_tell_the_one_made_anew_in_its_place(why: str) -> None:
    """That one is on a side without tags, and its match key tells it only while both have the same and are listed."""
    world = World(1, Strategy.MANUAL, nature_b=TOLD_BY_ANSWERS_ALONE)
    first = world.create("B")
    world.run()
    (row,) = world.sides["A"].rows.values()
    world.delete("B", first)
    world.edit("A", row, "name", "Ada")
    world.run()
    anew = world.counterpart("A", row)
    assert anew is not None
    assert row.link_id == f"B:{first.id}"
    if why == "it is out of scope":
        world.rescope("B", anew)
    else:
        world.edit("B", anew, "email", "other@x.org")
    people.forget(world)
    assert world.counterpart("A", row) is not anew
    world.settle()
    assert not any(one.archived for side in world.sides.values() for one in side.rows.values())


def late_write() -> tuple[World, Row, Row]:
    """A paused worker wrote "older" over what the sides had agreed on since: the source says "newer"."""
    world = World(1, Strategy.MANUAL, nature_b=Nature(compare_and_set=False))
    row = world.create("A")
    world.run()
    twin = world.counterpart("A", row)
    assert twin is not None
    world.edit("A", row, "name", "older")
    world.run()
    (intent,) = [one for one in world.store.memory.intents.values() if one.op_id == twin.last_op]
    world.edit("A", row, "name", "newer")
    world.run()
    assert twin.values["name"] == "newer"
    world.store.memory.intents[intent.op_id] = replace(intent, state=OpState.NOT_APPLIED)
    twin.values["name"], twin.last_op = "older", intent.op_id
    world.sides["B"].touch(twin, ["name"], ours=True)
    world.truth.doubt(twin)  # no user wrote what is to be taken back
    return world, row, twin


def test_a_write_that_comes_late_over_a_newer_agreement_is_nobodys_edit() -> None:
    world, row, twin = late_write()
    world.settle()
    assert (row.values["name"], twin.values["name"]) == ("newer", "newer")
    assert world.store.conflicts("sim") == []


def test_a_late_write_is_recognised_once_and_not_again_in_every_run_that_cannot_mend_it() -> None:
    """A parked street has the record read in every run, and the name that would mend it is refused: each recognition
    anew would have renamed the refused operation, which would then be tried for ever."""
    world, row, twin = late_write()
    world.edit("A", row, "street", "Hill")
    world.edit("B", twin, "street", "Dale")
    world.edit("A", row, "name", POISON)
    world.run()  # recognises it
    world.run()  # is refused over the new base, the last time
    operations = set(world.store.memory.intents)
    world.settle()
    assert set(world.store.memory.intents) == operations
    assert [line.entry.role for line in world.store.memory.audit].count(Role.RECOVERED) == 1
    assert [held.reason for held in world.store.quarantined(world.spec.name)] == ["rejected"]


def test_p35_a_record_is_not_created_while_a_required_field_of_it_is_not_on_show() -> None:
    """It would have been made without the customer it must have; it is set aside, and made once the field is back."""
    customers = World(1, Strategy.MANUAL)
    invoices = World(
        1, Strategy.MANUAL, declared=Declared("invoices", REFERRING, required=True, refers="sim"), customers=customers
    )
    customer = customers.create("A")
    customers.run()
    invoices.hide("A", "customer")
    invoice = invoices.create("A")
    invoice.values["customer"] = customer.id
    invoices.run()
    assert invoices.sides["B"].rows == {}
    (held,) = invoices.store.quarantined("invoices")
    assert "customer" in held.message
    invoices.hide("A", "customer")
    invoices.run()
    twin = customers.counterpart("A", customer)
    assert twin is not None
    assert [row.values["customer"] for row in invoices.sides["B"].rows.values()] == [twin.id]


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("side", SIDES)
def test_p17_a_merge_is_no_later_change_of_a_record_that_keeps_its_id_its_values_and_its_link(
    side: SideName, *, recorded: bool
) -> None:
    """A city was cleared after the street had been typed on the other side, and before a second record was merged into
    that one: the city it still showed, which the sync had written, is nobody's later word; nor is it if the run that
    made the record died before it recorded the link."""

    def die(point: str) -> None:
        if world.sides[side].rows:
            world.store.at = lambda _: None
            raise Crash(point)

    theirs = other(side)
    world = World(1, Strategy.LATEST, Nature(history=True), Nature(history=True))
    twin = world.create(theirs)
    if not recorded:
        world.store.at = die
    assert (world.run() is not None) is recorded
    (row,) = world.sides[side].rows.values()
    double = world.create(side)
    for place, edited, column, value in ((side, row, "street", "Hill"), (theirs, twin, "city", None)):
        world.wait(1)
        world.edit(place, edited, column, value)
    world.wait(1)
    merging.merge_into(world, side, row, [double])
    world.settle()
    assert world.counterpart(side, row) is twin
    assert (row.values["city"], row.values["street"]) == (None, twin.values["street"])
    assert world.counts["latest decided"] == 1


@pytest.mark.parametrize("what_is_left", ["a new id", "a record without a link"])
def test_p17_a_merge_counts_as_a_change_of_what_a_link_has_not_shown_before(what_is_left: str) -> None:
    """Under a new id every field is new, even where what made the former record is not recorded yet."""
    world = World(1, Strategy.LATEST)
    row = world.create("A")
    world.run()
    twin = world.counterpart("A", row)
    assert twin is not None
    left, gone = world.sides["B"].insert(twin.values), [twin]
    if what_is_left == "a new id":
        gone, left.last_op = [world.create("B"), twin], twin.last_op
        for intent in list(world.store.memory.intents.values()):
            world.store.memory.intents[intent.op_id] = replace(intent, state=OpState.SENT)
    world.wait(1)
    merging.merge_into(world, "B", left, gone)
    assert world.truth.times(left.id, "city", left.values["city"]) == [world.now]


def test_p9_a_worker_whose_rival_took_over_tells_nothing_by_an_old_mark_from_the_links_of_its_rival() -> None:
    """It had a snapshot open while the rival wrote; what that one remembers is not what the snapshot shows."""
    world = World(1, Strategy.SOURCE_WINS)
    row = world.create("A")
    world.run()
    twin = world.counterpart("A", row)
    assert twin is not None

    def stand_still(point: str) -> None:
        if point == "before snapshot":
            world.sides["B"].at = lambda _: None
            world.wait(LEASE + 1)
            world.edit("B", twin, "city", "Ghent")
            world.run()

    world.sides["B"].at = stand_still
    report = world.run()
    assert report is not None
    assert report.status is RunStatus.FAILED
    assert row.values["city"] == "Ghent"
    world.settle()
