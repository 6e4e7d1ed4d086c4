"""What a merge must and must not do to the two records of one link (B0, P1, P3, P4, P8, P9, P13, P16-P20, P42)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from integrations_platform.unified_sync.evidence import Interval, Moment, change_interval, later
from integrations_platform.unified_sync.port import Change, ClockReading, ColumnForm
from integrations_platform.unified_sync.spec import Direction, Strategy
from integrations_platform.unified_sync.values import FieldType, dumps
from integrations_platform_tests.unified_sync.arrange import Story, shown, sync, text

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EXACT = Moment(NOON, ClockReading(timedelta(0), timedelta(seconds=1)))


def p1_a_settled_run_changes_nothing_even_beside_a_parked_field() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="One", city="Basel")
    story.b.edit(twin, name="Two")
    story.settle()
    essence, before = story.store.memory.essence(), story.writes
    story.run()
    assert story.writes == before, "P1: a settled sync wrote again"
    assert story.store.memory.essence() == essence, "P1: a settled run changed what is remembered"


def p3_edits_of_different_fields_on_both_sides_all_survive() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")
    story.b.edit(twin, city="Basel")
    story.settle()
    assert shown(story.a) == shown(story.b) == [("ann@x.org", "Anna", "Basel")], "P3: one edit overwrote the other"


def p3_a_member_on_which_a_group_agrees_keeps_its_spelling_where_it_was_typed() -> None:
    story = Story(sync(text("email", FieldType.EMAIL, group="contact"), text("phone", group="contact"), text("name")))
    story.b.forms["email"] = ColumnForm("email", lower_cases=True)
    story.b.keeps = lambda value: value.lower() if isinstance(value, str) else value
    row, twin = story.pair_up(email="Ann@X.org", phone="1", name="ann")
    story.b.edit(twin, phone="2")
    story.settle()
    assert row.values["phone"] == "2", "P9: the change of a group did not travel"
    assert row.values["email"] == "Ann@X.org", "P3: the exact spelling on its own side is lost"


def p3_the_loser_of_a_conflict_is_in_the_audit() -> None:
    for strategy, lost in ((Strategy.SOURCE_WINS, "Two"), (Strategy.TARGET_WINS, "One")):
        story = Story(sync(strategy=strategy))
        row, twin = story.pair_up()
        story.a.edit(row, name="One")
        story.b.edit(twin, name="Two")
        story.settle()
        assert row.values["name"] == twin.values["name"] != lost, f"P2: {strategy} was not followed"
        assert any(lost in line for line in story.lost()), f"P3: {lost} is nowhere"


def p4_what_a_lossy_side_makes_of_a_value_never_comes_back() -> None:
    story = Story()
    story.b.forms["name"] = ColumnForm("name", lower_cases=True)
    story.b.keeps = lambda value: value.lower() if isinstance(value, str) else value
    row, twin = story.pair_up(email="ann@x.org", name="Ann", city="bern")
    story.b.edit(twin, city="basel")
    story.settle()
    assert row.values["name"] == "Ann", "P4: the side's own form was echoed to the user"
    story.a.edit(row, name="Anna")
    assert story.run().open_conflicts == 0, "P9: our own echo was taken for a user's change"
    before = story.writes
    story.run()
    assert story.writes == before, "P4: an edit was not at rest after one run"


def p9_a_change_of_case_alone_is_no_side_of_a_conflict() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, email="ANN@x.org")
    story.b.edit(twin, email="eve@x.org")
    report = story.settle()
    assert report.open_conflicts == 0, "P9: a respelling was called a conflict"
    assert row.values["email"] == "eve@x.org", "P9: the new value did not travel"


def p9_a_field_that_is_not_returned_causes_no_write() -> None:
    story = Story()
    row, twin = story.pair_up()
    del twin.values["city"]
    story.b.touch(twin)
    before = story.writes
    story.run()
    assert row.values["city"] == "Bern", "P9: a field nobody could read was cleared on the other side"
    assert story.writes == before, "P9: ABSENT caused a write"


def p9_clearing_a_field_travels() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, city=None)
    report = story.settle()
    assert twin.values["city"] is None, "P9: clearing did not travel"
    assert report.open_conflicts == 0, "P9: clearing was called a conflict"


def p9_a_one_way_field_obeys_its_master_only() -> None:
    story = Story(sync(text("email", FieldType.EMAIL), text("tier", direction=Direction.SOURCE_TO_TARGET)))
    row, twin = story.pair_up(email="ann@x.org", tier="gold")
    story.b.edit(twin, tier="lead")
    story.settle()
    assert (row.values["tier"], twin.values["tier"]) == ("gold", "gold"), "P2: the derived side is not its master's map"
    assert any("lead" in line for line in story.lost()), "P3: what the derived side typed is nowhere"


def b0_members_of_a_group_are_never_mixed() -> None:
    group = [text(name, group="address") for name in ("street", "city")]
    story = Story(sync(text("email", FieldType.EMAIL), *group))
    row, twin = story.pair_up(email="ann@x.org", street="Old 1", city="Bern")
    story.a.edit(row, street="New 2")
    story.b.edit(twin, city="Basel")
    report = story.run()
    both = {(r.values["street"], r.values["city"]) for r in (row, twin)}
    assert both == {("New 2", "Bern"), ("Old 1", "Basel")}, "B0: a group was put together from two sides"
    assert report.open_conflicts == 1, "B0: a change of one member is a change of the group"


def p8_the_end_does_not_depend_on_batches() -> None:
    ends = set()
    for size in (1, 2, 100):
        story = Story(sync(strategy=Strategy.SOURCE_WINS, batch_size=size))
        rows = [story.a.insert({"email": f"{n}@x.org", "name": f"N{n}", "city": "Bern"}) for n in range(5)]
        story.settle()
        for number, row in enumerate(rows[:3]):
            story.a.edit(row, name=f"M{number}")
        story.run()
        ends.add(repr((shown(story.a), shown(story.b))))
    assert len(ends) == 1, f"P8: {len(ends)} different ends of the same world"


def p13_a_difference_nobody_made_is_reported() -> None:
    story = Story()
    row, twin = story.pair_up()
    twin.values["name"] = "Zoe"
    (link,) = story.links
    broken = replace(link, version_a=None, version_b=None, values_a=dumps(row.values), values_b=dumps(twin.values))
    story.store.memory.links[link.link_id] = broken
    report = story.run()
    assert report.open_conflicts == 1, "P13: both sides equal their base and differ, and nobody is told"


def p13_the_audit_pass_reads_both_sides_itself() -> None:
    story = Story()
    _, twin = story.pair_up()
    twin.values["name"] = "Zoe"  # no new version: the side lies about its change
    agreement = story.engine().verify(story.spec, story.sides)
    assert agreement.unexplained == 1, "P13: the audit pass trusted what is remembered"


def p16_two_changed_fields_are_one_write() -> None:
    story = Story()
    row, _ = story.pair_up()
    story.a.edit(row, name="Anna", city="Basel")
    report = story.run()
    assert report.plan is not None
    assert len(report.plan.operations) == 1, "P16: more than one write per link, side and run"
    assert story.run().plan.is_empty, "P16: written again although nothing changed"  # type: ignore[union-attr]


def p16_only_what_changed_is_sent() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.pair_up(email="bob@x.org", name="Bob", city="Chur")
    story.a.edit(row, name="Anna")
    report = story.run()
    assert report.plan is not None
    sent = {(op.record_id, *op.columns) for op in report.plan.operations}
    assert sent == {(twin.id, "name")}, f"P16: more was written than had changed: {sent}"


def p17_a_records_time_bounds_a_field_only_from_above() -> None:
    edited = change_interval(None, NOON - MINUTE, NOON - 10 * MINUTE, EXACT)
    dated = Interval(NOON - 5 * MINUTE, NOON - 4 * MINUTE, "field history")
    assert later(edited, dated) is None, "P17: another field's time was taken for this field's"


def p17_an_old_edit_found_late_does_not_beat_a_newer_one() -> None:
    for strategy in (Strategy.LATEST,):
        story = Story(sync(strategy=strategy))
        row, twin = story.pair_up()
        story.a.edit(row, name="Earlier")
        story.b.faults.clear()
        story.b.edit(twin, name="Later")
        story.time += MINUTE
        story.a.edit(row, city="Basel")  # moves the record's time, not the name's
        story.run()
        assert "Later" in (row.values["name"], twin.values["name"]), "P17: the provably older edit won"
        assert twin.values["name"] == "Later", "P17: an edit was preferred on another field's time"


def p18_what_cannot_be_ordered_is_a_tie_for_both() -> None:
    wide, narrow = Interval(NOON - MINUTE, NOON, "x"), Interval(NOON - MINUTE / 2, NOON, "x")
    assert later(wide, narrow) is None, "P18: overlapping intervals have a winner"
    assert later(narrow, wide) is None, "P18: overlapping intervals have a winner"


def p19_a_time_from_the_future_proves_nothing() -> None:
    ahead = change_interval(None, NOON + 60 * MINUTE, NOON - MINUTE, EXACT)
    assert ahead.source.startswith("observation"), "P19: a timestamp from the future was believed"
    dated = change_interval(Change(None, NOON + 60 * MINUTE, ours=False), None, NOON - MINUTE, EXACT)
    assert dated.source.startswith("observation"), "P19: a history entry from the future was believed"


def p19_a_clock_that_runs_ahead_is_put_right() -> None:
    skewed = Moment(NOON, ClockReading(timedelta(minutes=5), timedelta(seconds=1)))
    ours = change_interval(
        Change(None, NOON - MINUTE + timedelta(minutes=5), ours=False), None, NOON - 60 * MINUTE, skewed
    )
    theirs = change_interval(Change(None, NOON - MINUTE / 2, ours=False), None, NOON - 60 * MINUTE, EXACT)
    assert later(ours, theirs) == "B", "P19: the measured offset was not taken into account"


def p20_our_own_write_is_no_evidence() -> None:
    found = change_interval(Change(None, NOON - MINUTE, ours=True), None, NOON - 10 * MINUTE, EXACT)
    assert found.source.startswith("observation"), "P20: our own write dated a user's change"


def p42_a_change_on_one_side_alone_is_seen() -> None:
    for side in ("A", "B"):
        story = Story()
        rows = dict(zip(("A", "B"), story.pair_up(), strict=True))
        story.sides[side].edit(rows[side], name="Anna")  # type: ignore[index]
        story.run()
        assert shown(story.a) == shown(story.b), f"P42: a change on {side} was passed over"


def p42_what_could_not_be_written_is_looked_at_again() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.b.forms["name"] = ColumnForm("name", max_length=5)
    story.a.edit(row, name="Annabella")
    story.run()
    story.b.forms.clear()
    story.run()
    assert twin.values["name"] == "Annabella", "P42: a change that could not be written once was forgotten"


def p42_what_was_edited_while_it_could_not_be_seen_is_seen_later() -> None:
    story = Story()
    row, twin = story.pair_up()
    del twin.values["city"]
    story.b.touch(twin)
    story.run()
    twin.values["city"] = "Basel"  # edited while hidden, and shown again under the version seen meanwhile
    story.run()
    assert row.values["city"] == "Basel", "P42: an edit of a hidden field was passed over for ever"
