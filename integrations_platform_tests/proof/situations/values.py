"""Values on their way through the state and to the other side (P40, P41)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from integrations_platform.unified_sync.port import ColumnForm
from integrations_platform.unified_sync.values import FieldType, canonical, from_json, to_json
from integrations_platform_tests.unified_sync.arrange import Story, sync, text

NUMBERS = ("0", "0.1", "123456789012345678.91", "-0.0000000000000000001", "1E+2", "100")


def p40_a_number_keeps_every_digit() -> None:
    for spelled in NUMBERS:
        number = canonical(FieldType.DECIMAL, spelled)
        assert from_json(FieldType.DECIMAL, to_json(number)) == number, f"P40: {spelled} changed in the state"
        assert number == Decimal(spelled), f"P40: {spelled} changed when read"
    assert str(canonical(FieldType.DECIMAL, "1.50")) == "1.5", "P40: one number has two spellings"
    assert str(canonical(FieldType.DECIMAL, "-0")) == "0", "P40: one number has two spellings"


def p40_money_travels_in_one_write() -> None:
    story = Story(sync(text("email", FieldType.EMAIL), text("total", FieldType.DECIMAL, scale=2)))
    row, twin = story.pair_up(email="ann@x.org", total=Decimal("12345678901234567.89"))
    for total in ("0.1", "0.30", "99999999999999999.99"):
        before = story.writes
        story.a.edit(row, total=Decimal(total))
        story.settle()
        assert twin.values["total"] == Decimal(total), f"P40: {total} arrived as {twin.values['total']}"
        assert story.writes - before == 1, f"P40: {total} took {story.writes - before} writes"


def p40_a_date_stays_its_day() -> None:
    day = date(2026, 3, 29)
    assert from_json(FieldType.DATE, to_json(day)) == day, "P40: a date moved in the state"


def p40_one_text_has_one_form() -> None:
    assert canonical(FieldType.TEXT, "e\u0301\r\n") == "\u00e9\n", "P40: two spellings of one text"


def p41_a_text_that_does_not_fit_is_refused_not_cut() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.b.forms["name"] = ColumnForm("name", max_length=5)
    story.a.edit(row, name="Annabella")
    story.settle()
    assert twin.values["name"] == "Ann", "P41: a text was cut to fit"
    assert [item.reason for item in story.held()] == ["validation"], "P41: nobody is told that a text does not fit"


def p41_a_required_value_is_never_left_out() -> None:
    story = Story(sync(text("email", FieldType.EMAIL), text("name", required=True)))
    story.a.insert({"email": "ann@x.org", "name": " "})
    story.settle()
    assert story.b.rows == {}, "P41: a record was written without a value it must have"


def p41_a_number_beyond_its_column_is_refused() -> None:
    story = Story(sync(text("email", FieldType.EMAIL), text("count", FieldType.INTEGER)))
    story.b.forms["count"] = ColumnForm("count", minimum=0, maximum=255)
    story.a.insert({"email": "ann@x.org", "count": 256})
    story.settle()
    assert story.b.rows == {}, "P41: a number beyond its column was sent"
