"""Stories of writes that random histories took for nobody's wish (P9), or for one over a parked field (P21): each is
told plainly, and each ends well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations_platform.unified_sync.port import Write
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.spec import SIDES, SideName, Strategy, other
from integrations_platform.unified_sync.store import ConflictStatus
from integrations_platform.unified_sync.values import Value
from integrations_platform_tests.simulation import merging
from integrations_platform_tests.simulation.checks import audited_losses, watch
from integrations_platform_tests.simulation.declared import REFERRING, Declared
from integrations_platform_tests.simulation.memory_store import Crash
from integrations_platform_tests.simulation.sides import Nature, Row, SimulatedSide
from integrations_platform_tests.simulation.world import LEASE, World


def two_records(world: World) -> tuple[Row, Row]:
    row = world.create("A")
    world.run()
    twin = world.counterpart("A", row)
    assert twin is not None
    return row, twin


def outlived(world: World, side: SideName, edit: tuple[str, Value] | None, *, recorded: bool = True) -> None:
    """A run that stands still once it has stored what it will write, until another run has ended. Meanwhile the record
    it writes from, on ``side``, is edited, or deleted. The other run may die before it has ``recorded`` its writes."""

    def die(_point: str) -> None:
        if len(world.sides[side].rows) > 0:
            world.store.at = lambda _: None
            raise Crash("before commit")

    def stand_still(_point: str) -> None:
        world.sides[other(side)].at = lambda _: None
        (row,) = world.sides[side].rows.values()
        if edit is None:
            world.delete(side, row)
        else:
            world.edit(side, row, *edit)
        world.wait(LEASE + 1)
        if not recorded:
            world.store.at = die
        assert (world.run() is not None) is recorded

    world.sides[other(side)].at = lambda point: stand_still(point) if point == "before write" else None
    report = world.run()
    assert report is not None
    assert report.status is RunStatus.FAILED


@pytest.mark.parametrize("side", SIDES)
def test_p9_a_worker_that_was_given_up_writes_what_it_planned_although_the_sides_have_agreed_since(
    side: SideName,
) -> None:
    """The edit it carries was taken back while it stood still, and another run saw that: the late write is no edit, and
    the next run takes it back."""
    world = World(1, Strategy.MANUAL)
    rows = dict(zip(SIDES, two_records(world), strict=True))
    name = rows[side].values["name"]
    world.edit(side, rows[side], "name", "Ada")
    outlived(world, side, ("name", name))
    assert rows[other(side)].values["name"] == "Ada"
    world.settle()
    assert [row.values["name"] for row in rows.values()] == [name, name]


@pytest.mark.parametrize("recorded", [True, False])
def test_p9_a_worker_that_was_given_up_writes_what_the_record_said_that_is_gone_and_made_anew_since(
    *, recorded: bool
) -> None:
    """A user had cleared a field of it and then deleted it all; what the other side had to say brought it back, and the
    sides have agreed on that since. So it is where the run that made it died before it recorded the link."""
    world = World(1, Strategy.MANUAL)
    row, twin = two_records(world)
    email = row.values["email"]
    world.edit("B", twin, "email", None)
    world.edit("A", row, "name", "Ada")
    outlived(world, "B", None, recorded=recorded)
    assert row.values["email"] is None
    world.settle()
    (anew,) = world.sides["B"].rows.values()
    assert [(one.values["name"], one.values["email"]) for one in (row, anew)] == [("Ada", email)] * 2


def overreach(world: World, column: str) -> None:
    """A worker that was given up writes one more column of the target than it has planned."""

    def over(theirs: SimulatedSide, row: Row, write: Write) -> None:
        assert world.processes[-1].overtaken
        watch(world, "B", theirs, row, replace(write, values={**write.values, column: "Ghent"}))

    world.sides["B"].watch = over


def disputed(world: World, rows: dict[SideName, Row], winner: SideName, choice: str | None) -> None:
    """Both sides have said something else, and a person may have decided."""
    for side, name in ((other(winner), "Bea"), (winner, "Ada")):
        world.edit(side, rows[side], "name", name)
    world.run()
    (conflict,) = world.store.conflicts("sim")
    if choice is not None:
        world.store.decide("sim", conflict.conflict_id, conflict.n, choice, None, "clerk", world.tick(), "")


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize("side", SIDES)
def test_p21_a_worker_that_was_given_up_writes_what_a_second_reading_of_the_clock_has_parked_since(
    side: SideName, *, decided: bool
) -> None:
    """By the first reading the later change was later beyond doubt. The run that parks the field writes nothing; that
    the first one goes on within its call, only that side could prevent. The next run sees that the sides agree, tells
    a person who had decided otherwise, and what was overwritten can be brought back."""
    theirs = other(side)
    natures = {side: Nature(history=True), theirs: Nature(uncertainty=300.0)}
    world = World(1, Strategy.LATEST, natures["A"], natures["B"])
    rows = dict(zip(SIDES, two_records(world), strict=True))
    world.edit(theirs, rows[theirs], "name", "Bea")
    world.wait(300)
    world.edit(side, rows[side], "name", "Ada")
    world.sides[theirs].misread = 0.9

    def stand_still(point: str) -> None:
        if point == "before write":
            world.sides[theirs].at = lambda _: None
            world.sides[theirs].misread = -0.9
            world.wait(LEASE + 1)
            world.run()
            (conflict,) = world.store.conflicts("sim")
            assert (conflict.unit, rows[theirs].values["name"]) == ("name", "Bea")
            if decided:
                world.store.decide("sim", conflict.conflict_id, 1, theirs, None, "clerk", world.tick(), "")

    world.sides[theirs].at = stand_still
    report = world.run()
    assert report is not None
    assert report.status is RunStatus.FAILED
    assert rows[theirs].values["name"] == "Ada"
    report = world.run()
    assert report is not None
    assert ["clerk decided is not carried out" in warning for warning in report.warnings] == [True] * decided
    world.settle()
    assert [row.values["name"] for row in rows.values()] == ["Ada", "Ada"]
    assert [conflict.status for conflict in world.store.conflicts("sim", None)] == [ConflictStatus.CONVERGED]
    assert "Bea" in audited_losses(world)


@pytest.mark.parametrize("side", SIDES)
def test_p21_a_worker_that_was_given_up_writes_what_was_decided_before_the_values_moved(side: SideName) -> None:
    """Another run has dropped the decision since. Its author had seen what the late write replaces, and the newer
    value goes over it."""
    world = World(1, Strategy.MANUAL)
    rows = dict(zip(SIDES, two_records(world), strict=True))
    disputed(world, rows, side, side)
    outlived(world, side, ("name", "Adele"))
    assert rows[other(side)].values["name"] == "Ada"
    assert [(row.n, row.choice) for row in world.store.conflicts("sim")] == [(2, None)]
    world.settle()
    assert [row.values["name"] for row in rows.values()] == ["Adele", "Adele"]
    assert [conflict.status for conflict in world.store.conflicts("sim", None)] == [ConflictStatus.WITHDRAWN]
    assert "Bea" in audited_losses(world)


def test_p21_a_worker_that_was_given_up_has_no_leave_to_write_what_was_parked_before() -> None:
    world = World(1, Strategy.MANUAL)
    row, twin = two_records(world)
    tier = row.values["tier"]
    disputed(world, {"A": row, "B": twin}, "A", None)
    world.edit("A", row, "tier", "gold")
    overreach(world, "name")
    with pytest.raises(AssertionError, match=r"P21: name of A:a1 is parked and written"):
        outlived(world, "A", ("tier", tier))
    assert twin.values["name"] == "Bea"


def test_p21_a_worker_that_still_holds_the_lease_has_no_leave_to_write_what_was_parked_since_it_began() -> None:
    """Its own run has parked the field, before it wrote the others."""
    world = World(1, Strategy.MANUAL)
    row, twin = two_records(world)
    world.edit("A", row, "name", "Ada")
    world.edit("B", twin, "name", "Bea")
    world.edit("A", row, "city", "Ghent")
    world.sides["B"].watch = lambda theirs, written, write: watch(
        world, "B", theirs, written, replace(write, values={**write.values, "name": "Ada"})
    )
    with pytest.raises(AssertionError, match=r"P21: name of A:a1 is parked and written"):
        world.run()


def test_p9_a_worker_that_was_given_up_has_no_leave_to_write_what_nobody_had_changed() -> None:
    world = World(1, Strategy.MANUAL)
    row, twin = two_records(world)
    name = row.values["name"]
    world.edit("A", row, "name", "Ada")
    overreach(world, "city")
    with pytest.raises(AssertionError, match=r"P9\(iii\): city of b1 written although nobody changed address"):
        outlived(world, "A", ("name", name))
    assert twin.values["city"] != "Ghent"


@pytest.mark.parametrize("side", SIDES)
def test_p9_what_a_decision_has_written_to_one_side_goes_to_the_other_also_when_its_row_is_closed(
    side: SideName,
) -> None:
    """A user's clearing was overwritten unseen, and the strategy brings it back: to the other side, while this one has
    moved again. A person who decides otherwise just then finds that the sides have come to say what was overwritten."""
    natures = {side: Nature(compare_and_set=False, history=True), other(side): Nature()}
    wins = Strategy.SOURCE_WINS if side == "A" else Strategy.TARGET_WINS
    world = World(1, wins, natures["A"], natures["B"])
    rows = dict(zip(SIDES, two_records(world), strict=True))

    def once(at: str, column: str, value: Value, *, decides: bool = False) -> None:
        def step_in(point: str) -> None:
            if point != at:
                return
            world.sides[side].at = lambda _: None
            world.edit(side, rows[side], column, value)
            for conflict in world.store.conflicts("sim") if decides else ():
                world.store.decide("sim", conflict.conflict_id, 1, "base", None, "clerk", world.tick(), "")

        world.sides[side].at = step_in
        world.run()

    world.edit(other(side), rows[other(side)], "email", "new@x.org")
    once("before write", "email", None)
    (conflict,) = world.store.conflicts("sim")
    assert (conflict.choice, rows[side].values["email"]) == (side, "new@x.org")
    once("before read", "tier", "gold", decides=True)
    world.settle()
    assert [row.values["email"] for row in rows.values()] == [None, None]
    (closed,) = world.store.conflicts("sim", None)
    assert closed.status is ConflictStatus.CONVERGED


def test_p9_a_reference_to_a_customer_who_was_merged_away_on_both_sides_comes_to_mean_who_is_left() -> None:
    """Nobody edited it, but the link that both sides meant has ended; the other side's reference says who is left."""
    customers = World(1, Strategy.MANUAL)
    invoices = World(1, Strategy.MANUAL, declared=Declared("invoices", REFERRING, refers="sim"), customers=customers)
    one, two = [customers.create("A") for _ in range(2)]
    customers.run()
    left, gone = (customers.counterpart("A", row) for row in (one, two))
    invoice = invoices.create("A", {"name": "1", "email": "1@x.org", "customer": one.id})
    invoices.run()
    twin = invoices.counterpart("A", invoice)
    assert left is not None
    assert gone is not None
    assert twin is not None
    merging.merge_into(customers, "A", two, [one])
    merging.merge_into(customers, "B", left, [gone])
    customers.run()
    invoices.edit("B", twin, "name", "2")  # it is looked at once more
    invoices.settle()
    assert (invoice.values["customer"], twin.values["customer"]) == (two.id, left.id)


