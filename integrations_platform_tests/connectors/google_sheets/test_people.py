"""People who work in the tab while it is written: what was hit by mistake is put back, and nothing is called done."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.unified_sync.port import Kind, SideError, Status
from integrations_platform_tests.connectors.google_sheets.conftest import (
    Office,
    by_name,
    change,
    create,
    keyed,
    only,
)

WRITE = "spreadsheets.batchUpdate"


def test_rows_sorted_in_between_are_put_right(office: Office) -> None:
    side = office.side()
    found = keyed(side)
    office.person("sort", column=0, descending=True, before=WRITE)
    writes = [change("u", found["Ann"], Balance=Decimal(99), Name="Anna")]
    assert only(side.write(writes)).status is Status.RETRYABLE
    assert sorted(office.cells()) == sorted([["Ann", "ann@x.org", 1.5, "vip"], ["Bob", "bob@x.org", 2, None],
                                             ["Cy", "cy@x.org", None, "late"]])  # fmt: skip
    assert {record.id for record in by_name(side).values()} == {record.id for record in found.values()}
    assert only(side.write(writes)).status is Status.APPLIED
    assert by_name(side)["Anna"].id == found["Ann"].id


def test_a_row_inserted_in_between_is_left_empty(office: Office) -> None:
    side = office.side()
    bob = keyed(side)["Bob"]
    office.person("insert_rows", row=3, before=WRITE)
    assert only(side.write([change("u", bob, Balance=Decimal(99))])).status is Status.RETRYABLE
    assert office.cells("ABCDEF")[1] == [None] * 6
    assert by_name(side)["Bob"].version == bob.version


def test_a_column_inserted_in_between_leaves_its_neighbours_alone(office: Office) -> None:
    side = office.side()
    found = keyed(side)
    office.person("insert_column", column=0, before=WRITE)
    assert only(side.write([change("u", found["Bob"], Balance=Decimal(99))])).status is Status.RETRYABLE
    after = by_name(side)
    assert {name: record.version for name, record in after.items()} == {n: r.version for n, r in found.items()}
    assert {name: record.link_id for name, record in after.items()} == {n: r.link_id for n, r in found.items()}


def test_a_row_deleted_in_between_takes_nobody_elses_place(office: Office) -> None:
    side = office.side()
    found = keyed(side)
    office.person("delete_rows", row=3, before=WRITE)
    assert only(side.write([change("u", found["Bob"], Name="Rob", Balance=Decimal(99))])).status is Status.RETRYABLE
    assert [row[:3] for row in office.cells()] == [["Ann", "ann@x.org", 1.5], ["Cy", "cy@x.org", None]]
    assert by_name(side)["Cy"].version == found["Cy"].version
    assert only(side.write([change("u2", found["Bob"], Name="Rob")])).status is Status.STALE


def test_a_formula_hit_by_mistake_comes_back_as_a_formula(office: Office) -> None:
    office.person("type", at="C4", values=[["=1+2"]])
    side = office.side()
    found = keyed(side)
    office.person("sort", column=0, descending=True, before=WRITE)
    assert only(side.write([change("u", found["Ann"], Balance=Decimal(99))])).status is Status.RETRYABLE
    assert office.tab.rows[1][2] is not None
    assert office.tab.rows[1][2].formula == "=1+2"


def test_new_rows_sorted_while_they_get_their_ids(office: Office) -> None:
    side = office.side()
    fresh = by_name(side)
    side.tag([(fresh["Cy"].id, "A:cy")])
    office.person("sort", column=0, descending=True, before=WRITE)
    with pytest.raises(SideError, match="rows were moved"):
        side.tag([(fresh["Ann"].id, "A:ann")])
    after = by_name(side)
    assert (after["Cy"].id, after["Cy"].link_id) == (fresh["Cy"].id, "A:cy")
    side.tag([(fresh["Ann"].id, "A:ann")])
    assert {record.id: record.link_id for record in by_name(side).values()} == {
        fresh["Ann"].id: "A:ann", fresh["Bob"].id: None, fresh["Cy"].id: "A:cy"
    }  # fmt: skip


def test_the_wrong_row_deleted_because_of_a_sort_is_brought_back(office: Office) -> None:
    office.person("type", at="D4", values=[["=1+1"]])
    side = office.side()
    found = keyed(side)
    office.person("sort", column=0, descending=True, before=WRITE)
    assert only(side.write([change("d", found["Ann"], Kind.DELETE)])).status is Status.RETRYABLE
    after = by_name(side)
    assert {name: (one.id, one.version, one.link_id) for name, one in after.items()} == {
        name: (one.id, one.version, one.link_id) for name, one in found.items()
    }
    assert office.tab.rows[3][3] is not None
    assert office.tab.rows[3][3].formula == "=1+1"
    assert only(side.write([change("d2", found["Ann"], Kind.DELETE)])).status is Status.APPLIED
    assert set(by_name(side)) == {"Bob", "Cy"}


def test_a_row_typed_in_between_is_not_overwritten_by_a_create(office: Office) -> None:
    side = office.side()
    keyed(side)
    office.person("type", at="A5", values=[["Dora", "dora@x.org", 4]], before=WRITE)
    assert only(side.write([create(1)])).status is Status.APPLIED
    assert [row[0] for row in office.cells("A")] == ["Ann", "Bob", "Cy", "Dora", "Person 1"]


def test_a_column_typed_in_between_is_not_overwritten_by_ours(office: Office) -> None:
    side = office.side()
    office.person("type", at="E1", values=[["Mine"], ["m"]], before=WRITE)
    ann = by_name(side)["Ann"]
    side.tag([(ann.id, "A:ann")])
    assert office.column("Mine")[0] == "m"
    assert by_name(side)["Ann"].link_id == "A:ann"


def test_a_header_renamed_in_between_clears_nothing(office: Office) -> None:
    side = office.side()
    bob = keyed(side)["Bob"]
    office.person("rename_header", column=1, header="Mail", before=WRITE)
    with pytest.raises(SideError, match="no column 'Email'") as caught:
        side.write([change("u", bob, Name="Rob")])
    assert caught.value.effect_unknown, "it was written, but nobody has seen it"
    assert office.cells("AB") == [["Ann", "ann@x.org"], ["Rob", "bob@x.org"], ["Cy", "cy@x.org"]]


def test_somebody_who_edits_without_a_pause_is_no_reason_to_guess(office: Office) -> None:
    side = office.side()
    office.person("type", at="D2", values=[["=1+1"]])
    found = keyed(side)
    for number in range(3):
        office.person("type", at="B4", values=[[f"{number}@x.org"]], before="spreadsheets.values.batchGet")
    outcome = only(side.write([change("u", found["Bob"], Name="Rob")]))
    assert outcome.status is Status.APPLIED
    assert [row[0] for row in office.cells("A")] == ["Ann", "Rob", "Cy"]


def test_what_is_put_back_on_a_row_that_is_sorted_meanwhile_finds_its_row(office: Office) -> None:
    """A row inserted before the write and a sort before it is put back: the id that went astray is followed by its
    text, so that no row loses its own and no blank one keeps it."""
    side = office.side()
    fresh = by_name(side)
    side.tag([(fresh["Bob"].id, "A:bob"), (fresh["Ann"].id, "A:ann")])
    office.person("insert_rows", row=2, before=WRITE)
    office.person("sort", column=0, descending=True, before=WRITE)
    with pytest.raises(SideError, match="rows were moved"):
        side.tag([(fresh["Cy"].id, "A:cy")])
    after = by_name(side)
    assert {name: (one.id, one.link_id) for name, one in after.items()} == {
        "Ann": (fresh["Ann"].id, "A:ann"), "Bob": (fresh["Bob"].id, "A:bob"), "Cy": (fresh["Cy"].id, None)
    }  # fmt: skip
    assert len(side_ids(office)) == 2, "the blank row is left blank"


def side_ids(office: Office) -> list[str]:
    """What stands in the key column."""
    return [cell for cell in office.column("_sync_id") if cell not in (None, "")]


@pytest.mark.parametrize("way", ["update", "tag"])
def test_a_write_whose_answer_is_lost_while_rows_move_is_put_back_all_the_same(office: Office, way: str) -> None:
    side = office.side()
    found = keyed(side) if way == "update" else by_name(side)
    office.person("insert_rows", row=2, before=WRITE)
    office.vendor.faults.add(Fault(FaultKind.TRUNCATE, WRITE))
    ways: dict[str, Callable[[], object]] = {
        "update": lambda: side.write([change("u", found["Ann"], Balance=Decimal(99))]),
        "tag": lambda: side.tag([(found["Ann"].id, "A:ann")]),
    }
    with pytest.raises(SideError) as lost:
        ways[way]()
    assert lost.value.effect_unknown
    after = by_name(side)
    assert {name: one.version for name, one in after.items()} == {name: one.version for name, one in found.items()}
    assert {name: one.id for name, one in after.items()} == {name: one.id for name, one in found.items()}


def test_of_neighbours_written_together_none_is_called_done_when_all_of_them_move(office: Office) -> None:
    """A row inserted above both: what is meant for the one hits a blank row, what is meant for the other hits the
    one."""
    side = office.side()
    found = keyed(side)
    side.tag([(record.id, f"A:{name}") for name, record in found.items()])
    writes = [change("u1", found["Ann"], Balance=Decimal(7)), change("u2", found["Bob"], Balance=Decimal(8))]
    office.person("insert_rows", row=2, before=WRITE)
    assert {outcome.status for outcome in side.write(writes)} == {Status.RETRYABLE}
    after = by_name(side)
    assert {name: (one.version, one.last_op) for name, one in after.items()} == {
        name: (one.version, one.last_op) for name, one in found.items()
    }
    assert {outcome.status for outcome in side.write(writes)} == {Status.APPLIED}
    assert {name: by_name(side)[name].values["Balance"] for name in ("Ann", "Bob")} == {"Ann": 7, "Bob": 8}
