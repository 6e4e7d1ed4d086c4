"""What a side can hold, and when two sides say the same thing (P40, P41)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.unified_sync.forms import (
    FieldPlace,
    Unrepresentable,
    bound_columns,
    place_fields,
    project,
    read_fields,
)
from integrations_platform.unified_sync.port import ColumnForm
from integrations_platform.unified_sync.spec import Direction
from integrations_platform.unified_sync.transforms import LOWER, constant, template
from integrations_platform.unified_sync.values import ABSENT, FieldType, Invalid, Unresolved, Value
from integrations_platform_tests.unified_sync.arrange import sync, text

T = FieldType


def form(**more: Any) -> ColumnForm:
    return ColumnForm("c", **more)


REFUSED: list[tuple[FieldType, dict[str, Any], dict[str, Any], Value, str]] = [
    (T.TEXT, {}, {"max_length": 3}, "four", "4 characters where 3 fit"),
    (T.TEXT, {"max_length": 2}, {"max_length": 9}, "abc", "3 characters where 2 fit"),
    (T.TEXT, {}, {"nul_text": False}, "a\x00b", "NUL"),
    (T.TEXT, {}, {"four_byte_text": False}, "rocket 🚀", "basic plane"),
    (T.TEXT, {}, {"nul_text": True}, "\ud83d", "surrogate"),
    (T.ENUM, {"options": ("new", "won")}, {}, "lost", "new, won"),
    (T.ENUM, {}, {"options": ("new", "won")}, "New", "new, won"),
    (T.SET, {"options": ("a", "b")}, {}, ("a", "z"), "a, b"),
    (T.INTEGER, {}, {"maximum": 2**31 - 1}, 2**31, "range"),
    (T.INTEGER, {}, {"minimum": 0}, -1, "range"),
    (T.DECIMAL, {}, {"fraction_digits": 2}, Decimal("1.005"), "3 decimal places"),
    (T.DECIMAL, {}, {"integer_digits": 3}, Decimal("1000"), "more than 3 digits"),
    (T.DATE, {}, {"nullable": False}, None, "NULL"),
    (T.UUID, {}, {"nullable": False}, None, "NULL"),
    (T.JSON, {}, {"nullable": False}, None, "NULL"),
    (T.ENUM, {"options": ("new", "won")}, {"nullable": False}, None, "new, won"),
]


@pytest.mark.parametrize(("kind", "declared", "column", "value", "why"), REFUSED)
def test_p41_what_does_not_fit_is_refused_and_the_refusal_names_the_limit_not_the_value(
    kind: FieldType, declared: dict[str, Any], column: dict[str, Any], value: Value, why: str
) -> None:
    with pytest.raises(Unrepresentable, match=why) as refusal:
        project(text("f", kind, **declared), form(**column), value)
    assert not isinstance(value, str) or value not in str(refusal.value)


@pytest.mark.parametrize(
    ("kind", "declared", "column", "value", "kept"),
    [
        (T.TEXT, {}, {"max_length": 4}, "four", "four"),
        (T.TEXT, {}, {"nul_text": True}, "a\x00b", "a\x00b"),
        (T.TEXT, {}, {"nullable": False}, None, ""),
        (T.TEXT, {}, {"trims": True, "max_length": 2}, " ab ", "ab"),
        (T.EMAIL, {}, {"lower_cases": True}, "Ann@X.org", "ann@x.org"),
        (T.DECIMAL, {"scale": 2}, {"fraction_digits": 2}, Decimal("1.005"), Decimal("1")),
        (T.DECIMAL, {"scale": 2}, {}, Decimal("1" * 40 + ".125"), Decimal("1" * 40 + ".12")),
        (T.DECIMAL, {}, {"integer_digits": 3, "fraction_digits": 2}, Decimal("-999.99"), Decimal("-999.99")),
        (T.DECIMAL, {}, {"integer_digits": 0, "fraction_digits": 2}, Decimal("0.25"), Decimal("0.25")),
        (T.INTEGER, {}, {"minimum": 0, "maximum": 1}, 1, 1),
        (T.BOOLEAN, {}, {"minimum": 5}, True, True),
        (T.SET, {"options": ("a", "b")}, {}, ("a", "b"), ("a", "b")),
        (T.ENUM, {"options": ("", "won")}, {"nullable": False}, None, ""),
        (
            T.DATETIME,
            {},
            {"second_digits": 3},
            datetime(2026, 1, 1, microsecond=123456, tzinfo=UTC),
            datetime(2026, 1, 1, microsecond=123000, tzinfo=UTC),
        ),
        (
            T.DATETIME,
            {},
            {"second_digits": 0},
            datetime(2026, 1, 1, microsecond=999999, tzinfo=UTC),
            datetime(2026, 1, 1, tzinfo=UTC),
        ),
    ],
)
def test_p40_a_side_keeps_what_fits_in_its_own_declared_precision(
    kind: FieldType, declared: dict[str, Any], column: dict[str, Any], value: Value, kept: Value
) -> None:
    assert project(text("f", kind, **declared), form(**column), value) == kept


values = st.one_of(
    st.none(),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.integers(-300, 300),
    st.booleans(),
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-1000, max_value=1000),
    st.dates(min_value=date(1900, 1, 1)),
    st.datetimes(timezones=st.just(UTC)),
)
forms = st.builds(
    ColumnForm,
    name=st.just("c"),
    nullable=st.booleans(),
    max_length=st.none() | st.integers(0, 12),
    fraction_digits=st.none() | st.integers(0, 4),
    second_digits=st.integers(0, 6),
    four_byte_text=st.booleans(),
    lower_cases=st.booleans(),
    trims=st.booleans(),
    maximum=st.none() | st.integers(0, 200),
)


@given(values, forms, st.none() | st.integers(0, 4))
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
def test_p40_projection_is_idempotent(value: Value, column: ColumnForm, scale: int | None) -> None:
    declared = text("f", T.TEXT if value is None else T.DECIMAL, scale=scale)
    try:
        once = project(declared, column, value)
    except Unrepresentable:
        return
    assert project(declared, column, once) == once


@pytest.mark.parametrize(
    ("kind", "column_a", "column_b", "a", "b", "agree"),
    [
        (T.EMAIL, {}, {}, "Ann@X.org", "ann@x.ORG", True),
        (T.PHONE, {}, {}, "+41 44 12", "+414412", True),
        (T.TEXT, {}, {}, None, "", True),
        (T.TEXT, {}, {}, "", None, True),
        (T.TEXT, {}, {}, None, " ", False),
        (T.TEXT, {}, {"trims": True}, "a ", "a", True),
        (T.TEXT, {}, {"lower_cases": True}, "Ann", "ann", True),
        (T.TEXT, {}, {"lower_cases": True}, "Ann", "Ann", False),
        (T.TEXT, {}, {"max_length": 2}, "abc", "ab", False),
        (T.INTEGER, {}, {}, None, 0, False),
        (T.BOOLEAN, {}, {}, None, False, False),
        (T.SET, {}, {}, ("a", "b"), ("a", "b"), True),
        (T.SET, {}, {}, None, (), False),
        (
            T.DATETIME,
            {},
            {"second_digits": 0},
            datetime(2026, 1, 1, 1, 1, 1, 9, UTC),
            datetime(2026, 1, 1, 1, 1, 1, 0, UTC),
            True,
        ),
    ],
)
def test_sides_correspond_when_either_is_what_the_other_becomes(
    kind: FieldType, column_a: dict[str, Any], column_b: dict[str, Any], a: Value, b: Value, *, agree: bool
) -> None:
    place = FieldPlace(text("f", kind), form(**column_a), form(**column_b))
    mirrored = FieldPlace(text("f", kind), form(**column_b), form(**column_a))
    if (kind, a, b) != (T.TEXT, "Ann", "Ann"):
        assert place.corresponds(a, b) is agree
    assert mirrored.corresponds(b, a) is place.corresponds(a, b), "P18: correspondence knows no first side"


def test_a_lossy_scale_corresponds_in_both_directions() -> None:
    place = FieldPlace(text("f", T.DECIMAL, scale=2), form(fraction_digits=4), form(fraction_digits=2))
    assert place.corresponds(Decimal("1.2345"), Decimal("1.23"))
    assert not place.corresponds(Decimal("1.2345"), Decimal("1.24"))
    assert place.carry(Decimal("1.2345"), "B") == Decimal("1.23")


@pytest.mark.parametrize("value", [ABSENT, Invalid("x", "y"), Unresolved("7")])
def test_what_is_no_value_is_never_written_and_never_agrees(value: Value) -> None:
    place = FieldPlace(text("f"), form(), form())
    with pytest.raises(Unrepresentable):
        place.carry(value, "B")
    assert not place.corresponds(value, "x")


def test_a_read_only_column_cannot_be_written_and_the_declaration_says_so_before_any_run() -> None:
    spec = sync(text("name"))
    places, problems = place_fields(spec, {"name": ColumnForm("name")}, {"name": ColumnForm("name", writable=False)})
    assert [problem.blocking for problem in problems] == [True]
    with pytest.raises(Unrepresentable):
        places[0].carry("x", "B")
    one_way = sync(text("name", direction=Direction.TARGET_TO_SOURCE))
    assert place_fields(one_way, {"name": ColumnForm("name")}, {"name": ColumnForm("name", writable=False)})[1] == ()


def test_a_scale_the_column_cannot_keep_is_a_fault_of_the_declaration() -> None:
    spec = sync(text("amount", T.DECIMAL, scale=4))
    _, problems = place_fields(
        spec, {"amount": ColumnForm("amount")}, {"amount": ColumnForm("amount", fraction_digits=2)}
    )
    assert "scale: 2" in problems[0].remedy


def test_a_column_that_was_not_returned_is_absent_not_null() -> None:
    spec = sync(text("name"), text("city"))
    places, _ = place_fields(spec, {"name": ColumnForm("name")}, {"name": ColumnForm("name")})
    assert read_fields(places, "A", {"name": "Ann"}) == {"name": "Ann", "city": ABSENT}


def test_a_template_over_a_single_column_is_rendered_too() -> None:
    """An invoice's number made from a deal's id, say."""
    number = text("number", transforms=(template("HS-{id}"),), direction=Direction.SOURCE_TO_TARGET)
    spec = sync(replace(number, source=("id",)))
    places, _ = place_fields(spec, {"id": ColumnForm("id")}, {"number": ColumnForm("number")})
    assert read_fields(places, "A", {"id": "7"}) == {"number": "HS-7"}
    assert read_fields(places, "B", {"number": "HS-7"}) == {"number": "HS-7"}


def test_templates_and_constants_are_composed_from_their_columns() -> None:
    full = text("full", transforms=(template("{first} {last}"),), direction=Direction.SOURCE_TO_TARGET)
    origin = text("origin", transforms=(constant("import"), LOWER), direction=Direction.SOURCE_TO_TARGET)
    spec = sync(
        full.__class__(**{**vars(full), "source": ("first", "last")}),
        origin.__class__(**{**vars(origin), "source": ()}),
    )
    names = {name: ColumnForm(name) for name in ("first", "last", "full", "origin")}
    places, problems = place_fields(spec, names, names)
    assert problems == ()
    shown = read_fields(places, "A", {"first": "Ann", "last": None})
    assert shown == {"full": "Ann", "origin": "import"}
    assert read_fields(places, "A", {"first": "Ann"})["full"] is ABSENT
    assert {column.name: column.written for column in bound_columns(spec, "A")} == {"first": False, "last": False}
    assert {column.name: column.written for column in bound_columns(spec, "B")} == {"full": True, "origin": True}
