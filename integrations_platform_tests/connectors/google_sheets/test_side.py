"""What a tab promises as a side: identity, exactly-once creates, receipts, refusals, and how few calls it takes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.unified_sync.port import ErrorKind, Kind, Presence, SideError, Status, Write
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.connectors.google_sheets.conftest import (
    PEOPLE,
    Office,
    by_name,
    change,
    create,
    keyed,
    only,
)


def test_looking_writes_nothing_and_takes_three_calls(office: Office) -> None:
    side = office.side()
    assert list(side.check()) == []
    assert set(side.columns()) == {"Name", "Email", "Balance"}
    assert abs(side.clock().offset) < timedelta(seconds=3)
    assert set(by_name(side)) == {"Ann", "Bob", "Cy"}
    assert office.calls() == ["get", "values.batchGet", "values.batchGet"]
    assert office.vendor.books["book"].version == 1


def test_a_new_row_keeps_its_first_id_once_it_is_linked(office: Office) -> None:
    side = office.side()
    before = by_name(side)
    side.tag([(before["Ann"].id, "A:ann")])
    after = by_name(office.side())
    assert {name: record.id for name, record in after.items()} == {name: one.id for name, one in before.items()}
    assert (after["Ann"].link_id, after["Bob"].link_id) == ("A:ann", None)
    assert office.column("_sync_id") == [before["Ann"].id, None, None]
    office.person("type", at="A2", values=[["Anna"]])
    assert by_name(side)["Anna"].id == before["Ann"].id


def test_a_new_row_that_is_edited_before_it_is_linked_stops_the_run(office: Office) -> None:
    side = office.side()
    ann = by_name(side)["Ann"]
    office.person("type", at="B2", values=[["ann@elsewhere.org"]])
    with pytest.raises(SideError, match="a new row was edited"):
        side.tag([(ann.id, "A:ann")])
    assert office.cells()[0][1] == "ann@elsewhere.org"


def test_a_new_row_like_one_that_was_linked_before_gets_an_id_of_its_own(office: Office) -> None:
    side = office.side()
    ann = keyed(side)["Ann"]
    office.person("type", at="A2", values=[["Anna"]])
    office.person("type", at="A5", values=[PEOPLE[1]])
    found = by_name(side)
    assert found["Anna"].id == ann.id
    assert found["Ann"].id != ann.id


def test_rows_without_content_are_no_records(office: Office) -> None:
    office.person("insert_rows", row=3, count=2)
    office.person("type", at="D20", values=[["a note far below"]])
    assert set(by_name(office.side())) == {"Ann", "Bob", "Cy"}


def test_a_row_keeps_its_id_through_sorting_inserting_and_hiding(office: Office) -> None:
    side = office.side()
    before = {name: record.id for name, record in keyed(side).items()}
    office.person("sort", column=0, descending=True)
    office.person("insert_rows", row=2)
    office.person("insert_column", column=1)
    office.person("hide_row", row=3)
    assert {name: record.id for name, record in by_name(side).items()} == before


def test_a_cleared_key_is_known_from_the_link_beside_it(office: Office) -> None:
    side = office.side()
    before = keyed(side)
    key = office.tab.rows[0].index(next(cell for cell in office.tab.rows[0] if cell and cell.value == "_sync_id"))
    office.person("delete_column", column=key)
    found = by_name(side)
    assert found["Bob"].id == before["Bob"].id
    assert only(side.write([change("u", found["Bob"], Balance=Decimal(7))])).status is Status.APPLIED
    assert before["Bob"].id in office.column("_sync_id")


def test_a_tab_that_lost_both_of_its_columns_is_not_synced(office: Office) -> None:
    side = office.side()
    keyed(side)
    office.person("delete_column", column=5)
    office.person("delete_column", column=4)
    (problem,) = office.side().check()
    assert problem.blocking
    assert "lost its column '_sync_id'" in problem.message
    assert "Version history" in problem.remedy


def test_of_copied_rows_the_first_counts_and_the_rest_are_named(office: Office) -> None:
    side = office.side()
    before = keyed(side)
    office.person("duplicate_row", row=3)
    (problem,) = side.check()
    assert not problem.blocking
    assert "rows 5 repeat" in problem.message
    assert {name: record.id for name, record in by_name(side).items()} == {n: r.id for n, r in before.items()}
    office.person("type", at="A5", values=[["Bobby"]])
    office.person("type", at="E5", values=[[""]])
    assert list(side.check()) == []
    found = by_name(side)
    assert found["Bobby"].id not in {record.id for record in before.values()}
    assert found["Bobby"].link_id is None


def test_an_update_writes_only_what_changes_in_one_batch(office: Office) -> None:
    side = office.side()
    found = keyed(side)
    office.calls()
    writes = [change("u1", found["Ann"], Balance=Decimal("2.25")), change("u2", found["Bob"], Name="Rob")]
    assert {outcome.status for outcome in side.write(writes)} == {Status.APPLIED}
    assert office.calls() == ["values.batchGet", "batchUpdate", "values.batchGet"]
    assert office.cells() == [["Ann", "ann@x.org", 2.25, "vip"], ["Rob", "bob@x.org", 2, None],
                              ["Cy", "cy@x.org", None, "late"]]  # fmt: skip
    assert by_name(side)["Rob"].last_op == "u2"
    assert {outcome.status for outcome in side.write(writes)} == {Status.ALREADY}


def test_a_row_edited_since_the_plan_is_stale(office: Office) -> None:
    side = office.side()
    bob = keyed(side)["Bob"]
    office.person("type", at="C3", values=[[3]])
    assert only(side.write([change("u", bob, Name="Rob")])).status is Status.STALE
    for kind in (Kind.ARCHIVE, Kind.DELETE):
        assert only(side.write([change(f"x{kind}", bob, kind)])).status is Status.STALE
    assert office.cells("AC")[1] == ["Bob", 3]


def test_an_edit_of_a_column_nobody_bound_changes_no_version(office: Office) -> None:
    side = office.side()
    bob = keyed(side)["Bob"]
    office.person("type", at="D3", values=[["a note"]])
    assert by_name(side)["Bob"].version == bob.version


def test_creates_land_below_everything_with_key_and_link(office: Office) -> None:
    side = office.side()
    office.person("type", at="C8", values=[["a total of a person's own"]])
    outcomes = side.write([create(1, Email="p1@x.org"), create(2, Balance=Decimal("0.1"))])
    assert {outcome.status for outcome in outcomes} == {Status.APPLIED}
    assert office.cells("AB")[7:] == [["Person 1", "p1@x.org"], ["Person 2", None]]
    assert side.find_tagged(["B:1", "B:2", "B:3"]) == {f"B:{n + 1}": one.id for n, one in enumerate(outcomes)}
    assert office.side().read([outcomes[1].id or ""])[outcomes[1].id or ""].values["Balance"] == Decimal("0.1")


@pytest.mark.parametrize("kind", [FaultKind.COMMIT_THEN_500, FaultKind.DROP_AFTER, FaultKind.TRUNCATE,
                                  FaultKind.CUT_JSON])  # fmt: skip
def test_a_create_whose_answer_was_lost_is_found_and_not_done_twice(office: Office, kind: FaultKind) -> None:
    side = office.side()
    office.vendor.faults.add(Fault(kind, "spreadsheets.batchUpdate"))
    with pytest.raises(SideError) as caught:
        side.write([create(1)])
    assert (caught.value.kind, caught.value.effect_unknown) == (ErrorKind.TRANSIENT, True)
    assert set(side.find_tagged(["B:1"])) == {"B:1"}
    assert only(side.write([create(1)])).status is Status.ALREADY
    assert [row[0] for row in office.cells("A")].count("Person 1") == 1


def test_a_request_that_never_arrived_is_no_open_question(office: Office) -> None:
    side = office.side()
    keyed(side)
    office.vendor.faults.add(Fault(FaultKind.STATUS, "spreadsheets.batchUpdate", status=429, retry_after="7"))
    with pytest.raises(SideError) as caught:
        side.write([create(1)])
    assert (caught.value.kind, caught.value.effect_unknown, caught.value.retry_after) == (
        ErrorKind.TRANSIENT, False, 7.0
    )  # fmt: skip


def test_an_archived_row_is_marked_and_comes_back(office: Office) -> None:
    side = office.side()
    bob = keyed(side)["Bob"]
    assert only(side.write([change("a", bob, Kind.ARCHIVE)])).status is Status.APPLIED
    assert office.column("_deleted") == [None, True, None]
    archived = side.read([bob.id])[bob.id]
    assert (archived.presence, archived.values) == (Presence.ARCHIVED, bob.values)
    assert archived.version != bob.version
    assert only(side.write([change("r", archived, Kind.RESTORE, Name="Bob")])).status is Status.APPLIED
    assert side.read([bob.id])[bob.id].version == bob.version


def test_a_mark_column_of_the_owners_is_used_if_declared(office: Office) -> None:
    office.start([["Name", "Gone"], ["Ann", False], ["Bob", "yes"]])
    side = office.side({"Name": FieldType.TEXT}, soft_delete="gone")
    assert {name: str(record.presence) for name, record in by_name(side).items()} == {"Ann": "live", "Bob": "archived"}


def test_rows_are_deleted_from_the_bottom_up(office: Office) -> None:
    side = office.side()
    found = keyed(side)
    writes = [change(f"d{name}", found[name], Kind.DELETE) for name in ("Ann", "Cy")]
    assert {outcome.status for outcome in side.write(writes)} == {Status.APPLIED}
    assert office.cells("AB") == [["Bob", "bob@x.org"]]
    assert only(side.write([writes[0]])).status is Status.STALE


def test_scope_limits_the_listing_but_not_a_read(office: Office) -> None:
    side = office.side(only={"Note": ("vip",)})
    with side.snapshot() as snapshot:
        assert snapshot.listing().frame.height == 1
    everyone = office.side()
    ids = [record.id for record in by_name(everyone).values()]
    assert sorted(str(record.presence) for record in side.read(ids).values()) == ["live", "out_of_scope",
                                                                                 "out_of_scope"]  # fmt: skip


def test_two_syncs_of_one_tab_keep_their_links_apart(office: Office) -> None:
    one, two = office.side(pair="one"), office.side(pair="two")
    ann = by_name(one)["Ann"]
    one.tag([(ann.id, "A:1")])
    two.tag([(ann.id, "A:2")])
    assert (dict(one.tags().rows()), dict(two.tags().rows())) == ({ann.id: "A:1"}, {ann.id: "A:2"})


def test_a_formula_is_read_as_its_value_and_never_overwritten(office: Office) -> None:
    office.person("type", at="C3", values=[["=C2*2"]])
    side = office.side()
    found = keyed(side)
    assert found["Bob"].values["Balance"] == Decimal(3)
    refused = only(side.write([change("u", found["Bob"], Balance=Decimal(9))]))
    assert refused.status is Status.REJECTED
    assert "C3 of tab 'People' (column Balance) holds a formula" in refused.message
    assert only(side.write([change("v", found["Bob"], Name="Rob", Balance=Decimal(3))])).status is Status.APPLIED
    assert office.tab.rows[2][2] is not None
    assert office.tab.rows[2][2].formula == "=C2*2"


def test_text_that_looks_like_a_formula_stays_text(office: Office) -> None:
    side = office.side()
    nasty = '=HYPERLINK("http://x.invalid","click")'
    written = only(side.write([create(1, Email=nasty)]))
    assert side.read([written.id or ""])[written.id or ""].values["Email"] == nasty
    cell = office.tab.rows[4][1]
    assert cell is not None
    assert (cell.value, cell.formula) == (nasty, None)
    again = change("u", side.read([written.id or ""])[written.id or ""], Email="+1-2")
    assert only(side.write([again])).status is Status.APPLIED


def test_a_failing_formula_is_not_taken_for_text(office: Office) -> None:
    office.person("type", at="A3", values=[["=1/0"]])
    with office.side().snapshot() as snapshot:
        names = [record.values["Name"] for record in snapshot.read(snapshot.listing().frame["id"].to_list()).values()]
    assert any("#DIV/0!" in str(name) and not isinstance(name, str) for name in names)


def test_one_refused_write_does_not_hold_up_the_others(office: Office) -> None:
    side = office.side()
    found = keyed(side)
    outcomes = side.write([change("u1", found["Ann"], Name="x" * 50_001), change("u2", found["Bob"], Name="Rob")])
    assert {outcome.op_id: outcome.status for outcome in outcomes} == {
        "u1": Status.REJECTED, "u2": Status.APPLIED
    }  # fmt: skip


def test_a_large_batch_goes_in_parts_of_two_megabytes(office: Office) -> None:
    side = office.side()
    keyed(side)
    office.calls()
    writes = [create(number, Email="é" * 20_000) for number in range(60)]
    assert {outcome.status for outcome in side.write(writes)} == {Status.APPLIED}
    assert office.calls().count("batchUpdate") == 2
    assert len(side.tags()) == 63


def test_a_small_grid_grows_for_rows_and_columns(office: Office) -> None:
    office.vendor.books["book"].tabs[0].resize("COLUMNS", 4)
    office.vendor.books["book"].tabs[0].resize("ROWS", 4)
    side = office.side()
    assert {outcome.status for outcome in side.write([create(1), create(2)])} == {Status.APPLIED}
    assert (office.tab.column_count, office.tab.row_count) == (6, 6)
    everyone = keyed(side)
    deletes = [change(f"d{name}", record, Kind.DELETE) for name, record in everyone.items()]
    assert {outcome.status for outcome in side.write(deletes)} == {Status.APPLIED}
    assert by_name(side) == {}


def test_an_update_of_a_row_nobody_has_is_stale(office: Office) -> None:
    write = Write("u", Kind.UPDATE, "l", {"Name": "x"}, "nobody")
    assert only(office.side().write([write])).status is Status.STALE