def test_p9_an_edit_over_a_write_that_has_not_been_told_of_yet_is_a_conflict_where_no_receipt_is_kept() -> None:
    """The worker that wrote stands still before it notes so; the next one cannot tell whose the older value was."""
    world = World(1, Strategy.MANUAL, nature_b=Nature(receipts=False))
    row, twin = two_records(world)
    world.edit("A", row, "city", "Ghent")

    def stand_still(point: str) -> None:
        if point != "after write":
            return
        world.sides["B"].at = lambda _: None
        world.edit("B", twin, "city", "Bern")
        world.wait(LEASE + 1)
        world.run()

    world.sides["B"].at = stand_still
    world.run()
    world.settle()
    (conflict,) = world.store.conflicts("sim")
    assert conflict.unit == "address"


def test_p3_what_nobody_can_know_of_a_record_nobody_can_know_of_the_one_that_a_merge_puts_in_its_place() -> None:
    """A worker that was given up wrote over an edit, on a side that leaves no receipts: nothing tells its value from a
    user's. A merge that gives the record a new id does not change that."""
    world = World(1, Strategy.LATEST, Nature(compare_and_set=False, receipts=False, history=True))
    row, twin = two_records(world)
    world.edit("B", twin, "email", "old@x.org")

    def stand_still(point: str) -> None:
        if point != "before write":
            return
        world.sides["A"].at = lambda _: None
        world.wait(1)
        world.edit("A", row, "email", "typed@x.org")
        world.wait(LEASE + 1)
        world.run()

    world.sides["A"].at = stand_still
    report = world.run()
    assert report is not None
    assert report.status is RunStatus.FAILED
    assert (row.values["email"], twin.values["email"]) == ("old@x.org", "typed@x.org")
    anew, given_up = world.sides["A"].insert(dict(row.values)), world.create("A")
    anew.link_id = row.link_id
    merging.merge_into(world, "A", anew, [given_up, row])
    world.settle()
    assert (anew.values["email"], twin.values["email"]) == ("old@x.org", "old@x.org")
