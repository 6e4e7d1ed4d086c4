"""Canonical values: one form per type, nothing guessed, nothing lost on the way through the state (P40)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.unified_sync.values import (
    ABSENT,
    FieldType,
    Invalid,
    NotCanonical,
    Unresolved,
    Value,
    canonical,
    comparison_key,
    dumps,
    from_json,
    is_blank,
    match_key,
    rounded,
    to_json,
)

T = FieldType
UTC_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORMS: list[tuple[FieldType, Any, Value]] = [
    (T.DECIMAL, Decimal("0.1") + Decimal("0.2"), Decimal("0.3")),
    (T.DECIMAL, 0.1, Decimal("0.1")),
    (T.DECIMAL, "-0", Decimal("0")),
    (T.DECIMAL, "-0.00", Decimal("0")),
    (T.DECIMAL, "1E+2", Decimal("100")),
    (T.DECIMAL, " 1.50 ", Decimal("1.5")),
    (T.DECIMAL, 7, Decimal("7")),
    (T.INTEGER, "12", 12),
    (T.INTEGER, 12.0, 12),
    (T.INTEGER, "1e3", 1000),
    (T.INTEGER, True, 1),
    (T.TEXT, "cafe\u0301", "café"),
    (T.TEXT, "a\r\nb", "a\nb"),
    (T.TEXT, "  kept  ", "  kept  "),
    (T.TEXT, "Grüezi".encode(), "Grüezi"),
    (T.TEXT, "00123", "00123"),
    (T.TEXT, "👩\u200d🚀", "👩\u200d🚀"),
    (T.EMAIL, "Ann@X.org", "Ann@X.org"),
    (T.PHONE, "+41 44 123", "+41 44 123"),
    (T.BOOLEAN, "Yes", True),
    (T.BOOLEAN, "off", False),
    (T.BOOLEAN, 1, True),
    (T.BOOLEAN, Decimal(0), False),
    (T.BOOLEAN, b"\x01", True),
    (T.DATE, "2026-03-29", date(2026, 3, 29)),
    (T.DATE, datetime(2026, 3, 29, tzinfo=UTC), date(2026, 3, 29)),
    (T.DATE, "2026-03-29T00:00:00+00:00", date(2026, 3, 29)),
    (T.DATETIME, "2026-03-01T13:00:00+01:00", UTC_NOON),
    (T.DATETIME, datetime(2026, 3, 1, 7, tzinfo=timezone(timedelta(hours=-5))), UTC_NOON),
    (T.SET, "b; a,b", ("a", "b")),
    (T.SET, ["b", " a ", ""], ("a", "b")),
    (T.SET, "", ()),
    (T.UUID, "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
    (T.UUID, "{6f9619ff8b86d011b42d00cf4fc964ff}", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
    (T.UUID, bytes.fromhex("6f9619ff8b86d011b42d00cf4fc964ff"), "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
    (T.JSON, '{"b": 1, "a": [1.50, "é"]}', '{"a":[1.5,"é"],"b":1}'),
    (T.JSON, {"b": 1, "a": None}, '{"a":null,"b":1}'),
]


@pytest.mark.parametrize(("kind", "raw", "form"), FORMS)
def test_p40_every_spelling_of_a_value_has_one_canonical_form(kind: FieldType, raw: Any, form: Value) -> None:
    found = canonical(kind, raw)
    assert found == form
    assert repr(found) == repr(form), "equal is not enough: 1.5 and 1.50 print differently"
    assert type(found) is type(form)


REFUSED: list[tuple[FieldType, Any]] = [
    (T.DECIMAL, "NaN"),
    (T.DECIMAL, "Infinity"),
    (T.DECIMAL, "12,50"),
    (T.DECIMAL, True),
    (T.INTEGER, "1.5"),
    (T.INTEGER, "many"),
    (T.INTEGER, float("inf")),
    (T.BOOLEAN, "maybe"),
    (T.BOOLEAN, 2),
    (T.BOOLEAN, ""),
    (T.DATE, datetime(2026, 3, 1, 0, 0, 1)),  # noqa: DTZ001  what a driver returns
    (T.DATE, "2026-03-01 10:00:00"),
    (T.DATE, "0000-00-00"),
    (T.DATE, "01/03/2026"),
    (T.DATETIME, datetime(2026, 3, 1, 12)),  # noqa: DTZ001  what a driver returns
    (T.DATETIME, "2026-03-01T12:00:00"),
    (T.DATETIME, date(2026, 3, 1)),
    (T.DATETIME, "yesterday"),
    (T.DATETIME, "0001-01-01T00:00:00+14:00"),
    (T.UUID, "not-a-uuid"),
    (T.UUID, b"short"),
    (T.JSON, "{broken"),
    (T.JSON, '{"a": NaN}'),
    (T.JSON, {"a": float("inf")}),
    (T.JSON, '{"a": 1e5000}'),
    (T.DECIMAL, "1e999999999"),
    (T.INTEGER, "1e999999999"),
    (T.TEXT, "half a character \ud83d"),
    (T.JSON, {1: object()}),
    (T.TEXT, b"\xff\xfe"),
    (T.EMAIL, b"bytes"),
]


@pytest.mark.parametrize(("kind", "raw"), REFUSED)
def test_p41_what_cannot_be_read_is_refused_and_never_guessed(kind: FieldType, raw: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical(kind, raw)


def test_p40_a_json_number_keeps_every_digit() -> None:
    exact = '{"amount":0.12345678901234567891,"id":12345678901234567890123}'
    assert canonical(T.JSON, exact) == exact


def test_p40_a_naive_datetime_is_read_in_the_declared_zone_and_across_the_change_of_clocks() -> None:
    winter, summer = (datetime(2026, month, 15, 12) for month in (1, 7))  # noqa: DTZ001  what a driver returns
    assert canonical(T.DATETIME, winter, "Europe/Zurich") == datetime(2026, 1, 15, 11, tzinfo=UTC)
    assert canonical(T.DATETIME, summer, "Europe/Zurich") == datetime(2026, 7, 15, 10, tzinfo=UTC)


@pytest.mark.parametrize("kind", list(T))
def test_null_and_absent_stay_what_they_are_for_every_type(kind: FieldType) -> None:
    assert canonical(kind, None) is None
    assert canonical(kind, ABSENT) is ABSENT


words = st.text(st.characters(codec="utf-8"), max_size=30)
RAW: dict[FieldType, st.SearchStrategy[Any]] = {
    T.TEXT: words,
    T.EMAIL: words,
    T.PHONE: words,
    T.ENUM: words,
    T.REF: words,
    T.INTEGER: st.integers(),
    T.DECIMAL: st.decimals(allow_nan=False, allow_infinity=False) | st.floats(allow_nan=False, allow_infinity=False),
    T.BOOLEAN: st.booleans() | st.sampled_from(["yes", "NO", "t", "0", 1, 0]),
    T.DATE: st.dates(),
    T.DATETIME: st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(fold=0)),
    T.SET: st.lists(words, max_size=5) | words,
    T.UUID: st.uuids(),
    T.JSON: st.recursive(
        st.none() | st.booleans() | st.integers() | words,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
        max_leaves=8,
    ).map(json.dumps),
}


@pytest.mark.parametrize("kind", list(T))
def test_p40_a_value_survives_the_state_exactly_and_reading_it_again_changes_nothing(kind: FieldType) -> None:
    @settings(max_examples=120, deadline=None, database=None, derandomize=True)
    @given(RAW[kind])
    def check(raw: Any) -> None:
        value = canonical(kind, raw)
        assert canonical(kind, value) == value, "canon is idempotent"
        stored = json.loads(json.dumps(to_json(value)))
        back = from_json(kind, stored)
        assert (back, type(back), repr(back)) == (value, type(value), repr(value))

    check()


@pytest.mark.parametrize("value", [Invalid("0000-00-00", "no date"), Unresolved("c7"), None])
@pytest.mark.parametrize("kind", list(T))
def test_what_is_no_value_survives_the_state_as_what_it_is(kind: FieldType, value: Value) -> None:
    assert from_json(kind, json.loads(json.dumps(to_json(value)))) == value


def test_absent_is_never_stored() -> None:
    assert dumps({"b": 1, "a": ABSENT}) == '{"b":1}'
    with pytest.raises(TypeError, match="ABSENT"):
        to_json(ABSENT)


@pytest.mark.parametrize(
    ("kind", "left", "right", "same"),
    [
        (T.EMAIL, " Ann@X.ORG", "ann@x.org", True),
        (T.EMAIL, "ann+a@x.org", "ann@x.org", False),
        (T.EMAIL, "STRASSE@x.org", "straße@x.org", True),
        (T.PHONE, "+41 (44) 123-45", "+414412345", True),
        (T.PHONE, "+4144", "4144", False),
        (T.PHONE, "ext. ask", "no digits", False),
        (T.TEXT, "Ann", "ann", False),
    ],
)
def test_values_are_compared_as_people_mean_them(kind: FieldType, left: str, right: str, *, same: bool) -> None:
    assert (comparison_key(kind, left) == comparison_key(kind, right)) is same


@pytest.mark.parametrize("value", [None, "", "  ", "\t\n", (), ABSENT, Invalid("x", "y"), Unresolved("1")])
def test_p26_nothing_never_matches_anything(value: Value) -> None:
    assert match_key(T.TEXT, value) is None


def test_zero_and_false_are_values_not_blanks() -> None:
    assert [is_blank(value) for value in (0, False, Decimal(0))] == [False, False, False]
    assert match_key(T.INTEGER, 0) == "0"


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40), st.integers(0, 6))
@settings(max_examples=120, deadline=None, database=None, derandomize=True)
def test_p40_rounding_is_idempotent_for_numbers_of_any_length(number: Decimal, scale: int) -> None:
    once = rounded(number, scale)
    assert rounded(once, scale) == once
    assert abs(once - number) <= Decimal(1).scaleb(-scale)


def test_p40_half_a_cent_is_rounded_to_the_even_side() -> None:
    assert [rounded(Decimal(text), 2) for text in ("0.125", "0.135", "-0.125")] == [
        Decimal("0.12"),
        Decimal("0.14"),
        Decimal("-0.12"),
    ]


def test_p15_what_is_kept_of_an_unreadable_value_can_itself_be_stored() -> None:
    assert Invalid("half \ud83d", "a lone surrogate").raw.encode() == b"half \\ud83d"
