"""Conflicts a person decides: frozen meanwhile, decided once, on what was seen (P21-P25)."""

from __future__ import annotations

from integrations_platform.unified_sync.store import ConflictStatus
from integrations_platform_tests.simulation.sides import Row
from integrations_platform_tests.unified_sync.arrange import Story


def _parked() -> tuple[Story, Row, Row]:
    story = Story()
    row, twin = story.pair_up()
    story.a.edit(row, name="One")
    story.b.edit(twin, name="Two")
    story.run()
    return story, row, twin


def p21_a_parked_field_is_not_written() -> None:
    story, row, twin = _parked()
    story.a.edit(row, city="Basel")
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("One", "Two"), "P21: a parked field was written"


def p22_a_decision_never_overwrites_what_its_author_had_not_seen() -> None:
    for choice in ("A", "B"):
        story, row, twin = _parked()
        story.decide(choice)
        story.a.edit(row, name="One more")
        story.b.edit(twin, name="Two more")
        story.run()
        assert (row.values["name"], twin.values["name"]) == ("One more", "Two more"), "P22: an unseen value is gone"


def p22_nor_one_typed_on_the_winning_side_since() -> None:
    story, row, twin = _parked()
    story.decide("A")
    story.a.edit(row, name="One more")
    story.settle()
    assert row.values["name"] == "One more", "P22: an unseen value is gone"
    assert twin.values["name"] == "Two", "P22: a decision on other values was carried out"


def p23_the_other_fields_of_a_parked_record_flow() -> None:
    story, row, twin = _parked()
    story.a.edit(row, city="Basel")
    story.run()
    assert twin.values["city"] == "Basel", "P23: a parked field held back its record"


def p23_the_base_of_a_parked_field_stays_where_it_was() -> None:
    story, row, twin = _parked()
    story.a.edit(row, city="Basel")
    story.run()
    story.b.edit(twin, name="Ann")  # taken back: only the other side's edit is left
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("One", "One"), "P12: the base of a parked field moved"
    assert story.store.conflicts("story") == [], "P24: taken back, and still in dispute"


def p24_a_decision_ends_the_conflict_and_the_next_edit_just_travels() -> None:
    for choice, name in (("A", "One"), ("B", "Two"), ("base", "Ann"), ("value", "Three")):
        story, row, twin = _parked()
        story.decide(choice, '{"name": "Three"}' if choice == "value" else None)
        story.run()
        assert row.values["name"] == twin.values["name"] == name, f"P24: {choice} was not carried out"
        assert story.store.conflicts("story") == [], f"P24: {choice} did not end the conflict"
        story.a.edit(row, name="Four")
        report = story.run()
        assert report.open_conflicts == 0, f"P24: after {choice} the base had not advanced"
        assert twin.values["name"] == "Four", "P24: the next edit did not travel"


def p3_what_a_decision_overrules_is_in_the_audit() -> None:
    story, _, _ = _parked()
    story.decide("A")
    story.settle()
    assert any("Two" in line for line in story.lost()), "P3: the overruled value is nowhere"


def p25_one_dispute_is_one_row() -> None:
    story, row, _ = _parked()
    for city in ("Basel", "Chur"):
        story.a.edit(row, city=city)
        story.run()
    story.a.edit(row, name="Once more")
    story.run()
    rows = [r for r in story.store.memory.conflicts.values() if r.unit == "name"]
    assert len(rows) == 1, f"P25: {len(rows)} rows for one dispute"
    assert (rows[0].n, rows[0].status) == (2, ConflictStatus.OPEN), "P25: the row does not show the newer value"
