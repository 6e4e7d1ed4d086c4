"""Values on their way into cells and back: nothing is altered, and nothing typed is a formula."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.connectors.google_sheets.cells import UnfitCell, decode, encode, is_marked
from integrations_platform.unified_sync.port import Status
from integrations_platform.unified_sync.values import FieldType, Invalid, Value
from integrations_platform_tests.connectors.google_sheets.conftest import Office, change, create, only

LONDON = ZoneInfo("Europe/London")
TYPES = {
    "Name": FieldType.TEXT, "Email": FieldType.EMAIL, "Amount": FieldType.DECIMAL, "Count": FieldType.INTEGER,
    "Active": FieldType.BOOLEAN, "Born": FieldType.DATE, "Seen": FieldType.DATETIME, "Tags": FieldType.SET,
    "Code": FieldType.UUID, "Attrs": FieldType.JSON,
}  # fmt: skip
ROUND_TRIPS: list[tuple[str, Value]] = [
    ("Name", None), ("Name", "00123"), ("Name", "1e5"), ("Name", "1,5"), ("Name", "=cmd|' /C calc'!A0"),
    ("Name", "+1"), ("Name", "-1"), ("Name", "@x"), ("Name", "'quoted"), ("Name", "\tx"), ("Name", "TRUE"),
    ("Name", "2020-01-01"), ("Name", "9007199254740993"), ("Name", "two\nlines"), ("Name", " blanks "),
    ("Name", "👩🏽‍🚀 𝒳 漢字"), ("Name", "Zoë Ångström"), ("Email", "Ann.O'Hara+x@Example.org"),
    ("Amount", Decimal("0.1")), ("Amount", Decimal("-1234567.89")), ("Amount", Decimal(0)),
    ("Amount", Decimal("12345678901234567890.123456789")), ("Amount", Decimal("0.000000000000000001")),
    ("Count", 0), ("Count", -1), ("Count", 2**31 - 1), ("Count", 2**63), ("Count", 10**15),
    ("Active", True), ("Active", False), ("Active", None),
    ("Born", date(1969, 7, 20)), ("Born", date(2024, 2, 29)), ("Born", date(1850, 1, 1)), ("Born", date(9999, 12, 31)),
    ("Seen", datetime(2024, 3, 31, 1, 30, 0, 123000, UTC)), ("Seen", datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
    ("Seen", datetime(2024, 10, 27, 1, 30, tzinfo=UTC)), ("Seen", datetime(1850, 1, 1, tzinfo=UTC)),
    ("Tags", ("blue", "red")), ("Code", "0f8fad5b-d9cb-469f-a165-70867728950e"), ("Attrs", '{"a":1,"b":["ü",null]}'),
]  # fmt: skip


def test_every_value_is_read_back_as_it_was_written(office: Office) -> None:
    office.start([list(TYPES)])
    side = office.side(TYPES)
    writes = [create(number, Name=f"n{number}") for number in range(len(ROUND_TRIPS))]
    outcomes = side.write(writes)
    ids = [outcome.id or "" for outcome in outcomes]
    records = side.read(ids)
    changes = [change(f"u{n}", records[own], **{column: value})
               for n, (own, (column, value)) in enumerate(zip(ids, ROUND_TRIPS, strict=True))]  # fmt: skip
    assert {outcome.status for outcome in side.write(changes)} == {Status.APPLIED}
    created = side.write([create(1000 + n, **{column: value}) for n, (column, value) in enumerate(ROUND_TRIPS)])
    everything = side.read([*ids, *(outcome.id or "" for outcome in created)])
    for own, outcome, (column, value) in zip(ids, created, ROUND_TRIPS, strict=True):
        assert everything[own].values[column] == value
        assert everything[outcome.id or ""].values[column] == value
    assert not any(cell is not None and cell.formula for row in office.tab.rows for cell in row)


def test_people_see_dates_as_dates(office: Office) -> None:
    office.start([["Name", "Born", "Seen"]])
    side = office.side({"Name": FieldType.TEXT, "Born": FieldType.DATE, "Seen": FieldType.DATETIME})
    born, seen = date(2020, 1, 1), datetime(2024, 7, 1, 11, 0, tzinfo=UTC)
    assert only(side.write([create(1, Born=born, Seen=seen)])).status is Status.APPLIED
    row = office.tab.rows[1]
    assert [(cell.value, cell.kind) for cell in row[1:3] if cell] == [(43831.0, "DATE"), (45474.5, "DATE_TIME")]


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (FieldType.TEXT, 53, "53"), (FieldType.TEXT, 1.5, "1.5"), (FieldType.TEXT, 1e21, "1" + "0" * 21),
        (FieldType.TEXT, True, "TRUE"), (FieldType.INTEGER, 7.0, 7), (FieldType.INTEGER, "00123", 123),
        (FieldType.DECIMAL, 0.1, Decimal("0.1")), (FieldType.BOOLEAN, "yes", True), (FieldType.BOOLEAN, 0, False),
        (FieldType.DATE, 43831, date(2020, 1, 1)), (FieldType.DATE, "2020-01-01", date(2020, 1, 1)),
        (FieldType.DATE, -1, date(1899, 12, 29)),
        (FieldType.DATETIME, 45474.5, datetime(2024, 7, 1, 11, 0, tzinfo=UTC)),
        (FieldType.DATETIME, "2024-07-01 12:00:00", datetime(2024, 7, 1, 11, 0, tzinfo=UTC)),
        (FieldType.SET, "red; blue,", ("blue", "red")), (FieldType.TEXT, "", None),
    ],
)  # fmt: skip
def test_what_people_typed_is_read_by_the_declared_type(kind: FieldType, raw: str | float, expected: Value) -> None:
    assert decode(kind, raw, LONDON) == expected


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (FieldType.INTEGER, 1.5), (FieldType.INTEGER, 9007199254740994.0), (FieldType.DECIMAL, "1,5"),
        (FieldType.DECIMAL, True), (FieldType.DATE, 43831.5), (FieldType.DATE, "31.12.2020"), (FieldType.DATE, 1e12),
        (FieldType.DATE, True), (FieldType.DATETIME, "noon"), (FieldType.TEXT, "#REF!"), (FieldType.BOOLEAN, 2),
        (FieldType.DATETIME, 2958465.999),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_kept_aside_not_guessed(kind: FieldType, raw: str | float) -> None:
    found = decode(kind, raw, ZoneInfo("America/New_York"))
    assert isinstance(found, Invalid)


def test_what_a_cell_would_alter_is_refused() -> None:
    for value in (datetime(2024, 1, 1, 0, 0, 0, 1, UTC), ("a;b",), "x" * 50_001, Invalid("x", "y")):
        with pytest.raises(UnfitCell):
            encode("Column", value, LONDON)


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(lambda n: abs(n.adjusted()) < 400))
def test_a_decimal_keeps_all_its_digits(number: Decimal) -> None:
    assert decode(FieldType.DECIMAL, encode("c", number, LONDON).raw, LONDON) == number


@settings(deadline=None)
@given(st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_a_moment_keeps_its_millisecond(moment: datetime) -> None:
    value = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    assert decode(FieldType.DATETIME, encode("c", value, LONDON).raw, LONDON) == value


@settings(deadline=None)
@given(st.integers())
def test_a_whole_number_keeps_all_its_digits(number: int) -> None:
    assert decode(FieldType.INTEGER, encode("c", number, LONDON).raw, LONDON) == number


def test_a_mark_is_anything_but_a_no() -> None:
    assert [is_marked(raw) for raw in (True, 1, 45000.5, "x", "yes", "2020-01-01")] == [True] * 6
    assert [is_marked(raw) for raw in (False, 0, "", " no ", "FALSE", "0")] == [False] * 6
